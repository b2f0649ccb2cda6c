package jinja

import "strings"

// splitArgs reads the arguments of split and rsplit: spaces is true without
// a separator, and limit is negative without one.
func splitArgs(c *Call) (sep string, spaces bool, limit int64, err error) {
	a, err := c.bind(0, "sep", "maxsplit")
	if err != nil {
		return "", false, 0, err
	}
	if limit, err = optInt(a[1], -1); err != nil {
		return "", false, 0, err
	}
	if a[0].isMissing() || a[0].kind == KindNone {
		return "", true, limit, nil
	}
	if sep, err = wantString(a[0]); err != nil {
		return "", false, 0, err
	}
	if sep == "" {
		return "", false, 0, failf(ErrValue, "empty separator")
	}
	return sep, false, limit, nil
}

func stringList(c *Call, parts []string) (Value, error) {
	if err := c.st.useItems(2 * len(parts)); err != nil {
		return Value{}, err
	}
	items := make([]Value, len(parts))
	for i, p := range parts {
		items[i] = String(p)
	}
	return newList(items), nil
}

func strSplit(c *Call, self Value) (Value, error) {
	sep, spaces, limit, err := splitArgs(c)
	if err != nil {
		return Value{}, err
	}
	s := self.text()
	if !spaces {
		return stringList(c, strings.SplitN(s, sep, int(splitCount(limit))))
	}
	var parts []string
	for {
		s = strings.TrimLeftFunc(s, isSpace)
		if s == "" {
			break
		}
		i := strings.IndexFunc(s, isSpace)
		if i < 0 || limit == 0 {
			parts = append(parts, s)
			break
		}
		parts = append(parts, s[:i])
		s = s[i:]
		limit--
	}
	return stringList(c, parts)
}

// splitCount turns a number of cuts into the number of parts, with -1 for
// all.
func splitCount(limit int64) int64 {
	if limit < 0 || limit > 1<<40 {
		return -1
	}
	return limit + 1
}

func strRsplit(c *Call, self Value) (Value, error) {
	sep, spaces, limit, err := splitArgs(c)
	if err != nil {
		return Value{}, err
	}
	s := self.text()
	var parts []string // from the end
	for !spaces {
		i := strings.LastIndex(s, sep)
		if i < 0 || limit == 0 {
			parts = append(parts, s)
			break
		}
		parts = append(parts, s[i+len(sep):])
		s = s[:i]
		limit--
	}
	for spaces {
		s = strings.TrimRightFunc(s, isSpace)
		if s == "" {
			break
		}
		i := strings.LastIndexFunc(s, isSpace)
		if i < 0 || limit == 0 {
			parts = append(parts, s)
			break
		}
		word := strings.TrimLeftFunc(s[i:], isSpace)
		parts = append(parts, word)
		s = s[:i]
		limit--
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return stringList(c, parts)
}

// splitLines cuts a text at the line ends that Python knows.
func splitLines(s string, keep bool) []string {
	var lines []string
	for s != "" {
		i := strings.IndexAny(s, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029")
		if i < 0 {
			return append(lines, s)
		}
		end := i + 1
		switch {
		case strings.HasPrefix(s[i:], "\r\n"), s[i] == 0xc2:
			end = i + 2
		case s[i] == 0xe2:
			end = i + 3
		}
		if keep {
			lines = append(lines, s[:end])
		} else {
			lines = append(lines, s[:i])
		}
		s = s[end:]
	}
	return lines
}

func strSplitlines(c *Call, self Value) (Value, error) {
	a, err := c.bind(0, "keepends")
	if err != nil {
		return Value{}, err
	}
	keep, err := c.st.truth(a[0])
	if a[0].isMissing() {
		keep, err = false, nil
	}
	if err != nil {
		return Value{}, err
	}
	return stringList(c, splitLines(self.text(), keep))
}

func partition(c *Call, self Value, last bool) (Value, error) {
	a, err := c.bind(1, "sep")
	if err != nil {
		return Value{}, err
	}
	sep, err := wantString(a[0])
	if err != nil {
		return Value{}, err
	}
	if sep == "" {
		return Value{}, failf(ErrValue, "empty separator")
	}
	s := self.text()
	i := strings.Index(s, sep)
	if last {
		i = strings.LastIndex(s, sep)
	}
	switch {
	case i >= 0:
		return Tuple(String(s[:i]), String(sep), String(s[i+len(sep):])), nil
	case last:
		return Tuple(String(""), String(""), String(s)), nil
	}
	return Tuple(String(s), String(""), String("")), nil
}

func strPartition(c *Call, self Value) (Value, error)  { return partition(c, self, false) }
func strRpartition(c *Call, self Value) (Value, error) { return partition(c, self, true) }
