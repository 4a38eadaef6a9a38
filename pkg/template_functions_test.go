package pkg_test

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/webhook"
)

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

func capital(s string) string { return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):] }

func functions(t template, c code) (out []string) {
	all := t.of(functionType)
	for _, folder := range c.folders {
		if !slices.Contains(all, folder) {
			out = append(out, folder+": the folder is deployed by nobody")
		}
	}
	for _, f := range all {
		if !slices.Contains(c.folders, f) {
			out = append(out, fmt.Sprintf("%s: its code is not in functions/%s", f, f))
		}
		limit, ok := bounds[f]
		if took := time.Duration(number(t.get(f, "Timeout"))) * time.Second; !ok || took < limit[0] || took > limit[1] {
			out = append(out, fmt.Sprintf("%s: a timeout of %s, want %s to %s", f, took, limit[0], limit[1]))
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
