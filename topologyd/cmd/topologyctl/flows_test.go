package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/proctest"
)

// The flows of the fake server.
const (
	webFlow  = `{"UUID":"c5090a19-e955-5f08-802f-b3df7b79e98e","TrackingID":"00000000000000ff","Host":"web-1","Interface":"eth0","LayersPath":"Ethernet/IPv4/TCP","Application":"HTTPS","FinishType":"TCP_FIN","Start":1700000000000,"Last":1700000065432,"Link":{"Protocol":"ETHERNET","A":"02:00:00:00:00:01","B":"02:00:00:00:00:02"},"Network":{"Protocol":"IPV4","A":"10.0.0.1","B":"10.0.0.2"},"Transport":{"Protocol":"TCP","A":40001,"B":443},"Metric":{"ABPackets":10,"ABBytes":999,"BAPackets":2000,"BABytes":123456789,"RTT":1234567},"LastUpdateMetric":{"ABPackets":1,"ABBytes":60,"BAPackets":2,"BABytes":1000}}`
	dnsFlow  = `{"UUID":"21ca1412-2580-5633-8ce6-30681cb24356","Host":"web-1","Interface":"eth0","LayersPath":"Ethernet/IPv6/UDP/DNS","Application":"DNS","FinishType":"NOT_FINISHED","Start":1700000000000,"Last":1700000000250,"Network":{"Protocol":"IPV6","A":"2001:db8::1","B":"2001:db8::53"},"Transport":{"Protocol":"UDP","A":5353,"B":53},"Metric":{"ABPackets":1,"ABBytes":80,"BAPackets":1,"BABytes":99960},"LastUpdateMetric":{"ABPackets":1,"ABBytes":80}}`
	arpFlow  = `{"UUID":"93164aa4-2e89-5c96-b691-b2a5fbc0b7f6","Host":"web-1","Interface":"br\u001b[31m","LayersPath":"Ethernet/ARP","Application":"ARP","FinishType":"TIMEOUT","Start":1700000000000,"Last":1700000000000,"Link":{"Protocol":"ETHERNET","A":"02:00:00:00:00:01","B":"ff:ff:ff:ff:ff:ff"},"Metric":{"ABPackets":1,"ABBytes":42}}`
	echoFlow = `{"UUID":"690bd3fe-f370-59e1-b9af-6d35bcec655b","Interface":"eth0","LayersPath":"Ethernet/IPv4/ICMPv4","Application":"ICMPv4","FinishType":"NOT_FINISHED","Start":1700000000000,"Last":1700000005000,"Network":{"Protocol":"IPV4","A":"10.0.0.1","B":"10.0.0.2"},"Metric":{"ABPackets":5,"ABBytes":490,"BAPackets":5,"BABytes":490,"RTT":45678}}`
)

// fakeFlows answers what is asked about flows.
func fakeFlows(t *testing.T, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Get("node") == "nowhere":
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"error":{"code":"not_found","message":"no node is called \"nowhere\""}}`)
	case strings.HasSuffix(r.URL.Path, "/top"):
		if got := r.URL.RawQuery; got != "by=pair&limit=3&metric=bytes" && got != "application=HTTPS&by=application&from=-1h&limit=1&metric=flows&to=-5m" {
			t.Errorf("parameters %s", got)
		}
		if q.Get("by") == "application" {
			io.WriteString(w, `{"from":"2026-03-01T12:00:00Z","to":"2026-03-01T12:55:00Z","by":["Application"],"metric":"flows","rows":[{"key":{"Application":"HTTPS"},"value":1234}]}`)
			return
		}
		io.WriteString(w, `{"from":"2026-03-01T12:00:00Z","to":"2026-03-01T12:05:00Z","by":["Network.A","Network.B"],"metric":"bytes","rows":[
{"key":{"Network.A":"10.0.0.1","Network.B":"10.0.0.2"},"value":123457788},{"key":{"Network.A":"2001:db8::1","Network.B":"2001:db8::53"},"value":1080},{"key":{},"value":42}]}`)
	case strings.HasSuffix(r.URL.Path, "/series"):
		if got := r.URL.RawQuery; got != "by=pair&limit=2&metric=bytes&step=1m" && got != "application=NONE&by=pair&from=-15m&limit=2&metric=flows&step=1m" {
			t.Errorf("parameters %s", got)
		}
		if q.Get("metric") == "flows" {
			io.WriteString(w, `{"from":"2026-03-01T12:00:00Z","to":"2026-03-01T12:15:00Z","start":"2026-03-01T12:00:00Z","step_seconds":60,"by":["Network.A","Network.B"],"metric":"flows","series":[]}`)
			return
		}
		io.WriteString(w, `{"from":"2026-03-01T12:00:10Z","to":"2026-03-01T12:03:05Z","start":"2026-03-01T12:00:00Z","step_seconds":60,"by":["Network.A","Network.B"],"metric":"bytes","series":[
{"key":{"Network.A":"10.0.0.1","Network.B":"10.0.0.2"},"total":123457788,"points":[123456788,1000,0,0]},{"key":{"Network.A":"2001:db8::1","Network.B":"2001:db8::53"},"total":1080,"points":[1080,0,0,0]}],"others":[42,0,0,7]}`)
	case q.Get("application") == "NONE":
		io.WriteString(w, `{"live":true,"more":false,"flows":[]}`)
	default:
		if got := r.URL.RawQuery; got != "limit=100&order=desc&sort=last" && got != "address=10.0.0.0%2F8&from=-1h&limit=2&node=eth0&order=asc&port=53&port=443&sort=bytes" {
			t.Errorf("parameters %s", got)
		}
		if q.Get("limit") == "2" {
			io.WriteString(w, `{"live":false,"from":"2026-03-01T12:00:00Z","to":"2026-03-01T12:05:00Z","more":true,"flows":[`+webFlow+","+dnsFlow+`]}`)
			return
		}
		io.WriteString(w, `{"live":true,"more":false,"flows":[`+webFlow+","+dnsFlow+","+arpFlow+","+echoFlow+`]}`)
	}
}

func TestGoldenFlows(t *testing.T) {
	s := httptest.NewServer(fake(t))
	defer s.Close()
	env := map[string]string{"SKEIN_SERVER": s.URL}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"flows":              {args: []string{"flows"}},
		"flows-filter":       {args: []string{"flows", "--node", "eth0", "--address", "10.0.0.0/8", "--port", "53", "--port=443", "--since", "-1h", "--sort", "bytes", "--order", "asc", "--limit", "2"}},
		"flows-json":         {args: []string{"flows", "-o", "json"}},
		"flows-none":         {args: []string{"flows", "--application", "NONE"}},
		"flows-node":         {args: []string{"flows", "--node", "nowhere"}, code: exitFailed},
		"flows-top":          {args: []string{"flows", "--top", "3"}},
		"flows-top-yaml":     {args: []string{"flows", "--top", "1", "--by", "application", "--metric", "flows", "--from", "-1h", "--to", "-5m", "--application", "HTTPS", "-o", "yaml"}},
		"flows-series":       {args: []string{"flows", "--top", "2", "--step", "1m"}},
		"flows-series-json":  {args: []string{"flows", "--top", "2", "--step", "1m", "-o", "json"}},
		"flows-series-none":  {args: []string{"flows", "--top", "2", "--step", "1m", "--metric", "flows", "--since", "-15m", "--application", "NONE"}},
		"flows-step":         {args: []string{"flows", "--step", "1m"}, code: exitUsage},
		"flows-both":         {args: []string{"flows", "--top", "3", "--follow"}, code: exitUsage},
		"flows-by":           {args: []string{"flows", "--by", "application"}, code: exitUsage},
		"flows-top-zero":     {args: []string{"flows", "--top", "0"}, code: exitUsage},
		"flows-top-sort":     {args: []string{"flows", "--top", "3", "--sort", "bytes"}, code: exitUsage},
		"flows-times":        {args: []string{"flows", "--since", "-1h", "--from", "-2h"}, code: exitUsage},
		"flows-follow-since": {args: []string{"flows", "--follow", "--since", "-1h"}, code: exitUsage},
		"flows-follow-yaml":  {args: []string{"flows", "--follow", "-o", "yaml"}, code: exitUsage},
		"flows-limit":        {args: []string{"flows", "--limit", "0"}, code: exitUsage},
		"flows-extra":        {args: []string{"flows", "eth0"}, code: exitUsage},
		"help-flows":         {args: []string{"help", "flows"}},
		"query-flows":        {args: []string{"query", "G.flows()"}},
		"query-groups":       {args: []string{"query", "G.groups()"}},
		"query-groups-nodes": {args: []string{"query", "G.bytype()"}},
		"query-groups-edges": {args: []string{"query", "G.edgesby()"}},
		"query-groups-count": {args: []string{"query", "G.counts()"}},
		"query-groups-names": {args: []string{"query", "G.names()"}},
		"query-nexthop":      {args: []string{"query", "G.nexthop()"}},
		"query-metrics":      {args: []string{"query", "G.metrics()"}},
		"query-map":          {args: []string{"query", "G.map()"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, "", c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			golden(t, name, stdout+"---\n"+strings.ReplaceAll(stderr, s.URL, "SERVER"))
		})
	}
}

func TestFollowFlows(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.RawQuery; got != "application=HTTPS" {
			t.Errorf("parameters %s", got)
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		io.WriteString(w, `{"type":"flows","flows":[`+webFlow+","+dnsFlow+`]}`+"\n"+`{"type":"lost","count":3}`+"\n"+`{"type":"flows","flows":[`+arpFlow+`]}`+"\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	}))
	defer s.Close()
	for name, args := range map[string][]string{
		"flows-follow":      {"flows", "--follow", "--application", "HTTPS", "-s", s.URL},
		"flows-follow-json": {"flows", "--follow", "--application", "HTTPS", "-s", s.URL, "-o", "json"},
	} {
		var out, errs proctest.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int)
		go func() {
			done <- run(ctx, args, environment{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }})
		}()
		proctest.Eventually(t, 10*time.Second, name, func() error {
			if !strings.Contains(out.String(), "ARP") {
				return io.ErrUnexpectedEOF
			}
			return nil
		})
		cancel()
		if code := <-done; code != exitOK {
			t.Errorf("%s: exit code %d: %s", name, code, errs.String())
		}
		golden(t, name, out.String()+"---\n"+errs.String())
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 1<<63 - 1: "9.2 EB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
