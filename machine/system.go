package machine

import (
	"context"
	"debug/buildinfo"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	facsimile "facsimile.dev/facsimile"
)

// System asks a host what it is, in the words of Go: linux and amd64, darwin and arm64.
func System(ctx context.Context, conn Conn) (goos, goarch string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := conn.Start(ctx, []string{"uname", "-sm"})
	if err != nil {
		return "", "", err
	}
	p.Stdin().Close()
	out, err := io.ReadAll(io.LimitReader(p, 4096))
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		return "", "", err
	}
	return parseUname(string(out))
}

func parseUname(s string) (goos, goarch string, err error) {
	words := strings.Fields(s)
	if len(words) == 2 {
		goos = map[string]string{
			"Linux": "linux", "Darwin": "darwin", "FreeBSD": "freebsd", "OpenBSD": "openbsd", "NetBSD": "netbsd",
		}[words[0]]
		goarch = map[string]string{
			"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64",
			"armv6l": "arm", "armv7l": "arm", "armv8l": "arm", "i386": "386", "i486": "386", "i586": "386", "i686": "386",
			"riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x", "loongarch64": "loong64",
		}[words[1]]
	}
	if goos == "" || goarch == "" {
		return "", "", facsimile.Errorf(facsimile.Refused, "the host is a system that facs is not built for: uname says %q", strings.TrimSpace(s))
	}
	return goos, goarch, nil
}

// MissingBinary says that no build of this program for a host's system is at hand.
type MissingBinary struct {
	told
	System string // GOOS/GOARCH
	Path   string // where it was looked for
}

// FindBinary gives a build of this program for a system: self, this program's own file, where it
// is one; else the file facs-GOOS-GOARCH beside it. *MissingBinary names the command that makes it.
func FindBinary(self, goos, goarch string) (string, error) {
	info, err := buildinfo.ReadFile(self)
	if err != nil {
		return "", facsimile.Errorf(facsimile.Refused, "cannot tell for which system %s was built: %w", self, err)
	}
	if madeFor(info, goos, goarch) {
		return self, nil
	}
	beside := filepath.Join(filepath.Dir(self), "facs-"+goos+"-"+goarch)
	command := "CGO_ENABLED=0 GOOS=" + goos + " GOARCH=" + goarch + " go build -trimpath -o " + shellWord(beside) + " " + info.Path
	missing := func(why string) error {
		t := refused("make it from the same sources: "+command, "no facs for %s/%s: %s %s", goos, goarch, beside, why)
		return &MissingBinary{t, goos + "/" + goarch, beside}
	}
	theirs, err := buildinfo.ReadFile(beside)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", missing("is not there")
	case err != nil:
		return "", missing("cannot be read as a Go program")
	case theirs.Path != info.Path:
		return "", missing("is another program, " + theirs.Path)
	case !madeFor(theirs, goos, goarch):
		return "", missing("was built for another system")
	}
	return beside, nil
}

func madeFor(info *buildinfo.BuildInfo, goos, goarch string) bool {
	made := map[string]string{}
	for _, s := range info.Settings {
		made[s.Key] = s.Value
	}
	return made["GOOS"] == goos && made["GOARCH"] == goarch
}
