package pkg_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// transformed are the kinds that the transform of SAM makes of a function and of its events.
var transformed = map[string]string{
	functionType: "AWS::Lambda::Function", "SQS": "AWS::Lambda::EventSourceMapping", "ScheduleV2": "AWS::Scheduler::Schedule",
}

// made counts the resources that a stack creates, by kind.
func (s stack) made() map[string]int {
	out := map[string]int{}
	add := func(kind string) {
		if as := transformed[kind]; as != "" {
			kind = as
		}
		out[kind]++
	}
	for _, r := range s.resources() {
		if condition := word(at(r, "Condition")); condition != "" && !s.holds(at(s.object, "Conditions", condition)) {
			continue
		}
		add(word(at(r, "Type")))
		events, _ := at(r, "Properties", "Events").(object)
		for _, e := range events {
			add(word(at(e, "Type")))
		}
	}
	return out
}

// creation is the section of the page: what is created by kind, with the least and with every option, and the functions.
func creation(t *testing.T) string {
	t.Helper()
	tpl := theTemplate(t)
	least, most := maps.Clone(answers), maps.Clone(answers)
	maps.Copy(most, map[string]string{
		"WhatsappPhoneNumberId": "106540352242922", "ConversionsJwtIssuer": "https://issuer.example", "AlarmEmail": "duty@example.com",
		"PublicBaseUrl": "https://hooks.example.com", "ReserveConcurrency": "true", "Slack": "true",
	})
	few, all := stack{tpl, least}.made(), stack{tpl, most}.made()
	var b strings.Builder
	b.WriteString("| kind | alone | with every option |\n|---|---|---|\n")
	sum := [2]int{}
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "| `%s` | %d | %d |\n", kind, few[kind], all[kind])
		sum[0], sum[1] = sum[0]+few[kind], sum[1]+all[kind]
	}
	fmt.Fprintf(&b, "| in all | %d | %d |\n\n", sum[0], sum[1])
	b.WriteString("| function | MB | seconds | lines of `main.go` |\n|---|---|---|---|\n")
	for _, f := range tpl.of(functionType) {
		text, err := os.ReadFile("../functions/" + f + "/main.go")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %d |\n", f, word(tpl.get(f, "MemorySize")), word(tpl.get(f, "Timeout")), bytes.Count(text, []byte("\n")))
	}
	return b.String()
}

func TestThePageOfTheRehearsalCountsWhatADeploymentCreates(t *testing.T) {
	const page = "docs/rehearsal.md"
	if want := creation(t); !strings.Contains(readPages(t)[page], "\n\n"+want) {
		t.Errorf("%s does not say:\n%s", page, want)
	}
}

func TestThePageOfTheDeploymentSaysHowManyMetricsAreLookedAt(t *testing.T) {
	tpl, alarms, ours := theTemplate(t), 0, map[string]bool{}
	for _, id := range tpl.of("AWS::CloudWatch::Alarm") {
		metrics := 0
		for _, m := range list(tpl.get(id, "Metrics")) {
			if at(m, "MetricStat") != nil {
				metrics++
			}
		}
		alarms += max(metrics, 1)
	}
	for _, id := range tpl.of("AWS::Logs::MetricFilter") {
		ours[word(at(first(tpl.get(id, "MetricTransformations")), "MetricName"))] = true
	}
	want := fmt.Sprintf("its alarms look at %d metrics, for 0.10 USD each a month, and of %d that the logs tell each costs 0.30 USD in a month with lines", alarms, len(ours))
	if !strings.Contains(readPages(t)["docs/deploy.md"], want) {
		t.Errorf("docs/deploy.md does not say: %s", want)
	}
}

func TestAStackCountsWhatItsConditionsLetIn(t *testing.T) {
	tpl := theTemplate(t)
	with := func(name, value string) map[string]int {
		given := maps.Clone(answers)
		given[name] = value
		return stack{tpl, given}.made()
	}
	least := stack{tpl, answers}.made()
	for _, c := range []struct {
		name, value, kind string
		more              int
	}{
		{"AlarmEmail", "duty@example.com", "AWS::SNS::Subscription", 1},
		{"WhatsappPhoneNumberId", "106540352242922", "AWS::CloudWatch::Alarm", 1}, // the silent sender
		{"AwsEndpointUrl", "http://127.0.0.1:4566", "AWS::SQS::QueuePolicy", -len(tpl.of("AWS::SQS::QueuePolicy"))},
	} {
		if got := with(c.name, c.value)[c.kind] - least[c.kind]; got != c.more {
			t.Errorf("with %s %d more %s, want %d", c.name, got, c.kind, c.more)
		}
	}
	if n := least["AWS::Lambda::EventSourceMapping"]; n != len(consumers) {
		t.Errorf("%d queues are drained, want %d", n, len(consumers))
	}
}
