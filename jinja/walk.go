package jinja

// walkAll visits expressions, leaving out missing ones.
func walkAll(visit func(expr), xs ...expr) {
	for _, x := range xs {
		if x != nil {
			visit(x)
		}
	}
}

func (a *callArgs) walkArgs(visit func(expr)) {
	walkAll(visit, a.args...)
	for _, kw := range a.kwargs {
		visit(kw.value)
	}
	walkAll(visit, a.dynArgs, a.dynKwargs)
}

func (n *constNode) walk(func(expr))       {}
func (n *nameNode) walk(func(expr))        {}
func (n *tupleNode) walk(visit func(expr)) { walkAll(visit, n.items...) }
func (n *listNode) walk(visit func(expr))  { walkAll(visit, n.items...) }
func (n *unaryNode) walk(visit func(expr)) { visit(n.x) }
func (n *notNode) walk(visit func(expr))   { visit(n.x) }
func (n *attrNode) walk(visit func(expr))  { visit(n.x) }

func (n *dictNode) walk(visit func(expr)) {
	for i := range n.keys {
		visit(n.keys[i])
		visit(n.values[i])
	}
}

func (n *condNode) walk(visit func(expr))   { walkAll(visit, n.test, n.then, n.other) }
func (n *binaryNode) walk(visit func(expr)) { walkAll(visit, n.l, n.r) }
func (n *logicNode) walk(visit func(expr))  { walkAll(visit, n.l, n.r) }
func (n *concatNode) walk(visit func(expr)) { walkAll(visit, n.parts...) }

func (n *compareNode) walk(visit func(expr)) {
	visit(n.first)
	for _, o := range n.rest {
		visit(o.x)
	}
}

func (n *itemNode) walk(visit func(expr)) { walkAll(visit, n.x, n.arg) }

func (n *sliceNode) walk(visit func(expr)) {
	walkAll(visit, n.x, n.start, n.stop, n.step)
}

func (n *callNode) walk(visit func(expr)) {
	visit(n.fn)
	n.walkArgs(visit)
}

func (n *filterNode) walk(visit func(expr)) {
	walkAll(visit, n.x)
	n.walkArgs(visit)
}

func (n *testNode) walk(visit func(expr)) {
	visit(n.x)
	n.walkArgs(visit)
}
