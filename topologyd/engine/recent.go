package engine

import (
	"sort"
	"sync"

	"github.com/skein-net/skein/topologyd/graph"
)

const (
	// recentChunk is how many changes are dropped together.
	recentChunk = 512
	// recentBytes is about how much memory the changes may take that all
	// subscribers have read; they are kept for those that resume, who find what is
	// older in the past.
	recentBytes = 48 << 20
)

// recent is the last changes, from which all subscribers read at their own
// pace. A subscriber costs a position in them and nothing else, so many, and
// slow ones, do not matter to the writer or to one another.
type recent struct {
	mu   sync.Mutex
	size uint64 // the most changes that are kept
	room int    // bytes of what everybody has read
	// chunks hold the changes from first up to next, by their numbers: the first
	// chunk is number first / recentChunk.
	chunks      []*chunk
	first, next uint64
	bytes       int
	base        uint64        // revision before the first one
	last        uint64        // revision of the newest one
	news        chan struct{} // closed when there is something new
	ended       bool

	readers map[*Subscription]struct{}
	cutOff  uint64
}

type chunk struct {
	changes [recentChunk]graph.Change
	bytes   int
}

func (r *recent) init(size int) {
	r.size, r.room = uint64(max(size, 1)), recentBytes
	r.news = make(chan struct{})
	r.readers = make(map[*Subscription]struct{})
}

// start tells from which revision on changes will be published.
func (r *recent) start(revision uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.base, r.last = revision, revision
}

// change returns change n, which is kept.
func (r *recent) change(n uint64) *graph.Change {
	return &r.chunks[n/recentChunk-r.first/recentChunk].changes[n%recentChunk]
}

// publish adds changes, in the order of their revisions.
func (r *recent) publish(changes []graph.Change) {
	if len(changes) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range changes {
		c := &changes[i]
		if r.next%recentChunk == 0 {
			r.trim()
			r.chunks = append(r.chunks, &chunk{})
		}
		x := r.chunks[len(r.chunks)-1]
		x.changes[r.next%recentChunk] = *c
		n := weight(c)
		x.bytes, r.bytes = x.bytes+n, r.bytes+n
		r.next++
		r.last = max(r.last, c.Revision)
	}
	if r.next-r.first > r.size {
		r.drop(r.next - r.size)
	}
	close(r.news)
	r.news = make(chan struct{})
}

// trim drops what everybody has read as long as there is too much of it.
func (r *recent) trim() {
	if r.bytes <= r.room {
		return
	}
	read := r.next
	for s := range r.readers {
		read = min(read, s.at)
	}
	for r.bytes > r.room && len(r.chunks) > 0 {
		end := (r.first/recentChunk + 1) * recentChunk
		if end > read {
			return
		}
		r.drop(end)
	}
}

// drop lets the changes before a number go.
func (r *recent) drop(first uint64) {
	gone := int(first/recentChunk - r.first/recentChunk)
	for i := range r.chunks[:gone] {
		r.bytes -= r.chunks[i].bytes
		r.chunks[i] = nil
	}
	r.chunks, r.first = r.chunks[gone:], first
}

// weight is about how many bytes a change keeps alive.
func weight(c *graph.Change) int {
	const change, element, attr = 88, 256, 56
	n := change
	for _, x := range []*graph.Node{c.Node, c.OldNode} {
		if x != nil {
			n += element + attr*len(x.Attrs)
		}
	}
	for _, x := range []*graph.Edge{c.Edge, c.OldEdge} {
		if x != nil {
			n += element + attr*len(x.Attrs)
		}
	}
	return n
}

// end ends all subscriptions.
func (r *recent) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.ended = true
		close(r.news)
	}
}

// find returns the number of the change after the one that made a revision.
// ok is false when changes after it are not kept.
func (r *recent) find(revision uint64) (n uint64, ok bool) {
	if revision > r.last || revision < r.base {
		return 0, false
	}
	kept := int(r.next - r.first)
	// Marks of staleness carry the revision before them and stay behind the cut,
	// so that a subscriber that resumes is told them again.
	i := sort.Search(kept, func(i int) bool { return r.change(r.first+uint64(i)).Revision > revision })
	for i > 0 && r.change(r.first+uint64(i-1)).IsMark() {
		i--
	}
	if i == 0 && r.first > 0 && !(kept > 0 && r.change(r.first).Revision <= revision+1) {
		return 0, false
	}
	return r.first + uint64(i), true
}
