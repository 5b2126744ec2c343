package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

// element is a node or edge as the query API gives it.
type element struct {
	ID, Parent, Child string
	Revision          uint64
	CreatedAt         int64
	Stale             bool
	Metadata          struct {
		Name, Type, MAC, RelationType string
		MTU, IfIndex                  int
		IPV4, IPV6                    []string
	}
}

// ask returns the elements that a query gives.
func (d *daemon) ask(t testing.TB, gremlin string) (out []element) {
	t.Helper()
	require.NoError(t, json.Unmarshal(d.text(t, gremlin), &out), gremlin)
	return out
}

// text returns the JSON that a query gives.
func (d *daemon) text(t testing.TB, gremlin string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	a, err := d.Ask(ctx, client.Query{Gremlin: gremlin}, client.JSON)
	require.NoError(t, err, gremlin)
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	require.NoError(t, err, gremlin)
	return b
}

func (d *daemon) number(t testing.TB, gremlin string) (n int) {
	t.Helper()
	require.NoError(t, json.Unmarshal(d.text(t, gremlin), &n))
	return n
}

// seen returns all interfaces of a host as the graph has them.
func (d *daemon) seen(t testing.TB, h *hostNS) []link {
	t.Helper()
	var graph struct{ Nodes, Edges []element }
	require.NoError(t, json.Unmarshal(d.text(t, fmt.Sprintf("G.V().Has('@Host', %q).SubGraph()", h.name)), &graph))
	ns := map[string]string{} // node of a namespace, or the host, by ID
	out := map[string]*link{}
	for _, n := range graph.Nodes {
		switch m := n.Metadata; m.Type {
		case "host":
			ns[n.ID] = ""
		case "netns":
			ns[n.ID] = m.Name
		default:
			l := &link{NS: "no namespace", Index: m.IfIndex, Name: m.Name, MAC: m.MAC, MTU: m.MTU, Addresses: slices.Concat(m.IPV4, m.IPV6)}
			if l.MAC == "00:00:00:00:00:00" {
				l.MAC = ""
			}
			slices.Sort(l.Addresses)
			out[n.ID] = l
		}
	}
	for _, e := range graph.Edges {
		if name, ok := ns[e.Parent]; ok && e.Metadata.RelationType == "ownership" && out[e.Child] != nil {
			out[e.Child].NS = name
		}
	}
	for _, e := range graph.Edges {
		if a, b := out[e.Parent], out[e.Child]; a != nil && b != nil && e.Metadata.Type == "veth" {
			a.Peer, b.Peer = b.NS+"/"+b.Name, a.NS+"/"+a.Name
		}
	}
	var all []link
	for _, l := range out {
		all = append(all, *l)
	}
	return sortLinks(all)
}

// same waits until the graph shows the host as ip does. The kernel takes
// namespaces apart in the background, so ip is asked each time, too.
func (d *daemon) same(t testing.TB, h *hostNS, limit time.Duration) {
	t.Helper()
	proctest.Eventually(t, limit, "the graph equals ip", func() error { return difference(h.truth(), d.seen(t, h)) })
}

func difference(want, got []link) error {
	index := func(ls []link) map[string]bool {
		m := map[string]bool{}
		for _, l := range ls {
			m[fmt.Sprint(l.fields())] = true
		}
		return m
	}
	w, g := index(want), index(got)
	var missing, invented []string
	for l := range w {
		if !g[l] {
			missing = append(missing, l)
		}
	}
	for l := range g {
		if !w[l] {
			invented = append(invented, l)
		}
	}
	if len(missing)+len(invented) == 0 && len(want) == len(got) {
		return nil
	}
	slices.Sort(missing)
	slices.Sort(invented)
	return fmt.Errorf("%d missing or different: %v; %d invented or different: %v",
		len(missing), missing[:min(5, len(missing))], len(invented), invented[:min(5, len(invented))])
}
