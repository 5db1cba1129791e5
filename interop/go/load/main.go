// Command load writes numbered records, says which were acknowledged where, and flushes when its standard input ends.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ottla/interop/member"
)

func main() {
	args := member.ReadArguments()
	partitions, _ := strconv.Atoi(args["partitions"])
	perSecond, _ := strconv.Atoi(args["perSecond"])
	topics := strings.Split(args["topic"], ",")
	client, err := kgo.NewClient(
		kgo.SeedBrokers(args["bootstrap"]),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5*time.Millisecond),
		// Not every client in a group brings all codecs.
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProduceRequestTimeout(5*time.Second),
		kgo.RetryTimeout(time.Minute),
		// A topic that was just made: Kafka answers before all of it knows.
		kgo.UnknownTopicRetries(-1),
	)
	if err != nil {
		fail(err)
	}
	ctx := context.Background()
	if err := create(ctx, client, int32(partitions), topics); err != nil {
		fail(err)
	}
	member.Say("ready")
	ended := make(chan struct{})
	go func() {
		member.UntilEndOfInput()
		close(ended)
	}()
	// Ten times a second a share of the records.
	ticks := time.NewTicker(20 * time.Millisecond)
	number := 0
	for began := time.Now(); ; {
		select {
		case <-ended:
			if err := client.Flush(ctx); err != nil {
				fail(err)
			}
			member.Say("bye", number)
			return
		case <-ticks.C:
		}
		for due := int(time.Since(began).Seconds() * float64(perSecond)); number < due; number++ {
			topic := topics[number%len(topics)]
			partition := int32(number / len(topics) % partitions)
			record := &kgo.Record{Topic: topic, Partition: partition, Value: []byte(fmt.Sprintf("v%d", number))}
			client.Produce(ctx, record, acknowledged)
		}
	}
}

func acknowledged(record *kgo.Record, err error) {
	if err != nil {
		member.Say("error", err)
		return
	}
	member.Say("acknowledged", member.Name(record.Topic, record.Partition), record.Offset, string(record.Value))
}

func create(ctx context.Context, client *kgo.Client, partitions int32, topics []string) error {
	responses, err := kadm.NewClient(client).CreateTopics(ctx, partitions, 1, nil, topics...)
	if err != nil {
		return err
	}
	for _, response := range responses {
		if response.Err != nil && !strings.Contains(response.Err.Error(), "TOPIC_ALREADY_EXISTS") {
			return response.Err
		}
	}
	return nil
}

func fail(err error) {
	member.Say("error", err)
	os.Exit(1)
}
