package settings

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/core/crm"
)

// from reads out of a list of NAME=value.
func from(pairs ...string) *Reader {
	env := map[string]string{}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		env[name] = value
	}
	return &Reader{Getenv: func(name string) string { return env[name] }}
}

// said is what the reader found wrong, line by line.
func said(r *Reader) []string {
	if r.Err() == nil {
		return nil
	}
	return strings.Split(r.Err().Error(), "\n")
}

func TestEverythingThatIsMissingIsNamedAtOnce(t *testing.T) {
	r := from("HUBSPOT_APP_ID=  ")
	r.HubSpot()
	r.HubSpotWebhook()
	r.Zoho()
	r.ZohoAccounts()
	r.ZohoChannel()
	r.Report()
	r.Rules()
	r.Need("PARKED_TABLE")
	want := []string{
		"HUBSPOT_ACCESS_TOKEN is not set", "HUBSPOT_APP_ID is not set", "HUBSPOT_CLIENT_SECRET is not set",
		"HUBSPOT_WEBHOOK_URL is not set", "ZOHO_ACCOUNTS_URL is not set", "ZOHO_CLIENT_ID is not set",
		"ZOHO_CLIENT_SECRET is not set", "ZOHO_REFRESH_TOKEN is not set", "ZOHO_CHANNEL_ID is not set",
		"ZOHO_CHANNEL_TOKEN is not set", "REPORT_TO is not set", "REPORT_FROM is not set", "PARKED_TABLE is not set",
	}
	if d := cmp.Diff(want, said(r)); d != "" {
		t.Error(d)
	}
}

func TestTheGroupsReadWhatIsSet(t *testing.T) {
	r := from("HUBSPOT_API_URL=http://127.0.0.1:8181/", "HUBSPOT_ACCESS_TOKEN=pat-1", "HUBSPOT_APP_ID=42", "HUBSPOT_CLIENT_SECRET=old, new",
		"HUBSPOT_WEBHOOK_URL=https://a.example/webhooks/hubspot,https://b.example/webhooks/hubspot", "HUBSPOT_SIGNATURE_MODE=v3-or-v1",
		"ZOHO_API_URL=https://www.zohoapis.eu", "ZOHO_ACCESS_TOKEN=1000.a", "ZOHO_ACCOUNTS_URL=https://accounts.zoho.eu",
		"ZOHO_CLIENT_ID=1000.ID", "ZOHO_CLIENT_SECRET=s", "ZOHO_REFRESH_TOKEN=1000.r\n", "ZOHO_CHANNEL_ID=7", "ZOHO_CHANNEL_TOKEN=t",
		"REPORT_TO=client@example.com", "REPORT_FROM=reports@example.com", "REPORT_LANGUAGE=en", "REPORT_EVERY=10s",
		"REPORT_CONFIGURATION_SET=reports", "PHONE_REGION=IT", "LAST_NAME=require", "LEADS=ignore", "PHONE_MATCH=mobile", "MODE=observe")
	hub, hook, zoho, accounts, channel, report, rules := r.HubSpot(), r.HubSpotWebhook(), r.Zoho(), r.ZohoAccounts(), r.ZohoChannel(), r.Report(), r.Rules()
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	reveal := func(s ...crm.Secret) (out []string) {
		for _, v := range s {
			out = append(out, v.Reveal())
		}
		return out
	}
	secrets := reveal(append([]crm.Secret{hub.AccessToken, zoho.AccessToken, accounts.ClientSecret, accounts.RefreshToken, channel.Token}, hook.Secrets...)...)
	if d := cmp.Diff([]string{"pat-1", "1000.a", "s", "1000.r", "t", "old", "new"}, secrets); d != "" {
		t.Error(d)
	}
	got := fmt.Sprint(hub.URL, " ", hub.AppID, " ", hook.URLs, hook.AppID, hook.AllowV1, " ", zoho.URL, " ", accounts.URL, " ", accounts.APIURL, " ", accounts.ClientID, " ", channel.ID)
	want := "http://127.0.0.1:8181 42 [https://a.example/webhooks/hubspot https://b.example/webhooks/hubspot]42true " +
		"https://www.zohoapis.eu https://accounts.zoho.eu https://www.zohoapis.eu 1000.ID 7"
	if got != want {
		t.Errorf("read %s\nwant %s", got, want)
	}
	if want := (Report{To: "client@example.com", From: "reports@example.com", Language: "en", Every: 10 * time.Second, ConfigurationSet: "reports"}); report != want {
		t.Errorf("report %+v", report)
	}
	if want := (Rules{PhoneRegion: "IT", LastName: "require", Leads: "ignore", PhoneMatch: "mobile", Mode: crm.Observe}); rules != want {
		t.Errorf("rules %+v", rules)
	}
}

func TestWhatIsNotSetHasItsDefault(t *testing.T) {
	r := from("HUBSPOT_ACCESS_TOKEN=x", "HUBSPOT_APP_ID=1", "REPORT_TO=a@example.com", "REPORT_FROM=b@example.com")
	hub, zoho, report, rules := r.HubSpot(), r.Zoho(), r.Report(), r.Rules()
	if r.Err() != nil || hub.URL != "" || zoho.URL != "" || !zoho.AccessToken.IsZero() || rules != (Rules{}) {
		t.Errorf("%v %v %v %v", r.Err(), hub, zoho, rules)
	}
	if report.Language != "it" || report.Every != 5*time.Minute || report.ConfigurationSet != "" {
		t.Errorf("report %+v", report)
	}
	if r.Optional("X", "y") != "y" || r.Int("X", 3, 1, 5) != 3 || r.Bool("X", true) != true || r.List("X") != nil || r.URL("X", "z") != "z" {
		t.Error("a fallback is not used")
	}
}

func TestAWrongSettingIsNamedAndNotRepeated(t *testing.T) {
	const canary = "canary"
	r := from("MODE="+canary, "PHONE_REGION="+canary, "REPORT_TO=x", "REPORT_FROM=x", "REPORT_LANGUAGE="+canary, "REPORT_EVERY="+canary,
		"N="+canary, "B="+canary, "U=ftp://"+canary, "LAST_NAME="+canary, "LEADS="+canary, "PHONE_MATCH="+canary)
	r.Rules()
	r.Report()
	r.Int("N", 1, 0, 9)
	r.Bool("B", false)
	r.URL("U", "")
	r.NeedURL("U")
	want := []string{
		"PHONE_REGION is not a country of two capital letters, like IT",
		"LAST_NAME is none of fallback, require",
		"LEADS is none of ask, ignore",
		"PHONE_MATCH is none of never, mobile",
		"MODE is none of off, observe, on",
		"REPORT_LANGUAGE is none of it, en",
		"REPORT_EVERY is not a duration from 1s to 24h0m0s, like 10s or 5m",
		"N is not a whole number from 0 to 9",
		"B is none of true, false",
		"U is not an https address",
	}
	if d := cmp.Diff(want, said(r)); d != "" {
		t.Error(d)
	}
	if strings.Contains(r.Err().Error(), canary) {
		t.Error("the error repeats a value")
	}
}

func TestNumbersAndDurationsStayInTheirRange(t *testing.T) {
	for _, tt := range []struct {
		value string
		ok    bool
	}{{"1s", true}, {"1m", true}, {"999ms", false}, {"60.001s", false}, {"-1s", false}, {"5", false}, {"99999999999h", false}} {
		r := from("D=" + tt.value)
		if got := r.Duration("D", time.Hour, time.Second, time.Minute); (r.Err() == nil) != tt.ok || (got == time.Hour) == tt.ok {
			t.Errorf("%s: %s, %v", tt.value, got, r.Err())
		}
	}
	for _, tt := range []struct {
		value string
		ok    bool
	}{{"1", true}, {"10", true}, {"0", false}, {"11", false}, {"1.0", false}, {"1e1", false}, {"99999999999999999999", false}} {
		r := from("N=" + tt.value)
		if got := r.Int("N", -1, 1, 10); (r.Err() == nil) != tt.ok || (got == -1) == tt.ok {
			t.Errorf("%s: %d, %v", tt.value, got, r.Err())
		}
	}
}

func TestOnlyTheDeskMaySpeakPlainHTTP(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"https://api.hubapi.com", "https://api.hubapi.com"},
		{"https://api.hubapi.com/", "https://api.hubapi.com"},
		{"https://api.hubapi.com:8443/x/", "https://api.hubapi.com:8443/x"},
		{"http://127.0.0.1:8181", "http://127.0.0.1:8181"},
		{"http://localhost:8181", "http://localhost:8181"},
		{"http://sandbox:8181", "http://sandbox:8181"},
		{"http://host.docker.internal:8181", "http://host.docker.internal:8181"},
		{"http://host.docker.internal.evil.example", ""},
		{"http://[::1]:8181", "http://[::1]:8181"},
		{"http://api.hubapi.com", ""},
		{"http://[2001:db8::1]", ""},
		{"http://127.evil.example", ""},
		{"https://user:secret@api.hubapi.com", ""},
		{"https://", ""},
		{"https://:443", ""},
		{"https://a.example/#x", ""},
		{"api.hubapi.com", ""},
		{"://", ""},
	} {
		r := from("U=" + tt.in)
		if got := r.NeedURL("U"); got != tt.want || (r.Err() == nil) != (tt.want != "") {
			t.Errorf("%s: %q, want %q; %v", tt.in, got, tt.want, r.Err())
		}
	}
}

func TestSecretsMayLieInTheStoreInstead(t *testing.T) {
	r := from("SECRETS_PATH=/stack", "HUBSPOT_APP_ID=1", "HUBSPOT_WEBHOOK_URL=https://a.example", "ZOHO_CHANNEL_ID=7")
	hub, hook, channel := r.HubSpot(), r.HubSpotWebhook(), r.ZohoChannel()
	if r.Err() != nil || !hub.AccessToken.IsZero() || hook.Secrets != nil || !channel.Token.IsZero() {
		t.Errorf("%v", r.Err())
	}
	r = from("SECRETS_PATH=/stack", "HUBSPOT_APP_ID=1", "HUBSPOT_ACCESS_TOKEN=here")
	if got := r.HubSpot().AccessToken.Reveal(); got != "here" {
		t.Error("a secret in the environment was not taken")
	}
}

func TestQueuesRecordsAndZone(t *testing.T) {
	r := from("ZOHO_OPERATIONS_QUEUE=https://sqs/a.fifo", "HUBSPOT_OPERATIONS_QUEUE=http://172.17.0.1:4566/b.fifo",
		"ZOHO_RECORDS_URL=https://crm.zoho.eu/crm/org1/", "ZOHO_CONDITIONAL_WRITES=true", "Z=America/New_York")
	queues, records, zone := r.Queues(), r.Records(), r.Zone("Z", "Europe/Rome")
	if queues != (Queues{"https://sqs/a.fifo", "http://172.17.0.1:4566/b.fifo"}) || records != (Records{"", "https://crm.zoho.eu/crm/org1"}) {
		t.Errorf("%v %v", queues, records)
	}
	if zone.String() != "America/New_York" || r.Zone("none", "Europe/Rome").String() != "Europe/Rome" || !r.Zoho().Conditional || r.Err() != nil {
		t.Errorf("%v, %v", zone, r.Err())
	}
	r = from("Z=canary")
	if got := r.Zone("Z", "UTC"); got != time.UTC || len(said(r)) != 1 || strings.Contains(r.Err().Error(), "canary") {
		t.Errorf("%v, %v", got, r.Err())
	}
}

func TestTheBudgetIsThatOfTheSmallestPlansUnlessSet(t *testing.T) {
	r := from()
	if got := r.Budget(); got != (Budget{100, 250_000, 50_000, 10, 20}) || r.Err() != nil {
		t.Errorf("%+v, %v", got, r.Err())
	}
	r = from("HUBSPOT_CALLS_PER_10S=190", "HUBSPOT_CALLS_PER_DAY=0", "ZOHO_CREDITS_PER_DAY=5000", "ZOHO_CONCURRENCY=5", "BUDGET_RESERVE=0")
	if got := r.Budget(); got != (Budget{190, 0, 5000, 5, 0}) || r.Err() != nil {
		t.Errorf("%+v, %v", got, r.Err())
	}
	r = from("HUBSPOT_CALLS_PER_10S=-1", "HUBSPOT_CALLS_PER_DAY=many", "ZOHO_CREDITS_PER_DAY=1e6", "ZOHO_CONCURRENCY=1001", "BUDGET_RESERVE=91")
	if r.Budget(); len(said(r)) != 5 {
		t.Errorf("%v", r.Err())
	}
}

func TestAListHasNoEmptyMembers(t *testing.T) {
	r := from("L= a ,, b,", "E= , ,")
	if got := r.NeedList("L"); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("list %q", got)
	}
	if got := r.NeedList("E"); got != nil || len(said(r)) != 1 {
		t.Errorf("list %q, %v", got, r.Err())
	}
}

func TestAGroupThatIsPrintedHidesItsSecrets(t *testing.T) {
	r := from("HUBSPOT_ACCESS_TOKEN=pat-canary", "HUBSPOT_APP_ID=1")
	if s := fmt.Sprintf("%v %+v %#v", r.HubSpot(), r.HubSpot(), r.HubSpot()); strings.Contains(s, "canary") {
		t.Errorf("printed as %s", s)
	}
}
