package graph

import (
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph/pack"
)

// counters are the latest counters of a node and their growth since the report
// before, packed. They are immutable.
type counters struct {
	metric, growth string // growth is empty after the first report
}

func newCounters(both string, size int) *counters { return &counters{both[:size], both[size:]} }

// values returns both as a node shows them.
func (c *counters) values(d *pack.Dict) (metric, growth entity.Value) {
	metric = entity.Map(d.Attrs(c.metric))
	if c.growth != "" {
		growth = entity.Map(d.Attrs(c.growth))
	}
	return metric, growth
}

// lookup yields what a dotted path names.
func (c *counters) lookup(d *pack.Dict, path string, yield func(entity.Value) bool) {
	for _, x := range [...]struct{ key, data string }{{keyMetric, c.metric}, {keyLastMetric, c.growth}} {
		rest, ok := strings.CutPrefix(path, x.key)
		switch {
		case !ok || x.data == "":
		case rest == "":
			yield(entity.Map(d.Attrs(x.data)))
		case rest[0] == '.':
			d.Lookup(x.data, rest[1:], yield)
		}
	}
}

// members are the counters among the attributes of a node.
func (c *counters) members(out []pack.Member) []pack.Member {
	if c == nil {
		return out
	}
	if c.growth != "" {
		out = append(out, pack.Member{Key: keyLastMetric, Data: c.growth})
	}
	return append(out, pack.Member{Key: keyMetric, Data: c.metric})
}
