package rawpackets

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func flowID(n int) (id flowrecord.ID) {
	id[0] = 1
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// data is n bytes that tell what number they are.
func data(number, n int) []byte {
	b := bytes.Repeat([]byte{byte(number)}, n)
	copy(b, binary.BigEndian.AppendUint32(nil, uint32(number)))
	return b
}

// all reads what a ring has for a match.
func all(c *cursor, m *match) (out []kept, lost int64) {
	for {
		k, n, more := c.read(m)
		out, lost = append(out, k...), lost+n
		if !more {
			return out, lost
		}
	}
}

// TestRing compares a ring with the list of all that was put into it.
func TestRing(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		ring := newRing(int64(minRing + r.IntN(64<<10)))
		sizes := []int{0, 1, 60, 128, 1514, 9000, 100_000}
		var model []source.Frame
		var cut uint64
		for i := range 2000 {
			f := source.Frame{
				Data: data(i, sizes[r.IntN(len(sizes))]), Wire: 100_000 + i, Time: int64(i) * 1e8, Link: 1, Outgoing: i%3 == 0,
			}
			ring.Keep(flowID(i%7), &f)
			if len(f.Data) > ring.longest {
				f.Data = f.Data[:ring.longest]
				cut++
			}
			model = append(model, f)
			if i%100 != 0 {
				continue
			}
			check(t, ring, model, &match{})
			from := model[r.IntN(len(model))].Time
			check(t, ring, model, &match{from: from, to: from + 20e8})
			check(t, ring, model, &match{flows: map[flowrecord.ID]struct{}{flowID(r.IntN(9)): {}}})
		}
		var s Stats
		ring.add(&s)
		if s.Cut != cut || s.Evicted+uint64(s.Packets) != 2000 {
			t.Errorf("seed %d: %+v, want %d cut", seed, s, cut)
		}
	}
}

func check(t *testing.T, ring *Ring, model []source.Frame, m *match) {
	t.Helper()
	var s Stats
	ring.add(&s)
	first := len(model) - int(s.Packets)
	if first < 0 {
		t.Fatalf("%d kept of %d", s.Packets, len(model))
	}
	got, lost := all(newCursor(ring, m.from), m)
	if lost != 0 {
		t.Fatalf("%d lost while nobody writes", lost)
	}
	var sum int64
	for i := first; i < len(model); i++ {
		f, id := &model[i], flowID(i%7)
		sum += int64(len(f.Data))
		if !m.time(f.Time) || !m.flow(id) {
			continue
		}
		if len(got) == 0 {
			t.Fatalf("packet %d is missing", i)
		}
		k := got[0]
		got = got[1:]
		if !bytes.Equal(k.data, f.Data) || k.time != f.Time || int(k.wire) != f.Wire || k.link != f.Link || k.out != f.Outgoing || k.flow != id {
			t.Fatalf("packet %d: %+v, want %+v", i, k, f)
		}
	}
	if len(got) != 0 || sum != s.Bytes {
		t.Fatalf("%d too many, %d bytes, want %d", len(got), s.Bytes, sum)
	}
}

// TestOvertaken has a reader that is slower than the writer.
func TestOvertaken(t *testing.T) {
	ring := newRing(64 << 10)
	put := func(from, to int) {
		for i := from; i < to; i++ {
			ring.Keep(flowID(1), &source.Frame{Data: data(i, 100), Wire: 100, Time: int64(i)})
		}
	}
	put(0, 400)
	c := newCursor(ring, 0)
	put(400, 10_000)
	got, lost := all(c, &match{})
	if len(got) != 0 || lost < 400 {
		t.Errorf("%d packets after the end, %d lost", len(got), lost)
	}
	c.grow()
	got, more := all(c, &match{})
	if n := int64(len(got)) + lost + more; n != 10_000 {
		t.Errorf("%d read, %d and %d lost, of 10000", len(got), lost, more)
	}
	if last := got[len(got)-1]; last.time != 9999 {
		t.Errorf("the last one is %d", last.time)
	}
	ring.close()
	ring.Keep(flowID(1), &source.Frame{Data: data(1, 1)})
	if got, lost = all(c, &match{}); len(got) != 0 || lost != 0 {
		t.Errorf("%d read and %d lost of a closed ring", len(got), lost)
	}
}

// TestClockBack has a clock that is set back: what is asked for is found before
// and after it.
func TestClockBack(t *testing.T) {
	ring := newRing(1 << 20)
	for i := range 5000 {
		at := int64(i) * 1e9
		if i >= 2500 {
			at -= 2000e9
		}
		ring.Keep(flowID(1), &source.Frame{Data: data(i, 60), Wire: 60, Time: at})
	}
	m := &match{from: 2000e9, to: 2100e9}
	if got, _ := all(newCursor(ring, m.from), m); len(got) != 202 {
		t.Errorf("%d packets, want 202", len(got))
	}
}

func TestKeepAllocatesNothing(t *testing.T) {
	ring := newRing(1 << 20)
	f := source.Frame{Data: data(1, 128), Wire: 1514, Time: 1}
	if n := testing.AllocsPerRun(20_000, func() { ring.Keep(flowID(1), &f); f.Time++ }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func BenchmarkKeep(b *testing.B) {
	for _, size := range []int{64, 128, 1514} {
		b.Run(strconv.Itoa(size)+"B", func(b *testing.B) {
			ring := newRing(64 << 20)
			f := source.Frame{Data: data(1, size), Wire: 1514, Time: 1}
			id := flowID(1)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				f.Time += 1000
				ring.Keep(id, &f)
			}
		})
	}
}

// BenchmarkKeepWhileFetched keeps packets while another goroutine reads the ring
// over and over.
func BenchmarkKeepWhileFetched(b *testing.B) {
	ring := newRing(64 << 20)
	f := source.Frame{Data: data(1, 128), Wire: 1514, Time: 1}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				all(newCursor(ring, 0), &match{})
			}
		}
	}()
	for b.Loop() {
		f.Time += 1000
		ring.Keep(flowID(1), &f)
	}
	close(stop)
	<-done
}

func BenchmarkRead(b *testing.B) {
	ring := newRing(64 << 20)
	for i := range 1_000_000 {
		ring.Keep(flowID(i), &source.Frame{Data: data(i, 128), Wire: 1514, Time: int64(i)})
	}
	var n int
	for b.Loop() {
		got, _ := all(newCursor(ring, 0), &match{})
		n = len(got)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/packet")
}

// BenchmarkKeepTogether keeps packets of two workers: in a ring each, and in one
// that they share.
func BenchmarkKeepTogether(b *testing.B) {
	for name, workers := range map[string]int{"own": 2, "shared": 1} {
		b.Run(name, func(b *testing.B) {
			g := NewRegistry(DefaultRegistryConfig())
			s, err := g.Open("d/a", Config{Bytes: 64 << 20, Workers: workers})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var worker atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				ring := s.Keeper(int(worker.Add(1)))
				f := source.Frame{Data: data(1, 128), Wire: 1514, Time: 1}
				for pb.Next() {
					f.Time += 1000
					ring.Keep(flowID(1), &f)
				}
			})
		})
	}
}
