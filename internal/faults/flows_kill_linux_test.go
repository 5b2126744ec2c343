package faults

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// The load of the kill test: reports of so many flows, so many in a request,
// so many a second.
const (
	reportFlows = 1000
	reportBatch = 250
	reportRate  = 5000
)

// TestFlowsKill proves that a daemon that is killed under load loses of the
// flow records it acknowledged at most those of the last seconds, as many as
// docs/flows.md says, and nothing else: its store opens again, also after it was
// killed while it was opened, holds no report twice and none that nobody sent,
// and takes more.
func TestFlowsKill(t *testing.T) {
	rounds := 1
	if n, err := strconv.Atoi(os.Getenv("SKEIN_FAULT_ROUNDS")); err == nil {
		rounds = n
	}
	d := newDaemon(t)
	d.start()
	for round := range rounds {
		l := newReports(round, reportFlows)
		t.Cleanup(l.http.CloseIdleConnections)
		l.run(t, d, onDisk+4*time.Second)
		killed := time.Now()
		d.kill()
		d.launch()
		sleep(t.Context(), 50*time.Millisecond)
		d.kill()
		took := d.start()

		lost, acked := l.check(t, d, killed)
		t.Logf("%d of %d acknowledged reports lost, the oldest acknowledged %v before the daemon was killed; restart %v",
			lost, acked, l.age(killed).Round(10*time.Millisecond), took.Round(time.Millisecond))

		// What comes is stored.
		before := l.stored(t, d)
		proctest.Eventually(t, 10*time.Second, "reports are taken", func() error { return l.send(t.Context(), d, reportFlows) })
		proctest.Eventually(t, 10*time.Second, "reports are there", func() error { return atLeast(l.stored(t, d), before+reportFlows) })
	}
}

// run sends reports for a time; all must be acknowledged.
func (l *reports) run(t *testing.T, d *daemon, how time.Duration) {
	t.Helper()
	tick := time.NewTicker(time.Second * reportBatch / reportRate)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < how; <-tick.C {
		require.NoError(t, l.send(t.Context(), d, reportBatch))
	}
}

// of returns how many packets the flows have of these reports: one each.
func (l *reports) of(t *testing.T, d *daemon) (all, added map[string]count) {
	t.Helper()
	all, added, err := d.flows(10 * time.Minute)
	require.NoError(t, err)
	for id := range all {
		if id[:13] != l.flows[0].id[:13] {
			delete(all, id)
			delete(added, id)
		}
	}
	return all, added
}

// stored returns how many reports can be found.
func (l *reports) stored(t *testing.T, d *daemon) int64 {
	t.Helper()
	_, added := l.of(t, d)
	return sum(added).packets
}

// check compares what is stored with what was acknowledged and returns how many
// acknowledged reports are missing; none of those may be that were acknowledged
// onDisk before the daemon was killed.
func (l *reports) check(t *testing.T, d *daemon, killed time.Time) (lost, acked int64) {
	t.Helper()
	safe := killed.Add(-onDisk).UnixNano()
	var all, added map[string]count
	// Rows that were on disk are there at once.
	all, added = l.of(t, d)
	var wrong []string
	for i := range l.flows {
		f := &l.flows[i]
		var known, must int64
		for _, at := range f.acked {
			if at != 0 {
				known++
			}
			if at != 0 && at <= safe {
				must++
			}
		}
		got, newest := added[f.id].packets, all[f.id].packets
		f.lost = max(0, known-got)
		lost += f.lost
		acked += known
		if got < must || newest < must || got > f.sent || newest > f.sent || got != newest {
			wrong = append(wrong, fmt.Sprintf("flow %s: %d reports, the newest is number %d; %d were sent, %d acknowledged, %d of them long ago",
				f.id, got, newest, f.sent, known, must))
		}
	}
	require.Empty(t, wrong[:min(5, len(wrong))], "%d flows are wrong", len(wrong))
	require.Positive(t, acked-lost, "reports that were long acknowledged")
	return lost, acked
}

// age returns how long before a time the oldest report that is lost was
// acknowledged: the reports of a flow are lost from the newest on.
func (l *reports) age(killed time.Time) (age time.Duration) {
	for i := range l.flows {
		f := &l.flows[i]
		if n := len(f.acked) - int(f.lost); f.lost > 0 {
			age = max(age, killed.Sub(time.Unix(0, f.acked[n])))
		}
	}
	return age
}
