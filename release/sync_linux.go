package release

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncEach is how many new blobs are synced one by one. For more, one syncfs(2) for all is
// quicker than thousands of fsyncs.
const syncEach = 32

func syncFileSystem(dir string) (err error) {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return unix.Syncfs(int(f.Fd()))
}
