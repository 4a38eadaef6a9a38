package connector

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/counting"
)

var shop = conversion.TenantOf(issuer, "shop")

// counts is a stack that takes conversion events.
func counts(t *testing.T) *bench {
	b := stage(t)
	b.told[issuerSetting], b.issuer = issuer, issuer
	return b
}

// whole is a stack with WhatsApp and conversions, set up and running.
func whole(t *testing.T, adapt ...func(*sandbox.WorldOptions)) *bench {
	b := talks(t, adapt...)
	b.told[issuerSetting], b.issuer = issuer, issuer
	b.want(ExitOK, "token")
	b.held = maps.Clone(b.vault)
	return b
}

// asksForACount reports whether Zoho is asked for a count.
func asksForACount(r *http.Request) bool {
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/coql") {
		return false
	}
	body := make([]byte, 1000)
	n, _ := r.Body.Read(body)
	return strings.Contains(string(body[:n]), "COUNT(id)")
}

// compared is a stack that compares its conversions with Zoho's, which knows three.
func compared(t *testing.T, adapt ...func(*sandbox.WorldOptions)) *bench {
	b := whole(t, adapt...)
	b.told["CONVERSIONS_ZOHO_COUNT"], b.told["CONVERSIONS_OWN_SUBJECT"] = "Deals.Closing_Time.Lead_Source", "shop"
	b.Zoho.Fail(zohotest.Fault{Match: asksForACount, Times: -1, Status: http.StatusOK, Body: `{"data":[{"COUNT(id)":3}],"info":{"count":1,"more_records":false}}`})
	return b
}

func TestADayIsComparedWithZohoWhereItIsToldTo(t *testing.T) {
	b := compared(t)
	has(t, b.want(ExitOK, "conversions", "report", b.Clock.Now().Format(time.DateOnly), "--json"), `"canali": []`)
	b.bought("CLIENTE-ITALIA-789456", 3)
	day := b.Clock.Now().Format(time.DateOnly)
	has(t, b.want(ExitOK, "conversions", "report", day, "--json"), `"crm": 3`)
	b.bought("CLIENTE-ITALIA-789457", 1)
	has(t, b.want(ExitFinding, "conversions", "report", day), ": differenza")
	has(t, b.want(ExitOK, "doctor"), "ok     conversions.zoho     Deals can be counted by Closing_Time and Lead_Source")
	delete(b.told, "CONVERSIONS_OWN_SUBJECT")
	has(t, b.want(ExitOK, "conversions", "report", day), "not asked")
	has(t, b.want(ExitOK, "doctor"), "note   conversions.zoho     CONVERSIONS_ZOHO_COUNT is set")
}

// keySets is a stack with conversions whose callers sign with keys of a key set.
func keySets(t *testing.T, adapt ...func(*sandbox.WorldOptions)) *bench {
	b := stage(t, adapt...)
	b.told[issuerSetting], b.issuer, b.told["CONVERSIONS_JWKS_URL"] = issuer, issuer, "https://keys.example.com/jwks.json"
	b.keySet = b.run("token", "--jwks", "--key", filepath.Join(t.TempDir(), "key.pem")).out
	return b
}

func (b *bench) counter() *counting.Counter {
	return &counting.Counter{Store: b.Tables["conversions"], Shards: submission.Shards, Now: b.Clock.Now, Patience: counting.Patient(b.Clock.Sleep, func(int64) int64 { return 0 })}
}

// bought counts n purchases of a client, all in this moment.
func (b *bench) bought(client string, n int) {
	b.t.Helper()
	for i := range n {
		e := conversion.Event{ID: fmt.Sprintf("ordine-%s-%06d", client[len(client)-6:], i), Client: client, Type: conversion.Purchase, At: b.Clock.Now(), Value: 1999,
			Currency: conversion.EUR, Channel: conversion.Webform, State: conversion.Completed}
		_, err := b.counter().Apply(b.t.Context(), submission.Submission{Ingestion: "r-" + e.ID, Tenant: shop, Received: b.Clock.Now(), Event: e})
		b.must(err)
	}
}

// spoilCounters makes the counters of the window at hand say something else than its events.
func (b *bench) spoilCounters() {
	b.t.Helper()
	n := 0
	for r := range b.Tables["conversions"].All("") {
		if strings.HasPrefix(r.Key.Part, "W#") {
			n++
			b.must(b.Tables["conversions"].Put(b.t.Context(), row.Put{Key: r.Key, If: r.Version, Value: []byte(strings.Replace(string(r.Value), `"completed":`, `"completed":1`, 1))}))
		}
	}
	if n == 0 {
		b.t.Fatal("nothing was counted")
	}
}

func TestADayOfConversionsIsReportedAndRepaired(t *testing.T) {
	b := counts(t)
	b.bought("CLIENTE-ITALIA-789456", 3)
	window := conversion.WindowOf(b.Clock.Now()).String()
	day := b.Clock.Now().Format(time.DateOnly)
	b.unchanged("a report", func() {
		has(t, b.want(ExitOK, "conversions", "report", day), day+": ok, 288 windows, 0 events waiting", string(shop))
	})
	b.spoilCounters()
	b.must(b.whole[conversionQueue].Send(t.Context(), []batch.Entry{{Group: "c-1", Dedup: "d", Body: "{}"}}))
	text := b.want(ExitFinding, "conversions", "report", day)
	golden(t, "conversions-report.txt", text)
	has(t, b.want(ExitFinding, "conversions", "report", day, "--json"), `"esito": "differenza"`, `"finestra": "`+window+`"`)
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "conversions", "repair", "shop", "webform", window, "--plan"), "plan   counted the window "+window+" of webform again: 1 type of event differed")
	})
	has(t, b.want(ExitOK, "conversions", "repair", string(shop), "webform", "--day", day), "done   counted the window "+window)
	b.unchanged("the second time", func() {
		has(t, b.want(ExitOK, "conversions", "repair", "shop", "webform", window), "as is  window "+window+" agrees with its events")
		has(t, b.want(ExitOK, "conversions", "repair", "shop", "webform", "--day", day), "as is  every window of "+day+" agrees")
	})
	has(t, b.want(ExitOK, "conversions", "report", day), ": ok,")
	has(t, b.want(ExitOK, "conversions"), "2026-11-22: ok") // yesterday
}

func TestAChannelOfASenderIsHeldBackAndLetGo(t *testing.T) {
	b := counts(t)
	b.unchanged("--plan", func() {
		has(t, b.want(ExitOK, "conversions", "quarantine", "shop", "webform", "--plan"), "plan   webform of "+string(shop)+" is held back")
	})
	b.unchanged("lifting nothing", func() {
		has(t, b.want(ExitOK, "conversions", "lift", "shop", "webform"), "as is  webform of "+string(shop)+" is not held back")
	})
	has(t, b.want(ExitOK, "conversions", "quarantine", "shop", "webform"), "done   webform of")
	b.unchanged("the second time", func() {
		has(t, b.want(ExitOK, "conversions", "quarantine", "shop", "webform"), "as is", "is held back since 2026-11-23T")
	})
	b.bought("CLIENTE-ITALIA-789456", 2)
	b.unchanged("--plan", func() { b.want(ExitOK, "conversions", "lift", "shop", "webform", "--release", "--plan") })
	has(t, b.want(ExitOK, "conversions", "lift", "shop", "webform", "--release"), "done   webform of", "what was held back since 2026-11-23T", "is counted from now on, 100 events a minute\n")
	goesOn := "; what was lifted with --release before goes on being counted\n"
	b.unchanged("lifting twice", func() {
		has(t, b.want(ExitOK, "conversions", "lift", "shop", "webform"), "as is  webform of", "is not held back"+goesOn)
	})
	has(t, b.want(ExitOK, "conversions", "quarantine", "shop", "webform"), "is held back"+goesOn)
	has(t, b.want(ExitOK, "conversions", "lift", "shop", "webform"), "stays out"+goesOn)
	if n, err := b.counter().Release(t.Context(), shop, conversion.Webform, 10); err != nil || n != 2 {
		t.Errorf("%d released, %v", n, err)
	}
}

// fails puts an event among the errors, as the consumer does for one that it cannot count.
func (b *bench) fails(id, body string, reason counting.Reason) {
	b.t.Helper()
	value := fmt.Sprintf(`{"ingestion":%q,"reason":%q,"tries":6,"first":"2026-11-23T08:00:00Z","last":"2026-11-23T08:15:00Z","body":%q}`, id, reason, body)
	b.must(b.Tables["conversions"].Put(b.t.Context(), row.Put{Key: row.Key{Part: "B", Sort: id}, Value: []byte(value)}))
}

func TestEventsThatWereNotCountedAreShownAndCountedAfterAll(t *testing.T) {
	b := counts(t)
	has(t, b.want(ExitOK, "conversions", "errors"), "every event was counted")
	e := conversion.Event{ID: "ordine-000001", Client: "CLIENTE-ITALIA-789456", Type: conversion.Purchase, At: b.Clock.Now(), Value: 5, Currency: conversion.EUR, Channel: conversion.SMS, State: conversion.Completed}
	body := submission.Submission{Ingestion: "r-1", Tenant: shop, Received: b.Clock.Now(), Event: e}.Entry(16).Body
	b.fails("r-1", body, counting.ReasonExhausted)
	b.fails("r-2", "junk of CLIENTE-ITALIA-789456", counting.ReasonUnreadable)
	text := b.want(ExitOK, "conversions", "errors")
	has(t, text, "r-1", "tentativi", "r-2", "illeggibile")
	has(t, b.want(ExitOK, "conversions", "errors", "r-1"), "--personal-data prints it")
	hasNot(t, text+b.want(ExitOK, "conversions", "errors", "r-1", "--json"), "CLIENTE-")
	has(t, b.want(ExitOK, "conversions", "errors", "r-2", "--personal-data"), "junk of CLIENTE-ITALIA-789456")
	has(t, b.want(ExitFinding, "conversions", "errors", "r-3"), "nothing among the errors has the id r-3")
	has(t, b.want(ExitFinding, "conversions", "replay", "r-2"), "r-2 cannot be counted")
	b.unchanged("--plan", func() { has(t, b.want(ExitOK, "conversions", "replay", "--all", "--plan"), "plan   counted r-1") })
	has(t, b.want(ExitOK, "conversions", "replay", "r-1"), "done   counted r-1: unico")
	b.unchanged("the second time", func() { has(t, b.want(ExitOK, "conversions", "replay", "--all"), "as is  nothing to count") })
}

func TestAWrongQuestionAboutConversionsDoesNothing(t *testing.T) {
	b := counts(t)
	b.unchanged("a wrong question", func() {
		for line, want := range map[string]string{
			"conversions report 20/11/2026":                        "not a day of the form",
			"conversions report 2026-11-24":                        "2026-11-24 has not begun",
			"conversions repair shop webform --day 2027-01-01":     "2027-01-01 has not begun",
			"conversions report 2024-11-20":                        "2024-11-19T23:00:00Z: events are kept for 732 days: nothing of that day",
			"conversions repair shop webform --day 2024-11-20":     "events are kept for 732 days: nothing tells",
			"conversions repair shop sms 2024-11-20T10:00:00Z":     "2024-11-20T10:00:00Z: events are kept for 732 days",
			"conversions repair shop webform":                      "say which: windows, or --day",
			"conversions repair shop webform 2026-11-20T10:01:00Z": "no start of a window",
			"conversions repair shop letter 2026-11-20T10:00:00Z":  "must be one of",
			"conversions repair shop webform --day 2026-13-01":     "not a day",
			"conversions quarantine shop":                          "expected",
			"conversions replay":                                   "say which: ids, or --all",
			"conversions errors --personal-data":                   "say with an id whose",
		} {
			if r := b.run(strings.Fields(line)...); r.code != ExitUsage || !strings.Contains(r.err, want) {
				t.Errorf("%s: exit %d, %s%s", line, r.code, r.out, r.err)
			}
		}
		delete(b.told, issuerSetting)
		has(t, b.want(ExitUsage, "conversions", "quarantine", "shop", "webform"), "name the sender by its tenant")
	})
}
