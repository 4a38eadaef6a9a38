package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/desk/sandbox"
)

// The URLs of the world's door.
const (
	base        = "https://connector.example.com"
	hubspotHook = base + "/webhooks/hubspot"
	zohoHook    = base + "/webhooks/zoho"
)

// FromHubSpot makes the number-th delivery of HubSpot: signed, one changed property of each of n contacts.
func (s *Stage) FromHubSpot(number, n int) (events.APIGatewayV2HTTPRequest, error) {
	at := s.Clock.Now()
	all := make([]map[string]any, n)
	for i := range all {
		all[i] = map[string]any{
			"eventId": 3_000_000_000 + number*n + i, "subscriptionId": 4_578_000, "portalId": hubspottest.DefaultPortalID, "appId": 19635961,
			"occurredAt": at.UnixMilli(), "subscriptionType": "contact.propertyChange", "attemptNumber": 0, "objectId": 151_000_000_000 + i,
			"propertyName": "jobtitle", "propertyValue": "Head of Purchasing", "changeSource": "CRM_UI", "sourceId": "userId:52530071",
		}
	}
	body, err := json.Marshal(all)
	if err != nil {
		return events.APIGatewayV2HTTPRequest{}, err
	}
	return gateway(hubspotHook, body, hubspottest.Sign(hubspottest.DefaultClientSecret, http.MethodPost, hubspotHook, body, at))
}

// FromZoho makes the number-th notification of Zoho: one changed field of each of n contacts.
func (s *Stage) FromZoho(number, n int) (events.APIGatewayV2HTTPRequest, error) {
	ids, fields := make([]string, n), make([]map[string][]string, n)
	for i := range ids {
		ids[i] = strconv.Itoa(4876876000000400000 + i)
		fields[i] = map[string][]string{ids[i]: {"Title"}}
	}
	body, err := json.Marshal(map[string]any{
		"server_time": s.Clock.Now().UnixMilli() + int64(number), "query_params": map[string]string{}, "module": "Contacts", "operation": "update",
		"resource_uri": "https://www.zohoapis.eu/crm/v2/Contacts", "ids": ids, "affected_fields": fields, "channel_id": channelID, "token": channelToken,
	})
	if err != nil {
		return events.APIGatewayV2HTTPRequest{}, err
	}
	return gateway(zohoHook, body, http.Header{})
}

// FromWhatsApp makes the number-th delivery of Meta: signed, one text of each of n people.
func (s *Stage) FromWhatsApp(number, n int) (events.APIGatewayV2HTTPRequest, error) {
	messages, contacts := make([]map[string]any, n), make([]map[string]any, n)
	for i := range messages {
		phone := strconv.Itoa(393330000000 + i)
		contacts[i] = map[string]any{"profile": map[string]string{"name": "Anna Rossi"}, "wa_id": phone}
		messages[i] = map[string]any{
			"from": phone, "id": fmt.Sprintf("wamid.HBgM%020dAA", number*n+i), "timestamp": strconv.FormatInt(s.Clock.Now().Unix(), 10),
			"type": "text", "text": map[string]string{"body": "Buongiorno, vorrei un preventivo per il contratto annuale."},
		}
	}
	body, err := json.Marshal(map[string]any{"object": "whatsapp_business_account", "entry": []map[string]any{{
		"id": whatsapptest.DefaultAccount, "changes": []map[string]any{{"field": "messages", "value": map[string]any{
			"messaging_product": "whatsapp", "metadata": map[string]string{"display_phone_number": whatsapptest.DefaultDisplay, "phone_number_id": whatsapptest.DefaultNumber},
			"contacts": contacts, "messages": messages,
		}}},
	}}})
	if err != nil {
		return events.APIGatewayV2HTTPRequest{}, err
	}
	return gateway(base+whatsapp.Path, body, http.Header{whatsapp.HeaderSignature: {whatsapptest.Sign(whatsapptest.DefaultAppSecret, body)}})
}

// FromCaller makes the number-th conversion event, with a token.
func (s *Stage) FromCaller(number, _ int) (events.APIGatewayV2HTTPRequest, error) {
	now := s.Clock.Now()
	body, err := json.Marshal(map[string]any{
		"id_evento": fmt.Sprintf("ordine-%09d", number), "id_cliente": "CLIENTE-ITALIA-789456", "evento": "acquisto_concluso", "timestamp": now.UTC().Format(time.RFC3339),
		"valore": 19.99, "canale": "webform", "stato": "completato", "metadati": map[string]string{"campagna": "Natale 2026", "localita": "Torino"},
	})
	if err != nil {
		return events.APIGatewayV2HTTPRequest{}, err
	}
	return s.Submit(body)
}

// Submit makes a request with this body for an event, and a token.
func (s *Stage) Submit(body []byte) (events.APIGatewayV2HTTPRequest, error) {
	token := s.Caller.Token(s.Clock.Now(), string(conversions.ScopeEvents))
	return gateway(base+conversions.EventsPath, body, http.Header{"Authorization": {"Bearer " + token}})
}

// Hostile are bodies that cost their sender little and may cost a reader much, or that are nearly right: by name, with the status
// that each gets.
func Hostile() map[string]struct {
	Body   []byte
	Status int
} {
	const event = `{"id_cliente":"CLIENTE-ITALIA-789456","evento":"acquisto_concluso","timestamp":"%s","valore":%s,"canale":"webform","stato":"completato"}`
	with := func(at, value string) []byte { return fmt.Appendf(nil, event, at, value) }
	fits := strings.Repeat("1", 60_000)
	return map[string]struct {
		Body   []byte
		Status int
	}{
		"a million digits":         {with("2026-11-23T08:00:00Z", strings.Repeat("1", 1_000_000)), http.StatusRequestEntityTooLarge},
		"as many digits as fit":    {with("2026-11-23T08:00:00Z", fits), http.StatusUnprocessableEntity},
		"an exponent of a million": {with("2026-11-23T08:00:00Z", "1e1000000"), http.StatusUnprocessableEntity},
		"depth 100,000":            {append(bytes.Repeat([]byte("["), 100_000), bytes.Repeat([]byte("]"), 100_000)...), http.StatusRequestEntityTooLarge},
		"as deep as fits":          {append(bytes.Repeat([]byte("["), 30_000), bytes.Repeat([]byte("]"), 30_000)...), http.StatusUnprocessableEntity},
		"a third decimal":          {with("2026-11-23T08:00:00Z", "19.999"), http.StatusUnprocessableEntity},
		"a negative amount":        {with("2026-11-23T08:00:00Z", "-1"), http.StatusUnprocessableEntity},
		"of the future":            {with("2027-11-23T08:00:00Z", "1"), http.StatusUnprocessableEntity},
		"of another age":           {with("1970-01-01T00:00:00Z", "1"), http.StatusUnprocessableEntity},
		"a time that is none":      {with("2026-02-30T08:00:00Z", "1"), http.StatusUnprocessableEntity},
		"a key twice":              {[]byte(`{"valore":1,"valore":2}`), http.StatusUnprocessableEntity},
		"four thousand new keys":   {[]byte("{" + strings.TrimSuffix(strings.Repeat(`"chiave0000":1,`, 4000), ",") + "}"), http.StatusUnprocessableEntity},
	}
}

func gateway(url string, body []byte, h http.Header) (events.APIGatewayV2HTTPRequest, error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return events.APIGatewayV2HTTPRequest{}, err
	}
	h.Set("Content-Type", "application/json")
	r.Header = h
	return sandbox.Gateway(r, fmt.Sprintf("delivery-%d", serial.Add(1)))
}

// serial tells requests apart, as API Gateway does.
var serial atomic.Int64

// Drain empties the queue of what came from a source, unworked, and reports how many messages it held.
func (s *Stage) Drain(source string) (int, error) {
	for _, l := range s.Lanes {
		if l.Source != source {
			continue
		}
		n := 0
		for all := l.Queue.Receive(batch.MaxEntries); len(all) > 0; all = l.Queue.Receive(batch.MaxEntries) {
			for _, d := range all {
				if err := l.Queue.Delete(d.Receipt); err != nil {
					return n, err
				}
			}
			n += len(all)
		}
		return n, nil
	}
	return 0, fmt.Errorf("no queue of %s", source)
}
