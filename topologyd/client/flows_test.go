package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

const flow1 = `{"UUID":"` + id1 + `","TrackingID":"00000000000000ff","NodeTID":"` + id2 + `","Host":"h","Interface":"eth0","CaptureID":"lan","LayersPath":"Ethernet/IPv4/TCP","Application":"HTTPS","FinishType":"TCP_FIN","Start":1700000000000,"Last":1700000005000,"Link":{"Protocol":"ETHERNET","A":"02:00:00:00:00:01","B":"02:00:00:00:00:02"},"Network":{"Protocol":"IPV4","A":"10.0.0.1","B":"10.0.0.2"},"Transport":{"Protocol":"TCP","A":40001,"B":443},"Metric":{"ABPackets":1,"ABBytes":100,"BAPackets":2,"BABytes":1000,"RTT":5000},"LastUpdateMetric":{"ABBytes":7}}`

func TestFlows(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		want := "/api/v1/flows?address=10.0.0.0%2F8&application=DNS&application=HTTPS&finished=true&from=-1h&limit=3&node=eth0&order=asc&port=53&port=443&sort=bytes"
		if got := r.URL.String(); got != want {
			t.Errorf("%s", got)
		}
		answer("", `{"live":false,"from":"2026-01-02T03:04:05Z","to":"2026-01-02T04:04:05Z","more":true,"flows":[`+flow1+`]}`)(w, r)
	})
	l, err := c.Flows(t.Context(), client.FlowQuery{
		FlowFilter: client.FlowFilter{Node: []string{"eth0"}, Address: []string{"10.0.0.0/8"}, Port: []int{53, 443}, Application: []string{"DNS", "HTTPS"}, Finished: "true"},
		From:       "-1h", Sort: "bytes", Order: "asc", Limit: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	f := l.Flows[0]
	if l.Live || !l.More || l.To.Sub(l.From) != time.Hour || len(l.Raw) == 0 || f.UUID.String() != id1 || f.NodeTID.String() != id2 || f.Network.B != "10.0.0.2" ||
		f.Transport.B != 443 || f.Metric.BABytes != 1000 || f.LastUpdateMetric.ABBytes != 7 || f.Last-f.Start != 5000 || string(f.Raw) != flow1 {
		t.Errorf("%+v", l)
	}
}

func TestFlowsNothingAsked(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			t.Errorf("%s", r.URL)
		}
		answer("", `{"live":true,"more":false,"flows":[]}`)(w, r)
	})
	if l, err := c.Flows(t.Context(), client.FlowQuery{}); err != nil || !l.Live || !l.From.IsZero() {
		t.Errorf("%+v %v", l, err)
	}
	c = serve(t, answer("", `{"flows":[{"Start":"x"}]}`))
	if _, err := c.Flows(t.Context(), client.FlowQuery{}); err == nil || !strings.Contains(err.Error(), "read answer") {
		t.Error(err)
	}
}

func TestTopFlows(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.String(); got != "/api/v1/flows/top?by=source&host=h&limit=2&metric=packets&to=-1m" {
			t.Errorf("%s", got)
		}
		answer("", `{"from":"2026-01-02T03:04:05Z","to":"2026-01-02T04:04:05Z","by":["Network.A"],"metric":"packets","rows":[{"key":{"Network.A":"10.0.0.1"},"value":9},{"key":{},"value":1}]}`)(w, r)
	})
	top, err := c.TopFlows(t.Context(), client.TopQuery{FlowFilter: client.FlowFilter{Host: []string{"h"}}, By: "source", Metric: "packets", To: "-1m", Limit: 2})
	if err != nil || len(top.Rows) != 2 || !top.Rows[0].Key.Get("Network.A").Equal(entity.String("10.0.0.1")) || top.Rows[0].Value != 9 || top.By[0] != "Network.A" || len(top.Raw) == 0 {
		t.Errorf("%+v %v", top, err)
	}
}

func TestFlowKinds(t *testing.T) {
	for _, kind := range []string{client.KindFlows, ""} {
		r, err := serve(t, answer(kind, "["+flow1+"]")).Query(t.Context(), client.Query{Gremlin: "G.Flows()"})
		if err != nil || r.Kind != client.KindFlows || len(r.Flows) != 1 || r.Flows[0].Application != "HTTPS" {
			t.Errorf("%+v %v", r, err)
		}
	}
	r, err := serve(t, answer(client.KindMetrics, `[{"a":[{"ABBytes":1}]}]`)).Query(t.Context(), client.Query{Gremlin: "x"})
	if err != nil || len(r.Values) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	r, err = serve(t, answer(client.KindMap, `{"ABBytes":1}`)).Query(t.Context(), client.Query{Gremlin: "x"})
	if err != nil || r.Number.Map().Get("ABBytes").Int() != 1 {
		t.Errorf("%+v %v", r, err)
	}
}

// A stream that breaks is opened again; pings are not handed on.
func TestFollowFlows(t *testing.T) {
	n := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.String(); got != "/api/v1/flows/follow?application=DNS" || r.Header.Get("Accept") != client.NDJSON {
			t.Errorf("%s %v", got, r.Header)
		}
		if n++; n == 2 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(503)
			return
		}
		w.Header().Set("Content-Type", client.NDJSON)
		io.WriteString(w, `{"type":"ping"}`+"\n"+`{"type":"flows","flows":[`+flow1+`,`+flow1+`]}`+"\n"+`{"type":"lost","count":4}`+"\n")
		if n == 1 {
			io.WriteString(w, `{"type":"error","code":"stopping","message":"the daemon is stopping"}`+"\n")
		}
	})
	var broken []string
	flows, lost := 0, int64(0)
	done := errors.New("done")
	err := c.FollowFlows(t.Context(), client.FollowFlows{
		FlowFilter: client.FlowFilter{Application: []string{"DNS"}},
		MinWait:    time.Millisecond, MaxWait: 2 * time.Millisecond,
		Handle: func(m *client.FlowMessage) error {
			flows += len(m.Flows)
			if lost += m.Count; lost == 12 {
				return done
			}
			return nil
		},
		Broken: func(err error, _ time.Duration) { broken = append(broken, err.Error()) },
	})
	if !errors.Is(err, done) || flows != 6 || lost != 12 {
		t.Errorf("%v, %d flows, %d lost", err, flows, lost)
	}
	if len(broken) != 3 || !strings.Contains(broken[0], "the daemon is stopping") || !strings.Contains(broken[1], "503") || !strings.Contains(broken[2], "the server ended it") {
		t.Errorf("%q", broken)
	}
}

func TestFollowFlowsRefused(t *testing.T) {
	for want, h := range map[string]http.HandlerFunc{
		"is this a topologyd?": answer("", "{}"),
		"HTTP status 404":      http.NotFound,
	} {
		err := serve(t, h).FollowFlows(t.Context(), client.FollowFlows{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", client.NDJSON)
		io.WriteString(w, "nonsense\n")
	})
	ctx, cancel := context.WithCancel(t.Context())
	err := c.FollowFlows(ctx, client.FollowFlows{Broken: func(err error, _ time.Duration) {
		if !strings.Contains(err.Error(), "read message") {
			t.Error(err)
		}
		cancel()
	}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A connection on which nothing is heard counts as broken.
func TestFollowFlowsSilence(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", client.NDJSON)
		w.WriteHeader(200)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	}
	c := serve(t, hang, func(cfg *client.Config) { cfg.Silence = 20 * time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	err := c.FollowFlows(ctx, client.FollowFlows{
		MinWait: time.Millisecond, Handle: func(*client.FlowMessage) error { return nil },
		Broken: func(err error, _ time.Duration) {
			if !strings.Contains(err.Error(), "nothing was heard for 20ms") {
				t.Error(err)
			}
			cancel()
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	slow := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(cfg *client.Config) { cfg.Timeout = 20 * time.Millisecond })
	if err := slow.FollowFlows(t.Context(), client.FollowFlows{}); err == nil || !strings.Contains(err.Error(), "no answer within 20ms") {
		t.Error(err)
	}
}
