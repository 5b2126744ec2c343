package api

import (
	"context"
	"net/http"
	"time"
)

// stream is an answer that lasts: what is in buf goes to the client at once.
type stream struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	buf []byte
}

// newStream answers a request with a stream of a media type. On an error the
// request is not answered yet, or its client is gone.
func newStream(w http.ResponseWriter, media string) (stream, error) {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // for a reverse proxy on the way
	s := stream{w: w, c: http.NewResponseController(w)}
	// It lasts; the server's deadline for reading requests would end it.
	if err := s.c.SetReadDeadline(time.Time{}); err != nil {
		return s, err
	}
	w.WriteHeader(http.StatusOK)
	return s, s.c.Flush()
}

// write sends buf within the deadline of ctx.
func (s *stream) write(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	if err := s.c.SetWriteDeadline(deadline); err != nil {
		return err
	}
	return s.flush()
}

// flush sends buf within the deadline that was set last.
func (s *stream) flush() error {
	if _, err := s.w.Write(s.buf); err != nil {
		return err
	}
	return s.c.Flush()
}
