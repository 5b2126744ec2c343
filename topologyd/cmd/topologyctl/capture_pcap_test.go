package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packetsServer has the capture web, and answers for its packets as a node of it
// says.
func packetsServer(t *testing.T) map[string]string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/captures" {
			fmt.Fprint(w, `[{"id":"c1","name":"web","spec":{"query":"G.V()"}}]`)
			return
		}
		if r.URL.Path != "/api/v1/captures/c1/packets" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		h, q := w.Header(), r.URL.Query()
		if q.Get("node") == "forbidden" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":{"code":"forbidden","message":"start topologyd with --raw-packets"}}`)
			return
		}
		h.Set("Trailer", "X-Skein-Limit, X-Skein-Error, X-Skein-End, X-Skein-Packets, X-Skein-Lost, X-Skein-Broken-Hosts")
		switch q.Get("node") {
		case "away":
			h.Set("X-Skein-Missing-Hosts", "web-2%1b")
		case "deleted":
			h.Set("X-Skein-Error", "gone")
			h.Set("X-Skein-End", "the capture was deleted")
		case "failed":
			h.Set("X-Skein-Error", "unavailable")
			h.Set("X-Skein-End", "the connection broke")
		case "part":
			h.Set("X-Skein-Limit", "packets")
			h.Set("X-Skein-Lost", "4")
			h.Set("X-Skein-Broken-Hosts", "web-3")
		}
		h.Set("X-Skein-Packets", "2")
		fmt.Fprintf(w, "<%s>", r.URL.RawQuery)
	}))
	t.Cleanup(s.Close)
	return map[string]string{"SKEIN_SERVER": s.URL}
}

func TestCapturePcap(t *testing.T) {
	env := packetsServer(t)
	file := filepath.Join(t.TempDir(), "web.pcap")
	if err := os.WriteFile(file, []byte("an older file"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"all", []string{"pcap", "web"}, 0, "<>", ""},
		{"by ID", []string{"pcap", "c1", "--node", "eth0", "--flow", "f1", "--flow", "f2", "--since", "-5m", "--until", "NOW", "--limit", "3", "--bytes", "9", "--format", "pcap", "-o", "-"}, 0,
			"<bytes=9&flow=f1&flow=f2&format=pcap&from=-5m&limit=3&node=eth0&to=NOW>", ""},
		{"to a file", []string{"pcap", "web", "-o", file}, 0, "", "2 packets in " + file},
		{"in part", []string{"pcap", "web", "--node", "part"}, 0, "<node=part>", "the bound of packets was met\ntopologyctl: 4 packets were overwritten before they were fetched\ntopologyctl: the packets of host web-3 are not complete"},
		{"a host is away", []string{"pcap", "web", "--node", "away"}, 0, "<node=away>", `no packets of host web-2\x1b`},
		{"broken off", []string{"pcap", "web", "--node", "failed"}, 1, "<node=failed>", "the connection broke"},
		{"forbidden", []string{"pcap", "web", "--node", "forbidden"}, 1, "", "start topologyd with --raw-packets"},
		{"none", []string{"pcap", "other"}, 1, "", `no capture with the ID or the name "other"`},
		{"no ID", []string{"pcap"}, 2, "", "needs an ID"},
		{"limit", []string{"pcap", "web", "--limit", "-1"}, 2, "", "not negative"},
		{"format", []string{"pcap", "web", "--format", "text"}, 2, "", "want one of pcapng, pcap, json"},
		{"no such folder", []string{"pcap", "web", "-o", filepath.Join(file, "x")}, 1, "", "write packets:"},
		{"watch", []string{"watch", "web", "--since", "NOW"}, 0, "<follow=1&from=NOW>", ""},
		{"watch to the end", []string{"watch", "web", "--node", "deleted"}, 0, "<follow=1&node=deleted>", "the capture was deleted"},
		{"watch broken off", []string{"watch", "web", "--node", "failed"}, 1, "<follow=1&node=failed>", "the connection broke"},
		{"watch limit", []string{"watch", "web", "--limit", "-1"}, 2, "", "not negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, "", append([]string{"capture"}, c.args...)...)
			if code != c.code || stdout != c.stdout || !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
				t.Errorf("%d %q %q, want %d %q %q", code, stdout, stderr, c.code, c.stdout, c.stderr)
			}
		})
	}
	b, err := os.ReadFile(file)
	if err != nil || string(b) != "<format=pcap>" {
		t.Errorf("%q, %v", b, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error("others may read the packets")
	}
}

func TestIsTerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var b strings.Builder
	if isTerminal(null) || isTerminal(&b) {
		t.Error("nobody reads that")
	}
	tty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there is no terminal here: %v", err)
	}
	defer tty.Close()
	if !isTerminal(tty) {
		t.Error("a terminal is none")
	}
}
