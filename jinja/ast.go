package jinja

// span is a range of bytes of a normalised source.
type span struct{ start, end int }

// at returns the span itself; nodes embed it.
func (s span) at() span { return s }

// expr is a node that yields a value.
type expr interface {
	at() span
	// eval computes the value. Its error, if any, has a place.
	eval(f *frame) (Value, error)
	// walk calls visit for every direct child, in the order in which
	// Jinja2 looks at them to find out which names a scope uses.
	walk(visit func(expr))
}

// stmt is a node that does something.
type stmt interface {
	at() span
	exec(f *frame) (signal, error)
}

// target is what can be assigned to: a name, a tuple of targets, or an
// attribute of a namespace.
type target interface {
	at() span
	assign(f *frame, v Value) error
}

// signal says how a statement ended.
type signal uint8

const (
	signalNone signal = iota
	signalBreak
	signalContinue
)

type constNode struct {
	span
	value Value
}

// nameCtx says what a name is used for.
type nameCtx uint8

const (
	ctxLoad nameCtx = iota
	ctxStore
	ctxParam
)

type nameNode struct {
	span
	name string
	ctx  nameCtx
	ref  slotRef
}

// nsNode is the target of {% set ns.attr = … %}.
type nsNode struct {
	span
	name string
	attr string
	ref  slotRef
}

type tupleNode struct {
	span
	items []expr
}

type listNode struct {
	span
	items []expr
}

type dictNode struct {
	span
	keys, values []expr
}

// condNode is "then if test else other"; other may be nil.
type condNode struct {
	span
	test, then, other expr
}

type unaryNode struct {
	span
	op tokenKind
	x  expr
}

type notNode struct {
	span
	x expr
}

type binaryNode struct {
	span
	op   tokenKind
	l, r expr
}

// logicNode is "and" or "or".
type logicNode struct {
	span
	and  bool
	l, r expr
}

type concatNode struct {
	span
	parts []expr
	esc   escapeMode
	// constant tells that Jinja2 computes the text when it compiles the
	// template, which makes it lose its being safe.
	constant bool
}

type compareOp uint8

const (
	opEq compareOp = iota
	opNe
	opLt
	opLe
	opGt
	opGe
	opIn
	opNotIn
)

type operand struct {
	op compareOp
	x  expr
}

type compareNode struct {
	span
	first expr
	rest  []operand
}

type attrNode struct {
	span
	x    expr
	name string
}

type itemNode struct {
	span
	x, arg expr
}

// sliceNode is x[start:stop:step]; each of the three may be nil.
type sliceNode struct {
	span
	x, start, stop, step expr
}

type kwarg struct {
	name  string
	value expr
}

// callArgs are the arguments of a call, filter or test.
type callArgs struct {
	args               []expr
	kwargs             []kwarg
	dynArgs, dynKwargs expr
}

type callNode struct {
	span
	fn expr
	callArgs
}

// filterNode applies a filter. x is nil for the first filter of a filter
// block or a block set, which applies to what was captured.
type filterNode struct {
	span
	x    expr
	name string
	callArgs
	fn *builtin // nil if there is no such filter
}

type testNode struct {
	span
	x    expr
	name string
	callArgs
	fn *builtin
}

// escapeMode says what autoescape does at a place of a template.
type escapeMode uint8

const (
	escapeOff escapeMode = iota
	escapeOn
	// escapeDynamic is decided while rendering, inside of an autoescape tag
	// whose argument is not a constant.
	escapeDynamic
)

// textNode prints template text.
type textNode struct {
	span
	text  string
	check bool // only if no parent template was named before
}

// printNode prints the value of an expression.
type printNode struct {
	span
	x     expr
	esc   escapeMode
	check bool
}

type ifArm struct {
	span
	test expr // nil for else
	body []stmt
}

type ifNode struct {
	span
	arms    []ifArm
	effects effects
	// jumps tells that an arm may leave the loop around it.
	jumps bool
}

type forNode struct {
	span
	target    target
	iter      expr
	test      expr // nil without an if
	body      []stmt
	other     []stmt
	recursive bool

	extended bool // the body uses the loop variable
	loop     slotRef
	scope    scopeOps // of the body
	elseOps  scopeOps
	// filter is the function that the test runs in, with its own slots.
	filter    *funcInfo
	filterOps scopeOps
	filterTo  target // the target inside of filter
	// fn is the function of a recursive loop.
	fn      *funcInfo
	effects effects
}

type setNode struct {
	span
	target target
	x      expr
	export bool // at the top level: others can import it
}

type setBlockNode struct {
	span
	target target
	filter *filterNode // outermost, or nil
	body   []stmt
	scope  scopeOps
	export bool
}

type param struct {
	name    string
	ref     slotRef
	initial expr // nil without a default
}

// macroNode is a macro, or the body of a call block.
type macroNode struct {
	span
	name   string // empty for a call block
	params []*nameNode
	// defaults belong to the last params.
	defaults []expr
	body     []stmt
	target   slotRef
	export   bool

	fn                                  *funcInfo
	scope                               scopeOps
	args                                []param
	caller, kwargs, varargs             slotRef
	usesCaller, usesKwargs, usesVarargs bool
}

type callBlockNode struct {
	span
	call  *callNode
	macro *macroNode
}

type filterBlockNode struct {
	span
	filter *filterNode
	body   []stmt
	scope  scopeOps
}

type withNode struct {
	span
	targets []target
	values  []expr
	body    []stmt
	scope   scopeOps
}

type autoescapeNode struct {
	span
	x     expr
	body  []stmt
	scope scopeOps
}

type blockNode struct {
	span
	name             string
	scoped, required bool
	body             []stmt

	fn          *funcInfo
	scope       scopeOps
	self, super slotRef
	usesSelf    bool
	usesSuper   bool
	skip        bool // behind an extends that always runs
	check       bool
	locals      []local // for scoped blocks
}

type extendsNode struct {
	span
	template expr
	// again tells that there was an extends tag before.
	again, known bool
}

type includeNode struct {
	span
	template      expr
	ignoreMissing bool
	withContext   bool
	locals        []local
}

type importNode struct {
	span
	template    expr
	name        string
	target      slotRef
	withContext bool
	export      bool
	locals      []local
}

type importName struct {
	span
	name, alias string
	target      slotRef
}

type fromImportNode struct {
	span
	template    expr
	names       []importName
	withContext bool
	export      bool
	locals      []local
}

type doNode struct {
	span
	x expr
}

type jumpNode struct {
	span
	signal signal
}

// groupNode runs statements one after the other: a print tag with several
// expressions.
type groupNode struct {
	span
	body []stmt
}
