package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/past"
)

// t0 is when the history of the tests begins, and now is their clock.
var (
	t0  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now = t0.Add(time.Hour)
)

// fakePast keeps whole views and all changes in memory.
type fakePast struct {
	mu      sync.Mutex
	times   []time.Time
	views   []*graph.View
	changes []graph.Change
	// oldest is the first time that can be asked about.
	oldest         time.Time
	oldestRevision uint64
	history        []past.Revision
	err            error
	asked          []string
}

func (p *fakePast) At(_ context.Context, t time.Time) (*graph.View, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return nil, p.err
	}
	if t.Before(p.oldest) {
		return nil, fmt.Errorf("look back: %w", past.ErrTooOld{Oldest: p.oldest})
	}
	var out *graph.View
	for i, x := range p.times {
		if !x.After(t) {
			out = p.views[i]
		}
	}
	return out, nil
}

func (p *fakePast) Slice(context.Context, time.Time, time.Time) (*graph.View, error) {
	return nil, errors.New("no slices here")
}

func (p *fakePast) History(_ context.Context, id entity.UUID, from, to time.Time, limit int) ([]past.Revision, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, fmt.Sprint(id, " ", from.Format(time.TimeOnly), " ", to.Format(time.TimeOnly), " ", limit))
	if from.Before(p.oldest) && !from.IsZero() {
		return nil, past.ErrTooOld{Oldest: p.oldest}
	}
	return p.history[max(0, len(p.history)-limit):], p.err
}

func (p *fakePast) Changes(ctx context.Context, after uint64, fn func([]graph.Change) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if after < p.oldestRevision {
		return past.ErrTooOld{Oldest: p.oldest}
	}
	for _, c := range p.changes {
		if c.Revision > after {
			if err := fn([]graph.Change{c}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (p *fakePast) Between(context.Context, past.Between) (*past.Stretch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &past.Stretch{}, p.err
}

func (p *fakePast) Bounds() (oldest, newest time.Time, oldestRevision uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.oldest, p.times[len(p.times)-1], p.oldestRevision
}

// aged is a bench whose graph has a past: each call of put is a minute later.
type aged struct {
	*bench
	fake *fakePast
	at   time.Time
}

func newPast(t testing.TB, change func(*Config)) *aged {
	p := &aged{fake: &fakePast{oldest: t0}, at: t0}
	p.bench = newBenchWith(t, change, func(d *Deps) {
		d.Past, d.Records, d.Now = p.fake, p.fake, func() time.Time { return now }
		d.Digest = func(context.Context) (Digest, error) { return Digest{p.graph.View().Revision(), 4, "abcd"}, nil }
	})
	p.keep(nil)
	return p
}

func (p *aged) keep(changes []graph.Change) {
	p.fake.mu.Lock()
	defer p.fake.mu.Unlock()
	p.fake.changes = append(p.fake.changes, changes...)
	p.fake.times = append(p.fake.times, p.at)
	p.fake.views = append(p.fake.views, p.graph.View())
}

func (p *aged) put(e entity.Event) []graph.Change {
	p.at = p.at.Add(time.Minute)
	e.Source, e.Time, e.Attributes = "netlink", p.at, e.Attributes.Normalize()
	x := p.graph.Prepare(&e, 0)
	changes, _ := p.graph.Apply(&x, p.at, nil)
	p.keep(changes)
	return changes
}

func eth(i, mtu int) entity.Event {
	return entity.Event{Ref: entity.InterfaceRef("h", "1", fmt.Sprint(i)), Attributes: entity.Attrs{
		entity.A("Name", entity.String(fmt.Sprint("eth", i))), entity.A("Type", entity.String("device")), entity.A("MTU", entity.Int(int64(mtu)))},
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef("h")}}}
}

// lived has a host at minute 1, eth0 at 2, eth1 at 3, eth0 with another MTU at
// 4, and eth1 gone at 5.
func lived(t testing.TB, change func(*Config)) *aged {
	p := newPast(t, change)
	p.put(entity.Event{Ref: entity.HostRef("h"), Attributes: entity.Attrs{entity.A("Name", entity.String("h")), entity.A("Type", entity.String("host"))}})
	p.put(eth(0, 1500))
	p.put(eth(1, 1500))
	p.put(eth(0, 9000))
	p.put(entity.Event{Kind: entity.Delete, Ref: eth(1, 0).Ref})
	return p
}

// ask gets a path with parameters in pairs.
func (p *aged) ask(path string, params ...string) (*http.Response, string) {
	p.t.Helper()
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	return p.do(http.MethodGet, path+"?"+q.Encode(), "")
}

func TestQueryAt(t *testing.T) {
	p := lived(t, nil)
	for at, want := range map[string]string{
		"":                               "[9000]",
		"NOW":                            "[9000]",
		"2027-01-01":                     "[9000]", // nothing newer is known
		"2026-03-01T12:03:30Z":           "[1500,1500]",
		"2026-03-01 12:02:00":            "[1500]",
		"-59m":                           "[]",
		"Sun, 01 Mar 2026 12:04:00 GMT":  "[9000,1500]",
		fmt.Sprint(t0.Unix() + 120):      "[1500]",
		fmt.Sprint(t0.UnixMilli() + 180): "[1500]",
	} {
		if at == fmt.Sprint(t0.UnixMilli()+180) {
			want = "[]"
		}
		resp, answer := p.ask("/api/v1/query", "gremlin", "G.V().Values('MTU')", "at", at)
		if resp.StatusCode != 200 || strings.TrimSpace(answer) != want {
			t.Errorf("%s: %d %s, want %s", at, resp.StatusCode, answer, want)
		}
	}
	// In the text of a query times are those of the daemon's own clock.
	if _, answer := p.ask("/api/v1/query", "gremlin", "G.At('2026-03-01 12:02:00').V().Values('MTU')", "at", "-57m"); strings.TrimSpace(answer) != "[1500]" {
		t.Errorf("at another time in the query: %s", answer)
	}
	resp, answer := p.do(http.MethodPost, "/api/v1/query", `{"gremlin":"G.V().Count()","at":"-58m"}`)
	if strings.TrimSpace(answer) != "2" || resp.Header.Get(HeaderRevision) != "3" {
		t.Errorf("%s at revision %s", answer, resp.Header.Get(HeaderRevision))
	}
}

// TestClockBehind has the daemon's clock set back behind what is kept.
func TestClockBehind(t *testing.T) {
	p := lived(t, nil)
	p.api.now = func() time.Time { return t0.Add(2 * time.Minute) }
	for at, want := range map[string]string{
		"":                     "[9000]",
		"NOW":                  "[9000]",
		"2026-03-01T12:01:30Z": "[]",
		"2026-03-01T12:03:30Z": "[1500,1500]",
		"2026-03-01T12:05:00Z": "[9000]",
	} {
		resp, answer := p.ask("/api/v1/query", "gremlin", "G.V().Values('MTU')", "at", at)
		if resp.StatusCode != 200 || strings.TrimSpace(answer) != want {
			t.Errorf("%s: %d %s, want %s", at, resp.StatusCode, answer, want)
		}
	}
	p.ask("/api/v1/history/"+eth(0, 0).Ref.UUID().String(), "from", "2026-03-01 12:00:00")
	if asked := p.fake.asked[0]; !strings.Contains(asked, " 12:05:00 ") {
		t.Errorf("history is asked for %s, want up to the newest change", asked)
	}
}

func TestTimesRefused(t *testing.T) {
	p := lived(t, func(c *Config) { c.Limits.Bytes = 800 })
	id := "/api/v1/history/" + eth(0, 0).Ref.UUID().String()
	for _, x := range []struct {
		path   string
		params []string
		status int
		want   string
	}{
		{"/api/v1/query", []string{"gremlin", "G", "at", "-2h"}, 410, `"code":"gone"`},
		{"/api/v1/query", []string{"gremlin", "G", "at", "-2h"}, 410, `"oldest":"2026-03-01T12:00:00Z"`},
		{"/api/v1/query", []string{"gremlin", "G", "at", "once"}, 400, "at: "},
		{"/api/v1/query", []string{"gremlin", "G.At('2026-03-01 11:00:00').V()"}, 410, `"position"`},
		{"/api/v1/query", []string{"gremlin", "G.Context('-1m', '5s').V()"}, 500, "no slices here"},
		{"/api/v1/query", []string{"gremlin", "G.V(", "at", "-1m"}, 400, "syntax"},
		{"/api/v1/diff", []string{"from", "-2h"}, 410, "kept from 2026-03-01T12:00:00Z on"},
		{"/api/v1/diff", []string{"from", "-1m", "to", "-2h"}, 410, "gone"},
		{"/api/v1/diff", nil, 400, "give from"},
		{"/api/v1/diff", []string{"from", "x"}, 400, "from: "},
		{"/api/v1/diff", []string{"from", "-1m", "to", "x"}, 400, "to: "},
		{"/api/v1/diff", []string{"from", "-1m", "gremlin", "G.X()"}, 400, `"position"`},
		{"/api/v1/diff", []string{"from", "-1m", "keys", "a,,b"}, 400, "keys: "},
		{"/api/v1/diff", []string{"from", "-60m"}, 422, "bytes"},
		{id, []string{"from", "-2h"}, 410, "gone"},
		{id, []string{"to", "-2h"}, 410, "gone"},
		{id, []string{"from", "-1m", "to", "-2m"}, 400, "exchange"},
		{id, []string{"limit", "0"}, 400, "limit"},
		{id, []string{"limit", "x"}, 400, "limit"},
		{id, []string{"from", "y"}, 400, "from: "},
		{id, nil, 404, "nothing is known"},
		{"/api/v1/history/x", nil, 400, "not the ID"},
		{"/api/v1/watch", []string{"since", "-2h"}, 410, "gone"},
		{"/api/v1/watch", []string{"since", "x"}, 400, "since: "},
		{"/api/v1/watch", []string{"since", "-1m", "from", "3"}, 400, "not both"},
	} {
		resp, answer := p.ask(x.path, x.params...)
		var e struct {
			Error struct{ Code, Message string }
		}
		if err := json.Unmarshal([]byte(answer), &e); err != nil || resp.StatusCode != x.status || !strings.Contains(answer, x.want) || e.Error.Message == "" {
			t.Errorf("%s %v: %d %s", x.path, x.params, resp.StatusCode, answer)
		}
	}
	if p.api.running() != 0 || p.api.budget.Used() != 0 {
		t.Error("slots or bytes left over")
	}
}

func TestBusyPast(t *testing.T) {
	p := lived(t, func(c *Config) { c.Concurrency = 1; c.Limits.Time = 50 * time.Millisecond })
	release := p.hold()
	for _, path := range []string{"/api/v1/query?gremlin=G&at=-1m", "/api/v1/diff?from=-1m", "/api/v1/digest", "/api/v1/watch?since=-1m", "/api/v1/changes",
		"/api/v1/history/" + eth(0, 0).Ref.UUID().String()} {
		if resp, answer := p.do(http.MethodGet, path, ""); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(answer, `"busy"`) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
	}
	release()
}

// A daemon without a past says so.
func TestNoPast(t *testing.T) {
	b := newBench(t, nil)
	b.fill(1)
	for _, path := range []string{"/api/v1/query?gremlin=G&at=-1m", "/api/v1/diff?from=-1m", "/api/v1/digest", "/api/v1/watch?since=-1m", "/api/v1/changes",
		"/api/v1/history/" + eth(0, 0).Ref.UUID().String()} {
		if resp, answer := b.do(http.MethodGet, path, ""); resp.StatusCode != 501 || !strings.Contains(answer, `"unsupported"`) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
	}
	if resp, answer := b.do(http.MethodGet, "/api/v1/query?gremlin=G.V().Count()&at=NOW", ""); resp.StatusCode != 200 {
		t.Errorf("now: %d %s", resp.StatusCode, answer)
	}
}

// answered is the part of a difference that the tests look at.
type answered struct {
	From, To struct {
		Time     time.Time
		Revision uint64
	}
	Summary struct {
		Nodes, Edges struct{ Added, Removed, Changed int }
	}
	Nodes []struct {
		Op   string
		Node struct{ Metadata struct{ Name string } }
		Keys []struct {
			Key      string
			Old, New any
		}
	}
	Edges  []struct{ Op string }
	Number *struct{ Old, New int }
}

func TestDiff(t *testing.T) {
	p := lived(t, nil)
	diff := func(params ...string) (d answered) {
		t.Helper()
		resp, answer := p.ask("/api/v1/diff", params...)
		if err := json.Unmarshal([]byte(answer), &d); err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != typeJSON {
			t.Fatalf("%v: %d %v %s", params, resp.StatusCode, err, answer)
		}
		return d
	}
	d := diff("from", "2026-03-01T12:02:00Z", "to", "2026-03-01T12:04:30Z")
	if !d.From.Time.Equal(t0.Add(2*time.Minute)) || !d.To.Time.Equal(t0.Add(270*time.Second)) || d.From.Revision != 3 || d.To.Revision != 6 {
		t.Errorf("%+v", d)
	}
	if len(d.Nodes) != 2 || d.Nodes[0].Op != "changed" || d.Nodes[0].Node.Metadata.Name != "eth0" || d.Nodes[0].Keys[0].Key != "MTU" ||
		d.Nodes[0].Keys[0].New != 9000. || d.Nodes[1].Op != "added" || len(d.Edges) != 1 || d.Edges[0].Op != "added" || d.Summary.Nodes.Added != 1 {
		t.Errorf("%+v", d)
	}
	if d := diff("from", "-57m"); !d.To.Time.Equal(now) || d.Summary.Nodes.Removed != 1 || d.Summary.Nodes.Changed != 1 || d.Summary.Edges.Removed != 1 {
		t.Errorf("to now: %+v", d)
	}
	if d := diff("from", "NOW", "to", "-57m"); d.Summary.Nodes.Added != 1 {
		t.Errorf("backwards: %+v", d)
	}
	if d := diff("from", "-57m", "gremlin", "G.V().Has('Name','eth0')"); len(d.Nodes) != 1 || d.Nodes[0].Op != "changed" || len(d.Edges) != 0 {
		t.Errorf("of a query: %+v", d)
	}
	if d := diff("from", "-57m", "gremlin", "G.V().Has('MTU',1500).Count()"); d.Number == nil || d.Number.Old != 2 || d.Number.New != 0 {
		t.Errorf("of a number: %+v", d)
	}
	if d := diff("from", "-57m", "keys", "State"); len(d.Nodes) != 1 || d.Nodes[0].Op != "removed" {
		t.Errorf("of keys: %+v", d)
	}
	if d := diff("from", "-57m", "keys", "@Revision"); len(d.Nodes) != 2 || d.Nodes[0].Keys[0].Key != "@Revision" {
		t.Errorf("of revisions: %+v", d)
	}
	for text, travels := range map[string]bool{"G.At('-1h').V()": true, "G.V().Context(NOW)": true, "G.At(NOW).V()": false} {
		if resp, answer := p.ask("/api/v1/diff", "from", "-57m", "gremlin", text); (resp.StatusCode != 200) != travels {
			t.Errorf("%s: %d %s", text, resp.StatusCode, answer)
		}
	}
	resp, answer := p.do(http.MethodGet, "/api/v1/diff?from=-57m", "", "Accept", "text/plain")
	want := "~ node eth0 (device) on h\n    MTU: 1500 -> 9000\n- node eth1 (device) on h\n- edge ownership h (host) -> eth1 (device)\n"
	if answer != want || !strings.HasPrefix(resp.Header.Get("Content-Type"), typeText) {
		t.Errorf("got\n%s\nwant\n%s", answer, want)
	}
	if resp, _ := p.do(http.MethodGet, "/api/v1/diff?from=-57m", "", "Accept", "image/png"); resp.StatusCode != 406 {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestHistory(t *testing.T) {
	p := lived(t, nil)
	id := eth(0, 0).Ref.UUID()
	for _, c := range p.fake.changes {
		if c.Node != nil && c.Node.ID == id {
			p.fake.history = append(p.fake.history, past.Revision{Op: c.Op, Revision: c.Revision, From: time.UnixMilli(c.At), LogTime: time.UnixMilli(c.At), Node: c.Node})
		}
	}
	p.fake.history[0].To = p.fake.history[1].From
	p.fake.history[1].Changed = []past.KeyChange{{Key: "MTU", Old: entity.Int(1500), New: entity.Int(9000)},
		{Key: "Ovs", Old: entity.Map(entity.Attrs{entity.A("Tag", entity.Int(1))}), New: entity.Map(entity.Attrs{entity.A("Tag", entity.Int(2))})}}
	type answer struct {
		ID        string
		From, To  time.Time
		More      bool
		Revisions []struct {
			Op       string
			Revision uint64
			From     time.Time
			To       *time.Time
			Logged   time.Time
			Node     struct{ ID string }
			Keys     []struct {
				Key      string
				Old, New int
			}
		}
	}
	get := func(params ...string) (a answer) {
		t.Helper()
		resp, text := p.ask("/api/v1/history/"+id.String(), params...)
		if err := json.Unmarshal([]byte(text), &a); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%d %v %s", resp.StatusCode, err, text)
		}
		return a
	}
	a := get()
	if a.ID != id.String() || a.More || len(a.Revisions) != 2 || !a.From.Equal(t0) || !a.To.Equal(now) {
		t.Fatalf("%+v", a)
	}
	first, last := a.Revisions[0], a.Revisions[1]
	if first.Op != "node_added" || first.To == nil || !first.To.Equal(last.From) || first.Keys != nil || first.Node.ID != id.String() {
		t.Errorf("%+v", first)
	}
	if last.Op != "node_updated" || last.To != nil || len(last.Keys) != 2 || last.Keys[0].Old != 1500 || last.Keys[1].Key != "Ovs.Tag" || last.Revision != 6 {
		t.Errorf("%+v", last)
	}
	for _, c := range p.fake.changes {
		if c.Op == graph.EdgeAdded {
			p.fake.history = []past.Revision{{Op: c.Op, From: t0, Edge: c.Edge}} // older than what is kept
			break
		}
	}
	_, text := p.ask("/api/v1/history/" + id.String())
	for _, want := range []string{`"parent":{"Name":"h","Type":"host","Host":"h"}`, `"child":{"Name":"eth0"`, `{"op":"edge_added","from":"2026-03-01T12:00:00Z","edge":`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	p.fake.history = p.fake.history[:0]
	for _, c := range p.fake.changes {
		if c.Node != nil && c.Node.ID == id {
			p.fake.history = append(p.fake.history, past.Revision{Op: c.Op, Node: c.Node})
		}
	}
	p.fake.asked = p.fake.asked[:1]
	if a := get("limit", "1", "from", "-59m", "to", "-1m"); !a.More || len(a.Revisions) != 1 || a.Revisions[0].Op != "node_updated" {
		t.Errorf("%+v", a)
	}
	if got := p.fake.asked; got[1] != id.String()+" 12:01:00 12:59:00 2" {
		t.Errorf("%q", got)
	}
}

// What the store says in other words.
func TestStoreErrors(t *testing.T) {
	p := lived(t, nil)
	for _, x := range []struct {
		err    error
		status int
		want   string
	}{
		{past.ErrTooOld{}, 410, "nothing of the past is kept yet"},
		{past.ErrTooLarge, 422, `"limit"`},
		{fmt.Errorf("build: %w", past.ErrClosed), 503, `"unavailable"`},
		{errors.New("broken"), 500, `"internal"`},
		{context.DeadlineExceeded, 408, `"limit"`},
	} {
		p.fake.err = x.err
		for _, path := range []string{"/api/v1/query?gremlin=G&at=-1m", "/api/v1/diff?from=-1m", "/api/v1/history/" + eth(0, 0).Ref.UUID().String()} {
			if resp, answer := p.do(http.MethodGet, path, ""); resp.StatusCode != x.status || !strings.Contains(answer, x.want) {
				t.Errorf("%v: %s: %d %s", x.err, path, resp.StatusCode, answer)
			}
		}
	}
}

func TestDigest(t *testing.T) {
	p := lived(t, nil)
	if resp, answer := p.ask("/api/v1/digest"); resp.StatusCode != 200 || strings.TrimSpace(answer) != `{"revision":8,"record":4,"digest":"abcd"}` {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

// TestPastShapes holds the schemas against what is really sent.
func TestPastShapes(t *testing.T) {
	d := parse(t)
	p := lived(t, nil)
	p.fake.history = []past.Revision{{Op: graph.NodeUpdated, To: now, Node: p.graph.View().Node(entity.HostRef("h").UUID()), Changed: []past.KeyChange{{Key: "a", Old: entity.Int(1), New: entity.Int(2)}}}}
	check := func(name string, v any) map[string]any {
		t.Helper()
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%s: %v", name, v)
		}
		checkShape(t, name, d.Components.Schemas[name], m)
		return m
	}
	list := func(v any) []any { l, _ := v.([]any); return l }
	get := func(path string, params ...string) (out any) {
		t.Helper()
		resp, answer := p.ask(path, params...)
		if err := json.Unmarshal([]byte(answer), &out); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%d %v %s", resp.StatusCode, err, answer)
		}
		return out
	}
	for _, r := range list(check("History", get("/api/v1/history/"+eth(0, 0).Ref.UUID().String()))["revisions"]) {
		for _, k := range list(check("Revision", r)["keys"]) {
			check("Key", k)
		}
	}
	for _, params := range [][]string{{"from", "-57m"}, {"from", "-57m", "gremlin", "G.V().Count()"}, {"from", "-57m", "gremlin", "G.V().Values('MTU')"}} {
		m := check("Difference", get("/api/v1/diff", params...))
		check("Moment", m["from"])
		for _, n := range list(m["nodes"]) {
			check("Node", check("NodeDifference", n)["node"])
		}
		for _, e := range list(m["edges"]) {
			check("NodeName", check("EdgeDifference", e)["child"])
		}
	}
	check("Digest", get("/api/v1/digest"))
	if got := check("Status", get("/api/v1/status"))["past"].(map[string]any)["oldest"]; got != "2026-03-01T12:00:00Z" {
		t.Errorf("oldest %v", got)
	}
}

func FuzzPastParameters(f *testing.F) {
	p := lived(f, func(c *Config) { c.Limits.Time = 200 * time.Millisecond; c.Limits.Visited = 10_000 })
	f.Add("-57m", "NOW", "G.V().Has('MTU', 1500)", "*,-MTU", "10")
	f.Add("2026-03-01", "1772366400", "", "@Revision", "x")
	f.Add("-2h", "", "G.At('-1h').V().Count()", "", "")
	id := eth(0, 0).Ref.UUID().String()
	f.Fuzz(func(t *testing.T, from, to, gremlin, keys, limit string) {
		values := url.Values{"from": {from}, "to": {to}, "gremlin": {gremlin}, "keys": {keys}, "limit": {limit}}
		less := values.Encode()
		values.Set("at", from)
		all := values.Encode()
		for path, serve := range map[string]http.HandlerFunc{"/api/v1/diff": p.api.difference, "/api/v1/query": p.api.queryGet, "/api/v1/history/" + id: p.api.history, "/api/v1/changes": p.api.changes} {
			q := all
			if path == "/api/v1/changes" { // it refuses what it does not know
				q = less
			}
			r := httptest.NewRequest(http.MethodGet, path+"?"+q, nil)
			r.SetPathValue("id", id)
			w := httptest.NewRecorder()
			serve(w, r)
			switch w.Code {
			case 200, 400, 404, 408, 410, 422:
				if !json.Valid(w.Body.Bytes()) {
					t.Errorf("%s: %d %q", path, w.Code, w.Body)
				}
			case 500: // the store of these tests knows no slices
				if !strings.Contains(w.Body.String(), "no slices here") {
					t.Errorf("%s: %s", path, w.Body)
				}
			default:
				t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
			}
		}
		if p.api.running() != 0 || p.api.budget.Used() != 0 {
			t.Error("slots or bytes left over")
		}
	})
}
