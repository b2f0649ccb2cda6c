package state

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"facsimile.dev/facsimile"
)

// Allotment is what Allot found missing.
type Allotment struct {
	Shared Change // for the state that holds secrets and ids; empty where that is also Own's
	Own    Change
	Notes  facsimile.Problems // findings that stop nothing: a port that was taken, a weak policy
}

// Pending are the names of what is not there yet or does not fit any more, for commands that never
// write: the keys of secrets, and replica.NAME.uiid, replica.NAME.place, directory.MODULE.NAME.
func (a Allotment) Pending() []string { return append(a.Shared.Names(), a.Own.Names()...) }

// Format implements fmt.Formatter: an allotment prints as the names of what is missing.
func (a Allotment) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "missing: "+strings.Join(a.Pending(), ", "))
}

// Empty reports whether nothing is missing.
func (a Allotment) Empty() bool { return a.Shared.Empty() && a.Own.Empty() }

const (
	defaultMaxUIID   = 255
	firstAutoPort    = 20000
	lastAutoPort     = 29999
	maxPort          = 65535
	changeIDSize     = 16
	maxPathLength    = 4096
	maxSecretKeySize = 1024
)

// allotter is one run of Allot. Each of its parts adds to out and problems.
type allotter struct {
	needs    Needs
	shared   *version
	own      *version
	random   io.Reader
	ids      *Change // where secrets and ids go
	out      Allotment
	problems facsimile.Problems
}

// Allot says what is missing. It is pure: the same needs, snapshots and random bytes give the
// same changes. Secrets and ids are sought in shared and everything else in own; where both are
// of one instance the whole change is in Own. All problems are reported together.
func Allot(needs Needs, shared, own Snapshot, random io.Reader) (Allotment, error) {
	a := &allotter{needs: needs, shared: shared.sharedVersion(), own: own.ownVersion(), random: random}
	a.needs.MaxUIID = cmp.Or(a.needs.MaxUIID, defaultMaxUIID)
	a.needs.AutoPorts = cmp.Or(a.needs.AutoPorts, PortRange{firstAutoPort, lastAutoPort})
	a.ids = &a.out.Shared
	if a.shared.instance == a.own.instance {
		a.ids = &a.out.Own
	}
	a.checkNames()
	if err := a.secrets(); err != nil {
		return Allotment{}, err
	}
	a.uiids()
	a.places()
	a.directories()
	if len(a.problems) > 0 {
		return Allotment{}, a.problems
	}
	a.out.Own.Begin = a.own.newest == nil
	for _, c := range []*Change{&a.out.Shared, &a.out.Own} {
		if err := c.name(random); err != nil {
			return Allotment{}, err
		}
	}
	return a.out, nil
}

// name gives a change that has something its ID.
func (c *Change) name(random io.Reader) error {
	if c.Empty() {
		return nil
	}
	var id [changeIDSize]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return fmt.Errorf("no random bytes: %w", err)
	}
	c.ID = hex.EncodeToString(id[:])
	return nil
}

func (a *allotter) problem(at facsimile.Position, hint, format string, args ...any) {
	e := facsimile.Errorf(facsimile.BadInput, format, args...).WithAt(at)
	e.Hint = hint
	a.problems = append(a.problems, e)
}

func (a *allotter) note(at facsimile.Position, format string, args ...any) {
	a.out.Notes = append(a.out.Notes, facsimile.Errorf(facsimile.Done, format, args...).WithAt(at))
}

// checkNames refuses replicas that two needs name, and numbers that make no sense.
func (a *allotter) checkNames() {
	first := map[facsimile.Replica]facsimile.Position{}
	for _, n := range a.needs.Replicas {
		at, twice := first[n.Replica]
		switch {
		case n.Replica == "":
			a.problem(n.At, "", "a replica of the module %s has no name", n.Module)
		case twice:
			a.problem(n.At, "two modules must not give their services one name", "the replica %s is needed twice, also by %s", n.Replica, at)
		case n.Port < 0 || n.Port > maxPort:
			a.problem(n.At, "", "%d is not a port: ports are from 1 to %d", n.Port, maxPort)
		case n.PortAuto && n.Port != 0:
			a.problem(n.At, "", "the port of %s is both %d and automatic", n.Replica, n.Port)
		}
		first[n.Replica] = n.At
	}
	if r := a.needs.AutoPorts; r.First < 1 || r.Last < r.First || r.Last > maxPort {
		a.problem(facsimile.Position{}, "", "%d to %d is not a range of ports", r.First, r.Last)
	}
}

// secrets makes those that are missing. Its own error is one of random.
func (a *allotter) secrets() error {
	seen := map[string]SecretNeed{}
	for _, n := range a.needs.Secrets {
		r, err := n.Policy.recipe()
		if err != nil {
			a.problem(n.At, "", "cannot make the secret %s: %w", n.Key, err)
			continue
		}
		if n.Key == "" || len(n.Key) > maxSecretKeySize {
			a.problem(n.At, "", "%.60q cannot be the key of a secret", n.Key)
			continue
		}
		if other, twice := seen[n.Key]; twice {
			if other.Policy != n.Policy {
				a.problem(n.At, "modules of one username share its password, and must agree on how it is made",
					"the secret %s is wanted in two ways, the other by %s", n.Key, other.At)
			}
			continue
		}
		seen[n.Key] = n
		if a.shared.items[secretKey(n.Key)] != nil {
			continue
		}
		if bits := r.bits(); bits < weakBits {
			a.note(n.At, "the secret %s is weak: %d random bits, and at least %d would resist guessing", n.Key, bits, weakBits)
		}
		value, err := r.make(a.random)
		if err != nil {
			return err
		}
		a.ids.Secrets = append(a.ids.Secrets, NewSecret{Key: n.Key, Value: value, Type: r.kind, Bits: r.bits()})
	}
	return nil
}

// uiids gives out the ids above the highest ever used, in the order of the needs. Nothing is
// ever taken out of a state, so the highest there is the highest ever.
func (a *allotter) uiids() {
	highest := 0
	for _, it := range a.shared.items {
		highest = max(highest, it.UIID)
	}
	for _, n := range a.needs.Replicas {
		if a.shared.items[replicaKey(n.Replica)] != nil {
			continue
		}
		highest++
		if highest > a.needs.MaxUIID {
			a.problem(n.At, "ids are never used twice; a higher limit can be set, if what uses the ids takes it",
				"no id is left for %s: they go up to %d", n.Replica, a.needs.MaxUIID)
			continue
		}
		a.ids.IDs = append(a.ids.IDs, NewID{Replica: n.Replica, UIID: highest, Module: n.Module, LogicalName: n.LogicalName})
	}
}

// directories fixes those that are new.
func (a *allotter) directories() {
	seen := map[itemKey]DirectoryNeed{}
	for _, n := range a.needs.Directories {
		key := directoryKey(n.Module, n.Name)
		other, twice := seen[key]
		switch {
		case n.Module == "" || n.Name == "" || n.Path == "" || len(n.Path) > maxPathLength:
			a.problem(n.At, "", "the directory %q of the module %q cannot be at %.60q", n.Name, n.Module, n.Path)
		case twice && other.Path != n.Path:
			a.problem(n.At, "", "the directory %s of the module %s is at %q and, by %s, at %q", n.Name, n.Module, n.Path, other.At, other.Path)
		case twice || a.own.items[key] != nil:
		default:
			a.out.Own.Directories = append(a.out.Own.Directories, NewDirectory{Module: n.Module, Name: n.Name, Path: n.Path})
		}
		seen[key] = n
	}
}
