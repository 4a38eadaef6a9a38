package suite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/suite/conversionclock"
)

var (
	tick   = conversionclock.Event{Action: conversionclock.ActionTick}
	report = conversionclock.Event{Action: conversionclock.ActionReport}
)

// sample is the published sample of an event.
const sample = `{"id_cliente":"CLIENTE-ITALIA-789456","evento":"acquisto_concluso","timestamp":"%s","valore":%s,"canale":"webform","stato":"completato",` +
	`"metadati":{"campagna":"autunno"}}`

// purchase is the sample at an instant.
func purchase(at time.Time, value string) string {
	return fmt.Sprintf(sample, at.UTC().Format("2006-01-02T15:04:05.000Z"), value)
}

// row is one row of the metrics, as far as it is looked at.
type metrics struct {
	Start    string            `json:"inizio"`
	State    string            `json:"stato"`
	Unique   int               `json:"unici"`
	Repeats  int               `json:"duplicati"`
	Total    int               `json:"conversioni"`
	Value    map[string]string `json:"valore_totale"`
	Rate     *float64          `json:"tasso_conversione"`
	Wherefor map[string]string `json:"motivi"`
}

// read asks the API for the windows of an hour from noon on, of a channel.
func (w *town) read(channel string) (out []metrics) {
	w.t.Helper()
	target := conversions.MetricsPath + "?da=2026-11-03T12:00:00Z&a=2026-11-03T13:00:00Z&passo=1h&canale=" + channel
	a := w.api(w.t.Context(), w.request("GET", target, "", "metriche:leggi"))
	var in struct {
		Rows []metrics `json:"righe"`
	}
	if err := json.Unmarshal(a.Body, &in); err != nil || a.Status != http.StatusOK || len(in.Rows) != 1 {
		w.t.Fatalf("%d %s, %v", a.Status, a.Body, err)
	}
	return in.Rows
}

func TestAConversionIsVisibleInTheMetricsWithinSeconds(t *testing.T) {
	w := build(t, variant{})
	if a := w.tell(purchase(w.now, "19.99")); a.Status != http.StatusAccepted || !strings.Contains(string(a.Body), `"chiave":"derivata"`) {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	w.pass(time.Second)
	if r := w.read("webform")[0]; r.Unique != 1 || r.Total != 1 || r.Value["EUR"] != "19.99" || r.Rate != nil || r.Wherefor["tasso_conversione"] != "denominatore_mancante" {
		t.Errorf("%+v", r)
	}
	for range 2 { // the same event, sent again
		if a := w.tell(purchase(noon, "19.99")); a.Status != http.StatusAccepted {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	w.pass(time.Second)
	if r := w.read("webform")[0]; r.Unique != 1 || r.Total != 1 || r.Repeats != 2 {
		t.Errorf("%+v", r)
	}
	w.discreet()
}

func TestGoodDocumentsAreTakenAndBadOnesAreRefusedWithTheirPathAndNothingIsStored(t *testing.T) {
	good, err := filepath.Glob("../core/conversion/testdata/good/*.json")
	if err != nil || len(good) < 5 {
		t.Fatalf("%d documents, %v", len(good), err)
	}
	bad, err := filepath.Glob("../core/conversion/testdata/bad/*.json")
	if err != nil || len(bad) < 29 {
		t.Fatalf("%d documents, %v", len(bad), err)
	}
	at := func(now time.Time) *town {
		w := build(t, variant{})
		w.now = now
		return w
	}
	for _, f := range good {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		w := at(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
		if a := w.tell(string(body)); a.Status != http.StatusAccepted || w.left() != 1 {
			t.Errorf("%s: %d %s, %d in the queue", f, a.Status, a.Body, w.left())
		}
	}
	w := at(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	for _, f := range bad {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		w.refuses(filepath.Base(f), string(body), `"percorso":`)
	}
}

// refuses holds the door to refuse a body at once, with a path, and to store nothing of it.
func (w *town) refuses(name, body, says string) {
	w.t.Helper()
	began := time.Now()
	a := w.tell(body)
	took := time.Since(began)
	if a.Status != http.StatusUnprocessableEntity && a.Status != http.StatusBadRequest && a.Status != http.StatusRequestEntityTooLarge || !strings.Contains(string(a.Body), says) {
		w.t.Errorf("%s: %d %s", name, a.Status, a.Body)
	}
	if took > time.Second { // the goal is 50 ms on a machine of its own
		w.t.Errorf("%s: took %s", name, took)
	}
	if w.left() != 0 || w.tables["quarantine"].Len() != 0 || w.tables["conversions"].Len() != 0 {
		w.t.Errorf("%s: something is stored", name)
	}
}

func TestHostileDocumentsAreRefusedAtOnceWithTheirPath(t *testing.T) {
	w := build(t, variant{})
	replaced := func(old, with string) string { return strings.Replace(purchase(w.now, "19.99"), old, with, 1) }
	instant := w.now.Format("2006-01-02T15:04:05.000Z")
	for name, tt := range map[string]struct{ body, says string }{
		"a future timestamp":        {purchase(w.now.Add(5*time.Minute+time.Second), "1"), `{"percorso":"/timestamp"`},
		"an ancient timestamp":      {purchase(w.now.Add(-7*24*time.Hour-time.Second), "1"), `{"percorso":"/timestamp"`},
		"a malformed timestamp":     {replaced(instant, "2026-11-03 12:00"), `{"percorso":"/timestamp"`},
		"a negative amount":         {purchase(w.now, "-0.01"), `{"percorso":"/valore"`},
		"a third decimal":           {purchase(w.now, "1.005"), `{"percorso":"/valore"`},
		"a key twice":               {replaced(`"canale"`, `"valore":1,"canale"`), `"chiave_doppia"`},
		"sixty thousand digits":     {purchase(w.now, strings.Repeat("9", 60_000)), `{"percorso":"/valore"`},
		"a million digits":          {purchase(w.now, strings.Repeat("9", 1_000_000)), `"status":413`},
		"depth 100,000":             {strings.Repeat("[", 100_000), `"status":413`},
		"depth 60,000":              {strings.Repeat("[", 60_000), `"profondita"`},
		"an exponent of a million":  {purchase(w.now, "1e10000000"), `"percorso":`},
		"a value of another tenant": {replaced(`"canale"`, `"mittente":"altro","canale"`), `"proprieta_sconosciuta"`},
	} {
		w.refuses(name, tt.body, tt.says)
	}
	w.discreet()
}

func TestWhomTheConnectorSeesComingInIsTheDenominator(t *testing.T) {
	w := build(t, variant{})
	for i := range 4 {
		id := w.created(map[string]string{"lastname": "Rossi", "email": fmt.Sprintf("r%d@example.com", i)})
		w.operation(id, crm.Create) // HubSpot tells it again
	}
	if a := w.tell(purchase(w.now, "10")); a.Status != http.StatusAccepted {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	p := w.phone.Meet("Persona", "393471234567")
	for range 2 { // one conversation
		if _, err := p.Say(number, "buongiorno"); err != nil {
			t.Fatal(err)
		}
	}
	whatsapp := strings.Replace(purchase(w.now, "5"), "webform", "whatsapp", 1)
	if a := w.tell(whatsapp); a.Status != http.StatusAccepted {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	w.pass(time.Minute)
	if r := w.read("webform")[0]; r.Rate == nil || *r.Rate != 0.25 {
		t.Errorf("of four contacts: %+v", r)
	}
	if r := w.read("whatsapp")[0]; r.Rate == nil || *r.Rate != 1 {
		t.Errorf("of one conversation: %+v", r)
	}
}

func TestTheClockClosesWindowsTellsAlertsAndReportsOnTheDay(t *testing.T) {
	w := build(t, variant{})
	for range 5 { // one event, five times within ten minutes: four repeats
		w.tell(purchase(noon, "10"))
		w.pass(time.Second)
	}
	if err := w.clock.Handle(t.Context(), tick); err != nil {
		t.Fatal(err)
	}
	mails := w.mails.Mails()
	if len(mails) != 1 || len(w.slack) != 1 || mails[0].To != "client@example.com" || !strings.Contains(mails[0].Text, "duplicati") || strings.Contains(mails[0].Text+w.slack[0], "CLIENTE-") {
		t.Fatalf("%+v, Slack %q", mails, w.slack)
	}
	if r := w.read("webform")[0]; r.State == "definitiva" {
		t.Errorf("%+v", r)
	}
	w.now = noon.Add(2 * time.Hour)
	if err := w.clock.Handle(t.Context(), conversionclock.Event{}); err != nil { // a tick too
		t.Fatal(err)
	}
	if r := w.read("webform")[0]; r.State != "definitiva" {
		t.Errorf("%+v", r)
	}
	w.now = time.Date(2026, 11, 4, 1, 30, 0, 0, time.UTC) // 02:30 in Rome
	w.waiting = 3
	for range 2 { // it may be repeated
		if err := w.clock.Handle(t.Context(), report); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		w.now = w.now.Add(6 * time.Minute)
		if err := w.clock.Handle(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
	}
	reports := 0
	for _, m := range w.mails.Mails() {
		if strings.Contains(m.Text, "Rapporto del 2026-11-03: ok") && strings.Contains(m.Text, "3 eventi in coda") && strings.Contains(m.HTML, "Rapporto") {
			reports++
		}
	}
	if reports != 1 {
		t.Errorf("%d reports on the day: %+v", reports, w.mails.Mails())
	}
	w.discreet()
}

// around is what a report asks beside the table: a CRM that knows one conversion a day, and queues. Each may be down.
type around struct{ crm, queues bool }

var errAway = &fault.Error{Op: "around", Kind: fault.Down, Err: errors.New("503")}

func (a *around) Conversions(context.Context, conversion.Tenant, conversion.Channel, time.Time, time.Time) (int64, bool, error) {
	if a.crm {
		return 0, false, errAway
	}
	return 1, true, nil
}

func (a *around) Waiting(context.Context) (int64, error) {
	if a.queues {
		return 0, errAway
	}
	return 0, nil
}

func TestReportsAndAlarmsAreInTheLanguageOfTheStack(t *testing.T) {
	w := build(t, variant{})
	clock := conversionclock.New(conversionclock.Adapters{
		Rows: w.tables["conversions"], Mailer: w.mails, From: "connector@example.com", To: "client@example.com", Language: "en", Queues: &around{},
		Rules: counting.RulesOf(true), Zone: rome(t), Now: w.clk, Sleep: w.sleep, Rand: func(int64) int64 { return 0 },
		Log: slog.New(slog.NewJSONHandler(w.lines, nil)),
	})
	w.tell(purchase(noon, "10"))
	w.pass(2 * time.Second)
	w.now = time.Date(2026, 11, 4, 3, 30, 0, 0, time.UTC)
	for _, e := range []conversionclock.Event{report, tick} {
		if err := clock.Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if mails := w.mails.Mails(); len(mails) != 1 || mails[0].Subject != "Conversions: 2 notices" || !strings.HasPrefix(mails[0].Text, "Report of 2026-11-03: ok\n288 windows") {
		t.Errorf("%+v", mails)
	}
}

func TestAReportThatCouldNotBeMadeIsMadeByALaterRun(t *testing.T) {
	w := build(t, variant{})
	down := &around{}
	clock := conversionclock.New(conversionclock.Adapters{
		Rows: w.tables["conversions"], Mailer: w.mails, From: "connector@example.com", To: "client@example.com", Queues: down, CRM: down,
		Rules: counting.RulesOf(true), Zone: rome(t), Now: w.clk, Sleep: w.sleep, Rand: func(int64) int64 { return 0 },
		Log: slog.New(slog.NewJSONHandler(w.lines, nil)),
	})
	w.tell(purchase(noon, "10")) // 2026-11-03
	w.pass(2 * time.Second)
	run := func(day int) error {
		w.now = time.Date(2026, 11, day, 3, 30, 0, 0, time.UTC)
		w.lines.Reset()
		return clock.Handle(t.Context(), report)
	}
	has := func(day string) bool {
		found := false
		for r := range w.tables["conversions"].All("G") {
			found = found || strings.HasPrefix(r.Key.Sort, day)
		}
		return found
	}
	down.crm = true
	for range 2 { // the schedule tries again
		if err := run(4); !errors.Is(err, counting.ErrUnanswered) || !has("2026-11-03") || !strings.Contains(w.lines.String(), "incompleto") {
			t.Errorf("without Zoho: %v\n%s", err, w.lines)
		}
	}
	down.crm, down.queues = false, true
	if err := run(5); err == nil || has("2026-11-04") || strings.Contains(w.lines.String(), `"msg":"report"`) {
		t.Errorf("without the queues: %v, or an alarm takes its line for a report\n%s", err, w.lines)
	}
	down.queues = false
	for day := range 3 { // none of the runs of the 6th was made
		if err := run(7 + day); err != nil {
			t.Error(err)
		}
	}
	if !has("2026-11-04") || !has("2026-11-05") || !has("2026-11-08") {
		t.Error("a day is without a report")
	}
	for range 6 {
		w.now = w.now.Add(6 * time.Minute)
		if err := clock.Handle(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
	}
	all := ""
	for _, m := range w.mails.Mails() {
		all += m.Text
	}
	if strings.Count(all, "Rapporto del 2026-11-03: incompleto") != 1 || strings.Count(all, "Rapporto del 2026-11-03: ok") != 1 || strings.Count(all, "Rapporto del 2026-11-05") != 1 {
		t.Errorf("mailed:\n%s", all)
	}
}

func TestWhileZohoIsSilentADayIsReportedAfterADayAndAfterEight(t *testing.T) {
	w := build(t, variant{})
	down := &around{crm: true}
	clock := conversionclock.New(conversionclock.Adapters{
		Rows: w.tables["conversions"], Mailer: w.mails, From: "connector@example.com", To: "client@example.com", Queues: down, CRM: down,
		Rules: counting.RulesOf(true), Zone: rome(t), Now: w.clk, Sleep: w.sleep, Rand: func(int64) int64 { return 0 },
		Log: slog.New(slog.NewJSONHandler(w.lines, nil)),
	})
	w.tell(purchase(noon, "10")) // 2026-11-03
	w.pass(2 * time.Second)
	for day := 4; day <= 13; day++ {
		w.now = time.Date(2026, 11, day, 3, 30, 0, 0, time.UTC)
		if err := clock.Handle(t.Context(), report); !errors.Is(err, counting.ErrUnanswered) {
			t.Errorf("on the %dth: %v", day, err)
		}
	}
	reports := []string{}
	for r := range w.tables["conversions"].All("G") {
		if strings.HasPrefix(r.Key.Sort, "2026-11-03") {
			reports = append(reports, r.Key.Sort)
		}
	}
	if got := strings.Join(reports, " "); got != "2026-11-03#0001 2026-11-03#0008" {
		t.Errorf("reports: %s", got)
	}
}

func TestCostsAndVisitsReachTheMetrics(t *testing.T) {
	w := build(t, variant{})
	put := w.api(t.Context(), w.request("PUT", conversions.CostsPath+"2026-11-03/webform", `{"costi":{"EUR":"28.80"}}`, "costi:scrivi"))
	visits := w.api(t.Context(), w.request("POST", conversions.EntriesPath, `{"id_ingresso":"pagina-0001","canale":"webform","timestamp":"2026-11-03T11:59:00Z","visite":12}`, "ingressi:scrivi"))
	if put.Status != http.StatusOK || visits.Status != http.StatusAccepted {
		t.Fatalf("%d %s, %d %s", put.Status, put.Body, visits.Status, visits.Body)
	}
	if a := w.api(t.Context(), w.request("PUT", conversions.CostsPath+"2026-11-03/webform", `{"costi":{"EUR":"28.80"}}`, "metriche:leggi")); a.Status != http.StatusForbidden {
		t.Errorf("by a token that only reads: %d", a.Status)
	}
	if !strings.Contains(w.lines.String(), `"function":"conversionApi"`) {
		t.Error("no line of conversionApi")
	}
}

// granted lets through what the role of a function may do in its table.
type granted struct {
	counting.Store
	rights string
}

func (g granted) Put(ctx context.Context, puts ...row.Put) error {
	for _, p := range puts {
		action := "dynamodb:PutItem"
		if p.Delete {
			action = "dynamodb:DeleteItem"
		}
		if !strings.Contains(g.rights, action) {
			return errors.New("AccessDeniedException: not authorized to perform " + action)
		}
	}
	return g.Store.Put(ctx, puts...)
}

func TestCostsOfACampaignThatAnEarlierVersionKeptAsToldAreReplacedWithTheRightsOfTheTemplate(t *testing.T) {
	text, err := os.ReadFile("../testdata/rights.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, rights, ok := strings.Cut(string(text), "conversionApi | ConversionsTable.Arn | ")
	if rights, _, _ = strings.Cut(rights, "\n"); !ok {
		t.Fatal("conversionApi has no rights")
	}
	w := build(t, variant{costs: func(s counting.Store) counting.Store { return granted{s, rights} }})
	const composed, asTold = "Citt\u00e0", "Citta\u0300"
	at := row.Key{Part: "C#" + string(shop) + "#2026-11-03", Sort: "webform#" + asTold}
	if err := w.tables["conversions"].Put(t.Context(), row.Put{Key: at, Value: []byte(`{"costs":{"EUR":2880},"version":1}`)}); err != nil {
		t.Fatal(err)
	}
	put := w.api(t.Context(), w.request("PUT", conversions.CostsPath+"2026-11-03/webform", `{"costi":{"EUR":"30.00"},"campagna":"`+asTold+`"}`, "costi:scrivi"))
	if put.Status != http.StatusOK {
		t.Fatalf("answered %d %s: %s", put.Status, put.Body, w.lines)
	}
	now := row.Key{Part: at.Part, Sort: "webform#" + composed}
	rows, err := w.tables["conversions"].Get(t.Context(), at, now)
	if err != nil || rows[0].Version != 0 || string(rows[1].Value) != `{"costs":{"EUR":3000},"version":2}` {
		t.Errorf("%+v, %v", rows, err)
	}
}
