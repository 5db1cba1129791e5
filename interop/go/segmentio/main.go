// Command segmentio drives the broker with segmentio's kafka-go: its Writer, its Reader, its Client.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"

	"ottla/interop/suite"
)

type program struct {
	*suite.Run
	client *kafka.Client
}

var codecs = []kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd}

func main() {
	run := suite.Start()
	// Its Reader does so; that the difference is kept in the log is seen by the client that reads after it.
	run.EmptyIsNull = true
	p := &program{Run: run, client: &kafka.Client{Addr: kafka.TCP(run.Address), Timeout: 10 * time.Second}}
	p.writeAndRead()
	p.errors()
	p.administration()
	p.End()
}

func (p *program) writeAndRead() {
	topic := p.Prefix + "-vectors"
	p.Test("create topic", func() error {
		if err := p.create(topic, len(codecs)); err != nil {
			return err
		}
		return wants("creating it again", kafka.TopicAlreadyExists, p.create(topic, 1))
	})
	for partition, codec := range suite.Codecs {
		p.Test("produce "+codec, func() error { return p.produce(topic, partition) })
		p.Wrote(topic, partition)
		p.Test("consume "+codec, func() error { return p.compareFrom(topic, partition, kafka.FirstOffset, 0) })
	}
	p.Test("from the middle", func() error { return p.compareFrom(topic, 3, 57, 57) })
	p.Test("from a timestamp", func() error { return p.fromTimestamp(topic) })
	p.Test("from the end", func() error { return p.fromEnd(topic) })
	p.Test("low-level fetch", func() error { return p.lowLevelFetch(topic) })
	p.Test("many records, many batches", p.manyRecords)
}

func (p *program) produce(topic string, partition int) error {
	writer := p.writer(topic, partition)
	defer writer.Close()
	var messages []kafka.Message
	for _, vector := range p.Vectors {
		message := kafka.Message{Key: vector.Key, Value: vector.Value, Time: time.UnixMilli(vector.TimestampMs)}
		for _, header := range vector.Headers {
			message.Headers = append(message.Headers, kafka.Header{Key: header.Name, Value: header.Value})
		}
		messages = append(messages, message)
	}
	return writer.WriteMessages(within(20), messages...)
}

func (p *program) writer(topic string, partition int) *kafka.Writer {
	return &kafka.Writer{
		Addr:         kafka.TCP(p.Address),
		Topic:        topic,
		Balancer:     kafka.BalancerFunc(func(kafka.Message, ...int) int { return partition }),
		BatchTimeout: 20 * time.Millisecond,
		BatchSize:    1000,
		RequiredAcks: kafka.RequireAll,
		Compression:  codecs[partition],
		MaxAttempts:  3,
	}
}

func (p *program) compareFrom(topic string, partition int, offset int64, first int) error {
	reader := p.reader(topic, partition)
	defer reader.Close()
	if err := reader.SetOffset(offset); err != nil {
		return err
	}
	return p.compareNext(reader, first)
}

func (p *program) compareNext(reader *kafka.Reader, first int) error {
	ctx := within(15)
	for at := first; at < len(p.Vectors); at++ {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			return fmt.Errorf("at offset %d: %w", at, err)
		}
		if err := suite.Equal("offset", int64(at), message.Offset); err != nil {
			return err
		}
		got := suite.Vector{TimestampMs: message.Time.UnixMilli(), Key: message.Key, Value: message.Value}
		for _, header := range message.Headers {
			got.Headers = append(got.Headers, suite.Header{Name: header.Key, Value: header.Value})
		}
		if err := p.Compare(at, got); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) reader(topic string, partition int) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{p.Address}, Topic: topic, Partition: partition,
		MinBytes: 1, MaxBytes: 10 << 20, MaxWait: 100 * time.Millisecond,
	})
}

func (p *program) fromTimestamp(topic string) error {
	first := p.FirstAtOrAfter(p.BetweenMs())
	for partition, codec := range suite.Codecs {
		reader := p.reader(topic, partition)
		defer reader.Close()
		if err := reader.SetOffsetAt(within(10), time.UnixMilli(p.BetweenMs())); err != nil {
			return err
		}
		if err := suite.Equal("offset in "+codec, int64(first), reader.Offset()); err != nil {
			return err
		}
		if err := p.compareNext(reader, first); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) fromEnd(topic string) error {
	offsets, err := p.client.ListOffsets(within(10), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)}},
	})
	if err != nil {
		return err
	}
	partition := offsets.Topics[topic][0]
	if err := suite.Equal("first and last", fmt.Sprint("0 ", len(p.Vectors)), fmt.Sprint(partition.FirstOffset, " ", partition.LastOffset)); err != nil {
		return err
	}
	reader := p.reader(topic, 0)
	defer reader.Close()
	if err := reader.SetOffset(partition.LastOffset); err != nil {
		return err
	}
	writer := p.writer(topic, 0)
	defer writer.Close()
	if err := writer.WriteMessages(within(10), kafka.Message{Value: []byte("fresh")}); err != nil {
		return err
	}
	message, err := reader.ReadMessage(within(10))
	if err != nil {
		return err
	}
	return suite.Equal("value and offset", fmt.Sprint("fresh ", len(p.Vectors)), fmt.Sprint(string(message.Value), " ", message.Offset))
}

func (p *program) lowLevelFetch(topic string) error {
	response, err := p.client.Fetch(within(10), &kafka.FetchRequest{Topic: topic, Partition: 4, Offset: 0, MinBytes: 1, MaxBytes: 10 << 20, MaxWait: time.Second})
	if err != nil || response.Error != nil {
		return errors.Join(err, response.Error)
	}
	if err := suite.Equal("high watermark", int64(len(p.Vectors)), response.HighWatermark); err != nil {
		return err
	}
	for at := 0; ; at++ {
		record, err := response.Records.ReadRecord()
		if errors.Is(err, io.EOF) && at > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if err := suite.Equal("offset", int64(at), record.Offset); err != nil {
			return err
		}
	}
}

func (p *program) manyRecords() error {
	topic, count := p.Prefix+"-many", 20_000
	if err := p.create(topic, 1); err != nil {
		return err
	}
	writer := p.writer(topic, 0)
	writer.BatchSize = 50
	defer writer.Close()
	var messages []kafka.Message
	for i := range count {
		messages = append(messages, kafka.Message{Value: fmt.Appendf(nil, "%08d %100d", i, i)})
	}
	if err := writer.WriteMessages(within(20), messages...); err != nil {
		return err
	}
	reader := p.reader(topic, 0)
	defer reader.Close()
	ctx := within(15)
	for i := range count {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			return fmt.Errorf("after %d records: %w", i, err)
		}
		if err := suite.Equal("value", string(messages[i].Value), string(message.Value)); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) errors() {
	p.Test("too large", func() error {
		topic := p.Prefix + "-too-large"
		if err := p.create(topic, 1); err != nil {
			return err
		}
		writer := p.writer(topic, 0)
		writer.BatchBytes = 10_000_000
		defer writer.Close()
		err := writer.WriteMessages(within(15), kafka.Message{Value: make([]byte, 2<<20)})
		return wants("2 MB", kafka.MessageSizeTooLarge, err)
	})
	p.Test("unknown topic", func() error {
		writer := p.writer(p.Prefix+"-nowhere", 0)
		defer writer.Close()
		err := writer.WriteMessages(within(15), kafka.Message{Value: []byte("x")})
		if err := wants("produce", kafka.UnknownTopicOrPartition, err); err != nil {
			return err
		}
		response, err := p.client.DeleteTopics(within(10), &kafka.DeleteTopicsRequest{Topics: []string{p.Prefix + "-nowhere"}})
		if err != nil {
			return err
		}
		return wants("delete", kafka.UnknownTopicOrPartition, response.Errors[p.Prefix+"-nowhere"])
	})
	p.Test("bad config", func() error {
		err := p.create(p.Prefix+"-bad", 1, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "banana"})
		if err := wants("a word for a number", kafka.InvalidConfiguration, err); err != nil {
			return err
		}
		err = p.create(p.Prefix+"-bad", 1, kafka.ConfigEntry{ConfigName: "retention.moons", ConfigValue: "1"})
		return wants("an unknown key", kafka.InvalidConfiguration, err)
	})
	p.Test("an offset out of range", func() error {
		response, err := p.client.Fetch(within(10), &kafka.FetchRequest{Topic: p.Prefix + "-too-large", Offset: 1000, MinBytes: 1, MaxBytes: 1000, MaxWait: time.Second})
		if err != nil {
			return err
		}
		return wants("fetch", kafka.OffsetOutOfRange, response.Error)
	})
}

func (p *program) administration() {
	topic := p.Prefix + "-admin"
	p.Test("configs", func() error {
		if err := p.create(topic, 1, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "3600000"}); err != nil {
			return err
		}
		described, err := p.client.DescribeConfigs(within(10), &kafka.DescribeConfigsRequest{
			Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"retention.ms"}}},
		})
		if err != nil {
			return err
		}
		return suite.Equal("retention.ms", "3600000", described.Resources[0].ConfigEntries[0].ConfigValue)
	})
	p.Test("create partitions", func() error {
		response, err := p.client.CreatePartitions(within(10), &kafka.CreatePartitionsRequest{
			Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 3}},
		})
		if err != nil || response.Errors[topic] != nil {
			return errors.Join(err, response.Errors[topic])
		}
		return suite.Eventually("three partitions", func() (bool, error) {
			metadata, err := p.client.Metadata(within(10), &kafka.MetadataRequest{Topics: []string{topic}})
			return err == nil && len(metadata.Topics[0].Partitions) == 3, err
		})
	})
	p.Test("dial the leader", func() error {
		conn, err := kafka.DialLeader(within(10), "tcp", p.Address, p.Prefix+"-vectors", 1)
		if err != nil {
			return err
		}
		defer conn.Close()
		first, last, err := conn.ReadOffsets()
		if err != nil {
			return err
		}
		return suite.Equal("offsets", fmt.Sprint("0 ", len(p.Vectors)), fmt.Sprint(first, " ", last))
	})
	p.Test("delete topic", func() error {
		response, err := p.client.DeleteTopics(within(10), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
		if err != nil {
			return err
		}
		return response.Errors[topic]
	})
}

func (p *program) create(topic string, partitions int, configs ...kafka.ConfigEntry) error {
	response, err := p.client.CreateTopics(within(10), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs}},
	})
	if err != nil {
		return err
	}
	return response.Errors[topic]
}

func wants(what string, want kafka.Error, got error) error {
	var several kafka.WriteErrors
	if errors.As(got, &several) {
		got = several[0]
	}
	var large kafka.MessageTooLargeError
	if errors.As(got, &large) && want == kafka.MessageSizeTooLarge {
		return fmt.Errorf("%s: refused by the client itself, %w", what, got)
	}
	if !errors.Is(got, want) {
		return fmt.Errorf("%s: expected %v, came %v", what, want, got)
	}
	return nil
}

// within is a context that ends by itself; nothing here lives long enough to need its cancel function.
func within(seconds float64) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds*float64(time.Second)))
	context.AfterFunc(ctx, cancel)
	return ctx
}
