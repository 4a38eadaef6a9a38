package chat_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
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

// The generators make what can travel: an empty text is an absent one.

func value(t *rapid.T) crm.Value {
	s := rapid.OneOf(rapid.Just(""), rapid.StringN(1, 12, -1), rapid.SampledFrom([]string{"a\x00b", "\uFFFE\uFFFF", "\"\\\n\t", "</b>&", "😀"})).Draw(t, "text")
	if s == "" {
		return crm.Unknown()
	}
	return crm.Text(s)
}

func filled(t *rapid.T) crm.Value { return crm.Text(rapid.StringN(1, 20, -1).Draw(t, "filled")) }

func word(t *rapid.T) string { return rapid.StringMatching(`[a-z_0-9]{0,8}`).Draw(t, "word") }

func instant(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "told") {
		return noon.Add(time.Duration(rapid.IntRange(-1e6, 1e6).Draw(t, "ms")) * time.Millisecond)
	}
	return time.Time{}
}

func some[T any](t *rapid.T, one func(*rapid.T) T) []T {
	var out []T
	for range rapid.IntRange(0, 3).Draw(t, "some") {
		out = append(out, one(t))
	}
	return out
}

func person(t *rapid.T) chat.Person {
	return chat.Person{User: value(t), Parent: value(t), Phone: value(t), Username: value(t), Name: value(t)}
}

func fault(t *rapid.T) chat.Error {
	return chat.Error{Code: rapid.IntRange(0, 140000).Draw(t, "code"), Title: value(t), Details: value(t)}
}

func detail(t *rapid.T) chat.Detail { return chat.Detail{Name: word(t), Value: value(t)} }

func message(t *rapid.T) chat.Message {
	return chat.Message{
		ID: filled(t), At: instant(t), From: person(t), Type: chat.Type("t" + word(t)), Kind: word(t), Group: value(t), Text: value(t), More: value(t),
		Choice: value(t), About: value(t), Forwarded: chat.Forwarded(rapid.IntRange(0, 2).Draw(t, "forwarded")),
		Product: chat.Product{Catalog: word(t), Article: word(t)},
		Ad:      chat.Ad{Source: word(t), ID: word(t), URL: value(t), Headline: value(t), Body: value(t), Click: value(t)},
		Media: chat.Media{ID: word(t), MIME: word(t), SHA256: word(t), Filename: value(t), Voice: rapid.Bool().Draw(t, "voice"),
			Animated: rapid.Bool().Draw(t, "animated")},
		Place: chat.Place{Latitude: word(t), Longitude: word(t), Name: value(t), Address: value(t), URL: value(t)},
		Cards: some(t, func(t *rapid.T) chat.Card {
			return chat.Card{Name: value(t), Company: value(t), Phones: some(t, filled), Numbers: some(t, filled), Emails: some(t, filled), Origin: word(t)}
		}),
		Items: some(t, func(t *rapid.T) chat.Item {
			return chat.Item{Article: word(t), Quantity: word(t), Price: word(t), Currency: word(t)}
		}),
		Form: some(t, detail), Changed: person(t), Errors: some(t, fault),
	}
}

func status(t *rapid.T) chat.Status {
	return chat.Status{ID: filled(t), State: chat.State("s" + word(t)), At: instant(t), To: person(t), Group: value(t), Callback: value(t),
		Category: word(t), Billing: word(t), Errors: some(t, fault)}
}

func anUpdate(t *rapid.T) chat.Update {
	u := chat.Update{Account: word(t), Number: word(t), Display: word(t)}
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		m := message(t)
		u.Message = &m
	case 1:
		s := status(t)
		u.Status = &s
	case 2:
		u.Preference = &chat.Preference{From: person(t), At: instant(t), Value: word(t), Category: word(t), Detail: value(t)}
	default:
		u.Notice = &chat.Notice{Field: word(t), Event: word(t), At: instant(t), Details: some(t, detail), Errors: some(t, fault)}
	}
	return u
}
