package jinja

// filtered tells whether there is a filter or test in an expression.
func filtered(x expr) bool {
	switch x.(type) {
	case *filterNode, *testNode:
		return true
	}
	found := false
	x.walk(func(x expr) { found = found || filtered(x) })
	return found
}

// isConstant tells the expressions that Jinja2 computes when it compiles a
// template: those without names, calls, and filters that need a context.
func isConstant(x expr) bool {
	switch n := x.(type) {
	case *nameNode, *callNode:
		return false
	case *filterNode:
		switch n.name {
		case "map", "select", "reject", "selectattr", "rejectattr", "random":
			return false
		}
		if n.x == nil || n.fn != nil && n.fn.foreign {
			return false
		}
	}
	constant := true
	x.walk(func(x expr) { constant = constant && isConstant(x) })
	return constant
}
