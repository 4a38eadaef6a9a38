package conversation_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/conversation"
)

// anna and bruno have had the same number, one after the other.
var (
	anna  = chat.Person{Phone: crm.Text("393471234567"), User: crm.Text("IT.111"), Name: crm.Text("Rossi")}
	bruno = chat.Person{Phone: crm.Text("393471234567"), User: crm.Text("IT.222"), Name: crm.Text("Bianchi")}
)

// wrote is a text as WhatsApp delivers it.
func (w *world) wrote(id, text string, from chat.Person) chat.Update {
	return chat.Update{Number: number, Message: &chat.Message{ID: crm.Text("wamid." + id), At: w.now, From: from, Type: chat.TypeText, Text: crm.Text(text)}}
}

// changed is the system message that somebody has other keys now.
func (w *world) changed(id string, at time.Time, before, now chat.Person) chat.Update {
	return chat.Update{Number: number, Message: &chat.Message{ID: crm.Text("wamid." + id), At: at, From: before, Type: chat.TypeSystem, Kind: chat.KindNumberChanged, Changed: now}}
}

// finish carries updates out until they are done, as the queue does.
func (w *world) finish(updates ...chat.Update) {
	w.t.Helper()
	parcel := chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: updates}
	for range 20 {
		var out fault.Outcome
		if w.work(func() { out = w.flow.Carry(w.t.Context(), parcel) }) {
			w.check(out)
			if out.Ending == fault.Done {
				return
			}
		}
		w.pass(max(out.After, time.Second))
	}
	w.t.Fatal("an update does not come to its end")
}

// promote asks for a template that needs no window, and says whether it went out.
func (w *world) promote(reference string, to chat.Person) (sent bool) {
	w.t.Helper()
	before := len(w.phone.SentMessages())
	r := outbound.Request{Reference: reference, To: to, Template: &outbound.Template{Name: "promo_autunno", Language: "it", Parameters: []crm.Value{crm.Text("x")}}}
	if _, err := w.flow.Accept(w.t.Context(), crm.DefaultConnection, "shop", r); err != nil {
		w.t.Fatal(err)
	}
	w.pass(time.Minute)
	for _, r := range w.parked {
		if r.Code == fault.CauseCorrupt {
			w.t.Fatalf("%+v", r)
		}
	}
	return len(w.phone.SentMessages()) > before
}

// met is somebody on WhatsApp under the user id of a person.
func (w *world) met(p chat.Person) *whatsapptest.Person {
	m := w.phone.Meet(p.Name.Text(), p.Phone.Text())
	m.User = p.User.Text()
	return m
}

// optOut returns what a contact of Zoho says about messages.
func (w *world) optOut(contact string) string {
	props, _ := w.zoho.Props(crm.Contacts, contact)
	return props["WhatsApp_Opt_Out"]
}

// twins returns the rows that ask for a merge of two contacts.
func (w *world) twins() (out []fault.Parked) {
	for _, r := range w.parked {
		if r.Hint == fault.HintMergeTwins {
			out = append(out, r)
		}
	}
	return out
}

func TestTheNewOwnerOfANumberIsNotTheOneWhomItWasSentToFirst(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	_, zo := w.couple("Rossi", "393471234567")
	w.met(anna)
	w.promote("first", chat.Person{Phone: anna.Phone})
	w.finish(w.wrote("a", "grazie", anna))
	w.pass(300 * 24 * time.Hour)
	w.finish(w.wrote("b", "sono un altro", bruno))
	if codes := w.reasons(); len(w.notes("wamid.a")) != 1 || len(w.notes("wamid.b")) != 0 || len(codes) != 1 || codes[0] != fault.CauseTwin || w.contacts() != 1 {
		t.Fatalf("parked %v, %d contacts, %d notes", codes, w.contacts(), len(w.notes("wamid.b")))
	}
	w.finish(w.wrote("c", "ancora io", anna))
	if n := w.notes("wamid.c"); len(n) != 1 || n[0].Parent != zo {
		t.Errorf("the first owner, who has told of no change, is %+v", n)
	}
	// Somebody takes the number off the first one's contact: its owner is somebody else.
	if err := w.zoho.Edit(crm.Contacts, zo, map[string]string{"Phone": ""}); err != nil {
		t.Fatal(err)
	}
	hub, _ := w.zoho.Props(crm.Contacts, zo)
	if err := w.hubspot.Edit(crm.Contacts, hub["HubSpot_Id"], map[string]string{"phone": ""}); err != nil {
		t.Fatal(err)
	}
	for _, r := range w.parked {
		if out := w.flow.Replay(t.Context(), crm.DefaultConnection, r.Operation); out.Ending != fault.Done || len(out.Settled) != 1 {
			t.Fatalf("%+v", out)
		}
	}
	if n := w.notes("wamid.b"); len(n) != 1 || n[0].Parent == zo || w.contacts() != 2 {
		t.Errorf("%d contacts, notes %+v", w.contacts(), n)
	}
}

func TestAStopHoldsWhenTheContactIsDeletedAndItsPersonWritesAgain(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		w := build(t, 1, whatsapptest.Options{})
		p := w.phone.Meet("Persona", "393471234567")
		to := chat.Person{Phone: crm.Text("393471234567")}
		if hidden {
			p.Hidden, p.Username = true, "persona"
			to = chat.Person{User: crm.Text(p.User)}
		}
		w.say(p, "STOP")
		w.pass(time.Minute)
		gone := w.zoho.IDs(crm.Contacts)[0]
		if err := w.zoho.Delete(crm.Contacts, gone); err != nil {
			t.Fatal(err)
		}
		if w.pass(time.Hour); w.promote("before-he-writes", to) {
			t.Error("a promotion went to somebody who wants none, whose contact is gone")
		}
		id := w.say(p, "quando arriva il pacco")
		w.pass(time.Minute)
		contacts := w.zoho.IDs(crm.Contacts)
		if len(contacts) != 1 || contacts[0] == gone || len(w.notes(id)) != 1 || w.optOut(contacts[0]) != "true" {
			t.Fatalf("contacts %v, opt-out %q, %d notes", contacts, w.optOut(contacts[0]), len(w.notes(id)))
		}
		if w.promote("after", to) {
			t.Error("a promotion went to somebody who wants none")
		}
		w.say(p, "START")
		w.pass(time.Minute)
		if w.optOut(contacts[0]) != "false" || !w.promote("resumed", to) {
			t.Errorf("after his own word the contact says %q", w.optOut(contacts[0]))
		}
	}
}

func TestAStopHoldsOnTheContactThatHisWasMergedInto(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "STOP")
	w.pass(time.Minute)
	first := w.zoho.IDs(crm.Contacts)[0]
	_, survivor := w.couple("Rossi", "393479999999")
	if _, err := w.zoho.Merge(crm.Contacts, survivor, first); err != nil {
		t.Fatal(err)
	}
	if err := w.zoho.Edit(crm.Contacts, survivor, map[string]string{"WhatsApp_Opt_Out": "false"}); err != nil { // the survivor's was kept
		t.Fatal(err)
	}
	w.say(p, "grazie")
	w.pass(time.Minute)
	if w.contacts() != 1 || w.optOut(survivor) != "true" || w.promote("promo", chat.Person{Phone: crm.Text("393471234567")}) {
		t.Errorf("%d contacts, opt-out %q", w.contacts(), w.optOut(survivor))
	}
}

func TestAStopThatMetaTellsOfSomebodyWhomNoCRMHasHoldsOnceOneHasHim(t *testing.T) {
	for _, later := range []string{"he writes", "somebody enters him", "he is written to"} {
		w := build(t, 1, whatsapptest.Options{})
		w.met(anna)
		w.finish(chat.Update{Number: number, Status: &chat.Status{ID: crm.Text("wamid.other-tool"), State: chat.Failed, At: w.now,
			To: chat.Person{Phone: anna.Phone}, Errors: []chat.Error{{Code: chat.CodeOptedOut}}}})
		if w.contacts() != 0 {
			t.Fatal("a status has made a contact")
		}
		switch later {
		case "he writes":
			w.finish(w.wrote("a", "ciao", anna))
		case "somebody enters him":
			if _, err := w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", "Phone": "+393471234567"}); err != nil {
				t.Fatal(err)
			}
		}
		if w.promote("promo", chat.Person{Phone: anna.Phone}) {
			t.Errorf("%s: a promotion went to somebody who wants none", later)
		}
		if later == "he is written to" { // what is not sent makes nobody a contact either
			if w.contacts() != 0 {
				t.Errorf("%s: %d contacts", later, w.contacts())
			}
			w.finish(w.wrote("a", "ciao", anna))
		}
		if contacts := w.zoho.IDs(crm.Contacts); len(contacts) != 1 || w.optOut(contacts[0]) != "true" {
			t.Errorf("%s: contacts %v, %s", later, contacts, w.told())
		}
	}
}

func TestTheWindowAndTheAnswersGoOnWhenTheContactIsDeleted(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "ciao")
	w.pass(time.Minute)
	if err := w.zoho.Delete(crm.Contacts, w.zoho.IDs(crm.Contacts)[0]); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	before := len(w.phone.SentMessages())
	w.say(p, "quali sono gli orari?")
	w.pass(time.Minute)
	if n := len(w.phone.SentMessages()) - before; n != 1 || len(w.parked) != 0 || len(w.zoho.Tasks()) != 0 {
		t.Errorf("%d answers, parked %v, %d tasks", n, w.reasons(), len(w.zoho.Tasks()))
	}
	r := outbound.Request{Reference: "r", To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("parole")}
	if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", r); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	if n := len(w.phone.SentMessages()) - before; n != 2 || len(w.parked) != 0 {
		t.Errorf("free words a minute after the person wrote: %d sent, parked %v", n, w.reasons())
	}
}

func TestANumberThatAPersonCallsInAnotherSpellingIsTheSameLine(t *testing.T) {
	for _, tt := range []struct{ stored, writes string }{
		{"+541123456789", "5491123456789"}, {"+5491123456789", "5491123456789"}, {"+5491123456789", "541123456789"},
		{"+525512345678", "5215512345678"}, {"+5511987654321", "551187654321"}, {"+551187654321", "5511987654321"},
	} {
		w := build(t, 1, whatsapptest.Options{})
		zo, err := w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Perez", "Mobile": tt.stored})
		if err != nil {
			t.Fatal(err)
		}
		p := w.phone.Meet("Perez", tt.writes)
		p.User = "AR.1"
		id := w.say(p, "hola")
		w.pass(time.Minute)
		if n := w.notes(id); w.contacts() != 1 || len(n) != 1 || n[0].Parent != zo {
			t.Errorf("%s is stored, %s writes: %d contacts, parked %v", tt.stored, tt.writes, w.contacts(), w.reasons())
		}
		w.promote("by-the-stored-one", chat.Person{Phone: crm.Text(strings.TrimPrefix(tt.stored, "+"))})
		if w.contacts() != 1 || len(w.parked) != 0 {
			t.Errorf("sent to %s: %d contacts, parked %v", tt.stored, w.contacts(), w.reasons())
		}
	}
}

func TestAnArgentineLineAsItCameGoesBeforeItsOtherSpelling(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	var mobile string
	for _, number := range []string{"+541123456789", "+5491123456789"} {
		var err error
		if mobile, err = w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Perez", "Mobile": number}); err != nil {
			t.Fatal(err)
		}
	}
	id := w.say(w.phone.Meet("Perez", "5491123456789"), "hola")
	w.pass(time.Minute)
	if n := w.notes(id); len(n) != 1 || n[0].Parent != mobile || w.contacts() != 2 {
		t.Errorf("notes %+v, parked %v", n, w.reasons())
	}
}

func TestAChangeBetweenTwoSpellingsOfOneLineIsCarriedOut(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	before := chat.Person{Phone: crm.Text("541123456789"), User: crm.Text("AR.111"), Name: crm.Text("Perez")}
	now := chat.Person{Phone: crm.Text("5491123456789"), User: crm.Text("AR.222"), Name: crm.Text("Perez")}
	w.finish(w.wrote("a", "hola", before))
	w.pass(time.Minute)
	w.finish(w.changed("c", w.now, before, now))
	w.finish(w.wrote("b", "soy yo", now))
	if w.contacts() != 1 || len(w.notes("wamid.b")) != 1 || len(w.parked) != 0 {
		t.Errorf("%d contacts, %d notes, parked %v", w.contacts(), len(w.notes("wamid.b")), w.reasons())
	}
}

// unwritable is a table that does not take what was decided about a message.
type unwritable struct{ conversation.Store }

func (s unwritable) Put(ctx context.Context, puts ...row.Put) error {
	if slices.ContainsFunc(puts, func(p row.Put) bool { return p.Key.Sort == "talk" }) {
		return &fault.Error{Op: "memory.Put", Kind: fault.Ours, Err: fmt.Errorf("the row is too large")}
	}
	return s.Store.Put(ctx, puts...)
}

func TestAWriteThatNoTableTakesIsParkedAndStopsNobody(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.couple("Rossi", "393471234567")
	w.flow.Store = unwritable{w.flow.Store}
	w.finish(w.wrote("a", "buongiorno", anna))
	if len(w.parked) != 1 || len(w.notes("wamid.a")) != 1 {
		t.Errorf("parked %v, %d notes", w.reasons(), len(w.notes("wamid.a")))
	}
}

func TestAChangeOfNumberThatIsToldAfterTheFirstMessageJoinsBothWithTheStricterWord(t *testing.T) {
	before := chat.Person{Phone: crm.Text("393471234567"), User: crm.Text("IT.111")}
	now := chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.222")}
	for _, tt := range []struct{ name, old, young, want string }{
		{"said under the old number", "STOP", "ciao", "true"},
		{"said under the new number", "ciao", "STOP", "true"},
		{"said by nobody", "ciao", "buongiorno", "false"},
	} {
		w := build(t, 1, whatsapptest.Options{})
		w.met(before)
		w.met(now)
		w.finish(w.wrote("a", tt.old, before))
		w.pass(time.Hour)
		at := w.now
		w.pass(5 * time.Second)
		w.finish(w.wrote("b", tt.young, now))
		change := w.changed("c", at, before, now)
		w.finish(change)
		w.finish(change) // Meta tells it again
		w.finish(w.wrote("d", "sono io", now))
		contacts := w.zoho.IDs(crm.Contacts)
		rows := w.twins()
		if len(contacts) != 2 || len(rows) != 1 || len(w.parked) != 1 || rows[0].TargetID.Key == rows[0].Other.Key || rows[0].Target != crm.Zoho || rows[0].Record.System != crm.WhatsApp {
			t.Fatalf("%s: contacts %v, rows %+v", tt.name, contacts, w.parked)
		}
		if n := w.notes("wamid.d"); len(n) != 1 || n[0].Parent != rows[0].TargetID.Key || len(w.notes("wamid.c")) != 1 {
			t.Errorf("%s: what he writes now is %+v", tt.name, n)
		}
		for _, contact := range contacts {
			if w.optOut(contact) != tt.want {
				t.Errorf("%s: contact %s says %q", tt.name, contact, w.optOut(contact))
			}
		}
		if sent := w.promote("promo", chat.Person{Phone: now.Phone}); sent != (tt.want == "false") {
			t.Errorf("%s: a promotion went out: %v", tt.name, sent)
		}
		// Merged either way round, he stays one.
		if _, err := w.zoho.Merge(crm.Contacts, rows[0].Other.Key, rows[0].TargetID.Key); err != nil {
			t.Fatal(err)
		}
		w.finish(w.wrote("e", "sempre io", now))
		if n := w.notes("wamid.e"); len(n) != 1 || n[0].Parent != rows[0].Other.Key || w.contacts() != 1 || w.promote("promo-2", chat.Person{Phone: now.Phone}) != (tt.want == "false") {
			t.Errorf("%s: after the merge %+v, parked %v", tt.name, n, w.reasons())
		}
		// So does his word, when nothing is left of the two.
		if err := w.zoho.Delete(crm.Contacts, rows[0].Other.Key); err != nil {
			t.Fatal(err)
		}
		w.finish(w.wrote("f", "di nuovo", now))
		if contacts := w.zoho.IDs(crm.Contacts); len(contacts) != 1 || w.optOut(contacts[0]) != tt.want {
			t.Errorf("%s: after the deletion %v, opt-out %q", tt.name, contacts, w.optOut(contacts[0]))
		}
	}
}

func TestWhatWasWrittenBeforeAChangeOfNumberIsHisAlthoughItComesLater(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	before, now := anna, chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.333")}
	w.finish(w.wrote("a", "ciao", before))
	w.pass(time.Minute)
	late := w.wrote("b", "STOP", before)
	w.pass(time.Minute)
	w.finish(w.changed("c", w.now, before, now))
	w.pass(time.Minute)
	sent := len(w.phone.SentMessages())
	w.finish(late)
	if w.pass(time.Minute); len(w.phone.SentMessages()) != sent {
		t.Error("the next owner of the number was answered")
	}
	contact := w.zoho.IDs(crm.Contacts)[0]
	if w.contacts() != 1 || len(w.notes("wamid.b")) != 1 || len(w.parked) != 0 || w.optOut(contact) != "true" {
		t.Errorf("%d contacts, parked %v, opt-out %q", w.contacts(), w.reasons(), w.optOut(contact))
	}
}

func TestAChangeThatIsToldAgainDoesNotTakeTheNewOwnerOfTheOldNumberAlong(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	before, now := chat.Person{Phone: anna.Phone}, chat.Person{Phone: crm.Text("393479999999")}
	w.finish(w.wrote("a", "ciao", before))
	w.pass(time.Minute)
	change := w.changed("b", w.now, before, now)
	w.finish(change)
	first := w.zoho.IDs(crm.Contacts)[0]
	if err := w.zoho.Edit(crm.Contacts, first, map[string]string{"Mobile": "+393479999999"}); err != nil {
		t.Fatal(err)
	}
	w.pass(6 * 24 * time.Hour)
	w.finish(w.wrote("c", "salve", before))
	w.finish(change)
	w.finish(w.wrote("d", "ancora", before), w.wrote("e", "sono qui", now))
	if d, e := w.notes("wamid.d"), w.notes("wamid.e"); w.contacts() != 2 || len(d) != 1 || d[0].Parent == first || len(e) != 1 || e[0].Parent != first || len(w.parked) != 0 {
		t.Errorf("%d contacts, parked %v, notes %+v, %+v", w.contacts(), w.reasons(), d, e)
	}
}

func TestASystemMessageThatChangesNothingIsLoggedOnWhomItComesFrom(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.finish(w.changed("a", w.now, anna, chat.Person{User: anna.User}))
	contacts := w.zoho.IDs(crm.Contacts)
	if props, _ := w.zoho.Props(crm.Contacts, contacts[0]); len(contacts) != 1 || props["Mobile"] != "+393471234567" || len(w.notes("wamid.a")) != 1 {
		t.Errorf("contacts %v, %v, parked %v", contacts, props, w.reasons())
	}
}

func TestAChangeOfNumberOfSomebodyWhomOnlyZohoKnowsIsHis(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	_, zo := w.couple("Rossi", "393471234567")
	now := chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.333")}
	w.finish(w.changed("a", w.now, anna, now))
	w.finish(w.wrote("b", "il mio nuovo numero", now))
	if a, b := w.notes("wamid.a"), w.notes("wamid.b"); w.contacts() != 1 || len(a) != 1 || len(b) != 1 || b[0].Parent != zo {
		t.Errorf("%d contacts, notes %+v, %+v, parked %v", w.contacts(), a, b, w.reasons())
	}
}

func TestNumberAndUserIDAreLearntFromWhatWasSent(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{ReadAfter: 10 * time.Second})
	_, zo := w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.promote("t", chat.Person{Phone: crm.Text(p.Phone)})
	p.Hidden, p.Username = true, "persona"
	id := w.say(p, "grazie")
	w.pass(time.Minute)
	if n := w.notes(id); w.contacts() != 1 || len(n) != 1 || n[0].Parent != zo || len(w.parked) != 0 {
		t.Errorf("%d contacts, parked %v, notes %+v", w.contacts(), w.reasons(), n)
	}
}

func TestWhatTheAnswerToASendingTellsIsLearntBeforeAnyStatus(t *testing.T) {
	for _, told := range []string{`{"input":"+393471234567","wa_id":"393471234567","user_id":"IT.111"}`, `{"input":"+393471234567","user_id":"IT.111"}`} {
		w := build(t, 1, whatsapptest.Options{})
		_, zo := w.couple("Rossi", anna.Phone.Text())
		w.phone.Fail(whatsapptest.Fault{On: "POST", Status: http.StatusOK, Times: 1,
			Body: `{"messaging_product":"whatsapp","contacts":[` + told + `],"messages":[{"id":"wamid.sent"}]}`})
		w.promote("t", chat.Person{Phone: anna.Phone})
		w.finish(w.wrote("a", "grazie", chat.Person{User: anna.User}))
		if n := w.notes("wamid.a"); w.contacts() != 1 || len(n) != 1 || n[0].Parent != zo || len(w.notes("wamid.sent")) != 1 {
			t.Errorf("%s: %d contacts, parked %v, notes %+v", told, w.contacts(), w.reasons(), n)
		}
	}
}

func TestTheNextOwnerOfANumberThatWasGivenUpIsSomebodyElseAlsoWhereZohoKeepsNoUserIDs(t *testing.T) {
	for _, before := range []chat.Person{anna, {Phone: anna.Phone}} {
		w := build(t, 1, whatsapptest.Options{})
		w.flow.Columns.User = crm.Column{}
		w.finish(w.wrote("a", "STOP", before))
		w.pass(time.Minute)
		w.finish(w.changed("b", w.now, before, chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.333")}))
		w.pass(time.Hour)
		w.finish(w.wrote("c", "salve", bruno))
		if codes := w.reasons(); w.contacts() != 1 || len(w.notes("wamid.c")) != 0 || len(codes) != 1 || codes[0] != fault.CauseTwin {
			t.Errorf("%d contacts, parked %v", w.contacts(), codes)
		}
	}
}

func TestWhatMayHaveBeenLoggedIsLookedForWhereItWouldBeAlthoughItsPersonGoesOnElsewhere(t *testing.T) {
	now := chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.222"), Name: crm.Text("Rossi")}
	for _, lost := range []zohotest.Lost{zohotest.LostAfter, zohotest.LostBefore} {
		w := build(t, 1, whatsapptest.Options{})
		w.met(anna)
		w.met(now)
		w.finish(w.wrote("a", "ciao", anna))
		w.pass(time.Minute)
		at := w.now
		w.pass(time.Second)
		w.finish(w.wrote("b", "sono io", now))
		w.pass(time.Minute)
		young := w.zoho.IDs(crm.Contacts)[1]
		w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts/" + young + "/Notes", Lost: lost, Times: 1})
		third := w.wrote("c", "ci siete?", now)
		if out := w.flow.Carry(t.Context(), chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: []chat.Update{third}}); out.Ending != fault.GoAgain {
			t.Fatalf("%+v", out)
		}
		w.finish(w.changed("d", at, anna, now))
		w.finish(third)
		if n := w.notes("wamid.c"); len(n) != 1 || (n[0].Parent == young) != (lost == zohotest.LostAfter) {
			t.Errorf("%v: notes %+v", lost, n)
		}
	}
}

func TestSomebodyWhoWroteUnderANameAloneIsJoinedWithTheContactThatAMessageReachedHimBy(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	hub, zo := w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	p.Hidden, p.Username = true, "persona"
	w.say(p, "STOP")
	w.pass(time.Minute)
	if w.contacts() != 2 {
		t.Fatalf("%d contacts", w.contacts())
	}
	status := chat.Update{Number: number, Status: &chat.Status{ID: crm.Text("wamid.other-tool"), State: chat.Delivered, At: w.now,
		To: chat.Person{Phone: crm.Text(p.Phone), User: crm.Text(p.User)}}}
	w.finish(status)
	rows := w.twins()
	if len(rows) != 1 || rows[0].TargetID.Key != zo {
		t.Fatalf("rows %+v", w.parked)
	}
	h, _ := w.hubspot.Props(crm.Contacts, hub)
	if w.optOut(zo) != "true" || h["whatsapp_opt_out"] != "true" || w.promote("promo", chat.Person{Phone: crm.Text(p.Phone)}) {
		t.Errorf("his word is not heeded: Zoho %q, HubSpot %q", w.optOut(zo), h["whatsapp_opt_out"])
	}
	id := w.say(p, "grazie")
	w.pass(time.Minute)
	if n, c := w.notes(id), w.communications(id); len(n) != 1 || n[0].Parent != zo || len(c) != 1 {
		t.Errorf("notes %+v, communications %+v", n, c)
	}
}

func TestTheNumberThatAPersonGivesWhenAskedIsHis(t *testing.T) {
	card := func(w *world, from chat.Person) chat.Update {
		return chat.Update{Number: number, Message: &chat.Message{ID: crm.Text("wamid.card"), At: w.now, From: from, Type: chat.TypeContacts,
			Cards: []chat.Card{{Name: crm.Text("Persona"), Phones: []crm.Value{crm.Text("+39 347 1234567")}, Numbers: []crm.Value{crm.Text("393471234567")}, Origin: chat.OriginRequest}}}}
	}
	nameless := chat.Person{User: crm.Text("IT.111"), Username: crm.Text("persona")}

	w := build(t, 1, whatsapptest.Options{})
	_, zo := w.couple("Rossi", "393471234567")
	w.met(chat.Person{User: nameless.User, Phone: crm.Text("393471234567")})
	w.finish(w.wrote("a", "ciao", nameless))
	w.finish(card(w, nameless))
	w.finish(w.wrote("b", "eccomi", nameless))
	rows := w.twins()
	if len(rows) != 1 || rows[0].TargetID.Key != zo || len(w.parked) != 1 {
		t.Fatalf("rows %+v", w.parked)
	}
	if n, c := w.notes("wamid.b"), w.communications("wamid.b"); len(n) != 1 || n[0].Parent != zo || len(c) != 1 {
		t.Errorf("notes %+v, communications %+v", n, c)
	}

	w = build(t, 1, whatsapptest.Options{}) // nobody else has the number
	w.met(chat.Person{User: nameless.User, Phone: crm.Text("393471234567")})
	w.finish(w.wrote("a", "ciao", nameless))
	w.finish(card(w, nameless))
	contact := w.zoho.IDs(crm.Contacts)[0]
	if props, _ := w.zoho.Props(crm.Contacts, contact); props["Mobile"] != "+393471234567" || w.contacts() != 1 {
		t.Errorf("%d contacts, the number there is %q", w.contacts(), props["Mobile"])
	}
	w.promote("by-number", chat.Person{Phone: crm.Text("393471234567")})
	if w.contacts() != 1 {
		t.Errorf("what is sent to the number goes to another contact")
	}
}

func TestSomebodyWithoutANumberIsNeverTakenForTheBusinessItself(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.flow.Own = []string{"22395"}
	p := w.phone.Meet("Persona", "393471234567")
	p.Hidden, p.Username = true, "persona"
	w.say(p, "STOP")
	w.pass(time.Minute)
	if contact := w.zoho.IDs(crm.Contacts)[0]; w.optOut(contact) != "true" {
		t.Errorf("the opt-out is %q", w.optOut(contact))
	}
}

func TestAnErasedPersonIsForgottenUnderEveryContactThatHeHad(t *testing.T) {
	for i := range 2 {
		w := build(t, 1, whatsapptest.Options{})
		now := chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.222")}
		w.finish(w.wrote("a", "STOP", anna))
		w.pass(time.Minute)
		at := w.now
		w.pass(time.Second)
		w.finish(w.wrote("b", "ciao", now))
		w.finish(w.changed("c", at, anna, now))
		w.pass(time.Minute)
		if err := w.flow.Erase(t.Context(), crm.DefaultConnection, w.zoho.IDs(crm.Contacts)[i]); err != nil {
			t.Fatal(err)
		}
		for _, prefix := range []string{"I#", "P#", "S#", "K#", "T#", "O#", "B#"} {
			for r := range w.chats.All(prefix) {
				t.Errorf("by contact %d: a row of %s is left", i, r.Key.Part[:2])
			}
		}
	}
}

// A worker that dies before or after any one thing that it does, while two become one and a contact goes, loses no word and logs
// nothing twice.
func TestWhereverAWorkerDiesTwoBecomeOnePersonAndHisWordStays(t *testing.T) {
	now := chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.222"), Name: crm.Text("Rossi")}
	deaths := 0
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			name := fmt.Sprintf("step %d, after %v", n, after)
			w := build(t, 1, whatsapptest.Options{})
			w.met(anna)
			w.met(now)
			w.finish(w.wrote("a", "STOP", anna))
			zo := w.zoho.IDs(crm.Contacts)[0]
			w.pass(time.Minute)
			at := w.now
			w.pass(time.Second)
			w.finish(w.wrote("b", "buongiorno a tutti", now))
			w.fuse.left, w.fuse.after, w.keeps = n, after, true
			w.finish(w.changed("c", at, anna, now))
			rows := w.twins()
			if len(rows) != 1 || rows[0].TargetID.Key != zo || w.optOut(zo) != "true" || w.optOut(rows[0].Other.Key) != "true" {
				t.Fatalf("%s: rows %+v, opt-out %q", name, w.parked, w.optOut(zo))
			}
			if err := w.zoho.Delete(crm.Contacts, zo); err != nil {
				t.Fatal(err)
			}
			if err := w.zoho.Delete(crm.Contacts, rows[0].Other.Key); err != nil {
				t.Fatal(err)
			}
			w.finish(w.wrote("d", "eccomi", now))
			w.pass(5 * time.Minute)
			contacts := w.zoho.IDs(crm.Contacts)
			if len(contacts) != 1 || w.optOut(contacts[0]) != "true" || len(w.notes("wamid.d")) != 1 {
				t.Fatalf("%s: contacts %v, %d notes, parked %v", name, contacts, len(w.notes("wamid.d")), w.reasons())
			}
			deaths += w.crashes
			burnt := w.crashes > 0
			w.fuse.left = 0
			if w.promote("promo", now) {
				t.Errorf("%s: a promotion went to somebody who wants none", name)
			}
			for _, r := range w.parked {
				if r.Hint != fault.HintMergeTwins && r.Code != "131050" {
					t.Errorf("%s: parked %+v", name, r)
				}
			}
			if !burnt || t.Failed() {
				break
			}
		}
	}
	if deaths < 120 {
		t.Errorf("only %d deaths: the steps are not all met", deaths)
	}
}

func TestTwoWorkersWhoFindOutTheSameMakeOnePersonOfTwo(t *testing.T) {
	for seed := range uint64(10) {
		w := build(t, seed, whatsapptest.Options{})
		now := chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.222"), Name: crm.Text("Rossi")}
		w.met(anna)
		w.met(now)
		w.finish(w.wrote("a", "STOP", anna))
		at := w.now
		w.pass(time.Second)
		w.finish(w.wrote("b", "ciao", now))
		updates := []chat.Update{w.changed("c", at, anna, now), w.changed("d", at, anna, now), w.wrote("e", "sono io", now)}
		var all sync.WaitGroup
		for _, u := range updates {
			all.Go(func() {
				w.flow.Carry(t.Context(), chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: at, Updates: []chat.Update{u}})
			})
		}
		all.Wait()
		w.finish(updates...)
		rows := w.twins()
		if len(rows) != 1 || len(w.notes("wamid.e")) != 1 || w.optOut(rows[0].TargetID.Key) != "true" || w.promote("promo", now) {
			t.Errorf("seed %d: rows %+v, %d notes", seed, w.parked, len(w.notes("wamid.e")))
		}
	}
}

// interposed is a table at which something else happens right before a write of one kind, once.
type interposed struct {
	conversation.Store
	prefix string
	before func()
}

func (s *interposed) Put(ctx context.Context, puts ...row.Put) error {
	if before := s.before; before != nil && slices.ContainsFunc(puts, func(p row.Put) bool { return strings.HasPrefix(p.Key.Part, s.prefix) }) {
		s.before = nil
		before()
	}
	return s.Store.Put(ctx, puts...)
}

func TestAWordIsHeardThoughItsPersonTurnsOutToBeAnotherOneAtThatMoment(t *testing.T) {
	now := chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.222"), Name: crm.Text("Rossi")}
	for _, kind := range []string{"K#", "S#"} {
		w := build(t, 1, whatsapptest.Options{})
		w.met(anna)
		w.met(now)
		w.finish(w.wrote("a", "ciao", anna))
		w.pass(time.Minute)
		at := w.now
		w.pass(time.Second)
		w.finish(w.wrote("b", "sono io", now))
		one := *w.flow
		one.Store = &interposed{Store: w.flow.Store, prefix: kind, before: func() { w.finish(w.changed("c", at, anna, now)) }}
		stop := w.wrote("d", "STOP", now)
		parcel := chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: []chat.Update{stop}}
		for range 10 {
			if out := one.Carry(t.Context(), parcel); out.Ending == fault.Done {
				break
			}
			w.pass(time.Second)
		}
		rows := w.twins()
		if len(rows) != 1 || w.optOut(rows[0].TargetID.Key) != "true" || w.promote("promo", now) || len(w.notes("wamid.d")) != 1 {
			t.Errorf("%s: rows %+v, %d notes", kind, w.parked, len(w.notes("wamid.d")))
		}
		for _, contact := range w.zoho.IDs(crm.Contacts) {
			if err := w.zoho.Delete(crm.Contacts, contact); err != nil {
				t.Fatal(err)
			}
		}
		w.finish(w.wrote("e", "di nuovo", now))
		if contacts := w.zoho.IDs(crm.Contacts); len(contacts) != 1 || w.optOut(contacts[0]) != "true" {
			t.Errorf("%s: the word is not his own: %v", kind, contacts)
		}
	}
}

func TestANumberThatAContactDoesNotTakeKeepsNothingOfItsPersonBack(t *testing.T) {
	hidden := chat.Person{User: anna.User, Name: anna.Name}
	for _, tt := range []struct {
		name    string
		refuse  func(w *world, contact string)
		relieve func(w *world, contact string)
		rows    int
		later   string // what stands on the contact once nothing stands in the way
	}{
		{"refused", func(w *world, _ string) {
			w.zoho.Fail(zohotest.Fault{On: "PUT /crm/v8/Contacts", Times: 1, Status: 400,
				Body: `{"data":[{"code":"DUPLICATE_DATA","details":{"api_name":"Mobile"},"message":"duplicate data","status":"error"}]}`})
		}, func(*world, string) {}, 1, ""},
		{"locked", func(w *world, contact string) {
			if err := w.zoho.Block(crm.Contacts, contact, "NOT_APPROVED"); err != nil {
				t.Fatal(err)
			}
		}, func(w *world, contact string) {
			if err := w.zoho.Block(crm.Contacts, contact, ""); err != nil {
				t.Fatal(err)
			}
		}, 0, "+393471234567"},
	} {
		w := build(t, 1, whatsapptest.Options{})
		w.met(anna)
		w.finish(w.wrote("a", "buongiorno", hidden))
		contact := w.zoho.IDs(crm.Contacts)[0]
		tt.refuse(w, contact)
		w.finish(w.wrote("b", "eccomi", anna))
		w.finish(w.wrote("c", "sempre io", anna))
		tt.relieve(w, contact)
		w.finish(w.wrote("d", "STOP", anna))
		props, _ := w.zoho.Props(crm.Contacts, contact)
		logged := len(w.notes("wamid.b")) + len(w.notes("wamid.c")) + len(w.notes("wamid.d"))
		if logged != 3 || len(w.parked) != tt.rows || w.contacts() != 1 || props["Mobile"] != tt.later {
			t.Errorf("%s: %d notes, parked %v, %d contacts, number %q", tt.name, logged, w.reasons(), w.contacts(), props["Mobile"])
		}
		for _, r := range w.parked {
			if r.TargetID.Key != contact {
				t.Errorf("%s: the row leads to %q", tt.name, r.TargetID.Key)
			}
		}
		if w.optOut(contact) != "true" || w.promote("promo", chat.Person{Phone: anna.Phone}) {
			t.Errorf("%s: the word of somebody whose number does not stand on his contact is not heeded", tt.name)
		}
	}
}

func TestANumberThatWasGivenUpIsTakenUpByNobodyWhoIsSentAMessageThere(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	_, zo := w.couple("Rossi", "393471234567")
	now := chat.Person{Phone: crm.Text("393477654321"), User: crm.Text("IT.333")}
	w.finish(w.wrote("a", "buongiorno", anna))
	w.pass(time.Hour)
	w.finish(w.changed("c", w.now, anna, now))
	w.met(bruno)
	if w.promote("x", chat.Person{Phone: anna.Phone}) {
		t.Error("what was meant for somebody went to the next owner of his number")
	}
	w.finish(w.wrote("b", "sono un altro", bruno))
	w.finish(w.wrote("s", "STOP", bruno))
	if len(w.notes("wamid.b")) != 0 || w.optOut(zo) == "true" || len(w.parked) == 0 {
		t.Errorf("%d notes, opt-out %q, parked %v", len(w.notes("wamid.b")), w.optOut(zo), w.reasons())
	}
	w.met(now)
	w.finish(w.wrote("n", "sono sempre io", now))
	if n := w.notes("wamid.n"); len(n) != 1 || n[0].Parent != zo || !w.promote("y", chat.Person{User: now.User}) {
		t.Errorf("whoever changed his number is %+v", n)
	}
}

// Whether a contact was made nobody knows: its number stays locked for who comes from HubSpot, also when another message of its person finds that
// it is too early to look.
func TestANumberWhoseContactMayBeAboutToAppearStaysLockedUntilSomebodyHasLooked(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	carry := func(u chat.Update) fault.Outcome {
		return w.flow.Carry(t.Context(), chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: []chat.Update{u}})
	}
	free := func() bool {
		names := conversation.People{Hasher: w.book.Hasher}.Names(crm.DefaultConnection, "IT", anna.Phone)
		locks, err := w.book.Lock(t.Context(), crm.DefaultConnection, "connector", names, w.now)
		if err == nil {
			err = w.book.Unlock(t.Context(), locks)
		}
		if err != nil && !errors.Is(err, row.ErrConflict) || len(names) == 0 {
			t.Fatal(names, err)
		}
		return err == nil
	}
	w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", Lost: zohotest.LostAfter})
	first, second := w.wrote("a", "ciao", anna), w.wrote("b", "ci siete?", anna)
	for _, u := range []chat.Update{first, second} {
		if out := carry(u); out.Ending != fault.GoAgain || free() {
			t.Errorf("%s ended %s: %v", u.Message.ID.Text(), out.Ending, out.Err)
		}
		w.pass(10 * time.Second)
	}
	w.pass(2 * time.Minute) // it is time to look
	for _, on := range []string{"POST /crm/v8/coql", "GET /crm/v8/Contacts"} {
		w.zoho.Fail(zohotest.Fault{On: on, Status: http.StatusTooManyRequests, Times: 1})
		if out := carry(second); out.Ending != fault.GoAgain || free() {
			t.Errorf("%s is refused: the message ended %s: %v", on, out.Ending, out.Err)
		}
	}
	w.finish(second)
	w.finish(first)
	if w.contacts() != 1 || !free() {
		t.Errorf("%d contacts in the end", w.contacts())
	}
}

// Whom HubSpot has and nobody has in Zoho the connector brings there: it gets the number for that, once it is known that no contact was made.
func TestANumberWhoseContactWasNotMadeIsTheConnectorsToBring(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", Lost: zohotest.LostBefore, Times: 3})
	u := w.wrote("a", "ciao", anna)
	carry := func() fault.Outcome {
		return w.flow.Carry(t.Context(), chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: []chat.Update{u}})
	}
	carry()
	_, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": "Rossi", "mobilephone": anna.Phone.Text()})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(2 * time.Minute)
	out := carry()
	names := conversation.People{Hasher: w.book.Hasher}.Names(crm.DefaultConnection, "IT", anna.Phone)
	if _, err := w.book.Lock(t.Context(), crm.DefaultConnection, "connector", names, w.now); err != nil || out.Ending != fault.GoAgain {
		t.Errorf("the message ended %s: %v; the connector's lock: %v", out.Ending, out.Err, err)
	}
}
