package alerts

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// longest is the longest time that a runner waits without looking around.
const longest = 10 * time.Second

// runner runs one rule: it keeps what its query finds current and feeds it to the
// machine. All of it is done by one goroutine; others may look.
type runner struct {
	m      *Manager
	c      *alert.Compiled // nil for a rule that cannot run
	follow bool
	done   sync.WaitGroup
	stop   context.CancelFunc

	// wake is told that a change may matter; marked says since when, Unix
	// nanoseconds, 0: none did.
	wake   chan struct{}
	marked atomic.Int64

	// Of the goroutine:
	costs  [2]cost   // of the query and of Was
	resend time.Time // when to look for alerts to be sent again
	tick   time.Time // when the machine is to be asked, zero: never
	pruned time.Time

	// skipped is set when something was not taken because there are too many alerts.
	skipped atomic.Bool

	mu      sync.Mutex
	w       *wish
	machine *alert.Machine
	extras  map[string]*extra // by the labels of alerts
	// counted and reserved are the rule's share of Manager.total: its alerts, and
	// what may become some. found and noted are its shares of Manager.found and
	// Manager.noted.
	counted, reserved, found int
	noted                    int64
	view                     *graph.View // while the machine is fed, once it asked
	health                   string
	failure                  string
	took                     time.Duration
	at                       time.Time
}

// extra is what a manager knows of an alert beside what the machine does.
type extra struct {
	// notes are annotations that are added to those of the rule.
	notes map[string]string
	sent  time.Time
}

func newRunner(m *Manager, w *wish) *runner {
	r := &runner{m: m, w: w, c: w.compiled, wake: make(chan struct{}, 1), extras: make(map[string]*extra), health: HealthUnknown}
	if r.c == nil {
		r.health, r.failure = HealthError, w.problem
		return r
	}
	r.machine = alert.NewMachine(r.c)
	r.machine.SetGraph(r.isThere)
	r.follow = followed(r.c)
	return r
}

// followed tells whether a rule is followed by the hub: what has to be run as a
// whole is evaluated, where it delays nobody.
func followed(c *alert.Compiled) bool {
	if !c.Followable() {
		return false
	}
	for _, q := range []*gremlin.Query{c.Query, c.WasQuery} {
		if q == nil {
			continue
		}
		if r, err := q.Reach(); err != nil || r.Way == gremlin.WayGlobal || r.Counters {
			return false
		}
	}
	return true
}

// start begins to run the rule, if it can be.
func (r *runner) start(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	if r.c != nil {
		r.done.Go(func() { r.run(ctx) })
	}
}

// end ends the rule and returns what it had.
func (r *runner) end() *savedRule {
	if r.stop != nil {
		r.stop()
		r.done.Wait()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.m.total.Add(int64(-r.counted))
	r.m.found.Add(int64(-r.found))
	r.m.noted.Add(-r.noted)
	r.counted, r.found, r.noted = 0, 0, 0
	return r.saved()
}

// about implements caring.
func (r *runner) about() (text string, ok bool) {
	if r.c == nil || r.follow || r.c.FlowQuery() {
		return "", false
	}
	text = r.c.Query.String()
	if r.c.WasQuery != nil {
		text += " " + r.c.WasQuery.String()
	}
	return text, true
}

// mark implements caring: a change may matter.
func (r *runner) mark() {
	if r.marked.Load() != 0 || !r.marked.CompareAndSwap(0, r.m.deps.Now().UnixNano()) {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run keeps the rule going until ctx ends.
func (r *runner) run(ctx context.Context) {
	r.sendDue(r.now()) // what was restored
	if r.asksVolatile() && r.hasAlerts() && !r.idle(ctx, r.m.began.Add(r.m.cfg.Warmup), nil) {
		return
	}
	if !r.follow {
		r.evaluate(ctx)
		return
	}
	pause := r.m.cfg.Retry
	for ctx.Err() == nil {
		begun := time.Now()
		err := r.following(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > r.m.cfg.RetryMost {
			pause = r.m.cfg.Retry
		}
		if !errors.Is(err, errAnew) {
			r.failed(err)
		}
		if !r.idle(ctx, time.Now().Add(pause), nil) {
			return
		}
		pause = min(2*pause, r.m.cfg.RetryMost)
	}
}

func (r *runner) now() time.Time { return r.m.deps.Now() }

// evaluate runs the query at its interval, and when changes may matter.
func (r *runner) evaluate(ctx context.Context) {
	pause := r.m.cfg.Retry
	for ctx.Err() == nil {
		select { // before marked: what is marked in between wakes it once more
		case <-r.wake:
		default:
		}
		since := r.marked.Swap(0)
		begun := time.Now()
		took, err := r.once(ctx, since)
		if ctx.Err() != nil {
			return
		}
		ended, interval := time.Now(), r.wish().interval
		due := ended.Add(interval)
		ready := later(begun.Add(r.m.cfg.Every), ended.Add(time.Duration(r.m.cfg.Pause)*took))
		if err != nil {
			r.failed(err)
			ready = ended.Add(max(pause, time.Duration(r.m.cfg.Pause)*took))
			due = later(due, ready)
			pause = min(2*pause, r.m.cfg.RetryMost)
		} else {
			pause = r.m.cfg.Retry
		}
		if !r.idle(ctx, due, r.wake) {
			return
		}
		if !r.idle(ctx, earlier(later(ready, time.Now().Add(r.m.cfg.Debounce)), due), nil) { // gather what comes together
			return
		}
	}
}

// asksVolatile tells whether what is found may depend on what a restart loses:
// counters (the keys Metric and LastUpdateMetric, the step Metrics) and Stale marks.
func (r *runner) asksVolatile() bool {
	text := r.c.Query.String()
	return strings.Contains(text, "Metric") || strings.Contains(text, graph.FieldStale)
}

// hasAlerts tells whether there are alerts that have not ended.
func (r *runner) hasAlerts() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.machine.Stats()
	return s.Pending+s.Firing > 0
}

// once evaluates the rule. since is when a change came that may matter, 0: none.
func (r *runner) once(ctx context.Context, since int64) (took time.Duration, err error) {
	if r.c.WasQuery != nil {
		res, t, err := r.m.eval.evaluate(ctx, r.c.WasQuery, &r.costs[1])
		took += t
		r.m.n.seconds.Add(t.Seconds())
		if err != nil {
			return took, err
		}
		r.take(res.Revision(), func(f *feed) { f.arm(alert.Keys(res)) })
	}
	res, t, err := r.m.eval.evaluate(ctx, r.c.Query, &r.costs[0])
	took += t
	r.m.n.seconds.Add(t.Seconds())
	if err != nil {
		return took, err
	}
	r.take(res.Revision(), func(f *feed) { f.add(since, r.machine.Reset(f.now, r.admit(r.c.Subjects(res)))) })
	r.prune(true)
	r.succeeded(took)
	return took, nil
}

// idle does what time asks for until a moment, or until somebody wakes it; it
// reports whether ctx still holds.
func (r *runner) idle(ctx context.Context, until time.Time, wake <-chan struct{}) bool {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		t.Reset(max(0, time.Until(earlier(until, r.keepUp()))))
		select {
		case <-t.C:
			if !time.Now().Before(until) {
				return ctx.Err() == nil
			}
		case <-wake:
			return ctx.Err() == nil
		case <-ctx.Done():
			return false
		}
	}
}

// keepUp does what time alone asks for, and returns when to do so again.
func (r *runner) keepUp() (next time.Time) {
	now := r.now()
	if !r.tick.IsZero() && !now.Before(r.tick) {
		r.take(0, func(*feed) {})
	}
	if !now.Before(r.resend) {
		r.sendDue(now)
	}
	wait := min(longest, r.resend.Sub(now))
	if !r.tick.IsZero() {
		wait = min(wait, r.tick.Sub(now))
	}
	return time.Now().Add(max(wait, time.Millisecond))
}

// prune has the machine forget what is no longer in the graph.
func (r *runner) prune(now bool) {
	if r.c.WasQuery == nil || !now && time.Since(r.pruned) < time.Minute {
		return
	}
	r.pruned = time.Now()
	v := r.m.deps.View()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.machine.Prune(func(id entity.UUID) bool { return !isThere(v, id) })
}

// isThere tells the machine whether an element is in the graph. The lock is held.
func (r *runner) isThere(id entity.UUID) bool {
	if r.view == nil {
		r.view = r.m.deps.View()
	}
	return isThere(r.view, id)
}

// isThere tells whether an element is in the graph.
func isThere(v *graph.View, id entity.UUID) bool { return v.SlotByID(id) >= 0 || v.EdgeSlot(id) >= 0 }

func (r *runner) wish() *wish {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w
}

// setWish takes another wish that runs in the same way.
func (r *runner) setWish(w *wish) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w = w
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
