// The Go side of an exchange: prints what it sends or receives, a JSON object a line.
//
//	produce     <name server> <topic> <count>
//	consume     <name server> <topic> <count> <group>
//	request     <name server> <topic> <count>
//	reply       <name server> <topic> <count> <group>
//	member      <name server> <topic> <group> <strategy> <concurrently | orderly>
//
// A member stays until standard input ends, and prints the first eight bytes of each body as a number, and its queue.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

const (
	property = "größe"
	patience = time.Minute
)

func main() {
	rlog.SetLogLevel("error")
	command, nameServer, topic := os.Args[1], os.Args[2], os.Args[3]
	if command == "member" {
		member(nameServer, topic, os.Args[4], os.Args[5], os.Args[6])
		return
	}
	count, err := strconv.Atoi(os.Args[4])
	must(err)
	switch command {
	case "produce":
		produce(nameServer, topic, count)
	case "consume":
		consume(nameServer, topic, count, os.Args[5], func(*primitive.MessageExt) {})
	case "request":
		request(nameServer, topic, count)
	case "reply":
		reply(nameServer, topic, count, os.Args[5])
	default:
		must(fmt.Errorf("there is no command %q", command))
	}
}

// Every other body is long enough to be compressed; the last quarter travels as one batch; the very last is delayed by a level.
func produce(nameServer, topic string, count int) {
	sender := startProducer(nameServer, "go-producer")
	var batch []*primitive.Message
	for n := range count {
		text := fmt.Sprintf("ünïcode 中 %d", n)
		if n%2 == 1 {
			text += strings.Repeat(" …", 3000)
		}
		message := primitive.NewMessage(topic, []byte(text))
		message.WithTag("täg").WithKeys([]string{fmt.Sprintf("key-%d", n), fmt.Sprintf("schlüssel-%d", n)})
		message.WithProperty(property, fmt.Sprintf("✓ %d", n))
		// Sending compresses the body in place.
		show(bytes.Clone(message.Body), message)
		switch {
		case n == count-1:
			message.WithDelayTimeLevel(1)
			send(sender, message)
		case n >= count-count/4:
			batch = append(batch, message)
		default:
			send(sender, message)
		}
	}
	send(sender, batch...)
	must(sender.Shutdown())
}

func send(sender rocketmq.Producer, messages ...*primitive.Message) {
	result, err := sender.SendSync(context.Background(), messages...)
	must(err)
	if result.Status != primitive.SendOK {
		must(fmt.Errorf("sent with %v", result.Status))
	}
}

func consume(nameServer, topic string, count int, group string, then func(*primitive.MessageExt)) {
	var left sync.WaitGroup
	left.Add(count)
	receiver := startConsumer(nameServer, topic, group, nil, func(message *primitive.MessageExt) {
		show(message.Body, &message.Message)
		then(message)
		left.Done()
	})
	done := make(chan struct{})
	go func() {
		left.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		must(fmt.Errorf("messages are missing"))
	}
	must(receiver.Shutdown())
}

// Asks questions one after another, and prints the answers.
func request(nameServer, topic string, count int) {
	asker := startProducer(nameServer, "go-askers")
	for n := range count {
		question := primitive.NewMessage(topic, []byte(fmt.Sprintf("question %d", n)))
		answer, err := asker.Request(context.Background(), patience, question)
		must(err)
		show(answer.Body, answer)
	}
	must(asker.Shutdown())
}

// Answers questions with what they say, in capitals.
func reply(nameServer, topic string, count int, group string) {
	replier := startProducer(nameServer, "go-repliers")
	consume(nameServer, topic, count, group, func(question *primitive.MessageExt) {
		answer, err := consumer.CreateReplyMessage(question, nil)
		must(err)
		// It takes the body for properties.
		answer.Body = bytes.ToUpper(question.Body)
		send(replier, answer)
	})
	must(replier.Shutdown())
}

func member(nameServer, topic, group, strategy, order string) {
	options := []consumer.Option{consumer.WithConsumerOrder(order == "orderly")}
	switch strategy {
	case "averagely":
		options = append(options, consumer.WithStrategy(consumer.AllocateByAveragely))
	case "by-circle":
		options = append(options, consumer.WithStrategy(consumer.AllocateByAveragelyCircle))
	default:
		must(fmt.Errorf("there is no strategy %q", strategy))
	}
	receiver := startConsumer(nameServer, topic, group, options, func(message *primitive.MessageExt) {
		queue := message.Queue
		printLine(fmt.Sprintf("%d %s/%s/%d", binary.BigEndian.Uint64(message.Body), queue.Topic, queue.BrokerName, queue.QueueId))
	})
	_, err := io.Copy(io.Discard, os.Stdin)
	must(err)
	must(receiver.Shutdown())
}

func startProducer(nameServer, group string) rocketmq.Producer {
	sender, err := rocketmq.NewProducer(
		producer.WithNameServer([]string{nameServer}), producer.WithGroupName(group), producer.WithInstanceName(group))
	must(err)
	must(sender.Start())
	return sender
}

func startConsumer(nameServer, topic, group string, options []consumer.Option, each func(*primitive.MessageExt)) rocketmq.PushConsumer {
	receiver, err := rocketmq.NewPushConsumer(append(options,
		consumer.WithNameServer([]string{nameServer}), consumer.WithGroupName(group),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))...)
	must(err)
	all := consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}
	must(receiver.Subscribe(topic, all, func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, message := range messages {
			each(message)
		}
		return consumer.ConsumeSuccess, nil
	}))
	must(receiver.Start())
	return receiver
}

func show(body []byte, message *primitive.Message) {
	line, err := json.Marshal(map[string]string{
		"body":     hex.EncodeToString(body),
		"keys":     message.GetKeys(),
		"tag":      message.GetTags(),
		"property": message.GetProperty(property),
	})
	must(err)
	printLine(string(line))
}

var output sync.Mutex

func printLine(line string) {
	output.Lock()
	defer output.Unlock()
	fmt.Println(line)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
