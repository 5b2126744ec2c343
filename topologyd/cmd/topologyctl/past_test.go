package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

const (
	hostID = "c5090a19-e955-5f08-802f-b3df7b79e98e"
	eth0ID = "21ca1412-2580-5633-8ce6-30681cb24356"
)

// fakePast answers what is asked of the past.
func fakePast(t *testing.T, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	const moments = `"from":{"time":"2023-11-14T22:13:20Z","revision":2},"to":{"time":"2023-11-14T22:13:25.5Z","revision":9}`
	switch {
	case q.Get("from") == "-9d" || q.Get("from") == "-9h":
		w.WriteHeader(http.StatusGone)
		io.WriteString(w, `{"error":{"code":"gone","message":"the past is kept from 2023-11-14T22:13:20Z on; ask about that time or a later one","oldest":"2023-11-14T22:13:20Z"}}`)
	case strings.HasSuffix(r.URL.Path, "/digest"):
		io.WriteString(w, `{"revision":12,"record":3,"digest":"0123abcd"}`)
	case strings.HasSuffix(r.URL.Path, hostID):
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"error":{"code":"not_found","message":"nothing is known of `+hostID+`"}}`)
	case strings.Contains(r.URL.Path, "/history/"):
		if got := r.URL.RawQuery; got != "limit=100" && got != "from=-1h&limit=2&to=NOW" {
			t.Errorf("parameters %s", got)
		}
		io.WriteString(w, `{"id":"`+eth0ID+`","from":"2023-11-14T22:13:20Z","to":"2023-11-14T22:13:25Z","more":`+map[bool]string{true: "true", false: "false"}[q.Get("limit") == "2"]+`,"revisions":[
{"op":"node_added","revision":2,"from":"2023-11-14T22:13:20Z","to":"2023-11-14T22:13:22.5Z","logged":"2023-11-14T22:13:20.1Z","node":`+eth0+`},
{"op":"node_updated","revision":8,"from":"2023-11-14T22:13:22.5Z","to":"2023-11-14T22:13:24Z","logged":"2023-11-14T23:00:00Z","node":`+down+`,"keys":[{"key":"IPV4","old":["10.0.0.1/24","10.0.1.1/24"]},{"key":"MTU","old":1500,"new":9000},{"key":"State","old":"UP","new":"DOWN"},{"key":"Zone","new":"a\u001b"}]},
{"op":"node_deleted","revision":9,"from":"2023-11-14T22:13:24Z","logged":"2023-11-14T22:13:24Z","node":`+down+`}]}`)
	case q.Get("gremlin") == "G.V().Count()":
		io.WriteString(w, `{`+moments+`,"summary":{"nodes":{"added":0,"removed":0,"changed":0},"edges":{"added":0,"removed":0,"changed":0}},"nodes":[],"edges":[],"number":{"old":3,"new":4}}`)
	case q.Get("gremlin") == "G.V().X()":
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":{"code":"syntax","message":"line 1, column 7: there is no step X","position":{"offset":6,"line":1,"column":7}}}`)
	default:
		if got := r.URL.RawQuery; got != "from=-1h" && got != "from=-1h&keys=MTU%2C-State&to=NOW" {
			t.Errorf("parameters %s", got)
		}
		io.WriteString(w, `{`+moments+`,"summary":{"nodes":{"added":1,"removed":0,"changed":1},"edges":{"added":0,"removed":1,"changed":0}},
"nodes":[{"op":"added","node":`+evil+`},{"op":"changed","node":`+down+`,"keys":[{"key":"MTU","old":1500,"new":9000},{"key":"Alias","new":"none"}]}],
"edges":[{"op":"removed","edge":`+owns+`,"parent":{"Name":"web-1","Type":"host","Host":"web-1"}}],
"values":[{"op":"removed","value":"x","count":1},{"op":"added","value":[1,"y"],"count":2}]}`)
	}
}

func TestGoldenPast(t *testing.T) {
	s := httptest.NewServer(fake(t))
	defer s.Close()
	env := map[string]string{"SKEIN_SERVER": s.URL}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"diff":               {args: []string{"diff", "-1h"}},
		"diff-json":          {args: []string{"diff", "-1h", "NOW", "--keys", "MTU,-State", "-o", "json"}},
		"diff-yaml":          {args: []string{"diff", "-o", "yaml", "-1h"}},
		"diff-number":        {args: []string{"diff", "2023-11-14 22:13:20", "-1m", "G.V().Count()"}},
		"diff-syntax":        {args: []string{"diff", "-1h", "G.V().X()"}, code: exitFailed},
		"diff-gone":          {args: []string{"diff", "-9d"}, code: exitFailed},
		"diff-no-time":       {args: []string{"diff"}, code: exitUsage},
		"diff-query-only":    {args: []string{"diff", "G"}, code: exitUsage},
		"diff-more":          {args: []string{"diff", "-1h", "NOW", "G", "G"}, code: exitUsage},
		"diff-color":         {args: []string{"diff", "-1h", "--color", "sometimes"}, code: exitUsage},
		"history":            {args: []string{"history", eth0ID}},
		"history-limit":      {args: []string{"history", eth0ID, "--from", "-1h", "--to=NOW", "--limit", "2"}},
		"history-json":       {args: []string{"history", eth0ID, "-o", "json"}},
		"history-query":      {args: []string{"history", "G.pair()"}},
		"history-query-yaml": {args: []string{"history", "G.pair()", "-o", "yaml"}},
		"history-empty":      {args: []string{"history", "G.empty()"}},
		"history-values":     {args: []string{"history", "G.values()"}, code: exitFailed},
		"history-syntax":     {args: []string{"history", "G.V().X()"}, code: exitFailed},
		"history-unknown":    {args: []string{"history", hostID}, code: exitFailed},
		"history-what":       {args: []string{"history", "eth0"}, code: exitUsage},
		"history-none":       {args: []string{"history"}, code: exitUsage},
		"query-at":           {args: []string{"query", "G.at()", "--at", "-1h30m"}},
		"digest":             {args: []string{"digest"}},
		"digest-json":        {args: []string{"digest", "-o", "json"}},
		"watch-both":         {args: []string{"watch", "--from", "3", "--since", "-1h"}, code: exitUsage},
		"help-diff":          {args: []string{"diff", "--help"}},
		"help-history":       {args: []string{"history", "--help"}},
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

// Colours are for terminals and for who asks for them.
func TestColor(t *testing.T) {
	s := httptest.NewServer(fake(t))
	defer s.Close()
	env := map[string]string{"SKEIN_SERVER": s.URL}
	code, stdout, _ := call(t, env, "", "diff", "-1h", "--color=always")
	if code != exitOK || !strings.Contains(stdout, "\x1b[33m~ node eth0 (device) on web-1\x1b[0m\n") || !strings.Contains(stdout, "\x1b[31m1500\x1b[0m -> \x1b[32m9000\x1b[0m") {
		t.Errorf("%d %q", code, stdout)
	}
	if strings.Contains(stdout, "br\x1b") {
		t.Errorf("a name reached the terminal: %q", stdout)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()               //nolint:errcheck // the end of the test
	null, err := os.Open(os.DevNull) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close() //nolint:errcheck // the end of the test
	for _, c := range []struct {
		out   io.Writer
		env   map[string]string
		color string
		want  bool
	}{
		{file, nil, "auto", false},
		{&strings.Builder{}, nil, "auto", false},
		{null, nil, "auto", true},
		{null, nil, "never", false},
		{null, map[string]string{"NO_COLOR": "1"}, "auto", false},
		{null, map[string]string{"TERM": "dumb"}, "auto", false},
		{file, map[string]string{"NO_COLOR": "1"}, "always", true},
	} {
		a := &app{env: environment{Stdout: c.out, Getenv: func(k string) string { return c.env[k] }}}
		if got := a.paint(c.color) != nil; got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestDiffArgs(t *testing.T) {
	for text, want := range map[string]client.DiffQuery{
		"-1h":                   {From: "-1h"},
		"-1h|G":                 {From: "-1h", Gremlin: "G"},
		"-1h|-5m":               {From: "-1h", To: "-5m"},
		"-1h|-5m|G.V()":         {From: "-1h", To: "-5m", Gremlin: "G.V()"},
		" -1h|NOW| G.E() ":      {From: "-1h", To: "NOW", Gremlin: "G.E()"},
		"2026-03-01 12:00:00|G": {From: "2026-03-01 12:00:00", Gremlin: "G"},
	} {
		var q client.DiffQuery
		if err := diffArgs(&q, strings.Split(text, "|")); err != nil || q != want {
			t.Errorf("%s: %+v %v", text, q, err)
		}
	}
	for _, text := range []string{"G", "-1h|NOW|-5m", "-1h|G|NOW"} {
		if err := diffArgs(&client.DiffQuery{}, strings.Split(text, "|")); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func TestWatchSince(t *testing.T) {
	got := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.URL.RawQuery
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow() //nolint:errcheck // the end of the test
		for _, m := range []string{
			`{"type":"snapshot","revision":2,"nodes":[` + host + `,` + eth0 + `],"edges":[],"more":false}`,
			`{"type":"changes","revision":3,"changes":[{"op":"node_updated","revision":3,"at":1700000002500,"node":` + down + `}]}`,
		} {
			if err := c.Write(r.Context(), websocket.MessageText, []byte(m)); err != nil {
				t.Error(err)
			}
		}
		_, _, _ = c.Read(r.Context())
	}))
	defer s.Close()
	var out, errs proctest.Buffer
	env := environment{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		for !strings.Contains(out.String(), "\n") && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if code := run(ctx, []string{"watch", "--since", "-1h", "-s", s.URL}, env); code != exitOK {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if q := <-got; q != "since=-1h" {
		t.Errorf("asked %s", q)
	}
	if text := out.String(); !strings.HasPrefix(text, "2023-11-14T22:13:22.500Z ~ node eth0 (device) on web-1: IPV4") || !strings.Contains(errs.String(), "watching from revision 2") {
		t.Errorf("%s\n%s", text, errs.String())
	}
}
