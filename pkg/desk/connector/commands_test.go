package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/digest"
)

func TestEveryCommandExplainsItselfWithExamples(t *testing.T) {
	t.Setenv("COLUMNS", "100")
	b := stage(t)
	parser, err := kong.New(&commandLine{})
	b.must(err)
	text := b.bare("--help").out
	n := 0
	for _, leaf := range parser.Model.Leaves(true) {
		n++
		path := strings.Fields(leaf.Path())
		path = slices.DeleteFunc(path, func(s string) bool { return strings.HasPrefix(s, "[") || strings.HasPrefix(s, "<") })
		r := b.bare(append(path, "--help")...)
		if r.code != ExitOK || !strings.Contains(r.out, "Examples:") || !strings.Contains(r.out, "connector "+path[0]) {
			t.Errorf("%v: exit %d, %s", path, r.code, r.out)
		}
		text += "\n$ connector " + strings.Join(path, " ") + " --help\n" + r.out
	}
	if n < 18 {
		t.Errorf("only %d commands", n)
	}
	golden(t, "help.txt", text)
}

func TestAWrongCommandLineDoesNothing(t *testing.T) {
	b := stage(t)
	b.unchanged("a wrong command line", func() {
		for line, want := range map[string]string{
			"mode sett":                                    "unexpected argument sett",
			"mode set onn":                                 "must be one of",
			"sync":                                         "expected",
			"sync hubspot":                                 "say which: ids, or --all",
			"sync hubspot 1 --all":                         "say which: ids, or --all",
			"sync salesforce 1":                            `"salesforce" is no system`,
			"sync hubspot x1":                              "digits only",
			"sync hubspot 1 --since 2026":                  `"2026" is no time: write a day, 2026-11-22 (from midnight, UTC), or 2026-11-22T08:00:00Z`,
			"sync hubspot --all --since 22.11.":            "is no time: write a day",
			"sync hubspot 1 --since 2026-11-22":            "--since goes with --all",
			"sync hubspot --all --since 2026-11-24":        "--since 2026-11-24T00:00:00Z lies ahead: it is 2026-11-23T",
			"sync zoho --all --since 2027-01-01T08:00:00Z": "lies ahead",
			"explain zoho 12345678901234567890123":         "digits only, 20 at most",
			"explain hubspot abc":                          "digits only, 20 at most",
			"doctor --test-record abc":                     "an id of hubspot has digits only, 20 at most",
			"parked replay":                                "say which: ids, --class NAME or --all",
			"parked replay a --all":                        "say which",
			"parked list --class none":                     `there is no class "none"`,
			"link 1":                                       "give a HubSpot id and a Zoho id, or --dry-run",
			"link 1 2 --dry-run":                           "leave ids and --company out",
			"mapping check nowhere.yaml":                   "no such file",
			"doctor --secret-file nowhere":                 "--secret-file",
			"doctor --connection other":                    `has the connection main alone, and no "other"`,
			"setup zoho --connection other":                `no "other"`,
		} {
			r := b.run(strings.Fields(line)...)
			if r.code != ExitUsage || !strings.Contains(r.err, want) {
				t.Errorf("%s: exit %d, %s%s", line, r.code, r.out, r.err)
			}
		}
		if r := b.bare("doctor"); r.code != ExitUsage || !strings.Contains(r.err, "name the stack") {
			t.Errorf("no stack: exit %d, %s", r.code, r.err)
		}
		if r := b.bare("doctor", "--stack", "a", "--desk", "http://127.0.0.1:1"); r.code != ExitUsage {
			t.Errorf("two stacks: exit %d, %s", r.code, r.err)
		}
	})
}

func TestAStackOfAnotherVersionIsLeftAlone(t *testing.T) {
	b := stage(t)
	b.version = "0.3.0"
	b.unchanged("the command of another version", func() {
		for _, line := range []string{"mode", "doctor", "parked list", "pause", "sync hubspot 1", "setup zoho", "link 1 2"} {
			r := b.run(strings.Fields(line)...)
			if r.code != ExitVersion || !strings.Contains(r.err, "is of version 0.3.0, this command of 0.2.0") || r.out != "" {
				t.Errorf("%s: exit %d, %s%s", line, r.code, r.out, r.err)
			}
		}
		if r := b.run("pause", "--force"); r.code != ExitVersion {
			t.Errorf("--force lets it change: exit %d", r.code)
		}
		if r := b.run("mode", "--force"); r.code != ExitOK || !strings.Contains(r.err, "looking only") {
			t.Errorf("--force: exit %d, %s", r.code, r.err)
		}
	})
	b.version = ""
	if r := b.run("mode"); r.code != ExitUsage || !strings.Contains(r.err, "Deploy it") {
		t.Errorf("no stack: exit %d, %s", r.code, r.err)
	}
}

func TestTheModeIsShownAndChanged(t *testing.T) {
	b := stage(t)
	has(t, b.want(ExitOK, "mode"), "on: the mode in which the stack started")
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "mode", "set", "observe", "--plan"), "plan   the mode is observe (was on)")
	})
	has(t, b.want(ExitOK, "mode", "set", "observe"), "done   the mode is observe (was on)", "within a minute")
	b.unchanged("the second time", func() { has(t, b.want(ExitOK, "mode", "set", "observe"), "as is  the mode is observe") })
	has(t, b.want(ExitOK, "pause"), "done   the mode is off (was observe)")
	has(t, b.want(ExitOK, "mode"), "off: paused 2026-11-23T")
	b.unchanged("off after a pause", func() { has(t, b.want(ExitOK, "mode", "set", "off"), "as is  the mode is off") })
	b.unchanged("the second pause", func() { has(t, b.want(ExitOK, "pause"), "as is") })
	b.unchanged("a stack that is off", func() {
		for _, line := range []string{"sync hubspot 1", "parked replay --all", "import", "link 1 2"} {
			has(t, b.want(ExitFinding, strings.Fields(line)...), "the stack is off")
		}
	})
	has(t, b.want(ExitOK, "resume"), "done   the mode is on (was off)", "next   reconcile brings in step what changed meanwhile, within the hour",
		"sooner: connector sync hubspot --all --since 2026-11-23T", "sooner: connector sync zoho --all --since 2026-11-23T", "Z --stack shop")
	if out := b.want(ExitOK, "mode", "--json"); !strings.Contains(out, `"mode": "on"`) {
		t.Error(out)
	}
}

// Whoever looks at the decisions first, before the stack writes again, is told of the pause all the same.
func TestALookBetweenPauseAndOnForgetsNothingOfThePause(t *testing.T) {
	for _, tt := range []struct {
		row   string
		steps []string
	}{
		{"on", []string{"pause", "resume --observe", "mode set on"}},
		{"on", []string{"mode set off", "mode set observe", "resume"}},
		{"observe field phone was cleared 21 times in 10m0s", []string{"pause", "mode set observe", "resume"}},
		{"observe field phone was cleared 21 times in 10m0s", []string{"pause", "mode set observe", "resume --observe", "mode set on"}},
	} {
		b := stage(t)
		b.set(config.Mode, tt.row)
		at := b.Clock.Now().UTC().Format(time.RFC3339)
		last := len(tt.steps) - 1
		for _, step := range tt.steps[:last] {
			b.want(ExitOK, strings.Fields(step)...)
			b.Clock.Advance(time.Hour)
		}
		has(t, b.want(ExitOK, "mode", "--json"), `"why": "paused `+at+`"`)
		has(t, b.want(ExitOK, strings.Fields(tt.steps[last])...), "sooner: connector sync hubspot --all --since "+at, "sooner: connector sync zoho --all --since "+at)
	}
	b := stage(t)
	b.want(ExitOK, "pause")
	at := b.Clock.Now().UTC().Format(time.RFC3339)
	b.want(ExitOK, "resume", "--observe")
	if out := b.want(ExitOK, "mode"); out != "observe: nothing is written since it was paused "+at+"\n" {
		t.Error(out)
	}
	hasNot(t, b.want(ExitOK, "doctor"), "brake")
}

func TestNothingButResumeLetsGoOfTheBrake(t *testing.T) {
	const why = "field phone was cleared 21 times in 10m0s"
	for _, steps := range [][]string{{"pause"}, {"mode set off"}, {"mode set observe"}, {"pause", "mode set observe"}, {"pause", "pause", "mode set observe", "mode set off"}} {
		b := stage(t)
		b.set(config.Mode, "observe "+why)
		for _, step := range steps {
			b.want(ExitOK, strings.Fields(step)...)
		}
		has(t, b.want(ExitUsage, "mode", "set", "on"), "the brake was pulled: "+why, "connector resume")
		has(t, b.want(ExitOK, "mode"), "the brake was pulled, "+why)
		has(t, b.want(ExitFinding, "doctor"), "fault  brake                it was pulled, and the stack ", why)
		has(t, b.want(ExitOK, "resume", "--observe"), "done   the mode is observe")
		hasNot(t, b.want(ExitOK, "mode"), "brake")
		has(t, b.want(ExitOK, "mode", "set", "on"), "done   the mode is on")
	}
}

func TestAPauseOfAStackWhoseBrakeWasPulledSaysBoth(t *testing.T) {
	b := stage(t)
	b.set(config.Mode, "observe field phone was cleared 21 times in 10m0s")
	has(t, b.want(ExitOK, "pause"), "note   the brake was pulled and stays so until connector resume: field phone", "done   the mode is off (was observe)")
	at := b.Clock.Now().UTC().Format(time.RFC3339)
	has(t, b.want(ExitOK, "mode"), "off: paused "+at+"; the brake was pulled, field phone was cleared 21 times in 10m0s")
	has(t, b.want(ExitOK, "mode", "--json"), `"brake": true`, `"pulled": "field phone was cleared`, `"why": "paused `+at+`"`)
	b.Clock.Advance(rest)
	b.want(ExitOK, "setup", "key", "--plan")
	has(t, b.want(ExitOK, "resume"), "done   the mode is on (was off)", "--since "+at)
}

func TestResumeLetsGoOfTheBrake(t *testing.T) {
	b := stage(t)
	b.set(config.Mode, "observe 2001 records were overwritten in an hour")
	counter := row.Key{Part: "config", Sort: "brake#main#overwritten"}
	b.must(b.Tables[sandbox.Config].Put(t.Context(), row.Put{Key: counter, Value: []byte{2}, Expires: b.Clock.Now().Add(time.Hour)}))
	ledger := &digest.Ledger{Store: b.Tables[sandbox.Parked], Now: b.Clock.Now}
	told := fault.Parked{
		ID: "brake-2", Connection: "main", Field: "phone", Class: fault.Setup, Code: fault.CauseCleared, Message: "field phone was cleared 21 times in 10m0s",
		Hint: fault.HintBrake, Count: 21,
	}
	b.must(ledger.Open(t.Context(), told))
	has(t, b.want(ExitOK, "mode"), "observe: the brake was pulled, 2001 records")
	has(t, b.want(ExitUsage, "mode", "set", "on"), "the brake was pulled", "connector resume")
	has(t, b.want(ExitOK, "parked"), "brake-2  setup  the stack  phone", "BRAKE_CLEARED field phone was cleared 21 times")
	has(t, b.want(ExitOK, "parked", "replay", "--all"), "row brake-2 is about the brake: mend what pulled it, then connector resume --stack shop closes it", "as is  no record to replay")
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "resume", "--plan"), "plan   closed 1 row about the brake", "plan   forgot 1 counter of the brake", "plan   the mode is on")
	})
	has(t, b.want(ExitOK, "resume"), "done   closed 1 row about the brake", "done   forgot 1 counter of the brake", "done   the mode is on (was observe)")
	has(t, b.want(ExitOK, "parked"), "nothing is parked")
	rows, err := b.Tables[sandbox.Config].Get(t.Context(), counter)
	b.must(err)
	if rows[0].Version != 0 {
		t.Error("the counter is still there")
	}
	b.must(ledger.Open(t.Context(), told)) // let go of by hand: whoever switches the stack on has seen to it
	b.set(config.Mode, "observe")
	has(t, b.want(ExitOK, "mode", "set", "on"), "done   closed 1 row about the brake", "done   the mode is on")
	has(t, b.want(ExitOK, "parked"), "nothing is parked")
	b.set(config.Mode, "nonsense")
	has(t, b.want(ExitFinding, "mode"), "none of off, observe and on", "connector mode set")
}

// file writes a file and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAMappingIsCheckedLineByLine(t *testing.T) {
	b := stage(t)
	text := string(mapping.DefaultYAML())
	wrong := strings.Replace(strings.Replace(text, "policy: to-zoho", "policy: to-zohoo", 1), "type: email", "type: emial", 1)
	path := file(t, "my.yaml", wrong)
	r := b.bare("mapping", "check", path)
	if r.code != ExitFinding {
		t.Errorf("exit %d, %s", r.code, r.err)
	}
	golden(t, "mapping.txt", strings.ReplaceAll(r.out, path, "my.yaml"))
	b.unchanged("a wrong mapping", func() { has(t, b.want(ExitFinding, "mapping", "apply", path), "line ", "emial") })
	if r := b.bare("mapping", "check", file(t, "good.yaml", text)); r.code != ExitOK || !strings.Contains(r.out, "good, version ") {
		t.Errorf("exit %d, %s%s", r.code, r.out, r.err)
	}
	var out struct{ Faults []string }
	b.must(json.Unmarshal([]byte(b.bare("mapping", "check", path, "--json").out), &out))
	if len(out.Faults) != 2 || !strings.HasPrefix(out.Faults[0], "line ") {
		t.Errorf("%q", out.Faults)
	}
}

func TestAMappingIsPutInForceOnceBothCRMsHaveItsProperties(t *testing.T) {
	b := stage(t)
	text := strings.Replace(string(mapping.DefaultYAML()), "      hubspot: twitterhandle\n", "      hubspot: linkedinbio\n", 1)
	good := file(t, "good.yaml", text)
	foreign := file(t, "foreign.yaml", strings.Replace(text, "linkedinbio", "mastodon", 1))
	b.unchanged("a mapping that a CRM cannot hold", func() {
		has(t, b.want(ExitFinding, "mapping", "apply", foreign), "contact twitter: mastodon does not exist in hubspot", "refused: nothing was stored")
		has(t, b.want(ExitFinding, "mapping", "check", foreign, "--live"), "mastodon does not exist")
	})
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "mapping", "apply", good, "--plan"), "~ contact twitter: linkedinbio ↔ Twitter, newest (was twitterhandle ↔ Twitter, newest)", "plan   mapping ")
	})
	has(t, b.want(ExitOK, "mapping", "apply", good), "done   mapping ", "is in force as row 1")
	b.unchanged("the second time", func() { has(t, b.want(ExitOK, "mapping", "apply", good), "as is  mapping ", "row 1") })
	has(t, b.want(ExitOK, "mapping", "show"), "row 1", "linkedinbio")
	if out := b.want(ExitOK, "mapping", "show", "--yaml"); out != text {
		t.Error("another text comes back")
	}
	rows, err := b.Tables[sandbox.Config].Get(t.Context(), row.Key{Part: "config", Sort: config.Fields})
	b.must(err)
	has(t, string(rows[0].Value), "linkedinbio")
	b.Clock.Advance(time.Minute)
	hub, zo := b.rossi()
	b.must(b.HubSpot.Edit(crm.Contacts, hub, props{"linkedinbio": "buys"}))
	b.settle()
	if p, _ := b.Zoho.Props(crm.Contacts, zo); p["Twitter"] != "buys" {
		t.Errorf("the functions do not go by it: %v", p["Twitter"])
	}
	has(t, b.want(ExitOK, "mapping", "apply", foreign, "--offline"), "is in force as row 2")
	if r := b.bare("mapping", "show", "--default", "--yaml"); r.out != string(mapping.DefaultYAML()) {
		t.Error("the built-in one is another")
	}
}

func TestParkedOperationsAreListedAndReplayed(t *testing.T) {
	b := stage(t)
	has(t, b.want(ExitOK, "parked"), "nothing is parked")
	hub, zo := b.rossi()
	b.must(b.HubSpot.Edit(crm.Contacts, hub, props{"salutation": "Commendatore"}))
	b.settle()
	r := b.run("parked", "list")
	golden(t, "parked.txt", r.out)
	hasNot(t, r.out, "Commendatore", "Rossi", "acme")
	var out struct{ Parked []parkedRow }
	b.must(json.Unmarshal([]byte(b.want(ExitOK, "parked", "list", "--class", "refused", "--json")), &out))
	if len(out.Parked) != 1 || out.Parked[0].Field != "salutation" || out.Parked[0].Record != "hubspot/contact/"+hub || out.Parked[0].TargetID != zo {
		t.Fatalf("%+v", out.Parked)
	}
	has(t, b.want(ExitOK, "parked", "list", "--class", "ours"), "nothing is parked")
	b.unchanged("--plan", func() { has(t, b.want(ExitOK, "parked", "replay", "--all", "--plan"), "plan   queued 1 record") })
	has(t, b.want(ExitFinding, "parked", "replay", "nobody"), "no open row has the id nobody")
	b.must(b.HubSpot.Set(crm.Contacts, hub, props{"salutation": "Dr."})) // heard of by nobody
	has(t, b.want(ExitOK, "parked", "replay", out.Parked[0].ID), "done   queued 1 record")
	b.settle()
	has(t, b.want(ExitOK, "parked"), "nothing is parked")
	if p, _ := b.Zoho.Props(crm.Contacts, zo); p["Salutation"] != "Dr." {
		t.Errorf("Zoho has %q", p["Salutation"])
	}
	has(t, b.want(ExitOK, "parked", "replay", "--class", "refused"), "as is  no record to replay")
}

func TestARowThatNothingElseClosesIsClosedByHand(t *testing.T) {
	b := stage(t)
	hub, _ := b.rossi()
	b.must(b.HubSpot.Edit(crm.Contacts, hub, props{"salutation": "Commendatore"}))
	b.settle()
	b.must(b.Lanes[0].Queue.Send(t.Context(), []batch.Entry{{Group: "g", Dedup: "a", Body: "Anna Rossi"}}))
	for range 5 { // it is tried as often
		b.must(b.World.Run(t.Context(), 15*time.Minute))
	}
	b.settle()
	ledger := &digest.Ledger{Store: b.Tables[sandbox.Parked], Now: b.Clock.Now}
	kind := fault.Parked{ID: "drift", Connection: "main", Record: crm.ID{System: crm.HubSpot, Module: crm.Contacts}, Kind: crm.Contact, Target: crm.HubSpot, Field: "twitter", Class: fault.Refused, Hint: fault.HintProperty}
	brake := fault.Parked{ID: "brake-2", Connection: "main", Class: fault.Setup, Hint: fault.HintBrake}
	b.must(ledger.Open(t.Context(), kind, brake))
	var out struct{ Parked []parkedRow }
	b.must(json.Unmarshal([]byte(b.want(ExitOK, "parked", "list", "--class", "ours", "--json")), &out))
	if len(out.Parked) != 1 || out.Parked[0].Record != "" || out.Parked[0].Target != "" {
		t.Fatalf("%+v", out.Parked)
	}
	id := out.Parked[0].ID
	text := b.want(ExitOK, "parked")
	has(t, text, id+"  ours     none                           a message that nobody could read ", "every contact of hubspot       twitter")
	hasNot(t, text, "//", "Anna")
	b.unchanged("a replay of what has no record", func() {
		text = b.want(ExitOK, "parked", "replay", "--class", "ours")
		has(t, text, "row "+id+" is about a message that nobody could read", "connector parked close "+id+" --stack shop closes the row", "as is  no record to replay")
		hasNot(t, text, "sync")
		has(t, b.want(ExitOK, "parked", "replay", "drift"), "about all records of a kind", "then connector sync hubspot --all --stack shop\n")
		has(t, b.want(ExitFinding, "parked", "close", id, "nobody"), "no open row has the id nobody")
		has(t, b.want(ExitUsage, "parked", "close"), "expected")
		has(t, b.want(ExitOK, "parked", "close", id, "--plan"), "plan   closed row "+id+": ours, record none, a message that nobody could read")
		has(t, b.want(ExitOK, "parked", "close", "brake-2"), "row brake-2 is about the brake", "connector resume --stack shop closes it")
	})
	has(t, b.want(ExitOK, "parked", "close", id, "drift"), "done   closed row "+id+": ours", "done   closed row drift: refused, record every contact of hubspot, twitter")
	text = b.want(ExitOK, "parked")
	has(t, text, "salutation", "brake-2")
	hasNot(t, text, id, "drift")
}

func TestExplainSaysWhatIsKnownAndShowsNoValue(t *testing.T) {
	b := stage(t)
	hub, zo := b.rossi()
	b.must(b.HubSpot.Edit(crm.Contacts, hub, props{"salutation": "Commendatore", "jobtitle": "Chair"}))
	b.settle()
	text := b.want(ExitOK, "explain", "zoho", zo)
	hasNot(t, text, "Rossi", "Chair", "Commendatore", "acme")
	golden(t, "explain.txt", text)
	var out struct{ Pair pairNow }
	b.must(json.Unmarshal([]byte(b.want(ExitOK, "explain", "hubspot", hub, "--json")), &out))
	if out.Pair.State != "living" || out.Pair.Zoho != zo || len(out.Pair.Held) != 1 || out.Pair.Held[0].Field != "salutation" || len(out.Pair.Decided) == 0 {
		t.Errorf("%+v", out.Pair)
	}
	has(t, b.want(ExitOK, "explain", "hubspot", "999"), "is in no pair")
	for mode, want := range map[string]map[string]string{
		"on":      {"hubspot": "never met, or it waits", "zoho": "no twin in hubspot, where nothing is ever created"},
		"observe": {"hubspot": "only observes and creates nothing, so this may be one that would be created in zoho", "zoho": "no twin in hubspot"},
		"off":     {"hubspot": "the stack is off: it looks at no record and creates nothing", "zoho": "the stack is off"},
	} {
		b.set(config.Mode, mode)
		for sys, what := range want {
			has(t, b.want(ExitOK, "explain", sys, "999"), sys+"/contact/999 is in no pair; ", what)
		}
	}
	b.set(config.Mode, "on")
	b.must(b.Zoho.Delete(crm.Contacts, zo))
	b.settle()
	has(t, b.want(ExitOK, "explain", "hubspot", hub), "contact, orphan", "the half in zoho, since")
}

func TestEveryStateOfAPairHasAName(t *testing.T) {
	for s := pair.Living; s <= pair.Superseded; s++ {
		if states[s] == "" {
			t.Errorf("state %d", s)
		}
	}
}

func TestSyncQueuesRecords(t *testing.T) {
	b := stage(t)
	hub, zo := b.rossi()
	b.must(b.HubSpot.Set(crm.Contacts, hub, props{"city": "Milano"}))
	b.unchanged("--plan", func() { has(t, b.want(ExitOK, "sync", "hubspot", hub, "--plan"), "plan   queued 1 record of hubspot") })
	has(t, b.want(ExitOK, "sync", "hubspot", hub), "done   queued 1 record of hubspot")
	b.settle()
	b.wantZoho(zo, "Mailing_City", "Milano")
	b.must(b.HubSpot.Set(crm.Contacts, hub, props{"city": "Roma"}))
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "sync", "hubspot", "--all", "--plan"), "plan   queued 1 contact of hubspot", "plan   queued 0 companies")
	})
	has(t, b.want(ExitOK, "sync", "hubspot", "--all"), "done   queued 1 contact of hubspot")
	b.settle()
	b.wantZoho(zo, "Mailing_City", "Roma")
	b.Clock.Advance(time.Minute)
	has(t, b.want(ExitOK, "sync", "zoho", "--all", "--since", b.Clock.Now().Format(time.RFC3339)), "queued 0 contacts of zoho")
	has(t, b.want(ExitOK, "sync", "zoho", "--all", "--since", "2026-11-23", "--plan"), "queued 1 contact of zoho")
	b.Clock.Advance(16 * time.Hour)
	has(t, b.want(ExitOK, "sync", "zoho", "--all", "--since", "2026-11-24", "--plan"), "queued 0 contacts of zoho")
}

func (b *bench) wantZoho(id, field, want string) {
	b.t.Helper()
	if p, _ := b.Zoho.Props(crm.Contacts, id); p[field] != want {
		b.t.Errorf("Zoho has %s %q, want %q", field, p[field], want)
	}
}

// crowd puts contacts into HubSpot that nobody has heard of.
func (b *bench) crowd(n int) {
	b.t.Helper()
	b.set(config.Mode, "off")
	b.Clock.Advance(61 * time.Second)
	for i := range n {
		_, err := b.HubSpot.Create(crm.Contacts, props{"email": strings.Repeat("a", i+1) + "@acme.example", "lastname": "Rossi"})
		b.must(err)
	}
	b.settle()
	b.set(config.Mode, "on")
	b.Clock.Advance(61 * time.Second)
}

func TestAnImportBringsEverythingInStepAndGoesOnWhereItStopped(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.Burst, o.HubSpot.SearchRate = -1, -1 })
	b.crowd(250)
	b.unchanged("--plan", func() { has(t, b.want(ExitOK, "import", "--plan"), "plan   queued 250 contacts") })
	b.HubSpot.Fail(hubspottest.Fault{On: "POST /crm/objects/2026-09/contacts/search", Status: 500, Times: 1})
	b.HubSpot.Fail(hubspottest.Fault{On: "POST /crm/objects/2026-09/contacts/search", Status: 500, Times: -1})
	if r := b.run("import"); r.code != ExitFinding {
		t.Fatalf("exit %d, %s%s", r.code, r.out, r.err)
	}
	b.HubSpot.Clear()
	has(t, b.want(ExitOK, "import"), "queued 0 companies", "queued 250 contacts")
	for range 40 {
		b.settle()
	}
	if n := len(b.Zoho.IDs(crm.Contacts)); n != 250 {
		t.Errorf("%d contacts in Zoho", n)
	}
	rows, err := b.Tables[sandbox.Config].Get(t.Context(), row.Key{Part: "config", Sort: config.Import})
	b.must(err)
	if until, err := time.Parse(time.RFC3339, string(rows[0].Value)); err != nil || until.Before(b.Clock.Now().Add(-2*time.Hour)) {
		t.Errorf("the brake is told %q", rows[0].Value)
	}
	has(t, b.want(ExitOK, "import", "--plan"), "queued 250 contacts") // a finished one begins anew
}

func TestAnImportThatWasStoppedGoesOnBehindTheLastPage(t *testing.T) {
	b := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.Burst, o.HubSpot.SearchRate = -1, -1 })
	delete(b.Functions, "reconcile") // what is older than the stack reconcile does not list
	b.set(config.Mode, "off")
	b.Clock.Advance(61 * time.Second)
	const size = 450
	var hub []string
	for i := range size { // both CRMs have the same people, and Zoho knows their titles
		mail := fmt.Sprintf("p%d@acme.example", i)
		id, err := b.HubSpot.Create(crm.Contacts, props{"email": mail, "lastname": "Rossi"})
		b.must(err)
		hub = append(hub, id)
		_, err = b.Zoho.Create(crm.Contacts, props{"Email": mail, "Last_Name": "Rossi", "Title": "Buyer"})
		b.must(err)
	}
	b.settle()
	b.set(config.Mode, "on")
	b.Clock.Advance(61 * time.Second)

	ctx, stop := context.WithCancel(t.Context())
	pages := 0
	b.tables = func(name string, to Table) Table {
		if name == sandbox.Config {
			return noting{to, func() {
				if pages++; pages == 2 { // the companies' page, and the first of the contacts
					stop()
				}
			}}
		}
		return to
	}
	b.ctx = ctx
	has(t, b.want(ExitStopped, "import"), "stopped; what was done is done")
	b.ctx, b.tables = nil, nil
	for range 20 { // the consumers write, by which the records change their place among the latest changes
		b.settle()
	}
	inStep := func() (n int) {
		for _, id := range hub {
			if p, _ := b.HubSpot.Props(crm.Contacts, id); p["jobtitle"] == "Buyer" {
				n++
			}
		}
		return n
	}
	if n := inStep(); n != 200 {
		t.Errorf("%d are in step when it is stopped behind the first page", n)
	}
	has(t, b.want(ExitOK, "import"), "queued 0 companies", "queued 250 contacts")
	for range 20 {
		b.settle()
	}
	if n := inStep(); n != size {
		t.Errorf("%d of %d are in step in the end", n, size)
	}
}

// noting is a table that tells of every mark of an import that is put into it.
type noting struct {
	Table
	put func()
}

func (n noting) Put(ctx context.Context, puts ...row.Put) error {
	err := n.Table.Put(ctx, puts...)
	if err == nil && strings.HasPrefix(puts[0].Key.Part, "import#") {
		n.put()
	}
	return err
}

func TestAnImportWhoseMarkIsOfAnEarlierVersionBeginsAnew(t *testing.T) {
	b := stage(t)
	b.crowd(3)
	b.set(config.Begun, "2") // the stack was not switched since
	mark := func(company, contact string) {
		for name, at := range map[string]string{"hubspot#company": company, "hubspot#contact": contact} {
			key := row.Key{Part: "import#main", Sort: name}
			rows, err := b.Tables[sandbox.Config].Get(t.Context(), key)
			b.must(err)
			b.must(b.Tables[sandbox.Config].Put(t.Context(), row.Put{Key: key, If: rows[0].Version, Value: []byte(at)}))
		}
	}
	const anew = "note   the last import was stopped by an earlier version"
	last := b.HubSpot.IDs(crm.Contacts)[1]
	mark(end, last)
	out := b.want(ExitOK, "import", "--plan")
	has(t, out, "queued 1 contact ")
	hasNot(t, out, anew)
	has(t, b.want(ExitOK, "import", "--plan", "--restart"), "queued 3 contacts")

	mark(end, "middle")
	b.unchanged("a mark that nobody can read", func() {
		has(t, b.want(ExitUsage, "import"), "cannot be read (hubspot#contact in the table config): connector import --restart --stack shop begins anew")
	})
	has(t, b.want(ExitOK, "import", "--plan", "--restart"), "queued 3 contacts")

	mark(end, "1790000000000|200")
	has(t, b.want(ExitOK, "import", "--plan"), anew, "queued 3 contacts")
	if out := b.want(ExitOK, "import"); strings.Count(out, anew) != 1 || !strings.Contains(out, "queued 3 contacts") {
		t.Error(out)
	}
	hasNot(t, b.want(ExitOK, "import", "--plan"), anew)
}

func TestAnImportWaitsForRoomInTheQueue(t *testing.T) {
	for name, depth := range map[string]Depth{
		"nobody receives them": {Waiting: importDepth}, "they go again, since a CRM is down": {InFlight: importDepth}, "both": {Waiting: importDepth / 2, InFlight: importDepth / 2},
	} {
		b := stage(t)
		full := &patientLane{lane: b.lanes[crm.HubSpot], waits: 3, full: depth}
		s := &session{World: World{Now: b.Clock.Now, Sleep: b.Clock.Sleep, Stderr: os.Stderr}}
		st := &Stack{Lanes: map[crm.System]Lane{crm.HubSpot: full}}
		s.told = b.Clock.Now().Add(time.Hour)
		before := b.Clock.Now()
		b.must(s.room(t.Context(), st, importDepth, crm.HubSpot))
		if waited := b.Clock.Now().Sub(before); waited != 15*time.Second {
			t.Errorf("%s: waited %s", name, waited)
		}
	}
}

func TestRedriveEmptiesTheDeadLetterQueues(t *testing.T) {
	b := stage(t)
	has(t, b.want(ExitOK, "redrive"), "as is  the dead-letter queue of zoho-operations is empty")
	for _, dedup := range []string{"a", "b"} {
		b.must(b.Lanes[1].Dead.Send(t.Context(), []batch.Entry{{Group: "g", Dedup: dedup, Body: "{}"}}))
	}
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "redrive", "--plan"), "plan   put 2 messages back into hubspot-operations")
	})
	b.lanes[crm.Zoho].blind = 1000
	out := b.want(ExitFinding, "redrive")
	has(t, out, "left: 2 messages in the dead-letter queue of hubspot-operations", "as is  the dead-letter queue of conversion-events is empty")
	hasNot(t, out, "done")
	b.lanes[crm.Zoho].blind = 3
	has(t, b.want(ExitOK, "redrive"), "done   put 2 messages back into hubspot-operations")
	if waiting, _ := b.Lanes[1].Queue.Stats(); waiting != 2 {
		t.Errorf("%d wait", waiting)
	}
}

func TestAModeThatNobodyCanReadIsMendedByEveryCommandThatSetsOne(t *testing.T) {
	for line, want := range map[string]string{"mode set on": "on since ", "mode set observe": "observe", "mode set off": "off paused ", "pause": "off paused ", "resume": "on since ", "resume --observe": "observe"} {
		b := stage(t)
		b.set(config.Mode, "On")
		b.unchanged("--plan", func() { b.want(ExitOK, append(strings.Fields(line), "--plan")...) })
		has(t, b.want(ExitOK, strings.Fields(line)...), "note   the mode's row says none of off, observe and on: it is taken for off", "done   the mode is ")
		rows, err := b.Tables[sandbox.Config].Get(t.Context(), row.Key{Part: "config", Sort: config.Mode})
		b.must(err)
		if got := string(rows[0].Value); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", line, got)
		}
	}
}
