package node

import (
	"context"
	"fmt"
	"path"
	"slices"

	facsimile "facsimile.dev/facsimile"
)

// source is a file of a release on this node, which should have the bytes that are wanted.
type source struct {
	release *dir
	path    string
}

// maxSources is how many copies of one content are tried before it is fetched.
const maxSources = 3

// findSources looks through the lists of the releases on this node for what the tree needs,
// those of the current one first.
func (s *stager) findSources() error {
	s.sources = map[facsimile.Digest][]source{}
	for _, f := range s.tree.Files {
		if f.Type == facsimile.RegularFile {
			s.sources[f.Digest] = nil
		}
	}
	names, err := s.releases.names()
	if err != nil {
		return err
	}
	current, _, err := s.hm.current()
	if err != nil {
		return err
	}
	if i := slices.Index(names, current.Hex()); i > 0 {
		names[0], names[i] = names[i], names[0]
	}
	for _, name := range names {
		d, err := facsimile.ParseDigest("sha256:" + name)
		if err != nil {
			continue
		}
		s.addSources(name, d)
	}
	return nil
}

// addSources adds what one release has. A release that cannot be read is no source.
func (s *stager) addSources(name string, d facsimile.Digest) {
	t, keys, err := s.hm.tree(d)
	if err != nil {
		return
	}
	top, err := s.releases.sub(name)
	if err != nil {
		return
	}
	s.opened = append(s.opened, top)
	for _, f := range t.Files {
		have, wanted := s.sources[f.Digest]
		if !wanted || f.Type != facsimile.RegularFile {
			continue
		}
		if len(have) < maxSources {
			s.sources[f.Digest] = append(have, source{top, f.Path})
		}
		if k, ok := keys[f.Digest]; ok && f.Secret {
			s.keys[f.Digest] = k
		}
	}
}

// findKeys gets what opens the tree's secret files, and forgets what does not.
func (s *stager) findKeys(ctx context.Context) error {
	if err := s.prefetch(ctx, Lack{Keys: s.lackedKeys()}); err != nil {
		return fmt.Errorf("cannot get the keys of the secret files for node %s: %w", s.hm.host.name, err)
	}
	keys := keyring{}
	for _, f := range s.tree.Files {
		if !f.Secret || f.Type != facsimile.RegularFile {
			continue
		}
		if k, ok := s.keys[f.Digest]; ok {
			keys[f.Digest] = k
			continue
		}
		k, err := s.content.Key(ctx, f.Digest)
		if err != nil {
			return facsimile.Errorf(facsimile.Refused, "cannot get the key of the secret file %s for node %s: %w", f.Path, s.hm.host.name, err)
		}
		keys[f.Digest], s.keys[f.Digest] = k, k
	}
	s.keys = keys
	return nil
}

// keepWhole goes through what an interrupted call left, keeps what is right and removes the rest.
func (s *stager) keepWhole(ctx context.Context) error {
	s.kept = map[string]bool{}
	return s.keepBelow(ctx, s.staging, "")
}

func (s *stager) keepBelow(ctx context.Context, d *dir, rel string) error {
	names, err := d.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := path.Join(rel, name)
		if err := s.keepOne(ctx, d, p, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *stager) keepOne(ctx context.Context, d *dir, p, name string) error {
	st, err := d.lstat(name)
	if err != nil {
		return err
	}
	f, listed := s.tree.Find(p)
	if !listed || !st.is(f.Type) {
		return d.removeAll(name)
	}
	switch f.Type {
	case facsimile.Directory:
		if st.mode&0o700 != 0o700 {
			if err := d.unlock(name); err != nil {
				return err
			}
		}
		sub, err := d.sub(name)
		if err != nil {
			return err
		}
		defer sub.close()
		s.kept[p] = true
		return s.keepBelow(ctx, sub, p)
	case facsimile.Symlink:
		if to, err := d.readlink(name); err == nil && to == f.Link {
			s.kept[p] = true
			return nil
		}
	case facsimile.RegularFile:
		if s.keepFile(ctx, d, name, f, st) {
			s.kept[p] = true
			return nil
		}
	}
	return d.remove(name)
}

// keepFile says whether a file has the right bytes and could be given its mode and owner.
func (s *stager) keepFile(ctx context.Context, d *dir, name string, f facsimile.File, st stat) bool {
	if st.size != f.Size {
		return false
	}
	file, _, err := d.open(name)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	got, err := s.hm.host.digestOf(ctx, file, f, s.keys)
	return err == nil && got == f.Digest && s.own(file, f) == nil
}

// checkRoom refuses to begin what would fill the disk.
func (s *stager) checkRoom() error {
	room, err := statRoom(s.hm.path)
	if err != nil {
		return err
	}
	block := max(room.block, 1)
	var need, files uint64
	for _, f := range s.tree.Files {
		if s.kept[f.Path] {
			continue
		}
		files++
		blocks := (f.Size + block - 1) / block
		if f.Type == facsimile.Directory {
			blocks = 1
		}
		need += uint64(blocks * block)
	}
	if need > room.free {
		return facsimile.Errorf(facsimile.Refused, "no room on node %s under %s: needs %s, %s free", s.hm.host.name, s.hm.path, byteText(need), byteText(room.free)).
			WithHint("make room, or keep fewer releases (deploy.keep)")
	}
	if room.files > 0 && files > room.files {
		return facsimile.Errorf(facsimile.Refused, "no room on node %s under %s: needs %d files, %d free", s.hm.host.name, s.hm.path, files, room.files).
			WithHint("make room, or keep fewer releases (deploy.keep)")
	}
	return nil
}

// byteText is a number of bytes for people.
func byteText(n uint64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/(1<<10), "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, next
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
