package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What the fake server says of conversations.
const (
	pingTalk = `{"TrackingID":"00000000000000c1","Application":"ICMPv4","Network":{"A":"10.0.0.1","B":"10.0.0.2","Protocol":"IPV4"},"OrderedBy":"the round trip to B",
"Hops":[{"Interface":"va","Host":"h1","ABPackets":30,"ABBytes":2940,"BAPackets":27,"BABytes":2646,"RTT":22400000,"FinishType":"TIMEOUT"},
{"Interface":"vb\u001b[31m","Host":"h2","ABPackets":27,"ABBytes":2646,"BAPackets":27,"BABytes":2646,"RTT":2100000,"FinishType":"TIMEOUT","Dropped":3,"Drops":{"NETFILTER_DROP":3}}],
"Between":[{"From":0,"To":1,"LostABPackets":3,"LostABBytes":294,"LossAB":0.1,"LostBAPackets":0,"LostBABytes":0,"LossBA":0,"RoundTrip":20300000,"OneWayAB":10100000,"SameClock":false,"Confidence":"exact","Evidence":["both counted"]}],
"Total":{"ABPackets":30,"ABBytes":2940,"BAPackets":27,"BABytes":2646,"Hop":0}}`
	webTalk = `{"TrackingID":"00000000000000c2","Application":"HTTPS","Network":{"A":"2001:db8::1","B":"2001:db8::2","Protocol":"IPV6"},"Transport":{"A":40000,"B":443,"Protocol":"TCP"},
"Hops":[{"Interface":"a","Host":"h1","ABPackets":80,"ABBytes":8000,"BAPackets":80,"BABytes":80000,"SamplingRate":8,"FinishType":"NOT_FINISHED"},
{"Interface":"b","Host":"h1","ABPackets":90,"ABBytes":9000,"BAPackets":77,"BABytes":77000,"FinishType":"NOT_FINISHED"},{"Interface":"c","Host":"h1","ABPackets":90,"ABBytes":9000,"BAPackets":77,"BABytes":77000,"FinishType":"TCP_FIN"}],
"Between":[{"From":0,"To":1,"LostABPackets":0,"LossAB":0,"SurplusABPackets":10,"LostBAPackets":0,"SurplusBAPackets":0,"LossBA":0,"OneWayAB":-50000,"OneWayBA":0,"SameClock":true,"Confidence":"estimate","Evidence":["a of h1 counted one packet of 8: its counts are scaled","it has not ended at a of h1"]},
{"From":1,"To":2,"LostABPackets":0,"LossAB":0,"LostBAPackets":0,"LossBA":0,"OneWayBA":1000,"SameClock":true,"Confidence":"going on","Evidence":["it has not ended at b of h1"]}],
"Total":{"ABPackets":90,"ABBytes":9000,"BAPackets":77,"BABytes":77000,"SamplingRate":8,"Hop":1}}`
)

func TestGoldenHops(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch got := r.URL.String(); got {
		case "/api/v1/flows/hops?limit=20&points=2":
			io.WriteString(w, `{"live":true,"more":true,"conversations":[`+pingTalk+","+webTalk+`]}`)
		case "/api/v1/flows/hops?address=10.0.0.1&from=-1h&join=l3&limit=3&node=eth0&points=1&sort=bytes":
			io.WriteString(w, `{"live":false,"from":"2026-03-01T12:00:00Z","to":"2026-03-01T13:00:00Z","more":false,"conversations":[]}`)
		case "/api/v1/flows/top?by=application&dedup=true&limit=1&metric=bytes":
			io.WriteString(w, `{"from":"2026-03-01T12:00:00Z","to":"2026-03-01T12:05:00Z","by":["Application"],"metric":"bytes","dedup":true,"sampled":64,"rows":[{"key":{"Application":"HTTPS"},"value":1234}]}`)
		default:
			t.Errorf("asked for %s", got)
		}
	}))
	defer s.Close()
	env := map[string]string{"SKEIN_SERVER": s.URL}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"hops":            {args: []string{"flows", "--hops"}},
		"hops-json":       {args: []string{"flows", "--hops", "-o", "json"}},
		"hops-none":       {args: []string{"flows", "--hops", "--since", "-1h", "--node", "eth0", "--address", "10.0.0.1", "--join", "l3", "--points", "1", "--limit", "3", "--sort", "bytes"}},
		"hops-top":        {args: []string{"flows", "--hops", "--top", "3"}, code: exitUsage},
		"hops-order":      {args: []string{"flows", "--hops", "--order", "asc"}, code: exitUsage},
		"hops-join":       {args: []string{"flows", "--join", "l3"}, code: exitUsage},
		"hops-points":     {args: []string{"flows", "--hops", "--points", "0"}, code: exitUsage},
		"flows-dedup":     {args: []string{"flows", "--top", "1", "--by", "application", "--dedup"}},
		"flows-dedup-all": {args: []string{"flows", "--dedup"}, code: exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, "", c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, stderr)
			}
			golden(t, name, stdout+"---\n"+strings.ReplaceAll(stderr, s.URL, "SERVER"))
		})
	}
}
