package flowstore

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Bounds of the second query.
const (
	// maxNamed is how many flows are named in a query; of more of them all rows
	// of the window are looked at.
	maxNamed = 1000
	// maxSorted is how many records can be sorted.
	maxSorted = 100_000
)

// found is a record with its place in the answer.
type found struct {
	id     entity.UUID
	record *flowrecord.Record
}

// read reads the reports of choice and yields them, in order when there is one.
func (f *finder) read(ctx context.Context, chosen []chosen, yield func(*flowrecord.Record, error) bool) error {
	if len(chosen) == 0 {
		return nil
	}
	if f.sort != nil && len(chosen) > maxSorted {
		return ErrTooMuch
	}
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	f.wanted = make(map[entity.UUID]*pick, len(chosen))
	for i := range chosen {
		c := &chosen[i]
		f.wanted[c.id] = &c.pick
		from, to = min(from, c.time), max(to, c.time)
	}
	f.shards = [shardCount]shard{}
	where := and(during(from, to), f.where)
	if len(chosen) <= maxNamed {
		named := make([]entity.UUID, len(chosen))
		for i := range chosen {
			named[i] = chosen[i].id
		}
		where = and(during(from, to), event(flowrecord.EventName), ids("flow.id", named))
	}
	var sorted map[entity.UUID]*flowrecord.Record
	if f.sort != nil {
		sorted = make(map[entity.UUID]*flowrecord.Record, len(chosen))
	}
	err := stream(ctx, func(ctx context.Context, out func([]found) error) error {
		return f.s.query(ctx, where.String()+" | delete _stream, _stream_id, "+quote(fieldEvent), func(b *block) error { return out(f.take(b)) })
	}, func(x found) bool {
		if sorted == nil {
			return yield(x.record, nil)
		}
		sorted[x.id] = x.record
		return true
	})
	if err != nil {
		return err
	}
	for i := range chosen {
		if r := sorted[chosen[i].id]; r != nil && !yield(r, nil) {
			return nil
		}
	}
	return nil
}

// take makes records of the rows of a block that are reports of choice.
func (f *finder) take(b *block) []found {
	sc := f.scratch.Get().(*scratch)
	defer f.scratch.Put(sc)
	times, flows, finish := b.column(fieldTime), b.column("flow.id"), b.column("flow.finish")
	sc.bound = sc.dec.bind(b, sc.bound)
	var out []found
	for i := range b.rows {
		id, ok := parseUUID(at(flows, i))
		p := f.wanted[id] // nothing is added any more
		if !ok || p == nil {
			continue
		}
		when, good := logstorage.TryParseTimestampRFC3339Nano(at(times, i))
		if !good || when != p.time || p.finished != ended(at(finish, i)) || !f.claim(p) {
			continue
		}
		out = append(out, found{id, sc.dec.record(sc.bound, i, when)})
	}
	return out
}

// claim reports whether a pick is read for the first time: a report may have
// been stored twice.
func (f *finder) claim(p *pick) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := !p.read
	p.read = true
	return first
}

// errEnough says that nobody needs the rest of an answer.
var errEnough = errors.New("enough")

// stream runs produce in a goroutine of its own and hands what it puts out to
// each, on the caller's, until each returns false.
func stream[T any](ctx context.Context, produce func(context.Context, func([]T) error) error, each func(T) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	items, done := make(chan []T), make(chan error, 1)
	go func() {
		err := produce(ctx, func(batch []T) error {
			select {
			case items <- slices.Clip(batch):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		close(items)
		done <- err
	}()
	stopped := false
	for batch := range items {
		for _, x := range batch {
			if !stopped && !each(x) {
				stopped = true
				cancel()
			}
		}
	}
	if err := <-done; !stopped {
		return err
	}
	return errEnough
}
