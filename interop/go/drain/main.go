// Command drain reads topics from the start to the end that they have now, only what is committed, and says all of it.
package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ottla/interop/member"
)

func main() {
	args := member.ReadArguments()
	topics := strings.Split(args["topic"], ",")
	client, err := kgo.NewClient(
		kgo.SeedBrokers(args["bootstrap"]),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100*time.Millisecond),
		// Markers are read as well, so that it is seen when the end has come.
		kgo.KeepControlRecords(),
	)
	if err != nil {
		fail(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err != nil {
		fail(err)
	}
	left := map[string]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			left[member.Name(end.Topic, end.Partition)] = end.Offset
		}
	})
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			fail(err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			name := member.Name(record.Topic, record.Partition)
			if !record.Attrs.IsControl() {
				member.Read(name, record.Offset, record.Value)
			}
			if record.Offset+1 >= left[name] {
				delete(left, name)
			}
		})
	}
	member.Say("bye")
}

func fail(err error) {
	member.Say("error", err)
	os.Exit(1)
}
