package source

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"facsimile.dev/facsimile"
)

// CheckVersion checks that a version can be the name of a tag and of a folder: letters, digits and
// . _ + -, beginning with a letter or a digit, no "..", not ending in "." or ".lock"
// (git-check-ref-format(1)), and not HEAD.
func CheckVersion(v string) error {
	bad := ""
	switch {
	case len(v) > 100:
		bad = "it is longer than 100 characters"
	case !versionGrammar.MatchString(v):
		bad = "only letters, digits and . _ + - can stand in it, and it begins with a letter or a digit"
	case strings.Contains(v, "..") || strings.HasSuffix(v, ".") || strings.HasSuffix(v, ".lock"):
		bad = "no tag of git can have that name"
	case strings.EqualFold(v, "HEAD"):
		bad = "it is not the name of a tag; leave the version out to take the newest commit"
	}
	if bad != "" {
		return facsimile.Errorf(facsimile.BadInput, "%.120q is not a version: %s", v, bad)
	}
	return nil
}

var (
	versionGrammar = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)
	urlGrammar     = regexp.MustCompile(`^(https?|ssh|git|file)://[^-/][^\x00-\x20]*$|^file:///[^\x00-\x20]*$`)
	scpGrammar     = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9_][A-Za-z0-9._-]*:[^\x00-\x20-][^\x00-\x20]*$`)
)

// location is where git finds a repository: an absolute path, a URL, or HOST:PATH for ssh.
func location(repo, base string) (where string, local bool, err error) {
	refuse := func(why string) (string, bool, error) {
		return "", false, facsimile.Errorf(facsimile.BadInput, "%q is not a repository: %s", withoutPassword(repo), why).
			WithHint("a repository is a path, a URL (https, ssh, git, file) or HOST:PATH")
	}
	switch {
	case repo == "":
		return refuse("it is empty")
	case strings.ContainsFunc(repo, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return refuse("it holds a control character")
	case strings.HasPrefix(repo, "-"):
		return refuse("it begins with a dash")
	case strings.Contains(repo, "::"):
		return refuse("it asks for a helper program")
	case urlGrammar.MatchString(repo):
		return repo, strings.HasPrefix(repo, "file:"), nil
	case strings.Contains(repo, "://"):
		return refuse("its scheme is not one of https, http, ssh, git, file")
	case scpGrammar.MatchString(repo) && !strings.Contains(repo[:strings.IndexByte(repo, ':')], "/"):
		return repo, false, nil
	}
	if !filepath.IsAbs(repo) {
		repo = filepath.Join(base, repo)
	}
	repo, err = filepath.Abs(repo)
	return repo, true, err
}

// checkLocal makes sure that a path leads to a folder, for an error that says more than git's.
func checkLocal(where string) error {
	info, err := os.Stat(where)
	if err != nil {
		return fmt.Errorf("there is no folder %s", where)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", where)
	}
	return nil
}
