package filter

import (
	"errors"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// attach gives a program to the kernel, which checks it.
func attach(fd int, ins []bpf.RawInstruction) error {
	raw := make([]unix.SockFilter, len(ins))
	for i, in := range ins {
		raw[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(raw)), Filter: &raw[0]})
}

// pair gives two connected datagram sockets of this process. A filter on the
// second sees exactly the bytes that the first one sends.
func pair(t *testing.T) (int, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no socket pair: %v", err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return fds[0], fds[1]
}

// The kernel accepts the program of every filter, and its verdicts are those of
// the interpreter.
func TestKernel(t *testing.T) {
	filters, frames := 0, 0
	for _, l := range linkNames {
		from, to := pair(t)
		list := captures(l.link)
		buf := make([]byte, 4096)
		for n, expr := range section(t, "testdata/filters.txt", l.name) {
			f, err := Compile(expr, Options{Link: l.link})
			if err != nil {
				t.Errorf("compile %q: %v", expr, err)
				continue
			}
			if err := attach(to, f.Raw()); errors.Is(err, unix.EPERM) {
				t.Skip("filters cannot be attached here")
			} else if err != nil {
				t.Errorf("the kernel refuses %q: %v", expr, err)
				continue
			}
			filters++
			for i := n % 4; i < len(list); i += 4 {
				c := list[i]
				if len(c.data) == 0 {
					continue
				}
				if err := unix.Send(from, c.data, 0); err != nil {
					t.Fatalf("send: %v", err)
				}
				_, _, err := unix.Recvfrom(to, buf, 0)
				if err != nil && !errors.Is(err, unix.EAGAIN) {
					t.Fatalf("receive: %v", err)
				}
				frames++
				if got, want := f.Matches(c.data, len(c.data)), err == nil; got != want {
					t.Errorf("%q on %s: the kernel says %v, we say %v, of %x", expr, l.name, want, got, c.data)
				}
			}
		}
	}
	t.Logf("%d programs, %d frames", filters, frames)
}

// The kernel accepts the programs for live capture, and long ones.
func TestKernelAccepts(t *testing.T) {
	filters := append(section(t, "testdata/filters.txt", "ethernet"), section(t, "testdata/filters.txt", "live")...)
	filters = append(filters, manyHosts(255), manyPorts(100), manyHosts(600))
	for _, expr := range filters {
		f, err := Compile(expr, Options{Link: LinkEthernet, KernelVLAN: true, SnapLen: 256})
		if err != nil {
			t.Errorf("compile %q: %v", clip(expr), err)
			continue
		}
		_, to := pair(t)
		if err := attach(to, f.Raw()); errors.Is(err, unix.EPERM) {
			t.Skip("filters cannot be attached here")
		} else if errors.Is(err, unix.ENOMEM) && len(f.ins) > 300 {
			t.Logf("net.core.optmem_max is too small for %d instructions", len(f.ins))
		} else if err != nil {
			t.Errorf("the kernel refuses %q (%d instructions): %v", clip(expr), len(f.ins), err)
		}
	}
}
