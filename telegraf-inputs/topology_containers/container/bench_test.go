package container

import (
	"net/netip"
	"os"
	"testing"
	"time"
)

// BenchmarkEvent is the cost of a running container, once its runtime has
// answered: the look at its process and namespace, and the event.
func BenchmarkEvent(b *testing.B) {
	m := testMapper(b)
	c := &Container{
		Source: SourceDocker, ID: hexID, Name: "web", Image: "nginx:1", Status: StatusRunning, InitPID: os.Getpid(),
		Started: time.Now(), Labels: labels(20, "some value"),
		Networks: []Network{{Name: "bridge", IPv4: []netip.Prefix{netip.MustParsePrefix("172.17.0.2/16")}}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if ev := m.Event(c); len(ev.Relationships) != 1 {
			b.Fatal(ev.Relationships)
		}
	}
}
