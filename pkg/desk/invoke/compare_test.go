package invoke

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/local"
)

func TestADifferenceNamesThePlaceAndBothSides(t *testing.T) {
	for _, tt := range []struct{ name, want, seen string }{
		{"equal, in another order", `{"a":1,"b":["x",null]}`, `{"b":["x",null],"a":1}`},
		{"any text", `{"token":"*"}`, `{"token":"1000.abc"}`},
		{"digits beyond a float64", `{"id":4876876000000333013}`, `{"id":4876876000000333013}`},
		{"", `{"id":4876876000000333013}`, `{"id":4876876000000333014}`},
		{"", `{"token":"*"}`, `{"token":""}`},
		{"", `{"token":"*"}`, `{"token":7}`},
		{"", `{"a":1}`, `{}`},
		{"", `{}`, `{"a":1}`},
		{"", `[1,2]`, `[1]`},
		{"", `null`, `{}`},
		{"", `{"a":{"b":"x"}}`, `{"a":{"b":"y"}}`},
	} {
		diff := Compare(Expected{Answer: json.RawMessage(tt.want)}, Outcome{Answer: json.RawMessage(tt.seen)})
		if (len(diff) == 0) != (tt.name != "") {
			t.Errorf("%s and %s: %q", tt.want, tt.seen, diff)
		}
	}
	diff := Compare(Expected{Answer: json.RawMessage(`{"a":{"b":"x"}}`)}, Outcome{
		Answer: json.RawMessage(`{"a":{"b":"y"}}`), Effect: Effect{Queues: map[string][]string{"zohoOperations": {"create hubspot/contact/1"}}},
	})
	want := []string{`answer.a.b: expected "x", saw "y"`, `effect.queues: nothing expected, saw {"zohoOperations":["create hubspot/contact/1"]}`}
	if d := cmp.Diff(want, diff); d != "" {
		t.Error(d)
	}
}

func TestAnEventIsSignedAsHubSpotWouldRightNow(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for _, event := range []string{
		`{"requestContext":{"http":{"method":"POST"}},"headers":{"s":"${signature}","t":"${timestamp}"},"body":"[{}]","isBase64Encoded":false}`,
		`{"requestContext":{"http":{"method":"POST"}},"headers":{"s":"${signature}","t":"${timestamp}"},"body":"W3t9XQ==","isBase64Encoded":true}`,
	} {
		signed, err := Signed([]byte(event), at)
		if err != nil {
			t.Fatal(err)
		}
		var e struct{ Headers map[string]string }
		if err := json.Unmarshal(signed, &e); err != nil {
			t.Fatal(err)
		}
		signature, stamp := hubspot.Sign(crm.NewSecret(Secrets()[settings.HubSpotClientSecret]), "POST", WebhookURL, []byte("[{}]"), at)
		if d := cmp.Diff(map[string]string{"s": signature, "t": stamp}, e.Headers); d != "" {
			t.Error(d)
		}
	}
	const plain = `{"Records":[]}`
	if same, err := Signed([]byte(plain), at); err != nil || string(same) != plain {
		t.Errorf("%s, %v", same, err)
	}
	timed, err := Signed([]byte(`{"at":"${now}","unix":"${unix}"}`), at)
	if want := `{"at":"2026-11-20T09:00:00.000Z","unix":"1795165200"}`; err != nil || string(timed) != want {
		t.Errorf("%s, %v; want %s", timed, err, want)
	}
	for _, broken := range []string{
		`["${signature}"]`,
		`{"requestContext":{"http":{"method":"GET"}},"headers":{"s":"${signature}"}}`,
		`{"requestContext":{"http":{"method":"POST"}},"headers":{"s":"${signature}"},"body":"?","isBase64Encoded":true}`,
	} {
		if _, err := Signed([]byte(broken), at); err == nil {
			t.Errorf("%s was signed", broken)
		}
	}
}

func TestAnEventOfMetaIsSignedOverItsBodyAsItIsSent(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	signed, err := Signed([]byte(`{"requestContext":{"http":{"method":"POST"}},"headers":{"s":"${meta-signature}"},"body":"{\"timestamp\":\"${unix}\"}"}`), at)
	if err != nil {
		t.Fatal(err)
	}
	want := whatsapp.Sign(crm.NewSecret(Secrets()[settings.WhatsAppAppSecret]), []byte(`{"timestamp":"1795165200"}`))
	if !strings.Contains(string(signed), `"s":"`+want+`"`) {
		t.Errorf("%s, want %s", signed, want)
	}
}

func TestATokenIsMadeForItsScope(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	signed, err := Signed([]byte(`{"authorization":"Bearer ${token metriche:leggi}"}`), at)
	want := `{"authorization":"Bearer ` + conversionstest.Caller{}.Token(at, "metriche:leggi") + `"}`
	if err != nil || string(signed) != want {
		t.Errorf("%s, %v; want %s", signed, err, want)
	}
}

func TestAFolderThatIsNotWholeIsRefused(t *testing.T) {
	const good = `{"says":"x","answer":null,"effect":{}}`
	for _, tt := range []struct {
		name, want string
		files      map[string]string
	}{
		{"nothing there", "there is no event", nil},
		{"no expectation", "has no expectation", map[string]string{"f.a.json": "{}"}},
		{"no event", "there is no event f.b.json", map[string]string{"f.a.json": "{}", "expected/f.a.json": good, "expected/f.b.json": good}},
		{"no case in its name", "<function>.<case>.json", map[string]string{"f.json": "{}"}},
		{"not JSON", "is not JSON", map[string]string{"f.a.json": "{"}},
		{"a slip of the pen", `unknown field "efect"`, map[string]string{"f.a.json": "{}", "expected/f.a.json": `{"says":"x","answer":null,"efect":{}}`}},
		{"it says nothing", "says and answer are needed", map[string]string{"f.a.json": "{}", "expected/f.a.json": `{"effect":{}}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				p := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestAStepOfThePastThatCannotBeIsNamed(t *testing.T) {
	for _, tt := range []struct {
		step Step
		want string
	}{
		{Step{}, "it says nothing"},
		{Step{Edit: "hubspot/contact/1"}, "hubspot/contact/1: hubspottest: no such record"},
		{Step{Edit: "anna"}, "an id has the form system/module/key"},
		{Step{Create: "hubspot/contact", ID: "1", Fields: map[string]string{"email": "x@example.com"}}, "the record is called "},
		{Step{Run: "nothing"}, `there is no function "nothing"`},
	} {
		_, err := NewWorld(t.Context(), filepath.Join(root, "events"), Expected{Before: []Step{tt.step}}, time.Time{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.step, err, tt.want)
		}
	}
}

func TestTheEnvironmentOfTheFunctionsFitsTheWorldAndTheTemplate(t *testing.T) {
	env, err := local.ReadEnv(filepath.Join(root, "events", "env.json"))
	if err != nil {
		t.Fatal(err)
	}
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range env { // `sam local` sets declared variables only, and passes over the others without a word
		if !regexp.MustCompile(`(?m)^ +` + name + `: `).Match(template) {
			t.Errorf("%s is declared for no function", name)
		}
	}
	for name, want := range map[string]string{
		"HUBSPOT_WEBHOOK_URL": WebhookURL, "ZOHO_CHANNEL_ID": channelID, "ZOHO_ACCESS_TOKEN": accessToken, "SECRETS_PATH": "/crm-connector-local",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
}

func TestAnUnknownRunnerIsRefused(t *testing.T) {
	_, err := All(t.Context(), Options{Root: root, Runner: "podman", Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "--runner is docker or process") {
		t.Error(err)
	}
}

func TestOnlyTheSamCLIHasAnAPI(t *testing.T) {
	all := cases(t)
	if in, out := len(runsOf(all, Docker)), len(runsOf(all, Process)); in != len(all)+1 || out != len(all) {
		t.Errorf("%d and %d runs of %d events", in, out, len(all))
	}
}
