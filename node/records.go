package node

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	facsimile "facsimile.dev/facsimile"
)

// The records under .facs. Each is a file of JSON with a format number; a reader refuses a
// number that it does not know, since two versions of facs will meet on one home.
const (
	ownerFile   = "owner.json"
	promiseFile = "promise.json"
	receiptsDir = "receipts" // a file per switch, named by its epoch
	treesDir    = "trees"    // encoded trees, named by their digests
	keysDir     = "keys"     // what opens the sealed files of a tree
	cacheDir    = "cache"    // see recorder
	incomingDir = "incoming" // blobs until they are checked
	asideDir    = "aside"    // what stood in the place of current

	recordFormat = 1
	maxRecord    = 64 << 20 // bytes; an order of 10,000 nodes takes one million
)

// promise is the right that was granted last. The lease is of one boot: another boot ends it.
type promise struct {
	Epoch uint64        `json:"epoch"`
	Token string        `json:"token,omitempty"` // empty: given back
	Boot  string        `json:"boot,omitempty"`
	Until time.Duration `json:"until,omitempty"` // on the clock of that boot
}

type record[T any] struct {
	Format int `json:"format"`
	Record T   `json:"record"`
}

// readRecord gives what writeRecord wrote; found says whether there is any.
func readRecord[T any](d *dir, name string) (v T, found bool, err error) {
	b, err := d.readFile(name, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return v, false, nil
	}
	if err != nil {
		return v, false, err
	}
	var r record[T]
	if err := json.Unmarshal(b, &r); err != nil {
		return v, false, facsimile.Errorf(facsimile.Refused, "the record %s is damaged: %w", d.join(name), err)
	}
	if r.Format != recordFormat {
		return v, false, facsimile.Errorf(facsimile.Refused, "the record %s has the format %d, and this facs knows only %d", d.join(name), r.Format, recordFormat).
			WithHint("a newer facs wrote it: use that one")
	}
	return r.Record, true, nil
}

func writeRecord[T any](d *dir, name string, v T) error {
	b, err := json.Marshal(record[T]{recordFormat, v})
	if err != nil {
		return err
	}
	return d.writeFile(name, append(b, '\n'))
}

// owner gives the owner mark; zero where the home is new.
func (hm *home) owner() (Owner, error) {
	if hm.facs == nil {
		return Owner{}, nil
	}
	o, _, err := readRecord[Owner](hm.facs, ownerFile)
	return o, err
}

func (hm *home) promised() (promise, error) {
	if hm.facs == nil {
		return promise{}, nil
	}
	p, _, err := readRecord[promise](hm.facs, promiseFile)
	return p, err
}

// receipt is a Receipt as it is kept.
func receiptName(epoch uint64) string { return fmt.Sprintf("%020d.json", epoch) }

// receipts gives all receipts, the newest first, those of reverted switches included.
func (hm *home) receipts(yield func(Receipt, error) bool) {
	if hm.facs == nil {
		return
	}
	d, err := hm.facs.sub(receiptsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		yield(Receipt{}, err)
		return
	}
	defer d.close()
	names, err := d.names()
	if err != nil {
		yield(Receipt{}, err)
		return
	}
	for _, name := range slices.Backward(names) {
		if strings.HasPrefix(name, tempPrefix) {
			continue
		}
		r, _, err := readRecord[Receipt](d, name)
		if !yield(r, err) || err != nil {
			return
		}
	}
}

// standing gives the newest receipt whose switch was not reverted; zero where there is none.
func (hm *home) standing() (Receipt, error) {
	for r, err := range hm.receipts {
		if err != nil {
			return Receipt{}, err
		}
		if !r.Reverted {
			return r, nil
		}
	}
	return Receipt{}, nil
}

// receiptOf gives the receipt of an epoch.
func (hm *home) receiptOf(epoch uint64) (r Receipt, found bool, err error) {
	for r, err := range hm.receipts {
		if err != nil || r.Order.Epoch == epoch {
			return r, err == nil, err
		}
	}
	return Receipt{}, false, nil
}

func (hm *home) writeReceipt(r Receipt) error {
	d, err := hm.facs.mkdir(receiptsDir, 0o700)
	if err != nil {
		return err
	}
	defer d.close()
	return writeRecord(d, receiptName(r.Order.Epoch), r)
}

// keyring opens the sealed files of a tree, by the digest that the tree gives them.
type keyring map[facsimile.Digest]Key

// MarshalText makes a key hexadecimal digits in JSON.
func (k Key) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Key) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(k) {
		return errors.New("not a key") // and no word of what it is
	}
	copy(k[:], b)
	return nil
}

// GoString keeps keys out of logs.
func (Key) GoString() string { return "[key]" }

// String keeps keys out of logs.
func (Key) String() string { return "[key]" }

// errNoTree says that a node never had a tree, or lost it.
var errNoTree = errors.New("the node has no list of the files of this tree")

const maxTree = 1 << 30 // bytes of an encoded tree

// tree reads what a tree lists, and the keys of its sealed files. Its own digest proves it.
func (hm *home) tree(d facsimile.Digest) (facsimile.Tree, keyring, error) {
	if hm.facs == nil {
		return facsimile.Tree{}, nil, errNoTree
	}
	b, err := readIn(hm.facs, treesDir, d.Hex(), maxTree)
	if errors.Is(err, fs.ErrNotExist) {
		return facsimile.Tree{}, nil, errNoTree
	}
	if err != nil {
		return facsimile.Tree{}, nil, err
	}
	if facsimile.DigestOf(b) != d {
		return facsimile.Tree{}, nil, fmt.Errorf("%w: what stands in %s is damaged", errNoTree, hm.facs.join(treesDir+"/"+d.Hex()))
	}
	t, err := facsimile.DecodeTree(b)
	if err != nil {
		return facsimile.Tree{}, nil, fmt.Errorf("cannot read the tree %s: %w", d.Short(), err)
	}
	if !slices.ContainsFunc(t.Files, func(f facsimile.File) bool { return f.Secret && f.Type == facsimile.RegularFile }) {
		return t, nil, nil
	}
	kd, err := hm.facs.sub(keysDir)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil, nil
	}
	if err != nil {
		return t, nil, err
	}
	defer kd.close()
	keys, _, err := readRecord[keyring](kd, d.Hex()+".json")
	return t, keys, err
}

// keepTree writes a tree and its keys, before any file of it gets a name.
func (hm *home) keepTree(d facsimile.Digest, encoded []byte, keys keyring) error {
	if len(keys) > 0 {
		kd, err := hm.facs.mkdir(keysDir, 0o700)
		if err != nil {
			return err
		}
		defer kd.close()
		if err := writeRecord(kd, d.Hex()+".json", keys); err != nil {
			return err
		}
	}
	td, err := hm.facs.mkdir(treesDir, 0o700)
	if err != nil {
		return err
	}
	defer td.close()
	return td.writeFile(d.Hex(), encoded)
}

// readIn reads a file of a folder of d.
func readIn(d *dir, folder, name string, limit int64) ([]byte, error) {
	sub, err := d.sub(folder)
	if err != nil {
		return nil, err
	}
	defer sub.close()
	return sub.readFile(name, limit)
}
