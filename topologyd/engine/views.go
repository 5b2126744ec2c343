package engine

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

// views shares one view of the graph among all who ask while nothing was
// acknowledged since it was taken. Whoever takes one of the graph waits for the
// writer's lock, milliseconds when a record is applied just then, and makes it
// copy each page that it changes next: thousands of queries a second need not,
// when there are a hundred acknowledgements.
//
// Who was told that something is in the graph, by the return of Submit or of
// what else changes it, or by a subscription, finds it in the next view.
type views struct {
	told   atomic.Uint64 // how often something was acknowledged
	shared atomic.Pointer[sharedView]
}

type sharedView struct {
	view *graph.View
	// told is that of before the view was taken.
	told uint64
}

// expire is called when the graph has changed, before anybody is told.
func (v *views) expire() {
	v.told.Add(1)
	v.shared.Store(nil) // it would keep alive what was replaced since
}

// View returns the current graph: all that was acknowledged, and perhaps some
// of what is just being applied. A later call does not return an earlier graph.
func (e *Engine) View() *graph.View {
	for {
		told := e.views.told.Load()
		s := e.views.shared.Load()
		if s != nil && s.told == told {
			return s.view
		}
		// Who is told while this view is taken, or later, does not get it: told has
		// grown by then. When another is shared meanwhile, that one is taken.
		mine := &sharedView{e.graph.View(), told}
		if e.views.shared.CompareAndSwap(s, mine) {
			return mine.view
		}
	}
}

// orderRest is how many times as long as indexes took to make none is made
// afterwards: each looks at all nodes, and queries can ask for ever other ones.
const orderRest = 3

// order makes the ordered indexes that queries ask for, until ctx ends. Views
// that are taken afterwards have them.
func (e *Engine) order(ctx context.Context) {
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-rest.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-e.graph.Wanted():
		case <-ctx.Done():
			return
		}
		begin := time.Now()
		if e.graph.BuildWanted(ctx) > 0 {
			e.views.expire()
		}
		rest.Reset(orderRest * time.Since(begin))
	}
}
