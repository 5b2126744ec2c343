package daemon

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/internal/proctest"
)

// TestCaptures has a host follow a capture through a running daemon, over a
// restart of it.
func TestCaptures(t *testing.T) {
	cfg := testConfig(t.TempDir())
	b := start(t, cfg)
	b.write(encode(host(), event(1, 0)))
	proctest.Eventually(t, 10*time.Second, "the capture is taken", func() error {
		if code, text := b.createCapture(`{"query":"G.V().Has('Type','device')","filter":"tcp"}`); code != http.StatusCreated {
			return fmt.Errorf("%d %s", code, text)
		}
		return nil
	})
	c := session(t, b, "h")
	list := nextList(t, c, 1)
	if got := list.Captures[0]; got.Name != "my-cap" || got.Filter != "tcp" || got.Node.Interface != "eth1" || got.Node.IfIndex != 1 {
		t.Errorf("%+v", got)
	}
	run := order.Envelope{State: &order.State{Whole: true, Captures: []order.CaptureState{
		{ID: list.Captures[0].ID, Revision: list.Captures[0].Revision, State: order.StateRunning, Proof: order.ProofPacket}}}}
	say(t, c, &run)
	shows := func(want string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) { // between two looks
			got := b.query("G.V().Has('Captures.Name','my-cap').Values('Captures')")
			if strings.Contains(got, want) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s, not %s", got, want)
			}
		}
	}
	shows(`"State":"running"`)
	// What an agent says in the name of captures is not taken.
	forged := event(1, 1)
	forged.Source = entity.SourceCapture
	if code, _ := b.do(http.MethodPost, "/api/v2/write", encode(forged)); code == http.StatusNoContent {
		t.Error("a report in the name of captures was taken")
	}
	b.stop()
	var err error
	for err == nil {
		_, _, err = c.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(cfg.DataDir, auditFile)); err != nil || info.Size() == 0 {
		t.Error("who made the capture is not written down", err)
	}

	b = start(t, cfg)
	// A daemon that is alone follows nobody, also before it gives orders.
	proctest.Eventually(t, 20*time.Second, "it is known how the capture does", func() error {
		code, answer := b.do(http.MethodGet, "/api/v1/captures/web", nil)
		if strings.Contains(answer, `"follower"`) {
			t.Fatal(answer)
		}
		if code != http.StatusOK || strings.Contains(answer, `"pending"`) {
			return fmt.Errorf("%d %s", code, answer)
		}
		return nil
	})
	if code, answer := b.do(http.MethodGet, "/api/v1/captures/web/nodes", nil); code != http.StatusOK {
		t.Error(code, answer)
	}
	c = session(t, b, "h")
	if again := nextList(t, c, 1); again.Captures[0].ID != list.Captures[0].ID || again.Revision <= list.Revision {
		t.Errorf("%+v", again)
	}
	say(t, c, &run)
	shows(`"State":"running"`)
	if code, answer := b.do(http.MethodDelete, "/api/v1/captures/web", nil); code/100 != 2 {
		t.Fatal(code, answer)
	}
	nextList(t, c, 0)
	for b.query("G.V().HasKey('Captures')") != "[]" {
		time.Sleep(5 * time.Millisecond) // between two looks
	}
	_ = c.CloseNow()
}

// session opens a session of a host, as soon as the daemon leads.
func session(t *testing.T, b *bench, host string) *websocket.Conn {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) { // between two tries
		c, r, err := websocket.Dial(t.Context(), b.url+order.Path(host), nil)
		if err == nil {
			say(t, c, &order.Envelope{Hello: &order.Hello{HostID: host, Instance: "i"}})
			return c
		}
		if r != nil && r.Body != nil {
			_ = r.Body.Close()
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func say(t *testing.T, c *websocket.Conn, e *order.Envelope) {
	t.Helper()
	text, err := order.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(t.Context(), websocket.MessageText, text); err != nil {
		t.Fatal(err)
	}
}

// nextList reads until a list of so many comes.
func nextList(t *testing.T, c *websocket.Conn, n int) *order.Assignments {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, text, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		e, err := order.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if e.Assignments != nil && len(e.Assignments.Captures) == n {
			return e.Assignments
		}
	}
}
