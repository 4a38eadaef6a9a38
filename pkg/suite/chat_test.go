package suite_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/conversation"
)

func TestAMessageIsANoteInZohoAndACommunicationInHubSpotOnceEach(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		w := build(t, variant{parallel: parallel})
		w.created(map[string]string{"lastname": "Rossi", "email": "rossi@example.com", "mobilephone": "+393471234567"})
		w.pass(10 * time.Second)
		p := w.phone.Meet("Persona", "393471234567")
		for _, text := range []string{"buongiorno a tutti", "il pacco è arrivato"} {
			if _, err := p.Say(number, text); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(time.Minute)
		for _, text := range []string{"buongiorno a tutti", "il pacco è arrivato"} {
			if w.notes(text) != 1 || w.communications(text) != 1 {
				t.Errorf("%d at a time: %d notes, %d communications", parallel, w.notes(text), w.communications(text))
			}
		}
		if n := len(w.zoho.IDs(crm.Contacts)); n != 1 || w.left() != 0 || rows(w.tables["parked"], "") != 0 {
			t.Errorf("%d at a time: %d contacts in Zoho, %d messages left, %d rows", parallel, n, w.left(), rows(w.tables["parked"], ""))
		}
		if !strings.Contains(w.lines.String(), `"function":"whatsappConsumer"`) {
			t.Error("no line of whatsappConsumer")
		}
		w.discreet()
	}
}

// crowd counts how many files are under way at a time, each of which takes a second.
type crowd struct {
	http.RoundTripper
	mu        sync.Mutex
	now, most int
}

func (c *crowd) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += n
	c.most = max(c.most, c.now)
}

// RoundTrip holds a file up.
func (c *crowd) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := c.RoundTripper.RoundTrip(r)
	if err != nil || a.Header.Get("Content-Type") != "image/jpeg" {
		return a, err
	}
	c.count(1)
	time.Sleep(time.Second)
	c.count(-1)
	return a, err
}

// A file is held in memory while it goes from WhatsApp to Zoho.
func TestFilesOfManyPeopleAreFetchedTwoAtATimeAndAllOfThemKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := &crowd{}
		w := build(t, variant{parallel: 8, line: func(to http.RoundTripper) http.RoundTripper { line.RoundTripper = to; return line }})
		for i := range 8 {
			p := w.phone.Meet("Persona", fmt.Sprintf("3934712345%02d", i))
			if _, err := p.Photograph(number, "il difetto", []byte("jpeg")); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(2 * time.Minute)
		if n := len(w.zoho.Attachments()); n != 8 || line.most != 2 || w.left() != 0 {
			t.Errorf("%d files kept, %d at a time, %d messages left", n, line.most, w.left())
		}
	})
}

func TestAStrangerIsCreatedInZohoAloneWithASourceThatZohoTakes(t *testing.T) {
	w := build(t, variant{})
	if _, err := w.phone.Meet("Persona", "393471234567").Say(number, "buongiorno"); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	ids := w.zoho.IDs(crm.Contacts)
	if len(ids) != 1 || len(w.hubspot.IDs(crm.Contacts)) != 0 || w.notes("buongiorno") != 1 {
		t.Fatalf("%d contacts in Zoho, %d in HubSpot, %d notes", len(ids), len(w.hubspot.IDs(crm.Contacts)), w.notes("buongiorno"))
	}
	got, _ := w.zoho.Props(crm.Contacts, ids[0])
	if got["Last_Name"] != "Persona" || got["Mobile"] != "+393471234567" || got["WhatsApp_User"] == "" {
		t.Errorf("%v", got)
	}
}

func TestWhoWritesAndIsCreatedInHubSpotAMomentLaterIsOneContact(t *testing.T) {
	w := build(t, variant{})
	if _, err := w.phone.Meet("Persona", "393471234567").Say(number, "buongiorno"); err != nil {
		t.Fatal(err)
	}
	w.pass(3 * time.Second)
	w.created(map[string]string{"lastname": "Rossi", "mobilephone": "+393471234567"})
	w.pass(time.Minute)
	if n := len(w.zoho.IDs(crm.Contacts)); n != 1 || w.left() != 0 {
		t.Errorf("%d contacts in Zoho, %d messages left", n, w.left())
	}
}

const hello = `{"a":{"telefono":"+393471234567"},"tipo":"testo","testo":"il pacco parte oggi","riferimento":"ordine-1"}`

func TestAMessageOfACallerIsSentAtOnceByTheClockThatTheFunctionIsGiven(t *testing.T) {
	for _, years := range []int{-20, 100} { // of the machine's clock nothing is known
		w := build(t, variant{})
		w.now = w.now.AddDate(years, 0, 0)
		if _, err := w.phone.Meet("Persona", "393471234567").Say(number, "buongiorno"); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		before := len(w.phone.SentMessages())
		a := w.send.Take(t.Context(), w.request("POST", conversions.MessagesPath, hello, "messaggi:invia"))
		if n := len(w.phone.SentMessages()) - before; a.Status != http.StatusAccepted || n != 1 {
			t.Errorf("%d: answered %d, and %d are sent", w.now.Year(), a.Status, n)
		}
	}
}

func TestAMessageOfACallerIsSentOnceAndLoggedOnce(t *testing.T) {
	w := build(t, variant{})
	w.created(map[string]string{"lastname": "Rossi", "email": "rossi@example.com", "mobilephone": "+393471234567"})
	if _, err := w.phone.Meet("Persona", "393471234567").Say(number, "buongiorno"); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	before := len(w.phone.SentMessages())
	var first string
	for i := range 3 { // a caller may repeat it
		a := w.send.Take(t.Context(), w.request("POST", conversions.MessagesPath, hello, "messaggi:invia"))
		if a.Status != http.StatusAccepted || i > 0 && string(a.Body) != first {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		first = string(a.Body)
		if n := len(w.phone.SentMessages()) - before; n != 1 {
			t.Errorf("after the answer %d are sent", n)
		}
	}
	w.pass(2 * time.Minute)
	if n := len(w.phone.SentMessages()) - before; n != 1 || w.notes("il pacco parte oggi") != 1 || w.communications("il pacco parte oggi") != 1 {
		t.Errorf("sent %d times, %d notes, %d communications", n, w.notes("il pacco parte oggi"), w.communications("il pacco parte oggi"))
	}
	if w.notes("Stato: letto") < 1 {
		t.Error("the final status is not in the note")
	}
	other := strings.Replace(hello, "oggi", "domani", 1)
	if a := w.send.Take(t.Context(), w.request("POST", conversions.MessagesPath, other, "messaggi:invia")); a.Status != http.StatusConflict {
		t.Errorf("another message under the same reference: %d", a.Status)
	}
	w.discreet()
}

func TestWhatCannotBeSentAtOnceIsSentByTheSchedule(t *testing.T) {
	w := build(t, variant{mode: crm.Observe})
	if _, err := w.phone.Meet("Persona", "393471234567").Say(number, "buongiorno"); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	const greeting = `{"a":{"telefono":"+393471234567"},"tipo":"template","template":{"nome":"hello_world","lingua":"it","parametri":[]},"riferimento":"saluto-1"}`
	a := w.send.Take(t.Context(), w.request("POST", conversions.MessagesPath, greeting, "messaggi:invia"))
	if a.Status != http.StatusAccepted || len(w.phone.SentMessages()) != 0 || w.notes("") != 0 || len(w.zoho.IDs(crm.Contacts)) != 0 {
		t.Fatalf("%d; a stack that only observes has sent %d and logged %d", a.Status, len(w.phone.SentMessages()), w.notes(""))
	}
	settings := &config.Rows{Store: w.tables["config"], Now: w.clk}
	if err := settings.Set(t.Context(), config.Mode, []byte("on")); err != nil {
		t.Fatal(err)
	}
	w.pass(35 * time.Minute)
	if w.notes("buongiorno") != 1 || w.notes("hello_world") != 1 || len(w.phone.SentMessages()) != 1 || w.left() != 0 {
		t.Errorf("switched on: %d and %d notes, %d sent, %d messages left", w.notes("buongiorno"), w.notes("hello_world"), len(w.phone.SentMessages()), w.left())
	}
}

func TestWhatWaitsTooLongInAStackThatOnlyObservesIsToldOnceAndNeverSent(t *testing.T) {
	w := build(t, variant{mode: crm.Observe})
	if _, err := w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", "Mobile": "+393471234567"}); err != nil {
		t.Fatal(err)
	}
	w.phone.Meet("Persona", "393471234567")
	const greeting = `{"a":{"telefono":"+393471234567"},"tipo":"template","template":{"nome":"hello_world","lingua":"it","parametri":[]},"riferimento":"saluto-1"}`
	if a := w.send.Take(t.Context(), w.request("POST", conversions.MessagesPath, greeting, "messaggi:invia")); a.Status != http.StatusAccepted {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	told := func() (n int) {
		for r := range w.tables["parked"].All("") {
			n += strings.Count(string(r.Value), "NOT_SENT")
		}
		return n
	}
	for _, step := range []struct {
		wait  time.Duration
		mode  string
		rows  int
		tasks int
	}{
		{71 * time.Hour, "", 0, 0},
		{time.Hour, "", 1, 0},
		{time.Hour, "off", 1, 0},
		{time.Hour, "on", 1, 1}, // whoever takes over can be asked now
		{time.Hour, "", 1, 1},
	} {
		w.now = w.now.Add(step.wait)
		if step.mode != "" {
			if err := (&config.Rows{Store: w.tables["config"], Now: w.clk}).Set(t.Context(), config.Mode, []byte(step.mode)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.send.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		if told() != step.rows || len(w.zoho.Tasks()) != step.tasks || len(w.phone.SentMessages()) != 0 {
			t.Errorf("%+v: %d rows, %d tasks, %d sent", step, told(), len(w.zoho.Tasks()), len(w.phone.SentMessages()))
		}
	}
	if strings.Contains(w.lines.String(), `"level":"ERROR"`) {
		t.Error(w.lines.String())
	}
}

// signatures are the vectors of signed bodies and handshakes.
type signatures struct {
	Handshakes []struct {
		Query  string `json:"query"`
		Token  string `json:"verify_token"`
		Status int    `json:"expect_status"`
		Body   string `json:"expect_body"`
		Note   string `json:"note"`
	} `json:"handshake_vectors"`
	Vectors []struct {
		Name   string `json:"name"`
		Secret string `json:"app_secret"`
		Body   string `json:"body_base64"`
		Header string `json:"header"`
		Valid  bool   `json:"expect_valid"`
	} `json:"vectors"`
}

func TestTheDoorAnswersSignaturesAndHandshakesAsTheVectorsSay(t *testing.T) {
	raw, err := os.ReadFile("../adapter/whatsapp/testdata/whatsapp-signatures.json")
	var s signatures
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil || len(s.Handshakes) < 9 || len(s.Vectors) < 12 {
		t.Fatalf("%v: %d handshakes, %d bodies", err, len(s.Handshakes), len(s.Vectors))
	}
	for _, v := range s.Handshakes {
		w := build(t, variant{secrets: []string{"s"}, verify: v.Token})
		a := w.door(t.Context(), door.Request{Method: http.MethodGet, Path: whatsapp.Path, Query: v.Query})
		if a.Status != v.Status || string(a.Body) != v.Body {
			t.Errorf("%s: %d %q, want %d %q", v.Note, a.Status, a.Body, v.Status, v.Body)
		}
	}
	for _, v := range s.Vectors {
		body, err := base64.StdEncoding.DecodeString(v.Body)
		if err != nil {
			t.Fatal(err)
		}
		w := build(t, variant{secrets: []string{"an older one", v.Secret}, verify: "v"})
		a := w.door(t.Context(), door.Request{Method: http.MethodPost, Path: whatsapp.Path, Body: body, Header: http.Header{
			"Content-Type": {"application/json"}, "X-Hub-Signature-256": {v.Header},
		}})
		want := http.StatusUnauthorized
		if v.Valid {
			want = http.StatusOK
		}
		if a.Status != want || !v.Valid && w.left()+rows(w.tables["quarantine"], "") != 0 {
			t.Errorf("%s: %d, want %d; %d messages", v.Name, a.Status, want, w.left())
		}
	}
}

// Every delivery of the documented types goes through the door, the queue and the consumer: it is answered 200, it ends, each
// message of a person who can be told from others is logged once, and nothing is our own fault.
func TestEveryDocumentedDeliveryIsTakenAndEnds(t *testing.T) {
	files, err := filepath.Glob("../adapter/whatsapp/testdata/webhooks/*.json")
	if err != nil || len(files) < 48 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		w := build(t, variant{})
		w.now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		a := w.deliver(body)
		documented := !strings.HasPrefix(filepath.Base(f), "x")
		if a.Status != http.StatusOK || documented && (w.counts["accepted"] != 1 || w.counts["unreadable"] != 0) {
			t.Errorf("%s: %d, %v", f, a.Status, w.counts)
		}
		w.pass(2 * time.Minute)
		if w.left() != 0 || strings.Contains(w.lines.String(), `"fault":"ours"`) {
			t.Errorf("%s: %d messages left; %s", f, w.left(), w.lines)
		}
		for _, id := range messages(t, body) {
			if n := w.notes(id); documented && n != 1 {
				t.Errorf("%s: %d notes of a message", f, n)
			}
		}
	}
}

// messages returns the ids of the messages of a delivery that somebody who can be told wrote to the business alone and that tell
// no change of his number.
func messages(t *testing.T, body []byte) (ids []string) {
	t.Helper()
	var in struct {
		Entry []struct {
			Changes []struct {
				Field string
				Value struct {
					Messages []struct {
						ID, Type, From string
						FromUser       string `json:"from_user_id"`
						Group          string `json:"group_id"`
					}
				}
			}
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil // what makes no sense on purpose
	}
	for _, e := range in.Entry {
		for _, c := range e.Changes {
			for _, m := range c.Value.Messages {
				if c.Field == "messages" && m.Type != "system" && m.Group == "" && m.From+m.FromUser != "" {
					ids = append(ids, m.ID)
				}
			}
		}
	}
	return ids
}

func TestWhatMetaTellsTheBusinessIsALineOfTheLogAndAFieldThatNobodyKnowsToo(t *testing.T) {
	w := build(t, variant{})
	w.phone.Tell("account_update", map[string]any{"event": "ACCOUNT_VIOLATION", "violation_info": map[string]any{"violation_type": "SCAM"}})
	body := `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"a_field_to_come","value":{"secret":"Persona"}}]}]}`
	if a := w.deliver([]byte(body)); a.Status != http.StatusOK {
		t.Errorf("%d", a.Status)
	}
	w.pass(30 * time.Second)
	for _, want := range []string{`"msg":"notice"`, `"field":"account_update","event":"ACCOUNT_VIOLATION"`, `"field":"a_field_to_come"`} {
		if !strings.Contains(w.lines.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if w.left() != 0 || w.notes("") != 0 {
		t.Errorf("%d messages left, %d notes", w.left(), w.notes(""))
	}
	w.discreet()
}

func TestASignedBodyThatNobodyCanReadIsKeptAndCounted(t *testing.T) {
	w := build(t, variant{})
	for _, body := range []string{`{"object":"page","entry":[]}`, `{"object":"whatsapp_business_account"`, strings.Repeat("[", 100_000), "{}"} {
		before, began := w.counts["quarantined"], time.Now()
		if a := w.deliver([]byte(body)); a.Status != http.StatusOK || w.counts["quarantined"] != before+1 || w.left() != 0 {
			t.Errorf("%.40s: %d, %v", body, a.Status, w.counts)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%.40s: took %s", body, took)
		}
	}
	if rows(w.tables["quarantine"], "") == 0 {
		t.Error("nothing is kept")
	}
}

func TestAPersonWhoIsErasedLeavesNothingThatLeadsToHim(t *testing.T) {
	w := build(t, variant{})
	id := w.created(map[string]string{"lastname": "Rossi", "email": "rossi@example.com", "mobilephone": "+393471234567"})
	if _, err := w.phone.Meet("Persona", "393471234567").Say(number, "voglio un rimborso"); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	zohoID := w.zoho.IDs(crm.Contacts)[0]
	if rows(w.tables["chats"], "I#") == 0 || rows(w.tables["chats"], "O#") == 0 || rows(w.tables["chats"], "B#main#"+zohoID) == 0 {
		t.Fatal("there is nothing to erase")
	}
	if err := w.hubspot.Erase(id); err != nil {
		t.Fatal(err)
	}
	w.operation(id, crm.Erase)
	w.pass(2 * time.Minute)
	for _, part := range []string{"I#", "O#", "S#", "B#main#" + zohoID} {
		if n := rows(w.tables["chats"], part); n != 0 {
			t.Errorf("%d rows of %s", n, part)
		}
	}
	if w.left() != 0 {
		t.Errorf("%d messages left", w.left())
	}
}

func TestWhatMayBeOfSomebodyWhomHubSpotAloneHasGoesWithHisErasure(t *testing.T) {
	w := build(t, variant{})
	var ids []string
	for _, name := range []string{"Rossi", "Verdi"} {
		id, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": name, "mobilephone": "+393471234567"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if _, err := w.phone.Meet("Persona", "393471234567").Say(number, "voglio un rimborso"); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	if rows(w.tables["chats"], "Q#") != 1 || len(w.zoho.IDs(crm.Contacts)) != 0 {
		t.Fatalf("%d updates are parked, %d contacts in Zoho", rows(w.tables["chats"], "Q#"), len(w.zoho.IDs(crm.Contacts)))
	}
	if err := w.hubspot.Erase(ids[1]); err != nil {
		t.Fatal(err)
	}
	w.operation(ids[1], crm.Erase)
	w.pass(2 * time.Minute)
	if n := rows(w.tables["chats"], "Q#"); n != 0 || w.left() != 0 {
		t.Errorf("%d updates are kept that may be an erased person's, %d messages left", n, w.left())
	}
}

func TestAnUpdateThatWasParkedIsCarriedOutWhenAnOperatorAsksForIt(t *testing.T) {
	w := build(t, variant{})
	for range 2 {
		if _, err := w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", "Mobile": "+393471234567"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.phone.Meet("Persona", "393471234567").Say(number, "buongiorno"); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	kept := ""
	for r := range w.tables["chats"].All("Q#") {
		kept = r.Key.Sort
	}
	if kept == "" || w.notes("buongiorno") != 0 || rows(w.tables["parked"], "") == 0 {
		t.Fatalf("kept %q, %d notes", kept, w.notes("buongiorno"))
	}
	if err := w.zoho.Delete(crm.Contacts, w.zoho.IDs(crm.Contacts)[1]); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	op := crm.Operation{
		V: crm.OperationVersion, ID: "replay-1", Connection: crm.DefaultConnection, Source: crm.WhatsApp, Kind: crm.Contact, Module: crm.Contacts,
		Verb: crm.Message, RecordID: kept, ReceivedAt: w.now,
	}
	if err := (queue.Sender{Queue: w.queues["whatsappOperations"]}).Send(t.Context(), []crm.Operation{op}); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	if w.notes("buongiorno") != 1 || rows(w.tables["chats"], "Q#") != 0 || w.left() != 0 {
		t.Errorf("%d notes, %d left", w.notes("buongiorno"), w.left())
	}
}

func TestATextOfTheQueueThatNobodyCanReadIsKeptUntilSomebodyCan(t *testing.T) {
	w := build(t, variant{})
	if err := w.queues["whatsappOperations"].Send(t.Context(), []batch.Entry{{Group: "g", Dedup: "d", Body: `{"v":1,"odd":"Persona"}`}}); err != nil {
		t.Fatal(err)
	}
	w.pass(30 * time.Minute)
	kept := ""
	for r := range w.tables["chats"].All("Q#") {
		kept += string(r.Value)
	}
	if w.left() != 0 || kept != `{"v":1,"odd":"Persona"}` || rows(w.tables["parked"], "") == 0 {
		t.Errorf("%d left, kept %q, %d rows", w.left(), kept, rows(w.tables["parked"], ""))
	}
	w.discreet()
}

func TestTheRulesOfConversationAreTheOperatorsWithinAMinute(t *testing.T) {
	w := build(t, variant{})
	settings := &config.Rows{Store: w.tables["config"], Now: w.clk}
	p := w.phone.Meet("Persona", "393471234567")
	const drone = "\nrules:\n  - name: drone\n    words: {it: [drone], en: [drone]}\n    answer: {it: Il drone costa 1.299 euro., en: The drone costs 1.299 euros.}\n"
	own := strings.Replace(string(talk.DefaultYAML()), "\nrules:\n", drone, 1)
	if err := settings.Set(t.Context(), config.Conversation, []byte("version: 1\nnonsense: true\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Say(number, "buongiorno"); err != nil {
		t.Fatal(err)
	}
	w.pass(30 * time.Second)
	if w.notes("buongiorno") != 0 || w.left() != 1 {
		t.Errorf("by rules that nobody can read %d are logged, %d wait", w.notes("buongiorno"), w.left())
	}
	if err := settings.Set(t.Context(), config.Conversation, []byte(own)); err != nil {
		t.Fatal(err)
	}
	w.pass(3 * time.Minute)
	if _, err := p.Say(number, "quanto costa il drone?"); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	sent := w.phone.SentMessages()
	if w.notes("buongiorno") != 1 || len(sent) == 0 || !strings.Contains(sent[len(sent)-1].Text, "1.299") {
		t.Errorf("%d notes, sent %d", w.notes("buongiorno"), len(sent))
	}
}

func TestAStackWithoutWhatsAppSaysSoAndLosesNothing(t *testing.T) {
	w := build(t, variant{absent: true})
	for _, path := range []string{whatsapp.Path, conversions.EventsPath} {
		a := w.door(t.Context(), w.request("POST", path, "{}", "conversioni:scrivi"))
		if a.Status != http.StatusNotFound || !strings.Contains(string(a.Body), "set it up") {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	if err := w.send.Send(t.Context()); err != nil {
		t.Error(err)
	}
	if err := w.clock.Handle(t.Context(), tick); err != nil || w.tables["conversions"].Len() != 0 {
		t.Error(err)
	}
	parcel, _ := chat.Pack(chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, Updates: []chat.Update{
		{Number: number, Message: &chat.Message{ID: crm.Text("wamid.A"), Type: chat.TypeText, Text: crm.Text("ciao")}}}})
	if err := w.queues["whatsappOperations"].Send(t.Context(), parcel); err != nil {
		t.Fatal(err)
	}
	w.drain()
	if w.left() != 1 || !strings.Contains(w.lines.String(), "WHATSAPP_PHONE_NUMBER_ID") {
		t.Errorf("%d left; %s", w.left(), w.lines)
	}
}

var _ conversation.Phone = (*whatsapp.Client)(nil)
