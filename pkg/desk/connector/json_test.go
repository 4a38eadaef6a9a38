package connector

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
)

// everyLine returns a command line of each command, with something in every place that must be filled.
func everyLine(t *testing.T) [][]string {
	t.Helper()
	parser, err := kong.New(&commandLine{})
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for _, leaf := range parser.Model.Leaves(true) {
		var line []string
		for n := leaf; n != nil && n.Type != kong.ApplicationNode; n = n.Parent {
			line = append([]string{n.Name}, line...)
		}
		for _, p := range leaf.Positional {
			switch {
			case p.Enum != "":
				line = append(line, strings.Split(p.Enum, ",")[0])
			case p.Required && (p.Name == "system" || p.Name == "source"):
				line = append(line, "hubspot")
			case p.Required:
				line = append(line, "1")
			}
		}
		out = append(out, line)
	}
	if len(out) < 30 {
		t.Fatalf("only %d commands: the rule is held to nothing", len(out))
	}
	return out
}

// object reads the one JSON object that a command prints.
func object(t *testing.T, line []string, r ran) map[string]json.RawMessage {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(r.out))
	var out map[string]json.RawMessage
	if err := d.Decode(&out); err != nil {
		t.Errorf("%v: exit %d, and no JSON object: %v\n%s%s", line, r.code, err, r.out, r.err)
		return nil
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("%v: more than an object:\n%s", line, r.out)
	}
	if (r.code == ExitOK || r.code == ExitFinding) && len(out) == 0 && strings.Contains(r.err, "connector:") {
		t.Errorf("%v: exit %d, and the object says nothing of it: %s", line, r.code, r.err)
	}
	return out
}

// fails is an object that says why.
func fails(t *testing.T, line []string, r ran, code int) {
	t.Helper()
	var why string
	if err := json.Unmarshal(object(t, line, r)["error"], &why); err != nil || why == "" || r.code != code || !strings.Contains(strings.ReplaceAll(r.err, "\nconnector: ", "\n"), why) {
		t.Errorf("%v: exit %d, want %d, %v:\n%s%s", line, r.code, code, err, r.out, r.err)
	}
}

func TestWithJSONEveryCommandSaysInAnObjectThatNobodyAnswers(t *testing.T) {
	p := &process{t: t, base: "http://" + port(t)}
	for _, line := range everyLine(t) {
		fails(t, line, p.run(append(line, "--json")...), ExitUsage)
	}
}

func TestWithJSONEveryCommandPrintsOneObjectWhateverItComesTo(t *testing.T) {
	for _, more := range [][]string{{"--json"}, {"--json", "--plan"}} {
		for _, line := range everyLine(t) {
			b := whole(t)
			b.env[numberID] = whatsapptest.DefaultNumber
			if slices.Contains(line, "hubspot") && line[0] == "setup" {
				line = append(line, "--out", t.TempDir())
			}
			r := b.run(append(line, more...)...)
			if out := object(t, line, r); r.code == ExitUsage && out["error"] == nil {
				t.Errorf("%v: exit %d without an error:\n%s", line, r.code, r.out)
			}
		}
	}
}

func TestWithJSONEveryWayToFailIsAnObject(t *testing.T) {
	b := stage(t)
	for _, line := range []string{"", "mode sett", "mode set onn", "sync", "nothing of the kind", "doctor --test-record", "doctor --test-record abc", "setup zoho --secret-file nowhere", "explain hubspot x"} {
		args := append(strings.Fields(line), "--json")
		fails(t, args, b.run(args...), ExitUsage)
	}
	for _, flag := range []string{"--json", "--json=true", "--json=1", "--json=YES", "--json=false --json", "--json=maybe"} {
		for _, args := range []string{flag + " --bogus", "--bogus " + flag, "doctor " + flag + " --bogus", "mode sett " + flag} {
			fails(t, strings.Fields(args), b.run(strings.Fields(args)...), ExitUsage)
		}
	}
	for _, args := range []string{"--json=false --bogus", "--json --json=no --bogus", "--bogus", "--bogus -- --json", "--jsonx"} {
		if r := b.run(strings.Fields(args)...); r.code != ExitUsage || r.out != "" || !strings.Contains(r.err, "connector: ") {
			t.Errorf("%s: exit %d, %s%s", args, r.code, r.out, r.err)
		}
	}
	fails(t, nil, b.bare("doctor", "--json"), ExitUsage)
	b.version = "0.1.0"
	fails(t, nil, b.run("mode", "set", "on", "--json"), ExitVersion)
	b.version = "0.2.0"
	b.tables = func(_ string, to Table) Table { return lost{to} }
	fails(t, nil, b.run("mode", "--json"), ExitFinding)
	b.tables = nil
	r := b.run("doctor", "--json", "--test-record", "404") // findings are no error
	if out := object(t, nil, r); r.code != ExitFinding || out["findings"] == nil || out["error"] != nil {
		t.Errorf("exit %d, %s", r.code, r.out)
	}
}

func TestAKeySetWithJSONIsPartOfTheOneObject(t *testing.T) {
	b := stage(t)
	b.told[issuerSetting], b.told["CONVERSIONS_JWT_ALGORITHM"] = issuer, "ES256"
	line := []string{"token", "--jwks", "--json", "--key", t.TempDir() + "/key.pem"}
	out := object(t, line, b.run(line...))
	if out["keys"] == nil || out["steps"] == nil {
		t.Errorf("%s", out)
	}
	other := object(t, line, b.run("token", "--jwks", "--key", line[4]))
	if len(other) != 1 || string(other["keys"]) == "" || other["keys"] == nil {
		t.Errorf("%s", other)
	}
}

// saying are the lines of the text for people that begin with a word.
func saying(text, word string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if what, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), word); ok {
			out = append(out, what)
		}
	}
	return out
}

func TestWithJSONACommandSaysWhatItSaysToPeople(t *testing.T) {
	paused := func() *bench {
		b := stage(t)
		b.told["PAIR_KEY_ID"] = "255"
		b.want(ExitOK, "pause")
		b.Clock.Advance(rest)
		return b
	}
	running := func() *bench { return stage(t) }
	for _, c := range []struct {
		line string
		on   func() *bench
		want string // what is in the object
	}{
		{"setup zoho", running, "asIs"}, {"setup hubspot --out " + t.TempDir(), running, "next"}, {"resume", paused, "next"},
		{"setup key", paused, "notes"}, {"parked replay --all", running, "asIs"}, {"redrive", running, "asIs"}, {"quarantine drop --all", running, "asIs"},
		{"pause", paused, "asIs"}, {"conversions replay --all", running, "asIs"},
	} {
		line := strings.Fields(c.line)
		text := c.on().run(line...).out
		out := object(t, line, c.on().run(append(line, "--json")...))
		if out[c.want] == nil {
			t.Errorf("%s: no %s in %s", c.line, c.want, out)
		}
		for word, name := range map[string]string{"as is  ": "asIs", "note   ": "notes", "next   ": "next"} {
			var all []string
			if len(out[name]) > 0 && json.Unmarshal(out[name], &all) != nil {
				t.Fatalf("%s: %s", c.line, out[name])
			}
			for _, want := range saying(text, word) {
				if !slices.Contains(all, want) {
					t.Errorf("%s: %s%s is not among %q", c.line, word, want, all)
				}
			}
		}
	}
}

func TestADryRunSaysToAProgramWhatItSaysToPeople(t *testing.T) {
	b := stage(t)
	b.want(ExitOK, "mode", "set", "observe")
	r := b.run("link", "--dry-run", "--json")
	var out struct {
		Companies, Contacts map[string]int
		Notes               []string
	}
	if err := json.Unmarshal([]byte(r.out), &out); err != nil || r.code != ExitOK {
		t.Fatalf("exit %d, %v: %s%s", r.code, err, r.out, r.err)
	}
	if len(out.Notes) != 1 || !strings.HasPrefix(out.Notes[0], "the mode is observe: until it is on nothing is created") {
		t.Errorf("notes: %q", out.Notes)
	}
	for _, counts := range []map[string]int{out.Companies, out.Contacts} {
		if n, told := counts["ambiguous"]; len(counts) != len(verdicts) || !told || n != 0 {
			t.Errorf("%d of %d verdicts are counted: %v", len(counts), len(verdicts), counts)
		}
	}
}
