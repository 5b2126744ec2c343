package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// params are the parameters of a request for flows, each with its values.
type params url.Values

// filterParams are those that choose flows.
func filterParams() []string {
	return []string{"node", "host", "interface", "capture", "address", "port", "application", "protocol", "layers", "id", "tracking", "finished"}
}

func (p params) get(name string) string { return url.Values(p).Get(name) }

// check refuses parameters that nobody knows: a filter that is misspelt would
// otherwise choose everything.
func (p params) check(known ...string) *failure {
	for name := range p {
		if !slices.Contains(known, name) {
			return fail(http.StatusBadRequest, httpx.CodeInvalid, "there is no parameter %.40q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// number reads a number from 1 to most.
func (p params) number(name string, def, most int) (int, *failure) {
	text := p.get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fail(http.StatusBadRequest, httpx.CodeInvalid, "%s=%.40q is not a number from 1 to %d", name, text, most)
	}
	return n, nil
}

// readParams reads parameters from a JSON object: texts, numbers, booleans, or
// lists of them.
func readParams(w http.ResponseWriter, r *http.Request) (params, *failure) {
	data, f := readBody(w, r, maxQueryBody)
	if f != nil {
		return nil, f
	}
	var object entity.Attrs
	if err := json.Unmarshal(bytes.TrimSpace(data), &object); err != nil {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, `the body is not a JSON object: %v; send for example {"address":"192.0.2.1","since":"-5m"}`, err)
	}
	p := params{}
	for _, a := range object {
		values := a.Value.List()
		if a.Value.Kind() != entity.KindList {
			values = []entity.Value{a.Value}
		}
		for _, v := range values {
			if !v.IsScalar() {
				return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "%.40q: want a text, a number or a list of them, got a %s", a.Key, v.Kind())
			}
			p[a.Key] = append(p[a.Key], v.Text())
		}
	}
	return p, nil
}

// flowQuery reads what flows are asked for: those of now without a time.
func (a *API) flowQuery(ctx context.Context, p params) (*flowrecord.Query, *failure) {
	q := &flowrecord.Query{Live: true}
	from, f := p.since()
	if f != nil {
		return nil, f
	}
	var view time.Time
	if to := p.get("to"); from != "" || to != "" {
		if q.From, q.To, view, f = a.flowTime(from, to); f != nil {
			return nil, f
		}
		q.Live = false
	}
	if f := a.flowFilter(ctx, p, view, q); f != nil {
		return nil, f
	}
	return q, nil
}

// since returns the beginning of the time that is asked about.
func (p params) since() (string, *failure) {
	since, from := p.get("since"), p.get("from")
	if since != "" && from != "" {
		return "", fail(http.StatusBadRequest, httpx.CodeInvalid, "give from or since, not both")
	}
	return since + from, nil
}

// flowTime reads a time with beginning and end; view is the time of the graph
// in which nodes are looked for, zero for the current one.
func (a *API) flowTime(from, to string) (begin, end int64, view time.Time, f *failure) {
	now := a.now()
	first, f := a.moment("from", from)
	if f != nil {
		return 0, 0, view, f
	}
	view, f = a.moment("to", to)
	if f != nil {
		return 0, 0, view, f
	}
	last := view
	if last.IsZero() {
		last = now
	}
	switch {
	case from == "":
		first = time.Unix(0, 0)
	case first.IsZero():
		first = now
	}
	if first.After(last) {
		return 0, 0, view, fail(http.StatusBadRequest, httpx.CodeInvalid, "from is after to; exchange them")
	}
	return first.UnixNano(), last.UnixNano(), view, nil
}

func unixNano(ns int64) time.Time { return time.Unix(0, ns) }

// flowFilter reads the parameters that choose flows. The values of one
// parameter are alternatives; all parameters must hold.
func (a *API) flowFilter(ctx context.Context, p params, at time.Time, q *flowrecord.Query) *failure {
	if nodes := p["node"]; len(nodes) > 0 {
		var f *failure
		if q.Nodes, f = a.flowNodes(ctx, nodes, at); f != nil {
			return f
		}
	}
	for _, text := range p["id"] {
		id, err := entity.ParseUUID(text)
		if err != nil {
			return fail(http.StatusBadRequest, httpx.CodeInvalid, "id=%.60q is not the ID of a flow: %v", text, err)
		}
		q.IDs = append(q.IDs, id)
	}
	for _, x := range []struct {
		name   string
		forms  func(string) []string
		fields []string
	}{
		{"host", asIs, []string{"Host"}},
		{"interface", asIs, []string{"Interface"}},
		{"capture", asIs, []string{"CaptureID"}},
		{"layers", asIs, []string{"LayersPath"}},
		{"application", protocolNames, []string{"Application"}},
		{"protocol", protocolNames, []string{"Transport.Protocol", "Network.Protocol", "Application"}},
		{"tracking", asIs, []string{"TrackingID", "L3TrackingID"}},
	} {
		q.Where = is(q.Where, p[x.name], x.forms, x.fields)
	}
	if f := addresses(p["address"], q); f != nil {
		return f
	}
	if f := ports(p["port"], q); f != nil {
		return f
	}
	if text := p.get("finished"); text != "" {
		yes, err := strconv.ParseBool(text)
		if err != nil {
			return fail(http.StatusBadRequest, httpx.CodeInvalid, "finished=%.40q is neither true nor false", text)
		}
		q.Where = append(q.Where, flowrecord.Condition{Fields: []string{"FinishType"}, Values: []entity.Value{entity.String(flowrecord.NotFinished.String())}, Not: yes})
	}
	return nil
}

func asIs(s string) []string { return []string{s} }

// protocolNames returns how a protocol may be written in a record.
func protocolNames(s string) []string {
	switch up := strings.ToUpper(s); up {
	case "ICMP":
		return []string{"ICMPv4", "ICMPv6"}
	case "ICMPV4", "ICMPV6":
		return []string{"ICMPv" + up[5:]}
	case s:
		return []string{s}
	default:
		return []string{s, up}
	}
}

// is adds the condition that one of some fields is one of some texts, in one of
// their forms.
func is(where []flowrecord.Condition, texts []string, forms func(string) []string, fields []string) []flowrecord.Condition {
	if len(texts) == 0 {
		return where
	}
	var values []entity.Value
	for _, text := range texts {
		for _, s := range forms(text) {
			values = append(values, entity.String(s))
		}
	}
	return append(where, flowrecord.Condition{Fields: fields, Values: values})
}

// addresses reads addresses of IP or Ethernet, or one network.
func addresses(texts []string, q *flowrecord.Query) *failure {
	if len(texts) == 1 && strings.Contains(texts[0], "/") {
		n, err := netip.ParsePrefix(texts[0])
		if err != nil {
			return fail(http.StatusBadRequest, httpx.CodeInvalid, "address=%.60q is not a network; write for example 192.0.2.0/24", texts[0])
		}
		q.Where = append(q.Where, flowrecord.Condition{Fields: []string{"Network.A", "Network.B"}, Op: flowrecord.InNetwork,
			Values: []entity.Value{entity.String(n.Masked().String())}})
		return nil
	}
	fields := []string{"Network.A", "Network.B"}
	var values []entity.Value
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			values = append(values, entity.String(addr.String()))
		} else if mac, ok := flowrecord.ParseMAC(strings.ToLower(text)); ok {
			values = append(values, entity.String(mac.String()))
			fields = []string{"Network.A", "Network.B", "Link.A", "Link.B"}
		} else {
			return fail(http.StatusBadRequest, httpx.CodeInvalid, "address=%.60q is neither an IP nor an Ethernet address; a network stands alone", text)
		}
	}
	if len(values) > 0 {
		q.Where = append(q.Where, flowrecord.Condition{Fields: fields, Values: values})
	}
	return nil
}

func ports(texts []string, q *flowrecord.Query) *failure {
	var values []entity.Value
	for _, text := range texts {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return fail(http.StatusBadRequest, httpx.CodeInvalid, "port=%.40q is not a port", text)
		}
		values = append(values, entity.Int(int64(n)))
	}
	if len(values) > 0 {
		q.Where = append(q.Where, flowrecord.Condition{Fields: []string{"Transport.A", "Transport.B"}, Values: values})
	}
	return nil
}

// flowNodes finds the TIDs of nodes that are given by ID, TID, name or a query.
func (a *API) flowNodes(ctx context.Context, texts []string, at time.Time) ([]entity.UUID, *failure) {
	view, err := a.viewAt(ctx, at)
	if err != nil {
		return nil, queryFailure(err)
	}
	out := []entity.UUID{}
	add := func(n *graph.Node) {
		if tid, err := entity.ParseUUID(n.Attrs.Get(entity.KeyTID).Str()); err == nil && !slices.Contains(out, tid) {
			out = append(out, tid)
		}
	}
	for _, text := range texts {
		if id, err := entity.ParseUUID(text); err == nil {
			if n := view.NodeByID(id); n != nil {
				add(n)
			} else {
				out = append(out, id)
			}
			continue
		}
		if strings.HasPrefix(strings.TrimSpace(text), "G.") {
			if f := a.queriedNodes(ctx, view, text, at, add); f != nil {
				return nil, f
			}
			continue
		}
		before := len(out)
		for n := range named(view, text) {
			add(n)
		}
		if len(out) == before {
			return nil, fail(http.StatusNotFound, httpx.CodeNotFound,
				"no node is called %.60q; give a name, an ID, or a query such as G.V().Has('Type','veth')", text)
		}
	}
	return out, nil
}

// named yields the nodes of a name.
func named(v *graph.View, name string) func(yield func(*graph.Node) bool) {
	if nodes, count := v.NodesWith(entity.KeyName, entity.String(name)); count >= 0 {
		return nodes
	}
	return func(yield func(*graph.Node) bool) {
		for n := range v.Nodes() {
			if n.Attrs.Get(entity.KeyName).Str() == name && !yield(n) {
				return
			}
		}
	}
}

func (a *API) queriedNodes(ctx context.Context, view *graph.View, text string, at time.Time, add func(*graph.Node)) *failure {
	q, err := gremlin.Parse(text)
	if err != nil {
		return queryFailure(err)
	}
	if k := q.Kind(); k != gremlin.KindNodes && k != gremlin.KindGraph && k != gremlin.KindPaths {
		return fail(http.StatusUnprocessableEntity, httpx.CodeType, "the query for nodes gives %s; have it give nodes", k)
	}
	result, err := a.run(ctx, q, view, at, a.cfg.Limits)
	if err != nil {
		return queryFailure(err)
	}
	for n := range result.Nodes() {
		add(n)
	}
	return nil
}
