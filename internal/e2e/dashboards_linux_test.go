package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/grafana-datasource/plugintest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

// dashboard is what of a dashboard's JSON the walk needs.
type dashboard struct {
	UID, Title  string
	Panels      []panel
	Templating  struct{ List []variable }
	Annotations struct {
		List []struct {
			Name   string
			Target map[string]any
		}
	}
}

type panel struct {
	Title, Type string
	Targets     []map[string]any
	Panels      []panel
}

type variable struct {
	Name, Type, AllValue string
	Query                json.RawMessage
	Current              struct{ Value json.RawMessage }
}

// walk is one dashboard with the values of its variables, as it opens.
type walk struct {
	g      *grafana
	d      *dashboard
	values map[string]string
	// chosen are values that a link brings, instead of the first there is.
	chosen map[string]string
}

var reference = regexp.MustCompile(`\$\{(\w+)(?::([^}]*))?\}`)

// fill replaces the variables in all texts of a value.
func (w *walk) fill(t *testing.T, v any) any {
	switch v := v.(type) {
	case string:
		return reference.ReplaceAllStringFunc(v, func(s string) string {
			m := reference.FindStringSubmatch(s)
			switch m[1] {
			case "__from":
				return time.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano) // not before the past is kept
			case "__to":
				return time.Now().UTC().Format(time.RFC3339)
			}
			value, ok := w.values[m[1]]
			require.True(t, ok, "%s: the variable %s is not defined before it is used", w.d.Title, m[1])
			if value == "$__all" {
				value = ".*"
			}
			return value
		})
	case []any:
		out := []any{}
		for _, e := range v {
			filled := w.fill(t, e)
			if s, ok := filled.(string); ok { // a list in a variable is a list
				for part := range strings.SplitSeq(s, ",") {
					out = append(out, part)
				}
				continue
			}
			out = append(out, filled)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if s, ok := e.(string); ok && k != "gremlin" && reference.FindString(s) == s && s != "" && w.values[reference.FindStringSubmatch(s)[1]] == "$__all" {
				out[k] = "" // every value is said by none
				continue
			}
			out[k] = w.fill(t, e)
		}
		return out
	}
	return v
}

// set gives a variable the value that it has when the dashboard is opened.
func (w *walk) set(t *testing.T, v *variable) {
	t.Helper()
	var one string
	var several []string
	if json.Unmarshal(v.Current.Value, &one) != nil && json.Unmarshal(v.Current.Value, &several) == nil {
		one = strings.Join(several, ",")
	}
	switch chosen, ok := w.chosen[v.Name]; {
	case ok:
		one = chosen
	case v.Type == "datasource":
		one = "skein"
	case v.Type == "query" && one == "":
		var model map[string]any
		require.NoError(t, json.Unmarshal(v.Query, &model))
		body, err := json.Marshal(w.fill(t, model))
		require.NoError(t, err)
		choices := w.choices(t, body)
		if v.Name == "netns" && len(choices) == 0 {
			break // the interface is in the host's own namespace
		}
		require.NotEmpty(t, choices, "%s: the variable %s has no values", w.d.Title, v.Name)
		one = choices[0]
	}
	w.values[v.Name] = one
}

// choices are the values of a variable.
func (w *walk) choices(t *testing.T, model []byte) (out []string) {
	t.Helper()
	var q struct{ Kind string }
	require.NoError(t, json.Unmarshal(model, &q))
	method, path, body := http.MethodGet, q.Kind, []byte(nil)
	if q.Kind == "gremlin" {
		method, path, body = http.MethodPost, "variable", []byte(`{"query":`+string(model)+`}`)
	}
	status, text, err := w.g.Resource(context.Background(), &w.g.Instance, method, path, body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%s %s %s: %s", w.d.Title, path, body, text)
	var list []struct{ Value, ID string }
	require.NoError(t, json.Unmarshal(text, &list), "%s", text)
	for _, c := range list {
		out = append(out, cmp.Or(c.Value, c.ID))
	}
	return out
}

// mayBeEmpty are panels that have nothing to show on a network that is well.
func (p *panel) mayBeEmpty() bool {
	return p.Title == "Stale nodes" || p.Title == "Removed" || p.Title == "Errors and drops"
}

// panel runs the queries of a panel.
func (w *walk) panel(t *testing.T, p *panel) (ran int) {
	t.Helper()
	for i := range p.Panels {
		ran += w.panel(t, &p.Panels[i])
	}
	for _, target := range p.Targets {
		source, _ := target["datasource"].(map[string]any)
		if source["type"] != plugintest.ID {
			continue
		}
		ran++
		model, err := json.Marshal(w.fill(t, target))
		require.NoError(t, err)
		r := w.g.ask(time.Time{}, time.Time{}, string(model))
		require.NoError(t, r.Error, "%s, panel %s: %s", w.d.Title, p.Title, model)
		rows := 0
		for _, f := range r.Frames {
			rows += f.Rows()
			if f.Meta != nil {
				for _, n := range f.Meta.Notices {
					t.Logf("%s, panel %s: %s", w.d.Title, p.Title, n.Text)
				}
			}
		}
		if rows == 0 && !p.mayBeEmpty() {
			t.Errorf("%s: the panel %s is empty: %s", w.d.Title, p.Title, model)
		}
	}
	return ran
}

// startShippedCollector runs the Collector with the configuration of make run,
// on a host of the test.
func startShippedCollector(t testing.TB, d *daemon, h *hostNS) {
	t.Helper()
	metrics, prometheus := proctest.FreeAddr(t), proctest.FreeAddr(t)
	host, port, err := net.SplitHostPort(metrics)
	require.NoError(t, err)
	own := filepath.Join(t.TempDir(), "host.yaml")
	require.NoError(t, os.WriteFile(own, fmt.Appendf(nil, `
receivers:
  flowcapture:
    host: {id: %[1]s, name: %[1]s, root_netns: %[2]s, netns_dirs: [%[3]s]}
    captures: [{name: default-route, interfaces: [default-route], netns: %[2]s, workers: 1, ring_size: 4, flows: 16384, layers: [dns]}]
`, h.name, h.root(), h.dir), 0o600))
	proctest.Start(t, program(t, "otelcol"), []string{
		"SKEIN_HTTP=" + d.addr, "SKEIN_DATA=" + t.TempDir(), "SKEIN_PROMETHEUS=" + prometheus, "SKEIN_COLLECTOR_HOST=" + host, "SKEIN_COLLECTOR_PORT=" + port,
	}, "--config", "../../deploy/local/otelcol.yaml", "--config", own)
	proctest.Eventually(t, 30*time.Second, "the Collector captures", func() error {
		text, err := get("http://" + metrics + "/metrics")
		if err == nil && !opened.MatchString(text) {
			err = fmt.Errorf("it has not opened anything: %s", text)
		}
		return err
	})
}

// TestDashboards opens every dashboard on what make run starts, on a host with
// a default route, a bridge and a namespace with some traffic: every query of
// every panel is run by the datasource, none fails, and none that should show
// something is empty.
func TestDashboards(t *testing.T) {
	h := newHost(t)
	h.addNS("blue")
	h.addNS("outside")
	h.batch("", []string{
		"link add br0 type bridge", "link set br0 up",
		"link add up0 type veth peer name out0", "addr add 10.99.0.1/24 dev up0", "link set up0 up",
		"link add bp0 type veth peer name eth0", "link set bp0 master br0", "link set bp0 up", "addr add 10.98.0.1/24 dev br0",
	})
	h.move("out0", "outside")
	h.move("eth0", "blue")
	h.batch("outside", []string{"addr add 10.99.0.2/24 dev out0", "link set out0 up"})
	h.batch("blue", []string{"addr add 10.98.0.2/24 dev eth0", "link set eth0 up"})
	h.ip("", "route", "add", "default", "via", "10.99.0.2")

	d := startDaemon(t, "", "", "--config", "../../deploy/local/topologyd.yaml")
	proctest.Start(t, program(t, "telegraf"), nil, "--config", telegrafConf(t, "http://"+d.addr, h))
	d.same(t, h, 20*time.Second)
	h.ip("", "link", "set", "bp0", "mtu", "1400") // so that something changed
	d.same(t, h, 20*time.Second)
	startShippedCollector(t, d, h)
	ping := func(ns, to string) {
		h.run("nsenter", "--net="+h.path(ns), "ping", "-n", "-q", "-c", "5", "-i", "0.2", to)
	}
	ping("", "10.99.0.2")
	ping("blue", "10.98.0.1")
	proctest.Eventually(t, 30*time.Second, "flows and counters are stored", func() error {
		if d.number(t, "G.Context(NOW,600).V().Has('Name','up0').Flows().Count()") == 0 {
			return fmt.Errorf("no flows")
		}
		if len(d.text(t, "G.Context(NOW,600).V().Has('Name','eth0').Metrics()")) < 10 {
			return fmt.Errorf("no counters")
		}
		top, err := d.TopFlows(context.Background(), client.TopQuery{By: "conversation"})
		if err == nil && len(top.Rows) == 0 {
			err = fmt.Errorf("no reports")
		}
		return err
	})

	g := startGrafana(t, d)
	files, err := filepath.Glob("../../dashboards/json/*.json")
	require.NoError(t, err)
	require.Len(t, files, 7)
	port := d.ask(t, "G.V().Has('Name','up0')")[0].ID
	chosen := map[string]map[string]string{"skein-node": {"node": port}, "skein-captures": {"node": port}}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			w := &walk{g: &grafana{Host: g.Host, Instance: g.Instance, t: t}, d: &dashboard{}, values: map[string]string{}, chosen: chosen[name]}
			require.NoError(t, json.Unmarshal(raw, w.d))
			for i := range w.d.Templating.List {
				w.set(t, &w.d.Templating.List[i])
			}
			t.Logf("variables: %v", w.values)
			ran := 0
			for i := range w.d.Panels {
				ran += w.panel(t, &w.d.Panels[i])
			}
			for _, a := range w.d.Annotations.List {
				ran += w.panel(t, &panel{Title: "annotation " + a.Name, Targets: []map[string]any{a.Target}})
			}
			require.Greater(t, ran, 5, "queries")
		})
	}
}
