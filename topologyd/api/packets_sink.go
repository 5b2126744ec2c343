package api

import (
	"net/http"
	"time"
)

// sinkPiece is how much of an answer with packets is sent at once.
const sinkPiece = 64 << 10

// packetSink sends what is written in pieces. The headers go with the first one,
// so that what fails before it can still be answered with an error.
type packetSink struct {
	w     http.ResponseWriter
	c     *http.ResponseController
	pause time.Duration
	head  func(http.Header)
	buf   []byte
	begun bool
	err   error
}

// Write implements [packets.Sink].
func (s *packetSink) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	s.buf = append(s.buf, b...)
	if len(s.buf) >= sinkPiece {
		if err := s.send(); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// send sends what there is within the time that a client may take.
func (s *packetSink) send() error {
	if s.err != nil {
		return s.err
	}
	if !s.begun {
		// It may last; the server's deadline for reading requests would end it.
		if s.err = s.c.SetReadDeadline(time.Time{}); s.err != nil {
			return s.err
		}
	}
	if s.err = s.c.SetWriteDeadline(time.Now().Add(s.pause)); s.err != nil {
		return s.err
	}
	if !s.begun {
		s.begun = true
		s.head(s.w.Header())
		s.w.WriteHeader(http.StatusOK)
	}
	if len(s.buf) > 0 {
		_, s.err = s.w.Write(s.buf)
		s.buf = s.buf[:0]
	}
	return s.err
}

// Flush implements [packets.Sink].
func (s *packetSink) Flush() error {
	if s.begun && len(s.buf) == 0 && s.err == nil {
		return nil
	}
	if err := s.send(); err != nil {
		return err
	}
	s.err = s.c.Flush()
	return s.err
}
