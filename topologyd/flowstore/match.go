package flowstore

import (
	"slices"

	"github.com/skein-net/skein/internal/flowrecord"
)

// split separates the conditions on fields that never change from the others:
// they may be checked before the newest report of a flow is chosen.
func split(t *flowrecord.Table, cs []flowrecord.Condition) (fixed, moving []flowrecord.Condition) {
	for _, c := range cs {
		if slices.ContainsFunc(c.Fields, func(f string) bool { return !t.Fixed(f) }) {
			moving = append(moving, c)
		} else {
			fixed = append(fixed, c)
		}
	}
	return fixed, moving
}
