package filter

import (
	"testing"

	"golang.org/x/net/bpf"
)

var benchFilters = []struct{ name, expr string }{
	{"tcp", "tcp"},
	{"port", "tcp port 80 or udp port 53"},
	{"net", "net 10.0.0.0/8 and not port 22"},
	{"flags", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0"},
	{"vlan", "icmp or (vlan and icmp)"},
	{"hosts100", manyHosts(100)},
	{"ports100", manyPorts(100)},
}

func BenchmarkCompile(b *testing.B) {
	for _, c := range benchFilters {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(c.expr, Options{Link: LinkEthernet}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatches(b *testing.B) {
	list := captures(LinkEthernet)[:80]
	for _, c := range benchFilters {
		f := compileFor(b, c.expr)
		b.Run(c.name+"/own", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p := &list[i%len(list)]
				f.Matches(p.data, p.wire)
			}
		})
		ins, _ := bpf.Disassemble(f.ins)
		vm, err := bpf.NewVM(ins)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name+"/xnet", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := vm.Run(list[i%len(list)].data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
