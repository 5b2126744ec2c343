package flowcapture

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/flowrecord"
)

func numbered(n int64) *flowrecord.Record {
	return &flowrecord.Record{ICMPID: n, TCP: &flowrecord.TCP{AB: flowrecord.TCPSide{SynTTL: n}}}
}

// TestQueueBounds: offered records come out in order, unchanged although the
// one that was offered is used again, and never more than size are held.
func TestQueueBounds(t *testing.T) {
	q := newQueue(10, 4)
	r := numbered(0)
	for i := range int64(15) {
		r.ICMPID, r.TCP.AB.SynTTL = i, i
		require.Equal(t, i < 10, q.offer(r))
	}
	require.Equal(t, int64(10), q.count.Load())
	require.True(t, q.busy())
	var got []int64
	for _, size := range []int{4, 4, 0, 2} {
		c := q.take(size == 2)
		if size == 0 {
			require.Nil(t, c, "a chunk that is not full")
			continue
		}
		require.Equal(t, size, len(c.records))
		for i := range c.records {
			require.Equal(t, c.records[i].ICMPID, c.records[i].TCP.AB.SynTTL)
			got = append(got, c.records[i].ICMPID)
		}
		q.done(c)
	}
	require.Equal(t, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, got)
	require.Zero(t, q.count.Load())
	require.False(t, q.busy())
	require.Nil(t, q.take(true))
	require.LessOrEqual(t, len(q.free), maxFree)
}

// TestQueueTakenCounts: what the sender holds counts until it is done with it.
func TestQueueTakenCounts(t *testing.T) {
	q := newQueue(4, 4)
	for i := range int64(4) {
		require.True(t, q.offer(numbered(i)))
	}
	c := q.take(false)
	require.False(t, q.offer(numbered(9)))
	q.done(c)
	require.True(t, q.offer(numbered(9)))
}

func TestQueueClose(t *testing.T) {
	q := newQueue(4, 2)
	require.True(t, q.offer(numbered(1)))
	q.close()
	require.False(t, q.offer(numbered(2)))
	require.False(t, q.ended())
	q.done(q.take(true))
	require.True(t, q.ended())
}

// TestQueueWait: waiting ends when there is room, or with the context.
func TestQueueWait(t *testing.T) {
	q := newQueue(1, 1)
	q.wait(t.Context(), numbered(1))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	q.wait(ended, numbered(2))
	require.Equal(t, uint64(1), q.late.Load())
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.wait(t.Context(), numbered(3))
	}()
	q.done(q.take(true))
	<-done
	require.Equal(t, int64(3), q.take(true).records[0].ICMPID)
}

// TestQueueConcurrent: several that wait and one that takes lose nothing and
// keep the order of each.
func TestQueueConcurrent(t *testing.T) {
	const producers, each = 4, 2000
	q := newQueue(64, 16)
	var wg sync.WaitGroup
	for p := range int64(producers) {
		wg.Go(func() {
			r := numbered(0)
			for i := range int64(each) {
				r.ICMPCode, r.ICMPID = p, i
				q.wait(t.Context(), r)
			}
		})
	}
	go func() { wg.Wait(); q.close() }()
	var next [producers]int64
	random := rand.New(rand.NewPCG(1, 2))
	deadline := time.Now().Add(30 * time.Second)
	for !q.ended() {
		require.True(t, time.Now().Before(deadline))
		require.LessOrEqual(t, q.count.Load(), int64(64))
		c := q.take(random.IntN(2) == 0)
		if c == nil {
			select {
			case <-q.ready:
			case <-time.After(time.Millisecond):
			}
			continue
		}
		for i := range c.records {
			p := c.records[i].ICMPCode
			require.Equal(t, next[p], c.records[i].ICMPID)
			next[p]++
		}
		q.done(c)
	}
	require.Equal(t, [producers]int64{each, each, each, each}, next)
}

func BenchmarkQueue(b *testing.B) {
	q := newQueue(10_000, 1000)
	r := numbered(1)
	b.ReportAllocs()
	for b.Loop() {
		if !q.offer(r) {
			for c := q.take(true); c != nil; c = q.take(true) {
				q.done(c)
			}
		}
	}
}
