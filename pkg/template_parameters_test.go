package pkg_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"crm-connector/pkg/core/letter"
)

func parameters(t template, _ code) (out []string) {
	grouped := map[string]int{}
	for _, g := range list(at(t.object, "Metadata", "AWS::CloudFormation::Interface", "ParameterGroups")) {
		for _, name := range words(at(g, "Parameters")) {
			grouped[name]++
		}
	}
	all, _ := t.object["Parameters"].(object)
	used := uses([]any{t.object["Resources"], t.object["Conditions"], t.object["Globals"], t.object["Outputs"]})
	for name, p := range all {
		complain := func(format string, args ...any) { out = append(out, name+": "+fmt.Sprintf(format, args...)) }
		if grouped[name] != 1 {
			complain("stands in %d groups", grouped[name])
		}
		delete(grouped, name)
		if len(strings.Fields(word(at(p, "Description")))) < 3 {
			complain("no description")
		}
		if !slices.Contains(used, name) {
			complain("nobody uses it")
		}
	}
	for name := range grouped {
		out = append(out, name+": no such parameter")
	}
	return out
}

// values are what a parameter is without being asked, what it takes and what it does not.
type values struct {
	fallback  string
	good, bad []string
}

// needed is the fallback of a parameter that has none: a stack that nobody told it is not deployed.
const needed = "(needed)"

// wild is what no parameter takes.
const wild = "\a \"\\ {};\u00a0<script>"

// oneOf are the values of a choice, the fallback first.
func oneOf(all ...string) values {
	return values{all[0], all, []string{"other", strings.Join(all, ","), " " + all[len(all)-1]}}
}

// between are the values of a number.
func between(fallback, least, most int) values {
	return values{fmt.Sprint(fallback), []string{fmt.Sprint(least), fmt.Sprint(most)}, []string{fmt.Sprint(least - 1), fmt.Sprint(most + 1)}}
}

var (
	address = values{
		"", []string{
			"", "https://app-eu1.hubspot.com/contacts/139000001", "http://127.0.0.1:8181", "https://crm.example/", "https://crm.zoho.eu/crm/vini", "http://sandbox:8181/hubspot",
			"http://host.docker.internal:8181", "https://proxy.example:65535/a%20b",
		},
		[]string{
			"app.hubspot.com", "https://", "ftp://crm.example", "https://crm.example/a b", "javascript:alert(1)", "https:///contacts", "http://crm.example", "http://10.0.0.1",
			"https://me@crm.example", "https://crm.example?a", "https://crm.example/#a", "https://crm.example:65536", "https://crm.example/oauth/v2", "https://www.zohoapis.eu/crm/v8",
		},
	}
	keySet = values{
		"", []string{
			"", "https://issuer.example/jwks.json", "https://acme.b2clogin.com/acme.onmicrosoft.com/discovery/v2.0/keys?p=b2c_1_signin", "https://issuer.example/oauth/discovery/keys",
			"http://127.0.0.1:8080",
		},
		[]string{"issuer.example", "http://issuer.example/keys", "https://issuer.example/keys#a", "https://me:pass@issuer.example/keys", "https://issuer.example/a b"},
	}
	// notMailboxes are what looks like an e-mail address and is none that a function, or SES, takes.
	notMailboxes = []string{
		"a..b@example.com", ".mario@example.com", "mario.@example.com", "città@example.com", "mario@città.example", "mario@example..com", "mario@example.com.",
		"mario@.example.com", "mario@-example.com", "mario@example-.com", `"m"@example.com`, "m(x)@example.com", "m*@example.com", "m[1]@example.com", "m:x@example.com",
		"mario@[192.0.2.1]", "mario@example", "client", "A <a@example.com>", "a@b@example.com", "a b@example.com",
	}
	subject    = values{"", []string{"", "crm", "auth0|5f7c8ec7c33c6c004bbafe82", strings.Repeat("s", 200)}, []string{"a b", `a"b`, `a\b`, strings.Repeat("s", 201)}}
	eventNames = values{"", []string{"", "acquisto_concluso", "acquisto_concluso,richiesta_demo"}, []string{"acquisto", "Acquisto", "a, b", "a,", ",a", "a-b", strings.Repeat("a", 41)}}
)

// parameterValues are the values of every parameter.
var parameterValues = map[string]values{
	"HubspotAppId":          {needed, []string{"1", "19635961", strings.Repeat("9", 20)}, []string{"", "app", "1 ", "-1", "0", "01", strings.Repeat("9", 21)}},
	"HubspotSignatureMode":  oneOf("v3", "v3-or-v1"),
	"HubspotRecordsUrl":     address,
	"HubspotApiUrl":         address,
	"ZohoAccountsUrl":       {"https://accounts.zoho.eu", []string{"https://accounts.zohocloud.ca", "http://127.0.0.1:8182"}, []string{"", "accounts.zoho.eu", "https://accounts.zoho.eu/oauth", "https://accounts.zoho.eu/", "http://accounts.zoho.eu"}},
	"ZohoClientId":          {needed, []string{"1000.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123", "sandbox-client"}, []string{"", "1000 A", "1000.A,B", strings.Repeat("1", 101)}},
	"ZohoChannelId":         {"1000000068001", []string{"1", strings.Repeat("9", 18)}, []string{"", "0", "01", "a", strings.Repeat("9", 19)}},
	"ZohoRecordsUrl":        address,
	"ZohoConditionalWrites": oneOf("false", "true"),
	"ZohoApiUrl":            address,

	"WhatsappPhoneNumberId": {"", []string{"", "106540352242922", "12345", strings.Repeat("1", 20)}, []string{"1234", "012345", "+390612340000", "1065 4035", strings.Repeat("1", 21)}},
	"WhatsappOwnNumbers":    {"", []string{"", "390612340000", "390612340000,390612340001"}, []string{"+390612340000", "390612340000, 390612340001", "0612340000", "390612", "390612340000,", strings.Repeat("1", 16)}},
	"WhatsappCoexistence":   oneOf("false", "true"),
	"WhatsappLeadSource":    {"WhatsApp", []string{"Web Download", "Più"}, []string{"", "two\nlines", strings.Repeat("w", 101)}},
	"WhatsappApiVersion":    {"v25.0", []string{"v9.0", "v100.12"}, []string{"", "25.0", "v25", "v0.1", "v25.0/me"}},
	"WhatsappApiUrl":        address,

	"ConversionsJwtIssuer":      {"", []string{"", "https://issuer.example/", strings.Repeat("i", 200)}, []string{"a b", `a"b`, `a\b`, strings.Repeat("i", 201)}},
	"ConversionsJwtAudience":    {"conversioni", []string{"a", strings.Repeat("a", 200)}, []string{"", "a b", `a"b`, `a\b`, strings.Repeat("a", 201)}},
	"ConversionsJwtAlgorithm":   oneOf("", "ES256", "RS256", "HS256"),
	"ConversionsJwksUrl":        keySet,
	"ConversionsJwtSubjects":    {"", []string{"", "shop", "shop,crm"}, []string{"shop, crm", "shop,", ",shop", `sh"op`, `sh\op`}},
	"ConversionsOwnSubject":     subject,
	"ConversionsContactChannel": {"webform", []string{"email", "social_media", "webform", "sms", "whatsapp"}, []string{"", "fax", "web form"}},
	"ConversionsEvents":         eventNames,
	"ConversionsWeights":        eventNames,
	"ConversionsRetries":        oneOf("esponenziale", "fisso"),
	"ConversionsAlarms":         oneOf("guarded", "literal"),
	"ConversionsZohoCount":      {"", []string{"", "Deals.Closing_Time.Canale"}, []string{"Deals", "Deals.Closing_Time", "Deals.Closing Time.Canale", "Deals.A.B.C", ".A.B", "Deals.A." + strings.Repeat("b", 51)}},
	"Slack":                     oneOf("false", "true"),

	"ReportTo":       {needed, []string{"client@example.com", "client@example.com,second@example.com", "m.o'neill+crm_1@mail.example-1.co.uk", strings.Repeat("a@example.com,", 49) + "a@example.com"}, append([]string{"", "a@example.com, b@example.com", "a@example.com,", "a@example.com,b..c@example.com", strings.Repeat("a@example.com,", 50) + "a@example.com"}, notMailboxes...)},
	"ReportFrom":     {needed, []string{"reports@example.com"}, append([]string{"", "a@example.com,b@example.com"}, notMailboxes...)},
	"ReportLanguage": oneOf("it", "en"),
	"ReportZone":     {"Europe/Rome", []string{"UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+3"}, []string{"", "Europe/", "/Rome", "../zone", "a/b/c/d", "Europe Rome", "Europe/Roma"}},

	"PhoneRegion": {"", []string{"", "IT", "DE", "GB", "NO", "XK", "ZZ"}, []string{"it", "ITA", "I", "39", "UK", "AA"}},
	"LastName":    oneOf("", "fallback", "require"),
	"Leads":       oneOf("", "ask", "ignore"),
	"PhoneMatch":  oneOf("", "never", "mobile"),

	"HubspotCallsPer10s":       between(100, 0, 100_000_000),
	"HubspotCallsPerDay":       between(250_000, 0, 100_000_000),
	"HubspotSearchesPerSecond": between(5, 0, 1000),
	"ZohoCreditsPerDay":        between(50_000, 0, 100_000_000),
	"ZohoConcurrency":          between(10, 0, 1000),
	"BudgetReserve":            between(20, 0, 90),

	"AlarmEmail":         {"", []string{"", "duty@example.com"}, append([]string{"a@example.com,b@example.com"}, notMailboxes...)},
	"LogRetentionDays":   {"30", []string{"1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731"}, []string{"", "0", "2", "3653"}},
	"LogLevel":           {"INFO", []string{"DEBUG", "INFO"}, []string{"", "WARN", "ERROR", "FATAL"}}, // what is told by INFO the alarms listen to
	"ZohoBatches":        between(5, 2, 100),                                                          // Lambda knows no fewer
	"HubspotBatches":     between(3, 2, 100),
	"WhatsappBatches":    between(5, 2, 100),
	"ConversionBatches":  between(8, 2, 100),
	"ReserveConcurrency": oneOf("false", "true"),
	"PublicBaseUrl":      {"", []string{"", "https://hooks.example.com", "https://example.com/hooks"}, []string{"hooks.example.com", "https://hooks.example.com/", "https://hooks.example.com/a b", "ftp://hooks.example.com", "http://hooks.example.com", "https://hooks.example.com/a,b", "https://hooks.example.com/?a"}},
	"PairKeyId":          between(1, 1, 255),
	"AwsEndpointUrl":     {"", []string{"", "http://127.0.0.1:4566"}, []string{"127.0.0.1:4566", "http://127.0.0.1:4566/", "https://"}},
}

// constraints are all that a parameter may say.
var constraints = []string{"Type", "Description", "Default", "AllowedPattern", "AllowedValues", "ConstraintDescription", "MinValue", "MaxValue"}

// lookahead is how a pattern begins that also says what must not follow, which CloudFormation's have and Go's do not.
var lookahead = regexp.MustCompile(`^\^\(\?!((?:[^()]|\([^()]*\))*)\)`)

// patterns returns what a value must be, and what it must not begin with; nil where a pattern has no such part.
func patterns(text string) (must, not *regexp.Regexp, err error) {
	if parts := lookahead.FindStringSubmatch(text); parts != nil {
		if not, err = regexp.Compile("^(?:" + parts[1] + ")"); err != nil {
			return nil, nil, err
		}
		text = text[len(parts[0]):]
	}
	must, err = regexp.Compile("^(?:" + text + ")$")
	return must, not, err
}

// taker returns whether CloudFormation takes a value for a parameter.
func taker(p any) func(value string) bool {
	choice, count := list(at(p, "AllowedValues")), word(at(p, "Type")) == "Number"
	var must, not *regexp.Regexp
	if has := at(p, "AllowedPattern"); has != nil {
		var err error
		if must, not, err = patterns(word(has)); err != nil {
			return func(string) bool { return false }
		}
	}
	least, most := at(p, "MinValue"), at(p, "MaxValue")
	return func(value string) bool {
		if choice != nil && !slices.Contains(words(choice), value) || must != nil && !must.MatchString(value) || not != nil && not.MatchString(value) {
			return false
		}
		if !count {
			return true
		}
		n, err := strconv.Atoi(value)
		return err == nil && (least == nil || n >= number(least)) && (most == nil || n <= number(most))
	}
}

func taken(t template, _ code) (out []string) {
	all, _ := t.object["Parameters"].(object)
	for name, p := range all {
		complain := func(format string, args ...any) { out = append(out, name+": "+fmt.Sprintf(format, args...)) }
		o, _ := p.(object)
		for what := range o {
			if !slices.Contains(constraints, what) {
				complain("nobody knows %s", what)
			}
		}
		want, known := parameterValues[name]
		if !known {
			complain("nobody knows its values")
			continue
		}
		takes := taker(p)
		fallback, has := at(p, "Default").(string)
		switch {
		case has && !takes(fallback):
			complain("its own default %q is not allowed", fallback)
		case has && fallback != want.fallback, !has && want.fallback != needed:
			complain("its default is %s, want %q", spelt(at(p, "Default")), want.fallback)
		}
		for _, v := range want.good {
			if !takes(v) {
				complain("%q is not allowed", v)
			}
		}
		for _, v := range append(slices.Clone(want.bad), wild) {
			if takes(v) {
				complain("%q is let through", v)
			}
		}
		kind := "Number"
		if _, err := strconv.Atoi(want.fallback); err != nil || name == "ZohoChannelId" { // that one is a name in digits
			kind = "String"
		}
		if word(at(p, "Type")) != kind {
			complain("it is a %s", spelt(at(p, "Type")))
		}
		if at(p, "AllowedPattern") != nil && at(p, "ConstraintDescription") == nil {
			complain("a refusal does not say what is wanted")
		}
	}
	for name := range parameterValues {
		if all[name] == nil {
			out = append(out, name+": no such parameter")
		}
	}
	return out
}

// conditions are the conditions of the template: which parameter each asks, for which values it does not hold, and for which it does.
var conditions = map[string]struct {
	parameter string
	no, yes   []string
}{
	"HasEndpoint":         {"AwsEndpointUrl", []string{""}, []string{"http://127.0.0.1:4566", "http://localhost:4566"}},
	"OnAws":               {"AwsEndpointUrl", []string{"http://127.0.0.1:4566", "http://localhost:4566"}, []string{""}},
	"HasPublicUrl":        {"PublicBaseUrl", []string{""}, []string{"https://hooks.example.com", "https://example.com/hooks"}},
	"HasAlarmEmail":       {"AlarmEmail", []string{""}, []string{"duty@example.com", "night@example.com"}},
	"HasWhatsapp":         {"WhatsappPhoneNumberId", []string{""}, []string{"106540352242922", "12345"}},
	"HasConversions":      {"ConversionsJwtIssuer", []string{""}, []string{"https://issuer.example", "shop"}},
	"ReservesConcurrency": {"ReserveConcurrency", []string{"false"}, []string{"true"}},
}

func conditionsHeld(t template, _ code) (out []string) {
	all, _ := t.object["Conditions"].(object)
	for name, c := range all {
		want, known := conditions[name]
		if !known || !slices.Equal(uses(c), []string{want.parameter}) {
			out = append(out, fmt.Sprintf("%s: it asks %s, want %s", name, uses(c), want.parameter))
			continue
		}
		for holds, values := range map[bool][]string{false: want.no, true: want.yes} {
			for _, v := range values {
				if (stack{t, map[string]string{want.parameter: v}}).holds(c) != holds {
					out = append(out, fmt.Sprintf("%s: it is %t where %s is %q", name, !holds, want.parameter, v))
				}
			}
		}
	}
	for name := range conditions {
		if all[name] == nil {
			out = append(out, name+": no such condition")
		}
	}
	return out
}

// What CloudFormation lets through stops no function at its start: each character that can be typed, anywhere in an address.
func TestEveryAddressThatTheTemplateTakesTheFunctionsTake(t *testing.T) {
	all, _ := theTemplate(t).object["Parameters"].(object)
	for _, name := range []string{"ReportTo", "ReportFrom", "AlarmEmail"} {
		takes, taken := taker(all[name]), 0
		for r := rune(1); r < 0x180; r++ {
			for _, form := range []string{"%sa@example.com", "a%sb@example.com", "a%s@example.com", "a@%sexample.com", "a@exa%smple.com", "a@example%s.com", "a@example.com%s"} {
				v := fmt.Sprintf(form, string(r))
				if !takes(v) {
					continue
				}
				taken++
				if one, err := letter.Addresses(v); err != nil || len(one) == 0 {
					t.Errorf("%s takes %q, a function does not: %v", name, v, err)
				}
			}
		}
		if taken < 7*62 {
			t.Errorf("%s takes %d of them", name, taken)
		}
	}
	if count := strings.Count(word(at(all["ReportTo"], "AllowedPattern")), fmt.Sprintf("{0,%d}", letter.MaxRecipients-1)); count != 1 {
		t.Errorf("ReportTo takes more than %d addresses", letter.MaxRecipients)
	}
}
