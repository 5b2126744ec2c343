package ethtool

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

func socket(t testing.TB) int {
	t.Helper()
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(s) })
	return s
}

func TestReadLoopback(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skipf("no loopback: %v", err)
	}
	f, err := NewReader(true).Read(socket(t), int32(lo.Index))
	if err != nil {
		t.Fatal(err)
	}
	// The loopback device can never leave its namespace nor lose its checksums.
	for _, name := range []string{"highdma", "loopback"} {
		if v := f.Features.Map().Get(name); !v.Bool() {
			t.Errorf("feature %s of lo is not on: %v", name, f.Features.Map())
		}
	}
	if f.Speed != 0 || f.BusInfo != "" {
		t.Errorf("lo has hardware: %+v", f)
	}
	if f, err := NewReader(false).Read(socket(t), int32(lo.Index)); err != nil || !f.Features.IsZero() {
		t.Errorf("features were read although not asked for: %v", err)
	}
}

func TestReadGone(t *testing.T) {
	if _, err := NewReader(true).Read(socket(t), 1<<30); !errors.Is(err, ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
}

func BenchmarkRead(b *testing.B) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		b.Skipf("no loopback: %v", err)
	}
	s, r := socket(b), NewReader(true)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Read(s, int32(lo.Index)); err != nil {
			b.Fatal(err)
		}
	}
}
