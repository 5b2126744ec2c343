package eventlog

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// How long a lease holds without being renewed, how often it is renewed or
// looked at, and how much longer than its time others leave it to its holder,
// since clocks do not run equally fast.
const (
	leaseTime   = 6 * time.Second
	leaseEvery  = 1500 * time.Millisecond
	leaseMargin = leaseTime / 4
)

// Lease is held by at most one daemon at a time. Alone it is always held while
// it is started.
//
// The holder writes the key of the lease again and again, each time in place of
// the revision that it wrote before. Others take the lease when that key has
// not changed for longer than the lease lasts, measured on their own monotonic
// clock from when they saw the revision; the holder counts from before it asked
// for the write. So no clocks are compared, and the holder has given up before
// another one begins, unless its process is suspended between asking
// [Lease.Held] and acting on the answer.
type Lease struct {
	l      *Log
	name   string
	holder string // this daemon's run

	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	until   time.Time // held up to then
	changed func(held bool)

	// Of the goroutine alone.
	bucket   *Bucket
	revision uint64    // ours when held, else the one seen last
	seen     time.Time // when it was seen first
	by       leaseValue
}

// leaseValue is the content of the key.
type leaseValue struct {
	Holder string `json:"holder"`
	Node   string `json:"node"`
}

// Lease returns the lease of a name, not started.
func (l *Log) Lease(name string) *Lease {
	return &Lease{l: l, name: name, holder: rand.Text()}
}

// OnChange sets a function that is told when the lease was got or lost. It is
// called from the goroutine of the lease and must not block; set it before
// Start. When the time of the lease runs out it may be told a moment late:
// [Lease.Held] is what counts.
func (s *Lease) OnChange(fn func(held bool)) { s.changed = fn }

// Start begins to strive for the lease. It never fails: without the log the
// lease is not held.
func (s *Lease) Start(ctx context.Context) {
	if s.l.cfg.mode() == Single {
		s.mu.Lock()
		s.until = time.Now().Add(100 * 365 * 24 * time.Hour)
		s.mu.Unlock()
		s.tell(true)
		return
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.work.Go(func() { s.run(ctx) })
}

// Stop gives the lease back, so that another daemon has it soon.
func (s *Lease) Stop() {
	if s.cancel != nil {
		s.cancel()
		s.work.Wait()
	}
	s.mu.Lock()
	held := time.Now().Before(s.until)
	s.until = time.Time{}
	s.mu.Unlock()
	if s.bucket != nil && held {
		ctx, cancel := context.WithTimeout(context.Background(), min(s.l.cfg.Timeout, requestTimeout))
		defer cancel()
		if err := s.bucket.Delete(ctx, s.name, s.revision); err != nil {
			s.l.log.Debug("give back lease", "lease", s.name, "error", err)
		}
	}
	if held {
		s.tell(false)
	}
}

// Held tells whether this daemon holds the lease now.
func (s *Lease) Held() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.until)
}

func (s *Lease) tell(held bool) {
	if s.changed != nil {
		s.changed(held)
	}
}

func (s *Lease) run(ctx context.Context) {
	held := false
	for {
		try, cancel := context.WithTimeout(ctx, leaseEvery)
		err := s.turn(try)
		cancel()
		if err != nil && ctx.Err() == nil {
			s.l.log.Debug("lease", "lease", s.name, "error", err)
		}
		if now := s.Held(); now != held && ctx.Err() == nil {
			held = now
			s.l.log.Info("lease", "lease", s.name, "held", held)
			s.tell(held)
		}
		if !sleep(ctx, leaseEvery) {
			return
		}
	}
}

// turn renews the lease, or takes it when its time is over.
func (s *Lease) turn(ctx context.Context) (err error) {
	if s.bucket == nil {
		if s.bucket, err = s.l.Bucket(ctx, "leases"); err != nil {
			s.bucket = nil
			return err
		}
	}
	if s.Held() {
		err = s.write(ctx, s.revision)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	kv, err := s.bucket.Get(ctx, s.name)
	switch {
	case errors.Is(err, ErrNotFound):
		return s.write(ctx, 0)
	case err != nil:
		return err
	}
	now := time.Now()
	if kv.Revision != s.revision || s.seen.IsZero() {
		s.revision, s.seen, s.by = kv.Revision, now, leaseValue{}
		if err := json.Unmarshal(kv.Value, &s.by); err != nil {
			s.l.log.Warn("lease cannot be read, it is taken when its time is over", "lease", s.name, "error", err)
		}
	}
	switch {
	case s.by.Holder == s.holder:
		// A write of ours whose answer was lost.
		return s.write(ctx, kv.Revision)
	case now.Sub(s.seen) < leaseTime+leaseMargin:
		s.lose()
		return nil
	}
	return s.write(ctx, kv.Revision)
}

// write puts our name in place of a revision, 0: of none.
func (s *Lease) write(ctx context.Context, revision uint64) error {
	asked := time.Now()
	value, err := json.Marshal(leaseValue{Holder: s.holder, Node: s.l.cfg.Cluster.NodeName})
	if err != nil {
		return fmt.Errorf("take lease: %w", err)
	}
	if revision == 0 {
		revision, err = s.bucket.Create(ctx, s.name, value)
	} else {
		revision, err = s.bucket.Update(ctx, s.name, value, revision)
	}
	if err != nil {
		if errors.Is(err, ErrConflict) {
			s.lose()
		}
		return err
	}
	s.revision, s.seen, s.by = revision, asked, leaseValue{Holder: s.holder}
	s.mu.Lock()
	s.until = asked.Add(leaseTime)
	s.mu.Unlock()
	return nil
}

// lose ends holding at once: somebody else wrote the key. A write of ours whose
// answer was lost looks the same and is noticed in the same turn.
func (s *Lease) lose() {
	s.mu.Lock()
	s.until = time.Time{}
	s.mu.Unlock()
}
