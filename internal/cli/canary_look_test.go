package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// canary runs commands in a copy of testdata/tiny and looks for its secrets where they must not be.
type canary struct {
	t       *testing.T
	dir     string // holds everything: the definition, the nodes, the configuration, temporary files
	project string
	secrets []string
	said    []said
}

// said is what one command wrote.
type said struct{ command, text string }

func newCanary(t *testing.T) *canary {
	dir := t.TempDir()
	c := &canary{t: t, dir: dir, project: filepath.Join(dir, "tiny")}
	if err := os.CopyFS(c.project, os.DirFS("testdata/tiny")); err != nil {
		t.Fatal(err)
	}
	c.write("define/beta.yaml", `
dsn: "postgres://web:{{ instance.modules.web.password }}@{{ instance.db.host }}"
again: ["{{ instance.dsn }}"]
`)
	c.write("tmpl/_ALL_/_DEPLOY_/etc/dsn.conf", "{{ instance.dsn }} {{ instance.again[0] | upper }}\n")
	c.write("tmpl/_ALL_/init.sql", "CREATE USER web WITH PASSWORD '{{ module.web.password }}';\n")
	c.facs("deploy beta")
	c.learn()
	return c
}

// read gives the text of a file of the definition, if it is there.
func (c *canary) read(name string) (text string, ok bool) {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.project, filepath.FromSlash(name)))
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	return string(b), err == nil
}

// write appends text to a file of the definition.
func (c *canary) write(name, text string) {
	c.t.Helper()
	before, _ := c.read(name)
	c.put(name, before+text)
}

func (c *canary) put(name, text string) {
	c.t.Helper()
	file := filepath.Join(c.project, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c *canary) remove(name string) {
	c.t.Helper()
	if err := os.Remove(filepath.Join(c.project, filepath.FromSlash(name))); err != nil {
		c.t.Fatal(err)
	}
}

// learn reads the secrets from the one file that is meant to hold them.
func (c *canary) learn() {
	c.t.Helper()
	text, _ := c.read("run/n1/current/etc/secret.conf")
	for line := range strings.Lines(text) {
		if _, secret, ok := strings.Cut(strings.TrimSpace(line), " = "); ok && len(secret) >= 16 {
			c.secrets = append(c.secrets, secret)
		}
	}
	if len(c.secrets) != 2 {
		c.t.Fatalf("etc/secret.conf taught %d secrets, want 2", len(c.secrets))
	}
}

// facs runs a command in this process and keeps what it says.
func (c *canary) facs(command string) int {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	var out bytes.Buffer
	program, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	status := Run(ctx, Env{
		Args: strings.Fields(command), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
		Environ: []string{"HOME=" + c.dir, "XDG_CONFIG_HOME=" + filepath.Join(c.dir, "config"), "TMPDIR=" + c.dir, "PATH=" + os.Getenv("PATH")},
		Dir:     c.project, Program: program, Version: "v0", User: "tester", Host: "desk", Now: time.Now, Random: rand.Reader,
	})
	c.said = append(c.said, said{command, out.String()})
	return status
}

// disguises are forms in which a secret is still one.
func disguises(secret string) map[string]string {
	reversed := []byte(secret)
	slices.Reverse(reversed)
	forms := map[string]string{
		"raw": secret, "upper case": strings.ToUpper(secret), "lower case": strings.ToLower(secret),
		"hex": hex.EncodeToString([]byte(secret)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"base32": strings.TrimRight(base32.StdEncoding.EncodeToString([]byte(secret)), "="),
		"quoted": strings.Trim(fmt.Sprintf("%q", secret), `"`), "in a URL": url.QueryEscape(secret), "in a path": url.PathEscape(secret),
		"reversed": string(reversed),
	}
	// In the middle of what is encoded, a secret looks in one of three ways, but for its ends.
	for shift := range 3 {
		text := append(bytes.Repeat([]byte{0}, shift), secret...)
		end := len(text) / 3 * 4
		start := (shift*8 + 5) / 6
		forms[fmt.Sprintf("base64+%d", shift)] = base64.StdEncoding.EncodeToString(text)[start : end-1]
		forms[fmt.Sprintf("base64url+%d", shift)] = base64.URLEncoding.EncodeToString(text)[start : end-1]
	}
	return forms
}

// leaks gives the forms of the secrets that text holds.
func (c *canary) leaks(text string) []string {
	var found []string
	for _, secret := range c.secrets {
		for form, disguised := range disguises(secret) {
			if strings.Contains(text, disguised) {
				found = append(found, form)
			}
		}
	}
	return found
}

// meant reports whether a file is meant to hold secrets: those that were rendered with one.
func meant(name string) bool {
	switch filepath.Base(name) {
	case "secret.conf", "dsn.conf", "init.sql":
		return strings.Contains(name, "/RELEASE/") || strings.Contains(name, "/run/n")
	}
	return false
}

// check looks at everything that was said and written.
func (c *canary) check() {
	c.t.Helper()
	c.checkSaid()
	c.checkFiles()
}

func (c *canary) checkSaid() {
	c.t.Helper()
	for _, s := range c.said {
		if found := c.leaks(s.text); found != nil {
			c.t.Errorf("facs %s shows a secret (%v)", s.command, found)
		}
	}
}

func (c *canary) checkFiles() {
	c.t.Helper()
	held := 0
	err := filepath.WalkDir(c.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if found := c.leaks(name); found != nil {
			c.t.Errorf("the name of a file holds a secret (%v): %s", found, name)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		found := c.leaks(string(text))
		switch {
		case found != nil && !meant(name):
			c.t.Errorf("%s holds a secret (%v)", name, found)
		case found != nil && info.Mode().Perm()&0o077 != 0:
			c.t.Errorf("%s holds a secret and has the mode %v", name, info.Mode())
		case found != nil:
			held++
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if held == 0 {
		c.t.Error("no file holds a secret, not even those that are meant to: the test looks at nothing")
	}
}

// TestCanarySings holds that the search finds a secret in each of its disguises.
func TestCanarySings(t *testing.T) {
	c := &canary{t: t, secrets: []string{"Gd4mY5k37pLUlZ8f/+x1 &c0"}}
	for form, text := range disguises(c.secrets[0]) {
		if found := c.leaks("before " + text + " after"); found == nil {
			t.Errorf("%s is not found", form)
		}
	}
	for shift := range 6 {
		text := strings.Repeat("x", shift) + c.secrets[0] + "yyyyyy"
		for name, encoded := range map[string]string{"std": base64.StdEncoding.EncodeToString([]byte(text)), "url": base64.URLEncoding.EncodeToString([]byte(text))} {
			if c.leaks(encoded) == nil {
				t.Errorf("base64 (%s) after %d bytes is not found", name, shift)
			}
		}
	}
	if found := c.leaks("[secret] Gd4mY5k37 ZDRtWTVr"); found != nil {
		t.Errorf("found %v where there is nothing", found)
	}
}
