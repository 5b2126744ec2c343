package gremlin

import (
	"cmp"
	"slices"
	"strings"
)

// closest returns up to three of the names that look most like word, ignoring
// case, the best first.
func closest(word string, names []string) []string {
	if len(word) > 32 {
		return nil
	}
	type scored struct {
		name string
		cost int
	}
	w := strings.ToLower(word)
	most := max(1, (len(w)+1)/2)
	var found []scored
	for _, name := range names {
		n := strings.ToLower(name)
		cost := editDistance(w, n)
		if len(w) > 1 && (strings.HasPrefix(n, w) || strings.HasPrefix(w, n)) {
			cost = min(cost, 1)
		}
		if cost <= most {
			found = append(found, scored{name, cost})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), strings.Compare(a.name, b.name))
	})
	out := make([]string, 0, 3)
	for _, s := range found[:min(3, len(found))] {
		out = append(out, s.name)
	}
	return out
}

// editDistance is the number of characters to insert, delete or replace to
// turn a into b (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
