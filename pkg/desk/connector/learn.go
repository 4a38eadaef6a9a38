package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// lesson is what a test record taught. It lies in the config table.
type lesson struct {
	At          time.Time `json:"at"`
	Conditional bool      `json:"conditional"` // Zoho refuses a stale conditional write
	Duplicate   bool      `json:"duplicate"`   // Zoho refuses a second record with the same HubSpot_Id
	HubSpotOurs bool      `json:"hubspotOurs"` // our write is ours in HubSpot's history
	ZohoOurs    bool      `json:"zohoOurs"`    // our write is ours in Zoho's timeline
	Capitals    capitals  `json:"capitals,omitempty"`
}

// capitals says how Zoho's queries take capitals in an e-mail address, of which its pages say nothing.
type capitals string

const (
	untried capitals = ""      // it lets nobody make a contact of two fields, or was learned by an earlier version
	alike   capitals = "alike" // an address is found however it is written
	apart   capitals = "apart" // it is found only as it is written there
)

func (s *session) lessonName() string { return "learned#" + s.flags.Connection }

// marker is what a field of the test record holds for a moment.
const marker = "CRM Connector test"

// shows is how often, every second, a write is looked for in a history: both lag.
const shows = 15

// learn tries the test record and keeps what it taught.
func (e *exam) learn(ctx context.Context, id crm.ID) {
	if !e.after("test-record", "mapping", "hubspot.token", "zoho.token", "zoho.scopes", "table pairs") {
		return
	}
	t, err := e.trial(ctx, id)
	if err != nil {
		e.fault("test-record", err.Error(), "take a contact that is in step (connector explain hubspot "+id.Key+"), with the stack on")
		return
	}
	if e.flags.Plan {
		e.note("test-record", fmt.Sprintf("would change %s of hubspot %s and zoho %s and put it back, try to insert a second record with its HubSpot_Id, and make a contact of its own for a moment", t.field.Name, t.hub.ID.Key, t.zo.ID.Key), "")
		return
	}
	var l lesson
	if l, err = t.run(ctx); err != nil {
		e.fault("test-record", err.Error(), "see whether both records are as they were; then run this again")
		return
	}
	l.At = e.Now().UTC()
	text, err := json.Marshal(l)
	if err == nil {
		err = e.rows(e.st).Set(ctx, e.lessonName(), text)
	}
	if err != nil {
		e.fault("test-record", "what was learned cannot be kept: "+err.Error(), trouble(err))
		return
	}
	e.ok("test-record", "learned, and kept")
}

// trial is a test record with its twin.
type trial struct {
	*exam
	field   mapping.Field
	hub, zo crm.Record
}

// trial finds the twin and a field that may be written on both sides.
func (e *exam) trial(ctx context.Context, id crm.ID) (*trial, error) {
	book := &identity.Book{Store: e.st.Pairs}
	p, err := book.Find(ctx, e.flags.Connection, id)
	if err != nil {
		return nil, err
	}
	if p.Version == 0 || p.State != pair.Living {
		return nil, fmt.Errorf("hubspot contact %s is in no living pair", id.Key)
	}
	t := &trial{exam: e}
	for _, f := range e.m.Fields(crm.Contact) {
		if f.Type == crm.TypeText && f.Policy == crm.Newest && written(f, crm.HubSpot) && written(f, crm.Zoho) && f.Name != e.m.LastNameField() {
			t.field = f
		}
		if f.Name == "job_title" {
			break
		}
	}
	if t.field.Name == "" {
		return nil, fmt.Errorf("the mapping has no text field that goes both ways")
	}
	if t.hub, err = t.read(ctx, crm.HubSpot, p.HubSpot); err != nil {
		return nil, err
	}
	t.zo, err = t.read(ctx, crm.Zoho, p.Zoho)
	return t, err
}

func (t *trial) columns(sys crm.System) []crm.Column {
	return []crm.Column{{Field: t.field.Name, Property: t.field.Side(sys).Property, Type: t.field.Type}}
}

func (t *trial) read(ctx context.Context, sys crm.System, key string) (crm.Record, error) {
	read := t.c.hubspot.Read
	if sys == crm.Zoho {
		read = t.c.zoho.Read
	}
	all, err := read(ctx, crm.Query{Module: crm.Contacts, Keys: []string{key}, Columns: t.columns(sys), History: sys == crm.HubSpot})
	if err != nil {
		return crm.Record{}, err
	}
	if all[0].Gone {
		return crm.Record{}, fmt.Errorf("%s has no contact %s", sys, key)
	}
	return all[0].Record, nil
}

// run tries everything, and puts the field back whatever came of it.
func (t *trial) run(ctx context.Context) (l lesson, err error) {
	if l.Conditional, err = t.conditional(ctx); err != nil {
		return l, err
	}
	if l.Duplicate, err = t.duplicate(ctx); err != nil {
		return l, err
	}
	if l.Capitals, err = t.capitals(ctx); err != nil {
		return l, err
	}
	began := t.Now().Truncate(time.Second)
	defer func() {
		// Ctrl-C must not leave the marker behind.
		if back := t.write(context.WithoutCancel(ctx), t.hub.Value(t.field.Name), t.zo.Value(t.field.Name)); err == nil {
			err = back
		}
	}()
	if err = t.write(ctx, crm.Text(marker), crm.Text(marker)); err != nil {
		return l, err
	}
	if l.HubSpotOurs, err = t.ours(ctx, began, func() ([]crm.Entry, error) {
		r, err := t.read(ctx, crm.HubSpot, t.hub.ID.Key)
		return r.History[t.field.Name], err
	}); err != nil {
		return l, err
	}
	l.ZohoOurs, err = t.ours(ctx, began, func() ([]crm.Entry, error) {
		all, err := t.c.zoho.Times(ctx, t.zo.ID, t.columns(crm.Zoho))
		return all[t.field.Name], err
	})
	return l, err
}

// write puts values into the field on both sides.
func (t *trial) write(ctx context.Context, hub, zo crm.Value) error {
	h := t.c.hubspot.Write(ctx, crm.Change{ID: t.hub.ID, Set: map[crm.Field]crm.Value{t.field.Name: hub}, Columns: t.columns(crm.HubSpot)})
	if h.Err != nil {
		return h.Err
	}
	return t.c.zoho.Write(ctx, crm.Change{ID: t.zo.ID, Set: map[crm.Field]crm.Value{t.field.Name: zo}, Columns: t.columns(crm.Zoho)}).Err
}

// conditional reports whether a write on a condition that does not hold is refused. It writes what is there already.
func (t *trial) conditional(ctx context.Context) (bool, error) {
	err := t.c.zoho.Write(ctx, crm.Change{
		ID: t.zo.ID, Set: map[crm.Field]crm.Value{t.field.Name: t.zo.Value(t.field.Name)}, Columns: t.columns(crm.Zoho), IfUnmodified: t.zo.Modified.Add(-time.Hour),
	}).Err
	if fault.KindOf(err) == fault.Stale {
		return true, nil
	}
	return false, err
}

// duplicate reports whether a second record with the same HubSpot id is refused. One that was not is removed again.
func (t *trial) duplicate(ctx context.Context) (bool, error) {
	last, _ := t.m.Field(crm.Contact, t.m.LastNameField())
	res, err := t.c.zoho.Create(ctx, []crm.Change{{
		ID: crm.ID{System: crm.Zoho, Module: crm.Contacts}, HubSpotID: t.hub.ID.Key, Set: map[crm.Field]crm.Value{last.Name: crm.Text(marker)},
		Columns: []crm.Column{{Field: last.Name, Property: last.Zoho.Property, Type: last.Type}},
	}})
	if err != nil {
		return false, err
	}
	if res[0].Err == nil {
		return false, t.c.zoho.Remove(context.WithoutCancel(ctx), res[0].ID)
	}
	for _, r := range refusals(res[0].Err) {
		if r.Property == zoho.HubSpotID {
			return true, nil
		}
		if r.Property != "" {
			return false, fmt.Errorf("%w: Zoho does not take a contact of a last name and a HubSpot_Id, for its field %s; make %[2]s optional in Zoho's layout while this is tried", res[0].Err, r.Property)
		}
	}
	return false, res[0].Err
}

// capitals makes a contact whose address has capitals, in Zoho alone, and looks for it in small letters, as every twin is looked for.
// It removes the contact again.
func (t *trial) capitals(ctx context.Context) (_ capitals, err error) {
	var columns []crm.Column
	for _, f := range t.m.Fields(crm.Contact) {
		if f.Type == crm.TypeEmail && written(f, crm.Zoho) && columns == nil {
			columns = append(columns, crm.Column{Field: f.Name, Property: f.Zoho.Property, Type: f.Type})
		}
	}
	if columns == nil {
		return untried, nil
	}
	address := "CRM.Connector.Test." + t.NewID() + "@Example.com"
	last, _ := t.m.Field(crm.Contact, t.m.LastNameField())
	res, err := t.c.zoho.Create(ctx, []crm.Change{{
		ID:      crm.ID{System: crm.Zoho, Module: crm.Contacts},
		Set:     map[crm.Field]crm.Value{last.Name: crm.Text(marker), columns[0].Field: crm.Text(address)},
		Columns: append(columns, crm.Column{Field: last.Name, Property: last.Zoho.Property, Type: last.Type}),
	}})
	if err != nil {
		return untried, err
	}
	if refusals(res[0].Err) != nil {
		return untried, nil // a field of one's own is mandatory
	}
	if res[0].Err != nil {
		return untried, res[0].Err
	}
	defer func() {
		if away := t.c.zoho.Remove(context.WithoutCancel(ctx), res[0].ID); err == nil {
			err = away
		}
	}()
	found := func(address string) (bool, error) {
		all, err := t.c.zoho.Find(ctx, crm.Search{Module: crm.Contacts, Keys: []crm.MatchKey{{Column: columns[0], Value: address}}, Columns: columns[:1]})
		return len(all) > 0, err
	}
	for range shows { // should the query lag
		asWritten, err := found(address)
		if err != nil {
			return untried, err
		}
		small, err := found(strings.ToLower(address))
		switch {
		case err != nil:
			return untried, err
		case small:
			return alike, nil
		case asWritten:
			return apart, nil
		}
		if !t.Sleep(ctx, time.Second) {
			return untried, ctx.Err()
		}
	}
	return untried, fmt.Errorf("a contact that was made just now is not found by its e-mail within %d seconds", shows)
}

func refusals(err error) []fault.Refusal {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Refused
	}
	return nil
}

// ours looks for our own write in a history.
func (t *trial) ours(ctx context.Context, since time.Time, history func() ([]crm.Entry, error)) (bool, error) {
	for range shows {
		all, err := history()
		if err != nil {
			return false, err
		}
		if len(all) > 0 && !all[0].At.Before(since) {
			return all[0].Ours, nil
		}
		if !t.Sleep(ctx, time.Second) {
			return false, ctx.Err()
		}
	}
	return false, fmt.Errorf("%s does not show up in the history within %d seconds", t.field.Name, shows)
}

// learned compares what a test record taught with how the stack is set.
func (e *exam) learned(ctx context.Context) {
	if !e.after("learned", "functions", "table config") {
		return
	}
	r, err := e.rows(e.st).Get(ctx, e.lessonName())
	if err != nil {
		e.fault("learned", err.Error(), trouble(err))
		return
	}
	var l lesson
	if r.Version == 0 || json.Unmarshal(r.Value, &l) != nil {
		e.note("learned", "nothing yet of how these accounts behave", "connector doctor --test-record ID, with a contact that nobody needs")
		return
	}
	before := len(e.found)
	set := settings.Reader{Getenv: func(name string) string { return e.setting(ctx, name) }}
	switch conditional := set.Bool("ZOHO_CONDITIONAL_WRITES", false); {
	case conditional && !l.Conditional:
		e.fault("learned", "ZOHO_CONDITIONAL_WRITES is true, and this Zoho does not refuse a stale write: an edit may be overwritten",
			"deploy with ZohoConditionalWrites=false")
	case !conditional && l.Conditional:
		e.note("learned", "this Zoho refuses a stale conditional write", "deploy with ZohoConditionalWrites=true: it saves a read of each unchanged record")
	}
	if !l.Duplicate {
		e.fault("learned", "Zoho took a second contact with the same HubSpot_Id", "mark HubSpot_Id as unique in Zoho's setup, then learn again")
	}
	if !l.HubSpotOurs {
		e.fault("learned", "our own writes are not ours in HubSpot's history", "correct HUBSPOT_APP_ID: the id of the app whose token this is; then learn again")
	}
	if !l.ZohoOurs {
		e.fault("learned", "our own writes are not ours in Zoho's timeline", "let a Zoho user of its own make the code of setup zoho; then learn again")
	}
	switch l.Capitals {
	case apart:
		e.note("learned", "this Zoho finds an e-mail address only as it is written there: a record whose address has capitals may be met as a stranger, and another is created beside it",
			"write such addresses in small letters in Zoho; until then connector link --dry-run "+e.at()+" counts their twins as missing")
	case untried:
		e.note("learned", "whether Zoho finds an e-mail address that is written with capitals was not tried", "connector doctor --test-record ID "+e.at()+" tries it, where a contact may be made of a last name and an e-mail")
	}
	if faults(e.found[before:]) == 0 {
		e.ok("learned", "on %s: stale writes refused: %t, duplicates refused, our own writes recognised", l.At.Format(time.DateOnly), l.Conditional)
	}
}
