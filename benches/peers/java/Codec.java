import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RequestCode;
import org.apache.rocketmq.remoting.protocol.SerializeType;
import org.apache.rocketmq.remoting.protocol.header.SendMessageRequestHeaderV2;
import org.apache.rocketmq.remoting.protocol.header.SendMessageResponseHeader;

/**
 * The rows of `codec` on the genuine Java classes: reads `ROW TIMES`, prints the nanoseconds of CPU time that TIMES operations took on
 * this thread, or `-` for a row that they do not have.
 */
public final class Codec {
    private static final byte[] BODY = new byte[1 << 10];
    private static final Set<String> WANTED = Set.of("TagA", "TagB");
    /** What was made last: nothing may be optimised away. */
    private static volatile Object kept;

    private final SendMessageRequestHeaderV2 send;
    private final byte[] answerJson;
    private final byte[] answerBinary;
    private final byte[] pull;
    private final String properties;
    private final ByteBuf out = Unpooled.buffer(4096);

    /** Reads what our `codec --inputs` has written. */
    private Codec(Path directory) throws Exception {
        byte[] sent = Files.readAllBytes(directory.resolve("send"));
        send = (SendMessageRequestHeaderV2) decode(sent).decodeCommandCustomHeader(SendMessageRequestHeaderV2.class);
        answerJson = Files.readAllBytes(directory.resolve("answer-json"));
        answerBinary = Files.readAllBytes(directory.resolve("answer-binary"));
        pull = Files.readAllBytes(directory.resolve("pull"));
        properties = Files.readString(directory.resolve("properties"), StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws Exception {
        Codec codec = new Codec(Path.of(arguments[0]));
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            Row row = codec.row(words[0]);
            System.out.println(row == null ? "-" : Long.toString(nanos(row, Integer.parseInt(words[1]))));
        }
    }

    private interface Row {
        Object run() throws Exception;
    }

    private static long nanos(Row row, int times) throws Exception {
        long began = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        for (int i = 0; i < times; i++) {
            kept = row.run();
        }
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - began;
    }

    private Row row(String name) {
        return switch (name) {
            case "M1" -> () -> encode(SerializeType.ROCKETMQ);
            case "M2" -> () -> encode(SerializeType.JSON);
            case "M3" -> () -> readAnswer(answerJson);
            case "M4" -> () -> readAnswer(answerBinary);
            case "M5" -> () -> MessageDecoder.decodesBatch(ByteBuffer.wrap(pull), true, true, true);
            case "M7" -> () -> MessageDecoder.string2messageProperties(properties).get("TAGS");
            case "M7-all" -> () -> MessageDecoder.string2messageProperties(properties);
            case "M8-pull" -> this::decodeWanted;
            default -> null;
        };
    }

    /** As Netty's encoder of the client does it: a command a request, its head into a buffer. */
    private Object encode(SerializeType form) {
        out.clear();
        RemotingCommand command = RemotingCommand.createRequestCommand(RequestCode.SEND_MESSAGE_V2, send);
        command.setSerializeTypeCurrentRPC(form);
        command.setBody(BODY);
        command.fastEncodeHeader(out);
        return command;
    }

    private static Object readAnswer(byte[] frame) throws Exception {
        RemotingCommand answer = decode(frame);
        // The field is no part of the header: this is how the client finds it.
        if (answer.getExtFields().get("MSG_REGION") == null) {
            throw new IllegalStateException("no region");
        }
        return answer.decodeCommandCustomHeader(SendMessageResponseHeader.class);
    }

    /** Without the length word, which Netty's decoder takes off. */
    private static RemotingCommand decode(byte[] frame) throws Exception {
        return RemotingCommand.decode(Unpooled.wrappedBuffer(frame, 4, frame.length - 4));
    }

    /** As `PullAPIWrapper` does it. */
    private Object decodeWanted() {
        List<MessageExt> messages = MessageDecoder.decodesBatch(ByteBuffer.wrap(pull), true, true, true);
        List<MessageExt> wanted = new ArrayList<>(messages.size());
        for (MessageExt message : messages) {
            if (message.getTags() != null && WANTED.contains(message.getTags())) {
                wanted.add(message);
            }
        }
        return wanted;
    }
}
