package storetest

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
)

// Oracle is a server, not ours, that stands in for AWS: the suites are run against it through the adapters, so that what the
// stores in memory do is not only our own reading of the vendor's pages.
type Oracle struct {
	Name     string // MiniStack or ElasticMQ
	Endpoint string // http://127.0.0.1:4566
}

// The oracles. `.ci/tools` pins their versions.
const (
	MiniStack = "MiniStack" // all of what the suite calls in AWS; https://pypi.org/project/ministack/
	ElasticMQ = "ElasticMQ" // SQS; https://github.com/softwaremill/elasticmq
)

// OraclesSetting names the setting that Oracles reads; `make suites` sets it.
const OraclesSetting = "ORACLES"

// Oracles reads a list such as "MiniStack=http://127.0.0.1:4566 ElasticMQ=http://127.0.0.1:9324" and returns those of the
// wanted names, in their order. A member that is not of that form fails the test: a misspelled oracle would be one that
// nobody asked.
func Oracles(t *testing.T, list string, wanted ...string) []Oracle {
	var out []Oracle
	for member := range strings.FieldsSeq(list) {
		name, endpoint, _ := strings.Cut(member, "=")
		if name != MiniStack && name != ElasticMQ || endpoint == "" {
			t.Fatalf("%s: %q is no oracle: write %s=http://127.0.0.1:4566", OraclesSetting, member, MiniStack)
		}
		for _, w := range wanted {
			if w == name {
				out = append(out, Oracle{name, endpoint})
			}
		}
	}
	return out
}

// Suite is one suite of this package.
type Suite string

// The suites.
const (
	QueueSuite    Suite = "queue"
	RowSuite      Suite = "rows"
	MailSuite     Suite = "mail"
	SecretSuite   Suite = "secrets"
	FunctionSuite Suite = "functions"
)

// Difference is one rule that an oracle breaks.
type Difference struct {
	Oracle  string
	Suite   Suite
	Rule    string // its name in the suite
	Vendor  string // what AWS does
	Instead string // what the oracle does
}

// Known returns the rules of a suite that an oracle is known to break, by name, and why.
func (o Oracle) Known(s Suite) map[string]string {
	known := map[string]string{}
	for _, d := range Differences {
		if d.Oracle == o.Name && d.Suite == s {
			known[d.Rule] = fmt.Sprintf("AWS: %s; %s: %s", d.Vendor, d.Oracle, d.Instead)
		}
	}
	return known
}

// judge compares what became of a rule with what is known of the implementation.
func judge(t *testing.T, err error, why string, known bool) {
	t.Helper()
	switch {
	case err != nil && !known:
		t.Error(err)
	case err == nil && known:
		t.Errorf("known as broken (%s), but it holds: take it off the list", why)
	case err != nil:
		t.Logf("broken as known: %v", err)
	}
}

// spelled fails for a difference from a rule that no suite has.
func spelled(t *testing.T, known map[string]string, rules func(yield func(string) bool)) {
	t.Helper()
	names := map[string]bool{}
	for name := range rules {
		names[name] = true
	}
	for name := range known {
		if !names[name] {
			t.Errorf("no rule is called %q", name)
		}
	}
}

// rule is one rule of a suite over labs of one kind.
type rule[L any] struct {
	name string
	run  func(L) error
}

// hold runs each rule in a lab of its own.
func hold[L any](t *testing.T, rules []rule[L], known map[string]string, open func(t *testing.T) L) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			why, broken := known[r.name]
			judge(t, r.run(open(t)), why, broken)
		})
	}
	spelled(t, known, func(yield func(string) bool) {
		for _, r := range rules {
			if !yield(r.name) {
				return
			}
		}
	})
}

// want is nil when got is what was wanted.
func want[T comparable](what string, got, wanted T) error {
	if got == wanted {
		return nil
	}
	return fmt.Errorf("%s is %v, want %v", what, got, wanted)
}

// first returns the first error.
func first(errs ...error) error { return cmp.Or(errs...) }
