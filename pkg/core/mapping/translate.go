package mapping

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"crm-connector/pkg/core/canon"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Untranslatable says that a value has no counterpart. The field is to be held and reported with the hint; the rest of the
// record goes on. It names the field and the rule, never the value.
type Untranslatable struct {
	Field    crm.Field
	System   crm.System // the side whose value or property it is about
	Property string
	Hint     fault.Hint
	Err      error
}

// Error says which field cannot be translated and which rule was broken.
func (e *Untranslatable) Error() string {
	return string(e.System) + "." + e.Property + ": " + e.Err.Error()
}

// Unwrap returns the rule that was broken.
func (e *Untranslatable) Unwrap() error { return e.Err }

var (
	errReading  = errors.New("what the property holds cannot be read as a value")
	errOption   = errors.New("no option of the mapping has this value")
	errPassed   = errors.New("the value is passed over") // never leaves the package
	errSide     = errors.New("the option has no value on this side")
	errCurrency = errors.New("the amount is not in the home currency")
	errReadOnly = errors.New("the property cannot be written")
	errNotEmpty = errors.New("the property cannot be empty")
	errTooLong  = errors.New("longer than the property takes")
)

// Canon returns the canonical form of a value as the system showed it: unknown stays unknown, empty stays empty, but for a
// boolean that cannot be empty on some side, where nothing means "false". What the side passes over (Side.IgnoreUnlisted) is unknown
// too. The error is an *Untranslatable.
//
// Money may carry the code of its currency after the number ("1000.5 USD"); without one it is in the home currency. A code alone is
// an empty amount. Of several e-mail addresses joined by ";" the first counts.
func (f Field) Canon(sys crm.System, raw crm.Value) (crm.Value, error) {
	if !raw.Known() {
		return raw, nil
	}
	if raw.Unreadable() {
		return crm.Unknown(), f.fail(sys, errReading)
	}
	text, err := f.canon(sys, raw.Text())
	if errors.Is(err, errPassed) {
		return crm.Unknown(), nil
	}
	if err != nil {
		return crm.Unknown(), f.fail(sys, err)
	}
	if text == "" && f.Type == crm.TypeBool && (f.HubSpot.NotEmpty || f.Zoho.NotEmpty) {
		text = "false"
	}
	return crm.Text(text), nil
}

func (f Field) canon(sys crm.System, s string) (string, error) {
	if f.Type == crm.TypeCompany {
		return s, nil
	}
	if f.Type == crm.TypeText {
		return canon.Text(s), nil
	}
	if strings.TrimSpace(s) == "" {
		return "", nil
	}
	switch f.Type {
	case crm.TypeEmail:
		first, _, _ := strings.Cut(s, ";")
		return canon.Email(first)
	case crm.TypeOwner:
		return canon.Email(s)
	case crm.TypePhone:
		return canon.Phone(s, f.region)
	case crm.TypeDomain:
		return canon.Domain(s)
	case crm.TypeMoney:
		return f.money(s)
	case crm.TypeNumber, crm.TypeInteger:
		return canon.Number(s, f.Scale)
	case crm.TypeDate:
		return canon.Date(s)
	case crm.TypeInstant:
		return canon.Instant(s)
	case crm.TypeBool:
		return canon.Bool(s)
	}
	return f.choice(sys, s)
}

func (f Field) money(s string) (string, error) {
	amount, code := amountOf(s)
	switch {
	case amount == "":
		return "", nil
	case code != "" && code != f.home:
		return "", errCurrency
	}
	return canon.Number(amount, f.Scale)
}

// amountOf parts money from the code of its currency, "" where it has none.
func amountOf(s string) (amount, code string) {
	s = strings.TrimSpace(s)
	at := strings.LastIndexByte(s, ' ') + 1
	if !currency(s[at:]) {
		return s, ""
	}
	return strings.TrimSpace(s[:at]), s[at:]
}

// Takes returns the error of writing over what the system shows in this field: an amount in another currency, or an empty one whose
// record is in another. An amount of the home currency would be taken for one of that. The error is an *Untranslatable.
func (f Field) Takes(sys crm.System, shows crm.Value) error {
	if f.Type != crm.TypeMoney || shows.Unreadable() {
		return nil
	}
	if _, code := amountOf(shows.Text()); code != "" && code != f.home {
		return f.fail(sys, errCurrency)
	}
	return nil
}

// currency reports whether s has the form of an ISO 4217 code.
func currency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// choice translates a picklist's value, or each member of a multi-select, to the names of their options. Members that are passed over
// leave the others; a value of which none is left is errPassed.
func (f Field) choice(sys crm.System, s string) (string, error) {
	members := []string{canon.Text(s)}
	if f.Type == crm.TypeMulti {
		members = canon.Members(s)
	}
	if len(f.Options) == 0 {
		return strings.Join(members, ";"), nil
	}
	var names []string
	for _, m := range members {
		name, ok := f.named(sys, m)
		switch {
		case ok:
			names = append(names, name)
		case !f.Side(sys).IgnoreUnlisted:
			return "", errOption
		}
	}
	if len(members) > 0 && len(names) == 0 {
		return "", errPassed
	}
	return canon.Multi(strings.Join(names, ";")), nil
}

// named returns the name of the option that has the value, which is in canonical form, on the side.
func (f Field) named(sys crm.System, value string) (string, bool) {
	name, ok := f.read[sys][value]
	if !ok {
		name, ok = f.read[sys][canon.Fold(value)]
	}
	return name, ok
}

// Raw returns what to write to the system for a canonical value, over the raw value that the system shows, unknown where nothing
// is there or nothing was read: unknown stays unknown. A member of a multi-select that the system shows already keeps the value
// that it has there. Text that is too long for Zoho is cut (Equal takes the cut for the whole); anything else that does not fit is an
// error. The error is an *Untranslatable.
func (f Field) Raw(sys crm.System, v, shows crm.Value) (crm.Value, error) {
	if !v.Known() {
		return v, nil
	}
	side := f.Side(sys)
	if side.ReadOnly {
		return crm.Unknown(), f.fail(sys, errReadOnly)
	}
	if v.IsEmpty() {
		return f.nothing(sys)
	}
	text := v.Text()
	if len(f.Options) > 0 {
		var err error
		if text, err = f.values(sys, text, shows); err != nil {
			return crm.Unknown(), f.fail(sys, err)
		}
	}
	if f.Type == crm.TypeText && sys == crm.Zoho {
		return crm.Text(canon.Cut(text, side.Max)), nil
	}
	if side.Max > 0 && f.length(text) > side.Max {
		return crm.Unknown(), f.fail(sys, errTooLong)
	}
	return crm.Text(text), nil
}

func (f Field) nothing(sys crm.System) (crm.Value, error) {
	switch {
	case !f.Side(sys).NotEmpty:
		return crm.Empty(), nil
	case f.Type == crm.TypeBool:
		return crm.Text("false"), nil
	}
	return crm.Unknown(), f.fail(sys, errNotEmpty)
}

// values turns the names of options into the values that the system has for them: of a multi-select those that it shows, and the
// first of each option that it does not show yet.
func (f Field) values(sys crm.System, canonical string, shows crm.Value) (string, error) {
	var out, there []string
	names := []string{canonical}
	if f.Type == crm.TypeMulti {
		names = canon.Members(canonical)
		for m := range strings.SplitSeq(shows.Text(), ";") {
			if name, ok := f.named(sys, canon.Text(m)); ok && slices.Contains(names, name) {
				out, there = append(out, m), append(there, name)
			}
		}
	}
	for _, name := range names {
		if slices.Contains(there, name) {
			continue
		}
		at, ok := f.option(name)
		if !ok {
			return "", errOption
		}
		values := f.Options[at].side(sys)
		if len(values) == 0 {
			return "", errSide
		}
		out = append(out, values[0])
	}
	return strings.Join(out, ";"), nil
}

func (f Field) option(name string) (int, bool) {
	for i := range f.Options {
		if f.Options[i].Name() == name {
			return i, true
		}
	}
	return 0, false
}

// length counts runes, and of a number the digits before the point.
func (f Field) length(s string) int {
	switch f.Type {
	case crm.TypeNumber, crm.TypeInteger, crm.TypeMoney:
		s, _, _ = strings.Cut(strings.TrimPrefix(s, "-"), ".")
	}
	return utf8.RuneCountInString(s)
}

func (f Field) fail(sys crm.System, err error) error {
	hint := fault.HintFormat
	switch {
	case errors.Is(err, errOption), errors.Is(err, errSide):
		hint = fault.HintUnmapped
	case errors.Is(err, errCurrency):
		hint = fault.HintCurrency
	case errors.Is(err, errReadOnly):
		hint = fault.HintReadOnly
	case errors.Is(err, errNotEmpty):
		hint = fault.HintMissing
	case errors.Is(err, errTooLong):
		hint = fault.HintTooLong
	}
	return &Untranslatable{Field: f.Name, System: sys, Property: f.Side(sys).Property, Hint: hint, Err: err}
}
