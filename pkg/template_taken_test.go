package pkg_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	_ "time/tzdata" // as the functions have it

	"crm-connector/pkg/adapter/settings"
)

// readBy are the parameters that functions are told, with who reads them there.
var readBy = map[string]func(*settings.Reader){
	"HubspotAppId":          func(r *settings.Reader) { r.HubSpot(); r.HubSpotWebhook() },
	"HubspotSignatureMode":  func(r *settings.Reader) { r.HubSpotWebhook() },
	"HubspotRecordsUrl":     func(r *settings.Reader) { r.Records() },
	"HubspotApiUrl":         func(r *settings.Reader) { r.HubSpot() },
	"ZohoAccountsUrl":       func(r *settings.Reader) { r.ZohoAccounts() },
	"ZohoClientId":          func(r *settings.Reader) { r.ZohoAccounts() },
	"ZohoChannelId":         func(r *settings.Reader) { r.ZohoChannel() },
	"ZohoRecordsUrl":        func(r *settings.Reader) { r.Records() },
	"ZohoConditionalWrites": func(r *settings.Reader) { r.Zoho() },
	"ZohoApiUrl":            func(r *settings.Reader) { r.Zoho(); r.ZohoAccounts() },
	"WhatsappPhoneNumberId": func(r *settings.Reader) { r.WhatsApp() }, "WhatsappOwnNumbers": func(r *settings.Reader) { r.WhatsApp() },
	"WhatsappCoexistence": func(r *settings.Reader) { r.WhatsApp() }, "WhatsappLeadSource": func(r *settings.Reader) { r.WhatsApp() },
	"WhatsappApiVersion": func(r *settings.Reader) { r.WhatsApp() }, "WhatsappApiUrl": func(r *settings.Reader) { r.WhatsApp() },
	"ConversionsJwtIssuer": func(r *settings.Reader) { r.Bearer() }, "ConversionsJwtAudience": func(r *settings.Reader) { r.Bearer() },
	"ConversionsJwtAlgorithm": func(r *settings.Reader) { r.Bearer() }, "ConversionsJwksUrl": func(r *settings.Reader) { r.Bearer() },
	"ConversionsJwtSubjects": func(r *settings.Reader) { r.Bearer() },
	"ConversionsOwnSubject":  func(r *settings.Reader) { r.OwnEntries() }, "ConversionsContactChannel": func(r *settings.Reader) { r.OwnEntries() },
	"ConversionsEvents": func(r *settings.Reader) { r.Meaning() }, "ConversionsWeights": func(r *settings.Reader) { r.Meaning() },
	"ConversionsRetries": func(r *settings.Reader) { r.Retries() }, "ConversionsAlarms": func(r *settings.Reader) { r.LiteralAlarms() },
	"ConversionsZohoCount": func(r *settings.Reader) { r.ZohoCount() }, "Slack": func(r *settings.Reader) { r.Slack() },
	"ReportTo": func(r *settings.Reader) { r.Report() }, "ReportFrom": func(r *settings.Reader) { r.Report() },
	"ReportLanguage": func(r *settings.Reader) { r.Report() }, "ReportZone": func(r *settings.Reader) { r.Zone("REPORT_ZONE", "Europe/Rome") },
	"PhoneRegion": func(r *settings.Reader) { r.Rules() }, "LastName": func(r *settings.Reader) { r.Rules() },
	"Leads": func(r *settings.Reader) { r.Rules() }, "PhoneMatch": func(r *settings.Reader) { r.Rules() },
	"HubspotCallsPer10s": func(r *settings.Reader) { r.Budget() }, "HubspotCallsPerDay": func(r *settings.Reader) { r.Budget() },
	"HubspotSearchesPerSecond": func(r *settings.Reader) { r.Budget() }, "ZohoCreditsPerDay": func(r *settings.Reader) { r.Budget() },
	"ZohoConcurrency": func(r *settings.Reader) { r.Budget() }, "BudgetReserve": func(r *settings.Reader) { r.Budget() },
	"PublicBaseUrl": func(r *settings.Reader) { r.HubSpotWebhook(); r.ZohoWebhook() },
	"PairKeyId":     func(r *settings.Reader) { r.Int("PAIR_KEY_ID", 1, 1, 255) },
}

// untold are the parameters that no function is told, and those that the SDK of AWS reads.
var untold = []string{
	"AlarmEmail", "LogRetentionDays", "LogLevel", "ZohoBatches", "HubspotBatches", "WhatsappBatches", "ConversionBatches", "ReserveConcurrency", "AwsEndpointUrl",
}

// odd are values that look right in the places of an address, a list or a name, and are not for everybody.
var odd = []string{
	"http://crm.example", "http://10.0.0.1", "http://127.0.0.1:65536", "https://crm.example:65535", "https://crm.example:65536", "https://crm.example:0", "https://crm.example:",
	"https://crm.example:99999", "https://user:pass@crm.example", "https://user@crm.example", "https://crm.example/?a=1", "https://crm.example/a?b=%2F", "https://crm.example#a",
	"https://crm.example/#a", "https://crm.example/%zz", "https://crm.example/%2", "https://crm.example/a%20b", "https://[::1]", "https://[", "https://crm.example/[", "https://%41.example",
	"https://crm.example/oauth", "https://crm.example/oauth/", "https://crm.example/a/oauth/b", "https://crm.example/oauths", "https://crm.example/crm/v8", "https://crm.example/crm/v8/Contacts",
	"https://crm.example/crm/vini", "https://crm.example/crm/objects/2", "https://crm.example/a,b", "https://.", "https://-a", "https://a..b", "https://a_b.example", "http://a_b", "https://:443",
	"http://localhost:8080/x", "http://host.docker.internal:8181", "http://host.docker.internal.example", "HTTPS://crm.example", "https://crm.example//", "https:///crm", "https://crm.example/a/../b",
	"0123456", "00000", "390612340000,0391234567", "0", "007", "v999.99", "v1.0", "acquisto_concluso,acquisto", "acquisto", "acquisto_concluso,acquisto_concluso", "richiesta_demo,", "_",
	"Deals." + strings.Repeat("a", 50) + ".b", "Deals." + strings.Repeat("a", 51) + ".b", "UK", "GB", "EL", "ZZ", "XK", "EU", "AA", "NO", "Europe/Roma", "Europe/Kyiv", "US/Eastern", "Local", "UTC", "GMT+1", "A/B",
	" ", "\u00a0", "\u2003x", "x\u00a0", ",", ",,", "a,,b", "ǅ", "İ",
}

// variables are those of the functions that a parameter goes into, by itself or by a condition.
func (t template) variables(parameter string) object {
	out := object{}
	for _, f := range t.of(functionType) {
		all, _ := t.get(f, "Environment", "Variables").(object)
		for name, v := range all {
			asked := []any{v}
			if arms := list(at(v, "Fn::If")); len(arms) > 0 {
				asked = append(asked, at(t.object, "Conditions", word(arms[0])))
			}
			if slices.Contains(uses(asked), parameter) {
				out[name] = v
			}
		}
	}
	return out
}

// told are the values of variables.
func (s stack) told(variables object) map[string]string {
	out := map[string]string{}
	for name, v := range variables {
		if text, ok := s.value(v).(string); ok {
			out[name] = text
		}
	}
	return out
}

// slips are what a finger, or a paste, puts between or in the place of characters.
var slips = []string{"\x00", "\t", "\n", " ", "\u00a0", "è", "\"", "#", "%", ",", ".", "/", "0", "9", ":", "?", "@", "A", "[", "\\", "_", "z", "-", "+"}

// near are values that a slip makes of one, and itself.
func near(value string) []string {
	out := []string{value, value + value, strings.ToUpper(value), strings.ToLower(value)}
	if len(value) > 80 {
		return out
	}
	for i := range len(value) + 1 {
		for _, c := range slips {
			out = append(out, value[:i]+c+value[i:])
			if i < len(value) {
				out = append(out, value[:i]+c+value[i+1:])
			}
		}
		if i < len(value) {
			out = append(out, value[:i]+value[i+1:])
		}
	}
	return out
}

// What CloudFormation lets through stops no function: every value of every parameter is one that the functions take.
func TestWhatTheTemplateTakesTheFunctionsTake(t *testing.T) {
	tpl := theTemplate(t)
	all, _ := tpl.object["Parameters"].(object)
	base := map[string]string{settings.SecretsPath: "/stack"} // the settings that a parameter's reader reads beside its own
	for name := range readBy {
		maps.Copy(base, stack{tpl, answers}.told(tpl.variables(name)))
	}
	for name, p := range all {
		read, variables := readBy[name], tpl.variables(name)
		if (read == nil) != slices.Contains(untold, name) || (read == nil) != (len(variables) == 0) {
			t.Errorf("%s: nobody knows who reads it: %d variables", name, len(variables))
		}
		if read == nil {
			continue
		}
		takes, given, sound, wrong := taker(p), maps.Clone(answers), 0, 0
		for _, v := range samples(p, parameterValues[name]) {
			if !takes(v) {
				continue
			}
			given[name] = v
			own := stack{tpl, given}.told(variables)
			r := &settings.Reader{Getenv: func(setting string) string {
				if value, mine := own[setting]; mine {
					return value
				}
				return base[setting]
			}}
			if read(r); r.Err() == nil {
				sound++
			} else if wrong++; wrong <= 5 {
				t.Errorf("%s takes %q, and the functions do not: %v", name, v, r.Err())
			}
		}
		if sound == 0 {
			t.Errorf("%s takes nothing of what was tried", name)
		}
	}
}

// samples are values to be tried on a parameter: those that it takes, what a slip makes of them, and odd ones.
func samples(p any, known values) []string {
	if choice := words(at(p, "AllowedValues")); choice != nil {
		return choice
	}
	if word(at(p, "Type")) == "Number" {
		return known.good
	}
	out := slices.Clone(odd)
	for _, v := range known.good {
		out = append(out, near(v)...)
	}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			out = append(out, string([]rune{a, b}))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// pairings are parameters of which one forbids values of another, with a rule that says so: values that go together, and that do not.
var pairings = map[string]struct{ good, bad []map[string]string }{
	"KeySetsHoldPublicKeys": {
		good: []map[string]string{
			{}, {"ConversionsJwtAlgorithm": "HS256"}, {"ConversionsJwksUrl": "https://issuer.example/keys"},
			{"ConversionsJwksUrl": "https://issuer.example/keys", "ConversionsJwtAlgorithm": "ES256"}, {"ConversionsJwksUrl": "https://issuer.example/keys", "ConversionsJwtAlgorithm": "RS256"},
		},
		bad: []map[string]string{{"ConversionsJwksUrl": "https://issuer.example/keys", "ConversionsJwtAlgorithm": "HS256"}},
	},
}

// keeps reports whether values of parameters keep a rule of the template.
func (s stack) keeps(rule any) bool {
	if asks := at(rule, "RuleCondition"); asks != nil && !s.holds(asks) {
		return true
	}
	return !slices.ContainsFunc(list(at(rule, "Assertions")), func(a any) bool { return !s.holds(at(a, "Assert")) })
}

func paired(t template, _ code) (out []string) {
	all, _ := t.object["Rules"].(object)
	for name, r := range all {
		want, known := pairings[name]
		if !known {
			out = append(out, name+": no such rule")
			continue
		}
		for kept, sets := range map[bool][]map[string]string{true: want.good, false: want.bad} {
			for _, given := range sets {
				if (stack{t, given}).keeps(r) != kept {
					out = append(out, fmt.Sprintf("%s: %v is kept: %t", name, given, !kept))
				}
			}
		}
		for _, a := range list(at(r, "Assertions")) {
			if len(strings.Fields(word(at(a, "AssertDescription")))) < 5 {
				out = append(out, name+": it does not say what is wanted")
			}
		}
		for part := range r.(object) {
			if part != "RuleCondition" && part != "Assertions" {
				out = append(out, name+": nobody knows "+part)
			}
		}
	}
	for name := range pairings {
		if all[name] == nil {
			out = append(out, name+": there is no such rule")
		}
	}
	return out
}

// What goes together the functions take together, and what does not they refuse: no rule asks too much.
func TestARuleOfTheTemplateRefusesWhatTheFunctionsRefuse(t *testing.T) {
	tpl := theTemplate(t)
	for name, p := range pairings {
		for good, sets := range map[bool][]map[string]string{true: p.good, false: p.bad} {
			for _, given := range sets {
				env := map[string]string{}
				for parameter := range given {
					maps.Copy(env, stack{tpl, given}.told(tpl.variables(parameter)))
				}
				r := &settings.Reader{Getenv: func(setting string) string { return env[setting] }}
				if r.Bearer(); (r.Err() == nil) != good {
					t.Errorf("%s: of %v the functions say %v", name, given, r.Err())
				}
			}
		}
	}
}
