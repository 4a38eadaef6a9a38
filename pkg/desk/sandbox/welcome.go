package sandbox

import (
	"fmt"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
)

// welcome prints where everything is and three lines to try.
func (d *Desk) welcome() {
	d.mu.Lock()
	defer d.mu.Unlock()
	door := reach(d.set.Addr)
	p := func(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }
	p("CRM Connector is running. Stop it with Ctrl-C.")
	p("")
	p("  the door         http://%s/webhooks/hubspot  …/webhooks/zoho  …/webhooks/whatsapp  …/api/v1/eventi/conversione", door)
	p("  what is going on http://%s/desk/state   mails: http://%s/desk/mails", door, door)
	p("  HubSpot          %s%s", d.set.HubSpot.URL, sandboxWord(d.hubspot != nil))
	p("  Zoho CRM         %s%s", d.set.Zoho.URL, sandboxWord(d.zoho != nil))
	if d.set.WhatsApp.Number == "" {
		p("  WhatsApp         none: WHATSAPP_PHONE_NUMBER_ID is not set")
	} else {
		p("  WhatsApp         %s%s", d.set.WhatsApp.URL, sandboxWord(d.meta != nil))
	}
	p("  failed operations are mailed to %s every %s (POST /desk/run/failureReporter sends now)", d.set.Report.To, d.set.ReportEvery)
	if d.set.Zoho.WebhookURL == "" {
		p("  no channel       ZOHO_WEBHOOK_URL is not set: Zoho tells this desk of no change, unless a channel that somebody else keeps sends to the door;")
		p("                   reconcile finds what changed within the hour. Set it to the https address that leads from Zoho to the door's /webhooks/zoho")
	}
	if d.hubspot == nil || d.zoho == nil || d.meta == nil {
		p("")
		return
	}
	p("  sandbox values   HUBSPOT_CLIENT_SECRET=%s HUBSPOT_ACCESS_TOKEN=%s HUBSPOT_APP_ID=%s", hubspottest.DefaultClientSecret, hubspottest.DefaultToken, hubspottest.DefaultAppID)
	p("                   ZOHO_CHANNEL_ID=%s ZOHO_CHANNEL_TOKEN=%s", sandboxChannel, sandboxChannelToken)
	p("                   WHATSAPP_APP_SECRET=%s WHATSAPP_VERIFY_TOKEN=%s WHATSAPP_ACCESS_TOKEN=%s WHATSAPP_PHONE_NUMBER_ID=%s",
		whatsapptest.DefaultAppSecret, whatsapptest.DefaultVerifyToken, whatsapptest.DefaultToken, whatsapptest.DefaultNumber)
	p("                   CONVERSIONS_JWT_SECRET=%s CONVERSIONS_JWT_ISSUER=%s CONVERSIONS_JWT_AUDIENCE=%s",
		conversionstest.DefaultSecret, conversionstest.DefaultIssuer, conversionstest.DefaultAudience)
	p("")
	p("Try, in another terminal (the token %q plays a person in either CRM):", hubspottest.DefaultUserToken)
	p("")
	p("1. Create a contact in HubSpot; it appears in Zoho:")
	p(`   curl -s %s/crm/objects/%s/contacts -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' \`, d.set.HubSpot.URL, hubspottest.Version, hubspottest.DefaultUserToken)
	p(`     -d '{"properties":{"email":"anna.rossi@example.com","firstname":"Anna","lastname":"Rossi","jobtitle":"CEO"}}'`)
	p("")
	p("2. Change it in Zoho, where the upsert finds it by its e-mail; the change goes back to HubSpot:")
	p(`   curl -s %s/crm/v8/Contacts/upsert -H 'Authorization: Zoho-oauthtoken %s' -H 'Content-Type: application/json' \`, d.set.Zoho.URL, zohotest.DefaultUserToken)
	p(`     -d '{"data":[{"Email":"anna.rossi@example.com","Last_Name":"Rossi","Title":"President"}],"duplicate_check_fields":["Email"]}'`)
	p("")
	p("3. Break a field: a salutation that Zoho does not offer is held, the rest goes on, and the client is mailed:")
	p(`   curl -s -X PATCH '%s/crm/objects/%s/contacts/anna.rossi@example.com?idProperty=email' -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' \`, d.set.HubSpot.URL, hubspottest.Version, hubspottest.DefaultUserToken)
	p(`     -d '{"properties":{"salutation":"Commendatore","jobtitle":"Chair"}}'`)
	p("   sleep 3; curl -s -X POST http://%s/desk/run/failureReporter; curl -s http://%s/desk/mails", door, door)
	p("")
	p("4. Somebody writes on WhatsApp; the message is a note on a contact in Zoho, and is answered:")
	p(`   curl -s %s/people/393351112223/messages -d '{"name":"Carla Verdi","text":"A che ora aprite?"}'; sleep 3; curl -s %s/people/393351112223/messages`,
		d.set.WhatsApp.URL, d.set.WhatsApp.URL)
	p("")
	p("5. Count a conversion, and ask what was counted:")
	p(`   TOKEN=$(curl -s http://%s/desk/token)`, door)
	p(`   curl -s http://%s/api/v1/eventi/conversione -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \`, door)
	p(`     -d '{"id_cliente":"CLIENTE-ITALIA-789456","evento":"acquisto_concluso","canale":"webform","stato":"completato","valore":19.99,"timestamp":"'$(date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ)'"}'`)
	today := d.now().UTC().Truncate(24 * time.Hour)
	p(`   sleep 1; curl -s -H "Authorization: Bearer $TOKEN" "http://%s%s?passo=1g&fuso=UTC&da=%s&a=%s"`, door, conversions.MetricsPath,
		today.Format(time.RFC3339), today.AddDate(0, 0, 1).Format(time.RFC3339))
	p("")
	p("What happens:")
}

func sandboxWord(sandbox bool) string {
	if sandbox {
		return "  (sandbox)"
	}
	return ""
}
