package sandbox

import (
	"fmt"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
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
	p("  the door         http://%s/webhooks/hubspot  …/webhooks/zoho", door)
	p("  what is going on http://%s/desk/state   mails: http://%s/desk/mails", door, door)
	p("  HubSpot          %s%s", d.set.HubSpot.URL, sandboxWord(d.hubspot != nil))
	p("  Zoho CRM         %s%s", d.set.Zoho.URL, sandboxWord(d.zoho != nil))
	p("  failed operations are mailed to %s every %s (POST /desk/run/failureReporter sends now)", d.set.Report.To, d.set.ReportEvery)
	if d.set.Zoho.WebhookURL == "" {
		p("  no channel       ZOHO_WEBHOOK_URL is not set: Zoho tells this desk of no change, unless a channel that somebody else keeps sends to the door;")
		p("                   reconcile finds what changed within the hour. Set it to the https address that leads from Zoho to the door's /webhooks/zoho")
	}
	if d.hubspot == nil || d.zoho == nil {
		p("")
		return
	}
	p("  sandbox values   HUBSPOT_CLIENT_SECRET=%s HUBSPOT_ACCESS_TOKEN=%s HUBSPOT_APP_ID=%s", hubspottest.DefaultClientSecret, hubspottest.DefaultToken, hubspottest.DefaultAppID)
	p("                   ZOHO_CHANNEL_ID=%s ZOHO_CHANNEL_TOKEN=%s", sandboxChannel, sandboxChannelToken)
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
	p("What happens:")
}

func sandboxWord(sandbox bool) string {
	if sandbox {
		return "  (sandbox)"
	}
	return ""
}
