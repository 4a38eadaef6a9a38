// Package settings reads what a function is told from outside. A Reader collects everything that is missing or wrong, so
// that one error names all of it at once; the typed groups say which settings belong together and how they are spelled.
//
// It does not read the environment itself (Getenv comes in as an argument), it knows no default that differs between desk
// and cloud, and no error repeats a value: a setting may be a secret.
package settings

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// Reader reads settings by name. A setting that is empty, or holds nothing but white space, is not set. White space around a
// value does not count: it comes with a pasted secret.
type Reader struct {
	Getenv func(name string) string
	Host   string // another host, beside those that everybody has, that is at the desk: its addresses may be http; "" for none

	errs []error
}

// Err returns nil, or one error for everything that was missing or wrong so far.
func (r *Reader) Err() error { return errors.Join(r.errs...) }

// Optional returns the setting, or fallback when it is not set.
func (r *Reader) Optional(name, fallback string) string {
	if v := strings.TrimSpace(r.Getenv(name)); v != "" {
		return v
	}
	return fallback
}

// Need returns the setting. One that is not set is an error.
func (r *Reader) Need(name string) string {
	v := r.Optional(name, "")
	if v == "" {
		r.fail(name, "is not set")
	}
	return v
}

// SecretsPath is the setting that says under which path the store of secrets keeps what is not in the environment. Where it
// is set, no secret is missing here.
const SecretsPath = "SECRETS_PATH"

// Secret is Need for a value that must not be printed. It is zero when the value lies in the store of secrets.
func (r *Reader) Secret(name string) crm.Secret {
	if r.Optional(name, "") == "" && r.Optional(SecretsPath, "") != "" {
		return crm.Secret{}
	}
	return crm.NewSecret(r.Need(name))
}

// Key is Secret for a key that a CRM gave: visible characters of ASCII.
func (r *Reader) Key(name string) crm.Secret {
	r.visible(name, r.Optional(name, ""))
	return r.Secret(name)
}

// Keys is NeedList for such keys: the old and the new one during a rotation. It is nil when they lie in the store of secrets.
func (r *Reader) Keys(name string) []crm.Secret {
	values := r.List(name)
	if len(values) == 0 && r.Optional(SecretsPath, "") == "" {
		r.fail(name, "is not set")
	}
	var out []crm.Secret
	for _, v := range values {
		out = append(out, crm.NewSecret(r.visible(name, v)))
	}
	return out
}

// visible returns the value, and fails for what nothing holds that a CRM gave: it comes with a bad copy, and would break the
// header of a request.
func (r *Reader) visible(name, v string) string {
	if strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c > '~' }) {
		r.fail(name, "holds a blank or another character that no key has: copy it again")
	}
	return v
}

// List returns the members of a setting that is separated by commas, without white space around them and without empty
// ones; nil when it is not set.
func (r *Reader) List(name string) []string {
	var out []string
	for v := range strings.SplitSeq(r.Optional(name, ""), ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// NeedList is List for a setting that must have a member.
func (r *Reader) NeedList(name string) []string {
	out := r.List(name)
	if len(out) == 0 {
		r.fail(name, "is not set")
	}
	return out
}

// NeedDigits is Need for a number that is an id: digits that do not begin with 0, at most so many.
func (r *Reader) NeedDigits(name string, most int) string {
	v := r.Need(name)
	if strings.Trim(v, "0123456789") != "" || strings.HasPrefix(v, "0") || len(v) > most {
		r.fail(name, fmt.Sprintf("is not a number of at most %d digits", most))
		return ""
	}
	return v
}

// OneOf returns the setting, or fallback when it is not set. Any other value than those allowed is an error.
func (r *Reader) OneOf(name, fallback string, allowed ...string) string {
	v := r.Optional(name, fallback)
	if !slices.Contains(allowed, v) {
		named := slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" })
		r.fail(name, "is none of "+strings.Join(named, ", "))
		return fallback
	}
	return v
}

// Bool returns the setting, or fallback when it is not set: true or false.
func (r *Reader) Bool(name string, fallback bool) bool {
	return r.OneOf(name, strconv.FormatBool(fallback), "true", "false") == "true"
}

// Duration returns the setting, or fallback when it is not set: Go's spelling (10s, 5m, 1h30m), from least to most.
func (r *Reader) Duration(name string, fallback, least, most time.Duration) time.Duration {
	v := r.Optional(name, "")
	if v == "" {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > most {
		r.fail(name, fmt.Sprintf("is not a duration from %s to %s, like 10s or 5m", least, most))
		return fallback
	}
	return d
}

// Int returns the setting, or fallback when it is not set: a whole number from least to most.
func (r *Reader) Int(name string, fallback, least, most int) int {
	v := r.Optional(name, "")
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		r.fail(name, fmt.Sprintf("is not a whole number from %d to %d", least, most))
		return fallback
	}
	return n
}

// Zone returns the time zone of that name, or of the fallback when it is not set.
func (r *Reader) Zone(name, fallback string) *time.Location {
	zone, err := time.LoadLocation(r.Optional(name, fallback))
	if err != nil {
		r.fail(name, "is not a time zone, like Europe/Rome")
		return time.UTC
	}
	return zone
}

// fail notes what is wrong with a setting, once for each name and fault.
func (r *Reader) fail(name, what string) {
	err := fmt.Errorf("%s %s", name, what)
	for _, e := range r.errs {
		if e.Error() == err.Error() {
			return
		}
	}
	r.errs = append(r.errs, err)
}
