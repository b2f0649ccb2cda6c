package main

import (
	"container/heap"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func configured(t *testing.T, config string) *lag {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lag.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &lag{config: path, latest: map[flow]time.Time{}}
	if err := l.reload(); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestFate(t *testing.T) {
	l := configured(t, "# 17\n10.77.1.0/24 40 0 0\n10.77.1.11/32 2.5 0 0\n10.77.3.0/24 0 0 100\n10.77.4.0/24 10 4 0\n")
	if ok, err := os.ReadFile(l.config + ".ok"); err != nil || string(ok) != "17\n" {
		t.Errorf("the rules taken are number %q, %v", ok, err)
	}
	for _, c := range []struct {
		src, dst string
		min, max time.Duration
		lost     bool
	}{
		{"10.77.1.12", "10.77.2.11", 40 * time.Millisecond, 40 * time.Millisecond, false},
		{"10.77.2.11", "10.77.1.12", 40 * time.Millisecond, 40 * time.Millisecond, false},
		{"10.77.1.12", "10.77.1.13", 0, 0, false},
		{"10.77.1.11", "10.77.1.13", 2500 * time.Microsecond, 2500 * time.Microsecond, false},
		{"10.77.2.11", "10.77.1.11", 42500 * time.Microsecond, 42500 * time.Microsecond, false},
		{"10.77.3.11", "10.77.2.11", 0, 0, true},
		{"10.77.3.11", "10.77.3.12", 0, 0, false},
		{"10.77.4.11", "10.77.2.11", 6 * time.Millisecond, 14 * time.Millisecond, false},
	} {
		for range 100 {
			wait, lost := l.fate(flow{netip.MustParseAddr(c.src), netip.MustParseAddr(c.dst)})
			if wait < c.min || wait > c.max || lost != c.lost {
				t.Errorf("%s to %s: %v, lost %v; want %v to %v, lost %v", c.src, c.dst, wait, lost, c.min, c.max, c.lost)
				break
			}
		}
	}
}

func TestReloadKeepsTheRulesWhenTheNewOnesAreBad(t *testing.T) {
	l := configured(t, "10.77.1.0/24 40 0 0\n")
	for _, bad := range []string{"10.77.1.0/24 40\n", "us 1 2 3\n", "10.77.1.0/24 a b c\n"} {
		if err := os.WriteFile(l.config, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := l.reload(); err == nil || len(l.rules) != 1 || l.rules[0].ms != 40 {
			t.Errorf("%q: %v, rules %v", bad, err, l.rules)
		}
	}
}

func TestHeldPacketsLeaveInOrder(t *testing.T) {
	now := time.Now()
	var q queue
	for i, d := range []time.Duration{3, 1, 1, 2, 1} {
		heap.Push(&q, held{uint32(i), now.Add(d), uint64(i)})
	}
	for _, want := range []uint32{1, 2, 4, 3, 0} {
		if got := heap.Pop(&q).(held).id; got != want {
			t.Errorf("packet %d leaves, want %d", got, want)
		}
	}
}
