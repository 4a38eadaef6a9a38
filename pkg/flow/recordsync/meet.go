package recordsync

import (
	"errors"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// externalID is the field of Zoho, unique in the org, that holds the HubSpot id of a paired record.
const externalID = "HubSpot_Id"

// askAgain is when reconcile tries a duplicate again that a person may have cleared up meanwhile.
const askAgain = time.Hour

// meet looks for the twin of a record that has no name yet.
func (t *task) meet() fault.Outcome {
	erased, err := t.s.Book.Erased(t.ctx, t.conn, t.id)
	if err != nil {
		return t.fail(err)
	}
	if erased[0] {
		return t.buried()
	}
	r, err := t.read(t.id.System, t.id.Key, t.columns(t.id.System))
	switch {
	case err != nil:
		return t.fail(err)
	case r.Gone && t.unborn(r):
		return again(5*time.Second, "the record cannot be read yet")
	case r.Gone:
		t.settled = append(t.settled, t.id) // nothing is left to be asked again, or to be told
		// Who waited for it may be another's now: Zoho moves them when two are merged, and tells nobody.
		if err := t.rouse(t.id); err != nil {
			return t.fail(err)
		}
		if t.has(crm.Delete) {
			if err := t.partners(t.id); err != nil {
				return t.fail(err)
			}
			if err := t.answered(fault.HintMergeTwins, t.id); err != nil { // WhatsApp asks about records that are in no pair
				return t.fail(err)
			}
		}
		return t.swallowed(done("gone"))
	case t.undead(r):
		return again(covers, stillShown)
	case t.id.System == crm.Zoho:
		return t.unpaired(t.meetZoho(r))
	}
	if t.stale(identity.Loaded{}, r) {
		return again(covers, "hubspot shows less than it told us")
	}
	if o, merged := t.merged(identity.Loaded{}, r); merged {
		return o
	}
	return t.unpaired(t.meetHubSpot(r))
}

// unpaired ends a look after which a record may be in no pair. Whoever wants what only one record may have is woken: this one may have
// given it up. Of the reasons why it could not be paired the last one alone stands.
func (t *task) unpaired(o fault.Outcome) fault.Outcome {
	if o.Ending == fault.GoAgain || t.joined {
		return o
	}
	if o.Ending == fault.ParkedAway {
		t.settled = append(t.settled, t.id)
	}
	if t.depth > 0 { // brought along by who waits for it
		return o
	}
	if err := t.rouse(t.id); err != nil {
		return t.fail(err)
	}
	return o
}

// swallowed ends the work on a record that is gone. When others were merged into it before, they are gone with it, and
// their pairs are told.
func (t *task) swallowed(o fault.Outcome) fault.Outcome {
	if o.Ending != fault.Done {
		return o
	}
	return t.follow(crm.Delete, o.Note)
}

// follow queues what happened to the record for those that were merged into it before, and ends the task.
func (t *task) follow(v crm.Verb, note string) fault.Outcome {
	var ops []crm.Operation
	for _, op := range t.ops {
		for _, key := range op.Others {
			other := t.revisit(t.record(crm.HubSpot, key))
			other.Verb = v
			ops = append(ops, other)
		}
	}
	if len(ops) > 0 {
		if err := t.s.Wake.Send(t.ctx, ops); err != nil {
			return t.fail(err)
		}
	}
	return done(note)
}

// meetZoho looks in HubSpot. HubSpot holds the warm contacts: what is not there is no business of ours.
func (t *task) meetZoho(r crm.Reading) fault.Outcome {
	if id := r.Record.HubSpotID; id != "" {
		o, known := t.carries(id)
		if known {
			return o
		}
	}
	keys := t.m.Keys(t.kind(), r.Record, crm.HubSpot)
	if len(keys) == 0 {
		return t.alone()
	}
	found, err := t.find(crm.HubSpot, crm.Search{Module: t.kind().Home(), Keys: keys, Columns: t.columns(crm.HubSpot)})
	if err != nil {
		return t.fail(err)
	}
	found = slices.DeleteFunc(found, func(h crm.Record) bool { return !t.m.Matches(t.kind(), h, r.Record) })
	c, err := t.classify(crm.HubSpot, found, r.Record, "")
	switch {
	case err != nil:
		return t.fail(err)
	case len(c.taken)+len(c.free) == 0:
		return t.alone()
	case len(c.taken) > 0 || len(c.free) > 1:
		return t.several(crm.HubSpot, c)
	}
	rivals, err := t.rivals(c.free[0], c.halfs[0].ID)
	switch {
	case err != nil:
		return t.fail(err)
	case len(rivals.taken) > 0:
		return t.several(crm.Zoho, rivals)
	case c.halfs[0].State == pair.Creating:
		return t.found(c.halfs[0], t.id.Key)
	case c.halfs[0].Version != 0:
		return t.move(c.halfs[0], t.id.Key)
	}
	return t.joinHubSpot(c.free[0])
}

// alone ends the work on a Zoho record that HubSpot has no twin of. When it was parked before, that is over.
func (t *task) alone() fault.Outcome {
	if t.afresh() {
		t.settled = append(t.settled, t.id)
	}
	return done("not in hubspot")
}

// joinHubSpot pairs the task's Zoho record with a HubSpot record that has no name. One that swallowed records which have
// pairs goes on in theirs: that comes first.
func (t *task) joinHubSpot(h crm.Record) fault.Outcome {
	swallowed := make([]crm.ID, len(h.Merged))
	for i, key := range h.Merged {
		swallowed[i] = t.record(crm.HubSpot, key)
	}
	names, err := t.s.Book.Lookup(t.ctx, t.conn, swallowed...)
	if err != nil {
		return t.fail(err)
	}
	pairs, _, err := t.concerned(swallowed, names)
	switch {
	case err != nil:
		return t.fail(err)
	case len(pairs) > 0:
		if err := t.s.Wake.Send(t.ctx, []crm.Operation{t.revisit(h.ID)}); err != nil {
			return t.fail(err)
		}
		return again(t.later(), "records that were merged in hubspot come together first")
	}
	t.floor = h.Modified
	return t.join(t.newPair(pair.Living, h.ID.Key, t.id.Key), identity.Locks{})
}

// joinOnly pairs the task's Zoho record, which carries the id of the HubSpot record or of one that this one swallowed, unless others
// carry one of these too.
func (t *task) joinOnly(h crm.Record) fault.Outcome {
	if len(h.Merged) > 0 {
		rivals, err := t.rivals(h, "")
		switch {
		case err != nil:
			return t.fail(err)
		case len(rivals.taken) > 0:
			return t.several(crm.Zoho, rivals)
		}
	}
	return t.joinHubSpot(h)
}

// carries pairs a Zoho record by the HubSpot id that it carries. It reports false when that id leads nowhere.
func (t *task) carries(hubspotID string) (fault.Outcome, bool) {
	id := t.record(crm.HubSpot, hubspotID)
	erased, err := t.s.Book.Erased(t.ctx, t.conn, id)
	if err != nil {
		return t.fail(err), true
	}
	if erased[0] {
		return t.remnant(hubspotID), true
	}
	p, err := t.s.Book.Find(t.ctx, t.conn, id)
	if err == nil && p.Version != 0 {
		p, err = t.s.Book.Follow(t.ctx, p)
	}
	if err != nil {
		return t.fail(err), true
	}
	switch {
	case p.Version == 0:
		h, err := t.read(crm.HubSpot, hubspotID, t.columns(crm.HubSpot))
		if err != nil {
			return t.fail(err), true
		}
		if h.Gone {
			return fault.Outcome{}, false
		}
		if h.Record.ID.Key != hubspotID { // merged away: the survivor's pair decides
			return t.carries(h.Record.ID.Key)
		}
		return t.joinOnly(h.Record), true
	case p.Leased(t.owner, t.now()):
		return again(t.later(), "somebody else is at work on the pair"), true
	case p.Zoho == t.id.Key: // paired while we were reading
		return t.paired(p), true
	case p.State == pair.Creating:
		return t.adopt(p, t.id.Key), true
	}
	other, err := t.read(crm.Zoho, p.Zoho, t.columns(crm.Zoho))
	if err != nil {
		return t.fail(err), true
	}
	if other.Gone {
		return t.move(p, t.id.Key), true
	}
	return t.several(crm.HubSpot, candidates{taken: []crm.Record{{ID: p.Record(crm.HubSpot)}}}), true
}

// meetHubSpot looks in Zoho, under a lock on everything by which the record may be recognised, and creates it there when
// nobody is found.
func (t *task) meetHubSpot(r crm.Reading) fault.Outcome {
	if o := t.bringCompany(identity.Loaded{}, r.Record); o.Ending != fault.Done {
		return o
	}
	if err := t.lock(r.Record); err != nil {
		return t.fail(err)
	}
	return t.unlocked(t.meetLocked(r))
}

// unlocked gives back the locks that nobody took over: they are not needed any more.
func (t *task) unlocked(o fault.Outcome) fault.Outcome {
	if t.locks.Held() {
		if err := t.s.Book.Unlock(t.ctx, t.locks); err != nil && !errors.Is(err, row.ErrConflict) {
			return t.fail(err)
		}
		t.locks = identity.Locks{}
	}
	return o
}

// lock takes the locks of a HubSpot record. A worker that has outlived its time takes none: its locks would be those of
// whoever works on the record now, and its release would open them.
func (t *task) lock(rec crm.Record) error {
	if err := t.overdue(); err != nil {
		return err
	}
	keys := []string{rec.ID.String()}
	for _, k := range t.m.Keys(t.kind(), rec, crm.Zoho) {
		keys = append(keys, string(t.kind())+" "+string(k.Column.Field)+" "+k.Value)
	}
	keys = append(keys, t.writerNames(rec)...)
	var err error
	t.locks, err = t.s.Book.Lock(t.ctx, t.conn, rec.ID.Key, keys, t.now())
	return err
}

func (t *task) meetLocked(r crm.Reading) fault.Outcome {
	c, err := t.twins(r.Record, "")
	switch {
	case err != nil:
		return t.fail(err)
	case c.own != nil:
		return t.join(t.newPair(pair.Living, r.Record.ID.Key, c.own.ID.Key), t.locks)
	case len(c.taken)+len(c.erased) > 0 || len(c.free) > 1:
		return t.several(crm.Zoho, c)
	case len(c.free) == 1 && c.halfs[0].Version != 0:
		return t.regain(c.halfs[0], r.Record.ID.Key)
	case len(c.free) == 1:
		return t.join(t.newPair(pair.Living, r.Record.ID.Key, c.free[0].ID.Key), t.locks)
	}
	writer, err := t.writer(r.Record)
	switch {
	case err != nil:
		return t.fail(err)
	case !writer.ID.IsZero():
		return t.joinWriter(r.Record.ID.Key, writer)
	}
	return t.create(identity.Loaded{}, r)
}

// join writes the new pair of two free records, all names or none, and brings them in step.
func (t *task) join(p identity.Loaded, locks identity.Locks) fault.Outcome {
	p.Lease = pair.Lease{Owner: t.owner, Until: t.now().Add(leaseFor)}
	p.UpdatedAt = t.floor
	names, err := t.s.Book.Claim(t.ctx, t.conn, p.ID, p.Record(crm.HubSpot), p.Record(crm.Zoho))
	if err != nil {
		return t.fail(err)
	}
	if err := t.heed(p.Pair); err != nil {
		return t.fail(err)
	}
	if err := t.save(&p, append(names, locks.Release()...)...); err != nil {
		return t.fail(err)
	}
	t.locks = identity.Locks{}
	t.joined = true
	t.note("paired hubspot " + p.HubSpot + " with zoho " + p.Zoho)
	return t.release(&p, t.reconcile(&p, both{}))
}

// leadSince returns since when somebody is asked to convert the lead who is the person of a HubSpot contact; zero: nobody is.
func (t *task) leadSince(hubspot crm.ID) (since time.Time, err error) {
	if t.kind() != crm.Contact || t.m.Options().Leads == mapping.LeadsIgnore {
		return since, nil
	}
	rows, err := t.s.Parking.Naming(t.ctx, t.conn, hubspot)
	for _, r := range rows {
		if r.Hint == fault.HintLead && r.Record == hubspot {
			since = r.First
		}
	}
	return since, err
}

func (t *task) newPair(state pair.State, hubspot, zoho string) identity.Loaded {
	return identity.Loaded{Pair: pair.Pair{
		ID: t.s.Book.NewID(), Connection: t.conn, Kind: t.kind(), State: state, HubSpot: hubspot, Zoho: zoho, KeyID: t.s.Book.Hasher.KeyID,
	}}
}

// move gives a pair whose Zoho record is gone another one, and brings it in step as if they met for the first time.
func (t *task) move(p identity.Loaded, zoho string) fault.Outcome {
	if p.Zoho != "" && p.Zoho != zoho { // what was asked about that one is nobody's question any more
		if err := t.over([]crm.ID{p.Record(crm.Zoho)}, nil, t.now()); err != nil {
			return t.fail(err)
		}
		if err := t.redirect(p.Record(crm.Zoho), t.record(crm.Zoho, zoho)); err != nil {
			return t.fail(err)
		}
	}
	name, err := t.rename(p, t.record(crm.Zoho, zoho))
	if err != nil {
		return t.fail(err)
	}
	p.Duplicates = slices.DeleteFunc(p.Duplicates, func(d string) bool { return d == zoho || d == p.Zoho })
	if p.Zoho != "" {
		p.Restrict(t.restrictions(p.Pair)...)
		p.Duplicates = append(p.Duplicates, p.Zoho) // what pointed to it is known by it
	}
	p.Zoho, p.Linked = zoho, false
	p.Forget()
	return t.revive(p, name)
}

// regain gives a pair whose HubSpot record is gone another one. Should the first one come back, it is met as a stranger.
func (t *task) regain(p identity.Loaded, hubspot string) fault.Outcome {
	name, err := t.rename(p, t.record(crm.HubSpot, hubspot))
	if err != nil {
		return t.fail(err)
	}
	if p.HubSpot != hubspot { // else the pair came to be while this task was looking
		if err := t.partners(p.Record(crm.HubSpot), t.record(crm.HubSpot, hubspot)); err != nil {
			return t.fail(err)
		}
		former, err := t.s.Book.Disown(t.ctx, t.conn, p.ID, p.Record(crm.HubSpot))
		if err != nil {
			return t.fail(err)
		}
		name = append(name, former...)
	}
	p.HubSpot, p.Linked = hubspot, false
	p.UpdatedAt = time.Time{}
	p.Forget()
	return t.revive(p, append(name, t.locks.Release()...))
}

// rename returns the write of a name, none when the record already leads to the pair.
func (t *task) rename(p identity.Loaded, id crm.ID) ([]row.Put, error) {
	have, err := t.s.Book.Find(t.ctx, t.conn, id)
	if err != nil {
		return nil, err
	}
	if have.Version == 0 {
		return t.s.Book.Claim(t.ctx, t.conn, p.ID, id)
	}
	to, err := t.s.Book.Follow(t.ctx, have)
	if err != nil {
		return nil, err
	}
	if to.ID != p.ID {
		return nil, row.ErrConflict
	}
	return nil, nil
}

// revive makes a pair live again and brings it in step at once.
func (t *task) revive(p identity.Loaded, more []row.Put) fault.Outcome {
	if p.Leased(t.owner, t.now()) {
		return again(t.later(), "somebody else is at work on the pair")
	}
	p.State, p.Gone, p.GoneAt, p.Begun = pair.Living, "", time.Time{}, true
	p.Lease = pair.Lease{Owner: t.owner, Until: t.now().Add(leaseFor)}
	if err := t.heed(p.Pair); err != nil {
		return t.fail(err)
	}
	if err := t.save(&p, more...); err != nil {
		return t.fail(err)
	}
	t.locks = identity.Locks{}
	t.joined = true
	t.note("hubspot " + p.HubSpot + " goes on with zoho " + p.Zoho)
	o := t.release(&p, t.reconcile(&p, both{}))
	if o.Ending != fault.Done {
		return o
	}
	if err := t.s.Book.ForgetOrphan(t.ctx, t.conn, p.ID); err != nil {
		return t.fail(err)
	}
	own := p.Record(crm.HubSpot)
	gone := func(r fault.Parked) bool { return r.Hint == fault.HintDeleted && r.Record == own }
	if err := t.closeRows(gone, own); err != nil { // whoever told it while this task was at work
		return t.fail(err)
	}
	return o
}
