package orders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/order"
)

// conn is one session. Its reader, its writer of states and its answers end
// together.
type conn struct {
	s     *Session
	ws    *websocket.Conn
	heard atomic.Int64 // when something was, in nanoseconds since began
	began time.Time

	mu      sync.Mutex
	fetches map[uint64]context.CancelFunc
}

// hold opens a session at an endpoint and holds it until it breaks or ctx ends.
func (s *Session) hold(ctx context.Context, endpoint string) (opened bool, err error) {
	c := &conn{s: s, began: time.Now(), fetches: make(map[uint64]context.CancelFunc)}
	client, err := s.client()
	if err != nil {
		return false, err
	}
	defer client.CloseIdleConnections()
	if err := c.dial(ctx, client, endpoint); err != nil {
		return false, err
	}
	defer c.ws.CloseNow() //nolint:errcheck // closed already, or broken
	if err := c.hello(ctx); err != nil {
		return false, err
	}
	s.sessions.Add(1)
	s.connected.Store(true)
	defer s.connected.Store(false)
	if s.logged.back() {
		s.deps.Log.Info("In session with topologyd", "endpoint", endpoint)
	}
	s.deps.Status(nil)

	live, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, part := range []func(context.Context) error{c.read, c.tell, c.watch} {
		wg.Go(func() { cancel(part(live)) })
	}
	select {
	case <-live.Done():
	case <-ctx.Done():
		c.leave()
		cancel(ctx.Err())
	}
	_ = c.ws.CloseNow()
	wg.Wait()
	return true, context.Cause(live)
}

// leaving is how long topologyd may take to say goodbye.
const leaving = 200 * time.Millisecond

// leave tells topologyd that the session ends on purpose.
func (c *conn) leave() {
	hurry := time.AfterFunc(leaving, func() { _ = c.ws.CloseNow() })
	defer hurry.Stop()
	_ = c.ws.Close(websocket.StatusGoingAway, "the collector ends")
}

// client makes the HTTP client for one session.
func (s *Session) client() (*http.Client, error) {
	tlsConfig, err := s.cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig, TLSHandshakeTimeout: s.cfg.Handshake,
			MaxResponseHeaderBytes: 64 << 10,
		},
		// A token goes to the endpoint that was configured and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func (c *conn) dial(ctx context.Context, client *http.Client, endpoint string) error {
	s := c.s
	target, err := address(endpoint, s.cfg.Hello.HostID)
	if err != nil {
		return err
	}
	header := http.Header{}
	token, err := s.cfg.token()
	if err != nil {
		return err
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Handshake)
	defer cancel()
	ws, resp, err := websocket.Dial(ctx, target, &websocket.DialOptions{ //nolint:bodyclose // websocket.Dial: it need not be closed
		HTTPClient: client, HTTPHeader: header,
		OnPingReceived: func(context.Context, []byte) bool { c.hear(); return true },
		OnPongReceived: func(context.Context, []byte) { c.hear() },
	})
	if err != nil {
		return refusal(resp, err, s.cfg.Handshake)
	}
	ws.SetReadLimit(order.MaxMessage)
	c.ws = ws
	c.hear()
	return nil
}

// refusal tells why there is no session, in one line.
func refusal(resp *http.Response, err error, limit time.Duration) error {
	if resp != nil && resp.StatusCode != 0 && resp.StatusCode != http.StatusSwitchingProtocols {
		text := ""
		if resp.Body != nil {
			b, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
			text = strings.Join(strings.Fields(string(b)), " ")
		}
		switch resp.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return fmt.Errorf("refused with status %d: check token_file: %s", resp.StatusCode, text)
		case http.StatusNotFound:
			return fmt.Errorf("refused with status 404: it does not give orders to hosts; is it a topologyd of this version?")
		case http.StatusServiceUnavailable:
			return fmt.Errorf("not available now: %s", text)
		}
		return fmt.Errorf("refused with status %d: %s", resp.StatusCode, text)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v", limit)
	}
	// The address is named by whoever tries it.
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("connect: %w", err)
}

// hello says who the host is.
func (c *conn) hello(ctx context.Context) error {
	h := c.s.cfg.Hello
	h.Have = c.s.agenda.revision.Load()
	if c.s.cfg.Describe != nil {
		c.s.cfg.Describe(&h)
	}
	if h.Types == nil {
		h.Types = []string{}
	}
	return c.send(ctx, &order.Envelope{Hello: &h})
}

// send sends one message. It may be called by several goroutines.
func (c *conn) send(ctx context.Context, e *order.Envelope) error {
	b, err := order.Encode(e)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, c.s.cfg.Write)
	defer cancel()
	if err := c.ws.Write(limited, websocket.MessageText, b); err != nil {
		if ctx.Err() == nil && limited.Err() != nil {
			return fmt.Errorf("send: topologyd took nothing for %v", c.s.cfg.Write)
		}
		return fmt.Errorf("send: %w", err)
	}
	c.s.sent.Add(1)
	return nil
}

func (c *conn) hear() { c.heard.Store(int64(time.Since(c.began))) }

// watch ends the session when nothing is heard; before, it asks for a sign of
// life itself.
func (c *conn) watch(ctx context.Context) error {
	silence := c.s.cfg.Silence
	ticker := time.NewTicker(silence / 8)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		quiet := time.Since(c.began) - time.Duration(c.heard.Load())
		if quiet >= silence {
			return fmt.Errorf("nothing was heard of it for %v", silence)
		}
		if quiet < silence/2 {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, silence-quiet)
		err := c.ws.Ping(limited)
		cancel()
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("nothing was heard of it for %v", silence)
		}
	}
}

// read takes messages.
func (c *conn) read(ctx context.Context) error {
	var answers sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer answers.Wait()
	defer cancel()
	for {
		_, b, err := c.ws.Read(ctx)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				sleep(ctx, leaving) // whoever closed it knows better why
			}
			return broken(err)
		}
		c.hear()
		c.s.received.Add(1)
		e, err := decode(b)
		if err != nil {
			c.s.unusable.Add(1)
			return err
		}
		switch {
		case e.Assignments != nil:
			c.s.agenda.put(e.Assignments)
		case e.Fetch != nil:
			if err := c.fetch(ctx, e.Fetch, &answers); err != nil {
				return err
			}
		case e.Cancel != nil:
			c.cancel(e.Cancel.Request)
		}
	}
}

// broken tells why a session ended.
func broken(err error) error {
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Reason != "":
		return fmt.Errorf("it ended the session: %s", closed.Reason)
	case errors.As(err, &closed):
		return fmt.Errorf("it ended the session with code %d", closed.Code)
	case errors.Is(err, websocket.ErrMessageTooBig):
		return fmt.Errorf("it sent a message of more than %d bytes", order.MaxMessage)
	case errors.Is(err, io.EOF):
		return errors.New("the connection broke")
	}
	return fmt.Errorf("the connection broke: %w", err)
}
