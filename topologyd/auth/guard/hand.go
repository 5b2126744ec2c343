package guard

import (
	"sync"

	"github.com/skein-net/skein/topologyd/auth/limit"
)

// hand bounds what single clients have in hand, so that one with slow or large
// bodies leaves room for the others.
type hand struct {
	requests int
	bytes    int64

	mu      sync.Mutex
	clients map[limit.Client]inHand
}

// inHand is what one client has in hand.
type inHand struct {
	requests int
	bytes    int64
}

// take counts a request in whose body is said to have so many bytes, and reports
// whether there is room for it. A single one always has.
func (h *hand) take(c limit.Client, bytes int64) bool { return h.takeUpTo(c, bytes, h.requests) }

// takeUpTo is take with another bound for the requests, if that is less.
func (h *hand) takeUpTo(c limit.Client, bytes int64, most int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.clients[c]
	if x.requests >= min(h.requests, most) || x.requests > 0 && x.bytes+bytes > h.bytes {
		return false
	}
	h.clients[c] = inHand{x.requests + 1, x.bytes + bytes}
	return true
}

// give counts it out.
func (h *hand) give(c limit.Client, bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.clients[c]
	if x.requests <= 1 {
		delete(h.clients, c)
		return
	}
	h.clients[c] = inHand{x.requests - 1, x.bytes - bytes}
}
