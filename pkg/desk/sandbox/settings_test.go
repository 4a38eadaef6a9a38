package sandbox

import (
	"strings"
	"testing"
)

func env(set map[string]string) func(string) string {
	return func(name string) string { return set[name] }
}

func TestTheDeskIsReachedWhereItListens(t *testing.T) {
	for addr, want := range map[string]string{
		"":               "http://127.0.0.1:8080/webhooks/hubspot",
		":9090":          "http://127.0.0.1:9090/webhooks/hubspot",
		"0.0.0.0:9090":   "http://127.0.0.1:9090/webhooks/hubspot",
		"[::]:9090":      "http://127.0.0.1:9090/webhooks/hubspot",
		"localhost:9090": "http://localhost:9090/webhooks/hubspot",
	} {
		set, err := ReadSettings(env(map[string]string{"SUITE_ADDR": addr}))
		if err != nil || set.HubSpot.WebhookURLs[0] != want {
			t.Errorf("SUITE_ADDR=%s: %v, %v, want %s", addr, set.HubSpot.WebhookURLs, err, want)
		}
	}
}

func TestZohosAccountsAloneAreRefused(t *testing.T) {
	_, err := ReadSettings(env(map[string]string{"ZOHO_ACCOUNTS_URL": "http://127.0.0.1:9182"}))
	if err == nil || !strings.Contains(err.Error(), "ZOHO_API_URL") {
		t.Error(err)
	}
}

func TestARealHubSpotNamesEverythingThatItNeeds(t *testing.T) {
	_, err := ReadSettings(env(map[string]string{"HUBSPOT_API_URL": "https://api.hubapi.com"}))
	for _, name := range []string{"HUBSPOT_CLIENT_SECRET", "HUBSPOT_ACCESS_TOKEN", "HUBSPOT_WEBHOOK_URL"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}
