package api

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/past"
)

// Bounds of how many changes one answer holds, and the time that is asked about
// when nobody says otherwise.
const (
	changesDefault = 100
	changesMost    = 10_000
	changesSince   = "-1h"
)

// changes is GET /api/v1/changes?from=&to=&gremlin=&op=&keys=&limit=.
func (a *API) changes(w http.ResponseWriter, r *http.Request) {
	buf := a.buffer()
	if f := a.appendChanges(r, buf); f != nil {
		a.failed(w, f)
		return
	}
	a.reply(w, r, typeJSON, buf, func(http.Header) {})
}

// changesRequest is what is asked of changes.
type changesRequest struct {
	from, to time.Time
	query    *gremlin.Query // nil: everything
	ops      [graph.EdgeDeleted + 1]bool
	keys     diff.Selection
	limit    int
}

func (a *API) changesRequest(q url.Values) (req *changesRequest, f *failure) {
	p := params(q)
	if f := p.check("from", "to", "gremlin", "op", "keys", "limit"); f != nil {
		return nil, f
	}
	req = &changesRequest{}
	from := p.get("from")
	if from == "" {
		from = changesSince
	}
	if req.from, f = a.moment("from", from); f != nil {
		return nil, f
	}
	if req.to, f = a.moment("to", p.get("to")); f != nil {
		return nil, f
	}
	if req.to.IsZero() {
		req.to = a.present()
	}
	if req.from.IsZero() {
		req.from = a.now()
	}
	if req.from.After(req.to) {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "from is after to; exchange them")
	}
	if req.limit, f = p.number("limit", changesDefault, changesMost); f != nil {
		return nil, f
	}
	if f := req.chooseOps(q["op"]); f != nil {
		return nil, f
	}
	if f := req.chooseElements(p.get("gremlin")); f != nil {
		return nil, f
	}
	var err error
	if req.keys, err = diff.ParseSelection(p.get("keys")); err != nil {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "keys: %v", err)
	}
	return req, nil
}

// chooseOps reads the operations that count, all when there are none.
func (req *changesRequest) chooseOps(texts []string) *failure {
	names := map[string]graph.Op{}
	for op := graph.NodeAdded; op <= graph.EdgeDeleted; op++ {
		names[op.String()] = op
	}
	all := true
	for _, text := range texts {
		for name := range strings.SplitSeq(text, ",") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			op, ok := names[name]
			if !ok {
				return fail(http.StatusBadRequest, httpx.CodeInvalid,
					"op=%.40q is not known; give node_added, node_updated, node_deleted, edge_added, edge_updated or edge_deleted", name)
			}
			req.ops[op], all = true, false
		}
	}
	for op := range req.ops {
		req.ops[op] = req.ops[op] || all
	}
	return nil
}

// chooseElements reads the query that chooses elements.
func (req *changesRequest) chooseElements(text string) *failure {
	if text == "" {
		return nil
	}
	var err error
	if req.query, err = gremlin.Parse(text); err != nil {
		return queryFailure(err)
	}
	switch k := req.query.Kind(); {
	case k != gremlin.KindGraph && k != gremlin.KindNodes && k != gremlin.KindEdges && k != gremlin.KindPaths:
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "the query gives %s, which do not change; have it give nodes or edges", k)
	case req.query.Travels():
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "the query goes to a time of its own; leave out At and Context, from and to say the time")
	}
	return nil
}

// appendChanges makes the answer.
func (a *API) appendChanges(r *http.Request, buf *bytes.Buffer) *failure {
	req, f := a.changesRequest(r.URL.Query())
	if f != nil {
		return f
	}
	if a.deps.Records == nil || a.deps.Past == nil {
		return pastFailure(errNoPast)
	}
	ctx, done, f := a.workLong(r.Context(), a.cfg.Limits.Time)
	if f != nil {
		return f
	}
	defer done()
	oldest, _, _ := a.deps.Records.Bounds()
	if req.from.Before(oldest) { // what is kept of that time
		if req.from = oldest; req.to.Before(oldest) {
			return pastFailure(past.ErrTooOld{Oldest: oldest})
		}
	}
	q := past.Between{From: req.from, To: req.to, Limit: req.limit, Keep: req.keep}
	var err error
	if req.query != nil {
		if q.Of, err = a.elements(ctx, req); err != nil {
			return queryFailure(err)
		}
	}
	found, err := a.deps.Records.Between(ctx, q)
	if err != nil {
		return queryFailure(err)
	}
	if err := a.writeChanges(ctx, &limited{buf: buf, max: a.cfg.Limits.Bytes}, req, found); err != nil {
		return queryFailure(err)
	}
	return nil
}

// elements returns the ones that the query gives at any time between from and
// to.
func (a *API) elements(ctx context.Context, req *changesRequest) (map[entity.UUID]struct{}, error) {
	view, err := slowPast{a.deps.Past}.Slice(ctx, req.from, req.to)
	if err != nil {
		return nil, err
	}
	result, err := a.run(ctx, req.query, view, req.to, a.cfg.Limits)
	if err != nil {
		return nil, err
	}
	ids := make(map[entity.UUID]struct{})
	for n := range result.Nodes() {
		ids[n.ID] = struct{}{}
	}
	for e := range result.Edges() {
		ids[e.ID] = struct{}{}
	}
	return ids, nil
}

// keep reports whether a change counts.
func (req *changesRequest) keep(c *graph.Change) bool {
	return req.ops[c.Op] && (c.Op != graph.NodeUpdated && c.Op != graph.EdgeUpdated || len(req.changed(c)) > 0)
}

// changed returns the keys that an update changed.
func (req *changesRequest) changed(c *graph.Change) []diff.Key {
	switch c.Op {
	case graph.NodeUpdated:
		return diff.Nodes(c.OldNode, c.Node, req.keys)
	case graph.EdgeUpdated:
		return diff.Edges(c.OldEdge, c.Edge, req.keys)
	default:
		return nil
	}
}

func (a *API) writeChanges(ctx context.Context, out *limited, req *changesRequest, found *past.Stretch) error {
	b := appendTime([]byte(`{"from":`), found.From)
	b = appendTime(append(b, `,"to":`...), req.to)
	b = strconv.AppendBool(append(b, `,"more":`...), found.More)
	b = append(b, `,"changes":[`...)
	live := a.deps.View()
	for i := range found.Changes {
		if i > 0 {
			b = append(b, ',')
		}
		b = req.appendDated(b, &found.Changes[i], live)
		if _, err := out.Write(b); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err := out.Write(append(b, "]}\n"...))
	return err
}

// appendDated appends one change as JSON to b.
func (req *changesRequest) appendDated(b []byte, c *past.Dated, live *graph.View) []byte {
	b = append(append(append(b, `{"op":"`...), c.Op.String()...), '"')
	b = strconv.AppendUint(append(b, `,"revision":`...), c.Revision, 10)
	b = appendTime(append(b, `,"time":`...), time.UnixMilli(c.At))
	b = appendTime(append(b, `,"logged":`...), c.Logged)
	end := func(b []byte, name string, n *graph.Node, id entity.UUID) []byte {
		if n == nil {
			n = live.Node(id)
		}
		if n == nil {
			return b
		}
		return diff.AppendName(append(b, name...), n)
	}
	if c.Node != nil {
		b = c.Node.AppendJSON(append(b, `,"node":`...))
	} else if c.Edge != nil {
		b = c.Edge.AppendJSON(append(b, `,"edge":`...))
		b = end(b, `,"parent":`, c.Parent, c.Edge.Parent)
		b = end(b, `,"child":`, c.Child, c.Edge.Child)
	}
	if keys := req.changed(&c.Change); len(keys) > 0 {
		b = diff.AppendKeys(append(b, `,"keys":`...), keys)
	}
	return append(b, '}')
}
