package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// big is the definition whose files are the big tree. Instances have names for the number of
// their hosts: on1, on4, on16.
const big = "big"

func on(n int) string { return fmt.Sprintf("on%d", n) }

// newBig is a world with the big definition, its release built and facs on every host, so that
// what is measured is the tree.
func newBig(b *testing.B, counts ...int) *world {
	b.Helper()
	w := newWorld(b, counts[len(counts)-1])
	instances := map[string]int{}
	for _, n := range counts {
		instances[on(n)] = n
	}
	w.define(big, instances)
	w.write(big+"/extra/_ALL_/.keep", "")
	w.define("tiny", map[string]int{"all": len(w.hosts)})
	w.write("tiny/extra/_ALL_/etc/app.conf", "listen = 8080\n")
	if _, _, err := w.run("tiny", "deploy", "all"); err != nil {
		b.Fatal(err)
	}
	if err := writeTree(w.tree()); err != nil {
		b.Fatal(err)
	}
	for _, n := range counts {
		if _, _, err := w.run(big, "build", on(n)); err != nil {
			b.Fatal(err)
		}
	}
	return w
}

// tree is the folder that is deployed, by facs and by rsync.
func (w *world) tree() string { return w.path(big, "extra", "_ALL_") }

// wipe takes a folder away from hosts, and what that costs the disk too.
func (w *world) wipe(hosts []string, name string) error {
	for _, host := range hosts {
		if err := os.RemoveAll(w.home(host, name)); err != nil {
			return err
		}
	}
	return output(exec.Command("sync", "-f", w.dir))
}

// rsync copies the tree to every host at once, with the cheapest ssh, and gives the sum of what
// the processes here held in memory at most, in bytes.
func (w *world) rsync(hosts []string, name string) (memory int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	shell := "ssh -F " + w.ssh + " " + strings.Join(cheap(), " ")
	held := make(chan int64, len(hosts))
	err = each(hosts, func(host string) error {
		cmd := exec.CommandContext(ctx, "rsync", "-aLp", "-e", shell, w.tree()+"/", host+":"+w.home(host, name)+"/")
		defer func() { held <- maxRSS(cmd) }()
		return output(cmd)
	})
	for range hosts {
		memory += <-held
	}
	return memory, err
}

// syncAll brings what stands in a folder of each host to the disk.
func (w *world) syncAll(hosts []string, name string) error {
	return w.sshAll(hosts, cheap(), func(host string) string { return "sync -f " + w.home(host, name) })
}

// maxRSS is the most memory that a program which ended held, in bytes.
func maxRSS(cmd *exec.Cmd) int64 {
	if cmd.ProcessState == nil {
		return 0
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return int64(usage.Maxrss) << 10 // Linux counts in KiB
}

// What a tree of 5,000 files and 200 MB costs: whole, with one file in a hundred changed, and
// with none.
func BenchmarkTransfer(b *testing.B) {
	for _, n := range []int{1, 4} {
		b.Run(fmt.Sprintf("hosts=%d", n), func(b *testing.B) { transfer(b, n) })
	}
}

func transfer(b *testing.B, n int) {
	w := newBig(b, n)
	edition := 0
	hosts := w.hosts[:n]
	where := fmt.Sprintf(", 200 MB in 5,000 files, hosts: %d", n)
	entrants := func(want string, before func(name string) error) []entrant {
		clean := func(name string) func(int) error {
			if before == nil {
				return nil
			}
			return func(int) error { return before(name) }
		}
		return []entrant{
			{name: "facs deploy", before: clean(on(n)), run: func(int) error { return w.deploy(big, on(n), want) }},
			{name: "rsync", before: clean("rsync"), run: func(int) error { _, err := w.rsync(hosts, "rsync"); return err }},
			{name: "rsync, then sync", before: clean("rsync-sync"), run: func(int) error {
				if _, err := w.rsync(hosts, "rsync-sync"); err != nil {
					return err
				}
				return w.syncAll(hosts, "rsync-sync")
			}},
		}
	}
	build := entrant{name: "facs build", run: func(int) error { _, _, err := w.run(big, "build", on(n)); return err }}
	for _, c := range []*contest{
		{name: "first" + where, entrants: entrants("done", func(name string) error { return w.wipe(hosts, name) })},
		{name: "1 % changed" + where, entrants: entrants("done", nil),
			before: func(int) error { edition++; return changeTree(w.tree(), edition) }},
		{name: "nothing changed" + where, entrants: append(entrants("unchanged", nil), build)},
	} {
		c.hold(b)
		c.print("rsync", "rsync, then sync")
		kind, _, _ := strings.Cut(c.name, ",")
		kind = strings.NewReplacer(" ", "-", "-%", "%").Replace(kind)
		b.ReportMetric(c.ratio("facs deploy", "rsync, then sync"), kind+"/rsync-sync")
	}
	fmt.Printf("\nmost memory that facs deploy held, hosts: %d: %.0f MiB\n", n, float64(w.held)/(1<<20))
}

// What the operator's process holds in memory while 16 hosts get the tree, with the sum of 16
// rsync as the peer.
func BenchmarkMemory(b *testing.B) {
	w := newBig(b, 16)
	var ours, theirs []float64
	for range rounds {
		if err := w.wipe(w.hosts, on(16)); err != nil {
			b.Fatal(err)
		}
		cmd, _, err := w.run(big, "deploy", on(16))
		if err != nil {
			b.Fatal(err)
		}
		ours = append(ours, float64(maxRSS(cmd))/(1<<20))
		if err := w.wipe(w.hosts, on(16)); err != nil { // room for the peer's
			b.Fatal(err)
		}
		memory, err := w.rsync(w.hosts, "rsync")
		if err != nil {
			b.Fatal(err)
		}
		theirs = append(theirs, float64(memory)/(1<<20))
		if err := w.wipe(w.hosts, "rsync"); err != nil {
			b.Fatal(err)
		}
	}
	fmt.Printf("\nmost memory held while 16 hosts get 200 MB (medians of %d): facs %.0f MiB, 16 rsync %.0f MiB together\n", rounds, median(ours), median(theirs))
	b.ReportMetric(median(ours), "MiB")
	b.ReportMetric(median(theirs), "rsync-MiB")
}
