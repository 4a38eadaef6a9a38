package conversation_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/conversation"
)

// newcomer is a HubSpot contact whom the connector has not met yet.
func (w *world) newcomer(name string) string {
	w.t.Helper()
	id, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": name})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// heeds does what the connector does before it saves a pair, and reports whether it lived.
func (w *world) heeds(hubspot, zoho string) (lived bool) {
	w.t.Helper()
	p := conversation.People{Store: table{w.chats, w.fuse}, Hasher: w.book.Hasher, Now: func() time.Time { return w.now }}
	return w.work(func() {
		if err := p.Paired(w.t.Context(), crm.DefaultConnection, hubspot, zoho, ""); err != nil {
			w.t.Fatal(err)
		}
	})
}

func (w *world) wantOut(name, hubspot string, zoho ...string) {
	w.t.Helper()
	h, _ := w.hubspot.Props(crm.Contacts, hubspot)
	for _, z := range zoho {
		if h["whatsapp_opt_out"] != "true" || w.optOut(z) != "true" {
			w.t.Errorf("%s: HubSpot says %q, Zoho %q", name, h["whatsapp_opt_out"], w.optOut(z))
		}
	}
	for range w.chats.All("D#") {
		w.t.Errorf("%s: the outbox is not empty", name)
	}
	if len(w.parked) > 0 {
		w.t.Errorf("%s: rows %v", name, w.reasons())
	}
}

func TestWhereverAWorkerDiesTheWordReachesTheContactThatIsPairedLater(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			name := fmt.Sprintf("step %d, after %v", n, after)
			w := build(t, 1, whatsapptest.Options{})
			w.met(anna)
			w.finish(w.wrote("a", "STOP", anna))
			w.pass(time.Minute)
			z, h := w.zoho.IDs(crm.Contacts)[0], w.newcomer("Rossi")
			w.fuse.left, w.fuse.after, w.keeps = n, after, true
			for !w.heeds(h, z) {
				w.pass(time.Second)
			}
			left := w.fuse.left
			w.fuse.left = 0
			w.marry(h, z)
			w.fuse.left = left
			w.pass(10 * time.Minute)
			unburnt := w.fuse.left > 0
			w.fuse.left = 0
			w.wantOut(name, h, z)
			if unburnt {
				break
			}
		}
	}
}

// A minute is what the maker of a pair has: one that dies and one that comes after it have a minute each.
func TestAPairThatIsSavedAtASecondTryIsWaitedForAnew(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.met(anna)
	w.finish(w.wrote("a", "STOP", anna))
	w.pass(time.Minute)
	z, h := w.zoho.IDs(crm.Contacts)[0], w.newcomer("Rossi")
	w.heeds(h, z)
	w.pass(conversation.ClaimFor - time.Second)
	w.heeds(h, z)
	w.pass(30 * time.Second)
	w.marry(h, z)
	w.pass(5 * time.Minute)
	w.wantOut("the second try", h, z)
	w.heeds(h, z) // a replay
	w.pass(5 * time.Minute)
	w.wantOut("a replay", h, z)
}

func TestTheWordOfOneOfTwoWhoAreOneReachesTheContactThatIsPairedLater(t *testing.T) {
	now := chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.222"), Name: crm.Text("Rossi")}
	for i := range 2 {
		w := build(t, 1, whatsapptest.Options{})
		w.met(anna)
		w.met(now)
		w.finish(w.wrote("a", "STOP", anna))
		w.pass(time.Minute)
		at := w.now
		w.pass(time.Second)
		w.finish(w.wrote("b", "buongiorno a tutti", now))
		w.finish(w.changed("c", at, anna, now))
		clear(w.parked) // the row that asks to merge the two
		z, h := w.zoho.IDs(crm.Contacts)[i], w.newcomer("Rossi")
		w.heeds(h, z)
		w.marry(h, z)
		w.pass(5 * time.Minute)
		w.wantOut(fmt.Sprint("contact ", i), h, w.zoho.IDs(crm.Contacts)...)
	}
}

func TestWhoIsErasedBeforeHisWordCouldFollowLeavesNothingInTheOutbox(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.met(anna)
	w.finish(w.wrote("a", "STOP", anna))
	w.pass(time.Minute)
	z, h := w.zoho.IDs(crm.Contacts)[0], w.newcomer("Rossi")
	w.heeds(h, z)
	if err := w.flow.Erase(t.Context(), crm.DefaultConnection, z); err != nil {
		t.Fatal(err)
	}
	w.pass(5 * time.Minute)
	if h, _ := w.hubspot.Props(crm.Contacts, h); h["whatsapp_opt_out"] == "true" {
		t.Error("a word was written of somebody who is forgotten")
	}
}

// The other half takes the word at once; a contact that is gone takes none, and nobody can do anything about it.
func TestAWordThatIsOwedToAContactThatWasDeletedEndsWithItAndIsToldToNobody(t *testing.T) {
	for _, down := range []bool{false, true} {
		w := build(t, 1, whatsapptest.Options{})
		w.met(anna)
		w.finish(w.wrote("a", "STOP", anna))
		w.pass(time.Minute)
		z, h := w.zoho.IDs(crm.Contacts)[0], w.newcomer("Rossi")
		w.heeds(h, z)
		w.marry(h, z)
		if err := w.zoho.Delete(crm.Contacts, z); err != nil {
			t.Fatal(err)
		}
		if down {
			w.hubspot.Fail(hubspottest.Fault{On: "PATCH", Times: 4, Status: http.StatusServiceUnavailable})
		}
		w.pass(2 * time.Minute)
		w.pass(time.Hour)
		w.wantOut(fmt.Sprintf("HubSpot down %v", down), h)
		if w.due() != 0 {
			t.Errorf("HubSpot down %v: %d still due", down, w.due())
		}
		w.afternoons(10)
		if len(w.parked) != 0 {
			t.Errorf("HubSpot down %v: rows %v", down, w.reasons())
		}
	}
}
