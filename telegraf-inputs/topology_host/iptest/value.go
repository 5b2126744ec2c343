package iptest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// plain turns an attribute's value into what encoding/json would make of it,
// with int64 for integers. Both sides of a comparison are brought to this form.
func plain(v entity.Value) any {
	switch v.Kind() {
	case entity.KindBool:
		return v.Bool()
	case entity.KindInt:
		return v.Int()
	case entity.KindFloat:
		return v.Float()
	case entity.KindString:
		return v.Str()
	case entity.KindList:
		out := make([]any, 0, len(v.List()))
		for _, e := range v.List() {
			out = append(out, plain(e))
		}
		return out
	case entity.KindMap:
		return plainAttrs(v.Map())
	default:
		return nil
	}
}

func plainAttrs(a entity.Attrs) map[string]any {
	out := make(map[string]any, len(a))
	for _, x := range a {
		out[x.Key] = plain(x.Value)
	}
	return out
}

// plainJSON does the same for what `ip` printed.
func plainJSON(v any) any {
	switch v := v.(type) {
	case list:
		out := make([]any, 0, len(v))
		for _, e := range v {
			out = append(out, plainJSON(e))
		}
		return out
	case object:
		out := make(map[string]any, len(v))
		for _, m := range v {
			out[m.key] = plainJSON(m.value)
		}
		return out
	default:
		return v
	}
}

func toList[T any](vs []T) []any {
	out := make([]any, len(vs))
	for i, v := range vs {
		out[i] = v
	}
	return out
}

// set returns a list of strings in sorted order, for fields whose order means
// nothing.
func set(ss []string) []any {
	ss = slices.Clone(ss)
	slices.Sort(ss)
	return toList(ss)
}

// sorted is set for a value of either side; what is no list stays as it is.
func sorted(v any) any {
	l, ok := v.([]any)
	if !ok {
		return v
	}
	ss := make([]string, len(l))
	for i, e := range l {
		ss[i] = fmt.Sprint(e)
	}
	return set(ss)
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// show prints a value for people.
func show(v any) string {
	if v == nil {
		return "nothing"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// isDefault reports whether a value is one that `ip` often does not print:
// zero, false, empty.
func isDefault(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case int64:
		return v == 0
	case float64:
		return v == 0
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// fold makes the names of both sides alike: bond_slave, BondSlave.
func fold(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
