// Package zohotest is a small, stateful, strict sandbox of Zoho CRM: an http.Handler that serves both the accounts host
// (/oauth/v2/token) and the API (/crm/v8). It keeps records with their versions and their timeline, refuses what the real
// one refuses with the vendor's bodies and codes, notifies a channel, lags where the vendor lags, and fails on demand.
//
// It has no goroutines, reads no clock and rolls no dice of its own: time, chance and the way out are Options. What is
// not documented by the vendor is said beside the line that decides it, and the stricter or more hostile reading was
// taken. "Zoho docs: X" in a comment is the page X of https://www.zoho.com/crm/developer/docs/api/v8/, with the vendor's
// OpenAPI file github.com/zoho/crm-oas; tokens are described in https://www.zoho.com/accounts/protocol/oauth.html.
//
// It is not a copy of Zoho: only the modules and calls that the connector needs exist, and permissions and layouts do not. Requests with Options.UserToken count as a person's; all others that are admitted are the integration's.
package zohotest

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"crm-connector/pkg/core/crm"
)

// The values that stand in Options left empty. DefaultUserToken plays a person.
const (
	DefaultAPIDomain    = "https://www.zohoapis.eu"
	DefaultClientID     = "sandbox-client"
	DefaultClientSecret = "sandbox-secret"
	DefaultRefreshToken = "sandbox-refresh"
	DefaultUserToken    = "sandbox-user"
)

// DefaultScopes are those that the connector asks for when it is set up.
const DefaultScopes = "ZohoCRM.modules.contacts.ALL,ZohoCRM.modules.accounts.ALL,ZohoCRM.modules.leads.READ,ZohoCRM.modules.notes.ALL," +
	"ZohoCRM.modules.attachments.ALL,ZohoCRM.modules.tasks.ALL,ZohoCRM.coql.READ,ZohoCRM.notifications.ALL," +
	"ZohoCRM.settings.fields.ALL,ZohoCRM.settings.modules.READ,ZohoCRM.org.READ,ZohoCRM.users.READ"

// Options say what kind of Zoho this is. Only Now is required.
type Options struct {
	Now   func() time.Time                                // the clock of the org
	Rand  *rand.Rand                                      // chance for lost, doubled and delayed notifications; nil: a generator with a fixed seed
	Sleep func(ctx context.Context, d time.Duration) bool // carries out Fault.Delay; nil: a delay takes no time

	APIDomain    string // api_domain of the token answer; "" is DefaultAPIDomain
	ClientID     string // "" is DefaultClientID
	ClientSecret string // "" is DefaultClientSecret
	RefreshToken string // "" is DefaultRefreshToken
	GrantCode    string // a self client's code that can be traded once for a refresh token; "" is none
	AccessToken  string // one more token of ours that never expires; "" is none
	Scopes       string // what our tokens may, with commas; "" is DefaultScopes. A person's token may do all
	UserToken    string // a request with it counts as a person's; "" is DefaultUserToken
	DeniedStatus int    // status of the throttled token answer: 0 is 200 (Kaizen #43); 400 was observed too

	Zone        *time.Location     // zone of the times in answers; nil is +01:00
	Integration User               // whom our token acts as; the zero User is a default one
	Person      User               // who edits by hand; the zero User is a default one
	Users       []User             // further users
	Fields      map[string][]Field // further or other fields by module ("Contacts"); a name that exists is replaced
	Currencies  []string           // ISO 4217 codes of an org with several, its home first; nil: one, and records have no Currency
	NoHubSpotID bool               // start without the custom field HubSpot_Id: setup was not done

	Missing         int           // status for one record that is not there: 0 is 204; 404 and 400 are listed by the vendor's OpenAPI file too
	IgnoreCondition bool          // the org does not heed If-Unmodified-Since (declared for v2 to v7 only)
	OldDuplicate    bool          // DUPLICATE_DATA with details {api_name,id}, the older shape
	StrictFields    bool          // a read that asks for a field which the module does not have is refused instead of answered without it
	LooseKeys       bool          // unknown keys in a written record are passed over instead of refused
	CaseSensitive   bool          // COQL tells capitals from small letters; the vendor does not say
	OpenPicklists   bool          // picklists take any value, as the vendor's documentation has it
	Trim            bool          // text loses the blanks at its ends
	Cut             bool          // text beyond the length of its field is cut without a word instead of refused
	SearchLag       time.Duration // how far GET /{Module}/search lags behind writes
	TimelineLag     time.Duration // how far __timeline lags behind writes
	MergeTime       time.Duration // how long a merged record stays locked
	MergedHidden    bool          // children of a merge are not in GET /deleted
	Credits         int           // API credits per rolling 24 hours; 0 is without end

	ChannelID     string        // a channel that is live from the start; "" is none
	ChannelToken  string        // its token
	NotifyURL     string        // where it sends
	ChannelExpiry time.Duration // how long it lives; 0 is a week
	NoValues      bool          // that channel sends ids only (return_affected_field_values false)
	RestoreName   string        // operation of the notification of a restored record; "" is undo (in no source)

	Send        func(*http.Request) (int, error) // carries a notification out and returns the status; nil: nothing is sent
	Repeat      int                              // how often a notification is repeated that got no 2xx; undocumented, 0 by default
	RepeatAfter time.Duration                    // after how long; 0 is a minute
	NotifyDelay time.Duration                    // how long every notification takes
	Reorder     time.Duration                    // up to how much longer each may take: later ones overtake earlier ones
	Loss        float64                          // chance that a notification is lost
	Duplicates  float64                          // chance that it is sent twice

	// Workflow is a rule that runs after an insert or update by a person, or by the API unless trigger leaves it out. It
	// returns fields to set, an empty map to touch the record only, nil to leave it alone. It must not call the server.
	Workflow Workflow
}

// Workflow is an automation rule: changed are the API names of the fields of record id that were set. Values are text as
// Create takes it, booleans, or nil to clear; a value that the field does not take is passed over.
type Workflow func(module crm.Module, id string, changed []string) map[string]any

// User is a user of the org.
type User struct {
	ID       string // 19 digits
	Name     string
	Email    string
	Inactive bool // cannot own records, is not among the ActiveUsers
}

func (o Options) withDefaults() Options {
	set := func(s *string, to string) {
		if *s == "" {
			*s = to
		}
	}
	set(&o.APIDomain, DefaultAPIDomain)
	set(&o.ClientID, DefaultClientID)
	set(&o.ClientSecret, DefaultClientSecret)
	set(&o.RefreshToken, DefaultRefreshToken)
	set(&o.Scopes, DefaultScopes)
	set(&o.UserToken, DefaultUserToken)
	set(&o.RestoreName, "undo")
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(1, 2))
	}
	if o.DeniedStatus == 0 {
		o.DeniedStatus = http.StatusOK
	}
	if o.Missing == 0 {
		o.Missing = http.StatusNoContent
	}
	if o.Zone == nil {
		o.Zone = defaultZone
	}
	if o.Integration == (User{}) {
		o.Integration = User{ID: "4876876000000225013", Name: "Integration", Email: "integration@example.com"}
	}
	if o.Person == (User{}) {
		o.Person = User{ID: "4876876000000225021", Name: "Anna Verdi", Email: "anna.verdi@example.com"}
	}
	if o.ChannelExpiry == 0 {
		o.ChannelExpiry = longestChannel
	}
	if o.RepeatAfter == 0 {
		o.RepeatAfter = time.Minute
	}
	return o
}

var defaultZone = time.FixedZone("", 3600)
