import java.nio.ByteBuffer;
import java.util.List;
import org.apache.rocketmq.client.consumer.AllocateMessageQueueStrategy;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragelyByCircle;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueConsistentHash;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * A member of a group until standard input ends: {@code Member <name server> <topic> <group> <strategy> <concurrently | orderly>}.
 * Prints the first eight bytes of each body as a number, and its queue.
 */
public class Member {
    public static void main(String[] args) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(args[2]);
        consumer.setNamesrvAddr(args[0]);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setAllocateMessageQueueStrategy(strategy(args[3]));
        consumer.subscribe(args[1], "*");
        if (args[4].equals("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                print(messages, context.getMessageQueue().getBrokerName());
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                print(messages, context.getMessageQueue().getBrokerName());
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
        while (System.in.read() >= 0) { }
        consumer.shutdown();
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    static AllocateMessageQueueStrategy strategy(String name) {
        switch (name) {
            case "averagely": return new AllocateMessageQueueAveragely();
            case "by-circle": return new AllocateMessageQueueAveragelyByCircle();
            case "consistent-hash": return new AllocateMessageQueueConsistentHash();
            default: throw new IllegalArgumentException(name);
        }
    }

    static synchronized void print(List<MessageExt> messages, String broker) {
        for (MessageExt message : messages) {
            long number = ByteBuffer.wrap(message.getBody()).getLong();
            System.out.println(number + " " + message.getTopic() + "/" + broker + "/" + message.getQueueId());
        }
        System.out.flush();
    }
}
