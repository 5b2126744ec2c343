package daemon

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/authfile"
	"github.com/skein-net/skein/topologyd/config"
)

// who are those who ask in these tests: each has a token, apart from none.
var who = []string{"none", "host", "viewer", "viewer+packets", "operator", "admin", "admin+packets"}

// tokens are what they prove it with; writeAuth makes a file of them.
type tokens map[string]string

func newTokens() tokens {
	t := make(tokens)
	for _, name := range who[1:] {
		t[name] = authfile.NewToken()
	}
	return t
}

// write writes the file of those that are named, all when none is.
func (ts tokens) write(t testing.TB, path string, names ...string) {
	t.Helper()
	if len(names) == 0 {
		names = who[1:]
	}
	var b strings.Builder
	b.WriteString("tokens:\n")
	for _, name := range names {
		role, _, packets := strings.Cut(name, "+")
		fmt.Fprintf(&b, "  - {name: %q, sha256: %s, roles: [%s], packets: %v", name, authfile.Hash(ts[name]), role, packets)
		if role == string(auth.Host) {
			b.WriteString(", hosts: [h]")
		}
		b.WriteString("}\n")
	}
	if err := os.WriteFile(path+".new", []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// guarded is the configuration of a daemon that asks who sends requests.
func guarded(t testing.TB) (config.Config, tokens) {
	t.Helper()
	dir := t.TempDir()
	cfg, ts := testConfig(filepath.Join(dir, "data")), newTokens()
	cfg.Security.AuthFile = filepath.Join(dir, "auth.yaml")
	ts.write(t, cfg.Security.AuthFile)
	return cfg, ts
}

// as sends a request of one of those who ask and returns the beginning of the answer.
func (b *bench) as(ts tokens, name, method, path, body string) (*http.Response, string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if ts[name] != "" {
		req.Header.Set("Authorization", "Bearer "+ts[name])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode == http.StatusOK && (strings.HasSuffix(path, "/watch") || strings.HasSuffix(path, "/follow")) {
		return resp, "" // it does not end
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(answer)
}

// needed is what each endpoint asks for. A new one needs a row here: think about who
// may ask it, and about what it hands out beside what its name says.
var needed = map[string]auth.Permission{
	"GET /-/healthy":     auth.Public,
	"GET /-/ready":       auth.Public,
	"GET /ping":          auth.Public,
	"GET /health":        auth.Public,
	"GET /api/v2/health": auth.Public,

	"GET /":                              auth.Read,
	"GET /openapi.yaml":                  auth.Read,
	"GET /metrics":                       auth.Read,
	"GET /api/v1/status":                 auth.Read,
	"GET /api/v1/query":                  auth.Read,
	"POST /api/v1/query":                 auth.Read,
	"POST /api/v1/complete":              auth.Read,
	"POST /api/v1/check":                 auth.Read,
	"GET /api/v1/steps":                  auth.Read,
	"GET /api/v1/history/{id}":           auth.Read,
	"GET /api/v1/diff":                   auth.Read,
	"GET /api/v1/changes":                auth.Read,
	"POST /api/v1/topology":              auth.Read,
	"GET /api/v1/digest":                 auth.Read,
	"GET /api/v1/watch":                  auth.Read,
	"GET /api/v1/explain/edge/{id}":      auth.Read,
	"GET /api/v1/explain/node/{id}":      auth.Read,
	"GET /api/v1/flows":                  auth.Read,
	"POST /api/v1/flows":                 auth.Read,
	"GET /api/v1/flows/top":              auth.Read,
	"GET /api/v1/flows/series":           auth.Read,
	"GET /api/v1/flows/hops":             auth.Read,
	"GET /api/v1/flows/follow":           auth.Read,
	"GET /api/v1/captures/{id}/nodes":    auth.Read,
	"GET /api/v1/hosts":                  auth.Read,
	"GET /api/v1/hosts/{id}":             auth.Read,
	"GET /api/v1/joins/table":            auth.Read,
	"POST /api/v1/joins/check":           auth.Read,
	"GET /api/v1/alerts/active":          auth.Read,
	"GET /api/v1/alerts/rules":           auth.Read,
	"POST /api/v1/alerts/check":          auth.Read,
	"GET /api/v1/hosts/{id}/assignments": auth.Follow,
	"GET /api/v1/captures/{id}/packets":  auth.Payload,
	"GET /api/v1/audit":                  auth.Administer,

	"POST /api/v2/write": auth.Report,
	"POST /v1/logs":      auth.Report,
	"POST /v1/metrics":   auth.Report,
}

func init() { //nolint:gochecknoinits // rows that are alike, of a test
	for _, kind := range []string{"node-rules", "edge-rules", "fabric", "captures", "joins", "alerts"} {
		path := "/api/v1/" + kind
		needed["GET "+path], needed["GET "+path+"/{id}"] = auth.Read, auth.Read
		needed["POST "+path], needed["PUT "+path+"/{id}"], needed["DELETE "+path+"/{id}"] = auth.Define, auth.Define, auth.Define
	}
}

// granted says who is let in: the same order as who.
var granted = map[auth.Permission][]bool{
	auth.Public:     {true, true, true, true, true, true, true},
	auth.Read:       {false, false, true, true, true, true, true},
	auth.Define:     {false, false, false, false, true, true, true},
	auth.Report:     {false, true, false, false, false, true, true},
	auth.Follow:     {false, true, false, false, false, true, true},
	auth.Payload:    {false, false, false, true, false, false, true},
	auth.Administer: {false, false, false, false, false, true, true},
}

// TestAccess asks every endpoint of the daemon as everybody.
func TestAccess(t *testing.T) {
	cfg, ts := guarded(t)
	b := start(t, cfg)
	seen := make(map[string]bool)
	for _, r := range b.d.routes {
		path := strings.TrimSuffix(r.Path, "{$}")
		route := r.Method + " " + path
		seen[route] = true
		needs, known := needed[route]
		if !known {
			t.Errorf("%s: who may ask it is not in the table of this test", route)
			continue
		}
		if r.Needs != needs {
			t.Errorf("%s needs %v, want %v", route, r.Needs, needs)
		}
		for i, name := range who {
			resp, answer := b.as(ts, name, r.Method, strings.ReplaceAll(path, "{id}", "h"), "")
			challenge := resp.Header.Get("WWW-Authenticate")
			switch denied := strings.Contains(answer, "may not do this"); {
			case name == "none" && needs != auth.Public:
				if resp.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(challenge, "Bearer") || !strings.Contains(answer, `"unauthenticated"`) {
					t.Errorf("%s as %s: %d %q %s", route, name, resp.StatusCode, challenge, answer)
				}
			case granted[needs][i] && (resp.StatusCode == http.StatusUnauthorized || denied):
				t.Errorf("%s as %s was refused: %d %s", route, name, resp.StatusCode, answer)
			case !granted[needs][i] && (resp.StatusCode != http.StatusForbidden || !denied || !strings.Contains(answer, `"forbidden"`)):
				t.Errorf("%s as %s was let in: %d %s", route, name, resp.StatusCode, answer)
			}
			if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("X-Frame-Options") != "DENY" ||
				!strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%s as %s: headers %v", route, name, resp.Header)
			}
			if needs != auth.Public && !strings.Contains(resp.Header.Get("Cache-Control"), "no-store") {
				t.Errorf("%s as %s may be kept in caches: %q", route, name, resp.Header.Get("Cache-Control"))
			}
		}
	}
	for route := range needed {
		if !seen[route] {
			t.Errorf("%s is in the table of this test, and no endpoint", route)
		}
	}
	resp, answer := b.as(ts, "viewer", http.MethodPost, "/api/v1/query", `{"gremlin":"G.V().Count()"}`)
	if resp.StatusCode != 200 || answer != "0\n" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a query: %d %v %q", resp.StatusCode, resp.Header, answer)
	}
	if resp, _ := b.as(ts, "none", http.MethodGet, "/nowhere", ""); resp.StatusCode != http.StatusNotFound || resp.Header.Get("X-Frame-Options") == "" {
		t.Errorf("no endpoint: %d %v", resp.StatusCode, resp.Header)
	}
}

// TestWrongProof sends what proves nothing.
func TestWrongProof(t *testing.T) {
	cfg, ts := guarded(t)
	b := start(t, cfg)
	for name, header := range map[string][]string{
		"another token": {"Bearer " + authfile.NewToken()},
		"no scheme":     {ts["admin"]},
		"basic":         {"Basic YWRtaW46YWRtaW4="},
		"empty":         {"Bearer "},
		"two":           {"Bearer " + ts["admin"], "Bearer " + ts["viewer"]},
		"the hash":      {"Bearer " + authfile.Hash(ts["admin"])},
		"a JWT, none":   {"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."},
		"long":          {"Bearer " + strings.Repeat("x", 60<<10)},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/api/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Authorization"] = header
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		if resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(resp.Header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%s: %d %v %s", name, resp.StatusCode, resp.Header, answer)
		}
	}
}

// TestAccessTable keeps docs/security.md equal to what the endpoints need.
func TestAccessTable(t *testing.T) {
	d, err := New(testConfig(t.TempDir()), slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.hub.Stop)
	const path, begin, end = "../../docs/security.md", "<!-- begin: endpoints -->\n", "<!-- end: endpoints -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), begin)
	old, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", path)
	}
	table := accessTable(d.routes)
	if old == table {
		return
	}
	if !*updateReference {
		t.Fatalf("%s does not hold this table; write it with: go test -run TestAccessTable ./topologyd/daemon -update\n%s", path, table)
	}
	if err := os.WriteFile(path, []byte(head+begin+table+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// accessTable says who may ask what: a row for each path and permission.
func accessTable(routes []httpx.Route) string {
	type row struct {
		path  string
		needs auth.Permission
	}
	methods := make(map[row][]string)
	for _, r := range routes {
		x := row{strings.TrimSuffix(r.Path, "{$}"), r.Needs}
		methods[x] = append(methods[x], "`"+r.Method+"`")
	}
	rows := slices.SortedFunc(maps.Keys(methods), func(a, b row) int {
		return cmp.Or(strings.Compare(a.path, b.path), cmp.Compare(a.needs, b.needs))
	})
	var b strings.Builder
	b.WriteString("| endpoint | method | needs | roles |\n|---|---|---|---|\n")
	for _, x := range rows {
		var roles []string
		for _, r := range auth.Roles() {
			if r.Grants(x.needs) {
				roles = append(roles, string(r))
			}
		}
		who := strings.Join(roles, ", ")
		switch x.needs {
		case auth.Public:
			who = "everybody"
		case auth.Payload:
			who = "viewer, operator, admin, with `packets: true`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", x.path, strings.Join(methods[x], ", "), x.needs, who)
	}
	b.WriteString("| OTLP over gRPC | | report | host, admin |\n")
	return b.String()
}
