package pkg_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/settings"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The golden files of the template: what a reviewer reads when a right or an alarm changes.
const (
	rightsFile = "testdata/rights.txt"
	alarmsFile = "testdata/alarms.txt"
)

func TestTheTemplatesGoldenFilesAreWrittenOnRequest(t *testing.T) {
	tpl := theTemplate(t)
	for file, lines := range map[string][]string{rightsFile: tpl.rights(), alarmsFile: tpl.alarms()} {
		if len(lines) == 0 {
			t.Errorf("%s: nothing to hold the template to", file)
		}
		if !*update {
			continue
		}
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// golden compares lines with those of a file, whatever their order there.
func golden(file string, lines []string) (out []string) {
	held, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}
	want := strings.Split(strings.TrimSpace(string(held)), "\n")
	for _, l := range lines {
		if !slices.Contains(want, l) {
			out = append(out, l+": not in "+file)
		}
	}
	for _, l := range want {
		if !slices.Contains(lines, l) {
			out = append(out, l+": only in "+file)
		}
	}
	return out
}

// said is a value of the template in one line.
func said(v any) string {
	if s := text(v); s != "" {
		return s
	}
	if id := word(at(v, "Ref")); id != "" {
		return id
	}
	if l := words(at(v, "Fn::GetAtt")); len(l) == 2 {
		return l[0] + "." + l[1]
	}
	line, _ := json.Marshal(v) // keys in order
	return string(line)
}

// owner is whose role it is: a function, or the role itself.
func (t template) owner(role string) string {
	for _, f := range t.of(functionType) {
		if t.role(f) == role {
			return f
		}
	}
	return role
}

// rights returns every right that a role gives: a line for each thing that a function may do something with.
func (t template) rights() []string {
	var lines []string
	for _, role := range t.of("AWS::IAM::Role") {
		may := map[string][]string{} // by thing and condition
		for _, s := range t.statements(role) {
			when := ""
			if s["Effect"] != "Allow" {
				when = " " + said(s["Effect"])
			}
			if s["Condition"] != nil {
				when += " if " + said(s["Condition"])
			}
			for _, thing := range list(s["Resource"]) {
				may[said(thing)+when] = append(may[said(thing)+when], words(s["Action"])...)
			}
		}
		for thing, actions := range may {
			slices.Sort(actions)
			lines = append(lines, t.owner(role)+" | "+thing+" | "+strings.Join(slices.Compact(actions), " "))
		}
	}
	slices.Sort(lines)
	return lines
}

func rightsHeld(t template, _ code) []string { return golden(rightsFile, t.rights()) }

// vocabulary are all the actions that the adapters call, with what each is done to: what the ARN ends in, or the kind of the resource.
// A transaction of DynamoDB is allowed by the rights to put and to delete.
var vocabulary = map[string]string{
	"dynamodb:GetItem": "AWS::DynamoDB::Table", "dynamodb:BatchGetItem": "AWS::DynamoDB::Table", "dynamodb:Query": "AWS::DynamoDB::Table",
	"dynamodb:PutItem": "AWS::DynamoDB::Table", "dynamodb:DeleteItem": "AWS::DynamoDB::Table",
	"sqs:SendMessage*": "AWS::SQS::Queue", "sqs:ReceiveMessage": "AWS::SQS::Queue", "sqs:DeleteMessage": "AWS::SQS::Queue",
	"sqs:ChangeMessageVisibility*": "AWS::SQS::Queue", "sqs:GetQueueAttributes": "AWS::SQS::Queue",
	"lambda:InvokeFunction": functionType,
	"logs:CreateLogStream":  "AWS::Logs::LogGroup", "logs:PutLogEvents": "AWS::Logs::LogGroup",
	"ssm:GetParameters": ":parameter/${AWS::StackName}/[A-Z_]+$", "ses:SendRawEmail": `:(identity|configuration-set)/\$\{[A-Za-z]+\}$`,
	"xray:PutTraceSegments": "", "xray:PutTelemetryRecords": "",
}

// worded is a right in the form that the golden file knows: an allowance of actions that are called, on things of this stack and account.
func worded(t template, _ code) (out []string) {
	for _, role := range t.of("AWS::IAM::Role") {
		complain := func(format string, args ...any) { out = append(out, role+": "+fmt.Sprintf(format, args...)) }
		if len(t.statements(role)) == 0 {
			complain("it allows nothing")
		}
		for _, p := range list(t.get(role, "Policies")) {
			if v := word(at(p, "PolicyDocument", "Version")); v != policies {
				complain("a policy of %s knows no variables", v)
			}
		}
		for _, s := range t.statements(role) {
			for name := range s {
				if !slices.Contains([]string{"Sid", "Effect", "Action", "Resource", "Condition"}, name) {
					complain("%s says what is not meant instead of what is", name)
				}
			}
			if word(s["Effect"]) != "Allow" || len(words(s["Action"])) == 0 || s["Resource"] == nil {
				complain("%s is no allowance", said(s["Sid"]))
			}
			for _, a := range words(s["Action"]) {
				to, called := vocabulary[a]
				if !called {
					complain("nothing of the suite calls %s", a)
				}
				for _, thing := range list(s["Resource"]) {
					if called && !t.fits(thing, to) {
						complain("%s is not done to %s", a, said(thing))
					}
				}
			}
		}
	}
	return out
}

// fits reports whether a resource of a policy is a thing of the stack of that kind, or an ARN of this account with that end.
func (t template) fits(thing any, kind string) bool {
	switch {
	case kind == "":
		return word(thing) == "*"
	case strings.HasPrefix(kind, "AWS::"):
		l := words(at(thing, "Fn::GetAtt"))
		return len(l) == 2 && l[1] == "Arn" && word(at(t.resources()[l[0]], "Type")) == kind
	}
	arn := word(at(thing, "Fn::Sub"))
	if l := list(at(thing, "Fn::Sub")); len(l) == 2 {
		arn = word(l[0])
	}
	return strings.HasPrefix(arn, "arn:${AWS::Partition}:") && strings.Contains(arn, ":${AWS::Region}:${AWS::AccountId}:") &&
		regexp.MustCompile(strings.ReplaceAll(kind, "${AWS::StackName}", regexp.QuoteMeta("${AWS::StackName}"))).MatchString(arn)
}

// trusted says who may take a role: Lambda each function's, the scheduler its own for this account alone.
func trusted(t template, _ code) (out []string) {
	for _, role := range t.of("AWS::IAM::Role") {
		want := object{"Effect": "Allow", "Principal": object{"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
		if t.owner(role) == role {
			want["Principal"] = object{"Service": "scheduler.amazonaws.com"}
			want["Condition"] = object{"StringEquals": object{"aws:SourceAccount": object{"Ref": "AWS::AccountId"}}}
			if !slices.Equal(t.does(role), []string{"lambda:InvokeFunction"}) {
				out = append(out, role+": the clock does more than to start functions")
			}
		}
		if got := said(t.get(role, "AssumeRolePolicyDocument", "Statement")); got != said([]any{want}) {
			out = append(out, fmt.Sprintf("%s: it is given to %s", role, got))
		}
	}
	return out
}

// does returns the actions that a role allows, each once.
func (t template) does(role string) []string {
	all := map[string]bool{}
	for _, s := range t.statements(role) {
		for _, a := range words(s["Action"]) {
			all[a] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// sender says that a mail is sent in the name of REPORT_FROM alone, whoever it goes to.
func sender(t template, _ code) (out []string) {
	want := said(object{"StringEqualsIgnoreCase": object{"ses:FromAddress": object{"Ref": "ReportFrom"}}})
	for _, role := range t.of("AWS::IAM::Role") {
		for _, s := range t.statements(role) {
			mails := slices.ContainsFunc(words(s["Action"]), func(a string) bool { return strings.HasPrefix(a, "ses:") })
			if got := said(s["Condition"]); mails && got != want {
				out = append(out, fmt.Sprintf("%s: it sends mail in any name: %s", role, got))
			}
			if !mails && s["Condition"] != nil {
				out = append(out, fmt.Sprintf("%s: nobody knows whether %s is ever true", role, said(s["Condition"])))
			}
		}
	}
	return out
}

// drains says that a consumer can do with its own queue what Lambda does for it, and nobody else takes from a queue.
func drains(t template, _ code) (out []string) {
	takes := []string{"sqs:ChangeMessageVisibility*", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
	for _, f := range t.of(functionType) {
		own := consumers[f]
		has := t.allowed(t.role(f), own)
		for _, a := range takes {
			if own != "" && !slices.Contains(has, a) {
				out = append(out, fmt.Sprintf("%s: it drains %s without %s", f, own, a))
			}
		}
		for _, q := range t.of("AWS::SQS::Queue") {
			for _, a := range t.allowed(t.role(f), q) {
				if q != own && slices.Contains(takes, a) && a != "sqs:GetQueueAttributes" {
					out = append(out, fmt.Sprintf("%s: %s takes from %s, which another one drains", f, a, q))
				}
			}
		}
	}
	return out
}

// allowed returns the actions that a role allows on a resource.
func (t template) allowed(role, id string) (out []string) {
	for _, s := range t.statements(role) {
		for _, thing := range list(s["Resource"]) {
			if ref(thing) == id && id != "" {
				out = append(out, words(s["Action"])...)
			}
		}
	}
	return out
}

// encrypted: every queue refuses what comes without TLS, and its policy says nothing else.
func encrypted(t template, _ code) (out []string) {
	covered := map[string]bool{}
	for _, id := range t.of("AWS::SQS::QueuePolicy") {
		var q string
		if all := list(t.get(id, "Queues")); len(all) == 1 {
			q = ref(all[0])
		}
		want := said([]any{object{
			"Sid": "OnlyEncrypted", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": object{"Fn::GetAtt": []any{q, "Arn"}},
			"Condition": object{"Bool": object{"aws:SecureTransport": "false"}},
		}})
		if got := said(t.get(id, "PolicyDocument", "Statement")); got != want {
			out = append(out, fmt.Sprintf("%s: it is more than a refusal of what is not encrypted: %s", id, got))
		}
		if word(at(t.resources()[id], "Condition")) != "OnAws" {
			out = append(out, id+": it holds on AWS, and an emulator has no TLS")
		}
		covered[q] = true
	}
	for _, q := range t.of("AWS::SQS::Queue") {
		if !covered[q] {
			out = append(out, q+": it takes what is not encrypted")
		}
	}
	return out
}

// readers says that a secret is read by one call alone, and by those that ask for it: the names are compared by secretsGranted.
func readers(t template, c code) (out []string) {
	for _, role := range t.of("AWS::IAM::Role") {
		f := t.owner(role)
		for _, s := range t.statements(role) {
			for _, thing := range list(s["Resource"]) {
				line := said(thing)
				i := strings.LastIndex(line, ":parameter/")
				if i < 0 {
					continue
				}
				if !slices.Equal(words(s["Action"]), []string{"ssm:GetParameters"}) {
					out = append(out, fmt.Sprintf("%s: %s on %s", f, words(s["Action"]), line[i:]))
				}
				name := line[strings.LastIndex(line, "/")+1:]
				if !slices.Contains(secrets, name) || !slices.Contains(c.reads[f], name) {
					out = append(out, fmt.Sprintf("%s: it reads %s and does not need it", f, name))
				}
			}
		}
		if slices.Contains(t.does(role), "ssm:GetParameters") && !slices.Contains(c.reads[f], settings.SecretsPath) {
			out = append(out, f+": it reads secrets and does not know where they are")
		}
	}
	return out
}
