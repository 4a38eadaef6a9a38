package conversation_test

import (
	"fmt"
	"net/http"
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

// ask puts a message of a caller into the outbox.
func (w *world) ask(reference string, r outbound.Request) {
	w.t.Helper()
	r.Reference = reference
	if r.To == (chat.Person{}) {
		r.To = rossi
	}
	if _, err := w.flow.Accept(w.t.Context(), crm.DefaultConnection, "shop", r); err != nil {
		w.t.Fatal(err)
	}
}

func unknownTemplate() outbound.Request {
	return outbound.Request{Template: &outbound.Template{Name: "non_esiste", Language: "it"}}
}

func TestAMessageThatIsNeverSentMakesNobodyAContactAndHisFirstWordsAreAnswered(t *testing.T) {
	for code, r := range map[string]outbound.Request{"131047": {Text: crm.Text("ciao")}, "132001": unknownTemplate()} {
		for name, c := range map[string]struct {
			prepare func(w *world)
			told    string
			target  crm.System
		}{
			"known to nobody": {func(*world) {}, "0 0", ""},
			"in HubSpot only": {func(w *world) {
				if _, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": "Rossi", "phone": "+393471234567"}); err != nil {
					w.t.Fatal(err)
				}
				w.now = w.now.Add(conversation.BirthFor + time.Minute)
			}, "0 1", crm.HubSpot},
		} {
			w := build(t, 1, whatsapptest.Options{})
			p := w.phone.Meet("Persona", "393471234567")
			c.prepare(w)
			w.ask("r", r)
			w.pass(time.Hour)
			row := w.row()
			if w.contacts() != 0 || len(w.phone.SentMessages()) != 0 || w.told() != "["+code+"] "+c.told || row.TargetID.System != c.target || w.due() != 0 {
				t.Errorf("%s, %s: %d contacts; %s; %+v", name, code, w.contacts(), w.told(), row)
			}
			if strings.Contains(row.Message, "wrote") {
				t.Errorf("%s: of somebody who never wrote the row says %q", name, row.Message)
			}
			w.say(p, "Che orari fate?")
			w.pass(time.Minute)
			props, _ := w.zoho.Props(crm.Contacts, w.zoho.IDs(crm.Contacts)[0])
			if n := len(w.phone.SentMessages()); w.contacts() != 1 || props["Last_Name"] != "Persona" || c.target == "" && n != 1 {
				t.Errorf("%s, %s: then %d contacts, the first is %q, %d answers", name, code, w.contacts(), props["Last_Name"], n)
			}
		}
	}
}

func TestWhomNobodyKnowsGetsHisContactOnceWhatsAppTookTheMessageWhereverAWorkerDies(t *testing.T) {
	for n := 0; ; n++ {
		crashes := 0
		for _, after := range []bool{false, true} {
			w := build(t, 1, whatsapptest.Options{})
			w.phone.Meet("Persona", "393471234567")
			early := 0
			w.phone.Fail(whatsapptest.Fault{On: "POST", Times: -1, Match: func(*http.Request) bool { early += w.contacts(); return false }})
			w.ask("r", promo())
			w.fuse.left, w.fuse.after = n, after
			w.passKeeping(26 * time.Hour)
			crashes += w.crashes
			sent := w.phone.SentMessages()
			if early != 0 || len(sent) != w.contacts() || len(sent) == 1 && len(w.notes(sent[0].ID)) != 1 || len(sent) == 0 && w.told() != "["+fault.CauseUnknownOutcome+"] 0 0" || w.due() != 0 {
				t.Errorf("step %d, after %v: %d contacts before it was sent; %d sent, %d contacts; %s", n, after, early, len(sent), w.contacts(), w.told())
			}
		}
		if n > 0 && crashes == 0 || t.Failed() {
			if n < 20 {
				t.Errorf("only %d steps", n)
			}
			return
		}
	}
}

func TestWhomNobodyKnowsGetsNoMoreThanThePairRateAllows(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.phone.Meet("Persona", "393471234567")
	for i := range 60 {
		w.ask(fmt.Sprint(i), promo())
	}
	w.pass(5 * time.Second)
	if n := len(w.phone.SentMessages()); n < 8 || n > chat.PairRate.Burst {
		t.Errorf("%d messages at once", n)
	}
	w.pass(20 * time.Minute)
	if n := len(w.phone.SentMessages()); n != 60 || w.contacts() != 1 || w.told() != "[] 0 0" {
		t.Errorf("%d messages in all, %d contacts; %s", n, w.contacts(), w.told())
	}
}

func TestNothingIsSentToSomebodyWhoCouldNotHaveAContact(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.flow.Columns.User = crm.Column{}
	w.phone.Meet("Persona", "393471234567")
	r := promo()
	r.To = chat.Person{User: crm.Text("IT.1234567890")}
	w.ask("r", r)
	w.pass(time.Hour)
	if len(w.phone.SentMessages()) != 0 || w.contacts() != 0 || w.told() != "["+fault.CauseNoNumber+"] 0 0" {
		t.Errorf("%d sent, %d contacts; %s", len(w.phone.SentMessages()), w.contacts(), w.told())
	}
}
