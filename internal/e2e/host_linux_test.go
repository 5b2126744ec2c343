package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostNS is a host made of network namespaces: its root namespace and named
// ones, all in a directory of the test's own.
type hostNS struct {
	t         testing.TB
	name, dir string
	base      string
}

func newHost(t testing.TB) *hostNS {
	needRoot(t)
	base := t.TempDir()
	h := &hostNS{t: t, name: fmt.Sprintf("host-%08x", rand.Uint32()), base: base, dir: filepath.Join(base, "netns")}
	require.NoError(t, os.Mkdir(h.dir, 0o755))
	h.make(h.root())
	return h
}

func (h *hostNS) root() string { return filepath.Join(h.base, "root") }

// path returns the file of a namespace; "" is the root one.
func (h *hostNS) path(ns string) string {
	if ns == "" {
		return h.root()
	}
	return filepath.Join(h.dir, ns)
}

func (h *hostNS) make(path string) {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(path, nil, 0o600))
	h.run("unshare", "--net="+path, "true")
	h.t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
	h.run("nsenter", "--net="+path, "ip", "link", "set", "lo", "up")
}

// named gives the root namespace a name that "ip netns" knows, for programs that
// want one, and returns it.
func (h *hostNS) named() string {
	h.t.Helper()
	path := "/run/netns/" + h.name
	require.NoError(h.t, os.MkdirAll("/run/netns", 0o755))
	require.NoError(h.t, os.WriteFile(path, nil, 0o600))
	h.run("mount", "--bind", h.root(), path)
	h.t.Cleanup(func() {
		_ = syscall.Unmount(path, syscall.MNT_DETACH)
		_ = os.Remove(path)
	})
	return h.name
}

// addNS makes a named namespace.
func (h *hostNS) addNS(ns string) { h.t.Helper(); h.make(h.path(ns)) }

// delNS ends a named namespace.
func (h *hostNS) delNS(ns string) {
	h.t.Helper()
	require.NoError(h.t, syscall.Unmount(h.path(ns), syscall.MNT_DETACH))
	require.NoError(h.t, os.Remove(h.path(ns)))
}

func (h *hostNS) run(name string, args ...string) string {
	h.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(h.t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

// ip runs ip in a namespace.
func (h *hostNS) ip(ns string, args ...string) string {
	h.t.Helper()
	return h.run("nsenter", append([]string{"--net=" + h.path(ns), "ip"}, args...)...)
}

// batch runs lines of ip commands in a namespace in one go.
func (h *hostNS) batch(ns string, lines []string) {
	h.t.Helper()
	cmd := exec.Command("nsenter", "--net="+h.path(ns), "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	require.NoError(h.t, err, "ip -batch: %s", out)
}

// move hands an interface of the root namespace to a named one.
func (h *hostNS) move(dev, ns string) {
	h.t.Helper()
	h.ip("", "link", "set", dev, "netns", h.path(ns))
}

// link is what the tests compare of an interface; every field of every kind is
// compared in telegraf-inputs/topology_host/iptest.
type link struct {
	NS        string
	Index     int
	Name, MAC string
	MTU       int
	Addresses []string
	Peer      string // namespace/name of a veth's other end
}

func (l link) fields() []any { return []any{l.NS, l.Index, l.Name, l.MAC, l.MTU, l.Addresses, l.Peer} }

func sortLinks(ls []link) []link {
	slices.SortFunc(ls, func(a, b link) int { return cmp.Or(cmp.Compare(a.NS, b.NS), cmp.Compare(a.Index, b.Index)) })
	return ls
}

// truth returns all interfaces of the host as ip sees them.
func (h *hostNS) truth() []link {
	h.t.Helper()
	names := []string{""}
	entries, err := os.ReadDir(h.dir)
	require.NoError(h.t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	type end struct {
		index, peer int
		kind        string
	}
	var out []link
	var ends []end
	for _, ns := range names {
		var links []struct {
			IfIndex   int    `json:"ifindex"`
			IfName    string `json:"ifname"`
			Address   string `json:"address"`
			MTU       int    `json:"mtu"`
			LinkIndex int    `json:"link_index"`
			Link      string `json:"link"`
			Info      struct {
				Kind string `json:"info_kind"`
			} `json:"linkinfo"`
			Addrs []struct {
				Local  string `json:"local"`
				Prefix int    `json:"prefixlen"`
			} `json:"addr_info"`
		}
		text := h.ip(ns, "-d", "-j", "addr", "show")
		require.NoError(h.t, json.Unmarshal([]byte(text), &links))
		byName := map[string]int{}
		for _, l := range links {
			byName[l.IfName] = l.IfIndex
		}
		for _, l := range links {
			got := link{NS: ns, Index: l.IfIndex, Name: l.IfName, MAC: l.Address, MTU: l.MTU}
			if got.MAC == "00:00:00:00:00:00" {
				got.MAC = ""
			}
			for _, a := range l.Addrs {
				got.Addresses = append(got.Addresses, fmt.Sprintf("%s/%d", a.Local, a.Prefix))
			}
			slices.Sort(got.Addresses)
			out = append(out, got)
			e := end{index: l.IfIndex, peer: l.LinkIndex, kind: l.Info.Kind}
			if e.peer == 0 && l.Link != "" {
				e.peer = byName[l.Link]
			}
			ends = append(ends, e)
		}
	}
	// The tests make no two pairs with the same two indexes.
	for i := range out {
		for j := range out {
			if i != j && ends[i].kind == "veth" && ends[j].kind == "veth" && ends[i].peer == ends[j].index && ends[j].peer == ends[i].index {
				out[i].Peer = out[j].NS + "/" + out[j].Name
			}
		}
	}
	return sortLinks(out)
}
