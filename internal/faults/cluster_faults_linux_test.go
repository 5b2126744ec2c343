package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

// TestClusterKill proves that a cluster goes on when any one of its daemons is
// killed, the one that orders the log included, and that this one is in step
// again after its restart.
func TestClusterKill(t *testing.T) {
	c := newCluster(t)
	c.run()
	for i, d := range c.d {
		c.probes[i].expect(false)
		d.kill()
		time.Sleep(5 * time.Second) // it is away for so long
		c.flows()
		d.launch()
		d.awaitReady(clusterSettle)
		c.inStep(i)
		c.probes[i].expect(true)
		c.flows()
	}
	c.check(t)
}

// TestClusterCut proves that a daemon which is cut off for 30 s acknowledges
// nothing that is lost, that the others go on, and that it is in step again
// afterwards.
func TestClusterCut(t *testing.T) {
	c := newCluster(t)
	c.run()
	for i := range 2 {
		c.probes[i].expect(false)
		c.cut(i)
		begin, alone := time.Now(), c.writers[clusterRoaming+i].acked.Load()
		time.Sleep(5 * time.Second)
		c.flows()
		inside := 0
		for time.Since(begin) < 30*time.Second {
			_, err := c.d[i].ask(t.Context(), c.d[i].http, "G.V().Has('Type','fault').Count()", "")
			require.NoError(t, err, "asked from where it is, it answers with what it knew")
			inside++
			time.Sleep(time.Second)
		}
		t.Logf("%s, cut off, answered %d queries from inside, and acknowledged %d events to the writer beside it",
			c.d[i].name, inside, c.writers[clusterRoaming+i].acked.Load()-alone)
		c.join(i)
		c.inStep(i)
		c.probes[i].expect(true)
		c.flows()
	}
	c.check(t)
}

// TestClusterRestart proves that all daemons can be restarted in turn, as an
// upgrade does.
func TestClusterRestart(t *testing.T) {
	c := newCluster(t)
	c.run()
	for i, d := range c.d {
		c.probes[i].expect(false)
		d.stop()
		d.launch()
		d.awaitReady(clusterSettle)
		c.inStep(i)
		c.probes[i].expect(true)
		c.flows()
	}
	c.check(t)
}

// TestClusterKillAll proves that nothing acknowledged is lost when all daemons
// are killed at the same moment.
func TestClusterKillAll(t *testing.T) {
	c := newCluster(t)
	for range 3 {
		c.run()
		time.Sleep(rand.N(2 * time.Second))
		for _, p := range c.probes {
			p.expect(false)
		}
		var killed sync.WaitGroup
		for _, d := range c.d {
			killed.Go(d.kill)
		}
		killed.Wait()
		c.rest()
		for _, d := range c.d {
			d.launch()
		}
		for i, d := range c.d {
			d.awaitReady(clusterSettle)
			c.inStep(i)
		}
		c.check(t)
	}
}

// TestClusterFresh proves that a daemon which lost its data directory gets
// everything from the others, the past included, and disturbs nobody while it
// has nothing; also the one that leads the log: all lose theirs, one after the
// other.
func TestClusterFresh(t *testing.T) {
	c := newCluster(t)
	c.run()
	c.rest()
	c.agree(t)
	c.moments = append(c.moments, moment{time.Now(), state(c.d[0].nodes(time.Time{}))})
	c.run()
	for i := range c.d {
		c.replace(i)
		c.flows()
	}
	c.check(t)
}

// replace takes a daemon's data directory away.
func (c *cluster) replace(i int) {
	c.t.Helper()
	c.probes[i].expect(false)
	c.d[i].kill()
	require.NoError(c.t, os.RemoveAll(c.d[i].dir))
	c.d[i].launch()
	c.d[i].awaitReady(clusterSettle)
	c.inStep(i)
	c.probes[i].expect(true)
}

// TestClusterDamaged proves that daemons whose copies of the log lack their
// end, or have wrong bits in it or in their middle, get what they lack from the
// others, and take nothing away from them: in the end one with an empty
// directory gets everything from two that were damaged.
func TestClusterDamaged(t *testing.T) {
	c := newCluster(t)
	c.run()
	for i, how := range []func([]byte) []byte{cutTail(5000), flipTail(1000), flip(500)} {
		i %= 2
		d := c.d[i]
		c.probes[i].expect(false)
		d.kill()
		b := &broken{daemon: d}
		damage(t, b.file(t, logBlocks), how)
		c.flows()
		d.launch()
		d.awaitReady(clusterSettle)
		c.inStep(i)
		c.probes[i].expect(true)
		c.flows()
	}
	c.check(t)
	c.replace(2)
	c.check(t)
}

// expiry is the report interval of the entities of TestClusterExpiry; they
// expire after three.
const expiry = 5 * time.Second

// TestClusterExpiry cuts off the daemon that decides what has expired, for
// longer than entities live, just before some expire. It proves that what
// sources report to the others goes on living, also when the daemon comes back
// that did not hear of it; that what nobody reports is expired once, at the
// same revision on all; and that what was reported only to the daemon that was
// cut off is there again afterwards.
func TestClusterExpiry(t *testing.T) {
	c := newCluster(t)
	away := c.decides()
	near := c.d[(away+1)%3]
	group := func(index, from int) *writer {
		w := newWriter(index, 50, newHTTP(c.hub))
		if from >= 0 {
			w.http = newHTTP(c.host[from])
		}
		w.http.Timeout, w.interval = 2*time.Second, expiry
		t.Cleanup(w.http.CloseIdleConnections)
		return w
	}
	kept, silent, lonely := group(0, -1), group(1, -1), group(2, away)
	for _, x := range []struct {
		w *writer
		d *daemon
	}{{kept, near}, {lonely, c.d[away]}, {silent, near}} {
		proctest.Eventually(t, clusterSettle, "events are taken", func() error { return x.w.send(t.Context(), x.d, 50) })
	}
	ctx, quit := context.WithCancel(t.Context())
	var reporting sync.WaitGroup
	t.Cleanup(reporting.Wait)
	report := func(w *writer, pick func(int) *daemon) {
		reporting.Go(func() {
			for i := 0; sleep(ctx, time.Second); i++ {
				_ = w.repeat(ctx, pick(i)) // the next one may get through
			}
		})
	}
	report(kept, func(i int) *daemon { return c.d[(away+1+i%2)%3] })
	report(lonely, func(int) *daemon { return c.d[away] })

	time.Sleep(2*expiry + expiry/2)
	c.cut(away)
	t.Logf("%s, which decided, is cut off", c.d[away].name)
	time.Sleep(30 * time.Second)
	c.join(away)
	c.inStep(away)
	time.Sleep(4 * expiry) // what must not happen has to be given time

	for _, d := range c.d {
		require.Equal(t, 50, c.deletions(t, d, silent, 1), "%s: what nobody reports is expired", d.name)
		require.Zero(t, c.deletions(t, d, kept, 0), "%s: what is reported is not", d.name)
		c.deletions(t, d, lonely, 1)
		proctest.Eventually(t, clusterSettle, "all that is reported is there, and fresh", func() error {
			there := 0
			for _, n := range d.nodes(time.Time{}) {
				if n.Stale {
					return fmt.Errorf("%s is stale", n.Metadata.Get("Name").Str())
				}
				there++
			}
			if there != 100 {
				return fmt.Errorf("%d of 100", there)
			}
			return nil
		})
	}
	quit()
	reporting.Wait()
	c.agree(t)
}

// decides returns which daemon holds the lease.
func (c *cluster) decides() (index int) {
	c.t.Helper()
	proctest.Eventually(c.t, clusterSettle, "one decides", func() error {
		for i, d := range c.d {
			text := d.printed()
			if held := strings.LastIndex(text, "lease=leader held=true"); held > strings.LastIndex(text, "lease=leader held=false") {
				index = i
				return nil
			}
		}
		return fmt.Errorf("nobody says so")
	})
	return index
}

// deletions returns how many entities of a writer are deleted or were for a
// while, and fails when one was more often than most; the revision must be the
// same on all daemons.
func (c *cluster) deletions(t *testing.T, d *daemon, w *writer, most int) (deleted int) {
	t.Helper()
	for i := range w.things {
		path := "/api/v1/history/" + w.things[i].id.String()
		b, err := d.get(path)
		require.NoError(t, err)
		var h client.History
		require.NoError(t, json.Unmarshal(b, &h))
		n := 0
		for _, r := range h.Revisions {
			if strings.HasSuffix(r.Op, "deleted") {
				n++
			}
		}
		require.LessOrEqual(t, n, most, "%s: %s was deleted %d times: %s", d.name, w.things[i].name, n, b)
		deleted += min(n, 1)
		for _, other := range c.d {
			also, err := other.get(path)
			require.NoError(t, err)
			var o client.History
			require.NoError(t, json.Unmarshal(also, &o))
			require.Equal(t, len(h.Revisions), len(o.Revisions), "%s and %s", b, also)
			for j := range h.Revisions {
				require.Equal(t, h.Revisions[j].Revision, o.Revisions[j].Revision)
			}
		}
	}
	return deleted
}
