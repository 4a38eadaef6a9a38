package pkg_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/door"
)

// Values that one member or another takes, and many that none takes, as they are written.
var (
	anywhere = append([]string{
		`null`, `true`, `false`, `[]`, `{}`, `[null]`, `[[]]`, `[{}]`, `[""]`, `["1"]`, `[1]`, `[1.5]`, `{"a":1}`, `[[[[[]]]]]`, `{"a":{"a":{"a":{"a":{}}}}}`,
		`0`, `-0`, `1`, `-1`, `12`, `12.0`, `1.5`, `1e2`, `12345678901234567890`, `123456789012345678901`, `1234567890123456789012345`,
	}, quoted("", " ", "x", "1", "01", "0", "0.0", "-1", "1.5", "1e2", "12345678", "email", "2026-11-22T12:00:00Z", strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("è", 201))...)

	ofVendors = quoted(
		"12345678901234567890", "123456789012345678901", "-5", "007", "1795348790", "whatsapp_business_account", "page", "messages", "user_preferences", "history", "account_update", "Contacts", "Accounts", "Leads", "update", "insert",
		"contact.creation", "contact.propertyChange", "object.creation", "object.restore", "company.deletion", "deal.creation", "contact", "contact.", "company.merge", "0-1", "0-2", "0-3",
	)

	ofConversions = append([]string{
		`{"EUR":"1"}`, `{"EUR":1}`, `{"EUR":null}`, `{"eur":"1"}`, `{"EURO":"1"}`, `{"EUR":"1","USD":"2.50"}`, `{"campagna":"x"}`, `{"campagna":1}`, `{"campagna":null}`, `{"Campagna":"x"}`,
		`19.99`, `1.005`, `19.990`, `0.1`, `999999999.99`, `1000000000`, `1000000001`, `1000000000.00`,
	}, quoted(
		"a\nb", "a\x00b", "\u00a0", "0.00", "-0", "-0.00", "1.", ".5", "1.25", "1.005", "999999999.99", "1000000000", "9999999999.99", "1,5", "1234567", "a.b_c:d-e", "a b c d e", "à12345678",
		"CLIENTE-ITALIA-789456", "CLIENTE-A-789456", "EUR", "eur", "social_media", "social", "Email", "sms", "richiesta_demo", "acquisto_concluso", "visita", "completato", "duplicato", "fallito", strings.Repeat("è", 200),
		"2026-11-22T12:00:00.5Z", "2026-11-22T12:00:00.123Z", "2026-11-22T12:00:00.1234Z", "2026-11-22T12:00:00,5Z", "2026-11-22T13:00:00+01:00", "2026-11-22T13:00:00+0100", "2026-11-22 12:00:00Z",
		"2026-11-22t12:00:00z", "2026-11-22T12:00:00", "2026-11-22T12:00:60Z", "2026-11-22T24:00:00Z", "2026-02-30T12:00:00Z", "2026-11-22T4:00:00Z", "2026-11-22T12:05:00Z", "2026-11-22T12:05:01Z", "2026-11-15T12:00:00Z",
		"2026-11-15T11:59:59Z", "2026-11-22T11:00:00-01:00", "2026-11-22T12:00:00+24:00",
	)...)

	ofMessages = append([]string{
		`{"telefono":"+393471234567"}`, `{"telefono":1}`, `{"utente":"IT.ENT.1a"}`, `{"telefono":"+393471234567","utente":"IT.1"}`, `{"telefono":"+393471234567","nome":"x"}`,
		`{"nome":"a_1","lingua":"it"}`, `{"nome":"a"}`, `{"nome":"a","lingua":"it","altro":1}`, `{"nome":"a","lingua":"it","parametri":null}`,
		`["x"` + strings.Repeat(`,"x"`, 49) + `]`, `["x"` + strings.Repeat(`,"x"`, 50) + `]`,
	}, quoted(
		"\t", "a\nb", "a\x00b", "\u00a0", "\u2003x", "x    y", "x     y", "x\ry", "è", "testo", "template", "Testo", "a b", strings.Repeat("è", 1024), strings.Repeat("è", 1025), strings.Repeat("😀", 4096), strings.Repeat("😀", 4097),
		"393471234567", "+0393471234567", "+123456", "+1234567", "+123456789012345", "+1234567890123456", "it", "ita", "ital", "IT", "en_US", "es_419", "it_ITA", "it_ITAL", "a_1", "A",
		"IT.", "IT.1", "it.1", "I.1", "IT.1-1", "IT.ENT.", "IT.ENT.1", "IT."+strings.Repeat("a", 128), "IT."+strings.Repeat("a", 129), "IT.ENT."+strings.Repeat("a", 128), strings.Repeat("n", 512), strings.Repeat("n", 513),
	)...)
)

// halves are texts with half of a surrogate pair. A validator gets them mended by its decoder, which is why they are told by their name.
var halves = []string{`"CLIENTE \ud83c"`, `"\udf89xxxxxxxx"`}

func quoted(in ...string) (out []string) {
	for _, s := range in {
		text, _ := json.Marshal(s) // a string always marshals
		out = append(out, string(text))
	}
	return out
}

// mutants returns the documents that differ from one in a member, at any depth: another value, none, another spelling, one twice, one
// more. What hangs below a member of the names is left alone.
func mutants(doc any, literals, alone []string) map[string]string {
	out := map[string]string{"": encoded(doc)}
	var walk func(at string, v any, put func(string) string)
	walk = func(at string, v any, put func(string) string) {
		for _, literal := range slices.Concat(anywhere, literals, halves) {
			out[at+" := "+brief(literal)] = put(literal)
		}
		switch v := v.(type) {
		case object:
			names := sorted(v)
			members := func(but string, more ...string) string {
				var all []string
				for _, name := range names {
					if name != but {
						all = append(all, encoded(name)+":"+encoded(v[name]))
					}
				}
				return "{" + strings.Join(append(all, more...), ",") + "}"
			}
			out[at+" with one more"] = put(members("", `"altro":1`))
			for _, name := range names {
				member := encoded(name) + ":" + encoded(v[name])
				out[at+"/"+name+" is missing"] = put(members(name))
				out[at+"/"+name+" twice"] = put(members("", member))
				out[at+"/"+name+" in capitals"] = put(members(name, encoded(strings.ToUpper(name))+":"+encoded(v[name])))
				out[at+"/"+name+" escaped"] = put(members(name, fmt.Sprintf(`"\u%04x%s":%s`, name[0], name[1:], encoded(v[name]))))
				if !slices.Contains(alone, name) {
					walk(at+"/"+name, v[name], func(s string) string { return put(members(name, encoded(name)+":"+s)) })
				}
			}
		case []any:
			for i := range v {
				walk(fmt.Sprint(at, "/", i), v[i], func(s string) string {
					all := make([]string, len(v))
					for j := range v {
						all[j] = encoded(v[j])
					}
					all[i] = s
					return put("[" + strings.Join(all, ",") + "]")
				})
			}
		}
	}
	walk("", doc, func(s string) string { return s })
	return out
}

func encoded(v any) string {
	text, _ := json.Marshal(v) // what was JSON is
	return string(text)
}

func brief(s string) string {
	if len(s) > 60 {
		return fmt.Sprintf("%s… (%d)", strings.ToValidUTF8(s[:40], ""), len(s))
	}
	return s
}

func half(body string) bool {
	return slices.ContainsFunc(halves, func(s string) bool { return strings.Contains(body, s) })
}

// reading is how a route's bodies are compared with their schema.
type reading struct {
	route    string
	path     string
	examples []string // that are altered
	literals []string // values of its members, beside those that are tried anywhere
	alone    []string // members whose values are for another judge, or for nobody
	// beyond reports whether a refusal, by its answer, is one that the page puts into words because no schema can say it.
	beyond func(what, body, answer string) bool
	// lenient reports whether a body that the schema refuses is taken on purpose.
	lenient func(what, body string) bool
}

// fraction is a number that JSON Schema takes for whole and that is not written as one, in digits.
var fraction = regexp.MustCompile(`[:\[,](-0|12\.0|1e2|1000000000\.00)\b`)

// beyondSchema reports whether every problem of an answer has a code of which conversion.Codes says that no schema can.
func beyondSchema(_, _, answer string) bool {
	var told struct{ Errori []struct{ Codice string } }
	if json.Unmarshal([]byte(answer), &told) != nil || len(told.Errori) == 0 {
		return false
	}
	for _, e := range told.Errori {
		if !slices.ContainsFunc(conversion.Codes(), func(r conversion.Rule) bool { return string(r.Code) == e.Codice && r.Beyond }) {
			return false
		}
	}
	return true
}

var readings = []reading{
	{route: eventRoute, examples: []string{"sample", "named"}, literals: ofConversions, beyond: beyondSchema},
	{route: costRoute, examples: []string{"campaign"}, literals: ofConversions, path: "/api/v1/costi/2026-11-22/webform", beyond: beyondSchema},
	{route: entryRoute, examples: []string{"visits"}, literals: ofConversions, beyond: func(what, body, answer string) bool {
		return beyondSchema(what, body, answer) || fraction.MatchString(body)
	}},
	{route: messageRoute, examples: []string{"text", "template"}, literals: ofMessages, beyond: beyondSchema},
	{route: hubspotRoute, examples: []string{"creation", "generic"}, literals: ofVendors,
		alone: []string{"appId", "attemptNumber", "changeFlag", "propertyValue"}, beyond: unread, lenient: otherCase},
	{route: zohoRoute, examples: []string{"changed"}, literals: ofVendors,
		alone: []string{"token", "channel_id", "affected_fields", "query_params", "resource_uri"}, beyond: unread, lenient: otherCase},
	{route: whatsappRoute, examples: []string{"text"}, literals: ofVendors, alone: []string{"value"}, beyond: unread, lenient: otherCase},
}

func TestWhatTheSchemaOfABodyRefusesIsRefusedAndNothingElseIs(t *testing.T) {
	p := thePage(t)
	f := newFront(t, false)
	for _, reading := range readings {
		place := p.operations()[reading.route]
		schema := p.schema(t, below(place, "requestBody", "content", "application/json", "schema"))
		examples, _ := p.get(below(place, "requestBody", "content", "application/json", "examples"))
		tried, taken, seen := 0, 0, map[string]bool{}
		for _, name := range reading.examples {
			all := mutants(at(examples, name, "value"), reading.literals, reading.alone)
			for _, what := range slices.Sorted(maps.Keys(all)) {
				body := all[what]
				if seen[body] {
					continue
				}
				seen[body] = true
				doc, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
				fits := err == nil && schema.Validate(doc) == nil && !half(body)
				answer, took := f.read(t, p, reading, body)
				switch tried++; {
				case took:
					taken++
				case answer == "":
					continue // nobody was asked
				}
				switch {
				case fits && !took && !reading.beyond(what, body, answer):
					t.Errorf("%s, %s%s: the schema takes it, the answer is %s", reading.route, name, what, answer)
				case !fits && took && (reading.lenient == nil || !reading.lenient(what, body)):
					t.Errorf("%s, %s%s: the schema refuses it, and it is taken", reading.route, name, what)
				}
			}
		}
		t.Logf("%s: %d bodies, %d taken", reading.route, tried, taken)
		if taken < 10 || tried-taken < 100 {
			t.Errorf("%s: %d of %d bodies were taken: that says nothing", reading.route, taken, tried)
		}
	}
}

// read sends a body as its caller would, and reports whether it was taken for what it is to be: with a 2xx that kept it from quarantine,
// or a 409, which says that it was understood.
func (f *front) read(t *testing.T, p *page, in reading, body string) (answer string, took bool) {
	t.Helper()
	method, path, _ := strings.Cut(in.route, " ")
	if in.path != "" {
		path = in.path
	}
	r := door.Request{Method: method, Path: path, Body: []byte(body), Header: http.Header{"Content-Type": {"application/json"}}}
	p.prove(t, f, p.operations()[in.route], &r)
	before := f.quarantined
	got := f.ask(t, in.route, r)
	switch got.StatusCode {
	case http.StatusUnauthorized:
		return "", false // another token is another sender
	case http.StatusOK, http.StatusAccepted, http.StatusConflict:
		return got.Body, f.quarantined == before
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return got.Body, false
	}
	t.Fatalf("%s: answered %d %s", in.route, got.StatusCode, got.Body)
	return "", false
}

// A vendor's body is read as far as it is understood: names in any case, but no name twice; whole numbers in 20 characters.
func otherCase(what, body string) bool { return strings.HasSuffix(what, "in capitals") || half(body) }

func unread(what, body, _ string) bool {
	return strings.HasSuffix(what, " twice") || fraction.MatchString(body) || manyDigits.MatchString(body)
}

var manyDigits = regexp.MustCompile(`[:\[,]-?[0-9]{21}`)
