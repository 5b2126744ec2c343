package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

// programs are what the tests run.
var programs proctest.Programs

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

// topologyd returns the path of the program.
func topologyd(t testing.TB) string {
	t.Helper()
	return programs.Path(t, "topologyd/cmd/topologyd")
}

func needRoot(t testing.TB, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(what + " needs root")
	}
}

// daemon is a topologyd that is started and ended again and again over one
// data directory.
type daemon struct {
	t    testing.TB
	name string
	addr string
	dir  string
	args []string
	ns   *netns.NS // where it runs and is asked from inside; nil: here
	http *http.Client
	out  proctest.Buffer // of all runs

	cmd    *exec.Cmd
	ended  chan struct{}
	before int // length of out when this run began
}

// newDaemon returns one that does not run yet, on loopback.
func newDaemon(t testing.TB, args ...string) *daemon {
	d := &daemon{t: t, name: "topologyd", addr: proctest.FreeAddr(t), dir: t.TempDir()}
	d.args = append([]string{"--otlp-listen", "", "--query-max-results", "1000000"}, args...)
	d.prepare()
	return d
}

// prepare makes the client and has the daemon ended with the test.
func (d *daemon) prepare() {
	d.http = newHTTP(d.ns)
	d.t.Cleanup(func() {
		d.kill()
		d.http.CloseIdleConnections()
		if d.t.Failed() {
			text := d.out.String()
			d.t.Logf("%s printed:\n%s", d.name, text[max(0, len(text)-6000):])
		}
	})
}

// newHTTP returns a client that dials from inside a namespace.
func newHTTP(ns *netns.NS) *http.Client {
	dialer := &net.Dialer{Timeout: 3 * time.Second}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		MaxIdleConnsPerHost: 16,
		DialContext: func(ctx context.Context, network, addr string) (c net.Conn, err error) {
			if ns == nil {
				return dialer.DialContext(ctx, network, addr)
			}
			err = ns.Do(func() (err error) { c, err = dialer.DialContext(ctx, network, addr); return err })
			return c, err
		},
	}}
}

// launch starts the process and does not wait for it.
func (d *daemon) launch() {
	d.t.Helper()
	require.Nil(d.t, d.cmd, "it runs already")
	d.before = len(d.out.String())
	args := append([]string{"--listen", d.addr, "--data-dir", d.dir, "--listen-beyond-loopback-without-authentication"}, d.args...)
	cmd, ended := exec.Command(topologyd(d.t), args...), make(chan struct{})
	cmd.Stdout, cmd.Stderr = &d.out, &d.out
	start := cmd.Start
	if d.ns != nil {
		start = func() error { return d.ns.Do(cmd.Start) }
	}
	require.NoError(d.t, start())
	d.cmd, d.ended = cmd, ended
	go func() { _ = cmd.Wait(); close(ended) }()
}

// start starts the process and waits until it serves queries; it returns how
// long that took.
func (d *daemon) start() time.Duration {
	d.t.Helper()
	begin := time.Now()
	d.launch()
	d.awaitReady(30 * time.Second)
	return time.Since(begin)
}

func (d *daemon) awaitReady(limit time.Duration) {
	d.t.Helper()
	proctest.Eventually(d.t, limit, d.name+" is ready", func() error {
		select {
		case <-d.ended:
			d.t.Fatalf("%s ended: %s", d.name, d.printed())
		default:
		}
		return d.ready()
	})
}

// printed returns what this run said.
func (d *daemon) printed() string { return d.out.String()[d.before:] }

// kill ends the process at once, as a crash does, if it runs.
func (d *daemon) kill() { d.signal(syscall.SIGKILL) }

// stop ends the process as a service manager does, if it runs.
func (d *daemon) stop() { d.signal(syscall.SIGTERM) }

func (d *daemon) signal(s syscall.Signal) {
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(s)
	select {
	case <-d.ended:
	case <-time.After(30 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.ended
		d.t.Errorf("%s did not end on %v", d.name, s)
	}
	d.cmd = nil
	d.http.CloseIdleConnections()
}

// exitCode waits until the process ended by itself.
func (d *daemon) exitCode(limit time.Duration) int {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(limit):
		d.t.Fatalf("%s still runs after %v: %s", d.name, limit, d.printed())
	}
	code := d.cmd.ProcessState.ExitCode()
	d.cmd = nil
	return code
}

// do sends a request; a status other than 2xx is an error.
func (d *daemon) do(ctx context.Context, c *http.Client, method, path string, body []byte) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+d.addr+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(b))
	}
	return resp.Header, b, err
}

func (d *daemon) get(path string) ([]byte, error) {
	_, b, err := d.do(context.Background(), d.http, http.MethodGet, path, nil)
	return b, err
}

func (d *daemon) ready() error {
	_, err := d.get("/-/ready")
	return err
}

// ask asks about a time; "" is now.
func (d *daemon) ask(ctx context.Context, c *http.Client, gremlin, at string) (*client.Result, error) {
	body, err := json.Marshal(client.Query{Gremlin: gremlin, At: at})
	if err != nil {
		return nil, err
	}
	h, b, err := d.do(ctx, c, http.MethodPost, "/api/v1/query", body)
	if err != nil {
		return nil, err
	}
	return client.ParseResult(h.Get("X-Skein-Kind"), 0, b)
}

// nodes returns the nodes of the tests at a time.
func (d *daemon) nodes(at time.Time) []client.Node {
	d.t.Helper()
	text := ""
	if !at.IsZero() {
		text = at.UTC().Format(time.RFC3339Nano)
	}
	r, err := d.ask(context.Background(), d.http, "G.V().Has('Type','fault')", text)
	require.NoError(d.t, err)
	return r.Nodes
}

func (d *daemon) number(gremlin string) int64 {
	d.t.Helper()
	r, err := d.ask(context.Background(), d.http, gremlin, "")
	require.NoError(d.t, err)
	return r.Number.Int()
}

// status returns the revision.
func (d *daemon) revision() (uint64, error) {
	b, err := d.get("/api/v1/status")
	if err != nil {
		return 0, err
	}
	var s client.Status
	if err := json.Unmarshal(b, &s); err != nil {
		return 0, err
	}
	return s.Revision, nil
}

func (d *daemon) digest() (client.Digest, error) {
	var out client.Digest
	b, err := d.get("/api/v1/digest")
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	return out, err
}
