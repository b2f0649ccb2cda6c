//go:build unix

package ssh

import (
	"fmt"
	"strings"
)

// remoteCommand is the one string that sshd hands to the login shell of the user, which may be
// any: sh, bash, zsh, csh, fish. It runs argv by /bin/sh, after a line with mark on standard
// output.
//
// In single quotes those shells agree, but for: the quote itself, the backslash (fish, csh),
// "!" (csh) and line ends (csh). A command with any of these travels as octal escapes, which
// printf takes back. /bin/sh stays, as the parent of the program, since sshd would not pass on
// by which signal it ended.
func remoteCommand(mark string, argv []string) string {
	for _, w := range argv {
		if strings.ContainsFunc(w, needsEscape) {
			script := "set -- " + shellJoin(argv)
			return fmt.Sprintf(`exec /bin/sh -c 'eval "$(printf %%b "$1")"; echo %s; "$@"; exit $?' facs '%s'`, mark, octal(script))
		}
	}
	return fmt.Sprintf(`exec /bin/sh -c 'echo %s; "$@"; exit $?' facs '%s'`, mark, strings.Join(argv, "' '"))
}

func needsEscape(r rune) bool {
	return r < ' ' || r >= 0x7f || r == '\'' || r == '\\' || r == '!'
}

// octal writes every byte that some shell would not keep as \0ddd, for printf %b.
func octal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; needsEscape(rune(c)) {
			fmt.Fprintf(&b, `\0%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// shellJoin quotes words for /bin/sh.
func shellJoin(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}
