package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// attrs collects attributes; what is empty is left out. What others write into the
// database may be any text of any size: it is made fit to be reported.
type attrs struct {
	list entity.Attrs
	// size is about how many bytes of text they have.
	size int
	// cut names what is not whole.
	cut []string
}

// Limits of what is reported of one column.
const (
	// maxText is how long a text may be, in bytes.
	maxText = 16 << 10
	// maxEntries is how many entries a map or a list may have.
	maxEntries = 1024
	// maxSize is how many bytes all of an entity may have; what comes later and
	// does not fit is left out.
	maxSize = 256 << 10
)

// add adds a value of a size in bytes, if there is room for it.
func (a *attrs) add(key string, v entity.Value, size int) {
	size += len(key) + 8
	if a.size+size > maxSize {
		a.cut = append(a.cut, key)
		return
	}
	a.size += size
	a.list = append(a.list, entity.A(key, v))
}

func (a *attrs) text(key, v string) {
	if v != "" {
		a.add(key, a.string(key, v), min(len(v), maxText))
	}
}

// string makes a value of a text.
func (a *attrs) string(key, v string) entity.Value {
	if len(v) > maxText {
		a.cut = append(a.cut, key)
		v = v[:maxText]
	}
	return entity.String(entity.CleanText(v))
}

func (a *attrs) opt(key string, v *string) { a.text(key, text(v)) }

func (a *attrs) int(key string, v *int) {
	if v != nil {
		a.add(key, entity.Int(int64(*v)), 0)
	}
}

// positive adds a number that stands for nothing when it is not positive.
func (a *attrs) positive(key string, v int) {
	if v > 0 {
		a.add(key, entity.Int(int64(v)), 0)
	}
}

// flag adds a boolean that is true.
func (a *attrs) flag(key string, v bool) {
	if v {
		a.add(key, entity.Bool(true), 0)
	}
}

func (a *attrs) bool(key string, v *bool) {
	if v != nil {
		a.add(key, entity.Bool(*v), 0)
	}
}

// strings and ints add a set, sorted: OVSDB has no order in it.
func (a *attrs) strings(key string, vs []string) {
	size := 0
	list := make([]entity.Value, 0, len(vs))
	for _, v := range slices.Sorted(slices.Values(vs)) {
		size += min(len(v), maxText)
		list = append(list, a.string(key, v))
	}
	a.values(key, list, size)
}

func (a *attrs) ints(key string, vs []int) {
	list := make([]entity.Value, 0, len(vs))
	for _, v := range slices.Sorted(slices.Values(vs)) {
		list = append(list, entity.Int(int64(v)))
	}
	a.values(key, list, 8*len(list))
}

// values adds a list.
func (a *attrs) values(key string, list []entity.Value, size int) {
	if len(list) > maxEntries {
		a.cut = append(a.cut, key)
		list = list[:maxEntries]
	}
	if len(list) > 0 {
		a.add(key, entity.List(list...), size)
	}
}

// texts adds a map of text.
func (a *attrs) texts(key string, m map[string]string) {
	a.some(key, m, func(string) bool { return true })
}

// some adds those entries of a map of text whose keys are wanted.
func (a *attrs) some(key string, m map[string]string, want func(string) bool) {
	var in attrs
	for _, k := range slices.Sorted(maps.Keys(m)) {
		switch {
		case !want(k):
		case len(in.list) == maxEntries || entity.ValidKey(k) != nil:
			in.cut = append(in.cut, "")
		default:
			in.add(k, in.string("", m[k]), min(len(m[k]), maxText))
		}
	}
	if len(in.cut) > 0 {
		in.cut = []string{""} // which of them is no matter
	}
	a.group(key, in)
}

// status adds a map of text without what counts the time, which changes whenever
// somebody looks and says nothing new, without what is empty, and without the
// keys that are shown elsewhere.
func (a *attrs) status(key string, m map[string]string, elsewhere ...string) {
	a.some(key, m, func(k string) bool {
		return m[k] != "" && !strings.Contains(k, "sec_since_") && !strings.Contains(k, "_sec_in_") && !slices.Contains(elsewhere, k)
	})
}

// group adds a map of attributes.
func (a *attrs) group(key string, in attrs) {
	for _, name := range in.cut {
		a.cut = append(a.cut, strings.TrimSuffix(key+"."+name, "."))
	}
	if len(in.list) > 0 {
		a.add(key, entity.Map(in.list.Normalize()), in.size)
	}
}

// groups adds a list of maps, ordered by their content.
func (a *attrs) groups(key string, list []attrs) {
	size := 0
	vs := make([]entity.Value, 0, len(list))
	for _, in := range list {
		size += in.size
		if len(in.cut) > 0 {
			a.cut = append(a.cut, key)
		}
		vs = append(vs, entity.Map(in.list.Normalize()))
	}
	slices.SortFunc(vs, entity.Compare)
	a.values(key, vs, size)
}

// normalized returns the attributes, with one that names what is not whole.
func (a *attrs) normalized() entity.Attrs {
	if len(a.cut) > 0 {
		slices.Sort(a.cut)
		a.list = append(a.list, entity.A("Truncated", entity.Strings(slices.Compact(a.cut)...)))
	}
	return a.list.Normalize()
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
