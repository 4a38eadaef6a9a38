package mapping_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
)

// held fails unless err says that the field is to be held with the hint, in words that do not hold the value.
func held(t *testing.T, err error, hint fault.Hint, value string) {
	t.Helper()
	u, ok := errors.AsType[*mapping.Untranslatable](err)
	if !ok || u.Hint != hint || u.Field == "" || u.Property == "" {
		t.Errorf("%#v, want an Untranslatable with the hint %q", err, hint)
		return
	}
	if strings.Contains(err.Error(), value) {
		t.Errorf("the error %q repeats the value", err)
	}
}

func TestAValueHasOneCanonicalFormWhicheverSideShowsIt(t *testing.T) {
	m := mapping.Default()
	for _, tt := range []struct {
		kind  crm.Kind
		field crm.Field
		sys   crm.System
		raw   string
		want  string
	}{
		{crm.Contact, "last_name", crm.Zoho, " Rossi\r\n", "Rossi"},
		{crm.Contact, "email", crm.HubSpot, "Mario@Example.com", "mario@example.com"},
		{crm.Contact, "secondary_email", crm.HubSpot, "B@example.com;c@example.com", "b@example.com"},
		{crm.Contact, "phone", crm.Zoho, "06 1234 5678", "+390612345678"},
		{crm.Contact, "salutation", crm.HubSpot, "sig.ra", "Mrs."},
		{crm.Contact, "date_of_birth", crm.Zoho, "1980-05-12", "1980-05-12"},
		{crm.Contact, "owner", crm.Zoho, "Anna@Example.com", "anna@example.com"},
		{crm.Contact, "company", crm.Zoho, " 4876876000000333013", " 4876876000000333013"},
		{crm.Contact, "lead_source", crm.HubSpot, "FORM", "FORM"},
		{crm.Contact, "email_opt_out", crm.HubSpot, "", "false"},
		{crm.Contact, "email_opt_out", crm.Zoho, "TRUE", "true"},
		{crm.Contact, "phone", crm.HubSpot, "  ", ""},
		{crm.Company, "domain", crm.Zoho, "https://www.acme.it/shop", "acme.it"},
		{crm.Company, "employees", crm.HubSpot, "25.0", "25"},
		{crm.Company, "annual_revenue", crm.HubSpot, "1.5E6", "1500000"},
		{crm.Company, "annual_revenue", crm.Zoho, "1500000.004 EUR", "1500000"},
		{crm.Company, "annual_revenue", crm.Zoho, " USD", ""},
		{crm.Company, "industry", crm.HubSpot, "COMPUTER_SOFTWARE", "INFORMATION_TECHNOLOGY_AND_SERVICES"},
		{crm.Company, "industry", crm.Zoho, "Technology", "INFORMATION_TECHNOLOGY_AND_SERVICES"},
		{crm.Company, "type", crm.Zoho, "Customer", "OTHER"},
	} {
		got, err := fieldOf(t, m, tt.kind, tt.field).Canon(tt.sys, crm.Text(tt.raw))
		if err != nil || got != crm.Text(tt.want) {
			t.Errorf("%s of %s %q became %q, %v; want %q", tt.field, tt.sys, tt.raw, got.Text(), err, tt.want)
		}
	}
}

func TestAValueWithoutACounterpartHoldsItsField(t *testing.T) {
	m := mapping.Default()
	for _, tt := range []struct {
		kind  crm.Kind
		field crm.Field
		raw   string
		hint  fault.Hint
	}{
		{crm.Contact, "email", "mario at example", fault.HintFormat},
		{crm.Contact, "phone", "ask for Mario", fault.HintFormat},
		{crm.Contact, "date_of_birth", "12/05/1980", fault.HintFormat},
		{crm.Contact, "salutation", "Avv.", fault.HintUnmapped},
		{crm.Contact, "email_opt_out", "perhaps", fault.HintFormat},
		{crm.Company, "industry", "SPACE_TRAVEL", fault.HintUnmapped},
		{crm.Company, "annual_revenue", "1000.50 USD", fault.HintCurrency},
		{crm.Company, "annual_revenue", "1 000 000", fault.HintFormat},
		{crm.Company, "employees", "about ten", fault.HintFormat},
		{crm.Company, "domain", "has no website", fault.HintFormat},
	} {
		got, err := fieldOf(t, m, tt.kind, tt.field).Canon(crm.HubSpot, crm.Text(tt.raw))
		held(t, err, tt.hint, tt.raw)
		if got.Known() {
			t.Errorf("%s: %q has a canonical form", tt.field, tt.raw)
		}
	}
}

func TestWhatCannotBeReadHoldsItsFieldWhateverItsType(t *testing.T) {
	for _, k := range []crm.Kind{crm.Contact, crm.Company} {
		for _, f := range mapping.Default().Fields(k) {
			got, err := f.Canon(crm.Zoho, crm.Unreadable(`["a;b"]`))
			held(t, err, fault.HintFormat, "a;b")
			if got.Known() {
				t.Errorf("%s has a canonical form", f.Name)
			}
		}
	}
}

func TestAnAmountIsWrittenOverOneOfTheHomeCurrencyOnly(t *testing.T) {
	m := mapping.Default()
	revenue, name := fieldOf(t, m, crm.Company, "annual_revenue"), fieldOf(t, m, crm.Company, "name")
	for _, shows := range []crm.Value{crm.Empty(), crm.Unknown(), crm.Text("1000"), crm.Text("1000 EUR"), crm.Text("EUR"), crm.Unreadable("[] USD")} {
		if err := revenue.Takes(crm.Zoho, shows); err != nil {
			t.Errorf("over %q: %v", shows.Text(), err)
		}
	}
	for _, shows := range []string{"1000 USD", " USD", "USD"} {
		held(t, revenue.Takes(crm.Zoho, crm.Text(shows)), fault.HintCurrency, "1000")
	}
	if err := name.Takes(crm.Zoho, crm.Text("Acme USA")); err != nil {
		t.Errorf("a name takes %v for a currency", err)
	}
}

func TestUnknownStaysUnknownAndEmptyStaysEmpty(t *testing.T) {
	for _, k := range []crm.Kind{crm.Contact, crm.Company} {
		for _, f := range mapping.Default().Fields(k) {
			for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
				if v, err := f.Canon(sys, crm.Unknown()); v.Known() || err != nil {
					t.Errorf("%s: unknown became %v, %v", f.Name, v, err)
				}
				if v, err := f.Raw(sys, crm.Unknown(), crm.Text("x")); v.Known() || err != nil {
					t.Errorf("%s: unknown became %v, %v", f.Name, v, err)
				}
				v, err := f.Canon(sys, crm.Empty())
				if want := f.Type == crm.TypeBool; v.IsEmpty() == want || err != nil {
					t.Errorf("%s: empty became %v, %v", f.Name, v, err)
				}
			}
			if f.Equal(crm.Unknown(), crm.Unknown()) || f.Equal(crm.Unknown(), crm.Empty()) {
				t.Errorf("%s: unknown equals something", f.Name)
			}
		}
	}
}

func TestWhatIsWrittenIsInTheWordsOfTheSystem(t *testing.T) {
	m := mapping.Default()
	long := strings.Repeat("è", 39) + " b"
	for _, tt := range []struct {
		kind  crm.Kind
		field crm.Field
		sys   crm.System
		canon string
		want  string
		hint  fault.Hint
	}{
		{crm.Contact, "first_name", crm.Zoho, long, strings.Repeat("è", 39), ""},
		{crm.Contact, "first_name", crm.HubSpot, long, long, ""},
		{crm.Contact, "first_name", crm.Zoho, "", "", ""},
		{crm.Contact, "last_name", crm.Zoho, "", "", fault.HintMissing},
		{crm.Contact, "email", crm.Zoho, strings.Repeat("a", 50) + "@" + strings.Repeat("b", 49) + ".it", "", fault.HintTooLong},
		{crm.Contact, "email_opt_out", crm.Zoho, "", "false", ""},
		{crm.Contact, "email_opt_out", crm.HubSpot, "true", "", fault.HintReadOnly},
		{crm.Contact, "salutation", crm.HubSpot, "Mrs.", "Mrs.", ""},
		{crm.Contact, "salutation", crm.Zoho, "Duke", "", fault.HintUnmapped},
		{crm.Company, "industry", crm.Zoho, "FINANCIAL_SERVICES", "Financial Services", ""},
		{crm.Company, "type", crm.HubSpot, "OTHER", "OTHER", ""},
		{crm.Company, "employees", crm.Zoho, "999999999", "999999999", ""},
		{crm.Company, "employees", crm.Zoho, "1000000000", "", fault.HintTooLong},
		{crm.Company, "annual_revenue", crm.Zoho, "-1234567890123456.78", "-1234567890123456.78", ""},
	} {
		got, err := fieldOf(t, m, tt.kind, tt.field).Raw(tt.sys, crm.Text(tt.canon), crm.Unknown())
		switch {
		case tt.hint != "":
			held(t, err, tt.hint, tt.canon+"!")
		case err != nil || got != crm.Text(tt.want):
			t.Errorf("%s to %s: %q became %q, %v; want %q", tt.field, tt.sys, tt.canon, got.Text(), err, tt.want)
		}
	}
}

func TestAMultiSelectIsTranslatedMemberByMember(t *testing.T) {
	m := parse(t, yamlOf(`
    interests:
      type: multi
      hubspot: interests
      zoho: Interests
      options: [{hubspot: wine, zoho: Vino}, {hubspot: food, zoho: [Cibo, Alimenti]}, {hubspot: art}]
    tags: {type: multi, hubspot: tags, zoho: Tags}`))
	f := fieldOf(t, m, crm.Contact, "interests")
	got, err := f.Canon(crm.Zoho, crm.Text("Vino; alimenti"))
	if err != nil || got.Text() != "food;wine" {
		t.Errorf("canonical %q, %v", got.Text(), err)
	}
	if got, err = f.Raw(crm.Zoho, got, crm.Unknown()); err != nil || got.Text() != "Cibo;Vino" {
		t.Errorf("to Zoho %q, %v", got.Text(), err)
	}
	_, err = f.Canon(crm.HubSpot, crm.Text("wine;chess"))
	held(t, err, fault.HintUnmapped, "chess")
	_, err = f.Raw(crm.Zoho, crm.Text("art;wine"), crm.Unknown())
	held(t, err, fault.HintUnmapped, "art;")
	if got, _ := fieldOf(t, m, crm.Contact, "tags").Canon(crm.HubSpot, crm.Text(";b;a")); got.Text() != "a;b" {
		t.Errorf("without options %q", got.Text())
	}
}

func TestAMemberThatTheSideShowsAlreadyKeepsItsValueThere(t *testing.T) {
	f := fieldOf(t, parse(t, yamlOf(`
    likes:
      type: multi
      hubspot: likes
      zoho: Likes
      options: [{hubspot: wine, zoho: Vino}, {hubspot: [oil, butter], zoho: Olio}, {hubspot: bread, zoho: Pane}]`)), crm.Contact, "likes")
	for _, tt := range []struct{ name, canon, shows, want string }{
		{"one is added", "bread;oil;wine", "butter;wine", "butter;wine;bread"},
		{"both values of one option are there", "bread;oil", "butter;oil", "butter;oil;bread"},
		{"the option of two is taken away", "wine", "butter;wine;oil", "wine"},
		{"written in another case", "oil;wine", "Butter", "Butter;wine"},
		{"nothing of it is there", "oil", "wine", "oil"},
		{"nothing is there", "oil;wine", "", "oil;wine"},
	} {
		if got, err := f.Raw(crm.HubSpot, crm.Text(tt.canon), crm.Text(tt.shows)); err != nil || got.Text() != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, got.Text(), err, tt.want)
		}
	}
	if !f.Rewords(crm.HubSpot) || f.Rewords(crm.Zoho) {
		t.Error("what is written hangs on what HubSpot shows, and not on what Zoho shows")
	}
}

func TestAValueThatIsPassedOverIsUnknown(t *testing.T) {
	m := parse(t, yamlOf(`
    origin: {type: picklist, policy: to-zoho, hubspot: {property: origin, read_only: true, ignore_unlisted: true}, zoho: Origin, options: [{hubspot: FORM, zoho: Web}]}
    kinds: {type: multi, policy: to-zoho, hubspot: {property: kinds, read_only: true, ignore_unlisted: true}, zoho: Kinds, options: [{hubspot: a, zoho: A}]}`))
	for _, tt := range []struct {
		field crm.Field
		raw   string
		want  crm.Value
	}{
		{"origin", "FORM", crm.Text("FORM")}, {"origin", "OTHER", crm.Unknown()}, {"origin", "", crm.Empty()},
		{"kinds", "a;b", crm.Text("a")}, {"kinds", "b;c", crm.Unknown()}, {"kinds", ";", crm.Empty()},
	} {
		if got, err := fieldOf(t, m, crm.Contact, tt.field).Canon(crm.HubSpot, crm.Text(tt.raw)); err != nil || got != tt.want {
			t.Errorf("%s %q: %q known %t, %v", tt.field, tt.raw, got.Text(), got.Known(), err)
		}
	}
	_, err := fieldOf(t, m, crm.Contact, "kinds").Canon(crm.Zoho, crm.Text("A;Z"))
	held(t, err, fault.HintUnmapped, "Z;")
}

func TestZohosTextMayBeTheBeginningOfHubSpots(t *testing.T) {
	f := fieldOf(t, mapping.Default(), crm.Contact, "first_name")
	long := crm.Text(strings.Repeat("a", 41))
	short := crm.Text(strings.Repeat("a", 40))
	if !f.Equal(long, short) {
		t.Error("the cut is not equal to the whole")
	}
	for name, pair := range map[string][2]crm.Value{
		"the other way round":      {short, long},
		"a cut that is too short":  {long, crm.Text(strings.Repeat("a", 39))},
		"a beginning within 40":    {crm.Text("abc"), crm.Text("ab")},
		"another text of 40 runes": {long, crm.Text(strings.Repeat("b", 40))},
		"nothing":                  {long, crm.Empty()},
	} {
		if f.Equal(pair[0], pair[1]) {
			t.Errorf("%s is equal", name)
		}
	}
}

func TestDecimalsAreComparedAtWhatTheCoarserSideKeeps(t *testing.T) {
	m := parse(t, yamlOf(`
    score: {type: number, hubspot: {property: score, decimals: 4}, zoho: {property: Score, decimals: 1}}
    exact: {type: number, hubspot: exact, zoho: Exact}`))
	for name, want := range map[crm.Field]string{"score": "1.3", "exact": "1.25"} {
		if got, err := fieldOf(t, m, crm.Contact, name).Canon(crm.HubSpot, crm.Text("1.250")); err != nil || got.Text() != want {
			t.Errorf("%s: %q, %v; want %s", name, got.Text(), err, want)
		}
	}
}

func TestRankOrdersStagesAndConsent(t *testing.T) {
	m := parse(t, yamlOf(`
    stage: {policy: forward, hubspot: stage, zoho: Stage, order: [lead, customer]}
    consent: {type: bool, policy: strict, hubspot: no_mail, zoho: {property: No_Mail, not_empty: true}}`))
	for _, tt := range []struct {
		field crm.Field
		value crm.Value
		want  int
	}{
		{"stage", crm.Text("lead"), 1}, {"stage", crm.Text("customer"), 2}, {"stage", crm.Text("friend"), -1},
		{"stage", crm.Empty(), 0}, {"stage", crm.Unknown(), -1},
		{"consent", crm.Text("true"), 1}, {"consent", crm.Text("false"), 0}, {"consent", crm.Empty(), 0},
		{"last_name", crm.Text("true"), -1},
	} {
		if got := fieldOf(t, m, crm.Contact, tt.field).Rank(tt.value); got != tt.want {
			t.Errorf("%s %s ranks %d, want %d", tt.field, tt.value.Text(), got, tt.want)
		}
	}
}

// drawn returns raw texts that a field of the type is likely to show, and any others.
func drawn(f mapping.Field, sys crm.System) *rapid.Generator[string] {
	gens := []*rapid.Generator[string]{rapid.String(), rapid.Just("")}
	var values []string
	for _, o := range f.Options {
		values = append(values, o.HubSpot...)
		values = append(values, o.Zoho...)
	}
	if len(values) > 0 {
		gens = append(gens, rapid.SampledFrom(values))
	}
	if like := map[crm.Type]string{
		crm.TypeEmail: `[A-Za-z]{1,60}@[a-zA-Z]{1,60}\.(it|com)`, crm.TypeOwner: `[a-z]{1,9}@example\.com`,
		crm.TypePhone: `(\+39|\+1|\+52)?[ 0-9]{6,12}( ext [0-9]{1,7})?`, crm.TypeDomain: `(https://)?(www\.)?[A-Za-z]{1,9}\.it(/x)?`,
		crm.TypeInteger: `-?[0-9]{1,12}`, crm.TypeMoney: `[0-9]{1,12}\.[0-9]{0,5}( EUR)?`, crm.TypeBool: `true|false|TRUE`,
		crm.TypeDate: `19[0-9]{2}-0[1-9]-[0-2][0-9]`, crm.TypeText: `[A-Za-zè ]{0,260}`,
	}[f.Type]; like != "" {
		gens = append(gens, rapid.StringMatching(like), rapid.StringMatching(like))
	}
	return rapid.OneOf(gens...)
}

func TestWhatIsWrittenReadsBackAsTheSame(t *testing.T) {
	for _, k := range []crm.Kind{crm.Contact, crm.Company} {
		for _, f := range mapping.Default().Fields(k) {
			t.Run(string(k)+" "+string(f.Name), rapid.MakeCheck(func(t *rapid.T) {
				from := rapid.SampledFrom([]crm.System{crm.HubSpot, crm.Zoho}).Draw(t, "from")
				c, err := f.Canon(from, crm.Text(drawn(f, from).Draw(t, "raw")))
				if err != nil || !c.Known() {
					return
				}
				for _, to := range []crm.System{crm.HubSpot, crm.Zoho} {
					raw, err := f.Raw(to, c, crm.Unknown())
					if err != nil {
						continue
					}
					back, err := f.Canon(to, raw)
					if err != nil {
						t.Fatalf("%s does not read what was written: %v", to, err)
					}
					if equal := to == crm.Zoho && f.Equal(c, back) || to == crm.HubSpot && c == back; !equal {
						t.Fatalf("%q was written to %s as %q and reads back as %q", c.Text(), to, raw.Text(), back.Text())
					}
					if again, err := f.Raw(to, back, raw); err != nil || again != raw {
						t.Fatalf("%q would be written again as %q, %v", raw.Text(), again.Text(), err)
					}
				}
			}))
		}
	}
}

func TestEqualityHasNoDirectionButForCutText(t *testing.T) {
	for _, k := range []crm.Kind{crm.Contact, crm.Company} {
		for _, f := range mapping.Default().Fields(k) {
			t.Run(string(k)+" "+string(f.Name), rapid.MakeCheck(func(t *rapid.T) {
				a, err := f.Canon(crm.HubSpot, crm.Text(drawn(f, crm.HubSpot).Draw(t, "hubspot")))
				b, err2 := f.Canon(crm.Zoho, crm.Text(drawn(f, crm.Zoho).Draw(t, "zoho")))
				if err != nil || err2 != nil || !a.Known() || !b.Known() {
					return
				}
				if !f.Equal(a, a) || !f.Equal(b, b) {
					t.Fatal("a value is not equal to itself")
				}
				if f.Type != crm.TypeText && f.Equal(a, b) != f.Equal(b, a) {
					t.Fatalf("%q and %q are equal in one direction only", a.Text(), b.Text())
				}
			}))
		}
	}
}

func BenchmarkCanonOfAWholeContact(b *testing.B) {
	m := mapping.Default()
	rec := record(crm.HubSpot, "email", "mario@example.com", "first_name", "Mario", "last_name", "Rossi", "phone", "+393471234567",
		"mobile", "+393471234567", "city", "Roma", "salutation", "Mr.", "email_opt_out", "false")
	for b.Loop() {
		for _, f := range m.Fields(crm.Contact) {
			_, _ = f.Canon(crm.HubSpot, rec.Value(f.Name))
		}
	}
}
