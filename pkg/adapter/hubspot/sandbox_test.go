package hubspot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
)

const target = "https://hooks.example.com/webhooks/hubspot"

var (
	columns = []crm.Column{
		{Field: "email", Property: "email", Type: crm.TypeEmail}, {Field: "first", Property: "firstname", Type: crm.TypeText},
		{Field: "company", Property: "associatedcompanyid", Type: crm.TypeCompany},
	}
	domains = []crm.Column{{Field: "domain", Property: "domain", Type: crm.TypeDomain}, {Field: "name", Property: "name", Type: crm.TypeText}}
)

// account is a sandbox with a client and a webhook source on it.
type account struct {
	*hubspottest.Server
	client *hubspot.Client
	source *hubspot.Source
	now    time.Time
	got    []string // operations, as they came through the door
	echoes int
}

func open(t *testing.T, o hubspottest.Options) *account {
	a := &account{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return a.now }
	o.Now, o.Token, o.AppID, o.ClientSecret, o.Webhook = clock, "token", "4210286", "secret", target
	o.Send = func(r *http.Request) (int, error) { return a.deliver(t, r), nil }
	a.Server = hubspottest.New(o)
	a.client = hubspot.New(hubspot.Config{BaseURL: "https://api.hubapi.com", Token: crm.NewSecret("token"), AppID: "4210286", HTTP: a.Transport(), Now: clock})
	a.source = hubspot.NewSource(hubspot.SourceConfig{URLs: []string{target}, AppID: "4210286", Now: clock,
		Secrets: func(context.Context) ([]crm.Secret, error) { return []crm.Secret{crm.NewSecret("secret")}, nil }})
	return a
}

func (a *account) deliver(t *testing.T, r *http.Request) int {
	body, _ := io.ReadAll(r.Body)
	in := door.Request{Method: r.Method, Header: r.Header, Body: bytes.Clone(body)}
	if err := a.source.Verify(t.Context(), in); err != nil {
		t.Errorf("Verify: %v", err)
		return http.StatusUnauthorized
	}
	d, err := a.source.Read(t.Context(), in)
	if err != nil || d.Unreadable > 0 {
		t.Errorf("Read: %v, %+v", err, d)
	}
	a.echoes += d.Echoes
	for _, o := range d.Operations {
		a.got = append(a.got, fmt.Sprintf("%s %s/%s %v", o.Verb, o.Module, o.RecordID, o.Others))
	}
	return http.StatusOK
}

// pass lets time go by and what is due happen.
func (a *account) pass(d time.Duration) {
	a.now = a.now.Add(d)
	a.Tick()
}

func (a *account) make(t *testing.T, m crm.Module, props map[string]string) string {
	t.Helper()
	id, err := a.Create(m, props)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (a *account) read(t *testing.T, keys ...string) []crm.Reading {
	t.Helper()
	got, err := a.client.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: keys, Columns: columns, History: true})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func contact(id string) crm.ID { return crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: id} }

func TestOurOwnWriteIsKnownAsOursInHistoryAndAtTheDoor(t *testing.T) {
	for _, generic := range []bool{true, false} {
		a := open(t, hubspottest.Options{Generic: generic})
		id := a.make(t, crm.Contacts, map[string]string{"email": "a@example.com", "firstname": "Anna"})
		a.pass(time.Minute)
		a.got = nil
		written := a.client.Write(t.Context(), crm.Change{ID: contact(id), Columns: columns, Set: map[crm.Field]crm.Value{"first": crm.Text("Anna Maria")}})
		if written.Err != nil || written.Answered["first"] != crm.Text("Anna Maria") {
			t.Fatalf("%+v", written)
		}
		r := a.read(t, id)[0].Record
		entries := r.History["first"]
		if r.Value("first") != crm.Text("Anna Maria") || len(entries) != 2 || !entries[0].Ours || entries[1].Ours || !r.Modified.Equal(written.Modified) {
			t.Errorf("%v, history %+v, modified %s and %s", r.Value("first"), entries, r.Modified, written.Modified)
		}
		if a.pass(time.Minute); len(a.got) != 0 || a.echoes != 1 {
			t.Errorf("generic %t: operations %v, %d echoes", generic, a.got, a.echoes)
		}
	}
}

func TestACompanyIsSetAndTakenAway(t *testing.T) {
	a := open(t, hubspottest.Options{})
	id := a.make(t, crm.Contacts, map[string]string{"email": "a@example.com"})
	firm := a.make(t, crm.Companies, map[string]string{"name": "Acme", "domain": "acme.it"})
	for _, want := range []crm.Value{crm.Text(firm), crm.Empty(), crm.Empty()} {
		has := a.read(t, id)[0].Record.Value("company")
		got := a.client.Write(t.Context(), crm.Change{ID: contact(id), Columns: columns, Set: map[crm.Field]crm.Value{"company": want}, Leaves: has})
		if got.Err != nil || got.Answered["company"] != want {
			t.Fatalf("%+v", got)
		}
		if shown := a.read(t, id)[0].Record.Value("company"); shown.Text() != want.Text() || !shown.Known() {
			t.Errorf("shows %q, want %q", shown.Text(), want.Text())
		}
	}
	got := a.client.Write(t.Context(), crm.Change{ID: contact(id), Columns: columns, Set: map[crm.Field]crm.Value{"company": crm.Text("424242")}})
	if fault.KindOf(got.Err) != fault.Refused {
		t.Errorf("a company that is not there: %v", got.Err)
	}
}

func TestAMergedIdAnswersItsSurvivorInEveryWayOfReading(t *testing.T) {
	for _, o := range []hubspottest.Options{{}, {KeepPrimary: true}, {BatchForgetsMerges: true, Generic: true}} {
		a := open(t, o)
		first := a.make(t, crm.Contacts, map[string]string{"email": "a@example.com"})
		second := a.make(t, crm.Contacts, map[string]string{"email": "b@example.com"})
		other := a.make(t, crm.Contacts, map[string]string{"email": "c@example.com"})
		a.pass(time.Minute)
		a.got = nil
		survivor, err := a.Merge(crm.Contacts, first, second)
		if err != nil {
			t.Fatal(err)
		}
		for _, keys := range [][]string{{first}, {second}, {first, second, other}} {
			for i, r := range a.read(t, keys...) {
				want := survivor
				if keys[i] == other {
					want = other
				}
				if r.Gone || r.Record.ID.Key != want || want == survivor && len(r.Record.Merged) == 0 {
					t.Errorf("%+v: asked %s, answered %+v", o, keys[i], r.Record.ID)
				}
			}
		}
		a.pass(time.Minute)
		gone := slices.DeleteFunc([]string{first, second}, func(id string) bool { return id == survivor })
		slices.Sort(gone)
		if want := fmt.Sprintf("merge contact/%s %v", survivor, gone); !slices.Contains(a.got, want) {
			t.Errorf("operations %v, want %q", a.got, want)
		}
	}
}

func TestDeletedRecordsAreGoneAndTheirEventsStandAlone(t *testing.T) {
	a := open(t, hubspottest.Options{})
	id := a.make(t, crm.Contacts, map[string]string{"email": "a@example.com"})
	if a.pass(time.Minute); len(a.got) != 1 || a.got[0] != "create contact/"+id+" []" {
		t.Errorf("operations %v", a.got)
	}
	a.got = nil
	if err := a.Delete(crm.Contacts, id); err != nil {
		t.Fatal(err)
	}
	if !a.read(t, id)[0].Gone || !a.read(t, id, "424242")[0].Gone {
		t.Error("a deleted contact is not gone")
	}
	if a.pass(time.Minute); len(a.got) != 1 || a.got[0] != "delete contact/"+id+" []" {
		t.Errorf("operations %v", a.got)
	}
}

func TestContactsAreFoundAtOnceAndCompaniesAfterTheLag(t *testing.T) {
	a := open(t, hubspottest.Options{SearchLag: 10 * time.Second})
	id := a.make(t, crm.Contacts, map[string]string{"email": "a@example.com"})
	if err := a.AddEmail(id, "second@example.com"); err != nil {
		t.Fatal(err)
	}
	firm := a.make(t, crm.Companies, map[string]string{"name": "Acme", "domain": "acme.it"})
	find := func(s crm.Search) (ids []string) {
		t.Helper()
		got, err := a.client.Find(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got {
			ids = append(ids, r.ID.Key)
		}
		return ids
	}
	by := func(addresses ...string) crm.Search {
		s := crm.Search{Module: crm.Contacts, Columns: columns}
		for _, address := range addresses {
			s.Keys = append(s.Keys, crm.MatchKey{Column: columns[0], Value: address})
		}
		return s
	}
	for _, s := range []crm.Search{by("a@example.com"), by("second@example.com"), by("a@example.com", "nobody@example.com"), by("second@example.com", "a@example.com")} {
		if got := find(s); !slices.Equal(got, []string{id}) {
			t.Errorf("%v found %v", s.Keys, got)
		}
	}
	company := crm.Search{Module: crm.Companies, Columns: domains, Keys: []crm.MatchKey{{Column: domains[0], Value: "acme.it"}}}
	if got := find(company); len(got) != 0 {
		t.Errorf("found %v before the index has it", got)
	}
	if a.pass(11 * time.Second); !slices.Equal(find(company), []string{firm}) {
		t.Error("not found after the lag")
	}
}

func TestAnAddressOfSomebodyElseIsAConflictThatNamesTheOther(t *testing.T) {
	a := open(t, hubspottest.Options{})
	id := a.make(t, crm.Contacts, map[string]string{"email": "a@example.com"})
	other := a.make(t, crm.Contacts, map[string]string{"email": "b@example.com"})
	got := a.client.Write(t.Context(), crm.Change{ID: contact(id), Columns: columns, Set: map[crm.Field]crm.Value{"email": crm.Text("b@example.com")}})
	e, ok := errors.AsType[*fault.Error](got.Err)
	if !ok || e.Kind != fault.Conflict || len(e.Refused) != 1 || e.Refused[0].Field != "email" || e.Refused[0].Record != other {
		t.Errorf("%+v", got)
	}
}
