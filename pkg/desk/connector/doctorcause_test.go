package connector

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
)

// What Zoho and HubSpot refuse with another word than that of a scope.
const (
	noRight   = `{"code":"NO_PERMISSION","details":{"permissions":["Crm_Implied_View_Leads"]},"message":"permission denied","status":"error"}`
	noRights  = `{"code":"NO_PERMISSION","details":{},"message":"permission denied","status":"error"}`
	noModule  = `{"code":"INVALID_MODULE","details":{},"message":"the module name given seems to be invalid","status":"error"}`
	noEdition = `{"code":"API_NOT_SUPPORTED","details":{},"message":"api not supported in this edition","status":"error"}`
	noUser    = `{"code":"AUTHORIZATION_FAILED","details":{},"message":"User does not have sufficient privilege","status":"error"}`
	blocked   = `{"status":"error","message":"This account was suspended","category":"ACCOUNT_SUSPENDED"}`
)

// refuses has Zoho answer every call whose path has a part.
func refuses(part string, status int, body string) func(*bench) {
	return func(b *bench) {
		b.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool { return strings.Contains(r.URL.Path, part) }, Times: -1, Status: status, Body: body})
	}
}

// faultsOf returns the faults that doctor names.
func (b *bench) faultsOf() []finding {
	b.t.Helper()
	code, all := b.examine()
	var out []finding
	for _, f := range all {
		if f.Level == levelFault {
			out = append(out, f)
		}
	}
	if (code == ExitFinding) != (out != nil) {
		b.t.Errorf("exit %d: %+v", code, all)
	}
	return out
}

func TestOnlyAMissingScopeIsMendedWithANewToken(t *testing.T) {
	const profile = "the profile of the user for whom the token was made"
	for _, tt := range []struct {
		name  string
		spoil func(*bench)
		check string
		what  []string
		mend  string
	}{
		{"the user may not see leads", refuses("/crm/v8/Leads", 403, noRight), "zoho.scopes",
			[]string{"what ZohoCRM.modules.leads.READ allows is refused (NO_PERMISSION)", "Crm_Implied_View_Leads"}, "Leads=ignore"},
		{"the user may do nothing", refuses("/crm/v8/", 403, noRights), "zoho.scopes",
			[]string{"what ZohoCRM.users.READ, ZohoCRM.settings.fields.READ, ZohoCRM.modules.contacts.ALL and 3 more allow is refused (NO_PERMISSION): permission denied"}, profile},
		{"there is no module of leads", refuses("/crm/v8/Leads", 400, noModule), "zoho.scopes",
			[]string{"what ZohoCRM.modules.leads.READ allows is refused (INVALID_MODULE)"}, "Leads=ignore"},
		{"the module of companies is hidden", refuses("/crm/v8/Accounts", 400, noModule), "zoho.scopes",
			[]string{"what ZohoCRM.modules.accounts.ALL allows is refused (INVALID_MODULE)"}, "switch the module on"},
		{"the edition has no queries", refuses("/crm/v8/coql", 400, noEdition), "zoho.scopes",
			[]string{"what ZohoCRM.coql.READ allows is refused (API_NOT_SUPPORTED)"}, "edition"},
		{"the user may open no channel", refuses("/actions/watch", 400, noUser), "zoho.scopes",
			[]string{"what ZohoCRM.notifications.ALL allows is refused (AUTHORIZATION_FAILED)"}, profile},
		{"the user may see no notes", refuses("/Notes", 403, noRights), "whatsapp.scopes",
			[]string{"what ZohoCRM.modules.notes.ALL allows is refused (NO_PERMISSION)"}, profile},
		{"Zoho has no licence any more", refuses("/crm/v8/", 403, strings.Replace(noRights, "NO_PERMISSION", "LICENSE_EXPIRED", 1)), "zoho.scopes",
			[]string{"(LICENSE_EXPIRED)"}, "mend what it names"},
		{"HubSpot's account is suspended", func(b *bench) {
			b.HubSpot.Fail(hubspottest.Fault{On: "GET /crm/owners", Times: -1, Status: http.StatusForbidden, Body: blocked})
		}, "hubspot.scopes", []string{"what crm.objects.owners.read allows is refused (ACCOUNT_SUSPENDED): This account was suspended"}, "mend what it names"},
		{"Zoho does not say which fields companies have", func(b *bench) {
			b.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool {
				return strings.HasSuffix(r.URL.Path, "/settings/fields") && r.URL.Query().Get("module") == "Accounts"
			}, Times: -1, Status: http.StatusForbidden, Body: noRights})
		}, "zoho.scopes", []string{"what ZohoCRM.settings.fields.READ allows is refused (NO_PERMISSION)"}, profile},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := talks(t)
			b.rossi()
			b.Zoho.Clear()
			tt.spoil(b)
			found := b.faultsOf()
			for _, f := range found {
				if f.Check != tt.check || !strings.Contains(f.Mend, tt.mend) || strings.Contains(f.What, "the token may not") || strings.Contains(f.Mend, "new code") || strings.Contains(f.Mend, "requiredScopes") {
					t.Errorf("%+v", f)
				}
				has(t, f.What, tt.what...)
			}
			if len(found) != 1 {
				t.Errorf("%d faults: %+v", len(found), found)
			}
		})
	}
}

func TestTwoReasonsOfARefusalAreTwoFaults(t *testing.T) {
	b := stage(t)
	refuses("/crm/v8/Leads", 400, noModule)(b)
	refuses("/crm/v8/coql", 400, noEdition)(b)
	refuses("/actions/watch", 401, mismatch)(b)
	found := b.faultsOf()
	if len(found) != 3 || !strings.Contains(found[0].What+found[1].What+found[2].What, "the token may not ZohoCRM.notifications.ALL") {
		t.Errorf("%+v", found)
	}
}

func TestWhyNobodyTellsTheCurrencyIsSaid(t *testing.T) {
	b := stage(t)
	refuses("/crm/v8/org", 403, noRights)(b)
	code, all := b.examine()
	for _, f := range all {
		if f.Check == "currency" && (f.Level != levelNote || !strings.Contains(f.What, "whether Zoho counts in EUR is not known") || !strings.Contains(f.What, "NO_PERMISSION") || strings.Contains(f.Mend, "new code")) {
			t.Errorf("%+v", f)
		}
	}
	if code != ExitOK {
		t.Errorf("exit %d: %+v", code, all)
	}
}

func TestAUserWhoMayMakeNoFieldsIsNotToldToMakeAToken(t *testing.T) {
	b := talks(t)
	b.must(b.HubSpot.DropProperty(crm.Contacts, "whatsapp_opt_out"))
	b.HubSpot.Fail(hubspottest.Fault{On: "POST /crm/properties", Times: -1, Status: http.StatusForbidden, Body: blocked})
	r := b.run("setup", "whatsapp")
	if r.code != ExitFinding {
		t.Errorf("exit %d", r.code)
	}
	has(t, r.err, "ACCOUNT_SUSPENDED", "mend what it names, or make the field by hand, then run this again")
	hasNot(t, r.err, "lacks the scope")
}

// stranger answers in the place of the door, on every path with the beginning.
func (b *bench) stranger(path string, status int, body string) {
	b.front = func(r *http.Request) *http.Response {
		if !strings.HasPrefix(r.URL.Path, path) {
			return nil
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
	}
}

func TestAnAddressAtWhichSomebodyElseAnswersIsOneFault(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		mend   string
	}{
		{200, "<html>parked</html>", "PublicBaseUrl"}, {301, "", "PublicBaseUrl"}, {401, "<html>who are you</html>", "PublicBaseUrl"},
		{403, `{"message":"Forbidden"}`, "API mapping"}, {404, `{"message":"Not Found"}`, "PublicBaseUrl"}, {429, `{"message":"Too Many Requests"}`, "PublicBaseUrl"},
		{500, `{"message":"Internal Server Error"}`, "log of webhook"}, {503, `{"message":"Service Unavailable"}`, "log of webhook"},
	} {
		for name, on := range map[string]func(*testing.T, ...func(*sandbox.WorldOptions)) *bench{"plain": stage, "with WhatsApp": talks, "whole": whole} {
			b := on(t)
			b.stranger("/", tt.status, tt.body)
			found := b.faultsOf()
			if len(found) != 1 || found[0].Check != "door.hubspot" || !strings.Contains(found[0].What, fmt.Sprintf("answers %d, and not as the webhook function does", tt.status)) || !strings.Contains(found[0].Mend, tt.mend) {
				t.Errorf("%d, %s: %+v", tt.status, name, found)
			}
		}
	}
}

func TestAHandshakeThatSomebodyElseRefusesIsNoOtherToken(t *testing.T) {
	b := talks(t)
	b.stranger("/webhooks/whatsapp", 403, `{"message":"Forbidden"}`)
	found := b.faultsOf()
	if len(found) != 1 || found[0].Check != "door.whatsapp" || !strings.Contains(found[0].What, "answers 403, and not as") {
		t.Errorf("%+v", found)
	}
}

func TestWhatTheDoorItselfSaysOfOneRouteIsOfThatRouteAlone(t *testing.T) {
	b := whole(t)
	b.stranger("/webhooks/hubspot", 503, `{"error":"service unavailable"}`)
	found := b.faultsOf()
	if len(found) != 1 || !strings.Contains(found[0].What, "lacks a secret or a table") {
		t.Errorf("%+v", found)
	}
	has(t, b.run("doctor").out, "ok     door.zoho", "ok     door.whatsapp", "ok     door.conversions")
}

func TestAWrongClockOfThisMachineIsOneFault(t *testing.T) {
	for _, ahead := range []time.Duration{4 * time.Hour, 25 * time.Hour, -4 * time.Hour, -25 * time.Hour} {
		for name, on := range map[string]func(*testing.T, ...func(*sandbox.WorldOptions)) *bench{"plain": stage, "whole": whole} {
			b := on(t)
			b.rossi()
			b.ahead = ahead
			found := b.faultsOf()
			if len(found) != 1 || found[0].Check != "clock" {
				t.Errorf("%s, %s ahead: %+v", name, ahead, found)
			}
			has(t, b.run("doctor").out, "skip   reconcile            not looked at before clock is right\n")
		}
	}
	b := stage(t)
	b.zoho(http.MethodDelete, "?channel_ids="+channel, "")
	b.ahead = 25 * time.Hour
	if found := b.faultsOf(); len(found) != 2 || found[0].Check != "zoho.channel" || found[0].What != "channel "+channel+": no channel" {
		t.Errorf("what no clock explains: %+v", found)
	}
}

func TestAMappingInAnotherCurrencyThanBothCRMsIsOneFault(t *testing.T) {
	b := stage(t)
	b.set(config.Mapping, strings.Replace(string(mapping.DefaultYAML()), "home_currency: EUR", "home_currency: USD", 1))
	found := b.faultsOf()
	if len(found) != 1 || !strings.Contains(found[0].What, "the mapping's home_currency is USD, and HubSpot and Zoho count in EUR") || !strings.Contains(found[0].Mend, "set home_currency") {
		t.Errorf("%+v", found)
	}
	b.org("CHF", false)
	if found := b.faultsOf(); len(found) != 2 || !strings.Contains(found[0].What, "HubSpot counts in EUR") || !strings.Contains(found[1].What, "Zoho counts in CHF") {
		t.Errorf("both differ, each in its own way: %+v", found)
	}
}

// stopping ends a context once a host was asked.
type stopping struct {
	to   http.RoundTripper
	host string
	stop func()
}

func (s stopping) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.to.RoundTrip(r)
	if r.URL.Host == s.host {
		s.stop()
	}
	return resp, err
}

func TestALookThatIsStoppedNamesNoFaultOfBeingStopped(t *testing.T) {
	for _, host := range []string{"api.hubapi.com", "accounts.zoho.eu", "www.zohoapis.eu", "connector.example.com", "graph.facebook.com"} {
		for _, args := range [][]string{{"doctor"}, {"doctor", "--json"}, {"doctor", "--test-record", "1"}} {
			b := whole(t)
			var stop context.CancelFunc
			b.ctx, stop = context.WithCancel(t.Context())
			b.through = stopping{b, host, stop}
			r := b.run(args...)
			if r.code != ExitStopped {
				t.Errorf("%s: exit %d", host, r.code)
			}
			hasNot(t, r.out, "fault ", `"level": "fault"`, "canceled", "no time left", "all is well", "learned")
			has(t, r.out, "secrets")
		}
	}
	// What was found before stays found.
	b := whole(t)
	delete(b.vault, "SLACK_WEBHOOK_URL")
	b.told["SLACK"] = "true"
	var stop context.CancelFunc
	b.ctx, stop = context.WithCancel(t.Context())
	b.through = stopping{b, "graph.facebook.com", stop}
	r := b.run("doctor")
	if n := strings.Count(r.out, "fault  "); r.code != ExitStopped || n != 1 || !strings.Contains(r.out, "SLACK_WEBHOOK_URL is missing") {
		t.Errorf("exit %d:\n%s", r.code, r.out)
	}
}

// fresh is a stack that is set up and was never on, as the guide leaves it before the first look.
func fresh(t *testing.T) *bench {
	b := stage(t)
	delete(b.told, "MODE")
	for r := range b.Tables[sandbox.Config].All("cursor#main") {
		b.must(b.Tables[sandbox.Config].Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Delete: true}))
	}
	return b
}

func TestAProfileThatMayReadAndNotEditIsNamed(t *testing.T) {
	for name, body := range map[string]string{"the call as a whole": noRights, "each record": `{"data":[` + noRights + `]}`} {
		b := stage(t)
		b.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool {
			return r.Method == http.MethodPut && (strings.Contains(r.URL.Path, "/Contacts") || strings.Contains(r.URL.Path, "/Accounts"))
		}, Times: -1, Status: http.StatusForbidden, Body: body})
		all := b.faultsOf()
		if len(all) != 1 || all[0].Check != "zoho.scopes" || !strings.Contains(all[0].What, "NO_PERMISSION") || !strings.Contains(all[0].Mend, "profile") {
			t.Errorf("%s: %+v", name, all)
		}
	}
}
