package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/gremlin"
)

const (
	// completeTime bounds one completion: who types does not wait longer.
	completeTime = time.Second
	// completeItems is how many items it gives when nothing is said.
	completeItems = 50
)

// completeRequest is the body of POST /api/v1/complete.
type completeRequest struct {
	Gremlin string `json:"gremlin"`
	Offset  int    `json:"offset"`
	At      string `json:"at"`
	Limit   int    `json:"limit"`
}

// completeAnswer is what can stand at a place in a query.
type completeAnswer struct {
	From    int            `json:"from"`
	To      int            `json:"to"`
	Items   []completeItem `json:"items"`
	More    bool           `json:"more"`
	Sampled bool           `json:"sampled"`
}

type completeItem struct {
	Kind   gremlin.ItemKind `json:"kind"`
	Text   string           `json:"text"`
	Insert string           `json:"insert"`
	Detail string           `json:"detail,omitempty"`
	Count  int              `json:"count,omitempty"`
}

// complete is POST /api/v1/complete.
func (a *API) complete(w http.ResponseWriter, r *http.Request) {
	answer, f := a.completion(w, r)
	if f != nil {
		a.failed(w, f)
		return
	}
	a.replyJSON(w, r, answer)
}

func (a *API) completion(w http.ResponseWriter, r *http.Request) (*completeAnswer, *failure) {
	req := completeRequest{Limit: completeItems}
	if f := readObject(w, r, &req, `{"gremlin":"G.V().","offset":6}`); f != nil {
		return nil, f
	}
	switch {
	case len(req.Gremlin) > gremlin.MaxText:
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "the text is %d bytes long, the limit is %d", len(req.Gremlin), gremlin.MaxText)
	case req.Offset < 0 || req.Offset > len(req.Gremlin):
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "offset %d: want 0 to %d, the length of the text in bytes", req.Offset, len(req.Gremlin))
	case req.Limit < 1 || req.Limit > gremlin.MaxItems:
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "limit %d: want 1 to %d", req.Limit, gremlin.MaxItems)
	}
	at, f := a.moment("at", req.At)
	if f != nil {
		return nil, f
	}
	ctx, done, f := a.work(r.Context(), min(completeTime, a.cfg.Limits.Time))
	if f != nil {
		return nil, f
	}
	defer done()
	view, err := a.viewAt(ctx, at)
	if err != nil {
		return nil, queryFailure(err)
	}
	src := gremlin.Sources{At: at}
	if a.deps.Flows != nil {
		src.Flows = a.deps.Flows
	}
	c := gremlin.Complete(ctx, req.Gremlin, req.Offset, view, src, req.Limit)
	answer := &completeAnswer{From: c.From, To: c.To, Items: make([]completeItem, len(c.Items)), More: c.More, Sampled: c.Sampled}
	for i, item := range c.Items {
		answer.Items[i] = completeItem(item)
	}
	return answer, nil
}

// checkAnswer tells whether a text is a query.
type checkAnswer struct {
	OK      bool         `json:"ok"`
	Kind    string       `json:"kind,omitempty"`
	Travels bool         `json:"travels"`
	Flows   bool         `json:"flows"`
	Error   *httpx.Error `json:"error,omitempty"`
}

// check is POST /api/v1/check.
func (a *API) check(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Gremlin string `json:"gremlin"`
	}
	if f := readObject(w, r, &req, `{"gremlin":"G.V()"}`); f != nil {
		a.failed(w, f)
		return
	}
	var answer checkAnswer
	if _, f := a.limits(&question{Gremlin: req.Gremlin}); f != nil {
		answer.Error = f.err
	} else if q, err := gremlin.Parse(req.Gremlin); err != nil {
		answer.Error = queryFailure(err).err
	} else {
		answer = checkAnswer{OK: true, Kind: q.Kind().String(), Travels: q.Travels(), Flows: q.AsksFlows()}
	}
	a.replyJSON(w, r, answer)
}

// stepAnswer is one step or function of the language.
type stepAnswer struct {
	Name      string   `json:"name"`
	Function  bool     `json:"function,omitempty"`
	Arguments string   `json:"arguments,omitempty"`
	On        []string `json:"on,omitempty"`
	Gives     []string `json:"gives,omitempty"`
	Detail    string   `json:"detail"`
	Example   string   `json:"example,omitempty"`
}

// steps is GET /api/v1/steps.
func (a *API) steps(w http.ResponseWriter, r *http.Request) {
	refs := gremlin.References()
	answer := make([]stepAnswer, len(refs))
	for i, s := range refs {
		answer[i] = stepAnswer{Name: s.Name, Function: s.Function, Arguments: s.Arguments, On: kindNames(s.On), Gives: kindNames(s.Gives), Detail: s.Detail, Example: s.Example}
	}
	a.replyJSON(w, r, answer)
}

func kindNames(kinds []gremlin.Kind) []string {
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = k.String()
	}
	return out
}

// readObject reads the JSON object of a request about a query into v.
func readObject(w http.ResponseWriter, r *http.Request, v any, example string) *failure {
	data, f := readBody(w, r, maxQueryBody)
	if f != nil {
		return f
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "the body is not what is expected: %s; send %s", strings.TrimPrefix(err.Error(), "json: "), example)
	}
	if dec.More() {
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "there is text after the JSON object at byte %d", dec.InputOffset())
	}
	return nil
}

// replyJSON sends a value as one line of JSON.
func (a *API) replyJSON(w http.ResponseWriter, r *http.Request, v any) {
	buf := a.buffer()
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		a.failed(w, fail(http.StatusInternalServerError, httpx.CodeInternal, "encode the answer: %v", err))
		return
	}
	a.reply(w, r, typeJSON, buf, func(http.Header) {})
}
