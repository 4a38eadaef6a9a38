package whatsapp_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

var update = flag.Bool("update", false, "write golden files anew")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v, got\n%s", path, err, got)
	}
}

// secrets returns the function that hands out these.
func secrets(all ...string) func(context.Context) ([]crm.Secret, error) {
	return func(context.Context) ([]crm.Secret, error) {
		var out []crm.Secret
		for _, s := range all {
			out = append(out, crm.NewSecret(s))
		}
		return out, nil
	}
}

func source() *whatsapp.Source {
	return whatsapp.NewSource(whatsapp.SourceConfig{Secrets: secrets("secret"), VerifyTokens: secrets("token"), Now: func() time.Time { return noon }})
}

// samples returns the recorded deliveries by name.
func samples(t testing.TB) map[string][]byte {
	files, err := filepath.Glob("testdata/webhooks/*.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = body
	}
	return out
}

// read reads a body as a verified delivery and opens what it was packed into.
func read(t testing.TB, body []byte) (door.Delivery, []chat.Update) {
	t.Helper()
	got, err := source().Read(t.Context(), door.Request{ID: "trace", Method: "POST", Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return got, updates(t, got)
}

func updates(t testing.TB, r door.Delivery) (out []chat.Update) {
	t.Helper()
	for _, e := range r.Entries {
		p, err := chat.Open(e.Body)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Updates...)
	}
	return out
}

// tell says in a few words what an update is.
func tell(u chat.Update) string {
	switch {
	case u.Message != nil:
		return chat.Render(*u.Message, chat.Italian) + " by " + u.Message.From.Name.Text()
	case u.Status != nil:
		return string(u.Status.State) + " " + u.Status.Callback.Text()
	case u.Preference != nil:
		return u.Preference.Value + " by " + u.Preference.From.Phone.Text()
	}
	return u.Notice.Field + " " + u.Notice.Event
}
