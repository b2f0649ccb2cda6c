package machine

import (
	"path"
	"regexp"
	"strings"

	facsimile "facsimile.dev/facsimile"
)

// CheckArgv refuses what no host could run: no program, or a NUL in a word.
func CheckArgv(argv []string) error {
	if len(argv) == 0 || argv[0] == "" {
		return facsimile.Errorf(facsimile.BadInput, "no program to run was named")
	}
	for _, w := range argv {
		if strings.IndexByte(w, 0) >= 0 {
			return facsimile.Errorf(facsimile.BadInput, "a word of the command %q holds a NUL", argv[0])
		}
	}
	return nil
}

// Sudo is what stands before a command that runs as root: never asking, and taking nothing of
// the command as an option.
func Sudo() []string { return []string{"sudo", "-n", "--"} }

// sudoRefusal matches what sudo itself, or a shell without it, says when it runs nothing.
var sudoRefusal = regexp.MustCompile(`(?m)^(?:` +
	`sudo: .*(?:password is required|must have a tty|terminal is required|no tty present|must be setuid root|must be owned by uid 0|` +
	`unable to (?:initialize|open|stat|load)|error in|no new privileges|no valid sudoers).*` +
	`|Sorry, user .*(?:may not run|is not allowed).*` +
	`|.* is not (?:in the sudoers file|allowed to run sudo).*` +
	`|.*sudo: (?:command )?not found.*` +
	`|.*[Uu]nknown command:? .?sudo.*)$`)

// sudoMissing is how sudo says that there is no such program; its status is 1 then.
const sudoMissing = ": command not found"

// ProgramError says how a program that was started on a node ended, for a transport: nil for
// status 0, *NoSudo where sudo did not run it, *ExitError otherwise.
func ProgramError(t Target, argv []string, status int, stderr string) error {
	if status == 0 {
		return nil
	}
	if t.Become {
		if strings.Contains("\n"+stderr, "\nsudo: "+argv[0]+sudoMissing) {
			status = 127
		} else if said := sudoRefusal.FindString(stderr); said != "" {
			return newNoSudo(t, strings.TrimSpace(said))
		}
	}
	return &ExitError{Status: status, Program: path.Base(argv[0]), Stderr: stderr}
}
