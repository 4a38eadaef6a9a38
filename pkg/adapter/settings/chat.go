package settings

import (
	"strings"
)

// The names of the secrets of WhatsApp.
const (
	WhatsAppAppSecret   = "WHATSAPP_APP_SECRET"
	WhatsAppVerifyToken = "WHATSAPP_VERIFY_TOKEN"
	WhatsAppAccessToken = "WHATSAPP_ACCESS_TOKEN"
)

// whatsappDigits is more than any id of Meta's has.
const whatsappDigits = 20

// The fewest and the most digits of a phone number with its country code; E.164 has no longer ones.
const (
	fewestDigits = 7
	mostDigits   = 15
)

// WhatsApp is what it takes to talk to people on WhatsApp. A stack need not: without a number nothing of it is asked for.
type WhatsApp struct {
	Number      string   // WHATSAPP_PHONE_NUMBER_ID, from which requests are sent; "": this stack has no WhatsApp
	URL         string   // WHATSAPP_API_URL; "" means the vendor's own
	Version     string   // WHATSAPP_API_VERSION of the Graph API, like v25.0; "" for the one that the adapter was made for
	Own         []string // WHATSAPP_OWN_NUMBERS, digits: numbers of the business, which are never answered
	Coexistence bool     // WHATSAPP_COEXISTENCE: the number is used in the WhatsApp Business app too, which makes it slower
	LeadSource  string   // WHATSAPP_LEAD_SOURCE: what a new contact in Zoho is said to come from; WhatsApp unless set
}

// Missing reports whether this stack has no WhatsApp.
func (w WhatsApp) Missing() bool { return w.Number == "" }

// WhatsAppNumber reads WHATSAPP_PHONE_NUMBER_ID alone, for who only has to know whether this stack has WhatsApp; "": it has none.
func (r *Reader) WhatsAppNumber() string {
	return r.digits("WHATSAPP_PHONE_NUMBER_ID", r.Optional("WHATSAPP_PHONE_NUMBER_ID", ""), whatsappDigits)
}

// WhatsApp reads the settings of WhatsApp, but for its secrets.
func (r *Reader) WhatsApp() WhatsApp {
	w := WhatsApp{
		Number:      r.WhatsAppNumber(),
		URL:         r.URL("WHATSAPP_API_URL", ""),
		Version:     r.Optional("WHATSAPP_API_VERSION", ""),
		Coexistence: r.Bool("WHATSAPP_COEXISTENCE", false),
		LeadSource:  r.Optional("WHATSAPP_LEAD_SOURCE", "WhatsApp"),
	}
	if w.Version != "" && !graphVersion(w.Version) {
		r.fail("WHATSAPP_API_VERSION", "is not a version of the Graph API, like v25.0")
		w.Version = ""
	}
	const own = "WHATSAPP_OWN_NUMBERS"
	for _, n := range r.List(own) {
		switch n = r.digits(own, strings.TrimPrefix(n, "+"), whatsappDigits); {
		case n == "":
		case len(n) < fewestDigits || len(n) > mostDigits:
			r.fail(own, "has a number that has not 7 to 15 digits: one with its country code is meant")
		default:
			w.Own = append(w.Own, n)
		}
	}
	return w
}

// graphVersion reports whether a text is v, a number, a point and a number.
func graphVersion(s string) bool {
	major, minor, ok := strings.Cut(strings.TrimPrefix(s, "v"), ".")
	number := func(s string) bool { return s != "" && len(s) <= 3 && strings.Trim(s, "0123456789") == "" }
	return ok && s[0] == 'v' && number(major) && number(minor)
}

// digits returns the value if it is a number of at most so many digits, "" and a fault for anything else but nothing.
func (r *Reader) digits(name, v string, most int) string {
	if v == "" || len(v) <= most && strings.Trim(v, "0123456789") == "" && v[0] != '0' {
		return v
	}
	r.fail(name, "is not made of digits, without a 0 in front")
	return ""
}
