package queue_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

const updated = `{"v":1,"id":"f00d","connection":"main","source":"hubspot","kind":"contact","module":"contact","verb":"update","recordId":"123",` +
	`"fields":["email","firstname"],"occurredAt":"2026-11-21T09:59:58.123Z","receivedAt":"2026-11-21T10:00:00Z","trace":"1-abc"}`

func TestAnOperationIsWrittenInTheseBytes(t *testing.T) {
	got, err := queue.Encode(operation())
	if err != nil || got != updated {
		t.Errorf("got %s (%v), want %s", got, err, updated)
	}
}

// asJSON is what the standard library makes of an operation, but for two characters that SQS refuses.
func asJSON(op crm.Operation) string {
	text, _ := json.Marshal(struct {
		V          int        `json:"v"`
		ID         string     `json:"id"`
		Connection string     `json:"connection"`
		Source     crm.System `json:"source"`
		Kind       crm.Kind   `json:"kind"`
		Module     crm.Module `json:"module"`
		Verb       crm.Verb   `json:"verb"`
		RecordID   string     `json:"recordId"`
		Others     []string   `json:"others,omitempty"`
		Fields     []string   `json:"fields,omitempty"`
		OccurredAt time.Time  `json:"occurredAt,omitzero"`
		ReceivedAt time.Time  `json:"receivedAt,omitzero"`
		Trace      string     `json:"trace,omitempty"`
	}{op.V, op.ID, op.Connection, op.Source, op.Kind, op.Module, op.Verb, op.RecordID, op.Others, op.Fields, op.OccurredAt.UTC(), op.ReceivedAt.UTC(), op.Trace})
	return strings.NewReplacer("\uFFFE", `\ufffe`, "\uFFFF", `\uffff`).Replace(string(text))
}

func TestAMessageIsReadBackAsTheOperationThatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 20, -1)
		op := crm.Operation{
			V: 1, ID: name.Draw(t, "id"), Connection: name.Draw(t, "connection"), RecordID: name.Draw(t, "record"), Trace: rapid.String().Draw(t, "trace"),
			Source: rapid.SampledFrom([]crm.System{crm.HubSpot, crm.Zoho, crm.WhatsApp}).Draw(t, "source"),
			Kind:   rapid.SampledFrom([]crm.Kind{crm.Contact, crm.Company}).Draw(t, "kind"),
			Module: rapid.SampledFrom([]crm.Module{crm.Contacts, crm.Companies, crm.Leads}).Draw(t, "module"),
			Verb:   rapid.SampledFrom([]crm.Verb{crm.Create, crm.Merge, crm.Erase, crm.Revisit, crm.Replay, crm.Associate}).Draw(t, "verb"),
		}
		if rapid.Bool().Draw(t, "with lists") {
			op.Others = rapid.SliceOfN(rapid.String(), 1, 5).Draw(t, "others")
			op.Fields = rapid.SliceOfN(rapid.String(), 1, 5).Draw(t, "fields")
			op.OccurredAt = time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).In(time.FixedZone("", 7200))
			op.ReceivedAt = op.OccurredAt.Add(time.Second)
		}
		body, err := queue.Encode(op)
		if err != nil {
			t.Fatal(err)
		}
		if want := asJSON(op); body != want {
			t.Fatalf("%s, want %s", body, want)
		}
		for _, c := range body {
			if c < ' ' || c == 0xFFFE || c == 0xFFFF {
				t.Fatalf("the message holds %U, which SQS refuses", c)
			}
		}
		got, err := queue.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		op.OccurredAt, op.ReceivedAt = op.OccurredAt.UTC(), op.ReceivedAt.UTC()
		if diff := cmp.Diff(op, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestIDsKeepEveryDigit(t *testing.T) {
	op := operation()
	op.RecordID, op.Others = "4876876000000333013", []string{"00123"}
	body, err := queue.Encode(op)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := queue.Decode(body); err != nil || got.RecordID != "4876876000000333013" || got.Others[0] != "00123" {
		t.Errorf("got %s and %v, %v", got.RecordID, got.Others, err)
	}
}

func TestFieldsOfAMessageThatNobodyKnowsAreIgnored(t *testing.T) {
	got, err := queue.Decode(strings.Replace(updated, `"v":1`, `"v":1,"priority":{"a":[1]}`, 1))
	if err != nil || got.ID != "f00d" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAMessageOfALaterVersionSaysSoWhateverElseItHolds(t *testing.T) {
	for _, body := range []string{strings.Replace(updated, `"v":1`, `"v":2`, 1), `{"v":7,"id":{"new":"form"},"fields":3}`} {
		if _, err := queue.Decode(body); !errors.Is(err, batch.ErrLater) || !strings.Contains(err.Error(), "later version") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestAnUnreadableMessageIsOurFaultAndItsTextIsNotRepeated(t *testing.T) {
	const person = "mario.canary"
	for _, body := range []string{
		"", person, `"` + person + `"`, `[]`, `{"v":1}`, `{`, updated + updated, `null`,
		strings.Replace(updated, `"v":1`, `"v":0`, 1),
		strings.Replace(updated, `"v":1`, `"v":-1`, 1),
		strings.Replace(updated, `"v":1`, `"v":1.5`, 1),
		strings.Replace(updated, `"v":1`, `"v":"`+person+`"`, 1),
		strings.Replace(updated, `"v":1,`, ``, 1),
		strings.Replace(updated, `"id":"f00d"`, `"id":""`, 1),
		strings.Replace(updated, `"connection":"main",`, ``, 1),
		strings.Replace(updated, `"recordId":"123"`, `"recordId":123`, 1),
		strings.Replace(updated, `"recordId":"123"`, `"recordId":""`, 1),
		strings.Replace(updated, `"hubspot"`, `"`+person+`"`, 1),
		strings.Replace(updated, `"kind":"contact"`, `"kind":"`+person+`"`, 1),
		strings.Replace(updated, `"module":"contact"`, `"module":"deal"`, 1),
		strings.Replace(updated, `"update"`, `"`+person+`"`, 1),
		strings.Replace(updated, `["email","firstname"]`, `["email",{"`+person+`":1}]`, 1),
		strings.Replace(updated, `2026-11-21T10:00:00Z`, person, 1),
		strings.Replace(updated, `2026-11-21T10:00:00Z`, `2026-11-21`, 1),
	} {
		op, err := queue.Decode(body)
		if fault.KindOf(err) != fault.Ours || errors.Is(err, batch.ErrLater) || op.ID != "" {
			t.Errorf("%s: %+v, %v", body, op, err)
		}
		if err != nil && strings.Contains(fmt.Sprintf("%+v", err), person) {
			t.Errorf("%s: the error repeats the text: %v", body, err)
		}
	}
}

func TestWhatCannotBeReadBackIsNotWritten(t *testing.T) {
	for name, spoil := range map[string]func(*crm.Operation){
		"no version":          func(o *crm.Operation) { o.V = 0 },
		"a later version":     func(o *crm.Operation) { o.V = crm.OperationVersion + 1 },
		"no id":               func(o *crm.Operation) { o.ID = "" },
		"no record":           func(o *crm.Operation) { o.RecordID = "" },
		"no connection":       func(o *crm.Operation) { o.Connection = "" },
		"no source":           func(o *crm.Operation) { o.Source = "" },
		"another verb":        func(o *crm.Operation) { o.Verb = "upsert" },
		"a broken id":         func(o *crm.Operation) { o.RecordID = "\xff" },
		"a broken field name": func(o *crm.Operation) { o.Fields = []string{"\xff"} },
		"the year 10000":      func(o *crm.Operation) { o.OccurredAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		op := operation()
		spoil(&op)
		if _, err := queue.Encode(op); fault.KindOf(err) != fault.Ours {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheGroupIsTheRecordOfTheConnectionAndNothingElse(t *testing.T) {
	same := func(change func(*crm.Operation)) bool {
		op := operation()
		change(&op)
		return queue.Group(op) == queue.Group(operation())
	}
	for name, change := range map[string]func(*crm.Operation){
		"verb":  func(o *crm.Operation) { o.Verb = crm.Delete },
		"id":    func(o *crm.Operation) { o.ID = "other" },
		"kind":  func(o *crm.Operation) { o.Fields = nil },
		"times": func(o *crm.Operation) { o.OccurredAt, o.ReceivedAt = time.Time{}, time.Time{} },
	} {
		if !same(change) {
			t.Errorf("another %s gives another group", name)
		}
	}
	for name, change := range map[string]func(*crm.Operation){
		"connection": func(o *crm.Operation) { o.Connection = "second" },
		"source":     func(o *crm.Operation) { o.Source = crm.Zoho },
		"module":     func(o *crm.Operation) { o.Module = crm.Companies },
		"record":     func(o *crm.Operation) { o.RecordID = "124" },
	} {
		if same(change) {
			t.Errorf("another %s gives the same group", name)
		}
	}
}

func TestTheDeduplicationIdIsTheOperations(t *testing.T) {
	a, b, c := operation(), operation(), operation()
	b.Fields, b.ReceivedAt, b.Trace = nil, time.Time{}, ""
	c.ID = "f00e"
	if queue.Dedup(a) != queue.Dedup(b) || queue.Dedup(a) == queue.Dedup(c) {
		t.Errorf("%s, %s, %s", queue.Dedup(a), queue.Dedup(b), queue.Dedup(c))
	}
}

func TestGroupAndDeduplicationIdAreTakenBySQSWhateverTheIdsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := operation()
		op.ID, op.RecordID = rapid.String().Draw(t, "id"), strings.Repeat(rapid.String().Draw(t, "record"), 50)
		for _, s := range []string{queue.Group(op), queue.Dedup(op)} {
			if len(s) != 32 || strings.Trim(s, "0123456789abcdef") != "" {
				t.Fatalf("%q", s)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{updated, `{"v":2}`, "{\"v\":1,\"V\":2,\"id\":\"é\uFFFE\"}", `{"v":1e1}`, `{`, "\xff", `{"v":1,"occurredAt":"0001-01-01T00:00:00Z"}`,
		strings.Replace(updated, `123Z`, `123+02:00`, 1), strings.Replace(updated, "f00d", `\ud800`, 1), strings.Repeat("[", 20000)} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		op, err := queue.Decode(body)
		if err != nil {
			if op.ID != "" {
				t.Fatal("an operation beside an error")
			}
			if !utf8.ValidString(err.Error()) || len(err.Error()) > 200 {
				t.Fatalf("the error is %q", err)
			}
			return
		}
		again, err := queue.Encode(op)
		if err != nil {
			t.Fatalf("read, but not written: %v", err)
		}
		back, err := queue.Decode(again)
		if err != nil || !cmp.Equal(op, back) {
			t.Fatalf("%v: %s", err, cmp.Diff(op, back))
		}
	})
}
