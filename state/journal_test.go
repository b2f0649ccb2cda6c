package state

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"facsimile.dev/facsimile"
)

func sampleEntry(t testing.TB) []byte {
	t.Helper()
	h := header{Facsimile: "state", Format: 1, Project: testProject, Instance: "prod", Change: "01", Who: "ann", Host: "desk", When: testClock(), Why: "test"}
	text, err := encodeEntry(h, []*item{
		{Secret: "passwd.api", Generation: 1, Type: "hex", Bits: 128, Envelope: facsimile.DigestOf(nil), Fingerprint: "p-00"},
		{Replica: "apid.0", Generation: 1, UIID: 4, Module: "api", LogicalName: "api"},
		{Place: "apid.0", Generation: 2, Node: "app1", Port: 8001, Base: 8000},
		{Directory: "data", Module: "api", Generation: 1, Path: "/srv"},
	}, noMAC)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The fixture is what this version of the format looks like, for all time.
func TestTheFormatIsAsDocumented(t *testing.T) {
	path := filepath.Join("testdata", "entry-1.jsonl")
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := sampleEntry(t); !bytes.Equal(got, want) {
		t.Errorf("an entry is written as\n%s\nand %s has\n%s", got, path, want)
	}
	e, err := decodeEntry(want)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.items) != 4 || e.items[2].Port != 8001 || e.head.Digest != facsimile.DigestOf(want) || string(e.signed) == string(want) {
		t.Errorf("read as %+v", e)
	}
}

func TestEntriesThatNobodyWrites(t *testing.T) {
	good := string(sampleEntry(t))
	for _, c := range []struct{ old, new, want string }{
		{`"facsimile":"state"`, `"facsimile":"tree"`, "no entry of a state"},
		{`"format":1`, `"format":7`, "its format is 7"},
		{`"who":"ann"`, `"who":"ann","what":1`, "what"},
		{`"secret":"passwd.api"`, `"secret":"passwd.api","replica":"x"`, "a secret, a replica, a place or a directory"},
		{`"secret":"passwd.api"`, `"seecret":"passwd.api"`, "seecret"},
		{`"uiid":4`, `"uiid":0`, "replica.apid.0.uiid is 0"},
		{`"generation":2`, `"generation":0`, "has the generation 0"},
		{`"port":8001`, `"port":70000`, "port 70000"},
		{`"path":"/srv"`, `"path":""`, "no path"},
		{`"node":"app1"`, `"node":""`, `node ""`},
		{`"envelope":"sha256:`, `"envelope":"sha1:`, "digest"},
		{`{"mac"`, `{"mic"`, "the last line"},
	} {
		if _, err := decodeEntry([]byte(strings.Replace(good, c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.new, err, c.want)
		}
	}
	for cut := range len(good) {
		if _, err := decodeEntry([]byte(good[:cut])); err == nil {
			t.Fatalf("an entry of %d of its %d bytes was taken", cut, len(good))
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	good := sampleEntry(f)
	f.Add(good)
	f.Add([]byte("{}\n{}\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := decodeEntry(text)
		if err != nil {
			return
		}
		again, err := encodeEntry(e.header, e.items, func([]byte) string { return e.mac })
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		f, err := decodeEntry(again)
		if err != nil || len(f.items) != len(e.items) || f.Change != e.Change {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	k, err := newKey(seeded(1))
	if err != nil {
		f.Fatal(err)
	}
	good := k.text(testProject, "prod")
	f.Add(good)
	f.Add(strings.Replace(good, "# root: ", "# root: 00", 1))
	f.Add("\n\n\n\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseKey(text, testProject, "prod")
		if err == nil && !strings.EqualFold(k.text(testProject, "prod"), text) {
			t.Fatal("another key was read than is written")
		}
	})
}
