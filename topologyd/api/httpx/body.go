package httpx

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Errors of reading a body.
var (
	ErrTooLarge = errors.New("body too large")
	ErrEncoding = errors.New("unknown content encoding")
	ErrGzip     = errors.New("broken gzip")
	ErrSlow     = errors.New("body comes too slowly")
	ErrBudget   = errors.New("too much in hand")
)

// BodyLimits bound one request body.
type BodyLimits struct {
	// Bytes is the limit both of what is received and of what it decompresses to.
	Bytes int64
	// Pause is the longest wait for the next bytes; eight times as long may
	// the whole body take.
	Pause time.Duration
}

// wholeBody is how many pauses a body may take altogether.
const wholeBody = 8

// Body reads the decompressed body of a request within its limits. Close it.
type Body struct {
	wire  wire
	zip   *gzip.Reader
	limit int64
	n     int64
	err   error
}

// OpenBody begins to read the body of r. The errors of Read and OpenBody wrap
// [ErrTooLarge], [ErrEncoding], [ErrGzip] and [ErrSlow] where they apply.
func OpenBody(w http.ResponseWriter, r *http.Request, lim BodyLimits) (*Body, error) {
	if r.ContentLength > lim.Bytes {
		abandon(http.NewResponseController(w))
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, r.ContentLength, lim.Bytes)
	}
	now := time.Now()
	b := &Body{limit: lim.Bytes, wire: wire{
		r: r.Body, c: http.NewResponseController(w), left: lim.Bytes, limit: lim.Bytes,
		pause: lim.Pause, end: now.Add(wholeBody * lim.Pause),
	}}
	switch enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(&b.wire)
		if err != nil {
			b.Close()
			if err = b.wire.explain(err); errors.Is(err, io.EOF) {
				err = fmt.Errorf("%w: the body is empty", ErrGzip)
			}
			return nil, err
		}
		b.zip = z
	default:
		b.Close()
		return nil, fmt.Errorf("%w %q: send gzip or nothing", ErrEncoding, enc)
	}
	return b, nil
}

// Read implements [io.Reader].
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.zip == nil {
		n, err := b.wire.Read(p)
		b.n += int64(n)
		b.err = b.wire.explain(err)
		return n, b.err
	}
	n, err := b.zip.Read(p)
	if b.n += int64(n); b.n > b.limit {
		b.err = fmt.Errorf("%w: it decompresses to more than %d bytes", ErrTooLarge, b.limit)
		return 0, b.err
	}
	b.err = b.wire.explain(err)
	return n, b.err
}

// Received returns how many bytes came over the wire so far.
func (b *Body) Received() int64 { return b.limit - b.wire.left }

// Close ends the reading of the body. One that was not read to its end is
// given up.
func (b *Body) Close() {
	if !errors.Is(b.wire.err, io.EOF) {
		abandon(b.wire.c)
	}
}

// abandon lets the server pass over what is left of a body for a moment only:
// without a deadline it would wait for a sender that has stopped.
func abandon(c *http.ResponseController) { _ = c.SetReadDeadline(time.Now().Add(time.Second)) }

// ReadAll reads the whole body into memory that budget accounts for. Call
// free when the bytes are not needed any more, on error too.
func (b *Body) ReadAll(budget *Budget) (data []byte, free func(), err error) {
	const first = 16 << 10
	taken := int64(0)
	free = func() { budget.Give(taken); taken = 0 }
	for {
		if len(data) == cap(data) {
			grow := max(int64(cap(data)), first)
			if !budget.Take(grow) {
				return nil, free, fmt.Errorf("%w: the server holds all the bytes it may", ErrBudget)
			}
			taken += grow
			next := make([]byte, len(data), int64(cap(data))+grow)
			copy(next, data)
			data = next
		}
		n, err := b.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if errors.Is(err, io.EOF) {
			return data, free, nil
		}
		if err != nil {
			return nil, free, err
		}
	}
}

// wire is the body as it comes over the connection.
type wire struct {
	r           io.Reader
	c           *http.ResponseController
	left, limit int64
	pause       time.Duration
	end         time.Time
	err         error
}

func (r *wire) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	deadline := time.Now().Add(r.pause)
	if deadline.After(r.end) {
		deadline = r.end
	}
	_ = r.c.SetReadDeadline(deadline) // not supported below some tests: then there is none
	if int64(len(p)) > r.left+1 {
		p = p[:r.left+1]
	}
	n, err := r.r.Read(p)
	if int64(n) > r.left {
		r.err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, r.limit)
		return 0, r.err
	}
	r.left -= int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w: nothing for %v, or not done after %v", ErrSlow, r.pause, wholeBody*r.pause)
	}
	if errors.Is(err, io.EOF) {
		// The server now listens for the end of the connection: that must not
		// meet the deadline of the body, it would cancel this and all later
		// requests of the connection.
		_ = r.c.SetReadDeadline(time.Time{})
	}
	r.err = err
	return n, err
}

// explain turns an error of the decompressor into one of this package.
func (r *wire) explain(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrSlow):
		return err
	case r.err != nil && !errors.Is(r.err, io.EOF):
		return fmt.Errorf("receive body: %w", r.err)
	case errors.Is(err, io.EOF):
		return io.EOF
	default:
		return fmt.Errorf("%w: %w", ErrGzip, err)
	}
}
