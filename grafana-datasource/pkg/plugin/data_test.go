package plugin

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/skein-net/skein/grafana-datasource/internal/fakedaemon"
)

// TestQueryTypes asks one query of each type, and looks at what it asked for and
// what came of it.
func TestQueryTypes(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	for _, c := range []struct {
		text, path string
		ask        string // in the query string or the body of the request
		frames     int
		name       string
		rows       int
	}{
		{`{"queryType":"topology"}`, "/api/v1/topology", `{"gremlin":"G","limit":200,"limits":{"timeout":"5s"}}`, 2, "nodes", 10},
		{`{"queryType":"topology","group":["host"],"expand":"host=a","nodeLimit":4,"time":"-1h"}`, "/api/v1/topology", `{"gremlin":"G","at":"-1h","group":["host"],"expand":["host=a"],"limit":4,`, 2, "nodes", 3},
		{`{"queryType":"diff"}`, "/api/v1/topology", `"since":"2026-11-23T05:10:00Z","limit":200,"changes_only":true`, 2, "nodes", -1},
		{`{"queryType":"diff","view":"table","keys":"State"}`, "/api/v1/diff", `from=2026-11-23T05:10:00Z&keys=State`, 1, "changes", 4},
		{`{"queryType":"diff","view":"both"}`, "/api/v1/diff", `from=`, 3, "nodes", -1},
		{`{"queryType":"table","gremlin":"G.V()"}`, "/api/v1/query", `{"gremlin":"G.V()","limits":{"timeout":"5s"}}`, 1, "nodes", 10},
		{`{"queryType":"table","gremlin":"G.V().Count()"}`, "/api/v1/query", `Count()`, 1, "number", 1},
		{`{"queryType":"flows","filter":{"port":"443,80"},"sort":"bytes"}`, "/api/v1/flows", `from=2026-11-23T05:10:00Z&limit=100&port=443&port=80&sort=bytes`, 1, "flows", 4},
		{`{"queryType":"flows","flows":"top","by":"pair"}`, "/api/v1/flows/top", `by=pair&from=2026-11-23T05:10:00Z&limit=20`, 1, "top", 3},
		{`{"queryType":"flows","flows":"sankey"}`, "/api/v1/flows/top", `by=pair`, 1, "sankey", 3},
		{`{"queryType":"timeseries","series":"flows","by":"application"}`, "/api/v1/flows/series", `by=application&from=2026-11-23T05:10:00Z&limit=10&step=10s`, 3, "", 4},
		{`{"queryType":"events","ops":["added"],"what":"nodes"}`, "/api/v1/changes", `from=2026-11-23T05:10:00Z&limit=1000&op=node_added`, 1, "events", 4},
		{`{"queryType":"status"}`, "/api/v1/status", ``, 1, "status", 1},
	} {
		r := reply(t, d, c.text)
		if r.Error != nil {
			t.Errorf("%s: %v", c.text, r.Error)
			continue
		}
		if len(r.Frames) != c.frames || r.Frames[0].Name != c.name || c.rows >= 0 && r.Frames[0].Rows() != c.rows {
			t.Errorf("%s: %d frames, %q with %d rows", c.text, len(r.Frames), r.Frames[0].Name, r.Frames[0].Rows())
		}
		req := last(t, f, c.path)
		text, err := url.QueryUnescape(req.Query)
		if err != nil {
			t.Fatal(err)
		}
		if text += req.Body; c.path == "/api/v1/query" {
			text = f.Requests(c.path)[len(f.Requests(c.path))-1].Body
		}
		if !strings.Contains(text, c.ask) {
			t.Errorf("%s asked %q, want %q", c.text, text, c.ask)
		}
		if got := req.Header.Get("Authorization"); got != "Bearer "+secret {
			t.Errorf("%s was asked with %q", c.text, got)
		}
		for _, frame := range r.Frames {
			if frame.RefID != "A" {
				t.Errorf("%s: frame %q has the reference %q", c.text, frame.Name, frame.RefID)
			}
		}
		hidden(t, c.text, r.Frames)
	}
}

// TestPast checks that a range that ends before now asks about its end.
func TestPast(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	d.now = func() time.Time { return recorded().To.Add(20 * time.Second) }
	reply(t, d, `{"queryType":"topology"}`)
	if got := last(t, f, "/api/v1/topology").Body; !strings.Contains(got, `"at":"2026-11-23T05:24:00Z"`) {
		t.Error(got)
	}
	reply(t, d, `{"queryType":"flows"}`)
	if got := last(t, f, "/api/v1/flows").Query; !strings.Contains(got, "to=2026-11-23T05%3A24%3A00Z") {
		t.Error(got)
	}
	reply(t, d, `{"queryType":"table","gremlin":"G.V()","time":"now"}`)
	if got := last(t, f, "/api/v1/query").Body; strings.Contains(got, `"at"`) {
		t.Error(got)
	}
}

// TestDiffOfYoungPast checks that a difference from before what is kept is one
// from then on.
func TestDiffOfYoungPast(t *testing.T) {
	f := fakedaemon.New(t)
	f.Special(func(w http.ResponseWriter, r *http.Request, body string) bool {
		old := strings.Contains(r.URL.RawQuery+body, url.QueryEscape("2026-11-23T05:10:00Z")) || strings.Contains(body, "2026-11-23T05:10:00Z")
		if old {
			writeJSON(w, 410, map[string]any{"error": map[string]any{"code": "gone", "message": "the past is kept from then on", "oldest": "2026-11-23T05:12:00Z"}})
		}
		return old
	})
	d := open(t, f.URL, nil)
	for _, view := range []string{"graph", "table", "both"} {
		r := reply(t, d, `{"queryType":"diff","view":"`+view+`"}`)
		if r.Error != nil {
			t.Fatal(r.Error)
		}
		notices := r.Frames[0].Meta.Notices
		if len(notices) == 0 || !strings.Contains(notices[len(notices)-1].Text, "kept from 2026-11-23T05:12:00Z on") {
			t.Errorf("%s: notices %v", view, notices)
		}
	}
	resp, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{{RefID: "A", JSON: []byte(`{"queryType":"diff"}`),
		TimeRange: backend.TimeRange{From: recorded().From, To: recorded().From.Add(time.Minute)}}}})
	if err != nil || resp.Responses["A"].Status != 410 {
		t.Errorf("%v %v", err, resp.Responses["A"])
	}
}

// TestInterfaceSeries follows a query for counters of interfaces from its check
// to the names of the series.
func TestInterfaceSeries(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	r := reply(t, d, `{"queryType":"timeseries","gremlin":"G.V().Has('Type','veth')","limit":1}`)
	if r.Error != nil {
		t.Fatal(r.Error)
	}
	if len(r.Frames) != 2 {
		t.Fatalf("%d series", len(r.Frames))
	}
	var texts []string
	for _, q := range f.Requests("/api/v1/query") {
		texts = append(texts, q.Body)
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{
		`G.Context('2026-11-23T05:24:00Z', '840s').V().Has('Type','veth').Metrics().Aggregates(10, '@ID')`,
		`G.Context('2026-11-23T05:24:00Z', '840s').V().Has('@ID', WITHIN('`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("nobody asked %s but\n%s", want, all)
		}
	}
	labels := r.Frames[0].Fields[1].Labels
	if labels["Name"] != "eth0" || labels["Host"] != "paris" || labels["Type"] != "device" || labels["field"] != "RxBytes" || labels["ID"] == "" {
		t.Errorf("labels %v", labels)
	}
	if len(r.Frames[0].Meta.Notices) != 1 {
		t.Errorf("notices %v", r.Frames[0].Meta.Notices)
	}
	r = reply(t, d, `{"queryType":"timeseries","gremlin":"G.Context(NOW, 60).V()"}`)
	if r.Error != nil {
		t.Fatal(r.Error)
	}
	if got := f.Requests("/api/v1/query"); strings.Contains(got[len(got)-1].Body, "Context('2026") && strings.Contains(got[len(got)-1].Body, "Context(NOW") {
		t.Error("a query that travels was sent to another time")
	}
	if r := reply(t, d, `{"queryType":"timeseries","gremlin":"G.V().Count()"}`); r.Error == nil || !strings.Contains(r.Error.Error(), "interfaces are nodes, but the query gives number") {
		t.Error(r.Error)
	}
	if r := reply(t, d, `{"queryType":"timeseries","gremlin":"G.Hsa()"}`); r.Error == nil || !strings.Contains(r.Error.Error(), "line 1, column 7") || r.Status != 400 {
		t.Error(r.Error, r.Status)
	}
}

func TestGremlinSeries(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	r := reply(t, d, `{"queryType":"timeseries","series":"gremlin","gremlin":"G.V().Metrics().Aggregates(60)","fields":["RxBytes"]}`)
	if r.Error != nil || len(r.Frames) != 2 {
		t.Fatal(r.Error, len(r.Frames))
	}
	r = reply(t, d, `{"queryType":"timeseries","series":"gremlin","gremlin":"G.V().Count()"}`)
	if f := frame(t, r); f.Rows() != moments {
		t.Errorf("%d points", f.Rows())
	}
	before := len(f.Requests("/api/v1/query"))
	req := &backend.QueryDataRequest{Headers: map[string]string{"FromAlert": "true"}, Queries: []backend.DataQuery{asked(`{"queryType":"timeseries","series":"gremlin","gremlin":"G.V().Count()"}`)}}
	resp, err := d.QueryData(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if f := frame(t, resp.Responses["A"]); f.Rows() != 1 {
		t.Errorf("%d points for an alert rule", f.Rows())
	}
	if n := len(f.Requests("/api/v1/query")) - before; n != 1 {
		t.Errorf("an alert rule asked %d times", n)
	}
	if r := reply(t, d, `{"queryType":"timeseries","series":"gremlin","gremlin":"G.V()"}`); r.Error == nil || !strings.Contains(r.Error.Error(), "end it with Metrics()") {
		t.Error(r.Error)
	}
}

// TestConcurrentQueries checks that queries of one request run together, and
// that each has its own error.
func TestConcurrentQueries(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	var queries []backend.DataQuery
	for i, text := range []string{`{"queryType":"status"}`, `{"queryType":"table"}`, `nonsense`, `{"queryType":"table","gremlin":"G.Hsa()"}`, `{"queryType":"topology"}`, `{}`} {
		q := asked(text)
		q.RefID = string(rune('A' + i))
		queries = append(queries, q)
	}
	queries[5].QueryType = "events"
	resp, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: queries})
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{"A": "", "B": "write Gremlin", "C": "not the JSON", "D": "did you mean As or Has?", "E": "", "F": ""} {
		r := resp.Responses[ref]
		if (want == "") != (r.Error == nil) || r.Error != nil && !strings.Contains(r.Error.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, r.Error, want)
		}
		if r.Error != nil && (r.Status != 400 || r.ErrorSource != backend.ErrorSourceDownstream) {
			t.Errorf("%s: status %d from %s", ref, r.Status, r.ErrorSource)
		}
	}
}

// TestTimeouts checks that a query ends with its context and with the timeout of
// the settings.
func TestTimeouts(t *testing.T) {
	f := fakedaemon.New(t)
	f.Hang("/api/v1/query")
	d := open(t, f.URL, func(s *backend.DataSourceInstanceSettings) { s.JSONData = []byte(`{"timeout":1}`) })
	r := reply(t, d, `{"queryType":"table","gremlin":"G.V()"}`)
	if r.Error == nil || !strings.Contains(r.Error.Error(), "no answer within 1s: ask for less") || r.Status != backend.StatusTimeout {
		t.Errorf("%v, status %d", r.Error, r.Status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	resp, err := d.QueryData(ctx, &backend.QueryDataRequest{Queries: []backend.DataQuery{asked(`{"queryType":"status"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	if r := resp.Responses["A"]; r.Error == nil || r.Status != statusCanceled {
		t.Errorf("%v, status %d", r.Error, r.Status)
	}
}

// TestRowLimit checks that the limit of the settings holds for every table.
func TestRowLimit(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, func(s *backend.DataSourceInstanceSettings) { s.JSONData = []byte(`{"maxRows":2}`) })
	for _, text := range []string{
		`{"queryType":"table","gremlin":"G.V()"}`, `{"queryType":"table","gremlin":"G.E()"}`, `{"queryType":"table","gremlin":"G.V().Values('Name')"}`,
		`{"queryType":"flows"}`, `{"queryType":"events"}`, `{"queryType":"diff","view":"table"}`, `{"queryType":"table","gremlin":"G.V().Metrics().Aggregates(60)"}`,
	} {
		if got := frame(t, reply(t, d, text)); got.Rows() > 2 || len(got.Meta.Notices) == 0 {
			t.Errorf("%s: %d rows, notices %v", text, got.Rows(), got.Meta.Notices)
		}
	}
}

// TestIdentity checks which identity goes with requests.
func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		json, token string
		headers     map[string]string
		auth, user  string
	}{
		{`{}`, secret, nil, "Bearer " + secret, ""},
		{`{}`, "", nil, "", ""},
		{`{"forwardUser":true}`, secret, map[string]string{"http_X-Grafana-User": "mallory"}, "Bearer " + secret, "ada"},
		{`{}`, secret, map[string]string{"http_X-Grafana-User": "mallory"}, "Bearer " + secret, ""},
		{`{"oauthPassThru":true}`, secret, map[string]string{"Authorization": "Bearer ada"}, "Bearer ada", ""},
		{`{"oauthPassThru":true}`, secret, nil, "Bearer " + secret, ""},
		{`{"oauthPassThru":false}`, secret, map[string]string{"Authorization": "Bearer ada"}, "Bearer " + secret, ""},
	} {
		f := fakedaemon.New(t)
		d := open(t, f.URL, func(s *backend.DataSourceInstanceSettings) {
			s.JSONData = []byte(c.json)
			s.DecryptedSecureJSONData["token"] = c.token
		})
		req := &backend.QueryDataRequest{PluginContext: who(), Headers: c.headers, Queries: []backend.DataQuery{asked(`{"queryType":"status"}`)}}
		if _, err := d.QueryData(forwarding(t.Context(), req), req); err != nil {
			t.Fatal(err)
		}
		got := last(t, f, "/api/v1/status").Header
		if got.Get("Authorization") != c.auth || got.Get(userHeader) != c.user {
			t.Errorf("%s: %q for %q, want %q for %q", c.json, got.Get("Authorization"), got.Get(userHeader), c.auth, c.user)
		}
	}
}

func TestHeaderText(t *testing.T) {
	for login, want := range map[string]string{"ada": "ada", "ada@example.org": "ada@example.org", "Zoë": "Zo%C3%AB", "a\r\nX: y": "a%0D%0AX%3A+y"} {
		if got := headerText(login); got != want {
			t.Errorf("%q: %q, want %q", login, got, want)
		}
	}
}

// TestReadOnly checks that nothing but reading gets out, whatever asks for it.
func TestReadOnly(t *testing.T) {
	for text, want := range map[string]bool{
		"GET /api/v1/status": true, "GET /skein/api/v1/flows/top": true, "POST /api/v1/query": true, "POST /api/v1/topology": true,
		"DELETE /api/v1/node-rules/x": false, "POST /api/v1/node-rules": false, "PUT /api/v1/fabric/x": false, "POST /api/v2/write": false,
		"POST /v1/logs": false, "POST /api/v1/flows": false, "GET /api/v1/node-rules": false, "POST /api/v1/captures": false, "PUT /api/v1/query": false,
	} {
		method, path, _ := strings.Cut(text, " ")
		if got := reads(method, path); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	if err := d.client.DeleteDefinition(t.Context(), "node-rules", "x"); err == nil || !strings.Contains(err.Error(), "nothing that a data source asks for") {
		t.Error(err)
	}
	if n := len(f.Requests("")); n != 0 {
		t.Errorf("%d requests got out", n)
	}
}
