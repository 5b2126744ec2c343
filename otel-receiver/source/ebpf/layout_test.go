package ebpf

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(control{}); n != controlSize {
		t.Errorf("control has %d bytes, want %d", n, controlSize)
	}
	if n := unsafe.Sizeof(stats{}); n != statsSize {
		t.Errorf("stats have %d bytes, want %d", n, statsSize)
	}
}

func TestUnwrap(t *testing.T) {
	const step = time.Duration(1) << stepShift
	for _, tc := range []struct {
		then, now time.Duration
	}{
		{0, 0},
		{5 * time.Second, 6 * time.Second},
		{step << 32, step<<32 + time.Second},
		{step<<32 - 2*step, step<<32 + time.Second},
		{100 * step << 32, 100*step<<32 + time.Minute},
		{7 * time.Second, 7*time.Second - 3*step}, // another processor's clock
	} {
		got := unwrap(uint32(uint64(tc.then)>>stepShift), tc.now)
		want := min(tc.then, tc.now).Truncate(step)
		if d := got - want; d < 0 || d > 3*step {
			t.Errorf("%s at %s became %s", tc.then, tc.now, got)
		}
	}
}

func FuzzUnwrap(f *testing.F) {
	f.Add(uint32(1), int64(5e9))
	f.Fuzz(func(t *testing.T, low uint32, now int64) {
		if now < 0 {
			return
		}
		got := unwrap(low, time.Duration(now))
		if got > time.Duration(now) {
			t.Errorf("%d at %d became %d", low, now, got)
		}
		if ago := uint32(uint64(now)>>stepShift) - low; ago <= 1<<31 && uint64(ago) <= uint64(now)>>stepShift && uint32(uint64(got)>>stepShift) != low {
			t.Errorf("%d at %d became %d", low, now, got)
		}
	})
}

// FuzzValue reads what a map may hold, whatever that is.
func FuzzValue(f *testing.F) {
	f.Add(make([]byte, valueHead+SmallSample))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= valueHead {
			v := value(b)
			if n := len(v.data()); n > len(b)-valueHead {
				t.Errorf("%d bytes of %d", n, len(b))
			}
			_, _, _, _ = v.bytes(v.high()), v.packets(1), v.first(0), v.last(1)
			_, _, _ = v.time(), v.wire(), v.out()
		}
		if len(b) >= eventData {
			e := event(b)
			if n := len(e.data()); n > len(b)-eventData {
				t.Errorf("%d bytes of %d", n, len(b))
			}
			_, _, _, _, _, _, _ = e.key(), e.time(), e.wire(), e.rate(), e.proto(), e.out(), e.why()
		}
	})
}

func TestValidate(t *testing.T) {
	good := Config{Interface: "eth0"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	many := packet.Config{}
	for i := range uint16(maxPorts + 1) {
		many.VXLAN = append(many.VXLAN, 1000+i)
	}
	for want, change := range map[string]func(*Config){
		"no interface":   func(c *Config) { c.Interface = "" },
		"15 bytes":       func(c *Config) { c.Interface = strings.Repeat("x", 16) },
		"negative":       func(c *Config) { c.IfIndex = -1 },
		"3 flows":        func(c *Config) { c.Flows = 3 },
		"snap length":    func(c *Config) { c.SnapLen = LargeSample + 1 },
		"ring of 1 KiB":  func(c *Config) { c.RingKiB = 1 },
		"interval":       func(c *Config) { c.Interval = time.Millisecond },
		"sampling":       func(c *Config) { c.Sampling = MaxSampling + 1 },
		"retry":          func(c *Config) { c.RetryMin, c.RetryMax = time.Second, time.Millisecond },
		"ports of":       func(c *Config) { c.Tunnels = packet.Config{VXLAN: []uint16{1}, Geneve: []uint16{1}} },
		"33 ports":       func(c *Config) { c.Tunnels = many },
		"configure eBPF": func(c *Config) { c.Flows = -1 },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestTunnelPorts(t *testing.T) {
	got := map[uint16]uint8{}
	for _, p := range tunnelPorts(packet.Config{VXLAN: []uint16{4789}, VXLANGPE: []uint16{4790, 4789}, Geneve: []uint16{6081}, GTPU: []uint16{2152}}) {
		if _, twice := got[p.port]; twice {
			t.Errorf("port %d twice", p.port)
		}
		got[p.port] = p.kind
	}
	for port, kind := range map[uint16]uint8{4789: kindVXLAN, 4790: kindOther, 6081: kindGeneve, 2152: kindOther} {
		if got[port] != kind {
			t.Errorf("port %d is of kind %d, want %d", port, got[port], kind)
		}
	}
}

// plain is a worker that cannot be told of many packets.
type plain struct{}

func (plain) Frame(*source.Frame) {}
func (plain) Tick(int64)          {}

type bulky struct{ plain }

func (bulky) Bulk(*source.Bulk) {}

func TestWorkers(t *testing.T) {
	src, err := New(Config{Interface: "lo", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for name, workers := range map[string][]source.Worker{"none": nil, "plain": {plain{}}} {
		if err := src.Run(t.Context(), workers); err == nil {
			t.Errorf("%s: it ran", name)
		}
	}
	if err := src.SelfTest(); !errors.Is(err, errNotOpen) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := src.Run(ctx, []source.Worker{bulky{}}); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if err := src.Run(ctx, []source.Worker{bulky{}}); err == nil {
		t.Error("it ran twice")
	}
}

func TestOtherSystems(t *testing.T) {
	if runtime.GOOS == "linux" {
		t.Skip("Linux has it")
	}
	if f := Probe(); f.Usable || len(f.Problems()) != 1 || f.Problems()[0].Fallback == "" {
		t.Errorf("%+v", f)
	}
}
