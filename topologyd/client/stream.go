package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// Stream is an answer that is read row by row, while the server finds more.
type Stream struct {
	// Kind is what the rows are, see [Result]. Those of a graph are objects with
	// one member, Node or Edge, nodes first.
	Kind     string
	Revision uint64

	c      *Client
	ctx    context.Context //nolint:containedctx // of the request whose answer this is
	cancel context.CancelCauseFunc
	resp   *http.Response
	ended  bool
}

// Stream asks for an answer row by row. There is no bound on how long it takes
// altogether, but the server may not be silent for longer than
// [Config].Timeout. It must be closed.
func (c *Client) Stream(ctx context.Context, q Query) (*Stream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	quiet := time.AfterFunc(c.cfg.Timeout, func() { cancel(fmt.Errorf("no answer within %v", c.cfg.Timeout)) })
	defer quiet.Stop()
	resp, err := c.ask(ctx, c.watch, q, NDJSON) //nolint:bodyclose // Close does
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("ask %s: %w", c.base.Redacted(), cause)
		}
		cancel(nil)
		return nil, err
	}
	return &Stream{Kind: resp.Header.Get(headerKind), Revision: revision(resp), c: c, ctx: ctx, cancel: cancel, resp: resp}, nil
}

// Close ends the stream, also one that has rows left.
func (s *Stream) Close() error {
	s.cancel(nil)
	return s.resp.Body.Close()
}

// Tag is as in [Result]; it is known when all rows were read.
func (s *Stream) Tag() string { return s.last("ETag") }

// Limit is as in [Result]; it is known when all rows were read.
func (s *Stream) Limit() string { return s.last(headerLimit) }

// last is what comes before the rows of a short answer, after those of a long
// one.
func (s *Stream) last(header string) string {
	if !s.ended {
		return ""
	}
	if v := s.resp.Header.Get(header); v != "" {
		return v
	}
	return s.resp.Trailer.Get(header)
}

// errorLine begins the last line of a stream that failed. A row that is a map
// may begin so too.
const errorLine = `{"error":`

// Rows yields the rows as JSON. A row is valid until the next one. An error is
// the last that it yields: an [*Error] when the server gave one. It can be
// ranged over once.
func (s *Stream) Rows() iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		var held []byte // a row that is an error if it is the last one
		for line, err := range s.lines() {
			switch {
			case err != nil:
				yield(nil, fmt.Errorf("read answer of %s: %w", s.c.base.Redacted(), because(s.ctx, err)))
				return
			case held != nil && !yield(held, nil):
				return
			}
			if held = nil; bytes.HasPrefix(line, []byte(errorLine)) {
				held = bytes.Clone(line)
			} else if !yield(line, nil) {
				return
			}
		}
		s.ended = true
		if held == nil {
			return
		}
		if err := s.failure(held); err != nil {
			yield(nil, err)
		} else {
			yield(held, nil)
		}
	}
}

// failure returns the error that a last line tells, nil when it is a row. The
// trailer says which, where nothing on the way has taken that out.
func (s *Stream) failure(line []byte) *Error {
	if _, told := s.resp.Trailer[headerError]; told && s.resp.Trailer.Get(headerError) == "" {
		return nil
	}
	var last struct{ Error *Error }
	isError := json.Unmarshal(line, &last) == nil && last.Error != nil && last.Error.Code != "" && last.Error.Message != ""
	if !isError {
		return nil
	}
	last.Error.Status, last.Error.Limit = s.resp.StatusCode, s.Limit()
	return last.Error
}

// lines yields the lines of the answer.
func (s *Stream) lines() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		quiet := time.AfterFunc(s.c.cfg.Timeout, func() { s.cancel(fmt.Errorf("nothing was heard for %v", s.c.cfg.Timeout)) })
		defer quiet.Stop()
		left := s.c.cfg.MaxAnswer
		in := bufio.NewScanner(s.resp.Body)
		most := int(min(left, maxRow))
		in.Buffer(nil, most)
		for in.Scan() {
			if left -= int64(len(in.Bytes())) + 1; left < 0 {
				yield(nil, fmt.Errorf("more than %d bytes", s.c.cfg.MaxAnswer))
				return
			}
			quiet.Stop() // who takes the rows may take his time
			if !yield(in.Bytes(), nil) {
				return
			}
			quiet.Reset(s.c.cfg.Timeout)
		}
		if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
			yield(nil, fmt.Errorf("a row has more than %d bytes", most))
		} else if err != nil {
			yield(nil, err)
		}
	}
}

// maxRow bounds one row: a path, or a group, can be long.
const maxRow = 64 << 20
