package conversation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/conversation"
)

func TestTheFirstMessageOfAConversationIsToldUntilItIsTaken(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	told, failures := map[string]time.Time{}, 2
	w.flow.Began = func(_ context.Context, update string, at time.Time) error {
		if failures > 0 {
			failures--
			return &fault.Error{Op: "table", Kind: fault.Down, Err: errors.New("no answer")}
		}
		told[update] = at
		return nil
	}
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "buongiorno")
	w.say(p, "ci siete?")
	w.pass(5 * time.Minute)
	if len(told) != 1 || failures != 0 {
		t.Errorf("told %v after one conversation", told)
	}
	w.pass(25 * time.Hour)
	w.say(p, "ancora io")
	w.pass(5 * time.Minute)
	if len(told) != 2 {
		t.Errorf("told %v after two conversations", told)
	}
}

func TestAConversationThatBeginsWithoutATimeOrWithOneAheadOfNowBeganWhenItWasReceived(t *testing.T) {
	for name, at := range map[string]func(time.Time) time.Time{
		"without a time": func(time.Time) time.Time { return time.Time{} },
		"from tomorrow":  func(now time.Time) time.Time { return now.Add(24 * time.Hour) },
	} {
		w := build(t, 1, whatsapptest.Options{})
		w.met(anna)
		var told []time.Time
		down := &fault.Error{Op: "table", Kind: fault.Down, Err: errors.New("no answer")}
		w.flow.Began = func(_ context.Context, _ string, at time.Time) error {
			told = append(told, at)
			if len(told) == 1 {
				return down
			}
			return nil
		}
		first := w.wrote("a", "buongiorno", anna)
		received := w.now
		first.Message.At = at(w.now)
		w.finish(first)
		if len(told) != 2 || !told[0].Equal(received) || !told[1].Equal(received) {
			t.Errorf("%s: told %v, received %v", name, told, received)
		}
	}
}

func TestAnAutomaticAnswerGoesOutWithTheMessageThatAskedForIt(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.say(w.phone.Meet("Persona", "393471234567"), "voglio un rimborso")
	w.phone.Tick()
	if len(w.queue) != 1 {
		t.Fatalf("%d letters", len(w.queue))
	}
	parcel, err := chat.Open(w.queue[0].entry.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := w.flow.Carry(t.Context(), parcel)
	if out.Ending != fault.Done || len(w.phone.SentMessages()) != 1 || !w.phone.SentMessages()[0].At.Equal(w.now) {
		t.Errorf("%+v; sent %d", out, len(w.phone.SentMessages()))
	}
	due, err := w.flow.Due(t.Context(), crm.DefaultConnection)
	if err != nil || len(due) != 0 {
		t.Errorf("still due: %d, %v", len(due), err)
	}
}

func TestAnAnswerThatDoesNotGoOutStaysInTheOutboxAndTheMessageIsDone(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.phone.Fail(whatsapptest.Fault{On: "POST", Times: 1, Status: 429, Code: 190})
	w.say(w.phone.Meet("Persona", "393471234567"), "voglio un rimborso")
	w.phone.Tick()
	parcel, err := chat.Open(w.queue[0].entry.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out := w.flow.Carry(t.Context(), parcel); out.Ending != fault.Done || len(w.phone.SentMessages()) != 0 {
		t.Errorf("%+v; sent %d", out, len(w.phone.SentMessages()))
	}
	w.pass(50 * time.Second)
	if len(w.phone.SentMessages()) != 0 {
		t.Error("sent before the token is tried again")
	}
	w.pass(20 * time.Second)
	if len(w.phone.SentMessages()) != 1 {
		t.Errorf("sent %d times", len(w.phone.SentMessages()))
	}
}

// ending is a context that ends at a model time.
type ending struct {
	context.Context
	at time.Time
}

// Deadline returns that time.
func (e ending) Deadline() (time.Time, bool) { return e.at, true }

func TestAnAnswerIsNotBegunThatMayBeCutOff(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.say(w.phone.Meet("Persona", "393471234567"), "voglio un rimborso")
	w.phone.Tick()
	parcel, err := chat.Open(w.queue[0].entry.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out := w.flow.Carry(ending{t.Context(), w.now.Add(conversation.EnoughToSend - time.Second)}, parcel); out.Ending != fault.Done || len(w.phone.SentMessages()) != 0 {
		t.Errorf("%+v; sent %d", out, len(w.phone.SentMessages()))
	}
	due, err := w.flow.Due(t.Context(), crm.DefaultConnection)
	if err != nil || len(due) != 1 {
		t.Errorf("due: %d, %v", len(due), err)
	}
}

func TestWhatIsGivenUpOnIsKeptWithARowEachAndCarriedOutByAReplay(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "uno")
	w.say(p, "due")
	w.phone.Tick()
	var parcel chat.Parcel
	for _, l := range w.queue {
		one, err := chat.Open(l.entry.Body)
		if err != nil {
			t.Fatal(err)
		}
		parcel.Connection = one.Connection
		parcel.Updates = append(parcel.Updates, one.Updates...)
	}
	w.queue = nil
	parcel.ReceivedAt = w.now
	for range 2 { // it may be repeated
		if err := w.flow.GiveUp(t.Context(), parcel, &fault.Error{Op: "inbox", Kind: fault.Ours, Code: "unrun"}, true); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.parked) != 2 || len(w.notes("")) != 0 {
		t.Fatalf("parked %v, %d notes", w.reasons(), len(w.notes("")))
	}
	if out := w.flow.Carry(t.Context(), parcel); out.Ending != fault.Done || len(w.notes("")) != 0 {
		t.Errorf("a repeated delivery of what was given up on: %+v, %d notes", out, len(w.notes("")))
	}
	for _, u := range parcel.Updates {
		if out := w.flow.Replay(t.Context(), parcel.Connection, u.Identity()); out.Ending != fault.Done {
			t.Errorf("%+v", out)
		}
	}
	if len(w.notes("uno")) != 1 || len(w.notes("due")) != 1 {
		t.Errorf("%d and %d notes", len(w.notes("uno")), len(w.notes("due")))
	}
}

func TestOnlyWhatFailsByItselfIsGivenUpOn(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	good, bad := w.phone.Meet("Persona", "393471234567"), w.phone.Meet("Altra", "393477654321")
	w.say(good, "uno")
	w.say(bad, "due")
	w.phone.Tick()
	parcel := chat.Parcel{ReceivedAt: w.now}
	for _, l := range w.queue {
		one, err := chat.Open(l.entry.Body)
		if err != nil {
			t.Fatal(err)
		}
		parcel.Connection = one.Connection
		parcel.Updates = append(parcel.Updates, one.Updates...)
	}
	w.queue = nil
	w.flow.Began = func(_ context.Context, update string, _ time.Time) error {
		for _, u := range parcel.Updates {
			if u.Identity() == update && u.Message.Text.Text() == "due" {
				panic("a bug")
			}
		}
		return nil
	}
	if err := w.flow.GiveUp(t.Context(), parcel, &fault.Error{Op: "inbox", Kind: fault.Ours, Code: "panic"}, false); err != nil {
		t.Fatal(err)
	}
	if len(w.parked) != 1 || len(w.notes("uno")) != 1 {
		t.Errorf("parked %v, %d notes", w.reasons(), len(w.notes("uno")))
	}
}

func TestAMessageThatDoesNotNameOurNumberIsAnsweredFromTheOneThatRequestsAreSentFrom(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.say(w.phone.Meet("Persona", "393471234567"), "ciao") // the sandbox opens the window
	w.phone.Tick()
	w.queue = nil
	m := chat.Message{ID: crm.Text("wamid.x"), At: w.now, Type: chat.TypeText, Text: crm.Text("operatore"), From: chat.Person{Phone: crm.Text("393471234567")}}
	w.carry(chat.Update{Message: &m})
	if sent := w.phone.SentMessages(); len(w.notes("wamid.x")) != 1 || len(sent) != 1 || sent[0].Number != number {
		t.Errorf("sent %+v, parked %v", sent, w.reasons())
	}
}
