package flowstore

import "slices"

// rolledSteps has the sums of minutes go to steps.
type rolledSteps struct {
	x *steps
	// One of these is used, as in groupSums: lines by groups, plus one.
	dense  []int32
	groups map[group]int32
}

func newRolledSteps(x *steps, t *rolled, groups []groupLine) *rolledSteps {
	r := &rolledSteps{x: x, groups: make(map[group]int32, len(groups))}
	for i := range groups {
		k, n := groups[i].group, int32(i+1) //nolint:gosec // bounded
		r.groups[k] = n
		if len(t.shown) == 1 {
			slot := t.shown[0]
			r.dense = slices.Grow(r.dense, int(k[slot])+1)
			for int(k[slot]) >= len(r.dense) {
				r.dense = append(r.dense, 0)
			}
			r.dense[k[slot]] = n
		}
	}
	return r
}

// place returns the line of a group, plus one; 0 for the others.
func (r *rolledSteps) place(t *rolled, k *group) int32 {
	switch len(t.shown) {
	case 0:
		return 1
	case 1:
	default:
		return r.groups[*k]
	}
	if i := k[t.shown[0]]; int(i) < len(r.dense) {
		return r.dense[i]
	}
	return 0
}

// begin returns empty sums for the places, in the memory of p.
func (r *rolledSteps) begin(p []denseSum) []denseSum {
	p = slices.Grow(p[:0], len(r.x.lines)+1)[:len(r.x.lines)+1]
	clear(p)
	return p
}

// end adds the sums of a minute to its step.
func (r *rolledSteps) end(minute int64, p []denseSum) {
	r.x.mu.Lock()
	defer r.x.mu.Unlock()
	for i := range p {
		if p[i].any {
			r.x.add(i-1, max(minute, r.x.start), p[i].sum)
		}
	}
}
