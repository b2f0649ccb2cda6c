package state

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"facsimile.dev/facsimile"
)

func TestTheFirstRunMakesAKeyAndSaysSo(t *testing.T) {
	f, o := testFiles(t)
	mustCommit(t, f, "prod", setSecret("1", "passwd.api", "value"))
	path := ownKeyFile(o.KeyDir)
	notices := f.Notices()
	if len(notices) != 1 || !strings.Contains(notices[0].Msg, path) || !strings.Contains(notices[0].Hint, "copy") {
		t.Errorf("told %+v", notices)
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v", p, info.Mode())
		}
	}
	mustCommit(t, f, "beta", setSecret("2", "passwd.api", "value"))
	if again := f.Notices(); len(again) != 0 {
		t.Errorf("told again: %+v", again)
	}
	if r := mustLoad(t, f, "beta").Recipients(); len(r) != 1 || !strings.HasPrefix(r[0], "age1") {
		t.Errorf("recipients %q", r)
	}
}

func TestAKeyThatOthersCanReachIsRefused(t *testing.T) {
	for _, reach := range []struct {
		of   func(string) string
		mode os.FileMode
	}{
		{func(p string) string { return p }, 0o640},
		{func(p string) string { return p }, 0o604},
		{filepath.Dir, 0o750},
	} {
		f, o := testFiles(t)
		mustCommit(t, f, "prod", setSecret("1", "passwd.api", "value"))
		p := reach.of(ownKeyFile(o.KeyDir))
		if err := os.Chmod(p, reach.mode); err != nil {
			t.Fatal(err)
		}
		mustRefuse(t, reopen(t, o), "prod", "passwd.api", "others can reach your private key: "+p)
		if _, err := reopen(t, o).Commit(context.Background(), "beta", Head{}, setSecret("2", "passwd.api", "value")); err == nil {
			t.Error("a state was sealed to a key that others can reach")
		}
	}
}

func sshKeyFile(t *testing.T) (path, public string) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "id_ed25519")
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(ssh.MarshalAuthorizedKey(key))
}

func TestAnyRecipientOpensTheState(t *testing.T) {
	_, o := testFiles(t)
	sshPath, sshPublic := sshKeyFile(t)
	recovery, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	o.KeyDir = ""
	o.Recipients = []string{sshPublic, recovery.Recipient().String()}
	o.IdentityFiles = []string{sshPath}
	f := reopen(t, o)
	mustCommit(t, f, "prod", setSecret("1", "passwd.api", "value"))
	if len(f.Notices()) != 0 {
		t.Error("a key was made although recipients are configured")
	}
	recoveryFile := filepath.Join(t.TempDir(), "recovery.txt")
	if err := os.WriteFile(recoveryFile, []byte("# paper\n"+recovery.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, use := range map[string]func(*FilesOptions){
		"an SSH key file":       func(o *FilesOptions) { o.IdentityFiles = []string{sshPath} },
		"an age key file":       func(o *FilesOptions) { o.IdentityFiles = []string{recoveryFile} },
		"an identity in memory": func(o *FilesOptions) { o.IdentityFiles, o.Identities = nil, []age.Identity{recovery} },
	} {
		with := o
		use(&with)
		if got := mustReveal(t, mustLoad(t, reopen(t, with), "prod"), "passwd.api"); got != "value" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if r := mustLoad(t, f, "prod").Recipients(); len(r) != 2 || strings.HasSuffix(r[0], "\n") {
		t.Errorf("recipients %q", r)
	}
}

func TestAStateThatNobodyHereCouldOpenIsNotBegun(t *testing.T) {
	_, o := testFiles(t)
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	o.Recipients = []string{other.Recipient().String()}
	f := reopen(t, o)
	if _, err := f.Commit(context.Background(), "prod", Head{}, setSecret("1", "passwd.api", "value")); err == nil {
		t.Error("begun")
	}
	if _, err := os.Stat(f.path("prod", keyName)); err == nil {
		t.Error("a key was left")
	}
	o.Recipients, o.KeyDir = nil, ""
	if _, err := reopen(t, o).Commit(context.Background(), "prod", Head{}, setSecret("1", "passwd.api", "value")); err == nil {
		t.Error("begun without any recipient")
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	private, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*FilesOptions)
		want   string
	}{
		{func(o *FilesOptions) { o.Dir = "" }, "no folder"},
		{func(o *FilesOptions) { o.ProjectID = "" }, "id of a project"},
		{func(o *FilesOptions) { o.ProjectID = "a\n# root: 0" }, "id of a project"},
		{func(o *FilesOptions) { o.Recipients = []string{"bob"} }, "not a public key"},
		{func(o *FilesOptions) { o.Recipients = []string{"age1x"} }, "recipient"},
		{func(o *FilesOptions) { o.Recipients = []string{private.String()} }, "this is a private key"},
	} {
		_, o := testFiles(t)
		c.change(&o)
		_, err := OpenFiles(o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), private.String()) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestKeyFilesThatAreNone(t *testing.T) {
	for _, text := range []string{"", "AGE-SECRET-KEY-1TOTALLYSECRET", "-----BEGIN OPENSSH PRIVATE KEY-----\nTOTALLYSECRET", "TOTALLYSECRET"} {
		f, o := testFiles(t)
		mustCommit(t, f, "prod", setSecret("1", "passwd.api", "value"))
		o.IdentityFiles = []string{filepath.Join(t.TempDir(), "key")}
		if err := os.WriteFile(o.IdentityFiles[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := mustLoad(t, reopen(t, o), "prod").Reveal(context.Background(), "passwd.api")
		if err == nil || !strings.Contains(err.Error(), o.IdentityFiles[0]) || strings.Contains(err.Error(), "TOTALLYSECRET") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestInstanceNamesCannotLeadElsewhere(t *testing.T) {
	f, _ := testFiles(t)
	for _, in := range []facsimile.Instance{"", "..", "../x", "a/b", "/etc", ".hidden"} {
		if _, err := f.Load(context.Background(), in); err == nil {
			t.Errorf("%q was loaded", in)
		}
		if _, err := f.Commit(context.Background(), in, Head{}, setSecret("1", "passwd.api", "value")); err == nil {
			t.Errorf("%q was written", in)
		}
	}
}
