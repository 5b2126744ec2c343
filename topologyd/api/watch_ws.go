package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// socket carries a watch over a WebSocket (RFC 6455), each message a text
// frame of JSON.
type socket struct{ c *websocket.Conn }

// newSocket upgrades a request; gone is called when the client closes the
// connection. On an error the request is answered.
func newSocket(w http.ResponseWriter, r *http.Request, gone func()) (*socket, error) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return nil, err
	}
	// Watchers say nothing; one that does is cut off by CloseRead. Its context
	// must not end before the connection: that would cut off the close frame.
	context.AfterFunc(c.CloseRead(context.Background()), gone)
	return &socket{c}, nil
}

func (s *socket) send(ctx context.Context, m message) error {
	if err := s.c.Write(ctx, websocket.MessageText, m.data); err != nil {
		return err
	}
	if m.kind == "ping" {
		// The answer shows that the client still reads.
		return s.c.Ping(ctx)
	}
	return nil
}

func (s *socket) close(err error) {
	_, text := closeMessage(err)
	switch {
	case errors.Is(err, errWrite):
		_ = s.c.CloseNow() // it would not take a reason either
	case errors.Is(err, errStopping), errors.Is(err, engine.ErrStopped):
		_ = s.c.Close(websocket.StatusGoingAway, text)
	case errors.Is(err, engine.ErrSlow):
		_ = s.c.Close(websocket.StatusTryAgainLater, text)
	case errors.Is(err, auth.ErrEnded), errors.As(err, new(*gremlin.LimitError)):
		_ = s.c.Close(websocket.StatusPolicyViolation, text)
	case errors.Is(err, context.Canceled):
		_ = s.c.Close(websocket.StatusNormalClosure, "")
	default:
		_ = s.c.Close(websocket.StatusInternalError, text)
	}
}
