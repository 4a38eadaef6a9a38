package settings

import (
	"fmt"
	"time"

	"crm-connector/pkg/core/crm"
)

// The names of the secrets: of the settings, and of the parameters below SECRETS_PATH.
const (
	HubSpotAccessToken  = "HUBSPOT_ACCESS_TOKEN"
	HubSpotClientSecret = "HUBSPOT_CLIENT_SECRET"
	ZohoClientSecret    = "ZOHO_CLIENT_SECRET"
	ZohoRefreshToken    = "ZOHO_REFRESH_TOKEN"
	ZohoChannelToken    = "ZOHO_CHANNEL_TOKEN"
	PairKey             = "PAIR_KEY"
)

// How long ids are at most: HubSpot's apps have 20 digits as the template takes them, Zoho's channels what fits into a long
// (https://www.zoho.com/crm/developer/docs/api/v8/notifications/enable.html).
const (
	appDigits     = 20
	channelDigits = 18
)

// HubSpot is what it takes to call HubSpot's API.
type HubSpot struct {
	URL         string     // HUBSPOT_API_URL; "" means the vendor's own
	AccessToken crm.Secret // HUBSPOT_ACCESS_TOKEN
	AppID       string     // HUBSPOT_APP_ID, by which our own writes are recognised
}

// HubSpot reads the settings of HubSpot's API.
func (r *Reader) HubSpot() HubSpot {
	return HubSpot{
		URL:         r.URL("HUBSPOT_API_URL", ""),
		AccessToken: r.Key(HubSpotAccessToken),
		AppID:       r.NeedDigits("HUBSPOT_APP_ID", appDigits),
	}
}

// HubSpotWebhook is what it takes to verify HubSpot's deliveries.
type HubSpotWebhook struct {
	Secrets []crm.Secret // HUBSPOT_CLIENT_SECRET, several during a rotation
	URLs    []string     // HUBSPOT_WEBHOOK_URL, as HubSpot signs them; several while one moves
	AppID   string       // HUBSPOT_APP_ID
	AllowV1 bool         // HUBSPOT_SIGNATURE_MODE is v3-or-v1; it is v3 unless set
}

// HubSpotWebhook reads the settings of HubSpot's deliveries.
func (r *Reader) HubSpotWebhook() HubSpotWebhook {
	return HubSpotWebhook{
		Secrets: r.Keys(HubSpotClientSecret),
		URLs:    r.NeedDoors("HUBSPOT_WEBHOOK_URL"),
		AppID:   r.NeedDigits("HUBSPOT_APP_ID", appDigits),
		AllowV1: r.OneOf("HUBSPOT_SIGNATURE_MODE", "v3", "v3", "v3-or-v1") == "v3-or-v1",
	}
}

// Zoho is what it takes to call Zoho's API.
type Zoho struct {
	URL         string     // ZOHO_API_URL; "" means the address that comes with the token
	AccessToken crm.Secret // ZOHO_ACCESS_TOKEN, for the desk: used as it is; zero asks for a token
	Conditional bool       // ZOHO_CONDITIONAL_WRITES: this organisation was seen to refuse stale conditional writes; false unless set
}

// Zoho reads the settings of Zoho's API.
func (r *Reader) Zoho() Zoho {
	return Zoho{
		URL:         r.URL("ZOHO_API_URL", ""),
		AccessToken: crm.NewSecret(r.visible("ZOHO_ACCESS_TOKEN", r.Optional("ZOHO_ACCESS_TOKEN", ""))),
		Conditional: r.Bool("ZOHO_CONDITIONAL_WRITES", false),
	}
}

// ZohoAccounts is what it takes to get an access token from Zoho.
type ZohoAccounts struct {
	URL          string     // ZOHO_ACCOUNTS_URL: of the data centre of the account, so there is no default
	APIURL       string     // ZOHO_API_URL: an API address that is accepted besides the vendor's own, "" for none
	ClientID     string     // ZOHO_CLIENT_ID
	ClientSecret crm.Secret // ZOHO_CLIENT_SECRET
	RefreshToken crm.Secret // ZOHO_REFRESH_TOKEN
}

// ZohoAccounts reads the settings of Zoho's accounts server.
func (r *Reader) ZohoAccounts() ZohoAccounts {
	return ZohoAccounts{
		URL:          r.NeedURL("ZOHO_ACCOUNTS_URL"),
		APIURL:       r.URL("ZOHO_API_URL", ""),
		ClientID:     r.visible("ZOHO_CLIENT_ID", r.Need("ZOHO_CLIENT_ID")),
		ClientSecret: r.Key(ZohoClientSecret),
		RefreshToken: r.Key(ZohoRefreshToken),
	}
}

// ZohoChannel is what it takes to verify Zoho's notifications.
type ZohoChannel struct {
	ID    string     // ZOHO_CHANNEL_ID
	Token crm.Secret // ZOHO_CHANNEL_TOKEN
}

// ZohoChannel reads the settings of Zoho's notifications.
func (r *Reader) ZohoChannel() ZohoChannel {
	c := ZohoChannel{ID: r.NeedDigits("ZOHO_CHANNEL_ID", channelDigits), Token: r.Key(ZohoChannelToken)}
	if len(c.Token.Reveal()) > channelToken {
		r.fail(ZohoChannelToken, fmt.Sprintf("has more than the %d characters that Zoho takes", channelToken))
	}
	return c
}

// channelToken is the longest token of a channel (https://www.zoho.com/crm/developer/docs/api/v8/notifications/enable.html).
const channelToken = 50

// ZohoWebhook reads ZOHO_WEBHOOK_URL: the address of the door that the channel sends to.
func (r *Reader) ZohoWebhook() string { return r.NeedURL("ZOHO_WEBHOOK_URL") }

// Budget is how much of the CRMs the suite may use. 0 is no limit.
//
// https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines,
// https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html
type Budget struct {
	HubSpotIn10s    int // HUBSPOT_CALLS_PER_10S in any ten seconds; 100, what every plan has, unless set (Pro and Enterprise: 190)
	HubSpotDaily    int // HUBSPOT_CALLS_PER_DAY in any 24 hours; 250,000, what every plan has, unless set
	HubSpotSearches int // HUBSPOT_SEARCHES_PER_SECOND in any second; 5, what every account has, unless set
	ZohoCredits     int // ZOHO_CREDITS_PER_DAY in any 24 hours; 50,000, the least of the paid editions, unless set (Free: 5,000)
	ZohoConcurrent  int // ZOHO_CONCURRENCY calls at a time; 10, of the Standard edition, unless set (Free: 5)
	Reserve         int // BUDGET_RESERVE percent of each limit that reconcile leaves to live traffic; 20 unless set
}

// Budget reads the settings of the budget.
func (r *Reader) Budget() Budget {
	const most = 100_000_000
	return Budget{
		HubSpotIn10s:    r.Int("HUBSPOT_CALLS_PER_10S", 100, 0, most),
		HubSpotDaily:    r.Int("HUBSPOT_CALLS_PER_DAY", 250_000, 0, most),
		HubSpotSearches: r.Int("HUBSPOT_SEARCHES_PER_SECOND", 5, 0, 1000),
		ZohoCredits:     r.Int("ZOHO_CREDITS_PER_DAY", 50_000, 0, most),
		ZohoConcurrent:  r.Int("ZOHO_CONCURRENCY", 10, 0, 1000),
		Reserve:         r.Int("BUDGET_RESERVE", 20, 0, 90),
	}
}

// Report is who gets the mail about what failed.
type Report struct {
	To               string        // REPORT_TO, one address or several with commas
	From             string        // REPORT_FROM, an identity that SES has verified
	Language         string        // REPORT_LANGUAGE: it (default) or en
	Every            time.Duration // REPORT_EVERY at the desk, 5 minutes unless set; in the cloud the schedule decides
	ConfigurationSet string        // REPORT_CONFIGURATION_SET of SES, "" for none
}

// Report reads the settings of the report.
func (r *Reader) Report() Report {
	return Report{
		To:               r.NeedMailboxes("REPORT_TO"),
		From:             r.NeedMailbox("REPORT_FROM"),
		Language:         r.OneOf("REPORT_LANGUAGE", "it", "it", "en"),
		Every:            r.Duration("REPORT_EVERY", 5*time.Minute, time.Second, 24*time.Hour),
		ConfigurationSet: r.Optional("REPORT_CONFIGURATION_SET", ""),
	}
}

// Records is where people see records: in the addresses of the links of the report.
type Records struct {
	HubSpot string // HUBSPOT_RECORDS_URL, https://app-eu1.hubspot.com/contacts/<portal>; "" for no links
	Zoho    string // ZOHO_RECORDS_URL, https://crm.zoho.eu/crm/<domain name of the organisation>; "" for no links
}

// Records reads the settings of the links.
func (r *Reader) Records() Records {
	return Records{HubSpot: r.URL("HUBSPOT_RECORDS_URL", ""), Zoho: r.URL("ZOHO_RECORDS_URL", "")}
}

// Queues are the addresses of the queues of operations, by the source of what they carry.
type Queues struct {
	FromHubSpot string // ZOHO_OPERATIONS_QUEUE, drained by zohoConsumer
	FromZoho    string // HUBSPOT_OPERATIONS_QUEUE, drained by hubspotConsumer
}

// Queues reads the addresses of the queues. They are SQS's own, so nobody checks their form.
func (r *Reader) Queues() Queues {
	return Queues{FromHubSpot: r.Need("ZOHO_OPERATIONS_QUEUE"), FromZoho: r.Need(FromZohoQueue)}
}

// FromZohoQueue is the setting with the address of the queue of operations about Zoho's records, for those who need no other.
const FromZohoQueue = "HUBSPOT_OPERATIONS_QUEUE"

// WhatsAppQueue and ConversionsQueue are the settings with the addresses of the queues of whole messages.
const (
	WhatsAppQueue    = "WHATSAPP_OPERATIONS_QUEUE" // drained by whatsappConsumer
	ConversionsQueue = "CONVERSION_EVENTS_QUEUE"   // drained by conversionAggregator
	ConversionsDLQ   = "CONVERSION_EVENTS_DLQ"     // what conversionAggregator gave up on
)

// Rules are the settings that stand over the mapping's and the config table's own; "" leaves those as they are.
type Rules struct {
	PhoneRegion string   // PHONE_REGION, a country that has phone numbers, or ZZ for none
	LastName    string   // LAST_NAME: fallback or require
	Leads       string   // LEADS: ask or ignore
	PhoneMatch  string   // PHONE_MATCH: never or mobile
	Mode        crm.Mode // MODE: off, observe or on
}

// Rules reads the settings over the mapping and the mode.
func (r *Reader) Rules() Rules {
	return Rules{
		PhoneRegion: r.region("PHONE_REGION"),
		LastName:    r.OneOf("LAST_NAME", "", "", "fallback", "require"),
		Leads:       r.OneOf("LEADS", "", "", "ask", "ignore"),
		PhoneMatch:  r.OneOf("PHONE_MATCH", "", "", "never", "mobile"),
		Mode:        crm.Mode(r.OneOf("MODE", "", "", string(crm.Off), string(crm.Observe), string(crm.On))),
	}
}
