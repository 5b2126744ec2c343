package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/api"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/orders"
)

// twoHosts are captures on two hosts; how one does depends on its filter.
type twoHosts struct{}

func (twoHosts) Status(d *definition.Definition) orders.Status {
	switch s := d.Spec.(*capture.Spec); s.Filter {
	case "tcp port 443":
		return orders.Status{State: orders.StateRunning, Matched: 2, Running: 2, Hosts: 2, Packets: 1234, Bytes: 99_000}
	case "udp":
		return orders.Status{State: orders.StatePartial, Matched: 4, Running: 1, Failed: 1, Waiting: 1, Refused: 1, Hosts: 2, Packets: 12, Dropped: 3}
	case "arp":
		return orders.Status{State: orders.StateFollower}
	case "icmp":
		return orders.Status{State: orders.StatePartial, Matched: 1, Starting: 1, Hosts: 1}
	}
	return orders.Status{State: orders.StateIdle}
}

func (twoHosts) Nodes(id string) []orders.NodeStatus {
	if id == "idle" {
		return nil
	}
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return []orders.NodeStatus{
		{Node: "n1", Host: "h1", HostName: "web-1", Interface: "eth0", CaptureState: order.CaptureState{
			ID: id + "/n1", Revision: 1, State: order.StateRunning, Proof: order.ProofPacket, Type: order.TypeEBPF, Since: since,
			Warning: "no tcx in this kernel: tc clsact is used", Counters: order.Counters{Packets: 12, Bytes: 900, Sampling: 4, Dropped: map[string]int64{"ring": 2, "map_full": 1}}}},
		{Node: "n2", Host: "h1", HostName: "web-1", Interface: "veth\u202e1", NetNS: "blue", CaptureState: order.CaptureState{
			ID: id + "/n2", Revision: 1, State: order.StateFailed, Type: order.TypeAFPacket, Since: since, Error: "interface is down; bring it up: ip link set veth1 up"}},
		{Node: "n3", Host: "h2", Interface: "eth0", CaptureState: order.CaptureState{ID: id + "/n3", State: order.StateWaiting, Error: "the collector of host h2 is not connected"}},
	}
}

func (twoHosts) Hosts() []orders.Host {
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return []orders.Host{
		{ID: "h1", Name: "web-1", Connected: true, Since: since, Address: "192.0.2.1:40000", Version: "v1", Types: []string{"ebpf", "afpacket"}, RawPackets: true, Captures: 2, Running: 1,
			Problems: []order.Problem{{Feature: "tcx", Error: "kernel 6.1", Fallback: "clsact"}, {Feature: "kfree_skb", Error: "no tracefs"}}},
		{ID: "h2", Since: since, Captures: 1},
	}
}

func (twoHosts) Serve(http.ResponseWriter, *http.Request) {}

// captureServer is the real API over a store in memory.
func captureServer(t *testing.T) (url string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	now := func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	store, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: func() bool { return false }, Now: now}, capture.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Start(t.Context(), &definitiontest.KV{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	reg := prometheus.NewRegistry()
	a, err := api.New(api.DefaultConfig(), api.Deps{
		Definitions: store, Captures: twoHosts{}, Now: now, Log: log, Registerer: reg, Gatherer: reg, Ready: func() error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(httpx.Mux(a.Routes()))
	t.Cleanup(s.Close)
	return s.URL
}

// TestCaptures is a session, one command after the other.
func TestCaptures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "capture.yaml")
	if err := os.WriteFile(file, []byte("id: filed\nname: from a file\nttl: 7d\nspec:\n  query: G.V().Has('Type','veth')\n  filter: tcp port 443\n  raw_packets: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	noSpec := filepath.Join(t.TempDir(), "empty.yaml")
	if err := os.WriteFile(noSpec, []byte("id: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SKEIN_SERVER": captureServer(t)}
	create := func(args ...string) []string {
		return append([]string{"capture", "create", "--gremlin", "G.V().Has('Type','veth')"}, args...)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{name: "none", args: []string{"capture", "list"}},
		{name: "create", args: create("--id", "web", "--bpf", "tcp port 443", "--name", "my-cap", "--description", "web traffic", "--ttl", "1h", "--wait")},
		{name: "create-all", args: create("--id", "all", "--bpf", "udp", "--type", "afpacket", "--name", "all", "--snaplen", "128", "--promiscuous", "--key-mode", "l3",
			"--layers", "dns,vrrp", "--no-defrag", "--flows", "1000", "--sampling", "2", "--cpu", "5%", "--memory", "64MiB", "--raw-packets", "10", "--raw-ring", "16MiB", "-o", "yaml")},
		{name: "create-file", args: []string{"capture", "create", "-f", file, "-o", "json"}},
		{name: "create-wait", args: create("--id", "half", "--bpf", "udp", "--wait=10s"), code: exitFailed},
		{name: "create-idle", args: create("--id", "idle", "--wait"), code: exitFailed},
		{name: "create-late", args: create("--id", "late", "--bpf", "icmp", "--name", "same", "--wait=300ms"), code: exitFailed},
		{name: "create-follower", args: create("--id", "follower", "--bpf", "arp", "--name", "same", "--wait"), code: exitFailed},
		{name: "list", args: []string{"capture", "list"}},
		{name: "list-json", args: []string{"capture", "list", "-o", "json"}},
		{name: "get", args: []string{"capture", "get", "my-cap"}},
		{name: "get-json", args: []string{"capture", "get", "web", "-o", "json"}},
		{name: "get-follower", args: []string{"capture", "get", "follower"}},
		{name: "nodes", args: []string{"capture", "nodes", "my-cap"}},
		{name: "nodes-json", args: []string{"capture", "nodes", "web", "-o", "json"}},
		{name: "nodes-idle", args: []string{"capture", "nodes", "idle"}},
		{name: "ambiguous", args: []string{"capture", "get", "same"}, code: exitFailed},
		{name: "delete-name", args: []string{"capture", "delete", "from a file", "none"}, code: exitFailed},
		{name: "replace", args: []string{"capture", "replace", "my-cap", "--gremlin", "G.V()", "--type", "ebpf"}},
		{name: "delete", args: []string{"capture", "delete", "web", "all", "half"}},
		{name: "query", args: []string{"capture", "create", "--gremlin", "G.V().X()"}, code: exitFailed},
		{name: "filter", args: create("--bpf", "tcp prot 443"), code: exitFailed},
		{name: "option", args: create("--type", "ebpf", "--layers", "dns"), code: exitFailed},
		{name: "no-query", args: []string{"capture", "create", "--bpf", "tcp"}, code: exitUsage},
		{name: "nothing", args: []string{"capture", "create", "--wait"}, code: exitUsage},
		{name: "no-spec", args: []string{"capture", "create", "-f", noSpec}, code: exitFailed},
		{name: "type", args: create("--type", "pcap"), code: exitUsage},
		{name: "cpu", args: create("--cpu", "5000m"), code: exitUsage},
		{name: "memory", args: create("--memory", "much"), code: exitUsage},
		{name: "no-id", args: []string{"capture", "nodes"}, code: exitUsage},
		{name: "help", args: []string{"capture"}},
		{name: "help-create", args: []string{"capture", "create", "--help"}},
		{name: "hosts", args: []string{"hosts"}},
		{name: "hosts-yaml", args: []string{"hosts", "-o", "yaml"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, "", c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if strings.ContainsAny(stdout+stderr, "\x1b\x07\u202e") {
				t.Error("a control character reached the terminal")
			}
			golden(t, "capture-"+c.name, stdout+sep(stderr))
		})
	}
}

func TestMilliCores(t *testing.T) {
	for text, want := range map[string]milliCores{"5%": 50, "50m": 50, "0.05": 50, "1": 1000, "400%": 4000, "0.1%": 1} {
		var m milliCores
		if err := m.Set(text); err != nil || m != want {
			t.Errorf("%s: %d, %v", text, m, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "0", "NaN", "inf", "5", "0.01%", "5 %x"} {
		var m milliCores
		if m.Set(text) == nil {
			t.Errorf("%q was taken as %d", text, m)
		}
	}
}
