package conversation_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/conversation"
)

// unpaired is a world with a contact in HubSpot that has been in no pair for an hour, and with a lead of the same number.
func unpaired(t *testing.T, lead bool) *world {
	w := build(t, 1, whatsapptest.Options{})
	w.flow.Columns.Leads = true
	w.inHubSpot()
	if lead {
		w.asLead()
	}
	w.pass(time.Hour)
	return w
}

// inHubSpot makes anna a contact there.
func (w *world) inHubSpot() string {
	w.t.Helper()
	id, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": "Rossi", "phone": "+393471234567"})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// asLead makes anna a lead in Zoho.
func (w *world) asLead() string {
	w.t.Helper()
	w.flow.Columns.Leads = true
	id, err := w.zoho.Create(crm.Leads, map[string]string{"Last_Name": "Rossi", "Phone": "+393471234567"})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// lead is a world with a lead who is a contact in HubSpot too, both older than an hour.
func lead(t *testing.T, o whatsapptest.Options) (w *world, hubspot string) {
	w = build(t, 1, o)
	hubspot = w.inHubSpot()
	w.asLead()
	w.pass(time.Hour)
	return w, hubspot
}

func TestWhereverAWorkerDiesWhoIsInNoPairIsLoggedInHubSpotOnceAndDoubledNowhere(t *testing.T) {
	for lead, contacts := range map[bool]int{true: 0, false: 1} {
		for _, after := range []bool{false, true} {
			for n := 1; ; n++ {
				w := unpaired(t, lead)
				w.fuse.left, w.fuse.after, w.keeps = n, after, true
				w.say(w.phone.Meet("Persona", "393471234567"), "Voglio parlare con un operatore")
				w.pass(time.Hour)
				unburnt := w.fuse.left > 0
				w.fuse.left = 0
				name := fmt.Sprintf("lead %v, step %d, after %v", lead, n, after)
				if in, out := len(w.communications("ricevuto")), len(w.communications("inviato")); in != 1 || out != len(w.phone.SentMessages()) || len(w.hubspot.Tasks()) == 0 {
					t.Errorf("%s: %d messages and %d answers in HubSpot of %d, %d tasks", name, in, out, len(w.phone.SentMessages()), len(w.hubspot.Tasks()))
				}
				if w.contacts() != contacts || len(w.notes("ricevuto")) != contacts || len(w.hubspot.Tasks()) > 2 {
					t.Errorf("%s: %d contacts, %d notes, rows %v", name, w.contacts(), len(w.notes("ricevuto")), w.reasons())
				}
				if unburnt {
					break
				}
			}
		}
	}
}

// The number of a HubSpot contact whose person gave it up is nobody's before a person says whose.
func TestWhoGetsTheNumberOfSomebodyInNoPairIsNotTakenForHim(t *testing.T) {
	w := unpaired(t, true)
	w.finish(w.wrote("a", "STOP", anna))
	w.finish(w.wrote("b", "buongiorno a tutti", chat.Person{Phone: anna.Phone, User: crm.Text("IT.999"), Name: crm.Text("Neri")}))
	if len(w.communications("wamid.b")) != 0 || w.contacts() != 0 {
		t.Errorf("%d communications, %d contacts, rows %v", len(w.communications("wamid.b")), w.contacts(), w.reasons())
	}
}

func TestAYoungContactOfHubSpotIsWaitedForUntilItIsOldEnough(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	if _, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": "Rossi", "phone": "+393471234567"}); err != nil {
		t.Fatal(err)
	}
	w.pass(conversation.BirthFor - time.Minute)
	w.say(w.phone.Meet("Persona", "393471234567"), "Ciao")
	w.pass(50 * time.Second)
	if w.contacts() != 0 {
		t.Error("nobody waited for the connector")
	}
	w.pass(time.Minute)
	if w.contacts() != 1 || len(w.communications("ricevuto")) != 1 {
		t.Errorf("%d contacts, %d communications", w.contacts(), len(w.communications("ricevuto")))
	}
}

func TestALeadWhoTellsWhatsAppThatHeWantsNoMessagesGetsNone(t *testing.T) {
	w, h := lead(t, whatsapptest.Options{AtOnce: true})
	if err := w.met(anna).OptOut(number); err != nil {
		t.Fatal(err)
	}
	w.phone.Tick()
	w.queue = nil // nobody tells of his settings: the answer to the sending does
	w.promote("one", chat.Person{Phone: anna.Phone})
	calls := w.phone.Count(whatsapptest.CallMessages)
	w.promote("two", chat.Person{Phone: anna.Phone})
	if again := w.phone.Count(whatsapptest.CallMessages) - calls; again != 0 {
		t.Errorf("WhatsApp was asked %d times to send to him after he said no", again)
	}
	if props, _ := w.hubspot.Props(crm.Contacts, h); props["whatsapp_opt_out"] != "true" {
		t.Errorf("HubSpot says %q", props["whatsapp_opt_out"])
	}
	if w.contacts() != 0 {
		t.Errorf("%d contacts beside the lead", w.contacts())
	}
	for r := range w.chats.All("K#") {
		if strings.HasSuffix(r.Key.Part, "#") {
			t.Errorf("a word of nobody: %s", r.Value)
		}
	}
}

const hubspotRead = "GET /crm/objects/" + hubspot.Version + "/contacts/{id}"

func TestABoxThatSomebodyTickedInHubSpotHoldsForWhoIsInNoPair(t *testing.T) {
	for name, c := range map[string]struct {
		build func() (*world, string)
		asks  bool // HubSpot is, for its box
	}{
		"who is a lead in Zoho": {func() (*world, string) {
			w, h := lead(t, whatsapptest.Options{})
			w.met(anna)
			return w, h
		}, true},
		"who is a contact in Zoho": {func() (*world, string) {
			w, h, p := known(t, "buongiorno a tutti")
			w.say(p, "ci siete ancora?")
			w.pass(time.Minute)
			return w, h
		}, true},
		"but not for a pair": {func() (*world, string) {
			w := build(t, 1, whatsapptest.Options{})
			h, _ := w.couple("Rossi", "393471234567")
			w.met(anna)
			return w, h
		}, false},
	} {
		w, h := c.build()
		if !w.promote("before", rossi) {
			t.Errorf("%s: nothing is sent to somebody who wants it", name)
		}
		w.now = w.now.Add(time.Minute)
		if err := w.hubspot.Edit(crm.Contacts, h, map[string]string{"whatsapp_opt_out": "true"}); err != nil {
			t.Fatal(err)
		}
		reads, want := w.hubspot.Count(hubspotRead), 0
		if c.asks {
			want = 1
		}
		if sent := w.promote("ticked", rossi); sent == c.asks || w.hubspot.Count(hubspotRead)-reads != want {
			t.Errorf("%s: sent %v, HubSpot was read %d times", name, sent, w.hubspot.Count(hubspotRead)-reads)
		}
		if n := len(w.hubspot.Tasks()) + len(w.zoho.Tasks()); n != 0 {
			t.Errorf("%s: %d tasks for a message that nobody wants", name, n)
		}
	}
}

func TestAMessageToALeadThatDidNotGoOutIsATaskInHubSpot(t *testing.T) {
	w, h := lead(t, whatsapptest.Options{AtOnce: true})
	w.met(anna).Unreachable = true
	w.promote("one", chat.Person{Phone: anna.Phone})
	w.pass(10 * time.Minute)
	if len(w.hubspot.Tasks()) != 1 || len(w.zoho.Tasks()) != 0 {
		t.Errorf("%d tasks in HubSpot, %d in Zoho", len(w.hubspot.Tasks()), len(w.zoho.Tasks()))
	}
	if len(w.parked) != 1 {
		t.Fatalf("rows %v", w.reasons())
	}
	for _, r := range w.parked {
		if r.TargetID != (crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: h}) {
			t.Errorf("the row names %v", r.TargetID)
		}
	}
}

func TestALeadWhoseAnswerCouldNotGoOutInTimeIsHandedOverInHubSpot(t *testing.T) {
	w, _ := lead(t, whatsapptest.Options{})
	w.phone.Fail(whatsapptest.Fault{On: "POST", Times: -1, Code: 80007, Status: http.StatusBadRequest})
	w.say(w.met(anna), "quali sono gli orari?")
	w.pass(30 * time.Minute)
	if len(w.phone.SentMessages()) != 0 || len(w.hubspot.Tasks()) != 1 || w.contacts() != 0 || w.due() != 0 {
		t.Errorf("%d sent, %d tasks in HubSpot, %d contacts, %d due", len(w.phone.SentMessages()), len(w.hubspot.Tasks()), w.contacts(), w.due())
	}
}

// hides is what a lead does about his number after he was met.
var hides = map[string]func(w *world, p *whatsapptest.Person){
	"his number is not told any more": func(w *world, p *whatsapptest.Person) {
		p.Hidden, p.Username = true, "rossi"
		w.say(p, "ci siete ancora?")
	},
	"he is written to by his user id": func(w *world, _ *whatsapptest.Person) { w.promote("one", chat.Person{User: anna.User}) },
	"he has another number": func(w *world, p *whatsapptest.Person) {
		p.ChangeNumber("393477654321")
		w.pass(time.Hour)
		w.say(p, "sono sempre io")
	},
}

func TestALeadGetsNoContactBesideTheLeadWhenAnUpdateDoesNotShowItsNumber(t *testing.T) {
	for name, hide := range hides {
		w := build(t, 1, whatsapptest.Options{})
		lead, p := w.asLead(), w.met(anna)
		w.say(p, "buongiorno a tutti")
		w.pass(time.Minute)
		hide(w, p)
		w.pass(time.Hour)
		if w.contacts() != 0 {
			t.Errorf("%s: %d contacts beside the lead", name, w.contacts())
		}
		for _, r := range w.parked {
			if r.Code != fault.CauseLead || r.Other.Key != lead {
				t.Errorf("%s: row %s of %v", name, r.Code, r.Other)
			}
		}
	}
}

func TestWhoWasALeadThatIsGoneGetsAContactThoughHisNumberIsNotShown(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	lead, p := w.asLead(), w.met(anna)
	w.say(p, "buongiorno a tutti")
	w.pass(time.Minute)
	if err := w.zoho.Delete(crm.Leads, lead); err != nil {
		t.Fatal(err)
	}
	p.Hidden, p.Username = true, "rossi"
	w.say(p, "ci siete ancora?")
	w.pass(time.Minute)
	if w.contacts() != 1 || len(w.notes("ricevuto")) != 1 {
		t.Errorf("%d contacts, %d notes, rows %v", w.contacts(), len(w.notes("ricevuto")), w.reasons())
	}
}

func TestWhoIsInHubSpotAnotherContactNowIsLoggedOnThatOne(t *testing.T) {
	for _, isLead := range []bool{true, false} {
		w := build(t, 1, whatsapptest.Options{})
		before, p := w.inHubSpot(), w.met(anna)
		if isLead {
			w.asLead()
		}
		w.pass(time.Hour)
		w.say(p, "primo messaggio")
		w.pass(time.Minute)
		if err := w.hubspot.Delete(crm.Contacts, before); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		now := w.inHubSpot()
		w.pass(time.Hour)
		id := w.say(p, "secondo messaggio")
		w.pass(time.Hour)
		if n := len(w.communications(id)); n != 1 {
			t.Errorf("lead %v: the message stands in HubSpot %d times, rows %v", isLead, n, w.reasons())
		}
		w.say(p, "STOP")
		w.pass(time.Hour)
		if props, _ := w.hubspot.Props(crm.Contacts, now); props["whatsapp_opt_out"] != "true" {
			t.Errorf("lead %v: HubSpot says %q", isLead, props["whatsapp_opt_out"])
		}
	}
}

func TestALeadWhoComesToHubSpotAfterHeWasFirstWrittenToIsLoggedThere(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.asLead()
	w.met(anna)
	w.promote("one", chat.Person{Phone: anna.Phone})
	w.inHubSpot()
	w.pass(conversation.LookAfter)
	w.promote("two", chat.Person{Phone: anna.Phone})
	w.pass(time.Hour)
	if sent, in := len(w.phone.SentMessages()), len(w.communications("inviato")); sent != 2 || in != 1 {
		t.Errorf("%d sent, %d in HubSpot", sent, in)
	}
}

// known is a world in which anna, who is a contact in Zoho alone, has written, and has come to HubSpot since, in no pair.
func known(t *testing.T, said string) (w *world, hubspot string, p *whatsapptest.Person) {
	w = build(t, 1, whatsapptest.Options{})
	p = w.met(anna)
	w.say(p, said)
	w.pass(time.Minute)
	hubspot = w.inHubSpot()
	w.pass(conversation.LookAfter)
	return w, hubspot, p
}

func TestWhoIsFoundInZohoIsLookedForInHubSpotWhileItHasHimNot(t *testing.T) {
	w, _, p := known(t, "buongiorno a tutti")
	id := w.say(p, "ci siete ancora?")
	w.pass(time.Minute)
	if len(w.communications(id)) != 1 || len(w.notes(id)) != 1 || w.contacts() != 1 {
		t.Errorf("%d communications, %d notes, %d contacts, rows %v", len(w.communications(id)), len(w.notes(id)), w.contacts(), w.reasons())
	}
}

func TestAWordThatWasSaidBeforeHubSpotHadItsPersonIsShownThereWhenHeIsFound(t *testing.T) {
	w, h, p := known(t, "STOP")
	w.say(p, "ho detto basta")
	w.pass(time.Minute)
	if props, _ := w.hubspot.Props(crm.Contacts, h); props["whatsapp_opt_out"] != "true" {
		t.Errorf("HubSpot says %q", props["whatsapp_opt_out"])
	}
}

// HubSpot that cannot be asked whether it has somebody is waited for as one that cannot be written to is.
func TestWhoCannotBeLookedForInHubSpotIsLoggedInZohoAtOnceAndThereLater(t *testing.T) {
	w, h, p := known(t, "buongiorno a tutti")
	w.hubspot.Fail(hubspottest.Fault{Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/search") }, Times: -1, Status: http.StatusServiceUnavailable})
	id, stop := w.say(p, "ci siete ancora?"), w.say(p, "STOP")
	w.pass(time.Minute)
	if len(w.notes(id)) != 1 || len(w.communications(id)) != 0 {
		t.Errorf("while HubSpot is down: %d notes, %d communications", len(w.notes(id)), len(w.communications(id)))
	}
	w.hubspot.Clear()
	w.pass(time.Hour)
	if len(w.communications(id)) != 1 || len(w.communications(stop)) != 1 || len(w.notes(id)) != 1 {
		t.Errorf("after: %d and %d communications, %d notes", len(w.communications(id)), len(w.communications(stop)), len(w.notes(id)))
	}
	if props, _ := w.hubspot.Props(crm.Contacts, h); props["whatsapp_opt_out"] != "true" {
		t.Errorf("HubSpot says %q", props["whatsapp_opt_out"])
	}
}

// Two contacts of HubSpot that have his number: which is his nobody can say, and Zoho's note is not kept back for it.
func TestWhoIsTwiceInHubSpotIsLoggedInZohoAlone(t *testing.T) {
	w, _, p := known(t, "buongiorno a tutti")
	w.inHubSpot()
	w.pass(time.Minute)
	id := w.say(p, "ci siete ancora?")
	w.pass(time.Minute)
	if len(w.notes(id)) != 1 || len(w.communications(id)) != 0 || len(w.parked) != 0 {
		t.Errorf("%d notes, %d communications, rows %v", len(w.notes(id)), len(w.communications(id)), w.reasons())
	}
}

func TestWhereverAWorkerDiesWhoIsAnotherContactInHubSpotNowIsLoggedAndOptedOutThereOnce(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			w, before, p := known(t, "buongiorno a tutti")
			w.say(p, "ci siete ancora?")
			w.pass(time.Minute)
			if err := w.hubspot.Delete(crm.Contacts, before); err != nil {
				t.Fatal(err)
			}
			now := w.inHubSpot()
			w.pass(time.Minute)
			w.fuse.left, w.fuse.after, w.keeps = n, after, true
			id := w.say(p, "STOP")
			w.pass(time.Hour)
			unburnt := w.fuse.left > 0
			w.fuse.left = 0
			props, _ := w.hubspot.Props(crm.Contacts, now)
			if len(w.communications(id)) != 1 || len(w.notes(id)) != 1 || props["whatsapp_opt_out"] != "true" || len(w.parked) != 0 {
				t.Errorf("step %d, after %v: %d communications, %d notes, HubSpot says %q, rows %v", n, after, len(w.communications(id)), len(w.notes(id)),
					props["whatsapp_opt_out"], w.reasons())
			}
			if unburnt {
				break
			}
		}
	}
}
