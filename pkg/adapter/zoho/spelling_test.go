package zoho_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
)

// Whoever would be taken for the twin is found: what a person wrote in Zoho and reads as HubSpot's value is asked for.

// rules are the built-in ones with phones that recognise people, and companies with a number of a register.
func rules(t testing.TB, region string) *mapping.Mapping {
	t.Helper()
	text := strings.Replace(string(mapping.DefaultYAML()), "company: [domain, name+city]", "company: [tax_number, domain, name+city]", 1)
	text = strings.Replace(text, "\n  company:\n    name:", "\n  company:\n    tax_number: {hubspot: tax, zoho: Account_Number}\n    name:", 1)
	m, err := mapping.Parse([]byte(text))
	if err == nil {
		m, err = m.With(mapping.Options{PhoneMatch: mapping.PhoneMatchMobile, PhoneRegion: region})
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// someone and firm are records of HubSpot: field, value, field, value.
func someone(pairs ...string) crm.Record {
	return crm.Record{ID: crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: "151"}, Fields: set(pairs...)}
}

func firm(pairs ...string) crm.Record {
	return crm.Record{ID: crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: "151"}, Fields: set(pairs...)}
}

// twins asks Zoho for the twins of a record of HubSpot, and returns those that the mapping takes for it, with how many were found and
// how many queries it took.
func twins(t testing.TB, c *zoho.Client, server *zohotest.Server, m *mapping.Mapping, rec crm.Record) (who []string, found, queries int) {
	t.Helper()
	k := rec.ID.Module.Kind()
	before := server.Count("POST /crm/v8/coql")
	all, err := c.Find(t.Context(), crm.Search{Module: rec.ID.Module, HubSpotIDs: []string{rec.ID.Key}, Keys: m.Keys(k, rec, crm.Zoho), Columns: m.Columns(k, crm.Zoho)})
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range all {
		if m.Matches(k, rec, z) {
			who = append(who, z.ID.Key)
		}
	}
	return who, len(all), server.Count("POST /crm/v8/coql") - before
}

// strangers are people and firms that are nobody's twin here.
func strangers(t testing.TB, server *zohotest.Server) {
	t.Helper()
	for i := range 40 {
		if _, err := server.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", "Mobile": fmt.Sprintf("+39 33%d 55%05d", i%10, 37*i)}); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Create(crm.Companies, map[string]string{"Account_Name": fmt.Sprint("Ditta ", i), "Website": fmt.Sprintf("https://www.ditta%d.example", i)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAMobileIsFoundHoweverItIsWritten(t *testing.T) {
	m := rules(t, "IT")
	for _, written := range []string{"3489990001", "348 999 0001", "+39 348 9990001", "(+39) 348-9990001", "0039 348.999.00.01", "+39-348-99 90 001", "+39 (348) 9990001",
		"348 9990001 ext. 12", "39 348 9990001", "tel. 348 9990001"} {
		c, server, _ := sandbox()
		strangers(t, server)
		twin, err := server.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", "Mobile": written})
		if err != nil {
			t.Fatal(err)
		}
		who, found, queries := twins(t, c, server, m, someone("last_name", "Rossi", "mobile", "+39 348 999 0001"))
		if !slices.Equal(who, []string{twin}) || found != 1 || queries != 1 {
			t.Errorf("%s: %d found, the twin is among them: %t, by %d queries", written, found, len(who) == 1, queries)
		}
	}
}

func TestAWebsiteIsFoundByItsHostWhateverItsPage(t *testing.T) {
	m := rules(t, "IT")
	for _, written := range []string{"acme.example", "https://www.acme.example/it", "acme.example/contatti", "www.acme.example/index.html", "http://acme.example/?a=b", "//acme.example",
		"//www.acme.example/it", "acme.example.", "acme.example:8080/it", "ftp://acme.example", "acme.example?x=1#y", "https://www.www.acme.example"} {
		c, server, _ := sandbox()
		strangers(t, server)
		for _, other := range []string{"nuovaacme.example", "https://shop.acme.example", "https://x.example/acme.example"} {
			if _, err := server.Create(crm.Companies, map[string]string{"Account_Name": "Altra", "Website": other}); err != nil {
				t.Fatal(err)
			}
		}
		twin, err := server.Create(crm.Companies, map[string]string{"Account_Name": "Acme", "Website": written})
		if err != nil {
			t.Fatal(err)
		}
		who, found, queries := twins(t, c, server, m, firm("name", "Acme S.p.A.", "domain", "acme.example", "city", "Roma"))
		if !slices.Equal(who, []string{twin}) || found != 1 || queries != 1 {
			t.Errorf("%s: %d found, the twin is among them: %t, by %d queries", written, found, len(who) == 1, queries)
		}
	}
}

func TestANameAndANumberOfARegisterAreFoundWhateverStandsBetweenTheirParts(t *testing.T) {
	m := rules(t, "IT")
	for what, tt := range map[string]struct {
		written map[string]string
		rec     crm.Record
	}{
		"spaces in a number":   {map[string]string{"Account_Name": "A", "Account_Number": "IT 0123 456 7890"}, firm("name", "Acme", "tax_number", "IT01234567890")},
		"marks in a number":    {map[string]string{"Account_Name": "A", "Account_Number": "it-012.345.678-90"}, firm("name", "Acme", "tax_number", "IT 01234567890")},
		"two spaces in a name": {map[string]string{"Account_Name": "Rossi  e Figli", "Billing_City": "Roma"}, firm("name", "Rossi e Figli", "city", "roma")},
		"a quote in a name":    {map[string]string{"Account_Name": "L'Oro  d'Italia", "Billing_City": "Roma"}, firm("name", "L'Oro d'Italia", "city", "Roma")},
	} {
		c, server, _ := sandbox()
		strangers(t, server)
		twin, err := server.Create(crm.Companies, tt.written)
		if err != nil {
			t.Fatal(err)
		}
		if who, found, queries := twins(t, c, server, m, tt.rec); !slices.Equal(who, []string{twin}) || found != 1 || queries != 1 {
			t.Errorf("%s: %d found, the twin is among them: %t, by %d queries", what, found, len(who) == 1, queries)
		}
	}
}

// lines are mobiles of countries that write them differently: a trunk prefix, none, a digit that comes and goes.
var lines = []struct{ region, code, trunk, national string }{
	{"IT", "39", "", "3489990001"}, {"GB", "44", "0", "7911123456"}, {"DE", "49", "0", "15112345678"}, {"FR", "33", "0", "612345678"}, {"HU", "36", "06", "201234567"},
	{"BR", "55", "0", "11987654321"}, {"BR", "55", "0", "1187654321"}, {"MX", "52", "", "15512345678"}, {"MX", "52", "", "5512345678"}, {"AU", "61", "0", "412345678"}, {"EE", "372", "", "51234567"},
}

func TestEverySpellingThatReadsAsTheNumberIsFound(t *testing.T) {
	tried := 0
	rapid.Check(t, func(r *rapid.T) {
		line := rapid.SampledFrom(lines).Draw(r, "line")
		m := rules(t, line.region)
		head := rapid.SampledFrom([]string{"", line.trunk, line.code, "+" + line.code, "+ " + line.code, "(+" + line.code + ") ", "00" + line.code, "00 " + line.code + " ", "+" + line.code + " (0) ", "Tel "}).Draw(r, "head")
		var b strings.Builder
		b.WriteString(head)
		for i, d := range line.national {
			if i > 0 {
				b.WriteString(rapid.SampledFrom([]string{"", "", "", "", " ", "-", ".", " - ", "(", ") "}).Draw(r, "mark"))
			}
			b.WriteRune(d)
		}
		b.WriteString(rapid.SampledFrom([]string{"", "", "", " ", ".", " ext. 7", " int 12", "x9"}).Draw(r, "tail"))
		rec := someone("last_name", "Rossi", "mobile", "+"+line.code+line.national)
		zo := crm.Record{ID: contact(idOne), Fields: set("last_name", "Rossi", "mobile", b.String())}
		if len(b.String()) > 30 || !m.Matches(crm.Contact, rec, zo) {
			return // Zoho holds no more, or it is another number
		}
		c, server, _ := sandbox()
		twin, err := server.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", rapid.SampledFrom([]string{"Mobile", "Phone"}).Draw(r, "field"): b.String()})
		if err != nil {
			r.Fatal(err)
		}
		tried++
		if who, _, queries := twins(t, c, server, m, rec); !slices.Equal(who, []string{twin}) || queries != 1 {
			r.Errorf("%q is read as the number and not found; %d queries", b.String(), queries)
		}
	})
	if tried < 20 {
		t.Errorf("%d spellings were tried", tried)
	}
}

func TestEverySpellingThatReadsAsTheDomainIsFound(t *testing.T) {
	m := rules(t, "IT")
	tried := 0
	rapid.Check(t, func(r *rapid.T) {
		host := rapid.SampledFrom([]string{"acme.example", "a-1.example.co.uk", "w3.it", "münchen.example", "xn--mnchen-3ya.example", "shop.acme.example"}).Draw(r, "host")
		written := rapid.SampledFrom([]string{"", "http://", "https://", "//", "ftp://"}).Draw(r, "scheme") + rapid.SampledFrom([]string{"", "www.", "www.www."}).Draw(r, "www") +
			host + rapid.SampledFrom([]string{"", ".", ":8080", "./"}).Draw(r, "port") + rapid.StringMatching(`([/?#\\][a-z0-9_%'./?=&-]{0,12})?`).Draw(r, "page")
		rec := firm("name", "Acme", "domain", host)
		zo := crm.Record{ID: crm.ID{System: crm.Zoho, Module: crm.Companies, Key: idOne}, Fields: set("name", "A", "domain", written)}
		if !m.Matches(crm.Company, rec, zo) {
			r.Fatalf("%q does not read as %s", written, host)
		}
		c, server, _ := sandbox()
		twin, err := server.Create(crm.Companies, map[string]string{"Account_Name": "A", "Website": written})
		if err != nil {
			r.Fatal(err)
		}
		tried++
		if who, _, queries := twins(t, c, server, m, rec); !slices.Equal(who, []string{twin}) || queries != 1 {
			r.Errorf("%q is read as the host and not found; %d queries", written, queries)
		}
	})
	if tried < 20 {
		t.Errorf("%d spellings were tried", tried)
	}
}

func TestAShortValueIsNotAskedForByAPattern(t *testing.T) {
	for value, column := range map[string]crm.Column{
		"+12345": {Property: "Phone", Type: crm.TypePhone}, "A 1": {Property: "Account_Name", Type: crm.TypeText}, "B12345": {Property: "Account_Number", Type: crm.TypeText},
		"a@b.example": {Property: "Email", Type: crm.TypeEmail},
	} {
		c, f := client(t, always(reply{status: 204}))
		if _, err := c.Find(t.Context(), crm.Search{Module: crm.Companies, Keys: []crm.MatchKey{{Column: column, Value: value}}}); err != nil {
			t.Fatal(err)
		}
		if asked := selected(t, f.asked[0]); strings.Contains(asked, " like ") {
			t.Error(asked)
		}
	}
}

func TestABatchOfPeopleIsFoundByAFewQueriesWithinZohosLimits(t *testing.T) {
	c, server, _ := sandbox()
	m := rules(t, "IT")
	s := crm.Search{Module: crm.Contacts, Columns: m.Columns(crm.Contact, crm.Zoho)}
	var want []string
	for i := range 50 {
		id, err := server.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", "Mobile": fmt.Sprintf("348 99 9%04d", i*7)})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, id)
		s.HubSpotIDs = append(s.HubSpotIDs, fmt.Sprint(100+i))
		s.Keys = append(s.Keys, m.Keys(crm.Contact, someone("last_name", "Rossi", "mobile", fmt.Sprintf("+39348999%04d", i*7)), crm.Zoho)...)
	}
	found, err := c.Find(t.Context(), s)
	if err != nil || len(found) != len(want) {
		t.Errorf("%d found, %v", len(found), err)
	}
	if n := server.Count("POST /crm/v8/coql"); n > 12 {
		t.Errorf("%d queries", n)
	}
}
