// Command sarama drives the broker with IBM's sarama, once as the newest Kafka that it speaks and once as an old one,
// because it picks the versions of its requests by that.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/IBM/sarama"

	"ottla/interop/suite"
)

type program struct {
	*suite.Run
	admin sarama.ClusterAdmin
}

var codecs = []sarama.CompressionCodec{
	sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
}

func main() {
	sarama.Logger = log.New(io.Discard, "", 0)
	run := suite.Start()
	admin, err := sarama.NewClusterAdmin([]string{run.Address}, config(sarama.MaxVersion))
	if err != nil {
		run.Test("connect", func() error { return err })
		run.End()
	}
	p := &program{Run: run, admin: admin}
	p.writeAndRead("newest", sarama.MaxVersion, len(codecs))
	// The first release with today's record batches; zstd came later.
	p.writeAndRead("0.11", sarama.V0_11_0_0, len(codecs)-1)
	p.smallerThings()
	p.errors()
	p.administration()
	p.End()
}

func (p *program) writeAndRead(speaks string, version sarama.KafkaVersion, codecCount int) {
	topic := p.Prefix + "-vectors-" + speaks
	as := func(name string) string { return name + " as " + speaks }
	p.Test(as("create topic"), func() error { return p.create(topic, codecCount, nil) })
	for partition := range codecCount {
		codec := suite.Codecs[partition]
		p.Test(as("produce "+codec), func() error { return p.produce(topic, partition, version) })
		p.Wrote(topic, partition)
		p.Test(as("consume "+codec), func() error { return p.compareFrom(topic, partition, sarama.OffsetOldest, 0, version) })
	}
	p.Test(as("from the middle"), func() error { return p.compareFrom(topic, 3, 57, 57, version) })
	p.Test(as("from a timestamp"), func() error { return p.fromTimestamp(topic, codecCount, version) })
	p.Test(as("from the end"), func() error { return p.fromEnd(topic, version) })
}

func (p *program) produce(topic string, partition int, version sarama.KafkaVersion) error {
	settings := config(version)
	settings.Producer.Compression = codecs[partition]
	settings.Producer.Flush.Frequency = 20 * time.Millisecond
	if partition >= 2 {
		settings.Producer.Idempotent = true
		settings.Net.MaxOpenRequests = 1
	}
	var messages []*sarama.ProducerMessage
	for _, vector := range p.Vectors {
		message := &sarama.ProducerMessage{Topic: topic, Partition: int32(partition), Timestamp: time.UnixMilli(vector.TimestampMs)}
		// An encoder that holds nil is not the same as no encoder.
		if vector.Key != nil {
			message.Key = sarama.ByteEncoder(vector.Key)
		}
		if vector.Value != nil {
			message.Value = sarama.ByteEncoder(vector.Value)
		}
		for _, header := range vector.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
		}
		messages = append(messages, message)
	}
	if err := p.send(settings, messages...); err != nil {
		return err
	}
	for i, message := range messages {
		if err := suite.Equal("offset", int64(i), message.Offset); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) send(settings *sarama.Config, messages ...*sarama.ProducerMessage) error {
	producer, err := sarama.NewSyncProducer([]string{p.Address}, settings)
	if err != nil {
		return err
	}
	defer producer.Close()
	return producer.SendMessages(messages)
}

func (p *program) compareFrom(topic string, partition int, offset int64, first int, version sarama.KafkaVersion) error {
	messages, err := p.consume(topic, partition, offset, len(p.Vectors)-first, config(version))
	if err != nil {
		return err
	}
	for i, message := range messages {
		if err := suite.Equal("offset", int64(first+i), message.Offset); err != nil {
			return err
		}
		got := suite.Vector{TimestampMs: message.Timestamp.UnixMilli(), Key: message.Key, Value: message.Value}
		for _, header := range message.Headers {
			got.Headers = append(got.Headers, suite.Header{Name: string(header.Key), Value: header.Value})
		}
		if err := p.Compare(first+i, got); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) consume(topic string, partition int, offset int64, count int, settings *sarama.Config) ([]*sarama.ConsumerMessage, error) {
	consumer, err := sarama.NewConsumer([]string{p.Address}, settings)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	reader, err := consumer.ConsumePartition(topic, int32(partition), offset)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return take(reader, count)
}

func take(reader sarama.PartitionConsumer, count int) ([]*sarama.ConsumerMessage, error) {
	limit := time.After(15 * time.Second)
	var messages []*sarama.ConsumerMessage
	for len(messages) < count {
		select {
		case message := <-reader.Messages():
			messages = append(messages, message)
		case err := <-reader.Errors():
			return nil, err
		case <-limit:
			return nil, suite.Equal("messages within 15 s", count, len(messages))
		}
	}
	return messages, nil
}

func (p *program) fromTimestamp(topic string, codecCount int, version sarama.KafkaVersion) error {
	client, err := sarama.NewClient([]string{p.Address}, config(version))
	if err != nil {
		return err
	}
	defer client.Close()
	first := p.FirstAtOrAfter(p.BetweenMs())
	for partition := range codecCount {
		offset, err := client.GetOffset(topic, int32(partition), p.BetweenMs())
		if err != nil {
			return err
		}
		if err := suite.Equal("offset in "+suite.Codecs[partition], int64(first), offset); err != nil {
			return err
		}
		if err := p.compareFrom(topic, partition, offset, first, version); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) fromEnd(topic string, version sarama.KafkaVersion) error {
	consumer, err := sarama.NewConsumer([]string{p.Address}, config(version))
	if err != nil {
		return err
	}
	defer consumer.Close()
	reader, err := consumer.ConsumePartition(topic, 0, sarama.OffsetNewest)
	if err != nil {
		return err
	}
	defer reader.Close()
	if err := p.send(config(version), &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("fresh")}); err != nil {
		return err
	}
	messages, err := take(reader, 1)
	if err != nil {
		return err
	}
	return suite.Equal("value and offset", fmt.Sprint("fresh ", len(p.Vectors)), fmt.Sprint(string(messages[0].Value), " ", messages[0].Offset))
}

func (p *program) smallerThings() {
	p.Test("many records, many batches", func() error {
		topic, count := p.Prefix+"-many", 20_000
		if err := p.create(topic, 1, nil); err != nil {
			return err
		}
		settings := config(sarama.MaxVersion)
		settings.Producer.Flush.MaxMessages = 40
		var messages []*sarama.ProducerMessage
		for i := range count {
			value := sarama.StringEncoder(fmt.Sprintf("%08d %100d", i, i))
			messages = append(messages, &sarama.ProducerMessage{Topic: topic, Value: value})
		}
		if err := p.send(settings, messages...); err != nil {
			return err
		}
		back, err := p.consume(topic, 0, sarama.OffsetOldest, count, config(sarama.MaxVersion))
		if err != nil {
			return err
		}
		for i, message := range back {
			if err := suite.Equal("value", fmt.Sprintf("%08d %100d", i, i), string(message.Value)); err != nil {
				return err
			}
		}
		return nil
	})
	p.Test("acks=0", func() error {
		topic := p.Prefix + "-acks0"
		if err := p.create(topic, 1, nil); err != nil {
			return err
		}
		settings := config(sarama.MaxVersion)
		settings.Producer.RequiredAcks = sarama.NoResponse
		if err := p.send(settings, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("x")}); err != nil {
			return err
		}
		_, err := p.consume(topic, 0, sarama.OffsetOldest, 1, config(sarama.MaxVersion))
		return err
	})
}

func (p *program) errors() {
	p.Test("too large", func() error {
		topic := p.Prefix + "-too-large"
		if err := p.create(topic, 1, nil); err != nil {
			return err
		}
		settings := config(sarama.MaxVersion)
		settings.Producer.MaxMessageBytes = 10_000_000
		err := p.send(settings, &sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(make([]byte, 2<<20))})
		return wants("2 MB", sarama.ErrMessageSizeTooLarge, err)
	})
	p.Test("unknown topic", func() error {
		topic := p.Prefix + "-nowhere"
		err := p.send(config(sarama.MaxVersion), &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("x")})
		if err := wants("produce", sarama.ErrUnknownTopicOrPartition, err); err != nil {
			return err
		}
		_, err = p.consume(topic, 0, sarama.OffsetOldest, 1, config(sarama.MaxVersion))
		if err := wants("consume", sarama.ErrUnknownTopicOrPartition, err); err != nil {
			return err
		}
		return wants("delete", sarama.ErrUnknownTopicOrPartition, p.admin.DeleteTopic(topic))
	})
	p.Test("bad config", func() error {
		err := p.create(p.Prefix+"-bad", 1, map[string]*string{"retention.ms": text("banana")})
		if err := wants("a word for a number", sarama.ErrInvalidConfig, err); err != nil {
			return err
		}
		err = p.create(p.Prefix+"-bad", 1, map[string]*string{"retention.moons": text("1")})
		return wants("an unknown key", sarama.ErrInvalidConfig, err)
	})
	p.Test("creating a topic twice", func() error {
		return wants("create", sarama.ErrTopicAlreadyExists, p.create(p.Prefix+"-too-large", 1, nil))
	})
	p.Test("an offset out of range", func() error {
		_, err := p.consume(p.Prefix+"-too-large", 0, 1000, 1, config(sarama.MaxVersion))
		return wants("consume", sarama.ErrOffsetOutOfRange, err)
	})
}

func (p *program) administration() {
	topic := p.Prefix + "-admin"
	p.Test("describe and alter configs", func() error {
		if err := p.create(topic, 2, map[string]*string{"retention.ms": text("3600000")}); err != nil {
			return err
		}
		change := map[string]sarama.IncrementalAlterConfigsEntry{
			"segment.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: text("60000")},
		}
		if err := p.admin.IncrementalAlterConfig(sarama.TopicResource, topic, change, false); err != nil {
			return err
		}
		return suite.Eventually("both settings", func() (bool, error) {
			entries, err := p.admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic})
			found := map[string]string{}
			for _, entry := range entries {
				found[entry.Name] = entry.Value
			}
			return found["retention.ms"] == "3600000" && found["segment.ms"] == "60000", err
		})
	})
	p.Test("alter configs the old way", func() error {
		change := map[string]*string{"retention.ms": text("7200000")}
		if err := p.admin.AlterConfig(sarama.TopicResource, topic, change, false); err != nil {
			return err
		}
		// The old request replaces everything, so segment.ms is back to its default.
		return suite.Eventually("only retention.ms=7200000", func() (bool, error) {
			topics, err := p.admin.ListTopics()
			entries := topics[topic].ConfigEntries
			retention := entries["retention.ms"]
			return retention != nil && *retention == "7200000" && entries["segment.ms"] == nil, err
		})
	})
	p.Test("create partitions", func() error {
		if err := p.admin.CreatePartitions(topic, 4, nil, false); err != nil {
			return err
		}
		return suite.Eventually("four partitions", func() (bool, error) {
			described, err := p.admin.DescribeTopics([]string{topic})
			return err == nil && len(described[0].Partitions) == 4, err
		})
	})
	p.Test("delete records", func() error {
		for range 4 {
			if err := p.send(config(sarama.MaxVersion), &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("x")}); err != nil {
				return err
			}
		}
		if err := p.admin.DeleteRecords(topic, map[int32]int64{0: 3}); err != nil {
			return err
		}
		messages, err := p.consume(topic, 0, sarama.OffsetOldest, 1, config(sarama.MaxVersion))
		if err != nil {
			return err
		}
		return suite.Equal("oldest offset", 3, messages[0].Offset)
	})
	p.Test("describe cluster and log dirs", func() error {
		brokers, controller, err := p.admin.DescribeCluster()
		if err != nil {
			return err
		}
		if len(brokers) != 1 || controller != brokers[0].ID() {
			return fmt.Errorf("expected one broker that is the controller, came %d and %d", len(brokers), controller)
		}
		dirs, err := p.admin.DescribeLogDirs([]int32{controller})
		if err != nil {
			return err
		}
		if len(dirs[controller]) == 0 || len(dirs[controller][0].Topics) == 0 {
			return fmt.Errorf("expected a log dir with topics, came %v", dirs)
		}
		return nil
	})
	p.Test("delete topic", func() error {
		if err := p.admin.DeleteTopic(topic); err != nil {
			return err
		}
		return suite.Eventually("the topic to be gone", func() (bool, error) {
			topics, err := p.admin.ListTopics()
			_, there := topics[topic]
			return err == nil && !there, err
		})
	})
}

func (p *program) create(topic string, partitions int, configs map[string]*string) error {
	detail := &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: 1, ConfigEntries: configs}
	return p.admin.CreateTopic(topic, detail, false)
}

func config(version sarama.KafkaVersion) *sarama.Config {
	settings := sarama.NewConfig()
	settings.Version = version
	settings.Metadata.AllowAutoTopicCreation = false
	settings.Metadata.Retry.Backoff = 50 * time.Millisecond
	settings.Producer.RequiredAcks = sarama.WaitForAll
	settings.Producer.Return.Successes = true
	settings.Producer.Partitioner = sarama.NewManualPartitioner
	settings.Consumer.Return.Errors = true
	settings.Consumer.MaxWaitTime = 100 * time.Millisecond
	return settings
}

func text(value string) *string { return &value }

// wants looks through the wrappings: sarama puts its codes into errors of its own, one for each message.
func wants(what string, want sarama.KError, got error) error {
	var several sarama.ProducerErrors
	if errors.As(got, &several) {
		got = several[0].Err
	}
	if !errors.Is(got, want) {
		return fmt.Errorf("%s: expected %q, came %v", what, want, got)
	}
	return nil
}
