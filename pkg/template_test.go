package pkg_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/webhook"
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

// schedules are the functions that a clock starts: how often, in which zone where that matters, and with what input.
var schedules = map[string][]string{
	"refreshZohoToken": {"rate(10 minutes)"},
	"failureReporter":  {"rate(5 minutes)"},
	"renewZohoChannel": {"rate(12 hours)"},
	"reconcile":        {"rate(1 hour)"},
	"conversionClock":  {`cron(30 2 * * ? *) Europe/Rome {"action":"report"}`, `rate(2 minutes) {"action":"tick"}`},
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

// ages are what an alarm says of the oldest message of a queue, in seconds: late, stuck, and near its end of 14 days. Whoever asks for
// conversions is promised what is at most 90 seconds old, so that an event that waits for a minute is told too.
func ages(queue string) []string {
	all := []string{"600", "86400", "864000"}
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
	"AWS_REGION":                "Lambda's own",
	"AWS_ACCESS_KEY_ID":         "Lambda's own",
	"AWS_SECRET_ACCESS_KEY":     "Lambda's own",
	"AWS_SESSION_TOKEN":         "Lambda's own",
	"AWS_ENDPOINT_URL_DYNAMODB": "one emulator stands in for all of AWS",
	"AWS_ENDPOINT_URL_LAMBDA":   "one emulator stands in for all of AWS",
	"AWS_ENDPOINT_URL_SES":      "one emulator stands in for all of AWS",
	"AWS_ENDPOINT_URL_SQS":      "one emulator stands in for all of AWS",
	"AWS_ENDPOINT_URL_SSM":      "one emulator stands in for all of AWS",
	"REPORT_EVERY":              "the schedule decides",
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
	{"a batch reports each of its failures and has no window", mappings},
	{"a queue is a fast FIFO queue with a FIFO dead-letter queue", queues},
	{"the environment of a function is what it reads", environment},
	{"a function starts with its environment", starts},
	{"a function may use what its environment names, and nothing else", grants},
	{"a function may read the secrets that it asks for, and no other", secretsGranted},
	{"a policy names its resources", resourcesNamed},
	{"the rights are those that were looked at", rightsHeld},
	{"there is nothing in the stack by which somebody gets in unseen", closed},
	{"a right is an allowance of what is called, on a thing of the stack", worded},
	{"a role is taken by its service alone", trusted},
	{"mail goes out in the name of one sender", sender},
	{"a secret is read by one call, and by who needs it", readers},
	{"a consumer takes from its queue, and nobody else does", drains},
	{"a queue refuses what is not encrypted", encrypted},
	{"the API alone starts what is behind it, throttled and deployed", entered},
	{"a parameter does not take everything", guarded},
	{"no resource waits for itself, and each that is named is there", cycles},
	{"a table outlives its stack, sweeps, and can be brought back", tables},
	{"the routes are those of the door", routed},
	{"sam local start-api finds every route", found},
	{"a throttle waits for its route, and each route has one", throttled},
	{"the API may start the function behind it", permitted},
	{"the access log holds nothing of a person", accessLog},
	{"a function has its folder, name, log, role and time", functions},
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
	{"the address that is given out is the first that the door accepts", addresses},
	{"a name is derived from the stack's", names},
	{"a parameter is described, grouped and bounded", parameters},
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

func visibility(t template, _ code) (out []string) {
	for _, f := range t.of(functionType) {
		for _, e := range t.events(f, "SQS") {
			q := ref(e["Queue"])
			if has, want := number(t.get(q, "VisibilityTimeout")), 6*number(t.get(f, "Timeout")); has < want || want <= 0 {
				out = append(out, fmt.Sprintf("%s: %d s, six times the timeout of %s is %d s", q, has, f, want))
			}
		}
	}
	return out
}

func mappings(t template, _ code) (out []string) {
	for _, f := range t.of(functionType) {
		events := t.events(f, "SQS")
		var drained []string
		for _, e := range events {
			drained = append(drained, ref(e["Queue"]))
			if !slices.Equal(words(e["FunctionResponseTypes"]), []string{"ReportBatchItemFailures"}) {
				out = append(out, f+": a failure of one message is a failure of the batch")
			}
			if e["MaximumBatchingWindowInSeconds"] != nil || number(e["BatchSize"]) != 10 {
				out = append(out, f+": a FIFO queue has batches of at most ten and no window")
			}
			if limit := ref(at(e, "ScalingConfig", "MaximumConcurrency")); at(t.object, "Parameters", limit) == nil {
				out = append(out, f+": its concurrency is not held by a parameter")
			}
		}
		if want := consumers[f]; strings.Join(drained, " ") != want {
			out = append(out, fmt.Sprintf("%s: drains %q, want %q", f, drained, want))
		}
	}
	return out
}

func queues(t template, _ code) (out []string) {
	dead := t.deadLetters()
	for _, q := range t.of("AWS::SQS::Queue") {
		for property, want := range map[string]string{
			"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
			"MessageRetentionPeriod": "1209600", "SqsManagedSseEnabled": "true",
		} {
			if got := word(t.get(q, property)); got != want {
				out = append(out, fmt.Sprintf("%s: %s is %q, want %s", q, property, got, want))
			}
		}
		if slices.Contains(slices.Collect(maps.Values(dead)), q) {
			continue
		}
		if dead[q] == "" || t.resources()[dead[q]] == nil {
			out = append(out, q+": no dead-letter queue")
		}
		if word(t.get(q, "RedrivePolicy", "maxReceiveCount")) != "1000" {
			out = append(out, q+": a message must be parked by its consumer before the queue gives it up")
		}
	}
	return out
}

// deadLetters returns the dead-letter queue of every queue that has one.
func (t template) deadLetters() map[string]string {
	out := map[string]string{}
	for _, q := range t.of("AWS::SQS::Queue") {
		if to := ref(t.get(q, "RedrivePolicy", "deadLetterTargetArn")); to != "" {
			out[q] = to
		}
	}
	return out
}

func environment(t template, c code) (out []string) {
	for _, f := range t.of(functionType) {
		declared, given := stack{t, answers}.environment(f)
		for _, name := range c.reads[f] {
			if undeclared[name] == "" && !slices.Contains(declared, name) {
				out = append(out, fmt.Sprintf("%s: reads %s, which is not declared", f, name))
			}
		}
		for _, name := range declared {
			_, has := given[name]
			switch {
			case !slices.Contains(c.reads[f], name):
				out = append(out, fmt.Sprintf("%s: does not read %s", f, name))
			case has && slices.Contains(slices.Concat(secrets, atTheDesk), name):
				out = append(out, fmt.Sprintf("%s: %s has no place in a stack", f, name))
			case !has && name != "AWS_ENDPOINT_URL" && !slices.Contains(slices.Concat(secrets, atTheDesk), name):
				out = append(out, fmt.Sprintf("%s: %s has no value", f, name))
			}
		}
	}
	return out
}

// starts was found out with the template as it stands; a changed one is judged by what the start reads.
func starts(t template, c code) (out []string) {
	for _, f := range t.of(functionType) {
		if c.faults[f] != "" {
			out = append(out, f+": "+c.faults[f])
		}
	}
	return out
}

// statements returns the statements of the policies of a role.
func (t template) statements(role string) []object {
	var out []object
	for _, p := range list(t.get(role, "Policies")) {
		for _, s := range list(at(p, "PolicyDocument", "Statement")) {
			o, _ := s.(object)
			out = append(out, o)
		}
	}
	return out
}

func grants(t template, _ code) (out []string) {
	for _, f := range t.of(functionType) {
		role, named := t.role(f), map[string]bool{ref(t.get(f, "LoggingConfig", "LogGroup")): true}
		for _, id := range uses(at(t.get(f, "Environment"), "Variables")) {
			switch word(at(t.resources()[id], "Type")) {
			case "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SES::ConfigurationSet", functionType:
				named[id] = true
			}
		}
		for _, e := range t.events(f, "SQS") {
			named[ref(e["Queue"])] = true
		}
		granted := map[string]bool{}
		for _, s := range t.statements(role) {
			for _, id := range uses(s["Resource"]) {
				if t.resources()[id] != nil {
					granted[id] = true
				}
			}
		}
		for id := range named {
			if !granted[id] {
				out = append(out, fmt.Sprintf("%s: may not use %s", f, id))
			}
		}
		for id := range granted {
			if !named[id] {
				out = append(out, fmt.Sprintf("%s: may use %s, and does not know it", f, id))
			}
		}
	}
	return out
}

func (t template) role(function string) string { return ref(t.get(function, "Role")) }

func secretsGranted(t template, c code) (out []string) {
	const below = ":parameter/${AWS::StackName}/"
	for _, f := range t.of(functionType) {
		var granted, wanted []string
		for _, s := range t.statements(t.role(f)) {
			if !slices.Contains(words(s["Action"]), "ssm:GetParameters") {
				continue
			}
			for _, r := range list(s["Resource"]) {
				_, name, _ := strings.Cut(word(at(r, "Fn::Sub")), below)
				granted = append(granted, name)
			}
		}
		for _, name := range c.reads[f] {
			if slices.Contains(secrets, name) {
				wanted = append(wanted, name)
			}
		}
		slices.Sort(granted)
		if !slices.Equal(granted, wanted) {
			out = append(out, fmt.Sprintf("%s: may read %q, asks for %q", f, granted, wanted))
		}
	}
	return out
}

// withoutResource are the actions for which AWS knows no resource.
var withoutResource = []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}

// whole are the actions with a * in them: it stands for the batch of the same action, which AWS grants with the single one and
// an emulator asks for.
var whole = []string{"sqs:SendMessage*", "sqs:ChangeMessageVisibility*"}

func resourcesNamed(t template, _ code) (out []string) {
	for _, role := range t.of("AWS::IAM::Role") {
		if t.get(role, "ManagedPolicyArns") != nil {
			out = append(out, role+": a managed policy grants more than is needed")
		}
		for _, s := range t.statements(role) {
			actions := words(s["Action"])
			for _, a := range actions {
				if strings.Contains(a, "*") && !slices.Contains(whole, a) {
					out = append(out, fmt.Sprintf("%s: %s is more than one action", role, a))
				}
			}
			forced := !slices.ContainsFunc(actions, func(a string) bool { return !slices.Contains(withoutResource, a) })
			for _, r := range list(s["Resource"]) {
				if text := fmt.Sprint(r); strings.Contains(text, "*") && !forced {
					out = append(out, fmt.Sprintf("%s: %s is allowed on %s", role, actions, text))
				}
			}
		}
	}
	for _, f := range t.of(functionType) {
		if t.get(f, "Policies") != nil {
			out = append(out, f+": policies stand in its role")
		}
	}
	return out
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

func tables(t template, _ code) (out []string) {
	found := map[string]bool{}
	for _, id := range t.of("AWS::DynamoDB::Table") {
		r := t.resources()[id]
		name := strings.TrimPrefix(word(at(t.get(id, "TableName"), "Fn::Sub")), "${AWS::StackName}-")
		found[name] = true
		want := map[string]string{
			"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "BillingMode": "PAY_PER_REQUEST",
			"DeletionProtectionEnabled": "true", "PointInTimeRecoveryEnabled": "true",
			"TTL":                 dynamo.AttributeExpires + " true",
			"keys":                dynamo.AttributePart + " HASH " + dynamo.AttributeSort + " RANGE",
			"strings":             dynamo.AttributePart + " S " + dynamo.AttributeSort + " S",
			"secondary indexes":   "",
			"streams":             "",
			"table of the module": "true",
		}
		var keys, attributes []string
		for _, k := range list(t.get(id, "KeySchema")) {
			keys = append(keys, word(at(k, "AttributeName")), word(at(k, "KeyType")))
		}
		for _, a := range list(t.get(id, "AttributeDefinitions")) {
			attributes = append(attributes, word(at(a, "AttributeName")), word(at(a, "AttributeType")))
		}
		got := map[string]string{
			"DeletionPolicy": word(at(r, "DeletionPolicy")), "UpdateReplacePolicy": word(at(r, "UpdateReplacePolicy")),
			"BillingMode": word(t.get(id, "BillingMode")), "DeletionProtectionEnabled": word(t.get(id, "DeletionProtectionEnabled")),
			"PointInTimeRecoveryEnabled": word(t.get(id, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")),
			"TTL":                        word(t.get(id, "TimeToLiveSpecification", "AttributeName")) + " " + word(t.get(id, "TimeToLiveSpecification", "Enabled")),
			"keys":                       strings.Join(keys, " "), "strings": strings.Join(attributes, " "),
			"secondary indexes":   some(t.get(id, "GlobalSecondaryIndexes"), t.get(id, "LocalSecondaryIndexes")),
			"streams":             some(t.get(id, "StreamSpecification")),
			"table of the module": strconv.FormatBool(slices.Contains(dynamo.Tables(), dynamo.Table(name))),
		}
		for what := range want {
			if got[what] != want[what] {
				out = append(out, fmt.Sprintf("%s: %s is %q, want %q", id, what, got[what], want[what]))
			}
		}
	}
	for _, table := range dynamo.Tables() {
		if !found[string(table)] {
			out = append(out, string(table)+": no such table")
		}
	}
	return out
}

func some(values ...any) string {
	for _, v := range values {
		if v != nil {
			return "there"
		}
	}
	return ""
}

// behind returns the function that a route leads to.
func (t template) behind(route string) string {
	integration := holes.FindStringSubmatch(word(at(t.get(route, "Target"), "Fn::Sub")))
	if integration == nil {
		return ""
	}
	return t.started(integration[1])
}

// started returns the function that an integration starts.
func (t template) started(integration string) string {
	for _, id := range uses(t.get(integration, "IntegrationUri")) {
		if word(at(t.resources()[id], "Type")) == functionType {
			return id
		}
	}
	return ""
}

func routed(t template, _ code) (out []string) {
	found := map[string]string{}
	for _, id := range t.of("AWS::ApiGatewayV2::Route") {
		key := word(t.get(id, "RouteKey"))
		found[key] = id
		if routes[key] == "" {
			out = append(out, fmt.Sprintf("%s: nobody asked for %s", id, key))
		} else if got := t.behind(id); got != routes[key] {
			out = append(out, fmt.Sprintf("%s: %s leads to %q, want %s", id, key, got, routes[key]))
		}
	}
	for key := range routes {
		if found[key] == "" {
			out = append(out, key+": no such route")
		}
	}
	for _, id := range t.of("AWS::ApiGatewayV2::Integration") {
		if word(t.get(id, "PayloadFormatVersion")) != "2.0" || word(t.get(id, "IntegrationType")) != "AWS_PROXY" {
			out = append(out, id+": the function reads events of format 2.0")
		}
	}
	for _, f := range t.of(functionType) {
		if len(t.events(f, "HttpApi"))+len(t.events(f, "Api")) > 0 {
			out = append(out, f+": a route of an event waits for the function, whose environment waits for the API")
		}
	}
	return out
}

// found holds the template to what SAM CLI 1.170 needs: it takes a template whose first function stands above the API for one
// without routes, and resolves the ARN of a function that has a name of its own only where it is put together.
func found(t template, _ code) (out []string) {
	if len(t.order) != len(t.resources()) {
		return []string{fmt.Sprintf("Resources: the order of %d is known", len(t.order))}
	}
	place := func(id string) int { return slices.Index(t.order, id) }
	for _, api := range t.of("AWS::ApiGatewayV2::Api") {
		for _, f := range t.of(functionType) {
			if place(f) < place(api) {
				out = append(out, fmt.Sprintf("%s: stands above %s", f, api))
			}
		}
	}
	for _, id := range t.of("AWS::ApiGatewayV2::Integration") {
		if at(t.get(id, "IntegrationUri"), "Fn::GetAtt") != nil {
			out = append(out, id+": its function is not found")
		}
	}
	return out
}

func throttled(t template, _ code) (out []string) {
	keys := map[string]string{}
	for _, id := range t.of("AWS::ApiGatewayV2::Route") {
		keys[word(t.get(id, "RouteKey"))] = id
	}
	for _, stage := range t.of("AWS::ApiGatewayV2::Stage") {
		waits := words(at(t.resources()[stage], "DependsOn"))
		limits, _ := t.get(stage, "RouteSettings").(object)
		for key := range limits {
			if keys[key] == "" || !slices.Contains(waits, keys[key]) {
				out = append(out, fmt.Sprintf("%s: does not wait for the route %s", stage, key))
			}
		}
		for key, id := range keys {
			if number(at(limits[key], "ThrottlingRateLimit")) <= 0 || number(at(limits[key], "ThrottlingBurstLimit")) <= 0 {
				out = append(out, fmt.Sprintf("%s: no throttle", id))
			}
		}
	}
	if n := len(t.of("AWS::ApiGatewayV2::Stage")); n != 1 {
		out = append(out, fmt.Sprintf("Api: %d stages", n))
	}
	return out
}

func permitted(t template, _ code) (out []string) {
	permitted := map[string]bool{}
	for _, id := range t.of("AWS::Lambda::Permission") {
		if word(t.get(id, "Principal")) == "apigateway.amazonaws.com" && strings.HasSuffix(word(at(t.get(id, "SourceArn"), "Fn::Sub")), ":${Api}/*") {
			permitted[ref(t.get(id, "FunctionName"))] = true
		}
	}
	for _, id := range t.of("AWS::ApiGatewayV2::Integration") {
		if !permitted[t.started(id)] {
			out = append(out, id+": the API may not start its function")
		}
	}
	return out
}

// logged are what the access log may hold.
var logged = []string{
	"requestId", "requestTime", "routeKey", "status", "responseLength", "responseLatency", "integration.status", "integrationLatency",
	"error.messageString", "integrationErrorMessage",
}

var variables = regexp.MustCompile(`\$context\.([A-Za-z.]+)`)

func accessLog(t template, _ code) (out []string) {
	for _, stage := range t.of("AWS::ApiGatewayV2::Stage") {
		format := word(t.get(stage, "AccessLogSettings", "Format"))
		var line map[string]string
		if err := json.Unmarshal([]byte(format), &line); err != nil || len(line) == 0 {
			out = append(out, stage+": a line of the access log is not JSON")
		}
		for _, v := range variables.FindAllStringSubmatch(format, -1) {
			if !slices.Contains(logged, v[1]) {
				out = append(out, fmt.Sprintf("%s: the access log holds %s", stage, v[1]))
			}
		}
		if g := ref(t.get(stage, "AccessLogSettings", "DestinationArn")); ref(t.get(g, "RetentionInDays")) == "" {
			out = append(out, stage+": the access log is kept for ever")
		}
	}
	return out
}

// bounds are the seconds that a function may take, least and most: what it waits for, and who waits for it.
var bounds = map[string][2]time.Duration{
	"webhook":          {webhook.Patience + time.Second, 10 * time.Second}, // of the integration
	"zohoConsumer":     {45 * time.Second, 45 * time.Second},
	"hubspotConsumer":  {45 * time.Second, 45 * time.Second},
	"refreshZohoToken": {25 * time.Second, 30 * time.Second}, // its caller's patience
	"getZohoToken":     {30 * time.Second, 45 * time.Second},
	"failureReporter":  {30 * time.Second, digest.Lease - time.Second},
	"renewZohoChannel": {30 * time.Second, 15 * time.Minute},
	"reconcile":        {5 * time.Minute, 15 * time.Minute},

	"whatsappConsumer":     {45 * time.Second, 45 * time.Second},
	"conversionAggregator": {6 * time.Second, 6 * time.Second},
	"conversionApi":        {5 * time.Second, 10 * time.Second}, // of the integration
	"conversionClock":      {5 * time.Minute, 15 * time.Minute},
	"sendWhatsapp":         {20 * time.Second, 55 * time.Second}, // the next minute begins
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func functions(t template, c code) (out []string) {
	all, shared := t.of(functionType), map[string]string{}
	for _, folder := range c.folders {
		if !slices.Contains(all, folder) {
			out = append(out, folder+": the folder is deployed by nobody")
		}
	}
	for _, f := range all {
		complain := func(format string, args ...any) { out = append(out, f+": "+fmt.Sprintf(format, args...)) }
		if !slices.Contains(c.folders, f) || word(t.get(f, "CodeUri")) != path.Join("functions", f) {
			complain("its code is not in functions/%s", f)
		}
		if word(at(t.resources()[f], "Metadata", "BuildMethod")) != "go1.x" {
			complain("it is not built as a Go program")
		}
		if got := word(at(t.get(f, "FunctionName"), "Fn::Sub")); got != "${AWS::StackName}-"+f {
			complain("it is called %s", got)
		}
		group := ref(t.get(f, "LoggingConfig", "LogGroup"))
		if group != capital(f)+"Logs" || word(at(t.get(group, "LogGroupName"), "Fn::Sub")) != "/aws/lambda/${AWS::StackName}-"+f {
			complain("its lines do not go to a log group of its own")
		}
		if ref(t.get(group, "RetentionInDays")) == "" {
			complain("its log group %s keeps lines for ever", group)
		}
		if word(t.get(f, "LoggingConfig", "LogFormat")) != "JSON" {
			complain("its lines are not JSON")
		}
		role := t.role(f)
		if word(at(t.resources()[role], "Type")) != "AWS::IAM::Role" || shared[role] != "" {
			complain("it has no role of its own")
		}
		shared[role] = f
		limit, ok := bounds[f]
		if took := time.Duration(number(t.get(f, "Timeout"))) * time.Second; !ok || took < limit[0] || took > limit[1] {
			complain("a timeout of %s, want %s to %s", took, limit[0], limit[1])
		}
		if number(t.get(f, "MemorySize")) < 128 {
			complain("no memory size")
		}
	}
	return out
}

func scheduled(t template, _ code) (out []string) {
	for _, f := range t.of(functionType) {
		var rates []string
		for _, e := range t.events(f, "ScheduleV2") {
			told := []string{word(e["ScheduleExpression"]), word(e["ScheduleExpressionTimezone"]), word(e["Input"])}
			rates = append(rates, strings.Join(slices.DeleteFunc(told, func(s string) bool { return s == "" }), " "))
			role := ref(e["RoleArn"])
			if word(e["OmitName"]) != "true" {
				out = append(out, f+": the name of its schedule is the same in every stack")
			}
			may := slices.ContainsFunc(t.statements(role), func(s object) bool {
				return slices.Contains(words(s["Action"]), "lambda:InvokeFunction") && slices.Contains(uses(s["Resource"]), f)
			})
			if !may {
				out = append(out, fmt.Sprintf("%s: %s may not start it", f, role))
			}
		}
		for _, e := range t.events(f, "ScheduleV2") {
			if want := optional[f]; !reflect.DeepEqual(e["State"], running(want)) {
				out = append(out, fmt.Sprintf("%s: its schedule does not stand still where there is no %s", f, cmp.Or(want, "reason")))
			}
		}
		if !slices.Equal(rates, schedules[f]) {
			out = append(out, fmt.Sprintf("%s: started at %q, want %q", f, rates, schedules[f]))
		}
	}
	for f := range schedules {
		if t.resources()[f] == nil {
			out = append(out, f+": no such function")
		}
	}
	return out
}

// metric is what an alarm looks at: namespace, name, and the resource that its dimension names.
type metric struct{ namespace, name, of string }

// watched returns what every alarm looks at, with the alarms' ids.
func (t template) watched() map[metric][]string {
	out := map[metric][]string{}
	add := func(id string, m any) {
		dimensions := list(at(m, "Dimensions"))
		key := metric{namespace: text(at(m, "Namespace")), name: word(at(m, "MetricName"))}
		if len(dimensions) == 1 {
			key.of = ref(at(dimensions[0], "Value"))
		}
		out[key] = append(out[key], id)
	}
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		if t.get(id, "Metrics") == nil {
			add(id, at(t.resources()[id], "Properties"))
		}
		for _, m := range list(t.get(id, "Metrics")) {
			if s := at(m, "MetricStat", "Metric"); s != nil {
				add(id, s)
			}
		}
	}
	return out
}

// text returns a word, or the text of a !Sub.
func text(v any) string {
	if s := word(v); s != "" {
		return s
	}
	return word(at(v, "Fn::Sub"))
}

func alarmed(t template, c code) (out []string) {
	watched, dead := t.watched(), t.deadLetters()
	want := func(id, namespace, name, why string) {
		if len(watched[metric{namespace, name, id}]) == 0 {
			out = append(out, fmt.Sprintf("%s: no alarm %s", id, why))
		}
	}
	for _, q := range t.of("AWS::SQS::Queue") {
		if dead[q] == "" {
			want(q, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "when something lies in it")
			continue
		}
		var have []string
		for _, id := range watched[metric{"AWS/SQS", "ApproximateAgeOfOldestMessage", q}] {
			have = append(have, word(t.get(id, "Threshold")))
		}
		slices.SortFunc(have, func(a, b string) int { return number(a) - number(b) })
		if want := ages(q); !slices.Equal(have, want) {
			out = append(out, fmt.Sprintf("%s: alarms at an age of %s s, want %s", q, have, want))
		}
	}
	for _, f := range t.of(functionType) {
		want(f, "AWS/Lambda", "Errors", "when it fails")
		want(f, "AWS/Lambda", "Throttles", "when it is refused")
	}
	for _, f := range []string{"refreshZohoToken", "renewZohoChannel", "conversionClock", "sendWhatsapp"} {
		want(f, "AWS/Lambda", "Invocations", "when it is silent")
		for _, id := range watched[metric{"AWS/Lambda", "Invocations", f}] {
			if word(t.get(id, "TreatMissingData")) != "breaching" {
				out = append(out, id+": silence is what it is to tell")
			}
			if word(at(t.resources()[id], "Condition")) != optional[f] {
				out = append(out, id+": it rings where nothing is to be heard")
			}
		}
	}
	for _, api := range t.of("AWS::ApiGatewayV2::Api") {
		want(api, "AWS/ApiGateway", "4xx", "when senders are turned away")
		want(api, "AWS/ApiGateway", "5xx", "when senders are put off")
	}
	for _, secret := range secrets {
		out = append(out, t.missing(secret, c, watched)...)
	}
	return out
}

// missing complains of a secret whose absence no alarm tells by name, in the lines of every function that reads it.
func (t template) missing(secret string, c code, watched map[metric][]string) (out []string) {
	pattern := `"/` + secret + ` is not in the Parameter Store"`
	var in []string
	for _, id := range t.of("AWS::Logs::MetricFilter") {
		if word(t.get(id, "FilterPattern")) != pattern {
			continue
		}
		in = append(in, ref(t.get(id, "LogGroupName")))
		for _, m := range list(t.get(id, "MetricTransformations")) {
			alarms := watched[metric{text(at(m, "MetricNamespace")), word(at(m, "MetricName")), ""}]
			if !slices.ContainsFunc(alarms, func(a string) bool { return strings.Contains(text(t.get(a, "AlarmName")), secret) }) {
				out = append(out, fmt.Sprintf("%s: no alarm is named after %s", id, secret))
			}
		}
	}
	for f, names := range c.reads {
		if slices.Contains(names, secret) && !slices.Contains(in, capital(f)+"Logs") {
			out = append(out, fmt.Sprintf("%s: nobody looks for a missing %s in its lines", f, secret))
		}
	}
	return out
}

func alarmsTell(t template, _ code) (out []string) {
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		if actions := list(t.get(id, "AlarmActions")); len(actions) != 1 || word(at(t.resources()[ref(actions[0])], "Type")) != "AWS::SNS::Topic" {
			out = append(out, id+": it tells nobody")
		}
		if len(strings.Fields(word(t.get(id, "AlarmDescription")))) < 5 {
			out = append(out, id+": it does not say what is wrong")
		}
		if t.get(id, "TreatMissingData") == nil {
			out = append(out, id+": it does not say what silence means")
		}
		if t.get(id, "Metrics") != nil && word(at(t.resources()[id], "Condition")) != "OnAws" {
			out = append(out, id+": the emulator has no metric math")
		}
	}
	return out
}

// alarmsMend: what the operator's command does nobody is sent to a console for.
func alarmsMend(t template, _ code) (out []string) {
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		description := word(t.get(id, "AlarmDescription"))
		dead := slices.Contains(slices.Collect(maps.Values(t.deadLetters())), ref(at(first(t.get(id, "Dimensions")), "Value")))
		if dead && !strings.Contains(description, "connector redrive") || strings.Contains(description, "console") {
			out = append(out, fmt.Sprintf("%s: it sends people to a console: %s", id, description))
		}
	}
	return out
}

// first returns the first member of a list, nil when there is none.
func first(v any) any {
	if l := list(v); len(l) > 0 {
		return l[0]
	}
	return nil
}

// writers are the functions that write a line which a metric counts; a metric that is not named here is of one function.
var writers = map[string][]string{
	"SetupUnfinished": {"zohoConsumer", "hubspotConsumer", "whatsappConsumer", "sendWhatsapp"},
	"Denied":          {"zohoConsumer", "hubspotConsumer", "whatsappConsumer", "sendWhatsapp"},
	"OurFault":        {"zohoConsumer", "hubspotConsumer", "whatsappConsumer", "sendWhatsapp"},
	"Brake":           {"zohoConsumer", "hubspotConsumer"}, "Untold": {"zohoConsumer", "hubspotConsumer"}, // suite/consumer writes them
	"BudgetLost": {"zohoConsumer", "hubspotConsumer", "reconcile", "whatsappConsumer", "sendWhatsapp"}, // who has a budget of calls
	"StaleKeys":  {"webhook", "conversionApi", "sendWhatsapp"},                                         // who proves tokens
}

func listened(t template, _ code) (out []string) {
	in := map[string][]string{}
	for _, id := range t.of("AWS::Logs::MetricFilter") {
		for _, m := range list(t.get(id, "MetricTransformations")) {
			name := word(at(m, "MetricName"))
			in[name] = append(in[name], ref(t.get(id, "LogGroupName")))
		}
	}
	for name, functions := range writers {
		for _, f := range functions {
			if !slices.Contains(in[name], capital(f)+"Logs") {
				out = append(out, fmt.Sprintf("%s: nobody counts its lines for %s", f, name))
			}
		}
	}
	return out
}

func silenceTold(t template, _ code) (out []string) {
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		if word(t.get(id, "MetricName")) != "Untold" {
			continue
		}
		if span := number(t.get(id, "Period")) * number(t.get(id, "EvaluationPeriods")); span > 3600 || span <= 0 || word(t.get(id, "Threshold")) != "1" {
			out = append(out, fmt.Sprintf("%s: %d s of silence, or more than one change, until it rings", id, span))
		}
	}
	return out
}

// addresses compares the outputs with what the functions are told, with and without a domain in front: the operator's command takes
// the first address of the list for the one that HubSpot is given.
func addresses(t template, _ code) (out []string) {
	for _, domain := range []string{"", "https://hooks.example.com"} {
		s := stack{t, maps.Clone(answers)}
		s.given["PublicBaseUrl"] = domain
		for output, told := range map[string][2]string{"HubspotWebhookUrl": {"webhook", "HUBSPOT_WEBHOOK_URL"}, "ZohoWebhookUrl": {"renewZohoChannel", "ZOHO_WEBHOOK_URL"}} {
			_, has := s.environment(told[0])
			head, _, _ := strings.Cut(has[told[1]], ",")
			given, _ := s.value(at(t.object, "Outputs", output, "Value")).(string)
			if given == "" || given != head || !strings.HasPrefix(given, domain) {
				out = append(out, fmt.Sprintf("%s: %q is given out, and %s is told %q first", output, given, told[0], head))
			}
		}
		base := cmp.Or(domain, "https://Api.execute-api.AWS-Region.amazonaws.com")
		for output, path := range map[string]string{
			"WhatsappWebhookUrl": whatsapp.Path, "ConversionEventsUrl": conversions.EventsPath, "MetricsUrl": conversions.MetricsPath, "MessagesUrl": conversions.MessagesPath,
		} {
			if given, _ := s.value(at(t.object, "Outputs", output, "Value")).(string); given != base+path {
				out = append(out, fmt.Sprintf("%s: %q is given out, want %s", output, given, base+path))
			}
		}
	}
	return out
}

var comparison = regexp.MustCompile(`\$\.([A-Za-z_]+) = "([^"]*)"`)

// filters holds the patterns to the code: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html.
// A pattern in braces compares fields of a line, one in quotes is looked for in the whole line.
func filters(t template, c code) (out []string) {
	watched, fed := t.watched(), map[metric]bool{}
	for _, id := range t.of("AWS::Logs::MetricFilter") {
		complain := func(format string, args ...any) { out = append(out, id+": "+fmt.Sprintf(format, args...)) }
		if word(at(t.resources()[ref(t.get(id, "LogGroupName"))], "Type")) != "AWS::Logs::LogGroup" {
			complain("it looks at no log group of the stack")
		}
		pattern := word(t.get(id, "FilterPattern"))
		switch fields := comparison.FindAllStringSubmatch(pattern, -1); {
		case strings.HasPrefix(pattern, "{"):
			if rest := strings.Trim(comparison.ReplaceAllString(pattern, ""), "{}()&| "); rest != "" || len(fields) == 0 {
				complain("the pattern %s cannot be read", pattern)
			}
			if t.accessed(id) {
				for _, f := range fields {
					if _, has := t.accessLine("GET /", "200")[f[1]]; !has {
						complain("no line of the access log has a field %s", f[1])
					}
				}
				break
			}
			for _, f := range fields {
				if !c.fields[f[1]] {
					complain("no line of the log has a field %s", f[1])
				}
				if !c.writes(strings.Trim(f[2], "*")) {
					complain("no line of the log says %q", f[2])
				}
			}
		default:
			words, err := strconv.Unquote(pattern)
			name, rest, _ := strings.Cut(strings.TrimPrefix(words, "/"), " ")
			if err != nil || !c.writes(name) || !c.writes(" "+rest) {
				complain("no line of the log says %s", pattern)
			}
		}
		for _, m := range list(t.get(id, "MetricTransformations")) {
			key := metric{text(at(m, "MetricNamespace")), word(at(m, "MetricName")), ""}
			if fed[key] = true; len(watched[key]) == 0 {
				complain("no alarm looks at %s", key.name)
			}
			if value := word(at(m, "MetricValue")); value != "1" && !c.fields[strings.TrimPrefix(value, "$.")] {
				complain("no line of the log has the value %s", value)
			}
		}
	}
	for key, alarms := range watched {
		if strings.HasPrefix(key.namespace, "CrmConnector/") && !fed[key] {
			out = append(out, fmt.Sprintf("%s: nothing feeds %s", alarms[0], key.name))
		}
	}
	return out
}

// accessed reports whether a metric filter looks at the access log, which API Gateway writes.
func (t template) accessed(filter string) bool {
	return slices.ContainsFunc(t.of("AWS::ApiGatewayV2::Stage"), func(stage string) bool {
		return ref(t.get(stage, "AccessLogSettings", "DestinationArn")) == ref(t.get(filter, "LogGroupName"))
	})
}

// accessLine is the line of the access log for a request: its fields, with what is not known of it as the gateway writes that.
func (t template) accessLine(route, status string) map[string]string {
	line := map[string]string{}
	for _, stage := range t.of("AWS::ApiGatewayV2::Stage") {
		format := variables.ReplaceAllStringFunc(word(t.get(stage, "AccessLogSettings", "Format")), func(name string) string {
			switch name {
			case "$context.routeKey":
				return route
			case "$context.status":
				return status
			}
			return "-"
		})
		_ = json.Unmarshal([]byte(format), &line) // that it is JSON is a rule of its own
	}
	return line
}

// writes reports whether a text is in a string constant of the code.
func (c code) writes(text string) bool {
	return text != "" && slices.ContainsFunc(c.texts, func(s string) bool { return strings.Contains(s, text) })
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
		value, has := stack{t, answers}.parameter(name)
		switch {
		case !has:
			complain("the test has no value for it")
		case at(p, "AllowedValues") != nil:
			if !slices.Contains(words(at(p, "AllowedValues")), value) {
				complain("%q is not allowed", value)
			}
		case at(p, "AllowedPattern") != nil:
			if m, err := regexp.MatchString(word(at(p, "AllowedPattern")), value); err != nil || !m {
				complain("%q is not allowed", value)
			}
			if at(p, "ConstraintDescription") == nil {
				complain("a refusal does not say what is wanted")
			}
		case at(p, "MinValue") != nil:
			if n := number(value); n < number(at(p, "MinValue")) || n > number(at(p, "MaxValue")) {
				complain("%q is not allowed", value)
			}
		default:
			complain("anything is allowed")
		}
	}
	for name := range grouped {
		out = append(out, name+": no such parameter")
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
