package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

const whatsappPath = whatsapp.Path

// equip sets WhatsApp up, and gives callers of conversions and messages their tokens.
func equip(ctx context.Context, s *stage) (string, error) {
	first, err := setupWhatsApp(ctx, s)
	if err != nil {
		return "", err
	}
	second, err := callers(ctx, s)
	return first + "; " + second, err
}

// setupWhatsApp stores the secrets, makes the fields and subscribes; run again it changes nothing.
func setupWhatsApp(ctx context.Context, s *stage) (string, error) {
	env := map[string]string{
		"WHATSAPP_PHONE_NUMBER_ID": whatsapptest.DefaultNumber, "WHATSAPP_API_URL": s.whatsappURL,
		settings.WhatsAppAccessToken: whatsapptest.DefaultToken, settings.WhatsAppAppSecret: whatsapptest.DefaultAppSecret,
	}
	// Meta's handshake is answered 503 until the functions have looked for the token anew.
	err := until(ctx, soon, func(ctx context.Context) error {
		_, err := s.does(ctx, env, "setup", "whatsapp")
		return err
	})
	if err != nil {
		return "", err
	}
	again, err := s.does(ctx, env, "setup", "whatsapp")
	if err != nil {
		return "", err
	}
	if again.answer["steps"] != nil {
		return "", fmt.Errorf("connector setup whatsapp, run again, changed something:\n%s", again.text)
	}
	return "fields, both subscriptions; again: nothing to do", nil
}

// meta knocks as Meta does, and as somebody else.
func meta(ctx context.Context, s *stage) (string, error) {
	secrets, err := s.cloud.secrets(ctx)
	if err != nil {
		return "", err
	}
	shake := func(token string) string {
		return whatsappPath + "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + token
	}
	status, body, err := s.domain.call(ctx, http.MethodGet, shake(secrets[settings.WhatsAppVerifyToken]), delivery{})
	if err != nil || status != http.StatusOK || string(body) != "1158201444" {
		return "", fmt.Errorf("a handshake is answered %d %q, want the challenge: %w", status, body, err)
	}
	if err := s.expect(ctx, "a handshake with another token", http.MethodGet, shake("another"), delivery{}, http.StatusForbidden); err != nil {
		return "", err
	}
	forged := delivery{http.Header{whatsapp.HeaderSignature: {whatsapp.Sign(crm.NewSecret("another"), []byte("{}"))}, "Content-Type": {"application/json"}}, []byte("{}")}
	return "the challenge; 403; 401", s.expect(ctx, "signed by another app", http.MethodPost, whatsappPath, forged, http.StatusUnauthorized)
}

// meet makes somebody on WhatsApp.
func (s *stage) meet(name, phone string) *whatsapptest.Person {
	p := s.whatsapp.Meet(name, phone)
	s.people = append(s.people, name, phone, p.User)
	return p
}

// says has somebody write to the business.
func (s *stage) says(p *whatsapptest.Person, text string) (string, error) {
	s.people = append(s.people, text)
	id, err := p.Say(whatsapptest.DefaultNumber, text)
	s.people = append(s.people, id)
	return id, err
}

// written lets somebody write whom both CRMs know.
func written(ctx context.Context, s *stage) (string, error) {
	hubspot, zoho, err := s.met(ctx, "Eleonora", "Gallavotti")
	if err != nil {
		return "", err
	}
	have, _ := s.hubspot.Props(crm.Contacts, hubspot)
	s.elena, s.elenaIDs = s.meet("Eleonora G.", strings.TrimPrefix(have["mobilephone"], "+")), [2]string{hubspot, zoho}
	began := s.Now()
	id, err := s.says(s.elena, "A che punto sarebbe la mia ordinazione?")
	if err != nil {
		return "", err
	}
	if err := until(ctx, soon, func(context.Context) error { return s.logged(id, 1, 1) }); err != nil {
		return "", err
	}
	took := s.Now().Sub(began)
	return fmt.Sprintf("there after %s, once each", seconds(took)), errors.Join(s.quiet(ctx), s.logged(id, 1, 1))
}

// logged looks how often a message stands on Elena's contact in each CRM.
func (s *stage) logged(wamid string, notes, communications int) error {
	n, c := 0, 0
	for _, a := range s.zoho.Notes() {
		if a.Parent == s.elenaIDs[1] && strings.Contains(a.Values["Note_Content"], wamid) {
			n++
		}
	}
	for _, a := range s.hubspot.Communications() {
		if a.Contact == s.elenaIDs[0] && strings.Contains(a.Properties["hs_communication_body"], wamid) {
			c++
		}
	}
	if n != notes || c != communications {
		return fmt.Errorf("the message is in %d notes and %d communications, want %d and %d", n, c, notes, communications)
	}
	return nil
}

// stranger lets somebody write whom nobody knows.
func stranger(ctx context.Context, s *stage) (string, error) {
	before, people := len(s.zoho.IDs(crm.Contacts)), len(s.hubspot.IDs(crm.Contacts))
	p := s.meet("Ermenegilda Z.", "393339998877")
	if _, err := s.says(p, "Vorrei sapere quanto costerebbe una vetrata"); err != nil {
		return "", err
	}
	var id string
	err := until(ctx, soon, func(context.Context) error {
		for _, each := range s.zoho.IDs(crm.Contacts) {
			if have, _ := s.zoho.Props(crm.Contacts, each); have["WhatsApp_User"] == p.User {
				id = each
			}
		}
		if id == "" {
			return errors.New("nobody in Zoho has that user id")
		}
		if !slices.ContainsFunc(s.zoho.Notes(), func(n zohotest.Activity) bool { return n.Parent == id }) {
			return errors.New("the message is no note of that contact")
		}
		return nil
	})
	if err := errors.Join(err, s.quiet(ctx)); err != nil {
		return "", err
	}
	if now, there := len(s.zoho.IDs(crm.Contacts)), len(s.hubspot.IDs(crm.Contacts)); now != before+1 || there != people {
		return "", fmt.Errorf("%d contacts more in Zoho and %d in HubSpot, want 1 and 0", now-before, there-people)
	}
	return "one contact in Zoho with a note", nil
}

// complaint lets Elena complain.
func complaint(ctx context.Context, s *stage) (string, error) {
	sent, began := len(s.whatsapp.SentMessages()), s.Now()
	if _, err := s.says(s.elena, "Voglio fare un reclamo, il vetro era rotto"); err != nil {
		return "", err
	}
	err := until(ctx, soon, func(context.Context) error {
		zoho := slices.ContainsFunc(s.zoho.Tasks(), func(t zohotest.Activity) bool { return t.Parent == s.elenaIDs[1] })
		hubspot := false
		for _, t := range s.hubspot.Tasks() {
			hubspot = hubspot || t.Contact == s.elenaIDs[0]
		}
		if now := len(s.whatsapp.SentMessages()); !zoho || !hubspot || now == sent {
			return fmt.Errorf("a task in Zoho: %t, in HubSpot: %t; %d answers", zoho, hubspot, now-sent)
		}
		return nil
	})
	took := s.Now().Sub(began)
	return fmt.Sprintf("both tasks and the answer after %s", seconds(took)), errors.Join(err, s.quiet(ctx))
}

// messages has one sent, twice under one reference, and waits for its last status.
func messages(ctx context.Context, s *stage) (string, error) {
	before := len(s.whatsapp.SentMessages())
	body := fmt.Sprintf(`{"a":{"telefono":"+%s"},"tipo":"template","template":{"nome":"order_confirmation","lingua":"it","parametri":["4711","venerdì"]},"riferimento":"ordine-4711"}`, s.elena.Phone)
	var ids [2]string
	for i := range ids {
		var answer struct {
			ID string `json:"id_messaggio"`
		}
		if err := s.asks(ctx, http.MethodPost, conversions.MessagesPath, body, http.StatusAccepted, &answer); err != nil {
			return "", err
		}
		ids[i] = answer.ID
	}
	if ids[0] == "" || ids[0] != ids[1] {
		return "", fmt.Errorf("the same request is the messages %q and %q", ids[0], ids[1])
	}
	if _, err := s.cloud.invoke(ctx, "sendWhatsapp", map[string]string{"action": "send"}); err != nil {
		return "", err
	}
	var wamid string
	err := until(ctx, soon, func(context.Context) error {
		all := s.whatsapp.SentMessages()[before:]
		if len(all) != 1 {
			return fmt.Errorf("%d messages were sent, want 1", len(all))
		}
		wamid = all[0].ID
		for _, n := range s.zoho.Notes() {
			text := n.Values["Note_Content"]
			if strings.Contains(text, wamid) && (strings.Contains(text, "» Stato: letto") || strings.Contains(text, "» Status: read")) {
				return s.logged(wamid, 1, 1)
			}
		}
		return errors.New("no note says that the message was read")
	})
	return "sent once; read, in both CRMs", errors.Join(err, s.quiet(ctx))
}

// asks makes a call of a caller with a token, and reads the answer.
func (s *stage) asks(ctx context.Context, method, path, body string, want int, into any) error {
	header := http.Header{"Authorization": {"Bearer " + s.bearer}}
	if body != "" {
		header.Set("Content-Type", "application/json")
	}
	status, text, err := s.domain.call(ctx, method, path, delivery{header, []byte(body)})
	if err == nil && status != want {
		err = fmt.Errorf("answered %d, want %d: %s", status, want, tail(string(text), 5))
	}
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
