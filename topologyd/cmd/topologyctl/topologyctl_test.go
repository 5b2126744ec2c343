package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// The graph of the fake server.
const (
	host = `{"ID":"c5090a19-e955-5f08-802f-b3df7b79e98e","Metadata":{"Name":"web-1","Type":"host"},"Host":"web-1","Origin":"netlink","CreatedAt":1700000000000,"UpdatedAt":1700000000000,"Revision":1}`
	eth0 = `{"ID":"21ca1412-2580-5633-8ce6-30681cb24356","Metadata":{"IPV4":["10.0.0.1/24","10.0.1.1/24"],"MAC":"52:54:00:12:34:56","MTU":1500,"Name":"eth0","Neighbors":[{"IP":"10.0.0.2"}],"State":"UP","Type":"device"},"Host":"web-1","Origin":"netlink","CreatedAt":1700000000000,"UpdatedAt":1700000001500,"Revision":2}`
	down = `{"ID":"21ca1412-2580-5633-8ce6-30681cb24356","Metadata":{"MAC":"52:54:00:12:34:56","MTU":9000,"Name":"eth0","State":"DOWN","Type":"device","Zone":"a"},"Host":"web-1","Origin":"netlink","CreatedAt":1700000000000,"UpdatedAt":1700000002500,"Revision":3,"Stale":true}`
	evil = `{"ID":"93164aa4-2e89-5c96-b691-b2a5fbc0b7f6","Metadata":{"Name":"br\u001b[31m\u0007\u202eéß","Type":"bridge"},"Host":"web-1","Origin":"netlink","CreatedAt":0,"UpdatedAt":0,"Revision":2}`
	owns = `{"ID":"690bd3fe-f370-59e1-b9af-6d35bcec655b","Parent":"c5090a19-e955-5f08-802f-b3df7b79e98e","Child":"21ca1412-2580-5633-8ce6-30681cb24356","Metadata":{"RelationType":"ownership","Type":"x"},"Host":"web-1","Origin":"netlink","CreatedAt":1700000000000,"UpdatedAt":1700000000000,"Revision":2}`
)

// answers are the answers of the fake server: kind and body.
func answers() map[string][2]string {
	return map[string][2]string{
		"nodes":  {"nodes", "[" + host + "," + eth0 + "," + evil + "]"},
		"edges":  {"edges", "[" + owns + "]"},
		"graph":  {"graph", `{"Nodes":[` + host + "," + eth0 + `],"Edges":[` + owns + `]}`},
		"number": {"number", "3"},
		"float":  {"number", "2.5"},
		"values": {"values", `["eth0",1500,true,["a","b"],{"k":"v"},"esc\u001b"]`},
		"maps":   {"maps", `[{"Name":"eth0","MTU":1500,"IPV4":["10.0.0.1/24"]},{"Name":"lo","Deep":{"a":[{"b":1}]}}]`},
		"ways":   {"paths", "[[" + host + "," + owns + "," + eth0 + "],[" + eth0 + "," + owns + "]]"},
		"paths":  {"paths", "[[" + host + "," + eth0 + "," + evil + "]]"},
		"empty":  {"nodes", "[]"},

		"flows":   {"flows", "[" + webFlow + "," + arpFlow + "]"},
		"groups":  {"groups", `[{"00000000000000ff":[` + webFlow + `],"00000000000000fe":[` + dnsFlow + "," + echoFlow + `]}]`},
		"bytype":  {"groups", `[{"":[],"device":[` + eth0 + `],"host":[` + host + `]}]`},
		"edgesby": {"groups", `[{"ownership":[` + owns + `]}]`},
		"counts":  {"groups", `[{"device":1,"host":2.5}]`},
		"names":   {"groups", `[{"device":["eth0","a\u001b"],"host":[]}]`},
		"nexthop": {"groups", `[{"21ca1412-2580-5633-8ce6-30681cb24356":{"IP":"10.0.0.1","IfIndex":2}}]`},
		"metrics": {"metrics", `[{"c5090a19-e955-5f08-802f-b3df7b79e98e":[{"ABBytes":100,"BABytes":0,"Start":1700000000000,"Last":1700000010000},{"ABBytes":200,"BABytes":7,"Start":1700000010000,"Last":1700000020000}]}]`},
		"map":     {"map", `{"ABBytes":300,"BABytes":7}`},

		"pair": {"nodes", "[" + host + "," + eth0 + "," + eth0 + "]"},
		"yaml": {"values", `["plain text","",":","yes","1","1.5","a: b","a #b","-","é","x:","nan","[]",{},[],[[1,[2]],{"a":{"b":[{"c":1,"d":[]}]},"b c":null,"1":"x"}]]`},
	}
}

const explanation = `{"edges":21,"kind":"nodes","limit":"visited","memory":64,"ms":0.087,"nodes":22,"query":"G.V().Has('Name', 'eth7').In()","results":1,"revision":43,` +
	`"steps":[{"how":["index Name = 'eth7': 1 node"],"ms":0.035,"out":1,"step":"V().Has('Name', 'eth7')","visited":1},{"how":[],"in":1,"ms":12.5,"out":300,"step":"In()","visited":4000}],"visited":4001}`

func fake(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/-/ready":
		case "/api/v1/status":
			io.WriteString(w, `{"version":"v0.1.0","revision":12,"nodes":3,"edges":2,"log":{"records":4,"errors":0},"queries":{"running":0}}`)
		case "/api/v1/changes":
			fakeChanges(t, w, r)
		case "/api/v1/diff", "/api/v1/digest", "/api/v1/history/" + eth0ID, "/api/v1/history/" + hostID:
			fakePast(t, w, r)
		case "/api/v1/flows", "/api/v1/flows/top", "/api/v1/flows/series":
			fakeFlows(t, w, r)
		case "/api/v1/query":
			var q struct {
				Gremlin, At      string
				Partial, Explain bool
				Limits           struct {
					Timeout          string
					Visited, Results int
				}
			}
			if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
				t.Error(err)
			}
			if q.Explain {
				w.Header().Set("X-Skein-Kind", "explanation")
				io.WriteString(w, explanation)
				return
			}
			if q.Partial {
				w.Header().Set("X-Skein-Limit", "results")
			}
			name := strings.TrimSuffix(strings.TrimPrefix(q.Gremlin, "G."), "()")
			if a, ok := answers()[name]; ok {
				if r.Header.Get("Accept") == "text/vnd.graphviz" {
					w.Header().Set("Content-Type", "text/vnd.graphviz")
					io.WriteString(w, "digraph {}\n")
					return
				}
				w.Header().Set("X-Skein-Kind", a[0])
				switch r.Header.Get("Accept") {
				case "text/csv":
					w.Header().Set("Content-Type", "text/csv")
					io.WriteString(w, "ID,Name\n1,\"br\x1b[31m, \n\"\n")
					return
				case "application/x-ndjson":
					w.Header().Set("Content-Type", "application/x-ndjson")
					w.Header().Set("Trailer", "X-Skein-Error")
					io.WriteString(w, host+"\n"+evil+"\n")
					if name == "edges" {
						io.WriteString(w, `{"error":{"code":"limit","message":"query stopped by its visited limit"}}`+"\n")
						w.Header().Set("X-Skein-Error", "limit")
					}
					return
				}
				io.WriteString(w, a[1])
				return
			}
			if name == "limits" {
				fmt.Fprintf(w, "%q", fmt.Sprint(q.Limits))
				return
			}
			if name == "at" {
				fmt.Fprintf(w, "%q", q.At)
				return
			}
			if name == "auth" {
				fmt.Fprintf(w, "%q", r.Header.Get("Authorization"))
				return
			}
			w.WriteHeader(400)
			at := strings.Index(q.Gremlin, "X")
			line := 1 + strings.Count(q.Gremlin[:at], "\n")
			column := at - strings.LastIndexByte(q.Gremlin[:at], '\n')
			fmt.Fprintf(w, `{"error":{"code":"syntax","message":"line %d, column %d: there is no step X","position":{"offset":%d,"line":%d,"column":%d}}}`,
				line, column, at, line, column)
		default:
			w.WriteHeader(404)
			io.WriteString(w, `{"error":{"code":"not_found","message":"no such endpoint"}}`)
		}
	}
}

// call runs the command and returns what it left, as one text.
func call(t *testing.T, env map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs proctest.Buffer
	code = run(t.Context(), args, environment{
		Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs,
		Getenv: func(k string) string { return env[k] },
	})
	return code, out.String(), errs.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestGolden(t *testing.T) {
	s := httptest.NewServer(fake(t))
	defer s.Close()
	env := map[string]string{"SKEIN_SERVER": s.URL}
	deep := "G.V()" + strings.Repeat(".Out()", 30) + ".X()" + strings.Repeat(".In()", 30)
	for name, c := range map[string]struct {
		args  []string
		stdin string
		code  int
	}{
		"nodes":         {args: []string{"query", "G.nodes()"}},
		"edges":         {args: []string{"query", "G.edges()"}},
		"graph":         {args: []string{"query", "G.graph()"}},
		"number":        {args: []string{"query", "G.number()"}},
		"float":         {args: []string{"query", "G.float()", "-o", "table"}},
		"values":        {args: []string{"query", "G.values()"}},
		"maps":          {args: []string{"query", "G.maps()"}},
		"paths":         {args: []string{"query", "G.paths()"}},
		"empty":         {args: []string{"query", "G.empty()"}},
		"nodes-json":    {args: []string{"query", "G.nodes()", "-o", "json"}},
		"graph-yaml":    {args: []string{"query", "G.graph()", "-o", "yaml"}},
		"values-yaml":   {args: []string{"query", "G.yaml()", "-oyaml"}},
		"number-yaml":   {args: []string{"query", "G.number()", "-o=yaml"}},
		"empty-yaml":    {args: []string{"query", "G.empty()", "-o=yaml"}},
		"dot":           {args: []string{"query", "G.graph()", "-o", "dot"}},
		"csv":           {args: []string{"query", "G.nodes()", "--format", "csv"}},
		"ndjson":        {args: []string{"query", "G.nodes()", "--format=ndjson"}},
		"ndjson-failed": {args: []string{"query", "G.edges()", "-o", "ndjson"}, code: exitFailed},
		"format-table":  {args: []string{"query", "G.number()", "--format", "table"}},
		"partial":       {args: []string{"query", "G.values()", "--partial"}},
		"partial-csv":   {args: []string{"query", "G.values()", "--partial", "-o", "csv"}},
		"partial-lines": {args: []string{"query", "G.values()", "--partial", "-o", "ndjson"}},
		"explain":       {args: []string{"query", "G.nodes()", "--explain"}},
		"explain-json":  {args: []string{"query", "G.nodes()", "--explain", "-o", "json"}},
		"explain-csv":   {args: []string{"query", "G.nodes()", "--explain", "-o", "csv"}, code: exitUsage},
		"limits":        {args: []string{"query", "G.limits()", "--timeout", "5s", "--max-visited", "7", "--max-results=3"}},
		"ways":          {args: []string{"query", "G.ways()"}},
		"stdin":         {args: []string{"query", "-"}, stdin: "G.number()\r\n"},
		"syntax":        {args: []string{"query", "G.V().X()"}, code: exitFailed},
		"syntax-lines":  {args: []string{"query", "-"}, stdin: "G.V()\n\t.Ünï('\x1b').X()\n.Y()\n", code: exitFailed},
		"syntax-long":   {args: []string{"query", deep}, code: exitFailed},
		"status":        {args: []string{"status"}},
		"status-json":   {args: []string{"status", "-o", "json"}},
		"status-yaml":   {args: []string{"status", "-o", "yaml"}},
		"no-expression": {args: []string{"query"}, code: exitUsage},
		"two":           {args: []string{"query", "G.V()", ".Out()"}, code: exitUsage},
		"bad-format":    {args: []string{"query", "G", "-o", "xml"}, code: exitUsage},
		"bad-flag":      {args: []string{"watch", "--no"}, code: exitUsage},
		"bad-command":   {args: []string{"querry"}, code: exitUsage},
		"bad-server":    {args: []string{"status", "-s", "localhost"}, code: exitUsage},
		"bad-timeout":   {args: []string{"status", "--timeout", "0"}, code: exitUsage},
		"extra":         {args: []string{"status", "x"}, code: exitUsage},
		"help":          {args: []string{"--help"}},
		"help-query":    {args: []string{"query", "--help"}},
		"help-watch":    {args: []string{"watch", "--help"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, c.stdin, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if strings.ContainsAny(stdout+stderr, "\x1b\x07") {
				t.Error("a control character reached the terminal")
			}
			golden(t, name, stdout+sep(stderr))
		})
	}
}

func sep(stderr string) string {
	if stderr == "" {
		return ""
	}
	return "--- standard error\n" + stderr
}

func TestPlainYAML(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "eth0": true, "k8s.pod": true, "a b": true, "UP": true, "10": false, "1a": false, "": false, "yes": false, "NO": false,
		"Null": false, "a: b": false, "a #b": false, "a ": false, " a": false, "a:": false, "é": false, "a\n": false, "inf": false, "NaN": false,
		"-a": false, "e5": true, "a  b": false, "x{": false, "~": false,
	} {
		if got := plainYAML(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestTokens(t *testing.T) {
	s := httptest.NewServer(fake(t))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]struct {
		env  string
		args []string
	}{
		"":                 {},
		"Bearer from-env":  {env: "from-env"},
		"Bearer from-file": {env: "from-env", args: []string{"--token-file", file}},
	} {
		code, out, errs := call(t, map[string]string{"SKEIN_TOKEN": c.env}, "", append([]string{"query", "G.auth()", "-o", "json", "--server", s.URL}, c.args...)...)
		if code != exitOK || strings.TrimSpace(out) != fmt.Sprintf("%q", want) {
			t.Errorf("want %q, got %d %s %s", want, code, out, errs)
		}
	}
	for _, args := range [][]string{{"status", "--token-file", file + "x"}, {"status", "--ca-file", file}} {
		if code, _, errs := call(t, nil, "", args...); code != exitFailed || errs == "" {
			t.Errorf("%q: %d %s", args, code, errs)
		}
	}
	if code, _, errs := call(t, map[string]string{"SKEIN_TOKEN": "a\nb"}, "", "status"); code != exitFailed || strings.Contains(errs, "a\nb") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestServerDown(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	url := s.URL
	s.Close()
	for _, args := range [][]string{{"status"}, {"watch"}, {"query", "G"}} {
		code, out, errs := call(t, nil, "", append(args, "--server", url)...)
		if code != exitFailed || out != "" || !strings.Contains(errs, "refused\nIs topologyd running there?") || strings.Count(errs, "\n") != 2 {
			t.Errorf("%q: %d %q %q", args, code, out, errs)
		}
	}
}

func TestNotReady(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(503)
		io.WriteString(w, "not ready: replaying the log\n")
	}))
	defer s.Close()
	code, _, errs := call(t, nil, "", "status", "--server", s.URL)
	if want := "topologyctl: the server runs, but is not ready: replaying the log\n"; code != exitFailed || errs != want {
		t.Errorf("%d %q", code, errs)
	}
}

func TestVersionAndCompletion(t *testing.T) {
	if code, out, _ := call(t, nil, "", "version"); code != exitOK || !strings.HasPrefix(out, "topologyctl ") {
		t.Errorf("%d %q", code, out)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, out, _ := call(t, nil, "", "completion", shell); code != exitOK || !strings.Contains(out, "topologyctl") {
			t.Errorf("%s: %d", shell, code)
		}
	}
	if _, out, _ := call(t, nil, "", "__complete", "query", "-o", ""); !strings.HasPrefix(out, "table\njson\nyaml\ndot\nndjson\ncsv\n") {
		t.Errorf("completion of -o: %q", out)
	}
}

// TestWatch plays a watch with a break that resumes and one that does not.
func TestWatch(t *testing.T) {
	change := func(op string, revision int, what, element string) string {
		return fmt.Sprintf(`{"type":"changes","revision":%d,"changes":[{"op":%q,"revision":%d,"at":1700000003000,%q:%s}]}`, revision, op, revision, what, element)
	}
	plays := [][]string{
		{
			`{"type":"snapshot","revision":2,"nodes":[` + host + `],"edges":[],"more":true}`,
			`{"type":"snapshot","revision":2,"nodes":[` + eth0 + `],"edges":[` + owns + `],"more":false}`,
			change("node_added", 3, "node", evil),
			change("node_updated", 4, "node", down),
		},
		{
			change("edge_deleted", 5, "edge", owns),
			change("node_deleted", 6, "node", down),
			`{"type":"ping"}`,
			change("edge_added", 7, "edge", owns),
			change("edge_updated", 8, "edge", owns),
			change("something_new", 9, "node", host),
		},
		{
			`{"type":"snapshot","revision":20,"nodes":[` + host + `],"edges":[],"more":false}`,
			change("node_updated", 21, "node", eth0),
		},
	}
	for name, args := range map[string][]string{
		"watch":          {"watch"},
		"watch-json":     {"watch", "-o", "json"},
		"watch-snapshot": {"watch", "--snapshot"},
		"watch-from":     {"watch", "--from", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var mu sync.Mutex
			n := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				i := n
				n++
				mu.Unlock()
				want := []string{map[bool]string{true: "1"}[name == "watch-from"], "4", "9", "21"}[min(i, 3)]
				if from := r.URL.Query().Get("from"); from != want {
					t.Errorf("connection %d asks from %q, not %q", i, from, want)
				}
				c, err := websocket.Accept(w, r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.CloseNow()
				if i >= len(plays) {
					cancel() // as if interrupted
					_, _, _ = c.Read(r.Context())
					return
				}
				for _, m := range plays[i] {
					if err := c.Write(r.Context(), websocket.MessageText, []byte(m)); err != nil {
						t.Error(err)
					}
				}
				c.Close(websocket.StatusGoingAway, "the daemon is stopping")
			}))
			defer s.Close()
			var out, errs proctest.Buffer
			code := run(ctx, append(args, "--server", s.URL), environment{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }})
			if code != exitOK {
				t.Errorf("exit code %d", code)
			}
			said := strings.ReplaceAll(errs.String(), s.URL, "SERVER")
			var lines []string
			for _, l := range strings.SplitAfter(said, "\n") {
				if head, _, ok := strings.Cut(l, "; trying again in "); ok {
					l = head + "; trying again\n"
				}
				lines = append(lines, l)
			}
			golden(t, name, out.String()+sep(strings.Join(lines, "")))
		})
	}
}

func TestSmallThings(t *testing.T) {
	var w bytes.Buffer
	tb := table{header: []string{"A", "B"}}
	tb.write(&w)
	if w.Len() != 0 {
		t.Errorf("an empty table is %q", w.String())
	}
	if s := cell(entity.Value{}); s != "" {
		t.Errorf("no value is %q", s)
	}
	if s := string(printableJSON([]byte("\"a\u0085\u202e\x7fé\uFFFD\U0001F9F6\""))); s != `"a\u0085\u202e\u007fé`+"\uFFFD\U0001F9F6"+`"` {
		t.Errorf("got %s", s)
	}
	if s := at(0) + at(time.Unix(1, 0).UnixMilli()); s != "1970-01-01T00:00:01Z" {
		t.Errorf("got %q", s)
	}
}
