package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// replies answers requests by their path and parameters.
func replies(t *testing.T, want, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.RequestURI(); r.Method != http.MethodGet || got != want {
			t.Errorf("%s %s, want %s", r.Method, got, want)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	}
}

func TestDiff(t *testing.T) {
	body := `{"from":{"time":"2026-03-01T12:00:00Z","revision":3},"to":{"time":"2026-03-01T13:00:00Z","revision":9},
"summary":{"nodes":{"added":0,"removed":0,"changed":1},"edges":{"added":1,"removed":0,"changed":0}},
"nodes":[{"op":"changed","node":` + node1 + `,"keys":[{"key":"MTU","old":1500,"new":9000},{"key":"Alias","new":""}]}],
"edges":[{"op":"added","edge":` + edge1 + `,"parent":{"Name":"h1","Type":"host","Host":"h1"}}],
"values":[{"op":"removed","value":["a"],"count":2}],"number":{"old":1,"new":2}}`
	c := serve(t, replies(t, "/api/v1/diff?from=-1h&gremlin=G.V%28%29&keys=MTU&to=NOW", body))
	d, err := c.Diff(t.Context(), client.DiffQuery{From: "-1h", To: "NOW", Gremlin: "G.V()", Keys: "MTU"})
	if err != nil {
		t.Fatal(err)
	}
	n, e := d.Nodes[0], d.Edges[0]
	if d.From.Revision != 3 || d.To.Time.Hour() != 13 || d.Summary.Nodes.Changed != 1 || n.Op != client.Changed || n.Node.ID.String() != id1 ||
		n.Keys[0].New.Int() != 9000 || !n.Keys[1].Old.IsZero() || n.Keys[1].New.IsZero() || e.Parent.Name != "h1" || e.Child != nil ||
		e.Edge.Child.String() != id2 || d.Values[0].Count != 2 || d.Number.New.Int() != 2 || string(d.Raw) != body {
		t.Errorf("%+v", d)
	}
	c = serve(t, replies(t, "/api/v1/diff?from=-1h", `{`))
	if _, err := c.Diff(t.Context(), client.DiffQuery{From: "-1h"}); err == nil {
		t.Error("a broken answer was taken")
	}
}

func TestHistory(t *testing.T) {
	body := `{"id":"` + id1 + `","from":"2026-03-01T12:00:00Z","to":"2026-03-01T13:00:00Z","more":true,"revisions":[
{"op":"node_updated","revision":5,"from":"2026-03-01T12:10:00Z","to":"2026-03-01T12:20:00Z","logged":"2026-03-01T12:11:00Z","node":` + node1 + `,"keys":[{"key":"a","old":1}]},
{"op":"node_deleted","revision":6,"from":"2026-03-01T12:20:00Z","logged":"2026-03-01T12:20:00Z","node":` + node1 + `}]}`
	c := serve(t, replies(t, "/api/v1/history/"+id1+"?from=-1h&limit=2", body))
	id, err := entity.ParseUUID(id1)
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.History(t.Context(), client.HistoryQuery{ID: id, From: "-1h", Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	if h.ID != id || !h.More || len(h.Revisions) != 2 || h.Revisions[0].Keys[0].Old.Int() != 1 || !h.Revisions[1].To.IsZero() ||
		h.Revisions[0].Logged.Minute() != 11 || h.Revisions[1].Node.ID != id {
		t.Errorf("%+v", h)
	}
}

func TestDigest(t *testing.T) {
	c := serve(t, replies(t, "/api/v1/digest", `{"revision":7,"record":3,"digest":"ab"}`))
	if d, err := c.Digest(t.Context()); err != nil || d.Revision != 7 || d.Record != 3 || d.Digest != "ab" {
		t.Errorf("%+v %v", d, err)
	}
}

func TestGone(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusGone)
		io.WriteString(w, `{"error":{"code":"gone","message":"the past is kept from then on","oldest":"2026-03-01T12:00:00Z"}}`)
	})
	_, err := c.Diff(t.Context(), client.DiffQuery{From: "-1h"})
	var e *client.Error
	if !errors.As(err, &e) || e.Code != client.CodeGone || e.Temporary() || !e.Oldest.Equal(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", err)
	}
}

// A watch since a time that breaks off in its snapshot asks for the time again,
// and for the revision once it is complete.
func TestFollowSince(t *testing.T) {
	asked := make(chan string, 10)
	attempt := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.RawQuery
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		attempt++
		more := "true"
		if attempt > 1 {
			more = "false"
		}
		_ = conn.Write(r.Context(), websocket.MessageText, []byte(`{"type":"snapshot","revision":5,"nodes":[],"edges":[],"more":`+more+`}`))
		_ = conn.Close(websocket.StatusGoingAway, "restart")
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	err := c.Follow(ctx, client.Follow{Since: "-1h", MinWait: time.Millisecond, MaxWait: time.Millisecond, Handle: func(*client.Message) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for i, want := range []string{"since=-1h", "since=-1h", "from=5"} {
		if got := <-asked; got != want {
			t.Errorf("attempt %d: %s, want %s", i+1, got, want)
		}
	}
	stop := errors.New("stop")
	if err := c.WatchSince(t.Context(), "-2h", func(*client.Message) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	if got := <-asked; got != "since=-2h" {
		t.Error(got)
	}
}
