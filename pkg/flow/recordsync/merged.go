package recordsync

import (
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// mostNamed is how many ids that were merged away get a name at once, three writes each, and mostUnited how many pairs become one:
// a transaction takes row.MaxPuts. The next look goes on with the rest.
const (
	mostNamed  = 25
	mostUnited = 20
)

// merged handles a HubSpot record that swallowed others: the ids that have pairs all lead to the survivor's. It reports
// false when no other pair is concerned.
func (t *task) merged(p identity.Loaded, r crm.Reading) (fault.Outcome, bool) {
	survivor := r.Record.ID
	asked := t.record(crm.HubSpot, p.HubSpot)
	if p.Version == 0 {
		asked = t.id
	}
	ids := []crm.ID{survivor, asked}
	for _, op := range t.ops { // the event names the primary first
		for _, key := range op.Others {
			ids = append(ids, t.record(crm.HubSpot, key))
		}
	}
	for _, key := range r.Record.Merged {
		ids = append(ids, t.record(crm.HubSpot, key))
	}
	if len(ids) == 2 && survivor == asked {
		return fault.Outcome{}, false
	}
	if t.has(crm.Merge) {
		if err := t.united(ids...); err != nil {
			return t.fail(err), true
		}
	}
	names, err := t.s.Book.Lookup(t.ctx, t.conn, ids...)
	if err != nil {
		return t.fail(err), true
	}
	pairs, unnamed, err := t.concerned(ids, names)
	if err != nil {
		return t.fail(err), true
	}
	if unnamed, err = t.spared(unnamed); err != nil {
		return t.fail(err), true
	}
	settled := len(pairs) == 0 || len(pairs) == 1 && len(unnamed) == 0 && pairs[0].HubSpot == survivor.Key
	if settled {
		return fault.Outcome{}, false
	}
	return t.unite(survivor, pairs, ids, unnamed), true
}

// spared returns the records that were not erased: what was erased gets no name again by a merge.
func (t *task) spared(ids []crm.ID) ([]crm.ID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	erased, err := t.s.Book.Erased(t.ctx, t.conn, ids...)
	var out []crm.ID
	for i := range erased {
		if !erased[i] {
			out = append(out, ids[i])
		}
	}
	return out, err
}

// concerned loads the pairs behind the names, each once, successors followed, and lists the ids without one.
func (t *task) concerned(ids []crm.ID, names []string) ([]identity.Loaded, []crm.ID, error) {
	var pairs []identity.Loaded
	var unnamed []crm.ID
	for i, name := range names {
		var p identity.Loaded
		if name != "" {
			var err error
			if p, err = t.s.Book.Load(t.ctx, name); err == nil {
				p, err = t.s.Book.Follow(t.ctx, p)
			}
			if err != nil {
				return nil, nil, err
			}
		}
		if p.Version == 0 { // no name, or one that leads to a pair that never came to be
			if !slices.Contains(unnamed, ids[i]) {
				unnamed = append(unnamed, ids[i])
			}
			continue
		}
		if !slices.ContainsFunc(pairs, func(q identity.Loaded) bool { return q.ID == p.ID }) {
			pairs = append(pairs, p)
		}
	}
	return pairs, unnamed, nil
}

// unite makes one pair of all that are concerned, in one transaction: the survivor's if it lives, else a living one, else one that
// has lived, goes on under the survivor's id; the rest is superseded and reported. It remembers every id that was merged away.
func (t *task) unite(survivor crm.ID, pairs []identity.Loaded, ids, unnamed []crm.ID) fault.Outcome {
	var born []crm.ID // Zoho records of creations that turn out to have been carried out: they have no name yet
	for i, p := range pairs {
		if p.Leased(t.owner, t.now()) {
			return again(t.later(), "somebody else is at work on a pair that was merged")
		}
		if p.State == pair.Creating && len(pairs) > 1 {
			if o := t.born(&pairs[i]); o.Ending != fault.Done {
				return o
			}
			if pairs[i].State == pair.Living {
				born = append(born, pairs[i].Record(crm.Zoho))
			}
		}
	}
	rank := func(p identity.Loaded) int {
		switch {
		case p.State == pair.Living && p.HubSpot == survivor.Key:
			return 0
		case p.State == pair.Living:
			return 1
		case p.State == pair.Creating: // knows nothing yet
			return 3
		}
		return 2
	}
	slices.SortStableFunc(pairs, func(a, b identity.Loaded) int { return rank(a) - rank(b) })
	born, err := t.nameless(born, pairs)
	if err != nil {
		return t.fail(err)
	}
	unnamed = slices.Insert(unnamed, min(1, len(unnamed)), born...)
	rest := len(pairs) > mostUnited || len(unnamed) > mostNamed
	pairs = pairs[:min(len(pairs), mostUnited)]
	rows, err := t.takenAlong(survivor, pairs, ids)
	if err != nil {
		return t.fail(err)
	}
	head := pairs[0]
	if head.HubSpot != survivor.Key {
		head.Leave(crm.HubSpot, head.HubSpot)
		head.HubSpot, head.Linked = survivor.Key, false
	}
	created := slices.ContainsFunc(pairs, func(p identity.Loaded) bool { return p.State == pair.Creating })
	switch {
	case head.State == pair.Orphan && head.Gone == crm.HubSpot:
		head.State, head.Gone, head.GoneAt = pair.Living, "", time.Time{}
	case head.State == pair.Orphan && created: // somebody who was to be in Zoho is in it: it gets a record again
		head.State = pair.Creating
	}
	head.Begun = true
	head.Retry()      // what was held under another id is tried again, and told under this one
	var past []crm.ID // records that nothing is asked about any more
	for i, q := range pairs {
		if past = append(past, q.Record(crm.HubSpot)); i > 0 {
			past = append(past, q.Record(crm.Zoho)) // it is neither read nor written any more
		}
	}
	var puts []row.Put
	for _, q := range pairs[1:] {
		r := t.row(crm.Zoho, fault.HintMergeTwins, fault.CauseMerged, "merged in HubSpot; merge these two in Zoho")
		r.Record, r.TargetID, r.Other = q.Record(crm.HubSpot), head.Record(crm.Zoho), q.Record(crm.Zoho)
		if q.State == pair.Living {
			rows = append(rows, t.named(r))
		}
		head.Leave(crm.HubSpot, q.HubSpot)
		if q.Zoho != "" {
			head.Duplicates = append(head.Duplicates, q.Zoho)
		}
		head.Duplicates = append(head.Duplicates, q.Duplicates...)
		head.Former = append(head.Former, q.Former...)
		q.State, q.Successor, q.Duplicates, q.Former = pair.Superseded, head.ID, nil, nil
		q.Forget()
		puts = append(puts, identity.PairPut(q))
	}
	for _, id := range ids {
		if id != survivor {
			head.Leave(crm.HubSpot, id.Key)
			past = append(past, id)
		}
	}
	unnamed = unnamed[:min(len(unnamed), mostNamed)] // the survivor is the first
	names, err := t.s.Book.Claim(t.ctx, t.conn, head.ID, unnamed...)
	if err != nil {
		return t.fail(err)
	}
	puts = append(puts, names...)
	if err := t.tell(rows...); err != nil {
		return t.fail(err)
	}
	if err := t.save(&head, puts...); err != nil {
		return t.fail(err)
	}
	if err := t.over(past, rows); err != nil {
		return t.fail(err)
	}
	if rest {
		return again(time.Second, "more were merged than go together at once")
	}
	t.note("merged into hubspot " + survivor.Key)
	t.id = survivor
	switch head.State {
	case pair.Living:
		return t.step(head)
	case pair.Creating:
		return t.resume(head)
	}
	return t.orphan(head)
}

// nameless returns the records that no pair has. One that another pair has than those that become one is row.ErrConflict.
func (t *task) nameless(ids []crm.ID, pairs []identity.Loaded) ([]crm.ID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	names, err := t.s.Book.Lookup(t.ctx, t.conn, ids...)
	if err != nil {
		return nil, err
	}
	theirs, free, err := t.concerned(ids, names)
	for _, q := range theirs {
		if !slices.ContainsFunc(pairs, func(p identity.Loaded) bool { return p.ID == q.ID }) {
			return nil, row.ErrConflict
		}
	}
	return free, err
}

// takenAlong makes the rows of HubSpot records whose pairs go on with the survivor though nobody merged them: in Zoho theirs
// became one with the record of one that was merged. They are the same to a person, and go on as one when they are merged here too.
func (t *task) takenAlong(survivor crm.ID, pairs []identity.Loaded, ids []crm.ID) ([]fault.Parked, error) {
	var rows []fault.Parked
	for _, p := range pairs {
		own := p.Record(crm.HubSpot)
		if own.Key == "" || own == survivor || slices.Contains(ids, own) {
			continue
		}
		r, err := t.read(crm.HubSpot, own.Key, t.columns(crm.HubSpot, false))
		if err != nil {
			return nil, err
		}
		if r.Gone || r.Record.ID != own {
			continue
		}
		told := t.row(crm.HubSpot, fault.HintMergeTwins, fault.CauseMerged, "their Zoho records are one; merge these two in HubSpot")
		told.Record, told.TargetID, told.Other = own, own, survivor
		rows = append(rows, t.named(told))
	}
	return rows, nil
}

// born finds out whether a creation that was overtaken by a merge was carried out. While it may still land, nobody knows.
func (t *task) born(p *identity.Loaded) fault.Outcome {
	found, err := t.find(crm.Zoho, crm.Search{Module: t.kind().Home(), HubSpotIDs: []string{p.HubSpot}, Columns: t.columns(crm.Zoho, false)})
	if err != nil {
		return t.fail(err)
	}
	for _, z := range found {
		if z.HubSpotID == p.HubSpot {
			p.State, p.Zoho = pair.Living, z.ID.Key
			return done("")
		}
	}
	for _, u := range p.Unfinished {
		if t.now().Sub(u.At) < identity.LockFor {
			return again(t.later(), "a creation of unknown outcome was merged meanwhile")
		}
	}
	return done("")
}
