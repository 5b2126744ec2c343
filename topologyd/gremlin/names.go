package gremlin

import (
	"slices"
	"strings"
)

// namesOf gives the keys of a map in order. There may be a million of them, so
// sorting looks whether the run has to stop; what it then gives is in no order.
func namesOf[V any](x *exec, m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		if !x.work(1) {
			return nil
		}
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if !x.work(1) {
			return 0
		}
		return strings.Compare(a, b)
	})
	return names
}
