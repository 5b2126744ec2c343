package api

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// eventStream carries a watch as server-sent events (HTML Living Standard,
// 9.2).
type eventStream struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	buf []byte
}

func newEventStream(w http.ResponseWriter) (*eventStream, error) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // for a reverse proxy on the way
	s := &eventStream{w: w, c: http.NewResponseController(w)}
	// A watch lasts; the server's deadline for reading requests would end it.
	if err := s.c.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	w.WriteHeader(http.StatusOK)
	return s, s.c.Flush()
}

func (s *eventStream) send(ctx context.Context, m message) error {
	if err := s.c.SetWriteDeadline(deadline(ctx)); err != nil {
		return err
	}
	b := s.buf[:0]
	if m.kind == "ping" {
		b = append(b, ": ping\n\n"...)
	} else {
		b = append(append(b, "event: "...), m.kind...)
		if m.id != 0 {
			b = strconv.AppendUint(append(b, "\nid: "...), m.id, 10)
		}
		b = append(append(append(b, "\ndata: "...), m.data...), "\n\n"...)
	}
	s.buf = b
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.c.Flush()
}

// close tells the reason as a last event; a client that takes no messages will
// not take this one, and its connection ends with the request.
func (s *eventStream) close(err error) {
	b := append(s.buf[:0], "event: error\ndata: "...)
	b = append(append(b, errorEvent(err)...), "\n\n"...)
	if _, err := s.w.Write(b); err == nil {
		_ = s.c.Flush()
	}
}
