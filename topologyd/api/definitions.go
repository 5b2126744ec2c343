package api

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/filter"
	"github.com/skein-net/skein/topologyd/alerts"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/fabric"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/joins"
	"github.com/skein-net/skein/topologyd/rules"
	"github.com/skein-net/skein/topologyd/when"
)

// maxDefinitionBody bounds the body of a definition; what is stored is bounded
// by the store.
const maxDefinitionBody = 512 << 10

// definitionRoutes returns the endpoints of the definitions of each kind.
func (a *API) definitionRoutes() []httpx.Route {
	var out []httpx.Route
	for _, k := range []struct{ path, kind string }{
		{"/api/v1/node-rules", rules.KindNodeRule},
		{"/api/v1/edge-rules", rules.KindEdgeRule},
		{"/api/v1/fabric", rules.KindFabric},
		{pathCaptures, capture.Kind},
		{pathJoins, joins.Kind},
		{pathAlerts, alerts.Kind},
	} {
		c := &collection{a, k.path, k.kind}
		out = append(out,
			httpx.Get(k.path, c.list).For(auth.Read), httpx.Post(k.path, c.create).For(auth.Define),
			httpx.Get(k.path+"/{id}", c.get).For(auth.Read), httpx.Put(k.path+"/{id}", c.replace).For(auth.Define),
			httpx.Delete(k.path+"/{id}", c.delete).For(auth.Define))
	}
	return out
}

// collection serves the definitions of one kind.
type collection struct {
	api        *API
	path, kind string
}

// definitionAnswer is a definition as it is answered.
type definitionAnswer struct {
	Kind        string          `json:"kind"`
	ID          string          `json:"id"`
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	Created     time.Time       `json:"created,omitzero"`
	Updated     time.Time       `json:"updated,omitzero"`
	Expires     time.Time       `json:"expires,omitzero"`
	Revision    uint64          `json:"revision"`
	Fixed       bool            `json:"fixed,omitempty"`
	Spec        definition.Spec `json:"spec"`
	// Status is a [rules.Status], of a capture an [orders.Status], of a join a
	// [joins.Status], of a graph rule an [alerts.Status].
	Status any `json:"status"`
}

// definitionBody is a definition as it is asked for. What an answer has beside
// that is taken and passed over, so that an answer can be edited and sent back.
type definitionBody struct {
	Kind        string          `json:"kind"`
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Expires     time.Time       `json:"expires"`
	TTL         string          `json:"ttl"`
	Revision    uint64          `json:"revision"`
	Spec        json.RawMessage `json:"spec"`

	Created json.RawMessage `json:"created"`
	Updated json.RawMessage `json:"updated"`
	Fixed   json.RawMessage `json:"fixed"`
	Status  json.RawMessage `json:"status"`
}

func (c *collection) answer(d *definition.Definition) definitionAnswer {
	return definitionAnswer{
		Kind: d.Kind, ID: d.ID, Name: d.Name, Description: d.Description, Created: d.Created, Updated: d.Updated,
		Expires: d.Expires, Revision: d.Revision, Fixed: d.Fixed, Spec: d.Spec, Status: c.status(d),
	}
}

// status tells how a definition does, in the words of its kind.
func (c *collection) status(d *definition.Definition) any {
	switch c.kind {
	case capture.Kind:
		return c.api.deps.Captures.Status(d)
	case joins.Kind:
		return c.api.deps.Joins.Status(d)
	case alerts.Kind:
		return c.api.deps.Alerts.Status(d)
	}
	return c.api.deps.RuleStatus(d)
}

// open reports whether the definitions are known, and answers when they are
// not.
func (c *collection) open(w http.ResponseWriter) bool {
	if c.kind == capture.Kind && !c.api.ordersOpen(w) || c.kind == joins.Kind && !c.api.joinsOpen(w) ||
		c.kind == alerts.Kind && !c.api.alertsOpen(w) {
		return false
	}
	if s := c.api.deps.Definitions; s != nil {
		if !s.Ready() {
			httpx.WriteRetry(w, http.StatusServiceUnavailable, 1, &httpx.Error{Code: httpx.CodeUnavailable,
				Message: "the definitions have not been read yet; try again in a second"})
			return false
		}
		return true
	}
	httpx.WriteError(w, http.StatusNotImplemented, &httpx.Error{Code: httpx.CodeUnsupported, Message: "this daemon keeps no definitions"})
	return false
}

func (c *collection) list(w http.ResponseWriter, _ *http.Request) {
	if !c.open(w) {
		return
	}
	defs := c.api.deps.Definitions.List(c.kind)
	out := make([]definitionAnswer, len(defs))
	for i, d := range defs {
		out[i] = c.answer(d)
	}
	httpx.WriteJSON(w, http.StatusOK, out)
}

func (c *collection) get(w http.ResponseWriter, r *http.Request) {
	if !c.open(w) {
		return
	}
	d, err := c.api.deps.Definitions.Get(c.kind, r.PathValue("id"))
	if err != nil {
		refuse(w, definitionFailure(err))
		return
	}
	httpx.WriteJSON(w, http.StatusOK, c.answer(d))
}

func (c *collection) create(w http.ResponseWriter, r *http.Request) {
	if !c.open(w) {
		return
	}
	d, f := c.read(w, r)
	if f != nil {
		refuse(w, f)
		return
	}
	d, err := c.api.deps.Definitions.Create(r.Context(), d)
	if err != nil {
		refuse(w, definitionFailure(err))
		return
	}
	c.audited(r, created, d)
	w.Header().Set("Location", c.path+"/"+d.ID)
	httpx.WriteJSON(w, http.StatusCreated, c.answer(d))
}

func (c *collection) replace(w http.ResponseWriter, r *http.Request) {
	if !c.open(w) {
		return
	}
	d, f := c.read(w, r)
	if f != nil {
		refuse(w, f)
		return
	}
	if id := r.PathValue("id"); d.ID == "" {
		d.ID = id
	} else if d.ID != id {
		refuse(w, fail(http.StatusBadRequest, httpx.CodeInvalid, "the body has the id %q, the URL %q; leave out that in the body", d.ID, id))
		return
	}
	d, err := c.api.deps.Definitions.Replace(r.Context(), d)
	if err != nil {
		refuse(w, definitionFailure(err))
		return
	}
	c.audited(r, replaced, d)
	httpx.WriteJSON(w, http.StatusOK, c.answer(d))
}

func (c *collection) delete(w http.ResponseWriter, r *http.Request) {
	if !c.open(w) {
		return
	}
	id := r.PathValue("id")
	d, err := c.api.deps.Definitions.Get(c.kind, id) // what is gone cannot be described
	if err == nil {
		err = c.api.deps.Definitions.Delete(r.Context(), c.kind, id)
	}
	if err != nil {
		refuse(w, definitionFailure(err))
		return
	}
	c.audited(r, deleted, d)
	w.WriteHeader(http.StatusNoContent)
}

// read reads the body of a definition. It insists on JSON by its media type,
// which no web page can send to another site unasked.
func (c *collection) read(w http.ResponseWriter, r *http.Request) (*definition.Definition, *failure) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != typeJSON {
		return nil, fail(http.StatusUnsupportedMediaType, httpx.CodeUnsupported, "send the definition as JSON, with the header Content-Type: %s", typeJSON)
	}
	data, f := readBody(w, r, maxDefinitionBody)
	if f != nil {
		return nil, f
	}
	var b definitionBody
	if err := definition.Strict(data, &b); err != nil {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "the body is not a definition: %v", err)
	}
	if c.kind == joins.Kind && b.ID == tableID {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "id %q: %s is the table itself; choose another one", b.ID, pathTable)
	}
	if c.kind == alerts.Kind && slices.Contains([]string{pathAlertActive, pathAlertRules, pathAlertCheck}, c.path+"/"+b.ID) {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "id %q: %s/%s is something else; choose another one", b.ID, c.path, b.ID)
	}
	if b.Kind != "" && b.Kind != c.kind {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "the body is a %s; %s takes the kind %s", b.Kind, c.path, c.kind)
	}
	if b.TTL != "" {
		ttl, err := when.ParseDuration(b.TTL)
		if err != nil || ttl <= 0 {
			return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "ttl %q is not a time to live; give for example 30m, 12h or 7d", b.TTL)
		}
		if !b.Expires.IsZero() {
			return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "give expires or ttl, not both")
		}
		b.Expires = c.api.now().Add(ttl).UTC().Truncate(time.Second)
	}
	spec, err := c.api.deps.Definitions.ReadSpec(c.kind, b.Spec)
	if err != nil {
		f := definitionFailure(err)
		place(f, err, c.kind, b.Spec)
		return nil, f
	}
	d := &definition.Definition{
		Kind: c.kind, ID: b.ID, Name: b.Name, Description: b.Description, Expires: b.Expires, Revision: b.Revision, Spec: spec,
	}
	return d, c.mayKeep(r, d)
}

// place adds where in a query, in a filter or in the lines of a fabric the
// mistake is.
func place(f *failure, err error, kind string, spec []byte) {
	var syntax *gremlin.SyntaxError
	if errors.As(err, &syntax) {
		f.err.Code = httpx.CodeSyntax
	}
	if p, ok := gremlin.PositionOf(err); ok {
		f.err.Position = &httpx.Position{Offset: p.Pos, Line: p.Line, Column: p.Column}
		if kind == capture.Kind {
			f.err.Field = "query"
		}
	}
	var wrong *filter.Error
	if errors.As(err, &wrong) {
		f.err.Code, f.err.Field, f.err.Position = httpx.CodeSyntax, "filter", positionIn(wrong.Expr, wrong.Pos)
	}
	if kind == alerts.Kind {
		placeAlert(f, err)
	}
	var mistake *fabric.Error
	var s fabric.Spec
	if errors.As(err, &mistake) && json.Unmarshal(spec, &s) == nil && mistake.Line <= len(s.Lines) {
		f.err.Code = httpx.CodeSyntax
		offset := 0
		for _, line := range s.Lines[:mistake.Line-1] {
			offset += len(line) + 1
		}
		before := []rune(s.Lines[mistake.Line-1])
		offset += len(string(before[:min(mistake.Column-1, len(before))]))
		f.err.Position = &httpx.Position{Offset: offset, Line: mistake.Line, Column: mistake.Column}
	}
}

// positionIn is the place of a byte of a text.
func positionIn(text string, offset int) *httpx.Position {
	offset = max(0, min(offset, len(text)))
	before := text[:offset]
	return &httpx.Position{
		Offset: offset, Line: 1 + strings.Count(before, "\n"),
		Column: 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]),
	}
}

// definitionFailure turns an error of the store into an answer.
func definitionFailure(err error) *failure {
	text := strings.TrimPrefix(err.Error(), definition.ErrInvalid.Error()+": ")
	switch {
	case errors.Is(err, definition.ErrInvalid):
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "%s", text)
	case errors.Is(err, definition.ErrNotFound):
		return fail(http.StatusNotFound, httpx.CodeNotFound, "%s", text)
	case errors.Is(err, definition.ErrExists), errors.Is(err, definition.ErrConflict), errors.Is(err, definition.ErrFixed):
		return fail(http.StatusConflict, httpx.CodeConflict, "%s", text)
	case errors.Is(err, definition.ErrFull):
		return fail(http.StatusUnprocessableEntity, httpx.CodeLimit, "%s", text)
	case errors.Is(err, definition.ErrUnavailable):
		f := fail(http.StatusServiceUnavailable, httpx.CodeUnavailable, "%s", text)
		f.retry = 1
		return f
	default:
		return fail(http.StatusInternalServerError, httpx.CodeInternal, "%s", text)
	}
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, f *failure) {
	if f.status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close")
	}
	if f.retry > 0 {
		httpx.WriteRetry(w, f.status, f.retry, f.err)
		return
	}
	httpx.WriteError(w, f.status, f.err)
}
