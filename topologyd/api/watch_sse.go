package api

import (
	"context"
	"net/http"
	"strconv"
)

// eventStream carries a watch as server-sent events (HTML Living Standard,
// 9.2).
type eventStream struct{ stream }

func newEventStream(w http.ResponseWriter) (*eventStream, error) {
	s, err := newStream(w, typeEventStream)
	return &eventStream{s}, err
}

func (s *eventStream) send(ctx context.Context, m message) error {
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
	return s.write(ctx)
}

// close tells the reason as a last event; a client that takes no messages will
// not take this one, and its connection ends with the request.
func (s *eventStream) close(err error) {
	b := append(s.buf[:0], "event: error\ndata: "...)
	s.buf = append(append(b, errorEvent(err)...), "\n\n"...)
	_ = s.flush()
}
