import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;

/** The Java side of an exchange: prints what it sends or receives, a JSON object a line. */
public class Crossing {
    static final String PROPERTY = "größe";

    public static void main(String[] args) throws Exception {
        String nameServer = args[1], topic = args[2];
        int count = Integer.parseInt(args[3]);
        if (args[0].equals("produce")) produce(nameServer, topic, count);
        else consume(nameServer, topic, count, args[4]);
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    static void produce(String nameServer, String topic, int count) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("java-producer");
        producer.setNamesrvAddr(nameServer);
        producer.start();
        for (int n = 0; n < count; n++) {
            // Every other body is long enough to be compressed.
            String text = "ünïcode 中 " + n + (n % 2 == 0 ? "" : " …".repeat(3000));
            Message message = new Message(topic, "täg", "key-" + n + " schlüssel-" + n, text.getBytes(StandardCharsets.UTF_8));
            message.putUserProperty(PROPERTY, "✓ " + n);
            producer.send(message);
            print(text.getBytes(StandardCharsets.UTF_8), message);
        }
        producer.shutdown();
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

    static synchronized void print(byte[] body, Message message) {
        StringBuilder hex = new StringBuilder();
        for (byte b : body) hex.append(String.format("%02x", b));
        System.out.println("{\"body\":\"" + hex + "\",\"keys\":\"" + ascii(message.getKeys()) + "\",\"tag\":\""
            + ascii(message.getTags()) + "\",\"property\":\"" + ascii(message.getUserProperty(PROPERTY)) + "\"}");
    }

    /** Escaped, so that the encoding of standard output does not matter. */
    static String ascii(String text) {
        StringBuilder out = new StringBuilder();
        for (char c : text.toCharArray()) out.append(c < 128 ? String.valueOf(c) : String.format("\\u%04x", (int) c));
        return out.toString();
    }
}
