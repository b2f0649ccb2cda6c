package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	facsimile "facsimile.dev/facsimile"
)

// putScript takes a file on standard input and puts it in place. Its arguments are the place,
// the 64 digits of its SHA-256 and its size. It says "have" where the file is there already,
// else "send", then "done". It writes beside the place, under a name of its own, and renames,
// so that the place holds nothing or the whole file, however many do this at once.
const putScript = `
set -eu
umask 077
dest=$1 want=$2 size=$3
case $dest in */*) dir=${dest%/*} ;; *) dir=. dest=./$dest ;; esac
mkdir -p -- "${dir:-/}"
sum() {
	if command -v sha256sum >/dev/null; then got=$(sha256sum <"$1")
	elif command -v shasum >/dev/null; then got=$(shasum -a 256 <"$1")
	elif command -v sha256 >/dev/null; then got=$(sha256 -q <"$1")
	else echo "no sha256sum, shasum or sha256 on this host" >&2; exit 69
	fi
	[ "${got%% *}" = "$want" ]
}
[ ! -d "$dest" ] || { echo "$dest is a folder" >&2; exit 66; }
if [ -f "$dest" ] && sum "$dest"; then
	[ -x "$dest" ] || chmod 0755 "$dest"
	echo have
	exit 0
fi
find "${dir:-/}" -name ".${dest##*/}.*.new" -mtime +0 -exec rm -f {} + 2>/dev/null || :
tmp=${dir:-}/.${dest##*/}.$$.new
trap 'rm -f "$tmp"' EXIT
trap 'exit 75' HUP INT TERM
set -C
: >"$tmp"
set +C
echo send
cat >"$tmp"
got=$(wc -c <"$tmp")
[ "$got" -eq "$size" ] || { echo "$got bytes came of $size" >&2; exit 65; }
sum "$tmp" || { echo "what came is not what was announced" >&2; exit 65; }
chmod 0755 "$tmp"
sync "$tmp" 2>/dev/null || sync || :
mv -f "$tmp" "$dest"
trap - EXIT
echo done
`

// Put makes remotePath on the host an executable file with the content of open, whose digest and
// size are known, unless it is that already: then nothing is sent and open is not called. The
// folders above are made, for the user alone. A relative path starts where a login does. Any
// number of Puts may run at once; the path never holds a part of the file. It takes a POSIX
// shell and sha256sum, or what stands for it, and no root.
func Put(ctx context.Context, conn Conn, open func() (io.ReadCloser, error), digest facsimile.Digest, size int64, remotePath string) error {
	if strings.HasSuffix(remotePath, "/") || remotePath == "" {
		return facsimile.Errorf(facsimile.BadInput, "%q cannot be the name of a file on a host", remotePath)
	}
	dest := remotePath
	if !strings.HasPrefix(dest, "/") {
		dest = "./" + dest
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // whatever is left of the script ends with this call
	p, err := conn.Start(ctx, []string{"/bin/sh", "-c", putScript, "facs-put", dest, digest.Hex(), strconv.FormatInt(size, 10)})
	if err != nil {
		return err
	}
	if err := put(p, open, size); err != nil {
		if ctx.Err() == nil {
			err = putError(remotePath, err)
		}
		return err
	}
	return nil
}

func putError(remotePath string, err error) error {
	var told *facsimile.Error
	if errors.As(err, &told) {
		return err
	}
	return facsimile.Errorf(facsimile.Refused, "cannot put %s on the host: %w", remotePath, err)
}

func put(p Process, open func() (io.ReadCloser, error), size int64) error {
	lines := bufio.NewScanner(p)
	for lines.Scan() {
		if word := lines.Text(); word != "send" {
			continue // "have" or "done": the status counts
		}
		if err := send(p.Stdin(), open, size); err != nil {
			return whyNotSent(p, err)
		}
	}
	if err := p.Wait(); err != nil {
		return err
	}
	return lines.Err()
}

// whyNotSent is what the host said where it took no more, else err.
func whyNotSent(p Process, err error) error {
	said := p.Wait() // its input is closed: it ends
	if said != nil && (errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed)) {
		return said
	}
	return err
}

func send(w io.WriteCloser, open func() (io.ReadCloser, error), size int64) error {
	defer w.Close()
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	if n, err := io.Copy(w, r); err != nil || n != size {
		return errors.Join(err, fmt.Errorf("sent %d bytes of %d", n, size))
	}
	return w.Close()
}
