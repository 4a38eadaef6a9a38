package pkg_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/dynamo"
)

func visibility(t template, _ code) (out []string) {
	for _, f := range t.of(functionType) {
		for _, e := range t.events(f, "SQS") {
			q := ref(e["Queue"])
			if has, want := number(t.get(q, "VisibilityTimeout")), 6*number(t.get(f, "Timeout")); has != want || want <= 0 {
				out = append(out, fmt.Sprintf("%s: %d s, six times the timeout of %s is %d s", q, has, f, want))
			}
		}
	}
	return out
}

func mappings(t template, _ code) (out []string) {
	for _, f := range t.of(functionType) {
		var drained []string
		for _, e := range t.events(f, "SQS") {
			drained = append(drained, ref(e["Queue"]))
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
		if !isDead(q) && t.resources()[dead[q]] == nil {
			out = append(out, q+": no dead-letter queue")
		}
		if isDead(q) && !slices.Contains(slices.Collect(maps.Values(dead)), q) {
			out = append(out, q+": nothing falls into it")
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

func tables(t template, _ code) (out []string) {
	found := map[string]bool{}
	for _, id := range t.of("AWS::DynamoDB::Table") {
		name := strings.TrimPrefix(text(t.get(id, "TableName")), "${AWS::StackName}-")
		if found[name] = true; !slices.Contains(dynamo.Tables(), dynamo.Table(name)) {
			out = append(out, fmt.Sprintf("%s: %s is no table of the module", id, name))
		}
	}
	for _, table := range dynamo.Tables() {
		if !found[string(table)] {
			out = append(out, string(table)+": no such table")
		}
	}
	return out
}
