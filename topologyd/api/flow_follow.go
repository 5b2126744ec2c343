package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/flows"
)

// flowsFollow is GET /api/v1/flows/follow: reports as they come.
func (a *API) flowsFollow(w http.ResponseWriter, r *http.Request) {
	media := httpx.Accept(r, typeNDJSON, typeEventStream)
	if media == "" {
		a.refuseWatch(w, fail(http.StatusNotAcceptable, httpx.CodeUnsupported,
			"none of the media types in Accept is known; ask for %s or %s", typeNDJSON, typeEventStream))
		return
	}
	q, f := a.followQuery(r)
	if f != nil {
		a.refuseWatch(w, f)
		return
	}
	ctx, _, leave, f := a.admit(r.Context())
	if f != nil {
		a.refuseWatch(w, f)
		return
	}
	defer leave()
	sub, err := a.deps.Flows.Follow(q)
	if err != nil {
		a.refuseWatch(w, flowFailure(err))
		return
	}
	defer sub.Close()
	var t transport
	if media == typeEventStream {
		t, err = newEventStream(w)
	} else {
		t, err = newLineStream(w)
	}
	if err != nil {
		a.refuseWatch(w, fail(http.StatusInternalServerError, httpx.CodeInternal, "cannot stream: %v", err))
		return
	}
	err = a.serveFlows(ctx, sub, t)
	if errors.Is(err, flows.ErrStopped) {
		err = errStopping
	}
	reason := closeReason(ctx, err)
	if errors.Is(err, errStopping) {
		reason = "stopping"
	}
	a.n.closed.WithLabelValues(reason).Inc()
	a.deps.Log.Debug("following flows ended", "remote", r.RemoteAddr, "reason", reason, "error", err)
	switch reason {
	case "stopping":
		err = errStopping
	case "credentials":
		err = auth.ErrEnded
	}
	t.close(fmt.Errorf("%w: %w", errFollowed, err))
}

// errFollowed is wrapped by the ends of following flows, which cannot be resumed.
var errFollowed = errors.New("following flows ended")

func (a *API) followQuery(r *http.Request) (*flowrecord.Query, *failure) {
	if a.deps.Flows == nil {
		return nil, flowFailure(errNoFlows)
	}
	p := params(r.URL.Query())
	if f := p.check(filterParams()...); f != nil {
		return nil, f
	}
	ctx, done, f := a.work(r.Context(), a.cfg.Limits.Time) // nodes may be given by a query
	if f != nil {
		return nil, f
	}
	defer done()
	return a.flowQuery(ctx, p)
}

// serveFlows sends reports until something ends it.
func (a *API) serveFlows(ctx context.Context, sub *flows.Subscription, t transport) error {
	s := &sender{a: a, t: t}
	var (
		reports []*flowrecord.Record
		lost    uint64
	)
	return s.serve(ctx, func(wait context.Context) (err error) {
		reports, lost, err = sub.Next(wait)
		return err
	}, func() error { return s.flows(ctx, a.deps.Flows.Table(), reports, lost) })
}

// flows sends reports in messages of bounded size, then how many were left out
// after them.
func (s *sender) flows(ctx context.Context, table *flowrecord.Table, reports []*flowrecord.Record, lost uint64) error {
	for len(reports) > 0 {
		part := reports[:min(len(reports), s.a.cfg.ChunkElements)]
		reports = reports[len(part):]
		b := append(s.buf[:0], `{"type":"flows","flows":[`...)
		for i, r := range part {
			if i > 0 {
				b = append(b, ',')
			}
			b = table.Attrs(r).AppendJSON(b)
		}
		if err := s.send(ctx, "flows", 0, append(b, `]}`...)); err != nil {
			return err
		}
	}
	if lost == 0 {
		return nil
	}
	b := strconv.AppendUint(append(s.buf[:0], `{"type":"lost","count":`...), lost, 10)
	return s.send(ctx, "lost", 0, append(b, '}'))
}

// lineStream carries messages as lines of JSON.
type lineStream struct{ stream }

func newLineStream(w http.ResponseWriter) (*lineStream, error) {
	s, err := newStream(w, typeNDJSON)
	return &lineStream{s}, err
}

func (s *lineStream) send(ctx context.Context, m message) error {
	s.buf = append(append(s.buf[:0], m.data...), '\n')
	return s.write(ctx)
}

// close tells the reason in a last line.
func (s *lineStream) close(err error) {
	s.buf = append(errorEvent(err), '\n')
	_ = s.flush()
}

// in is the condition that a field has one of some values.
func in(field string, values []entity.Value) flowrecord.Condition {
	return flowrecord.Condition{Fields: []string{field}, Values: values}
}
