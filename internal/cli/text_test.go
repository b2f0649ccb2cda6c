package cli

import (
	"fmt"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/deploy"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
	"facsimile.dev/facsimile/run"
)

// TestTextOfWhatScriptsDoNotReach holds the text of answers that a quick script cannot bring about.
func TestTextOfWhatScriptsDoNotReach(t *testing.T) {
	a, b := facsimile.DigestOf([]byte("a")), facsimile.DigestOf([]byte("b"))
	var many []string
	var differences []facsimile.Difference
	for i := range 50 {
		many = append(many, fmt.Sprintf("f%02d", i))
		differences = append(differences, facsimile.Difference{Path: many[i], Kind: facsimile.Missing})
	}
	for _, c := range []struct {
		name string
		text func(*ui.Page)
		want string
	}{
		{"a plan of many paths", func(p *ui.Page) {
			planText(p, "prod", newPlanDocument(project.Plan{Digest: b, Nodes: []deploy.NodePlan{
				{Node: "app1", From: a, To: b, Add: many[:14], Change: many[:13], Remove: many[:1], Restart: []string{"apid.0"}, Tasks: []string{"bin/api migrate"}, Note: "its current leads nowhere"},
				{Node: "app2", From: b, To: b},
			}}, project.Pending{}), false)
		}, `prod sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d
app1  sha256:ca978112ca1b → sha256:3e23e8160039
  its current leads nowhere
  + f00
  + f01
  + f02
  + f03
  + f04
  + f05
  + f06
  + f07
  + f08
  + f09
  + f10
  + f11
  + and 2 more (--all)
  ~ f00
  ~ f01
  ~ f02
  ~ f03
  ~ f04
  ~ f05
  ~ f06
  ~ f07
  ~ f08
  ~ f09
  ~ f10
  ~ f11
  ~ f12
  - f00
  restart apid.0
  run bin/api migrate
app2  no change
14 to add, 13 to change, 1 to remove, on 1 of 2 nodes.
`},
		{"a rollout that was undone", func(p *ui.Page) {
			resultText(p, "prod", project.Result{Digest: b, Epoch: 7, Result: deploy.EndRolledBack, Nodes: []deploy.NodeResult{
				{Node: "app1", Result: deploy.EndRolledBack}, {Node: "app2", Result: deploy.EndFailed, Error: "no space\x1b[2J"},
			}})
		}, "  app1  rolled-back\n  app2  failed       no space␛[2J\nprod: rolled-back.\n"},
		{"nodes that differ in what they run", func(p *ui.Page) {
			statusText(p, project.Status{Instance: "prod", Nodes: []deploy.NodeStatus{
				{Node: "app1", Region: "eu", Targets: []facsimile.Target{"app", "db"}, Release: a, Epoch: 6,
					Services: []deploy.Service{{Name: "apid.0", State: "healthy"}, {Name: "apid.1", State: "exited"}}},
				{Node: "app2", Region: "us", Targets: []facsimile.Target{"app"}, Error: "look: no route"},
			}})
		}, `NODE  REGION  TARGETS  RELEASE              EPOCH  SERVICES
app1  eu      app, db  sha256:ca978112ca1b  6      apid.0 healthy, apid.1 exited
app2  us      app      unknown                                                    look: no route
`},
		{"what runs and does not work", func(p *ui.Page) {
			runningText(p, "beta", project.Running{Running: true, Replicas: []run.ReplicaStatus{
				{Name: "apid.0", Node: "app1", State: run.Healthy, PID: 12, Address: "127.0.0.1:8000"},
				{Name: "apid.1", Node: "app1", State: run.Restarting, Restarts: 3, Reason: "exit status 1"},
			}})
		}, `REPLICA  NODE  STATE       ADDRESS         PID  RESTARTS  REASON
apid.0   app1  healthy     127.0.0.1:8000  12
apid.1   app1  restarting                       3         exit status 1
`},
		{"what was left of a killed supervisor", func(p *ui.Page) {
			stoppedText(p, "beta", project.Stopped{Replicas: []facsimile.Replica{"apid.0"}, Killed: 2})
		}, "Stopped 1 replica of beta.\n2 processes had to be found and killed.\n"},
		{"a check with warnings only", func(p *ui.Page) {
			findings := []project.Finding{{Warning: true, Error: &facsimile.Error{Msg: "two parents disagree", Hint: "say which"}}}
			checkText(p, findings, newCheckDocument(findings), 3)
		}, "warning: two parents disagree\nhint: say which\n3 instances checked: 1 warning\n"},
	} {
		env, stdout, _ := testEnv(t)
		if err := newApp(env).ui.Print(nil, c.text); err != nil || stdout.String() != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, stdout, c.want)
		}
	}
	env, stdout, _ := testEnv(t)
	_ = newApp(env).ui.Print(nil, func(p *ui.Page) { differenceText(p, differences) })
	if got, want := stdout.String()[len(stdout.String())-67:], "  - f38  missing\n  - f39  missing\n  and 10 more (all with -o json)\n"; got != want {
		t.Errorf("many differences end in\n%q\nwant\n%q", got, want)
	}
}

func TestStatusAgrees(t *testing.T) {
	a := deploy.NodeStatus{Node: "a", Epoch: 2}
	for _, c := range []struct {
		nodes []deploy.NodeStatus
		want  bool
	}{
		{nil, true},
		{[]deploy.NodeStatus{a, {Node: "b", Epoch: 2}}, true},
		{[]deploy.NodeStatus{a, {Node: "b", Epoch: 1}}, false},
		{[]deploy.NodeStatus{a, {Node: "b", Epoch: 2, Error: "x"}}, false},
	} {
		if got := agree(project.Status{Nodes: c.nodes}); got != c.want {
			t.Errorf("%+v: %t, want %t", c.nodes, got, c.want)
		}
	}
}
