package openflow

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ovstest"
)

// bridge is one bridge, br0, of an Open vSwitch of the test's own.
type bridge struct {
	*ovstest.Instance
	t testing.TB
}

// startBridge starts Open vSwitch with one bridge that speaks all versions. It
// is gone when the test ends.
func startBridge(t testing.TB) *bridge {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Open vSwitch: not with -short")
	}
	b := &bridge{ovstest.Start(t, ovstest.Config{}), t}
	b.AddBridge("br0", "protocols=OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15")
	return b
}

// ofctl runs ovs-ofctl in one version.
func (b *bridge) ofctl(v Version, args ...string) string {
	b.t.Helper()
	return b.Ofctl(append([]string{"-O", v.String()}, args...)...)
}

// capTable holds the rules that Open vSwitch sends in versions before 1.3 too
// though it does not read them there: encap and decap, and in 1.0 an action after
// write_metadata.
const capTable = "4"

// pauseTable holds those that it sends so in the standard statistics of 1.0 that
// it does not read them itself: their properties are padded by where they happen
// to stand in memory.
const pauseTable = "5"

// install installs the groups and rules of testdata; it returns how many rules
// there are, and how many of them in capTable.
func (b *bridge) install() (n, caps int) {
	b.t.Helper()
	b.ofctl(V10, "del-flows", "br0")
	b.Ofctl("add-tlv-map", "br0", "{class=0xffff,type=0,len=4}->tun_metadata0,"+
		"{class=0xffff,type=1,len=8}->tun_metadata1,{class=0xffff,type=2,len=16}->tun_metadata63")
	for _, meter := range []string{"1", "7"} {
		b.ofctl(V13, "add-meter", "br0", "meter="+meter+",kbps,band=type=drop,rate=1000")
	}
	groups := map[string][]string{}
	for _, line := range lines(b.t, "groups.txt") {
		v, g, _ := strings.Cut(line, " ")
		groups[v] = append(groups[v], g)
	}
	for v, list := range groups {
		b.ofctl(version(b.t, v), "add-groups", "br0", b.file(list))
	}
	flows := map[string][]string{}
	for _, match := range lines(b.t, "matches.txt") {
		n++
		v := "10"
		if strings.Contains(match, "packet_type") || strings.Contains(match, "actset_output") {
			v = "15"
		}
		flows[v] = append(flows[v], fmt.Sprintf("priority=%d,cookie=%d,%s,actions=output:%d", n, n, match, n))
	}
	for _, line := range lines(b.t, "actions.txt") {
		n++
		v, rest, _ := strings.Cut(line, " ")
		match, actions, ok := strings.Cut(rest, "|")
		if !ok {
			match, actions = "", rest
		}
		table := "1"
		if strings.Contains(actions, "cap(") || strings.Contains(actions, "nsh") ||
			strings.Contains(actions, "write_metadata") && strings.Contains(actions, "goto_table") {
			table = capTable
			caps++
		}
		if strings.Contains(actions, "pause") {
			table = pauseTable
		}
		flows[v] = append(flows[v], fmt.Sprintf("table=%s,priority=%d,%s,actions=%s", table, n, match, actions))
	}
	flows["14"] = []string{
		"table=2,idle_timeout=600,hard_timeout=1200,importance=5,send_flow_rem,check_overlap,reset_counts,no_packet_counts,no_byte_counts,actions=drop",
		"table=2,cookie=0xffffffffffffffff,priority=65535,tcp,actions=NORMAL", "table=3,actions=output:1",
		"table=253,priority=0,send_flow_rem,actions=output:1",
	}
	for v, list := range flows {
		b.ofctl(version(b.t, v), "add-flows", "br0", b.file(list))
	}
	return n + len(flows["14"]), caps
}

// file writes lines to a file and returns its path.
func (b *bridge) file(list []string) string {
	b.t.Helper()
	path := filepath.Join(b.RunDir, "lines")
	if err := os.WriteFile(path, []byte(strings.Join(list, "\n")+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func version(t testing.TB, s string) Version {
	t.Helper()
	v, err := ParseVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// lines are those of a file of testdata that are no comments.
func lines(t testing.TB, name string) []string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

// session is a connection to the bridge in one version.
type session struct {
	Dialect
	t      testing.TB
	conn   net.Conn
	reader *Reader
	xid    uint32
}

func (b *bridge) connect(v Version) *session {
	b.t.Helper()
	conn, err := net.Dial("unix", b.MgmtSocket("br0")) //nolint:noctx // a local socket of the test's own
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		b.t.Fatal(err)
	}
	s := &session{Dialect: Dialect{Version: v}, t: b.t, conn: conn, reader: NewReader(conn), xid: 100}
	s.send(Hello(1, VersionsOf(v)))
	m := s.next()
	if got := Negotiate(VersionsOf(v), HelloVersions(m)); m.Kind() != KindHello || got != v {
		b.t.Fatalf("first message is %v, version %v", m.Kind(), got)
	}
	return s
}

func (s *session) send(b []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) next() Message {
	s.t.Helper()
	m, err := s.reader.Next()
	if err != nil {
		s.t.Fatal(err)
	}
	if m.Kind() == KindError {
		f, _ := DecodeFailure(m)
		s.t.Fatal(f)
	}
	return m
}

// ask sends a request and calls each with each part of the answer, and with its
// bytes.
func (s *session) ask(request []byte, each func(Part)) []byte {
	s.t.Helper()
	h, err := ParseHeader(request)
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(request)
	var raw []byte
	for parts := NewParts(h.XID, DefaultPartsLimit()); ; {
		m := s.next()
		raw = append(raw, message(m.Version, m.Type, m.XID, m.Body)...)
		p, last, err := parts.Add(m)
		if err != nil {
			s.t.Fatal(err)
		}
		each(p)
		if last {
			return raw
		}
	}
}
