package alerts

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// breaking is a subscription that ends when it is told to.
type breaking struct {
	live.Changes
	broken chan struct{}
}

func (b *breaking) Next(ctx context.Context) ([]graph.Change, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-b.broken:
			cancel()
		case <-ctx.Done():
		}
	}()
	list, err := b.Changes.Next(ctx)
	if err != nil {
		return nil, errors.New("it broke")
	}
	return list, nil
}

// TestChangeWhileNobodyListened has a link go down after a subscription broke and
// before the next one begins.
func TestChangeWhileNobodyListened(t *testing.T) {
	w := newWorld(t)
	w.link("eth0", "State", "UP")
	w.rules("groups: [{name: links, rules: [{alert: Few, expr: \"G.V().Has('State', 'DOWN').Limit(9)\"}]}]")
	broken, again, open := make(chan struct{}), make(chan struct{}), make(chan struct{})
	times := 0 // of one goroutine
	w.subscribe = func() (live.Changes, error) {
		if times++; times == 2 {
			close(again)
			<-open
		}
		s, err := w.engine.Subscribe(0)
		if times > 1 || err != nil {
			return s, err
		}
		return &breaking{s, broken}, nil
	}
	w.start()
	w.ready(1)
	close(broken)
	<-again
	w.link("eth0", "State", "DOWN")
	close(open)
	w.await("Few", "eth0 firing")
}

// looking is a hub that tells whether a question came before there was a
// subscription.
type looking struct {
	Hub
	subscribed *atomic.Bool
	early      *atomic.Bool
}

func (l *looking) Follow(ctx context.Context, q *gremlin.Query, from uint64) (*live.Watch, error) {
	if !l.subscribed.Load() {
		l.early.Store(true)
	}
	return l.Hub.Follow(ctx, q, from)
}

// TestListensFirst has changes noted before any rule runs, so that the first alert
// tells what happened around it; and has rules run when they cannot be noted yet.
func TestListensFirst(t *testing.T) {
	w := newWorld(t)
	w.rules(downRule)
	var subscribed, early atomic.Bool
	w.follow = func(h Hub) Hub { return &looking{h, &subscribed, &early} }
	fail := true
	w.subscribe = func() (live.Changes, error) {
		if subscribed.Store(true); fail {
			fail = false
			return nil, errors.New("not yet")
		}
		return w.engine.Subscribe(0)
	}
	w.start()
	w.ready(1)
	w.link("eth0", "State", "DOWN")
	w.await("InterfaceDown", "eth0 firing")
	require.False(t, early.Load())
}
