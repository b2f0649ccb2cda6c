package node

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"sync"

	facsimile "facsimile.dev/facsimile"
)

// identities turns the names of users and groups in a tree into numbers.
type identities struct {
	uid    int // of whoever deploys to the home
	mu     sync.Mutex
	users  map[string]identity
	groups map[string]identity
}

type identity struct {
	id  int
	err error
}

func newIdentities(uid int) *identities {
	return &identities{uid: uid, users: map[string]identity{}, groups: map[string]identity{}}
}

// of gives the owner and the group that a file should have; -1 where any group will do.
func (w *identities) of(f facsimile.File) (uid, gid int, err error) {
	uid, gid = w.uid, -1
	if f.Owner != "" {
		if uid, err = w.find(w.users, f.Owner, "user", func(name string) (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		}); err != nil {
			return 0, 0, err
		}
	}
	if f.Group != "" {
		if gid, err = w.find(w.groups, f.Group, "group", func(name string) (string, error) {
			g, err := user.LookupGroup(name)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		}); err != nil {
			return 0, 0, err
		}
	}
	return uid, gid, nil
}

// find looks a name up once. A name that nobody has but that is a number is that number.
func (w *identities) find(known map[string]identity, name, kind string, lookup func(string) (string, error)) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if have, ok := known[name]; ok {
		return have.id, have.err
	}
	text, err := lookup(name)
	if err != nil {
		text = name
	}
	id, numErr := strconv.ParseUint(text, 10, 31)
	found := identity{id: int(id)}
	if numErr != nil {
		found.err = fmt.Errorf("there is no %s %s on this node", kind, name)
	}
	known[name] = found
	return found.id, found.err
}

// check says which owners of a tree cannot be given here: names that nobody has, and, for
// those who are not root, users that they are not and groups that they are not in.
func (w *identities) check(name facsimile.Node, t facsimile.Tree) error {
	var problems facsimile.Problems
	told := map[string]bool{}
	for _, f := range t.Files {
		as := f.Owner + ":" + f.Group
		if as == ":" || told[as] {
			continue
		}
		told[as] = true
		uid, gid, err := w.of(f)
		if err == nil {
			err = mayGive(uid, gid)
		}
		if err != nil {
			problems = append(problems, facsimile.Errorf(facsimile.Refused, "cannot give %s to %s on node %s: %w", f.Path, as, name, err).
				WithHint("make them on the node, or deploy as root, or leave owner and group out"))
		}
	}
	return problems.OrNil()
}

func mayGive(uid, gid int) error {
	me := os.Geteuid()
	if me == 0 {
		return nil
	}
	if uid != me {
		return fmt.Errorf("%s may not give files to %s", userName(me), userName(uid))
	}
	if groups, err := os.Getgroups(); gid >= 0 && gid != os.Getegid() && (err != nil || !slices.Contains(groups, gid)) {
		return fmt.Errorf("%s is not in group %d", userName(me), gid)
	}
	return nil
}
