package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/gremlin"
)

const (
	// streamPiece is how much of a stream is sent at once, and how much may wait
	// beside what is being sent.
	streamPiece = 32 << 10
	// streamDelay is how long a row may wait for others before it is sent.
	streamDelay = 100 * time.Millisecond
)

// finder finds the rows of an answer and puts them into a stream. It returns the
// limit that made them a part of the answer, "" when they are all.
type finder func(ctx context.Context, s *rowStream) (limit string, err error)

// stream answers with rows as they are found. An answer that is found whole at
// once goes out as any other, with its length and its entity tag.
func (a *API) stream(w http.ResponseWriter, r *http.Request, q *asked, find finder) {
	j, f := a.startJob(r.Context(), q.limit.Time)
	if f != nil {
		a.failed(w, f)
		return
	}
	defer j.end()
	s := &rowStream{
		a: a, w: w, r: r, q: q, job: j, buf: a.buffer(),
		more: make(chan struct{}, 1), room: make(chan struct{}, 1), done: make(chan struct{}),
	}
	defer s.abandon()
	limit, err := find(j.ctx, s)
	j.end()
	s.finish(limit, err)
}

// findRows runs a query.
func (q *asked) findRows(ctx context.Context, s *rowStream) (string, error) {
	view, err := s.a.viewAt(ctx, q.at)
	if err != nil {
		return "", err
	}
	s.head = head{kind: q.query.Kind().String(), tag: s.a.tag(q, view)}
	if !q.query.Travels() { // else the first row tells
		s.head.revision = view.Revision()
	}
	lim := q.limit
	lim.Time, lim.Governor = -1, s.job.lane // the job's clock has the time
	var sending error
	end, err := q.query.Each(ctx, view, s.a.sources(q.at), lim, func(row *gremlin.Row) bool {
		if s.size == 0 {
			s.head.revision = row.Revision()
		}
		sending = s.put(func(b []byte) []byte { return append(row.AppendJSON(b), '\n') })
		return sending == nil
	})
	s.a.packetsRefused(ctx, err)
	if err == nil {
		err = sending
	}
	var limit *gremlin.LimitError
	if errors.As(sending, &limit) && q.Partial && q.query.Streams() {
		return limit.Limit, nil
	}
	return end.Limit, err
}

// rowStream carries rows to a client while others are being found. Who finds
// them fills one buffer while another is being sent; when both are full he
// waits, and has no place meanwhile.
type rowStream struct {
	a    *API
	w    http.ResponseWriter
	r    *http.Request
	q    *asked
	job  *job
	head head // set before the first row
	size int  // of all rows so far

	mu    sync.Mutex
	buf   *bytes.Buffer // what is not being sent yet
	timer *time.Timer   // from the first row until it is begun
	begun bool          // it is a stream
	whole bool          // it is none, because there are too many others
	ended bool          // there will be no more rows
	err   error         // of sending

	more chan struct{} // there is something to send, or it has ended
	room chan struct{} // buf was taken
	done chan struct{} // sending ended
}

// Write takes whole rows.
func (s *rowStream) Write(b []byte) (int, error) {
	if err := s.put(func(to []byte) []byte { return append(to, b...) }); err != nil {
		return 0, err
	}
	return len(b), nil
}

// put takes a row, which a function appends. It fails when the client is gone,
// and with a [gremlin.LimitError] when the answer gets too long.
func (s *rowStream) put(row func([]byte) []byte) error {
	s.mu.Lock()
	before := s.buf.Len()
	s.buf.Write(row(s.buf.AvailableBuffer()))
	n := s.buf.Len() - before
	var err error
	if s.q.limit.Bytes > 0 && s.size+n > s.q.limit.Bytes {
		err = gremlin.TooLong(s.q.limit.Bytes)
	} else if s.whole {
		err = remember(s.job.ctx, n)
	}
	if err != nil {
		s.buf.Truncate(before)
		s.mu.Unlock()
		return err
	}
	s.size += n
	if s.timer == nil {
		s.timer = time.AfterFunc(streamDelay, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.begin()
		})
	}
	full := s.buf.Len() >= streamPiece
	if full {
		s.begin()
	}
	full, err = full && s.begun, s.err
	s.mu.Unlock()
	if err != nil || !full {
		return err
	}
	return s.wait()
}

// begin makes a stream of it unless too many others are, or it has ended: then
// it is kept until it is whole. mu is held.
func (s *rowStream) begin() {
	if s.begun || s.whole || s.ended {
		return
	}
	if !s.a.streams.Acquire(s.job.ctx, 0) {
		s.whole = true
		return
	}
	s.begun = true
	go s.send()
}

// wait waits until the buffer is taken.
func (s *rowStream) wait() error {
	s.job.pause()
	s.signal(s.more)
	select {
	case <-s.room:
		return s.job.resume()
	case <-s.done:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.err
	case <-s.job.ctx.Done():
		return context.Cause(s.job.ctx)
	}
}

// signal wakes who waits, now or later.
func (s *rowStream) signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// finish ends the answer: as a whole one when no stream was made of it.
func (s *rowStream) finish(limit string, err error) {
	s.head.limit = limit
	var f *failure
	if err != nil {
		f = queryFailure(err)
	}
	s.mu.Lock()
	begun := s.begun
	if begun && f != nil { // together with the end, or the end may go out first
		_ = json.NewEncoder(s.buf).Encode(struct { // of strings and numbers: it does not fail
			Error *httpx.Error `json:"error"`
		}{f.err})
	}
	s.ended = true
	s.mu.Unlock()
	if !begun {
		if f != nil {
			s.a.failed(s.w, f)
			return
		}
		buf := s.buf
		s.buf = nil
		s.a.reply(s.w, s.r, s.q.media, buf, func(h http.Header) {
			s.head.set(h)
			s.q.attach(h)
		})
		return
	}
	outcome := "ok"
	if f != nil {
		outcome = f.err.Code
		s.head.limit, s.head.tag = f.limit, ""
	}
	s.signal(s.more)
	<-s.done
	if s.err == nil {
		s.head.end(s.w.Header()) // now they are trailers
		if f != nil {
			s.w.Header()[HeaderError] = []string{f.err.Code}
		}
	} else {
		outcome = "gone"
		s.a.deps.Log.Debug("client did not take its answer", "remote", s.r.RemoteAddr, "error", s.err)
	}
	s.a.n.queries.WithLabelValues(outcome).Inc()
}

// abandon sees to it that nothing goes on behind the request, whatever happened
// in it.
func (s *rowStream) abandon() {
	s.mu.Lock()
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
	begun := s.begun
	s.mu.Unlock()
	if begun {
		s.signal(s.more)
		<-s.done
	}
	if s.buf != nil {
		s.a.keep(s.buf)
	}
}

// send sends what is there, and what comes, until it has ended or the client
// takes no more.
func (s *rowStream) send() {
	defer close(s.done)
	defer s.a.streams.Release()
	out, err := s.open()
	spare := s.a.buffer()
	defer func() { s.a.keep(spare) }()
	wait := time.NewTimer(streamDelay)
	defer wait.Stop()
	for err == nil {
		s.mu.Lock()
		s.buf, spare = spare, s.buf
		ended := s.ended
		s.mu.Unlock()
		s.signal(s.room)
		if spare.Len() > 0 {
			err = out.write(spare.Bytes())
			spare.Reset()
		} else if ended {
			break
		}
		if ended || err != nil {
			continue
		}
		wait.Reset(streamDelay)
		select {
		case <-s.more:
		case <-wait.C:
		}
	}
	err = errors.Join(err, out.close(err == nil))
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	if err != nil {
		s.job.cancel(err) // nobody waits for more rows
	}
}

// open begins the answer.
func (s *rowStream) open() (*streamWriter, error) {
	h := s.w.Header()
	h["Content-Type"] = []string{s.q.media}
	h.Add("Vary", "Accept-Encoding")
	h["Trailer"] = []string{HeaderLimit + ", " + HeaderError + ", ETag"}
	h["X-Accel-Buffering"] = []string{"no"} // for a reverse proxy on the way
	known := head{revision: s.head.revision, kind: s.head.kind}
	known.set(h)
	s.q.attach(h)
	out := &streamWriter{w: s.w, c: http.NewResponseController(s.w), pause: s.a.cfg.StreamPause,
		end: time.Now().Add(s.a.cfg.WriteTimeout + s.q.limit.Time)}
	coding := httpx.AcceptCoding(s.r)
	z, err := s.a.compress.Open(s.w, coding)
	if err != nil {
		return out, err
	}
	if out.z = z; z != nil {
		h["Content-Encoding"] = []string{string(coding)}
	}
	s.w.WriteHeader(http.StatusOK)
	return out, nil
}

// streamWriter writes to a client that has a time for every piece and one for
// all of them.
type streamWriter struct {
	w     http.ResponseWriter
	c     *http.ResponseController
	z     *httpx.Compressor // nil: as it is
	pause time.Duration
	end   time.Time
}

// write sends a piece, all the way.
func (o *streamWriter) write(b []byte) error {
	if err := o.deadline(); err != nil {
		return err
	}
	var err error
	if o.z == nil {
		_, err = o.w.Write(b)
	} else if _, err = o.z.Write(b); err == nil {
		err = o.z.Flush()
	}
	if err != nil {
		return err
	}
	return o.c.Flush()
}

func (o *streamWriter) deadline() error {
	end := time.Now().Add(o.pause)
	if end.After(o.end) {
		end = o.end
	}
	return o.c.SetWriteDeadline(end)
}

// close ends the compressed data, and leaves time for the end of the answer.
func (o *streamWriter) close(whole bool) error {
	if whole {
		_ = o.deadline() // it worked before
	}
	if o.z == nil {
		return nil
	}
	return o.z.Close(whole)
}
