package database

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a connection.
const (
	// maxMessage is how many bytes one message may have. An interface with its port
	// takes 0.7 to 1 kB in a listing, so this is for more than 60,000 of them.
	// Decoded, a message takes several times as much.
	maxMessage = 64 << 20
	// maxWaiting is how many notifications may wait to be taken; the server has to
	// wait with more. They are few, since each may be that long.
	maxWaiting = 2
)

// message is one of JSON-RPC 1.0 as RFC 7047, 4, uses it.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error,omitempty"`
}

// rpc is a connection to a server. Its methods may be called from any goroutine.
type rpc struct {
	conn    net.Conn
	timeout time.Duration
	// notes are the notifications, in order. While it is full nothing is read, so
	// who waits for a call must not be who takes them. It is closed at the end.
	notes chan message
	// heard is when the server said something last, in nanoseconds since 1970.
	heard atomic.Int64

	write sync.Mutex

	mu    sync.Mutex
	next  uint64
	calls map[uint64]chan message
	err   error
	// done is closed when the connection has ended and nothing of it runs, ending
	// when it is to end.
	done, ending chan struct{}
	once         sync.Once
}

// newRPC takes the connection over, and reads from it until it ends.
func newRPC(conn net.Conn, timeout time.Duration) *rpc {
	r := &rpc{
		conn: conn, timeout: timeout, notes: make(chan message, maxWaiting),
		calls: make(map[uint64]chan message), done: make(chan struct{}), ending: make(chan struct{}),
	}
	r.heard.Store(time.Now().UnixNano())
	go r.read()
	return r
}

// close ends the connection and waits until nothing of it runs.
func (r *rpc) close() {
	r.end(ErrClosed)
	<-r.done
}

// end makes the connection end; the first reason counts.
func (r *rpc) end(err error) {
	r.once.Do(func() {
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
		close(r.ending)
		_ = r.conn.Close() // nothing is to be said any more
	})
}

// failure tells why the connection ended.
func (r *rpc) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *rpc) read() {
	defer close(r.done)
	defer close(r.notes)
	defer r.hangUp()
	in := &bounded{r: r.conn}
	d := json.NewDecoder(in)
	for {
		var m message
		in.left = maxMessage
		if err := d.Decode(&m); err != nil {
			if errors.Is(err, io.EOF) {
				err = ErrClosed
			}
			r.end(fmt.Errorf("read from database: %w", err))
			return
		}
		r.heard.Store(time.Now().UnixNano())
		if err := r.take(m); err != nil {
			r.end(err)
			return
		}
	}
}

// take does what a message asks for.
func (r *rpc) take(m message) error {
	switch {
	case m.Method == "echo":
		return r.send(message{ID: m.ID, Result: m.Params, Error: json.RawMessage("null")})
	case m.Method != "":
		select {
		case r.notes <- m:
		case <-r.ending:
		}
		return nil
	}
	id, err := strconv.ParseUint(string(m.ID), 10, 64)
	if err != nil {
		return nil //nolint:nilerr // the answer to an echo of ours, see [rpc.echo]
	}
	r.mu.Lock()
	answer := r.calls[id]
	delete(r.calls, id)
	r.mu.Unlock()
	if answer != nil {
		answer <- m // there is room for one
	}
	return nil
}

// hangUp ends the calls that wait.
func (r *rpc) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, answer := range r.calls {
		close(answer)
	}
	r.calls = nil
}

// send writes a message. When it cannot the connection ends, since a part of the
// message may have been written.
func (r *rpc) send(m message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message to database: %w", err)
	}
	r.write.Lock()
	defer r.write.Unlock()
	if err = r.conn.SetWriteDeadline(time.Now().Add(r.timeout)); err == nil {
		_, err = r.conn.Write(b)
	}
	if err != nil {
		err = fmt.Errorf("write to database: %w", err)
		r.end(err)
	}
	return err
}

// request is what a call sends.
func request(id, method string, params any) (message, error) {
	b, err := json.Marshal(params)
	if err != nil {
		return message{}, fmt.Errorf("encode %s: %w", method, err)
	}
	return message{ID: json.RawMessage(id), Method: method, Params: b}, nil
}

// call asks the server and waits for the answer.
func (r *rpc) call(ctx context.Context, method string, params, result any) error {
	answer := make(chan message, 1)
	r.mu.Lock()
	if r.calls == nil {
		err := r.err
		r.mu.Unlock()
		return fmt.Errorf("%s: %w", method, err)
	}
	r.next++
	id := r.next
	r.calls[id] = answer
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.calls, id)
		r.mu.Unlock()
	}()

	m, err := request(strconv.FormatUint(id, 10), method, params)
	if err != nil {
		return err
	}
	if err := r.send(m); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	case m, ok := <-answer:
		if !ok {
			return fmt.Errorf("%s: %w", method, r.failure())
		}
		if e := m.Error; len(e) > 0 && !bytes.Equal(e, []byte("null")) {
			return fmt.Errorf("%s: %w", method, serverError(e))
		}
		if err := decode(m.Result, result); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		return nil
	}
}

// echo asks for a sign of life, and does not wait for it.
func (r *rpc) echo() error {
	m, err := request(`"echo"`, "echo", []string{})
	if err != nil {
		return err
	}
	return r.send(m)
}

// serverError is what a server says is wrong: a text, or an object (RFC 7047, 3.1,
// <error>).
func serverError(raw json.RawMessage) error {
	var e struct {
		Error   string `json:"error"`
		Details string `json:"details"`
	}
	if json.Unmarshal(raw, &e) != nil && json.Unmarshal(raw, &e.Error) != nil {
		e.Error = string(raw)
	}
	if e.Error == unknownMethod {
		return errUnknownMethod
	}
	if e.Details != "" {
		e.Error += ": " + e.Details
	}
	return errors.New(e.Error)
}

const unknownMethod = "unknown method"

var errUnknownMethod = errors.New(unknownMethod)

// errNonsense tells of a message that is not what it should be.
var errNonsense = errors.New("the server sends what is not OVSDB")

// decode reads a value in the notation of OVSDB. Where that is not what it should
// be the library may panic.
func decode(raw json.RawMessage, into any) (err error) {
	defer recoverNonsense(&err)
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%w: %w", errNonsense, err)
	}
	return nil
}

func recoverNonsense(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", errNonsense, p)
	}
}

// bounded ends what reads more than is left.
type bounded struct {
	r    io.Reader
	left int
}

var errTooLong = fmt.Errorf("a message of more than %d bytes", maxMessage)

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err //nolint:wrapcheck // the decoder looks for io.EOF
}
