package metafile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// Select returns what a dotted path such as "site.rack" names in a document,
// none when it names nothing. A number names an element of a list, from 0. The
// empty path names the whole document. Letters are compared as they are.
//
// Keys may contain dots themselves: the whole rest of the path is tried first,
// then each shorter part from the left. When no key fits, those that begin with
// the path and a dot are taken for a map, so that "site" names a map of "rack"
// and "row" in a properties file that has site.rack and site.row.
func Select(doc entity.Value, path string) entity.Value {
	if path == "" {
		return doc
	}
	switch doc.Kind() {
	case entity.KindMap:
		return selectKey(doc.Map(), path)
	case entity.KindList:
		head, rest, _ := strings.Cut(path, ".")
		if i, err := strconv.ParseUint(head, 10, 31); err == nil && i < uint64(len(doc.List())) {
			return Select(doc.List()[i], rest)
		}
	}
	return entity.Value{}
}

func selectKey(m entity.Attrs, path string) entity.Value {
	if v := m.Get(path); !v.IsZero() {
		return v
	}
	for i := range len(path) {
		if path[i] != '.' || i+1 == len(path) {
			continue
		}
		if v := m.Get(path[:i]); !v.IsZero() {
			if v = Select(v, path[i+1:]); !v.IsZero() {
				return v
			}
		}
	}
	var under entity.Attrs
	for _, x := range m {
		if key, ok := strings.CutPrefix(x.Key, path+"."); ok {
			under = append(under, entity.A(key, x.Value))
		}
	}
	if under == nil {
		return entity.Value{}
	}
	return entity.Map(under)
}

// Bounds of one selected value. It is a part of every report of the host.
const (
	maxValueNodes = 4096
	maxValueBytes = 16 << 10
)

// check tells why a value cannot be an attribute of the host.
func check(name string, v entity.Value) error {
	nodes, size := 0, 0
	measure(v, &nodes, &size)
	if nodes > maxValueNodes || size > maxValueBytes {
		return fmt.Errorf("it holds %d values and %d bytes of text, more than %d or %d", nodes, size, maxValueNodes, maxValueBytes)
	}
	ev := entity.Event{
		Ref: entity.HostRef("host"), Source: "host",
		Attributes: entity.Attrs{entity.A("Config", entity.Map(entity.Attrs{entity.A(name, v)}))},
	}
	return ev.Validate()
}

// measure adds up the values in v and their text.
func measure(v entity.Value, nodes, size *int) {
	*nodes++
	*size += len(v.Str())
	for _, e := range v.List() {
		measure(e, nodes, size)
	}
	for _, x := range v.Map() {
		*size += len(x.Key)
		measure(x.Value, nodes, size)
	}
}
