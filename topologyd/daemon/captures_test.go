package daemon

import (
	"context"
	"errors"
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
	proctest.Eventually(t, 20*time.Second, "the capture is taken", func() error {
		if code, text := b.createCapture(`{"query":"G.V().Has('Type','device')","filter":"tcp"}`); code != http.StatusCreated {
			return fmt.Errorf("%d %s", code, text)
		}
		return nil
	})
	c := session(t, b, "h")
	list := c.list(t, 1)
	if got := list.Captures[0]; got.Name != "my-cap" || got.Filter != "tcp" || got.Node.Interface != "eth1" || got.Node.IfIndex != 1 {
		t.Errorf("%+v", got)
	}
	run := order.Envelope{State: &order.State{Whole: true, Captures: []order.CaptureState{
		{ID: list.Captures[0].ID, Revision: list.Captures[0].Revision, State: order.StateRunning, Proof: order.ProofPacket}}}}
	c.say(t, &run)
	shows := func(want string) {
		t.Helper()
		proctest.Eventually(t, 20*time.Second, "the graph shows "+want, func() error {
			if got := b.query("G.V().Has('Captures.Name','my-cap').Values('Captures')"); !strings.Contains(got, want) {
				return errors.New(got)
			}
			return nil
		})
	}
	shows(`"State":"running"`)
	// What an agent says in the name of captures is not taken.
	forged := event(1, 1)
	forged.Source = entity.SourceCapture
	if code, _ := b.do(http.MethodPost, "/api/v2/write", encode(forged)); code == http.StatusNoContent {
		t.Error("a report in the name of captures was taken")
	}
	b.stop()
	if err := c.ended(t); websocket.CloseStatus(err) != websocket.StatusGoingAway {
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
	if again := c.list(t, 1); again.Captures[0].ID != list.Captures[0].ID || again.Revision <= list.Revision {
		t.Errorf("%+v", again)
	}
	c.say(t, &run)
	shows(`"State":"running"`)
	if code, answer := b.do(http.MethodDelete, "/api/v1/captures/web", nil); code/100 != 2 {
		t.Fatal(code, answer)
	}
	c.list(t, 0)
	proctest.Eventually(t, 20*time.Second, "the graph says nothing of captures", func() error {
		if got := b.query("G.V().HasKey('Captures')"); got != "[]" {
			return errors.New(got)
		}
		return nil
	})
}

// follower is a session of a host. It reads all the time, as hosts do: who does not
// answer pings counts as away.
type follower struct {
	conn  *websocket.Conn
	lists chan *order.Assignments
	done  chan struct{}
	err   error // why the session ended; set before done is closed
}

// session opens a session of a host, as soon as the daemon leads.
func session(t *testing.T, b *bench, host string) *follower {
	t.Helper()
	f := &follower{lists: make(chan *order.Assignments, 1000), done: make(chan struct{})}
	proctest.Eventually(t, 20*time.Second, "the daemon takes the host", func() error {
		c, r, err := websocket.Dial(t.Context(), b.url+order.Path(host), nil)
		if err != nil && r != nil && r.Body != nil {
			_ = r.Body.Close()
		}
		f.conn = c
		return err
	})
	f.say(t, &order.Envelope{Hello: &order.Hello{HostID: host, Instance: "i"}})
	go f.read()
	t.Cleanup(func() { _ = f.conn.CloseNow(); <-f.done })
	return f
}

// read keeps the lists that come until the session ends.
func (f *follower) read() {
	defer close(f.done)
	for {
		_, text, err := f.conn.Read(context.Background())
		var e *order.Envelope
		if err == nil {
			e, err = order.Decode(text)
		}
		if err != nil {
			f.err = err
			return
		}
		if e.Assignments != nil {
			f.lists <- e.Assignments
		}
	}
}

func (f *follower) say(t *testing.T, e *order.Envelope) {
	t.Helper()
	text, err := order.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.conn.Write(t.Context(), websocket.MessageText, text); err != nil {
		t.Fatal(err)
	}
}

// list waits until a list of so many comes.
func (f *follower) list(t *testing.T, n int) *order.Assignments {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case l := <-f.lists:
			if len(l.Captures) == n {
				return l
			}
		case <-f.done:
			t.Fatalf("no list of %d before the session ended: %v", n, f.err)
		case <-late:
			t.Fatalf("no list of %d", n)
		}
	}
}

// ended waits until the session is over and returns why.
func (f *follower) ended(t *testing.T) error {
	t.Helper()
	select {
	case <-f.done:
		return f.err
	case <-time.After(20 * time.Second):
		t.Fatal("the session goes on")
		return nil
	}
}
