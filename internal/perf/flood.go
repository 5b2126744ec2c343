package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/skein-net/skein/internal/perf/table"
)

const (
	// worker is how many queries a second one asks who is known.
	worker = 100
	// flooders is how many connections send what proves nothing.
	flooders = 64
)

// bearer sends a token with each request.
type bearer struct {
	token string
	next  http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// newToken makes a token and the row of it in the file of --auth-file.
func newToken(name, role string) (token, row string) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	token = "skein_" + base64.RawURLEncoding.EncodeToString(b)
	return token, fmt.Sprintf("  - {name: %s, sha256: %x, roles: [%s]}\n", name, sha256.Sum256([]byte(token)), role)
}

// measureFlood asks queries as somebody known, alone and beside many requests that
// prove nothing, half of them without a token, half with a wrong one.
func measureFlood(ctx context.Context, t *table.Table, bin string, rate int, o *mixedOptions) error {
	dir, err := os.MkdirTemp("", "skein-perf-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	known, row := newToken("worker", "admin")
	wrong, _ := newToken("nobody", "admin")
	path := filepath.Join(dir, "auth.yaml")
	if err := os.WriteFile(path, []byte("tokens:\n"+row), 0o600); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	d, err := newDaemon(ctx, bin, "--auth-file", path)
	if err != nil {
		return err
	}
	defer d.remove()
	d.web.Transport = bearer{known, d.web.Transport}
	for _, body := range bodies(o.nodes, time.Now()) {
		if err := d.send(ctx, body); err != nil {
			return err
		}
	}
	m := newMix(d.url, o.nodes, int(worker*(warmUp+o.length).Seconds())+1)
	ask := func() (out tally) {
		for _, s := range pace(ctx, worker, warmUp+o.length, flooders, func(ctx context.Context, n int) error {
			_, err := get(ctx, d.web, m.urls[n])
			return err
		}) {
			if s.n >= int(worker*warmUp.Seconds()) {
				out.add(s)
			}
		}
		return out
	}
	alone := ask()
	cpu, begin := d.cpu(), time.Now()
	flood := make(chan tally, 1)
	go func() {
		var out tally
		for _, s := range d.flood(ctx, rate, wrong, warmUp+o.length) {
			out.add(s)
		}
		flood <- out
	}()
	beside := ask()
	refused := <-flood
	cpu = d.cpu() - cpu
	took := time.Since(begin)
	if err := ctx.Err(); err != nil {
		return err
	}
	_, peak, err := d.held()
	if err != nil {
		return err
	}
	t.Add(fmt.Sprintf("%d queries a second of somebody known: alone, p50 · p99 · failed, %d k nodes", worker, o.nodes/1000), "",
		"%s · %s ms · %d", ms(quantile(alone.took, 0.5)), ms(quantile(alone.took, 0.99)), alone.failed)
	t.Add(fmt.Sprintf("the same beside %d requests a second that prove nothing", rate), "none fails",
		"%s · %s ms · %d", ms(quantile(beside.took, 0.5)), ms(quantile(beside.took, 0.99)), beside.failed)
	t.Add("of those: refused a second · answered otherwise", "", "%.0f · %d", float64(len(refused.took))/took.Seconds(), refused.failed)
	t.Add("processor time of one of them · the daemon meanwhile: processors · resident memory at most", "", "%.0f µs · %.2f · %d MB",
		float64(cpu.Microseconds())/float64(max(1, len(refused.took))), cpu.Seconds()/took.Seconds(), peak/1e6)
	if beside.err != nil {
		t.Add("the first that failed", "", "%v", beside.err)
	}
	return nil
}

// flood sends what proves nothing. What is not refused counts as failed.
func (d *daemon) flood(ctx context.Context, rate int, wrong string, length time.Duration) []sample {
	transport := &http.Transport{MaxIdleConns: flooders, MaxIdleConnsPerHost: flooders}
	defer transport.CloseIdleConnections()
	with := bearer{wrong, transport}
	return pace(ctx, float64(rate), length, flooders, func(ctx context.Context, n int) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/api/v1/query?gremlin=G.V().Count()", nil)
		if err != nil {
			return fmt.Errorf("make request: %w", err)
		}
		var by http.RoundTripper = transport
		if n%2 == 0 {
			by = with
		}
		resp, err := by.RoundTrip(req)
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusTooManyRequests {
			return fmt.Errorf("it was answered %s", resp.Status)
		}
		return nil
	})
}
