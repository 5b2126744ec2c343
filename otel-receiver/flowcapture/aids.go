package flowcapture

import (
	"context"
	"fmt"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/otel-receiver/drops"
	"github.com/skein-net/skein/otel-receiver/sockets"
)

// aid is what knows more of flows than packets tell. It begins before the
// captures and ends after them.
type aid interface {
	Start(ctx context.Context) error
	Stop()
	// Problems are the features that the host lacks.
	Problems() []order.Problem
}

// buildAids makes those that the configuration asks for.
func (r *flowReceiver) buildAids() {
	r.aids, r.notes = nil, nil
	log := newSlog(r.set.Logger)
	if r.cfg.Sockets.Enabled {
		cfg := sockets.DefaultConfig()
		// A flow is reported up to so long after its sockets were closed.
		cfg.Keep = max(cfg.Keep, r.cfg.IdleTimeout+2*r.cfg.UpdateInterval)
		if r.host.NetNSDirs != nil {
			cfg.NetNSDirs = r.host.NetNSDirs
		}
		t := sockets.New(cfg, log)
		r.aids = append(r.aids, t)
		r.notes = append(r.notes, t.AnnotateIn)
	}
	if r.cfg.Drops.Enabled {
		cfg := drops.DefaultConfig()
		cfg.Keep = max(cfg.Keep, r.cfg.IdleTimeout+2*r.cfg.UpdateInterval)
		t := drops.New(cfg, log)
		r.aids = append(r.aids, t)
		r.notes = append(r.notes, t.AnnotateIn)
	}
}

// startAids begins what lasts until stopAids.
func (r *flowReceiver) startAids(ctx context.Context) error {
	for i, a := range r.aids {
		if err := a.Start(ctx); err != nil {
			for _, before := range r.aids[:i] {
				before.Stop()
			}
			r.aids = nil
			return fmt.Errorf("begin to look at the host: %w", err)
		}
	}
	return nil
}

func (r *flowReceiver) stopAids() {
	for _, a := range r.aids {
		a.Stop()
	}
}

// whereNoted finds the namespace of a capture of the configuration, when notes
// need it.
func (c *capture) whereNoted() {
	if len(c.notes) == 0 || !c.cfg.watchesInterfaces() {
		return
	}
	path := c.cfg.netnsPath()
	if path == "" {
		path = "/proc/self/ns/net"
	}
	id, err := netns.Stat(path)
	if err != nil {
		id.Inode = 0
	}
	c.netns.Store(id.Inode)
}
