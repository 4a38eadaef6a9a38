package connector

import (
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/flow/digest"
)

func TestEraseForgetsAPerson(t *testing.T) {
	b := stage(t)
	hub, zo := b.rossi()
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "erase", "zoho", zo, "--plan"), "plan   queued the erasure of hubspot/contact/"+hub)
	})
	has(t, b.want(ExitOK, "erase", "zoho", zo), "done   queued the erasure of hubspot/contact/"+hub)
	b.settle()
	has(t, b.want(ExitOK, "explain", "hubspot", hub), "is in no pair")
	has(t, b.want(ExitOK, "parked"), "erase", zo)
}

func TestAnErasureIsNoMatterOfTheMode(t *testing.T) {
	for _, mode := range []string{"observe", "off"} {
		b := stage(t)
		hub, _ := b.rossi()
		b.set(config.Mode, mode)
		b.Clock.Advance(61 * time.Second)
		hasNot(t, b.want(ExitOK, "erase", "hubspot", hub), "only observes", "is off")
		b.settle()
		has(t, b.want(ExitOK, "explain", "hubspot", hub), "is in no pair")
	}
}

func TestErasingAPersonErasesTheUnreadableDeliveriesThatNameThem(t *testing.T) {
	b := stage(t)
	hub, zo := b.rossi()
	b.quarantine("hubspot", `[{"objectId":`+hub+`,"propertyValue":"Anna`)
	b.quarantine("zoho", `{"ids":["`+zo+`"`)
	b.quarantine("zoho", zo+"0") // another number
	b.quarantine("hubspot", "9"+hub)
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "erase", "hubspot", hub, "--plan"), "plan   queued the erasure of hubspot/contact/"+hub+", deliveries in quarantine that go with it: 2")
	})
	b.want(ExitOK, "erase", "hubspot", hub)
	b.settle()
	if n := len(b.quarantined()); n != 2 {
		t.Errorf("%d are left", n)
	}
	b.quarantine("zoho", `{"ids":["`+zo+`"`)
	has(t, b.want(ExitOK, "erase", "zoho", zo), "done   queued the erasure of zoho/contact/"+zo+", deliveries in quarantine that go with it: 1")
	b.settle()
	if n := len(b.quarantined()); n != 2 {
		t.Errorf("%d are left", n)
	}
}

func TestEraseOfARecordThatIsInNoPairForgetsWhatWasParkedAboutIt(t *testing.T) {
	b := stage(t)
	ledger := &digest.Ledger{Store: b.Tables["parked"], Now: b.Clock.Now}
	id := crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "4876876000000999001"}
	b.must(ledger.Open(t.Context(), fault.Parked{Connection: crm.DefaultConnection, Record: id, Kind: crm.Contact, Hint: fault.HintDuplicate}))
	b.want(ExitOK, "erase", "zoho", id.Key)
	b.settle()
	if rows, err := ledger.List(t.Context()); err != nil || len(rows) != 0 {
		t.Errorf("%d rows are left, %v", len(rows), err)
	}
}

func TestErasingAClientLeavesTheFiguresOfConversions(t *testing.T) {
	b := counts(t)
	b.bought("CLIENTE-ITALIA-789456", 3)
	b.bought("CLIENTE-ITALIA-789457", 1)
	b.fails("r-9", "junk of CLIENTE-ITALIA-789456", counting.ReasonUnreadable)
	day := b.Clock.Now().Format(time.DateOnly)
	before := b.want(ExitOK, "conversions", "report", day)
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "erase", "conversions", "CLIENTE-ITALIA-789456", "--plan"), "plan   made 3 events of the client nobody's, erased 1 message not counted")
	})
	out := b.want(ExitOK, "erase", "conversions", "CLIENTE-ITALIA-789456")
	has(t, out, "done   made 3 events of the client nobody's")
	hasNot(t, out, "CLIENTE-")
	for key, value := range b.stored() {
		if strings.Contains(value, "CLIENTE-ITALIA-789456") {
			t.Errorf("%s names the client", key)
		}
	}
	if after := b.want(ExitOK, "conversions", "report", day); after != before {
		t.Errorf("the report was\n%s\nand is\n%s", before, after)
	}
	b.unchanged("the second time", func() {
		has(t, b.want(ExitOK, "erase", "conversions", "CLIENTE-ITALIA-789456"), "as is  no event of the client is kept")
	})
	for _, id := range []string{"789456", "CLIENTE-ITALIA-789456; DROP", counting.Nobody} {
		has(t, b.want(ExitUsage, "erase", "conversions", id), "an id of a client is like")
	}
}

// conversing is a world with WhatsApp at work.
func conversing(t *testing.T) *bench {
	return stage(t, func(o *sandbox.WorldOptions) { o.WhatsApp = &whatsapptest.Options{} })
}

// chatsOf counts the rows of conversations that name a contact or hang on it, but for those that hold ids alone and end by
// themselves: claims, by which a repeat is known, and the rates of sending.
func (b *bench) chatsOf(contact string) (n int) {
	for r := range b.Tables[sandbox.Chats].All("") {
		if strings.HasPrefix(r.Key.Part, "C#") || strings.HasPrefix(r.Key.Part, "R#") {
			continue
		}
		if strings.Contains(r.Key.Part+r.Key.Sort+string(r.Value), contact) {
			n++
		}
	}
	return n
}

func TestErasingAPersonErasesTheConversationOnWhatsApp(t *testing.T) {
	b := conversing(t)
	for i, phone := range []string{"393471234567", "393471234568"} {
		_, err := b.WhatsApp.Meet("Anna Rossi", phone).Say(whatsapptest.DefaultNumber, "buongiorno")
		b.must(err)
		b.settle()
		if n := len(b.Zoho.IDs(crm.Contacts)); n != i+1 {
			t.Fatalf("%d contacts after %d people wrote", n, i+1)
		}
	}
	ids := b.Zoho.IDs(crm.Contacts)
	other := b.chatsOf(ids[1])
	if b.chatsOf(ids[0]) == 0 || other == 0 {
		t.Fatal("nothing is kept of who wrote")
	}
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "erase", "zoho", ids[0], "--plan"), "plan   queued the erasure of zoho/contact/"+ids[0])
	})
	b.want(ExitOK, "erase", "zoho", ids[0])
	b.settle()
	if b.chatsOf(ids[0]) != 0 || b.chatsOf(ids[1]) != other {
		t.Errorf("%d rows are left of the person, %d of %d of another", b.chatsOf(ids[0]), b.chatsOf(ids[1]), other)
	}
}

func TestAMessageThatWasParkedIsLoggedOnceItsPersonIsPlain(t *testing.T) {
	b := conversing(t)
	var twins []string
	for range 2 {
		id, err := b.Zoho.Create(crm.Contacts, props{"Last_Name": "Rossi", "Mobile": "+393471234567"})
		b.must(err)
		twins = append(twins, id)
	}
	b.settle()
	_, err := b.WhatsApp.Meet("Anna Rossi", "393471234567").Say(whatsapptest.DefaultNumber, "buongiorno")
	b.must(err)
	b.settle()
	has(t, b.want(ExitOK, "parked"), "whatsapp/contact/")
	b.must(b.Zoho.Delete(crm.Contacts, twins[1]))
	b.settle()
	has(t, b.want(ExitOK, "parked", "replay", "--all"), "done   queued")
	b.settle()
	hasNot(t, b.want(ExitOK, "parked"), "whatsapp/contact/")
	if b.chatsOf(twins[0]) == 0 {
		t.Error("it is on nobody's contact")
	}
}
