package conversation_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/conversation"
	"crm-connector/pkg/flow/identity"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const number = whatsapptest.DefaultNumber

// columns are those of both sandboxes.
var columns = conversation.Columns{
	Name:   crm.Column{Field: "last_name", Property: "Last_Name", Type: crm.TypeText},
	Number: crm.Column{Field: "mobile", Property: "Mobile", Type: crm.TypePhone},
	User:   crm.Column{Field: "whatsapp_user", Property: "WhatsApp_User", Type: crm.TypeText},
	Source: crm.Column{Field: "source", Property: "Lead_Source", Type: crm.TypePicklist}, SourceValue: "Chat",
	OptOut: crm.Column{Field: "whatsapp_opt_out", Property: "WhatsApp_Opt_Out", Type: crm.TypeBool},
	Numbers: []crm.Column{{Field: "mobile", Property: "Mobile", Type: crm.TypePhone},
		{Field: "phone", Property: "Phone", Type: crm.TypePhone}},
	HubSpotNumbers: []crm.Column{{Field: "phone", Property: "phone", Type: crm.TypePhone}, {Field: "mobile", Property: "mobilephone", Type: crm.TypePhone}},
	HubSpotOptOut:  crm.Column{Field: "whatsapp_opt_out", Property: "whatsapp_opt_out", Type: crm.TypeBool},
	Region:         "IT",
}

// crash is what a worker dies of.
type crash struct{}

// fuse lets a worker die before or after the n-th thing that it does.
type fuse struct {
	left  int // 0: never
	after bool
}

// pass runs one step of a worker.
func (f *fuse) pass(step func()) {
	if f.left > 0 {
		if f.left--; f.left == 0 {
			if f.after {
				step()
			}
			panic(crash{})
		}
	}
	step()
}

type wire struct {
	*fuse
	to http.RoundTripper
}

func (w wire) RoundTrip(r *http.Request) (a *http.Response, err error) {
	w.pass(func() { a, err = w.to.RoundTrip(r) })
	return a, err
}

// table is a table whose user may die at each call.
type table struct {
	*memory.Rows
	*fuse
}

func (s table) Get(ctx context.Context, keys ...row.Key) (rows []row.Row, err error) {
	s.pass(func() { rows, err = s.Rows.Get(ctx, keys...) })
	return rows, err
}

func (s table) Put(ctx context.Context, puts ...row.Put) (err error) {
	s.pass(func() { err = s.Rows.Put(ctx, puts...) })
	return err
}

// letter is a parcel on its way.
type letter struct {
	entry batch.Entry
	due   time.Time
}

// world is both CRMs, WhatsApp, the tables and a queue, in model time.
type world struct {
	t       testing.TB
	now     time.Time
	time    sync.Mutex       // of now, while workers are at it side by side
	clock   func() time.Time // where time goes by by itself; nil: now
	chance  *rand.Rand
	fuse    *fuse
	hubspot *hubspottest.Server
	zoho    *zohotest.Server
	phone   *whatsapptest.Server
	flow    *conversation.Flow
	book    *identity.Book
	pairs   *memory.Rows
	chats   *memory.Rows
	queue   []letter
	outbox  map[string]time.Time // when the open messages are looked at again
	twice   float64              // chance that a parcel is delivered once more by the queue
	mu      sync.Mutex           // of what several workers write at once
	parked  map[string]fault.Parked
	worked  int
	crashes int
	keeps   bool // a fuse burns on over the next calls of workers
}

type always struct{}

func (always) Token(context.Context) (crm.Access, error) {
	return crm.Access{Token: crm.NewSecret("t"), Version: 1, Base: "https://www.zohoapis.eu"}, nil
}
func (always) Bad(context.Context, int64) error { return nil }

func (w *world) Open(_ context.Context, rows ...fault.Parked) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range rows {
		w.parked[r.ID] = r
		w.discreet(fmt.Sprintf("%+v", r))
	}
	return nil
}

func build(t testing.TB, seed uint64, o whatsapptest.Options) *world {
	w := &world{t: t, now: noon, chance: rand.New(rand.NewPCG(seed, 9)), fuse: &fuse{}, parked: map[string]fault.Parked{}}
	clock := func() time.Time {
		if w.clock != nil {
			return w.clock()
		}
		w.time.Lock()
		defer w.time.Unlock()
		return w.now
	}
	w.hubspot = hubspottest.New(hubspottest.Options{Now: clock, Burst: -1, Daily: -1, SearchRate: -1, Properties: map[crm.Module][]hubspottest.Property{
		crm.Contacts: {{Name: "whatsapp_opt_out", Label: "WhatsApp opt-out", Type: "bool", FieldType: "booleancheckbox",
			Options: []hubspottest.Option{{Label: "Yes", Value: "true"}, {Label: "No", Value: "false"}}}}}})
	w.zoho = zohotest.New(zohotest.Options{Now: clock, AccessToken: "t", OpenPicklists: true, Fields: map[string][]zohotest.Field{"Contacts": {
		{Name: "WhatsApp_User", Type: "text", Length: 140}, {Name: "WhatsApp_Opt_Out", Type: "boolean"}}}})
	source := whatsapp.NewSource(whatsapp.SourceConfig{Now: clock, Secrets: func(context.Context) ([]crm.Secret, error) {
		return []crm.Secret{crm.NewSecret(whatsapptest.DefaultAppSecret)}, nil
	}})
	o.Now, o.Rand, o.Webhook = clock, w.chance, "https://door.example.com/webhooks/whatsapp"
	take := func(in door.Request) int {
		if source.Verify(t.Context(), in) != nil {
			return http.StatusUnauthorized
		}
		got, err := source.Read(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got.Entries {
			w.queue = append(w.queue, letter{entry: e, due: w.now})
		}
		return http.StatusOK
	}
	o.Send = func(r *http.Request) (int, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return 0, err
		}
		return take(door.Request{Method: r.Method, Header: r.Header, Body: body}), nil
	}
	w.phone = whatsapptest.New(o)
	w.pairs, w.chats = memory.NewRows(clock), memory.NewRows(clock)
	var ids atomic.Int64
	w.book = &identity.Book{Store: table{w.pairs, w.fuse}, Hasher: pair.Hasher{Key: crm.NewSecret("key"), KeyID: 1},
		NewID: func() string { return fmt.Sprintf("id%06d", ids.Add(1)) }}
	wait := func(context.Context, time.Duration) bool { return true }
	w.flow = &conversation.Flow{
		Zoho:    zoho.New(zoho.Config{Tokens: always{}, HTTP: wire{w.fuse, w.zoho.Transport()}, Now: clock, UserID: "1"}),
		HubSpot: hubspot.New(hubspot.Config{Token: crm.NewSecret(hubspottest.DefaultToken), HTTP: wire{w.fuse, w.hubspot.Transport()}, Now: clock}),
		Phone:   whatsapp.New(whatsapp.Config{BaseURL: "http://127.0.0.1:8183", Token: crm.NewSecret(whatsapptest.DefaultToken), HTTP: wire{w.fuse, w.phone.Transport()}, Now: clock, Sleep: wait}),
		Book:    w.book, Store: table{w.chats, w.fuse}, Parking: w, Rules: talk.Default(), Columns: columns, Number: number,
		Own: []string{whatsapptest.DefaultDisplay}, Rate: chat.NumberRate, Language: chat.Italian, Zone: time.UTC, Now: clock,
		Sleep: func(_ context.Context, d time.Duration) bool {
			w.time.Lock()
			defer w.time.Unlock()
			w.now = w.now.Add(d)
			return true
		},
	}
	return w
}

// work lets a worker do something, and reports whether it lived.
func (w *world) work(do func()) (lived bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(crash); !ok {
				panic(p)
			}
			w.crashes++
			w.fuse.left = 0
			lived = false
		}
	}()
	do()
	if !w.keeps {
		w.fuse.left = 0
	}
	return true
}

// step carries out what is due: one letter of each group, the first, and every message of the outbox.
func (w *world) step() {
	w.phone.Tick()
	w.zoho.Tick()
	w.hubspot.Tick()
	busy := map[string]bool{}
	for i := 0; i < len(w.queue); {
		l := w.queue[i]
		if busy[l.entry.Group] {
			i++
			continue
		}
		if l.due.After(w.now) {
			busy[l.entry.Group] = true
			i++
			continue
		}
		p, err := chat.Open(l.entry.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		p.ReceivedAt = w.now
		w.worked++
		var out fault.Outcome
		if !w.work(func() { out = w.flow.Carry(w.t.Context(), p) }) {
			out = fault.Outcome{Ending: fault.GoAgain, After: 5 * time.Second}
		}
		w.check(out)
		w.settle(out)
		if out.Ending == fault.Done && w.chance.Float64() >= w.twice {
			w.queue = slices.Delete(w.queue, i, i+1)
			continue
		}
		w.queue[i].due = w.now.Add(max(out.After, time.Second))
		busy[l.entry.Group] = true
		i++
	}
	w.ship()
}

func (w *world) ship() {
	var ids []string
	if !w.work(func() {
		var err error
		if ids, err = w.flow.Due(w.t.Context(), crm.DefaultConnection); err != nil {
			w.t.Fatal(err)
		}
	}) {
		return
	}
	open := map[string]time.Time{}
	for _, id := range ids {
		if open[id] = w.outbox[id]; open[id].After(w.now) {
			continue
		}
		var out fault.Outcome
		w.work(func() { out = w.flow.Send(w.t.Context(), crm.DefaultConnection, id) })
		w.check(out)
		open[id] = w.now.Add(max(out.After, time.Second))
	}
	w.outbox = open
}

// check holds every outcome to say nothing of a person.
func (w *world) check(out fault.Outcome) {
	if out.Err != nil {
		w.discreet(out.Err.Error())
	}
	w.discreet(out.Note)
}

// settle closes what an update that is done settles, as the inbox does.
func (w *world) settle(out fault.Outcome) {
	for id, r := range w.parked {
		if out.Ending == fault.Done && slices.Contains(out.Settled, r.Record) {
			delete(w.parked, id)
		}
	}
}

// discreet holds a text that others read to tell nothing of a person. Ids of contacts may hold any digits, so the number is looked for
// as it is written.
func (w *world) discreet(text string) {
	for _, secret := range []string{"3934700", "393471234567", "393477654321", "wamid", "Persona", "Nuova", "rimborso", "listino"} {
		if strings.Contains(text, secret) {
			w.t.Errorf("a text tells of a person: %s", text)
		}
	}
}

// pass lets time go by, from one thing that is due to the next.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for w.now.Before(end) {
		w.step()
		next := end
		sooner := func(t time.Time) {
			if !t.IsZero() && t.Before(next) {
				next = t
			}
		}
		for _, at := range w.outbox {
			sooner(at)
		}
		for _, l := range w.queue {
			sooner(l.due)
		}
		sooner(w.phone.NextTick())
		sooner(w.zoho.NextTick())
		sooner(w.hubspot.NextTick())
		if next.Before(w.now.Add(time.Second)) {
			next = w.now.Add(time.Second)
		}
		w.now = next
	}
	w.step()
}

// couple makes a contact in both CRMs with its pair.
func (w *world) couple(name, phone string) (hubspot, zoho string) {
	w.t.Helper()
	hubspot, err := w.hubspot.Create(crm.Contacts, map[string]string{"lastname": name, "phone": "+" + phone})
	if err != nil {
		w.t.Fatal(err)
	}
	zoho, err = w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": name, "Phone": "+" + phone, "HubSpot_Id": hubspot})
	if err != nil {
		w.t.Fatal(err)
	}
	w.marry(hubspot, zoho)
	return hubspot, zoho
}

func (w *world) marry(hubspot, zoho string) {
	w.t.Helper()
	p := identity.Loaded{Pair: pair.Pair{ID: w.book.NewID(), Connection: crm.DefaultConnection, Kind: crm.Contact, State: pair.Living, HubSpot: hubspot, Zoho: zoho, KeyID: 1}}
	names, err := w.book.Claim(w.t.Context(), crm.DefaultConnection, p.ID, p.Record(crm.HubSpot), p.Record(crm.Zoho))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.book.Save(w.t.Context(), &p, names...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) say(p *whatsapptest.Person, text string) string {
	w.t.Helper()
	id, err := p.Say(number, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// notes and communications return the texts that hold a mark.
func (w *world) notes(mark string) (out []zohotest.Activity) {
	for _, n := range w.zoho.Notes() {
		if strings.Contains(n.Values["Note_Content"], mark) {
			out = append(out, n)
		}
	}
	return out
}

func (w *world) communications(mark string) (out []hubspottest.Activity) {
	for _, c := range w.hubspot.Communications() {
		if strings.Contains(c.Properties["hs_communication_body"], mark) {
			out = append(out, c)
		}
	}
	return out
}

func (w *world) contacts() int { return len(w.zoho.IDs(crm.Contacts)) }

func (w *world) reasons() (out []string) {
	for _, r := range w.parked {
		out = append(out, r.Code)
	}
	slices.Sort(out)
	return out
}
