package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// agent is a host with its own Telegraf and its own Collector, which captures
// what topologyd orders.
type agent struct {
	*hostNS
	telegraf, collector         *proctest.Process
	telegrafConf, collectorConf string
	state                       string
}

// newAgent makes a host; each of its namespaces is quiet.
func newAgent(t testing.TB, d *daemon) *agent {
	t.Helper()
	h := newHost(t)
	h.quiet("")
	a := &agent{hostNS: h, state: t.TempDir()}
	a.telegrafConf = telegrafConf(t, "http://"+d.addr, h)
	a.collectorConf = filepath.Join(a.state, "otelcol.yaml")
	conf := fmt.Sprintf(`
receivers:
  flowcapture:
    host: {id: %[1]s, name: %[1]s, root_netns: %[2]s, netns_dirs: [%[3]s]}
    update_interval: 1s
    orders:
      endpoints: [http://%[4]s]
      storage: %[5]s/orders.json
      raw_packets: true
exporters:
  otlp_http:
    logs_endpoint: http://%[4]s/v1/logs
    compression: none
    retry_on_failure: {max_elapsed_time: 0, initial_interval: 200ms, max_interval: 1s}
    sending_queue: {storage: file_storage}
extensions:
  file_storage: {directory: %[5]s}
service:
  extensions: [file_storage]
  pipelines:
    logs: {receivers: [flowcapture], exporters: [otlp_http]}
  telemetry: {metrics: {level: none}}
`, h.name, h.root(), h.dir, d.addr, a.state)
	require.NoError(t, os.WriteFile(a.collectorConf, []byte(conf), 0o600))
	return a
}

func (a *agent) start(t testing.TB) { t.Helper(); a.startTelegraf(t); a.startCollector(t) }

func (a *agent) startTelegraf(t testing.TB) {
	t.Helper()
	a.telegraf = startTelegraf(t, a.telegrafConf)
}

func (a *agent) startCollector(t testing.TB) {
	t.Helper()
	a.collector = proctest.Start(t, program(t, "otelcol"), nil, "--config", a.collectorConf)
}

// send sends a request and returns the status and the body.
func (d *daemon) send(t testing.TB, method, path, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.addr+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, b
}

// order makes a capture with a specification in JSON.
func (d *daemon) order(t testing.TB, id, spec string) {
	t.Helper()
	status, b := d.send(t, http.MethodPost, "/api/v1/captures", fmt.Sprintf(`{"id":%q,"name":%q,"spec":%s}`, id, id, spec))
	require.Equal(t, http.StatusCreated, status, "%s", b)
}

func (d *daemon) unorder(t testing.TB, id string) {
	t.Helper()
	status, b := d.send(t, http.MethodDelete, "/api/v1/captures/"+id, "")
	require.Equal(t, http.StatusNoContent, status, "%s", b)
}

// point is a capture at a node, as the API tells it.
type point struct {
	Host, Interface, State, Error, Warning, Proof, Type string
	Packets                                             int64
}

func (d *daemon) points(t testing.TB, id string) (out []point, err error) {
	t.Helper()
	status, b := d.send(t, http.MethodGet, "/api/v1/captures/"+id+"/nodes", "")
	if status != http.StatusOK {
		return nil, fmt.Errorf("%d: %s", status, b) // it may not lead yet
	}
	return out, json.Unmarshal(b, &out)
}

// runs waits until a capture runs at the interfaces that it should, and at no
// other, and the graph says so.
func (d *daemon) runs(t testing.TB, id string, limit time.Duration, want ...string) {
	t.Helper()
	slices.Sort(want)
	proctest.Eventually(t, limit, "capture "+id+" runs at "+strings.Join(want, " "), func() error {
		ps, err := d.points(t, id)
		if err != nil {
			return err
		}
		var got []string
		for _, p := range ps {
			if p.State != "running" {
				return fmt.Errorf("%s of %s is %s: %s %s", p.Interface, p.Host, p.State, p.Error, p.Warning)
			}
			got = append(got, p.Host+"/"+p.Interface)
		}
		if slices.Sort(got); !slices.Equal(want, got) {
			return fmt.Errorf("it runs at %v", got)
		}
		if n := d.number(t, fmt.Sprintf("G.V().Has('Captures.Name','%s','Captures.State','running').Count()", id)); n != len(want) {
			return fmt.Errorf("%d nodes say that they are captured", n)
		}
		return nil
	})
}

// fails waits until a capture at an interface has a state and a message.
func (d *daemon) fails(t testing.TB, id, dev, state, message string) {
	t.Helper()
	begin := time.Now()
	proctest.Eventually(t, 20*time.Second, fmt.Sprintf("capture %s at %s is %s", id, dev, state), func() error {
		ps, err := d.points(t, id)
		if err != nil {
			return err
		}
		for _, p := range ps {
			if p.Interface == dev && p.State == state && strings.Contains(p.Error, message) {
				return nil
			}
		}
		return fmt.Errorf("%+v", ps)
	})
	t.Logf("%s: %s after %v", dev, state, time.Since(begin).Round(10*time.Millisecond))
}

// indent makes JSON readable in a failure.
func indent(b []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return string(b)
	}
	return out.String()
}
