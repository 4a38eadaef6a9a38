package recordsync

import (
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
)

// relink stands for the HubSpot id that every paired Zoho record carries.
var relink = pair.SlotOf("", "hs_object_id", "HubSpot_Id")

// relinkField names it in what is parked.
const relinkField crm.Field = "hubspot_id"

// item is one field of a plan.
type item struct {
	field    mapping.Field
	slot     pair.Slot
	shows    pair.Base // hashes of what both sides show
	hubspot  crm.Value // canonical
	zoho     crm.Value
	hubRaw   crm.Value // as shown
	zohoRaw  crm.Value // as shown; unknown where Zoho's record was not read
	decision merge.Decision
	toZoho   crm.Value // raw, what is to be written; unknown when nothing
	toHub    crm.Value
	held     *pair.Held    // to be left alone from now on
	row      *fault.Parked // what the client is told about it
	kept     bool          // left alone before and still: its row stays
	goesOn   *pair.Held    // left alone again once HubSpot shows what it had shown
	invented bool          // Zoho shows a name that we made up
	owed     bool          // an edit that our write covered wins, and cannot go across yet
	anew     bool          // tried again, and it has to wait: its base no longer tells that it is to go across
	departed crm.ID        // the company that is gone and took the value with it
	alien    map[crm.Value]alien
	foreign  error // why Zoho takes no value here: its record is in another currency; nil where it does
}

// sent is what is to be written to a system.
func (it *item) sent(sys crm.System) crm.Value {
	if sys == crm.HubSpot {
		return it.toHub
	}
	return it.toZoho
}

// plan is what is to be done about one pair.
type plan struct {
	items    []*item
	relink   bool // Zoho's record does not carry the HubSpot id yet
	zohoTook bool // Zoho has taken a write, so its record was what we took it for
}

func slotOf(f mapping.Field) pair.Slot {
	return pair.SlotOf(f.Name, f.HubSpot.Property, f.Zoho.Property)
}

// synced returns the fields that are kept in step: those that both sides have, but for what is written at creation only.
func (t *task) synced() []mapping.Field {
	if t.fields != nil {
		return t.fields
	}
	for _, f := range t.m.Fields(t.kind()) {
		if f.HubSpot.Property != "" && f.Zoho.Property != "" && f.Policy != crm.AtCreation {
			t.fields = append(t.fields, f)
		}
	}
	return t.fields
}

// fieldsOf returns the fields that are decided for a pair: those that are kept in step, and what its Zoho record was created without.
func (t *task) fieldsOf(p pair.Pair) []mapping.Field {
	fields := t.synced()
	if len(p.Held) == 0 {
		return fields
	}
	for _, f := range t.m.Fields(t.kind()) {
		if _, held := p.Held[slotOf(f)]; held && f.Policy == crm.AtCreation {
			fields = append(slices.Clip(fields), f)
		}
	}
	return fields
}

// atRest reports whether one side shows, in every field, what it showed when the pair was last brought in step, with
// nothing unfinished, no worker that took the pair and did not give it back, and no edit that a write of ours covered. Echoes end here.
func (t *task) atRest(p pair.Pair, sys crm.System, rec crm.Record) bool {
	_, unlinkable := p.Held[relink]
	if p.Begun || len(p.Restricted) > 0 || p.Lease.Owner != "" || p.KeyID != t.s.Book.Hasher.KeyID || sys == crm.Zoho && t.unlinked(p, rec) || !p.Linked && !unlinkable {
		return false
	}
	for _, f := range t.fieldsOf(p) {
		slot := slotOf(f)
		shows := t.s.Book.Hasher.Raw(sys, f.Name, rec.Value(f.Name))
		if h, held := p.Held[slot]; held {
			if h.Mapping != t.m.Version() || h.Base.Of(sys) != shows || p.Open(slot) {
				return false
			}
			continue
		}
		base := p.Base[slot]
		if !base.HubSpot.Known() || !base.Zoho.Known() || base.Of(sys) != shows || p.Open(slot) {
			return false
		}
		if v, _ := t.unseen(p, sys, rec, f); v.Known() {
			return false
		}
	}
	return true
}

// unlinked reports whether a Zoho record lacks the id of the HubSpot record that it is paired with, and is to get it: what was refused is
// sent again when somebody asks for it.
func (t *task) unlinked(p pair.Pair, rec crm.Record) bool {
	_, held := p.Held[relink]
	return rec.HubSpotID != p.HubSpot && (!held || t.afresh())
}

// unseen returns a user's edit in HubSpot that lies under an entry of ours and was never taken in: it is newer than what we
// had read, or what the pair knows of the field is older than it. What HubSpot works out by itself we cover with nothing: an entry of
// ours there follows from our write of another field.
func (t *task) unseen(p pair.Pair, sys crm.System, rec crm.Record, f mapping.Field) (crm.Value, time.Time) {
	entries := rec.History[f.Name]
	if sys != crm.HubSpot || f.HubSpot.ReadOnly || len(entries) == 0 || !entries[0].Ours {
		return crm.Unknown(), time.Time{}
	}
	h, base := t.s.Book.Hasher, p.Base[slotOf(f)].HubSpot
	taken := !base.Known() || p.KeyID != h.KeyID // the base is known to be no older than the entry
	for _, e := range entries {
		taken = taken || h.Raw(crm.HubSpot, f.Name, e.Value) == base
		if e.Ours {
			continue
		}
		if !taken || e.At.After(p.HubSpotAt) && !p.HubSpotAt.IsZero() || t.landedLate(p, f, entries[0], e) {
			return e.Value, e.At
		}
		break
	}
	return crm.Unknown(), time.Time{}
}

// landedLate reports whether an entry of ours is a write that was begun before the user's edit under it, and landed after all: no
// answer has told of it. The edit may have been read meanwhile, by a worker that died before it had gone across.
func (t *task) landedLate(p pair.Pair, f mapping.Field, ours, edit crm.Entry) bool {
	hash := t.s.Book.Hasher.Raw(crm.HubSpot, f.Name, ours.Value)
	return ours.At.After(p.UpdatedAt) && slices.ContainsFunc(p.Unfinished, func(u pair.Unfinished) bool {
		return u.System == crm.HubSpot && u.Slot == slotOf(f) && u.Hash == hash && u.At.Before(edit.At)
	})
}

// plan decides every field, asking for Zoho's field times where a decision needs them.
func (t *task) plan(p pair.Pair, b both) (*plan, error) {
	var zohoTimes map[crm.Field][]crm.Entry
	out := &plan{relink: t.unlinked(p, b.zoho.Record)}
	if p.ReadAt.IsZero() { // the two have never come to rest
		since, err := t.leadSince(p.Record(crm.HubSpot))
		if err != nil {
			return nil, err
		}
		t.asLead = since
	}
	for timed := false; ; timed = true {
		out.items = nil
		ask := false
		for _, f := range t.fieldsOf(p) {
			it, err := t.decide(p, b, f, zohoTimes, timed)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, it)
			ask = ask || it.decision.Action == merge.Ask
		}
		if !ask {
			return out, nil
		}
		if timed {
			return nil, &fault.Error{Op: "recordsync.plan", Kind: fault.Ours, Err: errors.New("a decision asks for times that it has")}
		}
		c := t.put(&call{kind: callTimes, system: crm.Zoho, id: p.Record(crm.Zoho), query: crm.Query{Columns: t.columns(crm.Zoho)}})
		if c.err != nil {
			return nil, c.err
		}
		zohoTimes = c.times
	}
}

// decide makes one item.
func (t *task) decide(p pair.Pair, b both, f mapping.Field, times map[crm.Field][]crm.Entry, timed bool) (*item, error) {
	h, z := b.hubspot.Record, b.zoho.Record
	it := &item{field: f, slot: slotOf(f), decision: merge.Decision{Field: f.Name}}
	it.shows = pair.Base{
		HubSpot: t.s.Book.Hasher.Raw(crm.HubSpot, f.Name, h.Value(f.Name)),
		Zoho:    t.s.Book.Hasher.Raw(crm.Zoho, f.Name, z.Value(f.Name)),
	}
	held, again := p.Held[it.slot]
	again = again && held.Base == it.shows && held.Mapping == t.m.Version()
	if again && (!t.afresh() || held.Hint == fault.HintAltered && !t.has(crm.Replay)) {
		it.kept = true
		return it, nil
	}
	if b.assumed {
		return it, t.presume(p, b, it)
	}
	if again := t.unedited(p, b, it); again != nil {
		it.held, it.kept = again, true
		return it, nil
	}
	if t.untouched(p, b, it) {
		return it, nil
	}
	if whole, err := t.translate(p, b, it); err != nil || !whole {
		return it, err
	}
	if f.Policy == crm.AtCreation {
		return it, t.belated(p, it)
	}
	if slices.Contains(p.Restricted, it.slot) {
		return it, t.restrict(p, it)
	}
	if held.Base == it.shows && (again || held.Mapping == pair.Untried) && !held.Pending && held.Hint != fault.HintCut {
		return it, t.retry(p, it, held)
	}
	if t.uncover(b, it, held) {
		return it, nil
	}
	in, err := t.input(p, b, it, times, timed)
	if err != nil {
		return it, err
	}
	if it.field.Type == crm.TypeCompany {
		if err := t.bereft(p, b, it, &in); err != nil {
			return it, err
		}
	}
	if t.apart(b, it, in) {
		it.held = &pair.Held{System: crm.Zoho, Base: it.shows, Mapping: t.m.Version(), Pending: true}
		return it, nil
	}
	it.decision = merge.Decide(in)
	if !timed && f.Policy == crm.ToHubSpot && t.unticked(it, in.BaseKnown) {
		it.decision = merge.Decision{Field: f.Name, Action: merge.Ask}
		return it, nil
	}
	if t.altered(p, b, it, in, times) {
		if !timed {
			it.decision = merge.Decision{Field: f.Name, Action: merge.Ask}
			return it, nil
		}
		t.hold(p, it, crm.Zoho, fault.Refusal{Hint: fault.HintAltered, Code: fault.CauseAltered, Message: "Zoho stored another value than it was sent"})
		if it.decision.Rule == merge.RuleUnseen { // what was sent is what a write of ours covers in HubSpot
			if restored, err := t.restore(p, it); restored || err != nil {
				return it, err
			}
		}
		it.decision = merge.Decision{Field: f.Name}
		return it, nil
	}
	if t.beheaded(p.Base[it.slot], it) {
		t.hold(p, it, crm.HubSpot, fault.Refusal{Hint: fault.HintCut, Code: fault.CauseCut, Message: "Zoho holds only the beginning of the text that was edited there"})
		it.decision = merge.Decision{Field: f.Name}
		return it, nil
	}
	if err := t.raw(p, it); err != nil {
		return it, err
	}
	return it, t.strand(p, it)
}

// beheaded reports whether an edit in Zoho would take from HubSpot's text what Zoho never had of it: the text is longer than Zoho's property,
// and what was edited there is its beginning. To clear it is another thing. A base under a former key tells as well that the two were in step.
func (t *task) beheaded(base pair.Base, it *item) bool {
	limit := it.field.Zoho.Max
	return it.field.Type == crm.TypeText && limit > 0 && base.HubSpot.Known() && base.Zoho.Known() && it.decision.Action == merge.ToHubSpot && it.zoho.Filled() &&
		utf8.RuneCountInString(it.hubspot.Text()) > limit
}

// retry sends a held value once more to the side that refused it.
func (t *task) retry(p pair.Pair, it *item, held pair.Held) error {
	it.decision = merge.Decision{Field: it.field.Name, Action: merge.ToZoho, Value: it.hubspot, Rule: merge.RuleRetry}
	if held.System == crm.HubSpot {
		it.decision.Action, it.decision.Value = merge.ToHubSpot, it.zoho
	}
	return t.raw(p, it)
}

// uncover puts back the value of a held field in HubSpot that an old write of ours, landing late, has covered. Zoho does not
// hold it: what Zoho shows instead is nobody's wish.
func (t *task) uncover(b both, it *item, held pair.Held) bool {
	entries := b.hubspot.Record.History[it.field.Name]
	covered := held.Base.HubSpot != it.shows.HubSpot && held.Base.Zoho == it.shows.Zoho
	if held.System != crm.Zoho || held.Pending || !covered || len(entries) == 0 || !entries[0].Ours {
		return false
	}
	for _, e := range entries[1:] {
		if e.Ours {
			continue
		}
		if t.s.Book.Hasher.Raw(crm.HubSpot, it.field.Name, e.Value) != held.Base.HubSpot {
			return false
		}
		it.decision = merge.Decision{Field: it.field.Name, Action: merge.ToHubSpot, Value: e.Value, Rule: merge.RuleYields}
		it.toHub, it.goesOn = e.Value, &held
		return true
	}
	return false
}

// untouched reports whether both sides show their base, with nothing unfinished and no edit covered: there is nothing to
// translate and nothing to decide.
func (t *task) untouched(p pair.Pair, b both, it *item) bool {
	base := p.Base[it.slot]
	if !base.HubSpot.Known() || !base.Zoho.Known() || base != it.shows || p.KeyID != t.s.Book.Hasher.KeyID || p.Open(it.slot) {
		return false
	}
	if _, held := p.Held[it.slot]; held || slices.Contains(p.Restricted, it.slot) {
		return false
	}
	over, _ := t.unseen(p, crm.HubSpot, b.hubspot.Record, it.field)
	return !over.Known()
}

// input gathers what the decision about one field rests on.
func (t *task) input(p pair.Pair, b both, it *item, times map[crm.Field][]crm.Entry, timed bool) (merge.Field, error) {
	f, h, z := it.field, b.hubspot.Record, b.zoho.Record
	base := p.Base[it.slot]
	known := base.HubSpot.Known() && base.Zoho.Known() && p.KeyID == t.s.Book.Hasher.KeyID
	in := merge.Field{
		Name: f.Name, Policy: f.Policy, BaseKnown: known, Timed: timed, ZohoModified: modified(p, z, times[""]), Rank: f.Rank,
		Equal: t.equal(f, it.hubspot, it.zoho),
		HubSpot: merge.Side{
			Value: it.hubspot, Changed: !known || it.shows.HubSpot != base.HubSpot, At: h.Modified,
			Ours: p.Wrote(crm.HubSpot, it.slot, it.shows.HubSpot), ReadOnly: f.HubSpot.ReadOnly,
		},
		Zoho: merge.Side{
			Value: it.zoho, Changed: !known || it.shows.Zoho != base.Zoho,
			Ours: p.Wrote(crm.Zoho, it.slot, it.shows.Zoho), ReadOnly: f.Zoho.ReadOnly,
		},
		ZohoNamed: t.id.System == crm.Zoho && t.names(f.Zoho.Property),
	}
	if entries := h.History[f.Name]; len(entries) > 0 {
		top := entries[0]
		in.HubSpot.At = top.At
		in.HubSpot.Ours = top.Ours && !f.HubSpot.ReadOnly && (known || in.HubSpot.Ours) // what it derives from our write is its own word
		if known && !in.HubSpot.Changed && !top.Ours && top.At.After(p.HubSpotAt) {
			in.HubSpot.PutBack = top.At
		}
		if v, at := t.unseen(p, crm.HubSpot, h, f); v.Known() {
			c, err := t.word(it, crm.HubSpot, v)
			if err != nil {
				return in, err
			}
			in.Unseen, in.UnseenAt = c, at
		}
	} else if h.History != nil && it.hubRaw.IsEmpty() && !h.Created.IsZero() {
		in.HubSpot.At = h.Created // nobody has ever said anything of it
		if !known && f.Type == crm.TypeBool {
			in.HubSpot.Value = crm.Empty()
		}
	}
	if entries := times[f.Name]; len(entries) > 0 {
		top := entries[0]
		in.Zoho.At = top.At
		in.Zoho.Ours = top.Ours && (known || in.Zoho.Ours)
		if known && !in.Zoho.Changed && !top.Ours && top.At.After(p.ZohoAt) {
			in.Zoho.PutBack = top.At
		}
	}
	if !known && !t.asLead.IsZero() && t.asLead.Before(in.ZohoModified) && len(times[f.Name]) == 0 {
		in.ZohoModified = t.asLead // the contact was made when the lead was converted; what nobody has said since is as old as the lead
	}
	if t.unticked(it, known) && timed && len(times[f.Name]) == 0 {
		in.Zoho.Value = crm.Empty()
	}
	if it.invented = t.inventedName(p, h, it, known); it.invented {
		in.Equal = true
	} else if !known && p.Invented.Known() && p.Invented == it.shows.Zoho {
		in.Zoho.Value = crm.Empty() // somebody named the record in HubSpot since; what we made up is nobody's word
	}
	return in, nil
}

// inventedName reports whether Zoho shows a name that we made up where HubSpot shows none: it never flows back. A pair that knows nothing
// of what Zoho holds, after its row was lost or the key exchanged, tells it by the name that we would make up.
func (t *task) inventedName(p pair.Pair, hubspot crm.Record, it *item, known bool) bool {
	if !it.hubspot.IsEmpty() {
		return false
	}
	if known || it.field.Name != t.m.RequiredField(t.kind()) {
		return p.Invented.Known() && p.Invented == it.shows.Zoho
	}
	name, invented, ok := t.m.RequiredName(t.kind(), hubspot)
	return ok && invented && it.shows.Zoho == t.s.Book.Hasher.Raw(crm.Zoho, it.field.Name, crm.Text(name))
}

// apart reports whether two records met on a secondary e-mail address: both addresses are right, neither goes across.
func (t *task) apart(b both, it *item, in merge.Field) bool {
	return it.field.Type == crm.TypeEmail && !in.BaseKnown && !in.Equal && len(it.alien) == 0 && it.hubspot.Filled() && it.zoho.Filled() &&
		!it.field.HubSpot.ReadOnly && t.m.Matches(t.kind(), b.hubspot.Record, b.zoho.Record)
}

// modified is when somebody else last modified a Zoho record, as far as its own time tells: our writes move it too, and one
// without an answer shows in the record's timeline only.
func modified(p pair.Pair, z crm.Record, timeline []crm.Entry) time.Time {
	if z.Modified.Equal(p.ZohoWrote) && !p.ZohoBefore.IsZero() {
		return p.ZohoBefore
	}
	if len(timeline) == 0 || !timeline[0].Ours || z.Modified.After(timeline[0].At) {
		return z.Modified
	}
	for _, e := range timeline {
		if !e.Ours {
			return e.At
		}
	}
	if z.Created.IsZero() {
		return z.Modified
	}
	return z.Created
}

func (t *task) equal(f mapping.Field, hubspot, zoho crm.Value) bool {
	if f.Type == crm.TypeCompany {
		return hubspot == zoho
	}
	return f.Equal(hubspot, zoho)
}

// mayHaveLanded reports whether a write to Zoho that was begun and not answered may be what its record shows: the record was
// modified since, and since it was last read.
func (t *task) mayHaveLanded(p pair.Pair, slot pair.Slot, z crm.Record) bool {
	return !z.Modified.Equal(p.ZohoAt) && slices.ContainsFunc(p.Unfinished, func(u pair.Unfinished) bool {
		return u.System == crm.Zoho && u.Slot == slot && !z.Modified.Before(u.At.Add(-skew))
	})
}

// altered reports whether Zoho stored something else than we sent: a field that nobody has read back since our write shows
// another value. Asked for its times, Zoho tells a user's edit apart.
func (t *task) altered(p pair.Pair, b both, it *item, in merge.Field, times map[crm.Field][]crm.Entry) bool {
	z := b.zoho.Record
	begun := t.mayHaveLanded(p, it.slot, z)
	if in.Equal || !in.BaseKnown && !begun || !in.Zoho.Changed || p.Wrote(crm.Zoho, it.slot, it.shows.Zoho) {
		return false
	}
	if !in.Timed {
		return begun || slices.Contains(p.Sent, it.slot)
	}
	if entries := times[it.field.Name]; len(entries) > 0 {
		return entries[0].Ours
	}
	// A timeline that tells of other fields and not of this one says that nobody has edited it.
	sent, told := slices.Contains(p.Sent, it.slot), len(times[""]) > 0
	return sent && (z.Modified.Equal(p.ZohoWrote) || told) || begun && (z.Modified.Equal(z.Created) || told)
}
