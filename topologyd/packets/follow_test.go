package packets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/audit"
)

// live is a host that sends what it is told to.
type live struct {
	in  chan order.Packet
	end chan error
}

func newLive() *live { return &live{in: make(chan order.Packet), end: make(chan error)} }

func (l *live) answer(ctx context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
	if !yield(&order.Packets{}, nil) {
		return
	}
	for {
		select {
		case p := <-l.in:
			if !yield(&order.Packets{Packets: []order.Packet{p}}, nil) {
				return
			}
		case err := <-l.end:
			yield(nil, err)
			return
		case <-ctx.Done():
			return
		}
	}
}

// followed reads an answer in another goroutine.
type followed struct {
	mu   sync.Mutex
	list []string
	err  error
	done chan struct{}
}

func read(a *Answer) *followed {
	f := &followed{done: make(chan struct{})}
	go func() {
		defer close(f.done)
		defer a.Close()
		for b, err := range a.Batches() {
			f.mu.Lock()
			f.err = err
			for _, p := range b {
				f.list = append(f.list, fmt.Sprintf("%s %d", p.Node.Interface, p.Time))
			}
			f.mu.Unlock()
		}
	}()
	return f
}

func (f *followed) want(t *testing.T, want ...string) {
	t.Helper()
	proctest.Eventually(t, 10*time.Second, "packets come", func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !slices.Equal(f.list, want) {
			return fmt.Errorf("%v, want %v", f.list, want)
		}
		return nil
	})
}

func TestFollow(t *testing.T) {
	w := newWorld()
	a, b, c := newLive(), newLive(), newLive()
	w.hosts["a"], w.hosts["b"] = a.answer, b.answer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := w.service()
	answer, err := s.Open(ctx, Query{Captures: w.defs, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	f := read(answer)
	a.in <- pk("def-1", "a", 20, 1)
	f.want(t, "eth-a 20")
	b.in <- pk("def-1", "b", 10, 1) // what comes late comes
	f.want(t, "eth-a 20", "eth-b 10")

	// A host that comes is asked, and one that breaks off is asked again.
	w.mu.Lock()
	w.hosts["c"] = c.answer
	w.nodes["def-1"] = append(slices.Clone(w.nodes["def-1"]), node("def-1", "c"))
	w.mu.Unlock()
	c.in <- pk("def-1", "c", 30, 1)
	f.want(t, "eth-a 20", "eth-b 10", "eth-c 30")
	a.end <- errors.New("the connection broke")
	a.in <- pk("def-1", "a", 40, 1)
	f.want(t, "eth-a 20", "eth-b 10", "eth-c 30", "eth-a 40")
	w.mu.Lock()
	if from := w.asked["a"].From; from != 21 { // else all that it keeps came twice
		t.Errorf("asked again from %d on", from)
	}
	w.mu.Unlock()

	// An interface that comes is known at once.
	w.mu.Lock()
	n := node("def-1", "c")
	n.Node, n.Interface = "node-new", "eth-new"
	n.ID = order.CaptureID("def-1", n.Node)
	w.nodes["def-1"] = append(slices.Clone(w.nodes["def-1"]), n)
	w.mu.Unlock()
	p := pk("def-1", "c", 50, 1)
	p.Capture = n.ID
	proctest.Eventually(t, 10*time.Second, "the node is looked for", func() error {
		c.in <- p
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.list[len(f.list)-1] != "eth-new 50" {
			return errors.New("not known yet")
		}
		return nil
	})
	cancel()
	<-f.done
	if f.err != nil {
		t.Error(f.err)
	}
	log := w.records()
	if last := log[len(log)-1]; last.Outcome != audit.OK || last.Packets < 5 || !last.Follow || s.InUse() != 0 {
		t.Errorf("%+v", last)
	}
}

func TestFollowEnds(t *testing.T) {
	w := newWorld()
	w.nodes = nil // it may come later
	for _, tc := range []struct {
		name string
		act  func()
		q    Query
		want error
	}{
		{"deleted", func() { w.mu.Lock(); w.defs = nil; w.mu.Unlock() }, Query{}, ErrDeleted},
	} {
		tc.q.Captures, tc.q.Follow = w.defs, true
		a, err := w.service().Open(t.Context(), tc.q)
		if err != nil {
			t.Fatal(tc.name, err)
		}
		f := read(a)
		tc.act()
		<-f.done
		if !errors.Is(f.err, tc.want) {
			t.Errorf("%s: %v", tc.name, f.err)
		}
	}
	w = newWorld()
	w.hosts["a"] = sends(1, pk("def-1", "a", 1, 0), pk("def-1", "a", 2, 0))
	a, err := w.service().Open(t.Context(), Query{Captures: w.defs, Follow: true, MaxPackets: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := collect(a); err != nil || len(got) != 1 || a.Summary().Limit != LimitPackets {
		t.Errorf("%d packets, %v, %+v", len(got), err, a.Summary())
	}
	// The last packet that is asked for is the end, whether or not another one comes.
	l := newLive()
	w.hosts["a"] = l.answer
	if a, err = w.service().Open(t.Context(), Query{Captures: w.defs, Follow: true, MaxPackets: 1}); err != nil {
		t.Fatal(err)
	}
	f := read(a)
	l.in <- pk("def-1", "a", 1, 0)
	select {
	case <-f.done:
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for a packet that is not asked for")
	}
	clear(w.hosts)
	if _, err := w.service().Open(t.Context(), Query{Captures: w.defs, Follow: true}); !errors.Is(err, ErrAway) {
		t.Error(err)
	}
}
