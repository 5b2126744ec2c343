package api

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/url"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/past"
)

// stored is a bench over the real store of the past, with events that come late.
type stored struct {
	*aged
	store  *past.Store
	record uint64
}

func newStored(t *testing.T) *stored {
	s := &stored{}
	store, err := past.Open(past.DefaultConfig(t.TempDir()), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s.store = store
	s.aged = &aged{fake: &fakePast{}, at: t0}
	s.bench = newBenchWith(t, func(c *Config) { c.ChunkElements = 7 }, func(d *Deps) {
		d.Past, d.Records, d.Now = store, store, func() time.Time { return now }
	})
	return s
}

// log applies an event that is logged a second after the last one.
func (s *stored) log(e entity.Event, late time.Duration) {
	s.t.Helper()
	s.at = s.at.Add(time.Second)
	s.record++
	e.Source, e.Time, e.Attributes = "netlink", s.at.Add(-late), e.Attributes.Normalize()
	x := s.graph.Prepare(&e, 0)
	changes, _ := s.graph.Apply(&x, s.at, nil)
	s.keep(changes)
	if err := s.store.Append(s.at, s.record, changes); err != nil {
		s.t.Fatal(err)
	}
}

// live replays random events.
func (s *stored) live(seed uint64, n int) {
	r := rand.New(rand.NewPCG(seed, 2))
	s.log(entity.Event{Ref: entity.HostRef("h"), Attributes: entity.Attrs{entity.A("Name", entity.String("h"))}}, 0)
	for range n {
		e := eth(r.IntN(8), 1000+r.IntN(3))
		if r.IntN(4) == 0 {
			e = entity.Event{Kind: entity.Delete, Ref: e.Ref}
		} else if r.IntN(2) == 0 {
			e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelPartOf, Target: eth(r.IntN(8), 0).Ref})
		}
		s.log(e, time.Duration(r.IntN(3)*r.IntN(20))*time.Second)
	}
	if s.store.Revision() != s.graph.View().Revision() {
		s.t.Fatalf("stored %d of %d", s.store.Revision(), s.graph.View().Revision())
	}
}

// elements are nodes and edges by ID, as JSON.
type elements map[string]string

func (e elements) set(raw json.RawMessage) string {
	var x struct{ ID string }
	if err := json.Unmarshal(raw, &x); err != nil {
		panic(err)
	}
	e[x.ID] = string(raw)
	return x.ID
}

// unlike names the first element that differs.
func (e elements) unlike(want elements) string {
	for id, x := range e {
		if want[id] != x {
			return fmt.Sprintf("got %s, want %q", x, want[id])
		}
	}
	return fmt.Sprintf("%d elements, want %d", len(e), len(want))
}

func elementsOf(v *graph.View) elements {
	e := elements{}
	for n := range v.Nodes() {
		e.set(n.AppendJSON(nil))
	}
	for x := range v.Edges() {
		e.set(x.AppendJSON(nil))
	}
	return e
}

// replayed reads a watch up to a revision and does what it says.
func (s *stored) replayed(params string, e elements, until uint64) {
	s.t.Helper()
	t := s.t.(*testing.T)
	c := dialSocket(t, s.bench, params)
	defer c.CloseNow() //nolint:errcheck // read
	for at := uint64(0); at < until; {
		_, data, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Type         string
			Revision     uint64
			Nodes, Edges []json.RawMessage
			Changes      []struct {
				Op         string
				Node, Edge json.RawMessage
			}
		}
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		for _, x := range append(m.Nodes, m.Edges...) {
			e.set(x)
		}
		for _, x := range m.Changes {
			raw := x.Node
			if raw == nil {
				raw = x.Edge
			}
			if id := e.set(raw); x.Op == graph.NodeDeleted.String() || x.Op == graph.EdgeDeleted.String() {
				delete(e, id)
			}
		}
		if m.Type == "changes" {
			at = m.Revision
		}
	}
}

// A watch that begins at any time, or after any revision, leads to the graph as
// it is.
func TestWatchOfTheStoreLeadsToThePresent(t *testing.T) {
	for seed := range uint64(6) {
		s := newStored(t)
		s.live(seed, 120)
		last := s.graph.View().Revision()
		s.keepFrom(last)
		want := elementsOf(s.graph.View())
		r := rand.New(rand.NewPCG(seed, 3))
		for range 8 {
			since := t0.Add(time.Duration(1000+r.IntN(110_000)) * time.Millisecond)
			got := elements{}
			s.replayed("?since="+url.QueryEscape(since.Format(time.RFC3339Nano)), got, last)
			if !maps.Equal(got, want) {
				t.Errorf("seed %d since %v: %s", seed, since, got.unlike(want))
			}
			from := 1 + r.Uint64N(last-1)
			var before *graph.View
			for _, v := range s.fake.views {
				if v.Revision() <= from {
					before = v
				}
			}
			got = elementsOf(before)
			s.replayed(fmt.Sprint("?from=", before.Revision()), got, last)
			if !maps.Equal(got, want) {
				t.Errorf("seed %d from %d: %s", seed, before.Revision(), got.unlike(want))
			}
		}
	}
}
