package upkeep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// hours gives every run time for so many pages.
func (b *bench) hours(pages int) (next func()) {
	left := pages
	b.Left = func(context.Context) time.Duration {
		if left--; left < 0 {
			return reserve - 1
		}
		return reserve
	}
	return func() { left, b.now = pages, b.now.Add(time.Hour) }
}

// long is a listing of pages with one record each.
func long(sys crm.System, first, pages int) (out [][]crm.Touched) {
	for i := range pages {
		out = append(out, []crm.Touched{touched(sys, fmt.Sprint(first+i), noon)})
	}
	return out
}

func TestAListingThatIsTooLongForOneRunGoesOnInTheNextAndKeepsNothingElseBack(t *testing.T) {
	b := newBench()
	b.crms.pages["hubspot contact"], b.crms.pages["zoho contact"] = long(crm.HubSpot, 100, 10), long(crm.Zoho, 200, 2)
	b.parked.rows = []fault.Parked{{Connection: "main", Record: crm.ID{System: crm.Zoho, Module: crm.Companies, Key: "5"}}}
	next := b.hours(9)
	b.run(t) // six first pages, and three second ones
	b.wantQueued(t, "revisit zoho/company/5", "update hubspot/contact/100", "update zoho/contact/200", "update hubspot/contact/101", "update zoho/contact/201", "update hubspot/contact/102")
	if !strings.Contains(b.lines.String(), `msg="a listing goes on in the next run" listing=changed#hubspot#contact queued=3`) {
		t.Errorf("the log says %s", b.lines)
	}
	b.parked.rows, b.crms.pages["zoho contact"] = nil, nil
	next()
	b.crms.asked = nil
	b.run(t)
	b.wantQueued(t, "update hubspot/contact/103", "update hubspot/contact/104", "update hubspot/contact/105", "update hubspot/contact/106")
	for _, a := range b.crms.asked {
		if a.name == "hubspot contact" && !a.since.Equal(noon.Add(-firstLook-overlap)) {
			t.Errorf("page %q is asked since %s", a.page, a.since)
		}
	}
	next()
	b.run(t)
	b.wantQueued(t, "update hubspot/contact/107", "update hubspot/contact/108", "update hubspot/contact/109")
	next()
	b.crms.since()
	b.run(t)
	if got, want := b.crms.since()["hubspot contact"], noon.Add(-overlap); !got.Equal(want) {
		t.Errorf("the look after goes back to %s, want %s: what changed while the long one went on", got, want)
	}
}

func TestALookThatGoesOnBeginsAnewOnceTheModeWasSet(t *testing.T) {
	b := newBench()
	set := b.switches()
	b.run(t)
	b.crms.pages["zoho contact"] = long(crm.Zoho, 200, 3)
	next := b.hours(7)
	b.run(t)
	b.wantQueued(t, "update zoho/contact/200", "update zoho/contact/201")
	set() // what was queued may have ended without a write
	next()
	b.crms.since()
	b.run(t)
	if got, want := b.crms.since()["zoho contact"], noon.Add(-overlap-backlog); !got.Equal(want) {
		t.Errorf("goes back to %s, want %s", got, want)
	}
	b.wantQueued(t, "update zoho/contact/200", "update zoho/contact/201")
}

func TestAPageThatMeansNothingAnyMoreIsForgotten(t *testing.T) {
	b := newBench()
	b.crms.pages["zoho contact"] = long(crm.Zoho, 200, 3)
	b.crms.fail["zoho contact+"] = &fault.Error{Op: "list", Kind: fault.Down}
	if err := b.Run(t.Context()); fault.KindOf(err) != fault.Down {
		t.Fatal(err)
	}
	b.wantQueued(t, "update zoho/contact/200")
	b.crms.fail["zoho contact+"] = &fault.Error{Op: "list", Kind: fault.Ours}
	if err := b.Run(t.Context()); fault.KindOf(err) != fault.Ours {
		t.Fatal(err)
	}
	b.wantQueued(t) // it went on behind the first page, and now it does not
	b.crms.fail = nil
	b.run(t)
	b.wantQueued(t, "update zoho/contact/200", "update zoho/contact/201", "update zoho/contact/202")
}

func TestOfTwoRunsAtATimeOneLeavesTheListingToTheOther(t *testing.T) {
	b := newBench()
	b.crms.pages["zoho contact"] = long(crm.Zoho, 200, 2)
	met := false
	b.crms.during = func(name string) {
		if name == "zoho contact" && !met {
			met = true
			b.run(t)
		}
	}
	b.run(t)
	b.wantQueued(t, "update zoho/contact/200", "update zoho/contact/201", "update zoho/contact/200")
}

func TestACursorOfAnEarlierVersionIsGoneOnWith(t *testing.T) {
	b := newBench()
	b.switches()()
	for _, l := range b.listings() {
		if err := b.cursors.Put(t.Context(), row.Put{Key: b.cursor(l.name), Value: []byte(noon.Add(-9 * time.Hour).Format(time.RFC3339))}); err != nil {
			t.Fatal(err)
		}
	}
	b.run(t)
	b.wantSince(t, "an earlier version's", noon.Add(-9*time.Hour-overlap))
	b.run(t)
	b.wantSince(t, "and ours", noon.Add(-overlap))
}

func TestACursorTellsWhenALookEndedAndWhetherOneIsUnderWay(t *testing.T) {
	b := newBench()
	at := func() (ended, underWay time.Time) {
		rows, err := b.cursors.Get(t.Context(), b.cursor("changed#zoho#contact"))
		if err == nil {
			ended, underWay, err = Looked(rows[0].Value)
		}
		if err != nil {
			t.Fatal(err)
		}
		return ended, underWay
	}
	b.crms.pages["zoho contact"] = long(crm.Zoho, 200, 3)
	next := b.hours(7)
	b.run(t)
	if ended, underWay := at(); !ended.IsZero() || !underWay.Equal(noon) {
		t.Errorf("the first one is under way: %s, %s", ended, underWay)
	}
	next()
	b.run(t)
	if ended, underWay := at(); !ended.Equal(noon) || !underWay.IsZero() {
		t.Errorf("it has ended: %s, %s", ended, underWay)
	}
	if _, _, err := Looked([]byte("yesterday")); err == nil {
		t.Error("what nobody wrote is read")
	}
}

func FuzzACursorIsReadOrRefused(f *testing.F) {
	for _, s := range []string{"2026-11-03T12:00:00Z", `{"since":"2026-11-03T12:00:00Z","switches":2,"walk":{"from":"2026-11-03T09:00:00Z","began":"2026-11-03T12:00:00Z","page":"7","switches":2,"resumed":true}}`, `{}`, "yesterday"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, _, err := parse(text)
		if err != nil {
			return
		}
		if again, _, err := parse(encode(c)); err != nil || !again.Since.Equal(c.Since) {
			t.Errorf("%+v, %v", again, err)
		}
	})
}

func TestAPairThatCannotBeReadKeepsItsListingBack(t *testing.T) {
	b := newBench()
	b.crms.pages["zoho contact"] = long(crm.Zoho, 200, 2)
	b.pairs.noReads = true
	if err := b.Run(t.Context()); !errors.Is(err, errGone) || len(b.queue.ops) != 0 {
		t.Errorf("%v, queued %v", err, b.queue.ops)
	}
}
