package deploy

import (
	"context"
	"errors"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

func TestChapterReadsAnyJournal(t *testing.T) {
	older, newer := facsimile.DigestOf([]byte("older")), facsimile.DigestOf([]byte("newer"))
	order := &node.Order{Trees: map[facsimile.Node]facsimile.Digest{"n": newer}}
	event := func(k node.EventKind, tree facsimile.Digest, revert bool) node.Event {
		return node.Event{Kind: k, Tree: tree, Order: order, Revert: revert}
	}
	staged, switching := event(node.EventStaged, newer, false), event(node.EventSwitching, newer, false)
	switched, back := event(node.EventSwitched, newer, false), event(node.EventSwitched, older, true)
	confirmed := node.Event{Kind: node.EventConfirmed, Tree: newer}
	tests := map[string]struct {
		events                        []node.Event
		switched, reverted, confirmed bool
	}{
		"promised":                    {[]node.Event{{Kind: node.EventPromised}}, false, false, false},
		"staged":                      {[]node.Event{staged}, false, false, false},
		"killed in the switch":        {[]node.Event{staged, switching}, false, false, false},
		"undone at the next start":    {[]node.Event{switching, event(node.EventUndone, older, false)}, false, false, false},
		"finished at the next start":  {[]node.Event{switching, event(node.EventUndone, newer, false)}, true, false, false},
		"done":                        {[]node.Event{staged, switching, switched, confirmed}, true, false, true},
		"reverted":                    {[]node.Event{switching, switched, back}, true, true, false},
		"a revert that was finished":  {[]node.Event{switched, event(node.EventUndone, older, true)}, true, true, false},
		"a revert that was undone":    {[]node.Event{switched, event(node.EventUndone, newer, true)}, true, false, false},
		"reverted, and switched anew": {[]node.Event{switched, back, switched, confirmed}, true, false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var c chapter
			for _, e := range tt.events {
				c.read("n", e)
			}
			if c.switched != tt.switched || c.reverted != tt.reverted || c.confirmed != tt.confirmed {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestConfirmedStack(t *testing.T) {
	of := map[byte]facsimile.Digest{}
	for _, name := range []byte("ABC") {
		of[name] = facsimile.DigestOf([]byte{name})
	}
	// Each word is a release; a small letter is a rollback to it, "!" says that it failed.
	for history, want := range map[string]string{
		"":            "",
		"A":           "A",
		"A B":         "AB",
		"A B C b":     "AB",
		"A B C b a":   "A",
		"A B C c":     "ABC",
		"A B A":       "BA",
		"A B! C":      "AC",
		"A B C! a":    "A",
		"b":           "B",
		"A B C a b c": "ABC",
	} {
		var entries []Entry
		for i := 0; i < len(history); i++ {
			c := history[i]
			e := Entry{What: kindDeploy, Result: EndDone}
			switch {
			case c == ' ':
				continue
			case c == '!':
				entries[0].Result = EndFailed
				continue
			case c >= 'a':
				c, e.What = c-'a'+'A', kindRollback
			}
			e.Digest = of[c]
			entries = append([]Entry{e}, entries...) // the newest first
		}
		got := ""
		for _, d := range confirmedStack(entries) {
			for name, digest := range of {
				if digest == d {
					got += string(name)
				}
			}
		}
		if got != want {
			t.Errorf("%q leaves %q, want %q", history, got, want)
		}
	}
}

func TestThePhaseIsSaidOnce(t *testing.T) {
	for said, want := range map[string]string{
		"no route":             "look: no route",
		"look: no route":       "look: no route",
		"lookup app1: no host": "look: lookup app1: no host",
		"looking":              "look: looking",
	} {
		d := &Deployer{opt: Options{Parallel: 1, Timeouts: Timeouts{}.orDefaults()}}
		cause := errors.New(said)
		failed := each(t.Context(), d, PhaseLook, d.opt.Timeouts.Look, []*seat{{}}, func(context.Context, *seat) error { return cause })
		if len(failed) != 1 || failed[0].err.Error() != want || errors.Unwrap(failed[0].err) != cause { //nolint:errorlint // undo takes the phase off
			t.Errorf("%q is told as %v", said, failed)
		}
	}
}
