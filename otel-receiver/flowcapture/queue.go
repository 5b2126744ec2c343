package flowcapture

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/skein-net/skein/internal/flowrecord"
)

// chunk is part of the queue: records that are sent together. What they point
// to lies in the chunk itself, so that a record costs no allocation.
type chunk struct {
	records []flowrecord.Record
	tcp     []flowrecord.TCP
}

func (c *chunk) add(r *flowrecord.Record) {
	c.records = append(c.records, *r)
	if r.TCP != nil {
		c.tcp = append(c.tcp, *r.TCP) // never moves: its capacity is that of records
		c.records[len(c.records)-1].TCP = &c.tcp[len(c.tcp)-1]
	}
}

func (c *chunk) reset() {
	clear(c.records)
	c.records, c.tcp = c.records[:0], c.tcp[:0]
}

// queue holds flow records between the workers and the sender, in chunks of one
// batch. It never holds more than its size. Its methods may be called by several
// goroutines, take by one.
type queue struct {
	size, batch int

	mu     sync.Mutex
	chunks []*chunk
	free   []*chunk
	closed bool

	count atomic.Int64
	// ready has an element when a chunk is full, when the first record came, and
	// when the queue was closed; room when something was taken.
	ready, room chan struct{}

	full, late atomic.Uint64
}

func newQueue(size, batch int) *queue {
	return &queue{size: size, batch: batch, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// offer copies r into the queue; it reports whether there was room for it.
func (q *queue) offer(r *flowrecord.Record) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := int(q.count.Load())
	if q.closed || n >= q.size {
		return false
	}
	last := len(q.chunks) - 1
	if last < 0 || len(q.chunks[last].records) == q.batch {
		q.chunks = append(q.chunks, q.newChunk())
		last++
	}
	c := q.chunks[last]
	c.add(r)
	q.count.Store(int64(n + 1))
	if n == 0 || len(c.records) == q.batch {
		signal(q.ready)
	}
	return true
}

func (q *queue) newChunk() *chunk {
	if n := len(q.free); n > 0 {
		c := q.free[n-1]
		q.free[n-1] = nil
		q.free = q.free[:n-1]
		return c
	}
	return &chunk{records: make([]flowrecord.Record, 0, q.batch), tcp: make([]flowrecord.TCP, 0, q.batch)}
}

// put is offer for a worker that must not wait: a record without room is lost
// and counted, and put reports false.
func (q *queue) put(r *flowrecord.Record) bool {
	if q.offer(r) {
		return true
	}
	q.full.Add(1)
	return false
}

// wait is offer for a source that can wait: it blocks until there is room. When
// ctx ends first the record is lost and counted, and wait reports false.
func (q *queue) wait(ctx context.Context, r *flowrecord.Record) bool {
	for !q.offer(r) {
		select {
		case <-q.room:
		case <-ctx.Done():
			q.late.Add(1)
			return false
		}
	}
	if q.count.Load() < int64(q.size) {
		signal(q.room) // for others that wait
	}
	return true
}

// busy reports whether the queue is so full that reports should wait where they
// are: in the flow tables, which add up what comes meanwhile.
func (q *queue) busy() bool { return q.count.Load() > int64(q.size)/2 }

// take returns the oldest chunk, nil when there is none: a full one, or with
// partial any. Give it back with [queue.done].
func (q *queue) take(partial bool) *chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.chunks) == 0 || !partial && len(q.chunks[0].records) < q.batch {
		return nil
	}
	c := q.chunks[0]
	q.chunks[0] = nil
	if q.chunks = q.chunks[1:]; len(q.chunks) == 0 {
		q.chunks = nil
	}
	return c
}

// maxFree is how many chunks are kept for later.
const maxFree = 2

// done takes a chunk back whose records are sent or lost; only now there is
// room for others.
func (q *queue) done(c *chunk) {
	n := len(c.records)
	c.reset()
	q.mu.Lock()
	if len(q.free) < maxFree {
		q.free = append(q.free, c)
	}
	q.count.Add(int64(-n))
	if len(q.chunks) > 0 {
		signal(q.ready)
	}
	q.mu.Unlock()
	signal(q.room)
}

// close has the sender end when it has taken all; what is offered later is lost.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	signal(q.ready)
}

// ended reports whether the queue is closed and empty.
func (q *queue) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && len(q.chunks) == 0
}
