package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status INSTANCE",
		Short: "Ask every node what it runs",
		Long: `Asks every node of an instance which release it has and what runs there. It believes what the nodes say of themselves; facs verify reads every byte.

The status is 1 when a node does not answer, or the nodes do not all have the same release.`,
		Example:           "  facs status beta\n  facs status prod -o json",
		Args:              takes,
		ValidArgsFunction: completes(a.instances),
		Annotations:       statuses("0123"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.status(cmd.Context(), args[0])
		},
	}
}

func (a *app) status(ctx context.Context, name string) error {
	in, err := parseInstance(name)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		s, err := p.Status(ctx, in)
		if err != nil {
			return err
		}
		if err := a.ui.Print(newStatusDocument(s), func(page *ui.Page) { statusText(page, s) }); err != nil {
			return err
		}
		return yes(agree(s))
	})
}

// statusDocument is a status as JSON output has it.
type statusDocument struct {
	Instance facsimile.Instance   `json:"instance"`
	Nodes    []nodeStatusDocument `json:"nodes"`
}

type nodeStatusDocument struct {
	Node     facsimile.Node     `json:"node"`
	Region   facsimile.Region   `json:"region"`
	Targets  []facsimile.Target `json:"targets"`
	Release  liveRelease        `json:"release"`
	Epoch    uint64             `json:"epoch"`
	Services []serviceDocument  `json:"services"`
	Error    string             `json:"error,omitempty"`
}

type serviceDocument struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

func newStatusDocument(s project.Status) statusDocument {
	doc := statusDocument{Instance: s.Instance, Nodes: make([]nodeStatusDocument, len(s.Nodes))}
	for i, n := range s.Nodes {
		one := nodeStatusDocument{Node: n.Node, Region: n.Region, Targets: n.Targets, Release: liveRelease(n.Release.String()), Epoch: n.Epoch, Error: n.Error}
		if n.Release.IsZero() && n.Error != "" {
			one.Release = unknownRelease
		}
		for _, service := range n.Services {
			one.Services = append(one.Services, serviceDocument(service))
		}
		present(&one.Targets)
		present(&one.Services)
		doc.Nodes[i] = one
	}
	return doc
}

// liveRelease is the digest of what a node has, none, or unknown.
type liveRelease string

// unknownRelease stands for the release of a node that could not say which it has.
const unknownRelease liveRelease = "unknown"

// agree reports whether all nodes answer and were last changed by the same rollout.
func agree(s project.Status) bool {
	for _, n := range s.Nodes {
		if n.Error != "" || n.Epoch != s.Nodes[0].Epoch {
			return false
		}
	}
	return true
}

func statusText(page *ui.Page, s project.Status) {
	rows := make([][]string, len(s.Nodes))
	for i, n := range s.Nodes {
		var targets, services []string
		for _, t := range n.Targets {
			targets = append(targets, string(t))
		}
		for _, service := range n.Services {
			services = append(services, service.Name+" "+stateText(page, service.State))
		}
		epoch := ""
		if n.Epoch > 0 {
			epoch = fmt.Sprint(n.Epoch)
		}
		live := short(n.Release)
		if n.Release.IsZero() && n.Error != "" {
			live = string(unknownRelease)
		}
		rows[i] = []string{page.Name(string(n.Node)), string(n.Region), strings.Join(targets, ", "), live, epoch,
			strings.Join(services, ", "), page.Bad(ui.Visible(n.Error))}
	}
	page.Table([]string{"NODE", "REGION", "TARGETS", "RELEASE", "EPOCH", "SERVICES", ""}, rows)
}

// stateText is the state of a service, painted.
func stateText(page *ui.Page, state string) string {
	switch state {
	case "healthy", "running":
		return page.Good(state)
	case "unhealthy", "exited", "failed":
		return page.Bad(state)
	}
	return page.Warn(state)
}
