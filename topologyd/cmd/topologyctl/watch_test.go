package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/proctest"
)

func TestWatchQuery(t *testing.T) {
	const query = "G.V().Has('Type', 'veth').Limit(3)"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	connections := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("gremlin"); got != query {
			t.Errorf("asked for %q", got)
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		if connections++; connections > 1 {
			if from := r.URL.Query().Get("from"); from != "5" {
				t.Errorf("goes on from %q", from)
			}
			cancel() // as if interrupted
			_, _, _ = c.Read(r.Context())
			return
		}
		for _, m := range []string{
			`{"type":"snapshot","revision":2,"followed":"global","nodes":[` + eth0 + `],"edges":[],"more":false}`,
			`{"type":"changes","revision":4,"changes":[{"op":"node_deleted","revision":3,"at":1700000003000,"node":` + eth0 + `},{"op":"node_added","revision":4,"at":1700000004000,"node":` + down + `}]}`,
			`{"type":"changes","revision":5,"changes":[]}`,
		} {
			if err := c.Write(r.Context(), websocket.MessageText, []byte(m)); err != nil {
				t.Error(err)
			}
		}
		_ = c.Close(websocket.StatusGoingAway, "the daemon is stopping")
	}))
	defer s.Close()
	var out, errs proctest.Buffer
	env := environment{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	if code := run(ctx, []string{"watch", query, "-s", s.URL}, env); code != exitOK {
		t.Fatal(code, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], " - node ") || !strings.Contains(lines[1], " + node ") {
		t.Error(out.String())
	}
	if text := errs.String(); !strings.Contains(text, "watching from revision 2: 1 nodes") || !strings.Contains(text, "run again") {
		t.Error(text)
	}
}

func TestWatchQueryUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"one query":                 {"watch", "G.V()", "G.E()"},
		"query is empty":            {"watch", " "},
		"cannot begin in the past;": {"watch", "G.V()", "--since", "-1h"},
	} {
		var out, errs proctest.Buffer
		env := environment{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
		if code := run(t.Context(), args, env); code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%q: %d %s", args, code, errs.String())
		}
	}
}
