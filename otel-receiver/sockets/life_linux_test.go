package sockets

import (
	"os"
	"slices"
	"testing"

	"github.com/skein-net/skein/internal/netns/netnstest"
)

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// What is started and stopped leaves no descriptor behind, so no program either.
func TestLiveStop(t *testing.T) {
	netnstest.Need(t)
	begin := func() {
		table := started(t, DefaultConfig())
		table.Stop()
		table.Stop()
	}
	begin()
	before := descriptors(t)
	for range 5 {
		begin()
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	New(Config{}, nil).Stop()
}

// Each program that cannot be had is told by its name.
func TestLiveProblems(t *testing.T) {
	netnstest.Need(t)
	for cgroup, want := range map[string][]string{"": {"sock_release"}, "/nowhere": {"sock_release"}} {
		var got []string
		p := attach(cgroup, func(feature string, err error) {
			got = append(got, feature)
			t.Log(err)
		})
		if slices.Contains(got, "inet_sock_set_state") || slices.Contains(got, "ebpf") {
			p.close()
			t.Skip("no programs here")
		}
		if !slices.Equal(got, want) || p.udp || !p.tcp {
			t.Errorf("%q: %v", cgroup, got)
		}
		p.close()
	}
	table := New(Config{}, nil)
	table.problem("a", os.ErrClosed, "b")
	table.problem("a", os.ErrExist, "c")
	if p := table.Problems(); len(p) != 1 || p[0].Fallback != "c" || p[0].Error != os.ErrExist.Error() {
		t.Errorf("%+v", p)
	}
}

// More sockets than there is room for are counted.
func TestLiveMany(t *testing.T) {
	netnstest.Need(t)
	in, err := ask(true, 0)
	if err != nil {
		t.Fatal(err)
	}
	all, err := ask(true, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.sockets) != 0 || len(all.sockets) > 0 && in.refused == 0 || all.refused != 0 {
		t.Errorf("%d and %d, %d and %d", len(in.sockets), in.refused, len(all.sockets), all.refused)
	}
}
