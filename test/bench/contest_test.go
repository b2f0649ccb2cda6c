package bench

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// rounds is how often everything is measured. The median counts.
const rounds = 5

// entrant is one way to do the work.
type entrant struct {
	name   string
	before func(round int) error // not timed; may be nil
	run    func(round int) error
}

// contest has its entrants do the same work, all in each round and in another order each time,
// so that what else the machine does falls on all of them.
type contest struct {
	name     string
	before   func(round int) error // not timed; may be nil
	entrants []entrant
	took     map[string][]time.Duration // by entrant, one for each round
}

func (c *contest) hold(b *testing.B) {
	b.Helper()
	c.took = map[string][]time.Duration{}
	for round := range rounds {
		if c.before != nil {
			if err := c.before(round); err != nil {
				b.Fatalf("%s: %v", c.name, err)
			}
		}
		for i := range c.entrants {
			e := c.entrants[(i+round)%len(c.entrants)]
			if e.before != nil {
				if err := e.before(round); err != nil {
					b.Fatalf("%s: %s: %v", c.name, e.name, err)
				}
			}
			began := time.Now()
			if err := e.run(round); err != nil {
				b.Fatalf("%s: %s: %v", c.name, e.name, err)
			}
			c.took[e.name] = append(c.took[e.name], time.Since(began))
		}
	}
}

// ratio is the median over the rounds of what one entrant took for what another took.
func (c *contest) ratio(of, to string) float64 {
	ratios := make([]float64, rounds)
	for i := range rounds {
		ratios[i] = float64(c.took[of][i]) / float64(c.took[to][i])
	}
	return median(ratios)
}

func median[T float64 | time.Duration](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// print says what each entrant took, and its ratio to each of some. It is not logged, since the
// log of a benchmark is cut after ten lines.
func (c *contest) print(to ...string) {
	fmt.Printf("\n%s (medians of %d; %d cores, load%s)\n", c.name, rounds, runtime.NumCPU(), load())
	page := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(page, "\tmedian\tfastest\tslowest\t: %s\n", strings.Join(to, "\t: "))
	for _, e := range c.entrants {
		took := c.took[e.name]
		fmt.Fprintf(page, "%s\t%s\t%s\t%s", e.name, short(median(took)), short(slices.Min(took)), short(slices.Max(took)))
		for _, peer := range to {
			fmt.Fprintf(page, "\t%.2f", c.ratio(e.name, peer))
		}
		fmt.Fprintln(page)
	}
	page.Flush()
}

func short(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// load is how busy the machine is otherwise; empty where it does not say.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return " " + strings.Join(strings.Fields(string(text))[:1], " ")
}
