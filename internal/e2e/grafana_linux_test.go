package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/grafana-datasource/plugintest"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/proctest"
)

// grafana is the datasource as Grafana runs it, set to a daemon.
type grafana struct {
	*plugintest.Host
	plugintest.Instance
	t testing.TB
}

func startGrafana(t testing.TB, d *daemon) *grafana {
	t.Helper()
	return &grafana{Host: plugintest.Start(t, program(t, "gpx_skein")), Instance: plugintest.Instance{URL: "http://" + d.addr}, t: t}
}

// ask runs one query; a zero time is now.
func (g *grafana) ask(from, to time.Time, model string) backend.DataResponse {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if to.IsZero() {
		to = time.Now()
	}
	if from.IsZero() {
		from = to.Add(-time.Hour)
	}
	out, err := g.Data(ctx, &g.Instance, nil, plugintest.Query{Model: json.RawMessage(model), From: from, To: to})
	require.NoError(g.t, err)
	require.Contains(g.t, out, "A")
	return out["A"]
}

// picture is what the Node graph panel is given.
type picture struct {
	nodes, edges *data.Frame
	at           map[string][2]float64 // positions by ID
	titles       map[string]string     // by ID
	notices      string
}

// draw runs a query for a node graph and checks what the panel asks of it.
func (g *grafana) draw(from, to time.Time, model string) *picture {
	g.t.Helper()
	r := g.ask(from, to, model)
	require.NoError(g.t, r.Error)
	p := &picture{at: map[string][2]float64{}, titles: map[string]string{}}
	for _, f := range r.Frames {
		switch f.Name {
		case "nodes":
			p.nodes = f
		case "edges":
			p.edges = f
		default:
			continue
		}
		require.EqualValues(g.t, data.VisTypeNodeGraph, f.Meta.PreferredVisualization, f.Name)
		for _, n := range f.Meta.Notices {
			p.notices += n.Text + "\n"
		}
	}
	require.NotNil(g.t, p.nodes)
	require.NotNil(g.t, p.edges)
	for i := range p.nodes.Rows() {
		id := text(p.nodes, "id", i)
		require.NotContains(g.t, p.at, id, "twice")
		p.at[id] = [2]float64{number(p.nodes, "fixedx", i), number(p.nodes, "fixedy", i)}
		p.titles[id] = text(p.nodes, "title", i)
	}
	for i := range p.edges.Rows() {
		require.Contains(g.t, p.at, text(p.edges, "source", i))
		require.Contains(g.t, p.at, text(p.edges, "target", i))
	}
	return p
}

// row is the row of the node with a title, -1 when there is none.
func (p *picture) row(title string) int {
	for i := range p.nodes.Rows() {
		if text(p.nodes, "title", i) == title {
			return i
		}
	}
	return -1
}

func (p *picture) names() []string {
	var out []string
	for _, title := range p.titles {
		out = append(out, title)
	}
	slices.Sort(out)
	return out
}

// text is what a column has in a row, "" for nothing.
func text(f *data.Frame, column string, row int) string {
	field, _ := f.FieldByName(column)
	if field == nil {
		return ""
	}
	if v, ok := field.ConcreteAt(row); ok {
		return fmt.Sprint(v)
	}
	return ""
}

func number(f *data.Frame, column string, row int) float64 {
	field, _ := f.FieldByName(column)
	if field == nil {
		return 0
	}
	v, err := field.FloatAt(row)
	if err != nil {
		return 0
	}
	return v
}

// tell sends events with their own times, many in one request.
func (d *daemon) tell(t testing.TB, events []entity.Event) {
	t.Helper()
	for part := range slices.Chunk(events, 1000) {
		var b []byte
		for i := range part {
			part[i].Attributes = part[i].Attributes.Normalize()
			require.NoError(t, part[i].Validate())
			b = lineproto.AppendEvent(b, &part[i])
		}
		resp, err := http.Post("http://"+d.addr+"/api/v2/write", "text/plain", bytes.NewReader(b)) //nolint:noctx // it is on this machine
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusNoContent, resp.StatusCode)
	}
}

// rack is hosts with ten namespaces each, on a bridge by veth pairs: a hundred
// nodes a host.
func rack(hosts int, at time.Time) (out []entity.Event) {
	attr := func(k, v string) entity.Attr { return entity.A(k, entity.String(v)) }
	for h := range hosts {
		id := fmt.Sprintf("rack-%03d", h)
		add := func(ref entity.Ref, rels []entity.Relationship, attrs ...entity.Attr) {
			out = append(out, entity.Event{Ref: ref, Source: "host", Time: at, Attributes: attrs, Relationships: rels})
		}
		part := func(of entity.Ref) entity.Relationship {
			return entity.Relationship{Type: entity.RelPartOf, Target: of}
		}
		host := entity.HostRef(id)
		add(host, nil, attr("Name", id), attr("Type", "host"))
		bridge := entity.InterfaceRef(id, "1", "1")
		add(bridge, []entity.Relationship{part(host)}, attr("Name", "br0"), attr("Type", "bridge"), attr("State", "UP"))
		for n := range 10 {
			inode := fmt.Sprint(100 + n)
			ns := entity.NetNSRef(id, inode, "4")
			add(ns, []entity.Relationship{part(host)}, attr("Name", fmt.Sprintf("ns%d", n)), attr("Type", "netns"))
			for i := range 4 {
				outer, inner := entity.InterfaceRef(id, "1", fmt.Sprint(10+4*n+i)), entity.InterfaceRef(id, inode, fmt.Sprint(2+i))
				add(outer, []entity.Relationship{part(host), {Type: entity.RelMemberOf, Target: bridge}, {Type: entity.RelPeerOf, Target: inner}},
					attr("Name", fmt.Sprintf("veth%d-%d", n, i)), attr("Type", "veth"), attr("State", "UP"))
				add(inner, []entity.Relationship{part(ns), {Type: entity.RelPeerOf, Target: outer}},
					attr("Name", fmt.Sprintf("eth%d", i)), attr("Type", "veth"), attr("State", "UP"))
			}
		}
		for i := range 8 {
			add(entity.InterfaceRef(id, "1", fmt.Sprint(100+i)), []entity.Relationship{part(host)},
				attr("Name", fmt.Sprintf("eth%d", i)), attr("Type", "device"), attr("State", "UP"))
		}
	}
	return out
}

// TestGrafanaLargeTopology draws 5,000 nodes: within the panel's limit, saying
// what is grouped, host by host opened, and nothing moves.
func TestGrafanaLargeTopology(t *testing.T) {
	d := startDaemon(t, "", "")
	events := rack(50, time.Now())
	d.tell(t, events)
	require.Len(t, events, 5000)
	g := startGrafana(t, d)
	now := time.Time{}

	p := g.draw(now, now, `{"queryType":"topology","gremlin":"G"}`)
	var took []time.Duration
	for range 9 {
		begin := time.Now()
		g.draw(now, now, `{"queryType":"topology","gremlin":"G"}`)
		took = append(took, time.Since(begin).Round(time.Millisecond))
	}
	slices.Sort(took)
	t.Logf("default view of 5,000 nodes: %d nodes, %d edges in %v", p.nodes.Rows(), p.edges.Rows(), took)
	require.LessOrEqual(t, p.nodes.Rows(), 200)
	require.Contains(t, p.notices, "5,000")

	// Opened, a host shows its inside.
	open := g.draw(now, now, `{"queryType":"topology","gremlin":"G","expand":"host=rack-007"}`)
	require.LessOrEqual(t, open.nodes.Rows(), 200)
	inside := 0
	for i := range open.nodes.Rows() {
		if text(open.nodes, "host", i) == "rack-007" {
			inside++
		}
	}
	require.Equal(t, 100, inside, "the whole inside of the host")

	// Nothing moves when one node changes, comes or goes.
	same := func(what string, q *picture) {
		t.Helper()
		for id, at := range q.at {
			if was, ok := open.at[id]; ok {
				require.Equal(t, was, at, "%s: %s moved", what, q.titles[id])
			}
		}
	}
	query := `{"queryType":"topology","gremlin":"G","expand":"host=rack-007"}`
	port := entity.InterfaceRef("rack-007", "1", "103")
	attr := func(k, v string) entity.Attr { return entity.A(k, entity.String(v)) }
	part := []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef("rack-007")}}
	d.tell(t, []entity.Event{{Ref: port, Source: "host", Time: time.Now(), Relationships: part,
		Attributes: entity.Attrs{attr("Name", "eth3"), attr("Type", "device"), attr("State", "DOWN")}}})
	down := g.draw(now, now, query)
	same("changed", down)
	require.Len(t, down.at, len(open.at))
	row := -1
	for i := range down.nodes.Rows() {
		if text(down.nodes, "id", i) == port.UUID().String() {
			row = i
		}
	}
	require.EqualValues(t, 1, number(down.nodes, "arc__down", row), "the arc of what is down")

	added := entity.InterfaceRef("rack-007", "1", "200")
	d.tell(t, []entity.Event{{Ref: added, Source: "host", Time: time.Now(), Relationships: part,
		Attributes: entity.Attrs{attr("Name", "new0"), attr("Type", "device"), attr("State", "UP")}}})
	with := g.draw(now, now, query)
	same("added", with)
	require.Len(t, with.at, len(open.at)+1)
	d.tell(t, []entity.Event{{Kind: entity.Delete, Ref: port, Source: "host", Time: time.Now()}})
	without := g.draw(now, now, query)
	same("removed", without)
	require.Len(t, without.at, len(open.at))
}

// TestGrafanaTimeTravel asks about last week: the graph as it was, and exactly
// what changed since.
func TestGrafanaTimeTravel(t *testing.T) {
	d := startDaemon(t, "", "")
	g := startGrafana(t, d)
	attr := func(k, v string) entity.Attr { return entity.A(k, entity.String(v)) }
	day := func(n int) time.Time { return time.Now().Add(time.Duration(n) * 24 * time.Hour) }
	host := entity.HostRef("h")
	port := func(n int, at time.Time, state string) entity.Event {
		return entity.Event{Ref: entity.InterfaceRef("h", "1", fmt.Sprint(n)), Source: "host", Time: at,
			Attributes:    entity.Attrs{attr("Name", fmt.Sprintf("eth%d", n)), attr("Type", "device"), attr("State", state)},
			Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: host}}}
	}
	gone := func(n int, at time.Time) entity.Event {
		return entity.Event{Kind: entity.Delete, Ref: entity.InterfaceRef("h", "1", fmt.Sprint(n)), Source: "host", Time: at}
	}
	d.tell(t, []entity.Event{
		{Ref: host, Source: "host", Time: day(-6), Attributes: entity.Attrs{attr("Name", "h"), attr("Type", "host")}},
		port(0, day(-6), "UP"), port(1, day(-6), "UP"), port(2, day(-6), "UP"),
		gone(1, day(-4)), port(2, day(-3), "DOWN"), port(3, day(-2), "UP"),
	})
	names := func(from, to time.Time) []string {
		t.Helper()
		return g.draw(from, to, `{"queryType":"topology","gremlin":"G"}`).names()
	}
	require.Equal(t, []string{"eth0", "eth1", "eth2", "h"}, names(day(-6), day(-5)))
	require.Equal(t, []string{"eth0", "eth2", "h"}, names(day(-6), day(-3).Add(time.Hour)))
	require.Equal(t, []string{"eth0", "eth2", "eth3", "h"}, names(day(-1), day(0)))

	// The difference between the two ends of the range.
	diff := g.ask(day(-5), day(-1), `{"queryType":"diff","view":"table","gremlin":"G"}`)
	require.NoError(t, diff.Error)
	require.Len(t, diff.Frames, 1)
	var rows []string
	for i := range diff.Frames[0].Rows() {
		if text(diff.Frames[0], "kind", i) == "node" {
			rows = append(rows, strings.TrimSpace(fmt.Sprintln(text(diff.Frames[0], "change", i), text(diff.Frames[0], "name", i))))
		}
	}
	slices.Sort(rows)
	require.Equal(t, []string{"added eth3", "changed eth2", "removed eth1"}, rows)
	p := g.draw(day(-5), day(-1), `{"queryType":"diff","view":"graph","gremlin":"G"}`)
	require.Equal(t, []string{"eth1", "eth2", "eth3", "h"}, p.names(), "what changed, and its owner")
	for title, arc := range map[string]string{"eth1": "arc__removed", "eth2": "arc__changed", "eth3": "arc__added"} {
		require.EqualValues(t, 1, number(p.nodes, arc, p.row(title)), "%s of %s", arc, title)
	}

	// All changes in between, as annotations.
	events := g.ask(day(-5), day(-1), `{"queryType":"events","what":"nodes"}`)
	require.NoError(t, events.Error)
	require.Len(t, events.Frames, 1)
	require.Equal(t, 3, events.Frames[0].Rows())

	// Before what is kept: a message that says since when.
	early := g.ask(day(-300), day(-200), `{"queryType":"topology","gremlin":"G"}`)
	require.ErrorContains(t, early.Error, "kept from")
}

// TestGrafanaTroubles asks what cannot be answered: each message says what to
// do, and the token is in none.
func TestGrafanaTroubles(t *testing.T) {
	d := startDaemon(t, "", "")
	g := startGrafana(t, d)
	g.Secrets = map[string]string{"token": "very-secret-token"}
	ok, err := g.Health(context.Background(), &g.Instance)
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusOk, ok.Status, ok.Message)

	r := g.ask(time.Time{}, time.Time{}, `{"queryType":"table","gremlin":"G.V().Hsa('Name')"}`)
	require.ErrorContains(t, r.Error, "line 1, column 7")
	require.ErrorContains(t, r.Error, "did you mean")
	require.EqualValues(t, http.StatusBadRequest, r.Status)

	away := *g
	away.UID, away.URL = "away", "http://"+proctest.FreeAddr(t)
	sick, err := away.Health(context.Background(), &away.Instance)
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusError, sick.Status)
	require.Contains(t, sick.Message, "Nothing listens")
	r = away.ask(time.Time{}, time.Time{}, `{"queryType":"table","gremlin":"G.V()"}`)
	require.ErrorContains(t, r.Error, "othing listens")
	require.Equal(t, backend.ErrorSourceDownstream, r.ErrorSource)
	for _, text := range []string{ok.Message + string(ok.JSONDetails), sick.Message + string(sick.JSONDetails), r.Error.Error()} {
		require.NotContains(t, text, "very-secret-token")
	}

	// Nothing can be changed through it, whoever asks.
	g.User = backend.User{Login: "admin", Role: "Admin"}
	for _, path := range []string{"captures", "api/v1/node-rules", "../api/v1/node-rules", "v1/logs", "api/v2/write"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			status, _, err := g.Resource(context.Background(), &g.Instance, method, path, []byte(`{}`))
			require.NoError(t, err)
			require.GreaterOrEqual(t, status, 300, "%s %s", method, path)
		}
	}
}
