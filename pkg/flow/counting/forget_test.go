package counting_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/counting"
)

const person = "CLIENTE-ITALIA-789456"

// names counts the rows in which a text stands.
func (b *bench) names(text string) (n int) {
	for r := range b.rows.All("") {
		if strings.Contains(string(r.Value), text) {
			n++
		}
	}
	return n
}

func TestAClientWhoIsForgottenLeavesTheTotalsAsTheyWere(t *testing.T) {
	b, reporter := aDay(t, 60, 5)
	b.now = noon
	his := b.purchase(func(e *conversion.Event) {
		e.ID, e.Metadata = "ordine-000001", conversion.Metadata{Campaign: "autunno", Device: "telefono", Place: "Torino"}
	})
	b.apply(t, his, b.purchase(func(e *conversion.Event) { e.Client = "CLIENTE-ITALIA-789457" }), b.purchase(func(e *conversion.Event) { e.Channel = conversion.SMS }))
	old := b.purchase(func(e *conversion.Event) { e.At = noon.Add(-6 * 24 * time.Hour) })
	b.apply(t, old)
	b.now = noon.Add(14*time.Hour + 30*time.Minute)
	before := report(t, reporter)
	was := b.names(person)

	look, err := b.Forget(t.Context(), person, true, nil)
	if err != nil || look.Events < 3 || b.names(person) != was {
		t.Fatalf("a look: %+v, %v", look, err)
	}
	days := 0
	got, err := b.Forget(t.Context(), person, false, func(string) { days++ })
	if err != nil || got != look || days < 732 {
		t.Fatalf("%+v after %d days, %v", got, days, err)
	}
	for _, text := range []string{person, "ordine-000001\"}", "telefono", "Torino"} {
		if n := b.names(text); n != 0 {
			t.Errorf("%q stands in %d rows", text, n)
		}
	}
	if b.names("autunno") == 0 || b.names("CLIENTE-ITALIA-789457") == 0 || b.names(counting.Nobody) != got.Events {
		t.Error("something else is gone, or not all of it is nobody's")
	}
	if diff := cmp.Diff(before, report(t, reporter)); diff != "" {
		t.Errorf("the report differs: %s", diff)
	}
	if again, err := b.Forget(t.Context(), person, false, nil); err != nil || again != (counting.Forgotten{}) {
		t.Errorf("again: %+v, %v", again, err)
	}
	his.Ingestion = "r-later"
	if v := b.apply(t, his); v[0] != conversion.Duplicate.String() {
		t.Errorf("a repeat of a forgotten event is %v", v)
	}
}

func TestAForgottenClientsEventsComeOutOfQuarantineOnce(t *testing.T) {
	b := newBench()
	if err := b.Quarantine(t.Context(), tenant, conversion.Webform); err != nil {
		t.Fatal(err)
	}
	b.apply(t, b.purchase(nil), b.purchase(func(e *conversion.Event) { e.Value = 5 }))
	if f, err := b.Forget(t.Context(), person, false, nil); err != nil || f.Events != 2 {
		t.Fatalf("%+v, %v", f, err)
	}
	if h, err := b.Holding(t.Context(), tenant, conversion.Webform); err != nil || !h.On || h.Releasing || !h.Since.Equal(noon) {
		t.Errorf("%+v, %v", h, err)
	}
	if err := b.Lift(t.Context(), tenant, conversion.Webform, true); err != nil {
		t.Fatal(err)
	}
	if h, err := b.Holding(t.Context(), tenant, conversion.Webform); err != nil || h.On || !h.Releasing {
		t.Errorf("%+v, %v", h, err)
	}
	if n, err := b.Release(t.Context(), tenant, conversion.Webform, 10); err != nil || n != 2 {
		t.Errorf("%d released, %v", n, err)
	}
	if h, err := b.Holding(t.Context(), tenant, conversion.Email); err != nil || h != (counting.Holding{}) {
		t.Errorf("a channel that was never held back: %+v, %v", h, err)
	}
}

func TestWhatAClientLeftAmongTheErrorsIsForgotten(t *testing.T) {
	b := newBench()
	b.apply(t, b.purchase(named("ordine-000001")))
	c, _ := b.consumer()
	conflict := b.purchase(func(e *conversion.Event) { e.ID, e.Value = "ordine-000001", 7 })
	other := b.purchase(func(e *conversion.Event) { e.ID, e.Client = "ordine-000001", "CLIENTE-ITALIA-789457" })
	junk := deliver(b.purchase(nil))[0]
	junk.Body = `{"v":1,"` + person
	c.Handle(t.Context(), append(deliver(conflict, other), junk))
	if n := b.names(person); n != 3 {
		t.Fatalf("%d rows name the client", n)
	}
	if f, err := b.Forget(t.Context(), person, false, nil); err != nil || f != (counting.Forgotten{Events: 1, Errors: 2}) {
		t.Errorf("%+v, %v", f, err)
	}
	left, err := b.Errors(t.Context(), "", 10)
	if err != nil || len(left) != 1 || left[0].Ingestion != other.Ingestion || b.names(person) != 0 {
		t.Errorf("%d errors are left, %v", len(left), err)
	}
}

func TestAnUnreadableLedgerStopsAnErasureAndNamesNobody(t *testing.T) {
	b := newBench()
	b.apply(t, b.purchase(nil))
	for r := range b.rows.All("") {
		if strings.HasPrefix(r.Key.Part, "E#") {
			value, _ := json.Marshal(map[string]any{"ingestion": "r-000001", "event": map[string]string{"id_cliente": person}})
			if err := b.rows.Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Value: value}); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err := b.Forget(t.Context(), person, false, nil)
	if fault.KindOf(err) != fault.Ours || strings.Contains(err.Error(), person) {
		t.Errorf("%v", err)
	}
	b.Store = &faulty{Store: b.rows, before: func() error { return errLost }}
	if _, err := b.Forget(t.Context(), person, false, nil); err == nil || errors.Is(err, row.ErrConflict) {
		t.Errorf("a table that does not answer: %v", err)
	}
}
