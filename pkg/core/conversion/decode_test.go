package conversion_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/conversion"
)

// refusal returns the error as a refusal, or fails.
func refusal(t testing.TB, err error) *conversion.Refusal {
	t.Helper()
	r, ok := errors.AsType[*conversion.Refusal](err)
	if !ok {
		t.Fatalf("%v (%T) is no refusal", err, err)
	}
	return r
}

func TestEveryGoodDocumentIsAnEvent(t *testing.T) {
	for name, body := range documents(t, "good") {
		if _, err := conversion.Decode(body, noon); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnEventHasWhatItsDocumentSays(t *testing.T) {
	e, err := conversion.Decode(documents(t, "good")["sample"], noon)
	want := conversion.Event{
		Client: "CLIENTE-ITALIA-789456", Type: conversion.Purchase, At: time.Date(2026, 11, 22, 11, 59, 30, 250e6, time.UTC),
		Value: 149_90, Currency: conversion.EUR, Channel: conversion.Email, State: conversion.Completed,
		Metadata: conversion.Metadata{Campaign: "Lancio autunno", Device: "mobile", Place: "Milano"},
	}
	if err != nil || e != want {
		t.Errorf("%#v, %v", e, err)
	}
	e, err = conversion.Decode(documents(t, "good")["metadata_escapes"], noon)
	if want := "caffè \U0001F389 \"x\" \x00 \uFFFD"; err != nil || e.Metadata.Campaign != want {
		t.Errorf("%q, %v, want %q", e.Metadata.Campaign, err, want)
	}
}

// The rules that each document breaks, by name.
func wanted(t *testing.T) map[string]string {
	f, err := os.Open("testdata/bad/want.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		name, want, _ := strings.Cut(s.Text(), " ")
		out[name] = want
	}
	return out
}

// spell writes a refusal as want.txt does.
func spell(r *conversion.Refusal) string {
	status := map[conversion.Reason]int{conversion.Invalid: 422, conversion.Malformed: 400, conversion.TooLarge: 413}[r.Reason]
	out := fmt.Sprint(status)
	for _, p := range r.Problems {
		out += fmt.Sprintf(" %s:%s", p.Path, p.Code)
	}
	return out
}

var value = regexp.MustCompile(`[:\[]\s*("(?:[^"\\]|\\.)*"|[-+.0-9eE]+)`)

func TestEveryBadDocumentIsRefusedWithItsPathAndWithoutItsValues(t *testing.T) {
	docs, want := documents(t, "bad"), wanted(t)
	if len(docs) < 29 || len(docs) != len(want) {
		t.Fatalf("%d documents, %d expectations", len(docs), len(want))
	}
	for name, body := range docs {
		e, err := conversion.Decode(body, noon)
		if err == nil || e != (conversion.Event{}) {
			t.Errorf("%s: taken", name)
			continue
		}
		r := refusal(t, err)
		if got := spell(r); got != want[name] {
			t.Errorf("%s: %s, want %s", name, got, want[name])
		}
		told := spell(r) + r.Error()
		for _, m := range value.FindAllSubmatch(body, -1) {
			if v := strings.Trim(string(m[1]), `"`); len(v) > 3 && strings.Contains(told, v) {
				t.Errorf("%s: repeats the value %s", name, v)
			}
		}
	}
}

func TestEveryCodeIsExplainedOnceAndSomeDocumentBreaksIt(t *testing.T) {
	seen := map[conversion.Code]conversion.Reason{}
	for _, want := range wanted(t) {
		for _, p := range strings.Fields(want)[1:] {
			_, code, _ := strings.Cut(p, ":")
			seen[conversion.Code(code)] = map[string]conversion.Reason{"422": conversion.Invalid, "400": conversion.Malformed}[want[:3]]
		}
	}
	seen[conversion.CodeSize] = conversion.TooLarge    // a document of 64 kB is not kept in the source
	seen[conversion.CodeOtherKey] = conversion.Invalid // not of the document alone
	for _, rule := range conversion.Codes() {
		if seen[rule.Code] != rule.Reason || rule.Text == "" {
			t.Errorf("%s: %v here, %v in the documents", rule.Code, rule.Reason, seen[rule.Code])
		}
		delete(seen, rule.Code)
	}
	if len(seen) > 0 {
		t.Errorf("no rule for %v", seen)
	}
}

func TestATimestampIsTakenAsLongAsItsClockAllows(t *testing.T) {
	body := documents(t, "good")["least"] // 11:59:30.250
	at := time.Date(2026, 11, 22, 11, 59, 30, 250e6, time.UTC)
	for _, tt := range []struct {
		name string
		now  time.Time
		want conversion.Code
	}{
		{"4:59 ahead", at.Add(-299 * time.Second), ""},
		{"5:00 ahead", at.Add(-5 * time.Minute), ""},
		{"a nanosecond more", at.Add(-5*time.Minute - 1), conversion.CodeFuture},
		{"5:01 ahead", at.Add(-301 * time.Second), conversion.CodeFuture},
		{"7 days less a second old", at.Add(7*24*time.Hour - time.Second), ""},
		{"7 days old", at.Add(7 * 24 * time.Hour), ""},
		{"7 days and a second old", at.Add(7*24*time.Hour + time.Second), conversion.CodePast},
		{"a year old", at.AddDate(1, 0, 0), conversion.CodePast},
	} {
		_, err := conversion.Decode(body, tt.now)
		if tt.want == "" && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.want != "" && spell(refusal(t, err)) != "422 /timestamp:"+string(tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	// Whatever the clock says, nothing is older than 2000.
	early := bytes.Replace(body, []byte("2026-11-22T11:59:30.250"), []byte("1999-12-31T23:59:59.999"), 1)
	if _, err := conversion.Decode(early, time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC)); err == nil {
		t.Error("taken: an event of 1999")
	}
}

// hostile are bodies that cost a careless reader its time or its stack.
func hostile() map[string]struct{ body, want string } {
	doc := func(value, more string) string {
		return `{"id_cliente":"CLIENTE-ITALIA-789456","evento":"acquisto_concluso","timestamp":"2026-11-22T11:59:30Z","valore":` +
			value + `,"canale":"email","stato":"completato"` + more + `}`
	}
	keys := ""
	for i := range 5000 {
		keys += fmt.Sprintf(`,"k%d":0`, i)
	}
	many := "422" + strings.Repeat(" :proprieta_sconosciuta", conversion.MaxProblems)
	return map[string]struct{ body, want string }{
		"a million digits":               {doc(strings.Repeat("9", 1e6), ""), "413 :dimensione"},
		"64,000 digits":                  {doc(strings.Repeat("9", 64000), ""), "422 /valore:numero_non_ammesso"},
		"64,000 decimals":                {doc("0."+strings.Repeat("0", 64000), ""), "422 /valore:numero_non_ammesso"},
		"depth 100,000":                  {strings.Repeat("[", 1e5) + strings.Repeat("]", 1e5), "413 :dimensione"},
		"depth 30,000":                   {strings.Repeat("[", 3e4) + strings.Repeat("]", 3e4), "422 /0/0/0/0:profondita"},
		"objects 9,000 deep":             {strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000), "422 /a/a/a/a:profondita"},
		"lists in lists":                 {`[{"a":1},[2,[3,[4,[5]]]]]`, "422 /1/1/1/1:profondita"},
		"behind a name that is not told": {`{"a b":{"x":1,"x":2}}`, "422 :chiave_doppia"},
		"a key twice behind a list":      {`{"a":[1,{"b":2},3],"c":{"d":[{}],"d":1}}`, "422 /c/d:chiave_doppia"},
		"a key twice in an element":      {`[0,{"è":1,"a":{"k":1,"K":2}}]`, "422 /1/a/K:chiave_doppia"},
		"open brackets":                  {strings.Repeat("[", 64<<10), "422 /0/0/0/0:profondita"},
		"a key twice by Go's folding":    {"{\"k\":1,\"\u212a\":2}", "422 :chiave_doppia"},
		"the last key twice":             {doc("1", keys+`,"K4999":1`), "422 /K4999:chiave_doppia"},
		"5,000 unknown keys":             {doc("1", strings.ReplaceAll(keys, `"k`, `"-k`)), many},
		"a text of escapes":              {doc("1", `,"metadati":{"campagna":"`+strings.Repeat(`\ud83c\udf89`, 5000)+`"}`), "422 /metadati/campagna:lunghezza"},
		"a text of halves":               {doc("1", `,"metadati":{"campagna":"`+strings.Repeat(`\ud83c`, 10000)+`"}`), "422 /metadati/campagna:unicode"},
		"half a character at the end":    {doc("1", "")[:60] + strings.Repeat(" ", 60000) + "\xc3", "400 :utf8"},
		"a byte too many":                {doc("1", "") + strings.Repeat(" ", 64<<10), "413 :dimensione"},
	}
}

func TestHostileBodiesAreRefusedWithLittleWork(t *testing.T) {
	for name, tt := range hostile() {
		t.Run(name, func(t *testing.T) {
			_, err := conversion.Decode([]byte(tt.body), noon)
			if got := spell(refusal(t, err)); got != tt.want {
				t.Errorf("%.200s, want %.200s", got, tt.want)
			}
			// A body is read in a few passes, and what each of them holds is of the body's size: a step that multiplied it
			// would show in the memory.
			body := []byte(tt.body)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = conversion.Decode(body, noon)
			runtime.ReadMemStats(&after)
			if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 32*conversion.MaxBody {
				t.Errorf("%d bytes allocated", bytes)
			}
		})
	}
}

func TestABodyOfExactly64kBIsRead(t *testing.T) {
	body := documents(t, "good")["least"]
	body = append(body, bytes.Repeat([]byte(" "), conversion.MaxBody-len(body))...)
	if _, err := conversion.Decode(body, noon); err != nil {
		t.Error(err)
	}
	if _, err := conversion.Decode(append(body, ' '), noon); spell(refusal(t, err)) != "413 :dimensione" {
		t.Error(err)
	}
}

func TestAnEventComesBackFromItsDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent().Draw(t, "event")
		if got, err := conversion.Decode(e.Document(), noon); err != nil || got != e {
			t.Fatalf("%s: %v", e.Document(), err)
		}
		// The consumer knows when the door received it to the millisecond, and agrees with it at both ends.
		edge := rapid.SampledFrom([]time.Duration{-conversion.MaxAhead, conversion.MaxAge}).Draw(t, "edge")
		now := e.At.Add(edge + time.Duration(rapid.Int64Range(-2e6, 2e6).Draw(t, "ns")))
		if _, err := conversion.Decode(e.Document(), now); err == nil {
			if _, err := conversion.Decode(e.Document(), now.Truncate(time.Millisecond)); err != nil {
				t.Fatalf("taken at %s and not again: %v", now, err)
			}
		}
	})
}

func TestTheIdempotencyKeyIsAnEventsIDUnlessItHasAnotherOne(t *testing.T) {
	without, with := conversion.Event{Client: "CLIENTE-AB-000001"}, conversion.Event{ID: "order-0001"}
	for _, tt := range []struct {
		name  string
		event conversion.Event
		key   string
		id    string
		want  string
	}{
		{"none", without, "", "", ""},
		{"given", without, "order-0001", "order-0001", ""},
		{"the same", with, "order-0001", "order-0001", ""},
		{"none for an id", with, "", "order-0001", ""},
		{"another one", with, "order-0002", "", "422 /id_evento:chiave_diversa"},
		{"a bad one", without, "order#0002", "", "422 /id_evento:formato"},
		{"too long", without, strings.Repeat("a", 65), "", "422 /id_evento:formato"},
	} {
		e, err := tt.event.WithIdempotencyKey(tt.key)
		if e.ID != tt.id || (err == nil) != (tt.want == "") {
			t.Errorf("%s: %q, %v", tt.name, e.ID, err)
		}
		if err != nil && spell(refusal(t, err)) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestAnEventDoesNotSayWhoseItIs(t *testing.T) {
	e, err := conversion.Decode(documents(t, "good")["id_and_currency"], noon)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("event", "event", e)
	fmt.Fprintf(&log, "%v %+v %#v %s %q %v %+v", e, e, e, e, e, struct{ E conversion.Event }{e}, []conversion.Event{e})
	if strings.Contains(log.String(), "789456") || strings.Contains(log.String(), "ordine") || !strings.Contains(log.String(), "acquisto_concluso") {
		t.Error(log.String())
	}
}

func ExampleDecode() {
	body := []byte(`{"id_cliente": "CLIENTE-ITALIA-789456", "evento": "acquisto_concluso", "timestamp": "2026-11-22T11:59:30Z",
		"valore": 1.005, "canale": "social", "stato": "completato"}`)
	_, err := conversion.Decode(body, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	if r, ok := errors.AsType[*conversion.Refusal](err); ok {
		for _, p := range r.Problems {
			fmt.Println(p.Path, p.Code)
		}
	}
	// Output:
	// /valore decimali
	// /canale valore_non_ammesso
}

func BenchmarkDecode(b *testing.B) {
	body := documents(b, "good")["sample"]
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conversion.Decode(body, noon); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeHostile(b *testing.B) {
	bodies := hostile()
	names := make([]string, 0, len(bodies))
	for name := range bodies {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			body := []byte(bodies[name].body)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := conversion.Decode(body, noon); err == nil {
					b.Fatal("taken")
				}
			}
		})
	}
}
