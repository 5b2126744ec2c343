package daemon

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/internal/proctest"
)

// TestEnds takes the tokens away of those who watch, follow and capture.
func TestEnds(t *testing.T) {
	cfg, ts := guarded(t)
	b := start(t, cfg)
	ended := make(chan string, 8)
	follow := func(what, name, path, accept string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+ts[name])
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %v %v", what, resp, err)
		}
		go func() {
			defer resp.Body.Close() //nolint:errcheck // only read
			all, _ := io.ReadAll(resp.Body)
			ended <- what + ": " + string(all)
		}()
	}
	follow("watch", "viewer", "/api/v1/watch", "text/event-stream")
	follow("flows", "viewer", "/api/v1/flows/follow", "application/x-ndjson")
	follow("kept", "operator", "/api/v1/watch", "text/event-stream")
	h := b.session(ts["host"], "h")
	open := func() string { _, m := b.as(ts, "admin", http.MethodGet, "/metrics", ""); return m }
	if m := open(); !strings.Contains(m, "topologyd_auth_open 5") { // the four, and this request
		t.Errorf("%s", lines(m, "topologyd_auth_"))
	}
	keep := slices.DeleteFunc(slices.Clone(who[1:]), func(n string) bool { return n == "viewer" || n == "host" })
	ts.write(t, cfg.Security.AuthFile, keep...)
	for range 2 {
		select {
		case got := <-ended:
			if strings.HasPrefix(got, "kept") || !strings.Contains(got, `"code":"unauthenticated"`) {
				t.Errorf("%s", got)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("what the token opened goes on without it")
		}
	}
	select {
	case err := <-h:
		if !strings.Contains(err.Error(), "the credentials do not hold any more") {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the host goes on without its token")
	}
	proctest.Eventually(t, 20*time.Second, "the ends are counted", func() error {
		if m := open(); !strings.Contains(m, "topologyd_auth_ended_total 3") || !strings.Contains(m, `topologyd_watch_closed_total{reason="credentials"} 2`) ||
			!strings.Contains(m, `topologyd_orders_sessions_closed_total{reason="credentials"} 1`) {
			return fmt.Errorf("%s", lines(m, "topologyd_auth_", "closed_total"))
		}
		return nil
	})
	select {
	case got := <-ended:
		t.Errorf("it ended too: %s", got)
	default:
	}
}

// definitionsRead waits until definitions can be made.
func (b *bench) definitionsRead(ts tokens) {
	b.t.Helper()
	proctest.Eventually(b.t, 20*time.Second, "the definitions are read", func() error {
		if resp, answer := b.as(ts, "admin", http.MethodGet, "/api/v1/captures", ""); resp.StatusCode != http.StatusOK {
			return errors.New(answer)
		}
		return nil
	})
}

// session opens that of a host and returns where its end is told.
func (b *bench) session(token, host string) <-chan error {
	b.t.Helper()
	var c *websocket.Conn
	proctest.Eventually(b.t, 20*time.Second, "the daemon takes the host", func() (err error) {
		c, _, err = websocket.Dial(b.t.Context(), b.url+order.Path(host), &websocket.DialOptions{ //nolint:bodyclose // it is the library's
			HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
		})
		return err
	})
	hello, err := order.Encode(&order.Envelope{Hello: &order.Hello{HostID: host, HostName: host, Instance: "i"}})
	if err == nil {
		err = c.Write(b.t.Context(), websocket.MessageText, hello)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() {
		for {
			if _, _, err := c.Read(b.t.Context()); err != nil {
				_ = c.CloseNow()
				end <- err
				return
			}
		}
	}()
	return end
}

// lines are those of the metrics that have one of some texts.
func lines(metrics string, texts ...string) string {
	var out []string
	for line := range strings.SplitSeq(metrics, "\n") {
		if !strings.HasPrefix(line, "#") && slices.ContainsFunc(texts, func(x string) bool { return strings.Contains(line, x) }) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}
