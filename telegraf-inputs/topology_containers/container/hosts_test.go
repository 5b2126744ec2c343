package container

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

const hostsFile = `# made by somebody
127.0.0.1	localhost
::1	localhost ip6-localhost # both
10.1.2.3	web-1 web web
fe80::1%eth0 gw
not-an-address	x
10.1.2.4
`

func TestParseHosts(t *testing.T) {
	h, err := ParseHosts(strings.NewReader(hostsFile), "web-1")
	if err != nil {
		t.Fatal(err)
	}
	if h.IP != "10.1.2.3" || h.Hostname != "web-1" || h.cut || len(h.ByIP) != 4 {
		t.Errorf("%+v", h)
	}
	if got := strings.Join(h.ByIP[netip.MustParseAddr("10.1.2.3")], " "); got != "web-1 web" {
		t.Errorf("names %q", got)
	}
	if h, err = ParseHosts(strings.NewReader(strings.Repeat("a", 2*maxHostsLine)), ""); err != nil || !h.cut {
		t.Errorf("a line too long: %+v, %v", h, err)
	}
	if h, err = ParseHosts(strings.NewReader("1.1.1.1"+strings.Repeat(" a", 10)+strings.Repeat("\n1.1.1.2 x", 200_000)), ""); err != nil || !h.cut {
		t.Errorf("a file too long: cut %v, %v", h.cut, err)
	}
}

func TestReadHosts(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hosts")
	if err := os.WriteFile(path, []byte(hostsFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if h, err := ReadHosts(path, "web-1"); err != nil || h.IP != "10.1.2.3" {
		t.Errorf("%+v, %v", h, err)
	}
	for _, path := range []string{dir, dir + "/none"} {
		if _, err := ReadHosts(path, ""); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

// FuzzHosts: whatever is in the file, the event is valid.
func FuzzHosts(f *testing.F) {
	f.Add(hostsFile, "web-1")
	f.Add("::1 \xff\x01\\ a\\", "a\\")
	m := testMapper(f)
	f.Fuzz(func(t *testing.T, file, hostname string) {
		h, err := ParseHosts(strings.NewReader(file), hostname)
		if err != nil {
			t.Fatal(err)
		}
		ev := m.Event(&Container{Source: "docker", ID: "x", Scope: "runc", Hosts: h})
		if err := ev.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzLabels: whatever is in a label, the event is valid, and what was valid is
// kept as it is.
func FuzzLabels(f *testing.F) {
	f.Add("a.b/c", "x", "b\\", "\xff")
	m := testMapper(f)
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		ev := m.Event(&Container{Source: "docker", ID: "x", Scope: "runc", Labels: map[string]string{k1: v1, k2: v2}})
		if err := ev.Validate(); err != nil {
			t.Fatal(err)
		}
		if ev.Attributes.Has("Truncated") {
			return
		}
		labels := ev.Attributes.Get("Container").Map().Get("Labels").Map()
		if k1 != k2 && labels.Get(k1).Str() != entity.CleanText(v1) {
			t.Fatalf("label %q is %q, want %q", k1, labels.Get(k1).Str(), v1)
		}
	})
}

func FuzzStartTicks(f *testing.F) {
	f.Add([]byte("7 (a) b) S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 500000 0"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parseStartTicks(b) })
}
