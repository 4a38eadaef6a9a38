package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// says lets somebody write, and returns the contact in Zoho that is his.
func (s *stage) says(p *whatsapptest.Person, text string) (string, error) {
	if _, err := p.Say(whatsapptest.DefaultNumber, text); err != nil {
		return "", err
	}
	if err := s.pass(soon); err != nil {
		return "", err
	}
	found := ""
	for _, id := range s.Zoho.IDs(crm.Contacts) {
		if z, _ := s.Zoho.Props(crm.Contacts, id); z["WhatsApp_User"] == p.User || z["Mobile"] == "+"+p.Phone {
			if found != "" {
				return "", errors.New("the person is in Zoho twice")
			}
			found = id
		}
	}
	if found == "" {
		return "", errors.New("nobody in Zoho has the person's number")
	}
	return found, nil
}

// logged counts the notes of a Zoho contact and the communications of a HubSpot contact that hold a text.
func (s *stage) logged(zoho, hubspot, text string) (notes, communications int) {
	for _, n := range s.Zoho.Notes() {
		if n.Parent == zoho && strings.Contains(n.Values["Note_Content"], text) {
			notes++
		}
	}
	for _, c := range s.HubSpot.Communications() {
		if c.Contact == hubspot && strings.Contains(c.Properties["hs_communication_body"], text) {
			communications++
		}
	}
	return notes, communications
}

// once checks that a message is logged once wherever its person is known.
func (s *stage) once(zoho, hubspot, text string) error {
	want := 0
	if hubspot != "" {
		want = 1
	}
	if notes, comms := s.logged(zoho, hubspot, text); notes != 1 || comms != want {
		return fmt.Errorf("%d notes and %d communications of one message, want 1 and %d", notes, comms, want)
	}
	return nil
}

func writer(s *stage) error {
	p := s.WhatsApp.Meet("Rita Serra", "393331110001")
	z, err := s.says(p, "Vorrei un preventivo")
	if err != nil {
		return err
	}
	h, err := s.HubSpot.Create(crm.Contacts, props{"email": "rita.serra@example.com", "firstname": "Rita", "lastname": "Serra", "mobilephone": "+39 333 111 0001"})
	if err == nil {
		err = s.pass(soon)
	}
	if err != nil {
		return err
	}
	twin, err := s.twin(crm.Contacts, h)
	if err != nil {
		return err
	}
	if twin != z {
		return errors.New("the person is two contacts in Zoho")
	}
	if _, err := s.says(p, "Siete ancora aperti domani?"); err != nil {
		return err
	}
	return errors.Join(
		s.shows(h, z, nil, props{"Email": "rita.serra@example.com", "First_Name": "Rita", "Last_Name": "Serra"}),
		s.once(z, "", "Vorrei un preventivo"), s.once(z, h, "Siete ancora aperti domani?"),
	)
}

func question(s *stage) error {
	p := s.WhatsApp.Meet("Sara Testa", "393331110002")
	z, err := s.says(p, "A che ora aprite?")
	if err != nil {
		return err
	}
	if sent := s.sentTo(p); len(sent) != 1 || !strings.Contains(sent[0].Text, "orari") {
		return fmt.Errorf("%d answers, want one about the hours", len(sent))
	}
	tasks := len(s.Zoho.Tasks())
	if _, err := s.says(p, "Sono arrabbiata, voglio parlare con un operatore"); err != nil {
		return err
	}
	if n := len(s.Zoho.Tasks()) - tasks; n != 1 {
		return fmt.Errorf("%d tasks in Zoho, want 1", n)
	}
	return s.once(z, "", "A che ora aprite?")
}

func (s *stage) sentTo(p *whatsapptest.Person) []whatsapptest.Sent {
	var out []whatsapptest.Sent
	for _, m := range s.WhatsApp.SentMessages() {
		if m.To == p {
			out = append(out, m)
		}
	}
	return out
}

// call sends a request of a caller with a token and reads the answer.
func (s *stage) call(method, path string, scope conversions.Scope, body, into any) (int, error) {
	r := door.Request{ID: fmt.Sprintf("call-%d", s.Clock.Now().UnixNano()), Method: method, Header: http.Header{"Content-Type": {"application/json"}}}
	r.Path, r.Query, _ = strings.Cut(path, "?")
	r.Header.Set("Authorization", "Bearer "+s.Caller.Token(s.Clock.Now(), string(scope)))
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		r.Body = text
	}
	s.Clock.Advance(time.Millisecond) // no two requests have one id
	a := s.Enter(s.ctx, r)
	s.Doors[a.Status]++
	if into == nil || a.Status >= http.StatusBadRequest {
		return a.Status, nil
	}
	return a.Status, json.Unmarshal(a.Body, into)
}

func sending(s *stage) error {
	p := s.WhatsApp.Meet("Tina Urso", "393331110003")
	z, err := s.says(p, "Buongiorno")
	if err != nil {
		return err
	}
	message := map[string]any{"a": props{"telefono": "+393331110003"}, "tipo": "testo", "testo": "La sua pratica è pronta", "riferimento": "crm-77"}
	for range 2 { // a workflow that runs twice
		status, err := s.call(http.MethodPost, conversions.MessagesPath, conversions.ScopeMessages, message, nil)
		if err != nil {
			return err
		}
		if status != http.StatusAccepted {
			return fmt.Errorf("the request is answered %d, want 202", status)
		}
	}
	if err := s.pass(time.Minute); err != nil {
		return err
	}
	n := 0
	for _, m := range s.sentTo(p) {
		if m.Text == "La sua pratica è pronta" {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("sent %d times, want once", n)
	}
	for _, note := range s.Zoho.Notes() {
		if text := note.Values["Note_Content"]; note.Parent == z && strings.Contains(text, "La sua pratica è pronta") && !strings.Contains(text, "letto") {
			return errors.New("the note does not say that it was read")
		}
	}
	return s.once(z, "", "La sua pratica è pronta")
}

func refusal(s *stage) error {
	p := s.WhatsApp.Meet("Ugo Volpe", "393331110004")
	z, err := s.says(p, "Buongiorno")
	if err != nil {
		return err
	}
	if err := errors.Join(p.OptOut(whatsapptest.DefaultNumber), s.pass(soon)); err != nil {
		return err
	}
	if have, _ := s.Zoho.Props(crm.Contacts, z); have["WhatsApp_Opt_Out"] != "true" {
		return errors.New("it is not known in Zoho that he wants no messages")
	}
	if err := errors.Join(p.Resume(whatsapptest.DefaultNumber), s.pass(soon)); err != nil {
		return err
	}
	if have, _ := s.Zoho.Props(crm.Contacts, z); have["WhatsApp_Opt_Out"] != "false" {
		return errors.New("it is not known in Zoho that he wants messages again")
	}
	return nil
}

func events(s *stage) error {
	begin := s.Clock.Now().UTC().Truncate(time.Hour)
	event := func(client int, at time.Time, value any) map[string]any {
		return map[string]any{
			"id_cliente": fmt.Sprintf("CLIENTE-ITALIA-%06d", client), "evento": "acquisto_concluso", "canale": "webform", "stato": "completato",
			"valore": value, "timestamp": at.UTC().Format(time.RFC3339),
		}
	}
	for _, tt := range []struct {
		event map[string]any
		want  int
	}{
		{event(1, s.Clock.Now(), 19.99), http.StatusAccepted},
		{event(1, s.Clock.Now(), 19.99), http.StatusAccepted}, // sent again
		{event(2, s.Clock.Now(), 5), http.StatusAccepted},
		{event(3, begin, 0.01), http.StatusAccepted}, // it comes late
		{event(4, s.Clock.Now(), -1), http.StatusUnprocessableEntity},
		{event(5, s.Clock.Now(), 1.005), http.StatusUnprocessableEntity},
		{event(6, s.Clock.Now().Add(time.Hour), 1), http.StatusUnprocessableEntity},
	} {
		status, err := s.call(http.MethodPost, conversions.EventsPath, conversions.ScopeEvents, tt.event, nil)
		if err != nil {
			return err
		}
		if status != tt.want {
			return fmt.Errorf("an event is answered %d, want %d", status, tt.want)
		}
	}
	if err := s.pass(soon); err != nil {
		return err
	}
	var answer struct {
		Rows []struct {
			Received int               `json:"ricevuti"`
			Unique   int               `json:"unici"`
			Total    map[string]string `json:"valore_totale"`
		} `json:"righe"`
	}
	span := url.Values{"passo": {"1h"}, "da": {begin.Format(time.RFC3339)}, "a": {begin.Add(time.Hour).Format(time.RFC3339)}}
	status, err := s.call(http.MethodGet, conversions.MetricsPath+"?"+span.Encode(), conversions.ScopeMetrics, nil, &answer)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the query is answered %d", status)
	}
	if len(answer.Rows) != 1 || answer.Rows[0].Received != 4 || answer.Rows[0].Unique != 3 || answer.Rows[0].Total["EUR"] != "25.00" {
		return fmt.Errorf("counted %+v, want 4 events received, 3 of them unique, 25.00 EUR", answer.Rows)
	}
	return nil
}
