package orders

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/skein-net/skein/internal/order"
)

// errNoPackets answers requests where packets are not kept.
var errNoPackets = errors.New("this host's configuration does not allow packets to be fetched; set orders.raw_packets")

// fetch begins to answer a request. ctx is the session's.
func (c *conn) fetch(ctx context.Context, f *order.Fetch, answers *sync.WaitGroup) error {
	asked, cancel := context.WithCancel(ctx)
	if err := c.admit(f.Request, cancel); err != nil {
		cancel()
		return c.send(ctx, refuse(f.Request, err))
	}
	answers.Go(func() {
		defer cancel()
		c.answer(ctx, asked, f)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.fetches, f.Request)
	})
	return nil
}

// admit notes a request, unless it cannot be answered.
func (c *conn) admit(request uint64, cancel context.CancelFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.s.deps.Packets == nil:
		return errNoPackets
	case c.fetches[request] != nil:
		return fmt.Errorf("request %d is being answered", request)
	case len(c.fetches) >= c.s.cfg.MaxFetches:
		return fmt.Errorf("%d requests for packets are being answered; ask again when one has ended", len(c.fetches))
	}
	c.fetches[request] = cancel
	return nil
}

func refuse(request uint64, err error) *order.Envelope {
	return &order.Envelope{Packets: &order.Packets{Request: request, Done: true, Error: err.Error()}}
}

// answer sends what is asked for until asked ends. A connection that takes no
// packets holds up this answer only, until it breaks. Messages are sent with the
// context of the session: one that is cut off would end it.
func (c *conn) answer(session, asked context.Context, f *order.Fetch) {
	var failed error
	err := c.s.deps.Packets.Fetch(asked, f, func(p *order.Packets) bool {
		if asked.Err() != nil {
			return false
		}
		p.Request, p.Done = f.Request, false
		failed = c.send(session, &order.Envelope{Packets: p})
		return failed == nil
	})
	last := &order.Packets{Request: f.Request, Done: true}
	switch {
	case failed != nil, asked.Err() != nil:
		return // cancelled, or there is nobody to tell
	case err != nil:
		last.Error = err.Error()
	}
	_ = c.send(session, &order.Envelope{Packets: last})
}

// cancel ends an answer.
func (c *conn) cancel(request uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel := c.fetches[request]; cancel != nil {
		cancel()
	}
}
