package joins

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// said is an entity and what its source says of it, as JSON.
type said struct {
	ref   entity.Ref
	attrs string
}

// kernel is an interface of the kernel.
func kernel(host, ns string, ifindex int, attrs string) said {
	return said{entity.InterfaceRef(host, ns, fmt.Sprint(ifindex)), attrs}
}

// port is a row of the table Interface of OVSDB.
func port(host, ns, uuid, attrs string) said {
	ovs := fmt.Sprintf(`"Ovs":{"HostID":%q`, host)
	if ns != "" {
		ovs += fmt.Sprintf(`,"NetNS":%q`, ns)
	}
	if before, key, ok := strings.Cut(attrs, `"TunnelKey":`); ok { // within Ovs
		attrs, ovs = strings.TrimSuffix(before, ","), ovs+`,"TunnelKey":`+key
	}
	return said{entity.RowRef(entity.TypeOvsInterface, host, uuid), attrs + "," + ovs + "}"}
}

// TestBuiltInRows tells what the rows that are built in make of entities as the
// sources report them.
func TestBuiltInRows(t *testing.T) {
	heard := said{entity.SwitchPortRef("mac:02:00:00:00:00:09", "mac:02:00:00:00:00:01"), `"Name":"p","LLDP":{"PortID":"02:00:00:00:00:01","PortIDType":"MAC Address"}`}
	tests := []struct {
		name string
		all  []said
		want []string // nodes that several entities have, with their Type, and edges
	}{
		{"an internal port, by ifindex", []said{
			kernel("h", "1", 7, `"Name":"br0","Type":"openvswitch","MAC":"02:00:00:00:00:01"`),
			kernel("h", "2", 7, `"Name":"br0","Type":"openvswitch","MAC":"02:00:00:00:00:01"`),
			kernel("g", "1", 7, `"Name":"br0","Type":"openvswitch","MAC":"02:00:00:00:00:01"`),
			port("h", "1", "u", `"Name":"br0","Type":"internal","IfIndex":7`),
		}, []string{"h/1/7 is u by ovs-internal-by-ifindex: internal"}},
		{"a veth in a bridge keeps its type", []said{
			kernel("h", "1", 7, `"Name":"v0","Type":"veth","MAC":"02:00:00:00:00:01"`),
			port("h", "1", "u", `"Name":"v0","Type":"system","IfIndex":7,"MAC":"02:00:00:00:00:01"`),
		}, []string{"h/1/7 is u by ovs-system-by-ifindex: veth"}},
		{"by MAC, when the namespace is not known", []said{
			kernel("h", "1", 7, `"Name":"v0","Type":"veth","MAC":"02:00:00:00:00:01"`),
			kernel("h", "1", 8, `"Name":"v1","Type":"veth","MAC":"02:00:00:00:00:01"`),
			port("h", "", "u", `"Name":"v0","Type":"system","IfIndex":7,"MAC":"02:00:00:00:00:01"`),
		}, []string{"h/1/7 is u by ovs-system-by-mac: veth"}},
		{"an index that was used again is another interface", []said{
			kernel("h", "1", 7, `"Name":"other","Type":"veth","MAC":"02:00:00:00:00:02"`),
			port("h", "1", "u", `"Name":"v0","Type":"system","IfIndex":7,"MAC":"02:00:00:00:00:01"`),
		}, nil},
		{"an internal port that was moved, by MAC", []said{
			kernel("h", "2", 3, `"Name":"p0","Type":"tun","MAC":"02:00:00:00:00:01"`),
			port("h", "1", "u", `"Name":"p0","Type":"internal","MAC":"02:00:00:00:00:01"`),
		}, []string{"h/2/3 is u by ovs-internal-by-mac: internal"}},
		{"an internal port that was moved, by name", []said{
			kernel("h", "2", 3, `"Name":"p0","Type":"tun","MAC":"02:00:00:00:00:01"`),
			kernel("h", "3", 4, `"Name":"p0","Type":"veth","MAC":"02:00:00:00:00:03"`),
			port("h", "1", "u", `"Name":"p0","Type":"internal"`),
		}, []string{"h/2/3 is u by ovs-internal-by-name: internal"}},
		{"two that it could be", []said{
			kernel("h", "2", 3, `"Name":"p0","Type":"tun"`),
			kernel("h", "3", 4, `"Name":"p0","Type":"tun"`),
			port("h", "1", "u", `"Name":"p0","Type":"internal"`),
		}, nil},
		{"two Open vSwitches with ports of one name", []said{
			kernel("h", "1", 7, `"Name":"br0","Type":"tun","MAC":"02:00:00:00:00:01"`),
			kernel("h", "2", 7, `"Name":"br0","Type":"tun","MAC":"02:00:00:00:00:02"`),
			port("h", "1", "u", `"Name":"br0","Type":"internal","IfIndex":7,"MAC":"02:00:00:00:00:01"`),
			port("h", "2", "w", `"Name":"br0","Type":"internal","IfIndex":7,"MAC":"02:00:00:00:00:02"`),
		}, []string{"h/1/7 is u by ovs-internal-by-ifindex: internal", "h/2/7 is w by ovs-internal-by-ifindex: internal"}},
		{"a patch port has no device", []said{
			kernel("h", "1", 7, `"Name":"p0","Type":"tun","MAC":"02:00:00:00:00:01"`),
			port("h", "1", "u", `"Name":"p0","Type":"patch","IfIndex":7,"MAC":"02:00:00:00:00:01"`),
		}, nil},
		{"a tunnel, each end of another host", []said{
			port("g", "1", "x", `"Name":"t0","Type":"gre","LocalIP":"10.0.0.1","RemoteIP":"10.0.0.2","TunnelKey":"0"`),
			port("h", "1", "y", `"Name":"t0","Type":"gre","LocalIP":"10.0.0.2","RemoteIP":"10.0.0.1","TunnelKey":"0"`),
			port("i", "1", "z", `"Name":"t0","Type":"gre","LocalIP":"10.0.0.2","RemoteIP":"10.0.0.1","TunnelKey":"7"`),
			port("j", "1", "w", `"Name":"t0","Type":"vxlan","LocalIP":"10.0.0.2","RemoteIP":"10.0.0.1","TunnelKey":"0"`),
		}, []string{"layer2 tunnel x-y"}},
		{"VXLAN of the kernel and of Open vSwitch", []said{
			kernel("g", "1", 3, `"Name":"vx0","Type":"vxlan","Info":{"VNI":7,"Local":"10.0.0.1","Remote":"10.0.0.2"}`),
			kernel("h", "1", 4, `"Name":"vx0","Type":"vxlan","Info":{"VNI":7,"Local":"10.0.0.2","Remote":"10.0.0.1"}`),
			port("i", "1", "u", `"Name":"vx0","Type":"vxlan","LocalIP":"10.0.0.2","RemoteIP":"10.0.0.1","TunnelKey":"7"`),
		}, []string{"layer2 tunnel g/1/3-h/1/4", "layer2 tunnel g/1/3-u"}},
		{"a port that LLDP names by MAC", []said{
			heard,
			kernel("h", "1", 3, `"Name":"eth0","Type":"veth","MAC":"02:00:00:00:00:01"`),
			kernel("h", "1", 4, `"Name":"br0","Type":"bridge","MAC":"02:00:00:00:00:01"`),
			kernel("h", "1", 5, `"Name":"eth1","Type":"veth","MAC":"02:00:00:00:00:02"`),
		}, []string{"mapping lldp h/1/3-mac:02:00:00:00:00:01"}},
		{"a container and the interface that was made for it", []said{
			{entity.ContainerRef("c0ffee"), `"Name":"web"`},
			port("h", "1", "u", `"Name":"v0","Type":"system","ExtID":{"container_id":"c0ffee"}`),
		}, []string{"mapping ovs c0ffee-u"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, order := range [][]said{tt.all, reversed(tt.all)} {
				require.Equal(t, tt.want, joined(t, order))
			}
		})
	}
}

func reversed(list []said) []said {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

// joined tells what the rows that are built in make of entities.
func joined(t *testing.T, all []said) (out []string) {
	t.Helper()
	g := graph.New(graph.DefaultConfig())
	now := time.Now()
	submit := func(e *entity.Event) {
		e.Time = now
		require.NoError(t, e.Validate())
		p := g.Prepare(e, 0)
		_, outcome := g.Apply(&p, now, nil)
		require.Equal(t, graph.Changed, outcome)
	}
	specs, err := Parse(builtin)
	require.NoError(t, err)
	for i := range specs {
		submit(&entity.Event{Ref: entity.JoinRef(specs[i].Name), Source: entity.SourceJoin, Attributes: entity.Attrs{entity.A(entity.KeyRow, entity.String(specs[i].Row.JSON()))}})
	}
	for _, x := range all {
		e := entity.Event{Ref: x.ref, Source: "test"}
		require.NoError(t, e.Attributes.UnmarshalJSON([]byte("{"+x.attrs+"}")), x.attrs)
		submit(&e)
	}
	v := g.View()
	short := func(r entity.Ref) string {
		switch r.Type {
		case entity.TypeInterface:
			return r.ID.Get(entity.IDHost) + "/" + r.ID.Get(entity.IDNamespace) + "/" + r.ID.Get(entity.IDIfIndex)
		case entity.TypeOvsInterface:
			return r.ID.Get(entity.IDUUID)
		case entity.TypeSwitchPort:
			return r.ID.Get(entity.IDPort)
		}
		return r.ID[0].Value
	}
	for s := range v.NodeStates() {
		for _, m := range s.Members {
			out = append(out, fmt.Sprintf("%s is %s by %s: %s", short(s.Ref), short(m.Ref), m.Row, v.Node(s.Ref.UUID()).Attrs.Get(entity.KeyType).Str()))
		}
	}
	for e := range v.Edges() {
		ends := []string{short(v.NodeState(v.Node(e.Parent)).Ref), short(v.NodeState(v.Node(e.Child)).Ref)}
		slices.Sort(ends)
		out = append(out, e.RelationType+" "+e.Attrs.Get(entity.KeyType).Str()+" "+strings.Join(ends, "-"))
	}
	slices.Sort(out)
	return out
}
