// Command franz drives the broker with franz-go: its client (kgo) and its admin client (kadm).
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"ottla/interop/suite"
)

type program struct {
	*suite.Run
	admin *kadm.Client
}

var codecs = []kgo.CompressionCodec{
	kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
}

func main() {
	run := suite.Start()
	p := &program{Run: run, admin: kadm.NewClient(client(run.Address))}
	p.writeAndRead()
	p.errors()
	p.administration()
	p.End()
}

func (p *program) writeAndRead() {
	topic := p.Prefix + "-vectors"
	p.Test("create topic", func() error {
		if err := p.create(topic, int32(len(codecs)), nil); err != nil {
			return err
		}
		details, err := p.admin.ListTopics(within(10), topic)
		if err != nil {
			return err
		}
		if err := suite.Equal("partitions", len(codecs), len(details[topic].Partitions)); err != nil {
			return err
		}
		return wants("creating it again", kerr.TopicAlreadyExists, p.create(topic, 1, nil))
	})
	for partition, codec := range suite.Codecs {
		p.Test("produce "+codec, func() error { return p.produce(topic, partition) })
		p.Wrote(topic, partition)
		p.Test("consume "+codec, func() error { return p.compareFrom(topic, partition, kgo.NewOffset().AtStart(), 0) })
	}
	p.Test("from the middle", func() error { return p.compareFrom(topic, 3, kgo.NewOffset().At(57), 57) })
	p.Test("from a timestamp", func() error { return p.fromTimestamp(topic) })
	p.Test("a batch larger than the fetch may be", func() error {
		return p.compareFrom(topic, 0, kgo.NewOffset().AtStart(), 0, kgo.FetchMaxPartitionBytes(100), kgo.FetchMaxBytes(100))
	})
	p.Test("from the end", func() error { return p.fromEnd(topic) })
	p.Test("many records, many batches", p.manyRecords)
}

func (p *program) produce(topic string, partition int) error {
	options := []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[partition]),
		kgo.ProducerLinger(20 * time.Millisecond),
	}
	if partition == 1 {
		options = append(options, kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
	}
	producer := client(p.Address, options...)
	defer producer.Close()
	var records []*kgo.Record
	for _, vector := range p.Vectors {
		record := &kgo.Record{
			Topic: topic, Partition: int32(partition), Key: vector.Key, Value: vector.Value,
			Timestamp: time.UnixMilli(vector.TimestampMs),
		}
		for _, header := range vector.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
		}
		records = append(records, record)
	}
	for i, result := range producer.ProduceSync(within(15), records...) {
		if result.Err != nil {
			return result.Err
		}
		if err := suite.Equal("offset", int64(i), result.Record.Offset); err != nil {
			return err
		}
	}
	return nil
}

// compareFrom reads to the end of the vectors and compares every byte.
func (p *program) compareFrom(topic string, partition int, offset kgo.Offset, first int, options ...kgo.Opt) error {
	records, err := consume(p.Address, topic, int32(partition), offset, len(p.Vectors)-first, options...)
	if err != nil {
		return err
	}
	for i, record := range records {
		if err := suite.Equal("offset", int64(first+i), record.Offset); err != nil {
			return err
		}
		got := suite.Vector{TimestampMs: record.Timestamp.UnixMilli(), Key: record.Key, Value: record.Value}
		for _, header := range record.Headers {
			got.Headers = append(got.Headers, suite.Header{Name: header.Key, Value: header.Value})
		}
		if err := p.Compare(first+i, got); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) fromTimestamp(topic string) error {
	first := p.FirstAtOrAfter(p.BetweenMs())
	listed, err := p.admin.ListOffsetsAfterMilli(within(10), p.BetweenMs(), topic)
	if err != nil {
		return err
	}
	for partition, codec := range suite.Codecs {
		offset, _ := listed.Lookup(topic, int32(partition))
		if offset.Err != nil {
			return offset.Err
		}
		if err := suite.Equal("offset in "+codec, int64(first), offset.Offset); err != nil {
			return err
		}
		if err := suite.Equal("timestamp in "+codec, p.Vectors[first].TimestampMs, offset.Timestamp); err != nil {
			return err
		}
		if err := p.compareFrom(topic, partition, kgo.NewOffset().AfterMilli(p.BetweenMs()), first); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) fromEnd(topic string) error {
	consumer := client(p.Address, assign(topic, 0, kgo.NewOffset().AtEnd()))
	defer consumer.Close()
	// A client that starts at the end knows where that is only after its first look.
	if fetches := consumer.PollFetches(within(0.3)); fetches.NumRecords() != 0 {
		return errors.New("expected nothing at the end")
	}
	producer := client(p.Address, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer producer.Close()
	if err := producer.ProduceSync(within(10), &kgo.Record{Topic: topic, Value: []byte("fresh")}).FirstErr(); err != nil {
		return err
	}
	records, err := take(consumer, 1)
	if err != nil {
		return err
	}
	return suite.Equal("value and offset", fmt.Sprint("fresh ", len(p.Vectors)), fmt.Sprint(string(records[0].Value), " ", records[0].Offset))
}

func (p *program) manyRecords() error {
	topic, count := p.Prefix+"-many", 30_000
	if err := p.create(topic, 3, map[string]*string{"segment.bytes": kadm.StringPtr("1048576")}); err != nil {
		return err
	}
	producer := client(p.Address, kgo.ProducerBatchMaxBytes(4000))
	defer producer.Close()
	var records []*kgo.Record
	for i := range count {
		records = append(records, &kgo.Record{Topic: topic, Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, "%08d %100d", i, i)})
	}
	if err := producer.ProduceSync(within(20), records...).FirstErr(); err != nil {
		return err
	}
	start := map[int32]kgo.Offset{0: kgo.NewOffset().AtStart(), 1: kgo.NewOffset().AtStart(), 2: kgo.NewOffset().AtStart()}
	consumer := client(p.Address, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: start}), kgo.FetchMaxPartitionBytes(65536))
	defer consumer.Close()
	back, err := take(consumer, count)
	if err != nil {
		return err
	}
	next, last := map[int32]int64{}, map[int32]string{}
	for _, record := range back {
		if err := suite.Equal("offset", next[record.Partition], record.Offset); err != nil {
			return err
		}
		next[record.Partition]++
		if string(record.Value) <= last[record.Partition] {
			return fmt.Errorf("partition %d: %.8s came after %.8s", record.Partition, record.Value, last[record.Partition])
		}
		last[record.Partition] = string(record.Value)
	}
	return nil
}

func (p *program) errors() {
	p.Test("too large", func() error {
		topic := p.Prefix + "-too-large"
		if err := p.create(topic, 1, nil); err != nil {
			return err
		}
		producer := client(p.Address, kgo.ProducerBatchMaxBytes(10_000_000), kgo.ProducerBatchCompression(kgo.NoCompression()))
		defer producer.Close()
		err := producer.ProduceSync(within(15), &kgo.Record{Topic: topic, Value: make([]byte, 2<<20)}).FirstErr()
		return wants("2 MB", kerr.MessageTooLarge, err)
	})
	p.Test("unknown topic", func() error {
		producer := client(p.Address, kgo.UnknownTopicRetries(2))
		defer producer.Close()
		topic := p.Prefix + "-nowhere"
		err := producer.ProduceSync(within(15), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr()
		if err := wants("produce", kerr.UnknownTopicOrPartition, err); err != nil {
			return err
		}
		details, err := p.admin.ListTopics(within(10), topic)
		if err != nil {
			return err
		}
		if err := wants("list", kerr.UnknownTopicOrPartition, details[topic].Err); err != nil {
			return err
		}
		deleted, err := p.admin.DeleteTopics(within(10), topic)
		if err != nil {
			return err
		}
		return wants("delete", kerr.UnknownTopicOrPartition, deleted[topic].Err)
	})
	p.Test("bad config", func() error {
		topic := p.Prefix + "-bad"
		err := p.create(topic, 1, map[string]*string{"retention.ms": kadm.StringPtr("banana")})
		if err := wants("a word for a number", kerr.InvalidConfig, err); err != nil {
			return err
		}
		err = p.create(topic, 1, map[string]*string{"retention.moons": kadm.StringPtr("1")})
		return wants("an unknown key", kerr.InvalidConfig, err)
	})
	p.Test("an offset out of range", func() error {
		topic := p.Prefix + "-short"
		if err := p.create(topic, 1, nil); err != nil {
			return err
		}
		consumer := client(p.Address, assign(topic, 0, kgo.NewOffset().At(1000)), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
		defer consumer.Close()
		return wants("fetch", kerr.OffsetOutOfRange, consumer.PollFetches(within(10)).Err())
	})
}

func (p *program) administration() {
	topic := p.Prefix + "-admin"
	p.Test("validate only", func() error {
		response, err := p.admin.ValidateCreateTopics(within(10), 2, 1, nil, topic)
		if err != nil {
			return err
		}
		if response[topic].Err != nil {
			return response[topic].Err
		}
		details, err := p.admin.ListTopics(within(10), topic)
		if err != nil {
			return err
		}
		return wants("list", kerr.UnknownTopicOrPartition, details[topic].Err)
	})
	p.Test("configs", func() error {
		if err := p.create(topic, 2, map[string]*string{"retention.ms": kadm.StringPtr("3600000")}); err != nil {
			return err
		}
		altered, err := p.admin.AlterTopicConfigs(within(10), []kadm.AlterConfig{{Name: "segment.ms", Value: kadm.StringPtr("60000")}}, topic)
		if err != nil || altered[0].Err != nil {
			return errors.Join(err, altered[0].Err)
		}
		return suite.Eventually("both settings", func() (bool, error) {
			described, err := p.admin.DescribeTopicConfigs(within(10), topic)
			if err != nil {
				return false, err
			}
			found := map[string]string{}
			for _, config := range described[0].Configs {
				found[config.Key] = config.MaybeValue()
			}
			return found["retention.ms"] == "3600000" && found["segment.ms"] == "60000", nil
		})
	})
	p.Test("create partitions", func() error {
		response, err := p.admin.UpdatePartitions(within(10), 4, topic)
		if err != nil || response[topic].Err != nil {
			return errors.Join(err, response[topic].Err)
		}
		return suite.Eventually("four partitions", func() (bool, error) {
			details, err := p.admin.ListTopics(within(10), topic)
			return err == nil && len(details[topic].Partitions) == 4, err
		})
	})
	p.Test("delete records", func() error {
		producer := client(p.Address, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer producer.Close()
		for range 5 {
			if err := producer.ProduceSync(within(10), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
				return err
			}
		}
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, 0, 3, -1)
		response, err := p.admin.DeleteRecords(within(10), offsets)
		if err != nil {
			return err
		}
		deleted, _ := response.Lookup(topic, 0)
		if deleted.Err != nil {
			return deleted.Err
		}
		starts, err := p.admin.ListStartOffsets(within(10), topic)
		if err != nil {
			return err
		}
		start, _ := starts.Lookup(topic, 0)
		return suite.Equal("low watermark and start", "3 3", fmt.Sprint(deleted.LowWatermark, " ", start.Offset))
	})
	p.Test("log dirs", func() error {
		all, err := p.admin.DescribeAllLogDirs(within(10), nil)
		if err != nil {
			return err
		}
		size := int64(0)
		all.Each(func(dir kadm.DescribedLogDir) { size += dir.Size(); err = errors.Join(err, dir.Err) })
		if size <= 0 {
			err = errors.Join(err, fmt.Errorf("expected a size, came %d", size))
		}
		return err
	})
	p.Test("broker metadata", func() error {
		metadata, err := p.admin.BrokerMetadata(within(10))
		if err != nil {
			return err
		}
		return suite.Equal("brokers", 1, len(metadata.Brokers))
	})
	p.Test("leader epoch end offsets", func() error {
		request := kadm.OffsetForLeaderEpochRequest{}
		request.Add(p.Prefix+"-vectors", 1, 0)
		ends, err := p.admin.OffetForLeaderEpoch(within(10), request)
		if err != nil {
			return err
		}
		end := ends[p.Prefix+"-vectors"][1]
		if end.Err != nil {
			return end.Err
		}
		return suite.Equal("end offset", int64(len(p.Vectors)), end.EndOffset)
	})
	p.Test("delete topic", func() error {
		response, err := p.admin.DeleteTopics(within(10), topic)
		if err != nil || response[topic].Err != nil {
			return errors.Join(err, response[topic].Err)
		}
		return suite.Eventually("the topic to be gone", func() (bool, error) {
			details, err := p.admin.ListTopics(within(10), topic)
			return err == nil && errors.Is(details[topic].Err, kerr.UnknownTopicOrPartition), err
		})
	})
}

func (p *program) create(topic string, partitions int32, configs map[string]*string) error {
	response, err := p.admin.CreateTopics(within(10), partitions, 1, configs, topic)
	if err != nil {
		return err
	}
	return response[topic].Err
}

func client(address string, options ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address), kgo.FetchMaxWait(100 * time.Millisecond), kgo.MetadataMinAge(50 * time.Millisecond)}, options...)...)
	if err != nil {
		panic(err)
	}
	return made
}

func consume(address, topic string, partition int32, offset kgo.Offset, count int, options ...kgo.Opt) ([]*kgo.Record, error) {
	consumer := client(address, append(options, assign(topic, partition, offset))...)
	defer consumer.Close()
	return take(consumer, count)
}

func assign(topic string, partition int32, offset kgo.Offset) kgo.Opt {
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: offset}})
}

func take(consumer *kgo.Client, count int) ([]*kgo.Record, error) {
	ctx := within(15)
	var records []*kgo.Record
	for len(records) < count {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("after %d of %d records: %w", len(records), count, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records, suite.Equal("records", count, len(records))
}

func wants(what string, want *kerr.Error, got error) error {
	if !errors.Is(got, want) {
		return fmt.Errorf("%s: expected %s, came %v", what, want.Message, got)
	}
	return nil
}

// within is a context that ends by itself; nothing here lives long enough to need its cancel function.
func within(seconds float64) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds*float64(time.Second)))
	context.AfterFunc(ctx, cancel)
	return ctx
}
