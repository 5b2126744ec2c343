package report

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fate is what the fake pipeline does with a metric.
type fate int

const (
	accept fate = iota
	reject
	drop
	swallow // never answer
	hold    // answer later, by release
)

// pipeline stands for everything behind Telegraf's accumulator, which is the
// real one. It hands each metric to decide and keeps the newest state of each
// entity that it accepted, as a receiver would.
type pipeline struct {
	t      testing.TB
	ch     chan telegraf.Metric
	done   chan struct{}
	decide func(telegraf.Metric) fate

	mu       sync.Mutex
	seen     []arrival
	state    map[string]arrival // by tag entity
	held     []telegraf.Metric
	inFlight int
	most     int
	lastTime map[string]time.Time
}

// arrival is one metric as the receiver saw it.
type arrival struct {
	id, measurement, name string
	stamp, at             time.Time
}

func newPipeline(t testing.TB, decide func(telegraf.Metric) fate) *pipeline {
	p := &pipeline{
		t: t, ch: make(chan telegraf.Metric, 100), done: make(chan struct{}), decide: decide,
		state: make(map[string]arrival), lastTime: make(map[string]time.Time),
	}
	if decide == nil {
		p.decide = func(telegraf.Metric) fate { return accept }
	}
	go func() {
		defer close(p.done)
		for m := range p.ch {
			p.take(m)
		}
	}()
	return p
}

func (p *pipeline) take(m telegraf.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := arrival{id: m.Tags()["entity"], measurement: m.Name(), stamp: m.Time(), at: time.Now()}
	if v, ok := m.GetField("Name"); ok {
		a.name = v.(string)
	}
	if last := p.lastTime[a.id]; !a.stamp.After(last) {
		p.t.Errorf("time stamp %v of %s is not after %v", a.stamp, a.id, last)
	}
	p.lastTime[a.id] = a.stamp
	p.seen = append(p.seen, a)
	what := p.decide(m)
	switch what {
	case accept:
		p.receive(a)
		m.Accept()
	case reject:
		m.Reject()
	case drop:
		m.Drop()
	case hold:
		p.held = append(p.held, m)
		p.inFlight++
		p.most = max(p.most, p.inFlight)
	case swallow:
	}
}

func (p *pipeline) receive(a arrival) {
	if old, ok := p.state[a.id]; !ok || a.stamp.After(old.stamp) {
		p.state[a.id] = a
	}
}

// release accepts all metrics that are held and returns their number.
func (p *pipeline) release() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.held)
	for _, m := range p.held {
		m.Accept()
	}
	p.held, p.inFlight = nil, 0
	return n
}

func (p *pipeline) arrivals() []arrival {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]arrival(nil), p.seen...)
}

func (p *pipeline) close() {
	close(p.ch)
	<-p.done
}

// maker is what the accumulator asks of a running input.
type maker struct{ log telegraf.Logger }

func (maker) LogName() string                              { return "test" }
func (maker) MakeMetric(m telegraf.Metric) telegraf.Metric { return m }
func (m maker) Log() telegraf.Logger                       { return m.log }
func (p *pipeline) accumulator() telegraf.Accumulator {
	return agent.NewAccumulator(maker{testutil.Logger{}}, p.ch)
}

func testConfig() Config {
	cfg := DefaultConfig()
	cfg.Source = "test"
	return cfg
}

// startReporter runs a reporter over a pipeline in a bubble of fake time.
func startReporter(t *testing.T, cfg Config, p *pipeline) *Reporter {
	t.Helper()
	cfg.Tags = map[string]string{"test": t.Name()}
	r, err := New(cfg, p.accumulator(), testutil.Logger{Name: "report"})
	require.NoError(t, err)
	for _, s := range []interface{ Set(int64) }{r.stats.reportsSent, r.stats.changesSent, r.stats.deletesSent,
		r.stats.retriesSent, r.stats.rejected, r.stats.ackTimeouts, r.stats.invalid} {
		s.Set(0)
	}
	r.Start(context.Background())
	return r
}

// bubble runs f in fake time with a reporter over a pipeline, and stops both.
func bubble(t *testing.T, cfg Config, decide func(telegraf.Metric) fate, f func(t *testing.T, r *Reporter, p *pipeline)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, decide)
		defer p.close()
		r := startReporter(t, cfg, p)
		defer r.Stop()
		f(t, r, p)
	})
}

func ref(n int) entity.Ref { return entity.InterfaceRef("h", "1", fmt.Sprint(n)) }

func event(n int, name string) entity.Event {
	return entity.Event{Ref: ref(n), Attributes: entity.Attrs{
		entity.A("MTU", entity.Int(1500)),
		entity.A("Name", entity.String(name)),
	}}
}
