import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageExt;

/** The Java side of an exchange: prints what it sends or receives, a JSON object a line. */
public class Crossing {
    static final String PROPERTY = "größe";

    public static void main(String[] args) {
        try {
            play(args);
            System.out.flush();
            Runtime.getRuntime().halt(0);
        } catch (Throwable failure) {
            failure.printStackTrace();
            // Threads of the client would keep the process alive.
            Runtime.getRuntime().halt(1);
        }
    }

    static void play(String[] args) throws Exception {
        String nameServer = args[1], topic = args[2];
        int count = Integer.parseInt(args[3]);
        switch (args[0]) {
            case "produce": produce(nameServer, topic, count); break;
            case "consume": consume(nameServer, topic, count, args[4]); break;
            case "send-by-key": sendByKey(nameServer, topic, count); break;
            case "request": request(nameServer, topic, count); break;
            case "reply": reply(nameServer, topic, count, args[4]); break;
            default: throw new IllegalArgumentException(args[0]);
        }
    }

    /**
     * Every other body is long enough to be compressed, by each of the three ways in turn. A quarter travels as one batch; the last
     * three come after a delay level, in a transaction and, from 5.x on, when a timer is due.
     */
    static void produce(String nameServer, String topic, int count) throws Exception {
        DefaultMQProducer[] producers = {null, null, null};
        String[] compressions = {"ZLIB", "LZ4", "ZSTD"};
        for (int n = 0; n < 3; n++) {
            System.setProperty("rocketmq.message.compressType", compressions[n]);
            producers[n] = start("java-producer-" + compressions[n], nameServer);
        }
        TransactionMQProducer transactional = new TransactionMQProducer("java-transactions");
        transactional.setNamesrvAddr(nameServer);
        transactional.setTransactionListener(new Committing());
        transactional.start();
        List<Message> batch = new ArrayList<>();
        for (int n = 0; n < count; n++) {
            String text = "ünïcode 中 " + n + (n % 2 == 0 ? "" : " …".repeat(3000));
            Message message = new Message(topic, "täg", "key-" + n + " schlüssel-" + n, text.getBytes(StandardCharsets.UTF_8));
            message.putUserProperty(PROPERTY, "✓ " + n);
            // Sending compresses the body in place.
            print(text.getBytes(StandardCharsets.UTF_8), message);
            DefaultMQProducer producer = producers[n / 2 % 3];
            if (n == count - 1) {
                if (MQVersion.CURRENT_VERSION >= MQVersion.Version.V5_0_0.ordinal()) MessageAccessor.putProperty(message, "TIMER_DELAY_MS", "1000");
                producer.send(message);
            } else if (n == count - 2) {
                transactional.sendMessageInTransaction(message, null);
            } else if (n == count - 3) {
                message.setDelayTimeLevel(1);
                producer.send(message);
            } else if (n >= count - 3 - count / 4) {
                batch.add(message);
            } else {
                producer.send(message);
            }
        }
        producers[0].send(batch);
        transactional.shutdown();
        for (DefaultMQProducer producer : producers) producer.shutdown();
    }

    static class Committing implements TransactionListener {
        public LocalTransactionState executeLocalTransaction(Message half, Object argument) {
            return LocalTransactionState.COMMIT_MESSAGE;
        }

        public LocalTransactionState checkLocalTransaction(MessageExt half) {
            return LocalTransactionState.COMMIT_MESSAGE;
        }
    }

    static void consume(String nameServer, String topic, int count, String group) throws Exception {
        CountDownLatch left = new CountDownLatch(count);
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(nameServer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(message -> {
                print(message.getBody(), message);
                left.countDown();
            });
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        if (!left.await(60, TimeUnit.SECONDS)) throw new IllegalStateException(left.getCount() + " messages are missing");
        consumer.shutdown();
    }

    /** Sends to the queue that belongs to each key, and prints its number as the property. */
    static void sendByKey(String nameServer, String topic, int count) throws Exception {
        DefaultMQProducer producer = start("java-producer", nameServer);
        for (int n = 0; n < count; n++) {
            String key = "key-" + n * 7919;
            Message message = new Message(topic, "T", key, "x".getBytes(StandardCharsets.UTF_8));
            SendResult result = producer.send(message, new SelectMessageQueueByHash(), key);
            message.putUserProperty(PROPERTY, String.valueOf(result.getMessageQueue().getQueueId()));
            print(message.getBody(), message);
        }
        producer.shutdown();
    }

    /** Asks questions one after another, and prints the answers. */
    static void request(String nameServer, String topic, int count) throws Exception {
        DefaultMQProducer producer = start("java-askers", nameServer);
        for (int n = 0; n < count; n++) {
            Message answer = producer.request(new Message(topic, ("question " + n).getBytes(StandardCharsets.UTF_8)), 60_000);
            print(answer.getBody(), answer);
        }
        producer.shutdown();
    }

    /** Answers questions with what they say, in capitals. */
    static void reply(String nameServer, String topic, int count, String group) throws Exception {
        DefaultMQProducer producer = start("java-repliers", nameServer);
        CountDownLatch left = new CountDownLatch(count);
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(nameServer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(message -> {
                String answer = new String(message.getBody(), StandardCharsets.UTF_8).toUpperCase();
                try {
                    producer.send(MessageUtil.createReplyMessage(message, answer.getBytes(StandardCharsets.UTF_8)));
                } catch (Exception failure) {
                    throw new IllegalStateException(failure);
                }
                print(message.getBody(), message);
                left.countDown();
            });
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        if (!left.await(60, TimeUnit.SECONDS)) throw new IllegalStateException(left.getCount() + " questions are missing");
        consumer.shutdown();
        producer.shutdown();
    }

    static DefaultMQProducer start(String group, String nameServer) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group);
        producer.setNamesrvAddr(nameServer);
        producer.start();
        return producer;
    }

    static synchronized void print(byte[] body, Message message) {
        StringBuilder hex = new StringBuilder();
        for (byte b : body) hex.append(String.format("%02x", b));
        System.out.println("{\"body\":\"" + hex + "\",\"keys\":\"" + ascii(message.getKeys()) + "\",\"tag\":\""
            + ascii(message.getTags()) + "\",\"property\":\"" + ascii(message.getUserProperty(PROPERTY)) + "\"}");
    }

    /** Escaped, so that the encoding of standard output does not matter. */
    static String ascii(String text) {
        StringBuilder out = new StringBuilder();
        if (text == null) return "";
        for (char c : text.toCharArray()) out.append(c < 128 ? String.valueOf(c) : String.format("\\u%04x", (int) c));
        return out.toString();
    }
}
