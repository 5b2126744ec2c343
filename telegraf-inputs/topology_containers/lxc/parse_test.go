package lxc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const modern = `# made by lxc-create
lxc.include = /usr/share/lxc/config/common.conf
lxc.arch = linux64
lxc.uts.name = "web"
lxc.rootfs.path = dir:/var/lib/lxc/web/rootfs
lxc.start.auto = 1
lxc.group = old
lxc.group =
lxc.group = a
  lxc.group=b
lxc.idmap = u 0 100000 65536
lxc.environment = PASS=hidden
lxc.net.1.type = veth
lxc.net.1.link = br1
lxc.net.0.type = veth
lxc.net.0.link = lxcbr0
lxc.net.0.name = eth0
lxc.net.0.hwaddr = 00:16:3E:11:22:33
lxc.net.0.veth.pair = v0
lxc.net.0.ipv4.address = 10.0.9.9/24
lxc.net.0.ipv4.address =
lxc.net.0.ipv4.address = 10.0.3.2/24 10.0.3.255
lxc.net.0.ipv6.address = 2001:db8::1
lxc.net.x.type = veth
nonsense
= nothing
`

func TestParseSettings(t *testing.T) {
	got := ParseSettings([]byte(modern))
	want := &Settings{
		Hostname: "web", Architecture: "linux64", RootFS: "dir:/var/lib/lxc/web/rootfs", Autostart: true, Unprivileged: true,
		Groups: []string{"a", "b"}, Include: []string{"/usr/share/lxc/config/common.conf"},
		Networks: []Network{
			{
				Index: 0, Type: "veth", Link: "lxcbr0", Name: "eth0", MAC: "00:16:3e:11:22:33",
				Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.3.2/24"), netip.MustParsePrefix("2001:db8::1/128")},
			},
			{Index: 1, Type: "veth", Link: "br1"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// What is too much is left out, and said.
func TestParseSettingsMany(t *testing.T) {
	var text strings.Builder
	for i := range maxNetworks + 1 {
		fmt.Fprintf(&text, "lxc.net.%d.type = veth\n", i)
	}
	m, err := container.NewMapper(container.Config{HostID: "h1", ProcDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s := ParseSettings([]byte(text.String()))
	ev := m.Event(describe("/var/lib/lxc", "c", s, container.StatusExited, 0))
	if got := feedtest.Text(&ev, "Truncated"); len(s.Networks) != maxNetworks || got != `["LXC"]` {
		t.Errorf("%d networks, truncated: %s", len(s.Networks), got)
	}
}

// Keys of before LXC 2.1.
func TestParseSettingsOld(t *testing.T) {
	got := ParseSettings([]byte("lxc.network.link = lost\nlxc.network.type = veth\nlxc.network.link = br0\nlxc.network.ipv4 = 10.0.3.2/24\n" +
		"lxc.network.type = empty\nlxc.utsname = h\nlxc.rootfs = /r\nlxc.id_map = u 0 1 2\n"))
	want := &Settings{
		Hostname: "h", RootFS: "/r", Unprivileged: true,
		Networks: []Network{
			{Index: 0, Type: "veth", Link: "br0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.3.2/24")}},
			{Index: 1, Type: "empty"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if n := networks(want); len(n) != 1 || n[0].Name != "br0" || len(n[0].IPv4) != 1 {
		t.Errorf("networks %+v", n)
	}
}

func FuzzParseSettings(f *testing.F) {
	f.Add([]byte(modern))
	f.Add([]byte("lxc.network.type = veth\nlxc.network.ipv4 = 10.0.3.2/24\nlxc.net.999999999999.type=x\n"))
	m, err := container.NewMapper(container.Config{HostID: "h1", ProcDir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := ParseSettings(b)
		if len(s.Networks) > maxNetworks || len(s.Groups) > maxValues || len(s.Include) > maxValues {
			t.Errorf("too much: %+v", s)
		}
		ev := m.Event(describe("/var/lib/lxc", "c", s, container.StatusExited, 0))
		if err := ev.Validate(); err != nil {
			t.Error(err)
		}
	})
}

func TestSocketName(t *testing.T) {
	if got := socketName("/var/lib/lxc", "c1"); got != "/var/lib/lxc/c1/command" {
		t.Error(got)
	}
	// The longest that is not hashed has 106 bytes.
	path := "/" + strings.Repeat("p", 95)
	if got := socketName(path, "n"); got != path+"/n/command" || len(got) != 106 {
		t.Errorf("%s: %d bytes", got, len(got))
	}
	if got := socketName(path, "nn"); len(got) != len("lxc/0123456789abcdef/command") || !strings.HasPrefix(got, "lxc/") {
		t.Error(got)
	}
	if socketName(path, "nn") == socketName(path, "mm") {
		t.Error("two have one name")
	}
}

const sockets = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 23456 /run/systemd/private
0000000000000000: 00000002 00000000 00010000 0001 01 23457 @/var/lib/lxc/c1/command
0000000000000000: 00000002 00000000 00010000 0001 01 23458 @/var/lib/lxc/a b/command
0000000000000000: 00000002 00000000 00010000 0001 01 23459 @/var/lib/lxc/x/y/command
0000000000000000: 00000002 00000000 00010000 0001 01 23459 @/var/lib/lxd/containers/z/command
0000000000000000: 00000002 00000000 00010000 0001 01 23459 @/var/lib/lxc/../command
0000000000000000: 00000003 00000000 00000000 0001 03 23460
`

func TestParseSockets(t *testing.T) {
	got := parseSockets([]byte(sockets), []string{"/var/lib/lxc", "/other"})
	if want := map[string][]string{"/var/lib/lxc": {"c1", "a b"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add([]byte(sockets))
	f.Fuzz(func(t *testing.T, b []byte) {
		for path, names := range parseSockets(b, []string{"/var/lib/lxc"}) {
			for _, name := range names {
				if path != "/var/lib/lxc" || !validName(name) || strings.Contains(name, "/") {
					t.Errorf("%q in %q", name, path)
				}
			}
		}
	})
}

func message(ret int32, data int64) []byte {
	b := make([]byte, messageSize)
	binary.NativeEndian.PutUint32(b, uint32(ret))
	binary.NativeEndian.PutUint64(b[8:], uint64(data))
	return b
}

func TestParseAnswer(t *testing.T) {
	if n, err := parseAnswer(message(0, 25898)); n != 25898 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, b := range [][]byte{nil, make([]byte, 15), make([]byte, 17), message(-2, 0), message(0, -1), message(0, 1<<31)} {
		if n, err := parseAnswer(b); !errors.Is(err, errAnswer) {
			t.Errorf("%x: %d, %v", b, n, err)
		}
	}
	if got := fmt.Sprintf("%x", request(cmdGetInitPID)[:4]); got != "04000000" && got != "00000004" {
		t.Error(got)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(message(0, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := parseAnswer(b)
		if err == nil && n < 0 || err != nil && n != 0 {
			t.Errorf("%d, %v", n, err)
		}
	})
}

func TestValidate(t *testing.T) {
	cfg := DefaultConfig()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*Config){
		"no paths":       func(c *Config) { c.Paths = nil },
		"relative":       func(c *Config) { c.Paths = []string{"lxc"} },
		"pattern":        func(c *Config) { c.Paths = []string{"/a[", "/b"} },
		"poll":           func(c *Config) { c.Poll = 0 },
		"containers":     func(c *Config) { c.MaxContainers = 0 },
		"control groups": func(c *Config) { c.CgroupDir = "cgroup" },
	} {
		cfg := DefaultConfig()
		edit(&cfg)
		if _, err := New(cfg, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
