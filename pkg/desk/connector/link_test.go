package connector

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
)

// twins are a HubSpot contact and two of Zoho that may be its twin, the first one unpaired, parked as a duplicate.
func twins(t *testing.T) (b *bench, hub string, zo []string) {
	b = stage(t)
	for range 2 {
		id, err := b.Zoho.Create(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})
		b.must(err)
		zo = append(zo, id)
	}
	b.settle()
	hub, err := b.HubSpot.Create(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "jobtitle": "Buyer"})
	b.must(err)
	b.settle()
	has(t, b.want(ExitOK, "parked"), "hubspot/contact/"+hub, "TWIN_TAKEN")
	return b, hub, zo
}

func TestLinkDecidesADuplicate(t *testing.T) {
	b, hub, zo := twins(t)
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "link", hub, zo[1], "--plan"), "plan   zoho "+zo[1]+" carries the HubSpot id "+hub, "plan   hubspot "+hub+" is queued")
	})
	has(t, b.want(ExitOK, "link", hub, zo[1]), "done   zoho "+zo[1]+" carries the HubSpot id "+hub)
	b.settle()
	b.wantZoho(zo[1], "HubSpot_Id", hub)
	b.wantZoho(zo[1], "Title", "Buyer")
	b.wantZoho(zo[0], "Title", "")
	has(t, b.want(ExitOK, "parked"), "nothing is parked")
	b.unchanged("the second time", func() { has(t, b.want(ExitOK, "link", hub, zo[1]), "are a pair") })
	has(t, b.want(ExitFinding, "link", hub, zo[0]), "is the twin of zoho/contact/"+zo[1]+", which lives: merge")
}

func TestLinkRefusesWhatAPersonMustClearUpElsewhere(t *testing.T) {
	b, hub, zo := twins(t)
	paired, twin := b.rossi2()
	b.unchanged("a link that is refused", func() {
		for name, tt := range map[string]struct{ hub, zo, want string }{
			"a record that is not there": {"999", zo[0], "hubspot has no contact 999"},
			"one of Zoho":                {hub, "4876876000000999999", "zoho has no contact"},
			"a twin that is taken":       {hub, twin, "zoho/contact/" + twin + " is the twin of hubspot/contact/" + paired + ", which lives"},
			"a record that has a twin":   {paired, zo[0], "hubspot/contact/" + paired + " is the twin of zoho/contact/" + twin},
		} {
			if out := b.want(ExitFinding, "link", tt.hub, tt.zo); !strings.Contains(out, tt.want) {
				t.Errorf("%s: %s", name, out)
			}
		}
	})
	third, err := b.Zoho.Create(crm.Contacts, props{"Email": "else@acme.example", "Last_Name": "Verdi", "HubSpot_Id": "55"})
	b.must(err)
	has(t, b.want(ExitOK, "link", hub, third, "--plan"), "carries the HubSpot id") // 55 is nobody
	b.must(b.Zoho.Edit(crm.Contacts, zo[0], props{"HubSpot_Id": hub}))
	has(t, b.want(ExitFinding, "link", hub, zo[1]), "zoho/contact/"+zo[0]+" carries the HubSpot id "+hub+" already")
}

// rossi2 is another contact that is in step.
func (b *bench) rossi2() (hubspot, zoho string) {
	b.t.Helper()
	hub, err := b.HubSpot.Create(crm.Contacts, props{"email": "ugo@acme.example", "lastname": "Verdi"})
	b.must(err)
	b.settle()
	for _, id := range b.Zoho.IDs(crm.Contacts) {
		if p, _ := b.Zoho.Props(crm.Contacts, id); p["HubSpot_Id"] == hub {
			return hub, id
		}
	}
	b.t.Fatal("it was not created")
	return "", ""
}

func TestLinkGivesAPairThatLostItsHalfANewOne(t *testing.T) {
	b := stage(t)
	hub, zo := b.rossi()
	b.must(b.Zoho.Delete(crm.Contacts, zo))
	b.settle()
	heir, err := b.Zoho.Create(crm.Contacts, props{"Last_Name": "Rossi Bianchi"})
	b.must(err)
	b.settle()
	has(t, b.want(ExitOK, "link", hub, heir), "done")
	b.settle()
	has(t, b.want(ExitOK, "explain", "hubspot", hub), "living", "zoho         "+heir)
	b.wantZoho(heir, "Title", "Buyer")
}

func TestADryRunCountsWhatWouldBecomeOfEveryRecord(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.SearchRate = -1 })
	b.rossi()
	b.set(config.Mode, "off")
	b.Clock.Advance(61 * time.Second)
	hub := func(p props) string {
		id, err := b.HubSpot.Create(crm.Contacts, p)
		b.must(err)
		return id
	}
	zo := func(m crm.Module, p props) string {
		id, err := b.Zoho.Create(m, p)
		b.must(err)
		return id
	}
	matched, m := hub(props{"email": "m@acme.example"}), zo(crm.Contacts, props{"Email": "M@acme.example", "Last_Name": "M"})
	own, o := hub(props{"lastname": "Own"}), ""
	o = zo(crm.Contacts, props{"Last_Name": "Own", "HubSpot_Id": own})
	missing := hub(props{"email": "nobody@acme.example"})
	ambiguous := hub(props{"email": "two@acme.example"})
	two := []string{zo(crm.Contacts, props{"Email": "two@acme.example", "Last_Name": "A"}), zo(crm.Contacts, props{"Email": "two@acme.example", "Last_Name": "B"})}
	lead, l := hub(props{"email": "lead@acme.example"}), zo(crm.Leads, props{"Email": "lead@acme.example", "Last_Name": "L", "Company": "Acme"})
	taken, k := hub(props{"email": "taken@acme.example"}), zo(crm.Contacts, props{"Email": "taken@acme.example", "Last_Name": "T", "HubSpot_Id": "77"})
	first := hub(props{"email": "work@acme.example"})
	second := hub(props{"email": "home@acme.example"})
	d := zo(crm.Contacts, props{"Email": "work@acme.example", "Secondary_Email": "home@acme.example", "Last_Name": "D"})
	company, err := b.HubSpot.Create(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	b.must(err)
	b.Clock.Advance(10 * time.Second) // HubSpot's listing lags
	b.settle()

	path := filepath.Join(t.TempDir(), "matches.csv")
	var text string
	b.unchanged("a dry run", func() { text = b.want(ExitOK, "link", "--dry-run", "--csv", path) })
	golden(t, "dryrun.txt", strings.Replace(text, path, "matches.csv", 1))
	raw, err := os.ReadFile(path)
	b.must(err)
	hasNot(t, string(raw), "acme", "Rossi")
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	slices.Sort(two)
	for _, want := range []string{
		"contact,matched," + matched + "," + m, "contact,matched," + own + "," + o, "contact,missing," + missing + ",",
		"contact,ambiguous," + ambiguous + "," + strings.Join(two, " "), "contact,lead," + lead + "," + l, "contact,taken," + taken + "," + k,
		"contact,duplicate," + first + "," + d, "contact,duplicate," + second + "," + d, "company,missing," + company + ",",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("%s is not in:\n%s", want, raw)
		}
	}
	if len(lines) != 11 || lines[0] != "kind,verdict,hubspot_id,zoho_ids" {
		t.Errorf("%d lines:\n%s", len(lines), raw)
	}
}

// Who was erased stays apart, whichever of the two is the erased one, and whatever became of the other record since.
func TestLinkRefusesWhoeverWasErased(t *testing.T) {
	b := stage(t)
	hub, zo := b.rossi()
	b.want(ExitOK, "erase", "hubspot", hub)
	b.settle()
	b.must(b.Zoho.Delete(crm.Contacts, zo))
	b.settle()
	stranger, err := b.Zoho.Create(crm.Contacts, props{"Email": "ugo@acme.example", "Last_Name": "Verdi"})
	b.must(err)
	b.settle()
	b.unchanged("a link of an erased record of HubSpot", func() {
		for _, line := range [][]string{{"link", hub, stranger}, {"link", hub, stranger, "--plan"}} {
			has(t, b.want(ExitFinding, line...), "hubspot/contact/"+hub+" is nobody's twin any more: its person was erased")
		}
	})
	hasNot(t, b.want(ExitOK, "parked"), stranger)
}

func TestLinkRefusesARecordOfZohoWhosePersonWasErased(t *testing.T) {
	b := stage(t)
	_, zo := b.rossi()
	b.want(ExitOK, "erase", "zoho", zo)
	b.settle()
	remnant, err := b.Zoho.Create(crm.Contacts, props{"Last_Name": "Rossi"})
	b.must(err)
	ada, err := b.HubSpot.Create(crm.Contacts, props{"email": "ada@acme.example", "lastname": "Bianchi"})
	b.must(err)
	b.set(config.Mode, "observe")
	b.Clock.Advance(61 * time.Second)
	b.settle()
	b.unchanged("a link to an erased record of Zoho", func() {
		for _, line := range [][]string{{"link", ada, zo}, {"link", ada, zo, "--plan"}} {
			has(t, b.want(ExitFinding, line...), "zoho/contact/"+zo+" is nobody's twin any more: its person was erased")
		}
	})
	p, _ := b.Zoho.Props(crm.Contacts, zo)
	b.must(b.Zoho.Delete(crm.Contacts, zo))
	b.must(b.Zoho.Edit(crm.Contacts, remnant, props{"HubSpot_Id": p["HubSpot_Id"]}))
	b.unchanged("a link to what carries the id of an erased person", func() {
		has(t, b.want(ExitFinding, "link", ada, remnant), "zoho/contact/"+remnant+" carries the HubSpot id "+p["HubSpot_Id"]+", and its person was erased")
	})
	hasNot(t, b.want(ExitOK, "explain", "hubspot", ada), "living")
}

func TestLinkNeedsToKnowWhoWasErased(t *testing.T) {
	b, hub, zo := twins(t)
	delete(b.vault, settings.PairKey)
	b.unchanged("a link without the key of the hashes", func() {
		has(t, b.want(ExitFinding, "link", hub, zo[1]), "PAIR_KEY is missing", "connector setup hubspot --stack shop")
		has(t, b.want(ExitFinding, "link", "--dry-run"), "PAIR_KEY is missing")
	})
}

// What a dry run says of a record is what becomes of it when the stack goes on.
func TestADryRunSaysWhatBecomesOfWhoWasErasedAndOfWhoHasNoName(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) {
		o.HubSpot.SearchRate = -1
		o.Mapping.LastName = mapping.LastNameRequire
	})
	b.told["LAST_NAME"] = mapping.LastNameRequire
	erased, zo := b.rossi()
	b.want(ExitOK, "erase", "hubspot", erased)
	b.settle()
	b.set(config.Mode, "off")
	b.Clock.Advance(61 * time.Second)
	make := func(m crm.Module, p props) string {
		id, err := b.HubSpot.Create(m, p)
		b.must(err)
		return id
	}
	again := make(crm.Contacts, props{"email": "anna.rossi@acme.example", "lastname": "Rossi"})
	b.must(b.Zoho.Edit(crm.Contacts, zo, props{"Secondary_Email": "anna.rossi@acme.example", "HubSpot_Id": ""}))
	nameless, named := make(crm.Contacts, props{"email": "ada@acme.example"}), make(crm.Contacts, props{"email": "ugo@acme.example", "lastname": "Verdi"})
	company := make(crm.Companies, props{"domain": "bianchi.example"})
	b.Clock.Advance(10 * time.Second) // HubSpot's listing lags
	b.settle()

	path := filepath.Join(t.TempDir(), "matches.csv")
	has(t, b.want(ExitOK, "link", "--dry-run", "--csv", path), "missing     0          1", "incomplete  1          1", "taken       0          1", "erased      0          1")
	raw, err := os.ReadFile(path)
	b.must(err)
	for _, want := range []string{
		"contact,erased," + erased + ",", "contact,taken," + again + "," + zo, "contact,incomplete," + nameless + ",", "contact,missing," + named + ",", "company,incomplete," + company + ",",
	} {
		if !slices.Contains(strings.Split(string(raw), "\n"), want) {
			t.Errorf("%s is not in:\n%s", want, raw)
		}
	}

	before := len(b.Zoho.IDs(crm.Contacts))
	b.set(config.Mode, "on")
	b.Clock.Advance(61 * time.Second)
	b.want(ExitOK, "import")
	b.settle()
	parked := b.want(ExitOK, "parked")
	has(t, parked, "hubspot/contact/"+nameless, "hubspot/company/"+company, "hubspot/contact/"+again)
	hasNot(t, parked, "hubspot/contact/"+named)
	if n := len(b.Zoho.IDs(crm.Contacts)); n != before+1 {
		t.Errorf("%d contacts were created in Zoho", n-before)
	}
	has(t, b.want(ExitOK, "explain", "hubspot", erased), "is in no pair")
}

// A pair that lost its HubSpot record takes another one.
func TestADryRunMatchesAPairThatLostItsHalf(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.SearchRate = -1 })
	hub, zo := b.rossi()
	b.must(b.HubSpot.Delete(crm.Contacts, hub))
	b.settle()
	b.set(config.Mode, "off")
	b.Clock.Advance(61 * time.Second)
	heir, err := b.HubSpot.Create(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	b.must(err)
	b.Clock.Advance(10 * time.Second)
	b.settle()
	has(t, b.want(ExitOK, "link", "--dry-run"), "matched     0          1")
	b.set(config.Mode, "on")
	b.Clock.Advance(61 * time.Second)
	b.want(ExitOK, "import")
	b.settle()
	has(t, b.want(ExitOK, "explain", "hubspot", heir), "living", "zoho         "+zo)
}

// Whose number wrote on WhatsApp is paired with the contact that was made for it.
func TestADryRunKnowsWhoWroteOnWhatsApp(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) { o.WhatsApp, o.HubSpot.SearchRate = &whatsapptest.Options{}, -1 })
	_, err := b.WhatsApp.Meet("Anna Rossi", "393471234567").Say(whatsapptest.DefaultNumber, "buongiorno")
	b.must(err)
	b.settle()
	zo := b.Zoho.IDs(crm.Contacts)
	if len(zo) != 1 {
		t.Fatalf("%d contacts after one person wrote", len(zo))
	}
	b.set(config.Mode, "off")
	b.Clock.Advance(61 * time.Second)
	hub, err := b.HubSpot.Create(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "mobilephone": "+39 347 1234567"})
	b.must(err)
	other, err := b.HubSpot.Create(crm.Contacts, props{"email": "ugo@acme.example", "lastname": "Verdi", "mobilephone": "+39 347 1234568"})
	b.must(err)
	b.Clock.Advance(10 * time.Second)
	b.settle()
	path := filepath.Join(t.TempDir(), "matches.csv")
	b.unchanged("a dry run", func() { b.want(ExitOK, "link", "--dry-run", "--csv", path) })
	raw, err := os.ReadFile(path)
	b.must(err)
	has(t, string(raw), "contact,matched,"+hub+","+zo[0]+"\n", "contact,missing,"+other+",\n")
	b.set(config.Mode, "on")
	b.Clock.Advance(61 * time.Second)
	b.want(ExitOK, "import")
	b.settle()
	has(t, b.want(ExitOK, "explain", "hubspot", hub), "living", "zoho         "+zo[0])
}

func TestADryRunPromisesNoCreationThatTheStackParks(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) {
		o.HubSpot.SearchRate = -1
		o.Mapping.PhoneMatch, o.Mapping.PhoneRegion = mapping.PhoneMatchMobile, "IT"
	})
	b.told["PHONE_MATCH"] = mapping.PhoneMatchMobile
	b.set(config.Mode, "off")
	for _, p := range []props{{"name": "Acme", "domain": "acme.example"}, {"name": "Acme Italia", "domain": "www.acme.example"}, {"name": "Other", "domain": "other.example"}} {
		_, err := b.HubSpot.Create(crm.Companies, p)
		b.must(err)
	}
	for _, p := range []props{
		{"lastname": "Rossi", "mobilephone": "+39 333 1234567"}, {"lastname": "Rossi", "mobilephone": "333 123 4567"}, {"lastname": "Verdi", "mobilephone": "333 123 4567"},
	} {
		_, err := b.HubSpot.Create(crm.Contacts, p)
		b.must(err)
	}
	b.Clock.Advance(10 * time.Second) // HubSpot's listing lags
	b.settle()
	var said struct{ Companies, Contacts map[string]int }
	b.must(json.Unmarshal([]byte(b.run("link", "--dry-run", "--json").out), &said))
	if said.Companies["missing"] != 2 || said.Companies["duplicate"] != 1 || said.Contacts["missing"] != 2 || said.Contacts["duplicate"] != 1 {
		t.Errorf("%+v", said)
	}

	b.want(ExitOK, "resume")
	b.want(ExitOK, "import")
	b.settle()
	if companies, contacts := len(b.Zoho.IDs(crm.Companies)), len(b.Zoho.IDs(crm.Contacts)); companies != said.Companies["missing"] || contacts != said.Contacts["missing"] {
		t.Errorf("%d companies and %d contacts are created", companies, contacts)
	}
	text := b.want(ExitOK, "parked")
	if n := strings.Count(text, "TWIN_"); n != said.Companies["duplicate"]+said.Contacts["duplicate"] {
		t.Errorf("%d are parked:\n%s", n, text)
	}
}

// predicted reads what a dry run says of each record, and its counts.
func (b *bench) predicted() (map[string]string, string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "matches.csv")
	out := b.want(ExitOK, "link", "--dry-run", "--csv", path)
	raw, err := os.ReadFile(path)
	b.must(err)
	says := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Split(strings.TrimSpace(line), ","); f[0] != "kind" {
			says[f[2]] = strings.TrimSuffix(f[1]+" "+f[3], " ")
		}
	}
	return says, out
}

// A record that is paired is found by what it is recognised by, like one that is created.
func TestADryRunPromisesNoPairToWhoIsTakenForOneThatIsPairedBefore(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.SearchRate = -1 })
	b.set(config.Mode, "off")
	b.Clock.Advance(61 * time.Second)
	hub := func(p props) string {
		id, err := b.HubSpot.Create(crm.Companies, p)
		b.must(err)
		return id
	}
	zo := func(p props) string {
		id, err := b.Zoho.Create(crm.Companies, p)
		b.must(err)
		return id
	}
	roma, milano, torino := hub(props{"name": "Acme", "city": "Roma", "domain": "acme.example"}), hub(props{"name": "Acme Italia", "city": "Milano", "domain": "acme.example"}),
		hub(props{"name": "Acme Piemonte", "city": "Torino", "domain": "acme.example"})
	own := hub(props{"name": "Acme Sud", "city": "Bari", "domain": "acme.example"})
	twin, other := zo(props{"Account_Name": "Acme", "Billing_City": "Roma"}), zo(props{"Account_Name": "Acme Piemonte", "Billing_City": "Torino"})
	carries := zo(props{"Account_Name": "Sud", "HubSpot_Id": own}) // the id decides, whoever it may look like
	b.Clock.Advance(10 * time.Second)
	b.settle()
	says, _ := b.predicted()
	if want := map[string]string{roma: "matched " + twin, milano: "duplicate", torino: "duplicate " + other, own: "matched " + carries}; !maps.Equal(says, want) {
		t.Errorf("%v, want %v", says, want)
	}

	b.want(ExitOK, "resume")
	b.want(ExitOK, "import")
	b.settle()
	has(t, b.want(ExitOK, "explain", "hubspot", roma, "--company"), "living", twin)
	has(t, b.want(ExitOK, "explain", "hubspot", own, "--company"), "living", carries)
	parked := b.want(ExitOK, "parked")
	has(t, parked, "hubspot/company/"+milano, "hubspot/company/"+torino)
	if n := len(b.Zoho.IDs(crm.Companies)); n != 3 {
		t.Errorf("%d companies in Zoho:\n%s", n, parked)
	}
}

// Zoho's record of the later edit keeps its own domain: nobody is found there by that of its twin in HubSpot.
func TestADryRunKnowsWhatARecordThatIsPairedWillShow(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.SearchRate = -1 })
	b.set(config.Mode, "off")
	b.Clock.Advance(61 * time.Second)
	company := func(domain string) string {
		id, err := b.HubSpot.Create(crm.Companies, props{"name": "Acme", "domain": domain})
		b.must(err)
		return id
	}
	own, same, kept := company("acme.example"), company("acme.example"), company("kept.example")
	carries, err := b.Zoho.Create(crm.Companies, props{"Account_Name": "Acme Nord", "Website": "kept.example", "HubSpot_Id": own})
	b.must(err)
	b.Clock.Advance(10 * time.Second)
	b.settle()
	says, _ := b.predicted()
	if want := map[string]string{own: "matched " + carries, same: "missing", kept: "taken " + carries}; !maps.Equal(says, want) {
		t.Errorf("%v, want %v", says, want)
	}

	b.want(ExitOK, "resume")
	b.want(ExitOK, "import")
	b.settle()
	if z, _ := b.Zoho.Props(crm.Companies, carries); z["Website"] != "kept.example" {
		t.Errorf("%v", z)
	}
	has(t, b.want(ExitOK, "explain", "hubspot", same, "--company"), "living")
	has(t, b.want(ExitOK, "parked"), "hubspot/company/"+kept, "TWIN_TAKEN")
	if n := len(b.Zoho.IDs(crm.Companies)); n != 2 {
		t.Errorf("%d companies in Zoho", n)
	}
}

func TestADryRunSaysOfAPairThatLostAHalfThatItDid(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.SearchRate = -1 })
	hub, zo := b.rossi()
	living, twin := b.rossi2()
	b.must(b.Zoho.Delete(crm.Contacts, zo))
	b.settle()
	says, out := b.predicted()
	if want := map[string]string{hub: "orphan", living: "paired " + twin}; !maps.Equal(says, want) {
		t.Errorf("%v, want %v", says, want)
	}
	has(t, out, "paired      0          1", "orphan      0          1")

	// It comes true: nothing is made anew, and what is edited is asked.
	b.want(ExitOK, "import")
	b.settle()
	hasNot(t, b.want(ExitOK, "parked"), hub)
	b.must(b.HubSpot.Edit(crm.Contacts, hub, props{"jobtitle": "Chief"}))
	b.settle()
	has(t, b.want(ExitOK, "parked"), "hubspot/contact/"+hub)
	if n := len(b.Zoho.IDs(crm.Contacts)); n != 1 {
		t.Errorf("%d contacts in Zoho", n)
	}
}

func TestADryRunSaysOfWhoWentIntoAnothersPairThatItsTwinIsTaken(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.SearchRate = -1 })
	hub, zo := b.rossi()
	other, twin := b.rossi2()
	b.must(b.Zoho.Edit(crm.Contacts, twin, props{"Secondary_Email": "anna@acme.example"}))
	_, err := b.Zoho.Merge(crm.Contacts, twin, zo) // two persons of HubSpot are one in Zoho
	b.must(err)
	b.settle()
	b.Clock.Advance(2 * time.Hour)
	b.settle()
	says, _ := b.predicted()
	if says[other] != "paired "+twin || says[hub] != "taken "+twin {
		t.Errorf("%s of %s and %s: %v\n%s", twin, hub, other, says, b.want(ExitOK, "explain", "hubspot", hub))
	}
}

func TestADryRunLeavesTheFileAsItIsUntilThereIsSomethingToWrite(t *testing.T) {
	b := stage(t)
	b.rossi()
	path := file(t, "matches.csv", "of before\n")
	out := b.want(ExitOK, "link", "--dry-run", "--plan", "--csv", path)
	has(t, out, "plan   "+path+" has 1 line")
	if text, err := os.ReadFile(path); err != nil || string(text) != "of before\n" {
		t.Errorf("--plan writes %q, %v", text, err)
	}
	fresh := filepath.Join(t.TempDir(), "fresh.csv")
	b.want(ExitOK, "link", "--dry-run", "--plan", "--csv", fresh)
	if _, err := os.Stat(fresh); err == nil {
		t.Error("--plan makes a file")
	}
	calls := b.HubSpot.Calls()
	has(t, b.want(ExitUsage, "link", "--dry-run", "--csv", filepath.Join(t.TempDir(), "nowhere", "matches.csv")), "--csv: ")
	has(t, b.want(ExitUsage, "link", "--dry-run", "--csv", t.TempDir()), "--csv: ")
	if !maps.Equal(calls, b.HubSpot.Calls()) {
		t.Error("it walks before it finds that it cannot write")
	}
	b.dark = "api.hubapi.com"
	b.want(ExitFinding, "link", "--dry-run", "--csv", path)
	if text, err := os.ReadFile(path); err != nil || string(text) != "of before\n" {
		t.Errorf("a walk that fails leaves %q, %v", text, err)
	}
	b.dark = ""
	has(t, b.want(ExitOK, "link", "--dry-run", "--csv", path), "done   "+path+" has 1 line")
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), "before") || !strings.Contains(string(text), "paired") {
		t.Errorf("%q, %v", text, err)
	}
}

func TestADryRunTakesNoIds(t *testing.T) {
	b := stage(t)
	for _, args := range [][]string{{"151"}, {"151", "4876876000000333013"}, {"--company"}} {
		has(t, b.want(ExitUsage, append([]string{"link", "--dry-run"}, args...)...), "--dry-run looks at all records")
	}
}

func TestLinkUnderObserveSaysWhatItWritesItself(t *testing.T) {
	b := stage(t)
	b.set(config.Mode, "observe")
	hub, err := b.HubSpot.Create(crm.Contacts, props{"lastname": "Rossi"})
	b.must(err)
	zo, err := b.Zoho.Create(crm.Contacts, props{"Last_Name": "Rossi"})
	b.must(err)
	b.settle()
	out := b.want(ExitOK, "link", hub, zo)
	has(t, out, "note   the stack only observes: this command itself writes the HubSpot id", "done   zoho "+zo+" carries the HubSpot id "+hub)
	hasNot(t, out, "what it would write")
}

func TestAnIdWithALeadingZeroIsRefused(t *testing.T) {
	b := stage(t)
	hub, _ := b.rossi()
	for _, line := range []string{"erase hubspot 0", "sync hubspot 0", "explain hubspot 0", "link 0", "doctor --test-record 0"} {
		args := strings.Fields(line + hub)
		if args[0] == "link" {
			args = append(args, "4876876000000333013")
		}
		b.unchanged(line, func() { has(t, b.want(ExitUsage, args...), "an id of hubspot does not begin with 0") })
	}
}
