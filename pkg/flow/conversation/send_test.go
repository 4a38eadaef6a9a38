package conversation_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func TestAnOptOutIsSetInBothAndOnlyThePersonClearsIt(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	hub, zo := w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	shows := func(want string) {
		t.Helper()
		z, _ := w.zoho.Props(crm.Contacts, zo)
		h, _ := w.hubspot.Props(crm.Contacts, hub)
		if z["WhatsApp_Opt_Out"] != want || h["whatsapp_opt_out"] != want {
			t.Errorf("Zoho shows %q, HubSpot %q, want %s", z["WhatsApp_Opt_Out"], h["whatsapp_opt_out"], want)
		}
	}
	w.say(p, "STOP")
	w.pass(time.Minute)
	shows("true")
	pair, err := w.book.Find(t.Context(), crm.DefaultConnection, crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: zo})
	if err != nil || len(pair.Base) != 1 || pair.Lease.Owner != "" {
		t.Errorf("the connector would take our own write for an edit: %v, base %v, lease %v", err, pair.Base, pair.Lease)
	}
	id, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", outbound.Request{Reference: "r1", To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("offerta")})
	if err != nil || id == "" {
		t.Fatal(err)
	}
	before := len(w.phone.SentMessages())
	w.pass(time.Minute)
	if len(w.phone.SentMessages()) != before || len(w.parked) != 1 {
		t.Errorf("a message was sent to somebody who wants none; parked %v", w.reasons())
	}
	if n := len(w.zoho.Tasks()); n != 0 {
		t.Errorf("%d tasks about somebody who wants to be left alone", n)
	}
	if err := p.Resume(number); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	shows("false")
}

func TestARequestIsSentOnceUnderItsReferenceAndLoggedWithItsFinalState(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{ReadAfter: 30 * time.Second, Reorder: 20 * time.Second, Duplicates: 0.5})
	w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "buongiorno")
	w.pass(time.Minute)
	before := len(w.phone.SentMessages())
	r := outbound.Request{Reference: "ordine-1", To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("il pacco parte oggi")}
	one, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", r)
	if err != nil {
		t.Fatal(err)
	}
	two, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", r)
	if err != nil || two != one {
		t.Errorf("the same request: %q, %v", two, err)
	}
	other := r
	other.Text = crm.Text("un altro testo")
	if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", other); !errors.Is(err, outbound.ErrReference) {
		t.Errorf("another request under the same reference: %v", err)
	}
	w.pass(5 * time.Minute)
	sent := w.phone.SentMessages()[before:]
	if len(sent) != 1 || sent[0].Callback != one {
		t.Fatalf("sent %+v", sent)
	}
	n, c := w.notes(sent[0].ID), w.communications(sent[0].ID)
	if len(n) != 1 || len(c) != 1 {
		t.Fatalf("notes %+v, communications %+v", n, c)
	}
	for _, text := range []string{n[0].Values["Note_Content"], c[0].Properties["hs_communication_body"]} {
		if strings.Count(text, "» ") != 1 || !strings.Contains(text, "lett") {
			t.Errorf("the entry ends %q", text)
		}
	}
}

func TestAStateThatIsWrittenLateDoesNotStandOverANewerOne(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{ReadAfter: 30 * time.Second})
	w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.zoho.Fail(zohotest.Fault{On: "PUT /crm/v8/Notes/", LandsAfter: 50 * time.Second})
	w.hubspot.Fail(hubspottest.Fault{On: "PATCH /crm/objects/2026-09/communications/", LandsAfter: 50 * time.Second})
	w.say(p, "quali sono gli orari?")
	w.pass(10 * time.Minute)
	sent := w.phone.SentMessages()
	if len(sent) != 1 {
		t.Fatalf("sent %+v", sent)
	}
	for _, text := range []string{w.notes(sent[0].ID)[0].Values["Note_Content"], w.communications(sent[0].ID)[0].Properties["hs_communication_body"]} {
		if strings.Count(text, "» ") != 1 || !strings.Contains(text, "letto") {
			t.Errorf("the entry ends %q", text)
		}
	}
}

func TestFreeWordsAfterADayAreRefusedAndATemplateIsSent(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "buongiorno")
	w.pass(time.Minute)
	w.now = w.now.Add(25 * time.Hour)
	before := len(w.phone.SentMessages())
	to := chat.Person{Phone: crm.Text("393471234567")}
	tpl := whatsapptest.DefaultTemplates()[0]
	params := make([]crm.Value, tpl.Parameters)
	for i := range params {
		params[i] = crm.Text("x")
	}
	for _, r := range []outbound.Request{
		{Reference: "t1", To: to, Text: crm.Text("parole libere")},
		{Reference: "t2", To: to, Template: &outbound.Template{Name: tpl.Name, Language: tpl.Language, Parameters: params}},
	} {
		if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", r); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(time.Minute)
	sent := w.phone.SentMessages()[before:]
	if len(sent) != 1 || sent[0].Template != tpl.Name {
		t.Errorf("sent %+v", sent)
	}
	if codes := w.reasons(); len(codes) != 1 || codes[0] != "131047" {
		t.Errorf("parked %v", codes)
	}
	if z, h := w.zoho.Tasks(), w.hubspot.Tasks(); len(z) != 1 || len(h) != 1 {
		t.Errorf("%d and %d tasks: somebody has to say it in another way", len(z), len(h))
	}
}

func TestAMessageOfUnknownFateIsNeverSentAgain(t *testing.T) {
	for _, lost := range []whatsapptest.Lost{whatsapptest.LostBefore, whatsapptest.LostAfter} {
		w := build(t, 1, whatsapptest.Options{})
		w.couple("Rossi", "393471234567")
		p := w.phone.Meet("Persona", "393471234567")
		w.say(p, "buongiorno")
		w.pass(time.Minute)
		before := len(w.phone.SentMessages())
		w.phone.Fail(whatsapptest.Fault{On: "POST", Lost: lost})
		if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", outbound.Request{Reference: "u", To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("parte")}); err != nil {
			t.Fatal(err)
		}
		w.pass(26 * time.Hour)
		sent := w.phone.SentMessages()[before:]
		if calls := w.phone.Count(whatsapptest.CallMessages); calls != before+1 {
			t.Errorf("%d calls after %d messages", calls, before)
		}
		if lost == whatsapptest.LostBefore {
			if len(sent) != 0 || len(w.parked) != 1 {
				t.Errorf("never sent: %+v, parked %v", sent, w.reasons())
			}
			continue
		}
		if len(sent) != 1 || len(w.parked) != 0 || len(w.notes(sent[0].ID)) != 1 || len(w.communications(sent[0].ID)) != 1 {
			t.Errorf("sent without an answer: %+v, parked %v", sent, w.reasons())
		}
	}
}

func TestAMessageThatItsStatusTellsOfIsNotSentAgainWhateverWasAnswered(t *testing.T) {
	for _, tries := range []int{1, 5} { // the last one is given up
		w := build(t, 1, whatsapptest.Options{SentAfter: 100 * time.Millisecond})
		w.couple("Rossi", "393471234567")
		for range tries {
			w.phone.Fail(whatsapptest.Fault{On: "POST", Code: 131000, Status: 500, Lost: whatsapptest.LostAfter})
		}
		w.promotion("r")
		w.pass(30 * time.Minute)
		sent := w.phone.SentMessages()
		logged := 0
		for _, m := range sent {
			logged += len(w.notes(m.ID))
		}
		if len(sent) > 2 || logged != 1 || len(w.parked) != 0 || w.due() != 0 { // the second try goes out with the first one's status
			t.Errorf("%d such answers: sent %d times, %d notes, parked %v, %d due", tries, len(sent), logged, w.reasons(), w.due())
		}
	}
}

func TestAPersonGetsNoMoreMessagesThanThePairRateAllows(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "buongiorno")
	w.pass(10 * time.Minute)
	before := len(w.phone.SentMessages())
	for i := range 60 {
		r := outbound.Request{Reference: fmt.Sprintf("r%d", i), To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("uno dei tanti")}
		if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", r); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(5 * time.Second)
	if n := len(w.phone.SentMessages()) - before; n < 8 || n > chat.PairRate.Burst {
		t.Errorf("%d messages at once", n)
	}
	w.pass(20 * time.Minute)
	if n := len(w.phone.SentMessages()) - before; n != 60 || len(w.parked) != 0 {
		t.Errorf("%d messages in all, parked %v", n, w.reasons())
	}
}

func TestAnAnswerOfThePersonWhoTookOverEndsTheAutomaticOnes(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "vorrei parlare con un operatore")
	w.pass(time.Minute)
	if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", outbound.Request{Reference: "h", To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("eccomi")}); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	before := len(w.phone.SentMessages())
	w.say(p, "quali sono gli orari?")
	w.say(p, "operatore")
	w.pass(time.Minute)
	if n := len(w.phone.SentMessages()); n != before || len(w.zoho.Tasks()) != 1 {
		t.Errorf("%d answers beside the person's, %d tasks", n-before, len(w.zoho.Tasks()))
	}
}

func TestAWorkerThatDiesWhileItSendsNeverMakesASecondMessage(t *testing.T) {
	for n := 1; ; n++ {
		crashes, sent := 0, 0
		for _, after := range []bool{false, true} {
			w := build(t, 1, whatsapptest.Options{SentAfter: 5 * time.Minute, DeliveredAfter: 6 * time.Minute})
			w.couple("Rossi", "393471234567")
			w.say(w.phone.Meet("Persona", "393471234567"), "buongiorno")
			w.pass(10 * time.Minute)
			before := len(w.phone.SentMessages())
			id, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", outbound.Request{Reference: "u", To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("parte")})
			if err != nil {
				t.Fatal(err)
			}
			w.fuse.left, w.fuse.after = n, after
			w.work(func() { w.flow.Send(t.Context(), crm.DefaultConnection, id) })
			w.pass(26 * time.Hour)
			crashes += w.crashes
			all := w.phone.SentMessages()[before:]
			sent += len(all)
			if len(all) > 1 || len(all) == 1 && len(w.notes(all[0].ID)) != 1 || len(all) == 0 && len(w.parked) != 1 {
				t.Errorf("step %d, after %v: %d messages, parked %v", n, after, len(all), w.reasons())
			}
		}
		if crashes == 0 {
			if n < 15 || sent != 2 {
				t.Errorf("%d steps, %d messages", n, sent)
			}
			return
		}
	}
}

func TestAStopHoldsThoughTheContactCannotBeWrittenAndTheFieldFollows(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	hub, zo := w.couple("Rossi", "393471234567")
	w.met(anna)
	w.finish(w.wrote("a", "buongiorno", anna))
	w.zoho.Fail(zohotest.Fault{On: "PUT /crm/v8/Contacts", Status: http.StatusBadGateway, Times: -1})
	w.pass(time.Minute)
	before := len(w.phone.SentMessages())
	stop := w.wrote("s", "STOP", anna)
	parcel := chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: []chat.Update{stop}}
	out := w.flow.Carry(t.Context(), parcel)
	if fault.KindOf(out.Err) != fault.Down || len(w.phone.SentMessages()) != before+1 {
		t.Errorf("%v, %d answers", out.Err, len(w.phone.SentMessages())-before)
	}
	if w.promote("soon", chat.Person{Phone: anna.Phone}) {
		t.Error("a promotion went to somebody who has just said that he wants none")
	}
	if err := w.flow.GiveUp(t.Context(), parcel, out.Err, false); err != nil {
		t.Fatal(err)
	}
	if w.promote("later", chat.Person{Phone: anna.Phone}) || w.optOut(zo) != "false" {
		t.Errorf("a promotion went to somebody who wants none; Zoho shows %q", w.optOut(zo))
	}
	w.zoho.Clear()
	w.now = w.now.Add(time.Hour)
	if out := w.flow.Replay(t.Context(), crm.DefaultConnection, stop.Identity()); out.Ending != fault.Done {
		t.Fatalf("%+v", out)
	}
	if props, _ := w.hubspot.Props(crm.Contacts, hub); w.optOut(zo) != "true" || props["whatsapp_opt_out"] != "true" {
		t.Errorf("Zoho shows %q, HubSpot %q", w.optOut(zo), props["whatsapp_opt_out"])
	}
}

func TestAnOptOutWaitsForWhoeverIsAtWorkOnThePair(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	_, zo := w.couple("Rossi", "393471234567")
	key := crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: zo}
	p, err := w.book.Find(t.Context(), crm.DefaultConnection, key)
	if err != nil {
		t.Fatal(err)
	}
	p.Lease.Owner, p.Lease.Until = "connector", w.now.Add(30*time.Second)
	if err := w.book.Save(t.Context(), &p); err != nil {
		t.Fatal(err)
	}
	w.say(w.phone.Meet("Persona", "393471234567"), "STOP")
	w.pass(15 * time.Second)
	if z, _ := w.zoho.Props(crm.Contacts, zo); z["WhatsApp_Opt_Out"] != "false" {
		t.Error("written while somebody else was at work")
	}
	w.pass(time.Minute)
	if z, _ := w.zoho.Props(crm.Contacts, zo); z["WhatsApp_Opt_Out"] != "true" {
		t.Error("never written")
	}
}

func TestOfTwoWordsTheLaterOneHoldsWhicheverComesFirst(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	hub, zo := w.couple("Rossi", "393471234567")
	w.now = noon.Add(3 * time.Hour)
	word := func(value string, at time.Time) chat.Update {
		return chat.Update{Number: number, Preference: &chat.Preference{From: chat.Person{Phone: crm.Text("393471234567")}, At: at, Value: value, Category: chat.CategoryMarketing}}
	}
	for _, c := range []struct {
		updates []chat.Update
		want    string
	}{
		{[]chat.Update{word(chat.PreferenceResume, noon), word(chat.PreferenceStop, noon.Add(-time.Hour))}, "false"},
		{[]chat.Update{word(chat.PreferenceStop, noon.Add(2*time.Hour)), word(chat.PreferenceResume, noon.Add(time.Hour))}, "true"},
		{[]chat.Update{word(chat.PreferenceResume, noon.Add(2*time.Hour))}, "true"},
	} {
		out := w.flow.Carry(t.Context(), chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: c.updates})
		if out.Ending != fault.Done {
			t.Fatalf("%+v", out)
		}
		z, _ := w.zoho.Props(crm.Contacts, zo)
		h, _ := w.hubspot.Props(crm.Contacts, hub)
		if z["WhatsApp_Opt_Out"] != c.want || h["whatsapp_opt_out"] != "" && h["whatsapp_opt_out"] != c.want {
			t.Errorf("Zoho shows %q, HubSpot %q, want %s", z["WhatsApp_Opt_Out"], h["whatsapp_opt_out"], c.want)
		}
	}
}

// A message of unknown fate is given up after a day. Meta delivers for thirty, and repeats its statuses for seven.
func TestAMessageThatWasGivenUpTooEarlyIsLoggedOnceItsStatusComes(t *testing.T) {
	for n := 0; ; n++ {
		crashes := 0
		for _, after := range []bool{false, true} {
			w := build(t, 1, whatsapptest.Options{SentAfter: 25 * time.Hour, DeliveredAfter: 25*time.Hour + time.Minute, ReadAfter: 26 * time.Hour})
			w.couple("Rossi", "393471234567")
			w.phone.Meet("Persona", "393471234567")
			w.phone.Fail(whatsapptest.Fault{On: "POST", Lost: whatsapptest.LostAfter})
			w.promotion("late")
			w.pass(24*time.Hour + 30*time.Minute)
			if codes := w.reasons(); len(codes) != 1 || codes[0] != "UNKNOWN_OUTCOME" || len(w.zoho.Tasks()) != 1 {
				t.Fatalf("parked %v, %d tasks", codes, len(w.zoho.Tasks()))
			}
			w.fuse.left, w.fuse.after = n, after
			w.passKeeping(3 * time.Hour)
			crashes += w.crashes
			sent := w.phone.SentMessages()
			if len(sent) != 1 || len(w.parked) != 0 || len(w.zoho.Tasks()) != 1 || len(w.notes(sent[0].ID)) != 1 || len(w.communications(sent[0].ID)) != 1 {
				t.Fatalf("step %d: %d sent, parked %v, %d tasks", n, len(sent), w.reasons(), len(w.zoho.Tasks()))
			}
			if text := w.notes(sent[0].ID)[0].Values["Note_Content"]; strings.Count(text, "» ") != 1 || !strings.Contains(text, "letto") {
				t.Errorf("step %d: the entry ends %q", n, text)
			}
		}
		if n > 0 && crashes == 0 {
			if n < 20 {
				t.Errorf("only %d steps", n)
			}
			return
		}
	}
}
