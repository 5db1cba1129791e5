// Command group-state says what the broker knows of a group: its state, its members, and its committed offsets beside the ends of the partitions.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ottla/interop/member"
)

func main() {
	args := member.ReadArguments()
	client, err := kgo.NewClient(kgo.SeedBrokers(args["bootstrap"]))
	if err != nil {
		fail(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	admin := kadm.NewClient(client)
	group := args["group"]
	listed, err := admin.ListGroups(ctx)
	if err != nil {
		fail(err)
	}
	fmt.Println("listed", listed[group].State, or(listed[group].ProtocolType))
	switch args["protocol"] {
	case "consumer":
		describe848(ctx, client, group)
	case "classic":
		described, err := admin.DescribeGroups(ctx, group)
		if err != nil {
			fail(err)
		}
		one := described[group]
		fmt.Println("group", one.State, or(one.Protocol))
		for _, m := range one.Members {
			assigned, _ := m.Assigned.AsConsumer()
			partitions := map[string][]int32{}
			if assigned != nil {
				for _, topic := range assigned.Topics {
					partitions[topic.Topic] = topic.Partitions
				}
			}
			fmt.Println("member", m.ClientID, member.Names(partitions))
		}
	}
	commits, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		fail(err)
	}
	ends, err := admin.ListEndOffsets(ctx, strings.Split(args["topic"], ",")...)
	if err != nil {
		fail(err)
	}
	for _, end := range ends.Offsets().Sorted() {
		commit, ok := commits.Lookup(end.Topic, end.Partition)
		if !ok {
			commit.At = -1
		}
		fmt.Println("offset", member.Name(end.Topic, end.Partition), commit.At, end.At)
	}
}

func describe848(ctx context.Context, client *kgo.Client, group string) {
	request := kmsg.NewPtrConsumerGroupDescribeRequest()
	request.Groups = []string{group}
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		fail(err)
	}
	one := response.Groups[0]
	if one.ErrorCode != 0 {
		fail(fmt.Errorf("ConsumerGroupDescribe: error %d", one.ErrorCode))
	}
	fmt.Println("group", one.State, or(one.AssignorName), one.Epoch, one.AssignmentEpoch)
	for _, m := range one.Members {
		partitions := map[string][]int32{}
		for _, topic := range m.Assignment.TopicPartitions {
			partitions[topic.Topic] = slices.Clone(topic.Partitions)
		}
		target := map[string][]int32{}
		for _, topic := range m.TargetAssignment.TopicPartitions {
			target[topic.Topic] = slices.Clone(topic.Partitions)
		}
		fmt.Println("member", m.ClientID, member.Names(partitions), member.Names(target), m.MemberEpoch, m.MemberType)
	}
}

func or(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
