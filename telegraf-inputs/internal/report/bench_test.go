package report

import (
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/internal/entity"
)

func benchReporter(b *testing.B) (*Reporter, chan telegraf.Metric) {
	ch := make(chan telegraf.Metric, 100)
	r, err := New(testConfig(), agent.NewAccumulator(maker{testutil.Logger{}}, ch), testutil.Logger{})
	if err != nil {
		b.Fatal(err)
	}
	r.Start(b.Context())
	return r, ch
}

// BenchmarkUnchanged is the cost of a Set that says nothing new.
func BenchmarkUnchanged(b *testing.B) {
	r, ch := benchReporter(b)
	defer r.Stop()
	r.Set(event(1, "eth0"))
	(<-ch).Accept()
	ev := event(1, "eth0")
	b.ReportAllocs()
	for b.Loop() {
		r.Set(ev)
	}
}

// BenchmarkChangeToAccumulator is the time from a Set on an idle reporter
// until the metric is in Telegraf's hands.
func BenchmarkChangeToAccumulator(b *testing.B) {
	r, ch := benchReporter(b)
	defer r.Stop()
	events := [2]entity.Event{event(1, "eth0"), event(1, "eth1")}
	i := 0
	for b.Loop() {
		r.Set(events[i&1])
		(<-ch).Accept()
		i++
	}
}
