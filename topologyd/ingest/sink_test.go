package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/api/httpx/httpxtest"
	"github.com/skein-net/skein/topologyd/engine"
)

// fakeSink remembers what it was given.
type fakeSink struct {
	mu      sync.Mutex
	known   map[uint64]bool
	touched map[uint64]int64
	events  []entity.Event
	metrics []engine.Metric
	batches int
	// err, when set, answers every Submit; block, when set, holds it.
	err   error
	block chan struct{}
	panic bool
}

func (s *fakeSink) Touch(fps []uint64, times []int64, hit []bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, fp := range fps {
		if fp != 0 && s.known[fp] {
			hit[i] = true
			s.touched[fp] = times[i]
		}
	}
}

func (s *fakeSink) Submit(ctx context.Context, batch []engine.Item) (engine.Summary, error) {
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
			return engine.Summary{}, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panic {
		panic("sink")
	}
	if s.err != nil {
		return engine.Summary{}, s.err
	}
	s.batches++
	for _, it := range batch {
		if it.Fingerprint != 0 {
			s.known[it.Fingerprint] = true
		}
		s.events = append(s.events, it.Event)
	}
	return engine.Summary{Changed: len(batch)}, nil
}

func (s *fakeSink) SubmitMetrics(_ context.Context, ms []engine.Metric) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metrics = append(s.metrics, ms...)
	return len(ms)
}

func (s *fakeSink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

// bench is an ingest on a test server.
type bench struct {
	t      testing.TB
	sink   *fakeSink
	flows  *fakeFlows
	series *fakeSeries
	in     *Ingest
	reg    *prometheus.Registry
	server *httptest.Server
}

func newBench(t testing.TB, change func(*Config)) *bench {
	t.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	b := &bench{t: t, sink: &fakeSink{known: map[uint64]bool{}, touched: map[uint64]int64{}}, flows: &fakeFlows{}, series: &fakeSeries{}, reg: prometheus.NewRegistry()}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	if b.in, err = New(cfg, Sinks{Events: b.sink, Flows: b.flows, Series: b.series}, log, b.reg); err != nil {
		t.Fatal(err)
	}
	o, err := httpx.NewObserver(log, b.reg)
	if err != nil {
		t.Fatal(err)
	}
	routes := b.in.Routes()
	for i := range routes {
		routes[i] = o.Route(routes[i])
	}
	b.server = httptest.NewServer(httpx.Mux(routes))
	t.Cleanup(b.server.Close)
	return b
}

// post sends a body and returns status, headers and answer.
func (b *bench) post(path string, body []byte, headers ...string) (int, http.Header, []byte) {
	b.t.Helper()
	resp, answer := httpxtest.Do(b.t, b.server.Client(), http.MethodPost, b.server.URL+path, body, headers...)
	return resp.StatusCode, resp.Header, answer
}

// counter returns the value of a metric with the label values.
func (b *bench) counter(name string, labels ...string) float64 {
	b.t.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			has := 0
			for _, want := range labels {
				for _, l := range m.GetLabel() {
					if l.GetValue() == want {
						has++
					}
				}
			}
			if has == len(labels) {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func event(i int) *entity.Event {
	return &entity.Event{
		Ref:        entity.InterfaceRef("host-1", "4026531840", fmt.Sprint(i)),
		Source:     "netlink",
		Time:       time.Unix(1700000000, int64(i)),
		Interval:   30 * time.Second,
		Attributes: entity.Attrs{entity.A("Name", entity.String(fmt.Sprintf("eth%d", i))), entity.A("MTU", entity.Int(1500))}.Normalize(),
		Relationships: []entity.Relationship{
			{Type: entity.RelPartOf, Target: entity.NetNSRef("host-1", "4026531840", "4")},
		},
	}
}

func lines(from, to int) []byte {
	var b []byte
	for i := from; i < to; i++ {
		b = lineproto.AppendEvent(b, event(i))
	}
	return b
}

func zip(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
