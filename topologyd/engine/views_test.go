package engine

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
)

// TestViewHasWhatWasAcknowledged: whoever was told that an event is applied
// finds it in the next view, whatever others ask for meanwhile; so does who was
// told by a subscription.
func TestViewHasWhatWasAcknowledged(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e := start(t, DefaultConfig(t.TempDir()))
	sub, err := e.Subscribe(0)
	require.NoError(t, err)
	defer sub.Close()
	const writers, writes = 3, 100
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		reading.Go(func() {
			for last := uint64(0); ; {
				v := e.View()
				if v.Revision() < last {
					t.Errorf("revision %d after %d", v.Revision(), last)
				}
				last = v.Revision()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	now := time.Now()
	for w := range writers {
		writing.Go(func() {
			id := entity.InterfaceRef("h1", "1", fmt.Sprint(w)).UUID()
			for i := range writes {
				name := fmt.Sprint("n", i)
				if _, err := e.Submit(ctx, []Item{link(w, name, now.Add(time.Duration(i)))}); err != nil {
					t.Error(err)
					return
				}
				n := e.View().Node(id)
				if n == nil || n.Attrs.Get("Name").Str() != name {
					t.Errorf("write %d is acknowledged and the view has %v", i, n)
					return
				}
			}
		})
	}
	for seen := 0; seen < writers*writes; {
		changes, err := sub.Next(ctx)
		require.NoError(t, err)
		seen += len(changes)
		last := changes[len(changes)-1].Revision
		require.GreaterOrEqual(t, e.View().Revision(), last, "a subscriber was told")
	}
	writing.Wait()
	close(done)
	reading.Wait()
	require.Same(t, e.View(), e.View())
}

// TestSubscriptionBeginsWithWhatIsShown: who subscribes while a change is in the
// graph and not yet told has it either in the next view or from the subscription.
func TestSubscriptionBeginsWithWhatIsShown(t *testing.T) {
	e := testRecent(100, 0)
	before := e.View()
	item := link(1, "n1", time.Now())
	p := e.graph.Prepare(&item.Event, 0)
	changes, _ := e.graph.Apply(&p, time.Now(), nil)
	require.NotEmpty(t, changes)

	sub, err := e.Subscribe(0)
	require.NoError(t, err)
	defer sub.Close()
	require.Same(t, before, e.View(), "nobody was told")
	require.Equal(t, before.Revision(), sub.View().Revision())

	e.views.expire()
	e.recent.publish(changes)
	told, err := sub.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, told, len(changes))
}

// TestCountersAreInTheNextView: what is not logged is seen at once, too.
func TestCountersAreInTheNextView(t *testing.T) {
	e := start(t, DefaultConfig(t.TempDir()))
	now := time.Now()
	submit(t, e, link(1, "a", now))
	id := entity.InterfaceRef("h1", "1", "1").UUID()
	for i := range int64(50) {
		require.True(t, e.View().Node(id).Metric.IsZero() == (i == 0))
		m := Metric{Node: id, Time: now.Add(time.Duration(i) * time.Second), Values: entity.Attrs{entity.A("RxBytes", entity.Int(i))}}
		require.Equal(t, 1, e.SubmitMetrics(t.Context(), []Metric{m}))
		require.Equal(t, i, e.View().Node(id).Metric.Map().Get("RxBytes").Int())
	}
}

// TestOrderedIndexIsMade: a query that could use an ordered index has one soon,
// although nothing changes meanwhile.
func TestOrderedIndexIsMade(t *testing.T) {
	e := start(t, DefaultConfig(t.TempDir()))
	now := time.Now()
	for i := range 50 {
		submit(t, e, link(i, fmt.Sprint("n", i), now))
	}
	proctest.Eventually(t, time.Minute, "an ordered index", func() error {
		slots, n := e.View().SlotsWithPrefix("Name", "n4")
		if got := len(slices.Collect(slots)); n != 11 || got != 11 {
			return fmt.Errorf("%d nodes are told, %d given", n, got)
		}
		return nil
	})
}

// TestViewAfterRestore: who asks while the graph is restored does not make
// others see that later.
func TestViewAfterRestore(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	e := start(t, cfg)
	submit(t, e, link(1, "a", time.Now()))
	require.NoError(t, e.Stop(t.Context()))
	e = New(cfg, slog.New(slog.DiscardHandler))
	require.Zero(t, e.View().NodeCount())
	require.NoError(t, e.Start(t.Context()))
	defer func() { require.NoError(t, e.Stop(context.Background())) }()
	require.Equal(t, 1, e.View().NodeCount())
}
