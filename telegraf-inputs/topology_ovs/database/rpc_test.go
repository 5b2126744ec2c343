package database

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/proctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers one connection after the other with what answers returns for a
// method: the member result, or the whole message when it begins with "{\"".
func server(t *testing.T, answer func(method string) string) Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "ovsdb") //nolint:usetesting // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cfg := DefaultConfig()
	cfg.Endpoint = "unix:" + filepath.Join(dir, "s")
	l, err := net.Listen("unix", filepath.Join(dir, "s")) //nolint:noctx // it is there at once
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c, answer)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return cfg
}

func serve(c net.Conn, answer func(string) string) {
	defer c.Close() //nolint:errcheck // a test's
	d := json.NewDecoder(c)
	for {
		var m message
		if d.Decode(&m) != nil {
			return
		}
		result := answer(m.Method)
		switch {
		case m.Method == "":
		case result == "":
			return
		case strings.HasPrefix(result, "!"):
			_, _ = fmt.Fprintf(c, `{"id":%s,"result":null,"error":%s}`, m.ID, result[1:])
		default:
			_, _ = fmt.Fprintf(c, `{"id":%s,"result":%s,"error":null}`, m.ID, result)
		}
	}
}

func TestServers(t *testing.T) {
	const rows = `{"Open_vSwitch":{"r":{"initial":{"bridges":["set",[]]}}}}`
	const plain = `{"Open_vSwitch":{"r":{"new":{"bridges":["set",[]]}}}}`
	for name, tc := range map[string]struct {
		answers map[string]string
		err     error
		text    string
	}{
		"well":          {map[string]string{"get_schema": oldSchema, "monitor_cond": rows}, nil, ""},
		"old":           {map[string]string{"get_schema": oldSchema, "monitor_cond": `!{"error":"unknown method","details":"x"}`, "monitor": plain}, nil, ""},
		"older":         {map[string]string{"get_schema": oldSchema, "monitor_cond": `!"unknown method"`, "monitor": plain}, nil, ""},
		"ends":          {nil, ErrClosed, ""},
		"ends later":    {map[string]string{"get_schema": oldSchema}, ErrClosed, ""},
		"no database":   {map[string]string{"get_schema": `!{"error":"unknown database","details":"no such"}`}, nil, "unknown database: no such"},
		"odd error":     {map[string]string{"get_schema": `![1]`}, nil, "[1]"},
		"no schema":     {map[string]string{"get_schema": `7`}, errNonsense, ""},
		"odd schema":    {map[string]string{"get_schema": `{"name":"Open_vSwitch","tables":{"Bridge":{"columns":{"name":{"type":{"key":{"type":"cheese"}}}}}}}`}, errNonsense, ""},
		"no JSON":       {map[string]string{"get_schema": `}}`}, nil, "invalid character"},
		"odd rows":      {map[string]string{"get_schema": oldSchema, "monitor_cond": `{"Bridge":{"b":{"initial":{"ports":["uuid"]}}}}`}, errNonsense, ""},
		"another table": {map[string]string{"get_schema": oldSchema, "monitor_cond": `{"Mirror":{}}`}, errNonsense, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Dial(t.Context(), server(t, func(method string) string { return tc.answers[method] }))
			if err == nil {
				defer c.Close()
			}
			switch {
			case tc.err != nil:
				if !errors.Is(err, tc.err) {
					t.Errorf("%v, want %v", err, tc.err)
				}
			case tc.text != "":
				if err == nil || !strings.Contains(err.Error(), tc.text) {
					t.Errorf("%v, want %q", err, tc.text)
				}
			case err != nil:
				t.Error(err)
			case len(c.Tables().Root) != 1:
				t.Errorf("listed %+v", c.Tables())
			}
		})
	}
}

// TestSilence: a server that answers nothing is given up.
func TestSilence(t *testing.T) {
	cfg := server(t, func(string) string { <-t.Context().Done(); return "" })
	cfg.Timeout = 50 * time.Millisecond
	if _, err := Dial(t.Context(), cfg); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// pipe returns a connection and the server's end of it.
func pipe(t *testing.T) (*rpc, net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	r := newRPC(a, time.Second)
	t.Cleanup(func() { _ = b.Close(); r.close() })
	return r, b
}

func TestEchoIsAnswered(t *testing.T) {
	_, far := pipe(t)
	go func() { _, _ = io.WriteString(far, `{"method":"echo","params":["x"],"id":"echo"}`) }()
	var m message
	if err := json.NewDecoder(far).Decode(&m); err != nil || string(m.Result) != `["x"]` || string(m.ID) != `"echo"` {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestProbe: a server is asked when it is silent, and given up when it stays so.
func TestProbe(t *testing.T) {
	r, far := pipe(t)
	c := copyOf(t, oldSchema)
	c.rpc, c.cfg = r, Config{Probe: 10 * time.Millisecond, Timeout: 10 * time.Millisecond, Gather: time.Millisecond}
	asked := make(chan string, 100)
	go func() {
		d := json.NewDecoder(far)
		for {
			var m message
			if d.Decode(&m) != nil {
				return
			}
			asked <- m.Method
		}
	}()
	if changes, err := c.Next(t.Context()); err != nil || len(changes) > 0 {
		t.Fatalf("%v, %v", changes, err)
	}
	if got := <-asked; got != "echo" {
		t.Errorf("asked %q", got)
	}
	var err error
	for err == nil {
		_, err = c.Next(t.Context())
	}
	if !strings.Contains(err.Error(), "has said nothing") {
		t.Errorf("got %v", err)
	}
}

// TestNotifications: they are told as a whole, and what comes after the end too.
func TestNotifications(t *testing.T) {
	r, far := pipe(t)
	c := copyOf(t, oldSchema)
	c.rpc, c.cfg = r, DefaultConfig()
	c.cfg.Gather = time.Minute // until the server ends
	go func() {
		for n := range 3 {
			_, _ = fmt.Fprintf(far, `{"method":"update2","params":[null,{"Bridge":{"b%d":{"insert":{"name":"x"}}}}],"id":null}`, n)
		}
		_ = far.Close()
	}()
	changes, err := c.Next(t.Context())
	if err != nil || len(changes) != 3 || len(c.Tables().Bridges) != 3 {
		t.Errorf("%+v, %v", changes, err)
	}
	if _, err := c.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("at the end: %v", err)
	}
	if err := r.call(t.Context(), "get_schema", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a call after the end: %v", err)
	}
}

// TestServerDoesNotRead: what was written in part ends the connection, whoever
// wrote it.
func TestServerDoesNotRead(t *testing.T) {
	a, far := net.Pipe()
	r := newRPC(a, 20*time.Millisecond)
	defer r.close()
	defer far.Close() //nolint:errcheck // a test's
	err := r.call(t.Context(), "transact", []string{}, nil)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	select {
	case <-r.done:
	case <-time.After(20 * time.Second):
		t.Fatal("the connection goes on")
	}
	if !errors.Is(r.failure(), os.ErrDeadlineExceeded) {
		t.Errorf("it ended for %v", r.failure())
	}
}

// TestNobodyTakes: a server whose notifications are not taken has to wait, and
// that does not keep the connection from ending.
func TestNobodyTakes(t *testing.T) {
	r, far := pipe(t)
	var sent atomic.Int64
	go func() {
		for {
			if _, err := io.WriteString(far, `{"method":"update2","params":[null,{}],"id":null}`); err != nil {
				return
			}
			sent.Add(1)
		}
	}()
	proctest.Eventually(t, 20*time.Second, "as many wait as may", func() error {
		if len(r.notes) < maxWaiting {
			return fmt.Errorf("%d wait", len(r.notes))
		}
		return nil
	})
	if n := sent.Load(); n > maxWaiting+2 { // one more is being told, and one read
		t.Errorf("%d notifications were read", n)
	}
	r.close()
}

func TestTooLong(t *testing.T) {
	in := &bounded{r: strings.NewReader(strings.Repeat("x", 100)), left: 10}
	if _, err := io.ReadAll(in); !errors.Is(err, errTooLong) {
		t.Errorf("got %v", err)
	}
}
