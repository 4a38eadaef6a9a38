package sandbox_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/desk/sandbox"
)

func withWhatsApp(o *sandbox.WorldOptions) { o.WhatsApp = &whatsapptest.Options{} }

// named returns the contacts in Zoho that one of the words stands in.
func (s *scene) named(words ...string) (out []string) {
	s.t.Helper()
	for _, id := range s.Zoho.IDs(crm.Contacts) {
		z, _ := s.Zoho.Props(crm.Contacts, id)
		for _, w := range words {
			if strings.Contains(z["Last_Name"], w) || z["Mobile"] == w || z["Phone"] == w {
				out = append(out, id)
				break
			}
		}
	}
	return out
}

func (s *scene) notes(contact string) (n int) {
	for _, a := range s.Zoho.Notes() {
		if a.Parent == contact {
			n++
		}
	}
	return n
}

// A person who writes and one who is created in HubSpot about then are one contact in Zoho, whoever of the two is heard of first.
func TestSomebodyWhoWritesAndIsCreatedInHubSpotIsOneContact(t *testing.T) {
	for name, tt := range map[string]struct {
		number        string
		write, create time.Duration // after which each happens
	}{
		"written a second before":              {"+39 333 111 0001", 0, time.Second},
		"written a minute before":              {"+39 333 111 0001", 0, time.Minute},
		"a number without its country":         {"333 1110001", 0, time.Second},
		"at once":                              {"+39 333 111 0001", 0, 0},
		"written within the lag of the search": {"+39 333 111 0001", time.Second, 0},
		"written a minute later":               {"+39 333 111 0001", time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })
			p := s.WhatsApp.Meet("Rita S.", "393331110001")
			write := func() { _, err := p.Say(whatsapptest.DefaultNumber, "Vorrei un preventivo"); s.must(err) }
			h := ""
			create := func() {
				var err error
				h, err = s.HubSpot.Create(crm.Contacts, props{"email": "rita@example.com", "firstname": "Rita", "lastname": "Serra", "mobilephone": tt.number})
				s.must(err)
			}
			if tt.write <= tt.create {
				write()
				s.pass(tt.create)
				create()
			} else {
				create()
				s.pass(tt.write)
				write()
			}
			s.settle()
			all := s.named("Rita", "Serra", "+393331110001")
			if len(all) != 1 {
				t.Fatalf("%d contacts in Zoho", len(all))
			}
			z, _ := s.Zoho.Props(crm.Contacts, all[0])
			hub, _ := s.HubSpot.Props(crm.Contacts, h)
			if z["HubSpot_Id"] != h || z["Email"] != "rita@example.com" || z["Last_Name"] != "Serra" || hub["lastname"] != "Serra" || s.notes(all[0]) < 1 {
				t.Errorf("Zoho shows %v, HubSpot %v, %d notes", z, hub, s.notes(all[0]))
			}
		})
	}
}

func TestOfTwoWhoShareANumberTheFirstIsWhoeverWrote(t *testing.T) {
	s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })
	_, err := s.WhatsApp.Meet("Bottega", "393331110002").Say(whatsapptest.DefaultNumber, "Buongiorno")
	s.must(err)
	s.settle()
	for _, name := range []string{"Ada", "Bea"} {
		_, err := s.HubSpot.Create(crm.Contacts, props{"email": name + "@example.com", "lastname": name, "mobilephone": "+393331110002"})
		s.must(err)
		s.settle()
	}
	if all := s.named("Ada", "Bea", "Bottega", "+393331110002"); len(all) != 2 {
		t.Errorf("%d contacts in Zoho, want one a person", len(all))
	}
}

func TestANameThatSomebodyCorrectedIsNotTakenForTheOneOfTheProfile(t *testing.T) {
	s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })
	_, err := s.WhatsApp.Meet("🌸 Giù 🌸", "393331110003").Say(whatsapptest.DefaultNumber, "Buongiorno")
	s.must(err)
	s.settle()
	z := s.named("+393331110003")
	if len(z) != 1 {
		t.Fatalf("%d contacts", len(z))
	}
	h, err := s.HubSpot.Create(crm.Contacts, props{"email": "giu@example.com", "lastname": "Neri", "mobilephone": "+393331110003"})
	s.must(err)
	s.must(s.Zoho.Edit(crm.Contacts, z[0], props{"Last_Name": "Neri-Galli"})) // by somebody who looked at it, and later
	s.settle()
	hub, _ := s.HubSpot.Props(crm.Contacts, h)
	if have, _ := s.Zoho.Props(crm.Contacts, z[0]); have["Last_Name"] != hub["lastname"] || have["HubSpot_Id"] != h {
		t.Errorf("Zoho %v, HubSpot %v", have, hub)
	}
}

func TestWhoIsErasedIsForgottenWithWhatWasWritten(t *testing.T) {
	s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })
	p := s.WhatsApp.Meet("Rita Serra", "393331110001")
	_, err := p.Say(whatsapptest.DefaultNumber, "Vorrei un preventivo")
	s.must(err)
	s.settle()
	h, err := s.HubSpot.Create(crm.Contacts, props{"email": "rita@example.com", "lastname": "Serra", "mobilephone": "+393331110001"})
	s.must(err)
	s.settle()
	led := func() (n int) {
		for range s.Tables[sandbox.Chats].All("I#") {
			n++
		}
		return n
	}
	if led() == 0 {
		t.Fatal("nothing leads to her contact")
	}
	s.must(s.HubSpot.Erase(h))
	s.settle()
	if n := led(); n != 0 {
		t.Errorf("%d rows lead to her contact still", n)
	}
}

func TestADeskWithoutCallersSaysWhatIsMissing(t *testing.T) {
	s := stage(t)
	for path, want := range map[string]string{
		"/webhooks/whatsapp": "WHATSAPP_PHONE_NUMBER_ID", conversions.EventsPath: "CONVERSIONS_JWT_ISSUER", conversions.MessagesPath: "WHATSAPP_PHONE_NUMBER_ID", conversions.MetricsPath: "CONVERSIONS_JWT_ISSUER",
	} {
		a := s.Enter(context.WithoutCancel(t.Context()), door.Request{Method: http.MethodPost, Path: path, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte("{}")})
		if a.Status != http.StatusNotFound || !strings.Contains(string(a.Body), want) {
			t.Errorf("%s is answered %d %s", path, a.Status, a.Body)
		}
	}
}

// post sends a message as a caller of the API does.
func (s *scene) post(body string) {
	s.t.Helper()
	h := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + conversionstest.Caller{}.Token(s.World.Clock.Now(), "messaggi:invia")}}
	a := s.Enter(context.WithoutCancel(s.t.Context()), door.Request{ID: "r", Method: http.MethodPost, Path: conversions.MessagesPath, Header: h, Body: []byte(body)})
	if a.Status != http.StatusAccepted {
		s.t.Fatalf("%d %s", a.Status, a.Body)
	}
}

func TestTheMailSaysInItsLanguageWhatBecameOfMessagesOnWhomAndWhatToDo(t *testing.T) {
	s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) {
		o.Mapping.PhoneRegion, o.Conversions = "IT", true
		o.Adapt = func(p *sandbox.Parts) {
			p.Report.Links = func(id crm.ID) string { return "https://crm.example/" + id.String() }
		}
	})
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "mobilephone": "+393331110001"})
	s.settle()
	contact := s.twin(crm.Contacts, hub)
	s.WhatsApp.Meet("Anna", "393331110001")
	s.post(`{"a":{"telefono":"+393331110001"},"tipo":"testo","testo":"ciao","riferimento":"r1"}`)
	s.pass(10 * time.Minute)
	s.WhatsApp.Fail(whatsapptest.Fault{On: "POST", Lost: whatsapptest.LostBefore, Times: 1})
	s.post(`{"a":{"telefono":"+393331110001"},"tipo":"template","template":{"nome":"offerta","lingua":"it"},"riferimento":"r2"}`)
	s.pass(25 * time.Hour)
	s.post(`{"a":{"telefono":"+393331110001"},"tipo":"template","template":{"nome":"non_esiste","lingua":"it"},"riferimento":"r3"}`)
	s.pass(10 * time.Minute)
	var text string
	for _, m := range s.Outbox.Mails() {
		if strings.HasPrefix(m.Subject, "CRM") {
			text += m.Text
		}
	}
	for _, want := range []string{
		"Invio di un messaggio WhatsApp", "Scheda: Zoho CRM · contatto " + contact, "https://crm.example/zoho/contact/" + contact,
		"[131047]", "Inviare un modello (template)", "[UNKNOWN_OUTCOME]", "guardare nella conversazione", "[132001]", "Correggere il modello (template) in WhatsApp Manager",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the mails do not say %q", want)
		}
	}
	for _, wrong := range []string{"Registrazione di un messaggio", "only a template", "the person", "errore nostro"} {
		if strings.Contains(text, wrong) {
			t.Errorf("the mails say %q", wrong)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
