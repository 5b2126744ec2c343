package pcapfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/pcapio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file makes a capture of frames at seconds since the epoch.
func file(link uint32, seconds ...uint32) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	for _, v := range []uint32{0, 0, 65535, link} {
		b = le.AppendUint32(b, v)
	}
	for _, s := range seconds {
		for _, v := range []uint32{s, 0, 20, 100} {
			b = le.AppendUint32(b, v)
		}
		b = append(b, bytes.Repeat([]byte{byte(s)}, 20)...)
	}
	return b
}

// tape notes the order of frames and ticks in seconds and tenths.
type tape struct {
	frames, ticks []int64
	sizes         []int
	onFrame       func()
}

func (t *tape) Frame(f *source.Frame) {
	t.frames = append(t.frames, f.Time)
	t.sizes = append(t.sizes, len(f.Data))
	if t.onFrame != nil {
		t.onFrame()
	}
}
func (t *tape) Tick(now int64) { t.ticks = append(t.ticks, now) }

// odd is a filter that wants frames whose first byte is odd.
type odd struct{}

func (odd) Matches(data []byte, wire int) bool { return data[0]%2 == 1 && wire == 100 }

func run(t *testing.T, cfg Config, workers ...source.Worker) (source.Stats, error) {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Run(t.Context(), workers)
	return s.Stats(), err
}

func TestReplay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pcap")
	if err := os.WriteFile(path, file(1, 10, 11, 13), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b := &tape{}, &tape{}
	st, err := run(t, Config{Path: path, SnapLen: 16}, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.frames, []int64{10e9, 11e9, 13e9}) || !slices.Equal(a.sizes, []int{16, 16, 16}) || len(b.frames) != 0 {
		t.Errorf("frames at %v of %v bytes; the second worker has %d", a.frames, a.sizes, len(b.frames))
	}
	// A tick each 100 ms of the file's time, for both.
	if len(a.ticks) != 31 || a.ticks[0] != 10e9 || a.ticks[30] != 13e9 || !slices.IsSorted(a.ticks) || !slices.Equal(a.ticks, b.ticks) {
		t.Errorf("ticks %v, %v", a.ticks, b.ticks)
	}
	want := source.Stats{Received: 3, Bytes: 300, Truncated: 3, Opened: 1}
	if st != want {
		t.Errorf("%+v, want %+v", st, want)
	}
}

func TestFilter(t *testing.T) {
	tp := &tape{}
	var asked []packet.LinkType
	st, err := run(t, Config{Reader: bytes.NewReader(file(101, 1, 2, 3, 4, 5)), Filter: func(l packet.LinkType) (source.Matcher, error) {
		asked = append(asked, l)
		return odd{}, nil
	}}, tp)
	if err != nil || !slices.Equal(tp.frames, []int64{1e9, 3e9, 5e9}) || st.Filtered != 2 || st.Received != 3 {
		t.Errorf("%v, %+v, %v", tp.frames, st, err)
	}
	if !slices.Equal(asked, []packet.LinkType{packet.LinkRaw}) {
		t.Errorf("filters for %v", asked)
	}
	bad := errors.New("bad filter")
	if _, err := run(t, Config{Reader: bytes.NewReader(file(1, 1)), Filter: func(packet.LinkType) (source.Matcher, error) { return nil, bad }}, tp); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
	all := func(packet.LinkType) (source.Matcher, error) { return nil, nil }
	if st, err := run(t, Config{Reader: bytes.NewReader(file(1, 1)), Filter: all}, tp); err != nil || st.Received != 1 {
		t.Errorf("no filter: %+v, %v", st, err)
	}
}

func TestEnds(t *testing.T) {
	whole := file(1, 1, 2)
	for _, tc := range []struct {
		name      string
		data      []byte
		is        error
		received  uint64
		malformed uint64
	}{
		{"whole", whole, nil, 2, 0},
		{"cut", whole[:len(whole)-1], nil, 1, 1},
		{"header only", whole[:24], nil, 0, 0},
		{"cut header", whole[:20], nil, 0, 1},
		{"empty", nil, pcapio.ErrFormat, 0, 1},
		{"text", []byte("this is no capture"), pcapio.ErrFormat, 0, 1},
		{"corrupt", append(bytes.Clone(whole), bytes.Repeat([]byte{0xff}, 16)...), pcapio.ErrCorrupt, 2, 1},
	} {
		st, err := run(t, Config{Reader: bytes.NewReader(tc.data)}, &tape{})
		if !errors.Is(err, tc.is) || st.Received != tc.received || st.Malformed != tc.malformed {
			t.Errorf("%s: %+v, %v", tc.name, st, err)
		}
	}
}

func TestErrors(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no file is named": {},
		"snap length -1":   {Path: "x", SnapLen: -1},
		"speed -1":         {Path: "x", Speed: -1},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := run(t, Config{Path: filepath.Join(t.TempDir(), "none")}, &tape{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := run(t, Config{Path: t.TempDir()}, &tape{}); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("directory: %v", err)
	}
	if _, err := run(t, Config{Path: "x"}); err == nil || !strings.Contains(err.Error(), "no workers") {
		t.Errorf("no workers: %v", err)
	}
	st, err := run(t, Config{Reader: bytes.NewReader(file(1, 1))}, &tape{onFrame: func() { panic("boom") }})
	var p *source.PanicError
	if !errors.As(err, &p) || st.Panics != 1 {
		t.Errorf("panic: %+v, %v", st, err)
	}
}

// TestSpeed replays ten seconds at a speed that takes a moment.
func TestSpeed(t *testing.T) {
	tp := &tape{}
	start := time.Now()
	st, err := run(t, Config{Reader: bytes.NewReader(file(1, 10, 20)), Speed: 40}, tp)
	if took := time.Since(start); err != nil || st.Received != 2 || took < 250*time.Millisecond {
		t.Errorf("%+v, %v after %s", st, err, took)
	}
	if len(tp.ticks) != 101 || !slices.IsSorted(tp.ticks) {
		t.Errorf("%d ticks", len(tp.ticks))
	}
}

// TestStop ends captures that wait: for the time of a frame, and for a reader.
func TestStop(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	for name, cfg := range map[string]Config{
		"slow":   {Reader: bytes.NewReader(file(1, 10, 100_000)), Speed: 1},
		"reader": {Reader: r},
	} {
		cfg.Log = slog.New(slog.DiscardHandler)
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx, []source.Worker{&tape{}}) }()
		if name == "reader" {
			if _, err := w.Write(file(1, 10)); err != nil {
				t.Fatal(err)
			}
		}
		proctest.Eventually(t, time.Minute, "a frame", func() error {
			if s.Stats().Received == 0 {
				return errors.New("none yet")
			}
			return nil
		})
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Run(ctx, []source.Worker{&tape{}}); err == nil {
			t.Errorf("%s: ran twice", name)
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	times := make([]uint32, 100_000)
	data := file(1, times...)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s, err := New(Config{Reader: bytes.NewReader(data)})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Run(b.Context(), []source.Worker{nothing{}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(times))/b.Elapsed().Seconds()/1e6, "Mpackets/s")
}

type nothing struct{}

func (nothing) Frame(*source.Frame) {}
func (nothing) Tick(int64)          {}
