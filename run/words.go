package run

import (
	"errors"
	"strings"
)

// Words splits a command line as `exec:` of a service has it: words between blanks, with the
// quotes of a shell ('…' as it stands, "…" with backslash before " and backslash, backslash
// before any character outside) and nothing else of one: no variables, patterns or pipes.
func Words(s string) ([]string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, errors.New("a command cannot hold a NUL character")
	}
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\n', '\r':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case '\'', '"':
			n, err := quoted(&word, s[i:])
			if err != nil {
				return nil, err
			}
			inWord = true
			i += n - 1
		case '\\':
			i++
			if i == len(s) {
				return nil, errors.New("the command ends with a backslash that quotes nothing")
			}
			word.WriteByte(s[i])
			inWord = true
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// quoted adds what stands between the quote that s begins with and its partner, and gives the number
// of bytes that it took.
func quoted(word *strings.Builder, s string) (int, error) {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return i + 1, nil
		case s[i] == '\\' && quote == '"' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		word.WriteByte(s[i])
	}
	return 0, errors.New("the command has a quote " + string(quote) + " that is not closed")
}
