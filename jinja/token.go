package jinja

import "math/big"

// tokenKind is the class of a token.
type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokError
	tokData
	tokVariableBegin
	tokVariableEnd
	tokBlockBegin
	tokBlockEnd
	tokName
	tokString
	tokInteger
	tokFloat
	tokAdd
	tokSub
	tokDiv
	tokFloorDiv
	tokMul
	tokMod
	tokPow
	tokTilde
	tokLBracket
	tokRBracket
	tokLParen
	tokRParen
	tokLBrace
	tokRBrace
	tokEq
	tokNe
	tokGt
	tokGe
	tokLt
	tokLe
	tokAssign
	tokDot
	tokColon
	tokPipe
	tokComma
	tokSemicolon
)

// operators are the operator tokens, longer ones first.
var operators = [...]struct {
	text string
	kind tokenKind
}{
	{"//", tokFloorDiv}, {"**", tokPow}, {"==", tokEq}, {"!=", tokNe}, {">=", tokGe}, {"<=", tokLe},
	{"+", tokAdd}, {"-", tokSub}, {"/", tokDiv}, {"*", tokMul}, {"%", tokMod}, {"~", tokTilde},
	{"[", tokLBracket}, {"]", tokRBracket}, {"(", tokLParen}, {")", tokRParen},
	{"{", tokLBrace}, {"}", tokRBrace}, {">", tokGt}, {"<", tokLt}, {"=", tokAssign},
	{".", tokDot}, {":", tokColon}, {"|", tokPipe}, {",", tokComma}, {";", tokSemicolon},
}

// describe names the kind as messages do.
func (k tokenKind) describe() string {
	switch k {
	case tokEOF:
		return "end of template"
	case tokData:
		return "template data / text"
	case tokVariableBegin:
		return "begin of print statement"
	case tokVariableEnd:
		return "end of print statement"
	case tokBlockBegin:
		return "begin of statement block"
	case tokBlockEnd:
		return "end of statement block"
	case tokName:
		return "name"
	case tokString:
		return "string"
	case tokInteger:
		return "integer"
	case tokFloat:
		return "float"
	}
	for _, op := range operators {
		if op.kind == k {
			return op.text
		}
	}
	return "error"
}

// token is one lexical element. start and end are byte offsets into the
// normalised source.
type token struct {
	kind       tokenKind
	start, end int
	// text is the name, the decoded string, the text of data after
	// whitespace control, or the message of a tokError.
	text string
	// big and float hold the values of numbers.
	big   *big.Int
	float float64
}

// describe names the token as messages do: names by themselves, all others
// by their kind.
func (t token) describe() string {
	if t.kind == tokName {
		return t.text
	}
	return t.kind.describe()
}

// isName tells whether the token is the given name.
func (t token) isName(name string) bool { return t.kind == tokName && t.text == name }
