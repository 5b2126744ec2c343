package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/skein-net/skein/grafana-datasource/internal/fakedaemon"
	"github.com/skein-net/skein/internal/proctest"
)

// packets collects what a stream sends.
type packets struct {
	mu  sync.Mutex
	all []string
}

func (p *packets) Send(packet *backend.StreamPacket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, string(packet.Data))
	return nil
}

func (p *packets) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.all...)
}

// run runs a stream until the test calls the function that it returns, which
// gives the error of the stream.
func run(t *testing.T, d *Datasource, path, query string) (*packets, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &packets{}
	done := make(chan error, 1)
	go func() {
		done <- d.RunStream(ctx, &backend.RunStreamRequest{PluginContext: who(), Path: path, Data: []byte(query)}, backend.NewStreamSender(p))
	}()
	t.Cleanup(cancel)
	return p, func() error { cancel(); return <-done }
}

func await(t *testing.T, what string, cond func() error) {
	t.Helper()
	proctest.Eventually(t, 10*time.Second, what, cond)
}

func count(n, least int) error {
	if n < least {
		return fmt.Errorf("%d of %d", n, least)
	}
	return nil
}

const (
	eventQuery = `{"queryType":"events","ops":["added"]}`
	flowQuery  = `{"queryType":"flows","filter":{"port":"443"}}`
)

func TestSubscribe(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	passing := open(t, f.URL, func(s *backend.DataSourceInstanceSettings) { s.JSONData = []byte(`{"oauthPassThru":true}`) })
	for _, c := range []struct {
		d           *Datasource
		path, query string
		user        bool
		want        backend.SubscribeStreamStatus
		fields      int
		err         string
	}{
		{d, "revision", "", true, backend.SubscribeStreamStatusOK, 2, ""},
		{d, "changes/a1B2", eventQuery, true, backend.SubscribeStreamStatusOK, 15, ""},
		{d, "flows/x-1", flowQuery, true, backend.SubscribeStreamStatusOK, 23, ""},
		{d, "revision", "", false, backend.SubscribeStreamStatusPermissionDenied, 0, ""},
		{passing, "changes/x", eventQuery, true, backend.SubscribeStreamStatusPermissionDenied, 0, ""},
		{d, "changes", eventQuery, true, backend.SubscribeStreamStatusNotFound, 0, ""},
		{d, "changes/../x", eventQuery, true, backend.SubscribeStreamStatusNotFound, 0, ""},
		{d, "packets/x", flowQuery, true, backend.SubscribeStreamStatusNotFound, 0, ""},
		{d, "revision/x", "", true, backend.SubscribeStreamStatusNotFound, 0, ""},
		{d, "changes/x", flowQuery, true, 0, 0, "takes queries of type events, not flows"},
		{d, "flows/x", "nonsense", true, 0, 0, "not the JSON of a query"},
	} {
		who := who()
		if !c.user {
			who.User = nil
		}
		r, err := c.d.SubscribeStream(t.Context(), &backend.SubscribeStreamRequest{PluginContext: who, Path: c.path, Data: []byte(c.query)})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %s", c.path, err, c.err)
			}
			continue
		}
		if err != nil || r.Status != c.want {
			t.Errorf("%s: %v %v, want %v", c.path, r, err, c.want)
			continue
		}
		if c.want == backend.SubscribeStreamStatusOK {
			var frame struct{ Schema struct{ Fields []any } }
			if err := json.Unmarshal(r.InitialData.Data(), &frame); err != nil || len(frame.Schema.Fields) != c.fields {
				t.Errorf("%s: %v, %d fields, want %d", c.path, err, len(frame.Schema.Fields), c.fields)
			}
		}
	}
	if r, err := d.PublishStream(t.Context(), &backend.PublishStreamRequest{}); err != nil || r.Status != backend.PublishStreamStatusPermissionDenied {
		t.Errorf("%v %v", r, err)
	}
}

// TestRevisionStream checks that watching works through the SDK's transport, and
// that a stream tells of the newest revision only.
func TestRevisionStream(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	p, end := run(t, d, "revision", "")
	await(t, "a watch", func() error { return count(f.Push(`{"type":"ping"}`), 1) })
	if got := last(t, f, "/api/v1/watch"); got.Query != "from=23" || got.Header.Get("Authorization") != "Bearer "+secret || got.Header.Get(userHeader) != "" {
		t.Errorf("watched with %q, %q", got.Query, got.Header)
	}
	for i := range 50 {
		f.Push(fmt.Sprintf(`{"type":"changes","revision":%d,"changes":[]}`, 24+i))
	}
	await(t, "the last revision", func() error {
		all := p.list()
		if len(all) == 0 || !strings.HasSuffix(all[len(all)-1], "[73]]}}") {
			return fmt.Errorf("frames %v", all)
		}
		return nil
	})
	if err := end(); err != nil {
		t.Error(err)
	}
	all := p.list()
	if len(all) > 50 || !strings.Contains(all[0], `"schema"`) || len(all) > 1 && strings.Contains(all[1], `"schema"`) {
		t.Errorf("frames %v", all)
	}
}

// TestChangeStream checks that changes are asked for with the query when the
// watch tells of any.
func TestChangeStream(t *testing.T) {
	f := fakedaemon.New(t)
	f.Special(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.URL.Path != "/api/v1/status" {
			return false
		}
		writeJSON(w, 200, map[string]any{"version": "1", "revision": 20, "past": map[string]any{}})
		return true
	})
	d := open(t, f.URL, nil)
	p, end := run(t, d, "changes/x", `{"queryType":"events","gremlin":"G.V()","keys":"State"}`)
	await(t, "a watch", func() error { return count(f.Push(`{"type":"changes","revision":23,"changes":[]}`), 1) })
	await(t, "a frame", func() error { return count(len(p.list()), 1) })
	if err := end(); err != nil {
		t.Error(err)
	}
	// Of the recorded changes that of revision 20 is known already.
	if all := p.list(); len(all) != 1 || strings.Contains(all[0], "veth0") || strings.Count(all[0], `"added"`) != 3 || !strings.Contains(all[0], `"paris"`) {
		t.Errorf("frames %v", p.list())
	}
	if got := last(t, f, "/api/v1/changes").Query; !strings.Contains(got, "gremlin=G.V%28%29") || !strings.Contains(got, "keys=State") {
		t.Error(got)
	}
}

// TestForgetfulChangeStream checks what a topologyd without a past can tell, and
// that what does not fit is counted.
func TestForgetfulChangeStream(t *testing.T) {
	f := fakedaemon.New(t)
	f.Special(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.URL.Path != "/api/v1/status" {
			return false
		}
		writeJSON(w, 200, map[string]any{"version": "1", "revision": 5})
		return true
	})
	d := open(t, f.URL, nil)
	d.tick = time.Hour
	p, end := run(t, d, "changes/x", eventQuery)
	await(t, "a watch", func() error { return count(f.Push(`{"type":"ping"}`), 1) })
	var changes []string
	for i := range maxBatch + 7 {
		changes = append(changes, fmt.Sprintf(`{"op":"node_added","revision":%d,"at":1795411431753,"node":{"Metadata":{"Name":"n%d","Type":"veth"}}}`, i+6, i))
	}
	changes = append(changes, `{"op":"node_deleted","revision":9999,"at":1,"node":{}}`)
	f.Push(`{"type":"changes","revision":9999,"changes":[` + strings.Join(changes, ",") + `]}`)
	f.Push(`nonsense`)
	// The watch breaks at the message that is none, and is made again.
	await(t, "another watch", func() error { return count(len(f.Requests("/api/v1/watch")), 2) })
	if err := end(); err != nil {
		t.Error(err)
	}
	all := p.list()
	if len(all) != 1 || strings.Count(all[0], "Node added") != 2*maxBatch || !strings.Contains(all[0], "[7,0,0") {
		t.Errorf("%d frames: %.2000s", len(all), strings.Join(all, "\n"))
	}
	if got := f.Requests("/api/v1/watch")[1].Query; got != "from=9999" {
		t.Errorf("watched again with %q", got)
	}
	_, end = run(t, d, "changes/x", `{"queryType":"events","gremlin":"G.V()"}`)
	await(t, "a refusal", func() error { return count(len(f.Requests("/api/v1/status")), 2) })
	if err := end(); err == nil || !strings.Contains(err.Error(), "keeps no past") {
		t.Error(err)
	}
}

func TestFlowStream(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	p, end := run(t, d, "flows/x", flowQuery)
	await(t, "a follower", func() error { return count(f.PushFlows(`{"type":"lost","count":3}`), 1) })
	f.PushFlows(`{"type":"flows","flows":[{"UUID":"00000000-0000-0000-0000-000000001000","LayersPath":"Ethernet/IPv4/TCP","Application":"HTTPS"}]}`)
	await(t, "a frame", func() error { return count(len(p.list()), 1) })
	if all := p.list(); !strings.Contains(all[0], "HTTPS") || !strings.HasSuffix(all[0], "[3]]}}") {
		t.Errorf("frames %v", all)
	}
	if got := last(t, f, "/api/v1/flows/follow").Query; got != "port=443" {
		t.Error(got)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestStreamsEnd checks that streams end with the data source, with errors that
// say what to do, and that there are not too many.
func TestStreamsEnd(t *testing.T) {
	f := fakedaemon.New(t)
	d := open(t, f.URL, nil)
	_, end := run(t, d, "flows/x", flowQuery)
	await(t, "a follower", func() error { return count(f.PushFlows(`{"type":"ping"}`), 1) })
	d.Dispose()
	await(t, "the end", func() error { return count(int(-d.streams.Load()), 0) })
	if err := end(); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		url, want string
	}{
		"away":  {closed(t), "nothing listens at"},
		"token": {func() string { f := fakedaemon.New(t); f.Fail("", 401, "no"); return f.URL }(), "does not take the token"},
	} {
		d := open(t, c.url, nil)
		for _, path := range []string{"revision", "changes/x", "flows/x"} {
			text := eventQuery
			if path == "flows/x" {
				text = flowQuery
			}
			err := d.RunStream(t.Context(), &backend.RunStreamRequest{Path: path, Data: []byte(text)}, backend.NewStreamSender(&packets{}))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: %v, want %s", name, path, err, c.want)
			}
		}
	}
	d = open(t, f.URL, nil)
	d.streams.Store(maxStreams)
	if err := d.RunStream(t.Context(), &backend.RunStreamRequest{Path: "revision"}, backend.NewStreamSender(&packets{})); err == nil || !strings.Contains(err.Error(), "100 streams") {
		t.Error(err)
	}
	passing := open(t, f.URL, func(s *backend.DataSourceInstanceSettings) { s.JSONData = []byte(`{"oauthPassThru":true}`) })
	if err := passing.RunStream(t.Context(), &backend.RunStreamRequest{Path: "revision"}, nil); err == nil {
		t.Error("a stream runs for users who forward their identity")
	}
}
