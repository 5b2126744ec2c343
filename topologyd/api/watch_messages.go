package api

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// errWrite is wrapped by the errors of sending.
var errWrite = errors.New("the watcher does not take messages")

// sender encodes messages for one watcher and sends each within the limit.
type sender struct {
	a   *API
	t   transport
	buf []byte
}

func (s *sender) send(ctx context.Context, kind string, id uint64, data []byte) error {
	// Not broken off in the midst of a message, so that a last one can follow.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.a.cfg.WatchWriteTimeout)
	defer cancel()
	s.buf = data
	if err := s.t.send(ctx, message{kind, id, data}); err != nil {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	s.a.n.messages.WithLabelValues(kind).Inc()
	return nil
}

// serve waits with next for what there is to send and sends it with send, and a
// ping whenever next finds nothing for as long as the interval, until something
// ends it.
func (s *sender) serve(ctx context.Context, next func(wait context.Context) error, send func() error) error {
	for {
		wait, cancel := context.WithTimeout(ctx, s.a.cfg.PingInterval)
		err := next(wait)
		quiet := wait.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && quiet && !errors.Is(err, errWrite):
			err = s.send(ctx, "ping", 0, append(s.buf[:0], `{"type":"ping"}`...))
		case err == nil:
			err = send()
		}
		if err != nil {
			return err
		}
	}
}

// snapshot sends the graph in messages of bounded size: nodes, then edges.
// revision is the one after which a watcher that has it all can resume.
func (s *sender) snapshot(ctx context.Context, v *graph.View, revision uint64) error {
	return s.elements(ctx, v, revision, "", v.NodeCount()+v.EdgeCount(), v.NodeList(), v.EdgeList())
}

// elements sends nodes and edges, left in number, as a snapshot. more are members
// of each message beside the usual ones.
func (s *sender) elements(ctx context.Context, v *graph.View, revision uint64, more string, left int, nodes, edges iter.Seq[int32]) error {
	n := 0
	begin := func() {
		s.buf = append(s.buf[:0], `{"type":"snapshot","revision":`...)
		s.buf = strconv.AppendUint(s.buf, revision, 10)
		s.buf = append(s.buf, more...)
		n = 0
	}
	// end sends what is collected; the lists that are missing are empty.
	end := func(tail string) error {
		id := uint64(0)
		if left == 0 {
			id = revision
		}
		b := append(append(s.buf, tail...), `,"more":`...)
		b = append(strconv.AppendBool(b, left > 0), '}')
		return s.send(ctx, "snapshot", id, b)
	}
	begin()
	s.buf = append(s.buf, `,"nodes":[`...)
	for node := range nodes {
		if n == s.a.cfg.ChunkElements {
			if err := end(`],"edges":[]`); err != nil {
				return err
			}
			begin()
			s.buf = append(s.buf, `,"nodes":[`...)
		}
		if n > 0 {
			s.buf = append(s.buf, ',')
		}
		s.buf = v.AppendNodeJSON(s.buf, node)
		n++
		left--
	}
	s.buf = append(s.buf, `],"edges":[`...)
	first := true
	for edge := range edges {
		if n == s.a.cfg.ChunkElements {
			if err := end(`]`); err != nil {
				return err
			}
			begin()
			s.buf = append(s.buf, `,"nodes":[],"edges":[`...)
			first = true
		}
		if !first {
			s.buf = append(s.buf, ',')
		}
		first = false
		s.buf = v.AppendEdgeJSON(s.buf, edge)
		n++
		left--
	}
	return end(`]`)
}

// changes sends changes in messages of bounded size.
func (s *sender) changes(ctx context.Context, all []graph.Change) error {
	for len(all) > 0 {
		part := all[:min(len(all), s.a.cfg.ChunkElements)]
		all = all[len(part):]
		revision := part[len(part)-1].Revision
		id := revision
		if len(all) > 0 && all[0].Revision == revision {
			id = 0 // the revision goes on in the next message
		}
		if err := s.send(ctx, "changes", id, appendChangesMessage(s.buf[:0], revision, part, false)); err != nil {
			return err
		}
	}
	return nil
}

// appendChangesMessage appends one message of changes. more tells that there are others
// of its revision in the next one.
func appendChangesMessage(b []byte, revision uint64, changes []graph.Change, more bool) []byte {
	b = append(b, `{"type":"changes","revision":`...)
	b = strconv.AppendUint(b, revision, 10)
	if more {
		b = append(b, `,"more":true`...)
	}
	b = append(b, `,"changes":[`...)
	for i := range changes {
		if i > 0 {
			b = append(b, ',')
		}
		b = changes[i].AppendJSON(b)
	}
	return append(b, `]}`...)
}

// closeMessage is what a watcher is told when it is cut off.
func closeMessage(err error) (code, text string) {
	switch {
	case errors.Is(err, auth.ErrEnded):
		return httpx.CodeUnknown, "the credentials do not hold any more; connect again with others"
	case errors.Is(err, errFollowed) && errors.Is(err, errStopping):
		return "stopping", "the daemon is stopping; connect again"
	case errors.Is(err, errFollowed):
		return "closed", "it ended; connect again"
	case errors.Is(err, errStopping), errors.Is(err, engine.ErrStopped):
		return "stopping", "the daemon is stopping; connect again with the last revision"
	case errors.Is(err, engine.ErrSlow):
		return "fell_behind", "too many changes waited; connect again with the last revision"
	case errors.As(err, new(*gremlin.LimitError)):
		return "limit", "the result of the query has become too much to be followed; narrow the query"
	default:
		return "closed", "the watch ended; connect again with the last revision"
	}
}

// errorEvent is a message that tells why a watch ends.
func errorEvent(err error) []byte {
	code, text := closeMessage(err)
	b := entity.AppendJSONString([]byte(`{"type":"error","code":`), code)
	b = entity.AppendJSONString(append(b, `,"message":`...), text)
	return append(b, '}')
}
