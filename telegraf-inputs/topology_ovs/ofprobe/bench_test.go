package ofprobe

import (
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// benchFollow is a connection without a switch, with 5,000 rules to read.
func benchFollow(b testing.TB) (*follow, []openflow.Message) {
	cfg := testConfig()
	bridge := testBridge(b)
	src := newSource(&cfg, bridge, &testutil.Accumulator{}, &testutil.CaptureLogger{})
	f := &follow{source: src, bridge: bridge, out: &discard{}, listed: true, monitored: true}
	src.budget = newBudget(1)
	f.sess = &session{Dialect: openflow.Dialect{Version: openflow.V13}}
	var entries [][]byte
	for i := range uint32(5000) {
		entries = append(entries, fakeRule{table: uint8(i % 8), in: i, out: i % 9, priority: uint16(i % 50), packets: uint64(i)}.stats())
	}
	var messages []openflow.Message
	for _, raw := range parts(1, 1, entries) {
		m, err := openflow.ParseMessage(raw)
		if err != nil {
			b.Fatal(err)
		}
		messages = append(messages, m)
	}
	return f, messages
}

type discard struct{}

func (*discard) Set(entity.Event)          {}
func (*discard) Delete(entity.Ref, string) {}
func (*discard) Listed()                   {}

func (f *follow) benchRead(b *testing.B, messages []openflow.Message) {
	now := time.Now()
	f.rulesReq = newRequest(openflow.KindFlowStats, 1, now)
	f.rules.begin()
	for _, m := range messages {
		if err := f.rulesPart(m, now); err != nil {
			b.Fatal(err)
		}
	}
	f.flush(now)
}

// BenchmarkFirstRead reads 5,000 rules that are new.
func BenchmarkFirstRead(b *testing.B) {
	f, messages := benchFollow(b)
	b.ReportAllocs()
	for b.Loop() {
		f.rules.clear()
		f.benchRead(b, messages)
	}
	if n := len(f.rules.entries); n != 5000 {
		b.Fatal(n)
	}
}

// BenchmarkNextRead reads 5,000 rules of which only counters changed.
func BenchmarkNextRead(b *testing.B) {
	f, messages := benchFollow(b)
	f.benchRead(b, messages)
	b.ReportAllocs()
	for b.Loop() {
		f.benchRead(b, messages)
	}
	if n := len(f.rules.entries); n != 5000 {
		b.Fatal(n)
	}
}

// BenchmarkChange takes one change of 5,000 rules and reports it.
func BenchmarkChange(b *testing.B) {
	f, messages := benchFollow(b)
	f.benchRead(b, messages)
	var changes []openflow.Message
	for i := range uint32(2) {
		m, err := openflow.ParseMessage(fakeRule{table: 1, in: 1, priority: 1, out: i}.update(2))
		if err != nil {
			b.Fatal(err)
		}
		changes = append(changes, m)
	}
	now := time.Now()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := f.updates(changes[i&1], now); err != nil {
			b.Fatal(err)
		}
		f.flush(now)
		i++
	}
}
