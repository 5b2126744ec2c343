package snapshot

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// hosts makes a graph of n elements: hosts with 100 interfaces each, which have
// ten attributes and are chained.
func hosts(n int) *graph.Graph {
	g, at := graph.New(graph.DefaultConfig()), time.Unix(1_700_000_000, 0)
	for i := range n {
		h, k := fmt.Sprintf("host-%d", i/101), i%101
		e := entity.Event{Ref: entity.HostRef(h), Source: "host", Time: at, Interval: time.Hour,
			Attributes: entity.Attrs{entity.A("Name", entity.String(h)), entity.A("Type", entity.String("host"))}}
		if k > 0 {
			typ := [...]string{"veth", "veth", "bridge", "device", "vxlan"}[k%5]
			e = entity.Event{
				Ref: entity.InterfaceRef(h, "4026531840", fmt.Sprint(k)), Source: "netlink", Time: at, Interval: time.Hour,
				Attributes: entity.Attrs{
					entity.A("Driver", entity.String(typ)), entity.A("EncapType", entity.String("ether")),
					entity.A("IPV4", entity.Strings(fmt.Sprintf("10.%d.%d.%d/24", i>>16&255, i>>8&255, i&255))),
					entity.A("IfIndex", entity.Int(int64(k))), entity.A("LinkFlags", entity.Strings("UP", "BROADCAST", "MULTICAST")),
					entity.A("MAC", entity.String(fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", i>>24&255, i>>16&255, i>>8&255, i&255))),
					entity.A("MTU", entity.Int(1500)), entity.A("Name", entity.String(fmt.Sprintf("%s-eth%d", h, k))),
					entity.A("State", entity.String("UP")), entity.A("Type", entity.String(typ)),
				}.Normalize(),
				Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef(h)}},
			}
			if k > 1 {
				e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelMemberOf, Target: entity.InterfaceRef(h, "4026531840", fmt.Sprint(k-1))})
			}
		}
		p := g.Prepare(&e, 0)
		g.Apply(&p, at, nil)
	}
	return g
}

// BenchmarkRead restores 100,000 nodes with 200,000 edges.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "snapshot")
	require.NoError(b, Write(path, Take(hosts(100_000), "log", 1)))
	for b.Loop() {
		_, err := Read(path, graph.New(graph.DefaultConfig()), time.Now())
		require.NoError(b, err)
	}
}

// BenchmarkWrite writes 100,000 nodes with 200,000 edges.
func BenchmarkWrite(b *testing.B) {
	path := filepath.Join(b.TempDir(), "snapshot")
	s := Take(hosts(100_000), "log", 1)
	for b.Loop() {
		require.NoError(b, Write(path, s))
	}
}
