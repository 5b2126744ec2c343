package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/engine"
)

// lineWriter is one write request: its buffer, what was taken so far, and the
// memory that the next request uses again.
type lineWriter struct {
	// buf holds what was received and not yet taken; it begins at a line.
	buf []byte
	// line and offset are how many lines and bytes came before buf.
	line, offset int
	// unit is the precision in nanoseconds, now the time of lines without one.
	unit, now int64

	accepted, rejected int
	first              *httpx.Error
	claims             claims

	dec     lineproto.Decoder
	lines   []line
	fps     []uint64
	times   []int64
	hit     []bool
	items   []engine.Item
	metrics []engine.Metric
	from    []int // the line of each of metrics
}

// line is one line within the buffer.
type line struct {
	start, end int    // without the line break and blanks around
	content    []byte // without the timestamp
	nr         int    // from where split began, from 1
	timestamp  int64
	stamped    bool
}

var entityState = []byte(lineproto.MeasurementState)

// lineWriter takes one from the pool.
func (in *Ingest) lineWriter() *lineWriter {
	if lw, ok := in.scratch.Get().(*lineWriter); ok {
		return lw
	}
	return &lineWriter{}
}

// recycle gives the memory of a request to the next.
func (in *Ingest) recycle(lw *lineWriter) {
	clear(lw.items[:cap(lw.items)])
	clear(lw.metrics[:cap(lw.metrics)])
	clear(lw.lines[:cap(lw.lines)])
	*lw = lineWriter{dec: lw.dec, lines: lw.lines[:0], fps: lw.fps[:0], times: lw.times[:0],
		hit: lw.hit[:0], items: lw.items[:0], metrics: lw.metrics[:0], from: lw.from[:0]}
	in.scratch.Put(lw)
}

// drop removes the first n bytes of the buffer.
func (lw *lineWriter) drop(n int) {
	lw.offset += n
	lw.buf = lw.buf[:copy(lw.buf, lw.buf[n:])]
}

// maxLines is how many lines are looked at together: short lines must not cost
// much more memory than they are long.
const maxLines = 8192

// take takes the whole lines of the buffer, all of it at the end of the body,
// and returns how many bytes that were.
func (lw *lineWriter) take(ctx context.Context, in *Ingest, end bool) (int, error) {
	chunk := lw.buf
	if !end {
		chunk = lw.buf[:bytes.LastIndexByte(lw.buf, '\n')+1]
	}
	for from := 0; from < len(chunk); {
		to := lw.split(chunk, from)
		lw.touch(in)
		done, err := lw.decode(ctx, in, to, end)
		lw.line += bytes.Count(chunk[from:done], []byte{'\n'})
		if err != nil || done < to {
			return done, err
		}
		from = to
	}
	return len(chunk), nil
}

// split finds the next lines of a chunk and their timestamps, and returns
// where those after them begin.
func (lw *lineWriter) split(chunk []byte, from int) (to int) {
	lw.lines = lw.lines[:0]
	to = len(chunk)
	lineproto.Lines(chunk[from:], func(nr int, text []byte) bool {
		start := cap(chunk) - cap(text) // both are parts of one array
		l := line{start: start, end: start + len(text), nr: nr}
		l.content, l.timestamp, l.stamped = lineproto.TrimTime(text)
		lw.lines = append(lw.lines, l)
		if len(lw.lines) < maxLines {
			return true
		}
		if i := bytes.IndexByte(chunk[l.end:], '\n'); i >= 0 {
			to = l.end + i + 1
		}
		return false
	})
	return to
}

// time returns when a line was generated; false: the timestamp does not fit,
// which the decoder will say.
func (lw *lineWriter) time(l *line) (int64, bool) {
	if !l.stamped {
		return lw.now, true
	}
	return nanoseconds(l.timestamp, lw.unit)
}

// touch asks for all lines at once which of them say nothing new.
func (lw *lineWriter) touch(in *Ingest) {
	lw.fps, lw.times = lw.fps[:0], lw.times[:0]
	for i := range lw.lines {
		l := &lw.lines[i]
		fp := uint64(0)
		ns, ok := lw.time(l)
		if ok && bytes.HasPrefix(l.content, entityState) && !lw.claims.ahead(ns, lw.now) {
			fp = lw.claims.fingerprint(l.content)
		}
		lw.fps = append(lw.fps, fp)
		lw.times = append(lw.times, ns)
	}
	lw.hit = append(lw.hit[:0], make([]bool, len(lw.lines))...)
	in.sink.Touch(lw.fps, lw.times, lw.hit)
}

// decode takes the lines that touch did not recognize. It returns how much of
// the chunk is done with: up to n, or less when the last line has a line
// break in a string and goes on in what is not there yet.
func (lw *lineWriter) decode(ctx context.Context, in *Ingest, n int, end bool) (int, error) {
	hits, ignored := 0, 0
	defer func() {
		lw.accepted += hits
		in.n.events.WithLabelValues(protoLine, "heartbeat").Add(float64(hits))
		in.n.ignored.WithLabelValues(protoLine, "measurement").Add(float64(ignored))
	}()
	for i := range lw.lines {
		l := &lw.lines[i]
		if lw.hit[i] {
			hits++
			continue
		}
		rec, err := lw.decodeLine(l)
		if err == nil && rec.Kind == lineproto.IsEvent {
			err = lw.claims.event(&rec.Event)
		}
		switch {
		case err != nil && !end && l.start > 0 && len(lw.buf)-l.start < in.cfg.MaxLine && unterminated(lw.buf[l.start:l.end]):
			return l.start, lw.flush(ctx, in, true)
		case err != nil:
			lw.reject(in, l, err)
			continue
		case rec.Kind == lineproto.IsEvent:
			lw.items = append(lw.items, engine.Item{Event: rec.Event, Fingerprint: lw.fps[i]})
		case rec.Kind == lineproto.IsMetric:
			lw.metrics, lw.from = append(lw.metrics, engine.Metric(rec.Metric)), append(lw.from, i)
		default:
			ignored++
		}
		if err := lw.flush(ctx, in, false); err != nil {
			return n, err
		}
	}
	return n, lw.flush(ctx, in, true)
}

// decodeLine decodes one line.
func (lw *lineWriter) decodeLine(l *line) (lineproto.Record, error) {
	lw.dec.Now, lw.dec.Precision = time.Unix(0, lw.now), time.Duration(lw.unit)
	lw.dec.Line = lw.line + l.nr
	return lw.dec.Decode(lw.buf[l.start:l.end])
}

// flush submits what is collected: all of it, or only full batches.
func (lw *lineWriter) flush(ctx context.Context, in *Ingest, all bool) error {
	if len(lw.items) >= in.cfg.Batch || all && len(lw.items) > 0 {
		if err := lw.claims.mayChange(); err != nil {
			return err
		}
		size := lw.claims.sizeOf(lw.items)
		s, err := in.sink.Submit(ctx, lw.items)
		if err != nil {
			lw.items = nil // the sink may still look at them
			return fmt.Errorf("submit events: %w", err)
		}
		lw.claims.changed(size, len(lw.items), s)
		lw.accepted += len(lw.items)
		in.n.summary(protoLine, s)
		clear(lw.items)
		lw.items = lw.items[:0]
	}
	if len(lw.metrics) >= in.cfg.Batch || all && len(lw.metrics) > 0 {
		if err := lw.claims.mayRecord(); err != nil {
			return err
		}
		if ms := lw.ownMetrics(in); len(ms) > 0 {
			lw.claims.recorded(len(ms))
			taken := in.sink.SubmitMetrics(ctx, ms)
			in.n.metrics(protoLine, taken, len(ms)-taken)
			in.keepSeries(ctx, protoLine, ms)
		}
		clear(lw.metrics)
		lw.metrics, lw.from = lw.metrics[:0], lw.from[:0]
	}
	return nil
}

// ownMetrics returns those that the sender may send.
func (lw *lineWriter) ownMetrics(in *Ingest) []engine.Metric {
	if !lw.claims.bound {
		return lw.metrics
	}
	kept, unknown := lw.claims.metrics(lw.metrics, func(i int, err error) { lw.reject(in, &lw.lines[lw.from[i]], err) })
	in.n.metrics(protoLine, 0, unknown)
	return kept
}

// reject counts a line that is refused and keeps the first for the answer.
func (lw *lineWriter) reject(in *Ingest, l *line, err error) {
	reason, column := reasonMalformed, 0
	if errors.Is(err, entity.ErrInvalid) {
		reason = reasonInvalid
	}
	var e *lineproto.Error
	if errors.As(err, &e) {
		column = e.Pos
	}
	foreign := errors.Is(err, errForeign)
	if foreign {
		in.foreign(&lw.claims, protoLine, 1, err)
	} else {
		in.n.reject(protoLine, reason, 1)
	}
	lw.rejected++
	if lw.first != nil {
		return
	}
	lw.first = &httpx.Error{Code: httpx.CodeForbidden, Message: err.Error(),
		Position: &httpx.Position{Offset: lw.offset + l.start + column, Line: lw.line + l.nr, Column: column + 1}}
	if !foreign {
		lw.first.Code = httpx.CodeInvalid
		lw.first.Message = fmt.Sprintf("%v; the line begins %s", err, quote(lw.buf[l.start:l.end]))
	}
}

// tooLong rejects the line that fills the whole buffer.
func (lw *lineWriter) tooLong(in *Ingest) {
	in.n.reject(protoLine, reasonTooLong, 1)
	lw.rejected++
	if lw.first == nil {
		lw.first = &httpx.Error{Code: httpx.CodeTooLarge,
			Message:  fmt.Sprintf("line %d is longer than %d bytes; it begins %s", lw.line+1, in.cfg.MaxLine, quote(lw.buf)),
			Position: &httpx.Position{Offset: lw.offset, Line: lw.line + 1, Column: 1}}
	}
}
