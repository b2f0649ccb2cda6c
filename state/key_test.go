package state

import (
	"testing"

	"facsimile.dev/facsimile"
)

// What is derived from a root is part of the format. The values were computed by another
// program, from doc/format/state.md alone.
func TestDerivedValuesAreAsDocumented(t *testing.T) {
	var root [rootSize]byte
	for i := range root {
		root[i] = byte(i)
	}
	k := holdKey(nil, root)
	blob := k.blob(facsimile.DigestOf([]byte("content")))
	for _, c := range []struct{ name, got, want string }{
		{"mac", k.mac([]byte("lines\n")), "267fad548f78695fc6a49ecc14cd82645f4b5d835287601251b2942c7d4cbe05"},
		{"blob", facsimile.Digest(blob).Hex(), "82a5553073152fa4402c1c9a7560c8f042720ebc52dc951606e587d8d9f4802a"},
		{"fingerprint", k.fingerprint("value"), "i-c9f0d0cd-a4c7e078a0370604fa6332491c89a0ab"},
		{"fingerprint in the project", projectFingerprint("shop", "value"), "p-229430e64ae5003dff2c624f48c9109c"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
}
