package httpx

import (
	"context"
	"sync/atomic"
	"time"
)

// Budget bounds the bytes that all requests together hold in memory. It never
// waits: whoever does not fit is told to come back.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Take takes n bytes and reports whether they were left.
func (b *Budget) Take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

// Give gives n bytes back.
func (b *Budget) Give(n int64) { b.used.Add(-n) }

// Used returns the bytes that are taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// Slots bounds how many requests do costly work at the same time.
type Slots struct{ c chan struct{} }

// NewSlots returns n slots.
func NewSlots(n int) *Slots { return &Slots{c: make(chan struct{}, n)} }

// Acquire takes a slot and waits for one no longer than wait. It reports
// false when there was none, or ctx ended.
func (s *Slots) Acquire(ctx context.Context, wait time.Duration) bool {
	select {
	case s.c <- struct{}{}:
		return true
	default:
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case s.c <- struct{}{}:
		return true
	case <-t.C:
		return false
	case <-ctx.Done():
		return false
	}
}

// Release gives a slot back.
func (s *Slots) Release() { <-s.c }

// InUse returns how many slots are taken.
func (s *Slots) InUse() int { return len(s.c) }
