package facsimile

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// redacted is what a secret prints as, in every format.
const redacted = "[secret]"

// Secret holds a value that nobody may see by accident. It prints, formats, logs and marshals
// as redacted; only Reveal gives the value, and a search for its callers is the audit.
//
// The value is held in a function, since package fmt asks no methods of an unexported field:
// it would print a string there as it is.
type Secret struct{ value func() string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{func() string { return value }} }

// Reveal gives the value itself; "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return s.value()
}

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return redacted }

// Format implements fmt.Formatter for every verb, so that %x and %q show nothing either.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }
