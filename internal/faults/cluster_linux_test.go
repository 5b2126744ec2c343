package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

// The load of the cluster tests: all daemons and writers share one small
// machine.
const (
	clusterRate    = 2000 // events per second of all writers together
	clusterBatch   = 50
	clusterThings  = 200 // of each writer
	clusterRoaming = 3   // writers that write to any daemon
	clusterSettle  = 90 * time.Second
)

// cluster is three daemons in namespaces of their own, under load. Some writers
// are in the hub and write to any of them, one is beside each daemon and writes
// to that alone.
type cluster struct {
	*network
	*load
	d        []*daemon
	probes   []*probe
	moments  []moment
	avoid    []atomic.Int64 // until when roaming writers avoid a daemon, Unix ns
	probing  sync.WaitGroup
	stopping context.CancelFunc
	gap      time.Duration // longest time in which nothing was acknowledged
}

func newCluster(t *testing.T, args ...string) *cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("a cluster takes its time")
	}
	c := &cluster{network: newNetwork(t, 3), avoid: make([]atomic.Int64, 3)}
	secret := filepath.Join(c.base, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("of these tests\n"), 0o600))
	var peers []string
	for i := range c.host {
		peers = append(peers, c.network.addr(i)+":4222")
	}
	for i, ns := range c.host {
		d := &daemon{t: t, name: fmt.Sprint("node", i), addr: c.network.addr(i) + ":4280", dir: t.TempDir(), ns: ns}
		d.args = append([]string{"--otlp-listen", "", "--query-max-results", "1000000",
			"--cluster-name", "faults", "--cluster-node", d.name, "--cluster-listen", peers[i],
			"--cluster-peers", strings.Join(peers, ","), "--cluster-secret-file", secret}, args...)
		d.prepare()
		c.d = append(c.d, d)
	}
	for _, d := range c.d {
		d.launch()
	}
	for _, d := range c.d {
		d.awaitReady(clusterSettle)
		hello(t, d)
	}
	c.load = newLoad(t, 0, 0, nil)
	for i := range clusterRoaming + len(c.d) {
		h := newHTTP(c.hub)
		if i >= clusterRoaming {
			h = newHTTP(c.host[i-clusterRoaming])
		}
		h.Timeout = 5 * time.Second
		t.Cleanup(h.CloseIdleConnections)
		c.writers = append(c.writers, newWriter(i, clusterThings, h))
	}
	for _, d := range c.d {
		p := &probe{d: d, http: newHTTP(c.hub)}
		p.http.Timeout = 10 * time.Second
		t.Cleanup(p.http.CloseIdleConnections)
		c.probes = append(c.probes, p)
	}
	t.Cleanup(c.rest)
	return c
}

// run begins the load and the questions.
func (c *cluster) run() {
	c.t.Helper()
	c.begin(func(w int) *daemon {
		if w >= clusterRoaming {
			return c.d[w-clusterRoaming]
		}
		return c.any()
	}, clusterBatch, clusterRate)
	ctx, cancel := context.WithCancel(context.Background())
	c.stopping = cancel
	for _, p := range c.probes {
		p.expect(true)
		c.probing.Go(func() { p.run(ctx) })
	}
	c.probing.Go(func() { c.stalls(ctx) })
	for i := range c.d {
		c.probing.Go(func() { c.mark(ctx, i) })
	}
	c.flows()
}

// flows waits until events are acknowledged.
func (c *cluster) flows() {
	c.t.Helper()
	acked := c.acked()
	proctest.Eventually(c.t, clusterSettle, "load", func() error { return atLeast(c.acked(), acked+clusterRate) })
}

// any returns a daemon at random, of those that answered lately if there is one.
func (c *cluster) any() *daemon {
	for range 10 {
		if i := rand.IntN(len(c.d)); time.Now().UnixNano() >= c.avoid[i].Load() {
			return c.d[i]
		}
	}
	return c.d[rand.IntN(len(c.d))]
}

// mark has writers avoid a daemon that does not answer, as a client does that
// knows several.
func (c *cluster) mark(ctx context.Context, i int) {
	h := newHTTP(c.hub)
	h.Timeout = time.Second
	defer h.CloseIdleConnections()
	for sleep(ctx, 200*time.Millisecond) {
		if _, _, err := c.d[i].do(ctx, h, http.MethodGet, "/-/ready", nil); err != nil {
			c.avoid[i].Store(time.Now().Add(2 * time.Second).UnixNano())
		}
	}
}

// stalls measures the longest time in which no event was acknowledged.
func (c *cluster) stalls(ctx context.Context) {
	last, since := c.acked(), time.Now()
	for sleep(ctx, 10*time.Millisecond) {
		if n := c.acked(); n != last {
			last, since = n, time.Now()
		}
		c.gap = max(c.gap, time.Since(since))
	}
}

// rest ends load and questions.
func (c *cluster) rest() {
	c.end()
	if c.stopping != nil {
		c.stopping()
	}
	c.probing.Wait()
}

// check ends the load and checks that all daemons that run have everything that
// was acknowledged, now and at all times before, and are equal.
func (c *cluster) check(t *testing.T) {
	t.Helper()
	c.rest()
	t.Logf("%d events acknowledged, %d not, longest time without any acknowledged %v", c.acked(), c.failed(), c.gap.Round(time.Millisecond))
	for _, p := range c.probes {
		p.report(t)
	}
	c.agree(t)
	nodes := c.d[0].nodes(time.Time{})
	c.moments = append(c.moments, moment{time.Now(), state(nodes)})
	for _, d := range c.d {
		c.complete(t, d.name, d.nodes(time.Time{}))
		require.Equal(t, int64(len(nodes)), d.number("G.E().Count()"), "%s: each node has its edge", d.name)
		for _, m := range c.moments {
			require.Equal(t, m.state, state(d.nodes(m.at)), "%s: the past at %v", d.name, m.at)
		}
	}
}

// agree waits until all daemons are at the same record and compares the digests
// there.
func (c *cluster) agree(t *testing.T) client.Digest {
	t.Helper()
	var all []client.Digest
	begin := time.Now()
	proctest.Eventually(t, clusterSettle, "all are at the same record", func() error {
		all = all[:0]
		for _, d := range c.d {
			g, err := d.digest()
			if err != nil {
				return err
			}
			all = append(all, g)
		}
		for _, g := range all {
			if g.Record != all[0].Record {
				return fmt.Errorf("%s", digests(all))
			}
		}
		return nil
	})
	for _, g := range all {
		require.Equal(t, all[0].Digest, g.Digest, "replicas differ: %s", digests(all))
		require.Equal(t, all[0].Revision, g.Revision)
	}
	t.Logf("the same on all after %v: %s", time.Since(begin).Round(time.Millisecond), digests(all[:1]))
	return all[0]
}

func digests(all []client.Digest) string {
	var b strings.Builder
	for _, g := range all {
		fmt.Fprintf(&b, "record %d revision %d digest %.12s; ", g.Record, g.Revision, g.Digest)
	}
	return b.String()
}

// inStep waits until a daemon has the record that another one has now.
func (c *cluster) inStep(i int) {
	c.t.Helper()
	begin := time.Now()
	var want client.Digest
	proctest.Eventually(c.t, clusterSettle, "the record of another daemon", func() (err error) {
		want, err = c.d[(i+1)%len(c.d)].digest()
		return err
	})
	proctest.Eventually(c.t, clusterSettle, c.d[i].name+" is in step", func() error {
		g, err := c.d[i].digest()
		if err == nil && g.Record < want.Record {
			err = fmt.Errorf("at record %d, others at %d", g.Record, want.Record)
		}
		return err
	})
	c.t.Logf("%s is in step after %v", c.d[i].name, time.Since(begin).Round(time.Millisecond))
}

// probe asks one daemon again and again and, while that is expected to answer,
// notes when it does not.
type probe struct {
	d        *daemon
	http     *http.Client
	expected atomic.Bool
	epoch    atomic.Int64 // counts changes of expected

	mu     sync.Mutex
	last   time.Time // answer
	gap    time.Duration
	asked  int
	failed []error
}

// expect says whether the daemon must answer from now on.
func (p *probe) expect(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch.Add(1)
	p.expected.Store(yes)
	p.last = time.Now()
}

func (p *probe) run(ctx context.Context) {
	for sleep(ctx, 50*time.Millisecond) {
		if !p.expected.Load() {
			continue
		}
		epoch := p.epoch.Load()
		_, err := p.d.ask(ctx, p.http, "G.V().Has('Type','fault').Count()", "")
		if ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		if p.epoch.Load() == epoch {
			p.asked++
			p.gap = max(p.gap, time.Since(p.last))
			if err != nil {
				p.failed = append(p.failed, err)
			} else {
				p.last = time.Now()
			}
		}
		p.mu.Unlock()
	}
}

func (p *probe) report(t *testing.T) {
	t.Helper()
	t.Logf("%s: %d queries while it had to answer, %d failed, longest time without an answer %v", p.d.name, p.asked, len(p.failed), p.gap.Round(time.Millisecond))
	require.Empty(t, p.failed, "%s did not answer", p.d.name)
}

// sleep waits and tells whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
