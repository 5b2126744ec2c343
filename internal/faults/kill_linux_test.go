package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/client"
)

// The load of the kill tests.
const (
	killRate    = 20_000 // events per second of all writers together
	killWriters = 4
	killBatch   = 250
	killThings  = 1000 // of each writer
)

// TestKillSync proves that with durability sync no acknowledged event is lost
// and no revision that anybody saw goes back when the daemon is killed at any
// point, the reading of the log at its start included, 100 times over the same
// data directory; and that the past before each kill stays as it was.
func TestKillSync(t *testing.T) {
	lost := killTest(t, "sync", 100)
	require.Zero(t, lost)
}

// TestKillBatched proves the same of durability batched: a killed daemon,
// unlike a machine that loses its power, loses nothing that it acknowledged,
// since a record is written to its file before it is acknowledged. It kills less
// often, as the way is the same; SKEIN_FAULT_ROUNDS has it kill more.
func TestKillBatched(t *testing.T) {
	lost := killTest(t, "batched", 40)
	require.Zero(t, lost)
}

// moment is what the graph was at a quiet time.
type moment struct {
	at    time.Time
	state []string
}

// state puts nodes in a form that can be compared.
func state(nodes []client.Node) []string {
	out := make([]string, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		out[i] = fmt.Sprintf("%s seq %d created %d updated %d", n.Metadata.Get("Name").Str(), n.Metadata.Get("Seq").Int(), n.CreatedAt, n.UpdatedAt)
	}
	slices.Sort(out)
	return out
}

// killTest kills a daemon again and again and returns how many acknowledged
// events were missing after all that.
func killTest(t *testing.T, durability string, rounds int) (lost int64) {
	if n, err := strconv.Atoi(os.Getenv("SKEIN_FAULT_ROUNDS")); err == nil {
		rounds = n
	}
	if testing.Short() {
		rounds = 4
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	d := newDaemon(t, "--durability", durability)
	d.start()
	hello(t, d)
	l := newLoad(t, killWriters, killThings, func() *http.Client { return newHTTP(nil) })
	var (
		seen     atomic.Uint64 // the highest revision that was shown
		moments  []moment
		restarts []time.Duration
		loaded   time.Duration
	)
	for round := range rounds {
		watch := watchRevision(d, &seen)
		begin := time.Now()
		l.begin(func(int) *daemon { return d }, killBatch, killRate)
		time.Sleep(100*time.Millisecond + time.Duration(rng.Int64N(int64(900*time.Millisecond))))
		loaded += time.Since(begin)
		d.kill()
		l.end()
		watch()

		if round%4 == 3 { // killed again while it starts
			d.launch()
			time.Sleep(time.Duration(rng.Int64N(int64(300 * time.Millisecond))))
			d.kill()
		}
		restarts = append(restarts, d.start())
		if took := restarts[round]; took > 2*time.Second {
			t.Logf("round %d: ready only after %v:\n%s", round, took, d.printed())
		}
		what := fmt.Sprintf("round %d", round)
		revision, err := d.revision()
		require.NoError(t, err)
		require.GreaterOrEqual(t, revision, seen.Load(), "%s: the revision went back", what)
		nodes := d.nodes(time.Time{})
		n, examples := l.missing(t, nodes)
		if lost += n; n > 0 {
			t.Errorf("%s: %d acknowledged events are missing: %v", what, n, examples)
		}
		require.Equal(t, int64(len(nodes)), d.number("G.E().Count()"), "%s: each node has its edge", what)
		moments = append(moments, moment{time.Now(), state(nodes)})
		m := moments[rng.IntN(len(moments))]
		require.Equal(t, m.state, state(d.nodes(m.at)), "%s: the past at %v is not what it was", what, m.at)
	}
	rate := float64(l.acked()) / loaded.Seconds()
	slices.Sort(restarts)
	t.Logf("%s: %d kills, %d events acknowledged (%.0f/s), %d not, %d acknowledged ones missing; restart p50 %v max %v",
		durability, rounds, l.acked(), rate, l.failed(), lost, restarts[len(restarts)/2].Round(time.Millisecond), restarts[len(restarts)-1].Round(time.Millisecond))
	return lost
}

// watchRevision notes the highest revision that the daemon shows until the
// function returned is called.
func watchRevision(d *daemon, seen *atomic.Uint64) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case <-time.After(10 * time.Millisecond):
			}
			if r, err := d.revision(); err == nil {
				seen.Store(max(seen.Load(), r))
			}
		}
	}()
	return func() { close(quit); <-done }
}
