package openflow

import (
	"fmt"
	"io"
)

// Reader splits a stream into messages. It holds one buffer, which grows to the
// longest message seen, at most MaxMessage bytes. A read that ends by a deadline
// loses nothing: the next call goes on where it was. It is for one goroutine.
type Reader struct {
	r    io.Reader
	buf  []byte
	used int // bytes of buf that the message before took
	have int // bytes of buf that are filled
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{r: r, buf: make([]byte, 4096)} }

// Next is the next message. Its body is valid until Next is called again. It
// returns io.EOF at the end of the stream between two messages,
// io.ErrUnexpectedEOF within one, and the stream's own errors wrapped; an error
// that wraps ErrShort is the peer's fault, and the stream is of no use any more.
func (r *Reader) Next() (Message, error) {
	copy(r.buf, r.buf[r.used:r.have])
	r.have -= r.used
	r.used = 0
	if err := r.fill(HeaderLen); err != nil {
		return Message{}, err
	}
	h, err := ParseHeader(r.buf[:HeaderLen])
	if err != nil {
		return Message{}, err
	}
	if err := r.fill(int(h.Length)); err != nil {
		return Message{}, err
	}
	r.used = int(h.Length)
	return Message{Header: h, Body: r.buf[HeaderLen:h.Length:h.Length]}, nil
}

func (r *Reader) fill(n int) error {
	if n > len(r.buf) {
		grown := make([]byte, min(MaxMessage, max(n, 2*len(r.buf))))
		copy(grown, r.buf[:r.have])
		r.buf = grown
	}
	empty := 0
	for r.have < n {
		got, err := r.r.Read(r.buf[r.have:])
		r.have += got
		switch {
		case r.have >= n:
			return nil
		case err == io.EOF && r.have == 0: //nolint:errorlint // io.Reader's contract
			return io.EOF
		case err == io.EOF: //nolint:errorlint // io.Reader's contract
			return fmt.Errorf("read message: %w", io.ErrUnexpectedEOF)
		case err != nil:
			return fmt.Errorf("read message: %w", err)
		}
		if got == 0 {
			empty++
		}
		if empty > 100 {
			return fmt.Errorf("read message: %w", io.ErrNoProgress)
		}
	}
	return nil
}
