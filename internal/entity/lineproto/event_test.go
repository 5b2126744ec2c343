package lineproto

import (
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

func veth() *entity.Event {
	s, i := entity.String, entity.Int
	return &entity.Event{
		Ref:      entity.InterfaceRef("4c4c4544-0051-4e10-8052-b7c04f4d3932", "4026531840", "17"),
		Source:   "netlink",
		Time:     time.Unix(1700000000, 123456789),
		Interval: 30 * time.Second,
		Attributes: entity.Attrs{
			{Key: "BroadcastMAC", Value: s("ff:ff:ff:ff:ff:ff")},
			{Key: "Driver", Value: s("veth")},
			{Key: "Duplex", Value: s("full")},
			{Key: "EncapType", Value: s("ether")},
			{Key: "Features", Value: entity.Map(entity.Attrs{{Key: "rx-checksum", Value: entity.Bool(true)}, {Key: "tso", Value: entity.Bool(false)}})},
			{Key: "GSOMaxSize", Value: i(65536)},
			{Key: "Group", Value: i(0)},
			{Key: "IPV4", Value: entity.Strings("10.0.0.1/24", "10.0.1.1/24")},
			{Key: "IPV6", Value: entity.Strings("fe80::5054:ff:fe12:3456/64")},
			{Key: "IfIndex", Value: i(17)},
			{Key: "LinkFlags", Value: entity.Strings("UP", "BROADCAST", "MULTICAST", "RUNNING")},
			{Key: "LinkState", Value: s("UP")},
			{Key: "MAC", Value: s("52:54:00:12:34:56")},
			{Key: "MTU", Value: i(1500)},
			{Key: "Name", Value: s("veth7a1b2c3")},
			{Key: "NumRxQueues", Value: i(1)},
			{Key: "NumTxQueues", Value: i(1)},
			{Key: "ParentIndex", Value: i(18)},
			{Key: "PeerIfIndex", Value: i(18)},
			{Key: "Promisc", Value: entity.Bool(false)},
			{Key: "Qdisc", Value: s("noqueue")},
			{Key: "Speed", Value: i(10000)},
			{Key: "State", Value: s("UP")},
			{Key: "TID", Value: s("f851b6fb-acdc-54cc-80e5-4af1877f96b1")},
			{Key: "TxQLen", Value: i(1000)},
			{Key: "Type", Value: s("veth")},
		}.Normalize(),
		Relationships: []entity.Relationship{
			{Type: entity.RelPartOf, Target: entity.NetNSRef("4c4c4544-0051-4e10-8052-b7c04f4d3932", "4026531840", "4")},
			{
				Type: entity.RelPeerOf, Target: entity.InterfaceRef("4c4c4544-0051-4e10-8052-b7c04f4d3932", "4026532201", "18"),
				Attributes: entity.Attrs{{Key: "Type", Value: s("veth")}},
			},
		},
	}
}

func TestRoundTripVeth(t *testing.T) {
	e := veth()
	line := AppendEvent(nil, e)
	t.Logf("%s", line)
	var d Decoder
	r, err := d.Decode(line)
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind != IsEvent || !r.Event.Equal(e) {
		t.Errorf("got %+v", r)
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	e := veth()
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = AppendEvent(buf[:0], e)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkToPoint(b *testing.B) {
	e := veth()
	b.ReportAllocs()
	for b.Loop() {
		ToPoint(e)
	}
}

func BenchmarkDecode(b *testing.B) {
	line := AppendEvent(nil, veth())
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	var d Decoder
	for b.Loop() {
		if _, err := d.Decode(line); err != nil {
			b.Fatal(err)
		}
	}
}
