package outbound

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/scan"
)

// Reason is the class of a refusal.
type Reason uint8

// The reasons for which a body is no request.
const (
	// Invalid is JSON that is not a request. Answered 422 (RFC 9110 §15.5.21).
	Invalid Reason = iota + 1
	// Malformed is no JSON text at all. Answered 400.
	Malformed
	// TooLarge is a body of more than MaxBody bytes; it was not looked at. Answered 413.
	TooLarge
)

// Code says which rule a value breaks (codice on the wire). The list is closed; the words are those of the conversions' door.
type Code string

// The codes of problems.
const (
	CodeRequired  Code = "obbligatorio"          // a required property is missing
	CodeUnknown   Code = "proprieta_sconosciuta" // a property that requests do not have
	CodeType      Code = "tipo"                  // a value of another JSON type
	CodeEnum      Code = "valore_non_ammesso"    // none of the words of the list
	CodeFormat    Code = "formato"               // another form than documented
	CodeLength    Code = "lunghezza"             // too long, or too many
	CodeConflict  Code = "in_conflitto"          // a property that does not go with another one
	CodeDuplicate Code = "chiave_doppia"         // an object with a key twice, in whatever case
	CodeDepth     Code = "profondita"            // nested too deep
	CodeUnicode   Code = "unicode"               // half of a surrogate pair, or a NUL
	CodeSyntax    Code = "json"                  // not one JSON text
	CodeUTF8      Code = "utf8"                  // not UTF-8
	CodeSize      Code = "dimensione"            // more than MaxBody bytes
)

// Problem is one fault of a body: where (percorso: a JSON Pointer, RFC 6901, "" for the whole body) and what. It repeats no
// value, and no name of a property that requests do not have.
type Problem struct {
	Path string
	Code Code
}

// Refusal is the error of a body that is no request. Problems holds every fault in the order of the paths, at least one; what
// is found before the values are looked at (size, syntax, depth, a key twice) stands alone.
type Refusal struct {
	Reason   Reason
	Problems []Problem
}

// Error names the first problem and counts the others, without any value.
func (r *Refusal) Error() string {
	s := fmt.Sprintf("not a message to send: %s at %q", r.Problems[0].Code, r.Problems[0].Path)
	if n := len(r.Problems) - 1; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

// limits bound what is looked at: strings and numbers by the body.
var limits = scan.Limits{Depth: 3, Number: MaxBody, String: MaxBody}

// Decode reads a request. Its error is a *Refusal that tells every fault.
//
//	{"a":{"telefono":"+39…"} or {"utente":"IT.…"},"tipo":"testo" or "template","testo":"…",
//	 "template":{"nome":"…","lingua":"it","parametri":["…"]},"riferimento":"…"}
func Decode(body []byte) (Request, error) {
	if len(body) > MaxBody {
		return Request{}, &Refusal{TooLarge, []Problem{{"", CodeSize}}}
	}
	if err := scan.JSON(body, limits); err != nil {
		return Request{}, scanned(err)
	}
	d := &decoder{}
	r := d.request(body)
	if len(d.problems) == 0 {
		return r, nil
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Code, b.Code)) })
	return Request{}, &Refusal{Invalid, slices.Compact(d.problems)}
}

func scanned(err error) *Refusal {
	one := func(why Reason, code Code) *Refusal { return &Refusal{why, []Problem{{"", code}}} }
	switch {
	case errors.Is(err, scan.ErrDepth):
		return one(Invalid, CodeDepth)
	case errors.Is(err, scan.ErrDuplicate):
		return one(Invalid, CodeDuplicate)
	case errors.Is(err, scan.ErrUTF8):
		return one(Malformed, CodeUTF8)
	}
	return one(Malformed, CodeSyntax)
}

type decoder struct{ problems []Problem }

func (d *decoder) fail(path string, code Code) { d.problems = append(d.problems, Problem{path, code}) }

// object returns the properties of an object; those that are not known are problems of the object, whose path is told once.
func (d *decoder) object(path string, raw json.RawMessage, known ...string) (map[string]json.RawMessage, bool) {
	if bytes.TrimSpace(raw)[0] != '{' {
		d.fail(path, CodeType)
		return nil, false
	}
	var of map[string]json.RawMessage
	_ = json.Unmarshal(raw, &of) // an object that was scanned always decodes
	for name := range of {
		if !slices.Contains(known, name) {
			d.fail(path, CodeUnknown)
		}
	}
	return of, true
}

// text returns the property as text; an absent one is a problem if it is needed.
func (d *decoder) text(path string, raw json.RawMessage, needed bool) (string, bool) {
	switch {
	case raw == nil && needed:
		d.fail(path, CodeRequired)
		return "", false
	case raw == nil:
		return "", false
	case bytes.TrimSpace(raw)[0] != '"':
		d.fail(path, CodeType)
		return "", false
	}
	var s string
	_ = json.Unmarshal(raw, &s) // a string that was scanned always decodes
	if strings.Contains(s, "\x00") || mended(raw, s) {
		d.fail(path, CodeUnicode)
		return "", false
	}
	return s, true
}

// mended reports whether Go's decoder put U+FFFD in the place of half a surrogate pair.
func mended(raw json.RawMessage, s string) bool {
	const sign = "\uFFFD"
	written := bytes.Count(raw, []byte(sign)) + bytes.Count(bytes.ToLower(raw), []byte(`\ufffd`))
	return strings.Count(s, sign) > written
}

// word returns a text of at most most characters that is of the form.
func (d *decoder) word(path string, raw json.RawMessage, most int, form func(string) bool) string {
	s, ok := d.text(path, raw, true)
	switch {
	case !ok:
	case utf8.RuneCountInString(s) > most:
		d.fail(path, CodeLength)
	case !form(s):
		d.fail(path, CodeFormat)
	}
	return s
}

func (d *decoder) request(body []byte) (r Request) {
	of, ok := d.object("", body, "a", "tipo", "testo", "template", "riferimento")
	if !ok {
		return r
	}
	r.To = d.to(of["a"])
	r.Reference = d.word("/riferimento", of["riferimento"], MaxReference, reference)
	kind, told := d.text("/tipo", of["tipo"], true)
	switch {
	case !told:
	case kind == "testo":
		r.Text = crm.Text(d.word("/testo", of["testo"], MaxText, func(s string) bool { return strings.TrimSpace(s) != "" }))
		d.unfit(of, "template")
	case kind == "template":
		r.Template = d.template(of["template"])
		d.unfit(of, "testo")
	default:
		d.fail("/tipo", CodeEnum)
	}
	return r
}

// unfit makes a problem of a property that does not go with the kind of the message.
func (d *decoder) unfit(of map[string]json.RawMessage, name string) {
	if of[name] != nil {
		d.fail("/"+name, CodeConflict)
	}
}

func (d *decoder) to(raw json.RawMessage) (p chat.Person) {
	if raw == nil {
		d.fail("/a", CodeRequired)
		return p
	}
	of, ok := d.object("/a", raw, "telefono", "utente")
	if !ok {
		return p
	}
	number, user := of["telefono"], of["utente"]
	switch {
	case number != nil && user != nil:
		d.fail("/a", CodeConflict)
	case user != nil:
		p.User = crm.Text(d.word("/a/utente", user, chat.MaxUser, chat.IsUser))
	case number != nil:
		p.Phone = crm.Text(strings.TrimPrefix(d.word("/a/telefono", number, MaxReference, phone), "+"))
	default:
		d.fail("/a", CodeRequired)
	}
	return p
}

func (d *decoder) template(raw json.RawMessage) *Template {
	if raw == nil {
		d.fail("/template", CodeRequired)
		return nil
	}
	of, ok := d.object("/template", raw, "nome", "lingua", "parametri")
	if !ok {
		return nil
	}
	return &Template{
		Name:       d.word("/template/nome", of["nome"], MaxName, templateName),
		Language:   d.word("/template/lingua", of["lingua"], MaxReference, language),
		Parameters: d.parameters(of["parametri"]),
	}
}

func (d *decoder) parameters(raw json.RawMessage) (out []crm.Value) {
	const path = "/template/parametri"
	if raw == nil {
		return nil
	}
	if bytes.TrimSpace(raw)[0] != '[' {
		d.fail(path, CodeType)
		return nil
	}
	var all []json.RawMessage
	_ = json.Unmarshal(raw, &all) // a list that was scanned always decodes
	if len(all) > MaxParameters {
		d.fail(path, CodeLength)
		return nil
	}
	for i, raw := range all {
		out = append(out, crm.Text(d.word(path+"/"+strconv.Itoa(i), raw, MaxParameter, parameter)))
	}
	return out
}
