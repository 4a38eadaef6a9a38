package outbound_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
)

var shows = cmp.Transformer("text", func(v crm.Value) string { return v.Text() })

const (
	text     = `{"a":{"telefono":"+393471234567"},"tipo":"testo","testo":"Buongiorno è ✓","riferimento":"ordine-1"}`
	template = `{"a":{"utente":"IT.13491208655302741918"},"tipo":"template","template":{"nome":"order_confirmation","lingua":"it","parametri":["Giulia","2026-114"]},"riferimento":"r"}`
)

func TestARequestIsReadAsItStands(t *testing.T) {
	for body, want := range map[string]outbound.Request{
		text: {Reference: "ordine-1", To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("Buongiorno è ✓")},
		template: {Reference: "r", To: chat.Person{User: crm.Text("IT.13491208655302741918")},
			Template: &outbound.Template{Name: "order_confirmation", Language: "it", Parameters: []crm.Value{crm.Text("Giulia"), crm.Text("2026-114")}}},
	} {
		got, err := outbound.Decode([]byte(body))
		if diff := cmp.Diff(want, got, shows); err != nil || diff != "" {
			t.Errorf("%v: %s", err, diff)
		}
		if string(got.JSON()) != body {
			t.Errorf("written as %s", got.JSON())
		}
	}
}

func TestEveryFaultIsToldWithItsPathAndWithoutItsValue(t *testing.T) {
	const canary = "canary"
	long := strings.Repeat("x", 5000)
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", ``, "2 json@"},
		{"no JSON", `{canary`, "2 json@"},
		{"two texts", text + text, "2 json@"},
		{"not UTF-8", "{\"a\":\"\xff\"}", "2 utf8@"},
		{"too large", `"` + strings.Repeat("x", 64<<10) + `"`, "3 dimensione@"},
		{"too deep", `{"a":{"a":{"a":{"a":1}}}}`, "1 profondita@"},
		{"a hundred thousand levels", strings.Repeat(`[`, 32000), "1 profondita@"},
		{"a key twice", `{"tipo":"testo","TIPO":"template"}`, "1 chiave_doppia@"},
		{"a list", `[]`, "1 tipo@"},
		{"null", `null`, "1 tipo@"},
		{"empty", `{}`, "1 obbligatorio@/a obbligatorio@/riferimento obbligatorio@/tipo"},
		{"an unknown property, its name not repeated", strings.Replace(text, `"tipo"`, `"canary":1,"tipo"`, 1), "1 proprieta_sconosciuta@"},
		{"two unknown properties are told once", strings.Replace(text, `"tipo"`, `"canary":1,"canary2":1,"tipo"`, 1), "1 proprieta_sconosciuta@"},
		{"another case", strings.Replace(text, `"testo":`, `"Testo":`, 1), "1 proprieta_sconosciuta@ obbligatorio@/testo"},
		{"nobody", strings.Replace(text, `{"telefono":"+393471234567"}`, `{}`, 1), "1 obbligatorio@/a"},
		{"two addresses", strings.Replace(text, `"telefono"`, `"utente":"IT.1","telefono"`, 1), "1 in_conflitto@/a"},
		{"an address that is a text", strings.Replace(text, `{"telefono":"+393471234567"}`, `"+393471234567"`, 1), "1 tipo@/a"},
		{"a number without +", strings.Replace(text, `+39`, `39`, 1), "1 formato@/a/telefono"},
		{"a number with spaces", strings.Replace(text, `+39`, `+39 `, 1), "1 formato@/a/telefono"},
		{"an empty number", strings.Replace(text, `+393471234567`, ``, 1), "1 formato@/a/telefono"},
		{"a number that is a number", strings.Replace(text, `"+393471234567"`, `393471234567`, 1), "1 tipo@/a/telefono"},
		{"a user id in the number", strings.Replace(text, `+393471234567`, `IT.1349`, 1), "1 formato@/a/telefono"},
		{"a number in the user id", strings.Replace(template, `IT.13491208655302741918`, `+393471234567`, 1), "1 formato@/a/utente"},
		{"a kind to come", strings.Replace(text, `"tipo":"testo"`, `"tipo":"canary"`, 1), "1 valore_non_ammesso@/tipo"},
		{"a kind that is null", strings.Replace(text, `"tipo":"testo"`, `"tipo":null`, 1), "1 tipo@/tipo"},
		{"no text", strings.Replace(text, `"testo":"Buongiorno è ✓",`, ``, 1), "1 obbligatorio@/testo"},
		{"a blank text", strings.Replace(text, `Buongiorno è ✓`, ` \n`, 1), "1 formato@/testo"},
		{"a long text", strings.Replace(text, `Buongiorno è ✓`, long, 1), "1 lunghezza@/testo"},
		{"half of a pair", strings.Replace(text, `Buongiorno`, `\ud83d`, 1), "1 unicode@/testo"},
		{"a NUL", strings.Replace(text, `Buongiorno`, `\u0000`, 1), "1 unicode@/testo"},
		{"a template with a text", strings.Replace(text, `"riferimento"`, `"template":{},"riferimento"`, 1), "1 in_conflitto@/template"},
		{"a text with a template", strings.Replace(template, `"riferimento"`, `"testo":"x","riferimento"`, 1), "1 in_conflitto@/testo"},
		{"no template", strings.Replace(text, `"tipo":"testo","testo":"Buongiorno è ✓"`, `"tipo":"template"`, 1), "1 obbligatorio@/template"},
		{"a template that is a text", strings.Replace(text, `"tipo":"testo","testo":"Buongiorno è ✓"`, `"tipo":"template","template":"x"`, 1), "1 tipo@/template"},
		{"a template's name", strings.Replace(template, `order_confirmation`, `Order Canary`, 1), "1 formato@/template/nome"},
		{"a template's language", strings.Replace(template, `"lingua":"it"`, `"lingua":"Italiano"`, 1), "1 formato@/template/lingua"},
		{"parameters that are a text", strings.Replace(template, `["Giulia","2026-114"]`, `"canary"`, 1), "1 tipo@/template/parametri"},
		{"a parameter that is a number", strings.Replace(template, `"2026-114"`, `2026`, 1), "1 tipo@/template/parametri/1"},
		{"a parameter of two lines", strings.Replace(template, `Giulia`, `Giu\nlia`, 1), "1 formato@/template/parametri/0"},
		{"an empty parameter", strings.Replace(template, `Giulia`, ``, 1), "1 formato@/template/parametri/0"},
		{"a long parameter", strings.Replace(template, `Giulia`, long, 1), "1 lunghezza@/template/parametri/0"},
		{"many parameters", strings.Replace(template, `"Giulia"`, strings.Repeat(`"x",`, 50)+`"y"`, 1), "1 lunghezza@/template/parametri"},
		{"no reference", strings.Replace(text, `,"riferimento":"ordine-1"`, ``, 1), "1 obbligatorio@/riferimento"},
		{"an empty reference", strings.Replace(text, `ordine-1`, ``, 1), "1 formato@/riferimento"},
		{"a reference with a space", strings.Replace(text, `ordine-1`, `ordine 1`, 1), "1 formato@/riferimento"},
		{"a long reference", strings.Replace(text, `ordine-1`, strings.Repeat("x", 65), 1), "1 lunghezza@/riferimento"},
		{"several at once", `{"a":{"telefono":"canary"},"tipo":"testo","testo":"","riferimento":7,"canary":1}`,
			"1 proprieta_sconosciuta@ formato@/a/telefono tipo@/riferimento formato@/testo"},
	} {
		_, err := outbound.Decode([]byte(tt.body))
		r, ok := errors.AsType[*outbound.Refusal](err)
		if !ok {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := fmt.Sprint(r.Reason)
		for _, p := range r.Problems {
			got += fmt.Sprintf(" %s@%s", p.Code, p.Path)
		}
		if got != tt.want || strings.Contains(err.Error()+got, canary) {
			t.Errorf("%s: %s, want %s; %v", tt.name, got, tt.want, err)
		}
	}
}

func TestWhatIsJustAllowedIsTaken(t *testing.T) {
	for name, body := range map[string]string{
		"a text of 4096 characters":     strings.Replace(text, `Buongiorno è ✓`, strings.Repeat("è", 4096), 1),
		"a reference of 64 characters":  strings.Replace(text, `ordine-1`, strings.Repeat("~", 64), 1),
		"a template without parameters": strings.Replace(template, `,"parametri":["Giulia","2026-114"]`, ``, 1),
		"a language with a region":      strings.Replace(template, `"it"`, `"en_US"`, 1),
		"an emoji as a pair":            strings.Replace(text, `Buongiorno`, `\ud83d\ude00`, 1),
		"the sign of a replacement":     strings.Replace(text, `Buongiorno`, "\uFFFD\\uFFFD", 1),
		"a user id across portfolios":   strings.Replace(template, `IT.13491208655302741918`, `IT.ENT.`+strings.Repeat("a", 128), 1),
		"space around":                  " \n" + text + "\n",
	} {
		if _, err := outbound.Decode([]byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARequestReadsAsOneLine(t *testing.T) {
	for body, want := range map[string]string{
		text: "Buongiorno è ✓", strings.Replace(text, "Buongiorno", `uno\ndue`, 1): "uno / due è ✓", template: "[modello order_confirmation] 1: Giulia; 2: 2026-114",
	} {
		r, err := outbound.Decode([]byte(body))
		if got := r.Render(chat.Italian); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

func TestAReferenceWithOtherContentIsTold(t *testing.T) {
	a, err1 := outbound.Decode([]byte(text))
	spaced, err2 := outbound.Decode([]byte(strings.ReplaceAll(text, ",", " , ")))
	other, err3 := outbound.Decode([]byte(strings.Replace(text, "Buongiorno", "Buonasera", 1)))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if a.Fingerprint() != spaced.Fingerprint() || a.Fingerprint() == other.Fingerprint() {
		t.Errorf("%s, %s, %s", a.Fingerprint(), spaced.Fingerprint(), other.Fingerprint())
	}
}

func TestAUserIDHasItsForm(t *testing.T) {
	for s, want := range map[string]bool{
		"IT.1": true, "US.13491208655302741918": true, "IT.ENT.118": true, "IT." + strings.Repeat("a", 128): true, "IT." + strings.Repeat("a", 129): false,
		"IT.": false, "it.1": false, "IT.ENT.": false, "IT.1.2": false, "ITA.1": false, "393471234567": false, "": false, "IT.è": false,
	} {
		if chat.IsUser(s) != want {
			t.Errorf("%q: %t", s, !want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(text))
	f.Add([]byte(template))
	f.Add([]byte(`{"a":null,"tipo":[],"testo":{},"template":1,"riferimento":true}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := outbound.Decode(body)
		if err != nil {
			if refusal, ok := errors.AsType[*outbound.Refusal](err); !ok || len(refusal.Problems) == 0 {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := outbound.Decode(r.JSON())
		if err != nil || again.Fingerprint() != r.Fingerprint() {
			t.Fatalf("%s: %v", r.JSON(), err)
		}
	})
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := outbound.Request{Reference: rapid.StringMatching(`[!-~]{1,64}`).Draw(t, "reference"), To: chat.Person{Phone: crm.Text("393471234567")}}
		if rapid.Bool().Draw(t, "text") {
			r.Text = crm.Text("x" + strings.ReplaceAll(rapid.StringN(0, 40, -1).Draw(t, "text"), "\x00", ""))
		} else {
			r.Template = &outbound.Template{Name: "a_1", Language: "it", Parameters: []crm.Value{crm.Text(rapid.StringMatching(`[a-zà-ü"\\<>]{1,20}`).Draw(t, "parameter"))}}
		}
		got, err := outbound.Decode(r.JSON())
		if diff := cmp.Diff(r, got, shows); err != nil || diff != "" {
			t.Fatalf("%v: %s", err, diff)
		}
	})
}
