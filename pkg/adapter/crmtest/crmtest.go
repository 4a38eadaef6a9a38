// Package crmtest holds the clients of both CRMs to what the use cases rely on: one suite that runs over each real client
// against its vendor's sandbox. Where the vendors differ, the difference is data of the Lab, and the suite asks that it is
// really there, so that the list stays true.
//
// It tests no vendor's wire format and no fault table in full: each adapter does that itself.
package crmtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// CRM is a client as the use cases declare it.
type CRM interface {
	Read(ctx context.Context, q crm.Query) ([]crm.Reading, error)
	Find(ctx context.Context, s crm.Search) ([]crm.Record, error)
	Write(ctx context.Context, c crm.Change) crm.Result
	Changed(ctx context.Context, m crm.Module, since time.Time, after string) ([]crm.Touched, string, error)
}

// The fields of a contact that every Lab has columns for.
const (
	Name    crm.Field = "name"    // text, mandatory where the vendor has one such
	First   crm.Field = "first"   // text
	Job     crm.Field = "job"     // text
	Email   crm.Field = "email"   // e-mail, a match key
	Stage   crm.Field = "stage"   // picklist that offers Lab.Options
	Born    crm.Field = "born"    // date
	Score   crm.Field = "score"   // number
	Wanted  crm.Field = "wanted"  // bool
	Code    crm.Field = "code"    // text that no two records share
	Company crm.Field = "company" // company
	Ghost   crm.Field = "ghost"   // a property that the account does not define
)

// Values are raw texts by field, as clients produce and take them.
type Values = map[crm.Field]string

// Trouble is what happens to the next call of the client, whatever it is.
type Trouble struct {
	Status     int    // answered instead; 0: none
	RetryAfter string // header of that answer
	Lost       bool   // no answer at all
	Applied    bool   // the call is carried out all the same
	Cut        bool   // the answer breaks off halfway
}

// Refusal is one value that the vendor does not take.
type Refusal struct {
	Why   string
	Field crm.Field
	Value string
	Hint  fault.Hint
}

// Lab is an empty account of one vendor: the client, a person who works in the CRM, and what can go wrong.
type Lab struct {
	CRM
	System  crm.System
	Columns []crm.Column
	Options [2]string // two values of Stage

	Create  func(Values) (string, error) // a contact, by a person
	Edit    func(key string, v Values) error
	Delete  func(key string) error
	Merge   func(primary, other string) (survivor string, err error)
	NewFirm func(name, domain string) (string, error)
	Shows   func(key string, f crm.Field) string // as the CRM holds it now
	Drop    func(crm.Field) error                // takes the definition away; nil where a person cannot
	Trouble func(Trouble)
	Expire  func()                            // the access token is taken no more
	Advance func(time.Duration)               // lets time pass
	Writes  func() int                        // of the client, to records, so far
	Calls   func() int                        // of the client, so far
	History func(string) ([]crm.Entry, error) // of Job, newest first, as the client tells it
	NoSuch  string                            // an id that nobody has

	Refusals []Refusal // besides those that every vendor has

	// The differences.
	Grain       time.Duration // of modified times
	Digits      int           // ids have at least so many
	Conditional bool          // Change.IfUnmodified refuses
	Answers     bool          // a write's answer tells the values
	External    bool          // a record carries a HubSpot id
	Follows     bool          // an id that was merged away leads to the survivor; else it is gone
	Renews      bool          // an expired token is replaced and the call repeated; else it is denied
	EmptyBool   bool          // a bool can be empty; else an empty one is false
}

// Test runs the suite; open returns a new, empty account for each test.
func Test(t *testing.T, open func(t *testing.T) Lab) {
	for _, rules := range [][]rule{reading, finding, listing, writing, failing} {
		for _, r := range rules {
			t.Run(r.name, func(t *testing.T) { r.run(t, &lab{open(t), t}) })
		}
	}
}

type rule struct {
	name string
	run  func(*testing.T, *lab)
}

// lab is a Lab whose helpers end the test when the sandbox itself refuses.
type lab struct {
	Lab
	t *testing.T
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// rossi makes a contact with every kind of value.
func (l *lab) rossi(more ...Values) string {
	l.t.Helper()
	v := Values{Name: "Rossi", First: "Anna", Job: "Buyer", Email: "anna@acme.example", Stage: l.Options[0], Born: "1990-02-28", Score: "12.5", Wanted: "true"}
	for _, m := range more {
		for f, text := range m {
			v[f] = text
		}
	}
	key, err := l.Create(v)
	l.must(err)
	l.Advance(time.Minute)
	return key
}

func (l *lab) id(key string) crm.ID { return crm.ID{System: l.System, Module: crm.Contacts, Key: key} }

func (l *lab) query(keys ...string) crm.Query {
	var columns []crm.Column
	for _, c := range l.Columns {
		if c.Field != Ghost {
			columns = append(columns, c)
		}
	}
	return crm.Query{Module: crm.Contacts, Keys: keys, Columns: columns}
}

func (l *lab) column(f crm.Field) crm.Column {
	l.t.Helper()
	for _, c := range l.Columns {
		if c.Field == f {
			return c
		}
	}
	l.t.Fatalf("the lab has no column for %s", f)
	return crm.Column{}
}

// read reads contacts and wants an answer for each.
func (l *lab) read(keys ...string) []crm.Reading {
	l.t.Helper()
	got, err := l.Read(l.t.Context(), l.query(keys...))
	l.must(err)
	if len(got) != len(keys) {
		l.t.Fatalf("%d readings for %d keys", len(got), len(keys))
	}
	return got
}

func (l *lab) one(key string) crm.Record {
	l.t.Helper()
	r := l.read(key)[0]
	if r.Gone {
		l.t.Fatal("the record is gone")
	}
	return r.Record
}

func change(id crm.ID, columns []crm.Column, v Values) crm.Change {
	c := crm.Change{ID: id, Columns: columns, Set: map[crm.Field]crm.Value{}}
	for f, text := range v {
		c.Set[f] = crm.Text(text)
	}
	return c
}

// write writes and returns what came of it.
func (l *lab) write(key string, v Values) crm.Result {
	c := change(l.id(key), l.Columns, v)
	if v, there := v[Company]; there && v == "" {
		c.Leaves = l.one(key).Value(Company)
	}
	return l.Write(l.t.Context(), c)
}

func (l *lab) wrote(key string, v Values) crm.Result {
	l.t.Helper()
	r := l.write(key, v)
	l.must(r.Err)
	return r
}

// shows compares what the CRM holds.
func (l *lab) shows(key string, want Values) {
	l.t.Helper()
	for f, text := range want {
		if got := l.Shows(key, f); got != text {
			l.t.Errorf("the CRM shows %q in %s, want %q", got, f, text)
		}
	}
}

// fails wants a fault of the kind.
func (l *lab) fails(err error, kind fault.Kind) *fault.Error {
	l.t.Helper()
	if err == nil {
		l.t.Fatalf("no error, want %s", kind)
	}
	if got := fault.KindOf(err); got != kind {
		l.t.Fatalf("%v, want %s", err, kind)
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		l.t.Fatalf("%T is no *fault.Error", err)
	}
	return e
}
