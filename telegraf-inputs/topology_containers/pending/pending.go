// Package pending is what a source of events does with them: an event only says
// that something changed, and what it is now has to be asked for. A [Queue]
// remembers what is to be asked for, each thing once however many events name it,
// so that a storm of events costs one question for each thing and no more memory
// than there are things. A panic in what it calls becomes an error.
//
// It must know nothing of runtimes or entities.
package pending

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Queue holds things to look at, each at most once. Its methods may be called
// from any goroutine. Make one with [New].
type Queue[K comparable] struct {
	mu    sync.Mutex
	order []K
	state map[K]state
	// due are the things that AddAfter is to add.
	due map[K]bool
	// wake holds one token while there may be something in order.
	wake chan struct{}
}

type state uint8

const (
	waiting state = iota + 1
	running
	again // running, and added meanwhile
)

// New returns an empty queue.
func New[K comparable]() *Queue[K] {
	return &Queue[K]{state: make(map[K]state), due: make(map[K]bool), wake: make(chan struct{}, 1)}
}

// Add has a thing looked at soon. A thing that is being looked at now will be
// looked at once more.
func (q *Queue[K]) Add(k K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch q.state[k] {
	case waiting, again:
	case running:
		q.state[k] = again
	default:
		q.push(k)
	}
}

// AddAfter adds a thing after a while. A thing that is due already stays so: however
// often it is called, a thing is added once for each while. Should the queue be
// given up before, nothing comes of it.
func (q *Queue[K]) AddAfter(d time.Duration, k K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.due[k] {
		return
	}
	q.due[k] = true
	time.AfterFunc(d, func() {
		q.mu.Lock()
		delete(q.due, k)
		q.mu.Unlock()
		q.Add(k)
	})
}

// push appends to the order; q.mu is held.
func (q *Queue[K]) push(k K) {
	q.state[k] = waiting
	q.order = append(q.order, k)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Run calls look for what is added, in that order, up to n at a time and never
// for one thing twice at a time. It ends with ctx or the first error, and when it
// returns nothing runs any more.
func (q *Queue[K]) Run(ctx context.Context, n int, look func(context.Context, K) error) error {
	work := make([]func(context.Context) error, n)
	for i := range work {
		work[i] = func(ctx context.Context) error {
			for {
				k, err := q.take(ctx)
				if err != nil {
					return err
				}
				err = guard(func() error { return look(ctx, k) })
				q.done(k)
				if err != nil {
					return err
				}
			}
		}
	}
	return All(ctx, work...)
}

// take waits for the next thing.
func (q *Queue[K]) take(ctx context.Context) (k K, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return k, err
		}
		q.mu.Lock()
		if len(q.order) > 0 {
			k, q.order = q.order[0], q.order[1:]
			q.state[k] = running
			if len(q.order) > 0 { // for the others
				select {
				case q.wake <- struct{}{}:
				default:
				}
			}
			q.mu.Unlock()
			return k, nil
		}
		q.order = nil
		q.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-q.wake:
		}
	}
}

func (q *Queue[K]) done(k K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.state[k] == again {
		q.push(k)
	} else {
		delete(q.state, k)
	}
}

// All calls functions at the same time. The first error ends the context of the
// others; All returns it when all have returned.
func All(ctx context.Context, fns ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
	)
	for _, fn := range fns {
		wg.Go(func() {
			if err := guard(func() error { return fn(ctx) }); err != nil {
				once.Do(func() { first = err; cancel() })
			}
		})
	}
	wg.Wait()
	return first
}

// errPanic is wrapped by the errors that panics become.
var errPanic = errors.New("panic")

// guard calls a function and makes an error of its panic.
func guard(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, r, debug.Stack())
		}
	}()
	return fn()
}
