package flow

import "github.com/skein-net/skein/otel-receiver/packet"

// maxPaths bounds the different layer paths that a table knows. A sender who
// makes up stacks of tags and headers gets no further; his flows have no path.
const maxPaths = 1024

// pathKey is what a path is made of.
type pathKey struct {
	layers [packet.MaxLayers]packet.Layer
	kind   Kind
}

// path is a path with its last layer, which is the application of flows whose
// ports name none.
type path struct{ layers, last string }

// paths gives numbers to paths; 0 is the path of those there is no room for.
type paths struct {
	known map[pathKey]uint16
	list  []path
	// lastKey and lastPath are those of the last new flow.
	lastKey  pathKey
	lastPath uint16
}

func newPaths() paths {
	return paths{known: make(map[pathKey]uint16), list: make([]path, 1, 16)}
}

// of returns the number of a level's path. What does not show in it is left
// out; a bare fragment's ends there.
func (p *paths) of(l *packet.Level, kind Kind, bare bool, n *counters) uint16 {
	key := pathKey{kind: kind}
	for i := range min(int(l.N), len(l.Layers)) {
		key.layers[i] = l.Layers[i]
		if bare && l.Layers[i] == packet.LayerFragment {
			break
		}
	}
	if key == p.lastKey {
		return p.lastPath
	}
	number, ok := p.known[key]
	if !ok {
		if len(p.list) == maxPaths {
			n.pathsRefused++
			return 0
		}
		number = uint16(len(p.list))
		p.list = append(p.list, key.path())
		p.known[key] = number
	}
	p.lastKey, p.lastPath = key, number
	return number
}

// path writes a path.
func (k *pathKey) path() path {
	var l packet.Level
	for l.N = 0; int(l.N) < len(k.layers) && k.layers[l.N] != packet.LayerNone; l.N++ {
		l.Layers[l.N] = k.layers[l.N]
	}
	b := packet.AppendPath(nil, &l)
	if name := k.kind.layer(); name != "" {
		if len(b) > 0 {
			b = append(b, '/')
		}
		b = append(b, name...)
	}
	p := path{layers: string(b)}
	last := 0
	for i, c := range b {
		if c == '/' {
			last = i + 1
		}
	}
	p.last = p.layers[last:]
	return p
}

// layer returns the name of a kind of message in paths.
func (k Kind) layer() string {
	switch k {
	case KindDNS:
		return "DNS"
	case KindDHCPv4:
		return "DHCPv4"
	case KindVRRPv2:
		return "VRRP"
	}
	return ""
}
