package facsimile

import (
	"slices"
	"strings"
)

// Nearest gives those names that a person who typed got most likely meant: at most three, the
// nearest first, none that is further away than a third of its length.
func Nearest(got string, names []string) []string {
	type scored struct {
		name string
		cost int
	}
	var near []scored
	for _, name := range names {
		cost := editDistance(strings.ToLower(got), strings.ToLower(name))
		if cost <= max(1, max(len(got), len(name))/3) {
			near = append(near, scored{name, cost})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int {
		if a.cost != b.cost {
			return a.cost - b.cost
		}
		return strings.Compare(a.name, b.name)
	})
	var out []string
	for _, s := range near[:min(3, len(near))] {
		out = append(out, s.name)
	}
	return out
}

// editDistance counts insertions, deletions, substitutions and swaps of neighbours
// (the restricted Damerau-Levenshtein distance).
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
