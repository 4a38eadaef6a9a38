package suite_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
)

// A number that had an owner before, and keys that were given up.
const (
	annaID, annaNewID, brunoID = "IT.1111111111", "IT.2222222222", "IT.3333333333"
	recycled, annaNew          = "393471234567", "393209998877"
)

type object = map[string]any

// value delivers what WhatsApp tells of the stack's number.
func (w *town) value(v object) {
	w.t.Helper()
	v["messaging_product"], v["metadata"] = "whatsapp", object{"display_phone_number": "390612340000", "phone_number_id": number}
	b, err := json.Marshal(object{"object": "whatsapp_business_account", "entry": []any{object{"id": "1", "changes": []any{object{"field": "messages", "value": v}}}}})
	if err != nil {
		w.t.Fatal(err)
	}
	if a := w.deliver(b); a.Status != 200 {
		w.t.Fatalf("%d %s", a.Status, a.Body)
	}
}

// message delivers what somebody has written; a number or a user id that is "" is not shown.
func (w *town) message(at time.Time, name, phone, user, id, typ string, content object) {
	w.t.Helper()
	m, c := object{"id": id, "timestamp": fmt.Sprint(at.Unix()), "type": typ, typ: content}, object{"profile": object{"name": name}}
	if phone != "" {
		m["from"], c["wa_id"] = phone, phone
	}
	if user != "" {
		m["from_user_id"], c["user_id"] = user, user
	}
	w.value(object{"messages": []any{m}, "contacts": []any{c}})
}

func (w *town) writes(name, phone, user, text string) {
	w.t.Helper()
	w.message(w.now, name, phone, user, "wamid."+text, "text", object{"body": text})
}

// annaMoves tells that Anna has another number and user id.
func (w *town) annaMoves() {
	w.t.Helper()
	w.message(w.now, "Anna", recycled, "", "wamid.moves", "system",
		object{"body": "x", "wa_id": annaNew, "user_id": annaNewID, "previous_user_id": annaID, "type": "user_changed_number"})
}

// noted are the contacts of Zoho that have a note with a text.
func (w *town) noted(text string) (on []string) {
	for _, n := range w.zoho.Notes() {
		if strings.Contains(n.Values["Note_Content"], text) {
			on = append(on, n.Parent)
		}
	}
	return on
}

func TestTheNextOwnerOfANumberIsNobodyElseWhoeverStillCarriesItInACRM(t *testing.T) {
	w := build(t, variant{})
	anna, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": "Anna", "email": "anna@example.com", "mobilephone": "+" + recycled})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	w.writes("Anna", recycled, annaID, "uno di Anna")
	w.pass(time.Minute)
	w.annaMoves()
	w.pass(24 * time.Hour)
	w.writes("Bruno", "", brunoID, "uno di Bruno")
	w.pass(7 * time.Hour)
	for _, text := range []string{"due di Bruno", "STOP"} {
		w.writes("Bruno", recycled, brunoID, text)
		w.pass(time.Minute)
	}
	if hers, his := w.noted("uno di Anna"), w.noted("due di Bruno"); len(hers) != 1 || len(his) != 1 || hers[0] == his[0] {
		t.Errorf("hers is a note on %v, his on %v", hers, his)
	}
	if n := w.communications("due di Bruno"); n != 0 {
		t.Errorf("his message is logged %d times in HubSpot", n)
	}
	if p, _ := w.hubspot.Props(crm.Contacts, anna); p["whatsapp_opt_out"] == "true" {
		t.Error("his STOP is hers in HubSpot")
	}
	for r := range w.tables["parked"].All("") {
		if strings.Contains(string(r.Value), "merge_twins") {
			t.Errorf("two strangers are to be merged: %s", r.Value)
		}
	}
}

func TestTheNextOwnerOfANumberIsNobodyElseWhenHisContactWasDeleted(t *testing.T) {
	w := build(t, variant{})
	anna, err := w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Anna", "Mobile": "+" + recycled})
	if err != nil {
		t.Fatal(err)
	}
	w.writes("Anna", recycled, annaID, "uno di Anna")
	w.pass(time.Minute)
	w.writes("Bruno", "", brunoID, "uno di Bruno")
	w.pass(time.Minute)
	w.writes("Bruno", recycled, brunoID, "due di Bruno")
	w.pass(time.Minute)
	for _, id := range w.zoho.IDs(crm.Contacts) {
		if id != anna {
			if err := w.zoho.Delete(crm.Contacts, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.pass(time.Minute)
	w.writes("Bruno", recycled, brunoID, "STOP")
	w.pass(time.Minute)
	if p, _ := w.zoho.Props(crm.Contacts, anna); p["WhatsApp_Opt_Out"] == "true" || slices.Contains(w.noted("STOP"), anna) {
		t.Errorf("his STOP is hers: %v", p)
	}
	parked := false
	for r := range w.tables["parked"].All("") {
		parked = parked || strings.Contains(string(r.Value), anna)
	}
	if !parked {
		t.Error("nobody is told whom it may belong to")
	}
}

func TestWhatComesLateUnderAUserIDThatWasGivenUpDoublesNobody(t *testing.T) {
	w := build(t, variant{})
	w.writes("Anna", recycled, annaID, "grazie")
	w.pass(30 * time.Second)
	before := w.now
	w.pass(5 * time.Second)
	w.annaMoves()
	w.pass(10 * time.Second)
	for i, text := range []string{"una domanda strana", "e un'altra ancora"} {
		w.message(before.Add(time.Duration(i)*time.Second), "Anna", "", annaID, "wamid."+text, "text", object{"body": text})
		w.pass(time.Minute)
	}
	if contacts := w.zoho.IDs(crm.Contacts); len(contacts) != 1 || len(w.noted("una domanda strana")) != 1 || len(w.noted("e un'altra ancora")) != 1 {
		t.Errorf("she is %v", contacts)
	}
}

func TestAMessageOfUnknownFateIsLoggedAsOfItsTryWhateverItsStatusTells(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		at    func(time.Time) string
	}{
		"no time": {time.Minute, func(time.Time) string { return "" }},
		"late":    {30 * time.Hour, func(t time.Time) string { return fmt.Sprint(t.Unix()) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := build(t, variant{})
			w.writes("Rossi", recycled, "", "grazie")
			w.pass(10 * time.Second)
			w.phone.Fail(whatsapptest.Fault{On: "POST", Status: 500, Body: "oops", Times: 1})
			w.send.Take(t.Context(), w.request("POST", conversions.MessagesPath,
				`{"a":{"telefono":"+`+recycled+`"},"tipo":"testo","testo":"la sua pizza","riferimento":"r1"}`, "messaggi:invia"))
			w.pass(c.after)
			callback := ""
			for r := range w.tables["chats"].All("") {
				if id, ok := strings.CutPrefix(r.Key.Part, "O#main#"); ok {
					callback = id
				}
			}
			w.value(object{"statuses": []any{object{"id": "wamid.OUT", "status": "delivered", "timestamp": c.at(w.now), "recipient_id": recycled, "biz_opaque_callback_data": callback}}})
			w.pass(5 * time.Minute)
			if n := len(w.noted("inviato · 03/11/2026 13:00\nla sua pizza")); n != 1 {
				t.Errorf("%d notes: %+v", n, w.zoho.Notes())
			}
		})
	}
}
