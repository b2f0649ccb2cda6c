package state

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// A fingerprint is a keyed hash of a secret that anybody may see. There are two kinds:
//
//	p-HASH      of a generated secret of at least 128 random bits. The key follows from the
//	            project's id and is no secret: that many bits cannot be guessed with it. It is
//	            comparable in the whole project.
//	i-ID-HASH   of any other. A weak secret could be guessed by whoever has the key, so the key
//	            follows from the root of the instance; ID says which key it was.
const (
	projectWide = "p-"
	perInstance = "i-"
)

const (
	fingerprintSize   = 16
	fingerprintIDSize = 4
)

func projectFingerprint(project, value string) string {
	key := sha256.Sum256([]byte("facsimile fingerprint 1\x00" + project))
	return projectWide + hashFor(key[:], value, fingerprintSize)
}

// hashFor is the start of an HMAC-SHA256, in hexadecimal.
func hashFor(key []byte, text string, size int) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil)[:size])
}

// CompareFingerprints says whether the secrets behind two fingerprints are the same, where that
// can be known: not for fingerprints that different instances made of secrets which somebody
// could guess.
func CompareFingerprints(a, b string) (same, known bool) {
	if a == "" || b == "" {
		return false, false
	}
	return a == b, a == b || fingerprintKey(a) == fingerprintKey(b)
}

// fingerprintKey is the part of a fingerprint that says under which key it was made.
func fingerprintKey(f string) string {
	if i := strings.LastIndexByte(f, '-'); i >= 0 {
		return f[:i]
	}
	return ""
}
