package plugin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/grafana-datasource/pkg/frames"
	"github.com/skein-net/skein/grafana-datasource/pkg/query"
	"github.com/skein-net/skein/topologyd/client"
)

// runRevision tells that the graph has changed, at most once a tick.
func (d *Datasource) runRevision(ctx context.Context, out *sender) error {
	var seen atomic.Uint64
	var sent uint64
	return d.every(ctx, func(ctx context.Context) error {
		return d.follow(ctx, func(m *client.Message) error {
			if !m.More {
				seen.Store(m.Revision)
			}
			return nil
		})
	}, func(context.Context) error {
		now := seen.Load()
		if now == sent {
			return nil
		}
		sent = now
		return out.send(frames.Revision(d.now(), now))
	})
}

// back is how far behind the newest change a stream asks again: changes may
// come that late and be in their place.
const back = 5 * time.Minute

// changeStream makes events of a watch. When topologyd keeps a past, the watch
// only says that something has changed, and what it was is asked for: so queries
// and keys count, and what an update changed is known. Else the changes of the
// watch are all there is.
type changeStream struct {
	d     *Datasource
	query *query.Query
	ops   []string
	out   *sender

	mu sync.Mutex
	// revision is the newest that the watch told of.
	revision uint64
	// pending are changes of the watch, at most maxBatch; lost is how many more
	// there were.
	pending []client.PastChange
	lost    int64

	// asked and since belong to flush: up to which revision, and to which time,
	// changes have been sent.
	asked uint64
	since time.Time
	// forgetful is set when topologyd keeps no past.
	forgetful bool
	hosts     frames.Hosts
	hostsAt   time.Time
}

// runChanges sends changes of the graph as events.
func (d *Datasource) runChanges(ctx context.Context, q *query.Query, out *sender) error {
	s := &changeStream{d: d, query: q, ops: operations(q), out: out}
	status, err := d.statusNow(ctx)
	if err != nil {
		return err
	}
	s.asked, s.revision, s.since, s.forgetful = status.Revision, status.Revision, d.now(), status.Past == nil
	if s.forgetful && (q.Gremlin != "" || q.Keys != "") {
		return wrongQuery(errors.New("this topologyd keeps no past: changes can be followed only without a query and keys"))
	}
	return d.every(ctx, func(ctx context.Context) error {
		return d.client.Follow(ctx, client.Follow{From: status.Revision, Handle: s.take, Broken: d.broke(ctx)})
	}, s.flush)
}

// take takes a message of the watch.
func (s *changeStream) take(m *client.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !m.More {
		s.revision = max(s.revision, m.Revision)
	}
	if m.Type != client.TypeChanges || !s.forgetful {
		return nil
	}
	for i := range m.Changes {
		c := &m.Changes[i]
		switch {
		case len(s.ops) > 0 && !slices.Contains(s.ops, c.Op):
		case len(s.pending) >= maxBatch:
			s.lost++
		default:
			s.pending = append(s.pending, client.PastChange{Op: c.Op, Revision: c.Revision, Time: time.UnixMilli(c.At), Node: c.Node, Edge: c.Edge})
		}
	}
	return nil
}

// flush sends what has come since it was called last.
func (s *changeStream) flush(ctx context.Context) error {
	s.mu.Lock()
	revision, changes, lost := s.revision, s.pending, s.lost
	s.pending, s.lost = nil, 0
	s.mu.Unlock()
	if revision <= s.asked && len(changes) == 0 {
		return nil
	}
	if !s.forgetful {
		var err error
		if changes, lost, err = s.ask(ctx, revision); err != nil {
			return s.survive(ctx, err)
		}
	}
	s.asked = revision
	if len(changes) == 0 {
		return nil
	}
	return s.out.send(frames.EventReports(changes, s.names(ctx), lost))
}

// ask asks for the changes after the last that were sent, up to revision. lost
// is 1 when there were more than one frame holds: how many is not known.
func (s *changeStream) ask(ctx context.Context, revision uint64) (out []client.PastChange, lost int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.d.settings.Timeout)
	defer cancel()
	l, err := s.d.client.Changes(ctx, client.ChangesQuery{
		From: query.Stamp(s.since.Add(-back)), Gremlin: s.query.Gremlin, Ops: s.ops, Keys: s.query.Keys, Limit: maxBatch,
	})
	if err != nil {
		return nil, 0, err
	}
	for i := range l.Changes {
		if c := &l.Changes[i]; c.Revision > s.asked && c.Revision <= revision {
			out = append(out, *c)
			if c.Time.After(s.since) {
				s.since = c.Time
			}
		}
	}
	if l.More && len(out) == len(l.Changes) {
		lost = 1
	}
	return out, lost, nil
}

// survive says whether an error ends the stream: one that passes does not, for
// the same will be asked again.
func (s *changeStream) survive(ctx context.Context, err error) error {
	var refused *client.Error
	if ctx.Err() != nil || errors.As(err, &refused) && !refused.Temporary() && refused.Status != http.StatusRequestTimeout {
		return err
	}
	s.d.broke(ctx)(err, s.d.tick)
	return nil
}

// names are the names of hosts, asked for again after a minute.
func (s *changeStream) names(ctx context.Context) frames.Hosts {
	if now := s.d.now(); s.hosts == nil || now.Sub(s.hostsAt) > time.Minute {
		if h, err := s.d.hosts(ctx, ""); err == nil {
			s.hosts, s.hostsAt = h, now
		}
	}
	return s.hosts
}
