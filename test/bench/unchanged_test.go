package bench

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/machine/ssh"
	"facsimile.dev/facsimile/node/remote"
)

// The cost of a deployment that finds nothing to do on 16 hosts, with a bare command on each as
// the peer.
func BenchmarkUnchanged(b *testing.B) {
	w := newWorld(b, 16)
	w.define("small", map[string]int{"all": 16})
	w.write("small/extra/_ALL_/etc/app.conf", "listen = 8080\n")
	if _, _, err := w.run("small", "deploy", "all"); err != nil {
		b.Fatal(err)
	}
	looker := w.newLooker()
	nothing := func(string) string { return "true" }
	c := contest{name: "nothing changed, 16 hosts", entrants: []entrant{
		{name: "ssh true", run: func(int) error { return w.sshAll(w.hosts, nil, nothing) }},
		{name: "cheap ssh true", run: func(int) error { return w.sshAll(w.hosts, cheap(), nothing) }},
		{name: "facs deploy", run: func(int) error { return w.deploy("small", "all", "unchanged") }},
		{name: "the Look in it", run: func(int) error { return looker.look() }, before: func(int) error { return looker.renew() }},
		// What it costs that a program of this size runs there, whatever it does.
		{name: "ssh facs version", run: func(int) error {
			return w.sshAll(w.hosts, cheap(), func(string) string { return remote.Path(looker.program.Digest) + " version" })
		}},
		{name: "facs build", run: func(int) error { _, _, err := w.run("small", "build", "all"); return err }},
	}}
	b.Cleanup(func() {
		if err := looker.dialer.Close(); err != nil {
			b.Error(err)
		}
	})
	c.hold(b)
	c.print("ssh true", "cheap ssh true")
	b.ReportMetric(c.ratio("facs deploy", "ssh true"), "deploy/ssh")
	b.ReportMetric(c.ratio("the Look in it", "ssh true"), "look/ssh")
	b.ReportMetric(c.ratio("the Look in it", "cheap ssh true"), "look/cheap-ssh")
}

// deploy deploys, and fails unless it ends as it should.
func (w *world) deploy(definition, instance, want string) error {
	cmd, out, err := w.run(definition, "deploy", instance)
	w.held = max(w.held, maxRSS(cmd))
	if err != nil {
		return err
	}
	var doc struct{ Result string }
	if err := json.Unmarshal(out, &doc); err != nil {
		return err
	}
	if doc.Result != want {
		return fmt.Errorf("facs deploy %s ended as %q, want %q", instance, doc.Result, want)
	}
	return nil
}

// looker does what the network's part of a deployment without changes is: it connects to every
// node and looks at it.
type looker struct {
	*world
	program remote.Program
	version string
	tree    facsimile.Digest // what is live on all of them
	dialer  *ssh.Dialer
}

func (w *world) newLooker() *looker {
	w.b.Helper()
	text, err := os.ReadFile(w.facs)
	if err != nil {
		w.b.Fatal(err)
	}
	l := &looker{world: w, program: remote.Program{Path: w.facs, Digest: sha256.Sum256(text), Size: int64(len(text))}}
	_, out, err := w.run("small", "version")
	if err != nil {
		w.b.Fatal(err)
	}
	var doc struct{ Version string }
	if err := json.Unmarshal(out, &doc); err != nil {
		w.b.Fatal(err)
	}
	l.version = "facs " + doc.Version
	if err := l.renew(); err != nil {
		w.b.Fatal(err)
	}
	if l.tree, err = l.live(); err != nil {
		w.b.Fatal(err)
	}
	return l
}

// renew hangs up and begins anew, so that no connection is there.
func (l *looker) renew() error {
	if l.dialer != nil {
		if err := l.dialer.Close(); err != nil {
			return err
		}
	}
	var err error
	l.dialer, err = ssh.NewDialer(ssh.Options{
		Config: l.ssh, Env: slices.Clone(l.env), Connect: 10 * time.Second, Alive: 5 * time.Second,
	})
	return err
}

func (l *looker) look() error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return each(l.hosts, func(host string) error {
		report, err := l.node(host).Look(ctx, l.tree)
		if err == nil && !report.Exact {
			err = fmt.Errorf("%s is no exact copy", host)
		}
		return err
	})
}

// live is the tree that is current on the first host; all have the same.
func (l *looker) live() (facsimile.Digest, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	report, err := l.node(l.hosts[0]).Look(ctx, facsimile.Digest{})
	return report.Current, err
}

func (l *looker) node(host string) *remote.Node {
	return remote.New(remote.Options{
		Dial: func(ctx context.Context) (machine.Conn, error) {
			return l.dialer.Dial(ctx, machine.Target{Name: facsimile.Node(host)})
		},
		Name: facsimile.Node(host), Home: l.home(host, "all"), Version: l.version, Likely: l.program,
		Programs: func(string, string) (remote.Program, error) { return l.program, nil },
	})
}
