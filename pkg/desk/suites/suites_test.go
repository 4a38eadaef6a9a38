package suites

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/storetest"
)

// said is what `go test -json` says of one rule.
func said(pkg, test, action string) string {
	return fmt.Sprintf(`{"Action":"run","Package":"crm-connector/%[1]s","Test":%[2]q}
{"Action":"output","Package":"crm-connector/%[1]s","Test":%[2]q,"Output":"    why %[3]s\n"}
{"Action":%[3]q,"Package":"crm-connector/%[1]s","Test":%[2]q}
`, pkg, test, action)
}

// everywhere says that the rules passed in every suite.
func everywhere() (out string) {
	for _, p := range places {
		for _, oracle := range p.oracles {
			for range 20 {
				out += said(p.pkg, test+"/"+oracle+"/a_rule", "pass")
			}
		}
		out += said(p.pkg, test, "pass")
	}
	return out
}

func TestAllIsWellWhenEveryRuleOfEverySuitePassed(t *testing.T) {
	var out bytes.Buffer
	tally, err := count(strings.NewReader(everywhere()))
	if err != nil || !tally.print(&out, time.Minute) {
		t.Errorf("%v\n%s", err, &out)
	}
	want := fmt.Sprintf("120 of 120 rules as known, %d differences, 1m0s\n", len(storetest.Differences))
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("it ends with %.200q, want %q", out.String()[max(0, out.Len()-200):], want)
	}
	for _, d := range storetest.Differences {
		if !strings.Contains(out.String(), d.Rule) || !strings.Contains(out.String(), d.Instead) {
			t.Errorf("%s: %s is not printed", d.Oracle, d.Rule)
		}
	}
}

func TestARuleThatFailedIsShownWithItsReason(t *testing.T) {
	var out bytes.Buffer
	failed := said("pkg/adapter/dynamo", test+"/MiniStack/another_rule", "fail") + said("pkg/adapter/dynamo", test+"/MiniStack", "fail")
	tally, err := count(strings.NewReader(everywhere() + failed))
	if err != nil || tally.print(&out, time.Minute) {
		t.Errorf("%v: taken for right", err)
	}
	if text := out.String(); !strings.Contains(text, "why fail") || !strings.Contains(text, "120 of 121 rules as known") {
		t.Errorf("printed\n%s", text)
	}
}

func TestASuiteThatWasNotRunIsNotTakenForOneThatHolds(t *testing.T) {
	for name, text := range map[string]string{
		"one oracle was left out": strings.ReplaceAll(everywhere(), "ElasticMQ", "in process"),
		"one did not build":       strings.ReplaceAll(everywhere(), "pkg/adapter/mail", "pkg/adapter/other") + `{"Action":"fail","Package":"crm-connector/pkg/adapter/mail"}`,
	} {
		tally, err := count(strings.NewReader(text))
		if err != nil || tally.print(&bytes.Buffer{}, time.Minute) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnOracleThatIsNotInstalledIsNamedWithTheCommandThatInstallsIt(t *testing.T) {
	for i, tool := range []string{"ministack", "elasticmq"} {
		if _, err := starters[i](t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), ".ci/tools "+tool) {
			t.Errorf("%s: %v", tool, err)
		}
	}
}
