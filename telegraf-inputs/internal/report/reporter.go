package report

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/skein-net/skein/internal/entity"
)

// deleteRepeats is how many times a delete is sent again, once an interval.
const deleteRepeats = 2

// expiry is after how many intervals without a report a receiver expires an
// entity by itself; a delete that old need not be sent any more.
const expiry = 3

// Reporter reports entities to Telegraf. Set and Delete may be called from any
// goroutine at any time, also before Start.
type Reporter struct {
	cfg   Config
	acc   telegraf.Accumulator
	log   telegraf.Logger
	stats *stats

	mu      sync.Mutex
	entries map[entity.UUID]*entry
	wheel   *wheel
	// urgent holds changes, routine the periodic reports and what is retried.
	urgent, routine fifo
	// pending counts the entries that wait in either queue.
	pending int
	// stamp is the last time stamp given, so that they strictly increase.
	stamp int64
	// paused tells that entities are not reported again while nothing changes.
	paused bool

	// Of the goroutine alone:
	flight  *flight
	start   time.Time
	retries []item
	retryAt time.Time
	pause   time.Duration
	warned  bool

	wake    chan struct{}
	started bool
	stop    context.CancelFunc
	done    chan struct{}
}

// New makes a reporter that hands metrics to acc once it is started.
func New(cfg Config, acc telegraf.Accumulator, log telegraf.Logger) (*Reporter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure reporter: %w", err)
	}
	if acc == nil || log == nil {
		return nil, errors.New("configure reporter: no accumulator or no logger")
	}
	return &Reporter{
		cfg:     cfg,
		acc:     acc,
		log:     log,
		stats:   newStats(cfg.Source, cfg.Tags),
		entries: make(map[entity.UUID]*entry),
		wheel:   newWheel(cfg.Interval),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
	}, nil
}

// Start begins to report. It is called at most once. The end of ctx stops the
// reporter as Stop does.
func (r *Reporter) Start(ctx context.Context) {
	// Service inputs may be given a precision; it would round time stamps and
	// make two states of one entity look equally old.
	r.acc.SetPrecision(time.Nanosecond)
	r.flight = newFlight(r.acc, &r.cfg)
	r.start = time.Now()
	ctx, r.stop = context.WithCancel(ctx)
	r.started = true
	go r.run(ctx)
}

// Stop hands over what is pending, as far as StopTimeout and the pipeline
// allow, and returns when nothing will be sent any more. It says of no entity
// that it ended: the next start reports the same ones.
func (r *Reporter) Stop() {
	if !r.started {
		return
	}
	r.stop()
	<-r.done
}

// Set tells the current state of an entity. The reporter fills in the report
// interval, the time and, if it is missing, the source; attributes must be
// normalized. A state that equals the last one costs a lookup and a comparison
// and sends nothing. An event that no encoding can carry is logged, counted
// and otherwise ignored.
func (r *Reporter) Set(ev entity.Event) {
	ev.Kind, ev.Interval, ev.Reason = entity.State, r.cfg.Interval, ""
	if ev.Source == "" {
		ev.Source = r.cfg.Source
	}
	id := ev.UUID()

	r.mu.Lock()
	e := r.entries[id]
	same := e != nil && e.event.Source == ev.Source && e.event.SameState(&ev)
	r.mu.Unlock()
	if same {
		return
	}
	if err := ev.Validate(); err != nil {
		r.stats.invalid.Incr(1)
		r.log.Errorf("Cannot report %s %v: %v", ev.Type, ev.ID, err)
		return
	}
	r.put(id, ev, 0)
}

// Delete tells that an entity ended. It is sent now and once in each of the
// next two report intervals, unless the entity comes back. It is sent even for
// an entity that the reporter never heard of: the receiver may know it from
// before a restart.
func (r *Reporter) Delete(ref entity.Ref, why string) {
	id := ref.UUID()
	r.mu.Lock()
	source := r.cfg.Source
	if e := r.entries[id]; e != nil {
		if e.event.Kind == entity.Delete {
			r.mu.Unlock()
			return
		}
		source = e.event.Source
	}
	r.mu.Unlock()
	ev := entity.Event{Kind: entity.Delete, Ref: ref, Source: source, Reason: entity.CleanText(why)}
	if err := ev.Validate(); err != nil {
		r.stats.invalid.Incr(1)
		r.log.Errorf("Cannot report the end of %s %v: %v", ref.Type, ref.ID, err)
		return
	}
	r.put(id, ev, deleteRepeats)
}

// Len is the number of entities that the reporter holds, those of which it
// still repeats the end not counted.
func (r *Reporter) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.entries {
		if e.event.Kind == entity.State {
			n++
		}
	}
	return n
}

// Pause has the entities no longer reported until Resume, so that the receiver
// marks them stale and in the end expires them: their source cannot be asked
// whether they are still there. Changes and ends are sent all the same.
func (r *Reporter) Pause() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused = true
}

// Resume ends a pause. All entities are reported at once, since the receiver may
// have expired them; without a pause it does nothing.
func (r *Reporter) Resume() {
	r.mu.Lock()
	if !r.paused {
		r.mu.Unlock()
		return
	}
	r.paused = false
	for _, e := range r.entries {
		if e.event.Kind == entity.State {
			r.enqueue(e, periodic)
		}
	}
	r.mu.Unlock()
	r.nudge()
}

// put makes ev what is to be said of its entity and wakes the goroutine.
func (r *Reporter) put(id entity.UUID, ev entity.Event, repeats uint8) {
	r.mu.Lock()
	e := r.entries[id]
	if e == nil {
		e = &entry{id: id}
		r.entries[id] = e
		r.wheel.add(e)
	}
	e.event, e.repeats = ev, repeats
	if ev.Kind == entity.Delete {
		e.deleted = time.Now()
	}
	r.enqueue(e, change)
	r.mu.Unlock()
	r.nudge()
}

// nudge wakes the goroutine.
func (r *Reporter) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// enqueue lets e wait to be sent, with r.mu held. Entries that already wait do
// so once, with their newest state; a change overtakes periodic reports.
func (r *Reporter) enqueue(e *entry, why reason) {
	if e.queued == idle {
		r.pending++
	} else if why != change || e.queued == change {
		return
	}
	e.queued = why
	if why == change {
		r.urgent.push(e)
	} else {
		r.routine.push(e)
	}
}

// next takes the entry that is to be sent first, with r.mu held.
func (r *Reporter) next() *entry {
	for _, q := range []*fifo{&r.urgent, &r.routine} {
		for e := q.pop(); e != nil; e = q.pop() {
			if e.queued != idle && !e.gone {
				return e
			}
		}
	}
	return nil
}

// forget drops an entry for good, with r.mu held.
func (r *Reporter) forget(e *entry) {
	if e.queued != idle {
		e.queued = idle
		r.pending--
	}
	e.gone = true
	r.wheel.remove(e)
	delete(r.entries, e.id)
}
