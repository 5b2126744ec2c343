package mapping

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
)

// RelMirror leads from a port, or from a bridge all of whose ports are meant, to
// the port that gets a copy of its packets. Its attributes are the mirrors' names
// and the direction as seen from the bridge.
const RelMirror = "mirror"

const (
	directionIn   = "in"
	directionOut  = "out"
	directionBoth = "both"
)

// mirroring is what leads from one port to one output.
type mirroring struct {
	names     []string
	direction string
}

// collect adds a mirror to what leads to its output port.
func collect(to map[string]*mirroring, row *database.Mirror, direction string) {
	out := text(row.OutputPort)
	if out == "" {
		return // to a VLAN
	}
	m := to[out]
	if m == nil {
		m = &mirroring{direction: direction}
		to[out] = m
	}
	if m.direction != direction {
		m.direction = directionBoth
	}
	if !slices.Contains(m.names, row.Name) {
		m.names = append(m.names, row.Name)
	}
}

// mirrored returns what leads from a port to others.
func (m *Mapper) mirrored(port string) []entity.Relationship {
	b := m.t.Bridges[m.bridgeOf[port]]
	if b == nil || len(b.Mirrors) == 0 {
		return nil
	}
	to := make(map[string]*mirroring)
	for _, uuid := range b.Mirrors {
		row := m.t.Mirrors[uuid]
		if row == nil {
			continue
		}
		if slices.Contains(row.SelectSrcPort, port) {
			collect(to, row, directionIn)
		}
		if slices.Contains(row.SelectDstPort, port) {
			collect(to, row, directionOut)
		}
	}
	return m.mirrorEdges(to)
}

func (m *Mapper) mirrorEdges(to map[string]*mirroring) (out []entity.Relationship) {
	for _, port := range slices.SortedFunc(maps.Keys(to), cmp.Compare[string]) {
		x := to[port]
		slices.Sort(x.names)
		out = append(out, relate(RelMirror, m.ref(entity.TypeOvsPort, port),
			entity.A("Direction", entity.String(x.direction)), entity.A("Name", entity.String(entity.CleanText(strings.Join(x.names, ","))))))
	}
	return out
}
