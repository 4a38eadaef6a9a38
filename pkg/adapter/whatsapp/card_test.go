package whatsapp_test

import (
	"fmt"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/door"
)

// wa_id is optional beside a telephone (webhooks/reference/messages/contacts).
func TestTheNumberThatSomebodyWasAskedForIsReadFromWhicheverPartSaysIt(t *testing.T) {
	const phone = `{"phone":"+39 347 123 4599","type":"MOBILE"}`
	const marked = `BEGIN:VCARD\nVERSION:3.0\nFN:Pablo\nTEL;type=MOBILE;waid=393471234599:+39 347 123 4599\nEND:VCARD`
	const plain = `BEGIN:VCARD\nVERSION:3.0\nFN:Pablo\nTEL;type=MOBILE:+39 347 123 4599\nEND:VCARD`
	for name, tt := range map[string]struct{ origin, phones, card, want string }{
		"the list":                          {"contact_request", `{"phone":"+39 347 123 4599","wa_id":"393471234599"}`, plain, "393471234599"},
		"the list before the card":          {"contact_request", `{"phone":"+39 347 123 4599","wa_id":"393471234500"}`, marked, "393471234500"},
		"the card":                          {"contact_request", phone, marked, "393471234599"},
		"the card alone":                    {"contact_request", "", marked, "393471234599"},
		"neither, and one telephone":        {"contact_request", phone, plain, "393471234599"},
		"neither, and one in the card":      {"contact_request", "", plain, "393471234599"},
		"neither, and two telephones":       {"contact_request", phone + `,{"phone":"+39 06 1234567"}`, plain, ""},
		"a telephone without its country":   {"contact_request", `{"phone":"347 123 4599"}`, "", ""},
		"a card of somebody else, unmarked": {"other", phone, plain, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := fmt.Sprintf(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"messaging_product":"whatsapp",
				"metadata":{"phone_number_id":"111"},"contacts":[{"user_id":"IT.123"}],"messages":[{"from_user_id":"IT.123","id":"wamid.A","timestamp":"1763640000",
				"type":"contacts","contacts":[{"vcard":"%s","origin":%q,"phones":[%s]}]}]}}]}]}`, tt.card, tt.origin, tt.phones)
			d, err := whatsapp.NewSource(whatsapp.SourceConfig{Now: time.Now}).Read(t.Context(), door.Request{Method: "POST", Body: []byte(body)})
			if err != nil || len(d.Entries) != 1 {
				t.Fatalf("%+v, %v", d, err)
			}
			p, err := chat.Open(d.Entries[0].Body)
			if err != nil || len(p.Updates) != 1 || p.Updates[0].Message == nil {
				t.Fatalf("%+v, %v", p, err)
			}
			if got := p.Updates[0].Message.OwnPhone().Text(); got != tt.want {
				t.Errorf("the number is %q, want %q", got, tt.want)
			}
		})
	}
}
