package conversation_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
)

// adds lets a person of the business write something at the end of a note.
func (w *world) adds(mark, text string) {
	w.t.Helper()
	n := w.notes(mark)[0]
	body, _ := json.Marshal(map[string]any{"data": []any{map[string]string{"Note_Content": n.Values["Note_Content"] + text}}})
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPut, "https://www.zohoapis.eu/crm/v8/Notes/"+n.ID, strings.NewReader(string(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Zoho-oauthtoken t")
	r.Header.Set("Content-Type", "application/json")
	a, err := w.zoho.Transport().RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := a.Body.Close(); err != nil || a.StatusCode != http.StatusOK {
		w.t.Fatal(a.Status, err)
	}
}

// states returns what the one note and the one communication of a message say behind its mark.
func (w *world) states(mark string) (zoho, hubspot string) {
	w.t.Helper()
	notes, logged := w.notes(mark), w.communications(mark)
	if len(notes) != 1 || len(logged) != 1 {
		w.t.Fatalf("%d notes, %d communications", len(notes), len(logged))
	}
	_, zoho, _ = strings.Cut(notes[0].Values["Note_Content"], "["+mark+"]")
	_, hubspot, _ = strings.Cut(logged[0].Properties["hs_communication_body"], "["+mark+"]")
	return zoho, hubspot
}

func TestWhatAPersonOfTheBusinessWroteIntoANoteStaysWhenTheStateChanges(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: 100 * time.Hour})
	w.couple("Rossi", "393471234567")
	w.promotion("r")
	w.step()
	id := w.phone.SentMessages()[0].ID
	w.carry(w.status(id, chat.Delivered))
	w.adds(id, "\nRichiamare lunedì (Giulia)")
	w.now = w.now.Add(2 * time.Hour)
	w.carry(w.status(id, chat.Read))
	if got, _ := w.states(id); got != "\n» Stato: letto, 20/11/2026 14:00\nRichiamare lunedì (Giulia)" {
		t.Errorf("the note says %q", got)
	}
}

func TestAMessageThatLooksLikeAStateKeepsItsTextAndItsMark(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Second, DeliveredAfter: 2 * time.Second})
	w.couple("Rossi", "393471234567")
	w.say(w.phone.Meet("Persona", "393471234567"), "vorrei una persona")
	w.pass(time.Minute)
	for reference, text := range map[string]string{"a": "» Il suo ordine parte domani", "b": "» Stato: in partenza"} {
		if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", outbound.Request{Reference: reference, To: rossi, Text: crm.Text(text)}); err != nil {
			t.Fatal(err)
		}
		w.pass(10 * time.Minute)
		notes, logged := w.notes("\n"+text+"\n[wamid."), w.communications("<br>"+text+"<br>[wamid.")
		if len(notes) != 1 || len(logged) != 1 {
			t.Fatalf("%d notes, %d communications have the text and the mark", len(notes), len(logged))
		}
		if s := notes[0].Values["Note_Content"]; !strings.Contains(s, "]\n» Stato: consegnato") {
			t.Errorf("the note says %q", s)
		}
		if s := logged[0].Properties["hs_communication_body"]; !strings.Contains(s, "]<br>» Stato: consegnato") {
			t.Errorf("the communication says %q", s)
		}
	}
}

func TestWhyAMessageFailedIsNotedThoughItIsToldLaterThanTheFailure(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: 100 * time.Hour})
	w.couple("Rossi", "393471234567")
	w.promotion("r")
	w.step()
	id := w.phone.SentMessages()[0].ID
	w.carry(w.status(id, chat.Failed))
	w.now = w.now.Add(2 * time.Minute)
	w.carry(w.status(id, chat.Failed, 131026))
	if zoho, hubspot := w.states(id); !strings.Contains(zoho, "131026") || !strings.Contains(hubspot, "131026") || strings.Count(zoho, "» ") != 1 {
		t.Errorf("behind the mark: %q and %q", zoho, hubspot)
	}
}
