package flowstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
)

// Errors of a store.
var (
	// ErrStopped: the store does not run.
	ErrStopped = errors.New("the flow store is stopped")
	// ErrFull: the disk has less free space than the configuration wants.
	ErrFull = errors.New("the flow store takes nothing: its disk is nearly full")
	// ErrTooMuch: a query would need more memory than it may have.
	ErrTooMuch = errors.New("too many flows for one query: ask for a shorter time, name nodes or addresses, or set a limit")
	// ErrInexact: a query has a condition that LogsQL cannot check.
	ErrInexact = errors.New("this condition cannot be checked by the flow store")
)

// Reasons for which rows are refused.
const (
	refusedNoID    = "no_id"
	refusedTooLong = "too_long"
	refusedOld     = "too_old"
	refusedFuture  = "in_future"
	refusedFull    = "disk_full"
	refusedRemote  = "remote"
	refusedStopped = "stopped"
)

// backend stores rows and answers LogsQL. Its methods may be called
// concurrently.
type backend interface {
	start(ctx context.Context) error
	// stop is called when nothing runs any more.
	stop()
	// write stores the rows that next makes, until it reports false. An embedded
	// one calls seal, unless that is nil, before each batch is handed over: what it
	// returns is found, or lost, together with the batch's other rows of that day.
	write(ctx context.Context, next func() (row, bool), seal func() []row) error
	// query hands on what a query finds, in any order, several blocks at a time.
	// It returns early when handle fails, with its error.
	query(ctx context.Context, text string, handle func(*block) error) error
	// flush makes what was written visible.
	flush(ctx context.Context) error
	stats(*Stats)
}

// Stats is the state of a store. What an embedded store alone knows is 0 for a
// remote one.
type Stats struct {
	// Rows and Bytes is what is stored; Pending are rows that cannot be found
	// yet, Volatile those that a crash would lose.
	Rows, Pending, Volatile uint64
	Bytes                   uint64
	// FreeBytes is the free space of the disk, ReadOnly is set when it is too small.
	FreeBytes uint64
	ReadOnly  bool
	// Oldest and Newest are the times of the first and the last row, in Unix
	// nanoseconds, 0 when there is none.
	Oldest, Newest int64
	// Written counts rows since Start, Refused those that were not taken, by reason.
	Written uint64
	Refused map[string]uint64
	// RollupRows are those of Rows that have sums of minutes. Minutes counts
	// minutes summed up since Start, MinutesLost those that were too large to be.
	RollupRows, Minutes, MinutesLost uint64
	// Queries counts queries, QueryErrors those that failed; Running and Waiting
	// are those just now.
	Queries, QueryErrors uint64
	Running, Waiting     int64
}

// Store keeps flows. It is made by New, works between Start and Stop, and its
// methods may be called from any goroutine.
type Store struct {
	cfg    Config
	log    *slog.Logger
	table  *flowrecord.Table
	back   backend
	remote bool
	// rollups is nil when nothing is summed up; Start sets it.
	rollups *rollups

	encoders sync.Pool
	slots    chan struct{}

	mu      sync.Mutex
	running bool
	cancel  context.CancelFunc
	life    context.Context
	work    sync.WaitGroup
	refused map[string]uint64

	written, queries, failed atomic.Uint64
	active, waiting          atomic.Int64
}

// New makes a store; it opens nothing.
func New(cfg Config, logger *slog.Logger) (*Store, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, log: logger, table: flowrecord.NewTable(), slots: make(chan struct{}, cfg.MaxQueries), refused: make(map[string]uint64)}
	s.encoders.New = func() any { return newEncoder() }
	if cfg.URL == "" {
		s.back = newEmbedded(cfg, logger)
	} else {
		s.remote = true
		s.cfg.QueryTimeout = min(s.cfg.QueryTimeout, maxRemoteQuery)
		s.back = newRemote(cfg, logger)
	}
	return s, nil
}

// Start opens the store. An embedded one must be able to open its directory; a
// remote one need not answer yet.
func (s *Store) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return errors.New("the flow store runs already")
	}
	if err := s.back.start(ctx); err != nil {
		return fmt.Errorf("start flow store: %w", err)
	}
	if err := s.startRollups(ctx); err != nil {
		s.back.stop()
		return fmt.Errorf("start flow store: %w", err)
	}
	s.life, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.running = true
	if s.rollups != nil {
		s.work.Add(1)
		go s.rollUp(s.life)
	}
	return nil
}

// Stop ends queries that run, writes what is in memory to disk and closes the
// store. It may be started again.
func (s *Store) Stop() {
	s.mu.Lock()
	if !s.running {
		s.mu.Unlock()
		return
	}
	s.running = false
	s.cancel()
	s.mu.Unlock()
	s.work.Wait()
	if s.rollups != nil {
		s.rollups.work(time.Now(), true, s.writeRows)
	}
	s.back.stop()
}

// enter begins something that Stop has to wait for.
func (s *Store) enter() (life context.Context, leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return nil, nil, ErrStopped
	}
	s.work.Add(1)
	return s.life, s.work.Done, nil
}

// Write stores reports. A report that cannot be stored (too old, too long, no
// ID) is counted and left out; the error says that none was stored, or by a
// remote store perhaps not all. The reports are not kept.
func (s *Store) Write(ctx context.Context, records []flowrecord.Record) error {
	e := s.encoders.Get().(*encoder)
	defer s.encoders.Put(e)
	encode := func(i int) (row, string) { return e.flow(&records[i]) }
	return s.write(ctx, len(records), encode, func(r *rollups) (taken func(int), seal func() []row) {
		r.writing.RLock()
		batch := e.batch[:0]
		return func(i int) { batch = append(batch, &records[i]) }, func() []row {
			rows := r.add(batch, time.Now())
			clear(batch)
			batch, e.batch = batch[:0], batch[:0]
			return rows
		}
	})
}

// WriteCounters stores counters of interfaces, as Write does.
func (s *Store) WriteCounters(ctx context.Context, counters []Counters) error {
	e := s.encoders.Get().(*encoder)
	defer s.encoders.Put(e)
	return s.write(ctx, len(counters), func(i int) (row, string) { return e.counters(&counters[i]) }, nil)
}

// write stores n rows. When they are to be summed up, sumUp says what to do with
// those that are taken.
func (s *Store) write(ctx context.Context, n int, encode func(int) (row, string), sumUp func(*rollups) (func(int), func() []row)) error {
	_, leave, err := s.enter()
	if err != nil {
		s.refuse(refusedStopped, n)
		return err
	}
	defer leave()
	note := func(int) {}
	var seal func() []row
	if sumUp != nil && s.rollups != nil {
		note, seal = sumUp(s.rollups)
		defer s.rollups.writing.RUnlock()
	}
	now := time.Now().UnixNano()
	oldest, newest := s.oldest(now), now+int64(24*time.Hour)
	i, taken := 0, 0
	err = s.back.write(ctx, func() (row, bool) {
		for i < n {
			r, refused := encode(i)
			i++
			switch {
			case refused != "":
			case r.time < oldest || r.time <= 0:
				refused = refusedOld
			case r.time > newest:
				refused = refusedFuture
			default:
				taken++
				note(i - 1)
				return r, true
			}
			s.refuse(refused, 1)
		}
		return row{}, false
	}, seal)
	switch {
	case errors.Is(err, ErrFull):
		s.refuse(refusedFull, n)
		return err
	case err != nil:
		s.refuse(refusedRemote, taken+n-i)
		return fmt.Errorf("write flows: %w", err)
	}
	s.written.Add(uint64(taken))
	return nil
}

// oldest is the earliest time that is taken. Each day has a directory: a
// collector whose clock is wrong must not make thousands of them.
func (s *Store) oldest(now int64) int64 {
	switch {
	case s.remote:
		return 0 // VictoriaLogs knows
	case s.cfg.RetentionAge == 0:
		return now - int64(31*24*time.Hour)
	}
	return now - int64(s.cfg.RetentionAge)
}

func (s *Store) refuse(reason string, n int) {
	if n == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[reason] += uint64(n)
}

// Flush makes all that was written so far visible to queries. It is for tests
// and tools: rows become visible within a second without it.
func (s *Store) Flush(ctx context.Context) error {
	_, leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	return s.back.flush(ctx)
}

// Stats returns the state of the store.
func (s *Store) Stats() Stats {
	st := Stats{Written: s.written.Load(), Queries: s.queries.Load(), QueryErrors: s.failed.Load(),
		Running: s.active.Load(), Waiting: s.waiting.Load()}
	s.mu.Lock()
	st.Refused = maps.Clone(s.refused)
	s.mu.Unlock()
	if _, leave, err := s.enter(); err == nil {
		defer leave()
		s.back.stats(&st)
		if s.rollups != nil {
			st.RollupRows = s.rollupRows()
			st.Minutes, st.MinutesLost = s.rollups.counted()
		}
	}
	return st
}

// query runs a query when a slot is free; it ends with the context, with the
// store or after the timeout of the configuration.
func (s *Store) query(ctx context.Context, text string, handle func(*block) error) error {
	life, leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	s.queries.Add(1)
	ctx, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	s.waiting.Add(1)
	select {
	case s.slots <- struct{}{}:
		s.waiting.Add(-1)
	case <-ctx.Done():
		s.waiting.Add(-1)
		return s.queryError(life, fmt.Errorf("wait for other queries of flows: %w", ctx.Err()))
	}
	s.active.Add(1)
	defer func() {
		s.active.Add(-1)
		<-s.slots
	}()
	err = s.back.query(ctx, text, handle)
	if err == nil {
		err = ctx.Err()
	}
	return s.queryError(life, err)
}

func (s *Store) queryError(life context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case life.Err() != nil:
		return ErrStopped
	case !errors.Is(err, context.Canceled): // by who asked
		s.failed.Add(1)
	}
	return fmt.Errorf("query flows: %w", err)
}
