package node

import (
	"context"

	facsimile "facsimile.dev/facsimile"
)

// Prefetcher is what a Content may be besides: one that is far away and would rather send all in
// one go than be asked for each. A node says what it lacks as soon as it knows.
type Prefetcher interface {
	// Prefetch says that Key will be called for each of the keys, and Open for each of the blobs,
	// once, in about the order given: several blobs are open at a time, and one is left out only
	// when staging fails. A node may still ask for more.
	Prefetch(ctx context.Context, l Lack) error
}

// Lack is what a node has to be given to complete a tree.
type Lack struct {
	Keys  []facsimile.Digest // the sealed blobs that they open, each once
	Blobs []facsimile.Digest // each once
}

// prefetch tells the Content what it lacks, where it wants to know.
func (s *stager) prefetch(ctx context.Context, l Lack) error {
	p, ok := s.content.(Prefetcher)
	if !ok || len(l.Keys)+len(l.Blobs) == 0 {
		return nil
	}
	return p.Prefetch(ctx, l)
}

// lackedKeys lists the keys that the node does not have, once each.
func (s *stager) lackedKeys() (keys []facsimile.Digest) {
	told := map[facsimile.Digest]bool{}
	for _, f := range s.tree.Files {
		_, have := s.keys[f.Digest]
		if f.Type == facsimile.RegularFile && f.Secret && !have && !told[f.Digest] {
			told[f.Digest] = true
			keys = append(keys, f.Digest)
		}
	}
	return keys
}

// lackedBlobs lists the contents that stand neither in staging nor in any release, in the order
// in which build fetches them. One whose only copy turns out to be damaged is fetched as well.
func (s *stager) lackedBlobs(groups [][]facsimile.File) (blobs []facsimile.Digest) {
	told := map[facsimile.Digest]bool{}
	for _, files := range groups {
		d := files[0].Digest
		if len(s.sources[d]) > 0 || told[d] || s.anyKept(files) {
			continue
		}
		told[d] = true
		blobs = append(blobs, d)
	}
	return blobs
}

func (s *stager) anyKept(files []facsimile.File) bool {
	for _, f := range files {
		if s.kept[f.Path] {
			return true
		}
	}
	return false
}
