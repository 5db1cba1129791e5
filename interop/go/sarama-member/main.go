// Command sarama-member is a member of a group with IBM's sarama: it reads, says what it read, then commits.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"ottla/interop/member"
)

var strategies = map[string]sarama.BalanceStrategy{
	"range":      sarama.NewBalanceStrategyRange(),
	"roundrobin": sarama.NewBalanceStrategyRoundRobin(),
	"sticky":     sarama.NewBalanceStrategySticky(),
}

type handler struct{}

func main() {
	args := member.ReadArguments()
	sarama.Logger = log.New(io.Discard, "", 0)
	config := sarama.NewConfig()
	config.ClientID = args["name"]
	config.Version = sarama.MaxVersion
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[args["assignor"]]}
	config.Consumer.Group.Session.Timeout = args.Millis("sessionMs")
	config.Consumer.Group.Heartbeat.Interval = args.Millis("heartbeatMs")
	config.Consumer.Group.Rebalance.Timeout = 20 * time.Second
	config.Consumer.Group.InstanceId = args["instance"]
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	config.Consumer.Return.Errors = true
	group, err := sarama.NewConsumerGroup([]string{args["bootstrap"]}, args["group"], config)
	if err != nil {
		member.Say("error", err)
		os.Exit(1)
	}
	go func() {
		for err := range group.Errors() {
			member.Say("refused", err)
		}
	}()
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		member.UntilEndOfInput()
		stop()
	}()
	member.Say("ready")
	for ctx.Err() == nil {
		// It returns at each rebalance.
		if err := group.Consume(ctx, strings.Split(args["topic"], ","), handler{}); err != nil && ctx.Err() == nil {
			member.Say("refused", err)
			time.Sleep(100 * time.Millisecond)
		}
	}
	if err := group.Close(); err != nil {
		member.Say("error", err)
	}
	member.Say("bye")
}

func (handler) Setup(session sarama.ConsumerGroupSession) error {
	member.Say("owns", session.GenerationID(), session.MemberID(), member.Names(session.Claims()))
	return nil
}

func (handler) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	member.Say("gives", member.Names(session.Claims()))
	return nil
}

// ConsumeClaim says nothing of its commits: this client does not tell whether one succeeded.
func (handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	name := member.Name(claim.Topic(), claim.Partition())
	for {
		select {
		case message, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			member.Read(name, message.Offset, message.Value)
			session.MarkMessage(message, "")
			if len(claim.Messages()) == 0 {
				member.Say("commits")
				session.Commit()
			}
		case <-session.Context().Done():
			member.Say("commits")
			return nil
		}
	}
}
