package drops

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/order"
)

// Table knows which packets were dropped lately. Its methods may be used by
// several goroutines at once.
type Table struct {
	cfg Config
	log *slog.Logger
	now func() time.Time

	mu       sync.RWMutex
	flows    map[conversation]*lost
	n        int
	reasons  reasons
	problems []order.Problem

	evicted, found, ambiguous              atomic.Uint64
	seen, sampled, overflow, other, drains atomic.Uint64

	stop context.CancelFunc
	done sync.WaitGroup
}

// lost is what a conversation lost in a namespace. Times are Unix nanoseconds.
type lost struct {
	netns uint64
	// last is when the last count was read.
	last int64
	by   []count
	next *lost
}

// count is of one reason.
type count struct {
	reason uint32
	n      int64
}

// New makes a table that knows nothing until it is started.
func New(cfg Config, log *slog.Logger) *Table {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Table{cfg: cfg.withDefaults(), log: log, now: time.Now, flows: make(map[conversation]*lost)}
}

// Start begins to count, until Stop is called. What the host lacks is not an
// error: Problems says it.
func (t *Table) Start(ctx context.Context) error {
	ctx, t.stop = context.WithCancel(context.WithoutCancel(ctx))
	return t.start(ctx)
}

// Stop returns when everything has ended. What is known stays. A table that was
// stopped is not started again.
func (t *Table) Stop() {
	if t.stop != nil {
		t.stop()
	}
	t.done.Wait()
}

// Problems are the features that the host lacks.
func (t *Table) Problems() []order.Problem {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Clone(t.problems)
}

func (t *Table) problem(feature string, err error, fallback string) {
	t.mu.Lock()
	t.problems = append(t.problems, order.Problem{Feature: feature, Error: err.Error(), Fallback: fallback})
	t.mu.Unlock()
	t.log.Warn("a feature is missing", "feature", feature, "error", err, "fallback", fallback)
}

// Stats counts what a table does. Packets are counted since the start.
type Stats struct {
	// Flows are the conversations that are known now, Evicted those that had to
	// make room.
	Flows   int
	Evicted uint64
	// Found counts records of flows that lost something, Ambiguous those on
	// loopback that could be of several namespaces.
	Found, Ambiguous uint64
	// Seen counts packets of IP that were looked at, Sampled those that others
	// stand for, Overflow those for which there was no room in the kernel, Other
	// what is not IP or could not be read.
	Seen, Sampled, Overflow, Other uint64
	// Drains counts how often the kernel's counts were read.
	Drains uint64
}

// Stats returns the counts so far.
func (t *Table) Stats() Stats {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return Stats{
		Flows: t.n, Evicted: t.evicted.Load(), Found: t.found.Load(), Ambiguous: t.ambiguous.Load(),
		Seen: t.seen.Load(), Sampled: t.sampled.Load(), Overflow: t.overflow.Load(), Other: t.other.Load(),
		Drains: t.drains.Load(),
	}
}

// add counts drops. The caller holds the lock.
func (t *Table) add(d *drop, n uint64, now int64) {
	l := t.flows[d.conversation]
	for ; l != nil && l.netns != d.netns; l = l.next {
	}
	if l == nil {
		if t.n >= t.cfg.MaxFlows {
			t.evict()
		}
		l = &lost{netns: d.netns, next: t.flows[d.conversation]}
		t.flows[d.conversation] = l
		t.n++
	}
	l.last = now
	for i := range l.by {
		if l.by[i].reason == d.reason {
			l.by[i].n += int64(n)
			return
		}
	}
	l.by = append(l.by, count{d.reason, int64(n)})
}

// evict makes room: of some that the map gives first, the one whose last drop is
// the longest ago goes.
func (t *Table) evict() {
	const sample = 8
	var oldest conversation
	var last int64
	n := 0
	for c, l := range t.flows {
		if n == 0 || l.last < last {
			oldest, last = c, l.last
		}
		if n++; n == sample {
			break
		}
	}
	for l := t.flows[oldest]; l != nil; l = l.next {
		t.n--
		t.evicted.Add(1)
	}
	delete(t.flows, oldest)
}

// expire forgets what lost nothing since a time. The caller holds the lock.
func (t *Table) expire(before int64) {
	for c, first := range t.flows {
		var kept *lost
		for l := first; l != nil; {
			next := l.next
			if l.last < before {
				t.n--
			} else {
				l.next, kept = kept, l
			}
			l = next
		}
		switch {
		case kept == nil:
			delete(t.flows, c)
		case kept != first:
			t.flows[c] = kept
		}
	}
}

// slack is by how much the clock of a drop may be behind that of the packet.
const slack = 1e9

// Annotate fills in what was dropped of a flow, in both directions and in all
// namespaces of the host. A flow that lost nothing stays as it is.
func (t *Table) Annotate(r *flowrecord.Record) { t.AnnotateIn(r, 0) }

// AnnotateIn is Annotate for a flow that was seen in a network namespace, which
// counts for flows on loopback: those of others have the same addresses. netns is
// an inode number, 0 when it is not known.
func (t *Table) AnnotateIn(r *flowrecord.Record, netns uint64) {
	c, ok := conversationOf(r)
	if !ok {
		return
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	first := t.flows[c]
	if first == nil {
		return
	}
	loopback := c.low.isLoopback() || c.high.isLoopback()
	if loopback && netns == 0 && first.next != nil {
		t.ambiguous.Add(1)
		return
	}
	var sum int64
	var attrs entity.Attrs
	for l := first; l != nil; l = l.next {
		// What ended before the flow began was another one with its ports.
		if r.Metric.Start > l.last+slack || loopback && netns != 0 && l.netns != netns {
			continue
		}
		for _, n := range l.by {
			sum += n.n
			name := t.reasons.name(n.reason)
			if have := attrs.Get(name); !have.IsZero() {
				n.n += have.Int()
			}
			attrs = attrs.With(name, entity.Int(n.n))
		}
	}
	if sum > 0 {
		t.found.Add(1)
		r.Dropped, r.Drops = sum, entity.Map(attrs)
	}
}
