package afpacket

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// scale adds up the weights of frames.
type scale struct {
	mu      sync.Mutex
	weights map[uint32]uint64
	total   uint64
	table   *flow.Table
	decoder *packet.Decoder
	packet  packet.Packet
	onFrame func()
}

func newScale() *scale {
	return &scale{weights: map[uint32]uint64{}, table: flow.New(flow.DefaultConfig(), flow.Place{}, nil), decoder: packet.New()}
}

func (s *scale) Frame(f *source.Frame) {
	s.mu.Lock()
	s.weights[f.Weight]++
	s.total += uint64(max(f.Weight, 1))
	s.decoder.Decode(&s.packet, f.Link, f.Data, f.Wire)
	s.table.AddWeighted(&s.packet, f.Data, f.Time, f.Weight)
	hook := s.onFrame
	s.mu.Unlock()
	if hook != nil {
		hook()
	}
}

func (*scale) Tick(int64) {}

func (s *scale) seen() (total uint64, weights map[uint32]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	weights = map[uint32]uint64{}
	for k, v := range s.weights {
		weights[k] = v
	}
	return s.total, weights
}

func (s *scale) records() (out []flowrecord.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.Flush(time.Now().UnixNano(), flowrecord.FinishStopped, func(r *flowrecord.Record) { out = append(out, *r) })
	return out
}

// within fails unless an estimate from one of n packets is 5 standard errors
// from the truth at most: a test of two such is wrong once in a million runs.
func within(t *testing.T, what string, got, truth uint64, n float64) {
	t.Helper()
	sigma := math.Sqrt(float64(truth) * (n - 1))
	if d := float64(got) - float64(truth); math.Abs(d) > 5*sigma {
		t.Errorf("%s: %d, the truth is %d: %.1f standard errors of %.0f", what, got, truth, d/sigma, sigma)
	} else {
		t.Logf("%s: %d, the truth is %d: %.1f standard errors of %.0f", what, got, truth, d/sigma, sigma)
	}
}

// TestSampling counts one frame of eight, in two workers, and comes close to what
// was sent: in frames, bytes, and the records of flows.
func TestSampling(t *testing.T) {
	const flows, each, n = 4, 10_000, 8
	w := newWorld(t)
	workers := []*scale{newScale(), newScale()}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, workers[0], workers[1])
	if err := c.src.SetSampling(n); err != nil {
		t.Fatal(err)
	}
	s := w.sender(w.a, "va")
	length := 0
	for range each {
		for i := range flows {
			f := ether(0x0800, ipv4(17, uint16(i), 99, udp(uint16(1000+i), 2000, make([]byte, 100))))
			length = len(f)
			s.send(f)
		}
	}
	last := uint64(0)
	c.Until("no more frames come", func(st source.Stats) bool {
		again := st.Received == last
		last = st.Received
		return again && last > 0
	})
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	total, records := uint64(0), []flowrecord.Record(nil)
	for _, wk := range workers {
		sum, weights := wk.seen()
		total += sum
		if len(weights) > 1 || weights[n] == 0 && sum > 0 {
			t.Errorf("weights %v", weights)
		}
		records = append(records, wk.records()...)
	}
	st := c.src.Stats()
	if st.Dropped != 0 || st.Received*n != total {
		t.Errorf("%d frames of a total of %d, %+v", st.Received, total, st)
	}
	within(t, "frames", total, flows*each, n)
	if len(records) != flows {
		t.Errorf("%d flows", len(records))
	}
	for _, r := range records {
		if r.SamplingRate != n {
			t.Errorf("rate %d", r.SamplingRate)
		}
		if r.Metric.ABBytes != r.Metric.ABPackets*int64(length) {
			t.Errorf("%+v with frames of %d bytes", r.Metric, length)
		}
		within(t, "a flow", uint64(r.Metric.ABPackets), each, n)
	}
	if st.CPU <= 0 || st.CPU > time.Minute || st.Memory != 0 {
		t.Errorf("processor time %s, %d bytes of memory after the end", st.CPU, st.Memory)
	}
}

// TestSamplingChanges has frames that are in the ring when the rate changes keep
// the rate that they were chosen with, and the sum stay what was sent.
func TestSamplingChanges(t *testing.T) {
	const exact, thinned = 2000, 20_000
	w := newWorld(t)
	wk := newScale()
	var once sync.Once
	blocked, release := make(chan struct{}), make(chan struct{})
	wk.onFrame = func() {
		once.Do(func() { close(blocked); <-release })
	}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, wk)
	if m := c.src.Stats().Memory; m != 16<<20 {
		t.Errorf("%d bytes of memory", m)
	}
	s := w.sender(w.a, "va")
	send := func(n int) {
		for range n {
			s.send(ether(0x0800, ipv4(17, 1, 2, udp(1, 2, make([]byte, 20)))))
		}
	}
	send(1)
	<-blocked // from here on all stays in the ring
	send(exact - 1)
	if err := c.src.SetSampling(10); err != nil {
		t.Fatal(err)
	}
	send(thinned)
	if err := c.src.SetSampling(1); err != nil {
		t.Fatal(err)
	}
	send(exact)
	close(release)
	c.Until("the last frames are there", func(source.Stats) bool { _, weights := wk.seen(); return weights[0] >= 2*exact })
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	total, weights := wk.seen()
	if weights[0] != 2*exact || len(weights) != 2 {
		t.Errorf("weights %v, want %d of frames that were all taken", weights, 2*exact)
	}
	if st := c.src.Stats(); st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
	within(t, "frames", total-2*exact, thinned, 10)
}

// TestSamplingBeforeStart has the rate be in force from the first frame.
func TestSamplingBeforeStart(t *testing.T) {
	w := newWorld(t)
	wk := newScale()
	src, err := New(Config{Interface: "vb", NetNS: path(w.b)})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.SetSampling(4); err != nil {
		t.Fatal(err)
	}
	c := run(t, src, wk)
	s := w.sender(w.a, "va")
	for range 4000 {
		s.send(ether(0x0800, ipv4(17, 1, 2, udp(1, 2, nil))))
	}
	c.Until("some frames are there", func(st source.Stats) bool { return st.Received > 0 })
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	total, weights := wk.seen()
	if len(weights) != 1 {
		t.Errorf("weights %v", weights)
	}
	within(t, "frames", total, 4000, 4)
}
