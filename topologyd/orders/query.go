package orders

import (
	"context"
	"errors"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// query is one query that captures have in common, and the nodes that it
// matches. The term's lock guards it.
type query struct {
	text   string
	parsed *gremlin.Query
	cancel context.CancelFunc
	// known is set when it was evaluated once; err says why it is not followed.
	known bool
	err   error
	// nodes are those that it matches: nil for one that nothing is done at, since
	// there are too many (over), it is held, or it is gone already.
	nodes map[entity.UUID]*place
	over  bool
	// plans have it in effect, waiting are to have it.
	plans, waiting map[*plan]struct{}
	flaps          map[entity.UUID]*flap
	held           map[entity.UUID]time.Time
}

// query returns the query of a text, followed from now on if it was not. The
// lock is held.
func (t *term) query(text string) (*query, error) {
	parsed, err := capture.Parse(text)
	if err != nil {
		return nil, err
	}
	canonical := parsed.String()
	if q := t.queries[canonical]; q != nil {
		return q, nil
	}
	ctx, cancel := context.WithCancel(t.ctx)
	q := &query{text: canonical, parsed: parsed, cancel: cancel, nodes: make(map[entity.UUID]*place),
		plans: make(map[*plan]struct{}), waiting: make(map[*plan]struct{}), flaps: make(map[entity.UUID]*flap), held: make(map[entity.UUID]time.Time)}
	t.queries[canonical] = q
	t.others.Go(func() { t.follow(ctx, q) })
	return q, nil
}

// retire ends a query that nobody has any more. The lock is held.
func (t *term) retire(q *query) {
	if len(q.plans)+len(q.waiting) > 0 || t.queries[q.text] != q {
		return
	}
	delete(t.queries, q.text)
	q.cancel()
	for id, p := range q.nodes {
		delete(q.nodes, id)
		t.letGo(p)
	}
}

// follow keeps the nodes of a query current until ctx ends.
func (t *term) follow(ctx context.Context, q *query) {
	pause := t.cfg.Retry
	for ctx.Err() == nil {
		w, err := t.deps.Hub.Follow(ctx, q.parsed, 0)
		if err == nil {
			begun := t.now()
			err = t.watch(ctx, q, w)
			w.Close()
			if t.now().Sub(begun) > time.Minute {
				pause = t.cfg.Retry
			}
		}
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, live.ErrBehind) {
			continue // with a new snapshot
		}
		t.broke(q, err)
		sleep(ctx, pause)
		pause = min(2*pause, 30*t.cfg.Retry)
	}
}

// watch reads what happens to the result of a query until that breaks off.
func (t *term) watch(ctx context.Context, q *query, w *live.Watch) error {
	for {
		if s := w.Snapshot(); s != nil {
			t.n.evaluations.WithLabelValues("whole").Inc()
			t.snapshot(ctx, q, s)
		}
		b, err := w.Next(ctx)
		if err != nil {
			return err
		}
		if b != nil {
			t.n.evaluations.WithLabelValues("changes").Inc()
			t.changes(q, b.Changes)
		}
	}
}

// broke notes that a query cannot be followed. What it matched stays, unless the
// query itself is to blame: the next try may work.
func (t *term) broke(q *query, err error) {
	t.n.evaluations.WithLabelValues("failed").Inc()
	t.deps.Log.Warn("query of captures is followed anew", "query", q.text, "reason", err)
	if !errors.As(err, new(*gremlin.LimitError)) && !errors.As(err, new(*gremlin.EvalError)) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	q.err = err
	for p := range q.plans {
		t.fail(p, "query: "+err.Error())
	}
	t.know(q)
}

// know puts into effect what waits for the result of a query. The lock is held.
func (t *term) know(q *query) {
	q.known = true
	for p := range q.waiting {
		t.begin(p)
	}
	t.settle(t.now())
}

// chunk is how many nodes are looked at with the lock held.
const chunk = 256

// snapshot takes over a whole result.
func (t *term) snapshot(ctx context.Context, q *query, s *live.Snapshot) {
	slots, _ := s.Elements()
	v := t.deps.View() // what other queries have seen may be newer than the snapshot
	ids := make(map[entity.UUID]bool, len(slots))
	for len(slots) > 0 {
		n := min(chunk, len(slots))
		t.mu.Lock()
		if ctx.Err() != nil { // retired
			t.mu.Unlock()
			return
		}
		for _, slot := range slots[:n] {
			id := s.View.NodeID(slot)
			ids[id] = true
			t.enter(q, id, v)
		}
		t.mu.Unlock()
		slots = slots[n:]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	for id := range q.nodes {
		if !ids[id] {
			t.exit(q, id)
		}
	}
	t.balance(q, v)
	if q.err != nil {
		q.err = nil
		for p := range q.plans {
			t.attach(p)
		}
	}
	t.know(q)
}

// changes takes over what happened to a result.
func (t *term) changes(q *query, list []graph.Change) {
	v := t.deps.View()
	for len(list) > 0 {
		n := min(chunk, len(list))
		t.mu.Lock()
		for i := range list[:n] {
			switch c := &list[i]; c.Op {
			case graph.NodeAdded:
				t.enter(q, c.Node.ID, v)
			case graph.NodeUpdated:
				if p := q.nodes[c.Node.ID]; p != nil {
					t.renewed(p, v)
				} else {
					t.enter(q, c.Node.ID, v)
				}
			case graph.NodeDeleted:
				t.exit(q, c.Node.ID)
			}
		}
		t.mu.Unlock()
		list = list[n:]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.balance(q, v)
}

// enter notes a node in the result of a query. The lock is held.
func (t *term) enter(q *query, id entity.UUID, v *graph.View) {
	switch at, in := q.nodes[id]; {
	case t.queries[q.text] != q:
		return
	case at != nil: // it may have changed, or gone and come back, unnoticed
		t.renewed(at, v)
		return
	case !in && t.holds(q, id), !q.held[id].IsZero():
		q.nodes[id] = nil
		return
	}
	q.nodes[id] = nil
	if q.over || len(q.nodes) > t.cfg.MaxNodes {
		return // see balance
	}
	p := t.place(id, v)
	if p == nil {
		return // it is gone already
	}
	q.nodes[id] = p
	p.holders++
	for plan := range q.plans {
		if plan.failed == "" {
			t.put(plan, p)
		}
	}
}

// exit notes that a node left the result of a query. The lock is held.
func (t *term) exit(q *query, id entity.UUID) {
	p, in := q.nodes[id]
	if !in {
		return
	}
	delete(q.nodes, id)
	if delete(q.held, id); p == nil {
		return
	}
	t.flapped(q, id)
	for plan := range q.plans {
		t.drop(plan, p)
	}
	t.letGo(p)
}

// letGo counts a query out of a place. The lock is held.
func (t *term) letGo(p *place) {
	if p == nil {
		return
	}
	if p.holders--; p.holders == 0 {
		t.write(p) // takes the facet away, and then forgets it
	}
}

// balance looks whether a query finds too many nodes, or no longer. The lock is
// held.
func (t *term) balance(q *query, v *graph.View) {
	switch over := len(q.nodes) > t.cfg.MaxNodes; {
	case over:
		q.over = true
		for plan := range q.plans {
			t.fail(plan, tooMany(len(q.nodes), t.cfg.MaxNodes))
		}
		for id, p := range q.nodes {
			if p != nil {
				q.nodes[id] = nil
				t.letGo(p)
			}
		}
	case q.over:
		q.over = false
		for id := range q.nodes {
			t.enter(q, id, v)
		}
		for plan := range q.plans {
			t.attach(plan)
		}
	}
}
