package flows

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// shards is how many parts the table in memory has, each with a lock.
const shards = 64

// remembered is how many reports of a flow are known again when they come a
// second time: with an update every 10 s, those of the last two minutes.
const remembered = 14

// live is the table in memory: the newest report of each flow. A report in it
// is never changed, so readers hold a lock only while they copy pointers.
type live struct {
	max  int
	seed maphash.Seed
	// size is how many flows there are, extra the bytes of what only some have:
	// details, and texts of unusual length.
	size, extra atomic.Int64
	n           *counters
	shards      [shards]shard
	// full is when a flow was last evicted because there were too many, in Unix
	// nanoseconds of the daemon's clock.
	full atomic.Int64
}

type shard struct {
	mu   sync.Mutex
	byID map[flowrecord.ID]*entry
	// open and ended hold the entries, the one heard of last in front.
	open, ended list
}

// entry is one flow.
type entry struct {
	report *flowrecord.Record
	// recent are the marks of the last reports, next is the place of the next.
	recent [remembered]uint64
	place  uint8
	ended  bool
	// heard is when the last report came, in Unix nanoseconds of the daemon's
	// clock.
	heard      int64
	extra      int32
	prev, next *entry
}

func newLive(most int, n *counters) *live {
	l := &live{max: most, seed: maphash.MakeSeed(), n: n}
	l.full.Store(math.MinInt64)
	for i := range l.shards {
		s := &l.shards[i]
		s.byID = make(map[flowrecord.ID]*entry)
		s.open.init()
		s.ended.init()
	}
	return l
}

// shard returns the part of a flow. IDs are the senders': the seed keeps them
// from choosing it.
func (l *live) shard(id flowrecord.ID) *shard {
	return &l.shards[maphash.Comparable(l.seed, id)%shards]
}

// mark identifies a report among those of its flow. What a flow counts only
// grows, so that another report has another mark.
func mark(r *flowrecord.Record) uint64 {
	h := uint64(14695981039346656037)
	for _, n := range [...]int64{r.Metric.ABPackets, r.Metric.BAPackets, r.Metric.Last, r.Update.Start, int64(r.Finish)} {
		h = (h ^ uint64(n)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return max(1, h)
}

// newer reports whether a says more of the same flow than b.
func newer(a, b *flowrecord.Record) bool {
	switch {
	case a.Metric.Last != b.Metric.Last:
		return a.Metric.Last > b.Metric.Last
	case a.Finished() != b.Finished():
		return a.Finished()
	default:
		return a.Metric.ABPackets+a.Metric.BAPackets > b.Metric.ABPackets+b.Metric.BAPackets
	}
}

// knows reports whether the report was put in before. foreign tells that the flow is
// another host's: the ID of a flow has where it was seen in it, so that no two hosts
// see one.
func (l *live) knows(r *flowrecord.Record) (known, foreign bool) {
	m := mark(r)
	s := l.shard(r.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[r.ID]
	return e != nil && e.has(m), e != nil && e.report.HostID != r.HostID
}

func (e *entry) has(m uint64) bool {
	for _, x := range e.recent {
		if x == m {
			return true
		}
	}
	return false
}

// put puts a report in, which is the table's from then on, and returns false
// when it is older than what is known of the flow.
func (l *live) put(r *flowrecord.Record, now int64) bool {
	m := mark(r)
	s := l.shard(r.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[r.ID]
	fresh := true
	switch {
	case e == nil:
		if l.size.Add(1) > int64(l.max) {
			s.evict(l, now)
		}
		e = &entry{}
		s.byID[r.ID] = e
	case e.has(m):
		return true
	default:
		fresh = newer(r, e.report)
		s.list(e).remove(e)
	}
	if fresh {
		x := extra(r)
		l.extra.Add(int64(x - e.extra))
		e.report, e.ended, e.extra = r, r.Finished(), x
	}
	e.heard = now
	s.list(e).push(e)
	e.remember(m)
	for l.extra.Load() > int64(l.max)*extraEach && s.evict(l, now) {
	}
	return fresh
}

// extraEach is how many bytes of extra there may be for each flow that the
// table may hold, usual is how long a text is without being extra.
const (
	extraEach = 512
	usual     = 64
)

// extra is about how many bytes a report takes beside its fixed size.
func extra(r *flowrecord.Record) int32 {
	n := 0
	for _, s := range [...]string{r.HostID, r.Interface, r.CaptureID, r.LayersPath, r.Application,
		r.LinkProtocol, r.NetworkProtocol, r.TransportProtocol, r.ICMPType} {
		n += max(0, len(s)-usual)
	}
	for _, v := range [...]entity.Value{r.DNS, r.DHCPv4, r.VRRPv2} {
		if !v.IsZero() {
			n += 4 * len(v.AppendJSON(nil)) // a value takes more than its text
		}
	}
	return int32(min(n, 1<<30))
}

func (e *entry) remember(m uint64) {
	e.recent[e.place] = m
	e.place = (e.place + 1) % remembered
}

func (s *shard) list(e *entry) *list {
	if e.ended {
		return &s.ended
	}
	return &s.open
}

// evict makes room: the oldest flow of the shard goes, one that has ended
// first. In a shard without flows nothing goes, so that the table may hold as
// many flows too many as there are shards.
func (s *shard) evict(l *live, now int64) bool {
	e := s.ended.last()
	if e == nil {
		e = s.open.last()
	}
	if e == nil {
		return false
	}
	l.full.Store(now)
	l.n.evictedFull.Add(1)
	s.remove(l, e)
	return true
}

func (s *shard) remove(l *live, e *entry) {
	s.list(e).remove(e)
	delete(s.byID, e.report.ID)
	l.size.Add(-1)
	l.extra.Add(-int64(e.extra))
}

// expire forgets flows that ended, and that were silent, since before a time.
func (l *live) expire(ended, silent int64) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		for e := s.ended.last(); e != nil && e.heard < ended; e = s.ended.last() {
			s.remove(l, e)
			l.n.evictedEnded.Add(1)
		}
		for e := s.open.last(); e != nil && e.heard < silent; e = s.open.last() {
			s.remove(l, e)
			l.n.evictedSilent.Add(1)
		}
		s.mu.Unlock()
	}
}

// reports yields all reports. What comes and goes meanwhile may be among them
// or not.
func (l *live) reports(yield func(*flowrecord.Record) bool) {
	var some []*flowrecord.Record
	for i := range l.shards {
		s := &l.shards[i]
		some = some[:0]
		s.mu.Lock()
		for _, e := range s.byID {
			some = append(some, e.report)
		}
		s.mu.Unlock()
		for _, r := range some {
			if !yield(r) {
				return
			}
		}
	}
}

// get returns the report of a flow, nil when there is none.
func (l *live) get(id flowrecord.ID) *flowrecord.Record {
	s := l.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byID[id]; e != nil {
		return e.report
	}
	return nil
}

// list is a ring of entries around root.
type list struct{ root entry }

func (l *list) init() { l.root.prev, l.root.next = &l.root, &l.root }

func (l *list) push(e *entry) {
	e.prev, e.next = &l.root, l.root.next
	e.prev.next, e.next.prev = e, e
}

func (l *list) remove(e *entry) {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

// last returns the entry pushed first, nil in an empty list.
func (l *list) last() *entry {
	if l.root.prev == &l.root {
		return nil
	}
	return l.root.prev
}
