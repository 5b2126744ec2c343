package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/flows"
)

// health answers as InfluxDB 2 does when Telegraf asks whether it is there.
func (in *Ingest) health(w http.ResponseWriter, _ *http.Request) {
	httpx.WriteJSON(w, http.StatusOK, struct {
		Name    string `json:"name"`
		Message string `json:"message"`
		Status  string `json:"status"`
	}{"topologyd", "ready for writes", "pass"})
}

// ping answers as InfluxDB 1 does.
func (in *Ingest) ping(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// refusal is why a whole request is refused.
type refusal struct {
	status int
	reason string
	retry  int // seconds, 0: do not try again
	err    *httpx.Error
}

func (r *refusal) Error() string { return r.err.Message }

// write takes line protocol: POST /api/v2/write.
func (in *Ingest) write(w http.ResponseWriter, r *http.Request) {
	lw := in.lineWriter()
	code := http.StatusInternalServerError // what a panic is answered with
	defer func() { in.n.requests.WithLabelValues(protoLine, strconv.Itoa(code)).Inc() }()
	err := in.takeLines(w, r, lw)
	defer in.recycle(lw)

	var no *refusal
	switch {
	case errors.As(err, &no):
		code = no.status
		in.n.reject(protoLine, no.reason, 1)
		in.answer(w, lw, no)
	case lw.rejected > 0:
		code = http.StatusBadRequest
		in.answer(w, lw, &refusal{status: code, err: lw.first})
	default:
		code = http.StatusNoContent
		w.WriteHeader(code)
	}
}

// answer writes an error in the form of this API and, beside it, with the
// members that InfluxDB's clients read.
func (in *Ingest) answer(w http.ResponseWriter, lw *lineWriter, no *refusal) {
	accepted, rejected := lw.accepted, lw.rejected
	no.err.Accepted, no.err.Rejected = &accepted, &rejected
	line := 0
	if no.err.Position != nil {
		line = no.err.Position.Line
	}
	if no.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(no.retry))
	}
	if no.status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close") // what is left of the body is not read
	}
	httpx.WriteJSON(w, no.status, struct {
		Code    string       `json:"code"`
		Message string       `json:"message"`
		Line    int          `json:"line,omitempty"`
		Error   *httpx.Error `json:"error"`
	}{no.err.Code, no.err.Message, line, no.err})
}

// takeLines reads the body in chunks of whole lines and takes each. The error
// is a [refusal].
func (in *Ingest) takeLines(w http.ResponseWriter, r *http.Request, lw *lineWriter) error {
	q := r.URL.Query()
	unit, ok := precision(q.Get("precision"))
	if !ok {
		return &refusal{http.StatusBadRequest, reasonMalformed, 0, &httpx.Error{Code: httpx.CodeInvalid,
			Message: fmt.Sprintf("precision %s is not known; give ns, us, ms or s", quote([]byte(q.Get("precision"))))}}
	}
	body, err := httpx.OpenBody(w, r, in.bodyLimits())
	if err != nil {
		return in.refuse(err)
	}
	defer func() {
		body.Close()
		in.n.bytes.WithLabelValues(protoLine).Add(float64(body.Received()))
	}()
	lw.unit, lw.now, lw.claims = unit, in.now().UnixNano(), in.claimsOf(r.Context())

	defer lw.release(in)
	most := max(in.cfg.Chunk, in.cfg.MaxLine)
	skipping := false // the rest of a line that is too long
	for {
		if len(lw.buf) == cap(lw.buf) {
			switch {
			case len(lw.buf) < most:
				if err := lw.grow(in); err != nil {
					return in.refuse(err)
				}
			case !skipping && bytes.IndexByte(lw.buf, '\n') >= 0:
				if err := in.takeChunk(r.Context(), lw, false); err != nil {
					return err
				}
			default:
				if !skipping {
					lw.tooLong(in)
				}
				skipping = true
				lw.drop(len(lw.buf))
			}
		}
		n, err := body.Read(lw.buf[len(lw.buf):cap(lw.buf)])
		lw.buf = lw.buf[:len(lw.buf)+n]
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return in.refuse(err)
		}
		if skipping {
			i := bytes.IndexByte(lw.buf, '\n')
			if i < 0 {
				lw.drop(len(lw.buf))
			} else {
				lw.drop(i + 1)
				lw.line++
				skipping = false
			}
		}
		whole := bytes.IndexByte(lw.buf[max(0, len(lw.buf)-n):], '\n') >= 0
		if !skipping && (end || whole && len(lw.buf) >= in.cfg.Chunk) {
			if err := in.takeChunk(r.Context(), lw, end); err != nil {
				return err
			}
		}
		if end {
			return nil
		}
	}
}

// takeChunk takes the whole lines of the buffer when it is this request's
// turn.
func (in *Ingest) takeChunk(ctx context.Context, lw *lineWriter, end bool) error {
	if !in.slots.Acquire(ctx, in.cfg.Patience) {
		return in.refuse(engine.ErrBusy)
	}
	defer in.slots.Release()
	n, err := lw.take(ctx, in, end)
	lw.drop(n)
	if err != nil {
		return in.refuse(err)
	}
	return nil
}

// refuse says what an error means for the sender.
func (in *Ingest) refuse(err error) *refusal {
	msg := func(code, format string, args ...any) *httpx.Error {
		return &httpx.Error{Code: code, Message: fmt.Sprintf(format, args...)}
	}
	var over *shareError
	switch {
	case errors.As(err, &over):
		return &refusal{http.StatusTooManyRequests, over.reason, over.seconds(), msg(httpx.CodeBusy, "%v", over)}
	case errors.Is(err, httpx.ErrTooLarge):
		return &refusal{http.StatusRequestEntityTooLarge, reasonTooLarge, 0,
			msg(httpx.CodeTooLarge, "%v; send smaller batches, or raise --max-body", err)}
	case errors.Is(err, httpx.ErrEncoding):
		return &refusal{http.StatusUnsupportedMediaType, reasonEncoding, 0, msg(httpx.CodeUnsupported, "%v", err)}
	case errors.Is(err, httpx.ErrSlow):
		return &refusal{http.StatusRequestTimeout, reasonSlow, 0, msg(httpx.CodeInvalid, "%v; send faster, or raise --ingest-read-timeout", err)}
	case errors.Is(err, httpx.ErrBudget), errors.Is(err, engine.ErrBusy), errors.Is(err, flows.ErrBusy):
		return &refusal{http.StatusTooManyRequests, reasonBusy, 1, msg(httpx.CodeBusy, "too many requests in hand; try again in a second")}
	case errors.Is(err, engine.ErrStopped), errors.Is(err, flows.ErrStopped), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &refusal{http.StatusServiceUnavailable, reasonStopped, 5, msg(httpx.CodeUnavailable, "the daemon is stopping; try again")}
	case errors.Is(err, engine.ErrLog):
		in.log.Error("cannot take events", "error", err)
		return &refusal{http.StatusServiceUnavailable, reasonLog, 5, msg(httpx.CodeUnavailable, "%v; the events are not stored, try again", err)}
	case errors.Is(err, flows.ErrStore):
		in.log.Error("cannot take flow records", "error", err)
		return &refusal{http.StatusServiceUnavailable, reasonFlowStore, 5, msg(httpx.CodeUnavailable, "%v; try again", err)}
	default:
		return &refusal{http.StatusBadRequest, reasonBody, 0, msg(httpx.CodeInvalid, "%v", err)}
	}
}
