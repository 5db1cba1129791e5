// Package suite holds what the Go programs share: the vectors and the lines that say how a test went.
package suite

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Codecs in the order of the partitions that they fill; the numbers are those of the protocol.
var Codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// A Header's value is nil for null.
type Header struct {
	Name  string
	Value []byte
}

// A Vector is one shared record; interop/runner/vectors.ts says what the file looks like. Nil is null.
type Vector struct {
	Name        string
	Needs       []string
	TimestampMs int64
	Key, Value  []byte
	Headers     []Header
}

// A Run is one program's work: its arguments and how its tests went.
type Run struct {
	Address, Prefix string
	Vectors         []Vector
	// EmptyIsNull is for a client that hands out empty keys and values as null.
	EmptyIsNull    bool
	passed, failed int
	skipped        int
}

// Start reads the arguments and the vectors.
func Start() *Run {
	vectors, err := read(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return &Run{Address: os.Args[1], Prefix: os.Args[3], Vectors: vectors}
}

// Test runs one test and prints its line.
func (r *Run) Test(name string, test func() error) {
	if err := test(); err != nil {
		r.failed++
		fmt.Printf("not ok %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	r.passed++
	fmt.Printf("ok %s\n", name)
}

// Skip says what this client cannot do.
func (r *Run) Skip(name, why string) {
	r.skipped++
	fmt.Printf("skip %s: %s\n", name, why)
}

// Wrote tells the runner which partition holds the vectors, so that it looks at the disk.
func (r *Run) Wrote(topic string, partition int) {
	fmt.Printf("wrote %s %d %s -\n", topic, partition, Codecs[partition])
}

// End prints the totals and ends the process.
func (r *Run) End() {
	fmt.Printf("%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	if r.failed > 0 {
		os.Exit(1)
	}
	os.Exit(0)
}

// FirstAtOrAfter is the offset that a lookup of this timestamp must find.
func (r *Run) FirstAtOrAfter(timestampMs int64) int {
	return slices.IndexFunc(r.Vectors, func(v Vector) bool { return v.TimestampMs >= timestampMs })
}

// BetweenMs is a timestamp that falls between two vectors.
func (r *Run) BetweenMs() int64 {
	at := slices.IndexFunc(r.Vectors, func(v Vector) bool { return v.Name == "small-100" })
	return r.Vectors[at].TimestampMs - 1
}

// Compare says what differs first between the vector at this offset and what came back.
func (r *Run) Compare(offset int, got Vector) error {
	if offset >= len(r.Vectors) {
		return fmt.Errorf("offset %d: expected nothing after %d records", offset, len(r.Vectors))
	}
	want := r.Vectors[offset]
	if want.TimestampMs != got.TimestampMs {
		return fmt.Errorf("%s timestamp: expected %d, came %d", want.Name, want.TimestampMs, got.TimestampMs)
	}
	if err := r.same(want.Name+" key", want.Key, got.Key); err != nil {
		return err
	}
	if err := r.same(want.Name+" value", want.Value, got.Value); err != nil {
		return err
	}
	if len(want.Headers) != len(got.Headers) {
		return fmt.Errorf("%s: expected %d headers, came %d", want.Name, len(want.Headers), len(got.Headers))
	}
	for i, header := range want.Headers {
		if header.Name != got.Headers[i].Name {
			return fmt.Errorf("%s: expected header %q, came %q", want.Name, header.Name, got.Headers[i].Name)
		}
		if err := r.same(want.Name+" header "+header.Name, header.Value, got.Headers[i].Value); err != nil {
			return err
		}
	}
	return nil
}

// Equal fails with what was expected and what came.
func Equal[T comparable](what string, want, got T) error {
	if want != got {
		return fmt.Errorf("%s: expected %v, came %v", what, want, got)
	}
	return nil
}

// Eventually polls a condition for some seconds: what one request changed, the next may see an instant later.
func Eventually(what string, holds func() (bool, error)) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ok, err := holds()
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("expected %s within 10 s, last error: %v", what, err)
		}
	}
}

func (r *Run) same(what string, want, got []byte) error {
	nullDiffers := (want == nil) != (got == nil) && !r.EmptyIsNull
	if nullDiffers || !bytes.Equal(want, got) {
		return fmt.Errorf("%s: expected %s, came %s", what, brief(want), brief(got))
	}
	return nil
}

func brief(b []byte) string {
	if b == nil {
		return "null"
	}
	return fmt.Sprintf("%d bytes %x", len(b), b[:min(len(b), 32)])
}

func read(path string) ([]Vector, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 8<<20)
	var vectors []Vector
	for lines.Scan() {
		vector, err := parse(strings.Split(lines.Text(), "\t"))
		if err != nil {
			return nil, err
		}
		vectors = append(vectors, vector)
	}
	return vectors, lines.Err()
}

func parse(field []string) (vector Vector, err error) {
	vector.Name = field[0]
	if field[1] != "-" {
		vector.Needs = strings.Split(field[1], ",")
	}
	if vector.TimestampMs, err = strconv.ParseInt(field[2], 10, 64); err != nil {
		return vector, err
	}
	if vector.Key, err = unhex(field[3]); err != nil {
		return vector, err
	}
	if vector.Value, err = unhex(field[4]); err != nil || field[5] == "-" {
		return vector, err
	}
	for _, header := range strings.Split(field[5], ";") {
		name, value, _ := strings.Cut(header, "=")
		decoded, err := unhex(value)
		if err != nil {
			return vector, err
		}
		vector.Headers = append(vector.Headers, Header{name, decoded})
	}
	return vector, nil
}

func unhex(text string) ([]byte, error) {
	if text == "-" {
		return nil, nil
	}
	return hex.DecodeString(text)
}
