package jinja

// UndefinedMode says what a name or attribute that does not exist may be
// used for. Asking whether it is defined and giving it a default are always
// allowed.
type UndefinedMode uint8

const (
	// UndefinedLenient prints as nothing, is false and iterates as empty.
	// Every other use is an error. It is Jinja2's default.
	UndefinedLenient UndefinedMode = iota
	// UndefinedStrict refuses every use, a test in an if among them.
	UndefinedStrict
	// UndefinedChainable is UndefinedLenient, and attributes and items of it
	// are undefined too instead of being an error.
	UndefinedChainable
	// UndefinedDebug is UndefinedLenient, but prints as the expression that
	// was missing, in braces.
	UndefinedDebug
	// UndefinedStrictPrint is false in a condition like UndefinedLenient,
	// and refuses every use that needs a value: printing, iterating,
	// comparing, computing.
	UndefinedStrictPrint
)

// Options configure an [Environment]. The zero value is Jinja2's own
// default configuration, without a loader.
type Options struct {
	// TrimBlocks removes the first newline after a block tag.
	TrimBlocks bool
	// LstripBlocks removes blanks before a block tag that starts its line.
	LstripBlocks bool
	// KeepTrailingNewline keeps a single newline at the end of a template.
	KeepTrailingNewline bool
	// NewlineSequence replaces every line end of a template: "\n" (also if
	// empty), "\r\n" or "\r".
	NewlineSequence string

	// The delimiters. An empty one means Jinja2's default.
	BlockStart, BlockEnd, VariableStart, VariableEnd, CommentStart, CommentEnd string

	// LineStatementPrefix starts a statement that ends with its line.
	// Empty turns line statements off.
	LineStatementPrefix string
	// LineCommentPrefix starts a comment that ends with its line. Empty
	// turns line comments off.
	LineCommentPrefix string

	// Undefined says what missing names may be used for.
	Undefined UndefinedMode
	// Autoescape escapes printed values for HTML unless they are marked safe.
	Autoescape bool
	// StrictJinja turns off what Jinja2 does not have without extensions:
	// the tags do, break and continue, and the methods of Python 2's dict
	// (iteritems, iterkeys, itervalues, has_key).
	StrictJinja bool

	// Filters, Tests and Globals are added to the built-in ones and win
	// over them. A filter or test finds the value it is applied to as the
	// first argument. Tests answer by the truth of their result.
	Filters map[string]Func
	Tests   map[string]Func
	Globals map[string]Value

	// Loader finds the templates that extends, include and import name.
	Loader Loader
	// Limits bound one rendering. Zero fields mean the defaults.
	Limits Limits
}

// Limits bound the work of one rendering. A template that goes over one of
// them ends with an [*Error] of kind [ErrLimit].
type Limits struct {
	// Steps counts nodes evaluated and elements visited; 5 million if zero.
	Steps int64
	// Output is the size of the result in bytes; 32 MiB if zero.
	Output int
	// Memory is the number of bytes that expressions may build in strings,
	// lists and numbers, without credit for what is no longer used;
	// 128 MiB if zero.
	Memory int64
	// Depth is how deep includes, macros, blocks and recursive loops may
	// nest; 200 if zero.
	Depth int
}

const (
	defaultSteps  = 5_000_000
	defaultOutput = 32 << 20
	defaultMemory = 128 << 20
	defaultDepth  = 200
)

// withDefaults fills the fields that are not set.
func (l Limits) withDefaults() Limits {
	if l.Steps <= 0 {
		l.Steps = defaultSteps
	}
	if l.Output <= 0 {
		l.Output = defaultOutput
	}
	if l.Memory <= 0 {
		l.Memory = defaultMemory
	}
	if l.Depth <= 0 {
		l.Depth = defaultDepth
	}
	return l
}
