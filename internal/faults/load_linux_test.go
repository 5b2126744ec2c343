package faults

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

// deleteEvery is the distance of the numbers that delete an entity.
const deleteEvery = 16

// thing is what a writer knows of one entity: the number of the newest event
// it sent and of the newest one that was acknowledged. Each event of an entity
// carries the next number.
type thing struct {
	name        string
	id          entity.UUID
	sent, acked int64
}

// hello reports the host that all entities are part of, as soon as events are
// taken.
func hello(t testing.TB, d *daemon) {
	t.Helper()
	proctest.Eventually(t, clusterSettle, d.name+" takes events", func() error {
		e := entity.Event{Ref: hostRef(), Source: "faults", Time: time.Now(), Attributes: entity.Attrs{
			entity.A("Name", entity.String("fault-host")), entity.A("Type", entity.String("host")),
		}}
		_, _, err := d.do(t.Context(), d.http, http.MethodPost, "/api/v2/write", lineproto.AppendEvent(nil, &e))
		return err
	})
}

// writer sends events of entities of its own and notes what was acknowledged.
type writer struct {
	index    int
	mu       sync.Mutex // of sent and acked of things
	things   []thing
	next     int // the entity that is next
	interval time.Duration
	now      func() time.Time // the source's clock
	http     *http.Client

	acked, failed atomic.Int64 // events
	lastErr       atomic.Pointer[error]
}

func newWriter(index, entities int, c *http.Client) *writer {
	w := &writer{index: index, http: c, now: time.Now, things: make([]thing, entities)}
	for i := range w.things {
		w.things[i].name = fmt.Sprintf("w%d-%d", index, i)
		ref := w.ref(i)
		w.things[i].id = ref.UUID()
	}
	return w
}

func hostRef() entity.Ref {
	return entity.Ref{Type: "host", ID: entity.NewIdentity("host.id", "fault-host")}
}

func (w *writer) ref(i int) entity.Ref {
	return entity.Ref{Type: "fault", ID: entity.NewIdentity("fault.name", w.things[i].name)}
}

// event returns an event of an entity; a number that deleteEvery divides
// deletes it.
func (w *writer) event(i int, seq int64) *entity.Event {
	e := &entity.Event{Ref: w.ref(i), Source: "faults", Time: w.now(), Interval: w.interval}
	if seq%deleteEvery == 0 {
		e.Kind, e.Reason = entity.Delete, "test"
		return e
	}
	e.Attributes = entity.Attrs{
		entity.A("Name", entity.String(w.things[i].name)), entity.A("Seq", entity.Int(seq)), entity.A("Type", entity.String("fault")),
	}
	e.Relationships = []entity.Relationship{{Type: entity.RelPartOf, Target: hostRef()}}
	return e
}

// repeat reports all entities once more as they are.
func (w *writer) repeat(ctx context.Context, d *daemon) error {
	var lines []byte
	w.mu.Lock()
	for i := range w.things {
		lines = append(lineproto.AppendEvent(lines, w.event(i, w.things[i].sent)), '\n')
	}
	w.mu.Unlock()
	_, _, err := d.do(ctx, w.http, http.MethodPost, "/api/v2/write", lines)
	return err
}

// batch appends the lines of the next n events and returns whose they are.
func (w *writer) batch(b []byte, n int) (lines []byte, of []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range min(n, len(w.things)) {
		of = append(of, w.next)
		th := &w.things[w.next]
		th.sent++
		b = append(lineproto.AppendEvent(b, w.event(w.next, th.sent)), '\n')
		w.next = (w.next + 1) % len(w.things)
	}
	return b, of
}

// send sends the next n events to a daemon.
func (w *writer) send(ctx context.Context, d *daemon, n int) error {
	lines, of := w.batch(nil, n)
	if _, _, err := d.do(ctx, w.http, http.MethodPost, "/api/v2/write", lines); err != nil {
		w.failed.Add(int64(len(of)))
		w.lastErr.Store(&err)
		return err
	}
	w.mu.Lock()
	for _, i := range of {
		w.things[i].acked = w.things[i].sent
	}
	w.mu.Unlock()
	w.acked.Add(int64(len(of)))
	return nil
}

// run sends batches at a rate, events per second, until ctx ends. pick chooses
// the daemon of each batch. A batch that is under way when ctx ends is waited
// for: whether it was acknowledged counts.
func (w *writer) run(ctx context.Context, pick func() *daemon, batch, rate int) {
	every := time.Duration(batch) * time.Second / time.Duration(rate)
	next := time.Now()
	for ctx.Err() == nil {
		err := w.send(context.WithoutCancel(ctx), pick(), batch)
		next = next.Add(every)
		if late := time.Since(next); late > time.Second {
			next = time.Now() // what could not be sent is not made up for
		}
		wait := time.Until(next)
		if err != nil {
			wait = max(wait, 20*time.Millisecond)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// load is several writers at once.
type load struct {
	writers []*writer
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// newLoad makes writers that do not run yet.
func newLoad(t testing.TB, writers, entities int, c func() *http.Client) *load {
	l := &load{}
	for i := range writers {
		w := newWriter(i, entities, c())
		l.writers = append(l.writers, w)
		t.Cleanup(w.http.CloseIdleConnections)
	}
	t.Cleanup(l.end)
	return l
}

// begin has all writers send batches at a rate, events per second together.
func (l *load) begin(pick func(writer int) *daemon, batch, rate int) {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	for _, w := range l.writers {
		l.done.Go(func() { w.run(ctx, func() *daemon { return pick(w.index) }, batch, rate/len(l.writers)) })
	}
}

// end stops the writers and waits for what is under way.
func (l *load) end() {
	if l.stop != nil {
		l.stop()
	}
	l.done.Wait()
}

// acked and failed count events of all writers.
func (l *load) acked() (n int64) {
	for _, w := range l.writers {
		n += w.acked.Load()
	}
	return n
}

func (l *load) failed() (n int64) {
	for _, w := range l.writers {
		n += w.failed.Load()
	}
	return n
}

// lastErr returns one of the last errors, for messages.
func (l *load) lastErr() error {
	for _, w := range l.writers {
		if p := w.lastErr.Load(); p != nil {
			return *p
		}
	}
	return nil
}

// missing compares a state with the ledgers. An entity must be as its newest
// acknowledged event says, or as a later one that was sent; it returns how many
// events are missing of those that are not. Something that was never sent, or
// is twice there, fails the test.
func (l *load) missing(t testing.TB, nodes []client.Node) (events int64, examples []string) {
	t.Helper()
	have := make(map[entity.UUID]int64, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		_, twice := have[n.ID]
		require.False(t, twice, "%s is there twice", n.ID)
		have[n.ID] = n.Metadata.Get("Seq").Int()
	}
	for _, w := range l.writers {
		for i := range w.things {
			th := &w.things[i]
			seq, there := have[th.id]
			delete(have, th.id)
			if !there { // never sent, or some event since the acknowledged one deleted it
				if th.acked/deleteEvery*deleteEvery == th.acked || th.sent/deleteEvery > th.acked/deleteEvery {
					continue
				}
				seq = 0
			}
			require.LessOrEqual(t, seq, th.sent, "%s is as nobody said", th.name)
			require.False(t, there && seq%deleteEvery == 0, "%s was deleted by event %d", th.name, seq)
			if seq < th.acked {
				events += th.acked - seq
				if len(examples) < 5 {
					examples = append(examples, fmt.Sprintf("%s: event %d is there, %d was acknowledged, %d sent", th.name, seq, th.acked, th.sent))
				}
			}
		}
	}
	require.Empty(t, have, "nodes that nobody sent")
	return events, examples
}

// complete fails the test when anything that was acknowledged is missing.
func (l *load) complete(t testing.TB, what string, nodes []client.Node) {
	t.Helper()
	n, examples := l.missing(t, nodes)
	require.Zero(t, n, "%s: acknowledged events are missing: %v", what, examples)
}
