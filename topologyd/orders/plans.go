package orders

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
)

// sync takes over the definitions as they are.
func (t *term) sync() {
	defs := t.deps.Definitions.List(capture.Kind)
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	present := make(map[string]bool, len(defs))
	for _, d := range defs {
		if !d.Expires.IsZero() && !now.Before(d.Expires) {
			continue // the store deletes it in a moment
		}
		present[d.ID] = true
		p := t.plans[d.ID]
		if p == nil {
			p = &plan{id: d.ID, hosts: make(map[*host]int)}
			t.plans[d.ID] = p
		}
		if p.revision != d.Revision {
			p.revision = d.Revision
			t.take(p, d)
		}
	}
	for id, p := range t.plans {
		if present[id] {
			continue
		}
		t.intend(p, nil)
		t.detach(p)
		delete(t.plans, id)
		t.unkeep(id)
	}
	t.settle(now)
}

// unkeep ends that what nodes say of a definition stays as it is. The lock is
// held.
func (t *term) unkeep(id string) {
	if !t.keep[id] {
		return
	}
	delete(t.keep, id)
	for _, p := range t.places {
		if len(kept(p.shown, map[string]bool{id: true})) > 0 {
			t.write(p)
		}
	}
	t.sweep = time.Time{}
	poke(t.facets)
}

// take takes over one definition. The lock is held.
func (t *term) take(p *plan, d *definition.Definition) {
	p.problem = ""
	spec, ok := d.Spec.(*capture.Spec)
	if !ok {
		p.problem = d.Problem
		t.intend(p, nil)
		if p.def == nil {
			t.keep[p.id] = true
		}
		return
	}
	t.unkeep(p.id)
	q, err := t.query(spec.Query)
	if err != nil { // it was valid when it was defined, to another version perhaps
		t.intend(p, nil)
		t.detach(p)
		p.def, p.spec, p.failed = d, spec, "query: "+err.Error()
		return
	}
	t.intend(p, &intent{d, spec, q})
	if q.known {
		t.begin(p)
	}
}

// intend notes what a definition is to become, nil: nothing else. The lock is
// held.
func (t *term) intend(p *plan, next *intent) {
	old := p.next
	if p.next = next; next != nil {
		next.query.waiting[p] = struct{}{}
	}
	if old != nil && (next == nil || next.query != old.query) {
		delete(old.query.waiting, p)
		t.retire(old.query)
	}
}

// begin puts into effect what a definition is to become; the result of its query
// is known. The lock is held.
func (t *term) begin(p *plan) {
	n, old := p.next, p.query
	n.query.plans[p] = struct{}{}
	t.intend(p, nil)
	p.def, p.spec, p.failed, p.crowded = n.def, n.spec, "", false
	p.size = sizeOf(p)
	if old != nil && old != n.query {
		delete(old.plans, p)
		for id, at := range old.nodes {
			if at != nil && n.query.nodes[id] == nil {
				t.drop(p, at)
			}
		}
	}
	p.query = n.query
	t.attach(p)
	if old != nil && old != n.query {
		t.retire(old)
	}
}

// attach has a definition be at all nodes of its query. The lock is held.
func (t *term) attach(p *plan) {
	q := p.query
	switch {
	case q.err != nil:
		t.fail(p, "query: "+q.err.Error())
		return
	case q.over:
		t.fail(p, tooMany(len(q.nodes), t.cfg.MaxNodes))
		return
	}
	p.failed, p.crowded = "", false
	for _, at := range q.nodes {
		if at != nil && !t.put(p, at) {
			return
		}
	}
}

// fail has a definition capture nothing. It stays with its query. The lock is
// held.
func (t *term) fail(p *plan, why string) {
	p.failed = why
	if p.query == nil {
		return
	}
	for _, at := range p.query.nodes {
		if at != nil {
			t.drop(p, at)
		}
	}
}

// detach takes a definition away from its query and all nodes. The lock is held.
func (t *term) detach(p *plan) {
	q := p.query
	if q == nil {
		return
	}
	t.fail(p, "")
	delete(q.plans, p)
	p.query = nil
	t.retire(q)
}

func tooMany(n, limit int) string {
	return fmt.Sprintf("the query finds %d nodes, more than %d; narrow it with Has", n, limit)
}

// sizeOf is how long an order is in a message, without what names its node.
func sizeOf(p *plan) int {
	b, err := json.Marshal(&order.Capture{ID: p.id, Name: p.name(), Revision: p.def.Revision, Expires: p.def.Expires, Options: p.spec.Options})
	if err != nil {
		return order.MaxMessage
	}
	return len(b) + 100
}
