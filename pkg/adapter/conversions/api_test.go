package conversions_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // zones do not depend on the machine

	"github.com/golang-jwt/jwt/v5"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/flow/counting"
)

// live is the API over real counters.
type live struct {
	conversions.API
	counter counting.Counter
	now     time.Time
	log     bytes.Buffer
}

func newLive(t *testing.T) *live {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	l := &live{now: noon}
	clock := func() time.Time { return l.now }
	rows := memory.NewRows(clock)
	p := counting.Patience{Sleep: func(context.Context, time.Duration) error { return nil }, Rand: rand.New(rand.NewPCG(1, 1)).Int64N}
	l.counter = counting.Counter{Store: rows, Shards: 4, Now: clock, Patience: p}
	l.API = conversions.API{
		Tokens: es256(), Metrics: &counting.Query{Store: rows, Shards: 4, Zone: zone, Now: clock},
		Inputs: &counting.Inputs{Store: rows, Now: clock, Patience: p}, Zone: zone, Now: clock, Log: slog.New(slog.NewTextHandler(&l.log, nil)),
	}
	return l
}

func (l *live) ask(t *testing.T, method, target, body string, edit ...func(*door.Request)) door.Answer {
	t.Helper()
	h := bearer(sign(t, jwt.SigningMethodES256, keys().ec, with("scope", "metriche:leggi costi:scrivi ingressi:scrivi"), nil))
	if body != "" {
		h.Set("Content-Type", "application/json")
	}
	path, query, _ := strings.Cut(target, "?")
	r := door.Request{ID: "request-1", Method: method, Path: path, Query: query, Header: h, Body: []byte(body)}
	for _, e := range edit {
		e(&r)
	}
	return l.Handle(t.Context(), r)
}

func (l *live) count(t *testing.T, value conversion.Cents, ids ...string) {
	t.Helper()
	for _, id := range ids {
		s := submission.Submission{
			Ingestion: "r-" + id, Tenant: conversion.TenantOf("https://issuer.example", "shop"), Received: l.now,
			Event: conversion.Event{
				Client: "CLIENTE-ITALIA-789456", Type: conversion.Purchase, At: noon, Value: value, Currency: conversion.EUR, Channel: conversion.Webform,
				State: conversion.Completed, Metadata: conversion.Metadata{Device: id, Campaign: map[string]string{"a": "Natale"}[id]},
			},
		}
		if _, err := l.counter.Apply(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

const window = "?da=2026-11-22T12:00:00Z&a=2026-11-22T12:05:00Z&passo=5m&canale=webform"

func TestWhatACallerOfTheApiIsTold(t *testing.T) {
	l := newLive(t)
	var out strings.Builder
	say := func(name string, a door.Answer) { out.WriteString(print(name, a)) }
	say("nothing yet", l.ask(t, "GET", conversions.MetricsPath+window, ""))
	l.count(t, 1999, "a", "b", "c")
	say("costs", l.ask(t, "PUT", conversions.CostsPath+"2026-11-22/webform", `{"costi":{"EUR":"288.01","USD":"0"}}`))
	say("the same costs again", l.ask(t, "PUT", conversions.CostsPath+"2026-11-22/webform", `{"costi":{"EUR":"288.01","USD":"0"}}`))
	say("of a campaign", l.ask(t, "PUT", conversions.CostsPath+"2026-11-22/webform", `{"costi":{"EUR":"28.80"},"campagna":"Natale"}`))
	const visits = `{"id_ingresso":"visits-0001","canale":"webform","timestamp":"2026-11-22T13:01:00+01:00","visite":12}`
	say("visits", l.ask(t, "POST", conversions.EntriesPath, visits))
	say("the same visits again", l.ask(t, "POST", conversions.EntriesPath, visits))
	say("others of the same id", l.ask(t, "POST", conversions.EntriesPath, strings.Replace(visits, ":12}", ":13}", 1)))
	say("an open window", l.ask(t, "GET", conversions.MetricsPath+window, ""))
	l.now = noon.Add(time.Hour)
	if _, _, err := l.counter.Close(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	say("a final window", l.ask(t, "GET", conversions.MetricsPath+window, ""))
	say("an hour of all channels, in UTC", l.ask(t, "GET", conversions.MetricsPath+"?da=2026-11-22T12:00:00Z&a=2026-11-22T13:00:00Z&passo=1h&fuso=UTC", ""))
	say("one campaign", l.ask(t, "GET", conversions.MetricsPath+window+"&campagna=Natale", ""))
	say("a campaign of nobody", l.ask(t, "GET", conversions.MetricsPath+window+"&campagna=Pasqua", ""))
	say("more than fits", clipped(l.ask(t, "GET", conversions.MetricsPath+"?da=2026-11-01T00:00:00Z&a=2026-11-21T00:00:00Z", "")))
	for _, tt := range []struct{ name, method, target, body string }{
		{"no bounds", "GET", conversions.MetricsPath, ""},
		{"off the edges", "GET", conversions.MetricsPath + "?da=2026-11-22T12:00:01Z&a=2026-11-22T12:00:00Z", ""},
		{"every filter wrong", "GET", conversions.MetricsPath + "?da=x&a=y&passo=2h&canale=social&evento=visita&valuta=eur&fuso=Atlantide&segreto=CLIENTE-X", ""},
		{"no campaign's name", "GET", conversions.MetricsPath + window + "&campagna=", ""},
		{"a campaign's name too long", "GET", conversions.MetricsPath + window + "&campagna=" + strings.Repeat("x", 201), ""},
		{"a campaign's name that is no text", "GET", conversions.MetricsPath + window + "&campagna=%ff", ""},
		{"a filter twice", "GET", conversions.MetricsPath + window + "&canale=email", ""},
		{"another method", "POST", conversions.MetricsPath, "{}"},
		{"another path", "GET", "/api/v1/altro", ""},
		{"no day", "PUT", conversions.CostsPath + "2026-02-30/webform", `{"costi":{}}`},
		{"a day of another age", "PUT", conversions.CostsPath + "0001-01-01/webform", `{"costi":{}}`},
		{"no channel", "PUT", conversions.CostsPath + "2026-11-22/fax", `{"costi":{}}`},
		{"a third decimal", "PUT", conversions.CostsPath + "2026-11-22/webform", `{"costi":{"EUR":"1.005"}}`},
		{"two that are none and names that are no currencies", "PUT", conversions.CostsPath + "2026-11-22/webform", `{"costi":{"USD":"-1","EUR":"1,50","CHF":"2","segreto":"1","altro":"1"}}`},
		{"a float", "PUT", conversions.CostsPath + "2026-11-22/webform", `{"costi":{"EUR":1.5}}`},
		{"an unknown member", "PUT", conversions.CostsPath + "2026-11-22/webform", `{"costi":{},"segreto":1}`},
		{"no visits", "POST", conversions.EntriesPath, strings.Replace(visits, ":12}", ":0}", 1)},
		{"an empty entry", "POST", conversions.EntriesPath, "{}"},
		{"an entry that is all wrong", "POST", conversions.EntriesPath, `{"id_ingresso":"x","canale":"fax","timestamp":"ieri","visite":0}`},
		{"visits of tomorrow", "POST", conversions.EntriesPath, strings.Replace(visits, "11-22", "11-23", 1)},
	} {
		say(tt.name, l.ask(t, tt.method, tt.target, tt.body))
	}
	golden(t, "api.txt", out.String())
	if strings.Contains(out.String()+l.log.String(), "CLIENTE") || strings.Contains(out.String()+l.log.String(), "segreto") {
		t.Error("an answer or the log repeats what was sent")
	}
}

func TestFreshnessIsHowLongAgoTheNewestEventWasCountedWheneverItHappened(t *testing.T) {
	for name, counted := range map[string]time.Time{"an event that came late": noon.Add(6 * 24 * time.Hour), "an event of a clock that is fast": noon.Add(-4 * time.Minute)} {
		l := newLive(t)
		l.now = counted
		l.count(t, 1999, "a")
		for age := range 3 {
			l.now = counted.Add(time.Duration(age) * time.Second)
			if a := l.ask(t, "GET", conversions.MetricsPath+window, ""); !strings.Contains(string(a.Body), fmt.Sprintf(`"freschezza_s":%d}`, age)) {
				t.Errorf("%s, counted %d s ago: %s", name, age, a.Body)
			}
		}
		l.now = counted.Add(-time.Second) // the clock of another machine
		if a := l.ask(t, "GET", conversions.MetricsPath+window, ""); !strings.Contains(string(a.Body), `"freschezza_s":0}`) {
			t.Errorf("%s, counted by a clock that is fast: %s", name, a.Body)
		}
	}
}

// clipped keeps the two ends of a long answer.
func clipped(a door.Answer) door.Answer {
	a.Body = append(append(bytes.Clone(a.Body[:60]), "…"...), a.Body[len(a.Body)-60:]...)
	return a
}

func TestEachRouteOfTheApiAsksForItsScope(t *testing.T) {
	l := newLive(t)
	for _, tt := range []struct{ method, target, body, scope string }{
		{"GET", conversions.MetricsPath + window, "", "metriche:leggi"},
		{"PUT", conversions.CostsPath + "2026-11-22/webform", `{"costi":{}}`, "costi:scrivi"},
		{"POST", conversions.EntriesPath, `{"id_ingresso":"visits-0001","canale":"webform","timestamp":"2026-11-22T12:00:00Z","visite":1}`, "ingressi:scrivi"},
	} {
		for _, scope := range []string{"conversioni:scrivi", "metriche:leggi", "costi:scrivi", "ingressi:scrivi"} {
			a := l.ask(t, tt.method, tt.target, tt.body, func(r *door.Request) {
				r.Header.Set("Authorization", "Bearer "+sign(t, jwt.SigningMethodES256, keys().ec, with("scope", scope), nil))
			})
			if ok := a.Status/100 == 2; ok != (scope == tt.scope) || !ok && a.Status != http.StatusForbidden {
				t.Errorf("%s %s with %s: %d", tt.method, tt.target, scope, a.Status)
			}
		}
		if a := l.ask(t, tt.method, tt.target, tt.body, func(r *door.Request) { r.Header.Del("Authorization") }); a.Status != http.StatusUnauthorized {
			t.Errorf("without a token: %d", a.Status)
		}
	}
}

// broken fails or panics instead of answering.
type broken struct{ panics bool }

func (b broken) Rows(context.Context, metric.Query) (metric.Answer, error) {
	if b.panics {
		panic("CLIENTE-ITALIA-789456")
	}
	return metric.Answer{}, errors.New("CLIENTE-ITALIA-789456 is not there")
}

func TestADoubtOfOursIs503AndTellsNothing(t *testing.T) {
	for _, panics := range []bool{false, true} {
		l := newLive(t)
		l.Metrics = broken{panics}
		a := l.ask(t, "GET", conversions.MetricsPath+window, "")
		if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") != "30" || strings.Contains(string(a.Body)+l.log.String(), "789456") {
			t.Errorf("%d %s %s", a.Status, a.Body, l.log.String())
		}
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add(strings.TrimPrefix(window, "?"))
	f.Add("da=2026-11-22T12:00:00Z&a=2026-11-22T14:00:00%2B01:00&passo=1m&fuso=Asia/Kathmandu")
	f.Add("da=0001-01-01T00:00:00Z&a=9999-12-31T23:55:00Z&passo=1g")
	f.Fuzz(func(t *testing.T, query string) {
		l := &live{}
		clock := func() time.Time { return noon }
		rows := memory.NewRows(clock)
		l.API = conversions.API{
			Tokens: es256(), Metrics: &counting.Query{Store: rows, Zone: time.UTC, Now: clock}, Zone: time.UTC, Now: clock,
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}
		a := l.ask(t, "GET", conversions.MetricsPath+"?"+query, "")
		_, bad := url.ParseQuery(query)
		if a.Status != http.StatusOK && a.Status != http.StatusBadRequest || bad != nil && a.Status == http.StatusOK {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	})
}
