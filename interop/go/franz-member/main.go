// Command franz-member is a member of a group with franz-go: it reads, says what it read, then commits.
package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ottla/interop/member"
)

var balancers = map[string]kgo.GroupBalancer{
	"range":              kgo.RangeBalancer(),
	"roundrobin":         kgo.RoundRobinBalancer(),
	"sticky":             kgo.StickyBalancer(),
	"cooperative-sticky": kgo.CooperativeStickyBalancer(),
	// What asks the server for its uniform assignor.
	"uniform": kgo.StickyBalancer(),
}

type program struct {
	owned map[string]map[int32]bool
}

func main() {
	args := member.ReadArguments()
	p := &program{owned: map[string]map[int32]bool{}}
	options := []kgo.Opt{
		kgo.SeedBrokers(args["bootstrap"]),
		kgo.ClientID(args["name"]),
		kgo.ConsumerGroup(args["group"]),
		kgo.Balancers(balancers[args["assignor"]]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(time.Second),
		kgo.OnPartitionsAssigned(p.assigned),
		kgo.OnPartitionsRevoked(p.revoked),
		kgo.OnPartitionsLost(p.lost),
	}
	if pattern, ok := args["pattern"]; ok {
		options = append(options, kgo.ConsumeRegex(), kgo.ConsumeTopics(pattern))
	} else {
		options = append(options, kgo.ConsumeTopics(strings.Split(args["topic"], ",")...))
	}
	if instance, ok := args["instance"]; ok {
		options = append(options, kgo.InstanceID(instance))
	}
	if args["protocol"] == "classic" {
		options = append(options, kgo.SessionTimeout(args.Millis("sessionMs")), kgo.HeartbeatInterval(args.Millis("heartbeatMs")))
	} else {
		options = append(options, kgo.ServerSideBalancer())
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		member.Say("error", err)
		os.Exit(1)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		member.UntilEndOfInput()
		stop()
	}()
	member.Say("ready")
	for ctx.Err() == nil {
		readAndCommit(ctx, client)
	}
	client.CloseAllowingRebalance()
	member.Say("bye")
}

func readAndCommit(ctx context.Context, client *kgo.Client) {
	fetches := client.PollRecords(ctx, 200)
	defer client.AllowRebalance()
	fetches.EachError(func(topic string, partition int32, err error) {
		var session *kgo.ErrGroupSession
		switch {
		case errors.Is(err, context.Canceled):
		case errors.As(err, &session):
			// The client joins again by itself.
			member.Say("refused", err)
		default:
			member.Say("error", topic, partition, err)
		}
	})
	offsets := kadm.OffsetsFromFetches(fetches)
	fetches.EachRecord(func(record *kgo.Record) {
		member.Read(member.Name(record.Topic, record.Partition), record.Offset, record.Value)
	})
	if len(offsets) == 0 {
		return
	}
	member.Say("commits")
	limited, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := client.CommitRecords(limited, fetches.Records()...); err != nil {
		member.Say("refused", err)
		return
	}
	offsets.Each(func(offset kadm.Offset) {
		member.Say("committed", member.Name(offset.Topic, offset.Partition), offset.At)
	})
}

func (p *program) assigned(_ context.Context, client *kgo.Client, added map[string][]int32) {
	for topic, partitions := range added {
		if p.owned[topic] == nil {
			p.owned[topic] = map[int32]bool{}
		}
		for _, partition := range partitions {
			p.owned[topic][partition] = true
		}
	}
	id, generation := client.GroupMetadata()
	if id == "" {
		id = "-"
	}
	member.Say("owns", generation, id, member.Names(p.all()))
}

func (p *program) revoked(_ context.Context, _ *kgo.Client, removed map[string][]int32) {
	p.giveUp("gives", removed)
}

func (p *program) lost(_ context.Context, _ *kgo.Client, removed map[string][]int32) {
	p.giveUp("loses", removed)
}

// Everything that was polled is committed already: polling blocks rebalances.
func (p *program) giveUp(word string, removed map[string][]int32) {
	names := member.Names(removed)
	if names == "-" {
		return
	}
	for topic, partitions := range removed {
		for _, partition := range partitions {
			delete(p.owned[topic], partition)
		}
	}
	member.Say(word, names)
}

func (p *program) all() map[string][]int32 {
	all := map[string][]int32{}
	for topic, partitions := range p.owned {
		for partition := range partitions {
			all[topic] = append(all[topic], partition)
		}
	}
	return all
}
