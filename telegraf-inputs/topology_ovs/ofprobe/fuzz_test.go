package ofprobe

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// checker is a sink that checks what it is told.
type checker struct {
	t    testing.TB
	held map[entity.UUID]bool
}

func (c *checker) Set(ev entity.Event) {
	if err := ev.Validate(); err != nil {
		c.t.Errorf("%v: %v", ev, err)
	}
	c.held[ev.UUID()] = true
}

func (c *checker) Delete(ref entity.Ref, _ string) { delete(c.held, ref.UUID()) }
func (*checker) Listed()                           {}

// script is a connection whose peer says what it says and ends.
type script struct {
	net.Conn
	rest []byte
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (*script) Write(b []byte) (int, error)      { return len(b), nil }
func (*script) Close() error                     { return nil }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// FuzzSession is a switch that says anything. What comes of it are valid events
// of no more rules than there may be.
func FuzzSession(f *testing.F) {
	rule := fakeRule{table: 1, priority: 2, in: 3, out: 4, packets: 5}
	answer := parts(3, 1, [][]byte{rule.stats()})[0]
	for v := openflow.V10; v <= openflow.V15; v++ {
		f.Add(uint8(v), answer)
	}
	d := openflow.Dialect{Version: openflow.V13}
	f.Add(uint8(4), append(append([]byte{}, answer...), parts(4, 7, nil)[0]...))
	f.Add(uint8(4), message(19, 0, append(experimenter(0), 0, 24, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 0, 0, 0)))
	f.Add(uint8(4), message(1, 1, []byte{0, 1, 0, 3}))
	f.Add(uint8(4), d.EchoRequest(1, []byte("x")))
	f.Add(uint8(6), message(32, 9, message(15, 0, make([]byte, 16))))
	f.Fuzz(func(t *testing.T, version uint8, stream []byte) {
		cfg := testConfig()
		cfg.MaxRules = 50
		v := openflow.V10 + openflow.Version(version%6)
		cfg.Version = v
		b := Bridge{Name: "fuzz", Database: "d", UUID: "u", Target: "/fuzz"}
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			return &script{rest: append(openflow.Hello(1, openflow.VersionsOf(v)), stream...)}, nil
		}
		src := newSource(&cfg, b, &testutil.Accumulator{}, &testutil.CaptureLogger{})
		c := &checker{t, make(map[entity.UUID]bool)}
		fl := &follow{source: src, bridge: b, moved: src.moved, out: c}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := fl.run(ctx)
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("the end of the stream is not noticed: %v", err)
		}
		if n := len(src.rules.entries) + len(src.groups.entries); n > cfg.MaxRules {
			t.Fatalf("%d rules and groups", n)
		}
		src.rules.again()
		src.groups.again()
		src.rules.flush(c)
		src.groups.flush(c)
		if n := len(c.held); n > cfg.MaxRules+1 {
			t.Fatalf("%d entities", n)
		}
	})
}
