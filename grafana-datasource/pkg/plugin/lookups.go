package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/skein-net/skein/grafana-datasource/pkg/query"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// maxOptions bounds what a look-up lists.
const maxOptions = 10000

// Kinds of variables.
const (
	variableGremlin    = "gremlin"
	variableHosts      = "hosts"
	variableNamespaces = "namespaces"
	variableTypes      = "types"
	variableKeys       = "keys"
	variableValues     = "values"
)

// option is one choice: what people read and what it stands for.
type option struct {
	Text  string `json:"text"`
	Value string `json:"value"`
}

// host is one host.
type host struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// nodeOption is one node that can be picked.
type nodeOption struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
	Host string `json:"host"`
}

// ask asks a query of a look-up.
func (d *Datasource) ask(ctx context.Context, text, at string) (*client.Result, error) {
	return d.client.Query(ctx, client.Query{Gremlin: text, At: at, Limits: d.limits()})
}

// nodesOf is the query of a look-up, all nodes when there is none.
func nodesOf(text string) string {
	if strings.TrimSpace(text) == "" {
		return "G.V()"
	}
	return strings.TrimSpace(text)
}

func (d *Datasource) keys(ctx context.Context, r *http.Request, _ []byte) (any, error) {
	return d.keyList(ctx, r.URL.Query().Get("gremlin"), r.URL.Query().Get("at"))
}

func (d *Datasource) keyList(ctx context.Context, text, at string) ([]string, error) {
	return d.texts(ctx, nodesOf(text), "Keys()", at, maxOptions)
}

func (d *Datasource) values(ctx context.Context, r *http.Request, _ []byte) (any, error) {
	p := r.URL.Query()
	n, err := limitOf(r, 1000, maxOptions)
	if err != nil {
		return nil, err
	}
	return d.valueList(ctx, p.Get("gremlin"), p.Get("key"), p.Get("at"), n)
}

func (d *Datasource) valueList(ctx context.Context, text, key, at string, n int) ([]string, error) {
	if key == "" {
		return nil, wrongQuery(errors.New("key is missing: name the key whose values are wanted"))
	}
	return d.texts(ctx, nodesOf(text), "Values("+query.Quote(key)+").Dedup()", at, n)
}

func (d *Datasource) types(ctx context.Context, r *http.Request, _ []byte) (any, error) {
	return d.valueList(ctx, "", "Type", r.URL.Query().Get("at"), 1000)
}

// texts asks for values, and gives their texts sorted, each once, at most n.
func (d *Datasource) texts(ctx context.Context, of, step, at string, n int) ([]string, error) {
	text := query.Then(of, step)
	res, err := d.ask(ctx, text, at)
	if err != nil {
		return nil, shift(err, of, text)
	}
	out := []string{}
	for _, v := range res.Values {
		if v.IsScalar() {
			out = append(out, v.Text())
		}
	}
	slices.SortFunc(out, naturally)
	out = slices.Compact(out)
	return out[:min(len(out), n)], nil
}

// naturally orders texts without regard to case.
func naturally(a, b string) int {
	return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
}

func (d *Datasource) hostList(ctx context.Context, r *http.Request, _ []byte) (any, error) {
	return d.hostsOf(ctx, r.URL.Query().Get("at"))
}

func (d *Datasource) hostsOf(ctx context.Context, at string) ([]host, error) {
	names, err := d.hosts(ctx, at)
	if err != nil {
		return nil, err
	}
	out := make([]host, 0, len(names))
	for id, name := range names {
		if name == "" {
			name = id
		}
		out = append(out, host{id, name})
	}
	slices.SortFunc(out, func(a, b host) int { return cmp.Or(naturally(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	return out, nil
}

// nodes finds nodes for a picker: by a part of the name, or by the ID.
func (d *Datasource) nodes(ctx context.Context, r *http.Request, _ []byte) (any, error) {
	p := r.URL.Query()
	n, err := limitOf(r, 100, 1000)
	if err != nil {
		return nil, err
	}
	q := strings.TrimSpace(p.Get("q"))
	text := "G.V().HasKey('Name')"
	if id, err := entity.ParseUUID(q); err == nil {
		text = "G.V().Has('@ID', " + query.Quote(id.String()) + ")"
	} else if q != "" {
		text = "G.V().Has('Name', REGEX(" + query.Quote("(?i).*"+literal(q)+".*") + "))"
	}
	text += fmt.Sprintf(".Limit(%d).ValueMap('@ID', '@Host', 'Name', 'Type')", n)
	res, err := d.ask(ctx, text, p.Get("at"))
	if err != nil {
		return nil, err
	}
	out := make([]nodeOption, 0, len(res.Values))
	for _, v := range res.Values {
		m := v.Map()
		out = append(out, nodeOption{ID: m.Get("@ID").Str(), Name: m.Get("Name").Str(), Type: m.Get("Type").Str(), Host: m.Get("@Host").Str()})
	}
	slices.SortFunc(out, func(a, b nodeOption) int { return cmp.Or(naturally(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	return out, nil
}

// literal writes a text as a regular expression that matches it and nothing else.
func literal(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// variableQuery is the query of a variable of a dashboard.
type variableQuery struct {
	Kind    string `json:"kind"`
	Gremlin string `json:"gremlin"`
	Key     string `json:"key"`
	// At is the time that is asked about, "" for now.
	At string `json:"at"`
}

// variable answers the query of a variable of a dashboard.
func (d *Datasource) variable(ctx context.Context, _ *http.Request, body []byte) (any, error) {
	var call struct {
		Query variableQuery `json:"query"`
	}
	if err := decode(body, &call); err != nil {
		return nil, err
	}
	q := &call.Query
	var (
		list []string
		err  error
	)
	switch q.Kind {
	case variableGremlin, "":
		return d.variableValues(ctx, q.Gremlin, q.At)
	case variableNamespaces:
		return d.variableValues(ctx, query.Then(nodesOf(q.Gremlin), "Has('Type', 'netns')"), q.At)
	case variableHosts:
		hosts, err := d.hostsOf(ctx, q.At)
		out := make([]option, len(hosts))
		for i, h := range hosts {
			out[i] = option{h.Name, h.ID}
		}
		return out, err
	case variableTypes:
		list, err = d.valueList(ctx, q.Gremlin, "Type", q.At, maxOptions)
	case variableKeys:
		list, err = d.keyList(ctx, q.Gremlin, q.At)
	case variableValues:
		list, err = d.valueList(ctx, q.Gremlin, q.Key, q.At, maxOptions)
	default:
		return nil, wrongQuery(fmt.Errorf("unknown kind of variable %.40q: choose gremlin, hosts, namespaces, types, keys or values", q.Kind))
	}
	out := make([]option, len(list))
	for i, t := range list {
		out[i] = option{t, t}
	}
	return out, err
}

// variableValues lists what a query gives: nodes by name with their IDs, of maps
// the members text and value, or the first two.
func (d *Datasource) variableValues(ctx context.Context, text, at string) ([]option, error) {
	if strings.TrimSpace(text) == "" {
		return nil, wrongQuery(errors.New("the variable has no query: write Gremlin, for example G.V().Has('Type', 'host')"))
	}
	r, err := d.ask(ctx, text, at)
	if err != nil {
		return nil, err
	}
	out := []option{}
	seen := map[option]bool{}
	add := func(text, value string) {
		if o := (option{text, value}); value != "" && !seen[o] && len(out) < maxOptions {
			seen[o] = true
			out = append(out, o)
		}
	}
	switch r.Kind {
	case client.KindNodes, client.KindGraph:
		for i := range r.Nodes {
			n := &r.Nodes[i]
			add(cmp.Or(n.Metadata.Get("Name").Str(), n.ID.String()), n.ID.String())
		}
	case client.KindNumber:
		add(r.Number.Text(), r.Number.Text())
	case client.KindValues, client.KindMaps:
		for _, v := range r.Values {
			switch m := v.Map(); {
			case v.IsScalar():
				add(v.Text(), v.Text())
			case m.Has("text") && m.Has("value"):
				add(m.Get("text").Text(), m.Get("value").Text())
			case len(m) == 1:
				add(m[0].Value.Text(), m[0].Value.Text())
			case m.Has("Name") && m.Has("@ID"):
				add(m.Get("Name").Text(), m.Get("@ID").Text())
			case m.Has("Name"):
				add(m.Get("Name").Text(), m.Get("Name").Text())
			}
		}
	default:
		return nil, wrongQuery(fmt.Errorf("a variable is made of nodes or values, but the query gives %s: end it with Values('key')", r.Kind))
	}
	slices.SortFunc(out, func(a, b option) int { return cmp.Or(naturally(a.Text, b.Text), strings.Compare(a.Value, b.Value)) })
	return out, nil
}
