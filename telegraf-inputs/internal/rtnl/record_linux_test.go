package rtnl

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var record = flag.String("record", "", "record messages of all link kinds that the kernel can make below this directory")

// ipCommands are the listings that decoded messages are compared with, by the
// name of the file that keeps what they print.
var ipCommands = []struct{ name, command string }{
	{"ip-link", "ip -d -j link"},
	{"ip-addr", "ip -d -j addr"},
	{"ip-route4", "ip -d -j -4 route show table all"},
	{"ip-route6", "ip -d -j -6 route show table all"},
	{"ip-routempls", "ip -d -j -f mpls route"},
	{"ip-rule4", "ip -d -j -4 rule"},
	{"ip-rule6", "ip -d -j -6 rule"},
	{"ip-neigh", "ip -d -j neigh show nud all"},
	{"ip-nexthop", "ip -d -j nexthop"},
	{"ip-fdb", "bridge -d -j fdb"},
}

// snapshot is what the kernel says by itself and what ip makes of it.
type snapshot struct {
	messages map[string][]recorded // by file name
	ip       map[string][]byte     // by name of ipCommands
}

// recorded is one message.
type recorded struct {
	typ     uint16
	payload []byte
}

// take lists everything raw, and by ip.
func (l *lab) take(c *Conn) snapshot {
	l.t.Helper()
	s := snapshot{map[string][]recorded{}, map[string][]byte{}}
	ctx := context.Background()
	fdb := make([]byte, sizeofNdmsg)
	fdb[0] = byte(FamilyBridge)
	port := make([]byte, sizeofIfInfomsg)
	port[0] = byte(FamilyBridge)
	for _, d := range []struct {
		name string
		req  request
	}{
		{"link", request{typ: rtmGetLink, header: make([]byte, sizeofIfInfomsg), attrs: []attr{linkFilter()}, want: NewLink}},
		{"bridgeport", request{typ: rtmGetLink, header: port, want: NewLink}},
		{"addr", request{typ: rtmGetAddr, header: make([]byte, sizeofIfAddrmsg), want: NewAddr}},
		{"route", request{typ: rtmGetRoute, header: make([]byte, sizeofRtmsg), want: NewRoute}},
		{"rule", request{typ: rtmGetRule, header: make([]byte, sizeofFibRuleHdr), want: NewRule}},
		{"neigh", request{typ: rtmGetNeigh, header: make([]byte, sizeofNdmsg), want: NewNeigh}},
		{"fdb", request{typ: rtmGetNeigh, header: fdb, want: NewNeigh}},
		{"nexthop", request{typ: rtmGetNexthop, header: make([]byte, sizeofNhmsg), want: NewNexthop}},
		{"nsid", request{typ: rtmGetNSID, header: make([]byte, sizeofRtgenmsg), want: NewNSID}},
	} {
		_, err := c.dump(ctx, d.req, func(b []byte) {
			name := d.name
			if name == "link" {
				name = linkFile(b)
			}
			s.messages[name] = append(s.messages[name], recorded{uint16(d.req.want), append([]byte(nil), b...)})
		})
		if err != nil {
			l.t.Errorf("list %s: %v", d.name, err)
		}
	}
	for _, cmd := range ipCommands {
		out, err := l.output("", cmd.command)
		if err != nil {
			l.t.Logf("no %s: %v", cmd.name, err)
			continue
		}
		s.ip[cmd.name] = out
	}
	return s
}

// linkFile names the file of a link message after its kind.
func linkFile(b []byte) string {
	l, err := DecodeLink(b)
	switch {
	case err != nil && l.Kind == "":
		return "link-malformed"
	case l.Kind == "":
		return "link-device"
	default:
		return "link-" + l.Kind
	}
}

// TestRecord writes what this kernel says about all that the lab can make, for
// the tests that compare decoders with it on any machine:
//
//	CGO_ENABLED=0 go test -c -o rtnl.test . && ./rtnl.test -test.run "^TestRecord$" -test.v -record testdata
func TestRecord(t *testing.T) {
	if *record == "" {
		t.Skip("records only with -record DIR")
	}
	l := newLab(t)
	c := l.dial(0)
	l.try(labModules)
	l.try(labBase)
	l.try(labKinds)
	l.try(labState)
	l.labSimulated(c)
	s := l.take(c)
	dir := filepath.Join(*record, kernelName(t))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	kinds := 0
	for name, msgs := range s.messages {
		if strings.HasPrefix(name, "link-") {
			kinds++
		}
		var b strings.Builder
		for _, m := range msgs {
			fmt.Fprintf(&b, "%d %s\n", m.typ, hex(m.payload))
		}
		write(t, filepath.Join(dir, name+".hex"), b.String())
	}
	for name, out := range s.ip {
		write(t, filepath.Join(dir, name+".json"), string(out))
	}
	t.Logf("recorded %d link kinds in %s", kinds, dir)
	for _, r := range l.refused {
		t.Logf("refused: %s", r)
	}
}

func write(t *testing.T, path, s string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
		t.Fatal(err)
	}
}

// kernelName returns the version of the kernel, such as linux-6.1-le; messages
// are in the byte order of the machine.
func kernelName(t *testing.T) string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	v := strings.SplitN(unix.ByteSliceToString(u.Release[:]), ".", 3)
	if len(v) < 2 {
		t.Fatalf("kernel release %v", v)
	}
	order := "le"
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		order = "be"
	}
	return "linux-" + v[0] + "." + v[1] + "-" + order
}
