package faults

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// damageBatch is how many events one record holds in the damage tests: one
// writer sends one batch after the other.
const damageBatch = 100

// broken is a daemon that was ended after some load, and what is known of its
// state.
type broken struct {
	*daemon
	*load
	early moment // long before the damage
}

// fill runs a daemon under load and ends it: killed as a crash does, or
// stopped.
func fill(t *testing.T, crash bool) *broken {
	t.Helper()
	d := newDaemon(t)
	d.start()
	hello(t, d)
	b := &broken{daemon: d, load: newLoad(t, 1, 10*damageBatch, func() *http.Client { return newHTTP(nil) })}
	b.rounds(t, 20)
	b.early = moment{time.Now(), state(d.nodes(time.Time{}))}
	b.rounds(t, 60)
	if crash {
		d.kill()
	} else {
		d.stop()
	}
	return b
}

// rounds sends batches one after the other.
func (b *broken) rounds(t *testing.T, n int) {
	t.Helper()
	for range n {
		require.NoError(t, b.writers[0].send(t.Context(), b.daemon, damageBatch))
	}
}

// lossWords are what a report of a loss says.
var lossWords = regexp.MustCompile(`(?i)level=(WARN|ERROR).*(damage|lost|gone|missing|cut off|corrupt|unusable|ends with|torn|truncat|behind)`)

// recovers starts the daemon over damaged files and checks that it reports the
// loss, that the past before is as it was, and that it goes on: new events are
// taken, and survive the next crash. It returns how many acknowledged events
// are missing at first.
func (b *broken) recovers(t *testing.T) (missing int64) {
	t.Helper()
	took := b.start()
	report := lossWords.FindString(b.printed())
	missing, examples := b.missing(t, b.nodes(time.Time{}))
	t.Logf("ready after %v; %d acknowledged events missing %v; it says: %s", took.Round(time.Millisecond), missing, examples, report)
	if missing > 0 {
		require.NotEmpty(t, report, "nothing is said of the loss:\n%s", b.printed())
	}

	before, err := b.revision()
	require.NoError(t, err)
	b.rounds(t, 2*deleteEvery) // each entity is reported again
	b.complete(t, "after new reports", b.nodes(time.Time{}))
	after, err := b.revision()
	require.NoError(t, err)
	require.Greater(t, after, before)
	later := moment{time.Now(), state(b.nodes(time.Time{}))}
	b.rounds(t, 5)

	b.kill()
	b.start()
	b.complete(t, "after the next crash", b.nodes(time.Time{}))
	revision, err := b.revision()
	require.NoError(t, err)
	require.GreaterOrEqual(t, revision, after, "the revision went back")
	require.Equal(t, later.state, state(b.nodes(later.at)), "the past since the damage")
	return missing
}

// file returns the newest file of a pattern below the data directory, by name,
// which is how all of them are numbered, and fails without any.
func (b *broken) file(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.dir, pattern))
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(f string) bool { st, err := os.Stat(f); return err != nil || st.Size() == 0 })
	require.NotEmpty(t, files, pattern)
	return slices.MaxFunc(files, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
}

// Where things are.
const (
	logBlocks   = "jetstream/*/streams/SKEIN_EVENTS/msgs/*.blk"
	pastChanges = "past/*.changes"
	snapshotOf  = "snapshot"
)

// damage rewrites a file.
func damage(t *testing.T, path string, change func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, change(b), 0o600))
}

// cutTail returns a change that cuts n bytes off; flip one that turns some bits
// of the byte so far, in parts per thousand, into the file; flipTail the same
// counted from the end, in bytes.
func cutTail(n int) func([]byte) []byte {
	return func(b []byte) []byte { return b[:max(0, len(b)-n)] }
}

func flip(permille int) func([]byte) []byte {
	return func(b []byte) []byte { b[len(b)*permille/1000] ^= 0x15; return b }
}

func flipTail(n int) func([]byte) []byte {
	return func(b []byte) []byte { b[max(0, len(b)-n)] ^= 0x15; return b }
}

// crashedAndStopped runs a test after both ends of a daemon: what it leaves
// behind differs.
func crashedAndStopped(t *testing.T, f func(t *testing.T, b *broken)) {
	for _, crash := range []bool{true, false} {
		name := "stopped"
		if crash {
			name = "killed"
		}
		t.Run(name, func(t *testing.T) { f(t, fill(t, crash)) })
	}
}

// TestTornLog proves that a log whose end is torn off in the middle of a record
// is opened, that the loss is reported and is that record alone, and that the
// daemon goes on.
func TestTornLog(t *testing.T) {
	crashedAndStopped(t, func(t *testing.T, b *broken) {
		damage(t, b.file(t, logBlocks), cutTail(1000))
		require.LessOrEqual(t, b.recovers(t), int64(damageBatch))
		require.Equal(t, b.early.state, state(b.nodes(b.early.at)), "the past before the damage")
	})
}

// TestFlippedTail proves the same of bits that are wrong in the last record.
func TestFlippedTail(t *testing.T) {
	b := fill(t, true)
	damage(t, b.file(t, logBlocks), flipTail(1000))
	require.LessOrEqual(t, b.recovers(t), int64(damageBatch))
	require.Equal(t, b.early.state, state(b.nodes(b.early.at)), "the past before the damage")
}

// TestFlippedMiddle proves that bits which go wrong in the middle of the log,
// where nobody looks, cost that record alone, also when it is noticed only
// after a crash, when all of the log is read.
func TestFlippedMiddle(t *testing.T) {
	crashedAndStopped(t, func(t *testing.T, b *broken) {
		damage(t, b.file(t, logBlocks), flip(500))
		require.LessOrEqual(t, b.recovers(t), int64(damageBatch))
	})
}

// TestDamagedPast proves that a file of the past whose end is torn, or that has
// wrong bits, is opened; that the graph lacks nothing; that what was in the
// damaged part is reported, all else is answered as it was, and everything is
// right again from then on.
func TestDamagedPast(t *testing.T) {
	for name, how := range map[string]func([]byte) []byte{"torn": cutTail(1000), "tail": flipTail(1000), "middle": flip(500)} {
		t.Run(name, func(t *testing.T) {
			b := fill(t, false)
			damage(t, b.file(t, pastChanges), how)
			b.start()
			b.complete(t, "the graph does not depend on the past", b.nodes(time.Time{}))
			got := state(b.nodes(b.early.at))
			for _, n := range got {
				require.Contains(t, b.early.state, n, "it was not so")
			}
			lost := len(b.early.state) - len(got)
			t.Logf("%d nodes are missing before the damage; it says: %s", lost, lossWords.FindString(b.printed()))
			require.LessOrEqual(t, lost, damageBatch)
			if lost > 0 {
				require.Regexp(t, lossWords, b.printed())
			}
			b.rounds(t, 1) // with it the base that heals the rest is due
			b.daemon.stop()
			require.Zero(t, b.recovers(t))
		})
	}
}

// TestDamagedSnapshot proves that a snapshot which is torn or has wrong bits is
// reported and the log read instead: nothing is missing.
func TestDamagedSnapshot(t *testing.T) {
	for name, how := range map[string]func([]byte) []byte{"torn": cutTail(100), "flipped": flip(500)} {
		t.Run(name, func(t *testing.T) {
			b := fill(t, false) // a snapshot is written when it stops
			damage(t, b.file(t, snapshotOf), how)
			require.Zero(t, b.recovers(t))
			require.Equal(t, b.early.state, state(b.nodes(b.early.at)), "the past before the damage")
		})
	}
}

// TestLostDirectories proves that what is derived can be deleted: without
// snapshot and past the daemon makes both again from the log.
func TestLostDirectories(t *testing.T) {
	b := fill(t, true)
	require.NoError(t, os.RemoveAll(filepath.Join(b.dir, "past")))
	require.NoError(t, os.RemoveAll(filepath.Join(b.dir, "snapshot")))
	b.start()
	b.complete(t, "without snapshot and past", b.nodes(time.Time{}))
	require.Equal(t, b.early.state, state(b.nodes(b.early.at)), fmt.Sprint("the past at ", b.early.at))
}
