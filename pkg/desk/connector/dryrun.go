package connector

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/conversation"
)

// The verdicts of a dry run, in the order in which they are printed, and what becomes of such a record when the stack is on.
var verdicts = []struct{ name, means string }{
	{"paired", "already; stays in step"},
	{"orphan", "its twin in zoho is gone; nothing, but an edit asks a person"},
	{"matched", "has one free twin; is paired with it"},
	{"missing", "has no twin; is created in zoho"},
	{"incomplete", "has no twin, nor the name that zoho demands; a person decides"},
	{"ambiguous", "has several twins; a person decides"},
	{"taken", "its twin is another one's; a person decides"},
	{"lead", "the person is a lead in zoho; a person decides"},
	{"duplicate", "shares its twin, or the one that is made for it, with another; a person decides"},
	{"erased", "the person was erased; nothing"},
}

// match is what would become of one HubSpot record.
type match struct {
	id      crm.ID
	verdict string
	twins   []string // keys in Zoho; of a lead its own
}

// dryRun reads all records of HubSpot and looks for their twins.
func (s *session) dryRun(ctx context.Context, path string) error {
	if err := writable(path); err != nil {
		return err
	}
	st, err := s.stack(ctx, toRead)
	if err != nil {
		return err
	}
	d := &dry{session: s, claims: map[crm.ID][]int{}, made: map[made][]crm.Record{}, chats: st.Chats}
	if d.book, err = s.people(ctx, st); err != nil {
		return err
	}
	s.heavy = true
	if d.c, err = s.both(ctx, st, true); err != nil {
		return err
	}
	if d.m, err = s.inForce(ctx, st); err != nil {
		return err
	}
	if d.mode, err = s.mode(ctx, st); err != nil {
		return err
	}
	for _, m := range []crm.Module{crm.Companies, crm.Contacts} {
		if err := d.module(ctx, m); err != nil {
			return err
		}
	}
	d.duplicates()
	d.print()
	if path == "" {
		return nil
	}
	return s.change(fmt.Sprintf("%s has %s", path, many(len(d.matches), "line")), func() error { return d.save(path) })
}

// writable sees, before a long walk, whether the file of --csv can be written at its end, and leaves it as it is.
func writable(path string) error {
	if path == "" {
		return nil
	}
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return wrongf("--csv: %v", err)
	}
	err = f.Close()
	if fresh {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// dry is a dry run.
type dry struct {
	*session
	c       *clients
	m       *mapping.Mapping
	mode    modeNow
	book    *people
	chats   Table // of who wrote on WhatsApp; nil for nobody
	matches []match
	claims  map[crm.ID][]int // who would be paired with a Zoho record
	made    map[made][]crm.Record
}

// made is a name by which a record is found that would be created in Zoho, or paired there.
type made struct {
	kind crm.Kind
	key  crm.MatchKey
}

func (d *dry) module(ctx context.Context, m crm.Module) error {
	for at := ""; ; {
		p, err := d.list(ctx, d.c, crm.HubSpot, m, time.Time{}, at)
		if err != nil {
			return err
		}
		keys := make([]string, len(p.touched))
		for i, t := range p.touched {
			keys[i] = t.ID.Key
		}
		for some := range slices.Chunk(keys, 100) {
			if err := d.some(ctx, m, some); err != nil {
				return err
			}
		}
		d.progress("%d records looked at", len(d.matches))
		if at = p.next; at == "" {
			return ctx.Err()
		}
	}
}

// some looks for the twins of at most a hundred records, by one search for all.
func (d *dry) some(ctx context.Context, m crm.Module, keys []string) error {
	k := m.Kind()
	readings, err := patient(ctx, d.session, func() ([]crm.Reading, error) {
		return d.c.hubspot.Read(ctx, crm.Query{Module: m, Keys: keys, Columns: d.m.Columns(k, crm.HubSpot)})
	})
	if err != nil {
		return err
	}
	ids := make([]crm.ID, len(readings))
	for i, r := range readings {
		ids[i] = r.Record.ID
	}
	erased, err := d.book.erased(ctx, d.flags.Connection, ids...)
	if err != nil {
		return err
	}
	search := crm.Search{Module: m, Columns: d.m.Columns(k, crm.Zoho)}
	var open []crm.Record
	for i, r := range readings {
		if r.Gone || d.seen(r.Record.ID) {
			continue
		}
		known, err := d.known(ctx, r.Record.ID)
		if err != nil {
			return err
		}
		if known.verdict != "" {
			d.matches = append(d.matches, known)
			continue
		}
		if erased[i] {
			d.matches = append(d.matches, match{id: r.Record.ID, verdict: "erased"})
			continue
		}
		open = append(open, r.Record)
		search.HubSpotIDs = append(append(search.HubSpotIDs, r.Record.ID.Key), r.Record.Merged...)
		search.Keys = append(search.Keys, d.m.Keys(k, r.Record, crm.Zoho)...)
	}
	if len(open) == 0 {
		return nil
	}
	found, err := d.find(ctx, search)
	if err != nil {
		return err
	}
	leads, err := d.leads(ctx, m, search)
	if err != nil {
		return err
	}
	for _, h := range open {
		v, err := d.verdict(ctx, k, h, found, leads)
		if err != nil {
			return err
		}
		d.matches = append(d.matches, v)
	}
	return nil
}

// known says what a record that is in a pair has of it, no verdict for one that is in none.
func (d *dry) known(ctx context.Context, id crm.ID) (match, error) {
	p, err := d.book.Find(ctx, d.flags.Connection, id)
	if err == nil && p.Version != 0 {
		p, err = d.book.Follow(ctx, p)
	}
	switch {
	case err != nil || p.Version == 0:
		return match{}, err
	case p.State == pair.Orphan && p.Gone == crm.Zoho:
		return match{id: id, verdict: "orphan"}, nil
	case p.HubSpot != id.Key: // its Zoho record went into that of another pair
		return match{id, "taken", []string{p.Zoho}}, nil
	}
	return match{id, "paired", []string{p.Zoho}}, nil
}

// seen reports whether a record was looked at already: a listing may show one twice.
func (d *dry) seen(id crm.ID) bool {
	return slices.ContainsFunc(d.matches[max(0, len(d.matches)-1000):], func(m match) bool { return m.id == id })
}

func (d *dry) leads(ctx context.Context, m crm.Module, s crm.Search) ([]crm.Record, error) {
	if m != crm.Contacts || d.m.Options().Leads == mapping.LeadsIgnore || len(s.Keys) == 0 {
		return nil, nil
	}
	return d.find(ctx, crm.Search{Module: crm.Leads, Keys: s.Keys, Columns: s.Columns})
}

func (d *dry) find(ctx context.Context, s crm.Search) ([]crm.Record, error) {
	return patient(ctx, d.session, func() ([]crm.Record, error) { return d.c.zoho.Find(ctx, s) })
}

// verdict says what would become of a record, as recordsync would decide it.
func (d *dry) verdict(ctx context.Context, k crm.Kind, h crm.Record, found, leads []crm.Record) (match, error) {
	out := match{id: h.ID, verdict: "missing"}
	own, free, taken, err := d.twins(ctx, k, h, found)
	if err != nil {
		return out, err
	}
	if own != "" {
		free, taken = []string{own}, nil
	}
	if len(free)+len(taken) == 0 && k == crm.Contact {
		if free, err = d.writer(ctx, h); err != nil {
			return out, err
		}
	}
	switch {
	case len(taken) > 0:
		out.verdict, out.twins = "taken", append(taken, free...)
	case len(free) > 1:
		out.verdict, out.twins = "ambiguous", free
	case len(free) == 1:
		out.verdict, out.twins = "matched", free
		twin := crm.ID{System: crm.Zoho, Module: h.ID.Module, Key: free[0]}
		d.claims[twin] = append(d.claims[twin], len(d.matches))
		if own == "" && d.second(k, h) { // who has a twin that carries its id is paired whatever stands against it
			out.verdict = "duplicate"
			break
		}
		if i := slices.IndexFunc(found, func(z crm.Record) bool { return z.ID.Key == free[0] }); i >= 0 {
			h = together(h, found[i])
		}
		d.first(k, h)
	default:
		for _, l := range leads {
			if d.m.Matches(k, h, l) {
				out.verdict, out.twins = "lead", append(out.twins, l.ID.Key)
			}
		}
		if _, _, ok := d.m.RequiredName(k, h); !ok && out.verdict == "missing" {
			out.verdict = "incomplete"
		}
		switch {
		case out.verdict != "missing":
		case d.second(k, h):
			out.verdict = "duplicate"
		default:
			d.first(k, h)
		}
	}
	return out, nil
}

// second reports whether a record is taken for one that is created in Zoho, or paired there, before it: of several the stack takes the
// first that it meets, here the first that is listed, which the others then find taken.
func (d *dry) second(k crm.Kind, h crm.Record) bool {
	return slices.ContainsFunc(d.m.Keys(k, h, crm.Zoho), func(key crm.MatchKey) bool {
		return slices.ContainsFunc(d.made[made{k, key}], func(other crm.Record) bool { return d.m.Matches(k, h, other) })
	})
}

// together returns what a HubSpot record and its twin show once they are a pair: the value of the one that has any, and of two the one
// of the record that was modified later. Recordsync asks each field for its own time, which a dry run would need a call a record for.
func together(h, z crm.Record) crm.Record {
	both := h
	both.Fields = maps.Clone(h.Fields)
	for name, v := range z.Fields {
		if v.Filled() && (!h.Value(name).Filled() || h.Modified.Sub(z.Modified) <= merge.Tie) {
			both.Fields[name] = v
		}
	}
	return both
}

// first keeps a record that will be in Zoho by what it is found by there: a twin is given what its record is recognised by.
func (d *dry) first(k crm.Kind, h crm.Record) {
	for _, key := range d.m.Keys(k, h, crm.Zoho) {
		d.made[made{k, key}] = append(d.made[made{k, key}], h)
	}
}

// twins sorts the records of Zoho that may be the twin of one: what carries its id, what is in no pair or in one that lost its
// HubSpot record, and what is another one's, or nobody's any more.
func (d *dry) twins(ctx context.Context, k crm.Kind, h crm.Record, found []crm.Record) (own string, free, taken []string, err error) {
	for _, z := range found {
		mine := z.HubSpotID != "" && (z.HubSpotID == h.ID.Key || slices.Contains(h.Merged, z.HubSpotID))
		if !mine && !d.m.Matches(k, h, z) {
			continue
		}
		erased, err := d.book.erased(ctx, d.flags.Connection, z.ID)
		if err != nil {
			return "", nil, nil, err
		}
		p, err := d.book.Find(ctx, d.flags.Connection, z.ID)
		half := p.Version != 0 && p.State == pair.Orphan && p.Gone == crm.HubSpot && (z.HubSpotID == "" || mine || z.HubSpotID == p.HubSpot)
		switch {
		case err != nil:
			return "", nil, nil, err
		case erased[0]:
			taken = append(taken, z.ID.Key)
		case mine && p.Version == 0:
			own = z.ID.Key
		case !half && (p.Version != 0 || z.HubSpotID != "" && !mine):
			taken = append(taken, z.ID.Key)
		default:
			free = append(free, z.ID.Key)
		}
	}
	return own, free, taken, nil
}

// writer finds the one contact of Zoho that was made because the person wrote on WhatsApp, with nothing but a number to tell whose it
// is; no key where there is none, or more than one.
func (d *dry) writer(ctx context.Context, h crm.Record) ([]string, error) {
	if d.chats == nil || !d.book.knows {
		return nil, nil
	}
	var numbers []crm.Value
	for _, f := range d.m.Fields(crm.Contact) {
		if v := h.Value(f.Name); f.Type == crm.TypePhone && v.Filled() {
			numbers = append(numbers, v)
		}
	}
	known := conversation.People{Store: d.chats, Hasher: d.book.Hasher}
	q := crm.Query{Module: crm.Contacts, Columns: d.m.Columns(crm.Contact, crm.Zoho)}
	for _, name := range known.Names(d.flags.Connection, d.m.Options().PhoneRegion, numbers...) {
		key, err := known.Contact(ctx, d.flags.Connection, name)
		if err != nil {
			return nil, err
		}
		if key != "" && !slices.Contains(q.Keys, key) {
			q.Keys = append(q.Keys, key)
		}
	}
	if q.Keys == nil {
		return nil, nil
	}
	readings, err := patient(ctx, d.session, func() ([]crm.Reading, error) { return d.c.zoho.Read(ctx, q) })
	if err != nil {
		return nil, err
	}
	var free []string
	for _, r := range readings {
		if r.Gone || r.Record.HubSpotID != "" || len(d.m.Keys(crm.Contact, r.Record, crm.HubSpot)) > 0 {
			continue
		}
		p, err := d.book.Find(ctx, d.flags.Connection, r.Record.ID)
		if err != nil {
			return nil, err
		}
		erased, err := d.book.erased(ctx, d.flags.Connection, r.Record.ID)
		if err != nil {
			return nil, err
		}
		if p.Version != 0 || erased[0] {
			return nil, nil
		}
		free = append(free, r.Record.ID.Key)
	}
	if len(free) > 1 {
		return nil, nil
	}
	return free, nil
}

// duplicates turns the matches of several records with one into duplicates.
func (d *dry) duplicates() {
	for _, who := range d.claims {
		if len(who) < 2 {
			continue
		}
		for _, i := range who {
			d.matches[i].verdict = "duplicate"
		}
	}
}

func (d *dry) print() {
	counts := map[crm.Module]map[string]int{crm.Companies: {}, crm.Contacts: {}}
	for _, v := range verdicts {
		counts[crm.Companies][v.name], counts[crm.Contacts][v.name] = 0, 0
	}
	for _, m := range d.matches {
		counts[m.id.Module][m.verdict]++
	}
	var rows [][]string
	for _, v := range verdicts {
		rows = append(rows, []string{v.name, strconv.Itoa(counts[crm.Companies][v.name]), strconv.Itoa(counts[crm.Contacts][v.name]), v.means})
	}
	d.table([]string{"", "COMPANIES", "CONTACTS", "WHEN THE STACK IS ON"}, rows)
	if !d.book.knows {
		d.note("a process of make run does not tell whom it has erased: they are counted as if they were met for the first time")
	}
	if d.mode.Mode != crm.On {
		d.note("the mode is %s: until it is on nothing is created, and connector explain finds a missing one in no pair", d.mode.Mode)
	}
	d.show("companies", counts[crm.Companies])
	d.show("contacts", counts[crm.Contacts])
}

// save writes a line a record.
func (d *dry) save(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return wrongf("--csv: %v", err)
	}
	err = d.csv(f)
	if shut := f.Close(); err == nil {
		err = shut
	}
	return err
}

func (d *dry) csv(to io.Writer) error {
	w := csv.NewWriter(to)
	lines := [][]string{{"kind", "verdict", "hubspot_id", "zoho_ids"}}
	for _, m := range d.matches {
		lines = append(lines, []string{string(m.id.Module.Kind()), m.verdict, m.id.Key, strings.Join(m.twins, " ")})
	}
	if err := w.WriteAll(lines); err != nil {
		return fmt.Errorf("--csv: %w", err)
	}
	return nil
}
