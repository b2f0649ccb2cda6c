package release

import facsimile "facsimile.dev/facsimile"

// Manifest says which node has which tree of each project. Its digest names the release.
type Manifest struct {
	Definition string                                                    // the definition's name
	Instance   facsimile.Instance                                        //
	Parts      map[facsimile.Project]map[facsimile.Node]facsimile.Digest // tree of each part; "" is the conglomerate's own
}
