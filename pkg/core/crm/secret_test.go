package crm_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
)

const canary = "canary-7f3a"

// traces are the forms in which a verb may show a text: as it is, in hexadecimal, as numbers, as runes.
func traces(text string) []string {
	var numbers, runes []string
	for _, b := range []byte(text) {
		numbers = append(numbers, fmt.Sprint(b))
		runes = append(runes, fmt.Sprintf("%U", rune(b)))
	}
	return []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), strings.Join(numbers, " "), strings.Join(runes, " ")}
}

func wantHidden(t *testing.T, how, got string) {
	t.Helper()
	for _, trace := range traces(canary) {
		if strings.Contains(got, trace) {
			t.Errorf("%s shows the text: %s", how, got)
			return
		}
	}
}

// carriers puts the things that must not print where they may come to lie.
func carriers() map[string]any {
	secret, value := crm.NewSecret(canary), crm.Text(canary)
	type hidden struct {
		secret  crm.Secret
		value   crm.Value
		pointer *crm.Value
		list    []crm.Value
		byField map[crm.Field]crm.Value
		any     any
	}
	deep := hidden{secret, value, &value, []crm.Value{value}, map[crm.Field]crm.Value{"city": value}, secret}
	record := crm.Record{
		ID: crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "7"}, Fields: map[crm.Field]crm.Value{"city": value},
		History: map[crm.Field][]crm.Entry{"city": {{Value: value}}},
	}
	return map[string]any{
		"a secret": secret, "a pointer to a secret": &secret, "a list of secrets": []crm.Secret{secret},
		"a value": value, "a pointer to a value": &value, "a list of values": []crm.Value{value},
		"a map of values": map[crm.Field]crm.Value{"city": value}, "a map by value": map[crm.Value]int{value: 1},
		"unexported fields": deep, "a pointer to unexported fields": &deep, "a struct in a struct": struct{ in hidden }{deep},
		"a record": record, "a reading": crm.Reading{Record: record}, "an access": crm.Access{Token: secret},
		"a change": crm.Change{Set: map[crm.Field]crm.Value{"city": value}},
		"a result": crm.Result{Answered: map[crm.Field]crm.Value{"city": value}},
	}
}

func TestNoVerbPrintsASecretOrAPersonsData(t *testing.T) {
	var verbs []string
	for c := 'A'; c <= 'z'; c++ {
		if c <= 'Z' || c >= 'a' {
			for _, flags := range []string{"", "+", "#", " ", "-40", "08", "# ", ".3"} {
				verbs = append(verbs, "%"+flags+string(c))
			}
		}
	}
	for name, c := range carriers() {
		for _, verb := range verbs {
			wantHidden(t, verb+" of "+name, fmt.Sprintf(verb, c))
		}
		wantHidden(t, "Sprint of "+name, fmt.Sprint(c))
		wantHidden(t, "Sprintln of "+name, fmt.Sprintln(c))
		wantHidden(t, "Errorf of "+name, fmt.Errorf("op: %v %w", c, errors.New("cause")).Error())
	}
}

func TestNoLogLinePrintsASecretOrAPersonsData(t *testing.T) {
	var lines bytes.Buffer
	for form, handler := range map[string]slog.Handler{"text": slog.NewTextHandler(&lines, nil), "json": slog.NewJSONHandler(&lines, nil)} {
		for name, c := range carriers() {
			lines.Reset()
			log := slog.New(handler)
			log.With("before", c).WithGroup("g").Info("line", "arg", c, slog.Group("inner", "arg", c))
			if lines.Len() == 0 {
				t.Fatal("nothing was logged")
			}
			wantHidden(t, "the "+form+" line of "+name, lines.String())
		}
	}
}

func TestNoEncoderWritesASecretOrAPersonsData(t *testing.T) {
	for name, c := range carriers() {
		out, err := json.Marshal(c)
		if err == nil {
			wantHidden(t, "json of "+name, string(out))
		} else {
			wantHidden(t, "the error of json of "+name, err.Error())
		}
		if out, err = xml.Marshal(c); err == nil {
			wantHidden(t, "xml of "+name, string(out))
		}
	}
}

func TestASecretIsRevealedOnlyOnRequest(t *testing.T) {
	s := crm.NewSecret(canary)
	if s.Reveal() != canary || s.IsZero() {
		t.Error("the secret is lost")
	}
	if got := fmt.Sprint(s); got != "[secret]" {
		t.Errorf("shown as %s", got)
	}
	for _, s := range []crm.Secret{{}, crm.NewSecret("")} {
		if s.Reveal() != "" || !s.IsZero() || fmt.Sprintf("%v %#v", s, s) != "[secret] [secret]" {
			t.Errorf("no secret: %q", s.Reveal())
		}
	}
}
