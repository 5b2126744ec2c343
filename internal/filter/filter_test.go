package filter

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

func manyHosts(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("10.1.%d.%d", i/256, i%256))
	}
	return "host " + strings.Join(list, " or ")
}

func manyPorts(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprint(1000+2*i))
	}
	return "port " + strings.Join(list, " or ")
}

func compileFor(t testing.TB, expr string) *Filter {
	t.Helper()
	f, err := Compile(expr, Options{Link: LinkEthernet})
	if err != nil {
		t.Fatalf("compile %q: %v", clip(expr), err)
	}
	return f
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{"tcp port", `filter, column 9: expected a port number after "port", not the end`},
		{"tcp port foo", `filter, column 10: the service "foo" is unknown: write its port number`},
		{"port 80-90", `filter, column 6: "80-90" is more than one port: write "portrange" for "port"`},
		{"port 70000", `filter, column 6: a port is at most 65535, not 70000`},
		{"host example.org", `filter, column 6: "example.org" is a name: names are not looked up, write the address`},
		{"host 10.0.0.256", `filter, column 6: 10.0.0.256 is no IPv4 address: its numbers are 0 to 255`},
		{"10.0.0.1", `filter, column 1: say what "10.0.0.1" is: write "host", "net", "port" or "proto" before it`},
		{"tcp or 80", `filter, column 8: say what "80" is: write "host", "net", "port" or "proto" before it`},
		{"ip 10.0.0.1", `filter, column 4: expected "and" or "or", or "host", "net", "port" or "proto" before "10.0.0.1"`},
		{"net 10.1.2.3/8", `filter, column 5: 10.1.2.3 has bits set outside of the network: did you mean 10.0.0.0?`},
		{"net 2001:db8::1/32", `filter, column 5: 2001:db8::1/32 has bits set outside of the network: did you mean 2001:db8::/32?`},
		{"src 10.0.0.0/8", `filter, column 14: a mask needs "net" before the address`},
		{"net 10/8", `filter, column 5: write the network with a dot before "/", as in "net 10.0/8"`},
		{"host 02:00:00:00:00:01", `filter, column 6: "02:00:00:00:00:01" is a MAC address: write "ether host" before it`},
		{"ether host 10.0.0.1", `filter, column 12: expected a MAC address after "ether", not "10.0.0.1"`},
		{"ip proto tcp", `filter, column 10: expected a protocol number or name after "proto", not "tcp": write "\tcp" for the name of the protocol`},
		{"ip port 80", `filter, column 9: "ip" has no ports: write "ip and port 80"`},
		{"udp port ssh", `filter, column 10: the service "ssh" is not on udp: write its port number`},
		{"TCP", `filter, column 1: "TCP" is unknown: write "tcp", keywords are lower case`},
		{"len-1 > 3", `filter, column 1: "len-1" is unknown: for a difference write spaces around "-"`},
		{"tcp udp", `filter, column 5: expected "and" or "or" before "udp"`},
		{"tcp and", `filter, column 8: the filter ends where a condition is expected, like "tcp port 80"`},
		{"(tcp", `filter, column 5: expected ")" to close the parenthesis, not the end`},
		{"tcp)", `filter, column 4: there is no "(" that this ")" closes`},
		{"tcp and udp", `filter, column 1: no packet can match: some of the conditions exclude one another, or cannot be on Ethernet`},
		{"vlan 4096", `filter, column 6: the number of "vlan" is at most 4095, not 4096`},
		{"mpls and vlan", `filter, column 10: "vlan" cannot stand behind "mpls"`},
		{"mpls and arp", `filter, column 10: behind "mpls" only ip and ip6 can be told apart`},
		{"inbound", `filter, column 1: "inbound" is known only while capturing from an interface`},
		{"gateway gw", `filter, column 9: "gateway" needs host names: write "ether host <MAC of the gateway> and not host <its IP>"`},
		{"ether", `filter, column 1: "ether" alone is no condition: write what of it, as in "ether host 02:00:00:00:00:01"`},
		{"type mgt", `filter, column 1: "type" is for Wi-Fi, ATM, SS7 or BSD's pflog, which are not supported`},
		{"tcp[13", `filter, column 7: expected "]" after the offset, not the end`},
		{"tcp[13:3] = 1", `filter, column 8: expected a size of 1, 2 or 4 bytes after ":", not "3"`},
		{"tcp[13]", `filter, column 8: expected a comparison like "= 1", not the end`},
		{"ip[0] / 0 = 1", `filter, column 7: division by zero`},
		{"ip[0] << 32 = 1", `filter, column 7: values have 32 bits: shift by 31 at most, not by 32`},
		{"ether[0xffffff00] = 1", `filter, column 1: the offset lies before the packet or beyond every packet`},
		{"port 08", `filter, column 6: 08 begins with 0, so it is octal: it may not have 8s and 9s`},
		{"port 4294967296", `filter, column 6: the number 4294967296 does not fit 32 bits`},
		{"llc foo", `filter, column 5: "foo" is no type of LLC: write one of i, s, u, rr, rnr, rej, ui, ua, disc, sabme, test, xid, frmr`},
		{"tcp ; udp", `filter, column 5: ';' does not belong into a filter`},
		{strings.Repeat("(", 300) + "tcp", `filter, column 201: nested more than 200 deep: take some parentheses out`},
		{strings.Repeat("not ", 300) + "tcp", `filter, column 801: nested more than 200 deep: take some parentheses out`},
		{strings.Repeat("a", MaxExpr+1), `filter, column 65537: the filter is longer than 65536 bytes: split it`},
	} {
		_, err := Compile(c.expr, Options{Link: LinkEthernet})
		if err == nil {
			t.Errorf("%q compiles", clip(c.expr))
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%q:\n got %s\nwant %s", clip(c.expr), err, c.want)
		}
		var e *Error
		if !errors.As(err, &e) || e.Pos > len(c.expr) || e.Expr != c.expr {
			t.Errorf("%q: %#v", clip(c.expr), err)
		}
	}
	if _, err := Compile("ip", Options{Link: 147}); err == nil {
		t.Error("a link type that is not known compiles")
	}
}

func TestOursRefused(t *testing.T) {
	for _, expr := range section(t, "testdata/refused.txt", "ours") {
		if f, err := Compile(expr, Options{Link: LinkEthernet}); err == nil {
			t.Errorf("%q compiles to %d instructions", expr, len(f.ins))
		}
	}
}

// What follows an authentication header is found, at most chainLength headers
// deep.
func TestChain(t *testing.T) {
	auth := cat([]byte{protoDestOpts, 4}, make([]byte, 22))
	behind := ip6("2001:db8::1", "2001:db8::2", 0, cat(extension(protoAH, 1), auth, extension(protoTCP, 0), tcp(1, 80, 2, "")))
	deep := func(n int) inet {
		var b []byte
		for range n - 1 {
			b = append(b, extension(protoDestOpts, 0)...)
		}
		return ip6("2001:db8::1", "2001:db8::2", protoDestOpts, cat(b, extension(protoTCP, 0), tcp(1, 80, 2, "")))
	}
	f := compileFor(t, "ip6 protochain 6")
	for _, c := range []struct {
		name string
		n    inet
		want bool
	}{{"behind AH", behind, true}, {"deepest", deep(chainLength), true}, {"too deep", deep(chainLength + 1), false}} {
		data := wraps()[0](c.n)
		if got := f.Matches(data, len(data)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// Geneve over MPLS, of which tcpdump matches nothing.
func TestGeneveBelowMPLS(t *testing.T) {
	for _, expr := range section(t, "testdata/filters.txt", "ours") {
		f := compileFor(t, expr)
		data := wraps()[6](geneves()[0])
		if !f.Matches(data, len(data)) {
			t.Errorf("%q does not match", expr)
		}
		data = wraps()[0](geneves()[0])
		if f.Matches(data, len(data)) {
			t.Errorf("%q matches without a label", expr)
		}
	}
}

func TestShow(t *testing.T) {
	_, err := Compile("tcp port foo and host 10.0.0.1", Options{Link: LinkEthernet})
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	const want = "tcp port foo and host 10.0.0.1\n         ^\nthe service \"foo\" is unknown: write its port number"
	if got := e.Show(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	_, err = Compile(strings.Repeat("tcp or ", 50)+"foo"+strings.Repeat(" or tcp", 50), Options{Link: LinkEthernet})
	if !errors.As(err, &e) || len(e.Show()) > 300 || !strings.Contains(e.Show(), "foo or tcp") {
		t.Errorf("a long filter shows as\n%s", e.Show())
	}
}

// Jumps of more than 255 instructions reach their target.
func TestLongJumps(t *testing.T) {
	hosts := compileFor(t, manyHosts(400))
	if len(hosts.ins) < 1000 {
		t.Fatalf("only %d instructions", len(hosts.ins))
	}
	for i := range 402 {
		for _, n := range []inet{
			ip4(fmt.Sprintf("10.1.%d.%d", i/256, i%256), "10.0.0.1", protoTCP, 0, nil, tcp(1, 2, 0, "")),
			ip4("10.0.0.1", fmt.Sprintf("10.1.%d.%d", i/256, i%256), protoTCP, 0, nil, tcp(1, 2, 0, "")),
			arp(etherARP, 1, fmt.Sprintf("10.1.%d.%d", i/256, i%256), "10.0.0.1"),
		} {
			data := wraps()[0](n)
			if got, want := hosts.Matches(data, len(data)), i < 400; got != want {
				t.Errorf("host %d: %v", i, got)
			}
		}
	}
	ports := compileFor(t, "not ("+manyPorts(300)+")")
	for i := 990; i < 1700; i++ {
		data := wraps()[0](ip4("10.0.0.1", "10.0.0.2", protoTCP, 0, nil, tcp(5, i, 0, "")))
		want := i < 1000 || i >= 1600 || i%2 == 1
		if got := ports.Matches(data, len(data)); got != want {
			t.Errorf("port %d: %v", i, got)
		}
	}
	if _, err := Compile(manyHosts(2000), Options{Link: LinkEthernet}); err == nil {
		t.Error("a filter that the kernel would refuse compiles")
	}
}

func TestRaw(t *testing.T) {
	f, err := Compile(" tcp ", Options{Link: LinkEthernet, SnapLen: 96})
	if err != nil {
		t.Fatal(err)
	}
	if f.String() != " tcp " {
		t.Errorf("String is %q", f.String())
	}
	raw := f.Raw()
	found := false
	for _, in := range raw {
		found = found || in == bpf.RawInstruction{Op: opRet, K: 96}
	}
	if !found {
		t.Errorf("nothing returns the snap length: %v", raw)
	}
	raw[0] = bpf.RawInstruction{}
	if f.Raw()[0] == raw[0] {
		t.Error("Raw is not a copy")
	}
	if !strings.Contains(f.Listing(), "ldh [12]") {
		t.Errorf("Listing is %s", f.Listing())
	}
	all := compileFor(t, "")
	if len(all.ins) != 1 || !all.Matches(nil, 0) {
		t.Errorf("the empty filter is %v", all.ins)
	}
}

// The interpreter agrees with the one of golang.org/x/net/bpf, where that can
// run a program: it knows neither the length on the wire nor ancillary data.
func TestOtherInterpreter(t *testing.T) {
	list := captures(LinkEthernet)
	for _, expr := range section(t, "testdata/filters.txt", "ethernet") {
		f := compileFor(t, expr)
		ins, ok := bpf.Disassemble(f.ins)
		if !ok {
			t.Errorf("%q: cannot be disassembled", expr)
			continue
		}
		vm, err := bpf.NewVM(ins)
		if err != nil {
			t.Errorf("%q: %v", expr, err)
			continue
		}
		for _, c := range list {
			n, err := vm.Run(c.data)
			if err != nil {
				t.Fatalf("%q: %v", expr, err)
			}
			if got := f.Matches(c.data, len(c.data)); got != (n > 0) {
				t.Fatalf("%q: ours %v, theirs %v, of %x", expr, got, n > 0, c.data)
			}
		}
	}
}

func TestMatchesAllocatesNothing(t *testing.T) {
	f := compileFor(t, "tcp port 80 or (vlan and host 10.0.0.1) or geneve and icmp")
	data := wraps()[0](networks()[0])
	if n := testing.AllocsPerRun(100, func() { f.Matches(data, len(data)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCheck(t *testing.T) {
	ret := bpf.RawInstruction{Op: opRet}
	for _, c := range []struct {
		name string
		ins  []bpf.RawInstruction
		ok   bool
	}{
		{"nothing", nil, false},
		{"return", []bpf.RawInstruction{ret}, true},
		{"no return", []bpf.RawInstruction{{Op: opLd | modeImm}}, false},
		{"jump out", []bpf.RawInstruction{{Op: opJmp | uint16(testEqual), Jt: 1}, ret}, false},
		{"jump back", []bpf.RawInstruction{{Op: opJmp, K: 0xffffffff}, ret}, false},
		{"register", []bpf.RawInstruction{{Op: opSt, K: 16}, ret}, false},
		{"divide", []bpf.RawInstruction{{Op: opAlu | uint16(aluDiv)}, ret}, false},
		{"shift", []bpf.RawInstruction{{Op: opAlu | uint16(aluLsh), K: 32}, ret}, false},
		{"unknown", []bpf.RawInstruction{{Op: 0xffff}, ret}, false},
		{"too long", make([]bpf.RawInstruction, MaxInstructions+1), false},
	} {
		if err := check(c.ins); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
