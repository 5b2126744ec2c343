package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/guest"
	"github.com/skein-net/skein/topologyd/client"
)

// TestClockBack proves that a clock which is set back by an hour, and later
// forward again, is reported and harms nothing: events are taken, revisions
// keep their order, and what was so before the clock was set is still so in the
// past, over a crash too. What changes while the clock is behind counts from
// the last moment before. The test sets the clock of a QEMU guest, in which it
// runs once more.
func TestClockBack(t *testing.T) {
	if os.Getenv("SKEIN_GUEST") != "" {
		clockBack(t)
		return
	}
	if testing.Short() {
		t.Skip("boots a guest")
	}
	im, err := guest.Prepare(t.Context())
	var none *guest.UnavailableError
	if errors.As(err, &none) {
		t.Skip(err)
	}
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	bin, err := filepath.Abs(filepath.Dir(topologyd(t)))
	require.NoError(t, err)
	var out bytes.Buffer
	err = im.Run(t.Context(), guest.Options{Stdout: &out, Stderr: &out, Timeout: 4 * time.Minute, Env: []string{"SKEIN_BIN=" + bin}},
		self, "-test.run=^TestClockBack$", "-test.v", "-test.timeout=3m")
	text := out.String()
	t.Log(text[max(0, len(text)-6000):])
	require.NoError(t, err)
	require.Contains(t, text, "--- PASS: TestClockBack")
}

// setClock moves the clock of the guest.
func setClock(t *testing.T, by time.Duration) {
	t.Helper()
	tv := unix.NsecToTimeval(time.Now().Add(by).UnixNano())
	require.NoError(t, unix.Settimeofday(&tv))
}

// clockBack is the test, on a machine whose clock nobody else needs. The
// sources are taken to be on other hosts: their clocks go on.
func clockBack(t *testing.T) {
	require.NoError(t, exec.Command("ip", "link", "set", "lo", "up").Run())
	d := newDaemon(t)
	d.start()
	base := time.Now() // goes on by the monotonic clock
	right := func() time.Time { return base.Add(time.Since(base)) }
	l := newLoad(t, 1, 500, func() *http.Client { return newHTTP(nil) })
	b := &broken{daemon: d, load: l}
	b.writers[0].now = right
	hello(t, d)

	var moments []moment
	last := uint64(0)
	step := func(what string) {
		b.rounds(t, 10)
		b.complete(t, what, d.nodes(time.Time{}))
		revision, err := d.revision()
		require.NoError(t, err)
		require.GreaterOrEqual(t, revision, last+1000, "%s: each event is a revision", what)
		last = revision
		for i, m := range moments {
			require.Equal(t, m.state, state(d.nodes(m.at)), "%s: the past at moment %d", what, i)
		}
	}
	remember := func() {
		time.Sleep(20 * time.Millisecond)
		moments = append(moments, moment{right(), state(d.nodes(time.Time{}))})
		time.Sleep(20 * time.Millisecond)
		b.rounds(t, 1) // so that the moment is before the last one of the log
	}
	step("before")
	remember()
	setClock(t, -time.Hour)
	step("an hour back")
	require.Regexp(t, `level=WARN.*the clock is behind the event log.*behind=(1h0m|59m)`, d.printed())
	d.kill()
	d.start()
	step("an hour back, after a crash")
	setClock(t, time.Hour)
	step("right again")
	remember()
	d.kill()
	d.start()
	step("right again, after a crash")
	b.ordered(t)

	// A source whose clock is an hour behind tells of what nobody knows yet.
	late := newWriter(7, 100, newHTTP(nil))
	t.Cleanup(late.http.CloseIdleConnections)
	late.now = func() time.Time { return right().Add(-time.Hour) }
	b.load.writers = append(b.load.writers, late)
	require.NoError(t, late.send(t.Context(), d, 100))
	b.complete(t, "a source that is behind", d.nodes(time.Time{}))
	require.Len(t, d.nodes(right().Add(-30*time.Minute)), 100, "what it told holds from its own time on")
}

// ordered checks that the revisions of entities are in order: the times from
// which they hold, and those at which they were logged.
func (b *broken) ordered(t *testing.T) {
	t.Helper()
	for _, th := range b.writers[0].things[:20] {
		text, err := b.get("/api/v1/history/" + th.id.String())
		require.NoError(t, err)
		var h client.History
		require.NoError(t, json.Unmarshal(text, &h))
		require.Greater(t, len(h.Revisions), 5)
		for i, r := range h.Revisions[1:] {
			before := h.Revisions[i]
			require.Greater(t, r.Revision, before.Revision)
			require.False(t, r.From.Before(before.From), "%s", text)
			require.False(t, r.Logged.Before(before.Logged), "%s", text)
			require.False(t, r.From.After(r.Logged), "%s", text)
		}
	}
}
