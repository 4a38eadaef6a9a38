package budget

import (
	"net/http"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
)

// HubSpot returns a caller's end of HubSpot's budget: calls in ten seconds and in 24 hours. Searches have a limit of their
// own, five a second, which HubSpot holds itself.
func HubSpot(c Config, s settings.Budget) http.RoundTripper {
	c.System, c.Reserve, c.Together = string(crm.HubSpot), s.Reserve, 0
	c.Limits = []Limit{{Units: s.HubSpotIn10s, Per: 10 * time.Second}, {Units: s.HubSpotDaily, Per: 24 * time.Hour}}
	return New(c)
}

// Zoho returns a caller's end of Zoho's budget: credits in 24 hours, and calls at a time.
func Zoho(c Config, s settings.Budget) http.RoundTripper {
	c.System, c.Reserve, c.Together = string(crm.Zoho), s.Reserve, s.ZohoConcurrent
	c.Limits = []Limit{{Units: s.ZohoCredits, Per: 24 * time.Hour}}
	return New(c)
}
