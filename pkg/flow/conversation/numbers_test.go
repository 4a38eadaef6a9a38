package conversation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/conversation"
)

// second is another number of the business.
const second = "222222222222222"

// texts returns what was sent from a number since the n-th message.
func (w *world) texts(n int, from string) (out []string) {
	for _, m := range w.phone.SentMessages()[n:] {
		if m.Number == from {
			out = append(out, m.Text)
		}
	}
	return out
}

func TestAWordToOneNumberOfTheBusinessHoldsForAll(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Second, Numbers: []whatsapptest.Number{{ID: number, Display: whatsapptest.DefaultDisplay}, {ID: second, Display: "15550000002"}}})
	hub, zo := w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	for _, step := range []struct {
		number, text string
		answers      int
		shows        string
	}{
		{second, "orari", 1, "false "},
		{number, "STOP", 1, "true true"},
		{second, "orari", 0, "true true"},
		{second, "spedizione", 0, "true true"},
		{second, "RIPRENDI", 1, "false false"},
		{number, "orari", 1, "false false"},
		{second, "STOP", 1, "true true"},
		{number, "orari", 0, "true true"},
		{number, "RIPRENDI", 1, "false false"},
		{second, "orari", 1, "false false"},
	} {
		before := len(w.phone.SentMessages())
		if _, err := p.Say(step.number, step.text); err != nil {
			t.Fatal(err)
		}
		w.pass(5 * time.Minute)
		if got := w.optedOut(hub, zo); len(w.texts(before, step.number)) != step.answers || len(w.phone.SentMessages()) != before+step.answers || got != step.shows {
			t.Errorf("%s to %s: %d answers, want %d; the CRMs show %s, want %s", step.text, step.number, len(w.phone.SentMessages())-before, step.answers, got, step.shows)
		}
		w.pass(20 * time.Minute) // answers an hour are bounded
	}
	if w.told() != "[] 0 0" {
		t.Errorf("told %s", w.told())
	}
}

func TestAnAutomaticAnswerToSomebodyWhoWantsNoneIsDroppedAndAMessageThatWasAskedForIsTold(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
	_, zo := w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	if err := w.zoho.Edit(crm.Contacts, zo, map[string]string{"WhatsApp_Opt_Out": "true"}); err != nil {
		t.Fatal(err)
	}
	w.say(p, "orari")
	w.pass(time.Minute)
	w.say(p, "reclamo")
	w.pass(time.Minute)
	if w.told() != "[] 1 1" || len(w.phone.SentMessages()) != 0 || w.due() != 0 {
		t.Errorf("automatic answers: %s, %d sent, %d due", w.told(), len(w.phone.SentMessages()), w.due())
	}
	w.promotion("r")
	w.pass(time.Minute)
	if w.told() != "[131050] 1 1" || len(w.phone.SentMessages()) != 0 || w.due() != 0 {
		t.Errorf("a promotion: %s, %d sent, %d due", w.told(), len(w.phone.SentMessages()), w.due())
	}
}

func TestAWordFromTomorrowDoesNotSilenceThoseOfToday(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
	hub, zo := w.couple("Rossi", "393471234567")
	w.phone.Meet("Persona", "393471234567")
	ahead := w.wrote("ahead", "RIPRENDI", rossi)
	ahead.Message.At = w.now.Add(365 * 24 * time.Hour)
	w.finish(ahead)
	w.now = w.now.Add(time.Hour)
	w.finish(w.wrote("stop", "STOP", rossi))
	if got := w.optedOut(hub, zo); got != "true true" {
		t.Errorf("the CRMs show %s", got)
	}
	if w.promote("r", rossi) {
		t.Error("a promotion went to somebody who has said that he wants none")
	}
}

func TestSomebodyWhoWroteLongAgoAndWhomAMessageDidNotReachFindsAPersonWhenHeWrites(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
	w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "orari")
	w.pass(3 * 24 * time.Hour)
	p.Unreachable = true
	w.promotion("r")
	w.pass(10 * time.Minute)
	p.Unreachable = false
	before := len(w.phone.SentMessages())
	w.say(p, "orari")
	w.pass(time.Minute)
	w.say(p, "reclamo")
	w.pass(time.Minute)
	if w.told() != "[] 1 1" || len(w.phone.SentMessages()) != before {
		t.Errorf("%s; %d automatic answers while a person is asked to write", w.told(), len(w.phone.SentMessages())-before)
	}
}

func TestWhatWaitsToBeSentGoesWithItsPerson(t *testing.T) {
	template := &outbound.Template{Name: "promo_autunno", Language: "it", Parameters: []crm.Value{crm.Text("un segreto")}}
	for name, c := range map[string]struct {
		to            chat.Person
		before, after []string // what he writes before it is accepted, and after
	}{
		"by number":                    {chat.Person{Phone: anna.Phone}, []string{"ciao"}, nil},
		"by user id":                   {chat.Person{User: anna.User}, []string{"ciao"}, nil},
		"before he was ever heard of":  {chat.Person{Phone: anna.Phone}, nil, []string{"ciao"}},
		"and he has written since too": {chat.Person{Phone: anna.Phone}, []string{"ciao"}, []string{"orari"}},
	} {
		w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
		_, zo := w.couple("Rossi", "393471234567")
		_, other := w.couple("Verdi", "393477654321")
		w.met(anna)
		verdi := chat.Person{Phone: crm.Text("393477654321"), Name: crm.Text("Verdi")}
		w.met(verdi)
		w.finish(w.wrote("v", "ciao", verdi))
		for _, text := range c.before {
			w.finish(w.wrote("1", text, anna))
		}
		w.pass(time.Minute)
		w.phone.Fail(whatsapptest.Fault{On: "POST", Times: -1, Code: 80007}) // automatic answers wait as well
		for _, r := range []outbound.Request{{Reference: "his", To: c.to, Template: template}, {Reference: "another's", To: chat.Person{Phone: verdi.Phone}, Template: template}} {
			if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", r); err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range c.after {
			w.finish(w.wrote("2", text, anna))
		}
		for range 2 {
			if err := w.flow.Erase(t.Context(), crm.DefaultConnection, zo); err != nil {
				t.Fatal(err)
			}
		}
		w.phone.Clear()
		before := len(w.phone.SentMessages())
		w.pass(30 * time.Minute)
		sent := w.phone.SentMessages()[before:]
		if len(sent) != 1 || len(w.notes("un segreto")) != 1 || w.notes("un segreto")[0].Parent != other || len(w.parked) != 0 {
			t.Errorf("%s: %d sent, %d notes, parked %v", name, len(sent), len(w.notes("un segreto")), w.reasons())
		}
	}
}

func TestWhatWaitsForTheNextOwnerOfANumberStaysWhenTheLastOneIsErased(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
	_, zo := w.couple("Rossi", "393471234567")
	w.met(anna)
	w.finish(w.wrote("a", "ciao", anna))
	moved := anna
	moved.Phone, moved.User = crm.Text("393477654321"), crm.Text("IT.112")
	w.finish(w.changed("c", w.now, anna, moved))
	w.pass(time.Hour)
	if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", outbound.Request{Reference: "b", To: chat.Person{Phone: anna.Phone},
		Template: &outbound.Template{Name: "promo_autunno", Language: "it", Parameters: []crm.Value{crm.Text("x")}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.flow.Erase(t.Context(), crm.DefaultConnection, zo); err != nil {
		t.Fatal(err)
	}
	before := len(w.phone.SentMessages())
	w.pass(10 * time.Minute)
	if sent := len(w.phone.SentMessages()) - before; sent != 1 || len(w.parked) != 0 {
		t.Errorf("%d sent, parked %v", sent, w.reasons())
	}
}

// A contact that waits for an approval is locked for days.
func TestAStopOnALockedContactKeepsNothingOfItsPersonBackAndTheFieldFollows(t *testing.T) {
	moved := chat.Person{Phone: crm.Text("393479999999"), User: crm.Text("IT.222"), Name: crm.Text("Rossi")}
	for name, step := range map[string]func(w *world) (contact string, update chat.Update, now chat.Person){
		"two turn out to be one": func(w *world) (string, chat.Update, chat.Person) {
			before := w.zoho.IDs(crm.Contacts)
			w.finish(w.wrote("b", "ciao", moved))
			for _, id := range w.zoho.IDs(crm.Contacts) {
				if !slices.Contains(before, id) {
					return id, w.changed("c", w.now, anna, moved), moved
				}
			}
			return "", chat.Update{}, moved
		},
		"he is met on another contact": func(w *world) (string, chat.Update, chat.Person) {
			if err := w.zoho.Delete(crm.Contacts, w.zoho.IDs(crm.Contacts)[0]); err != nil {
				w.t.Fatal(err)
			}
			id, err := w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", "Mobile": "+393471234567"})
			if err != nil {
				w.t.Fatal(err)
			}
			w.pass(5 * time.Minute)
			return id, w.wrote("c", "sono io", anna), anna
		},
	} {
		for _, ending := range []string{"approved", "never approved", "wants messages again"} {
			w := build(t, 1, whatsapptest.Options{})
			w.met(anna)
			w.met(moved)
			w.finish(w.wrote("a", "STOP", anna))
			w.pass(time.Hour)
			contact, update, now := step(w)
			if err := w.zoho.Block(crm.Contacts, contact, "NOT_APPROVED"); err != nil {
				t.Fatal(err)
			}
			began := w.now
			w.finish(update)
			if took := w.now.Sub(began); took > 10*time.Second || len(w.notes("wamid.c")) != 1 || w.optOut(contact) != "false" || w.due() != 1 {
				t.Errorf("%s: took %v, %d notes, the contact says %q, %d due", name, took, len(w.notes("wamid.c")), w.optOut(contact), w.due())
			}
			if w.promote("soon", chat.Person{Phone: now.Phone}) {
				t.Errorf("%s: a promotion went to somebody who wants none", name)
			}
			w.parked = map[string]fault.Parked{}
			want, rows := "true", 0
			switch ending {
			case "approved":
				w.pass(time.Hour)
				if err := w.zoho.Block(crm.Contacts, contact, ""); err != nil {
					t.Fatal(err)
				}
				w.pass(2 * time.Hour)
			case "never approved":
				want, rows = "false", 1
				w.pass(conversation.FileFor + time.Hour)
			default:
				if err := w.zoho.Block(crm.Contacts, contact, ""); err != nil {
					t.Fatal(err)
				}
				want = "false"
				w.now = w.now.Add(time.Second)
				w.finish(w.wrote("d", "RIPRENDI", now))
				w.pass(2 * time.Hour)
			}
			if w.optOut(contact) != want || w.due() != 0 || len(w.parked) != rows {
				t.Errorf("%s, %s: the contact says %q, want %s; %d due, parked %v", name, ending, w.optOut(contact), want, w.due(), w.reasons())
			}
		}
	}
}

func TestAWordOfSomebodyWhoseContactIsLockedKeepsNothingOfHimBackAndTheFieldFollows(t *testing.T) {
	for word, fields := range map[string][2]string{"STOP": {"false ", "true true"}, "RIPRENDI": {"true true", "false false"}} {
		for _, approved := range []bool{true, false} {
			name := fmt.Sprintf("%s, approved %t", word, approved)
			w := build(t, 1, whatsapptest.Options{})
			hub, zo := w.couple("Rossi", "393471234567")
			w.met(anna)
			if word == "RIPRENDI" {
				w.finish(w.wrote("before", "STOP", anna))
				w.pass(time.Hour)
			}
			if got := w.optedOut(hub, zo); got != fields[0] {
				t.Fatalf("%s: the CRMs show %s", name, got)
			}
			if err := w.zoho.Block(crm.Contacts, zo, "NOT_APPROVED"); err != nil {
				t.Fatal(err)
			}
			answers, began := len(w.phone.SentMessages()), w.now
			said := w.wrote("said", word, anna)
			w.finish(said)
			w.now = w.now.Add(10 * time.Second)
			w.finish(w.wrote("then", "e adesso voglio il rimborso", anna), said)
			w.pass(time.Second)
			if took := w.now.Sub(began); took > 20*time.Second || len(w.notes("wamid.then")) != 1 || len(w.zoho.Tasks()) != 1 || len(w.hubspot.Tasks()) != 1 || len(w.phone.SentMessages()) == answers {
				t.Errorf("%s: took %v, %d notes, %d and %d tasks, %d answers", name, took, len(w.notes("wamid.then")), len(w.zoho.Tasks()), len(w.hubspot.Tasks()), len(w.phone.SentMessages())-answers)
			}
			if sent := w.promote("soon", chat.Person{Phone: anna.Phone}); sent != (word == "RIPRENDI") {
				t.Errorf("%s: a promotion was sent: %t", name, sent)
			}
			w.parked = map[string]fault.Parked{}
			if !approved {
				w.pass(conversation.FileFor + time.Hour)
				if codes := w.reasons(); !slices.Equal(codes, []string{map[string]string{"STOP": fault.CauseUnwrittenOut, "RIPRENDI": fault.CauseUnwrittenIn}[word]}) || w.due() != 0 {
					t.Errorf("%s: parked %v, %d due", name, codes, w.due())
				}
				continue
			}
			w.pass(24 * time.Hour)
			if err := w.zoho.Block(crm.Contacts, zo, ""); err != nil {
				t.Fatal(err)
			}
			w.pass(2 * time.Hour)
			if got := w.optedOut(hub, zo); got != fields[1] || w.due() != 0 || len(w.parked) != 0 {
				t.Errorf("%s: the CRMs show %s, want %s; %d due, parked %v", name, got, fields[1], w.due(), w.reasons())
			}
		}
	}
}

// edit sets the field of both CRMs by hand, to what optedOut says of them.
func (w *world) edit(hub, zo, fields string) {
	w.t.Helper()
	z, h, _ := strings.Cut(fields, " ")
	if err := w.zoho.Edit(crm.Contacts, zo, map[string]string{"WhatsApp_Opt_Out": z}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.hubspot.Edit(crm.Contacts, hub, map[string]string{"whatsapp_opt_out": h}); err != nil {
		w.t.Fatal(err)
	}
}

func TestAPreferenceThatIsToldAgainDoesNotUndoWhatSomebodySetByHandSince(t *testing.T) {
	for _, c := range []struct{ first, last, byHand string }{
		{chat.PreferenceStop, chat.PreferenceResume, "true true"},
		{chat.PreferenceResume, chat.PreferenceStop, "false false"},
	} {
		for lock, locks := range map[string]int{"": 0, "NOT_APPROVED": 1} {
			w := build(t, 1, whatsapptest.Options{})
			hub, zo := w.couple("Rossi", "393471234567")
			word := func(value string) chat.Update {
				w.now = w.now.Add(time.Hour)
				return chat.Update{Number: number, Preference: &chat.Preference{From: rossi, At: w.now, Value: value, Category: chat.CategoryMarketing}}
			}
			w.carry(word(c.first))
			if err := w.zoho.Block(crm.Contacts, zo, lock); err != nil {
				t.Fatal(err)
			}
			last := word(c.last)
			w.carry(last)
			if w.due() != locks {
				t.Errorf("%s, %s: %d due", c.last, lock, w.due())
			}
			if err := w.zoho.Block(crm.Contacts, zo, ""); err != nil {
				t.Fatal(err)
			}
			w.pass(time.Hour)
			if got := w.optedOut(hub, zo); got == c.byHand {
				t.Errorf("%s, %s: the CRMs show %s", c.last, lock, got)
			}
			w.edit(hub, zo, c.byHand)
			w.carry(last)
			w.pass(time.Hour)
			if got := w.optedOut(hub, zo); got != c.byHand {
				t.Errorf("%s, %s told again: the CRMs show %s, want %s", c.last, lock, got, c.byHand)
			}
		}
	}
}
