package jinja

import (
	"maps"
	"slices"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

// maxNearest is the number of names that nearest looks at.
const maxNearest = 1000

// nearest returns the name that name is most likely a slip of, or "" if none
// is near.
func nearest(name string, names []string) string {
	best, bestDistance := "", len(name)/3+1
	for i, n := range names {
		if i == maxNearest {
			break
		}
		if n == name || n == "" || len(n) > len(name)+bestDistance || len(name) > len(n)+bestDistance || len(n) > 100 {
			continue
		}
		d := editDistance(strings.ToLower(name), strings.ToLower(n))
		if d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = n, d
		}
	}
	return best
}

// editDistance counts the changed, missing, added and swapped letters
// between two words.
func editDistance(a, b string) int {
	before := make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// indexAfter returns the offset behind the first sep in s, or -1.
func indexAfter(s, sep string) int {
	i := strings.Index(s, sep)
	if i < 0 {
		return -1
	}
	return i + len(sep)
}
