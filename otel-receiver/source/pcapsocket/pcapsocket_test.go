package pcapsocket

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func header() []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(le.AppendUint16(le.AppendUint32(nil, 0xa1b2c3d4), 2), 4)
	for _, v := range []uint32{0, 0, 65535, 1} {
		b = le.AppendUint32(b, v)
	}
	return b
}

// record is a frame of 20 bytes.
func record(seconds, micros uint32) []byte {
	var b []byte
	for _, v := range []uint32{seconds, micros, 20, 60} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, bytes.Repeat([]byte{byte(seconds)}, 20)...)
}

type tape struct {
	mu      sync.Mutex
	frames  []source.Frame
	ticks   []int64
	onFrame func()
}

func (t *tape) Frame(f *source.Frame) {
	t.mu.Lock()
	c := *f
	c.Data = bytes.Clone(f.Data)
	t.frames = append(t.frames, c)
	t.mu.Unlock()
	if t.onFrame != nil {
		t.onFrame()
	}
}

func (t *tape) Tick(now int64) {
	t.mu.Lock()
	t.ticks = append(t.ticks, now)
	t.mu.Unlock()
}

func (t *tape) seen() (frames []source.Frame, ticks []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frames, t.ticks
}

// running is a source that listens.
type running struct {
	*sourcetest.Running
	t    *testing.T
	src  *Source
	addr string
}

func start(t *testing.T, cfg Config, workers ...source.Worker) *running {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	cfg.Log = slog.New(slog.DiscardHandler)
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Running: sourcetest.Start(t, src, workers...), t: t, src: src}
	r.addr = src.Addr(t.Context()).String()
	return r
}

func (r *running) dial() net.Conn {
	r.t.Helper()
	c, err := (&net.Dialer{}).DialContext(r.t.Context(), "tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

func (r *running) send(c net.Conn, b ...[]byte) {
	r.t.Helper()
	for _, p := range b {
		if _, err := c.Write(p); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestTimesNow(t *testing.T) {
	tp := &tape{}
	r := start(t, Config{}, tp)
	before := time.Now().UnixNano()
	c := r.dial()
	r.send(c, header(), record(1000, 0), record(1002, 500_000))
	r.Until("two frames", func(st source.Stats) bool { return st.Received == 2 })
	frames, ticks := tp.seen()
	if d := frames[0].Time - before; d < 0 || d > int64(time.Minute) {
		t.Errorf("the first frame is %s after the test began", time.Duration(d))
	}
	if d := frames[1].Time - frames[0].Time; d != int64(2500*time.Millisecond) {
		t.Errorf("frames are %s apart", time.Duration(d))
	}
	if len(ticks) < 25 {
		t.Errorf("%d ticks in 2.5 s", len(ticks))
	}
	if st := r.src.Stats(); st != (source.Stats{Received: 2, Bytes: 120, Truncated: 2, Opened: 1}) {
		t.Errorf("%+v", st)
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
}

func TestTimesSent(t *testing.T) {
	tp := &tape{}
	r := start(t, Config{Times: TimesSent}, tp)
	c := r.dial()
	r.send(c, header(), record(1000, 7))
	r.Until("a frame", func(st source.Stats) bool { return st.Received == 1 })
	// Time goes on from there while the sender is silent, in the stream and after.
	ticked := func(what string, n int) {
		proctest.Eventually(t, time.Minute, what, func() error {
			if _, ticks := tp.seen(); len(ticks) < n {
				return fmt.Errorf("%d ticks", len(ticks))
			}
			return nil
		})
	}
	ticked("ticks in the stream", 4)
	c.Close()
	ticked("ticks after the stream", 8)
	frames, ticks := tp.seen()
	if frames[0].Time != 1000e9+7000 {
		t.Errorf("frame at %d", frames[0].Time)
	}
	for i, at := range ticks {
		if at < 1000e9 || at > 1060e9 || i > 0 && at <= ticks[i-1] {
			t.Errorf("ticks %v", ticks)
			break
		}
	}
	// Another stream may begin earlier.
	c = r.dial()
	r.send(c, header(), record(500, 0))
	r.Until("another stream", func(st source.Stats) bool { return st.Received == 2 && st.Opened == 2 })
	if _, ticks := tp.seen(); ticks[len(ticks)-1] > 600e9 {
		t.Errorf("the clock did not go back: %d", ticks[len(ticks)-1])
	}
}

func TestBadStreams(t *testing.T) {
	r := start(t, Config{}, &tape{})
	for i, b := range [][]byte{
		[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		header()[:10],
		append(header(), record(1, 1)[:20]...),
		append(header(), bytes.Repeat([]byte{0xff}, 16)...),
	} {
		c := r.dial()
		r.send(c, b)
		c.Close()
		r.Until("the stream ended", func(st source.Stats) bool { return st.Malformed == uint64(i+1) })
	}
	c := r.dial()
	c.Close() // nothing at all is no error
	c = r.dial()
	r.send(c, header(), record(1, 1))
	r.Until("a good stream", func(st source.Stats) bool { return st.Received == 1 && st.Malformed == 4 && st.Opened == 6 })
}

func TestBounds(t *testing.T) {
	a, b := &tape{}, &tape{}
	r := start(t, Config{SnapLen: 10, Filter: func(l packet.LinkType) (source.Matcher, error) { return even{}, nil }}, a, b)
	conns := []net.Conn{r.dial(), r.dial()}
	for _, c := range conns {
		r.send(c, header(), record(2, 0), record(3, 0))
	}
	r.Until("two streams", func(st source.Stats) bool { return st.Opened == 2 && st.Received == 2 && st.Filtered == 2 })
	for _, tp := range []*tape{a, b} {
		if frames, _ := tp.seen(); len(frames) != 1 || len(frames[0].Data) != 10 {
			t.Errorf("a worker saw %d frames", len(frames))
		}
	}
	third := r.dial()
	if _, err := third.Read(make([]byte, 1)); err == nil {
		t.Error("a third stream was taken")
	}
	r.Until("refused", func(st source.Stats) bool { return st.Refused == 1 })
	conns[0].Close()
	r.send(r.dial(), header(), record(4, 0))
	r.Until("a place is free again", func(st source.Stats) bool { return st.Opened == 3 && st.Received == 3 })
}

type even struct{}

func (even) Matches(data []byte, _ int) bool { return data[0]%2 == 0 }

func TestSilence(t *testing.T) {
	r := start(t, Config{IdleTimeout: time.Millisecond}, &tape{})
	c := r.dial()
	r.send(c, header())
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the stream goes on")
	}
	r.Until("ended", func(st source.Stats) bool { return st.Malformed == 1 })
}

func TestPanic(t *testing.T) {
	boom := &tape{onFrame: func() { panic("boom") }}
	r := start(t, Config{}, boom, boom)
	r.send(r.dial(), header(), record(1, 0))
	err := r.Wait()
	var p *source.PanicError
	if !errors.As(err, &p) || r.src.Stats().Panics != 1 {
		t.Errorf("got %v", err)
	}
}

func TestConfig(t *testing.T) {
	for want, cfg := range map[string]Config{
		"address to listen on": {Listen: "nowhere"},
		"snap length -1":       {SnapLen: -1},
		"idle timeout -1ns":    {IdleTimeout: -1},
		"times are":            {Times: 9},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	src, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Run(t.Context(), nil); err == nil {
		t.Error("ran without workers")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := src.Addr(ctx); a != nil {
		t.Errorf("listens on %v", a)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if src, err = New(Config{Listen: l.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	if err := src.Run(t.Context(), []source.Worker{&tape{}}); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

// FuzzStream checks that no stream ends the source, and that it is ready for
// another one after.
func FuzzStream(f *testing.F) {
	f.Add(append(append(header(), record(1, 0)...), record(5, 5)...))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(append(append(header(), record(1, 0)...), record(4_000_000_000, 0xffffffff)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return
		}
		src, err := New(Config{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		tp := &tape{}
		st := &stream{src: src, w: tp}
		for range 2 {
			here, there := net.Pipe()
			go func() {
				_, _ = there.Write(b)
				there.Close()
			}()
			_, _ = st.take(t.Context(), here)
		}
		frames, _ := tp.seen()
		if s := src.Stats(); s.Received != uint64(len(frames)) {
			t.Fatalf("%d frames, %+v", len(frames), s)
		}
	})
}
