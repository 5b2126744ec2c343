package engine

import (
	"context"
	"errors"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/wire"
)

// sweep looks for overdue facets until the engine stops. What expired goes the
// way of every event, so that it is logged and every replica agrees; one
// replica decides. A replica that begins to decide gives all sources their full
// time first: it may not have heard all that the one before did.
func (e *Engine) sweep() {
	tick := time.NewTicker(e.cfg.SweepEvery)
	defer tick.Stop()
	from, led := int32(0), true
	for {
		select {
		case <-e.stop:
			return
		case <-tick.C:
		}
		leads := e.lease.Held()
		if leads && !led {
			e.logger.Info("this daemon decides what has expired")
			e.graph.Refresh(e.now())
		}
		led = leads
		for {
			expired, next, marks := e.graph.Sweep(from, e.now(), nil)
			if len(marks) > 0 {
				e.announce(marks)
			}
			if len(expired) > 0 && leads {
				e.expire(expired)
			}
			if from = next; from == 0 {
				break
			}
		}
	}
}

func (e *Engine) expire(events []entity.Event) {
	items := make([]Item, len(events))
	for i := range events {
		items[i].Event = events[i]
	}
	ctx, cancel := context.WithTimeout(context.Background(), e.cfg.Log.Timeout)
	defer cancel()
	if _, err := e.Submit(ctx, items); err != nil && !errors.Is(err, ErrStopped) {
		e.logger.Warn("expiry is put off", "entities", len(items), "error", err)
	}
}

// heardSubject is where replicas tell one another what they heard.
const heardSubject = "heard"

// heardMax is how many reports one message tells.
const heardMax = 10_000

// share begins to exchange, with the other replicas, which reports were heard
// that changed nothing. Alone there is nobody to tell.
func (e *Engine) share(ctx context.Context) error {
	if e.bus == nil {
		return nil
	}
	e.graph.CollectHeard()
	stop, dropped, err := e.bus.Subscribe(heardSubject, e.takeHeard)
	if err != nil {
		return err
	}
	e.busDropped = dropped
	e.proposed.Go(func() {
		defer stop()
		tick := time.NewTicker(e.cfg.HeardEvery)
		defer tick.Stop()
		for {
			select {
			case <-e.stop:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				e.tellHeard()
			}
		}
	})
	return nil
}

func (e *Engine) tellHeard() {
	list := e.graph.TakeHeard()
	for len(list) > 0 {
		n := min(len(list), heardMax)
		if err := e.bus.Publish(heardSubject, appendHeard(nil, e.origin, list[:n])); err != nil {
			e.counters.heardDropped.Add(uint64(n))
			e.logger.Debug("tell replicas what was heard", "error", err)
		} else {
			e.counters.heardSent.Add(uint64(n))
		}
		list = list[n:]
	}
}

// takeHeard notes what another replica heard.
func (e *Engine) takeHeard(message []byte) {
	origin, list, err := readHeard(message)
	if err != nil {
		e.counters.heardDropped.Add(1)
		e.logger.Warn("what a replica tells cannot be read; do all run the same version?", "error", err)
		return
	}
	if origin == e.origin {
		return
	}
	e.counters.heardTaken.Add(uint64(len(list)))
	if marks := e.graph.Hear(list, e.now(), nil); len(marks) > 0 {
		e.announce(marks)
	}
}

// heardVersion is the first byte of a message that tells what was heard.
const heardVersion = 1

// appendHeard appends the message that tells what was heard: version, origin,
// then the reports, each with its source's name only where it changes.
func appendHeard(b []byte, origin entity.UUID, list []graph.Heard) []byte {
	b = wire.AppendUUID(append(b, heardVersion), origin)
	b = wire.AppendUint(b, uint64(len(list)))
	source := ""
	for i := range list {
		h := &list[i]
		name := h.Source
		if i > 0 && name == source {
			name = ""
		}
		source = h.Source
		b = wire.AppendInt(wire.AppendString(wire.AppendUUID(b, h.Node), name), h.Time)
	}
	return b
}

func readHeard(b []byte) (origin entity.UUID, list []graph.Heard, err error) {
	r := wire.NewReader(b)
	if v := r.Byte(); r.Err() == nil && v != heardVersion {
		return origin, nil, errors.New("another version")
	}
	origin = r.UUID()
	n, source := r.Count(18), ""
	if n > heardMax {
		return origin, nil, errors.New("it tells too much at once")
	}
	list = make([]graph.Heard, 0, n)
	for range n {
		h := graph.Heard{Node: r.UUID()}
		if name := r.String(); name != "" {
			source = name
		}
		h.Source, h.Time = source, r.Int()
		if r.Err() != nil {
			return origin, nil, r.Err()
		}
		list = append(list, h)
	}
	return origin, list, r.Err()
}
