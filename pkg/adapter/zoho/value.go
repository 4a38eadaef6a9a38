package zoho

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// wire is a record as Zoho sends it, or as it is sent; it never leaves this package.
type wire map[string]json.RawMessage

// reference is a lookup or an owner.
type reference struct {
	ID    digits `json:"id"`
	Email string `json:"email"`
}

// value reads a property of type t in the raw text convention. A key that is not there is unknown, null is empty, and what
// has no reading is unreadable: so is a reference in a property that is mapped as neither owner nor company, for its id is nobody's
// name. A reference without an id is unknown. An owner whose e-mail is not told gives its id and owner = true.
func (w wire) value(property string, t crm.Type) (v crm.Value, owner bool) {
	raw, ok := w[property]
	raw = bytes.TrimSpace(raw)
	if !ok || len(raw) == 0 {
		return crm.Unknown(), false
	}
	switch raw[0] {
	case 'n':
		return crm.Empty(), false
	case 't', 'f':
		return crm.Text(string(raw)), false
	case '"':
		return chosen(text(raw), t), false
	case '[':
		return list(raw), false
	case '{':
		return object(raw, t)
	}
	return number(string(raw)), false
}

// none is the choice of a picklist that stands for no choice: Zoho lists it among the values (settings/fields), and a record on which
// somebody set it by the API or in an import shows it in place of null.
const none = "-None-"

func chosen(v crm.Value, t crm.Type) crm.Value {
	if t == crm.TypePicklist && v.Text() == none {
		return crm.Empty()
	}
	return v
}

func text(raw json.RawMessage) crm.Value {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return crm.Unreadable(string(raw))
	}
	return crm.Text(s)
}

// list joins the members with ";". A member that itself holds one, or is no text, has no reading.
func list(raw json.RawMessage) crm.Value {
	var members []string
	if json.Unmarshal(raw, &members) != nil {
		return crm.Unreadable(string(raw))
	}
	for _, m := range members {
		if strings.Contains(m, ";") {
			return crm.Unreadable(string(raw))
		}
	}
	return crm.Text(strings.Join(members, ";"))
}

func object(raw json.RawMessage, t crm.Type) (v crm.Value, owner bool) {
	var r reference
	switch unread := json.Unmarshal(raw, &r) != nil || r.ID == ""; {
	case t != crm.TypeOwner && t != crm.TypeCompany:
		return crm.Unreadable(string(raw)), false
	case unread:
		return crm.Unknown(), false
	case t == crm.TypeCompany:
		return crm.Text(string(r.ID)), false
	}
	if r.Email == "" {
		return crm.Text(string(r.ID)), true
	}
	return crm.Text(r.Email), false
}

// largestExponent bounds what a number may be written out to.
const largestExponent = 40

// number keeps the digits as sent; one with an exponent is written out.
func number(literal string) crm.Value {
	mantissa, exponent, ok := strings.Cut(strings.ToLower(literal), "e")
	if !ok {
		return crm.Text(literal)
	}
	n, err := strconv.Atoi(exponent)
	if err != nil || n > largestExponent || n < -largestExponent || len(mantissa) > largestExponent {
		return crm.Unreadable(literal)
	}
	r, ok := new(big.Rat).SetString(literal)
	if !ok {
		return crm.Unreadable(literal)
	}
	places := 0
	if _, fraction, ok := strings.Cut(mantissa, "."); ok {
		places = len(fraction)
	}
	out := r.FloatString(max(places-n, 0))
	if strings.Contains(out, ".") {
		out = strings.TrimSuffix(strings.TrimRight(out, "0"), ".")
	}
	return crm.Text(out)
}

// send writes raw text as Zoho takes it. A text that does not fit the type is sent as it is: Zoho's refusal names the field.
// Owners are the caller's business.
func send(v crm.Value, t crm.Type) any {
	if v.IsEmpty() {
		return nil
	}
	s := v.Text()
	switch t {
	case crm.TypeBool:
		if s == "true" || s == "false" {
			return s == "true"
		}
	case crm.TypeNumber, crm.TypeInteger, crm.TypeMoney:
		if json.Valid([]byte(s)) && strings.Trim(s, "-0123456789.") == "" {
			return json.Number(s)
		}
	case crm.TypeMulti:
		return strings.Split(s, ";")
	case crm.TypeCompany:
		return map[string]string{"id": s}
	case crm.TypeInstant:
		if at, err := time.Parse(time.RFC3339, s); err == nil {
			return stamp(at)
		}
	}
	return s
}

// stamp writes an instant as Zoho takes it: an offset, no Z, no fractions.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05-07:00") }

// instant reads Zoho's time, cut to seconds; zero when it cannot be read.
func instant(s string) time.Time {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return at.UTC().Truncate(time.Second)
}

// text returns a property as plain text, "" when there is none.
func (w wire) text(property string) string {
	v, _ := w.value(property, crm.TypeText)
	return v.Text()
}
