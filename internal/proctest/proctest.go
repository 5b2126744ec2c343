// Package proctest is what tests of running programs share: they are built, run
// and ended here. It is for tests only, and ends nothing that it did not start.
package proctest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Buffer keeps what a program prints. It may be read while it is written to;
// the zero value is ready to use.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer; it never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// port is the next one to try, beginning anywhere.
var port = func() *atomic.Uint32 {
	var p atomic.Uint32
	p.Store(rand.Uint32N(22_000))
	return &p
}()

// FreeAddr returns an address on loopback, host:port, where nobody listened a
// moment ago. It is for programs that must be told a port; those that can take
// port 0 and say what they got are better off with that.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return FreeAddrs(t, 1)[0]
}

// FreeAddrs returns n different ones. Their ports are below those that the
// kernel gives to connections (ip_local_port_range), which would take them again
// before the program listens; none is given twice soon.
func FreeAddrs(t testing.TB, n int) (out []string) {
	t.Helper()
	var lc net.ListenConfig
	for tries := 0; len(out) < n; tries++ {
		l, err := lc.Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+port.Add(1)%22_000))
		if err == nil {
			defer l.Close() // all at the end, so that they differ
			out = append(out, l.Addr().String())
		} else if tries > 1000 {
			t.Fatal(err)
		}
	}
	return out
}

// Eventually waits until a condition holds, and fails with its last error when
// that takes longer than limit.
func Eventually(t testing.TB, limit time.Duration, what string, cond func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		}
		<-tick.C
	}
}
