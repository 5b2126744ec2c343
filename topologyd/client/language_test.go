package client_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/skein-net/skein/topologyd/client"
)

// posted answers a POST of a body to a path.
func posted(t *testing.T, path, ask, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != path || string(got) != ask {
			t.Errorf("%s %s %s %v, want %s %s", r.Method, r.URL.Path, got, err, path, ask)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	}
}

func TestComplete(t *testing.T) {
	c := serve(t, posted(t, "/api/v1/complete", `{"gremlin":"G.V().Has('Na","offset":13,"at":"-1h","limit":5}`,
		`{"from":10,"to":13,"items":[{"kind":"key","text":"Name","insert":"'Name'","detail":"'eth0'","count":7}],"more":true,"sampled":true}`))
	got, err := c.Complete(t.Context(), client.CompleteQuery{Gremlin: "G.V().Has('Na", Offset: 13, At: "-1h", Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	if got.From != 10 || got.To != 13 || !got.More || !got.Sampled || len(got.Items) != 1 ||
		got.Items[0] != (client.Item{Kind: client.ItemKey, Text: "Name", Insert: "'Name'", Detail: "'eth0'", Count: 7}) {
		t.Errorf("%+v", got)
	}
	c = serve(t, posted(t, "/api/v1/complete", `{"gremlin":"G","offset":1}`, `[`))
	if _, err := c.Complete(t.Context(), client.CompleteQuery{Gremlin: "G", Offset: 1}); err == nil {
		t.Error("a broken answer was taken")
	}
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusGone)
		io.WriteString(w, `{"error":{"code":"gone","message":"too long ago"}}`)
	})
	var e *client.Error
	if _, err := c.Complete(t.Context(), client.CompleteQuery{}); !errors.As(err, &e) || e.Code != client.CodeGone {
		t.Errorf("%v", err)
	}
}

func TestCheck(t *testing.T) {
	c := serve(t, posted(t, "/api/v1/check", `{"gremlin":"G.At('-1h').Flows()"}`, `{"ok":true,"kind":"flows","travels":true,"flows":true}`))
	if v, err := c.Check(t.Context(), "G.At('-1h').Flows()"); err != nil || *v != (client.Verdict{OK: true, Kind: client.KindFlows, Travels: true, Flows: true}) {
		t.Errorf("%+v %v", v, err)
	}
	c = serve(t, posted(t, "/api/v1/check", `{"gremlin":"G.W()"}`,
		`{"ok":false,"error":{"code":"syntax","message":"unknown step W","position":{"offset":2,"line":1,"column":3}}}`))
	v, err := c.Check(t.Context(), "G.W()")
	if err != nil || v.OK || v.Error == nil || v.Error.Code != client.CodeSyntax || v.Error.Position.Offset != 2 {
		t.Errorf("%+v %v", v, err)
	}
}

func TestSteps(t *testing.T) {
	c := serve(t, replies(t, "/api/v1/steps", `[{"name":"V","arguments":"([ID])","on":["graph"],"gives":["nodes"],"detail":"all nodes","example":"G.V()"},
{"name":"NE","function":true,"arguments":"(value)","detail":"another value","example":"G.V().Has('Type', NE('veth'))"}]`))
	s, err := c.Steps(t.Context())
	if err != nil || len(s) != 2 || s[0].On[0] != client.KindGraph || s[0].Gives[0] != client.KindNodes || s[0].Function || !s[1].Function {
		t.Errorf("%+v %v", s, err)
	}
}
