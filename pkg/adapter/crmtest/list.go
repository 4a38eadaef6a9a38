package crmtest

import (
	"fmt"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

var listing = []rule{
	{"whoever is modified or deleted between two pages moves nobody past the reader", func(t *testing.T, l *lab) {
		since, left, ids := l.people(450)
		listed := map[string]int{}
		after := ""
		for pages := 0; pages == 0 || after != ""; pages++ {
			page, next, err := l.Changed(t.Context(), crm.Contacts, since, after)
			l.must(err)
			if pages > 3 || len(page) > 200 {
				t.Fatalf("page %d has %d records", pages, len(page))
			}
			for i, one := range page {
				if listed[one.ID.Key]++; one.ID.System != l.System || one.Modified.Before(since) || one.Deleted {
					t.Fatalf("%+v", one)
				}
				switch { // what was listed is worked on meanwhile
				case i%10 == 0:
					l.must(l.Delete(one.ID.Key))
				case i%2 == 0:
					l.must(l.Edit(one.ID.Key, Values{Job: "Buyer"}))
				}
			}
			l.Advance(2 * time.Minute) // a search has seen it
			after = next
		}
		for _, id := range ids {
			if listed[id] != 1 {
				t.Errorf("%s was listed %d times", id, listed[id])
			}
		}
		if listed[left] != 0 || len(listed) != len(ids) {
			t.Errorf("%d listed, one of them long unchanged %d times", len(listed), listed[left])
		}
	}},
	{"a listing that was left goes on behind its last record days later", func(t *testing.T, l *lab) {
		since, _, ids := l.people(210)
		page, next, err := l.Changed(t.Context(), crm.Contacts, since, "")
		l.must(err)
		for _, one := range page {
			l.must(l.Edit(one.ID.Key, Values{Job: "Buyer"}))
		}
		l.Advance(72 * time.Hour)
		rest, end, err := l.Changed(t.Context(), crm.Contacts, since, next)
		l.must(err)
		if len(page)+len(rest) != len(ids) || end != "" || rest[len(rest)-1].ID.Key != ids[len(ids)-1] {
			t.Errorf("%d and %d of %d, then %q", len(page), len(rest), len(ids), end)
		}
	}},
	{"a listing since ever has everybody", func(t *testing.T, l *lab) {
		_, left, ids := l.people(3)
		page, _, err := l.Changed(t.Context(), crm.Contacts, time.Time{}, "")
		l.must(err)
		if len(page) != len(ids)+1 || page[0].ID.Key != left {
			t.Errorf("%+v", page)
		}
	}},
	{"a cursor of another listing is refused", func(t *testing.T, l *lab) {
		if _, _, err := l.Changed(t.Context(), crm.Contacts, time.Time{}, "0|200"); fault.KindOf(err) != fault.Ours {
			t.Error(err)
		}
	}},
}

// people makes somebody who is left alone, then n more: it returns when they came, who was left, and their ids in order.
func (l *lab) people(n int) (since time.Time, left string, ids []string) {
	l.t.Helper()
	create := func(i int) string {
		id, err := l.Create(Values{Name: fmt.Sprint("Rossi ", i), Email: fmt.Sprintf("p%d@example.com", i)})
		l.must(err)
		return id
	}
	left = create(0)
	page, _, err := l.Changed(l.t.Context(), crm.Contacts, time.Time{}, "")
	l.must(err)
	for i := 0; len(page) == 0 && i < 10; i++ { // a search lags
		l.Advance(time.Minute)
		page, _, err = l.Changed(l.t.Context(), crm.Contacts, time.Time{}, "")
		l.must(err)
	}
	l.Advance(time.Hour)
	for i := range n {
		ids = append(ids, create(i+1))
	}
	l.Advance(2 * time.Minute)
	return page[0].Modified.Add(time.Minute), left, ids
}
