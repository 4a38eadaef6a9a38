package settings

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/core/canon"
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

// everything reads every setting that a function or the desk has.
func everything(r *Reader) {
	r.HubSpot()
	r.HubSpotWebhook()
	r.Zoho()
	r.ZohoAccounts()
	r.ZohoChannel()
	r.ZohoWebhook()
	r.Budget()
	r.Report()
	r.Records()
	r.Rules()
	r.Queues()
	r.Zone("REPORT_ZONE", "Europe/Rome")
	r.Listen("SUITE_ADDR", "127.0.0.1:8080")
	r.Int("PAIR_KEY_ID", 1, 1, 255)
	r.WhatsApp()
	r.Bearer()
	r.OwnEntries()
	r.Retries()
	r.LiteralAlarms()
	r.Meaning()
	r.Slack()
	r.ZohoCount()
}

// sound are settings with nothing wrong in them.
var sound = []string{
	"HUBSPOT_ACCESS_TOKEN=pat-eu1-1", "HUBSPOT_APP_ID=19635961", "HUBSPOT_CLIENT_SECRET=old,new", "HUBSPOT_WEBHOOK_URL=https://a.example/webhooks/hubspot",
	"ZOHO_ACCOUNTS_URL=https://accounts.zoho.eu", "ZOHO_CLIENT_ID=1000.ID", "ZOHO_CLIENT_SECRET=s", "ZOHO_REFRESH_TOKEN=1000.r",
	"ZOHO_CHANNEL_ID=1000000068001", "ZOHO_CHANNEL_TOKEN=t", "ZOHO_WEBHOOK_URL=https://a.example/webhooks/zoho",
	"REPORT_TO=client@example.com", "REPORT_FROM=Reports <reports@example.com>",
	"ZOHO_OPERATIONS_QUEUE=https://sqs.example/a.fifo", "HUBSPOT_OPERATIONS_QUEUE=https://sqs.example/b.fifo",
}

// Every value here holds the word canary where it can: an error names the setting, what is wrong and what is allowed, and
// repeats nothing.
func TestAWrongSettingIsNamedWithWhatIsAllowedAndNotRepeated(t *testing.T) {
	const (
		notHTTPS = "is not an https address, like https://connector.example.com"
		plain    = "is an http address: use https (http is for this machine and a container's network)"
		blank    = "holds a blank or a control character"
		user     = "holds a user name or a password: an address has none here"
		portless = "has a port that is not from 1 to 65535"
		query    = "holds a ? or a #: leave out what follows"
		vendor   = "holds a path of the vendor's own: leave out /crm, /oauth and what follows"
		key      = "holds a blank or another character that no key has: copy it again"
		address  = "takes one e-mail address like client@example.com, or several with commas: "
		sender   = "takes one e-mail address, like connector@example.com"
		listen   = "is not a host, a colon and a port from 1 to 65535, like 127.0.0.1:8080"
		every    = "is not a duration from 1s to 24h0m0s, like 10s or 5m"
		region   = "is not a country of two capital letters that has phone numbers, like IT, nor ZZ for none"
		million  = "is not a whole number from 0 to 100000000"
	)
	type wrong struct {
		names  []string
		values map[string]string // to what is said
	}
	urls := map[string]string{
		"canary.example": notHTTPS, "canary": notHTTPS, "//canary.example": notHTTPS, "ftp://canary.example": notHTTPS, "https://": notHTTPS,
		"https:canary": notHTTPS, "https://canary.example:x": notHTTPS, "http://canary.example": plain, "https://canary one.example": blank,
		"https://a.example/canary one": blank, "https://a.example/\tcanary": blank, "https://canary:canary@a.example": user, "https://canary@a.example": user,
		"https://canary.example:0": portless, "https://canary.example:65536": portless,
	}
	servers := map[string]string{"https://a.example?canary=1": query, "https://a.example/#canary": query, "https://a.example/?": query}
	vendors := map[string]string{
		"https://canary.example/crm/v8": vendor, "https://canary.example/crm/v8/": vendor, "https://canary.example/crm/objects": vendor,
		"https://canary.example/oauth/v2/token": vendor,
	}
	for _, tt := range []wrong{
		{[]string{"HUBSPOT_API_URL", "ZOHO_API_URL", "ZOHO_ACCOUNTS_URL", "ZOHO_WEBHOOK_URL", "HUBSPOT_RECORDS_URL", "ZOHO_RECORDS_URL", "HUBSPOT_WEBHOOK_URL"}, urls},
		{[]string{"HUBSPOT_API_URL", "ZOHO_API_URL", "ZOHO_ACCOUNTS_URL", "ZOHO_WEBHOOK_URL", "HUBSPOT_RECORDS_URL", "ZOHO_RECORDS_URL"}, servers},
		{[]string{"HUBSPOT_API_URL", "ZOHO_API_URL", "ZOHO_ACCOUNTS_URL"}, vendors},
		{[]string{"HUBSPOT_WEBHOOK_URL"}, map[string]string{
			"https://a.example/webhooks/hubspot,canary": notHTTPS, "https://a.example/webhooks/hubspot,https://b.example/#canary": "holds a #: leave out what follows",
		}},
		{[]string{"HUBSPOT_ACCESS_TOKEN", "HUBSPOT_CLIENT_SECRET", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "ZOHO_ACCESS_TOKEN", "ZOHO_CHANNEL_TOKEN"},
			map[string]string{"canary canary": key, "canary\ncanary": key, "canaryè": key, "canary\u200b": key}},
		{[]string{"HUBSPOT_CLIENT_SECRET"}, map[string]string{"old,canary canary": key}},
		{[]string{"HUBSPOT_APP_ID"}, map[string]string{"canary": "is not a number of at most 20 digits", "-1": "is not a number of at most 20 digits",
			"1.5": "is not a number of at most 20 digits", "0": "is not a number of at most 20 digits", "123456789012345678901": "is not a number of at most 20 digits"}},
		{[]string{"ZOHO_CHANNEL_ID"}, map[string]string{"canary": "is not a number of at most 18 digits", "1e6": "is not a number of at most 18 digits",
			"068001": "is not a number of at most 18 digits", "1234567890123456789": "is not a number of at most 18 digits"}},
		{[]string{"ZOHO_CLIENT_ID"}, map[string]string{"canary one": key}},
		{[]string{"HUBSPOT_SIGNATURE_MODE"}, map[string]string{"v1": "is none of v3, v3-or-v1", "canary": "is none of v3, v3-or-v1"}},
		{[]string{"ZOHO_CONDITIONAL_WRITES"}, map[string]string{"canary": "is none of true, false", "1": "is none of true, false"}},
		{[]string{"REPORT_TO"}, map[string]string{
			"canary": address + "this is no address", "canary@localhost": address + "this is no address", "canary@a.example;b@a.example": address + "this is no address",
			"a@a.example,canary,b@a.example": address + "number 2 of 3 is no address", strings.Repeat("canary@a.example,", 50) + "x@a.example": "has more than 50 e-mail addresses",
		}},
		{[]string{"REPORT_FROM"}, map[string]string{"canary": sender, "canary@a.example, b@a.example": sender, "Canary <canary>": sender}},
		{[]string{"REPORT_LANGUAGE"}, map[string]string{"fr": "is none of it, en", "IT": "is none of it, en", "canary": "is none of it, en"}},
		{[]string{"REPORT_EVERY"}, map[string]string{"0": every, "0s": every, "-5s": every, "abc": every, "10": every, "999ms": every, "25h": every, "canary": every}},
		{[]string{"REPORT_ZONE"}, map[string]string{"Europe/Canary": "is not a time zone, like Europe/Rome"}},
		{[]string{"PHONE_REGION"}, map[string]string{"XX": region, "it": region, "ITA": region, "I": region, "C ": region, "39": region, "001": region, "canary": region}},
		{[]string{"LAST_NAME"}, map[string]string{"x": "is none of fallback, require", "canary": "is none of fallback, require"}},
		{[]string{"LEADS"}, map[string]string{"x": "is none of ask, ignore", "canary": "is none of ask, ignore"}},
		{[]string{"PHONE_MATCH"}, map[string]string{"x": "is none of never, mobile", "canary": "is none of never, mobile"}},
		{[]string{"MODE"}, map[string]string{"x": "is none of off, observe, on", "ON": "is none of off, observe, on", "canary": "is none of off, observe, on"}},
		{[]string{"SUITE_ADDR"}, map[string]string{"canary": listen, "127.0.0.1": listen, "8080": listen, "127.0.0.1:": listen, "127.0.0.1:0": listen,
			"127.0.0.1:http": listen, "127.0.0.1:65536": listen, "http://canary:8080": listen, "can ary:8080": listen, "::1:8080": listen}},
		{[]string{"HUBSPOT_CALLS_PER_10S", "HUBSPOT_CALLS_PER_DAY", "ZOHO_CREDITS_PER_DAY"}, map[string]string{"-1": million, "1e6": million, "1.5": million, "canary": million, "100000001": million}},
		{[]string{"ZOHO_CONCURRENCY", "HUBSPOT_SEARCHES_PER_SECOND"}, map[string]string{"-1": "is not a whole number from 0 to 1000", "canary": "is not a whole number from 0 to 1000"}},
		{[]string{"BUDGET_RESERVE"}, map[string]string{"91": "is not a whole number from 0 to 90", "20%": "is not a whole number from 0 to 90"}},
		{[]string{"PAIR_KEY_ID"}, map[string]string{"0": "is not a whole number from 1 to 255", "256": "is not a whole number from 1 to 255"}},
	} {
		for _, name := range tt.names {
			for value, want := range tt.values {
				r := from(append(slices.Clone(sound), name+"="+value)...)
				everything(r)
				if d := cmp.Diff([]string{name + " " + want}, said(r)); d != "" {
					t.Errorf("%s=%s: %s", name, value, d)
				}
			}
		}
	}
}

func TestEverythingThatIsSoundIsTaken(t *testing.T) {
	r := from(sound...)
	if everything(r); r.Err() != nil {
		t.Fatal(r.Err())
	}
	for name, values := range map[string][]string{
		"HUBSPOT_API_URL":     {"https://api.hubapi.com/", "http://127.0.0.1:9000/hubspot", "https://proxy.example:8443/a/b"},
		"ZOHO_API_URL":        {"https://www.zohoapis.eu", "http://sandbox:8182/zoho"},
		"ZOHO_ACCOUNTS_URL":   {"https://accounts.zoho.eu/"},
		"HUBSPOT_WEBHOOK_URL": {"https://a.example/webhooks/hubspot?stage=1, https://b.example/webhooks/hubspot/"},
		"ZOHO_RECORDS_URL":    {"https://crm.zoho.eu/crm/org20"},
		"HUBSPOT_RECORDS_URL": {"https://app-eu1.hubspot.com/contacts/62515"},
		"REPORT_TO":           {"a@a.example, Giulia Però <b@b.example>", `"Rossi, Anna" <a@a.example>`},
		"REPORT_EVERY":        {"1s", "24h", "1m30s"},
		"PHONE_REGION":        {"IT", "DE", "ZZ", "XK"},
		"SUITE_ADDR":          {":8080", "0.0.0.0:80", "[::1]:8080", "localhost:65535"},
		"ZOHO_CHANNEL_ID":     {"1", "123456789012345678"},
		"HUBSPOT_APP_ID":      {"1", "12345678901234567890"},
	} {
		for _, value := range values {
			r := from(append(slices.Clone(sound), name+"="+value)...)
			if everything(r); r.Err() != nil {
				t.Errorf("%s=%s: %v", name, value, r.Err())
			}
		}
	}
}

func TestTheAddressOfAKeySetIsCalledAsItIsWrittenQueryAndAll(t *testing.T) {
	for in, what := range map[string]string{
		"https://acme.b2clogin.com/acme.onmicrosoft.com/discovery/v2.0/keys?p=b2c_1_signin": "",
		"https://issuer.example/oauth/discovery/keys":                                       "",
		"https://issuer.example/keys/":                                                      "",
		"http://localhost:8080/keys?x=1":                                                    "",
		"https://issuer.example/keys?p=1#canary":                                            "holds a #: leave out what follows",
		"https://user:canary@issuer.example/keys?p=1":                                       "holds a user name or a password: an address has none here",
		"http://canary.example/keys?p=1":                                                    "is an http address: use https (http is for this machine and a container's network)",
	} {
		r := from("CONVERSIONS_JWT_ISSUER=i", "CONVERSIONS_JWKS_URL="+in)
		got := r.Bearer().KeySet
		if what == "" && (got != in || r.Err() != nil) {
			t.Errorf("%s: %s, %v", in, got, r.Err())
		}
		if what != "" && !slices.Equal(said(r), []string{"CONVERSIONS_JWKS_URL " + what}) {
			t.Errorf("%s: %q", in, said(r))
		}
	}
}

func TestAnOrganisationMayBeCalledLikeAPathOfTheVendors(t *testing.T) {
	for in, ok := range map[string]bool{
		"https://crm.zoho.eu/crm/vinirossi": true, "https://crm.zoho.eu/crm/org7": true, "https://www.zohoapis.eu/crm/v8": false, "https://www.zohoapis.eu/crm/v2.1/": false,
	} {
		r := from("ZOHO_RECORDS_URL=" + in)
		if got := r.Records().Zoho; (got == in) != ok || (r.Err() == nil) != ok {
			t.Errorf("%s: %q, %v", in, got, r.Err())
		}
	}
}

func TestWhatIsSignedIsNotAltered(t *testing.T) {
	r := from("HUBSPOT_WEBHOOK_URL= https://a.example/webhooks/hubspot/ ,https://b.example/x?y=%2F", "HUBSPOT_CLIENT_SECRET=s", "HUBSPOT_APP_ID=1")
	want := []string{"https://a.example/webhooks/hubspot/", "https://b.example/x?y=%2F"}
	if got := r.HubSpotWebhook().URLs; !slices.Equal(got, want) || r.Err() != nil {
		t.Errorf("%q, %v", got, r.Err())
	}
}

func TestARegionIsTakenWhereCanonTakesIt(t *testing.T) {
	taken := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			name := string(a) + string(b)
			_, err := canon.Region(name)
			r := from("PHONE_REGION=" + name)
			if got := r.Rules().PhoneRegion; (r.Err() == nil) != (err == nil) || (got == name) != (err == nil) {
				t.Errorf("%s: settings say %v, canon %v", name, r.Err(), err)
			}
			if err == nil {
				taken++
			}
		}
	}
	if taken < 200 {
		t.Errorf("only %d regions", taken)
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

func TestAChannelsTokenIsNoLongerThanZohoTakes(t *testing.T) {
	for n, want := range map[int][]string{50: nil, 51: {"ZOHO_CHANNEL_TOKEN has more than the 50 characters that Zoho takes"}} {
		r := from("ZOHO_CHANNEL_ID=7", "ZOHO_CHANNEL_TOKEN="+strings.Repeat("t", n))
		r.ZohoChannel()
		if d := cmp.Diff(want, said(r)); d != "" {
			t.Errorf("%d characters: %s", n, d)
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
	if got := r.Budget(); got != (Budget{100, 250_000, 5, 50_000, 10, 20}) || r.Err() != nil {
		t.Errorf("%+v, %v", got, r.Err())
	}
	r = from("HUBSPOT_CALLS_PER_10S=190", "HUBSPOT_CALLS_PER_DAY=0", "HUBSPOT_SEARCHES_PER_SECOND=50", "ZOHO_CREDITS_PER_DAY=5000", "ZOHO_CONCURRENCY=5", "BUDGET_RESERVE=0")
	if got := r.Budget(); got != (Budget{190, 0, 50, 5000, 5, 0}) || r.Err() != nil {
		t.Errorf("%+v, %v", got, r.Err())
	}
	r = from("HUBSPOT_CALLS_PER_10S=-1", "HUBSPOT_CALLS_PER_DAY=many", "HUBSPOT_SEARCHES_PER_SECOND=1001", "ZOHO_CREDITS_PER_DAY=1e6", "ZOHO_CONCURRENCY=1001", "BUDGET_RESERVE=91")
	if r.Budget(); len(said(r)) != 6 {
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
