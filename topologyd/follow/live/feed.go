package live

import (
	"slices"
	"sync"
	"time"

	"github.com/skein-net/skein/topologyd/follow"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Batch is what happened to a result between two revisions of the graph. All
// watches of a query are given the same; it must not be changed.
type Batch struct {
	Before, Revision uint64
	// Changes are as in [follow.Delta].
	Changes []graph.Change

	once    sync.Once
	encoded [][]byte
}

// Encoded returns what encode makes of the batch, which is worked out once for
// all watches. It must not be changed.
func (b *Batch) Encoded(encode func(*Batch) [][]byte) [][]byte {
	b.once.Do(func() { b.encoded = encode(b) })
	return b.encoded
}

// feed is one query and what happened to it lately. It is guarded by the hub's
// lock.
type feed struct {
	query *gremlin.Query
	f     *follow.Followed // of the runner
	way   gremlin.Way
	why   string
	// generation counts how often the query was followed anew.
	generation uint64
	// log are the batches that are kept, first is the number of log[0]; base is the
	// least revision after which none is missing.
	log   []*Batch
	first uint64
	base  uint64
	// revision is that of the result.
	revision uint64
	// given are revisions of the result that watches were told of.
	given   []uint64
	watches int
	idle    time.Time // since when there is no watch
	news    chan struct{}
	err     error
}

// maxGiven is how many revisions that watches were told of are remembered.
const maxGiven = 1024

func newFeed(q *gremlin.Query) *feed { return &feed{query: q, news: make(chan struct{})} }

// next is the number of the batch that comes next.
func (f *feed) next() uint64 { return f.first + uint64(len(f.log)) }

// tell wakes all who wait.
func (f *feed) tell() {
	close(f.news)
	f.news = make(chan struct{})
}

func (f *feed) end(err error) {
	if f.err == nil {
		f.err = err
		close(f.news)
		f.news = nil
	}
	f.log, f.f = nil, nil
}

// begin notes that the query is followed, anew perhaps.
func (f *feed) begin(q *follow.Followed) {
	f.f, f.way, f.why, f.revision, f.base = q, q.Way(), q.Why(), q.Revision(), q.Revision()
	f.generation++
	f.first += uint64(len(f.log)) + 1
	f.log, f.given = nil, nil
}

// forget drops the first batch and returns it.
func (f *feed) forget() *Batch {
	b := f.log[0]
	f.log[0] = nil
	f.log = f.log[1:]
	f.first++
	if f.base = b.Revision; b.Before == b.Revision {
		f.base++ // who knows the revision may not know the batch
	}
	return b
}

// give returns the revision of the result and remembers that it was told.
func (f *feed) give() uint64 {
	if n := len(f.given); n == 0 || f.given[n-1] != f.revision {
		if n >= maxGiven {
			f.given = append(f.given[:0], f.given[n-maxGiven/2:]...)
		}
		f.given = append(f.given, f.revision)
	}
	return f.revision
}

// after returns the number of the first batch after a revision at which somebody
// knew the result. ok is false when that is not certain, or some is missing.
func (f *feed) after(revision uint64) (n uint64, ok bool) {
	if revision < f.base || revision > f.revision {
		return 0, false
	}
	i, _ := slices.BinarySearchFunc(f.log, revision, func(b *Batch, r uint64) int {
		if b.Revision <= r {
			return -1
		}
		return 1
	})
	if i > 0 && f.log[i-1].Revision == revision {
		// Marks and counters make no revision: who knows it may not know this.
		return f.first + uint64(i), f.log[i-1].Before < revision
	}
	if _, given := slices.BinarySearch(f.given, revision); !given {
		return 0, false
	}
	return f.first + uint64(i), true
}
