package flowstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Flows returns the newest report of each flow in the window. A flow is in the
// window when it began before its end and has a packet after its beginning.
//
// The report is the newest one in the window; a flow without one (it reports
// every so often) has the first one after the window, up to ReportInterval
// behind it. A flow that was silent from before the window until then is not
// found. Of two reports of one time the one that says that the flow ended
// counts.
//
// All conditions are checked, Sort and Limit obeyed. Conditions on fields that
// never change choose the rows; others are checked on the report that was
// chosen. Live is not looked at: what goes on now is not known here.
//
// The answer costs two queries: one finds the reports, with a few bytes for each
// flow in memory, one reads them. With a limit and no order but the newest first
// the search begins at the window's end and stops as soon as it can.
func (s *Store) Flows(ctx context.Context, q *flowrecord.Query) iter.Seq2[*flowrecord.Record, error] {
	return func(yield func(*flowrecord.Record, error) bool) {
		if err := s.flows(ctx, q, yield); err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

func (s *Store) flows(ctx context.Context, q *flowrecord.Query, yield func(*flowrecord.Record, error) bool) error {
	f, err := newFinder(s, q)
	if err != nil {
		return err
	}
	if f.where.none || q.From > q.To {
		return nil
	}
	life, leave, err := s.enter()
	if err != nil {
		return err
	}
	leave() // Stop does not wait for who reads the answer, but ends it
	ctx, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	chosen, err := f.find(ctx)
	if err != nil {
		return err
	}
	return f.read(ctx, chosen, yield)
}

// pick is the report chosen of a flow. It holds no pointers, for there may be
// millions.
type pick struct {
	time int64
	// key is the value to sort by, or the index of a string in finder.texts.
	key      int64
	finished bool
	// matches is set when the conditions hold that the query could not check.
	matches bool
	read    bool
}

// newer reports whether p is to be preferred to o.
func (p *pick) newer(o *pick) bool {
	return p.time > o.time || p.time == o.time && p.finished && !o.finished
}

// shardCount is a power of two.
const shardCount = 16

// shard holds the picks of flows whose IDs begin alike, so that the goroutines
// of a query do not wait for one another.
type shard struct {
	mu    sync.Mutex
	picks map[entity.UUID]pick
}

// finder answers one query.
type finder struct {
	s *Store
	q *flowrecord.Query
	// where chooses rows, rest is checked on the report of choice.
	where filter
	rest  []flowrecord.Condition
	// matches checks rest.
	matches *flowrecord.Conditions
	sort    *flowrecord.Field
	// fields are what the first query must return.
	fields []string

	shards [shardCount]shard
	flows  atomic.Int64 // picks
	found  atomic.Int64 // picks that match

	scratch sync.Pool
	mu      sync.Mutex // of texts, and of what was read
	texts   []string
	textOf  map[string]int64

	// wanted are the picks to read.
	wanted map[entity.UUID]*pick
}

// scratch is what handling a block needs.
type scratch struct {
	dec    *decoder
	bound  []bound
	ids    []entity.UUID
	picks  []pick
	record flowrecord.Record
}

func newFinder(s *Store, q *flowrecord.Query) (*finder, error) {
	fixed, moving := split(s.table, q.Where)
	f := &finder{s: s, q: q, rest: moving, sort: s.table.Query(q.Sort), textOf: make(map[string]int64)}
	for i := range f.shards {
		f.shards[i].picks = make(map[entity.UUID]pick)
	}
	fs := []filter{event(flowrecord.EventName), ids("flow.node_tid", q.Nodes), ids("flow.id", q.IDs)}
	for i := range fixed {
		c := condition(s.table, &fixed[i])
		if !c.exact {
			f.rest = append(f.rest, fixed[i])
		}
		fs = append(fs, c)
	}
	f.where = and(fs...)
	f.fields = []string{fieldTime, "flow.id", "flow.finish"}
	for _, c := range f.rest {
		for _, name := range c.Fields {
			f.fields = append(f.fields, wires(s.table, name)...)
		}
	}
	if f.sort != nil {
		f.fields = append(f.fields, wires(s.table, q.Sort)...)
	}
	var err error
	if f.matches, err = s.table.Conditions(f.rest); err != nil {
		return nil, fmt.Errorf("read query: %w", err)
	}
	f.scratch.New = func() any { return &scratch{dec: newDecoder(s.table)} }
	return f, nil
}

// wires returns the fields of a row that a name in a query needs: one, those of
// a group, or the one with details it leads into.
func wires(t *flowrecord.Table, name string) []string {
	if f := t.Query(name); f != nil {
		if f.Wire == fieldUpdateEnd { // there only is one when there are packets
			return []string{f.Wire, "network.io.packets", "network.io.reverse.packets"}
		}
		return []string{f.Wire}
	}
	head, _, _ := strings.Cut(name, ".")
	if f := t.Query(head); f != nil {
		return []string{f.Wire}
	}
	var out []string
	for i := range t.Fields() {
		f := &t.Fields()[i]
		if group, _, ok := strings.Cut(f.Query, "."); ok && group == head {
			out = append(out, f.Wire)
		}
	}
	if head == "Metric" {
		out = append(out, "network.flow.start", "network.flow.end")
	}
	return out
}
