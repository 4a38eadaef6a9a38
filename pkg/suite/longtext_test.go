package suite_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestALongTextOnWhatsAppKeepsNobodyElsesMessageBack(t *testing.T) {
	card := `"type":"contacts","contacts":[{"name":{"formatted_name":"A B"},"phones":[{"phone":"+39 347 9999999"}],"vcard":"PHOTO:` + strings.Repeat("QUJD", 20_000) + `"}]`
	for name, long := range map[string]string{
		"letters as Meta escapes them": `"type":"text","text":{"body":"` + strings.Repeat(`\u0436`, 20_000) + `"}`,
		"longer than any CRM shows":    `"type":"text","text":{"body":"` + strings.Repeat(`\ud83d\ude00`, 150_000) + `"}`,
		"a photograph in a card":       card,
	} {
		t.Run(name, func(t *testing.T) {
			w := build(t, variant{})
			message := func(from, id, rest string) string {
				return fmt.Sprintf(`{"from":"%s","id":"%s","timestamp":"%d",%s}`, from, id, w.now.Unix(), rest)
			}
			a := w.deliver([]byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"messaging_product":"whatsapp",` +
				`"metadata":{"display_phone_number":"390612340000","phone_number_id":"` + number + `"},"messages":[` +
				message("393471234567", "wamid.LONG", long) + "," + message("393479999999", "wamid.BESIDE", `"type":"text","text":{"body":"il pacco è arrivato rotto"}`) + `]}}]}]}`))
			w.pass(5 * time.Minute)
			if a.Status != 200 || w.notes("wamid.LONG") != 1 || w.notes("wamid.BESIDE") != 1 || len(w.zoho.Tasks()) == 0 {
				t.Errorf("answered %d; %d and %d notes, %d tasks", a.Status, w.notes("wamid.LONG"), w.notes("wamid.BESIDE"), len(w.zoho.Tasks()))
			}
		})
	}
}
