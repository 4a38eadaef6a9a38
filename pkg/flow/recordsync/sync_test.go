package recordsync

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// The rules of bringing records in step are shown from outside, over both sandbox CRMs, in pkg/desk/sandbox and
// pkg/desk/simulate. Here is what cannot be seen from there: how questions are put together and how a panic ends.

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// hub is a HubSpot of contacts that were just created.
type hub struct {
	mu    sync.Mutex
	reads [][]string
	panik string // the key at which it panics
	err   error
	asked func(crm.Query)

	company string // of every contact
}

func (h *hub) Read(_ context.Context, q crm.Query) ([]crm.Reading, error) {
	h.mu.Lock()
	h.reads = append(h.reads, q.Keys)
	h.mu.Unlock()
	if h.asked != nil {
		h.asked(q)
	}
	out := make([]crm.Reading, len(q.Keys))
	for i, key := range q.Keys {
		if key == h.panik {
			panic("a bug")
		}
		fields := map[crm.Field]crm.Value{"email": crm.Text("p" + key + "@acme.example"), "last_name": crm.Text("Rossi")}
		if h.company != "" {
			fields["company"] = crm.Text(h.company)
		}
		out[i] = crm.Reading{ReadAt: noon, Record: crm.Record{
			ID: crm.ID{System: crm.HubSpot, Module: q.Module, Key: key}, Modified: noon,
			Fields: fields,
		}}
	}
	return out, h.err
}

func (*hub) Find(context.Context, crm.Search) ([]crm.Record, error) { return nil, nil }
func (*hub) Write(context.Context, crm.Change) crm.Result {
	return crm.Result{Err: errors.New("nothing is written to HubSpot here")}
}

// zoo is a Zoho that knows nobody and takes everybody.
type zoo struct {
	hub
	finds, inserts []int
}

func (z *zoo) Find(_ context.Context, s crm.Search) ([]crm.Record, error) {
	z.finds = append(z.finds, len(s.HubSpotIDs)+len(s.Keys))
	return nil, nil
}

func (z *zoo) Create(_ context.Context, c []crm.Change) ([]crm.Result, error) {
	z.inserts = append(z.inserts, len(c))
	out := make([]crm.Result, len(c))
	for i, ch := range c {
		out[i] = crm.Result{ID: crm.ID{System: crm.Zoho, Module: ch.ID.Module, Key: "z" + ch.HubSpotID}, Modified: noon}
	}
	return out, nil
}

func (*zoo) Times(context.Context, crm.ID, []crm.Column) (map[crm.Field][]crm.Entry, error) {
	return nil, nil
}

// calm are the rules of a stack that writes, its parking and its brake.
type calm struct{ told int }

func (calm) Mapping(context.Context) (*mapping.Mapping, error)             { return mapping.Default(), nil }
func (calm) Mode(context.Context) (crm.Mode, error)                        { return crm.On, nil }
func (calm) Count(context.Context, string, int, []crm.Field) (bool, error) { return true, nil }
func (calm) Send(context.Context, []crm.Operation) error                   { return nil }
func (calm) Erase(context.Context, string, ...crm.ID) error                { return nil }
func (calm) Close(context.Context, ...fault.Parked) error                  { return nil }
func (calm) Forget(context.Context, ...crm.ID) error                       { return nil }
func (calm) Naming(context.Context, string, ...crm.ID) ([]fault.Parked, error) {
	return nil, nil
}
func (c *calm) Open(_ context.Context, rows ...fault.Parked) error { c.told += len(rows); return nil }

func bench(h *hub, z *zoo) *Syncer {
	n := 0
	c := &calm{}
	now := func() time.Time { return noon }
	return &Syncer{
		HubSpot: h, Zoho: z, Rules: c, Wake: c, Parking: c, Quarantine: c, Brake: c, Now: now, Sleep: func(context.Context, time.Duration) bool { return true },
		Book: &identity.Book{Store: memory.NewRows(now), Hasher: pair.Hasher{Key: crm.NewSecret("k"), KeyID: 1},
			NewID: func() string { n++; return fmt.Sprint("id", n) }},
	}
}

func created(keys ...int) []crm.Operation {
	var ops []crm.Operation
	for _, k := range keys {
		ops = append(ops, crm.Operation{
			V: 1, ID: fmt.Sprint("op", k), Connection: "main", Source: crm.HubSpot, Kind: crm.Contact, Module: crm.Contacts, Verb: crm.Create,
			RecordID: fmt.Sprint(k), OccurredAt: noon, ReceivedAt: noon,
		})
	}
	return ops
}

func TestTenNewContactsCostOneReadTwoSearchesAndOneInsert(t *testing.T) {
	h, z := &hub{}, &zoo{}
	for i, o := range bench(h, z).Sync(t.Context(), created(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)) {
		if o.Ending != fault.Done || !o.Applied {
			t.Errorf("operation %d: %+v", i, o)
		}
	}
	if len(h.reads) != 1 || len(h.reads[0]) != 10 {
		t.Errorf("HubSpot was read %v", h.reads)
	}
	if len(z.finds) != 2 || len(z.inserts) != 1 || z.inserts[0] != 10 {
		t.Errorf("Zoho was searched %v and given %v", z.finds, z.inserts)
	}
}

func TestOperationsAboutOneRecordAreOnePieceOfWork(t *testing.T) {
	h, z := &hub{}, &zoo{}
	out := bench(h, z).Sync(t.Context(), append(created(7, 7, 7), created(8)...))
	if len(out) != 4 || len(z.inserts) != 1 || z.inserts[0] != 2 {
		t.Errorf("%d outcomes, inserts %v", len(out), z.inserts)
	}
}

func TestAPanicInACallIsOursAndEndsNothingButItsOwnQuestions(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		h, z := &hub{panik: "2"}, &zoo{}
		s := bench(h, z)
		s.Parallel = parallel
		ops := append(created(2), crm.Operation{
			V: 1, ID: "c", Connection: "main", Source: crm.HubSpot, Kind: crm.Company, Module: crm.Companies, Verb: crm.Delete, RecordID: "9", ReceivedAt: noon,
		})
		out := s.Sync(t.Context(), ops)
		if out[0].Ending != fault.GoAgain || fault.KindOf(out[0].Err) != fault.Ours {
			t.Errorf("parallel %d: the record of the panic: %+v", parallel, out[0])
		}
		if fault.KindOf(out[1].Err) == fault.Ours {
			t.Errorf("parallel %d: its neighbour: %+v", parallel, out[1])
		}
	}
}

func TestACRMThatDoesNotAnswerSendsTheOperationBackAndWritesNothing(t *testing.T) {
	h := &hub{err: &fault.Error{Op: "hubspot.Read", Kind: fault.Down, After: time.Minute}}
	z := &zoo{}
	out := bench(h, z).Sync(t.Context(), created(1))
	if out[0].Ending != fault.GoAgain || out[0].After != time.Minute || len(z.inserts) != 0 {
		t.Errorf("%+v, inserts %v", out[0], z.inserts)
	}
}

func TestAWorkerThatWasFrozenWhileOneRecordWaitedForAnotherComesToItsEnd(t *testing.T) {
	h, z := &hub{company: "9"}, &zoo{}
	s := bench(h, z)
	now := noon
	s.Now = func() time.Time { return now }
	h.asked = func(q crm.Query) {
		if q.Module == crm.Companies {
			now = now.Add(time.Hour)
		}
	}
	ops := append(created(1), crm.Operation{
		V: 1, ID: "c", Connection: "main", Source: crm.HubSpot, Kind: crm.Company, Module: crm.Companies, Verb: crm.Create, RecordID: "9", OccurredAt: noon, ReceivedAt: noon,
	})
	for i, o := range s.Sync(t.Context(), ops) {
		if o.Ending != fault.GoAgain {
			t.Errorf("operation %d: %+v", i, o)
		}
	}
	if len(z.inserts) != 0 {
		t.Errorf("a worker that has outlived its time inserts %v", z.inserts)
	}
}

// words are the people on WhatsApp, none of whom wrote from a number: it is noted when the word of a pair is asked for.
type words struct {
	book  *identity.Book
	saved []bool // at each question: whether the HubSpot contact was in a pair that is more than begun
	err   error
}

func (*words) Names(string, string, ...crm.Value) []string               { return nil }
func (*words) Contact(context.Context, string, string) (string, error)   { return "", nil }
func (*words) Records(context.Context, string, string) ([]crm.ID, error) { return nil, nil }
func (w *words) Paired(ctx context.Context, conn, hubspot, _, _ string, _ ...string) error {
	p, err := w.book.Find(ctx, conn, crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: hubspot})
	w.saved = append(w.saved, p.State == pair.Living)
	return errors.Join(err, w.err)
}

func TestAPairIsNotSavedBeforeTheWordOfItsPersonIsSureToFollow(t *testing.T) {
	for name, z := range map[string]Zoho{"created": &zoo{}, "joined": &twin{}} {
		h := &hub{}
		s := bench(h, &zoo{})
		s.Zoho = z
		w := &words{book: s.Book, err: &fault.Error{Op: "table", Kind: fault.Down}}
		s.Writers = w
		if out := s.Sync(t.Context(), created(1)); out[0].Ending != fault.GoAgain {
			t.Errorf("%s: the worker that could not tell ended %+v", name, out[0])
		}
		if p, err := s.Book.Find(t.Context(), "main", crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: "1"}); err != nil || p.State == pair.Living {
			t.Errorf("%s: nobody was told, and the pair is saved: %+v, %v", name, p, err)
		}
		w.err = nil
		now := noon.Add(identity.LockFor + time.Minute)
		s.Now = func() time.Time { return now }
		s.Sync(t.Context(), created(1))
		if p, err := s.Book.Find(t.Context(), "main", crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: "1"}); err != nil || p.State != pair.Living {
			t.Errorf("%s: the next one made no pair: %+v, %v", name, p, err)
		}
		if len(w.saved) != 2 || w.saved[0] || w.saved[1] {
			t.Errorf("%s: it was told of pairs that were saved already: %v", name, w.saved)
		}
	}
}

// twin is a Zoho that has everybody.
type twin struct{ zoo }

func (z *twin) Find(_ context.Context, s crm.Search) ([]crm.Record, error) {
	if s.Module != crm.Contacts || len(s.Keys) == 0 {
		return nil, nil
	}
	return []crm.Record{{ID: crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: "77"}, Modified: noon,
		Fields: map[crm.Field]crm.Value{"email": crm.Text("p1@acme.example"), "last_name": crm.Text("Rossi")}}}, nil
}
func (*twin) Write(_ context.Context, ch crm.Change) crm.Result {
	return crm.Result{ID: ch.ID, Modified: noon}
}
