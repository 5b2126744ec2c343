package listen

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldptest"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

func TestDecode(t *testing.T) {
	pdu, packet := lldptest.PDU("sw", "p1", 120), lldptest.CDPPacket("sw", "p1", 180)
	snap := lldptest.CDP(packet)
	for name, c := range map[string]struct {
		frame []byte
		want  string // protocol, "" for an error
	}{
		"LLDP":             {lldptest.LLDP(pdu), neighbor.LLDP},
		"LLDP with a tag":  {lldptest.Tagged(lldptest.LLDP(pdu), 0), neighbor.LLDP},
		"CDP":              {snap, neighbor.CDP},
		"nothing":          {nil, ""},
		"a header":         {snap[:14], ""},
		"longer than it":   {snap[:36], ""},
		"another OUI":      {append(append(append([]byte{}, snap[:19]...), 0xff), snap[20:]...), ""},
		"another protocol": {append([]byte("\x01\x80\xc2\x00\x00\x0e\x02\x00\x00\x00\x00\x99\x08\x00"), pdu...), ""},
	} {
		n, err := decode(c.frame, false)
		if n.Protocol != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, n.Protocol, err, c.want)
		}
	}
}

// FuzzDecode: every frame gives a neighbour that can be told of, or a reason.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(lldptest.LLDP(lldptest.PDU("sw", "p1", 120, lldptest.Text(5, "name"))))
	f.Add(lldptest.Tagged(lldptest.LLDP(lldptest.PDU("sw", "p1", 0)), 1))
	f.Add(lldptest.CDP(lldptest.CDPPacket("sw", "p1", 180)))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decode(b, len(b)%2 == 0)
		if err != nil {
			if r := reasonOf(err); r >= reasons {
				t.Fatalf("%v is reason %d", err, r)
			}
			return
		}
		sw := entity.Event{Ref: entity.SwitchRef(n.Chassis), Source: "x", Attributes: n.Switch}
		port := entity.Event{Ref: entity.SwitchPortRef(n.Chassis, n.Port), Source: "x", Attributes: n.SwitchPort}
		if err := errors.Join(sw.Validate(), port.Validate()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTshark compares with what tshark makes of the same frames.
func TestTshark(t *testing.T) {
	if testing.Short() {
		t.Skip("runs tshark; runs without -short")
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs tshark")
	}
	frames := [][]byte{
		lldptest.LLDP(lldptest.PDU("sw", "Gi0/1", 120, lldptest.Text(4, "uplink"), lldptest.Text(5, "core-1"),
			lldptest.TLV(8, 5, 1, 10, 0, 0, 1, 2, 0, 0, 0, 7, 0), lldptest.Organization("\x00\x80\xc2", 1, 1, 0xe8),
			lldptest.Organization("\x00\x12\x0f", 4, 5, 0xf2))),
		lldptest.CDP(lldptest.CDPPacket("core-2", "Gi0/2", 180, lldptest.CDPTLV(6, []byte("cisco WS")...), lldptest.CDPTLV(10, 0, 9),
			lldptest.CDPTLV(0x16, []byte("\x00\x00\x00\x01\x01\x01\xcc\x00\x04\x0a\x00\x00\x02")...))),
	}
	file := filepath.Join(t.TempDir(), "frames.pcap")
	out := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	out = append(out, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0)
	for _, f := range frames {
		out = binary.LittleEndian.AppendUint64(out, 1)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(f)))
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(f))), f...)
	}
	if err := os.WriteFile(file, out, 0o600); err != nil {
		t.Fatal(err)
	}
	fields := []string{
		"lldp.chassis.id", "lldp.port.id", "lldp.time_to_live", "lldp.port.desc", "lldp.tlv.system.name",
		"lldp.mgn.addr.ip4", "lldp.ieee.802_1.port_vlan.id", "lldp.ieee.802_3.max_frame_size",
		"cdp.deviceid", "cdp.portid", "cdp.ttl", "cdp.platform", "cdp.native_vlan", "cdp.nrgyz.ip_address",
	}
	args := []string{"-r", file, "-T", "fields", "-E", "separator=|"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	text, err := exec.CommandContext(t.Context(), "tshark", args...).Output()
	if err != nil {
		t.Skipf("tshark knows other fields: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 {
		t.Fatalf("tshark printed %q", text)
	}
	paths := [][]string{
		{"", "PortID", "TTL", "Description", "", "", "PVID", "MaxFrameSize", "", "", "", "", "", ""},
		{"", "", "", "", "", "", "", "", "", "PortID", "TTL", "", "NativeVLAN", ""},
	}
	for i, f := range frames {
		n, err := decode(f, false)
		if err != nil {
			t.Fatal(err)
		}
		values := strings.Split(lines[i], "|")
		for j, path := range paths[i] {
			if path == "" {
				continue
			}
			got, want := n.SwitchPort.Get(path), values[j]
			if s := got.Str(); s != want && strconv.FormatInt(got.Int(), 10) != want && !(path == "PVID" && strings.HasPrefix(want, "0x01e8")) {
				t.Errorf("%s: %q %d; tshark %s %q", path, s, got.Int(), fields[j], want)
			}
		}
	}
}

func TestChooser(t *testing.T) {
	up := rtnl.FlagUp | rtnl.FlagRunning
	for name, c := range map[string]struct {
		link    rtnl.Link
		include []string
		exclude []string
		want    bool
	}{
		"ethernet":      {link: rtnl.Link{Type: 1, Name: "eth0", Flags: up}, want: true},
		"veth":          {link: rtnl.Link{Type: 1, Name: "v", Kind: "veth", Flags: up}, want: true},
		"no carrier":    {link: rtnl.Link{Type: 1, Name: "eth0", Flags: rtnl.FlagUp}, want: true},
		"down":          {link: rtnl.Link{Type: 1, Name: "eth0"}},
		"loopback":      {link: rtnl.Link{Type: 772, Name: "lo", Flags: up | rtnl.FlagLoopback}},
		"tunnel":        {link: rtnl.Link{Type: 778, Name: "gre1", Kind: "gre", Flags: up}},
		"bridge":        {link: rtnl.Link{Type: 1, Name: "br0", Kind: "bridge", Flags: up}},
		"named":         {link: rtnl.Link{Type: 1, Name: "eth0", Flags: up}, include: []string{"eth*"}, want: true},
		"not named":     {link: rtnl.Link{Type: 1, Name: "ens1", Flags: up}, include: []string{"eth*"}},
		"excluded":      {link: rtnl.Link{Type: 1, Name: "eth0", Flags: up}, exclude: []string{"eth?"}},
		"both patterns": {link: rtnl.Link{Type: 1, Name: "eth0", Flags: up}, include: []string{"*"}, exclude: []string{"eth0"}},
	} {
		cfg := DefaultConfig()
		cfg.Interfaces, cfg.ExcludeInterfaces = c.include, c.exclude
		ch, err := cfg.chooser()
		if err != nil {
			t.Fatal(err)
		}
		if got := ch.chooses(&c.link); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestConfig(t *testing.T) {
	if cfg := DefaultConfig(); cfg.Validate() != nil {
		t.Error("the default is not valid")
	}
	for name, change := range map[string]func(*Config){
		"no protocol":   func(c *Config) { c.LLDP, c.CDP = false, false },
		"no neighbors":  func(c *Config) { c.MaxNeighbors = 0 },
		"pauses":        func(c *Config) { c.ReopenMin = 0 },
		"pattern":       func(c *Config) { c.Interfaces = []string{"[", "a*"} },
		"scan interval": func(c *Config) { c.Discovery.ScanInterval = 0 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(cfg, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, want := range [][2]bool{{true, true}, {true, false}, {false, true}} {
		if prog, err := program(want[0], want[1]); err != nil || len(prog) < 5 {
			t.Errorf("filter of %v: %d instructions, %v", want, len(prog), err)
		}
	}
}
