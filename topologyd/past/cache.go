package past

import (
	"slices"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

// cache keeps views that were built, the last used ones first. Each holds for a
// stretch of time in which no change becomes valid, and for as long as no late
// change comes before it.
type cache struct {
	limit    int // elements
	elements int
	views    []cached
	// building are the views that are being built: the smallest time from which a
	// change is valid that came meanwhile.
	building map[*flight]int64
}

type cached struct {
	view      *graph.View
	elements  int
	low, high int64 // Unix ms; high is the first that is not in it
	used      time.Time
}

// get returns the view at a time, and notes that it is used now.
func (c *cache) get(ms int64, now time.Time) *graph.View {
	for i := range c.views {
		if x := c.views[i]; x.low <= ms && ms < x.high {
			x.used = now
			c.views = slices.Insert(slices.Delete(c.views, i, i+1), 0, x)
			return x.view
		}
	}
	return nil
}

func (c *cache) put(x cached) {
	if x.elements > c.limit || x.low >= x.high {
		return
	}
	c.views = slices.Insert(c.views, 0, x)
	c.elements += x.elements
	for c.elements > c.limit {
		c.drop(len(c.views) - 1)
	}
}

func (c *cache) drop(i int) {
	c.elements -= c.views[i].elements
	c.views = slices.Delete(c.views, i, i+1)
}

// changed notes that there is a change valid from a time on.
func (c *cache) changed(valid int64) {
	for i := len(c.views) - 1; i >= 0; i-- {
		if x := &c.views[i]; valid <= x.low {
			c.drop(i)
		} else {
			x.high = min(x.high, valid)
		}
	}
	for f, v := range c.building {
		c.building[f] = min(v, valid)
	}
}

// before drops the views of before a log time (Unix ns).
func (c *cache) before(at int64) {
	for i := len(c.views) - 1; i >= 0; i-- {
		if c.views[i].low < milliseconds(at) {
			c.drop(i)
		}
	}
}

// idle drops the views that were not used after a moment.
func (c *cache) idle(since time.Time) {
	for n := len(c.views); n > 0 && c.views[n-1].used.Before(since); n-- {
		c.drop(n - 1)
	}
}

func (c *cache) clear() { c.views, c.elements = nil, 0 }
