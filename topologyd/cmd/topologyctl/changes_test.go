package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// fakeChanges answers what changed.
func fakeChanges(t *testing.T, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	const times = `{"from":"2023-11-14T22:13:20Z","to":"2023-11-14T22:14:20Z","more":`
	switch {
	case q.Get("from") == "-9d":
		w.WriteHeader(http.StatusGone)
		io.WriteString(w, `{"error":{"code":"gone","message":"the past is kept from 2023-11-14T22:13:20Z on; ask about that time or a later one","oldest":"2023-11-14T22:13:20Z"}}`)
	case q.Get("gremlin") == "G.V().X()":
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":{"code":"syntax","message":"line 1, column 7: there is no step X","position":{"offset":6,"line":1,"column":7}}}`)
	case q.Get("to") == "-30m":
		io.WriteString(w, times+`false,"changes":[]}`)
	default:
		if got := r.URL.RawQuery; got != "from=-1h&limit=100" && got != "from=-10m&gremlin=G.V%28%29&keys=State%2CMTU&limit=4&op=node_added%2Cedge_deleted%2Cnode_updated" {
			t.Errorf("parameters %s", got)
		}
		io.WriteString(w, times+map[bool]string{true: "true", false: "false"}[q.Get("limit") == "4"]+`,"changes":[
{"op":"node_added","revision":2,"time":"2023-11-14T22:13:20Z","logged":"2023-11-14T22:13:20.1Z","node":`+eth0+`},
{"op":"edge_added","revision":3,"time":"2023-11-14T22:13:20Z","logged":"2023-11-14T22:13:20.1Z","edge":`+owns+`,"parent":{"Name":"web-1","Type":"host","Host":"web-1"}},
{"op":"node_updated","revision":8,"time":"2023-11-14T22:13:22.5Z","logged":"2023-11-14T23:00:00Z","node":`+down+`,"keys":[{"key":"MTU","old":1500,"new":9000},{"key":"Zone","new":"a\u001b"},{"key":"State","old":"UP"}]},
{"op":"node_deleted","revision":9,"time":"2023-11-14T22:13:24Z","logged":"2023-11-14T22:13:24Z","node":`+evil+`}]}`)
	}
}

func TestGoldenChanges(t *testing.T) {
	s := httptest.NewServer(fake(t))
	defer s.Close()
	env := map[string]string{"SKEIN_SERVER": s.URL}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"changes": {args: []string{"changes"}},
		"changes-chosen": {args: []string{"changes", "G.V()", "--from", "-10m", "--keys", "State,MTU", "--limit", "4",
			"--op", "node_added,edge_deleted", "--op", "node_updated"}},
		"changes-json":   {args: []string{"changes", "-o", "json"}},
		"changes-none":   {args: []string{"changes", "--to", "-30m"}},
		"changes-gone":   {args: []string{"changes", "--from=-9d"}, code: exitFailed},
		"changes-syntax": {args: []string{"changes", "G.V().X()"}, code: exitFailed},
		"changes-limit":  {args: []string{"changes", "--limit", "0"}, code: exitUsage},
		"changes-extra":  {args: []string{"changes", "G", "G"}, code: exitUsage},
		"help-changes":   {args: []string{"help", "changes"}},
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
