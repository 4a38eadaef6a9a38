package budget

import (
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
)

// HubSpot returns a caller's end of HubSpot's budget: calls in ten seconds and in 24 hours, and in every second searches, which
// have a limit of the whole account beside the other two.
func HubSpot(c Config, s settings.Budget) http.RoundTripper {
	c.System, c.Reserve, c.Together = string(crm.HubSpot), s.Reserve, 0
	c.Limits = []Limit{{Units: s.HubSpotIn10s, Per: 10 * time.Second}, {Units: s.HubSpotDaily, Per: 24 * time.Hour}}
	all := New(c)
	c.System, c.HTTP, c.Patience = string(crm.HubSpot)+" searches", all, searchPatience
	c.Limits = []Limit{{Units: s.HubSpotSearches, Per: time.Second}}
	return searches{all: all, limited: New(c)}
}

// searchPatience is how long a search waits for its turn: a reading of several pages does not stop at the sixth.
const searchPatience = 3 * time.Second

// searches tells searches from other calls.
type searches struct{ all, limited http.RoundTripper }

// RoundTrip draws for a search, POST /crm/objects/<version>/<type>/search, from its own limit too.
//
// https://developers.hubspot.com/docs/api-reference/search/guide#limits
func (s searches) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/search") {
		return s.limited.RoundTrip(r)
	}
	return s.all.RoundTrip(r)
}

// Zoho returns a caller's end of Zoho's budget: credits in 24 hours, and calls at a time.
func Zoho(c Config, s settings.Budget) http.RoundTripper {
	c.System, c.Reserve, c.Together = string(crm.Zoho), s.Reserve, s.ZohoConcurrent
	c.Limits = []Limit{{Units: s.ZohoCredits, Per: 24 * time.Hour}}
	return New(c)
}
