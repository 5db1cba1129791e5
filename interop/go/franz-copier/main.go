// Command franz-copier consumes in a group with franz-go, changes what it read, produces it to the same partition of another topic and commits the offsets, all in
// one transaction. It may be killed at any time; the group as a whole must write everything exactly once.
package main

import (
	"context"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"ottla/interop/member"
)

// So slow that a kill falls into a transaction more often than not.
const pause = 20 * time.Millisecond

var balancers = map[string]kgo.GroupBalancer{
	"range":              kgo.RangeBalancer(),
	"cooperative-sticky": kgo.CooperativeStickyBalancer(),
	"uniform":            kgo.StickyBalancer(),
}

func main() {
	args := member.ReadArguments()
	options := []kgo.Opt{
		kgo.SeedBrokers(args["bootstrap"]),
		kgo.ClientID(args["name"]),
		kgo.ConsumerGroup(args["group"]),
		kgo.ConsumeTopics(args["topic"]),
		kgo.Balancers(balancers[args["assignor"]]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
		kgo.TransactionalID(args["transactionalId"]),
		kgo.TransactionTimeout(args.Millis("transactionMs")),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RetryTimeout(time.Minute),
	}
	if args["protocol"] == "classic" {
		options = append(options, kgo.SessionTimeout(args.Millis("sessionMs")), kgo.HeartbeatInterval(args.Millis("heartbeatMs")))
	} else {
		options = append(options, kgo.ServerSideBalancer())
	}
	session, err := kgo.NewGroupTransactSession(options...)
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
		fetches := session.PollRecords(ctx, 200)
		for _, err := range fetches.Errors() {
			if ctx.Err() == nil {
				member.Say("refused", err.Err)
			}
		}
		if !fetches.Empty() {
			copyAll(session, fetches, args["output"])
		}
	}
	session.CloseAllowingRebalance()
	member.Say("bye")
}

func copyAll(session *kgo.GroupTransactSession, fetches kgo.Fetches, output string) {
	if err := session.Begin(); err != nil {
		fatal(err)
	}
	var failed error
	fetches.EachRecord(func(record *kgo.Record) {
		changed := &kgo.Record{Topic: output, Partition: record.Partition, Value: append(record.Value, "-copied"...)}
		session.Produce(context.Background(), changed, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	})
	// The promises have run when this returns.
	if err := session.Client().Flush(context.Background()); err != nil {
		fatal(err)
	}
	time.Sleep(pause)
	committed, err := session.End(context.Background(), kgo.TransactionEndTry(failed == nil))
	switch {
	case err != nil:
		fatal(err)
	case committed:
		member.Say("copied", fetches.NumRecords())
	default:
		member.Say("refused", "the transaction was aborted", failed)
	}
}

// Nothing but a new producer helps; the runner starts one, as a supervisor would.
func fatal(err error) {
	member.Say("fatal", err)
	os.Exit(3)
}
