package zoho

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/crm"
)

func TestValuesAreReadInTheRawTextConvention(t *testing.T) {
	for _, tt := range []struct {
		raw  string
		kind crm.Type
		want crm.Value
	}{
		{`null`, crm.TypeText, crm.Empty()},
		{`""`, crm.TypeText, crm.Empty()},
		{`"Rossi & C\u00e8"`, crm.TypeText, crm.Text("Rossi & Cè")},
		{`true`, crm.TypeBool, crm.Text("true")},
		{`false`, crm.TypeBool, crm.Text("false")},
		{`4876876000000333013`, crm.TypeInteger, crm.Text("4876876000000333013")},
		{`12345678901234567890.10`, crm.TypeMoney, crm.Text("12345678901234567890.10")},
		{`1.50E3`, crm.TypeNumber, crm.Text("1500")},
		{`-25e-1`, crm.TypeNumber, crm.Text("-2.5")},
		{`0e0`, crm.TypeNumber, crm.Text("0")},
		{`1e400`, crm.TypeNumber, crm.Unreadable("1e400")},
		{`1e10000000000`, crm.TypeNumber, crm.Unreadable("1e10000000000")},
		{`["a","b c"]`, crm.TypeMulti, crm.Text("a;b c")},
		{`[]`, crm.TypeMulti, crm.Empty()},
		{`"-None-"`, crm.TypePicklist, crm.Empty()},
		{`"-None-"`, crm.TypeText, crm.Text("-None-")},
		{`"None"`, crm.TypePicklist, crm.Text("None")},
		{`["a;b"]`, crm.TypeMulti, crm.Unreadable(`["a;b"]`)},
		{`[{"name":"a"}]`, crm.TypeMulti, crm.Unreadable(`[{"name":"a"}]`)},
		{`{"name":"x"}`, crm.TypeText, crm.Unreadable(`{"name":"x"}`)},
		{`{"name":"x","id":"4876876000000333013"}`, crm.TypeText, crm.Unreadable(`{"name":"x","id":"4876876000000333013"}`)},
		{`{"name":"x","id":"4876876000000333013"}`, crm.TypeCompany, crm.Text("4876876000000333013")},
		{`{"name":"x","id":4876876000000333013}`, crm.TypeCompany, crm.Text("4876876000000333013")},
		{`{"name":"x"}`, crm.TypeCompany, crm.Unknown()},
		{`{"id":"1","email":"a@example.com"}`, crm.TypeOwner, crm.Text("a@example.com")},
		{`"2026-11-20"`, crm.TypeDate, crm.Text("2026-11-20")},
	} {
		got, owner := wire{"P": json.RawMessage(tt.raw)}.value("P", tt.kind)
		if got != tt.want || owner {
			t.Errorf("%s as %s: %q, want %q", tt.raw, tt.kind, got.Text(), tt.want.Text())
		}
	}
	if v, _ := (wire{}).value("P", crm.TypeText); v.Known() {
		t.Error("an absent key is known")
	}
	if v, owner := (wire{"P": json.RawMessage(`{"id":"7"}`)}).value("P", crm.TypeOwner); !owner || v.Text() != "7" {
		t.Error("an owner without an e-mail is not told by its id")
	}
}

func TestWhatIsSentIsReadBackTheSame(t *testing.T) {
	text := rapid.StringMatching(`[^;\x00]{1,20}`)
	drawn := map[crm.Type]*rapid.Generator[string]{
		crm.TypeText:    text,
		crm.TypeBool:    rapid.SampledFrom([]string{"true", "false"}),
		crm.TypeInteger: rapid.StringMatching(`-?(0|[1-9][0-9]{0,18})`),
		crm.TypeNumber:  rapid.StringMatching(`-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,9})?`),
		crm.TypeMulti: rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(text, 1, 4).Draw(t, "members"), ";")
		}),
		crm.TypeCompany: rapid.StringMatching(`[1-9][0-9]{17,19}`),
	}
	rapid.Check(t, func(t *rapid.T) {
		for kind, g := range drawn {
			in := crm.Text(g.Draw(t, string(kind)))
			data, err := json.Marshal(send(in, kind))
			if err != nil {
				t.Fatal(err)
			}
			if out, _ := (wire{"P": data}).value("P", kind); out != in {
				t.Fatalf("%s: %q comes back as %q", kind, in.Text(), out.Text())
			}
		}
	})
}

func TestAQuotedListIsReadBackByCOQLsRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.StringMatching(`['a-z,() @.]{0,12}`), 1, 5).Draw(t, "values")
		list := quoted(in)
		var out []string
		for rest := list; rest != ""; rest = strings.TrimPrefix(rest, ", ") {
			value := ""
			for rest = rest[1:]; ; {
				part, after, _ := strings.Cut(rest, "'")
				value += part
				if rest = after; !strings.HasPrefix(rest, "'") {
					break
				}
				value, rest = value+"'", rest[1:]
			}
			out = append(out, value)
		}
		if strings.Join(out, "\x00") != strings.Join(in, "\x00") {
			t.Fatalf("%s is read as %q", list, out)
		}
	})
}

func TestAMessageLosesWhatMayBeAValue(t *testing.T) {
	for message, want := range map[string]string{
		"invalid data":                                      "invalid data",
		`the value "Rossi S.p.A." is wrong`:                 "the value … is wrong",
		`the value "Rossi" is wrong`:                        "the value … is wrong",
		"rossi@example.com is taken by 4876876000001234567": "… is taken by …",
		"call 3331234567 or 'Rossi'":                        "call … or …",
		"at most 255 characters":                            "at most 255 characters",
		"line\x00break":                                     "…",
		`an "open quote about Rossi`:                        "an …",
		strings.Repeat("word ", 100):                        strings.TrimSpace(strings.Repeat("word ", 40)) + " ",
	} {
		if got := cut(message); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
