package frames

import (
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/internal/entity"
)

// maxColumns bounds the columns of a table that names none.
const maxColumns = 200

// rows collects rows of named values and becomes a frame.
type rows struct {
	columns map[string]*column
	n       int
	// missed counts columns for which there was no room.
	missed map[string]struct{}
}

func newRows() *rows { return &rows{columns: map[string]*column{}, missed: map[string]struct{}{}} }

// set puts a value in the current row; nil rows and empty values are passed over.
func (r *rows) set(key string, v entity.Value) {
	if v.IsZero() {
		return
	}
	c := r.columns[key]
	if c == nil {
		if len(r.columns) >= maxColumns {
			if len(r.missed) < 10*maxColumns {
				r.missed[key] = struct{}{}
			}
			return
		}
		c = &column{name: key}
		r.columns[key] = c
	}
	c.set(r.n, v)
}

// next ends the current row.
func (r *rows) next() { r.n++ }

// spread puts what is in attributes in the current row: scalars, lists of
// scalars, and of maps their scalars when flatten is set.
func (r *rows) spread(prefix string, a entity.Attrs, flatten bool) {
	for _, x := range a {
		switch {
		case x.Value.IsScalar() || scalars(x.Value):
			r.set(prefix+x.Key, x.Value)
		case flatten && prefix == "" && x.Value.Kind() == entity.KindMap:
			r.spread(x.Key+".", x.Value.Map(), false)
		}
	}
}

// scalars reports whether v is a list of scalars.
func scalars(v entity.Value) bool {
	list := v.List()
	return len(list) > 0 && !slices.ContainsFunc(list, func(e entity.Value) bool { return !e.IsScalar() })
}

// frame makes the frame. Columns named first come first, the others by name,
// those named last come last.
func (r *rows) frame(name string, first, last []string) *data.Frame {
	var keys, middle []string
	for _, k := range first {
		if r.columns[k] != nil {
			keys = append(keys, k)
		}
	}
	for k := range r.columns {
		if !slices.Contains(first, k) && !slices.Contains(last, k) {
			middle = append(middle, k)
		}
	}
	slices.SortFunc(middle, strings.Compare)
	keys = append(keys, middle...)
	for _, k := range last {
		if r.columns[k] != nil {
			keys = append(keys, k)
		}
	}
	f := data.NewFrame(name)
	for _, k := range keys {
		f.Fields = append(f.Fields, r.columns[k].field(r.n))
	}
	if len(r.missed) > 0 {
		f.AppendNotices(notice("%d columns are left out: name those that you want.", len(r.missed)))
	}
	return table(f)
}

// named makes a frame of exactly these columns, in this order.
func (r *rows) named(name string, columns []string) *data.Frame {
	f := data.NewFrame(name)
	for _, k := range columns {
		c := r.columns[k]
		if c == nil {
			c = &column{name: k}
		}
		f.Fields = append(f.Fields, c.field(r.n))
	}
	return table(f)
}
