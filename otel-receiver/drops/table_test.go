package drops

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
)

const sec = int64(1e9)

func ip(s string) address { return netip.MustParseAddr(s).As16() }

// encodeDrop makes struct key of bpf/drops.c.
func encodeDrop(src string, sport uint16, dst string, dport uint16, protocol uint8, netns, reason uint32) []byte {
	b := make([]byte, dropSize)
	a := ip(src)
	copy(b, a[:])
	a = ip(dst)
	copy(b[16:], a[:])
	binary.NativeEndian.PutUint32(b[32:], netns)
	binary.NativeEndian.PutUint32(b[36:], reason)
	binary.NativeEndian.PutUint16(b[40:], sport)
	binary.NativeEndian.PutUint16(b[42:], dport)
	b[44] = protocol
	return b
}

func flow(protocol, a string, pa uint16, b string, pb uint16) *flowrecord.Record {
	return &flowrecord.Record{
		TransportProtocol: protocol, TransportA: pa, TransportB: pb,
		NetworkA: netip.MustParseAddr(a), NetworkB: netip.MustParseAddr(b),
	}
}

func ping(protocol, a, b string, id int64) *flowrecord.Record {
	r := flow("", a, 0, b, 0)
	r.NetworkProtocol, r.ICMPType, r.ICMPID = protocol, "ECHO", id
	return r
}

func text(r *flowrecord.Record) string {
	s := fmt.Sprint(r.Dropped)
	for _, a := range r.Drops.Map() {
		s += fmt.Sprintf(" %s=%d", a.Key, a.Value.Int())
	}
	return s
}

func newTable(cfg Config) *Table {
	t := New(cfg, nil)
	t.reasons = newReasons(map[string]uint64{
		"SKB_NOT_DROPPED_YET": 0, "SKB_CONSUMED": 1, "SKB_DROP_REASON_NOT_SPECIFIED": 2, "SKB_DROP_REASON_NO_SOCKET": 3,
		"SKB_DROP_REASON_OTHERHOST": 13, "SKB_DROP_REASON_FAR": 200, "SKB_DROP_REASON_MAX": 201, "SKB_DROP_REASON_SUBSYS_MASK": 0xffff0000,
	}, map[string]uint64{"SKB_DROP_REASON_SUBSYS_CORE": 0, "SKB_DROP_REASON_SUBSYS_OPENVSWITCH": 2, "SKB_DROP_REASON_SUBSYS_NUM": 3})
	return t
}

func (t *Table) count(b []byte, n uint64, now int64) {
	d, err := decodeDrop(b)
	if err != nil {
		panic(err)
	}
	t.add(&d, n, now)
}

func TestReasons(t *testing.T) {
	r := newTable(DefaultConfig()).reasons
	for n, want := range map[uint32]string{
		0: "NOT_DROPPED_YET", 1: "CONSUMED", 2: "NOT_SPECIFIED", 3: "NO_SOCKET", 13: "OTHERHOST", 200: "FAR",
		99: "REASON_99", 201: "REASON_201", 2<<16 | 5: "OPENVSWITCH_5", 7<<16 | 5: "REASON_458757", 1<<32 - 1: "REASON_4294967295",
	} {
		if got := r.name(n); got != want {
			t.Errorf("%d: %s, not %s", n, got, want)
		}
	}
	if got := r.bits(nil); got != [4]uint64{3} {
		t.Errorf("%v", got)
	}
	if got := r.bits([]string{"OTHERHOST", "FAR", "NOTHING"}); got != [4]uint64{3 | 1<<13, 0, 0, 1 << 8} {
		t.Errorf("%v", got)
	}
}

func TestAnnotate(t *testing.T) {
	table := newTable(DefaultConfig())
	const ns1, ns2 = 11, 12
	table.count(encodeDrop("10.0.0.1", 5000, "10.0.0.2", 53, 17, ns1, 3), 2, 10*sec)
	table.count(encodeDrop("10.0.0.2", 53, "10.0.0.1", 5000, 17, ns1, 3), 3, 11*sec)
	table.count(encodeDrop("10.0.0.1", 5000, "10.0.0.2", 53, 17, ns2, 3), 1, 11*sec)
	table.count(encodeDrop("10.0.0.1", 5000, "10.0.0.2", 53, 17, ns2, 2), 4, 11*sec)
	table.count(encodeDrop("10.0.0.1", 5000, "10.0.0.2", 53, 6, ns2, 200), 7, 11*sec)
	table.count(encodeDrop("2001:db8::1", 9, "2001:db8::2", 9, 58, ns1, 3), 1, 11*sec)
	table.count(encodeDrop("10.0.0.1", 9, "10.0.0.2", 9, 1, ns1, 3), 2, 11*sec)
	table.count(encodeDrop("127.0.0.1", 9, "127.0.0.1", 8, 132, ns1, 3), 1, 11*sec)
	table.count(encodeDrop("127.0.0.1", 9, "127.0.0.1", 8, 132, ns2, 3), 2, 11*sec)
	for name, c := range map[string]struct {
		r     *flowrecord.Record
		start int64
		netns uint64
		want  string
	}{
		"both directions":    {r: flow("UDP", "10.0.0.1", 5000, "10.0.0.2", 53), want: "10 NOT_SPECIFIED=4 NO_SOCKET=6"},
		"the other way":      {r: flow("UDP", "10.0.0.2", 53, "10.0.0.1", 5000), want: "10 NOT_SPECIFIED=4 NO_SOCKET=6"},
		"all namespaces":     {r: flow("UDP", "10.0.0.1", 5000, "10.0.0.2", 53), netns: ns1, want: "10 NOT_SPECIFIED=4 NO_SOCKET=6"},
		"TCP":                {r: flow("TCP", "10.0.0.1", 5000, "10.0.0.2", 53), want: "7 FAR=7"},
		"ports the other":    {r: flow("UDP", "10.0.0.1", 53, "10.0.0.2", 5000), want: "0"},
		"another protocol":   {r: flow("SCTP", "10.0.0.1", 5000, "10.0.0.2", 53), want: "0"},
		"unknown protocol":   {r: flow("DCCP", "10.0.0.1", 5000, "10.0.0.2", 53), want: "0"},
		"no protocol":        {r: flow("", "10.0.0.1", 9, "10.0.0.2", 9), want: "0"},
		"no addresses":       {r: &flowrecord.Record{TransportProtocol: "TCP"}, want: "0"},
		"ping":               {r: ping("IPV4", "10.0.0.2", "10.0.0.1", 9), want: "2 NO_SOCKET=2"},
		"ping of IPv6":       {r: ping("IPV6", "2001:db8::1", "2001:db8::2", 9), want: "1 NO_SOCKET=1"},
		"another ping":       {r: ping("IPV4", "10.0.0.2", "10.0.0.1", 10), want: "0"},
		"a later flow":       {r: flow("UDP", "10.0.0.1", 5000, "10.0.0.2", 53), start: 30 * sec, want: "0"},
		"some loopback":      {r: flow("SCTP", "127.0.0.1", 8, "127.0.0.1", 9), want: "0"},
		"loopback of one":    {r: flow("SCTP", "127.0.0.1", 8, "127.0.0.1", 9), netns: ns1, want: "1 NO_SOCKET=1"},
		"loopback of others": {r: flow("SCTP", "127.0.0.1", 9, "127.0.0.1", 8), netns: ns2, want: "2 NO_SOCKET=2"},
	} {
		c.r.Metric.Start = c.start
		table.AnnotateIn(c.r, c.netns)
		if got := text(c.r); got != c.want {
			t.Errorf("%s: %s, not %s", name, got, c.want)
		}
	}
	if s := table.Stats(); s.Flows != 7 || s.Ambiguous != 1 || s.Found == 0 {
		t.Errorf("%+v", s)
	}
	table.expire(11 * sec)
	if s := table.Stats(); s.Flows != 7 {
		t.Errorf("%+v", s)
	}
	table.expire(12 * sec)
	if s := table.Stats(); s.Flows != 0 || len(table.flows) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestBounds(t *testing.T) {
	table := newTable(Config{MaxFlows: 100})
	for i := range 1000 {
		table.count(encodeDrop("10.0.0.1", uint16(i), "10.0.0.2", 53, 17, uint32(i%3), 3), 1, int64(i)*sec)
		// The same one again in another namespace.
		table.count(encodeDrop("10.0.0.1", uint16(i), "10.0.0.2", 53, 17, 7, 3), 1, int64(i)*sec)
	}
	s := table.Stats()
	if s.Flows > 101 || s.Evicted+uint64(s.Flows) != 2000 {
		t.Errorf("%+v", s)
	}
}

// Expiry keeps what it has to, whatever is in which namespace.
func TestExpireModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	table := newTable(Config{MaxFlows: 1 << 20})
	type k struct{ port, netns uint16 }
	model := map[k]int64{}
	for now := int64(1); now < 5000; now++ {
		key := k{uint16(r.IntN(20)), uint16(r.IntN(4))}
		if r.IntN(20) > 0 {
			table.count(encodeDrop("10.0.0.1", key.port, "10.0.0.2", 53, 17, uint32(key.netns), 3), 1, now)
			model[key] = now
			continue
		}
		before := now - int64(r.IntN(40))
		table.expire(before)
		for key, last := range model {
			if last < before {
				delete(model, key)
			}
		}
		n := 0
		for _, l := range table.flows {
			for ; l != nil; l = l.next {
				n++
			}
		}
		if n != len(model) || table.n != n {
			t.Fatalf("%d, %d, not %d", n, table.n, len(model))
		}
	}
}

func TestProblem(t *testing.T) {
	table := New(Config{}, nil)
	table.problem("kfree_skb", errors.New("no"), "nothing")
	if p := table.Problems(); len(p) != 1 || p[0].Feature != "kfree_skb" || p[0].Error != "no" || p[0].Fallback != "nothing" {
		t.Errorf("%+v", p)
	}
	table.Stop()
	if table.cfg.Keep != 150*time.Second || table.cfg.Limit == 0 {
		t.Errorf("%+v", table.cfg)
	}
}

// Both directions of whatever there is are one conversation.
func FuzzDecodeDrop(f *testing.F) {
	f.Add(encodeDrop("10.0.0.1", 5000, "10.0.0.2", 53, 17, 1, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeDrop(b)
		if err != nil {
			if len(b) >= dropSize {
				t.Fatal(err)
			}
			return
		}
		turned := append(append(append([]byte(nil), b[16:32]...), b[:16]...), b[32:]...)
		copy(turned[40:42], b[42:44])
		copy(turned[42:44], b[40:42])
		if other, _ := decodeDrop(turned); other != d {
			t.Errorf("%+v and %+v", d, other)
		}
	})
}

func BenchmarkAnnotate(b *testing.B) {
	table := newTable(DefaultConfig())
	for i := range 20000 {
		table.count(encodeDrop("10.0.0.1", uint16(i), "10.0.0.2", 53, 17, 1, 3), 1, sec)
	}
	for what, port := range map[string]uint16{"lost": 5000, "none": 60000} {
		b.Run(what, func(b *testing.B) {
			r := flow("UDP", "10.0.0.1", port, "10.0.0.2", 53)
			b.ReportAllocs()
			for range b.N {
				table.Annotate(r)
			}
		})
	}
}
