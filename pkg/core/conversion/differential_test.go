package conversion_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"pgregory.net/rapid"

	"crm-connector/pkg/core/conversion"
)

// validator is an independent reader of the published schema, with formats asserted.
var validator = sync.OnceValue(func() *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(conversion.Schema()))
	if err != nil {
		panic(err)
	}
	id := fmt.Sprintf("urn:connettore:evento-conversione:%d", conversion.Version)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(id, doc); err != nil {
		panic(err)
	}
	return c.MustCompile(id)
})

// beyond are the rules that the schema cannot say: all that Decode and the validator may differ by.
var beyond = sync.OnceValue(func() map[conversion.Code]bool {
	out := map[conversion.Code]bool{}
	for _, r := range conversion.Codes() {
		out[r.Code] = r.Beyond
	}
	return out
})

// word is a property's name that is told.
var word = regexp.MustCompile(`^[A-Za-z_@][A-Za-z0-9_]{0,39}$`)

// verdict is where the validator finds faults; nil: it takes the document.
func verdict(doc any) map[string]bool {
	err := validator().Validate(doc)
	if err == nil {
		return nil
	}
	paths := map[string]bool{}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		panic(err)
	}
	var collect func(*jsonschema.ValidationError)
	collect = func(e *jsonschema.ValidationError) {
		at := ""
		for _, name := range e.InstanceLocation {
			at += "/" + name
		}
		switch k := e.ErrorKind.(type) {
		case *kind.Required:
			for _, name := range k.Missing {
				paths[at+"/"+name] = true
			}
		case *kind.AdditionalProperties:
			for _, name := range k.Properties {
				if word.MatchString(name) {
					paths[at+"/"+name] = true
				} else {
					paths[at] = true
				}
			}
		default:
			if len(e.Causes) == 0 {
				paths[at] = true
			}
		}
		for _, cause := range e.Causes {
			collect(cause)
		}
	}
	collect(invalid)
	return paths
}

// digestible reports whether the validator can be asked: numbers with large exponents or many digits make it panic or
// hang, which is why they are refused before any validator sees them.
func digestible(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return true
		}
		if n, ok := token.(json.Number); ok && (len(n) > 24 || strings.ContainsAny(n.String(), "eE")) {
			return false
		}
	}
}

// disagreement compares Decode with the validator: "" if both take the body, or both refuse it at the same paths, but for
// the declared differences.
func disagreement(body []byte) string {
	_, err := conversion.Decode(body, noon)
	if err == nil && !digestible(body) {
		return "takes a number that no validator is to see"
	}
	if !digestible(body) {
		return ""
	}
	doc, syntax := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		if syntax != nil {
			return "takes what is no JSON"
		}
		if paths := verdict(doc); paths != nil {
			return fmt.Sprintf("takes what the schema refuses at %v", paths)
		}
		return ""
	}
	r, _ := errors.AsType[*conversion.Refusal](err)
	if syntax != nil {
		if r.Reason == conversion.Invalid && r.Problems[0].Code != conversion.CodeDuplicate && r.Problems[0].Code != conversion.CodeDepth {
			return "finds only faults of content in what is no JSON"
		}
		return ""
	}
	for _, p := range r.Problems {
		if !breaks(doc, p) {
			return fmt.Sprintf("refuses %s with %s, which holds", p.Path, p.Code)
		}
	}
	return refused(r, verdict(doc))
}

var amount = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]{1,2})?$`)

// breaks reports whether a value breaks the rule beyond the schema that a problem names, as the standard library sees it.
func breaks(doc any, p conversion.Problem) bool {
	for _, name := range strings.Split(p.Path, "/")[1:] {
		members, _ := doc.(map[string]any)
		doc = members[name]
	}
	switch p.Code {
	case conversion.CodeLiteral:
		n, ok := doc.(json.Number)
		return ok && !amount.MatchString(n.String())
	case conversion.CodeUnicode:
		s, ok := doc.(string)
		return ok && strings.ContainsRune(s, '\uFFFD')
	case conversion.CodeFuture, conversion.CodePast:
		s, _ := doc.(string)
		at, err := time.Parse(time.RFC3339, s)
		return err == nil && (at.After(noon.Add(5*time.Minute)) || at.Before(noon.AddDate(0, 0, -7)))
	}
	return true // the schema's, or seen by the scan
}

// refused compares the paths of a refusal with those of the validator.
func refused(r *conversion.Refusal, schema map[string]bool) string {
	if len(r.Problems) == conversion.MaxProblems {
		return "" // not all are told
	}
	ours, more := map[string]bool{}, map[string]bool{}
	for _, p := range r.Problems {
		if beyond()[p.Code] {
			more[p.Path] = true
		} else {
			ours[p.Path] = true
		}
	}
	switch r.Problems[0].Code {
	case conversion.CodeDuplicate, conversion.CodeDepth, conversion.CodeUTF8, conversion.CodeSize:
		return "" // stands alone
	}
	theirs := maps.Clone(schema)
	maps.DeleteFunc(theirs, func(p string, _ bool) bool { return more[p] })
	maps.DeleteFunc(ours, func(p string, _ bool) bool { return more[p] })
	if !maps.Equal(ours, theirs) {
		return fmt.Sprintf("finds faults at %v, the schema at %v", slices.Sorted(maps.Keys(ours)), slices.Sorted(maps.Keys(theirs)))
	}
	return ""
}

func TestDecodeAndTheSchemaAgreeOnEveryDocument(t *testing.T) {
	for _, folder := range []string{"good", "bad"} {
		for name, body := range documents(t, folder) {
			if d := disagreement(body); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}

func TestTheSchemaTakesWhatOnlyWeRefuse(t *testing.T) {
	// Each declared difference is a real one, on a document that shows it.
	for name, code := range map[string]conversion.Code{
		"key_twice": conversion.CodeDuplicate, "timestamp_ahead": conversion.CodeFuture, "timestamp_ancient": conversion.CodePast,
		"value_19.990": conversion.CodeLiteral, "half_a_surrogate_pair": conversion.CodeUnicode, "latin1": conversion.CodeUTF8,
	} {
		body := documents(t, "bad")[name]
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil || verdict(doc) != nil || !beyond()[code] {
			t.Errorf("%s: %v, %v", name, err, verdict(doc))
		}
	}
}

// FuzzDecodeAgainstTheSchema holds the two readers together on whatever bytes.
func FuzzDecodeAgainstTheSchema(f *testing.F) {
	for _, folder := range []string{"good", "bad"} {
		for _, body := range documents(f, folder) {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if d := disagreement(body); d != "" {
			t.Fatalf("%s\n%q", d, body)
		}
	})
}

// literals are values at and beyond every edge of the schema, for any property.
var literals = []string{
	`null`, `true`, `{}`, `[]`, `""`, `"x"`, `0`, `-0`, `-0.0`, `-0.00`, `-0.000`, `-0.001`, `0.001`, `0.005`, `0.010`, `1`, `1.0`, `1.00`, `1.000`, `1.01`, `1.001`,
	`19.99`, `19.990`, `4.35`, `0.07`, `999999999.99`, `999999999.991`, `1000000000`, `999999999.990`, `-1`, `-0.01`, `99999999999999999999999`, `0.0000000000000000000001`,
	`"CLIENTE-AB-000000"`, `"CLIENTE-ABCDEFGHIJ-999999"`, `"CLIENTE-A-000000"`, `"CLIENTE-ABCDEFGHIJK-000000"`, `"CLIENTE-AB-00000"`, `"CLIENTE-AB-0000000"`, `"cliente-AB-000000"`,
	`"CLIENTE-Ab-000000"`, `"CLIENTE-AB-000000\n"`, `" CLIENTE-AB-000000"`, `"CLIENTE-AB-٠٠٠٠٠٠"`, `"CLIENTE-AB-00000x"`, `"CLIENTI-AB-000000"`, `"CLIENTE-AB0000000"`, `"\u0043LIENTE-AB-000000"`,
	`"EUR"`, `"EURO"`, `"EU"`, `"eur"`, `"ÉUR"`, `"EUR\n"`,
	`"12345678"`, `"1234567"`, `"a.b_c:d-e"`, `"a b c d e"`, `"a#b#c#d#e"`, `"` + strings.Repeat("a", 64) + `"`, `"` + strings.Repeat("a", 65) + `"`, `"12345678\n"`,
	`"richiesta_demo"`, `"acquisto_concluso"`, `"iscrizione_evento"`, `"cancello_abbandono"`, `"richiesta_demo "`, `"acquisto\u005fconcluso"`, `["email"]`,
	`"email"`, `"social_media"`, `"webform"`, `"sms"`, `"whatsapp"`, `"Email"`, `"completato"`, `"duplicato"`, `"fallito"`, `"falliti"`,
	`"2026-11-22T11:59:30Z"`, `"2026-11-22T11:59:30.1Z"`, `"2026-11-22T11:59:30.12Z"`, `"2026-11-22T11:59:30.123Z"`, `"2026-11-22T11:59:30.1234Z"`, `"2026-11-22T11:59:30.Z"`,
	`"2026-11-22T11:59:30,123Z"`, `"2026-11-22t11:59:30Z"`, `"2026-11-22T11:59:30z"`, `"2026-11-22 11:59:30Z"`, `"2026-11-22T11:59:30"`, `"2026-11-22T11:59:30+02"`,
	`"2026-11-22T13:59:30+02:00"`, `"2026-11-22T13:59:30+0200"`, `"2026-11-22T11:59:30-00:00"`, `"2026-11-22T11:59:30+24:00"`, `"2026-11-22T11:59:30+23:59"`, `"2026-11-22T11:59:30+00:60"`,
	`"2026-11-22T11:59:60Z"`, `"2026-11-21T23:59:60Z"`, `"2026-11-22T24:00:00Z"`, `"2026-11-22T23:60:00Z"`, `"2026-02-29T00:00:00Z"`, `"2024-02-29T00:00:00Z"`, `"2026-13-01T00:00:00Z"`,
	`"2026-00-10T00:00:00Z"`, `"2026-11-00T00:00:00Z"`, `"2026-11-31T00:00:00Z"`, `"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999-23:59"`, `"2026-11-22T4:59:30Z"`, `"+2026-11-22T11:59:30Z"`,
	`"2026-11-22T11:59:30Z\n"`, `"20２6-11-22T11:59:30Z"`, `{"campagna":"x"}`, `{"campagna":1}`, `{"campagna":null,"altro":1}`, `{"localita":"x","dispositivo":"y"}`, `{"campagna":{"a":1}}`,
	`"` + strings.Repeat("a", 200) + `"`, `"` + strings.Repeat("a", 201) + `"`, `"` + strings.Repeat("è", 200) + `"`, `"` + strings.Repeat("è", 201) + `"`, `"` + strings.Repeat(`\u00e8`, 200) + `"`, `"` + strings.Repeat(`\ud83c\udf89`, 200) + `"`,
	`"` + strings.Repeat(`\ud83c\udf89`, 201) + `"`, `"\ud83c"`, `"\udf89\ud83c"`, `"\ud800\udfff"`, `"\udbff\udc00"`, `"\udc00"`, `"\udfff"`, `"\ud7ff\ue000"`, `"\ud800\ue000"`, `"\ud800\\udc00"`, `"\uD83C\uDF89"`, `"\ud83c\ud83c\udf89"`, `"\uFFFD"`, `"\u0000"`, `"\\ud83c"`,
}

// anyDocument draws a document whose members are right, at an edge, missing, foreign, misspelt or twice.
func anyDocument() *rapid.Generator[[]byte] {
	fine := map[string]string{
		"id_cliente": `"CLIENTE-ITALIA-789456"`, "evento": `"richiesta_demo"`, "timestamp": `"2026-11-22T11:59:30Z"`,
		"valore": `19.99`, "canale": `"email"`, "stato": `"completato"`,
	}
	names := append(slices.Sorted(maps.Keys(fine)), "id_evento", "valuta", "metadati")
	foreign := []string{"altro", "Stato", "VALORE", "@timestamp", "a b", "", "x/y", "x~y", `st\u0061to`, "è", "metadati.campagna", strings.Repeat("k", 41)}
	inner := []string{"campagna", "dispositivo", "localita", "altro", "Campagna"}
	space := rapid.SampledFrom([]string{"", " ", "\n\t", "\r\n"})
	return rapid.Custom(func(t *rapid.T) []byte {
		literal := rapid.SampledFrom(literals)
		var members []string
		add := func(name, value string) {
			members = append(members, space.Draw(t, "space")+`"`+name+`"`+space.Draw(t, "space")+`:`+space.Draw(t, "space")+value+space.Draw(t, "space"))
		}
		for _, name := range rapid.Permutation(names).Draw(t, "order") {
			switch what := rapid.IntRange(0, 24).Draw(t, "what"); {
			case what == 0:
				continue
			case what < 4:
				add(name, literal.Draw(t, "literal"))
			case name == "metadati":
				add(name, `{"`+rapid.SampledFrom(inner).Draw(t, "inner")+`":`+literal.Draw(t, "literal")+`}`)
			case fine[name] != "":
				add(name, fine[name])
			}
		}
		if rapid.IntRange(0, 5).Draw(t, "foreign") == 0 {
			add(rapid.SampledFrom(foreign).Draw(t, "name"), literal.Draw(t, "literal"))
		}
		return []byte(space.Draw(t, "before") + `{` + strings.Join(members, ",") + `}` + space.Draw(t, "after"))
	})
}

func TestDecodeAndTheSchemaAgreeAtEveryEdge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range 50 {
			body := anyDocument().Draw(t, "document")
			if d := disagreement(body); d != "" {
				t.Fatalf("%s\n%s", d, body)
			}
		}
	})
}

func TestDecodeAndTheSchemaAgreeOnEveryLiteralInEveryPlace(t *testing.T) {
	body := string(documents(t, "good")["sample"])
	for _, name := range []string{"id_cliente", "evento", "timestamp", "valore", "canale", "stato", "metadati", "campagna", "dispositivo", "localita"} {
		at := regexp.MustCompile(`"` + name + `": ("[^"]*"|[0-9.]+|\{[^}]*\})`)
		if !at.MatchString(body) {
			t.Fatalf("%s is not in the sample", name)
		}
		for _, literal := range literals {
			doc := at.ReplaceAllLiteralString(body, `"`+name+`": `+literal)
			if d := disagreement([]byte(doc)); d != "" {
				t.Errorf("%s: %s: %s", name, literal, d)
			}
		}
	}
	for _, name := range []string{"id_evento", "valuta", "altro"} {
		for _, literal := range literals {
			doc := strings.Replace(body, "{", `{"`+name+`": `+literal+`,`, 1)
			if d := disagreement([]byte(doc)); d != "" {
				t.Errorf("%s: %s: %s", name, literal, d)
			}
		}
	}
}
