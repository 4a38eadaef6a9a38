package connector

import (
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
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
