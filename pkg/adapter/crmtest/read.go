package crmtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
)

var reading = []rule{
	{"a record is read as a person wrote it", func(t *testing.T, l *lab) {
		key := l.rossi()
		r := l.one(key)
		want := Values{Name: "Rossi", First: "Anna", Job: "Buyer", Email: "anna@acme.example", Stage: l.Options[0], Born: "1990-02-28", Score: "12.5",
			Wanted: "true", Company: "", Code: ""}
		for f, text := range want {
			if v := r.Value(f); !v.Known() || v.Text() != text {
				t.Errorf("%s is %q, want %q", f, v.Text(), text)
			}
		}
		if r.ID != l.id(key) || r.Modified.IsZero() || r.Created.IsZero() {
			t.Errorf("%s, created %s, modified %s", r.ID, r.Created, r.Modified)
		}
		if len(key) < l.Digits {
			t.Errorf("an id of %d digits shows nothing about long ones", len(key))
		}
	}},
	{"many are read in the order asked, repeated ones too, and those that are not there are gone", func(t *testing.T, l *lab) {
		var keys []string
		for i := range 130 { // more than one request may hold
			key, err := l.Create(Values{Name: fmt.Sprint("Rossi ", i), Email: fmt.Sprintf("p%d@acme.example", i)})
			l.must(err)
			keys = append(keys, key)
		}
		slices.Reverse(keys)
		asked := slices.Concat(keys, []string{l.NoSuch, keys[0]})
		for i, r := range l.read(asked...) {
			switch {
			case asked[i] == l.NoSuch:
				if !r.Gone {
					t.Error("an id that nobody has is not gone")
				}
			case r.Gone || r.Record.ID.Key != asked[i] || r.Record.Value(Name).Text() != fmt.Sprint("Rossi ", 129-i%131):
				t.Fatalf("reading %d is of %s (gone %t)", i, r.Record.ID.Key, r.Gone)
			case r.ReadAt.IsZero():
				t.Fatal("a reading without its time")
			}
		}
	}},
	{"nothing asked is nothing answered, without a call", func(t *testing.T, l *lab) {
		n := l.Calls()
		if l.read(); l.Calls() != n {
			t.Error("a call was made")
		}
	}},
	{"a record that is not there, or was deleted, is gone", func(t *testing.T, l *lab) {
		key := l.rossi()
		l.must(l.Delete(key))
		for _, k := range []string{l.NoSuch, key} {
			if !l.read(k)[0].Gone {
				t.Errorf("%s is not gone", k)
			}
		}
	}},
	{"an id that was merged away leads to the survivor, or is gone", func(t *testing.T, l *lab) {
		a, b := l.rossi(), l.rossi(Values{Email: "ugo@acme.example"})
		survivor, err := l.Merge(a, b)
		l.must(err)
		l.Advance(time.Minute)
		if got := l.one(survivor); got.ID.Key != survivor {
			t.Errorf("the survivor answers as %s", got.ID.Key)
		}
		for _, keys := range [][]string{{b}, {b, l.NoSuch}} {
			switch r := l.read(keys...)[0]; {
			case r.Gone == l.Follows:
				t.Errorf("gone: %t", r.Gone)
			case !r.Gone && (r.Record.ID.Key != survivor || !slices.Contains(r.Record.Merged, b)):
				t.Errorf("%s answers, merged %v", r.Record.ID.Key, r.Record.Merged)
			}
		}
	}},
	{"a field is a value, empty, or unknown", func(t *testing.T, l *lab) {
		key, err := l.Create(Values{Name: "Rossi"})
		l.must(err)
		q := l.query(key)
		q.Columns = append(q.Columns, l.column(Ghost))
		got, err := l.Read(t.Context(), q)
		l.must(err)
		r := got[0].Record
		if !r.Value(Name).Filled() || !r.Value(Email).IsEmpty() || !r.Value(Born).IsEmpty() || !r.Value(Company).IsEmpty() || r.Value(Ghost).Known() {
			t.Errorf("%v", r.Fields)
		}
		if v := r.Value(Wanted); v.IsEmpty() != l.EmptyBool || !l.EmptyBool && v.Text() != "false" {
			t.Errorf("a bool that nobody set is %q", v.Text())
		}
	}},
	{"a field whose definition is taken away is unknown from the next read on, and not empty", func(t *testing.T, l *lab) {
		if l.Drop == nil {
			return // nobody takes a standard field away
		}
		key := l.rossi(Values{Code: "X1"})
		l.must(l.Drop(Code))
		if v := l.one(key).Value(Code); v.Known() {
			t.Errorf("%v", v)
		}
		l.Advance(10 * time.Second)
		l.must(l.Drop(Job))
		if r := l.one(key); r.Value(Job).Known() || r.Value(Code).Known() || !r.Value(Name).Filled() {
			t.Errorf("%v", r.Fields)
		}
	}},
	{"the company of a contact is read by its id", func(t *testing.T, l *lab) {
		firm, err := l.NewFirm("Acme", "acme.example")
		l.must(err)
		key := l.rossi(Values{Company: firm})
		if got := l.one(key).Value(Company).Text(); got != firm {
			t.Errorf("%q, want %q", got, firm)
		}
	}},
}

var finding = []rule{
	{"a contact is found by its address in any case, and nobody else is", func(t *testing.T, l *lab) {
		a, b := l.rossi(), l.rossi(Values{Email: "o'neil+x@acme.example"})
		l.rossi(Values{Email: "other@acme.example"})
		for address, want := range map[string][]string{
			"anna@acme.example": {a}, "o'neil+x@acme.example": {b}, "nobody@acme.example": nil, "anna@acme.exampl": nil, "%": nil, "' or Last_Name != '": nil,
		} {
			if got := l.find(address); !slices.Equal(got, want) {
				t.Errorf("%q finds %v, want %v", address, got, want)
			}
		}
		if got := l.find("anna@acme.example", "o'neil+x@acme.example", "anna@acme.example", "nobody@acme.example"); !slices.Equal(got, sorted(a, b)) {
			t.Errorf("several find %v", got)
		}
	}},
	{"sixty addresses find sixty contacts", func(t *testing.T, l *lab) {
		var want, ask []string
		for i := range 60 {
			address := fmt.Sprintf("p%d@acme.example", i)
			key, err := l.Create(Values{Name: "Rossi", Email: address})
			l.must(err)
			want, ask = append(want, key), append(ask, address)
		}
		if got := l.find(ask...); !slices.Equal(got, sorted(want...)) {
			t.Errorf("%d found", len(got))
		}
	}},
	{"what was written this moment is found, and what was deleted is not", func(t *testing.T, l *lab) {
		key, err := l.Create(Values{Name: "Rossi", Email: "new@acme.example"})
		l.must(err)
		if got := l.find("new@acme.example"); !slices.Equal(got, []string{key}) {
			t.Errorf("%v", got)
		}
		l.must(l.Delete(key))
		if got := l.find("new@acme.example"); len(got) != 0 {
			t.Errorf("%v", got)
		}
	}},
	{"what is found comes with its fields", func(t *testing.T, l *lab) {
		key := l.rossi()
		found, err := l.Find(t.Context(), l.search("anna@acme.example"))
		l.must(err)
		if len(found) != 1 || found[0].ID != l.id(key) || found[0].Value(Job).Text() != "Buyer" || found[0].Modified.IsZero() {
			t.Errorf("%v", found)
		}
	}},
	{"a record is found by the HubSpot id that it carries", func(t *testing.T, l *lab) {
		if !l.External {
			return
		}
		key := l.rossi()
		l.must(l.Write(t.Context(), crm.Change{ID: l.id(key), Columns: l.Columns, HubSpotID: "9007199254740993"}).Err)
		for id, want := range map[string]int{"9007199254740993": 1, "9007199254740992": 0} {
			found, err := l.Find(t.Context(), crm.Search{Module: crm.Contacts, HubSpotIDs: []string{id}, Columns: l.query().Columns})
			l.must(err)
			if len(found) != want || want == 1 && (found[0].ID.Key != key || found[0].HubSpotID != id) {
				t.Errorf("%s finds %v", id, found)
			}
		}
		if got := l.one(key).HubSpotID; got != "9007199254740993" {
			t.Errorf("the record carries %q", got)
		}
	}},
	{"a search for nothing finds nothing, without a call", func(t *testing.T, l *lab) {
		l.rossi()
		n := l.Calls()
		if got := l.find(); len(got) != 0 || l.Calls() != n {
			t.Errorf("%v, %d calls", got, l.Calls()-n)
		}
	}},
}

func (l *lab) search(addresses ...string) crm.Search {
	s := crm.Search{Module: crm.Contacts, Columns: l.query().Columns}
	for _, a := range addresses {
		s.Keys = append(s.Keys, crm.MatchKey{Column: l.column(Email), Value: strings.ToLower(a)})
	}
	return s
}

// find returns the ids found by address, sorted.
func (l *lab) find(addresses ...string) []string {
	l.t.Helper()
	found, err := l.Find(l.t.Context(), l.search(addresses...))
	l.must(err)
	var keys []string
	for _, r := range found {
		keys = append(keys, r.ID.Key)
	}
	slices.Sort(keys)
	return keys
}

func sorted(keys ...string) []string { return slices.Sorted(slices.Values(keys)) }
