package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"facsimile.dev/facsimile"
)

// These tests have an attacker who can write every file of the state, as whoever may push to its
// repository can, and knows the public keys, but cannot open anything.

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// envelopeOf is the file of the present generation of a secret.
func envelopeOf(t *testing.T, f *Files, in facsimile.Instance, key string) string {
	t.Helper()
	it := mustLoad(t, f, in).own.items[secretKey(key)]
	if it == nil {
		t.Fatalf("no secret %s", key)
	}
	return f.path(in, secretsName, envelopeName(it))
}

// mustRefuse checks that a secret cannot be revealed, with a message that has all of want.
func mustRefuse(t *testing.T, f *Files, in facsimile.Instance, key string, want ...string) {
	t.Helper()
	s, err := f.Load(context.Background(), in)
	if err == nil {
		_, err = s.Reveal(context.Background(), key)
	}
	told := (*facsimile.Error)(nil)
	if !errors.As(err, &told) || told.Outcome != facsimile.Refused || told.Hint == "" {
		t.Fatalf("not refused as it should be: %v", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func attacked(t *testing.T) (*Files, FilesOptions) {
	t.Helper()
	f, o := testFiles(t)
	mustCommit(t, f, "prod", setSecret("1", "passwd.api", "leaked value"))
	mustCommit(t, f, "prod", setSecret("2", "passwd.db", "db value"))
	mustCommit(t, f, "prod", setSecret("3", "passwd.api", "rotated value"))
	mustCommit(t, f, "dev", setSecret("4", "passwd.api", "dev value"))
	return f, o
}

func TestAnEnvelopeOfAnotherSecretIsRefused(t *testing.T) {
	f, _ := attacked(t)
	copyFile(t, envelopeOf(t, f, "prod", "passwd.db"), envelopeOf(t, f, "prod", "passwd.api"))
	mustRefuse(t, f, "prod", "passwd.api", "the secret passwd.api of prod is not the one that was committed as its generation 2")
}

func TestAnEnvelopeOfAnotherInstanceIsRefused(t *testing.T) {
	f, _ := attacked(t)
	copyFile(t, envelopeOf(t, f, "dev", "passwd.api"), envelopeOf(t, f, "prod", "passwd.api"))
	mustRefuse(t, f, "prod", "passwd.api", "not the one that was committed")
}

func TestAnOlderGenerationIsRefused(t *testing.T) {
	f, _ := attacked(t)
	older, err := filepath.Glob(f.path("prod", secretsName, "passwd.api.1.*.age"))
	if err != nil || len(older) != 1 {
		t.Fatal(older, err)
	}
	copyFile(t, older[0], envelopeOf(t, f, "prod", "passwd.api"))
	mustRefuse(t, f, "prod", "passwd.api", "not the one that was committed as its generation 2")
}

// plant adds an entry that gives passwd.api an envelope, as far as the attacker can make one.
func plant(t *testing.T, f *Files, envelope []byte, generation int, mac func([]byte) string) {
	t.Helper()
	v := mustLoad(t, f, "prod").own
	it := &item{Secret: "passwd.api", Generation: generation, Envelope: facsimile.DigestOf(envelope), Fingerprint: "i-00000000-00"}
	h := v.newest.header
	h.Parents, h.Change, h.Who, h.Recipients = []Head{v.head}, "planted", "mallory", nil
	text, err := encodeEntry(h, []*item{it}, mac)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{
		f.path("prod", journalName, facsimile.DigestOf(text).Hex()+entrySuffix): text,
		f.path("prod", secretsName, envelopeName(it)):                           envelope,
	} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func noMAC([]byte) string { return strings.Repeat("0", 64) }

func TestAPlantedEnvelopeIsRefused(t *testing.T) {
	f, _ := attacked(t)
	k, err := f.openKey("prod", nil)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := encrypt("password of mallory", k.identity().Recipient()) // public knowledge
	if err != nil {
		t.Fatal(err)
	}
	plant(t, f, envelope, 3, noMAC)
	mustRefuse(t, f, "prod", "passwd.api", "mallory", "somebody who cannot open it made it")
	mustRefuse(t, f, "prod", "passwd.db", "mallory") // a secret that was not touched is refused too: nothing of it counts

	s := mustLoad(t, f, "prod")
	if err := s.Verify(); err == nil {
		t.Error("verified")
	}
	if _, err := s.BlobKey(facsimile.Digest{}); err == nil {
		t.Error("the key for files was given out")
	}
	if _, err := f.Commit(context.Background(), "prod", s.Head(), setSecret("5", "passwd.mq", "x")); err == nil {
		t.Error("a planted entry was built on, which would vouch for it")
	}
}

func TestAnEntryThatBringsBackAnOlderGenerationIsRefused(t *testing.T) {
	f, _ := attacked(t)
	older, err := filepath.Glob(f.path("prod", secretsName, "passwd.api.1.*.age"))
	if err != nil || len(older) != 1 {
		t.Fatal(older, err)
	}
	envelope, err := os.ReadFile(older[0])
	if err != nil {
		t.Fatal(err)
	}
	mac := mustLoad(t, f, "prod").own.newest.mac // of another entry
	plant(t, f, envelope, 3, func([]byte) string { return mac })
	mustRefuse(t, f, "prod", "passwd.api", "was not sealed with the key of this state")
}

func TestAReplacedKeyIsRefused(t *testing.T) {
	f, o := attacked(t)
	k, err := newKey(seeded(66))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := sealKey(k, testProject, "prod", mustLoad(t, f, "prod").Recipients())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.path("prod", keyName), sealed, 0o644); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, reopen(t, o), "prod", "passwd.api", "the key was replaced")
}

func TestTheKeyOfAnotherInstanceIsRefused(t *testing.T) {
	f, o := attacked(t)
	copyFile(t, f.path("dev", keyName), f.path("prod", keyName))
	mustRefuse(t, reopen(t, o), "prod", "passwd.api", "the key of another project or instance")
}

func TestAStateCopiedAsFilesIsRefused(t *testing.T) {
	f, o := attacked(t)
	for path := range filesBelow(t, f.path("dev")) {
		rel, err := filepath.Rel(f.path("dev"), path)
		if err != nil {
			t.Fatal(err)
		}
		copyFile(t, path, f.path("beta", rel))
	}
	mustRefuse(t, f, "beta", "passwd.api", "belongs to \"dev\" of the project \"shop\"")
	o.ProjectID = "other"
	mustRefuse(t, reopen(t, o), "dev", "passwd.api", "of the project \"other\" belongs to \"dev\" of the project \"shop\"")
}

// Plain fields can be forged by nobody either: a changed entry has another name, and a new one
// has no MAC.
func TestAnEditedOrCutEntryIsNamed(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"edited": func(s string) string { return strings.Replace(s, "ann", "bob", 1) },
		"cut":    func(s string) string { return s[:len(s)/2] },
		"empty":  func(string) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := attacked(t)
			path := f.path("prod", journalName, mustLoad(t, f, "prod").Head().Hex()+entrySuffix)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(edit(string(text))), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err = f.Load(context.Background(), "prod")
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "is damaged") {
				t.Fatalf("got %v", err)
			}
			if err := os.WriteFile(path, text, 0o644); err != nil { // from version control
				t.Fatal(err)
			}
			if got := mustReveal(t, mustLoad(t, f, "prod"), "passwd.api"); got != "rotated value" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAMissingEntryOrFileIsNamed(t *testing.T) {
	f, o := attacked(t)
	oldest := mustLoad(t, f, "prod").own.order[0].head
	envelope := envelopeOf(t, f, "prod", "passwd.db")
	for _, gone := range []struct{ path, want string }{
		{f.path("prod", journalName, oldest.Hex()+entrySuffix), "follows " + oldest.Short()},
		{envelope, envelope},
		{f.path("prod", keyName), keyName},
	} {
		away := gone.path + ".away"
		if err := os.Rename(gone.path, away); err != nil {
			t.Fatal(err)
		}
		mustRefuse(t, reopen(t, o), "prod", "passwd.db", gone.want)
		if err := os.Rename(away, gone.path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALostJournalIsNotStartedAnew(t *testing.T) {
	f, o := attacked(t)
	if err := os.RemoveAll(f.path("prod", journalName)); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, reopen(t, o), "prod", "passwd.api", "the journal of the state of prod is gone")
	if _, err := f.Commit(context.Background(), "prod", Head{}, setSecret("9", "passwd.api", "x")); err == nil {
		t.Error("a new state was begun over the old one")
	}
}

// What a file says of its writer must not reach a terminal as it is.
func TestNamesInErrorsAreQuoted(t *testing.T) {
	_, o := testFiles(t)
	o.Who, o.Host = "ann\x1b]0;owned\a", "desk\n"
	f := reopen(t, o)
	mustCommit(t, f, "prod", setSecret("1", "passwd.api", "value"))
	_, err := f.Commit(context.Background(), "prod", Head{}, setSecret("2", "passwd.api", "value"))
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\a\n") || !strings.Contains(err.Error(), "owned") {
		t.Errorf("got %q", err)
	}
}

func TestTwoHeadsAreNamed(t *testing.T) {
	f, _ := attacked(t)
	base := mustLoad(t, f, "prod").Head()
	left := mustCommit(t, f, "prod", setSecret("left", "passwd.left", "x"))
	aside := f.path("prod", journalName, left.Hex()+entrySuffix)
	if err := os.Rename(aside, aside+".away"); err != nil {
		t.Fatal(err)
	}
	right, err := f.Commit(context.Background(), "prod", base, setSecret("right", "passwd.right", "x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside+".away", aside); err != nil { // what a merge in git does
		t.Fatal(err)
	}
	mustRefuse(t, f, "prod", "passwd.api", "2 newest entries", left.Hex()+".jsonl", right.Hex()+".jsonl", "ann on desk", `"facs state set"`,
		testClock().UTC().Format(time.RFC3339))
	_, err = f.Load(context.Background(), "prod")
	var told *facsimile.Error
	if !errors.As(err, &told) || !strings.Contains(told.Hint, "the nodes run") || !strings.Contains(told.Hint, "Never guess") {
		t.Fatalf("the hint does not say how to decide: %v", err)
	}
	for _, h := range []Head{left, right} { // whichever it named, it could be the one that is live
		if strings.Contains(told.Hint, h.Hex()) || strings.Contains(told.Hint, h.Short()) {
			t.Errorf("the hint singles out %s: %s", h.Short(), told.Hint)
		}
	}
}

func TestAnEntryOfAnotherFormatIsNamed(t *testing.T) {
	f, _ := attacked(t)
	text := []byte(`{"facsimile":"state","format":2,"novelty":true}` + "\n" + `{"mac":""}` + "\n")
	if err := os.WriteFile(f.path("prod", journalName, facsimile.DigestOf(text).Hex()+entrySuffix), text, 0o644); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, f, "prod", "passwd.api", "written by another version of facs: its format is 2")
}

func TestSomebodyElsesCheckout(t *testing.T) {
	_, o := attacked(t)
	o.KeyDir = filepath.Join(t.TempDir(), "theirs")
	f := reopen(t, o)
	s := mustLoad(t, f, "prod") // reading needs no key
	if len(s.SecretKeys()) != 2 {
		t.Errorf("%q", s.SecretKeys())
	}
	_, err := s.Reveal(context.Background(), "passwd.api")
	if !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), "they are for age1") {
		t.Errorf("without any key: %v", err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	o.Identities = []age.Identity{other}
	s = mustLoad(t, reopen(t, o), "prod")
	if _, err := s.Reveal(context.Background(), "passwd.api"); !errors.Is(err, ErrNoKey) {
		t.Errorf("with another key: %v", err)
	}
	if _, err := reopen(t, o).Commit(context.Background(), "prod", s.Head(), setSecret("9", "passwd.x", "x")); !errors.Is(err, ErrNoKey) {
		t.Errorf("commit: %v", err)
	}
	if needs, err := Allot(Needs{Secrets: []SecretNeed{{Key: "passwd.api"}}}, s, s, seeded(1)); err != nil || !needs.Empty() {
		t.Errorf("allotting what is there: %v, %v", needs.Pending(), err)
	}
}

// Two branches that gave one id to two replicas, and a merge that did not see it.
func TestOneIdForTwoReplicasIsRefused(t *testing.T) {
	f, _ := testFiles(t)
	mustCommit(t, f, "prod", Change{ID: "1", IDs: []NewID{{Replica: "apid.0", UIID: 1, Module: "api"}}})
	v := mustLoad(t, f, "prod").own
	k, err := f.unlock(v)
	if err != nil {
		t.Fatal(err)
	}
	h := v.newest.header
	h.Parents, h.Change, h.Recipients = []Head{v.head}, "2", nil
	text, err := encodeEntry(h, []*item{{Replica: "dbd.0", Generation: 1, UIID: 1, Module: "db"}}, k.mac)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.path("prod", journalName, facsimile.DigestOf(text).Hex()+entrySuffix), text, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = f.Load(context.Background(), "prod")
	if err == nil || !strings.Contains(err.Error(), "the id 1 belongs to apid.0") || !strings.Contains(err.Error(), "and to dbd.0") {
		t.Errorf("got %v", err)
	}
}
