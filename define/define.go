package define

import (
	"context"
	"io/fs"
	"iter"

	"facsimile.dev/facsimile"
)

// Options are the limits and labels of a definition. The zero value is ready.
type Options struct {
	// MaxFileSize is the most bytes that a layer file may have; 0 means DefaultMaxFileSize.
	MaxFileSize int64
	// SourceDir says which folder to show in positions of files in the own source of a
	// project. Without it that is PROJECT/config/facsimile.
	SourceDir func(p facsimile.Project) string
}

// DefaultMaxFileSize is the most bytes of a layer file where Options say nothing.
const DefaultMaxFileSize = 4 << 20

// Definition is a definition that was opened. It may be used by several goroutines at once.
type Definition struct {
	sources *facsimile.Sources
}

// Load opens the definition in a folder. It runs nothing, and reads only what is asked for:
// layer files are parsed on first use, and once.
func Load(fsys fs.FS, sources *facsimile.Sources, o Options) (*Definition, error) {
	return &Definition{sources: sources}, nil
}

// InstanceInfo is one instance of a definition.
type InstanceInfo struct {
	Name     facsimile.Instance
	Abstract bool             // a layer for others, not an instance
	File     string           // the layer file of that name; "" where it is only listed
	At       facsimile.Origin // where it is listed, or the start of its file
}

// Instances lists the instances, in the order of their listing.
func (d *Definition) Instances() ([]InstanceInfo, error) { return nil, nil }

// Topology is where an instance lives.
func (d *Definition) Topology(ctx context.Context, in facsimile.Instance) (*Topology, error) {
	return nil, nil
}

// Resolve merges all layers of project p in an instance.
func (d *Definition) Resolve(ctx context.Context, in facsimile.Instance, p facsimile.Project, source fs.FS) (*Resolved, error) {
	return nil, nil
}

// Check looks for everything that is wrong with any file or instance.
func (d *Definition) Check(ctx context.Context) []Finding { return nil }

// Finding is something that people should look at.
type Finding struct {
	Error   *facsimile.Error
	Warning bool // it works, but is probably not what was meant
}

// Resolved is the merged definition of one project in one instance, or on one node.
type Resolved struct{ root facsimile.Value }

// For is r with the overlays of a node over it: nodes with the same overlays share one.
func (r *Resolved) For(n facsimile.Node) *Resolved { return r }

// Root is the merged value, a Map.
func (r *Resolved) Root() facsimile.Value { return r.root }

// Op is what a layer does to a value.
type Op uint8

// The operations.
const (
	Set     Op = iota // name: a map merges, anything else replaces
	Append            // name+: a list goes on
	Replace           // name!: even a map replaces
	Remove            // null, or a replacement further up that lacks the value
)

// Contribution is what one layer says of a value.
type Contribution struct {
	Value facsimile.Value // what the layer says; absent for Remove
	Op    Op
	Layer facsimile.Layer
	At    facsimile.Origin // where it says so
}

// Fold gives the history of a value: the layer that won first, then each that it overrode.
func (r *Resolved) Fold(p facsimile.Path) iter.Seq[Contribution] {
	return func(yield func(Contribution) bool) {}
}

// Layers are the names of the layers that take part, in order.
func (r *Resolved) Layers() []facsimile.Layer { return nil }

// Findings are the warnings of the merge.
func (r *Resolved) Findings() []Finding { return nil }

// MergeModules joins the modules of all projects of an instance into one map by name.
func MergeModules(of map[facsimile.Project]*Resolved) (facsimile.Value, error) {
	return facsimile.Value{}, nil
}
