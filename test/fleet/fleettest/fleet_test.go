package fleettest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ssh runs a command on a host by SSH, over a connection of its own.
func ssh(t *testing.T, f *Fleet, target, command string) (string, error) {
	t.Helper()
	out, err := f.Command(t.Context(), nil, "ssh", target, command).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func wantSSH(t *testing.T, f *Fleet, target, command, want string) {
	t.Helper()
	if got, err := ssh(t, f, target, command); err != nil || got != want {
		t.Fatalf("ssh %s %s: %q, %v; want %q", target, command, got, err, want)
	}
}

// greet waits so many seconds, at most, for the first line that a host's sshd sends.
func greet(t *testing.T, f *Fleet, host, seconds string) error {
	t.Helper()
	return f.Command(t.Context(), nil, "timeout", seconds, "bash", "-c", `exec 3<>"/dev/tcp/$0/22" && read -r <&3`, host).Run()
}

func wantSilence(t *testing.T, f *Fleet, host string) {
	t.Helper()
	if err := greet(t, f, host, "1.5"); err == nil {
		t.Fatalf("%s answers", host)
	}
}

// leftovers is all that is there of a fleet.
func leftovers(t *testing.T, id, dir string) []string {
	t.Helper()
	name := "facs-fleet-" + id
	var found []string
	for _, pattern := range []string{"/run/netns/" + name + "-*", "/sys/fs/cgroup/" + name, "/sys/fs/cgroup/*/" + name, dir} {
		paths, err := filepath.Glob(pattern)
		ok(t, err)
		found = append(found, paths...)
	}
	for _, pattern := range []string{"/proc/[0-9]*/mountinfo", "/proc/[0-9]*/cgroup", "/proc/[0-9]*/cmdline"} {
		paths, err := filepath.Glob(pattern)
		ok(t, err)
		for _, path := range paths {
			// A process that has ended meanwhile is no leftover, be it that nobody has asked for its
			// exit code yet.
			text, err := os.ReadFile(path)
			status, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "status"))
			if err == nil && !bytes.Contains(status, []byte("\nState:\tZ")) && (strings.Contains(string(text), name) || strings.Contains(string(text), dir)) {
				found = append(found, path)
			}
		}
	}
	return found
}

func TestFleet(t *testing.T) {
	f := Up(t, 3, "eu", "us")
	ctx := t.Context()
	hosts, err := f.Hosts(ctx)
	ok(t, err)
	if len(hosts) != 3 || hosts[0].Name != "eu1" || hosts[1].Name != "us1" || hosts[2].Name != "eu2" || hosts[2].Region != "eu" {
		t.Fatalf("hosts are %+v", hosts)
	}
	t.Run("users", func(t *testing.T) {
		wantSSH(t, f, "deploy@eu1", "id -un; id -u; sudo id -u; systemctl is-system-running", "deploy\n1000\n0\nrunning")
		wantSSH(t, f, "root@"+hosts[1].IP, "hostname", "us1")
		wantSSH(t, f, "deploy@us1", "systemctl --user is-system-running", "running")
	})
	t.Run("command", func(t *testing.T) { testCommand(t, f) })
	t.Run("files", func(t *testing.T) { testFiles(t, f, hosts[0]) })
	t.Run("network", func(t *testing.T) { testNetwork(t, f) })
	t.Run("power", func(t *testing.T) { testPower(t, f) })
	t.Run("disk", func(t *testing.T) { testDisk(t, f) })
	t.Run("host key", func(t *testing.T) { testHostKey(t, f) })

	// A connection that stays behind must not outlive the fleet.
	ok(t, f.Command(ctx, nil, "ssh", "-M", "-S", filepath.Join(t.TempDir(), "s"), "-fN", "eu1").Run())
	if len(leftovers(t, f.ID, f.dir)) == 0 {
		t.Error("of a fleet that runs nothing is found: this test does not know where to look")
	}
	ok(t, f.Down())
	if left := leftovers(t, f.ID, f.dir); len(left) > 0 {
		t.Errorf("left after Down: %v", left)
	}
	ok(t, f.Down())
}

func testCommand(t *testing.T, f *Fleet) {
	out, err := f.Command(t.Context(), []string{"A=one two", "PATH=" + os.Getenv("PATH")}, "sh", "-c", `echo "$A-$HOME-$1"`, "sh", "*").CombinedOutput()
	if err != nil || string(out) != "one two--*\n" {
		t.Errorf("a command prints %q, %v", out, err)
	}
	err = f.Command(t.Context(), nil, "sh", "-c", "exit 7").Run()
	if exit, isExit := err.(*exec.ExitError); !isExit || exit.ExitCode() != 7 {
		t.Errorf("exit 7 gives %v", err)
	}
	cmd := f.Command(t.Context(), nil, "sh", "-c", `trap 'echo caught; exit 0' TERM; echo ready; while :; do sleep 0.05; done`)
	stdout, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	ok(t, cmd.Process.Signal(syscall.SIGTERM))
	if lines.Scan(); lines.Text() != "caught" {
		t.Errorf("a signal to the command gave %q", lines.Text())
	}
	ok(t, cmd.Wait())
}

func testFiles(t *testing.T, f *Fleet, host Host) {
	wantSSH(t, f, "deploy@"+host.Name, "echo here >~/file", "")
	root, err := f.Root(host.Name)
	ok(t, err)
	for _, top := range []string{root, host.Disk} {
		if got, err := os.ReadFile(filepath.Join(top, "home/deploy/file")); string(got) != "here\n" {
			t.Errorf("below %s: %q, %v", top, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "usr/sbin/sshd")); err != nil {
		t.Error(err)
	}
}

func testNetwork(t *testing.T, f *Fleet) {
	ctx := t.Context()
	ok(t, f.Delay(ctx, "us", 200*time.Millisecond))
	start := time.Now()
	ok(t, greet(t, f, "us1", "60"))
	// Three packets, one after the other, and the last of them may be with the first line.
	if took := time.Since(start); took < 600*time.Millisecond {
		t.Errorf("with 200 ms a packet, the first line took %v", took)
	}
	ok(t, f.DelayLossy(ctx, "us", 0, 0, 100))
	wantSilence(t, f, "us1")
	ok(t, f.Delay(ctx, "us", 0))
	wantSSH(t, f, "us1", "true", "")

	ok(t, f.Cut(ctx, "eu", "us"))
	reach := "timeout 2 bash -c 'exec 3<>/dev/tcp/us1/22'"
	if _, err := ssh(t, f, "eu1", reach); err == nil {
		t.Error("eu1 reaches us1, which is cut off from it")
	}
	wantSSH(t, f, "us1", "true", "")
	ok(t, f.Heal(ctx, "us", "eu"))
	wantSSH(t, f, "eu1", reach, "")

	ok(t, f.Cut(ctx, "eu1", ""))
	wantSilence(t, f, "eu1")
	if host, err := f.Host(ctx, "eu1"); err != nil || host.State != "cut" {
		t.Errorf("eu1: %+v, %v", host, err)
	}
	ok(t, f.Heal(ctx, "", ""))
	wantSSH(t, f, "eu1", "true", "")
	if err := f.Cut(ctx, "eu9", ""); err == nil || !strings.Contains(err.Error(), "no host or region 'eu9'") {
		t.Errorf("cut eu9: %v", err)
	}
}

func testPower(t *testing.T, f *Fleet) {
	ctx := t.Context()
	ok(t, f.Kill(ctx, "eu1"))
	wantSilence(t, f, "eu1")
	if root, err := f.Root("eu1"); err == nil {
		t.Errorf("a host that is down has the root %s", root)
	}
	ok(t, f.Start(ctx, "eu1"))
	wantSSH(t, f, "deploy@eu1", "cat file; systemctl is-system-running", "here\nrunning")
	ok(t, f.In(ctx, "eu1", "systemctl", "poweroff").Run())
	for host, err := f.Host(ctx, "eu1"); host.State != "down"; host, err = f.Host(ctx, "eu1") {
		ok(t, err)
		time.Sleep(100 * time.Millisecond)
	}
	ok(t, f.Start(ctx, "eu1"))
	wantSSH(t, f, "deploy@eu1", "cat file", "here")
	ok(t, f.Freeze(ctx, "us1"))
	wantSilence(t, f, "us1")
	ok(t, f.Thaw(ctx, "us1"))
	wantSSH(t, f, "us1", "true", "")
}

func testDisk(t *testing.T, f *Fleet) {
	ctx := t.Context()
	write := func() (string, error) { return ssh(t, f, "deploy@eu2", "head -c 300000 /dev/zero >app/new") }
	wantSSH(t, f, "deploy@eu2", "mkdir -m 700 app", "")
	if err := f.FillDisk(ctx, "eu2", "/home/deploy/app", 0); err == nil {
		t.Fatal("FillDisk fills a disk of this machine")
	}
	ok(t, f.SmallDisk(ctx, "eu2", "/home/deploy/app", 4<<20))
	wantSSH(t, f, "deploy@eu2", "stat -c '%U %a' app", "deploy 700")
	ok(t, f.FillDisk(ctx, "eu2", "/home/deploy/app", 65536))
	if out, err := write(); err == nil || !strings.Contains(out, "No space left") {
		t.Errorf("writing on a full disk: %q, %v", out, err)
	}
	ok(t, f.FreeDisk(ctx, "eu2", "/home/deploy/app"))
	if out, err := write(); err != nil {
		t.Errorf("writing on a disk with room: %q, %v", out, err)
	}
}

func testHostKey(t *testing.T, f *Fleet) {
	line, err := f.ChangeHostKey(t.Context(), "eu2")
	ok(t, err)
	if out, err := ssh(t, f, "eu2", "true"); err == nil || !strings.Contains(out, "IDENTIFICATION HAS CHANGED") {
		t.Errorf("a login at a host with another key: %q, %v", out, err)
	}
	known := filepath.Join(t.TempDir(), "known_hosts")
	ok(t, os.WriteFile(known, []byte(line+"\n"), 0o600))
	out, err := f.Command(t.Context(), nil, "ssh", "-o", "UserKnownHostsFile="+known, "eu2", "hostname").CombinedOutput()
	if err != nil || string(out) != "eu2\n" {
		t.Errorf("a login that knows the new key: %q, %v", out, err)
	}
}

// childVariable makes this test binary a process that has a fleet, and then does what it says.
const childVariable = "FLEETTEST_CHILD"

func TestMain(m *testing.M) {
	if how := os.Getenv(childVariable); how != "" {
		child(how)
	}
	os.Exit(m.Run())
}

func child(how string) {
	f, err := Start(context.Background(), Config{Hosts: 1, Regions: []string{"eu"}, Light: true})
	if err != nil {
		panic(err)
	}
	if how == "abandon" { // as when all is killed at once, the guard too
		if err := f.owned.guard.Process.Kill(); err != nil {
			panic(err)
		}
	}
	if _, err := os.Stdout.WriteString(f.ID + " " + f.dir + "\n"); err != nil {
		panic(err)
	}
	if how == "panic" {
		panic("asked for")
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
	os.Exit(0)
}

// inChild has another process start a fleet.
func inChild(t *testing.T, how string) (cmd *exec.Cmd, id, dir string) {
	t.Helper()
	self, err := os.Executable()
	ok(t, err)
	cmd = exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+how)
	stdout, err := cmd.StdoutPipe()
	ok(t, err)
	_, err = cmd.StdinPipe()
	ok(t, err)
	ok(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	ok(t, err)
	id, dir, _ = strings.Cut(strings.TrimSpace(line), " ")
	return cmd, id, dir
}

func TestFleetEndsWithItsProcess(t *testing.T) {
	Require(t)
	for _, how := range []string{"kill", "panic"} {
		t.Run(how, func(t *testing.T) {
			cmd, id, dir := inChild(t, how)
			if how == "kill" {
				ok(t, cmd.Process.Kill())
			}
			if err := cmd.Wait(); err == nil {
				t.Error("the process ended well")
			}
			for len(leftovers(t, id, dir)) > 0 { // until the test's own time is over
				if t.Context().Err() != nil {
					t.Fatal("left:", leftovers(t, id, dir))
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
}

func TestNextFleetRemovesWhatWasLeft(t *testing.T) {
	Require(t)
	// One fleet of a process that goes on, one of a process that ends together with its guard.
	_, liveID, liveDir := inChild(t, "stay")
	dead, deadID, deadDir := inChild(t, "abandon")
	ok(t, dead.Process.Kill())
	_ = dead.Wait()
	if len(leftovers(t, deadID, deadDir)) == 0 {
		t.Fatal("nothing was left, so this test shows nothing")
	}
	f := Up(t, 1, "eu")
	if left := leftovers(t, deadID, deadDir); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
	if len(leftovers(t, liveID, liveDir)) == 0 {
		t.Error("the fleet of a living process is gone")
	}
	wantSSH(t, f, "eu1", "hostname", "eu1")
}

func TestCheckSaysWhyNot(t *testing.T) {
	t.Setenv("FACS_FLEET_CACHE", "/proc/none")
	err := Check(t.Context())
	if err == nil {
		t.Fatal("Check is content with a cache below /proc")
	}
	if os.Geteuid() != 0 && !strings.Contains(err.Error(), "root only") {
		t.Errorf("Check says %v", err)
	}
	if os.Geteuid() == 0 && !strings.Contains(err.Error(), "/proc/none") {
		t.Errorf("Check says %v", err)
	}
}
