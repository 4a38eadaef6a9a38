package crm

import "log/slog"

// Secret is a value that must not be printed. The text lies behind a pointer, so that fmt cannot reach it even inside
// somebody else's unexported field.
type Secret struct{ v *string }

// NewSecret wraps s.
func NewSecret(s string) Secret { return Secret{&s} }

// Reveal returns the text, "" for the zero Secret. Call it only on the line that signs or sends.
func (s Secret) Reveal() string {
	if s.v == nil {
		return ""
	}
	return *s.v
}

// IsZero reports whether there is no secret, or an empty one.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String hides the text from fmt.
func (Secret) String() string { return "[secret]" }

// GoString hides the text from %#v.
func (Secret) GoString() string { return "[secret]" }

// LogValue hides the text from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText hides the text from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
