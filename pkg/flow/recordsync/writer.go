package recordsync

import (
	"context"
	"slices"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
)

// Writers knows the Zoho contacts on which the messages of people are logged who wrote by themselves. One that was made for
// such a message has a number and no e-mail address: by the match keys of the mapping it is nobody's twin.
type Writers interface {
	// Names returns what is locked while a contact is made for whoever has these numbers, one name a number that can be read.
	// A number without a country code is one of the region.
	Names(conn, region string, numbers ...crm.Value) []string
	// Contact returns the id of the Zoho contact that a name leads to, "" for none.
	Contact(ctx context.Context, conn, name string) (string, error)
	// Paired lets what people said about messages be written onto both halves of a pair that is about to be saved: whoever one of its
	// contacts is. wrote, "" for none, is a contact of Zoho beside the pair on which the messages of its person are logged: people
	// are asked to merge the two. A pair that is never saved does no harm.
	Paired(ctx context.Context, conn, hubspot, zoho, wrote string, duplicates ...string) error
	// Records returns what the person of a contact is known by in the CRMs: contacts of both, a lead; none when nobody has written.
	Records(ctx context.Context, conn, contact string) ([]crm.ID, error)
}

// heed lets the word of whoever is in a pair reach the half that is new to it. It comes before the pair is saved: after a crash in
// between it comes once more, never not at all.
func (t *task) heed(p pair.Pair) error {
	if t.s.Writers == nil || t.kind() != crm.Contact {
		return nil
	}
	wrote, err := t.beside(p)
	if err != nil {
		return err
	}
	others := slices.Clone(p.Duplicates)
	for _, s := range p.Former { // whoever has said it was to write on one that the pair went on without
		if s.System == crm.Zoho {
			others = append(others, s.Key)
		}
	}
	return t.s.Writers.Paired(t.ctx, t.conn, p.HubSpot, p.Zoho, wrote, others...)
}

// beside returns the Zoho contact that was made because the person of a pair wrote, and that is not the pair's: its HubSpot record, as
// this task has read it, has the number. "" for none.
func (t *task) beside(p pair.Pair) (string, error) {
	h, ok := t.kept[p.Record(crm.HubSpot)]
	if !ok || p.HubSpot == "" || p.Zoho == "" {
		return "", nil
	}
	z, err := t.writerBut(h.Record, p)
	return z.ID.Key, err
}

// writerNames returns the names by which a HubSpot contact may have written already.
func (t *task) writerNames(rec crm.Record) []string {
	if t.s.Writers == nil || t.kind() != crm.Contact {
		return nil
	}
	var numbers []crm.Value
	for _, f := range t.m.Fields(crm.Contact) {
		if v := rec.Value(f.Name); f.Type == crm.TypePhone && v.Filled() {
			numbers = append(numbers, v)
		}
	}
	return t.s.Writers.Names(t.conn, t.m.Options().PhoneRegion, numbers...)
}

// writer finds the one Zoho contact that was made because the person wrote: in no pair, with nothing but a number to tell whose
// it is. It returns the zero Record when there is none, or more than one.
func (t *task) writer(rec crm.Record) (crm.Record, error) { return t.writerBut(rec, pair.Pair{}) }

// writerBut is writer, but for the contacts of a pair.
func (t *task) writerBut(rec crm.Record, own pair.Pair) (crm.Record, error) {
	his := append([]string{"", own.Zoho}, own.Duplicates...)
	var found []crm.Record
	for _, name := range t.writerNames(rec) {
		key, err := t.s.Writers.Contact(t.ctx, t.conn, name)
		if err != nil {
			return crm.Record{}, err
		}
		if slices.Contains(his, key) || slices.ContainsFunc(found, func(z crm.Record) bool { return z.ID.Key == key }) {
			continue
		}
		r, err := t.read(crm.Zoho, key, t.columns(crm.Zoho))
		if err != nil {
			return crm.Record{}, err
		}
		if !r.Gone && r.Record.HubSpotID == "" && len(t.m.Keys(crm.Contact, r.Record, crm.HubSpot)) == 0 {
			found = append(found, r.Record)
		}
	}
	c, err := t.classify(crm.Zoho, found, rec, own.ID)
	if err != nil || len(c.free) != 1 || len(c.taken)+len(c.erased) > 0 || c.halfs[0].Version != 0 {
		return crm.Record{}, err
	}
	return c.free[0], nil
}

// joinWriter pairs a HubSpot record with the contact of somebody who wrote before. What that contact was made with is what we
// wrote, as long as nobody has touched it: the name that a person gives himself on WhatsApp wins over nothing but an empty one.
func (t *task) joinWriter(hubspot string, z crm.Record) fault.Outcome {
	p := t.newPair(pair.Living, hubspot, z.ID.Key)
	if z.Modified.Equal(z.Created) {
		for _, f := range t.synced() {
			if v := z.Value(f.Name); v.Filled() {
				p.Begin(pair.Unfinished{System: crm.Zoho, Slot: slotOf(f), Hash: t.s.Book.Hasher.Raw(crm.Zoho, f.Name, v), At: t.now()})
			}
		}
	}
	return t.join(p, t.locks)
}
