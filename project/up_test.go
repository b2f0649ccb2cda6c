package project

import (
	"context"
	"errors"
	"strings"
	"testing"

	facsimile "facsimile.dev/facsimile"
)

// TestWhatStandsAfterUpFailed holds that an error after the deployment says what is deployed and what runs,
// with a status that is true of it.
func TestWhatStandsAfterUpFailed(t *testing.T) {
	failed := facsimile.Errorf(facsimile.RolledBack, "web.0 did not start").WithHint("its last lines")
	taken := facsimile.Errorf(facsimile.Refused, "web.1 cannot listen")
	survivors := facsimile.Errorf(facsimile.TwoReleases, "2 processes could not be ended")
	ended, end := context.WithCancel(t.Context())
	end()
	for _, c := range []struct {
		what    string
		ctx     context.Context
		err     error
		outcome facsimile.Outcome
		says    []string
	}{
		{"a service that cannot start", t.Context(), failed, facsimile.AnswerIsNo, []string{"is deployed, but its services are stopped: web.0 did not start"}},
		{"two that cannot", t.Context(), facsimile.Problems{failed, taken}, facsimile.AnswerIsNo, []string{"is deployed, but its services are stopped: web.0", "web.1 cannot listen"}},
		{"processes that stay", t.Context(), errors.Join(failed, survivors), facsimile.TwoReleases, []string{"services are not all stopped: web.0", "2 processes"}},
		{"an interruption", ended, context.Canceled, facsimile.AnswerIsNo, []string{"of instance beta is deployed, and its services are stopped"}},
		{"an interruption that leaves processes", ended, survivors, facsimile.TwoReleases, []string{"not all stopped: 2 processes"}},
	} {
		got := problems(deployedOnly(c.ctx, "beta", facsimile.Digest{1}, c.err))
		if len(got) != len(c.says) {
			t.Fatalf("%s: %d problems, want %d: %v", c.what, len(got), len(c.says), got)
		}
		for i, e := range got {
			if e.Outcome != c.outcome || !strings.Contains(e.Msg, c.says[i]) {
				t.Errorf("%s: %d %q, want %d and %q", c.what, e.Outcome, e.Msg, c.outcome, c.says[i])
			}
		}
	}
	if err := deployedOnly(ended, "beta", facsimile.Digest{1}, nil); err != nil {
		t.Errorf("a clean end became %v", err)
	}
	if failed.Outcome != facsimile.RolledBack {
		t.Error("the error of another was changed")
	}
}
