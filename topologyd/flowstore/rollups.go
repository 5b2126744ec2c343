package flowstore

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
)

// EventMinute is the event name of rows with the sums of a minute.
const EventMinute = "network.flow.minute"

// Fields of rows with sums. A minute has one set of rows that is written when
// it is over, with the number of its parts in each, and a row for each batch of
// reports that came later, with 0 parts.
const (
	fieldSet   = "rollup.set"
	fieldPart  = "rollup.part"
	fieldParts = "rollup.parts"
	// These are the times of the first and the last report in a set.
	fieldFirst = "rollup.first"
	fieldLast  = "rollup.last"
	fieldData  = "rollup.data"
)

const minuteLength = int64(time.Minute)

// minuteOf returns the beginning of the minute of a time.
func minuteOf(when int64) int64 {
	if when < 0 {
		return (when+1)/minuteLength*minuteLength - minuteLength
	}
	return when / minuteLength * minuteLength
}

// Bounds of what is kept in memory.
const (
	maxPendingBytes = 64 << 20
	// visible is how long a set stays in memory after it was written.
	visible = 5 * time.Second
	// manySeen is about the minutes of two weeks.
	manySeen = 20_000
)

// openMinute is a minute to which reports are added.
type openMinute struct {
	*tally
	touched time.Time
}

// closedMinute is a minute that is over. It is written when its reports are on
// disk for certain, so that a crash never leaves sums without their rows, and
// kept until its rows can be found.
type closedMinute struct {
	minute, first, last int64
	tally               *tally // until it is packed
	parts               []string
	// settled is when all its reports had been handed to the storage.
	settled, written time.Time
}

// rollups sum up reports by minutes. A minute is summed up only if all its rows
// came to this one from its beginning on: those of which the store had rows at
// the start may have others. What comes for a minute that is not open is
// written as a set of its own, in the same batch as its reports: both are found
// at once, and lost at once.
type rollups struct {
	cfg     *Config
	log     *slog.Logger
	chunker *chunker
	run     string

	// writing is held for reading while reports are written.
	writing sync.RWMutex

	mu   sync.Mutex
	open map[int64]*openMinute
	// seen are the minutes begun, true for those given up.
	seen map[int64]bool
	// prune is how many of them are looked through for old ones.
	prune int
	// At the start the store had rows in [oldest, newest], and in ahead.
	oldest, newest int64
	ahead          map[int64]bool
	rows           int // of open minutes
	closed         []*closedMinute
	sets           uint64 // of late reports
	minutes, lost  uint64
}

func newRollups(cfg *Config, log *slog.Logger, table *flowrecord.Table) (*rollups, error) {
	c, err := newChunker(table)
	if err != nil {
		return nil, err
	}
	run := make([]byte, 12)
	_, _ = rand.Read(run) // never fails
	return &rollups{cfg: cfg, log: log, chunker: c, run: hex.EncodeToString(run), open: make(map[int64]*openMinute),
		seen: make(map[int64]bool), prune: manySeen, oldest: math.MaxInt64, newest: math.MinInt64}, nil
}

// add takes the reports of a batch that is about to be written; it returns the
// rows that have to be in the batch too.
func (r *rollups) add(records []*flowrecord.Record, now time.Time) []row {
	var late map[int64]*tally
	r.mu.Lock()
	for _, rec := range records {
		when := rowTime(rec)
		m := minuteOf(when)
		if o := r.at(m); o != nil {
			before := len(o.sums)
			o.add(rec, when)
			o.touched = now
			if len(o.sums) != before {
				r.rows++
				r.bound(m, now)
			}
			continue
		}
		if r.seen[m] {
			continue // given up: what comes is not summed up either
		}
		t := late[m]
		if t == nil {
			if late == nil {
				late = make(map[int64]*tally)
			}
			t = newTally()
			late[m] = t
		}
		t.add(rec, when)
	}
	first := r.sets
	r.sets += uint64(len(late))
	r.mu.Unlock()
	var rows []row
	for m, t := range late {
		set := r.run + "." + strconv.FormatUint(first, 10)
		first++
		for i, data := range r.chunker.pack(t) {
			rows = append(rows, setRow(m, set, i, 0, t.first, t.last, data))
		}
	}
	return rows
}

// at returns an open minute, nil when it cannot be summed up as a whole.
func (r *rollups) at(m int64) *openMinute {
	if o := r.open[m]; o != nil {
		return o
	}
	if _, seen := r.seen[m]; seen || m >= minuteOf(r.oldest) && m <= r.newest || r.ahead[m] {
		return nil
	}
	o := &openMinute{tally: newTally()}
	r.open[m], r.seen[m] = o, false
	return o
}

// bound makes room: by closing the minute that was quiet for the longest time,
// or giving up the one that grows when there is no quiet one.
func (r *rollups) bound(grows int64, now time.Time) {
	if r.open[grows].text > maxTallyText {
		r.giveUp(grows)
		return
	}
	if r.rows <= r.cfg.MaxRollup {
		return
	}
	quiet := grows
	for m, o := range r.open {
		if o.touched.Before(r.open[quiet].touched) {
			quiet = m
		}
	}
	if quiet != grows && now.Sub(r.open[quiet].touched) >= time.Second {
		r.close(quiet)
		return
	}
	r.giveUp(grows)
}

func (r *rollups) giveUp(m int64) {
	r.rows -= len(r.open[m].sums)
	delete(r.open, m)
	r.seen[m] = true
	r.lost++
}

func (r *rollups) close(m int64) {
	t := r.open[m].tally
	r.rows -= len(t.sums)
	delete(r.open, m)
	t.index, t.placeOf, t.serviceOf = nil, nil, nil
	r.closed = append(r.closed, &closedMinute{minute: m, first: t.first, last: t.last, tally: t})
}

// work closes minutes that are over, writes those whose reports are on disk
// and forgets those that can be found. With all it does so at once with all;
// then nothing else may write.
func (r *rollups) work(now time.Time, all bool, write func([]row) error) {
	r.mu.Lock()
	for m, o := range r.open {
		if all || now.Sub(time.Unix(0, m+minuteLength)) >= r.cfg.RollupGrace && now.Sub(o.touched) >= r.cfg.RollupGrace {
			r.close(m)
		}
	}
	r.forget(now)
	closed := slices.Clone(r.closed)
	r.mu.Unlock()
	begin := time.Now()
	r.writing.Lock() // batches of which reports are in a closed minute are written now
	now = now.Add(time.Since(begin))
	r.writing.Unlock()
	size := 0
	for _, c := range closed {
		if c.settled.IsZero() {
			c.settled = now
		}
		r.pack(c)
		for _, p := range c.parts {
			size += len(p)
		}
	}
	for _, c := range closed {
		if !c.written.IsZero() || !all && now.Sub(c.settled) < 2*r.cfg.FlushInterval+2*time.Second {
			continue
		}
		rows := make([]row, len(c.parts))
		for i, data := range c.parts {
			rows[i] = setRow(c.minute, r.run, i, len(c.parts), c.first, c.last, data)
		}
		if err := write(rows); err != nil {
			r.log.Warn("a minute of flows is not summed up", "minute", time.Unix(0, c.minute).UTC(), "error", err)
			r.drop(c)
			continue
		}
		r.mu.Lock()
		c.written = now
		r.minutes++
		r.mu.Unlock()
	}
	for _, c := range closed {
		if size > maxPendingBytes && c.written.IsZero() {
			for _, p := range c.parts {
				size -= len(p)
			}
			r.drop(c)
		}
	}
}

// forget drops what need not be known any more.
func (r *rollups) forget(now time.Time) {
	r.closed = slices.DeleteFunc(r.closed, func(c *closedMinute) bool { return !c.written.IsZero() && now.Sub(c.written) >= visible })
	if len(r.seen) < r.prune {
		return
	}
	kept := r.cfg.RetentionAge
	if kept == 0 {
		kept = 31 * 24 * time.Hour
	}
	for m := range r.seen {
		if m < now.Add(-kept-48*time.Hour).UnixNano() {
			delete(r.seen, m)
		}
	}
	r.prune = len(r.seen) + manySeen
}

func (r *rollups) pack(c *closedMinute) {
	if c.tally == nil {
		return
	}
	parts := r.chunker.pack(c.tally)
	r.mu.Lock()
	defer r.mu.Unlock()
	c.parts, c.tally = parts, nil
}

// drop gives up a minute that is closed.
func (r *rollups) drop(c *closedMinute) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = slices.DeleteFunc(r.closed, func(o *closedMinute) bool { return o == c })
	r.seen[c.minute] = true
	r.lost++
}

// inMemory is a minute that is not found among the rows yet.
type inMemory struct {
	minute, first, last int64
	tally               *tally
	parts               []string
}

// memory returns the minutes of which all reports are in [from, to].
func (r *rollups) memory(from, to int64) []inMemory {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []inMemory
	for m, o := range r.open {
		if o.first >= from && o.last <= to && len(o.sums) > 0 {
			out = append(out, inMemory{minute: m, first: o.first, last: o.last, tally: o.snapshot()})
		}
	}
	for _, c := range r.closed {
		if c.first >= from && c.last <= to {
			out = append(out, inMemory{minute: c.minute, first: c.first, last: c.last, tally: c.tally, parts: c.parts})
		}
	}
	return out
}

func (r *rollups) counted() (minutes, lost uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.minutes, r.lost
}
