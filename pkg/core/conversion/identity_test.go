package conversion_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"crm-connector/pkg/core/conversion"
)

func decoded(t testing.TB, name string) conversion.Event {
	t.Helper()
	e, err := conversion.Decode(documents(t, "good")[name], noon)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What is stored under a key is found by the next release only if the key stays what it is.
func TestTheIdentityOfAnEventNeverChanges(t *testing.T) {
	if want := conversion.Tenant("36726837ff162c054db606bb02fb3ae4"); tenant != want {
		t.Errorf("tenant %s, want %s", tenant, want)
	}
	derived, named := decoded(t, "sample").Identify(tenant), decoded(t, "id_and_currency").Identify(tenant)
	for _, tt := range []struct{ want, got string }{
		{"b768f24074678127559a50b7123052f65980de46a14090d6743b71975083eb7d", derived.Hash.String()},
		{"D#36726837ff162c054db606bb02fb3ae4#b768f24074678127559a50b7123052f65980de46a14090d6743b71975083eb7d", derived.Key},
		{"13613395889824752859", fmt.Sprint(derived.Term())},
		{"E#36726837ff162c054db606bb02fb3ae4#ordine:2026-000123", named.Key},
		{"7089674102295080046", fmt.Sprint(named.Term())},
	} {
		if tt.got != tt.want {
			t.Errorf("%s, want %s", tt.got, tt.want)
		}
	}
	if decoded(t, "sample").Basis() != "derivata" || decoded(t, "id_and_currency").Basis() != "evento" {
		t.Error("the basis is not what the key shows")
	}
}

func TestAnEventIsTheSameHoweverItIsWritten(t *testing.T) {
	least := `{"id_cliente":"CLIENTE-ITALIA-789456","evento":"acquisto_concluso","timestamp":"2026-11-22T11:59:30.250Z","valore":5,"canale":"email","stato":"completato","metadati":{"localita":"Forlì"}}`
	first, err := conversion.Decode([]byte(least), noon)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*strings.Replacer{
		"an offset":             strings.NewReplacer("T11:59:30.250Z", "T13:59:30.250+02:00"),
		"a western offset":      strings.NewReplacer("22T11:59:30.250Z", "21T23:59:30.25-12:00"),
		"fewer decimals":        strings.NewReplacer(".250Z", ".25Z"),
		"cents written out":     strings.NewReplacer(":5,", ":5.00,"),
		"one decimal":           strings.NewReplacer(":5,", ":5.0,"),
		"its currency":          strings.NewReplacer(":5,", `:5,"valuta":"EUR",`),
		"space":                 strings.NewReplacer(",", " ,\n", ":\"", ": \""),
		"another order":         strings.NewReplacer(`"valore":5,"canale":"email"`, `"canale":"email","valore":5`),
		"escapes":               strings.NewReplacer("email", `\u0065mail`, "ì", `\u00ec`),
		"a combining accent":    strings.NewReplacer("ì", "i\u0300"),
		"an empty text":         strings.NewReplacer(`{"localita"`, `{"campagna":"","localita"`),
		"the sender's own name": strings.NewReplacer(`{"id_cliente"`, `{"id_evento":"order-0001","id_cliente"`),
	} {
		doc := r.Replace(least)
		e, err := conversion.Decode([]byte(doc), noon)
		if err != nil || doc == least || e.Hash() != first.Hash() {
			t.Errorf("%s: %v, %s", name, err, doc)
		}
	}
	for name, r := range map[string]*strings.Replacer{
		"a millisecond":      strings.NewReplacer(".250Z", ".251Z"),
		"a cent":             strings.NewReplacer(":5,", ":5.01,"),
		"a currency":         strings.NewReplacer(":5,", `:5,"valuta":"USD",`),
		"a channel":          strings.NewReplacer("email", "sms"),
		"an event":           strings.NewReplacer("acquisto_concluso", "richiesta_demo"),
		"a state":            strings.NewReplacer("completato", "fallito"),
		"a client":           strings.NewReplacer("789456", "789457"),
		"an accent":          strings.NewReplacer("ì", "i"),
		"a place for a name": strings.NewReplacer("localita", "campagna"),
	} {
		e, err := conversion.Decode([]byte(r.Replace(least)), noon)
		if err != nil || e.Hash() == first.Hash() {
			t.Errorf("%s makes no difference: %v", name, err)
		}
	}
}

func TestDifferentEventsHaveDifferentHashes(t *testing.T) {
	content := func(e conversion.Event) conversion.Event {
		e.ID = ""
		e.Metadata = conversion.Metadata{Campaign: norm.NFC.String(e.Metadata.Campaign), Device: norm.NFC.String(e.Metadata.Device), Place: norm.NFC.String(e.Metadata.Place)}
		return e
	}
	rapid.Check(t, func(t *rapid.T) {
		a := anyEvent().Draw(t, "a")
		b := a
		// Characters that wander from one text into the next are another event.
		switch all := a.Metadata.Campaign + a.Metadata.Device; rapid.IntRange(0, 2).Draw(t, "how") {
		case 0:
			b = anyEvent().Draw(t, "b")
		case 1:
			b.Metadata.Campaign, b.Metadata.Device = all, ""
		case 2:
			b.Metadata.Campaign, b.Metadata.Device = "", all
		}
		if same := content(a) == content(b); same != (a.Hash() == b.Hash()) {
			t.Fatalf("equal: %v\n%s\n%s", same, a.Document(), b.Document())
		}
	})
}

func TestTenantsNeverMeet(t *testing.T) {
	e := decoded(t, "id_and_currency")
	for _, other := range []conversion.Tenant{
		conversion.TenantOf("https://issuer.example", "shop2"), conversion.TenantOf("https://issuer.examples", "hop"), conversion.TenantOf("", "https://issuer.exampleshop"),
	} {
		if e.Identify(tenant).Key == e.Identify(other).Key || decoded(t, "sample").Identify(tenant).Key == decoded(t, "sample").Identify(other).Key {
			t.Errorf("%s shares a key with another tenant", other)
		}
	}
}

func TestTheVerdictOnASecondArrival(t *testing.T) {
	id := decoded(t, "id_and_currency").Identify(tenant)
	marker := id.Mark("request-1", noon)
	other := decoded(t, "sample").Hash()
	for _, tt := range []struct {
		name      string
		marker    conversion.Marker
		ingestion string
		hash      conversion.Hash
		at        time.Time
		want      string
	}{
		{"the first", conversion.Marker{}, "request-1", id.Hash, noon, "unico"},
		{"the queue delivers again", marker, "request-1", id.Hash, noon, "ripetizione"},
		{"sent again 5 seconds later", marker, "request-2", id.Hash, noon.Add(5 * time.Second), "duplicato"},
		{"sent again 6 days later", marker, "request-2", id.Hash, noon.AddDate(0, 0, 6), "duplicato"},
		{"sent again on the last day", marker, "request-2", id.Hash, noon.AddDate(0, 0, 30).Add(-1), "duplicato"},
		{"another event under the id", marker, "request-2", other, noon, "conflitto"},
		{"the id is used anew", marker, "request-2", other, noon.AddDate(0, 0, 30), "unico"},
	} {
		if got := tt.marker.Judge(tt.ingestion, tt.hash, tt.at).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if conversion.RepeatKey("request-1") == id.Key || conversion.MarkerLife < 4*conversion.MaxAge {
		t.Error("a marker of repeats lies in the way, or markers end too early")
	}
}

func TestAHashComesBackFromWhatItWrites(t *testing.T) {
	h := decoded(t, "sample").Hash()
	if got, ok := conversion.ParseHash(h.String()); !ok || got != h {
		t.Errorf("%s, %v", got, ok)
	}
	for _, bad := range []string{"", "00", h.String()[1:], h.String() + "0", strings.Repeat("g", 64)} {
		if _, ok := conversion.ParseHash(bad); ok {
			t.Errorf("takes %q", bad)
		}
	}
}

func TestASampleIsAsLargeAsItsPercent(t *testing.T) {
	n := 0
	for i := range 10_000 {
		id := conversion.Identity{Key: fmt.Sprintf("E#t#%08d", i)}
		if id.Sampled(0) || !id.Sampled(100) || id.Sampled(1) && !id.Sampled(2) {
			t.Fatal("a larger sample does not hold the smaller one")
		}
		if id.Sampled(1) {
			n++
		}
	}
	if n < 60 || n > 140 {
		t.Errorf("%d of 10,000 are one percent", n)
	}
}

func TestAClientStaysInItsShard(t *testing.T) {
	if got := conversion.Shard(tenant, "CLIENTE-ITALIA-789456", 16); got != 3 {
		t.Errorf("shard %d: clients move to another one", got)
	}
	seen := make([]int, 16)
	for i := range 16000 {
		seen[conversion.Shard(tenant, fmt.Sprintf("CLIENTE-AB-%06d", i), 16)]++
	}
	for shard, n := range seen {
		if n < 850 || n > 1150 {
			t.Errorf("shard %d has %d of 16000 clients", shard, n)
		}
	}
}

func BenchmarkIdentify(b *testing.B) {
	e := decoded(b, "sample")
	b.ReportAllocs()
	for b.Loop() {
		_ = e.Identify(tenant).Term()
	}
}
