package project

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/deploy"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/state"
)

// Plan says what Deploy would change. Where the state lacks something there is no digest yet:
// then the plan is empty and Pending says what is missing.
func (p *Project) Plan(ctx context.Context, in facsimile.Instance, say func(string)) (Plan, Pending, error) {
	i, err := p.open(ctx, in, forShipping, say)
	if err != nil {
		return Plan{}, Pending{}, err
	}
	a, err := i.allot()
	if err != nil {
		return Plan{}, Pending{}, err
	}
	if missing := a.Pending(); len(missing) > 0 || i.states.own.Head() == (state.Head{}) {
		return Plan{}, Pending{Names: missing}, i.trial(ctx, a)
	}
	if err := i.compile(ctx, say); err != nil {
		return Plan{}, Pending{}, err
	}
	m, _, err := i.assemble(ctx)
	if err != nil {
		return Plan{}, Pending{}, err
	}
	d, err := i.deployer(DeployOptions{})
	if err != nil {
		return Plan{}, Pending{}, err
	}
	plan, err := d.Plan(ctx, m.release)
	return plan, Pending{}, err
}

// Deploy builds and rolls out.
func (p *Project) Deploy(ctx context.Context, in facsimile.Instance, o DeployOptions) (Result, error) {
	i, err := p.open(ctx, in, forShipping, o.Say)
	if err != nil {
		return Result{}, err
	}
	return i.deploy(ctx, o)
}

func (i *instance) deploy(ctx context.Context, o DeployOptions) (Result, error) {
	first, err := i.deployer(DeployOptions{}) // before anything is generated or built, and nothing to tell
	if err != nil {
		return Result{}, err
	}
	if err := i.checkLost(ctx, first); err != nil {
		return Result{}, err
	}
	m, err := i.build(ctx, "facs deploy "+string(i.name), o.Say)
	if err != nil {
		return Result{}, err
	}
	d, err := i.deployer(o) // with the keys of a state that has begun by now
	if err != nil {
		return Result{}, err
	}
	return d.Deploy(ctx, m.release, o.Why)
}

// checkLost refuses to begin a state where the nodes run with another, before it is generated: a
// new one beside the lost one only confuses whoever gets that back. Nodes that do not answer are
// left to the rollout, which refuses them.
func (i *instance) checkLost(ctx context.Context, d *deploy.Deployer) error {
	if i.states.own.Head() != (state.Head{}) {
		return nil
	}
	order, err := d.Standing(ctx)
	if err != nil || order.StateHead == "" || i.knowsHead(order.StateHead) {
		return err
	}
	return facsimile.Errorf(facsimile.Refused, "the nodes of %s run state %.19s, deployed by %s in epoch %d, and there is no state of %s here: nothing was generated",
		i.name, order.StateHead, order.Who, order.Epoch, i.name).
		WithHint("get %s from where it was made, by version control or a backup", filepath.Join(i.project.topDir(), "state"))
}

// Rollback rolls out an older release: the one named, by digest or an unambiguous beginning of
// its digits, or the last good one before the current where to is "".
func (p *Project) Rollback(ctx context.Context, in facsimile.Instance, to string, o DeployOptions) (Result, error) {
	i, err := p.open(ctx, in, forLooking, nil)
	if err != nil {
		return Result{}, err
	}
	digest, err := p.findRelease(in, to)
	if err != nil {
		return Result{}, err
	}
	d, err := i.deployer(o)
	if err != nil {
		return Result{}, err
	}
	return d.Rollback(ctx, digest, o.Why)
}

// findRelease finds a release of an instance by the beginning of its digits.
func (p *Project) findRelease(in facsimile.Instance, to string) (facsimile.Digest, error) {
	if to == "" {
		return facsimile.Digest{}, nil
	}
	store, err := p.releases()
	if err != nil {
		return facsimile.Digest{}, err
	}
	records, err := store.Releases(in)
	if err != nil && len(records) == 0 { // beside others a damaged one is no reason to give up
		return facsimile.Digest{}, err
	}
	var found []facsimile.Digest
	for _, r := range records {
		if strings.HasPrefix(r.Digest.Hex(), strings.TrimPrefix(to, "sha256:")) {
			found = append(found, r.Digest)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && err != nil:
		return facsimile.Digest{}, err
	case len(found) == 0:
		return facsimile.Digest{}, facsimile.Errorf(facsimile.BadInput, "there is no release %s of instance %s here", to, in).
			WithHint("facs history %s shows what was deployed", in)
	}
	return facsimile.Digest{}, facsimile.Errorf(facsimile.BadInput, "%d releases of instance %s start with %s", len(found), in, to).
		WithHint("give more of its digits")
}

// Verify re-reads every byte on every node, or on one.
func (p *Project) Verify(ctx context.Context, at Address) (Verification, error) {
	d, err := p.looker(ctx, at)
	if err != nil {
		return Verification{}, err
	}
	var only []facsimile.Node
	if at.Node != "" {
		only = append(only, at.Node)
	}
	return d.Verify(ctx, facsimile.Digest{}, only...)
}

// Status asks every node what it runs.
func (p *Project) Status(ctx context.Context, in facsimile.Instance) (Status, error) {
	d, err := p.looker(ctx, Address{Instance: in})
	if err != nil {
		return Status{}, err
	}
	status, err := d.Status(ctx)
	if err != nil {
		return status, err
	}
	running, err := p.Running(in)
	if err != nil {
		return status, err
	}
	for _, r := range running.Replicas {
		for n := range status.Nodes {
			if status.Nodes[n].Node == r.Node && running.Running {
				status.Nodes[n].Services = append(status.Nodes[n].Services, deploy.Service{Name: string(r.Name), State: string(r.State)})
			}
		}
	}
	return status, nil
}

// History gives the rollouts of an instance, the newest first. Nodes that did not answer are
// named by a notice.
func (p *Project) History(ctx context.Context, in facsimile.Instance) ([]Rollout, error) {
	d, err := p.looker(ctx, Address{Instance: in})
	if err != nil {
		return nil, err
	}
	entries, silent, err := d.History(ctx)
	for n, why := range silent {
		p.notice(fmt.Sprintf("node %s did not answer: %v", n, why))
	}
	return entries, err
}

func (p *Project) looker(ctx context.Context, at Address) (*deploy.Deployer, error) {
	i, err := p.open(ctx, at.Instance, forLooking, nil)
	if err != nil {
		return nil, err
	}
	if at.Node != "" {
		if _, err := i.at(at, ""); err != nil { // names an unknown node
			return nil, err
		}
	}
	return i.deployer(DeployOptions{})
}

// deployer makes the rollout engine of an instance.
func (i *instance) deployer(o DeployOptions) (*deploy.Deployer, error) {
	p := i.project
	store, err := p.releases()
	if err != nil {
		return nil, err
	}
	var members []deploy.Member
	for _, n := range i.topology.Nodes {
		host, err := i.host(n)
		if err != nil {
			return nil, err
		}
		members = append(members, deploy.Member{Name: n.Name, Region: n.Region, Targets: n.Targets, Node: host})
	}
	if len(members) == 0 {
		return nil, facsimile.Errorf(facsimile.Refused, "instance %s has no nodes", i.name).WithHint("list them under deploy.nodes, by target")
	}
	keep, _ := i.parts[0].resolved.Root().Lookup(facsimile.Path{"deploy", "keep"}).Int64()
	return deploy.New(deploy.Options{
		Definition: p.name, Instance: i.name, Nodes: members, Store: store, Keys: i.keys(),
		Claim: p.tmpDir("claim-" + string(i.name)), HasHead: i.knowsHead,
		Who: p.o.Who, Keep: int(keep), Now: p.o.Now, Random: p.o.Random, Progress: o.Progress,
	})
}

// knowsHead reports whether this checkout's states contain the heads that a node runs, as
// snapshots.heads wrote them.
func (i *instance) knowsHead(heads string) bool {
	own, shared, both := strings.Cut(heads, headsSeparator)
	return knows(i.states.own, own) && (!both || knows(i.states.shared, shared))
}

func knows(s state.Snapshot, head string) bool {
	d, err := facsimile.ParseDigest(head)
	return err != nil || s.Knows(state.Head{Digest: d})
}

// host gives a node: in process for a local one, behind a connection for one reached by SSH.
func (i *instance) host(n define.NodeDecl) (node.Node, error) {
	switch n.Transport {
	case define.Local:
		home, err := i.view.Home(n)
		if err != nil {
			return nil, err
		}
		return node.NewHost(node.HostOptions{Home: home, Name: n.Name, Now: i.project.o.Now})
	case define.SSH:
		return i.remoteNode(n)
	}
	return nil, facsimile.Errorf(facsimile.Refused, "node %s is reached by %s, which this version of facs cannot do", n.Name, n.Transport).
		WithAt(i.project.sources.Position(n.At)).WithHint("the transports are ssh and local")
}
