package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skein-net/skein/topologyd/client"
)

// fakeTopology answers by the query of the request.
func fakeTopology(t *testing.T) http.HandlerFunc {
	const (
		head  = `{"revision":12,"time":"2023-11-14T22:13:25Z","levels":["host","namespace","type"],"depth":1,`
		nodes = `"nodes":[
{"id":"c5090a19-e955-5f08-802f-b3df7b79e98e","node":` + host + `,"path":"host=web-1/namespace=x/type=host","parent":"","host":"web-1"},
{"id":"21ca1412-2580-5633-8ce6-30681cb24356","node":` + eth0 + `,"path":"host=web-1/namespace=x/type=device","parent":"c5090a19-e955-5f08-802f-b3df7b79e98e","host":"web-1","rate":{"rx":1234567.5,"tx":12}},
{"id":"host=web-1/namespace=y","group":{"level":"namespace","value":"y","label":"red","nodes":5,"edges":4,"types":[{"type":"veth","count":4},{"type":"","count":1}],"up":3,"down":1,"stale":2,"added":0,"removed":0,"changed":0,"expandable":true},"path":"host=web-1/namespace=y","parent":"c5090a19-e955-5f08-802f-b3df7b79e98e","host":"web-1"},
{"id":"others","group":{"level":"others","value":"","label":"others","nodes":7,"edges":6,"types":[{"type":"host","count":7}],"up":0,"down":0,"stale":0,"added":0,"removed":0,"changed":0,"expandable":false},"path":"others","parent":"","host":""}],
"edges":[
{"id":"690bd3fe-f370-59e1-b9af-6d35bcec655b","source":"c5090a19-e955-5f08-802f-b3df7b79e98e","target":"21ca1412-2580-5633-8ce6-30681cb24356","type":"ownership","count":1,"edge":` + owns + `,"stale":false},
{"id":"00000000-0000-5000-8000-000000000001","source":"21ca1412-2580-5633-8ce6-30681cb24356","target":"host=web-1/namespace=y","type":"layer2","count":3,"stale":false,"rate":999.6}]}`
	)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/api/v1/topology" || r.Method != http.MethodPost {
			t.Errorf("%s %s %v", r.Method, r.URL.Path, err)
		}
		switch got := string(body); got {
		case `{"gremlin":"G"}`:
			io.WriteString(w, head+`"total":{"nodes":14,"edges":15},"grouped":{"nodes":5,"edges":4},"left_out":{"nodes":7,"edges":6},`+nodes)
		case `{"gremlin":"G.V()","at":"NOW","since":"-1h","group":["host","type"],"expand":["host=web-1","*"],"limit":9,"changes_only":true,"keys":"MTU"}`:
			io.WriteString(w, head+`"since":"2023-11-14T21:13:25Z","total":{"nodes":4,"edges":1},"grouped":{"nodes":2,"edges":0},"left_out":{"nodes":0,"edges":0},
"summary":{"nodes":{"added":1,"removed":1,"changed":1},"edges":{"added":0,"removed":1,"changed":0}},"nodes":[
{"id":"host=web-1","group":{"level":"host","value":"web-1","label":"web-1","nodes":2,"edges":0,"types":[{"type":"veth","count":2}],"up":0,"down":0,"stale":0,"added":0,"removed":1,"changed":0,"expandable":true},"path":"host=web-1","parent":"","host":"web-1"},
{"id":"21ca1412-2580-5633-8ce6-30681cb24356","node":`+down+`,"path":"host=web-1/type=device","parent":"host=web-1","host":"web-1","change":"changed","keys":[{"key":"MTU","old":1500,"new":9000},{"key":"Zone","new":"a"}]},
{"id":"93164aa4-2e89-5c96-b691-b2a5fbc0b7f6","node":`+evil+`,"path":"host=web-1/type=bridge","parent":"93164aa4-2e89-5c96-b691-b2a5fbc0b7f6","host":"web-1","change":"added"}],
"edges":[{"id":"690bd3fe-f370-59e1-b9af-6d35bcec655b","source":"21ca1412-2580-5633-8ce6-30681cb24356","target":"93164aa4-2e89-5c96-b691-b2a5fbc0b7f6","type":"layer2","count":1,"edge":`+owns+`,"stale":false,"change":"removed"}]}`)
		case `{"gremlin":"G.V().X()"}`:
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":{"code":"syntax","message":"line 1, column 7: there is no step X","position":{"offset":6,"line":1,"column":7}}}`)
		default:
			t.Errorf("asked %s", got)
		}
	}
}

func TestGoldenTopology(t *testing.T) {
	s := httptest.NewServer(fakeTopology(t))
	defer s.Close()
	env := map[string]string{"SKEIN_SERVER": s.URL}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"topology":        {args: []string{"topology"}},
		"topology-json":   {args: []string{"topology", "-o", "json"}},
		"topology-since":  {args: []string{"topology", "G.V()", "--at", "NOW", "--since", "-1h", "--group", "host,type", "--expand", "host=web-1,*", "--limit", "9", "--changes-only", "--keys", "MTU"}},
		"topology-syntax": {args: []string{"topology", "G.V().X()"}, code: exitFailed},
		"topology-two":    {args: []string{"topology", "G", "G"}, code: exitUsage},
		"help-topology":   {args: []string{"topology", "--help"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, "", c.args...)
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

func TestTopologyColor(t *testing.T) {
	s := httptest.NewServer(fakeTopology(t))
	defer s.Close()
	_, stdout, _ := call(t, map[string]string{"SKEIN_SERVER": s.URL}, "", "topology", "G.V()", "--at", "NOW", "--since", "-1h", "--group", "host,type",
		"--expand", "host=web-1", "--expand", "*", "--limit", "9", "--changes-only", "--keys", "MTU", "--color", "always")
	if !strings.Contains(stdout, "\x1b[33m~   eth0 (device) DOWN stale\x1b[0m\n") {
		t.Errorf("%q", stdout)
	}
}

func TestPerSecond(t *testing.T) {
	for bytes, want := range map[float64]string{0: "0 B/s", 999.4: "999 B/s", 999.5: "1.0 kB/s", 12345: "12.3 kB/s", 123456: "123 kB/s", 5e6: "5.0 MB/s", 1e16: "10000 TB/s"} {
		if got := perSecond(bytes); got != want {
			t.Errorf("%g: %s, want %s", bytes, got, want)
		}
	}
}

// The client's request has what was asked and nothing else.
func TestTopologyQueryBody(t *testing.T) {
	b, err := json.Marshal(client.TopologyQuery{Gremlin: "G", Limits: &client.Limits{Results: 3}})
	if err != nil || string(b) != `{"gremlin":"G","limits":{"results":3}}` {
		t.Errorf("%s %v", b, err)
	}
}
