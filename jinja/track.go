package jinja

// Tag is an opaque number that the caller gives to values to recognise them
// in the output. 0 means no tag.
type Tag uint32

// Pos is a place in a template. Line and Column start at 1; Column counts
// runes.
type Pos struct {
	Template string
	Line     int
	Column   int
}

// Span says what made the output bytes from Start up to but not including
// End. A span with Start equal to End marks a place where a condition kept
// text out.
type Span struct {
	Start, End int
	// Pos is the template text or the expression that produced the bytes.
	Pos Pos
	// Stack holds the includes, macro calls and blocks that led here,
	// outermost first. Spans share it; do not change it.
	Stack []Pos
	// Value is the union of the tags of what was printed.
	Value Tag
	// Control is the union of the tags of all conditions and loop sequences
	// that led here.
	Control Tag
}

// Tracker receives the origins of the output of one rendering. Its methods
// are called from the goroutine that renders.
type Tracker interface {
	// Union returns the tag that stands for both a and b. It is never
	// called with a zero tag nor with equal ones. It must be associative
	// and commutative in meaning, and should return the same tag for the
	// same pair.
	Union(a, b Tag) Tag
	// Emit receives the spans in output order. Together they cover every
	// byte of the output exactly once.
	Emit(Span)
}
