package fleettest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Config says which hosts a fleet has.
type Config struct {
	Hosts   int      // how many; host i is in region i modulo their number
	Regions []string // of lower-case letters; none means eu, us, ap
	Light   bool     // run only sshd in each host, not a whole boot: no systemd, an eighth of the memory
	// Packages are Debian packages that the hosts have besides the usual ones. Each set has a
	// base of its own, which costs a minute and 170 MB once.
	Packages []string
}

// Host is a host of a fleet. Root and deploy (uid 1000, sudo without a password) log in over SSH.
type Host struct {
	Name   string `json:"name"` // the region and a number from 1, such as eu2
	Region string `json:"region"`
	IP     string `json:"ip"`
	// Disk is the folder with every file that the host or its maker has written since it was
	// made: the upper layer of an overlay, in which a removed file of the base is a character
	// device 0:0. It can be read whatever state the host is in, and is never to be written.
	Disk  string `json:"disk"`
	State string `json:"state"` // up, cut, frozen or down, when Hosts was called
}

// SSHConfig holds paths of what a client needs. Programs that Command starts need none of it:
// there, `ssh deploy@eu1` works as it is, by name and by address.
type SSHConfig struct {
	Config     string `json:"config"`      // for ssh -F; the user is root unless another is named
	Key        string `json:"key"`         // the private key that root and deploy accept
	KnownHosts string `json:"known_hosts"` // a line "name,address type key" a host
}

// Fleet is a set of running hosts. Its methods may be called from several goroutines.
type Fleet struct {
	SSH    SSHConfig // how to log in
	ID     string    // what the fleet's cgroup and network namespaces are named after
	dir    string
	script string
	env    []string
	ctl    string
	cgroup string
	owned  *ownership
	down   func() error
}

// inventory is what the tool prints as JSON.
type inventory struct {
	ID     string    `json:"id"`
	Ctl    string    `json:"ctl"`
	Cgroup string    `json:"cgroup"`
	SSH    SSHConfig `json:"ssh"`
	Hosts  []Host    `json:"hosts"`
}

// Check says why this machine cannot make hosts; nil means that it can. As root on Debian it
// installs the packages that are missing.
func Check(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("hosts need Linux, and this is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("hosts can be made by root only")
	}
	script, err := findScript()
	if err != nil {
		return err
	}
	f := &Fleet{script: script, env: os.Environ()}
	_, err = f.run(ctx, "check")
	return err
}

// Require skips the test, with the reason, where this machine cannot make hosts. Where CI is set
// in the environment it fails it.
func Require(t testing.TB) {
	t.Helper()
	err := Check(t.Context())
	if err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("CI must run this test, and this machine cannot make hosts: %v", err)
	}
	t.Skipf("this machine cannot make hosts: %v", err)
}

// Up starts a fleet that ends with the test. It does what Require does first.
func Up(t testing.TB, hosts int, regions ...string) *Fleet {
	t.Helper()
	Require(t)
	f, err := Start(t.Context(), Config{Hosts: hosts, Regions: regions})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Down(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// Start starts a fleet that several tests share, from TestMain as a rule; Up suits one test. It
// removes what fleets of processes that were killed have left. The first call on a machine
// builds the base of the hosts, in about a minute. The caller calls Down.
func Start(ctx context.Context, config Config) (*Fleet, error) {
	script, err := findScript()
	if err != nil {
		return nil, err
	}
	f := &Fleet{script: script, env: os.Environ()}
	if len(config.Packages) > 0 {
		f.env = append(f.env, "FACS_FLEET_PACKAGES="+strings.Join(config.Packages, ","))
	}
	// On its own, since it can take minutes: a fleet that is being removed waits for the others.
	if _, err := f.run(ctx, "base"); err != nil {
		return nil, err
	}
	if f.owned, err = own(ctx, script); err != nil {
		return nil, err
	}
	f.dir = f.owned.dir
	f.env = append(f.env, "FACS_FLEET_DIR="+f.dir, "FACS_FLEET_OWNED=1")
	f.down = sync.OnceValue(f.owned.end)
	args := []string{"up", strconv.Itoa(config.Hosts)}
	if len(config.Regions) > 0 {
		args = append(args, "--regions", strings.Join(config.Regions, ","))
	}
	if config.Light {
		args = append(args, "--light")
	}
	_, err = f.run(ctx, args...)
	if err == nil {
		err = f.describe(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, f.Down())
	}
	return f, nil
}

// Down ends every process of the fleet, those that Command started too, and deletes its disks.
// It may be called more than once.
func (f *Fleet) Down() error { return f.down() }

func (f *Fleet) describe(ctx context.Context) error {
	inv, err := f.inventory(ctx)
	if err != nil {
		return err
	}
	f.ID, f.SSH, f.ctl, f.cgroup = inv.ID, inv.SSH, inv.Ctl, inv.Cgroup
	return nil
}

func (f *Fleet) inventory(ctx context.Context) (inventory, error) {
	var inv inventory
	out, err := f.run(ctx, "inventory")
	if err != nil {
		return inv, err
	}
	if err := json.Unmarshal(out, &inv); err != nil {
		return inv, fmt.Errorf("fleet inventory: %w", err)
	}
	return inv, nil
}

// Hosts gives the hosts, in the order in which they were made.
func (f *Fleet) Hosts(ctx context.Context) ([]Host, error) {
	inv, err := f.inventory(ctx)
	return inv.Hosts, err
}

// Host gives the host of that name.
func (f *Fleet) Host(ctx context.Context, name string) (Host, error) {
	hosts, err := f.Hosts(ctx)
	if err != nil {
		return Host{}, err
	}
	i := slices.IndexFunc(hosts, func(h Host) bool { return h.Name == name })
	if i < 0 {
		return Host{}, fmt.Errorf("the fleet has no host %q", name)
	}
	return hosts[i], nil
}

// run runs the tool and gives its standard output. The tool ends with this process, so that no
// `up` goes on for a test that is gone.
func (f *Fleet) run(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, f.script, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = f.env, &stdout, &stderr
	cmd.WaitDelay = 10 * time.Second
	cmd.SysProcAttr = endWithParent()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // Linux takes the thread for the parent
		defer runtime.UnlockOSThread()
		done <- cmd.Run()
	}()
	if err := <-done; err != nil {
		return nil, fmt.Errorf("fleet %s: %w: %s", strings.Join(args, " "), err, complaint(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// complaint is the end of what the tool says in its standard error.
func complaint(stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	end := lines[max(0, len(lines)-10):]
	return strings.TrimPrefix(strings.Join(end, "\n"), "fleet: ")
}
