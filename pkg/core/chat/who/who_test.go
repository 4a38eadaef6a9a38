package who_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/canon"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
)

func texts(all []crm.Value) []string {
	var out []string
	for _, v := range all {
		out = append(out, v.Text())
	}
	return out
}

func value(s string) crm.Value {
	if s == "" {
		return crm.Unknown()
	}
	return crm.Text(s)
}

func TestPhonesAreReadAsTheVectorsSay(t *testing.T) {
	text, err := os.ReadFile("testdata/phone.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Input  string   `json:"input"`
			Region string   `json:"default_region"`
			E164   string   `json:"e164"`
			Key    string   `json:"canonical_key"`
			LookUp []string `json:"lookup_candidates_digits"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.Vectors) == 0 {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		n := who.Phone(v.Input, v.Region)
		if n.E164.Text() != v.E164 || n.Match.Text() != v.Key || !slices.Equal(texts(n.Ask), v.LookUp) || n.IsZero() != (v.E164 == "") {
			t.Errorf("%s in %s gives %q, %q, %q", v.Input, v.Region, n.E164.Text(), n.Match.Text(), texts(n.Ask))
		}
	}
}

func TestWhatWhatsAppWritesIsFoundUnderEveryFormOfTheLine(t *testing.T) {
	for _, tt := range []struct{ digits, e164, match, ask string }{
		{"393471234567", "+393471234567", "+393471234567", "393471234567"},
		{"390612345678", "+390612345678", "+390612345678", "390612345678"},
		{"5215512345678", "+525512345678", "+525512345678", "525512345678 5215512345678"},
		{"525512345678", "+525512345678", "+525512345678", "525512345678 5215512345678"},
		{"553188887777", "+553188887777", "+5531988887777", "5531988887777 553188887777"},
		{"5531988887777", "+5531988887777", "+5531988887777", "5531988887777 553188887777"},
		{"5491123456789", "+5491123456789", "+5491123456789", "5491123456789 541123456789"},
		{"541123456789", "+541123456789", "+541123456789", "541123456789 5491123456789"},
		{"22961234567", "+22961234567", "+22961234567", "22961234567"},     // an old number of Benin
		{"999123456789", "+999123456789", "+999123456789", "999123456789"}, // a country that no plan knows
	} {
		n := who.WhatsApp(tt.digits)
		if n.E164.Text() != tt.e164 || n.Match.Text() != tt.match || strings.Join(texts(n.Ask), " ") != tt.ask {
			t.Errorf("%s gives %s, %s, %s", tt.digits, n.E164.Text(), n.Match.Text(), texts(n.Ask))
		}
	}
	for _, digits := range []string{"", "0", "12345", "0612345678", "+393471234567", "39 347", "IT.1349", "Y2FwaV9ncm91cDox", strings.Repeat("9", 16)} {
		if n := who.WhatsApp(digits); !n.IsZero() || len(n.Ask) > 0 {
			t.Errorf("%q is a number: %s", digits, n.Match.Text())
		}
	}
}

func TestTwoFormsOfOneLineMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`(39|52|521|55|54|549|1|44|886|229)[1-9][0-9]{6,9}`).Draw(t, "digits")
		n := who.WhatsApp(digits)
		if n.IsZero() {
			t.Skip("too long")
		}
		asks := texts(n.Ask)
		if !slices.Contains(asks, digits) || asks[0] != strings.TrimPrefix(n.Match.Text(), "+") {
			t.Fatalf("%s is asked for as %q, its key is %s", digits, asks, n.Match.Text())
		}
		for _, other := range asks {
			if m := who.WhatsApp(other); !slices.Contains(texts(m.Ask), digits) && m.Match != n.Match {
				t.Fatalf("%s leads to %s and not back", digits, other)
			}
		}
	})
}

func keys(user, phone string) who.Keys {
	return who.Of(chat.Person{User: value(user), Phone: value(phone)})
}

func TestTheUserIDDecidesBeforeTheNumberAndAmbiguityDecidesNothing(t *testing.T) {
	const user, phone = "IT.1", "393471234567"
	for _, tt := range []struct {
		name    string
		keys    who.Keys
		byUser  string
		byPhone []who.Hit
		want    string
	}{
		{"nothing known", keys(user, phone), "", nil, "{ []}"},
		{"by the user id", keys(user, phone), "A", nil, "{A []}"},
		{"by both, apart", keys(user, phone), "A", []who.Hit{{Contact: "B"}}, "{A []}"},
		{"by the number", keys("", phone), "", []who.Hit{{Contact: "B"}}, "{B []}"},
		{"a number whose user id is not known yet", keys(user, phone), "", []who.Hit{{Contact: "B"}}, "{B []}"},
		{"the same contact twice", keys("", phone), "", []who.Hit{{Contact: "B"}, {}, {Contact: "B"}}, "{B []}"},
		{"two contacts", keys("", phone), "", []who.Hit{{Contact: "C"}, {Contact: "B"}}, "{ [B C]}"},
		{"a number that is another person's", keys(user, phone), "", []who.Hit{{Contact: "B", User: crm.Text("IT.2")}}, "{ [B]}"},
		{"a number and no user id", keys("", phone), "", []who.Hit{{Contact: "B", User: crm.Text("IT.2")}}, "{B []}"},
		{"a number that its person gave up", keys("", phone), "", []who.Hit{{Contact: "B", Left: true}}, "{ [B]}"},
		{"a number that its person gave up, and another user id", keys(user, phone), "", []who.Hit{{Contact: "B", User: crm.Text("IT.2"), Left: true}}, "{ [B]}"},
		{"a number that he gave up and has again", keys(user, phone), "", []who.Hit{{Contact: "B", User: crm.Text(user), Left: true}}, "{B []}"},
		{"no number", keys(user, ""), "", []who.Hit{{Contact: "B"}}, "{ []}"},
		{"nobody", keys("", ""), "A", []who.Hit{{Contact: "B"}}, "{ []}"},
	} {
		if got := fmt.Sprint(who.Decide(tt.keys, tt.byUser, tt.byPhone)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestAUserIDAndANumberThatComeTogetherAreOnePersons(t *testing.T) {
	const user, phone = "IT.1", "393471234567"
	lead := func(person, user string) who.Lead { return who.Lead{Person: person, User: value(user)} }
	for _, tt := range []struct {
		name             string
		keys             who.Keys
		byUser, byNumber who.Lead
		want             who.Recalled
	}{
		{"nobody known", keys(user, phone), who.Lead{}, who.Lead{}, who.Recalled{}},
		{"both lead to him", keys(user, phone), lead("A", ""), lead("A", user), who.Recalled{Person: "A"}},
		{"the number was never seen with a user id", keys(user, phone), who.Lead{}, lead("A", ""), who.Recalled{Person: "A", User: true, Number: true}},
		{"his number was never seen with his user id", keys(user, phone), lead("A", ""), lead("A", ""), who.Recalled{Person: "A", Number: true}},
		{"the number is another one's", keys(user, phone), who.Lead{}, lead("A", "IT.2"), who.Recalled{Taken: true}},
		{"a new number of his", keys(user, phone), lead("A", ""), who.Lead{}, who.Recalled{Person: "A", Number: true}},
		{"two who are one", keys(user, phone), lead("A", ""), lead("B", ""), who.Recalled{Person: "A", Same: "B", Number: true}},
		{"two who are one, and the number knew it", keys(user, phone), lead("A", ""), lead("B", user), who.Recalled{Person: "A", Same: "B", Number: true}},
		{"a number that was another one's", keys(user, phone), lead("A", ""), lead("B", "IT.2"), who.Recalled{Person: "A", Number: true}},
		{"by the user id alone", keys(user, ""), lead("A", ""), who.Lead{}, who.Recalled{Person: "A"}},
		{"by the number alone", keys("", phone), who.Lead{}, lead("A", "IT.2"), who.Recalled{Person: "A"}},
	} {
		if got := who.Recall(tt.keys, tt.byUser, tt.byNumber); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestALineIsOneInAllItsSpellingsAndNoOther(t *testing.T) {
	for _, same := range [][]string{{"5491123456789", "541123456789"}, {"5215512345678", "525512345678"}, {"553188887777", "5531988887777"}} {
		if a, b := who.WhatsApp(same[0]).Line, who.WhatsApp(same[1]).Line; a != b || !a.Filled() {
			t.Errorf("%s and %s are %q and %q", same[0], same[1], a.Text(), b.Text())
		}
	}
	for _, digits := range []string{"393471234567", "999123456789"} {
		if n := who.WhatsApp(digits); n.Line != n.Match {
			t.Errorf("%s is %q", digits, n.Line.Text())
		}
	}
}

func TestAPersonWithoutKeysMatchesNobody(t *testing.T) {
	if k := who.Of(chat.Person{Name: crm.Text("Anna"), Username: crm.Text("anna"), Phone: crm.Text("")}); !k.IsZero() {
		t.Errorf("%+v", k)
	}
}

func TestAChangeOfNumberJoinsWhatWasWithWhatIsAndRetiresTheOldNumber(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	p := func(user, phone string) chat.Person { return chat.Person{User: value(user), Phone: value(phone)} }
	show := func(k who.Keys) string { return k.User.Text() + " " + k.Phone.Match.Text() }
	for _, tt := range []struct {
		name         string
		before, now  chat.Person
		retired      string
		means, plain bool
	}{
		{"number and user id", p("IT.1", "393471234567"), p("IT.2", "393209998877"), "IT.1 +393471234567", true, false},
		{"the number alone", p("", "393471234567"), p("", "393209998877"), " +393471234567", true, false},
		{"the user id alone", p("US.1", ""), p("US.2", ""), "US.1 ", true, false},
		{"an older message, without user ids of before", p("", "393471234567"), p("IT.2", "393209998877"), " +393471234567", true, false},
		{"no number before", p("IT.1", ""), p("IT.2", "393209998877"), "IT.1 ", true, false},
		{"the same line in another form", p("BR.1", "553188887777"), p("BR.2", "5531988887777"), "BR.1 ", true, false},
		{"the same line in the other form of Argentina", p("AR.1", "541123456789"), p("AR.2", "5491123456789"), "AR.1 ", true, false},
		{"nothing but the form", p("AR.1", "541123456789"), p("AR.1", "5491123456789"), " ", false, false},
		{"a user id is learnt", p("", "393471234567"), p("IT.2", ""), " ", true, false},
		{"nothing changed", p("IT.1", "393471234567"), p("IT.1", "393471234567"), " ", false, false},
		{"nothing of before", p("", ""), p("IT.2", "393209998877"), "", false, false},
		{"nothing of now", p("IT.1", "393471234567"), p("", ""), "", false, false},
		{"no system message", p("IT.1", "393471234567"), p("IT.2", "393209998877"), "", false, true},
	} {
		m := chat.Message{Type: chat.TypeSystem, Kind: chat.KindNumberChanged, At: noon, From: tt.before, Changed: tt.now}
		if tt.plain {
			m.Type = chat.TypeText
		}
		c, means := who.Renamed(m)
		if means != tt.means {
			t.Errorf("%s: means something %t", tt.name, means)
		}
		if means && (show(c.Retired) != tt.retired || show(c.Before) != show(who.Of(tt.before)) || show(c.Now) != show(who.Of(tt.now)) || !c.At.Equal(noon)) {
			t.Errorf("%s: %s → %s, retired %s", tt.name, show(c.Before), show(c.Now), show(c.Retired))
		}
	}
}

func TestNoKeyPrintsAPerson(t *testing.T) {
	k := keys("IT.13491208655302741918", "393471234567")
	if s := fmt.Sprintf("%+v %#v", k, k); strings.Contains(s, "1349") || strings.Contains(s, "3471") {
		t.Error(s)
	}
}

func ExamplePhone() {
	n := who.Phone("+52 1 55 1234 5678", canon.NoRegion)
	fmt.Println(n.Match.Text(), texts(n.Ask))
	// Output: +525512345678 [525512345678 5215512345678]
}
