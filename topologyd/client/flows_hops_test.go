package client_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/client"
)

func TestHops(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.String(); got != "/api/v1/flows/hops?from=-1h&join=l3&limit=3&points=2&port=443&sort=packets" {
			t.Errorf("%s", got)
		}
		answer("", `{"live":false,"from":"2026-01-02T03:04:05Z","to":"2026-01-02T04:04:05Z","more":true,"conversations":[{"TrackingID":"00000000000000c1","Application":"HTTPS",
"Network":{"A":"10.0.0.1","B":"10.0.0.2"},"Transport":{"A":40001,"B":443,"Protocol":"TCP"},"OrderedBy":"x",
"Hops":[{"Node":"`+id1+`","Name":"eth0","NodeTID":"`+id2+`","Interface":"eth0","ABPackets":10,"Captures":["a","b"],"CountedBy":"a","Flows":1,"First":5,"SamplingRate":8},
{"Interface":"eth1","ABPackets":9,"Dropped":1,"Drops":{"NO_SOCKET":1}}],
"Between":[{"From":0,"To":1,"LostABPackets":1,"LossAB":0.1,"RoundTrip":0,"Confidence":"exact","Evidence":["e"]}],
"EndToEnd":{"From":0,"To":1},"Total":{"ABPackets":10,"SamplingRate":8,"Hop":0}}]}`)(w, r)
	})
	l, err := c.Hops(t.Context(), client.HopQuery{FlowFilter: client.FlowFilter{Port: []int{443}}, From: "-1h", Sort: "packets", Join: "l3", Points: 2, Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	x := &l.Conversations[0]
	if l.Live || !l.More || l.To.Sub(l.From) != time.Hour || len(l.Raw) == 0 || x.Network.B != "10.0.0.2" || x.Transport.B != 443 || x.Total.ABPackets != 10 {
		t.Errorf("%+v", l)
	}
	if h := &x.Hops[0]; h.Node.String() != id1 || h.NodeTID.String() != id2 || h.ABPackets != 10 || h.SamplingRate != 8 || len(h.Captures) != 2 || x.Hops[1].Drops["NO_SOCKET"] != 1 {
		t.Errorf("%+v", h)
	}
	if b := &x.Between[0]; b.LossAB != 0.1 || b.RoundTrip == nil || *b.RoundTrip != 0 || b.OneWayAB != nil || b.Evidence[0] != "e" || x.EndToEnd == nil {
		t.Errorf("%+v", b)
	}
}

func TestDedup(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.RawQuery; got != "dedup=true" {
			t.Errorf("%s", got)
		}
		answer("", `{"by":[],"dedup":true,"sampled":64,"rows":[],"series":[]}`)(w, r)
	})
	if top, err := c.TopFlows(t.Context(), client.TopQuery{Dedup: true}); err != nil || !top.Dedup || top.Sampled != 64 {
		t.Errorf("%+v, %v", top, err)
	}
	if s, err := c.FlowSeries(t.Context(), client.FlowSeriesQuery{Dedup: true}); err != nil || !s.Dedup || s.Sampled != 64 {
		t.Errorf("%+v, %v", s, err)
	}
}
