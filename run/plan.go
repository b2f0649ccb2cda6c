package run

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"facsimile.dev/facsimile"
)

// plan is services in an order in which they can start.
type plan struct {
	services []Service
	waits    map[facsimile.Module][]facsimile.Module // module → those that it comes after, here
	levels   [][]facsimile.Module                    // each comes after some of the one before
}

// newPlan checks services and orders their modules. All problems are reported together.
func newPlan(services []Service) (plan, error) {
	var problems facsimile.Problems
	report := func(format string, args ...any) {
		problems = append(problems, facsimile.Errorf(facsimile.BadInput, format, args...))
	}
	names, addresses := map[facsimile.Replica]bool{}, map[string]facsimile.Replica{}
	p := plan{services: services, waits: map[facsimile.Module][]facsimile.Module{}}
	for _, s := range services {
		if err := checkReplica(s.Name); err != nil {
			report("%w", err)
		}
		if names[s.Name] {
			report("two replicas have the name %s", s.Name)
		}
		names[s.Name] = true
		if len(s.Argv) == 0 || s.Argv[0] == "" {
			report("%s has no command to start", s.Name)
		}
		if !filepath.IsAbs(s.Dir) {
			report("the folder %q of %s is not absolute", s.Dir, s.Name)
		}
		if a := s.Health.Address; a != "" {
			if other, taken := addresses[a]; taken {
				report("%s and %s both listen on %s", other, s.Name, a)
			}
			addresses[a] = s.Name
			if _, _, err := net.SplitHostPort(a); err != nil {
				report("the address %q of %s is not HOST:PORT", a, s.Name)
			}
		}
		p.waits[s.Module] = append(p.waits[s.Module], s.After...)
	}
	for m, after := range p.waits {
		slices.Sort(after)
		after = slices.Compact(after)
		p.waits[m] = slices.DeleteFunc(after, func(a facsimile.Module) bool { _, here := p.waits[a]; return !here })
	}
	if err := p.order(); err != nil {
		problems = append(problems, err)
	}
	return p, problems.OrNil()
}

func checkReplica(name facsimile.Replica) error {
	if name == "" || len(name) > 200 || name[0] == '.' || strings.ContainsFunc(string(name), func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f }) {
		return fmt.Errorf("%q cannot name a replica", string(name))
	}
	return nil
}

// order fills the levels: in the first are the modules that come after nothing.
func (p *plan) order() *facsimile.Error {
	placed := map[facsimile.Module]bool{}
	for len(placed) < len(p.waits) {
		var level []facsimile.Module
		for m, after := range p.waits {
			ready := !slices.ContainsFunc(after, func(a facsimile.Module) bool { return !placed[a] })
			if !placed[m] && ready {
				level = append(level, m)
			}
		}
		if len(level) == 0 {
			return facsimile.Errorf(facsimile.BadInput, "services wait for each other in a circle: %s", p.circle(placed)).
				WithHint("take one of them out of `after:`")
		}
		slices.Sort(level)
		for _, m := range level {
			placed[m] = true
		}
		p.levels = append(p.levels, level)
	}
	return nil
}

// circle shows one cycle among the modules that could not be placed, as a → b → a: a comes after b.
func (p *plan) circle(placed map[facsimile.Module]bool) string {
	var at facsimile.Module
	for m := range p.waits {
		if !placed[m] && (at == "" || m < at) {
			at = m
		}
	}
	var chain []string
	for !slices.Contains(chain, string(at)) {
		chain = append(chain, string(at))
		next := slices.IndexFunc(p.waits[at], func(a facsimile.Module) bool { return !placed[a] })
		at = p.waits[at][next]
	}
	chain = append(chain[slices.Index(chain, string(at)):], string(at))
	return strings.Join(chain, " → ")
}

// checkAddresses makes sure that nobody else listens where a replica will, since the answers of a stranger
// would be taken for its health.
func (p *plan) checkAddresses() error {
	var problems facsimile.Problems
	for _, s := range p.services {
		if s.Health.Address == "" {
			continue
		}
		l, err := net.Listen("tcp", s.Health.Address)
		switch {
		case err == nil:
			l.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			problems = append(problems, facsimile.Errorf(facsimile.Refused, "%s cannot listen on %s: another process does", s.Name, s.Health.Address).
				WithHint("end that process (`ss -tlnp` shows it), or give module %s another port in this instance", s.Module))
		default:
			problems = append(problems, facsimile.Errorf(facsimile.Refused, "%s cannot listen on %s: %w", s.Name, s.Health.Address, err))
		}
	}
	return problems.OrNil()
}
