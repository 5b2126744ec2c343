package source

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// PanicError is the end of a source whose worker panicked.
type PanicError struct {
	// Worker is the worker's index, Value what it panicked with, Stack where.
	Worker int
	Value  any
	Stack  []byte
}

// Error tells the value. The stack is left to who wants to print it.
func (e *PanicError) Error() string { return fmt.Sprintf("worker %d panicked: %v", e.Worker, e.Value) }

// Each runs fn for the workers 0 to n-1, each in a goroutine of its own, and
// returns when all have returned: the first error or panic, which also ends the
// context of the others. A panic becomes a [*PanicError].
func Each(ctx context.Context, n int, fn func(ctx context.Context, worker int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
	)
	for i := range n {
		wg.Go(func() {
			if err := Guard(i, func() error { return fn(ctx, i) }); err != nil {
				once.Do(func() { first = err })
				cancel(err)
			}
		})
	}
	wg.Wait()
	return first
}

// Guard runs fn and turns its panic into a [*PanicError] of the worker.
func Guard(worker int, fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Worker: worker, Value: v, Stack: debug.Stack()}
		}
	}()
	return fn()
}
