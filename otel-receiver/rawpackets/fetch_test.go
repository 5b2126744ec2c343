package rawpackets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/source"
)

func open(t *testing.T, g *Registry, id string, workers int) *Store {
	t.Helper()
	s, err := g.Open(id, Config{Bytes: 1 << 20, Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// got is what was sent.
type got struct {
	mu   sync.Mutex
	list []*order.Packets
}

func (g *got) send(p *order.Packets) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, p)
	return true
}

// packets returns all packets and what was lost.
func (g *got) packets() (out []order.Packet, lost int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.list {
		out, lost = append(out, m.Packets...), lost+m.Lost
	}
	return out, lost
}

func fetch(t *testing.T, g *Registry, f order.Fetch) (packets []order.Packet, err error) {
	t.Helper()
	var a got
	f.Request = 7
	err = g.Fetch(t.Context(), &f, a.send)
	for i, m := range a.list {
		b, err := order.Encode(&order.Envelope{Packets: m})
		if err != nil || len(b) > order.MaxMessage/2 {
			t.Fatalf("a message of %d bytes: %v", len(b), err)
		}
		if m.Request != 7 || m.Done || m.Error != "" {
			t.Fatalf("message %d: %+v", i, m)
		}
	}
	packets, _ = a.packets()
	return packets, err
}

func TestFetch(t *testing.T) {
	g := NewRegistry(DefaultRegistryConfig())
	a, b, other := open(t, g, "def/a", 2), open(t, g, "def/b", 1), open(t, g, "other/a", 1)
	for i := range 3000 {
		f := source.Frame{Data: data(i, 60), Wire: 60, Time: int64(i + 1), Link: 1, Outgoing: i == 0}
		switch i % 4 {
		case 0:
			a.Keep(flowID(1), &f)
		case 1:
			a.Keeper(1).Keep(flowID(2), &f)
		case 2:
			b.Keep(flowID(3), &f)
		default:
			other.Keep(flowID(0), &f)
		}
	}
	for _, tc := range []struct {
		name string
		f    order.Fetch
		n    int
		err  string
	}{
		{"all", order.Fetch{}, 3000, ""},
		{"one", order.Fetch{Captures: []string{"def/b"}}, 750, ""},
		{"a definition", order.Fetch{Captures: []string{"def/"}}, 2250, ""},
		{"two flows", order.Fetch{Flows: []string{flowID(2).String(), flowID(3).String()}}, 1500, ""},
		{"no such flow", order.Fetch{Flows: []string{flowID(9).String()}}, 0, ""},
		{"a window", order.Fetch{From: 101, To: 200}, 100, ""},
		{"a limit", order.Fetch{Captures: []string{"def/"}, MaxPackets: 1234}, 1234, ""},
		{"a limit of bytes", order.Fetch{MaxBytes: 605}, 10, ""},
		{"no flow's ID", order.Fetch{Flows: []string{"x"}}, 0, `"x" is not the ID of a flow`},
		{"no capture", order.Fetch{Captures: []string{"de/"}}, 0, "keeps no packets here"},
	} {
		packets, err := fetch(t, g, tc.f)
		if len(packets) != tc.n || (tc.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %d packets, %v; want %d, %q", tc.name, len(packets), err, tc.n, tc.err)
		}
		if !slices.IsSortedFunc(packets, func(a, b order.Packet) int { return int(a.Time - b.Time) }) {
			t.Errorf("%s: not in order", tc.name)
		}
	}
	packets, _ := fetch(t, g, order.Fetch{MaxPackets: 1})
	if p := packets[0]; p.Capture != "def/a" || p.Flow != flowID(1).String() || !p.Out || p.Time != 1 || p.Link != 1 || p.Wire != 60 || len(p.Data) != 60 {
		t.Errorf("%+v", p)
	}
	if s := a.Stats(); s.Packets != 1500 || s.Bytes != 1500*60 || s.Evicted != 0 {
		t.Errorf("%+v", s)
	}
}

func TestRegistryBound(t *testing.T) {
	g := NewRegistry(RegistryConfig{MaxBytes: 2 << 20, MaxFetches: 1})
	a := open(t, g, "d/a", 1)
	open(t, g, "d/b", 4)
	if _, err := g.Open("d/a", DefaultConfig()); !errors.Is(err, ErrOpen) {
		t.Error(err)
	}
	if _, err := g.Open("d/c", Config{Bytes: 1}); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	if n, bytes := g.Stats(); n != 2 || bytes != 2<<20 {
		t.Error(n, bytes)
	}
	a.Close()
	a.Close()
	a.Keep(flowID(1), &source.Frame{Data: data(1, 9)})
	if n, bytes := g.Stats(); n != 1 || bytes != 1<<20 || a.Memory() != 1<<20 {
		t.Error(n, bytes)
	}
	open(t, g, "d/a", 1)
	if err := g.enter(); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t, g, order.Fetch{}); err == nil || !strings.Contains(err.Error(), "try again later") {
		t.Error(err)
	}
	g.leave()
}

// follow starts a followed fetch; stop ends it and returns its error.
func follow(t *testing.T, g *Registry, f order.Fetch, yield func(*order.Packets) bool) (stop func() error) {
	t.Helper()
	f.Follow = true
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Fetch(ctx, &f, yield) }()
	return func() error { cancel(); return <-done }
}

func TestFollow(t *testing.T) {
	g := NewRegistry(DefaultRegistryConfig())
	a := open(t, g, "def/a", 1)
	put := func(s *Store, i int) {
		s.Keep(flowID(1), &source.Frame{Data: data(i, 60), Wire: 60, Time: int64(i)})
	}
	put(a, 1)
	var out got
	stop := follow(t, g, order.Fetch{Captures: []string{"def/"}}, out.send)
	number := func(n int) func() error {
		return func() error {
			if p, _ := out.packets(); len(p) != n {
				return fmt.Errorf("%d packets, want %d", len(p), n)
			}
			return nil
		}
	}
	proctest.Eventually(t, time.Minute, "packets come", number(1))
	if len(out.list[0].Packets) != 0 {
		t.Error("the first message is not an empty one")
	}
	put(a, 2)
	proctest.Eventually(t, time.Minute, "packets come", number(2))
	b := open(t, g, "def/b", 1)
	put(b, 3)
	put(open(t, g, "other/b", 1), 3)
	proctest.Eventually(t, time.Minute, "packets come", number(3))
	b.Close()
	put(a, 4)
	proctest.Eventually(t, time.Minute, "packets come", number(4))
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFollowEnds(t *testing.T) {
	g := NewRegistry(DefaultRegistryConfig())
	a := open(t, g, "def/a", 1)
	var limited, ended got
	f := source.Frame{Data: data(1, 60), Wire: 60, Time: 1}
	a.Keep(flowID(1), &f)
	a.Keep(flowID(1), &f)
	if err := g.Fetch(t.Context(), &order.Fetch{Follow: true, MaxPackets: 1}, limited.send); err != nil {
		t.Fatal(err)
	}
	if p, _ := limited.packets(); len(p) != 1 {
		t.Errorf("%d packets", len(p))
	}
	a.Close()
	if err := g.Fetch(t.Context(), &order.Fetch{Follow: true}, ended.send); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("%v", err)
	}
}

// TestSlow has a receiver that does not take anything: who keeps packets goes
// on, and what was overwritten is counted.
func TestSlow(t *testing.T) {
	g := NewRegistry(DefaultRegistryConfig())
	a := open(t, g, "def/a", 1)
	const total = 200_000
	var out got
	held, blocked := make(chan struct{}), make(chan struct{})
	var once sync.Once
	stop := follow(t, g, order.Fetch{}, func(p *order.Packets) bool {
		once.Do(func() { close(blocked); <-held })
		return out.send(p)
	})
	<-blocked
	for i := range total {
		a.Keep(flowID(1), &source.Frame{Data: data(i, 60), Wire: 60, Time: int64(i)})
	}
	close(held)
	proctest.Eventually(t, 20*time.Second, "all are told of", func() error {
		if p, lost := out.packets(); int64(len(p))+lost != total || lost == 0 {
			return fmt.Errorf("%d packets and %d lost, of %d", len(p), lost, total)
		}
		return nil
	})
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := g.Fetch(t.Context(), &order.Fetch{}, func(*order.Packets) bool { return false }); err != nil {
		t.Error(err)
	}
	if g.fetching != 0 {
		t.Error("places are left taken")
	}
}

// TestTogether keeps, fetches and closes at the same time, for the race detector.
func TestTogether(t *testing.T) {
	g := NewRegistry(DefaultRegistryConfig())
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for round := range 20 {
				s, err := g.Open(fmt.Sprintf("d/%d", w), Config{Bytes: 64 << 10, Workers: 2})
				if err != nil {
					t.Error(err)
					return
				}
				for i := range 2000 {
					s.Keeper(i).Keep(flowID(i), &source.Frame{Data: data(i, 100), Wire: 100, Time: int64(i + 1)})
				}
				if round%2 == 0 {
					_ = s.Stats()
				}
				s.Close()
			}
		})
	}
	for range 3 {
		wg.Go(func() {
			for range 30 {
				err := g.Fetch(t.Context(), &order.Fetch{MaxPackets: 1500}, func(p *order.Packets) bool {
					for i := range p.Packets {
						if k := &p.Packets[i]; len(k.Data) != 100 || k.Wire != 100 || k.Time < 1 {
							t.Errorf("packet %+v", k)
						}
					}
					return true
				})
				if err != nil && !strings.Contains(err.Error(), "keeps no packets") {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
