package project

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/node/remote"
)

// Preparation is what Prepare found of one node.
type Preparation struct {
	Node   facsimile.Node `json:"node"`
	Ready  bool           `json:"ready"` // a deployment would not stop at anything found here
	Checks []NodeCheck    `json:"checks"`
}

// NodeCheck is one thing that a deployment needs of a node.
type NodeCheck struct {
	What  string `json:"what"`
	OK    bool   `json:"ok"`
	Found string `json:"found"`
	Do    string `json:"do,omitempty"` // what facs would do about it, or what somebody has to do
}

// Prepare looks at the nodes of an instance, or at one, for all that a deployment needs: that
// they can be reached and by whom, the program, the home. It changes nothing there.
func (p *Project) Prepare(ctx context.Context, at Address) ([]Preparation, error) {
	i, err := p.open(ctx, at.Instance, forLooking, nil)
	if err != nil {
		return nil, err
	}
	if at.Node != "" {
		if _, err := i.at(at, ""); err != nil {
			return nil, err
		}
	}
	var nodes []define.NodeDecl
	for _, n := range i.topology.Nodes {
		if at.Node == "" || n.Name == at.Node {
			nodes = append(nodes, n)
		}
	}
	out := make([]Preparation, len(nodes))
	errs := make([]error, len(nodes))
	var looking sync.WaitGroup
	for k, n := range nodes {
		looking.Go(func() { out[k], errs[k] = i.prepare(ctx, n) })
	}
	looking.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (i *instance) prepare(ctx context.Context, n define.NodeDecl) (Preparation, error) {
	out := Preparation{Node: n.Name, Ready: true}
	add := func(c NodeCheck) {
		out.Checks = append(out.Checks, c)
		out.Ready = out.Ready && c.OK
	}
	home, err := i.view.Home(n)
	if err != nil {
		return out, err
	}
	if n.Transport == define.Local {
		add(NodeCheck{What: "reach", OK: true, Found: "this machine"})
		return out, nil
	}
	target, err := i.target(n)
	if err != nil {
		return out, err
	}
	program, err := i.project.self()
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	facts, err := i.survey(ctx, target, home, remote.Path(program.Digest))
	if err != nil {
		add(unreached(err))
		return out, nil
	}
	how := "as " + facts["user"]
	if target.Become {
		how += ", by sudo"
	}
	add(NodeCheck{What: "reach", OK: true, Found: how + ", " + facts["system"]})
	add(facts.program(program))
	add(facts.home(home))
	add(facts.room())
	return out, nil
}

// unreached makes an error a check, with its hint as what to do.
func unreached(err error) NodeCheck {
	c := NodeCheck{What: "reach", Found: err.Error()}
	for _, e := range problems(err) {
		c.Found, c.Do = e.Msg, e.Hint
	}
	return c
}

// survey is the shell program that finds the facts: one "name value" on each line.
const survey = `
home=$1 program=$2
echo "system $(uname -sm)"
echo "user $(id -un)"
[ -x "./$program" ] && echo "program $(sha256sum <"./$program" 2>/dev/null | cut -d' ' -f1)"
command -v sha256sum >/dev/null || echo "nosum there"
put=./$program
while [ ! -e "$put" ]; do put=$(dirname "$put"); done
[ -w "$put" ] || echo "locked $put"
near=$home
while [ ! -e "$near" ] && [ "$near" != / ]; do near=$(dirname "$near"); done
echo "near $near"
[ -d "$near" ] && [ -w "$near" ] && echo "writable there"
echo "owner $(stat -c %U "$near" 2>/dev/null)"
[ -e "$home/.facs" ] && echo "mark there"
[ -d "$home" ] && [ -n "$(ls -A "$home" 2>/dev/null)" ] && echo "full there"
echo "free $(df -Pk "$near" | tail -n 1 | awk '{print $4}')"
`

// facts are what the survey found, by name.
type facts map[string]string

func (i *instance) survey(ctx context.Context, target machine.Target, home, program string) (facts, error) {
	conn, err := i.project.dial(ctx, target)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	process, err := conn.Start(ctx, []string{"sh", "-c", survey, "facs", home, program})
	if err != nil {
		return nil, err
	}
	if err := process.Stdin().Close(); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(process, 64<<10))
	if err != nil {
		return nil, err
	}
	if err := process.Wait(); err != nil {
		return nil, err
	}
	found := facts{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[name] = value
	}
	return found, nil
}

func (f facts) program(want remote.Program) NodeCheck {
	c := NodeCheck{What: "program", OK: true, Found: "there"}
	sum, there := f["program"] // without sha256sum there is no sum
	switch {
	case there && (sum == "" || sum == want.Digest.Hex()):
	case there:
		c.OK, c.Found, c.Do = false, "something else stands in its place", "remove ~/"+remote.Path(want.Digest)+" on the node"
	case f["nosum"] != "":
		c.OK, c.Found, c.Do = false, "sha256sum is missing", "install coreutils on the node"
	case f["locked"] != "":
		c.OK, c.Found = false, fmt.Sprintf("not there, and %s may not write in %s", f["user"], strings.Replace(f["locked"], ".", "~", 1))
		c.Do = fmt.Sprintf("on the node, as root: install -d ~%[1]s/.facsimile && chown -R %[1]s ~%[1]s/.facsimile", f["user"])
	default:
		c.Found, c.Do = "not there yet", fmt.Sprintf("the first deployment puts it under ~/.facsimile/bin (%d MB)", (want.Size+1<<20-1)>>20)
	}
	return c
}

func (f facts) home(home string) NodeCheck {
	c := NodeCheck{What: "home", Found: home + " is there"}
	mine := fmt.Sprintf("on the node, as root: install -d -o %s %s", f["user"], home)
	switch {
	case f["mark"] != "":
		c.OK, c.Found = f["writable"] != "", home+" is there, with the mark of an instance"
	case f["full"] != "":
		c.Found, c.Do = home+" holds files, and no mark of an instance", "choose another home, or move them away"
		return c
	case f["near"] == home:
		c.OK = f["writable"] != ""
	case f["writable"] != "":
		c.OK, c.Found, c.Do = true, home+" is not there yet", "the first deployment makes it"
	default:
		c.Found = fmt.Sprintf("%s is not there, and %s may not write in %s", home, f["user"], f["near"])
		c.Do = mine
		return c
	}
	if !c.OK && f["owner"] == f["user"] {
		c.Found, c.Do = fmt.Sprintf("%s cannot be written to, though it belongs to %s", home, f["user"]), "is it mounted read-only? Make it writable, or choose another home"
	} else if !c.OK {
		c.Found, c.Do = fmt.Sprintf("%s belongs to %s, and %s may not write there", path.Clean(home), f["owner"], f["user"]), mine
	}
	return c
}

// leastFree is how little room is worth a word, in KiB.
const leastFree = 100 << 10

func (f facts) room() NodeCheck {
	c := NodeCheck{What: "room", OK: true}
	free, err := strconv.ParseInt(f["free"], 10, 64)
	if err != nil {
		c.Found = "unknown"
		return c
	}
	c.Found = fmt.Sprintf("%d MB free", free>>10)
	if free < leastFree {
		c.OK, c.Do = false, "make room: a release is staged beside the live one"
	}
	return c
}
