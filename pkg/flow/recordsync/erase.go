package recordsync

import (
	"encoding/hex"
	"slices"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// erasure is what goes with a person, and what is left to a person to do.
type erasure struct {
	of    crm.ID            // the record that was erased, as a person is told
	ids   []crm.ID          // every record that leads to the person, the one that was named first
	pairs []identity.Loaded // that they are in
	left  []crm.ID          // records that may still hold the person's data
	held  []crm.ID          // records that were taken for the same person's
	heir  identity.Loaded   // the pair of another record that lives on with the Zoho record; Version 0: none
	gone  bool              // the record that was named is not shown any more
}

// erase forgets a person: the pairs, the names, what was parked, what lies in quarantine. Tombstones keep the ids from being
// created or paired again, and the operator is told of every record that holds the person's data still. The names go last:
// after a crash the next delivery finds as much as this one.
func (t *task) erase() fault.Outcome {
	e := erasure{of: t.id, ids: []crm.ID{t.id}}
	if o := t.fathom(&e); o.Ending != fault.Done {
		return o
	}
	if err := t.writtenOn(&e); err != nil {
		return t.fail(err)
	}
	rows, err := t.s.Parking.Naming(t.ctx, t.conn, e.ids...)
	if err != nil {
		return t.fail(err)
	}
	e.suspect(rows)
	e.held = slices.DeleteFunc(e.held, func(id crm.ID) bool { // what the heir goes on with may be restored
		return id != e.heir.Record(crm.Zoho) && t.vanished(id)
	})
	if err := t.tell(t.remains(e)...); err != nil {
		return t.fail(err)
	}
	if err := t.s.Parking.Erase(t.ctx, t.conn, e.ids...); err != nil {
		return t.fail(err)
	}
	if err := t.s.Quarantine.Forget(t.ctx, e.ids...); err != nil {
		return t.fail(err)
	}
	if e.heir.Version != 0 && e.heir.Unleave(t.id.System, t.id.Key) {
		if err := t.save(&e.heir); err != nil {
			return t.fail(err)
		}
	}
	for _, p := range e.pairs {
		if err := t.rouse(p.Record(crm.HubSpot), p.Record(crm.Zoho)); err != nil {
			return t.fail(err)
		}
	}
	if err := t.s.Book.Erase(t.ctx, t.conn, e.pairs, e.ids, t.now()); err != nil {
		return t.fail(err)
	}
	if e.gone {
		if err := t.answered(fault.HintErase, t.id); err != nil {
			return t.fail(err)
		}
	}
	return done("erased")
}

// fathom finds the records and pairs of the person. A HubSpot record that was merged into another one is that one.
func (t *task) fathom(e *erasure) fault.Outcome {
	if t.id.System == crm.HubSpot {
		r, err := t.read(crm.HubSpot, t.id.Key, t.columns(crm.HubSpot))
		if err != nil {
			return t.fail(err)
		}
		if e.gone = r.Gone; !r.Gone && r.Record.ID != t.id {
			e.ids = append(e.ids, r.Record.ID)
		}
	}
	for _, op := range t.ops { // a merge may be told in the same batch
		for _, key := range op.Others {
			e.ids = append(e.ids, t.record(crm.HubSpot, key))
		}
	}
	for _, id := range slices.Clone(e.ids) {
		if o := t.pairsOf(e, id); o.Ending != fault.Done {
			return o
		}
	}
	return done("")
}

// writtenOn adds the records by which WhatsApp knows the person: the contact on which his messages are logged is his. One that is in a pair
// of its own, a lead, and who has his number in HubSpot are to be looked at first.
func (t *task) writtenOn(e *erasure) error {
	if t.s.Writers == nil || t.kind() != crm.Contact {
		return nil
	}
	for _, id := range slices.Clone(e.ids) {
		records, err := t.s.Writers.Records(t.ctx, t.conn, id.Key)
		if err != nil {
			return err
		}
		for _, r := range records {
			if slices.Contains(e.ids, r) {
				continue
			}
			p, err := t.s.Book.Find(t.ctx, t.conn, r)
			if err != nil {
				return err
			}
			if r.System != crm.Zoho || r.Module != crm.Contacts || p.Version != 0 {
				e.held = append(e.held, r)
				continue
			}
			e.ids = append(e.ids, r)
			if !t.vanished(r) {
				e.left = append(e.left, r)
			}
		}
	}
	return nil
}

// pairsOf adds the pair that a record leads to, with all that it superseded, and the one that went on in its place.
func (t *task) pairsOf(e *erasure, id crm.ID) fault.Outcome {
	own, err := t.s.Book.Find(t.ctx, t.conn, id)
	if err != nil {
		return t.fail(err)
	}
	former, err := t.s.Book.Formerly(t.ctx, t.conn, id)
	if err != nil {
		return t.fail(err)
	}
	for _, q := range []identity.Loaded{own, former} {
		if q.Version == 0 {
			continue
		}
		if o := t.goesWith(e, q); o.Ending != fault.Done {
			return o
		}
	}
	return done("")
}

// goesWith adds the pair that goes on for own. One that goes on with another HubSpot record, which lives and is not the one that
// was named, is not the person's to take along.
func (t *task) goesWith(e *erasure, own identity.Loaded) fault.Outcome {
	p, err := t.s.Book.Follow(t.ctx, own)
	if err != nil {
		return t.fail(err)
	}
	if p.Version == 0 {
		p = own // its successor was erased before
	}
	if !e.has(p) {
		if p.Leased(t.owner, t.now()) {
			return again(t.later(), "somebody else is at work on the pair")
		}
		lives, err := t.livesOn(p, e.ids)
		if err != nil {
			return t.fail(err)
		}
		if lives {
			e.lives(p)
		} else if o := t.take(e, p); o.Ending != fault.Done {
			return o
		}
	}
	return t.between(e, own, p)
}

// between adds the pairs from own on that ended when their Zoho records were merged, up to the one that goes on: but for those of HubSpot
// records that live, and are others.
func (t *task) between(e *erasure, own, end identity.Loaded) fault.Outcome {
	for q := own; q.State == pair.Superseded && q.ID != end.ID; {
		lives, err := t.livesOn(q, e.ids)
		if err != nil {
			return t.fail(err)
		}
		if !e.has(q) && (q.ID == own.ID || !lives) {
			if o := t.take(e, q); o.Ending != fault.Done {
				return o
			}
		}
		if q, err = t.s.Book.Load(t.ctx, q.Successor); err != nil {
			return t.fail(err)
		}
	}
	return done("")
}

func (e *erasure) has(p identity.Loaded) bool {
	return slices.ContainsFunc(e.pairs, func(q identity.Loaded) bool { return q.ID == p.ID })
}

// lives notes that a pair goes on which the erased record was in: its Zoho records were taken for the same person's.
func (e *erasure) lives(p identity.Loaded) {
	e.heir = p
	for _, key := range append([]string{p.Zoho}, p.Duplicates...) {
		e.held = append(e.held, crm.ID{System: crm.Zoho, Module: p.Kind.Home(), Key: key})
	}
}

// livesOn reports whether a pair goes on with a HubSpot record that is none of the person's and lives.
func (t *task) livesOn(p identity.Loaded, ids []crm.ID) (bool, error) {
	if t.id.System != crm.HubSpot || slices.Contains(ids, p.Record(crm.HubSpot)) {
		return false, nil
	}
	r, err := t.read(crm.HubSpot, p.HubSpot, t.columns(crm.HubSpot))
	return err == nil && !r.Gone && !slices.Contains(ids, r.Record.ID), err
}

// take adds a pair, what it superseded, and all their records. Zoho's are left to a person; of the duplicates those that
// were not merged or deleted there since.
func (t *task) take(e *erasure, p identity.Loaded) fault.Outcome {
	superseded, ids, err := t.s.Book.Kin(t.ctx, p)
	if err != nil {
		return t.fail(err)
	}
	for _, q := range append([]identity.Loaded{p}, superseded...) {
		if !e.has(q) {
			e.pairs = append(e.pairs, q)
		}
	}
	for _, q := range superseded { // one that was never merged in HubSpot, but whose Zoho record was, lives on
		id := q.Record(crm.HubSpot)
		r, err := t.read(crm.HubSpot, id.Key, t.columns(crm.HubSpot))
		if err != nil {
			return t.fail(err)
		}
		if !r.Gone && r.Record.ID == id && !slices.Contains(e.ids, id) {
			ids = slices.DeleteFunc(ids, func(have crm.ID) bool { return have == id })
			e.held = append(e.held, id)
		}
	}
	e.ids = append(e.ids, ids...)
	duplicates := slices.Clone(p.Duplicates)
	switch {
	case p.State == pair.Superseded:
		duplicates = append(duplicates, p.Zoho)
	case p.Zoho != "":
		e.left = append(e.left, p.Record(crm.Zoho))
	}
	for _, key := range duplicates {
		if id := t.record(crm.Zoho, key); !id.IsZero() && !t.vanished(id) {
			e.left = append(e.left, id)
		}
	}
	return done("")
}

// vanished reports whether a record is known to be gone: merged into another one, or deleted.
func (t *task) vanished(id crm.ID) bool {
	if id.Module != t.kind().Home() {
		return false
	}
	r, err := t.read(id.System, id.Key, t.columns(id.System))
	return err == nil && r.Gone
}

// suspect adds the records that open rows hold to be the same person's: a lead, a twin, one to be merged with. What people were asked to
// erase by a try that did not live to its end is the person's, unless another one's pair goes on with it since.
func (e *erasure) suspect(rows []fault.Parked) {
	for _, r := range rows {
		switch mine := slices.Contains(e.ids, r.Record); {
		case mine && r.Hint == fault.HintErase && r.Code == fault.CauseErased && slices.Contains(e.held, r.TargetID):
		case mine && r.Hint == fault.HintErase && r.Code == fault.CauseErased:
			e.ids = append(e.ids, r.TargetID)
		case r.Hint == fault.HintMergeTwins:
			e.held = append(e.held, r.Record, r.TargetID, r.Other)
		case mine && r.Field == "" && (r.Hint == fault.HintLead || r.Hint == fault.HintDuplicate):
			e.held = append(e.held, r.Other)
		}
	}
	e.held = slices.DeleteFunc(e.held, func(id crm.ID) bool { return id.IsZero() || slices.Contains(e.ids, id) })
}

// remains makes the rows that ask a person to erase what is left, one a record.
func (t *task) remains(e erasure) []fault.Parked {
	var rows []fault.Parked
	add := func(id crm.ID, code, message string) {
		r := t.row(id.System, fault.HintErase, code, message)
		r.Record, r.TargetID = e.of, id
		if id == e.heir.Record(crm.Zoho) {
			r.Other = e.heir.Record(crm.HubSpot)
		}
		sum := t.s.Book.Hasher.Sum("erase", t.conn, r.Record.String(), id.String())
		r.ID = hex.EncodeToString(sum[:])
		if !slices.ContainsFunc(rows, func(have fault.Parked) bool { return have.ID == r.ID }) {
			rows = append(rows, r)
		}
	}
	for _, id := range e.left {
		add(id, fault.CauseErased, "its person was erased: erase "+id.String()+" too")
	}
	for _, id := range e.held {
		add(id, fault.CauseErasedTwin, "its person was erased: look whether "+id.String()+" is the same person's")
	}
	return rows
}

// buried ends the work on a record that was erased. What was merged into it is the same person's. Once its system does not
// show it any more, nobody is asked to erase it; a Zoho record that is shown is.
func (t *task) buried() fault.Outcome {
	if o := t.follow(crm.Erase, "erased"); o.Ending != fault.Done || t.id.System == crm.HubSpot && !t.has(crm.Delete) {
		return o
	}
	r, err := t.read(t.id.System, t.id.Key, t.columns(t.id.System))
	switch {
	case err != nil:
		return t.fail(err)
	case r.Gone && t.unborn(r), !r.Gone && t.undead(r):
		return again(covers, "the system does not show yet what it told us")
	case !r.Gone:
		return t.remnant(r.Record.HubSpotID)
	}
	if err := t.answered(fault.HintErase, t.id); err != nil {
		return t.fail(err)
	}
	return done("erased")
}

// remnant ends the work on a Zoho record of an erased person. An insert that was given up may land late, and what was deleted
// may be restored: the operator is asked to erase it, once.
func (t *task) remnant(hubspotID string) fault.Outcome {
	if t.id.System != crm.Zoho {
		return done("erased")
	}
	rows, err := t.s.Parking.Naming(t.ctx, t.conn, t.id)
	if err != nil {
		return t.fail(err)
	}
	asks := func(r fault.Parked) bool { return r.Hint == fault.HintErase && r.TargetID == t.id }
	if !slices.ContainsFunc(rows, asks) {
		e := erasure{of: t.id, left: []crm.ID{t.id}}
		if hubspotID != "" {
			e.of = t.record(crm.HubSpot, hubspotID)
		}
		if err := t.tell(t.remains(e)...); err != nil {
			return t.fail(err)
		}
	}
	if err := t.s.Book.Erase(t.ctx, t.conn, nil, []crm.ID{t.id}, t.now()); err != nil {
		return t.fail(err)
	}
	return done("erased")
}
