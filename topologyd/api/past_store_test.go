package api

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
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
	return newStoredWith(t, func(*Config) {}, func(*past.Config) {})
}

func newStoredWith(t *testing.T, change func(*Config), keep func(*past.Config)) *stored {
	s := &stored{}
	cfg := past.DefaultConfig(t.TempDir())
	keep(&cfg)
	store, err := past.Open(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
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
	s.bench = newBenchWith(t, func(c *Config) {
		c.ChunkElements = 7
		change(c)
	}, func(d *Deps) {
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

// TestLargePast asks about times of a graph of which there is only one view at a
// time, and only one query that takes long runs: nobody waits for himself, and no
// two for each other.
func TestLargePast(t *testing.T) {
	s := newStoredWith(t,
		func(c *Config) {
			c.Lanes.Slow, c.Lanes.Turn, c.Lanes.QuickFor = 1, time.Microsecond, time.Microsecond
		},
		func(p *past.Config) { p.CacheElements, p.LargeView, p.Builds = 0, 1, 1 })
	s.live(1, 200)
	at := func(back time.Duration) string { return url.QueryEscape(s.at.Add(-back).Format(time.RFC3339Nano)) }
	for _, path := range []string{
		"/api/v1/diff?from=" + at(time.Minute) + "&to=" + at(2*time.Second),
		"/api/v1/diff?gremlin=" + url.QueryEscape("G.V()") + "&from=" + at(time.Minute) + "&to=" + at(3*time.Second),
		"/api/v1/changes?gremlin=" + url.QueryEscape("G.V()") + "&from=" + at(time.Minute),
	} {
		if resp, answer := s.do(http.MethodGet, path, ""); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
	}
	body := `{"gremlin":"G","since":"` + s.at.Add(-time.Minute).Format(time.RFC3339Nano) + `","at":"` + s.at.Add(-time.Second).Format(time.RFC3339Nano) + `"}`
	if resp, answer := s.do(http.MethodPost, "/api/v1/topology", body); resp.StatusCode != 200 {
		t.Errorf("a difference drawn: %d %s", resp.StatusCode, answer)
	}
	var all sync.WaitGroup
	for i := range 4 {
		form := []string{"json", "ndjson"}[i%2]
		path := "/api/v1/query?format=" + form + "&gremlin=" + url.QueryEscape("G.V().Repeat(Both()).Times(300)") + "&at=" + at(time.Duration(10+i)*time.Second)
		all.Go(func() {
			if resp, answer := s.do(http.MethodGet, path, ""); resp.StatusCode != 200 {
				t.Errorf("%s beside others: %d %s", form, resp.StatusCode, answer)
			}
		})
	}
	all.Wait()
	s.idle("afterwards")
}
