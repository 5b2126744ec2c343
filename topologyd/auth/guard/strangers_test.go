package guard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
)

// TestStrangers opens connections that prove nothing beside one that does.
func TestStrangers(t *testing.T) {
	const most = 3
	w := newWorld(t, func(c *Config, _ *Deps) { c.Strangers, c.FailureRate = most, 1<<20 })
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	route := w.Route(httpx.Get("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }).For(auth.Read))
	s := &http.Server{Handler: httpx.Mux([]httpx.Route{route}), ReadHeaderTimeout: time.Minute}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(w.Listener(inner)) }()
	defer func() { _ = s.Close(); <-ended }()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		return c
	}
	ask := func(c net.Conn, token string) (int, error) {
		if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token); err != nil {
			return 0, err
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0, err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, resp.Body.Close()
	}
	known := dial()
	if code, err := ask(known, "v"); code != http.StatusNoContent {
		t.Fatal(code, err)
	}
	if n := w.strangers.count(); n != 0 {
		t.Errorf("%d strangers", n)
	}
	var all []net.Conn
	for range 3 * most {
		c := dial()
		if code, err := ask(c, "x"); code != http.StatusUnauthorized {
			t.Fatal(code, err)
		}
		all = append(all, c)
	}
	for i, c := range all {
		if i < len(all)-most {
			if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) {
				t.Errorf("connection %d goes on: %v", i, err)
			}
		} else if code, err := ask(c, "x"); code != http.StatusUnauthorized {
			t.Errorf("connection %d: %d %v", i, code, err)
		}
	}
	if code, err := ask(known, "v"); code != http.StatusNoContent {
		t.Errorf("the one who is known: %d %v", code, err)
	}
	if n := testutil.ToFloat64(w.n.strangers); n != 2*most {
		t.Errorf("%v were closed", n)
	}
	for _, c := range append(all, known) {
		_ = c.Close()
	}
	proctest.Eventually(t, time.Minute, "they are forgotten", func() error {
		if n := w.strangers.count(); n != 0 {
			return fmt.Errorf("%d strangers", n)
		}
		return nil
	})
}

// TestNoStrangers: where nobody is asked nobody can prove anything.
func TestNoStrangers(t *testing.T) {
	w := newWorld(t, func(_ *Config, d *Deps) { d.Identify = nil })
	l := &net.TCPListener{}
	if w.Listener(l) != net.Listener(l) {
		t.Error("it bounds connections")
	}
}

// end is a connection with ends.
type end struct {
	net.Conn
	local, remote *net.TCPAddr
}

func (e end) LocalAddr() net.Addr  { return e.local }
func (e end) RemoteAddr() net.Addr { return e.remote }
func (e end) Close() error         { return nil }

// TestStrangersEnds: a port from which there are connections to several of the
// daemon's is not one connection.
func TestStrangersEnds(t *testing.T) {
	w := newWorld(t, nil)
	remote := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5}
	var all []net.Conn
	for _, local := range []*net.TCPAddr{{IP: net.IPv4(192, 0, 2, 2), Port: 4280}, {IP: net.IPv4(192, 0, 2, 2), Port: 4327}, {IP: net.IPv4(192, 0, 2, 3), Port: 4280}} {
		all = append(all, w.strangers.add(end{local: local, remote: remote}))
	}
	if n := w.strangers.count(); n != 3 {
		t.Errorf("%d strangers", n)
	}
	w.strangers.proved(endsOf(all[1].LocalAddr(), remote))
	again := w.strangers.add(end{local: all[0].LocalAddr().(*net.TCPAddr), remote: remote})
	if n := w.strangers.count(); n != 2 {
		t.Errorf("%d strangers", n)
	}
	for i, c := range append(all, again, again) {
		_ = c.Close()
		if n := w.strangers.count(); i < 2 && n != 2 || i == 4 && n != 0 {
			t.Errorf("%d strangers after %d", n, i)
		}
	}
}
