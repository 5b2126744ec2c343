package plugin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/skein-net/skein/grafana-datasource/internal/fakedaemon"
)

// call calls for a resource.
func call(t testing.TB, d *Datasource, method, url, body string) (int, string) {
	t.Helper()
	path, _, _ := strings.Cut(url, "?")
	var out *backend.CallResourceResponse
	err := d.CallResource(t.Context(), &backend.CallResourceRequest{PluginContext: who(), Method: method, Path: path, URL: url, Body: []byte(body)},
		backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error { out = r; return nil }))
	if err != nil {
		t.Fatal(err)
	}
	hidden(t, url, string(out.Body))
	return out.Status, string(out.Body)
}

func TestResources(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	for _, c := range []struct{ method, url, body, asked, want string }{
		{"POST", "complete", `{"gremlin":"G.V().Has('Na","offset":12}`, `"offset":12`, `"text":"Name"`},
		{"POST", "check", `{"gremlin":"G.V()"}`, "", `"kind":"nodes"`},
		{"POST", "check", `{"gremlin":"G.Hsa()"}`, "", `"column":7`},
		{"GET", "steps", "", "", `"name":"Has"`},
		{"GET", "keys", "", `G.V().Keys()`, `"Name"`},
		{"GET", "keys?gremlin=G.V().Has('Type','veth')", "", `G.V().Has('Type','veth').Keys()`, `"Name"`},
		{"GET", "values?key=Name&limit=3", "", `G.V().Values('Name').Dedup()`, `["br0","eth0","lo"]`},
		{"GET", "values?key=it's", "", `Values('it\\'s')`, `[`},
		{"GET", "types", "", `Values('Type')`, `[`},
		{"GET", "hosts", "", `ValueMap('@Host', 'Name')`, `{"id":"3d1219c7c4c5404aaa1f6d2a48adfda4","name":"paris"}`},
		{"GET", "nodes?q=eth.0", "", `REGEX('(?i).*eth\\\\.0.*')`, `"type":"veth"`},
		{"GET", "nodes?q=8c9e9407-73b2-5c8f-9871-1c27c78e99bb&at=-1h", "", `"at":"-1h"`, `"name":"br0"`},
		{"POST", "variable", `{"query":{"kind":"hosts"}}`, "", `{"text":"paris","value":"3d1219c7c4c5404aaa1f6d2a48adfda4"}`},
		{"POST", "variable", `{"query":{"kind":"types"}}`, `Values('Type')`, `[{"text":`},
		{"POST", "variable", `{"query":{"kind":"keys","gremlin":"G.V()"}}`, `G.V().Keys()`, `{"text":"Name","value":"Name"}`},
		{"POST", "variable", `{"query":{"kind":"values","key":"Name"}}`, `Values('Name')`, `{"text":"web","value":"web"}`},
		{"POST", "variable", `{"query":{"kind":"namespaces"}}`, `G.V().Has('Type', 'netns')`, `{"text":"web","value":"`},
		{"POST", "variable", `{"query":{"kind":"gremlin","gremlin":"G.V()"}}`, "", `{"text":"br0","value":"`},
		{"POST", "variable", `{"query":{"gremlin":"G.V().Count()"}}`, "", `[{"text":"10","value":"10"}]`},
		{"POST", "variable", `{"query":{"gremlin":"G.V().ValueMap('Name')"}}`, "", `{"text":"br0","value":"`},
	} {
		status, body := call(t, d, c.method, c.url, c.body)
		if status != http.StatusOK || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %.300s, want %s", c.method, c.url, status, body, c.want)
		}
		all := f.Requests("")
		if got := all[len(all)-1].Body; !strings.Contains(got, c.asked) {
			t.Errorf("%s %s asked %s, want %s", c.method, c.url, got, c.asked)
		}
	}
}

// TestRefusedResources checks that there is nothing else, and that calls are
// bounded.
func TestRefusedResources(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	for _, c := range []struct {
		method, url, body string
		status            int
		want              string
	}{
		{"GET", "", "", 404, "no such resource"},
		{"GET", "complete", "", 404, "no such resource"},
		{"DELETE", "steps", "", 404, "no such resource"},
		{"POST", "steps", "{}", 404, "no such resource"},
		{"POST", "query", `{"gremlin":"G"}`, 404, "no such resource"},
		{"POST", "node-rules", "{}", 404, "no such resource"},
		{"POST", "captures", "{}", 404, "no such resource"},
		{"PUT", "api/v1/fabric/x", "{}", 404, "no such resource"},
		{"GET", "api/v1/status", "", 404, "no such resource"},
		{"POST", "check", strings.Repeat("x", maxBody+1), 413, "longer than 64 KiB"},
		{"POST", "check", "nonsense", 400, "not the JSON of this call"},
		{"GET", "values", "", 400, "key is missing"},
		{"GET", "values?key=a&limit=0", "", 400, "give a number from 1 to 10000"},
		{"GET", "keys?gremlin=G.Hsa()&x=", "", 200, ""},
		{"POST", "variable", `{"query":{"kind":"moons"}}`, 400, "unknown kind of variable"},
		{"POST", "variable", `{"query":{}}`, 400, "write Gremlin"},
		{"POST", "variable", `{"query":{"gremlin":"G.E()"}}`, 400, "the query gives edges"},
		{"POST", "variable", `{"query":{"gremlin":"G.Hsa()"}}`, 400, "line 1, column 7"},
	} {
		if status, body := call(t, d, c.method, c.url, c.body); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %.300s, want %d %s", c.method, c.url, status, body, c.status, c.want)
		}
	}
	broken := open(t, "", nil)
	if status, body := call(t, broken, "GET", "steps", ""); status != 400 || !strings.Contains(body, "has no URL") {
		t.Errorf("%d %s", status, body)
	}
}
