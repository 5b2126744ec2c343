package afpacket

import (
	"errors"
	"testing"
	"time"
)

// TestSelfTest: a source tests its own sockets, not those of others on the same
// interface, and as long as they are bound to it.
func TestSelfTest(t *testing.T) {
	w := newWorld(t)
	other := start(t, Config{Interface: "vb", NetNS: path(w.b), RingMiB: 1}, new(tape))
	src, err := New(Config{Interface: "vb", NetNS: path(w.b), RingMiB: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.SelfTest(); !errors.Is(err, errNotOpen) {
		t.Errorf("before it is open: %v", err)
	}
	c := run(t, src, new(tape), new(tape))
	if err := src.SelfTest(); err != nil {
		t.Error(err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := src.SelfTest(); !errors.Is(err, errNotOpen) {
		t.Errorf("after its end: %v", err)
	}
	if err := other.src.SelfTest(); err != nil {
		t.Errorf("the other: %v", err)
	}
	w.run("ip", "-n", w.b, "link", "del", "vb")
	eventually(t, time.Minute, func() bool {
		err := other.src.SelfTest()
		return errors.Is(err, errNotBound) || errors.Is(err, errNotOpen)
	}, "the interface is gone")
}
