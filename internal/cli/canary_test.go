package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// everyCommand asks for everything that shows something, in every format.
func (c *canary) everyCommand() {
	for _, command := range []string{
		"", "list", "list nodes beta", "list modules beta", "list projects beta",
		"show beta", "show beta --origins", "show beta/n1", "show beta dsn", "show beta modules.web.password", "show beta modules.web.secrets",
		"explain beta dsn", "explain beta again", "explain beta modules.web.password", "explain beta/n1 dsn", "show beta dsn.nope", "explain beta modules.web.password.x",
		"check", "diff beta prod", "diff beta prod --check", "diff beta/n1 beta/n2",
		"build beta", "plan beta", "deploy beta", "deploy beta --dry-run", "status beta", "verify beta", "history beta",
		"rollback beta --dry-run", "ps beta", "down beta", "deploy prod", "version", "help deploy",
		"__complete show beta dsn", "__complete show beta modules.web.",
	} {
		for _, format := range []string{"", " -o json", " --color always"} {
			c.facs(command + format)
		}
	}
}

func TestNoCommandShowsASecret(t *testing.T) {
	t.Parallel()
	c := newCanary(t)
	c.everyCommand()
	c.write("define/beta.yaml", "later: 1\n")
	c.write("tmpl/_ALL_/_DEPLOY_/etc/tiny.conf", "later\n")
	c.everyCommand()
	c.facs("rollback beta")
	if status := c.facs("up beta --detach"); status != 0 {
		t.Errorf("up: status %d: %s", status, c.said[len(c.said)-1].text)
	}
	c.everyCommand()
	c.facs("down beta")
	c.check()
}

// TestNoFailureShowsASecret breaks things next to secrets, in every way that has a message of its own.
func TestNoFailureShowsASecret(t *testing.T) {
	t.Parallel()
	canary := newCanary(t)
	for name, c := range map[string]struct {
		file, text string
		replace    bool
	}{
		"readable by all":             {file: "facsimile.yaml", text: "name: tiny\ninstall: {groups: [{type: tmpl, dir: tmpl, mode: '0644'}]}\n", replace: true},
		"owner that is a secret":      {file: "define/beta.yaml", text: "install: {groups: [{type: tmpl, dir: tmpl, owner: \"{{ instance.modules.web.password }}\"}]}\n"},
		"folder that is a secret":     {file: "define/beta.yaml", text: "install: {groups: [{type: tmpl, dir: \"{{ instance.modules.web.password }}\"}]}\n"},
		"target that is a secret":     {file: "define/beta.yaml", text: "install: {groups: [{type: tmpl, dir: tmpl, targets: [\"{{ instance.modules.web.password }}\"]}]}\n"},
		"parity with a secret":        {file: "facsimile.yaml", text: "modules: {web: {targets: [\"{{ instance.modules.web.password }}\"]}}\n"},
		"user that is a secret":       {file: "define/beta.yaml", text: "modules: {web: {service: {user: \"{{ instance.modules.web.password }}\", after: [\"{{ instance.modules.web.password }}\"]}}}\n"},
		"command that does not close": {file: "define/beta.yaml", text: "modules: {web: {service: {exec: \"{{ facs.current }}/bin/serve '{{ instance.modules.web.password }}\"}}}\n"},
		"command that is a secret":    {file: "define/beta.yaml", text: "modules: {web: {service: {exec: \"/{{ instance.modules.web.password }}\"}}}\n"},
		"port that is a secret":       {file: "define/beta.yaml", text: "modules: {web: {service: {port: \"{{ instance.modules.web.password }}\"}}}\n"},
		"count that is a secret":      {file: "define/beta.yaml", text: "modules: {web: {service: {n_instances: \"{{ instance.modules.web.password }}\"}}}\n"},
		"home that is a secret":       {file: "define/beta.yaml", text: "inherit: [base]\ndeploy: {nodes: {app: [n1]}}\nnodes: {n1: {transport: local, home: \"./run/{{ instance.modules.web.password }}\"}}\n", replace: true},
		"mode that is a secret":       {file: "define/beta.yaml", text: "install: {groups: [{type: tmpl, dir: tmpl, mode: \"{{ instance.modules.web.password }}\"}]}\n"},
		"reference that fails":        {file: "define/beta.yaml", text: "bad: \"{{ instance.dsn.nope.nope + instance.modules.web.password }}\"\n"},
		"health of a secret address":  {file: "define/beta.yaml", text: "modules: {web: {service: {health: {http: \"{{ instance.modules.web.password }}\"}}}}\n"},
		"YAML that breaks off":        {file: "define/beta.yaml", text: "x: [1, 2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			canary.t, canary.said = t, nil
			before, existed := canary.read(c.file)
			if c.replace {
				canary.put(c.file, c.text)
			} else {
				canary.put(c.file, before+c.text)
			}
			failed := 0
			for _, command := range []string{"check beta", "show beta bad", "show beta -o json", "explain beta bad", "diff beta prod", "build beta", "build beta -o json",
				"plan beta", "deploy beta", "up beta --detach", "down beta"} {
				if canary.facs(command) != 0 {
					failed++
				}
			}
			if failed <= 2 { // beta has no value named bad, but for one case
				t.Errorf("%d commands failed: this way to break things is none", failed)
			}
			if existed {
				canary.put(c.file, before)
			} else {
				canary.remove(c.file)
			}
			canary.checkSaid()
		})
	}
	canary.t = t
	canary.checkFiles()
}

// TestNoDamageShowsASecret damages what holds secrets, and what opens them.
func TestNoDamageShowsASecret(t *testing.T) {
	t.Parallel()
	c := newCanary(t)
	c.write("run/n1/current/etc/secret.conf", "x")
	c.facs("verify beta")
	c.facs("verify beta -o json")
	c.facs("plan beta")
	c.facs("deploy beta -o json")
	damage := func(pattern, what string, f func([]byte) []byte) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(c.project, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no such file (%v)", pattern, err)
		}
		for _, file := range files {
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, f(bytes.Clone(before)), info.Mode()); err != nil {
				t.Fatal(err)
			}
			for _, command := range []string{"show beta", "build beta", "build beta -o json", "deploy beta", "verify beta", "history beta"} {
				c.facs(command)
			}
			if err := os.WriteFile(file, before, info.Mode()); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: %s", pattern, what)
	}
	for _, pattern := range []string{".facsimile/state/beta/secrets/*.age", ".facsimile/state/beta/key.age", ".facsimile/state/beta/journal/*", ".facsimile/tmp/store/releases/*", "run/n1/.facs/journal",
		"run/n1/.facs/owner.json"} {
		damage(pattern, "cut off", func(b []byte) []byte { return b[:len(b)/2] })
		damage(pattern, "one bit", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	}
	if status := c.facs("deploy beta"); status != 0 {
		t.Errorf("with all back in place, deploy gives %d: %s", status, c.said[len(c.said)-1].text)
	}
	c.check()
}
