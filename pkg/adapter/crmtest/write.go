package crmtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

var writing = []rule{
	{"what is written is what is read, and nothing else changes", func(t *testing.T, l *lab) {
		key := l.rossi()
		before := l.one(key)
		set := Values{Job: "Head buyer", Stage: l.Options[1], Born: "2000-02-29", Score: "13", Wanted: "false"}
		r := l.wrote(key, set)
		after := l.one(key)
		for f, v := range before.Fields {
			want := v
			if text, ok := set[f]; ok {
				want = crm.Text(text)
			}
			if got := after.Value(f); got != want {
				t.Errorf("%s is %q, want %q", f, got.Text(), want.Text())
			}
		}
		if r.ID != l.id(key) || len(r.Skipped) != 0 {
			t.Errorf("%+v", r)
		}
	}},
	{"the answer to a write tells the modified time that the record then shows", func(t *testing.T, l *lab) {
		key := l.rossi()
		l.Advance(1234 * time.Millisecond)
		r := l.wrote(key, Values{Job: "Head buyer"})
		if got := l.one(key).Modified; r.Modified.IsZero() || !got.Equal(r.Modified) || !got.Equal(got.Truncate(l.Grain)) {
			t.Errorf("answered %s, read %s, in steps of %s", r.Modified, got, l.Grain)
		}
		if v, told := r.Answered[Job]; told != l.Answers || told && v.Text() != "Head buyer" {
			t.Errorf("answered %v", r.Answered)
		}
	}},
	{"a write is known as ours in the field's history, a person's is not", func(t *testing.T, l *lab) {
		key := l.rossi()
		l.must(l.Edit(key, Values{Job: "Seller"}))
		l.Advance(time.Minute)
		l.wrote(key, Values{Job: "Head buyer"})
		entries, err := l.History(key)
		l.must(err)
		if len(entries) < 2 || !entries[0].Ours || entries[1].Ours || !entries[0].At.After(entries[1].At) {
			t.Errorf("%+v", entries)
		}
	}},
	{"an empty value clears", func(t *testing.T, l *lab) {
		firm, err := l.NewFirm("Acme", "acme.example")
		l.must(err)
		key := l.rossi(Values{Company: firm})
		set := Values{First: "", Job: "", Email: "", Stage: "", Born: "", Score: "", Company: ""}
		l.wrote(key, set)
		l.shows(key, set)
		r := l.one(key)
		for f := range set {
			if !r.Value(f).IsEmpty() {
				t.Errorf("%s is %v", f, r.Value(f))
			}
		}
		l.shows(key, Values{Name: "Rossi", Wanted: "true"})
	}},
	{"clearing what is empty is no fault", func(t *testing.T, l *lab) {
		key, err := l.Create(Values{Name: "Rossi"})
		l.must(err)
		l.wrote(key, Values{First: "", Email: "", Company: ""})
	}},
	{"a company is set, changed and taken away", func(t *testing.T, l *lab) {
		key := l.rossi()
		for _, name := range []string{"Acme", "Other"} {
			firm, err := l.NewFirm(name, name+".example")
			l.must(err)
			l.wrote(key, Values{Company: firm})
			l.shows(key, Values{Company: firm})
		}
		l.wrote(key, Values{Company: "", Job: "Seller"})
		l.shows(key, Values{Company: "", Job: "Seller"})
	}},
	{"a refused value is named by its field, and nothing of the write is carried out", func(t *testing.T, l *lab) {
		all := append([]Refusal{
			{"too long", Job, strings.Repeat("canarino ", 9000), fault.HintTooLong},
			{"an option that is not offered", Stage, "canarino", fault.HintPicklist},
		}, l.Refusals...)
		ghosts := 0
		for _, r := range all {
			t.Run(r.Why, func(t *testing.T) {
				if r.Field == Ghost {
					ghosts++
				}
				key, err := l.Create(Values{Name: "Rossi", First: "Anna"})
				l.must(err)
				n := l.Writes()
				res := l.write(key, Values{First: "Annina", r.Field: r.Value})
				e := l.fails(res.Err, fault.Refused)
				if len(e.Refused) != 1 || e.Refused[0].Field != r.Field || e.Refused[0].Property != l.column(r.Field).Property || e.Refused[0].Hint != r.Hint || e.Refused[0].Code == "" {
					t.Errorf("%+v", e.Refused)
				}
				if text := fmt.Sprintf("%v %+v", e, e.Refused); strings.Contains(text, "canarino") {
					t.Errorf("the error tells the value: %.300s", text)
				}
				if l.Writes() != n {
					t.Error("something was written")
				}
				l.shows(key, Values{First: "Anna"})
				l.wrote(key, Values{First: "Annina"})
			})
		}
		if ghosts == 0 {
			t.Error("the lab has no refusal of an unknown property")
		}
	}},
	{"a value that another record has is a conflict that names field and record", func(t *testing.T, l *lab) {
		owner := l.rossi(Values{Code: "X1"})
		key := l.rossi(Values{Email: "ugo@acme.example"})
		e := l.fails(l.write(key, Values{Code: "X1", Job: "Seller"}).Err, fault.Conflict)
		if len(e.Refused) != 1 || e.Refused[0].Field != Code || e.Refused[0].Hint != fault.HintDuplicate || e.Refused[0].Record != owner {
			t.Errorf("%+v, want record %s", e.Refused, owner)
		}
		l.shows(key, Values{Code: "", Job: "Buyer"})
	}},
	{"a write on condition of a time is refused after a later edit, where the vendor heeds conditions", func(t *testing.T, l *lab) {
		key := l.rossi()
		seen := l.one(key).Modified
		c := change(l.id(key), l.Columns, Values{Job: "ours"})
		c.IfUnmodified = seen
		l.must(l.Write(t.Context(), c).Err)
		l.Advance(time.Minute)
		l.must(l.Edit(key, Values{Job: "a person's"}))
		err := l.Write(t.Context(), c).Err
		if !l.Conditional {
			l.must(err)
			return
		}
		l.fails(err, fault.Stale)
		l.shows(key, Values{Job: "a person's"})
	}},
	{"a write to a record that is not there says so", func(t *testing.T, l *lab) {
		key := l.rossi()
		l.must(l.Delete(key))
		for _, k := range []string{key, l.NoSuch} {
			l.fails(l.write(k, Values{Job: "Seller"}).Err, fault.Missing)
		}
	}},
	{"a change that cannot be said is our own fault and is not sent", func(t *testing.T, l *lab) {
		key := l.rossi()
		n := l.Calls()
		unknown := crm.Change{ID: l.id(key), Columns: l.Columns, Set: map[crm.Field]crm.Value{Job: crm.Unknown()}}
		strange := crm.Change{ID: l.id(key), Columns: l.Columns, Set: map[crm.Field]crm.Value{"strange": crm.Text("x")}}
		for _, c := range []crm.Change{unknown, strange} {
			l.fails(l.Write(t.Context(), c).Err, fault.Ours)
		}
		if l.Calls() != n {
			t.Error("a call was made")
		}
	}},
	{"texts of any script come back as they were sent", func(t *testing.T, l *lab) {
		key := l.rossi()
		for _, text := range []string{"Zoë Łukasz", "山田 太郎", "👩‍👩‍👧", `"quoted" \ <b>&amp;`, "a;b, c", "=1+1", "O'Neil", "e\u0301", "null", "0012"} {
			l.wrote(key, Values{Job: text})
			l.shows(key, Values{Job: text})
			if got := l.one(key).Value(Job).Text(); got != text {
				t.Errorf("%q is read as %q", text, got)
			}
		}
	}},
	{"a client may be used by several at a time", func(t *testing.T, l *lab) {
		key := l.rossi()
		var all sync.WaitGroup
		errs := make(chan error, 16)
		for i := range 8 {
			all.Go(func() {
				errs <- l.write(key, Values{Job: fmt.Sprint("Buyer ", i)}).Err
				_, err := l.Read(context.WithoutCancel(t.Context()), l.query(key))
				errs <- err
			})
		}
		all.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
	}},
}
