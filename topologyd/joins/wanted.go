package joins

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/join"
)

// Origins of a row.
const (
	OriginBuiltIn    = "built-in"
	OriginFile       = "file"
	OriginDefinition = "definition"
	// OriginOther is another replica, or a version of the daemon that has it.
	OriginOther = "other"
)

// wish is what is wanted of one name.
type wish struct {
	name   string
	origin string
	// from is the path of the file, or the ID of the definition.
	from string
	// row is the row, nil: there is to be none.
	row *join.Row
	// keep tells that what is in force is to stay, because it cannot be read what
	// is wanted; problem says why.
	keep    bool
	problem string
	// revision is that of the definition.
	revision uint64
	// over is the origin of the row that would stand without this one, "" for none.
	over string
}

// wanted is the table as it is wanted. It is immutable.
type wanted struct {
	byName map[string]*wish
	// unsure tells that rows may be wanted that are not known, since a file could
	// not be read since the start: nothing that is in force may be taken away for
	// want of an origin.
	unsure bool
	files  []file
}

// merge works out what is wanted of all origins: a definition counts more than a
// file, a file more than what is built in, an earlier file more than a later.
func merge(builtIn []Spec, files []file, defs []*definition.Definition, limit int) *wanted {
	w := &wanted{byName: make(map[string]*wish), files: slices.Clone(files)}
	for i := range builtIn {
		w.add(&wish{name: builtIn[i].Name, origin: OriginBuiltIn, row: builtIn[i].named(builtIn[i].Name)})
	}
	for i := range files {
		f := &w.files[i]
		w.unsure = w.unsure || !f.Good
		for k := range f.Value {
			s := &f.Value[k]
			if old := w.byName[s.Name]; old != nil && old.origin == OriginFile {
				if f.Problem == "" {
					f.Problem = fmt.Sprintf("join %s is in %s already, which counts", s.Name, old.from)
				}
				continue
			}
			w.add(&wish{name: s.Name, origin: OriginFile, from: f.Path, row: s.named(s.Name)})
		}
	}
	for _, d := range defs {
		x := &wish{name: d.ID, origin: OriginDefinition, from: d.ID, revision: d.Revision}
		if s, ok := d.Spec.(*Spec); ok {
			x.row = s.named(d.ID)
		} else {
			x.keep, x.problem = true, d.Problem
		}
		w.add(x)
	}
	w.bound(limit)
	return w
}

func (w *wanted) add(x *wish) {
	if old := w.byName[x.name]; old != nil {
		x.over = old.origin
	}
	w.byName[x.name] = x
}

// bound refuses rows beyond a limit: those that are built in come first, then
// files, then definitions, by name.
func (w *wanted) bound(limit int) {
	all := w.sorted()
	slices.SortStableFunc(all, func(a, b *wish) int { return cmp.Compare(rank(a.origin), rank(b.origin)) })
	n := 0
	for _, x := range all {
		if x.row == nil {
			continue
		}
		if n++; n > limit {
			x.row, x.problem = nil, fmt.Sprintf("the table has %d rows, which is the most; remove some", limit)
		}
	}
}

func rank(origin string) int {
	return slices.Index([]string{OriginBuiltIn, OriginFile, OriginDefinition}, origin)
}

// sorted returns all wishes by name.
func (w *wanted) sorted() []*wish {
	out := make([]*wish, 0, len(w.byName))
	for _, x := range w.byName {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b *wish) int { return strings.Compare(a.name, b.name) })
	return out
}

// difference returns the rows that are to be put into the table, and the names
// of those that are to be taken from it, both by name.
func (w *wanted) difference(table []InForce) (put []*join.Row, take []string) {
	present := make(map[string]*join.Row, len(table))
	for i := range table {
		name := table[i].Row.Name
		present[name] = table[i].Row
		x := w.byName[name]
		if x == nil && !w.unsure || x != nil && x.row == nil && !x.keep {
			take = append(take, name)
		}
	}
	for _, x := range w.sorted() {
		if x.row == nil {
			continue
		}
		if old := present[x.name]; old == nil || !old.Equal(x.row) {
			put = append(put, x.row)
		}
	}
	slices.Sort(take)
	return put, take
}
