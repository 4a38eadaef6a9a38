package submission_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/fault"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func one() submission.Submission {
	return submission.Submission{
		Ingestion: "request-1", Tenant: conversion.TenantOf("https://issuer.example", "shop"), Received: noon,
		Event: conversion.Event{
			ID: "order-0001", Client: "CLIENTE-ITALIA-789456", Type: conversion.Purchase, At: noon.Add(-time.Hour), Value: 1999,
			Currency: conversion.EUR, Channel: conversion.Webform, State: conversion.Completed,
			Metadata: conversion.Metadata{Campaign: "Natale <\"2026\">"},
		},
	}
}

func TestWhatIsPutIntoTheQueueComesOutOfIt(t *testing.T) {
	s := one()
	entry := s.Entry(submission.Shards)
	got, err := submission.Open(entry.Body)
	if err != nil || got != s {
		t.Errorf("%+v, %v", got, err)
	}
	if entry.Dedup != s.Ingestion || entry.Group != submission.Group(conversion.Shard(s.Tenant, s.Event.Client, submission.Shards)) {
		t.Errorf("group %s, deduplication id %s", entry.Group, entry.Dedup)
	}
}

func TestEventsOfOneClientShareAGroupAndRepeatsAreNotDroppedByTheQueue(t *testing.T) {
	a, b := one(), one()
	b.Ingestion, b.Event.Value = "request-2", 5
	if x, y := a.Entry(16), b.Entry(16); x.Group != y.Group || x.Dedup == y.Dedup {
		t.Errorf("%+v and %+v", x.Group, y.Group)
	}
}

// SQS takes #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF
// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
func TestAnEventOfAnyCharacterIsAMessageOfCharactersThatTheQueueTakes(t *testing.T) {
	for _, text := range []string{"\uFFFE", "\uFFFF", "\\\uFFFF\\ufffe", "\u0001", "\u2028", "😀", "\x7f\u0085"} {
		s := one()
		s.Event.Metadata.Campaign = "a" + text + "b"
		entry := s.Entry(1)
		if i := strings.IndexFunc(entry.Body, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r", r) || r == 0xFFFE || r == 0xFFFF }); i >= 0 {
			t.Errorf("%q: the body has %q", text, entry.Body[i:])
		}
		if got, err := submission.Open(entry.Body); err != nil || got != s {
			t.Errorf("%q became %q, %v", text, got.Event.Metadata.Campaign, err)
		}
	}
}

func TestAnOldEventIsReadAsOftenAsItComes(t *testing.T) {
	s := one()
	s.Event.At = noon.Add(-conversion.MaxAge) // at the edge when it was received; later it is older
	if got, err := submission.Open(s.Entry(1).Body); err != nil || got != s {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAMessageThatCannotBeReadSaysNothingOfWhatIsInIt(t *testing.T) {
	good := one().Entry(1).Body
	for name, body := range map[string]string{
		"empty": "", "cut": good[:len(good)-1], "no object": "[1]",
		"no version": strings.Replace(good, `"V":1`, `"V":0`, 1),
		"no request": strings.Replace(good, "request-1", "", 1),
		"another":    strings.Replace(good, "CLIENTE-ITALIA", "PERSONA-ITALIA", 1),
	} {
		_, err := submission.Open(body)
		if fault.KindOf(err) != fault.Ours || strings.Contains(err.Error(), "789456") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := submission.Open(strings.Replace(good, `"V":1`, `"V":2`, 1)); !errors.Is(err, batch.ErrLater) {
		t.Errorf("a later version: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(one().Entry(1).Body)
	f.Add(`{"V":1,"Ingestion":"r","Tenant":"t","Received":9223372036854775807,"Event":{}}`)
	f.Fuzz(func(t *testing.T, body string) {
		s, err := submission.Open(body)
		if err != nil {
			return
		}
		if again, err := submission.Open(s.Entry(3).Body); err != nil || again != s {
			t.Errorf("%+v became %+v, %v", s, again, err)
		}
	})
}
