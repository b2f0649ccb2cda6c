package state

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"facsimile.dev/facsimile"
)

const canary = "canary-Xq7vT2mWz9"

// forms are the ways in which a text may stand somewhere.
func forms(text string) []string {
	return []string{
		text, hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))),
		base64.StdEncoding.EncodeToString([]byte(text))[:len(text)], fmt.Sprint([]byte(text)), fmt.Sprintf("%#v", []byte(text)),
	}
}

func mustNotShow(t *testing.T, where, text string, hidden ...string) {
	t.Helper()
	for _, secret := range hidden {
		for _, form := range forms(secret) {
			if strings.Contains(text, form) {
				t.Errorf("%s shows a secret: %.200q", where, text)
			}
		}
	}
}

func verbs() []string { return []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} }

// printed is a value in every format that may print it by accident.
func printed(v any) string {
	var b bytes.Buffer
	for _, verb := range verbs() {
		fmt.Fprintf(&b, verb+"\n", v)
		fmt.Fprintf(&b, verb+"\n", []any{v})
		fmt.Fprintf(&b, verb+"\n", struct{ V any }{v})
	}
	text, err := json.Marshal(v)
	fmt.Fprintln(&b, string(text), err)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
	return b.String()
}

func TestNoSecretIsInAnyFileOrFormat(t *testing.T) {
	f, o := testFiles(t)
	c := setSecret("1", "passwd.api", canary)
	mustCommit(t, f, "prod", c)
	s := mustGenerate(t, f, "prod", "prod", shopNeeds())
	hidden := []string{canary}
	for _, key := range s.SecretKeys() {
		hidden = append(hidden, mustReveal(t, s, key))
	}
	k, err := f.openKey("prod", nil)
	if err != nil {
		t.Fatal(err)
	}
	root := k.root()
	hidden = append(hidden, k.identity().String(), string(root[:]))

	for path, text := range filesBelow(t, o.Dir) {
		mustNotShow(t, path, string(text), hidden...)
		mustNotShow(t, "a name", path, hidden...)
	}
	a, err := Allot(Needs{Secrets: []SecretNeed{{Key: "passwd.new"}}}, s, s, seeded(4))
	if err != nil {
		t.Fatal(err)
	}
	hidden = append(hidden, a.Own.Secrets[0].Value.Reveal())
	history, err := f.History(context.Background(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := s.Secret("passwd.api")
	ids, _, err := f.identities()
	if err != nil {
		t.Fatal(err)
	}
	o.Identities = ids
	hidden = append(hidden, fmt.Sprint(ids[0])) // the text form of an age identity is the key
	secret, err := s.Reveal(context.Background(), "passwd.api")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{
		s, &s, f, o, &o, c, &c, a, &a, a.Own.Secrets[0], a.Own.Secrets, entry, history, history[0], s.Replicas(), s.Head(), secret,
		Combine(s, s), f.Notices(), shopNeeds(), map[string]*Files{"f": f},
	} {
		mustNotShow(t, reflect.TypeOf(v).String(), printed(v), hidden...)
	}
	// Package fmt asks no methods of what stands in an unexported field: what holds keys must
	// be safe without any.
	for _, verb := range verbs() {
		text := fmt.Sprintf(verb+verb+verb, struct{ s Snapshot }{s}, struct{ f *Files }{f}, struct{ k key }{*k})
		mustNotShow(t, "an unexported field", text, hidden...)
	}
}

func TestNoSecretIsInAnError(t *testing.T) {
	f, _ := testFiles(t)
	head := mustCommit(t, f, "prod", setSecret("1", "passwd.api", canary))
	bad := setSecret("2", "passwd.api", canary)
	bad.Secrets = append(bad.Secrets, bad.Secrets[0]) // twice in one change
	noID := setSecret("", "passwd.api", canary)
	noPath := setSecret("3", "passwd.api", canary)
	noPath.Directories = []NewDirectory{{Module: "m", Name: "d"}}
	taken := setSecret("4", "passwd.api", canary)
	taken.IDs = []NewID{{Replica: "a.0", UIID: 1, Module: "a"}, {Replica: "b.0", UIID: 1, Module: "b"}}
	for name, c := range map[string]struct {
		base Head
		c    Change
	}{
		"moved": {Head{}, setSecret("5", "passwd.api", canary)}, "twice": {head, bad}, "no id": {head, noID},
		"no path": {head, noPath}, "one uiid for two": {head, taken},
	} {
		_, err := f.Commit(context.Background(), "prod", c.base, c.c)
		if err == nil {
			t.Fatalf("%s: committed", name)
		}
		mustNotShow(t, name, printed(err)+err.Error(), canary)
	}
	if s := mustLoad(t, f, "prod"); s.Head() != head {
		t.Error("something was committed all the same")
	}
	_, err := mustLoad(t, f, "prod").Reveal(context.Background(), "passwd.apo")
	if told, ok := err.(*facsimile.Error); !ok || !strings.Contains(told.Hint, "passwd.api") {
		t.Errorf("the nearest name is not told: %v", err)
	}
}
