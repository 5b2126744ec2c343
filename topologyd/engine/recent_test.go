package engine

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

func testRecent(size, spare int) *Engine {
	e := &Engine{graph: graph.New(graph.DefaultConfig())}
	e.recent.init(size)
	e.recent.room = spare
	e.recent.start(0)
	e.running.Store(true)
	return e
}

// fill publishes n changes after revision from, with a node each.
func (e *testEngine) fill(from uint64, n int) {
	out := make([]graph.Change, n)
	for i := range out {
		out[i] = graph.Change{Revision: from + uint64(i) + 1, Op: graph.NodeUpdated,
			Node: &graph.Node{Attrs: entity.Attrs{entity.A("A", entity.Int(1))}}}
	}
	e.recent.publish(out)
}

type testEngine struct{ *Engine }

// TestRecentIsWhatWasPublished reads with readers of random paces and
// compares with all that was published.
func TestRecentIsWhatWasPublished(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		size, spare := 1+rng.IntN(3000), rng.IntN(1_000_000)
		e := testEngine{testRecent(size, spare)}
		type reader struct {
			s    *Subscription
			next uint64 // revision it has to see
		}
		var readers []*reader
		last := uint64(0)
		for range 60 {
			switch rng.IntN(4) {
			case 0, 1:
				n := rng.IntN(1500)
				e.fill(last, n)
				last += uint64(n)
			case 2:
				from := uint64(0)
				if last > 0 {
					from = rng.Uint64N(last) + 1
				}
				n, ok := e.recent.find(from)
				if ok && n != from { // change n made revision n+1
					t.Fatalf("revision %d is followed by change %d", from, n)
				}
				if !ok && from > 0 && from >= e.recent.first {
					t.Fatalf("changes after %d are not found, %d to %d are kept", from, e.recent.first, e.recent.next)
				}
				s := &Subscription{r: &e.recent, at: n}
				if !ok {
					s.at = e.recent.next
				}
				e.recent.readers[s] = struct{}{}
				readers = append(readers, &reader{s, s.at + 1})
			default:
				for i := 0; i < len(readers); i++ {
					r := readers[i]
					if rng.IntN(2) == 0 {
						continue
					}
					out, _, err := r.s.read()
					if errors.Is(err, ErrSlow) {
						if last-r.next+1 <= uint64(size) {
							t.Fatalf("cut off %d changes behind, %d may be kept", last-r.next+1, size)
						}
						r.s.Close()
						readers = append(readers[:i], readers[i+1:]...)
						i--
						continue
					}
					for _, c := range out {
						if c.Revision != r.next {
							t.Fatalf("revision %d instead of %d", c.Revision, r.next)
						}
						r.next++
					}
				}
			}
			if kept := e.recent.next - e.recent.first; kept > uint64(size) {
				t.Fatalf("%d changes are kept, %d may be", kept, size)
			}
			sum := 0
			for _, c := range e.recent.chunks {
				sum += c.bytes
			}
			if sum != e.recent.bytes {
				t.Fatalf("%d bytes are counted, %d are there", e.recent.bytes, sum)
			}
		}
	}
}

// TestRecentKeepsWhatIsNotRead: what everybody has read makes room, what
// somebody has not read stays up to the size.
func TestRecentKeepsWhatIsNotRead(t *testing.T) {
	const size, spare = 50_000, 100_000
	e := testEngine{testRecent(size, spare)}
	e.fill(0, 20_000)
	if most := spare + (recentChunk+1)*weight(e.recent.change(e.recent.first)); e.recent.bytes > most {
		t.Errorf("%d bytes are kept for nobody, more than %d", e.recent.bytes, most)
	}
	s, err := e.Subscribe(20_000)
	if err != nil || s.View() != nil {
		t.Fatal(err, s.View())
	}
	e.fill(20_000, 40_000)
	for want := uint64(20_001); want <= 60_000; {
		out, _, err := s.read()
		if err != nil {
			t.Fatalf("before revision %d: %v", want, err)
		}
		for _, c := range out {
			if c.Revision != want {
				t.Fatalf("revision %d instead of %d", c.Revision, want)
			}
			want++
		}
	}
	e.fill(60_000, recentChunk)
	if e.recent.next-e.recent.first > 2*recentChunk {
		t.Errorf("%d changes are kept that everybody has read", e.recent.next-e.recent.first)
	}
	e.fill(60_000+recentChunk, size+1)
	if _, _, err := s.read(); !errors.Is(err, ErrSlow) {
		t.Errorf("%v", err)
	}
	s.Close()
	s.Close()
	if len(e.recent.readers) != 0 {
		t.Error("the reader is still there")
	}
}

func BenchmarkPublish(b *testing.B) {
	e := testRecent(100_000, recentBytes)
	out := make([]graph.Change, 1000)
	attrs := make(entity.Attrs, 10)
	for i := range out {
		out[i] = graph.Change{Revision: uint64(i), Op: graph.NodeUpdated, Node: &graph.Node{Attrs: attrs}, OldNode: &graph.Node{Attrs: attrs}}
	}
	for b.Loop() {
		e.recent.publish(out)
	}
	b.ReportMetric(float64(len(out)*b.N)/b.Elapsed().Seconds(), "changes/s")
}
