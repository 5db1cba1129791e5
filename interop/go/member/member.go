// Package member holds what the Go programs of a group share: their arguments, and what they say, as interop/groups/events.ts reads it.
package member

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Arguments are `name=value`.
type Arguments map[string]string

// ReadArguments reads the command line.
func ReadArguments() Arguments {
	arguments := Arguments{}
	for _, argument := range os.Args[1:] {
		name, value, _ := strings.Cut(argument, "=")
		arguments[name] = value
	}
	return arguments
}

// Millis is an argument that is a time in milliseconds.
func (a Arguments) Millis(name string) time.Duration {
	ms, err := strconv.Atoi(a[name])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s=%s: %v\n", name, a[name], err)
		os.Exit(2)
	}
	return time.Duration(ms) * time.Millisecond
}

var (
	mutex sync.Mutex
	out   = bufio.NewWriter(os.Stdout)
)

// Say writes a whole line, gone from this process before it does anything else: it may be killed at any time.
func Say(word string, values ...any) {
	mutex.Lock()
	defer mutex.Unlock()
	line(word, values)
	out.Flush()
}

// Read is a line that the next Say takes along.
func Read(partition string, offset int64, value []byte) {
	mutex.Lock()
	defer mutex.Unlock()
	line("read", []any{partition, offset, string(value)})
}

func line(word string, values []any) {
	fmt.Fprintf(out, "%d %s", time.Now().UnixMilli(), word)
	for _, value := range values {
		fmt.Fprint(out, " ", strings.NewReplacer(" ", "_", "\n", "_").Replace(fmt.Sprint(value)))
	}
	fmt.Fprintln(out)
}

// Name is how a partition is called.
func Name(topic string, partition int32) string { return fmt.Sprintf("%s-%d", topic, partition) }

// Names lists partitions.
func Names(partitions map[string][]int32) string {
	var names []string
	for topic, numbers := range partitions {
		for _, number := range numbers {
			names = append(names, Name(topic, number))
		}
	}
	if len(names) == 0 {
		return "-"
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// UntilEndOfInput returns when standard input ends, the sign to stop in good order.
func UntilEndOfInput() {
	_, _ = io.Copy(io.Discard, os.Stdin)
}
