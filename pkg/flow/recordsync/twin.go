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

// Who may be a record's twin.

// candidates are the records of the other system that may be the twin.
type candidates struct {
	own     *crm.Record       // carries our id
	free    []crm.Record      // in no pair, and carry no other's id
	halfs   []identity.Loaded // pairs that lost the other half; one for each of free that has one
	taken   []crm.Record
	erased  []crm.Record      // nobody's twin any more
	orphans []identity.Loaded // pairs of records among the heirs of an orphan whose HubSpot half is gone
}

// named leaves of several heirs the only free one that carries the HubSpot id of the pair itself, if there is one: it is what the pair's own
// Zoho record was merged into.
func (c candidates) named(hubspot string) candidates {
	var out candidates
	for _, z := range c.free {
		if z.HubSpotID == hubspot {
			out.free = append(out.free, z)
		}
	}
	if len(out.free) != 1 {
		return c
	}
	return out
}

// twins looks in Zoho by the HubSpot id and by the match keys. The answer does not lag.
func (t *task) twins(rec crm.Record, own string) (candidates, error) {
	ids := append([]string{rec.ID.Key}, rec.Merged...)
	found, err := t.find(crm.Zoho, crm.Search{
		Module: t.kind().Home(), HubSpotIDs: ids, Keys: t.m.Keys(t.kind(), rec, crm.Zoho), Columns: t.columns(crm.Zoho),
	})
	if err != nil {
		return candidates{}, err
	}
	found = slices.DeleteFunc(slices.Clone(found), func(z crm.Record) bool {
		return !slices.Contains(ids, z.HubSpotID) && !t.m.Matches(t.kind(), rec, z)
	})
	return t.classify(crm.Zoho, found, rec, own)
}

// classify sorts what was found in sys by whether it may become the twin of rec, whose pair own is, "" for none.
func (t *task) classify(sys crm.System, found []crm.Record, rec crm.Record, own string) (candidates, error) {
	var c candidates
	ids := make([]crm.ID, len(found))
	for i, f := range found {
		ids[i] = f.ID
	}
	erased, err := t.s.Book.Erased(t.ctx, t.conn, ids...)
	if err != nil {
		return c, err
	}
	for i, f := range found {
		if erased[i] {
			c.erased = append(c.erased, f)
			continue
		}
		p, err := t.s.Book.Find(t.ctx, t.conn, f.ID)
		if err != nil {
			return c, err
		}
		half := p.Version != 0 && (p.State == pair.Orphan && p.Gone == sys.Other() || p.State == pair.Creating && sys == crm.HubSpot)
		carries := sys == crm.Zoho && f.HubSpotID != "" && f.HubSpotID != rec.ID.Key && !slices.Contains(rec.Merged, f.HubSpotID)
		switch {
		case p.Version != 0 && p.ID != own && (t.beingMade(p) || p.State == pair.Living && p.Key(sys.Other()) == rec.ID.Key):
			return c, row.ErrConflict // being paired, or paired meanwhile: look again
		case p.Version == 0 && sys == crm.Zoho && f.HubSpotID == rec.ID.Key:
			c.own = &found[i]
		case half && (!carries || p.HubSpot == f.HubSpotID):
			c.free, c.halfs = append(c.free, f), append(c.halfs, p)
		case p.Version != 0 || carries:
			c.taken = append(c.taken, f)
		default:
			c.free, c.halfs = append(c.free, f), append(c.halfs, identity.Loaded{})
		}
	}
	return c, nil
}

// beingMade reports whether somebody is about to end a creation. One that was left a while ago waits for an event of its own,
// and nobody waits for it.
func (t *task) beingMade(p identity.Loaded) bool {
	if p.State != pair.Creating {
		return false
	}
	recent := slices.ContainsFunc(p.Unfinished, func(u pair.Unfinished) bool { return t.now().Sub(u.At) < time.Minute })
	return recent || p.Leased(t.owner, t.now())
}

// rivals are the other Zoho records that may be the twin of the HubSpot record which the task's looks like: who of them it is, a
// person decides. Who carries its very id has none. own is the pair of the HubSpot record, "" for none.
func (t *task) rivals(h crm.Record, own string) (candidates, error) {
	c, err := t.twins(h, own)
	var out candidates
	if c.own != nil && c.own.ID == t.id {
		return out, err
	}
	for _, z := range slices.Concat(c.taken, c.free, c.erased) {
		if z.ID != t.id {
			out.taken = append(out.taken, z)
		}
	}
	if c.own != nil {
		out.taken = append(out.taken, *c.own)
	}
	return out, err
}

// several parks a record whose twin cannot be told: it has one already, or there is more than one.
func (t *task) several(sys crm.System, c candidates) fault.Outcome {
	all := slices.Concat(c.taken, c.free, c.erased)
	for _, q := range c.orphans {
		all = append(all, crm.Record{ID: q.Record(crm.Zoho)})
	}
	r := t.row(sys, fault.HintDuplicate, fault.CauseTwin, "another record is already this one's twin, or there are several")
	for _, other := range all { // an orphan's duplicate is among its own heirs
		if r.Other.IsZero() && other.ID != t.id {
			r.Other = other.ID
		}
	}
	r.RetryAt = t.now().Add(askAgain)
	return t.park(r)
}
