package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
)

// examine runs doctor and returns its findings.
func (b *bench) examine(args ...string) (int, []finding) {
	b.t.Helper()
	r := b.run(append([]string{"doctor", "--json"}, args...)...)
	var out struct {
		Findings []finding `json:"findings"`
	}
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		b.t.Fatalf("%v\n%s%s", err, r.out, r.err)
	}
	return r.code, out.Findings
}

func TestDoctorFindsNothingOnAStackThatIsWell(t *testing.T) {
	b := stage(t)
	b.rossi()
	b.unchanged("doctor", func() {
		r := b.run("doctor")
		if r.code != ExitOK || r.err != "" {
			t.Errorf("exit %d, %s", r.code, r.err)
		}
		golden(t, "doctor.txt", r.out)
	})
}

func TestDoctorFindsNothingWhereWhatsAppAndConversionsAreWell(t *testing.T) {
	for name, on := range map[string]func(*testing.T, ...func(*sandbox.WorldOptions)) *bench{"doctor-whole.txt": whole, "doctor-published.txt": keySets} {
		b := on(t)
		b.rossi()
		b.unchanged("doctor", func() {
			r := b.run("doctor")
			if r.code != ExitOK || r.err != "" {
				t.Errorf("exit %d, %s", r.code, r.err)
			}
			golden(t, name, r.out)
		})
	}
}

// broken is a stack with one fault.
type broken struct {
	name  string
	on    func(*testing.T, ...func(*sandbox.WorldOptions)) *bench // nil: stage
	with  func(*sandbox.WorldOptions)                             // before it starts; may be nil
	spoil func(*bench)                                            // while it runs; may be nil
	check string                                                  // the check that names it
	what  string                                                  // part of what it says
	mend  string                                                  // part of the step
}

var errLost = errors.New("lost")

// lost is a table that does not answer.
type lost struct{ Table }

func (lost) Get(context.Context, ...row.Key) ([]row.Row, error) { return nil, errLost }

// unlisted is a table of which single rows may be read, and no list of them.
type unlisted struct{ Table }

func (unlisted) List(context.Context, string, string, string, int) ([]row.Row, error) {
	return nil, &fault.Error{Op: "dynamodb.Query", Kind: fault.Setup, Code: "AccessDeniedException"}
}

var seeded = []broken{
	{name: "a secret is missing", spoil: func(b *bench) { delete(b.vault, settings.HubSpotClientSecret) },
		check: "secrets", what: "HUBSPOT_CLIENT_SECRET is missing", mend: "connector setup hubspot --stack shop"},
	{name: "a secret was pasted with something in it", spoil: func(b *bench) { b.vault[settings.ZohoRefreshToken] = crm.NewSecret("sandbox refresh") },
		check: "secrets", what: "ZOHO_REFRESH_TOKEN has a blank", mend: "connector setup zoho"},
	{name: "the key of the hashes is short", spoil: func(b *bench) { b.vault[settings.PairKey] = crm.NewSecret("short") },
		check: "secrets", what: "PAIR_KEY has less than 32", mend: "connector setup hubspot --stack shop stores it"},
	{name: "a setting is missing", spoil: func(b *bench) { delete(b.told, "HUBSPOT_APP_ID") },
		check: "settings", what: "HUBSPOT_APP_ID is not set", mend: "sam deploy"},
	{name: "a table does not answer", spoil: func(b *bench) {
		b.tables = func(name string, to Table) Table {
			if name == sandbox.Attempts {
				return lost{to}
			}
			return to
		}
	}, check: "tables", what: "shop-attempts", mend: "deploy the stack again"},
	{name: "the table of tokens does not answer", spoil: func(b *bench) {
		b.tables = func(name string, to Table) Table {
			if name == sandbox.Tokens {
				return lost{to}
			}
			return to
		}
	}, check: "tables", what: "shop-tokens", mend: "deploy the stack again"},
	{name: "the right to list the tables is missing", spoil: func(b *bench) { b.tables = func(_ string, to Table) Table { return unlisted{to} } },
		check: "tables", what: "shop-pairs, shop-parked, shop-attempts, shop-config, shop-tokens, shop-quarantine", mend: "read its tables (dynamodb:Query)"},
	{name: "the right to list one table is missing", spoil: func(b *bench) {
		b.tables = func(name string, to Table) Table {
			if name == sandbox.Parked {
				return unlisted{to}
			}
			return to
		}
	}, check: "tables", what: "shop-parked: dynamodb.Query: setup (AccessDeniedException)", mend: "read its tables (dynamodb:Query)"},
	{name: "a queue does not answer", spoil: func(b *bench) { b.lanes[crm.Zoho].err = errLost },
		check: "hubspot-operations", what: "lost", mend: "deploy the stack again"},
	{name: "a message is dead", spoil: func(b *bench) {
		b.must(b.Lanes[0].Dead.Send(b.t.Context(), []batch.Entry{{Group: "g", Dedup: "d", Body: "{}"}}))
	}, check: "zoho-operations", what: "1 message in its dead-letter queue", mend: "connector redrive"},
	{name: "a message is old", spoil: func(b *bench) { b.lanes[crm.HubSpot].oldest = 11 * time.Minute },
		check: "zoho-operations", what: "11m0s old", mend: "log of zohoConsumer"},
	{name: "the stored mapping cannot be read", spoil: func(b *bench) { b.set(config.Mapping, "version: 9\n") },
		check: "mapping", what: "line 1", mend: "connector mapping apply"},
	{name: "the door knows other properties", spoil: func(b *bench) { b.set(config.Fields, "hubspot contact email\n") },
		check: "mapping.published", what: "the door knows other properties", mend: "connector setup hubspot"},
	{name: "the mode is a slip of the pen", spoil: func(b *bench) { b.set(config.Mode, "onn") },
		check: "mode", what: "none of off, observe and on", mend: "connector mode set"},
	{name: "the brake was pulled", spoil: func(b *bench) { b.set(config.Mode, "observe field phone was cleared 21 times in 10m0s") },
		check: "brake", what: "field phone was cleared 21 times", mend: "connector resume"},
	{name: "reconcile is silent", spoil: func(b *bench) { b.Clock.Advance(4 * time.Hour) },
		check: "reconcile", what: "4h0m", mend: "log of reconcile"},
	{name: "HubSpot's token was exchanged", spoil: func(b *bench) { b.HubSpot.SetToken("another") },
		check: "hubspot.token", what: "does not take it", mend: "connector setup hubspot"},
	{name: "HubSpot's token may not read owners", spoil: func(b *bench) {
		b.HubSpot.Fail(hubspottest.Fault{On: "GET /crm/owners", Times: -1, Status: http.StatusForbidden, Body: `{"status":"error","message":"This app hasn't been granted all required scopes","category":"MISSING_SCOPES"}`})
	}, check: "hubspot.scopes", what: "may not crm.objects.owners.read", mend: "requiredScopes"},
	{name: "HubSpot's token may not write contacts", spoil: func(b *bench) {
		b.HubSpot.Fail(hubspottest.Fault{On: "PATCH /crm/objects/" + hubspot.Version + "/contacts/", Times: -1, Status: http.StatusForbidden, Body: `{"status":"error","message":"This app hasn't been granted all required scopes","category":"MISSING_SCOPES"}`})
	}, check: "hubspot.scopes", what: "may not crm.objects.contacts.write", mend: "requiredScopes"},
	{name: "a property was archived in HubSpot", spoil: func(b *bench) { b.must(b.HubSpot.DropProperty(crm.Contacts, "jobtitle")) },
		check: "hubspot.properties", what: "contact job_title: jobtitle does not exist", mend: "create it there"},
	{name: "a property of HubSpot is of another type", spoil: func(b *bench) {
		b.HubSpot.AddProperty(crm.Companies, hubspottest.Property{Name: "city", Type: "date"})
	}, check: "hubspot.properties", what: "company city: city is of type date", mend: "map it with another type"},
	{name: "an option was taken out of HubSpot's list", spoil: func(b *bench) {
		b.HubSpot.AddProperty(crm.Companies, hubspottest.Property{Name: "type", Type: "enumeration", Options: []hubspottest.Option{{Value: "PROSPECT"}, {Value: "PARTNER"}, {Value: "RESELLER"}, {Value: "VENDOR"}}})
	}, check: "hubspot.properties", what: "company type: type does not offer OTHER", mend: "correct the option"},
	{name: "Zoho's refresh token was revoked", spoil: func(b *bench) { b.Zoho.RevokeRefresh() },
		check: "zoho.token", what: "revoked (invalid_code)", mend: "make a new code"},
	{name: "Zoho's client secret is another", spoil: func(b *bench) { b.vault[settings.ZohoClientSecret] = crm.NewSecret("canary-secret") },
		check: "zoho.token", what: "does not know the client", mend: "compare ZOHO_CLIENT_ID"},
	{name: "Zoho's token may not query", spoil: func(b *bench) {
		b.Zoho.Fail(zohotest.Fault{On: "POST /crm/v8/coql", Times: -1, Status: http.StatusUnauthorized, Body: `{"code":"OAUTH_SCOPE_MISMATCH","details":{},"message":"invalid oauth scope to access this URL","status":"error"}`})
	}, check: "zoho.scopes", what: "may not ZohoCRM.coql.READ", mend: "make a new code"},
	{name: "Zoho's token may not read companies", with: without("ZohoCRM.modules.accounts.ALL"),
		check: "zoho.scopes", what: "may not ZohoCRM.modules.accounts.ALL", mend: "make a new code"},
	{name: "Zoho's token may not read contacts", with: without("ZohoCRM.modules.contacts.ALL"),
		check: "zoho.scopes", what: "may not ZohoCRM.modules.contacts.ALL", mend: "--new-token"},
	{name: "Zoho's token may not read leads", with: without("ZohoCRM.modules.leads.READ"),
		check: "zoho.scopes", what: "may not ZohoCRM.modules.leads.READ", mend: "--new-token"},
	{name: "Zoho's token may not write contacts", with: readOnly("contacts"),
		check: "zoho.scopes", what: "may not ZohoCRM.modules.contacts.ALL", mend: "--new-token"},
	{name: "Zoho's token may not write companies", with: readOnly("accounts"),
		check: "zoho.scopes", what: "may not ZohoCRM.modules.accounts.ALL", mend: "--new-token"},
	{name: "Zoho's API does not answer", spoil: func(b *bench) { b.dark = "www.zohoapis.eu" },
		check: "zoho.scopes", what: "no answer", mend: "whether the address is right"},
	{name: "HubSpot's API does not answer", spoil: func(b *bench) { b.dark = "api.hubapi.com" },
		check: "hubspot.token", what: "no answer", mend: "whether the address is right"},
	{name: "a field of Zoho is of another type", with: zohoField("Contacts", zohotest.Field{Name: "Mobile", Type: "integer"}),
		check: "zoho.properties", what: "contact mobile: Mobile is of type integer", mend: "map it with another type"},
	{name: "a field of Zoho is shorter than the mapping says", with: zohoField("Accounts", zohotest.Field{Name: "Billing_City", Type: "text", Length: 30}),
		check: "zoho.properties", what: "holds 30 characters there, not 100", mend: "say max: 30"},
	{name: "Zoho demands a field that nobody fills", with: zohoField("Contacts", zohotest.Field{Name: "Region", Type: "text", Mandatory: true}),
		check: "zoho.properties", what: "Zoho demands Region", mend: "make it optional"},
	{name: "HubSpot counts in another currency", spoil: func(b *bench) {
		b.HubSpot.Fail(hubspottest.Fault{On: "GET /account-info/", Times: -1, Status: http.StatusOK, Body: `{"portalId":62515,"timeZone":"UTC","companyCurrency":"USD"}`})
	}, check: "currency", what: "home_currency is EUR, and HubSpot counts in USD", mend: "set home_currency"},
	{name: "Zoho counts in another currency", spoil: func(b *bench) { b.org("CHF", false) },
		check: "currency", what: "home_currency is EUR, and Zoho counts in CHF", mend: "set home_currency"},
	{name: "Zoho has no external id", with: func(o *sandbox.WorldOptions) { o.Zoho.NoHubSpotID = true; o.Zoho.Fields = only("Accounts") },
		check: "zoho.hubspot_id", what: "Contacts has no field HubSpot_Id", mend: "connector setup zoho"},
	{name: "Zoho's id is not unique", with: zohoField("Contacts", zohotest.Field{Name: "HubSpot_Id", Type: "text"}),
		check: "zoho.hubspot_id", what: "Contacts.HubSpot_Id is not unique", mend: "mark it as an external id"},
	{name: "there is no channel", spoil: func(b *bench) { b.zoho(http.MethodDelete, "?channel_ids="+channel, "") },
		check: "zoho.channel", what: "no channel", mend: "connector setup zoho"},
	{name: "the channel ends soon", spoil: func(b *bench) { b.watch(channel, zohoHook, "sandbox-channel-token", 3*time.Hour) },
		check: "zoho.channel", what: "ends at", mend: "renewZohoChannel"},
	{name: "the channel notifies somebody else", spoil: func(b *bench) {
		b.watch(channel, "https://elsewhere.example.com/", "sandbox-channel-token", 6*24*time.Hour)
	}, check: "zoho.channel", what: "another address", mend: "connector setup zoho"},
	{name: "another token of the channel is stored by hand", spoil: func(b *bench) { b.vault[settings.ZohoChannelToken] = crm.NewSecret("canary-of-another-hand") },
		check: "zoho.channel", what: "another token", mend: "connector setup zoho"},
	{name: "a second channel notifies us too", spoil: func(b *bench) { b.watch("77", zohoHook, "another", 6*24*time.Hour) },
		check: "zoho.channels", what: "channels 77 notify the same address", mend: "channel_ids=77"},
	{name: "the door is not where the settings say", spoil: func(b *bench) { b.told["HUBSPOT_WEBHOOK_URL"] = "https://connector.example.com/elsewhere" },
		check: "door.hubspot", what: "answers 404", mend: "PublicBaseUrl"},
	{name: "the functions have another client secret", spoil: func(b *bench) { b.vault[settings.HubSpotClientSecret] = crm.NewSecret("canary-newer") },
		check: "door.hubspot", what: "the functions have another HUBSPOT_CLIENT_SECRET", mend: "within five minutes"},
	{name: "SES is in its sandbox and does not know the receiver", spoil: func(b *bench) {
		b.sandboxed, b.strange = true, []string{"client@acme.example", "acme.example"}
		b.told["REPORT_TO"] = "client@acme.example"
	}, check: "mail.receivers", what: "has not verified the address in REPORT_TO", mend: "verify it as an identity"},
	{name: "SES is in its sandbox and knows the receiver's domain alone", spoil: func(b *bench) {
		b.sandboxed, b.strange = true, []string{"client@acme.example"}
		b.told["REPORT_TO"] = "client@acme.example"
	}, check: "mail.receivers", what: "a domain that is not the sender's is not enough", mend: "production access"},
	{name: "SES is in its sandbox and there are two receivers", spoil: func(b *bench) {
		b.sandboxed = true
		b.told["REPORT_TO"] = "client@example.com,second@example.com"
	}, check: "mail.receivers", what: "may send to one address alone, and REPORT_TO has 2", mend: "one address as ReportTo"},
	{name: "SES is in its sandbox and nobody gets the report", spoil: func(b *bench) { b.sandboxed = true; delete(b.told, "REPORT_TO") },
		check: "settings", what: "REPORT_TO is not set", mend: "correct the parameter ReportTo"},
	{name: "SES does not know the sender", spoil: func(b *bench) { b.verified = false },
		check: "mail", what: "not verified the sender", mend: "verify REPORT_FROM"},
	{name: "the clock of this machine is wrong", spoil: func(b *bench) { b.skew = 90 * time.Second },
		check: "clock", what: "1m30s apart", mend: "set the clock"},
	{name: "the clock of this machine is too far off for HubSpot's signatures", spoil: func(b *bench) { b.ahead = 6 * time.Minute },
		check: "clock", what: "6m0s apart", mend: "set the clock"},
	{name: "conditional writes are on and Zoho does not heed them", spoil: func(b *bench) {
		b.told["ZOHO_CONDITIONAL_WRITES"] = "true"
		b.set("learned#main", `{"at":"2026-11-20T08:00:00Z","conditional":false,"duplicate":true,"hubspotOurs":true,"zohoOurs":true}`)
	}, check: "learned", what: "does not refuse a stale write", mend: "ZohoConditionalWrites=false"},
	{name: "our own writes are not recognised", spoil: func(b *bench) {
		b.set("learned#main", `{"at":"2026-11-20T08:00:00Z","conditional":true,"duplicate":true,"hubspotOurs":false,"zohoOurs":true}`)
	}, check: "learned", what: "not ours in HubSpot's history", mend: "HUBSPOT_APP_ID"},
}

// without grants all scopes but one.
func without(scope string) func(*sandbox.WorldOptions) {
	return func(o *sandbox.WorldOptions) {
		o.Zoho.Scopes = strings.Replace(zohotest.DefaultScopes, scope+",", "", 1)
	}
}

// readOnly grants a module for reading alone.
func readOnly(module string) func(*sandbox.WorldOptions) {
	return func(o *sandbox.WorldOptions) {
		o.Zoho.Scopes = strings.Replace(zohotest.DefaultScopes, "modules."+module+".ALL", "modules."+module+".READ", 1)
	}
}

func TestALeadThatNobodyAsksForNeedsNoScope(t *testing.T) {
	b := stage(t, without("ZohoCRM.modules.leads.READ"))
	b.told["LEADS"] = "ignore"
	if code, all := b.examine(); code != ExitOK {
		t.Errorf("exit %d: %+v", code, all)
	}
}

// Each of these is taken by no function that reads it.
func TestDoctorNamesTheParameterOfEachSettingThatNoFunctionTakes(t *testing.T) {
	for name, wrong := range map[string][2]string{
		"REPORT_ZONE": {"Europe/Roma", "ReportZone"}, "REPORT_TO": {"a..b@example.com", "ReportTo"}, "REPORT_FROM": {"x", "ReportFrom"}, "REPORT_LANGUAGE": {"de", "ReportLanguage"},
		"HUBSPOT_CALLS_PER_10S": {"-1", "HubspotCallsPer10s"}, "BUDGET_RESERVE": {"95", "BudgetReserve"}, "PAIR_KEY_ID": {"300", "PairKeyId"},
		"HUBSPOT_SIGNATURE_MODE": {"v9", "HubspotSignatureMode"}, "HUBSPOT_API_URL": {"http://x y", "HubspotApiUrl"}, "HUBSPOT_RECORDS_URL": {"nonsense", "HubspotRecordsUrl"},
		"HUBSPOT_APP_ID": {"abc", "HubspotAppId"}, "HUBSPOT_WEBHOOK_URL": {"nonsense", "PublicBaseUrl"}, "PHONE_REGION": {"XX", "PhoneRegion"}, "LEADS": {"foo", "Leads"},
		"ZOHO_CHANNEL_ID": {"abc", "ZohoChannelId"}, "ZOHO_CONDITIONAL_WRITES": {"maybe", "ZohoConditionalWrites"}, "ZOHO_ACCOUNTS_URL": {"nonsense", "ZohoAccountsUrl"},
		"WHATSAPP_API_VERSION": {"x", "WhatsappApiVersion"}, "CONVERSIONS_RETRIES": {"x", "ConversionsRetries"}, "CONVERSIONS_ALARMS": {"x", "ConversionsAlarms"},
		"CONVERSIONS_CONTACT_CHANNEL": {"x", "ConversionsContactChannel"}, "SLACK": {"x", "Slack"},
	} {
		b := stage(t)
		b.told[name] = wrong[0]
		code, all := b.examine()
		var found []finding
		for _, f := range all {
			if f.Level == levelFault {
				found = append(found, f)
			}
		}
		if len(found) != 1 || code != ExitFinding || found[0].Check != "settings" || !strings.HasPrefix(found[0].What, name+" ") || !strings.Contains(found[0].Mend, "the parameter "+wrong[1]+" in samconfig.toml, and deploy: make build && sam deploy --config-env prod") {
			t.Errorf("%s=%s: exit %d, %+v", name, wrong[0], code, found)
		}
	}
}

func TestDoctorNamesEachFaultAndNoOther(t *testing.T) {
	if len(seeded) < 20 {
		t.Fatalf("only %d faults", len(seeded))
	}
	for _, tt := range append(slices.Clone(seeded), seededWhole...) {
		t.Run(tt.name, func(t *testing.T) {
			var with []func(*sandbox.WorldOptions)
			if tt.with != nil {
				with = append(with, tt.with)
			}
			on := tt.on
			if on == nil {
				on = stage
			}
			b := on(t, with...)
			if tt.spoil != nil {
				tt.spoil(b)
			}
			code, all := b.examine()
			n := 0
			for _, f := range all {
				if f.Level != levelFault {
					continue
				}
				if n++; f.Check != tt.check || !strings.Contains(f.What, tt.what) || !strings.Contains(f.Mend, tt.mend) {
					t.Errorf("names %+v", f)
				}
			}
			if n != 1 || code != ExitFinding {
				t.Errorf("%d faults, exit %d: %+v", n, code, all)
			}
		})
	}
}

func TestAnAgeThatNobodyMayAskForIsToldOnceAndIsNoFault(t *testing.T) {
	b := stage(t)
	for _, l := range b.lanes {
		l.unseen = errors.New("CloudWatch answers AccessDenied")
	}
	code, all := b.examine()
	all = slices.DeleteFunc(all, func(f finding) bool { return f.Check != "queues" })
	want := []finding{{"queues", levelNote, "how old the oldest messages are is not known: CloudWatch answers AccessDenied", "let this command ask CloudWatch (cloudwatch:GetMetricStatistics)"}}
	if code != ExitOK || !slices.Equal(all, want) {
		t.Errorf("exit %d, %+v", code, all)
	}
}

// settingsNote returns what doctor notes of the settings.
func (b *bench) settingsNote() string {
	b.t.Helper()
	code, all := b.examine()
	if code != ExitOK {
		b.t.Errorf("exit %d: %+v", code, all)
	}
	for _, f := range all {
		if f.Check == "settings" && f.Level == levelNote {
			return f.What
		}
	}
	return ""
}

// ownHook is the address that the API has of itself.
const ownHook = "https://a1b2c3.execute-api.eu-south-1.amazonaws.com/webhooks/hubspot"

func TestADomainInFrontOfTheAPIIsNoMove(t *testing.T) {
	for hooks, moves := range map[string]bool{
		hook: false, hook + "," + ownHook: false,
		hook + ",https://old.example.com/webhooks/hubspot": true, hook + ",https://old.example.com/webhooks/hubspot," + ownHook: true,
	} {
		b := stage(t)
		b.told["HUBSPOT_WEBHOOK_URL"] = hooks
		if got := b.settingsNote(); strings.Contains(got, "a move is under way") != moves {
			t.Errorf("%s: %q", hooks, got)
		}
	}
}

func TestReconcileStandsStillWhileTheStackIsNotOnAndHasTimeAfterwards(t *testing.T) {
	b := stage(t)
	reconciled := func() finding {
		_, all := b.examine()
		for _, f := range all {
			if f.Check == "reconcile" {
				return f
			}
		}
		return finding{}
	}
	for _, mode := range []string{"off", "observe"} {
		b.want(ExitOK, "mode", "set", mode)
		b.Clock.Advance(4 * time.Hour)
		if f := reconciled(); f.Level != levelOK || !strings.Contains(f.What, "stands still while the mode is "+mode) {
			t.Errorf("%s: %+v", mode, f)
		}
	}
	b.want(ExitOK, "resume")
	if f := reconciled(); f.Level != levelNote || !strings.Contains(f.What, "not looked since the stack was switched on at 2026-") {
		t.Errorf("just switched on: %+v", f)
	}
	b.Clock.Advance(silent)
	if f := reconciled(); f.Level != levelNote {
		t.Errorf("at the edge: %+v", f)
	}
	b.Clock.Advance(time.Second)
	if f := reconciled(); f.Level != levelFault || !strings.Contains(f.What, "ended 11h0m") {
		t.Errorf("on, and still silent: %+v", f)
	}
	b.settle()
	if f := reconciled(); f.Level != levelOK || !strings.Contains(f.What, "ended 0s ago") && !strings.Contains(f.What, "m0s ago") {
		t.Errorf("it looked: %+v", f)
	}
	for _, tt := range []struct {
		hours int
		level string
		want  string
	}{{4, levelNote, "its listing changed#zoho#contact is long and has been under way for 4h"}, {25, levelFault, "its listing changed#zoho#contact ended "}} {
		at := b.Clock.Now().Add(-time.Duration(tt.hours) * time.Hour).UTC().Format(time.RFC3339)
		for r := range b.Tables[sandbox.Config].All("cursor#main") {
			if r.Key.Sort == "changed#zoho#contact" {
				b.must(b.Tables[sandbox.Config].Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Value: []byte(`{"since":"` + at + `","switches":1,"walk":{"from":"` + at + `","began":"` + at + `","page":"7","switches":1}}`)}))
			}
		}
		if f := reconciled(); f.Level != tt.level || !strings.Contains(f.What, tt.want) {
			t.Errorf("under way for %d hours: %+v", tt.hours, f)
		}
	}
	for r := range b.Tables[sandbox.Config].All("cursor#main") {
		b.must(b.Tables[sandbox.Config].Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Delete: true}))
	}
	if f := reconciled(); f.Level != levelNote || f.What != "it has not run yet" || f.Mend != "it runs every hour while the mode is on" { // on a desk too
		t.Errorf("it has never looked: %+v", f)
	}
}

func TestDoctorWithPlanChangesNotEvenTheToken(t *testing.T) {
	b := stage(t)
	tokens := func() string {
		var out []string
		for r := range b.Tables[sandbox.Tokens].All("") {
			out = append(out, fmt.Sprint(r.Key, r.Version, string(r.Value)))
		}
		return strings.Join(out, "\n")
	}
	before, asked := tokens(), b.grants()
	b.unchanged("doctor --plan", func() {
		has(t, b.want(ExitOK, "doctor", "--plan"), "note   zoho.token           the stored one is used, for https://www.zohoapis.eu", "ok     zoho.channel")
	})
	if tokens() != before || b.grants() != asked {
		t.Error("it had a token made")
	}
	b.Zoho.KillTokens()
	has(t, b.want(ExitOK, "doctor", "--plan"), "skip   zoho.token           no token is stored that works", "skip   zoho.channel")
	for r := range b.Tables[sandbox.Tokens].All("") {
		b.must(b.Tables[sandbox.Tokens].Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Delete: true}))
	}
	has(t, b.want(ExitOK, "doctor", "--plan"), "skip   zoho.token           no token is stored that works, and with --plan none is asked for")
	if tokens() != "" || b.grants() != asked {
		t.Error("it had a token made")
	}
}

// grants counts the new tokens that Zoho was asked for.
func (b *bench) grants() int { return b.Zoho.Count("POST /oauth/v2/token") }

func TestDoctorAndSetupKeepTheStacksLimitOfNewTokens(t *testing.T) {
	b := stage(t)
	before := b.grants()
	for range 6 {
		b.want(ExitOK, "doctor")
		has(t, b.want(ExitOK, "setup", "zoho"), "as is  ZOHO_REFRESH_TOKEN is stored")
	}
	if n := b.grants() - before; n < 2 || b.grants() > 8 {
		t.Errorf("%d tokens were asked for, %d in ten minutes", n, b.grants())
	}
	has(t, b.want(ExitOK, "doctor"), "note   zoho.token           the stored one is used", "too many were asked for in ten minutes", "run connector doctor again from 2026-11-23T08:1", "ok     zoho.scopes")
	has(t, b.want(ExitOK, "setup", "zoho"), "note   too many tokens were asked for in ten minutes: the stored one is used")
	b.env["ZOHO_REFRESH_TOKEN"] = "canary-untried"
	has(t, b.want(ExitFinding, "setup", "zoho"), "run this again from 2026-11-23T08:1", "goes on where it stopped")
	if b.vault[settings.ZohoRefreshToken].Reveal() != "sandbox-refresh" {
		t.Error("a token that nobody tried is stored")
	}
	delete(b.env, "ZOHO_REFRESH_TOKEN")
	was := b.vault[settings.ZohoClientSecret].Reveal()
	b.env["ZOHO_CLIENT_SECRET"] = "canary-untried"
	has(t, b.want(ExitFinding, "setup", "zoho"), "run this again from 2026-11-23T08:1", "goes on where it stopped")
	if b.vault[settings.ZohoClientSecret].Reveal() != was {
		t.Error("a client secret that nobody tried is stored")
	}
	b.env["ZOHO_CLIENT_SECRET"] = was
	has(t, b.want(ExitOK, "setup", "zoho"), "note   too many tokens were asked for in ten minutes: the stored one is used")
	delete(b.env, "ZOHO_CLIENT_SECRET")
	b.Clock.Advance(10 * time.Minute)
	n := b.grants()
	has(t, b.want(ExitOK, "doctor"), "ok     zoho.token           granted")
	if b.grants() != n+1 {
		t.Errorf("%d asked for after the ten minutes", b.grants()-n)
	}
}

func TestTheLimitOfNewTokensWithoutAStoredOneIsAFaultThatSaysWhenToGoOn(t *testing.T) {
	b := stage(t)
	tries := make([]time.Time, 8)
	for i := range tries {
		tries[i] = b.Clock.Now()
	}
	value, err := json.Marshal(map[string]any{"v": 1, "tries": tries})
	b.must(err)
	at := row.Key{Part: "token#main", Sort: "zoho"}
	rows, err := b.Tables[sandbox.Tokens].Get(t.Context(), at)
	b.must(err)
	b.must(b.Tables[sandbox.Tokens].Put(t.Context(), row.Put{Key: at, If: rows[0].Version, Value: value}))
	n := b.grants()
	on := b.Clock.Now().Add(10*time.Minute + time.Second).Format(time.RFC3339)
	has(t, b.want(ExitFinding, "doctor"), "fault  zoho.token           too many were asked for in ten minutes", "run connector doctor again from "+on)
	has(t, b.want(ExitFinding, "setup", "zoho"), "run this again from "+on+" on: it goes on where it stopped")
	if b.grants() != n {
		t.Error("Zoho was asked")
	}
}

func TestDoctorTellsTheTruthRightAfterTheRepair(t *testing.T) {
	b := stage(t)
	right := b.vault[settings.ZohoClientSecret]
	b.vault[settings.ZohoClientSecret] = crm.NewSecret("canary-of-another-client")
	for range 3 {
		n := b.grants()
		has(t, b.want(ExitFinding, "doctor"), "Zoho does not know the client, or its secret is another")
		if b.grants() != n+1 {
			t.Error("Zoho was not asked anew")
		}
	}
	b.vault[settings.ZohoClientSecret] = right
	has(t, b.want(ExitOK, "doctor"), "ok     zoho.token           granted")
	if n := b.grants(); n > 8 {
		t.Errorf("%d asked for", n)
	}
}

func TestDoctorTellsOfDeliveriesInQuarantine(t *testing.T) {
	b := stage(t)
	b.quarantine("hubspot", "[{")
	code, all := b.examine()
	if last := all[len(all)-2]; code != ExitOK || last.Check != "quarantine" || last.Level != levelNote || !strings.Contains(last.What, "1 delivery") || !strings.Contains(last.Mend, "connector quarantine list") {
		t.Errorf("exit %d, %+v", code, all)
	}
}

func TestATestRecordTeachesHowTheseAccountsBehave(t *testing.T) {
	for _, careless := range []bool{false, true} {
		told := map[bool]capitals{false: alike, true: apart}[careless]
		b := stage(t, func(o *sandbox.WorldOptions) {
			o.Zoho.IgnoreCondition, o.Zoho.CaseSensitive = careless, careless
			o.Zoho.TimelineLag = 4 * time.Second
		})
		hub, zo := b.rossi()
		code, all := b.examine("--test-record", hub)
		if code != ExitOK {
			t.Fatalf("exit %d: %+v", code, all)
		}
		var l lesson
		rows, err := b.Tables[sandbox.Config].Get(t.Context(), row.Key{Part: "config", Sort: "learned#main"})
		b.must(err)
		b.must(json.Unmarshal(rows[0].Value, &l))
		if l.At = (time.Time{}); l != (lesson{Conditional: !careless, Duplicate: true, HubSpotOurs: true, ZohoOurs: true, Capitals: told}) {
			t.Errorf("careless %v: learned %+v", careless, l)
		}
		b.settle()
		h, _ := b.HubSpot.Props(crm.Contacts, hub)
		z, _ := b.Zoho.Props(crm.Contacts, zo)
		if h["jobtitle"] != "Buyer" || z["Title"] != "Buyer" {
			t.Errorf("left behind: %q and %q", h["jobtitle"], z["Title"])
		}
		if n, m := len(b.Zoho.IDs(crm.Contacts)), len(b.HubSpot.IDs(crm.Contacts)); n != 1 || m != 1 {
			t.Errorf("%d contacts in Zoho, %d in HubSpot", n, m)
		}
		for _, f := range all {
			if strings.Contains(f.What, "e-mail address") && (!careless || f.Level != levelNote || !strings.Contains(f.What, "met as a stranger") || !strings.Contains(f.Mend, "small letters")) {
				t.Errorf("%+v", f)
			}
		}
		if said := slices.ContainsFunc(all, func(f finding) bool { return strings.Contains(f.What, "met as a stranger") }); said != careless {
			t.Errorf("capitals are told apart: %t, and it is said: %t", careless, said)
		}
		// What it says comes true: somebody whose address Zoho has with capitals.
		_, err = b.Zoho.Create(crm.Contacts, props{"Last_Name": "Verdi", "Email": "Ugo@Acme.Example"})
		b.must(err)
		b.settle()
		_, err = b.HubSpot.Create(crm.Contacts, props{"email": "ugo@acme.example", "lastname": "Verdi"})
		b.must(err)
		b.settle()
		if n, want := len(b.Zoho.IDs(crm.Contacts)), map[bool]int{false: 2, true: 3}[careless]; n != want {
			t.Errorf("%d contacts in Zoho, want %d", n, want)
		}
	}
}

func TestWhatATestRecordCouldNotTryIsSaid(t *testing.T) {
	b := stage(t)
	hub, _ := b.rossi()
	b.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/Contacts") {
			return false
		}
		text, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(text))
		return err == nil && bytes.Contains(text, []byte("@Example.com"))
	}, Times: -1, Status: http.StatusMultiStatus, Body: `{"data":[{"code":"MANDATORY_NOT_FOUND","details":{"api_name":"Branch","json_path":"$.data[0].Branch"},"message":"required field not found","status":"error"}]}`})
	code, all := b.examine("--test-record", hub)
	if code != ExitOK || !slices.ContainsFunc(all, func(f finding) bool {
		return f.Check == "learned" && f.Level == levelNote && strings.Contains(f.What, "written with capitals was not tried")
	}) {
		t.Errorf("exit %d, %+v", code, all)
	}
}

func TestATestRecordNamesTheFieldWithoutWhichZohoTakesNoContact(t *testing.T) {
	b := stage(t)
	hub, _ := b.rossi()
	b.Zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts", Times: -1, Status: http.StatusMultiStatus,
		Body: `{"data":[{"code":"MANDATORY_NOT_FOUND","details":{"api_name":"Branch","json_path":"$.data[0].Branch"},"message":"required field not found","status":"error"}]}`})
	code, all := b.examine("--test-record", hub)
	if code != ExitFinding || !slices.ContainsFunc(all, func(f finding) bool {
		return f.Check == "test-record" && f.Level == levelFault && strings.Contains(f.What, "for its field Branch; make Branch optional")
	}) {
		t.Errorf("exit %d, %+v", code, all)
	}
}

func TestATestRecordUnderAnotherAppIsNotOurs(t *testing.T) {
	b := stage(t)
	hub, _ := b.rossi()
	b.told["HUBSPOT_APP_ID"] = "1"
	code, all := b.examine("--test-record", hub)
	last := all[len(all)-1]
	if code != ExitFinding || last.Check != "learned" || !strings.Contains(last.What, "HubSpot's history") {
		t.Errorf("exit %d, %+v", code, last)
	}
}

func TestATestRecordMustBeInStep(t *testing.T) {
	b := stage(t)
	code, all := b.examine("--test-record", "151")
	if code != ExitFinding {
		t.Errorf("exit %d, %+v", code, all)
	}
	hub, _ := b.rossi()
	b.unchanged("doctor --plan", func() {
		if code, all := b.examine("--test-record", hub, "--plan"); code != ExitOK {
			t.Errorf("exit %d, %+v", code, all)
		}
	})
}

func zohoField(module string, f zohotest.Field) func(*sandbox.WorldOptions) {
	return func(o *sandbox.WorldOptions) { o.Zoho.Fields = map[string][]zohotest.Field{module: {f}} }
}

// only gives one module the external id.
func only(module string) map[string][]zohotest.Field {
	return map[string][]zohotest.Field{module: {{Name: zohotest.HubSpotID, Label: "HubSpot Id", Type: "text", Unique: true, External: true}}}
}

// set writes a row of the config table.
func (b *bench) set(name, value string) {
	b.t.Helper()
	rows := &config.Rows{Store: b.Tables[sandbox.Config], Now: b.Clock.Now}
	b.must(rows.Set(b.t.Context(), name, []byte(value)))
}

// org is what Zoho says of itself from now on.
func (b *bench) org(currency string, several bool) {
	b.Zoho.Fail(zohotest.Fault{On: "GET /crm/v8/org", Times: -1, Status: http.StatusOK, Body: fmt.Sprintf(`{"org":[{"id":"1","iso_code":%q,"mc_status":%t}]}`, currency, several)})
}

// What nobody can tell, and what a currency of each record makes up for, is no fault.
func TestACurrencyThatNobodyTellsOrThatEachRecordHasIsNoFault(t *testing.T) {
	for _, tt := range []struct {
		do          func(*bench)
		level, what string
	}{
		{func(b *bench) { b.org("CHF", true) }, levelNote, "a new record of Zoho is in CHF"},
		{func(b *bench) { b.org("", false) }, levelNote, "Zoho does not tell what it counts in"},
		{func(b *bench) {
			b.Zoho.Fail(zohotest.Fault{On: "GET /crm/v8/org", Times: -1, Status: http.StatusUnauthorized, Body: `{"code":"OAUTH_SCOPE_MISMATCH","details":{},"message":"invalid oauth scope to access this URL","status":"error"}`})
		}, levelNote, "the token may not ZohoCRM.org.READ"},
	} {
		b := stage(t)
		tt.do(b)
		code, all := b.examine()
		n := 0
		for _, f := range all {
			if f.Check == "currency" {
				n++
				if f.Level != tt.level || !strings.Contains(f.What, tt.what) {
					t.Errorf("%+v", f)
				}
			}
		}
		if code != ExitOK || n != 1 {
			t.Errorf("exit %d, %d lines about currency", code, n)
		}
	}
}

func TestTheCurrencyOfTheMappingInForceIsTheOneThatCounts(t *testing.T) {
	b := stage(t)
	b.set(config.Mapping, strings.Replace(string(mapping.DefaultYAML()), "home_currency: EUR", "home_currency: USD", 1))
	has(t, b.run("doctor").out, "fault  currency             the mapping's home_currency is USD, and HubSpot and Zoho count in EUR")
	b.set(config.Mapping, strings.Replace(string(mapping.DefaultYAML()), "      type: money\n", "      type: number\n", 1))
	has(t, b.run("doctor").out, "ok     currency             the mapping has no amounts\n")
}

// zoho changes channels as an administrator with a program of his own would.
func (b *bench) zoho(method, query, body string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, "https://www.zohoapis.eu/crm/v8/actions/watch"+query, strings.NewReader(body))
	b.must(err)
	r.Header.Set("Authorization", "Zoho-oauthtoken "+b.Zoho.NewToken())
	resp, err := b.Zoho.Transport().RoundTrip(r)
	b.must(err)
	if resp.StatusCode >= 300 {
		b.t.Fatalf("status %d", resp.StatusCode)
	}
}

func (b *bench) watch(id, url, token string, life time.Duration) {
	b.t.Helper()
	body, err := json.Marshal(map[string]any{"watch": []any{map[string]any{
		"channel_id": id, "notify_url": url, "token": token, "channel_expiry": b.Clock.Now().Add(life).Format(time.RFC3339),
		"events":                       []string{"Contacts.create", "Contacts.edit", "Contacts.delete", "Accounts.create", "Accounts.edit", "Accounts.delete"},
		"return_affected_field_values": true, "notify_on_related_action": false,
	}}})
	b.must(err)
	b.zoho(http.MethodPost, "", string(body))
}
