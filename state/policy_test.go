package state

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		form   string
		bits   int
	}{
		{Policy{}, `^[A-Za-z0-9]{24}$`, 142},
		{Policy{Type: "password", Length: 40}, `^[A-Za-z0-9]{40}$`, 238},
		{Policy{Type: "password", Length: 12, Charset: "abbbc"}, `^[abc]{12}$`, 19},
		{Policy{Type: "password", Length: 6, Charset: "äöü"}, `^[äöü]{6}$`, 9},
		{Policy{Type: "hex"}, `^[0-9a-f]{64}$`, 256},
		{Policy{Type: "hex", Length: 32}, `^[0-9a-f]{32}$`, 128},
		{Policy{Type: "token"}, `^[A-Za-z0-9_-]{43}$`, 258},
		{Policy{Type: "uuid"}, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, 122},
	} {
		r, err := c.policy.recipe()
		if err != nil {
			t.Errorf("%+v: %v", c.policy, err)
			continue
		}
		random := seeded(7)
		one, err := r.make(random)
		if err != nil {
			t.Fatal(err)
		}
		two, err := r.make(random)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(c.form).MatchString(one.Reveal()) || one.Reveal() == two.Reveal() || r.bits() != c.bits {
			t.Errorf("%+v: %q and %q, %d bits", c.policy, one.Reveal(), two.Reveal(), r.bits())
		}
	}
}

func TestPoliciesThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		want   string
	}{
		{Policy{Type: "x509"}, "not available in this version"},
		{Policy{Type: "ed25519"}, "not available in this version"},
		{Policy{Type: "tokn"}, "did you mean token?"},
		{Policy{Type: "zzzzzzzz"}, "there are password, hex, uuid, token"},
		{Policy{Type: "uuid", Length: 10}, "a uuid has 36 characters"},
		{Policy{Length: -1}, "from 1 to 1024"},
		{Policy{Length: 2000}, "from 1 to 1024"},
		{Policy{Type: "hex", Charset: "ab"}, "takes no charset"},
		{Policy{Charset: "aaa"}, "from 2 to 256 different"},
		{Policy{Charset: "a\nb"}, "control characters"},
		{Policy{Charset: "a\xff"}, "no UTF-8"},
	} {
		if _, err := c.policy.recipe(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.policy, err, c.want)
		}
	}
}

// Each character must be as likely as any other: 256 is no multiple of 62.
func TestCharactersAreEquallyLikely(t *testing.T) {
	r, err := Policy{Length: maxSecretLength}.recipe()
	if err != nil {
		t.Fatal(err)
	}
	count := map[rune]int{}
	random := seeded(3)
	const rounds = 100
	for range rounds {
		value, err := r.make(random)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range value.Reveal() {
			count[c]++
		}
	}
	chi, expected := 0.0, float64(rounds*maxSecretLength)/62
	for _, c := range lettersAndDigits {
		d := float64(count[c]) - expected
		chi += d * d / expected
	}
	// 61 degrees of freedom: beyond 112 once in 10,000 seeds; the bias of a plain modulo gives over 1,000.
	if chi > 112 {
		t.Errorf("chi squared is %.1f", chi)
	}
}

func TestWithoutRandomBytesThereIsNoSecret(t *testing.T) {
	for _, kind := range []string{"password", "uuid"} {
		r, err := Policy{Type: kind}.recipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.make(bytes.NewReader(nil)); err == nil {
			t.Errorf("%s: a secret out of nothing", kind)
		}
	}
}
