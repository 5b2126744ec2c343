package pcapsocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/pcapio"
)

// stream is what a worker knows of the streams it takes, one after the other.
type stream struct {
	src  *Source
	w    source.Worker
	conn net.Conn

	clock  source.Clock
	seen   time.Time // when the clock was moved last
	shift  int64     // what is added to the times of frames
	silent time.Time // since when the sender has said nothing
}

// errSilent ends a stream whose sender says nothing.
var errSilent = errors.New("the sender was silent for too long")

// take takes a stream to its end and returns how many frames it had.
func (st *stream) take(ctx context.Context, c net.Conn) (frames uint64, err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer func() {
		stop()
		_ = c.Close()
	}()
	st.conn, st.silent = c, time.Now()
	rd, err := pcapio.NewReader(st)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		return 0, err
	}
	var f source.Frame
	out := st.src.sieve.Open()
	for first := true; ; first = false {
		if err := rd.Next(&f); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return rd.Records(), err
		}
		if first {
			st.begin(f.Time)
		}
		f.Time += st.shift
		st.clock.To(st.w, f.Time)
		st.seen = time.Now()
		if err := out.Frame(&f, st.w); err != nil {
			return rd.Records(), err
		}
	}
}

// begin sets the clock for a stream whose first frame has the time.
func (st *stream) begin(at int64) {
	st.shift = 0
	if st.src.cfg.Times == TimesNow {
		st.shift = time.Now().UnixNano() - at
	}
	if now := at + st.shift; st.clock.Begun() && now < st.clock.Now() {
		// Another stream of an earlier time: for the worker time goes back.
		st.clock = source.Clock{}
	}
}

// Read implements io.Reader for the capture's reader: it tells the worker the
// time while the sender is silent.
func (st *stream) Read(p []byte) (int, error) {
	for {
		if err := st.conn.SetReadDeadline(time.Now().Add(source.TickInterval)); err != nil {
			return 0, fmt.Errorf("set deadline: %w", err)
		}
		n, err := st.conn.Read(p)
		if n > 0 {
			st.silent = time.Now()
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err // io.EOF must stay what it is
		}
		if time.Since(st.silent) >= st.src.cfg.IdleTimeout {
			return 0, errSilent
		}
		st.idle()
	}
}

// idle lets the worker's time go on without frames.
func (st *stream) idle() {
	now := time.Now()
	switch {
	case st.clock.Begun():
		at := st.clock.Now() + int64(now.Sub(st.seen))
		st.clock.To(st.w, at)
		st.seen = now.Add(-time.Duration(at - st.clock.Now()))
	case st.src.cfg.Times == TimesNow:
		st.clock.To(st.w, now.UnixNano())
		st.seen = now
	}
}
