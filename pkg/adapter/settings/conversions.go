package settings

import (
	"slices"
	"strings"
)

// The names of the secrets of conversions.
const (
	ConversionsJWTSecret = "CONVERSIONS_JWT_SECRET"
	SlackWebhookURL      = "SLACK_WEBHOOK_URL"
)

// Bearer is what proves the tokens of the public routes. A stack need not have any: without an issuer nothing else is asked for.
type Bearer struct {
	Issuer    string   // CONVERSIONS_JWT_ISSUER; "": this stack serves none of those routes
	Audience  string   // CONVERSIONS_JWT_AUDIENCE; conversioni unless set
	Algorithm string   // CONVERSIONS_JWT_ALGORITHM: HS256, ES256 or RS256; HS256, and with a key set ES256, unless set
	KeySet    string   // CONVERSIONS_JWKS_URL, as it is written; "": the key is the secret CONVERSIONS_JWT_SECRET
	Subjects  []string // CONVERSIONS_JWT_SUBJECTS; nil: everybody whom the issuer gives a token
}

// Missing reports whether this stack serves none of the routes.
func (b Bearer) Missing() bool { return b.Issuer == "" }

// Issuer reads CONVERSIONS_JWT_ISSUER alone, for who only has to know whether this stack has conversions; "": it has none.
func (r *Reader) Issuer() string { return r.Optional("CONVERSIONS_JWT_ISSUER", "") }

// Bearer reads the settings of tokens, but for the secret.
func (r *Reader) Bearer() Bearer {
	b := Bearer{
		Issuer:   r.Issuer(),
		Audience: r.Optional("CONVERSIONS_JWT_AUDIENCE", "conversioni"),
		KeySet:   r.Page("CONVERSIONS_JWKS_URL"),
		Subjects: r.List("CONVERSIONS_JWT_SUBJECTS"),
	}
	usual := "HS256"
	if b.KeySet != "" {
		usual = "ES256"
	}
	b.Algorithm = r.OneOf("CONVERSIONS_JWT_ALGORITHM", usual, "HS256", "ES256", "RS256")
	if b.KeySet != "" && b.Algorithm == "HS256" {
		r.fail("CONVERSIONS_JWT_ALGORITHM", "is HS256, whose keys are in no key set: set ES256 or RS256, or no CONVERSIONS_JWKS_URL")
	}
	return b
}

// OwnEntries is what the connector itself counts as having come in: contacts created, conversations begun.
type OwnEntries struct {
	Issuer  string // CONVERSIONS_JWT_ISSUER
	Subject string // CONVERSIONS_OWN_SUBJECT: whose denominators they are; "": they are not counted
	Channel string // CONVERSIONS_CONTACT_CHANNEL of the contacts; webform unless set
}

// Missing reports whether the connector counts nothing of its own.
func (o OwnEntries) Missing() bool { return o.Issuer == "" || o.Subject == "" }

// OwnEntries reads the settings of what the connector counts itself.
func (r *Reader) OwnEntries() OwnEntries {
	return OwnEntries{
		Issuer:  r.Issuer(),
		Subject: r.Optional("CONVERSIONS_OWN_SUBJECT", ""),
		Channel: r.OneOf("CONVERSIONS_CONTACT_CHANNEL", "webform", "email", "social_media", "webform", "sms", "whatsapp"),
	}
}

// Retries reads CONVERSIONS_RETRIES: esponenziale, which it is unless set, or fisso.
func (r *Reader) Retries() string {
	return r.OneOf("CONVERSIONS_RETRIES", "esponenziale", "esponenziale", "fisso")
}

// LiteralAlarms reports whether CONVERSIONS_ALARMS is literal: repeats are judged by the rule's words alone. Unless set it is
// guarded: the rule heeds how many repeats are usual.
func (r *Reader) LiteralAlarms() bool {
	return r.OneOf("CONVERSIONS_ALARMS", "guarded", "guarded", "literal") == "literal"
}

// Meaning is what conversion events come to.
type Meaning struct {
	Events  []string // CONVERSIONS_EVENTS, types that are conversions; nil: all but a cart left behind
	Weights []string // CONVERSIONS_WEIGHTS, types whose value is a weight and no money
}

// Meaning reads what conversion events come to.
func (r *Reader) Meaning() Meaning {
	return Meaning{Events: r.types("CONVERSIONS_EVENTS"), Weights: r.types("CONVERSIONS_WEIGHTS")}
}

// types are members of the published list of events.
func (r *Reader) types(name string) []string {
	published := []string{"richiesta_demo", "acquisto_concluso", "iscrizione_evento", "cancello_abbandono"}
	all := r.List(name)
	for _, t := range all {
		if !slices.Contains(published, t) {
			r.fail(name, "takes "+strings.Join(published, ", ")+", several with commas")
			return nil
		}
	}
	return all
}

// Slack reports whether alerts go to Slack: SLACK is true, or SLACK_WEBHOOK_URL stands in the environment.
func (r *Reader) Slack() bool {
	given := r.Optional(SlackWebhookURL, "") != ""
	return r.Bool("SLACK", given)
}

// ZohoCount is where Zoho keeps conversions, for the daily comparison.
type ZohoCount struct{ Module, Time, Channel string } // API names; all "": it is not asked

// ZohoCount reads CONVERSIONS_ZOHO_COUNT: a module, its field of the time, and its field of the channel, with points between.
func (r *Reader) ZohoCount() ZohoCount {
	const name = "CONVERSIONS_ZOHO_COUNT"
	v := r.Optional(name, "")
	if v == "" {
		return ZohoCount{}
	}
	parts := strings.Split(v, ".")
	word := func(s string) bool {
		return s != "" && len(s) <= 50 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
	}
	if len(parts) != 3 || slices.ContainsFunc(parts, func(s string) bool { return !word(s) }) {
		r.fail(name, "is not a module, its field of the time and its field of the channel, like Deals.Closing_Date.Lead_Source")
		return ZohoCount{}
	}
	return ZohoCount{parts[0], parts[1], parts[2]}
}
