package entitytest

import (
	"fmt"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// perHost is how many entities of a Network one host has, itself included.
const perHost = 101

// Network is entity i of the network of the benchmarks: hosts with 100
// interfaces each, which have ten attributes, are owned by their host, and form
// one chain of layer2 edges through all hosts. It is the graph of the
// predecessor's figures.
func Network(i int, at time.Time) entity.Event {
	h, n := fmt.Sprintf("host-%d", i/perHost), i%perHost
	if n == 0 {
		return entity.Event{
			Ref: entity.HostRef(h), Source: "host", Time: at, Interval: time.Hour,
			Attributes: entity.Attrs{entity.A("Name", entity.String(h)), entity.A("Type", entity.String("host"))},
		}
	}
	typ := [...]string{"veth", "veth", "bridge", "device", "vxlan"}[n%5]
	e := entity.Event{
		Ref: entity.InterfaceRef(h, "4026531840", fmt.Sprint(n)), Source: "netlink", Time: at, Interval: time.Hour,
		Attributes: entity.Attrs{
			entity.A("Driver", entity.String(typ)), entity.A("EncapType", entity.String("ether")),
			entity.A("IPV4", entity.Strings(fmt.Sprintf("10.%d.%d.%d/24", i>>16&255, i>>8&255, i&255))),
			entity.A("IfIndex", entity.Int(int64(n))), entity.A("LinkFlags", entity.Strings("UP", "BROADCAST", "MULTICAST")),
			entity.A("MAC", entity.String(fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", i>>24&255, i>>16&255, i>>8&255, i&255))),
			entity.A("MTU", entity.Int(1500)), entity.A("Name", entity.String(NetworkName(i))),
			entity.A("State", entity.String("UP")), entity.A("Type", entity.String(typ)),
		}.Normalize(),
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef(h)}},
	}
	switch {
	case n > 1:
		e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelMemberOf, Target: entity.InterfaceRef(h, "4026531840", fmt.Sprint(n-1))})
	case i > perHost:
		e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelMemberOf,
			Target: entity.InterfaceRef(fmt.Sprintf("host-%d", i/perHost-1), "4026531840", "100")})
	}
	return e
}

// NetworkName is the Name of interface i of a Network.
func NetworkName(i int) string { return fmt.Sprintf("host-%d-eth%d", i/perHost, i%perHost) }
