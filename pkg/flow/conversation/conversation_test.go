package conversation_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/conversation"
)

func TestSomebodyOfWhoseNameNothingIsSeenIsCalledByHisNumberAndNoNameTurnsALineRound(t *testing.T) {
	for name, want := range map[string]struct{ called, head string }{
		"\u3164\u200B": {"+393471234567", "WhatsApp ricevuto · "},
		"\u202EannA":   {"annA", "WhatsApp ricevuto · annA · "},
	} {
		w := build(t, 1, whatsapptest.Options{})
		id := w.say(w.phone.Meet(name, "393471234567"), "buongiorno")
		w.pass(time.Minute)
		props, _ := w.zoho.Props(crm.Contacts, w.zoho.IDs(crm.Contacts)[0])
		notes := w.notes(id)
		if props["Last_Name"] != want.called || len(notes) != 1 {
			t.Fatalf("%q is called %q, with notes %+v", name, props["Last_Name"], notes)
		}
		if head, _, _ := strings.Cut(strings.TrimPrefix(notes[0].Values["Note_Content"], want.head), "\n"); len(head) != len("02/01/2006 15:04") {
			t.Errorf("the note of %q begins with %q", name, notes[0].Values["Note_Content"])
		}
	}
}

func TestAStrangerWhoWritesIsCreatedInZohoOnceAndNeverInHubSpot(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	p := w.phone.Meet("Persona Nuova", "393471234567")
	first, second := w.say(p, "buongiorno"), w.say(p, "vorrei un listino")
	w.pass(time.Minute)
	if w.contacts() != 1 {
		t.Fatalf("%d contacts in Zoho", w.contacts())
	}
	props, _ := w.zoho.Props(crm.Contacts, w.zoho.IDs(crm.Contacts)[0])
	if props["Last_Name"] != "Persona Nuova" || props["Mobile"] != "+393471234567" || props["WhatsApp_User"] != p.User || props["Lead_Source"] != "Chat" {
		t.Errorf("the contact is %v", props)
	}
	for _, id := range []string{first, second} {
		if n := w.notes(id); len(n) != 1 || n[0].Parent != props["id"] || len(w.communications(id)) != 0 {
			t.Errorf("logged as %+v", n)
		}
	}
	if len(w.hubspot.Communications()) != 0 {
		t.Error("something was logged in HubSpot, which does not know the person")
	}
}

func TestAMessageOfSomebodyWhomBothKnowIsLoggedInBoth(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	hub, zo := w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	id := w.say(p, "a <b> & c")
	w.pass(time.Minute)
	n, c := w.notes(id), w.communications(id)
	if len(n) != 1 || n[0].Parent != zo || len(c) != 1 || c[0].Contact != hub {
		t.Fatalf("notes %+v, communications %+v", n, c)
	}
	if !strings.Contains(n[0].Values["Note_Content"], "a <b> & c") || !strings.Contains(c[0].Properties["hs_communication_body"], "a &lt;b&gt; &amp; c") {
		t.Errorf("texts %q, %q", n[0].Values["Note_Content"], c[0].Properties["hs_communication_body"])
	}
	if w.contacts() != 1 {
		t.Errorf("%d contacts", w.contacts())
	}
}

func TestANumberThatTwoContactsHaveIsParkedWithBothAndReplayedLater(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	_, one := w.couple("Rossi", "393471234567")
	_, two := w.couple("Rossi figlio", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	id := w.say(p, "ciao")
	w.pass(time.Minute)
	if len(w.parked) != 1 || len(w.notes(id)) != 0 || w.contacts() != 2 {
		t.Fatalf("parked %+v", w.parked)
	}
	for _, r := range w.parked {
		if r.Code != fault.CauseTwin || !strings.Contains(r.Message, one) || !strings.Contains(r.Message, two) || r.Other.Key == "" {
			t.Errorf("the row is %+v", r)
		}
		if err := w.zoho.Delete(crm.Contacts, two); err != nil {
			t.Fatal(err)
		}
		if out := w.flow.Replay(t.Context(), crm.DefaultConnection, r.Operation); out.Ending != fault.Done || len(out.Told) != 0 {
			t.Fatalf("replay: %+v", out)
		}
	}
	if n := w.notes(id); len(n) != 1 || n[0].Parent != one {
		t.Errorf("after the replay: %+v", n)
	}
}

func TestAMessageWhosePersonIsNotClearIsAskedForAgainAndKeptNoLongerForIt(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.couple("Rossi", "393471234567")
	w.couple("Rossi figlio", "393471234567")
	w.say(w.phone.Meet("Persona", "393471234567"), "ciao")
	w.pass(time.Minute)
	if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "c", outbound.Request{Reference: "r", To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("ciao")}); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	var replayed int
	for day := range 31 {
		for id, r := range w.parked {
			if r.Code != fault.CauseTwin || (r.Verb == crm.Message) != (r.RetryAt == r.Last.Add(time.Hour)) || r.Verb != crm.Message && !r.RetryAt.IsZero() {
				t.Fatalf("day %d, the row is %+v", day, r)
			}
			if r.Verb != crm.Message {
				continue
			}
			out := w.flow.Replay(t.Context(), crm.DefaultConnection, r.Operation)
			if len(out.Told) > 0 {
				replayed++
			}
			if out.Ending != fault.Done || len(out.Settled) != 0 || len(out.Told) > 0 && out.Told[0].ID != id {
				t.Fatalf("day %d: %+v", day, out)
			}
		}
		w.now = w.now.Add(24 * time.Hour)
	}
	if replayed != 30 || len(w.parked) != 2 {
		t.Errorf("replayed %d times, parked %v", replayed, w.reasons())
	}
}

func TestSomebodyWithoutANumberIsFoundByHisUserID(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	p, q := w.phone.Meet("Persona", "393471234567"), w.phone.Meet("Altra", "393471234568")
	p.Hidden, q.Hidden, p.Username, q.Username = true, true, "persona", "altra"
	for range 3 {
		w.say(p, "ciao")
		w.say(q, "ciao")
		w.pass(10 * time.Second)
	}
	if w.contacts() != 2 || len(w.zoho.Notes()) < 6 {
		t.Errorf("%d contacts, %d notes", w.contacts(), len(w.zoho.Notes()))
	}
}

func TestAPersonWithANewNumberStaysTheSameContact(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "ciao")
	w.pass(time.Minute)
	p.ChangeNumber("393479999999")
	w.pass(time.Minute)
	id := w.say(p, "sono sempre io")
	w.pass(time.Minute)
	if w.contacts() != 1 || len(w.notes(id)) != 1 {
		t.Errorf("%d contacts, parked %v", w.contacts(), w.reasons())
	}
	if props, _ := w.zoho.Props(crm.Contacts, w.zoho.IDs(crm.Contacts)[0]); props["WhatsApp_User"] != p.User {
		t.Errorf("Zoho shows the user id of before: %v", props)
	}
	if len(w.parked) != 0 {
		t.Fatalf("parked %v", w.reasons())
	}
	// The number that was given up belongs to somebody else now, and still stands on the first one's contact in Zoho.
	other := w.phone.Meet("Un Altro", "393471234567")
	id = w.say(other, "salve")
	w.pass(time.Minute)
	if codes := w.reasons(); w.contacts() != 1 || len(w.notes(id)) != 0 || len(codes) != 1 || codes[0] != fault.CauseTwin {
		t.Errorf("the number's new owner: %d contacts, parked %v", w.contacts(), codes)
	}
	// Once a person has changed the contact's number he is somebody new.
	if err := w.zoho.Edit(crm.Contacts, w.zoho.IDs(crm.Contacts)[0], map[string]string{"Mobile": "+393479999999"}); err != nil {
		t.Fatal(err)
	}
	id = w.say(other, "sono nuovo")
	w.pass(time.Minute)
	if w.contacts() != 2 || len(w.notes(id)) != 1 {
		t.Errorf("the number's new owner: %d contacts, %d notes", w.contacts(), len(w.notes(id)))
	}
}

func TestWhatIsWrittenInAGroupIsNobodysAndMakesNoContact(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	m := chat.Message{ID: crm.Text("wamid.group"), At: w.now, Type: chat.TypeText, Text: crm.Text("ciao a tutti"), Group: crm.Text("g"),
		From: chat.Person{Phone: crm.Text("393471234567")}}
	out := w.flow.Carry(t.Context(), chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: []chat.Update{{Number: number, Message: &m}}})
	if out.Ending != fault.Done || w.contacts() != 0 {
		t.Errorf("%+v, %d contacts", out, w.contacts())
	}
}

func TestAPictureIsAttachedToItsNoteOnce(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{Duplicates: 1})
	p := w.phone.Meet("Persona", "393471234567")
	id, err := p.Photograph(number, "il difetto", []byte("jpeg"))
	if err != nil {
		t.Fatal(err)
	}
	w.pass(5 * time.Minute)
	n, files := w.notes(id), w.zoho.Attachments()
	if len(n) != 1 || len(files) != 1 || files[0].Parent != n[0].ID || string(files[0].Data) != "jpeg" {
		t.Errorf("notes %+v, files %+v", n, files)
	}
}

// garbled alters the bytes of every file on its way, as long as it is on.
type garbled struct {
	on *bool
	to http.RoundTripper
}

func (g garbled) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := g.to.RoundTrip(r)
	if err == nil && *g.on && a.Header.Get("Content-Type") == "image/jpeg" {
		a.Body = io.NopCloser(io.MultiReader(a.Body, strings.NewReader("x")))
		a.ContentLength = -1
		a.Header.Del("Content-Length")
	}
	return a, err
}

func TestAFileThatCannotBeFetchedWaitsAloneAndIsGivenUpWithARow(t *testing.T) {
	for _, heals := range []bool{true, false} {
		w := build(t, 1, whatsapptest.Options{})
		on := true
		w.flow.Phone = whatsapp.New(whatsapp.Config{BaseURL: "http://127.0.0.1:8183", Token: crm.NewSecret(whatsapptest.DefaultToken),
			HTTP: garbled{&on, w.phone.Transport()}, Now: func() time.Time { return w.now }})
		p := w.phone.Meet("Persona", "393471234567")
		photo, err := p.Photograph(number, "il difetto", []byte("jpeg"))
		if err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		stop := w.say(p, "STOP") // the same queue, behind the photo
		w.pass(10 * time.Second)
		if len(w.notes(photo)) != 1 || len(w.notes(stop)) != 1 || len(w.queue) != 0 || len(w.parked) != 0 {
			t.Fatalf("%d and %d notes, %d in the queue, parked %v", len(w.notes(photo)), len(w.notes(stop)), len(w.queue), w.reasons())
		}
		w.pass(6 * time.Hour)
		on = !heals
		w.pass(conversation.FileFor)
		note, files := w.notes(photo)[0], w.zoho.Attachments()
		lost := strings.Contains(note.Values["Note_Content"], "allegato non conservato")
		if heals && (len(files) != 1 || files[0].Parent != note.ID || lost || len(w.parked) != 0) ||
			!heals && (len(files) != 0 || !lost || !slices.Equal(w.reasons(), []string{"FILE"})) {
			t.Errorf("heals %t: %d files, the note %q, parked %v", heals, len(files), note.Values["Note_Content"], w.reasons())
		}
		if ids, err := w.flow.Due(t.Context(), crm.DefaultConnection); err != nil || len(ids) != 0 {
			t.Errorf("%v, %d still wait", err, len(ids))
		}
	}
}

func TestAComplaintIsATaskInBothCRMsWithinTwentySeconds(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	hub, zo := w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "voglio un rimborso, il pacco era rotto")
	w.pass(15 * time.Second)
	z, h := w.zoho.Tasks(), w.hubspot.Tasks()
	if len(z) != 1 || z[0].Parent != zo || len(h) != 1 || h[0].Contact != hub {
		t.Fatalf("tasks %+v, %+v", z, h)
	}
	sent := w.phone.SentMessages()
	if len(sent) != 1 || len(w.notes(sent[0].ID)) != 1 || len(w.communications(sent[0].ID)) != 1 {
		t.Errorf("the answer %+v is not logged once in each", sent)
	}
}

func TestAnErasedPersonLeavesNothingThatLeadsToHim(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "STOP")
	w.pass(time.Minute)
	contact := w.zoho.IDs(crm.Contacts)[0]
	if err := w.flow.Erase(t.Context(), crm.DefaultConnection, contact); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"I#", "S#", "K#", "T#", "O#", "B#"} {
		for r := range w.chats.All(prefix) {
			t.Errorf("a row of %s is left", r.Key.Part[:2])
		}
	}
	for r := range w.chats.All("") {
		if text := string(r.Value); strings.Contains(text, "393471234567") || strings.Contains(text, "Persona") {
			t.Errorf("%s tells of the person", r.Key.Part[:2])
		}
	}
}

func TestParkedMessagesOfAnErasedPersonAreErasedToo(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "ciao")
	w.pass(time.Minute)
	contact := w.zoho.IDs(crm.Contacts)[0]
	w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts/", Status: http.StatusBadRequest, Body: `{"code":"NOT_ALLOWED","details":{},"message":"no","status":"error"}`})
	w.say(p, "un segreto")
	w.pass(time.Minute)
	if len(w.parked) != 1 {
		t.Fatalf("parked %v", w.reasons())
	}
	if err := w.flow.Erase(t.Context(), crm.DefaultConnection, contact); err != nil {
		t.Fatal(err)
	}
	for r := range w.chats.All("") {
		if strings.Contains(string(r.Value), "un segreto") {
			t.Errorf("%s keeps what he wrote", r.Key.Part[:2])
		}
	}
}

func TestWhatMayBeAnErasedPersonsGoesWithEveryContactThatItMayBeOf(t *testing.T) {
	for erased := range 2 {
		w := build(t, 1, whatsapptest.Options{})
		var contacts [2]string
		_, contacts[0] = w.couple("Rossi", "393471234567")
		_, contacts[1] = w.couple("Rossi figlio", "393471234567")
		_, other := w.couple("Verdi", "393470000009")
		w.finish(w.wrote("a", "un segreto", anna))
		w.promote("x", chat.Person{Phone: anna.Phone})
		left := func() (n int) {
			for r := range w.chats.All("") {
				text := string(r.Value)
				if i := strings.Index(text, `"request":"`); i >= 0 {
					request, _, _ := strings.Cut(text[i+len(`"request":"`):], `"`)
					plain, err := base64.StdEncoding.DecodeString(request)
					if err != nil {
						t.Fatal(err)
					}
					text += string(plain)
				}
				if strings.Contains(text, "segreto") || strings.Contains(text, "393471234567") || strings.Contains(text, "IT.111") {
					n++
				}
			}
			return n
		}
		if err := w.flow.Erase(t.Context(), crm.DefaultConnection, other); err != nil {
			t.Fatal(err)
		}
		if n := left(); n != 2 {
			t.Fatalf("%d rows before, parked %v", n, w.reasons())
		}
		for range 2 {
			if err := w.flow.Erase(t.Context(), crm.DefaultConnection, contacts[erased]); err != nil {
				t.Fatal(err)
			}
		}
		if n := left(); n != 0 {
			t.Errorf("%d rows tell of a person whose contact was erased", n)
		}
	}
}

func TestSomebodyWhomHubSpotKnowsAlreadyIsNotCreatedTwice(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	hub, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": "Rossi", "mobilephone": "+39 347 123 4567"})
	if err != nil {
		t.Fatal(err)
	}
	p := w.phone.Meet("Persona", "393471234567")
	id := w.say(p, "ciao")
	w.pass(20 * time.Second)
	if w.contacts() != 0 {
		t.Fatal("a contact was created while the connector is about to bring it over")
	}
	zo, err := w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", "HubSpot_Id": hub})
	if err != nil {
		t.Fatal(err)
	}
	w.marry(hub, zo)
	w.pass(20 * time.Second)
	if n, c := w.notes(id), w.communications(id); w.contacts() != 1 || len(n) != 1 || n[0].Parent != zo || len(c) != 1 || c[0].Contact != hub {
		t.Errorf("%d contacts, notes %+v, communications %+v", w.contacts(), n, c)
	}
}

func TestAContactThatWasDeletedOrMergedIsLookedForAnew(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "ciao")
	w.pass(time.Minute)
	first := w.zoho.IDs(crm.Contacts)[0]
	survivor, err := w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.zoho.Merge(crm.Contacts, survivor, first); err != nil {
		t.Fatal(err)
	}
	id := w.say(p, "dopo la fusione")
	w.pass(time.Minute)
	if n := w.notes(id); len(n) != 1 || n[0].Parent != survivor || w.contacts() != 1 {
		t.Errorf("after the merge: %+v, %d contacts", n, w.contacts())
	}
	if err := w.zoho.Delete(crm.Contacts, survivor); err != nil {
		t.Fatal(err)
	}
	id = w.say(p, "dopo la cancellazione")
	w.pass(time.Minute)
	if n := w.notes(id); len(n) != 1 || w.contacts() != 1 {
		t.Errorf("after the deletion: %+v, %d contacts", n, w.contacts())
	}
}

func TestTwoWorkersOnOneParcelLogItOnce(t *testing.T) {
	for seed := range uint64(10) {
		w := build(t, seed, whatsapptest.Options{})
		w.couple("Rossi", "393471234567")
		ids := map[string]bool{w.say(w.phone.Meet("Persona", "393471234567"), "un reclamo"): true, w.say(w.phone.Meet("Nuova", "393477654321"), "ciao"): false}
		w.phone.Tick()
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				for _, l := range w.queue {
					p, err := chat.Open(l.entry.Body)
					if err != nil {
						t.Error(err)
						return
					}
					w.check(w.flow.Carry(t.Context(), p))
				}
			})
		}
		both.Wait()
		w.pass(5 * time.Minute)
		for id, known := range ids {
			if n, c := w.notes(id), w.communications(id); len(n) != 1 || (len(c) == 1) != known {
				t.Errorf("seed %d: %d notes, %d communications", seed, len(n), len(c))
			}
		}
		if w.contacts() != 2 || len(w.zoho.Tasks()) != 1 || len(w.hubspot.Tasks()) != 1 {
			t.Errorf("seed %d: %d contacts, %d and %d tasks", seed, w.contacts(), len(w.zoho.Tasks()), len(w.hubspot.Tasks()))
		}
	}
}

func TestALockThatIsHeldForLongIsAskedForLessAndLessOften(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	names := conversation.People{Store: w.chats, Hasher: w.book.Hasher}.Names(crm.DefaultConnection, "IT", crm.Text("+393471234567"))
	if _, err := w.book.Lock(t.Context(), crm.DefaultConnection, "an insert that may land yet", names, w.now); err != nil {
		t.Fatal(err)
	}
	id := w.say(w.phone.Meet("Persona", "393471234567"), "ciao")
	w.phone.Tick()
	p, err := chat.Open(w.queue[0].entry.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ waited, wait time.Duration }{{0, time.Second}, {time.Minute, 15 * time.Second}, {10 * time.Minute, 30 * time.Second}} {
		w.now = noon.Add(tt.waited)
		if out := w.flow.Carry(t.Context(), p); out.Ending != fault.GoAgain || out.After != tt.wait {
			t.Errorf("after %s: %+v", tt.waited, out)
		}
	}
	w.pass(20 * time.Minute)
	if n := w.notes(id); len(n) != 1 || w.contacts() != 1 {
		t.Errorf("%d notes, %d contacts", len(n), w.contacts())
	}
}

func TestAWriteThatLandsLateIsWaitedForAndNotRepeated(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", LandsAfter: 40 * time.Second})
	p := w.phone.Meet("Persona", "393471234567")
	id := w.say(p, "ciao")
	w.pass(10 * time.Second)
	for range 3 { // others get the same parcel meanwhile
		twin, err := chat.Open(w.queue[0].entry.Body)
		if err != nil {
			t.Fatal(err)
		}
		if out := w.flow.Carry(t.Context(), twin); out.Ending != fault.GoAgain || out.After <= 0 {
			t.Errorf("%+v", out)
		}
	}
	w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts/", LandsAfter: 40 * time.Second})
	w.pass(5 * time.Minute)
	if n := w.notes(id); w.contacts() != 1 || len(n) != 1 {
		t.Errorf("%d contacts, %d notes", w.contacts(), len(n))
	}
}
