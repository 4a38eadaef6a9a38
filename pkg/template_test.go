package pkg_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/suite"
)

// routes are the routes of the API and the functions behind them. There are no others.
var routes = map[string]string{
	"POST " + hubspot.Path:                               "webhook",
	"POST " + zoho.Path:                                  "webhook",
	"GET " + whatsapp.Path:                               "webhook",
	"POST " + whatsapp.Path:                              "webhook",
	"POST " + conversions.EventsPath:                     "webhook",
	"GET " + conversions.MetricsPath:                     "conversionApi",
	"PUT " + conversions.CostsPath + "{giorno}/{canale}": "conversionApi",
	"POST " + conversions.EntriesPath:                    "conversionApi",
	"POST " + conversions.MessagesPath:                   "sendWhatsapp",
}

// rates are how many requests a second a route takes; it takes twice as many at once. A request of a CRM tells up to a hundred changes.
// Five thousand messages of WhatsApp a minute make 333 updates a second with their statuses; a sender of conversions tells one in a
// request. A handshake comes once, people ask for metrics and tell costs, and a number sends at most 80 messages a second.
var rates = map[string]int{
	"POST " + hubspot.Path:                               100,
	"POST " + zoho.Path:                                  100,
	"GET " + whatsapp.Path:                               10,
	"POST " + whatsapp.Path:                              500,
	"POST " + conversions.EventsPath:                     500,
	"GET " + conversions.MetricsPath:                     20,
	"PUT " + conversions.CostsPath + "{giorno}/{canale}": 20,
	"POST " + conversions.EntriesPath:                    100,
	"POST " + conversions.MessagesPath:                   80,
}

// schedules are the functions that a clock starts: how often, in which zone where that matters, and with what input.
var schedules = map[string][]string{
	"refreshZohoToken": {"rate(10 minutes)"},
	"failureReporter":  {"rate(5 minutes)"},
	"renewZohoChannel": {"rate(12 hours)"},
	"reconcile":        {"rate(1 hour)"},
	"conversionClock":  {`cron(30 4 * * ? *) Europe/Rome {"action":"report"}`, `rate(2 minutes) {"action":"tick"}`},
	"sendWhatsapp":     {`rate(1 minute) {"action":"send"}`},
}

// optional are the functions that have nothing to do in some stacks, with the condition of the others.
var optional = map[string]string{"conversionClock": "HasConversions", "sendWhatsapp": "HasWhatsapp"}

// running is the state of a schedule that runs on a condition; nil, always.
func running(condition string) any {
	if condition == "" {
		return nil
	}
	return object{"Fn::If": []any{condition, "ENABLED", "DISABLED"}}
}

// consumers are the functions that drain a queue, with it.
var consumers = map[string]string{
	"zohoConsumer": "ZohoOperations", "hubspotConsumer": "HubspotOperations", "whatsappConsumer": "WhatsappOperations", "conversionAggregator": "ConversionEvents",
}

// ages are what an alarm says of the oldest message of a queue, in seconds: late, stuck, and a day before its thousandth delivery, which is
// after 5 days: the waits at their ceiling are 7.5 minutes on average. Whoever asks for conversions is promised what is at most 90 seconds
// old, so that an event that waits for a minute is told too.
func ages(queue string) []string {
	all := []string{"600", "86400", "345600"}
	if queue == consumers["conversionAggregator"] {
		return append([]string{"60"}, all...)
	}
	return all
}

// secrets are the settings that lie in the store of secrets and in no template.
var secrets = []string{
	settings.HubSpotAccessToken, settings.HubSpotClientSecret, settings.ZohoClientSecret, settings.ZohoRefreshToken,
	settings.ZohoChannelToken, settings.PairKey, settings.WhatsAppAppSecret, settings.WhatsAppVerifyToken, settings.WhatsAppAccessToken,
	settings.ConversionsJWTSecret, settings.SlackWebhookURL,
}

// atTheDesk are settings that `sam local` sets and a stack never does: a token that is used as it is, and the mode, which is
// a row of a table.
var atTheDesk = []string{"ZOHO_ACCESS_TOKEN", "MODE"}

// undeclared are settings that functions read and no template declares, with the reason.
var undeclared = map[string]string{
	"AWS_REGION":                  "Lambda's own",
	"AWS_ACCESS_KEY_ID":           "Lambda's own",
	"AWS_SECRET_ACCESS_KEY":       "Lambda's own",
	"AWS_SESSION_TOKEN":           "Lambda's own",
	"AWS_ENDPOINT_URL_CLOUDWATCH": "one emulator stands in for all of AWS",
	"AWS_ENDPOINT_URL_DYNAMODB":   "one emulator stands in for all of AWS",
	"AWS_ENDPOINT_URL_LAMBDA":     "one emulator stands in for all of AWS",
	"AWS_ENDPOINT_URL_SES":        "one emulator stands in for all of AWS",
	"AWS_ENDPOINT_URL_SQS":        "one emulator stands in for all of AWS",
	"AWS_ENDPOINT_URL_SSM":        "one emulator stands in for all of AWS",
	"REPORT_EVERY":                "the schedule decides",
}

// answers are values for the parameters that have no default: a stack without WhatsApp and without conversions.
var answers = map[string]string{
	"HubspotAppId": "19635961", "ZohoClientId": "1000.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123",
	"ReportTo": "client@example.com,second@example.com", "ReportFrom": "reports@example.com",
}

// stacks are the values of the parameters that every function must start with: the least, and what can be switched on beside it.
var stacks = map[string]map[string]string{
	"without WhatsApp and conversions": {},
	"with WhatsApp":                    {"WhatsappPhoneNumberId": "106540352242922"},
	"with conversions":                 {"ConversionsJwtIssuer": "https://issuer.example"},
	"with both": {
		"WhatsappPhoneNumberId": "106540352242922", "WhatsappOwnNumbers": "390612340000,390612340001", "ConversionsJwtIssuer": "https://issuer.example",
		"ConversionsJwtSubjects": "shop,crm", "ConversionsOwnSubject": "crm", "ConversionsZohoCount": "Deals.Closing_Time.Channel", "Slack": "true",
	},
	"with a key set": {
		"WhatsappPhoneNumberId": "106540352242922", "WhatsappCoexistence": "true", "ConversionsJwtIssuer": "https://issuer.example",
		"ConversionsJwksUrl": "https://issuer.example/jwks.json", "ConversionsJwtAlgorithm": "RS256", "ConversionsRetries": "fisso", "ConversionsAlarms": "literal",
	},
}

// answered returns the values of a stack's parameters.
func answered(stack string) map[string]string {
	all := maps.Clone(answers)
	maps.Copy(all, stacks[stack])
	return all
}

// code is what the template is compared with: the functions as they are built.
type code struct {
	folders []string            // of functions/
	reads   map[string][]string // the settings that a function asks for at its start
	faults  map[string]string   // why a function does not start with the environment of the template
	fields  map[string]bool     // the names of fields of log lines
	texts   []string            // every string constant
}

// rule is one promise of the template. It returns a complaint for every resource that breaks it, which begins with its id.
type rule struct {
	name  string
	check func(t template, c code) []string
}

var rules = []rule{
	{"the visibility of a queue is six times the timeout of its consumer", visibility},
	{"a queue is drained by its consumer", mappings},
	{"a queue has a dead-letter queue", queues},
	{"the environment of a function is what it reads", environment},
	{"a function starts with its environment", starts},
	{"a function may use what its environment names, and nothing else", grants},
	{"a function may read the secrets that it asks for, and no other", secretsGranted},
	{"a policy names its resources", resourcesNamed},
	{"the rights are those that were looked at", rightsHeld},
	{"there is nothing in the stack that nobody looks at", closed},
	{"a thing of the stack says what its kind must say", shaped},
	{"a variable is set to what it is named after", variablesNamed},
	{"a condition holds where its parameter says so", conditionsHeld},
	{"a parameter takes what is right and refuses what is wrong", taken},
	{"what does not go together is refused", paired},
	{"an output gives out what it is named after", givenOut},
	{"the dashboard shows every function and queue, and what the logs tell", dashboard},
	{"a right is an allowance of what is called, on a thing of the stack", worded},
	{"a role is taken by its service alone", trusted},
	{"mail goes out in the name of one sender", sender},
	{"a secret is read by one call, and by who needs it", readers},
	{"a consumer takes from its queue, and nobody else does", drains},
	{"a queue refuses what is not encrypted", encrypted},
	{"no resource waits for itself, and each that is named is there", cycles},
	{"the tables are those of the module", tables},
	{"the routes are those of the door", routed},
	{"sam local start-api finds every route", found},
	{"a throttle waits for its route, and each route has one", throttled},
	{"the API may start the function behind it", permitted},
	{"the access log holds nothing of a person", accessLog},
	{"a function has its folder and its time", functions},
	{"a clock starts what it should", scheduled},
	{"each queue, function and secret has its alarms", alarmed},
	{"the alarms are those that were looked at", alarmsHeld},
	{"an alarm can ring, and rings for what it is named after", rings},
	{"a line raises its metric", counts},
	{"a silence is told once it is one", silences},
	{"an alarm reaches the topic and says what to do", alarmsTell},
	{"an alarm names the command that mends it", alarmsMend},
	{"a metric filter looks for what the code writes, and an alarm for what a filter finds", filters},
	{"who writes a line is listened to", listened},
	{"a silent subscription is told within the hour", silenceTold},
	{"a sender with another secret is told, and a stranger is not", unmasked},
	{"the address that is given out is the first that the door accepts", addresses},
	{"a name is derived from the stack's", names},
	{"a parameter is described and grouped", parameters},
	{"the stack says its version", version},
	{"the template stays within CloudFormation's limits", limited},
}

func TestTheTemplateKeepsItsRules(t *testing.T) {
	tpl, c := theTemplate(t), theCode(t)
	for _, r := range rules {
		for _, complaint := range r.check(tpl, c) {
			t.Errorf("%s: %s", r.name, complaint)
		}
	}
}

func TestWhatTheTemplateLeavesOutIsReadBySomebody(t *testing.T) {
	read := map[string]bool{}
	for _, names := range theCode(t).reads {
		for _, name := range names {
			read[name] = true
		}
	}
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(undeclared)), secrets, atTheDesk) {
		if !read[name] {
			t.Errorf("nobody reads %s any more", name)
		}
	}
}

func theTemplate(t *testing.T) template {
	t.Helper()
	tpl, err := readTemplate("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

var readCode = sync.OnceValues(func() (code, error) {
	c := code{fields: map[string]bool{"level": true, "message": true, "timestamp": true, "requestId": true}}
	tpl, err := readTemplate("../template.yaml")
	if err != nil {
		return c, err
	}
	entries, err := os.ReadDir("../functions")
	if err != nil {
		return c, err
	}
	for _, e := range entries {
		c.folders = append(c.folders, e.Name())
	}
	all, err := sources()
	if err != nil {
		return c, err
	}
	for _, s := range all {
		if !s.test && !under(s.dir, "pkg/desk") {
			c.learn(s.ast)
		}
	}
	c.reads, c.faults, err = start(tpl, c.folders)
	return c, err
})

func theCode(t *testing.T) code {
	t.Helper()
	c, err := readCode()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// learn adds the string constants of a file, and the names that it gives to fields of log lines.
func (c *code) learn(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				c.texts = append(c.texts, s)
			}
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, _ := sel.X.(*ast.Ident)
			fields := n.Args
			switch {
			case x != nil && x.Name == "slog" && len(n.Args) == 2: // slog.String("outcome", …)
				fields = n.Args[:1]
			case slices.Contains([]string{"Debug", "Info", "Warn", "Error", "With"}, strings.TrimSuffix(sel.Sel.Name, "Context")):
			default:
				return true
			}
			for _, arg := range fields {
				if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						c.fields[s] = true
					}
				}
			}
		}
		return true
	})
}

// start starts every function with the environment that the template gives it in each of the stacks, and returns what it asked for
// in any of them and why it did not start. A function is a main package, which nobody imports: a test is laid over its folder.
func start(t template, functions []string) (reads map[string][]string, faults map[string]string, err error) {
	dir, err := os.MkdirTemp("", "settings")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	recorder, err := filepath.Abs("testdata/settings/settings_test.go")
	if err != nil {
		return nil, nil, err
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for _, f := range functions {
		folder, err := filepath.Abs(filepath.Join("../functions", f))
		if err != nil {
			return nil, nil, err
		}
		overlay["Replace"][filepath.Join(folder, "settings_laid_over_test.go")] = recorder
		given := map[string]map[string]string{}
		for name := range stacks {
			_, given[name] = stack{t, answered(name)}.environment(f)
		}
		if err := write(filepath.Join(dir, f+".given.json"), given); err != nil {
			return nil, nil, err
		}
	}
	if err := write(filepath.Join(dir, "overlay.json"), overlay); err != nil {
		return nil, nil, err
	}
	cmd := exec.Command("go", "test", "-vet=off", "-count=1", "-run", "^TestSettings$", "-overlay", filepath.Join(dir, "overlay.json"), "./functions/...")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "TEMPLATE_SETTINGS="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("%w\n%s", err, out)
	}
	reads, faults = map[string][]string{}, map[string]string{}
	for _, f := range functions {
		var found struct {
			Read  []string
			Fault string
		}
		text, err := os.ReadFile(filepath.Join(dir, f+".read.json"))
		if err != nil {
			return nil, nil, err
		}
		if err := json.Unmarshal(text, &found); err != nil {
			return nil, nil, err
		}
		reads[f], faults[f] = found.Read, found.Fault
	}
	return reads, faults, nil
}

func write(file string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

const functionType = "AWS::Serverless::Function"

// events returns the events of one type of a function.
func (t template) events(function, kind string) []object {
	all, _ := t.get(function, "Events").(object)
	var out []object
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if word(at(all[name], "Type")) == kind {
			o, _ := at(all[name], "Properties").(object)
			out = append(out, o)
		}
	}
	return out
}

func number(v any) int {
	n, err := strconv.Atoi(word(v))
	if err != nil {
		return -1
	}
	return n
}

// cycles looks at what waits for what. An event of a function becomes a resource of its own, which waits for the function.
func cycles(t template, _ code) (out []string) {
	known := map[string]bool{}
	for _, section := range []string{"Parameters", "Resources"} {
		all, _ := t.object[section].(object)
		for id := range all {
			known[id] = true
		}
	}
	waits := map[string][]string{}
	for id, r := range t.resources() {
		body, _ := deep(r).(object)
		if properties, ok := body["Properties"].(object); ok {
			events, _ := properties["Events"].(object)
			for name, e := range events {
				waits[id+"."+name] = append(uses(e), id)
			}
			delete(properties, "Events")
		}
		waits[id] = uses(body)
		for _, name := range uses(r) {
			if !known[name] && !strings.HasPrefix(name, "AWS::") {
				out = append(out, fmt.Sprintf("%s: there is no %s", id, name))
			}
		}
	}
	state := map[string]int{} // 1: on the way, 2: done
	var visit func(id string, way []string)
	visit = func(id string, way []string) {
		switch way = append(way, id); state[id] {
		case 1:
			out = append(out, fmt.Sprintf("%s: waits for itself: %s", id, strings.Join(way, " → ")))
		case 0:
			state[id] = 1
			for _, next := range waits[id] {
				visit(next, way)
			}
			state[id] = 2
		}
	}
	for _, id := range slices.Sorted(maps.Keys(waits)) {
		visit(id, nil)
	}
	return out
}

// named are the properties that name a thing for a whole account and region.
var named = []string{
	"FunctionName", "QueueName", "TableName", "LogGroupName", "AlarmName", "DashboardName", "RoleName", "TopicName", "Name",
}

func names(t template, _ code) (out []string) {
	for id, r := range t.resources() {
		kind := word(at(r, "Type"))
		if kind == "AWS::Logs::MetricFilter" || kind == "AWS::SES::ConfigurationSetEventDestination" {
			continue // named within what they belong to
		}
		for _, property := range named {
			v := t.get(id, property)
			if v == nil || kind == "AWS::Lambda::Permission" {
				continue
			}
			if !slices.Contains(uses(v), "AWS::StackName") {
				out = append(out, fmt.Sprintf("%s: its %s is the same in every stack", id, property))
			}
		}
	}
	return out
}

// The limits of a template and of an alarm:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html. Ten metrics an alarm is the least that any
// page of CloudWatch promises.
const (
	mostResources  = 500
	mostParameters = 200
	mostBytes      = 1_000_000
	mostMetrics    = 10
)

// limited counts what the transform of SAM makes too: a resource for each event of a function.
func limited(t template, _ code) (out []string) {
	resources := len(t.resources())
	for _, f := range t.of(functionType) {
		all, _ := t.get(f, "Events").(object)
		resources += len(all)
	}
	parameters, _ := t.object["Parameters"].(object)
	for what, n := range map[string][2]int{"resources": {resources, mostResources}, "parameters": {len(parameters), mostParameters}, "bytes": {t.size, mostBytes}} {
		if n[0] > n[1] || n[0] == 0 {
			out = append(out, fmt.Sprintf("template: %d %s, want at most %d", n[0], what, n[1]))
		}
	}
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		n := 0
		for _, m := range list(t.get(id, "Metrics")) {
			if at(m, "MetricStat") != nil {
				n++
			}
		}
		if n > mostMetrics {
			out = append(out, fmt.Sprintf("%s: it looks at %d metrics, want at most %d", id, n, mostMetrics))
		}
	}
	return out
}

func version(t template, _ code) (out []string) {
	for _, id := range t.of("AWS::SSM::Parameter") {
		if word(at(t.get(id, "Name"), "Fn::Sub")) == "/${AWS::StackName}/SUITE_VERSION" && word(t.get(id, "Value")) == suite.Version {
			return nil
		}
	}
	return []string{"SuiteVersion: it is not " + suite.Version}
}
