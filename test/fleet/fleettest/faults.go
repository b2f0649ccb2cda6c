package fleettest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Command is a program in the network namespace that reaches every host by name and address,
// where ssh and rsync log in without further settings. Nothing else can be reached from there.
// The program gets env and PWD; nil means the environment of this process. It is the very
// process that exec starts: signals reach it. Down ends it, and what it left behind.
func (f *Fleet) Command(ctx context.Context, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, f.ctl, append([]string{name}, args...)...)
	cmd.Env = env
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// In is a program that runs in a host as root, started past the network: cuts, delays and SSH do
// not matter. It must be running, and waits while it is frozen.
func (f *Fleet) In(ctx context.Context, host, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, f.script, append([]string{"in", host, name}, args...)...)
	cmd.Env = f.env
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Root is the root folder of a running host as the host sees it, with all that is mounted there.
// It is good until the host is killed or reboots. An absolute symlink below it points into this
// machine's root, not the host's.
func (f *Fleet) Root(host string) (string, error) {
	for _, group := range []string{"payload/init.scope", "payload"} {
		pids, err := os.ReadFile(filepath.Join(f.cgroup, host, group, "cgroup.procs"))
		if err == nil && len(pids) > 0 {
			pid, _, _ := strings.Cut(string(pids), "\n")
			return filepath.Join("/proc", pid, "root"), nil
		}
	}
	return "", fmt.Errorf("host %s is not running", host)
}

// Delay makes every packet into or out of a host or region take d longer; a round trip takes 2d
// longer. A region's delay does not apply within the region. 0 ends it.
func (f *Fleet) Delay(ctx context.Context, target string, d time.Duration) error {
	return f.DelayLossy(ctx, target, d, 0, 0)
}

// DelayLossy is Delay with a jitter of up to as much either way, and lost packets in percent.
// Packets between the same two addresses stay in order.
func (f *Fleet) DelayLossy(ctx context.Context, target string, d, jitter time.Duration, loss float64) error {
	ms := func(d time.Duration) string {
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64)
	}
	_, err := f.run(ctx, "delay", target, ms(d), ms(jitter), strconv.FormatFloat(loss, 'f', -1, 64))
	return err
}

// Cut drops every packet between two targets: hosts, regions, or "ctl", where Command runs. An
// empty b stands for all others. Nobody is told: connections hang.
func (f *Fleet) Cut(ctx context.Context, a, b string) error {
	_, err := f.run(ctx, withoutEmpty("cut", a, b)...)
	return err
}

// Heal ends the cut between a and b; all cuts that a is in, where b is empty; all, where both are.
func (f *Fleet) Heal(ctx context.Context, a, b string) error {
	_, err := f.run(ctx, withoutEmpty("heal", a, b)...)
	return err
}

// Kill ends a host as pulling its plug does: nobody is told. Its disk stays, and even what was not
// synced to it.
func (f *Fleet) Kill(ctx context.Context, host string) error {
	_, err := f.run(ctx, "kill", host)
	return err
}

// Start boots a host that was killed or went down, and returns when it takes connections and
// systemd has started everything. It does nothing to a host that runs.
func (f *Fleet) Start(ctx context.Context, host string) error {
	_, err := f.run(ctx, "start", host)
	return err
}

// Freeze stops every process of a host. Its kernel still accepts connections.
func (f *Fleet) Freeze(ctx context.Context, host string) error {
	_, err := f.run(ctx, "freeze", host)
	return err
}

// Thaw lets a frozen host go on.
func (f *Fleet) Thaw(ctx context.Context, host string) error {
	_, err := f.run(ctx, "thaw", host)
	return err
}

// ChangeHostKey gives a running host a new SSH host key, and returns its line for known_hosts.
// The fleet's own known_hosts keeps the old one: to clients the host looks like another.
func (f *Fleet) ChangeHostKey(ctx context.Context, host string) (string, error) {
	out, err := f.run(ctx, "rekey", host)
	return strings.TrimSpace(string(out)), err
}

// SmallDisk mounts a disk of so many bytes over a folder of a running host, which it makes if
// need be. It is empty, owned as the folder is, and gone when the host is killed or reboots.
func (f *Fleet) SmallDisk(ctx context.Context, host, folder string, bytes int64) error {
	return f.inHost(ctx, host, `mkdir -p "$0" && mount -t tmpfs \
		-o "size=$1,mode=$(stat -c %a "$0"),uid=$(stat -c %u "$0"),gid=$(stat -c %g "$0")" fleet "$0"`,
		folder, strconv.FormatInt(bytes, 10))
}

// fill is the file with which FillDisk takes the room on a disk.
const fill = ".fleet-fill"

// FillDisk takes all but so many bytes of a disk that SmallDisk made; FreeDisk gives them back.
func (f *Fleet) FillDisk(ctx context.Context, host, folder string, leave int64) error {
	return f.inHost(ctx, host, `[ "$(stat -f -c %T "$0")" = tmpfs ] || { echo "$0 is no disk of SmallDisk" >&2; exit 1; }
		size=$(($(df --block-size=1 --output=avail "$0" | tail -n 1) - $1))
		[ "$size" -le 0 ] || fallocate -l "$size" "$0/`+fill+`"`,
		folder, strconv.FormatInt(leave, 10))
}

// FreeDisk gives back what FillDisk took.
func (f *Fleet) FreeDisk(ctx context.Context, host, folder string) error {
	return f.inHost(ctx, host, `rm -f "$0/`+fill+`"`, folder)
}

func (f *Fleet) inHost(ctx context.Context, host, script string, args ...string) error {
	out, err := f.In(ctx, host, "sh", append([]string{"-c", script}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("in %s: %w: %s", host, err, out)
	}
	return nil
}

func withoutEmpty(command string, targets ...string) []string {
	args := []string{command}
	for _, t := range targets {
		if t != "" {
			args = append(args, t)
		}
	}
	return args
}
