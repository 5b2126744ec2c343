package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/orders"
	"github.com/skein-net/skein/topologyd/packets"
)

// fakeHosts give packets.
type fakeHosts map[string]func(ctx context.Context, f order.Fetch, yield func(*order.Packets, error) bool)

func (h fakeHosts) Fetch(ctx context.Context, host string, f order.Fetch) iter.Seq2[*order.Packets, error] {
	return func(yield func(*order.Packets, error) bool) {
		if answer := h[host]; answer != nil {
			answer(ctx, f, yield)
			return
		}
		yield(nil, errors.New("its collector is not connected"))
	}
}

// book keeps what is audited.
type book struct {
	mu   sync.Mutex
	list []audit.Record
}

func (l *book) Record(r audit.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, r)
	return nil
}

func (l *book) records() []audit.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

// withPackets gives an API a capture "web" on the hosts a and b.
func withPackets(t *testing.T, options string) (*bench, fakeHosts, *book) {
	t.Helper()
	b, f := withCaptures(t)
	f.status.State = orders.StateRunning
	f.nodes = map[string][]orders.NodeStatus{"web": {
		{Node: "na", Host: "a", HostName: "web-a", Interface: "eth0", CaptureState: order.CaptureState{ID: "web/na"}},
		{Node: "nb", Host: "b", HostName: "web b", Interface: "eth1", CaptureState: order.CaptureState{ID: "web/nb"}},
	}}
	body := `{"id":"web","name":"my \"cap","spec":{"query":"G.V()"` + options + `}}`
	if resp, answer := b.do("POST", "/api/v1/captures", body, "Content-Type", "application/json"); resp.StatusCode != 201 {
		t.Fatal(answer)
	}
	hosts, l := fakeHosts{}, new(book)
	b.api.deps.Audit = l
	b.api.deps.Packets = packets.New(packets.DefaultConfig(), packets.Deps{
		Hosts: hosts, Nodes: f, Definitions: b.api.deps.Definitions, Audit: l, Log: slog.New(slog.DiscardHandler),
	})
	return b, hosts, l
}

// gives has a host give packets of the interface of node na or nb.
func gives(node string, times ...int64) func(context.Context, order.Fetch, func(*order.Packets, error) bool) {
	return func(_ context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
		m := &order.Packets{Done: true}
		for _, at := range times {
			m.Packets = append(m.Packets, order.Packet{Capture: "web/" + node, Time: at, Link: 1, Wire: 60, Data: []byte(node)})
		}
		yield(m, nil)
	}
}

const pathPackets = "/api/v1/captures/web/packets"

func TestPackets(t *testing.T) {
	b, hosts, l := withPackets(t, `,"raw_packets":3`)
	hosts["a"] = gives("na", 10, 30)
	hosts["b"] = gives("nb", 20)
	read := func(text string) (out []int64) {
		r, err := pcapgo.NewNgReader(strings.NewReader(text), pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}
		for {
			_, ci, err := r.ReadPacketData()
			if err != nil {
				return out
			}
			out = append(out, ci.Timestamp.UnixNano())
		}
	}
	resp, answer := b.do("GET", pathPackets, "")
	if h := resp.Header; resp.StatusCode != 200 || !slices.Equal(read(answer), []int64{10, 20, 30}) || h.Get("Content-Type") != "application/x-pcapng" ||
		h.Get("Content-Disposition") != `attachment; filename="my__cap.pcapng"` || h.Get(HeaderMissing) != "" {
		t.Errorf("%d %v %q", resp.StatusCode, resp.Header, answer)
	}
	if h := resp.Trailer; h.Get(HeaderPackets) != "3" || h.Get(HeaderLimit) != "" || h.Get(HeaderError) != "" {
		t.Errorf("%v", h)
	}
	resp, answer = b.do("GET", pathPackets+"?limit=2&since=1970-01-01T00:00:00Z", "")
	if resp.Trailer.Get(HeaderLimit) != "packets" || len(read(answer)) != 2 {
		t.Errorf("%v %q", resp.Trailer, answer)
	}
	resp, answer = b.do("GET", pathPackets+"?node=eth1&bytes=100", "", "Accept", "application/vnd.tcpdump.pcap")
	if resp.Header.Get("Content-Type") != "application/vnd.tcpdump.pcap" || len(answer) != 24+16+2 || !strings.HasSuffix(resp.Header.Get("Content-Disposition"), `.pcap"`) {
		t.Errorf("%v %q", resp.Header, answer)
	}
	if _, answer = b.do("GET", pathPackets+"?format=json", ""); strings.Count(answer, "\n") != 3 || !strings.Contains(answer, `"Interface":"eth0"`) {
		t.Errorf("%q", answer)
	}
	delete(hosts, "b")
	resp, answer = b.do("GET", pathPackets, "")
	if resp.Header.Get(HeaderMissing) != "web%20b" || !strings.Contains(answer, "missing: host web b: its collector is not connected") {
		t.Errorf("%v %q", resp.Header, answer)
	}
	for _, r := range l.records() {
		if r.Remote == "" || r.UserAgent == "" || r.Capture != "web" || r.Outcome != audit.OK {
			t.Errorf("%+v", r)
		}
	}
	if n := len(l.records()); n != 2*5 {
		t.Errorf("%d records", n)
	}
	checkPacketShape(t, b)
}

func checkPacketShape(t *testing.T, b *bench) {
	t.Helper()
	d := parse(t)
	var names []string
	for _, p := range d.Paths["/api/v1/captures/{id}/packets"]["get"].Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	_, answer := b.do("GET", pathPackets+"?x=1", "")
	if want := "there are " + strings.Join(names, ", "); !strings.Contains(answer, want) {
		t.Errorf("%s, documented: %s", answer, want)
	}
}

func TestPacketsRefused(t *testing.T) {
	b, hosts, l := withPackets(t, `,"raw_ring":1048576`)
	raw := gives("nb", 5)
	hosts["a"] = gives("na", 5)
	hosts["b"] = func(ctx context.Context, f order.Fetch, yield func(*order.Packets, error) bool) {
		raw(ctx, f, func(m *order.Packets, err error) bool { m.Packets[0].Link = 101; return yield(m, err) })
	}
	for path, x := range map[string]struct {
		status int
		text   string
	}{
		"?flow=x":                {400, "is not the ID of a flow"},
		"?from=yesterdayish":     {400, "from:"},
		"?from=-1m&since=-2m":    {400, "not both"},
		"?from=-1m&to=-2m":       {400, "exchange them"},
		"?limit=0":               {400, "limit="},
		"?bytes=x":               {400, "bytes="},
		"?follow=perhaps":        {400, "follow="},
		"?format=text":           {400, "pcapng, pcap and json"},
		"?node=none":             {404, "capture nodes lists them"},
		"?format=pcap":           {409, "use format=pcapng"},
		"?format=pcap&node=eth1": {200, ""},
	} {
		resp, answer := b.do("GET", pathPackets+path, "")
		if resp.StatusCode != x.status || !strings.Contains(answer, x.text) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
		if resp.StatusCode != 200 && resp.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: an error is a file", path)
		}
	}
	if resp, _ := b.do("GET", pathPackets, "", "Accept", "image/png"); resp.StatusCode != 406 {
		t.Error(resp.StatusCode)
	}
	if resp, _ := b.do("GET", "/api/v1/captures/other/packets", ""); resp.StatusCode != 404 {
		t.Error(resp.StatusCode)
	}
	clear(hosts)
	if resp, answer := b.do("GET", pathPackets, ""); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(answer, "not connected") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	b.api.deps.Packets = nil
	resp, answer := b.do("GET", pathPackets, "")
	if resp.StatusCode != 403 || !strings.Contains(answer, `"code":"forbidden"`) || !strings.Contains(answer, "--raw-packets") || !strings.Contains(answer, "orders.raw_packets") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	list := l.records()
	if r := list[len(list)-1]; r.Outcome != audit.Refused || r.Capture != "web" || r.Remote == "" {
		t.Errorf("%+v", r)
	}

	b, _, _ = withPackets(t, "")
	if resp, answer := b.do("GET", pathPackets, ""); resp.StatusCode != 409 || !strings.Contains(answer, "--raw-packets=N") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

// TestPacketsFollowed reads packets as they come, and leaves.
func TestPacketsFollowed(t *testing.T) {
	b, hosts, l := withPackets(t, `,"raw_packets":3`)
	left, in := make(chan struct{}), make(chan int64)
	hosts["a"] = func(ctx context.Context, f order.Fetch, yield func(*order.Packets, error) bool) {
		defer close(left)
		if !f.Follow || !yield(&order.Packets{}, nil) {
			return
		}
		for {
			select {
			case at := <-in:
				if !yield(&order.Packets{Packets: []order.Packet{{Capture: "web/na", Time: at, Link: 1, Data: []byte("x")}}}, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+pathPackets+"?follow=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get(HeaderMissing) != "web%20b" {
		t.Fatal(resp.StatusCode, resp.Header)
	}
	in <- 10 // what is sent is there at once
	r, err := pcapgo.NewNgReader(resp.Body, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(10); at < 15; at++ {
		if _, ci, err := r.ReadPacketData(); err != nil || ci.Timestamp.UnixNano() != at {
			t.Fatal(ci, err)
		}
		in <- at + 1
	}
	cancel()
	<-left
	http.DefaultClient.CloseIdleConnections()
	proctest.Eventually(t, 10*time.Second, "the end is written down and counted", func() error {
		if n := testutil.ToFloat64(b.api.packets.packets); n < 5 {
			return fmt.Errorf("%v packets are counted", n)
		}
		list := l.records()
		if last := list[len(list)-1]; last.Action != audit.PacketsEnd || last.Outcome != audit.OK {
			return fmt.Errorf("%+v", last)
		}
		return nil
	})
}

// TestPacketsSlow has a client that does not read.
func TestPacketsSlow(t *testing.T) {
	b, hosts, l := withPackets(t, `,"raw_packets":3`)
	b.api.cfg.StreamPause = 200 * time.Millisecond
	left := make(chan struct{})
	hosts["a"] = func(ctx context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
		defer close(left)
		data := make([]byte, 60_000)
		for i := int64(1); ctx.Err() == nil; i++ {
			if !yield(&order.Packets{Packets: []order.Packet{{Capture: "web/na", Time: i, Link: 1, Data: data}}}, nil) {
				return
			}
		}
	}
	resp, err := http.Get(b.server.URL + pathPackets)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	select {
	case <-left:
	case <-time.After(20 * time.Second):
		t.Error("the host goes on for a client that does not read")
	}
	proctest.Eventually(t, 10*time.Second, "the end is written down", func() error {
		list := l.records()
		if last := list[len(list)-1]; last.Action != audit.PacketsEnd || last.Outcome != audit.Failed || last.Bytes == 0 {
			return fmt.Errorf("%+v", last)
		}
		return nil
	})
	_, _ = io.Copy(io.Discard, resp.Body)
	if b.api.deps.Packets.InUse() != 0 {
		t.Error("a place is left taken")
	}
}

func TestCompileBPF(t *testing.T) {
	if _, err := compileBPF("tcp port", 1); err == nil {
		t.Error("taken")
	}
	f, err := compileBPF("less 10", 1)
	if err != nil || !f(make([]byte, 5), 5) || f(make([]byte, 5), 50) {
		t.Error(err)
	}
}

// TestPacketsOfQuery asks for the packets of flows in the query language.
func TestPacketsOfQuery(t *testing.T) {
	b, hosts, l := withPackets(t, `,"raw_packets":3`)
	fb := newFlowBench(t, nil, nil)
	r := fb.record(9)
	r.HostID, r.CaptureID = "a", `my "cap`
	fb.take(r)
	fb.api.deps.Packets = b.api.deps.Packets
	give := func(link uint16) {
		hosts["a"] = func(_ context.Context, f order.Fetch, yield func(*order.Packets, error) bool) {
			m := &order.Packets{Done: true}
			for i, id := range append(f.Flows, "9e000000-0000-0000-0000-000000000001") {
				m.Packets = append(m.Packets,
					order.Packet{Capture: "web/na", Flow: id, Time: int64(10 + i), Link: 1, Wire: 60, Data: []byte("one")},
					order.Packet{Capture: "web/na", Flow: id, Time: int64(20 + i), Link: link, Wire: 60, Data: []byte("two")})
			}
			yield(m, nil)
		}
	}
	give(1)
	ask := func(accept, gremlin string) (*http.Response, string) {
		return fb.do("POST", "/api/v1/query", `{"gremlin":"`+gremlin+`"}`, "Accept", accept)
	}
	const query = `G.Flows().RawPackets()`
	resp, answer := ask("application/vnd.tcpdump.pcap", query)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/vnd.tcpdump.pcap" || len(answer) != 24+2*(16+3) ||
		resp.Header.Get("Content-Disposition") != `attachment; filename="packets.pcap"` || resp.Header.Get("ETag") != "" {
		t.Errorf("%d %v %q", resp.StatusCode, resp.Header, answer)
	}
	resp, answer = ask("application/x-pcapng", query)
	if ng, err := pcapgo.NewNgReader(strings.NewReader(answer), pcapgo.DefaultNgReaderOptions); err != nil {
		t.Errorf("%d %v %q", resp.StatusCode, err, answer)
	} else if data, ci, err := ng.ReadPacketData(); err != nil || string(data) != "one" || ci.Timestamp.UnixNano() != 10 {
		t.Errorf("%q %v %v", data, ci, err)
	}
	var rows []map[string]any
	resp, answer = ask("application/json", query)
	if err := json.Unmarshal([]byte(answer), &rows); err != nil || len(rows) != 2 {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	checkShape(t, "RawPacket", parse(t).Components.Schemas["RawPacket"], rows[0])
	if resp, answer = ask("application/json", query+`.BPF('greater 100').Count()`); strings.TrimSpace(answer) != "0" {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if resp, answer = ask("application/vnd.tcpdump.pcap", `G.V()`); resp.StatusCode != 406 || !strings.Contains(answer, "RawPackets()") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if resp, answer = fb.do("GET", "/api/v1/query?explain=1&format=pcap&gremlin=G.Flows().RawPackets()", ""); resp.StatusCode != 406 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	give(101)
	if resp, answer = ask("application/vnd.tcpdump.pcap", query); resp.StatusCode != 409 || !strings.Contains(answer, "use format=pcapng") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	for _, r := range l.records() {
		if r.Remote == "" || r.Flows != 1 && r.Action == audit.PacketsFetch {
			t.Errorf("%+v", r)
		}
	}
	give(1)
	queryForbidden(t, fb, l)
	queryAway(t, fb, hosts, query)
	queryRefused(t, fb, l, query)
}

// get asks with parameters, given as names and values.
func (b *bench) get(path string, pairs ...string) (*http.Response, string) {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return b.do("GET", path+"?"+v.Encode(), "")
}

// queryForbidden asks as somebody who may read and may not have packets.
func queryForbidden(t *testing.T, fb *flowBench, l *book) {
	t.Helper()
	viewer := &auth.Identity{Name: "v", Method: auth.MethodToken, Roles: []auth.Role{auth.Viewer, auth.Admin}}
	ask := func(id *auth.Identity, query string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/query?"+query, nil)
		rec := httptest.NewRecorder()
		fb.server.Config.Handler.ServeHTTP(rec, r.WithContext(auth.With(r.Context(), id)))
		return rec
	}
	packetsOf := url.Values{"gremlin": {"G.Flows().RawPackets()"}}.Encode()
	counted := url.Values{"gremlin": {"G.Flows().RawPackets().Count()"}}.Encode()
	for _, query := range []string{
		packetsOf, packetsOf + "&format=ndjson", packetsOf + "&format=csv", packetsOf + "&format=pcap", packetsOf + "&format=pcapng", packetsOf + "&explain=1",
		counted, counted + "&format=ndjson", counted + "&partial=1",
	} {
		before := len(l.records())
		if rec := ask(viewer, query); rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), `"forbidden"`) || strings.Contains(rec.Body.String(), "b25l") {
			t.Errorf("%s: %d %s", query, rec.Code, rec.Body)
		}
		if list := l.records()[before:]; len(list) != 1 || list[0].Action != audit.PacketsFetch || list[0].Outcome != audit.Refused || list[0].User != "v" {
			t.Errorf("%s: %+v", query, list)
		}
	}
	if rec := ask(viewer, url.Values{"gremlin": {"G.Flows().Count()"}}.Encode()); rec.Code != 200 {
		t.Errorf("flows are no packets: %d %s", rec.Code, rec.Body)
	}
	may := *viewer
	may.Packets = true
	if rec := ask(&may, packetsOf); rec.Code != 200 || !strings.Contains(rec.Body.String(), "b25l") { // "one"
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// queryAway asks a second host, which is not there, and then none.
func queryAway(t *testing.T, fb *flowBench, hosts fakeHosts, query string) {
	t.Helper()
	if resp, _ := fb.get("/api/v1/query", "gremlin", query); resp.Header.Get(HeaderMissing) != "" {
		t.Errorf("%v", resp.Header)
	}
	r := fb.record(10)
	r.HostID, r.CaptureID = "b", `my "cap`
	fb.take(r)
	for _, format := range []string{"json", "ndjson", "csv", "pcap", "pcapng"} {
		if resp, answer := fb.get("/api/v1/query", "gremlin", query, "format", format); resp.StatusCode != 200 || resp.Header.Get(HeaderMissing) != "web%20b" {
			t.Errorf("%s: %d %v %s", format, resp.StatusCode, resp.Header, answer)
		}
	}
	clear(hosts)
	if resp, answer := fb.get("/api/v1/query", "gremlin", query); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(answer, "not connected") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

// queryRefused asks a daemon that hands out no packets.
func queryRefused(t *testing.T, fb *flowBench, l *book, query string) {
	t.Helper()
	fb.api.deps.Packets, fb.api.deps.Audit = nil, l
	for _, args := range [][]string{{}, {"format", "ndjson"}, {"format", "pcap"}, {"explain", "1"}} {
		before := len(l.records())
		resp, answer := fb.get("/api/v1/query", append(args, "gremlin", query)...)
		if resp.StatusCode != 422 || !strings.Contains(answer, "--raw-packets") {
			t.Errorf("%v: %d %s", args, resp.StatusCode, answer)
		}
		if list := l.records()[before:]; len(list) != 1 || list[0].Action != audit.PacketsFetch || list[0].Outcome != audit.Refused || list[0].Remote == "" {
			t.Errorf("%v: %+v", args, list)
		}
	}
	before := len(l.records())
	if resp, answer := fb.get("/api/v1/diff", "gremlin", query, "from", "-1h"); resp.StatusCode != 400 || !strings.Contains(answer, "packets, which cannot be compared") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if n := len(l.records()) - before; n != 0 {
		t.Errorf("%d records of a query that was not run", n)
	}
}
