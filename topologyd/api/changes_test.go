package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/past"
)

// changed is the part of an answer that the tests look at.
type changed struct {
	From, To time.Time
	More     bool
	Changes  []struct {
		Op            string
		Revision      uint64
		Time, Logged  time.Time
		Node, Edge    json.RawMessage
		Keys          []struct{ Key string }
		Parent, Child *struct{ Name, Type, Host string }
	}
}

func (s *stored) changes(params ...string) (c changed) {
	s.t.Helper()
	resp, answer := s.ask("/api/v1/changes", params...)
	if err := json.Unmarshal([]byte(answer), &c); err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != typeJSON {
		s.t.Fatalf("%v: %d %v %s", params, resp.StatusCode, err, answer)
	}
	return c
}

// text is one word for each change: what, when in seconds after t0, which keys.
func (c changed) text() string {
	var words []string
	for _, x := range c.Changes {
		var e struct {
			Metadata struct{ Name, RelationType string }
		}
		if err := json.Unmarshal(append(append(json.RawMessage{}, x.Node...), x.Edge...), &e); err != nil {
			return err.Error()
		}
		w := fmt.Sprint(x.Op, "(", e.Metadata.Name, ")@", x.Time.Sub(t0).Seconds())
		if late := x.Logged.Sub(x.Time); late > 0 {
			w += fmt.Sprint("+", late.Seconds())
		}
		for _, k := range x.Keys {
			w += ":" + k.Key
		}
		if x.Parent != nil && x.Child != nil {
			w += "=" + x.Parent.Name + ">" + x.Child.Name
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// told has a host at second 1, eth0 at 2, eth1 at 3, another MTU of eth0 at 4
// that is logged at 10, eth1 gone at 11, and an alias of the host at 12.
func told(t *testing.T) *stored {
	s := newStored(t)
	host := entity.Event{Ref: entity.HostRef("h"), Attributes: entity.Attrs{entity.A("Name", entity.String("h")), entity.A("Type", entity.String("host"))}}
	s.log(host, 0)
	s.log(eth(0, 1500), 0)
	s.log(eth(1, 1500), 0)
	s.at = s.at.Add(6 * time.Second)
	s.log(eth(0, 9000), 6*time.Second)
	s.log(entity.Event{Kind: entity.Delete, Ref: eth(1, 0).Ref}, 0)
	host.Attributes = append(host.Attributes, entity.A("Alias", entity.String("paris")))
	s.log(host, 0)
	return s
}

func TestChanges(t *testing.T) {
	s := told(t)
	for _, x := range []struct {
		params []string
		want   string
	}{
		{nil, "node_added(h)@1 node_added(eth0)@2 edge_added()@2=h>eth0 node_added(eth1)@3 edge_added()@3=h>eth1 node_updated(eth0)@4+6:MTU " +
			"edge_deleted()@11=h>eth1 node_deleted(eth1)@11 node_updated(h)@12:Alias"},
		{[]string{"from", "2026-03-01T12:00:03.5Z", "to", "2026-03-01T12:00:11Z"}, "node_updated(eth0)@4+6:MTU edge_deleted()@11=h>eth1 node_deleted(eth1)@11"},
		{[]string{"op", "node_deleted, node_added,"}, "node_added(h)@1 node_added(eth0)@2 node_added(eth1)@3 node_deleted(eth1)@11"},
		{[]string{"op", "edge_updated"}, ""},
		{[]string{"keys", "Alias", "op", "node_updated"}, "node_updated(h)@12:Alias"},
		{[]string{"keys", "-Alias", "op", "node_updated"}, "node_updated(eth0)@4+6:MTU"},
		{[]string{"gremlin", "G.V().Has('Name','eth1')"}, "node_added(eth1)@3 node_deleted(eth1)@11"},
		{[]string{"gremlin", "G.V().Has('Name','h')"}, "node_added(h)@1 node_updated(h)@12:Alias"},
		{[]string{"gremlin", "G.V().Has('Name','eth1').InE()"}, "edge_added()@3=h>eth1 edge_deleted()@11=h>eth1"},
		{[]string{"gremlin", "G.V().Has('Name','none')"}, ""},
		{[]string{"gremlin", "G", "from", "-1m"}, ""},
		{[]string{"limit", "2"}, "node_deleted(eth1)@11 node_updated(h)@12:Alias"},
	} {
		c := s.changes(x.params...)
		if got := c.text(); got != x.want {
			t.Errorf("%v:\ngot  %s\nwant %s", x.params, got, x.want)
		}
		if c.More != (len(x.params) == 2 && x.params[0] == "limit") {
			t.Errorf("%v: more is %v", x.params, c.More)
		}
	}
	if c := s.changes("from", "-7d"); !c.From.Equal(t0.Add(time.Second)) || !c.To.Equal(now) || len(c.Changes) != 9 {
		t.Errorf("what is older than kept: from %v to %v, %d", c.From, c.To, len(c.Changes))
	}
	if c := s.changes("from", "-59m30s"); !c.From.Equal(t0.Add(30 * time.Second)) {
		t.Errorf("from %v", c.From)
	}
	resp, answer := s.do(http.MethodGet, "/api/v1/changes?op=edge_added&op=edge_deleted&from=2026-03-01T12:00:03Z", "")
	if resp.StatusCode != 200 || strings.Count(answer, `"op":"edge_`) != 2 || strings.Contains(answer, `"op":"node_`) {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

func TestChangesRefused(t *testing.T) {
	s := told(t)
	for _, x := range []struct {
		params []string
		status int
		want   string
	}{
		{[]string{"from", "-2h", "to", "-90m"}, 410, `"oldest":"2026-03-01T12:00:01Z"`},
		{[]string{"from", "x"}, 400, "from: "},
		{[]string{"to", "x"}, 400, "to: "},
		{[]string{"from", "-1m", "to", "-2m"}, 400, "exchange"},
		{[]string{"op", "added"}, 400, "node_added"},
		{[]string{"keys", "a,,b"}, 400, "keys: "},
		{[]string{"limit", "0"}, 400, "from 1 to 10000"},
		{[]string{"limit", "10001"}, 400, "from 1 to 10000"},
		{[]string{"ops", "node_added"}, 400, "there is no parameter"},
		{[]string{"gremlin", "G.V("}, 400, `"position"`},
		{[]string{"gremlin", "G.V().Count()"}, 400, "do not change"},
		{[]string{"gremlin", "G.Flows()"}, 400, "do not change"},
		{[]string{"gremlin", "G.At('-1m').V()"}, 400, "a time of its own"},
	} {
		resp, answer := s.ask("/api/v1/changes", x.params...)
		if resp.StatusCode != x.status || !strings.Contains(answer, x.want) {
			t.Errorf("%v: %d %s", x.params, resp.StatusCode, answer)
		}
	}
	if s.api.running() != 0 || s.api.budget.Used() != 0 {
		t.Error("slots or bytes left over")
	}
	b := newBench(t, nil)
	if resp, answer := b.do(http.MethodGet, "/api/v1/changes", ""); resp.StatusCode != 501 {
		t.Errorf("no past: %d %s", resp.StatusCode, answer)
	}
	p := lived(t, func(c *Config) { c.Limits.Bytes = 20 })
	if resp, answer := p.ask("/api/v1/changes"); resp.StatusCode != 422 || !strings.Contains(answer, "bytes") {
		t.Errorf("too many bytes: %d %s", resp.StatusCode, answer)
	}
	p.fake.err = past.ErrClosed
	if resp, answer := p.ask("/api/v1/changes"); resp.StatusCode != 503 {
		t.Errorf("stopping: %d %s", resp.StatusCode, answer)
	}
}

// apply does what the changes say.
func (e elements) apply(c changed) {
	for _, x := range c.Changes {
		raw := x.Node
		if raw == nil {
			raw = x.Edge
		}
		if id := e.set(raw); x.Op == graph.NodeDeleted.String() || x.Op == graph.EdgeDeleted.String() {
			delete(e, id)
		}
	}
}

// shown are those that a graph can show: no edge without both its ends.
func (e elements) shown() elements {
	out := maps.Clone(e)
	maps.DeleteFunc(out, func(_, text string) bool {
		var x struct{ Parent, Child string }
		if err := json.Unmarshal([]byte(text), &x); err != nil {
			panic(err)
		}
		return x.Parent != "" && (e[x.Parent] == "" || e[x.Child] == "")
	})
	return out
}

// All changes between two times, done to the graph of the first, give that of
// the second, also when they come late.
func TestChangesLeadFromGraphToGraph(t *testing.T) {
	for seed := range uint64(4) {
		s := newStored(t)
		s.live(seed, 150)
		r := rand.New(rand.NewPCG(seed, 4))
		for range 8 {
			at := t0.Add(time.Duration(1000+r.IntN(150_000)) * time.Millisecond)
			e := elements{}
			e.apply(s.changes("from", "-2h", "to", at.Format(time.RFC3339Nano), "limit", "10000"))
			for range 2 {
				v, err := s.store.At(t.Context(), at)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := e.shown(), elementsOf(v); !maps.Equal(got, want) {
					t.Errorf("seed %d at %v: %s", seed, at, got.unlike(want))
				}
				to := at.Add(time.Duration(r.IntN(60_000)) * time.Millisecond)
				e.apply(s.changes("from", at.Format(time.RFC3339Nano), "to", to.Format(time.RFC3339Nano), "limit", "10000"))
				at = to
			}
		}
	}
}

// TestChangesShapes holds the schemas against what is really sent.
func TestChangesShapes(t *testing.T) {
	d := parse(t)
	var answer map[string]any
	_, text := told(t).ask("/api/v1/changes")
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	checkShape(t, "Changes", d.Components.Schemas["Changes"], answer)
	for _, c := range answer["changes"].([]any) {
		m := c.(map[string]any)
		checkShape(t, "PastChange", d.Components.Schemas["PastChange"], m)
		if keys, ok := m["keys"].([]any); ok {
			checkShape(t, "Key", d.Components.Schemas["Key"], keys[0].(map[string]any))
		}
		if parent, ok := m["parent"].(map[string]any); ok {
			checkShape(t, "NodeName", d.Components.Schemas["NodeName"], parent)
		}
	}
}
