package packets

import (
	"errors"
	"fmt"
	"time"

	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
)

// again is how long a host that gave no more is left alone.
const again = 2 * time.Second

// beginFollow asks all hosts and waits until each has answered, for a while.
func (a *Answer) beginFollow() {
	a.in = make(chan part)
	waiting := make(map[string]struct{}, len(a.at))
	for id := range a.at {
		waiting[id] = struct{}{}
		a.startFollow(id)
	}
	t := time.NewTimer(a.s.cfg.BeginFollowed)
	defer t.Stop()
	for len(waiting) > 0 {
		select {
		case p := <-a.in:
			a.take(&p)
			delete(waiting, p.host)
			a.early = append(a.early, p)
		case <-t.C:
			return
		case <-a.ctx.Done():
			return
		}
	}
}

func (a *Answer) startFollow(id string) {
	a.asked[id] = time.Time{}
	a.start(id, func(p part) bool {
		select {
		case a.in <- p:
			return true
		case <-a.ctx.Done():
			return false
		}
	})
}

// take counts a part, and notes when it is the last one.
func (a *Answer) take(p *part) {
	a.sum.Lost += p.lost
	a.sum.Refused += p.refused
	switch {
	case p.err == nil:
		delete(a.missing, p.host)
		return
	case errors.Is(p.err, errEnd):
	default:
		a.miss(p.host, p.err)
	}
	a.asked[p.host] = a.s.now()
}

// follow hands packets on as they come, until ctx ends, a bound is met or the
// captures are deleted.
func (a *Answer) follow(yield func([]Packet) bool) error {
	for i := range a.early {
		if err := a.pass(&a.early[i], yield); err != nil {
			return err
		}
	}
	a.early = nil
	look := time.NewTicker(a.s.cfg.Look)
	defer look.Stop()
	for {
		select {
		case p := <-a.in:
			a.take(&p)
			if err := a.pass(&p, yield); err != nil {
				return err
			}
		case <-look.C:
			if err := a.look(); err != nil {
				return err
			}
			if !yield(nil) { // whoever writes finds out whether somebody reads
				return errLeft
			}
		case <-a.ctx.Done():
			return fmt.Errorf("follow packets: %w", a.ctx.Err())
		}
	}
}

// pass hands the packets of a part on, and ends when they were the last that are
// asked for: the next one may never come.
func (a *Answer) pass(p *part, yield func([]Packet) bool) error {
	if len(p.packets) == 0 {
		return nil
	}
	for i := range p.packets {
		a.last[p.host] = max(a.last[p.host], p.packets[i].Time)
	}
	if err := a.hand(p.packets, yield); err != nil {
		return err
	}
	if most := a.Query.MaxPackets; most > 0 && a.sum.Packets >= most {
		a.sum.Limit = LimitPackets
		return errMet
	}
	return nil
}

// look asks hosts that came, or that can be asked again.
func (a *Answer) look() error {
	here := 0
	for _, d := range a.Query.Captures {
		_, err := a.s.deps.Definitions.Get(capture.Kind, d.ID)
		if !errors.Is(err, definition.ErrNotFound) {
			here++
		}
	}
	if here == 0 {
		return ErrDeleted
	}
	at := a.s.places(&a.Query)
	a.mu.Lock()
	a.at, a.found = at, a.s.now()
	a.mu.Unlock()
	asking := 0
	for id := range a.asked {
		if a.asked[id].IsZero() {
			asking++
		} else if at[id] == nil {
			delete(a.asked, id) // it may come back
		}
	}
	for id := range at {
		since, known := a.asked[id]
		if known && (since.IsZero() || a.s.now().Sub(since) < again) {
			continue
		}
		if asking++; asking > a.s.cfg.MaxHosts {
			a.miss(id, fmt.Errorf("packets come from %d hosts at once", a.s.cfg.MaxHosts))
			continue
		}
		a.startFollow(id)
	}
	return nil
}
