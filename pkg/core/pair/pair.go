// Package pair holds the link between a HubSpot record and a Zoho record: which two they are, what both held at the last
// sync, what was begun and not answered, what a side refused, and who is at work on it. It decides nothing about values
// and stores nothing: rows are the business of identity.
package pair

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// State says what a pair is good for.
type State uint8

// The states of a pair.
const (
	// Living: both records exist and are kept in step.
	Living State = iota + 1
	// Creating: the HubSpot record has a name, its Zoho record is being inserted.
	Creating
	// Orphan: one half is gone. Nothing is deleted or made anew by itself.
	Orphan
	// Superseded: the HubSpot record was merged into another one, whose pair is Successor. The Zoho record is a duplicate,
	// neither read nor written.
	Superseded
)

// Slot stands for a field together with the two properties that it joins, so that a field that is mapped to another
// property starts without a base instead of looking edited.
type Slot uint32

// SlotOf returns the slot of a field.
func SlotOf(f crm.Field, hubspot, zoho string) Slot {
	h := fnv.New32a()
	for _, s := range []string{string(f), hubspot, zoho} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return Slot(h.Sum32())
}

// Base is what both sides of one field held when it last came to rest.
type Base struct{ HubSpot, Zoho Hash }

// Of returns the base of one side.
func (b Base) Of(sys crm.System) Hash {
	if sys == crm.HubSpot {
		return b.HubSpot
	}
	return b.Zoho
}

// Unfinished is a write to one field that was begun and not answered. The list keeps every one of them until the answer
// or a day later: a write that times out may land long after a newer one.
type Unfinished struct {
	System crm.System
	Slot   Slot
	Hash   Hash // of the raw value that was sent
	At     time.Time
}

// UnfinishedFor is how long a write of unknown outcome is remembered.
const UnfinishedFor = 24 * time.Hour

// Held is a field that one side refused, or that has no counterpart there. It is left alone until a side changes, the
// mapping does, or an operator asks for it.
type Held struct {
	System  crm.System // the side that refused
	Base    Base       // what both sides showed then
	Mapping string     // version of the mapping in force then
	Hint    fault.Hint
	Code    string
	Other   string // for a duplicate: the key of the record that has the value
	Pending bool   // not a refusal: the company of a contact is not paired yet
}

// Lease says who is at work on the pair and until when.
type Lease struct {
	Owner string
	Until time.Time
}

// Pair is the link. The zero value of a time means that it never happened.
type Pair struct {
	ID         string
	Connection string
	Kind       crm.Kind
	State      State
	HubSpot    string     // key of the HubSpot record
	Zoho       string     // key of the Zoho record, "" while it is created for the first time, the one that is gone while it is created anew
	Linked     bool       // the Zoho record was seen to carry the HubSpot id
	Duplicates []string   // keys of Zoho records whose pairs this one superseded
	Former     []Side     // records that the pair went on without: merged away, or replaced by another one
	Successor  string     // Superseded: the pair that goes on
	Gone       crm.System // Orphan: the half that is gone
	GoneAt     time.Time
	KeyID      uint8
	Base       map[Slot]Base
	Unfinished []Unfinished
	Sent       []Slot // fields of our last write to Zoho that nobody has read back since
	Begun      bool   // a sync was begun and has not come to rest
	Restricted []Slot // strict fields that were restrictive on a record that the pair goes on without: they are to be so on both of its own
	Held       map[Slot]Held
	Invented   Hash      // of the mandatory value that we made up for Zoho at creation
	ReadAt     time.Time // when the last read of both sides began after which every field came to rest
	UpdatedAt  time.Time // HubSpot's modified time, the newest that was seen or caused
	HubSpotAt  time.Time // HubSpot's modified time at the last read that was taken in
	ZohoAt     time.Time // Zoho's modified time, the newest that was seen or caused
	ZohoSeen   time.Time // our clock when the Zoho record was last seen with that modified time and at its base; zero when it was not
	ZohoWrote  time.Time // Zoho's modified time as our own last write answered it
	ZohoBefore time.Time // Zoho's modified time before our last write: when somebody else last modified the record
	SyncedAt   time.Time // our clock when the pair was last saved by a sync
	Lease      Lease
	Counted    Hash       // of the last overwriting that the brake has counted
	Decided    []Decision // what was last decided, newest first, MaxDecided at most
}

// MaxDecided is how many decisions a pair remembers.
const MaxDecided = 8

// Decision is one value that went across, or would have, for whoever asks why. It holds no value.
type Decision struct {
	At        time.Time
	Field     crm.Field
	To        string    // the system that got the value, or "both"
	Rule      string    // of package merge
	HubSpotAt time.Time // the field times that were compared, if they were
	ZohoAt    time.Time
	Observed  bool // the stack only observed: nothing was written
}

// Decide remembers decisions, and forgets the oldest.
func (p *Pair) Decide(d ...Decision) {
	p.Decided = append(slices.Clone(d), p.Decided...)
	p.Decided = p.Decided[:min(len(p.Decided), MaxDecided)]
}

// Side is a record of the pair's kind in one of the two systems.
type Side struct {
	System crm.System
	Key    string
}

// Leave remembers a record that the pair goes on without, so that its name is found when the pair is forgotten.
func (p *Pair) Leave(sys crm.System, keys ...string) {
	for _, key := range keys {
		if s := (Side{sys, key}); key != "" && !slices.Contains(p.Former, s) {
			p.Former = append(p.Former, s)
		}
	}
}

// Unleave forgets that the pair went on without a record, and reports whether it had.
func (p *Pair) Unleave(sys crm.System, key string) bool {
	n := len(p.Former)
	p.Former = slices.DeleteFunc(p.Former, func(s Side) bool { return s == Side{sys, key} })
	if len(p.Former) == 0 {
		p.Former = nil
	}
	return len(p.Former) < n
}

// Renew gives the pair its Zoho record. When it had another one, what was known of that one's values is forgotten; what was begun
// stays, and what is held: the new one was made without it.
func (p *Pair) Renew(zoho string) {
	if p.Zoho != "" && p.Zoho != zoho {
		p.Leave(crm.Zoho, p.Zoho)
		p.Base, p.Sent = nil, nil
		p.Lose()
	}
	p.Zoho, p.Gone, p.GoneAt = zoho, "", time.Time{}
}

// Key returns the key of the record on one side, "" when there is none yet.
func (p Pair) Key(sys crm.System) string {
	if sys == crm.HubSpot {
		return p.HubSpot
	}
	return p.Zoho
}

// Record returns the id of the record on one side.
func (p Pair) Record(sys crm.System) crm.ID {
	return crm.ID{System: sys, Module: p.Kind.Home(), Key: p.Key(sys)}
}

// Clone returns a copy that shares nothing with p.
func (p Pair) Clone() Pair {
	p.Duplicates, p.Former = slices.Clone(p.Duplicates), slices.Clone(p.Former)
	p.Base = maps.Clone(p.Base)
	p.Unfinished = slices.Clone(p.Unfinished)
	p.Sent, p.Restricted = slices.Clone(p.Sent), slices.Clone(p.Restricted)
	p.Held = maps.Clone(p.Held)
	p.Decided = slices.Clone(p.Decided)
	return p
}

// Leased reports whether somebody else than owner is at work on the pair.
func (p Pair) Leased(owner string, now time.Time) bool {
	return p.Lease.Owner != "" && p.Lease.Owner != owner && now.Before(p.Lease.Until)
}

// Begin notes a write that is about to be sent.
func (p *Pair) Begin(u Unfinished) { p.Unfinished = append(p.Unfinished, u) }

// Answered forgets the writes of one side that were begun at the given moment: the side has answered, whatever it said.
// Earlier ones of unknown outcome stay.
func (p *Pair) Answered(sys crm.System, at time.Time) {
	p.Unfinished = slices.DeleteFunc(p.Unfinished, func(u Unfinished) bool { return u.System == sys && u.At.Equal(at) })
}

// Landed forgets the writes of a field that are what its records show.
func (p *Pair) Landed(slot Slot, shows Base) {
	p.Unfinished = slices.DeleteFunc(p.Unfinished, func(u Unfinished) bool { return u.Slot == slot && u.Hash == shows.Of(u.System) })
}

// Expire forgets the writes that are too old to land.
func (p *Pair) Expire(now time.Time) {
	p.Unfinished = slices.DeleteFunc(p.Unfinished, func(u Unfinished) bool { return now.Sub(u.At) >= UnfinishedFor })
}

// Wrote reports whether a write of the value to that field of that side is unfinished.
func (p Pair) Wrote(sys crm.System, slot Slot, h Hash) bool {
	return h.Known() && slices.ContainsFunc(p.Unfinished, func(u Unfinished) bool {
		return u.System == sys && u.Slot == slot && u.Hash == h
	})
}

// Open reports whether any write to that field is unfinished.
func (p Pair) Open(slot Slot) bool {
	return slices.ContainsFunc(p.Unfinished, func(u Unfinished) bool { return u.Slot == slot })
}

// Forget drops everything that was known of the values: the next sync meets both records as if for the first time.
func (p *Pair) Forget() {
	p.Base, p.Held, p.Unfinished, p.Sent = nil, nil, nil, nil
	p.Lose()
}

// Lose drops what was known of when the records were read, and keeps what they held: one of them is gone for now.
func (p *Pair) Lose() {
	p.ReadAt, p.HubSpotAt, p.ZohoAt, p.ZohoSeen, p.ZohoWrote, p.ZohoBefore = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
}

// Retry lets fields that are held be tried again, all of them if none is named: what was refused once more, what waits decided anew,
// one that a system altered as if both sides met in it for the first time.
func (p *Pair) Retry(slots ...Slot) {
	if len(slots) == 0 {
		slots = slices.Collect(maps.Keys(p.Held))
	}
	for _, slot := range slots {
		h, held := p.Held[slot]
		switch {
		case !held:
		case h.Hint == fault.HintAltered:
			delete(p.Base, slot)
			delete(p.Held, slot)
		case h.Base == Base{}:
			delete(p.Held, slot)
		default:
			h.Mapping = Untried
			p.Held[slot] = h
		}
	}
	if len(p.Held) == 0 {
		p.Held = nil
	}
}

// Untried stands for the mapping of a field that is held and is to be tried again under whichever is in force.
const Untried = ""

// Restrict notes strict fields that have to be restrictive on both records, whatever they show, until they come to rest.
func (p *Pair) Restrict(slots ...Slot) {
	for _, slot := range slots {
		if !slices.Contains(p.Restricted, slot) {
			p.Restricted = append(p.Restricted, slot)
		}
	}
}

// Settle notes that a field came to rest with these hashes.
func (p *Pair) Settle(slot Slot, b Base) {
	if p.Restricted = slices.DeleteFunc(p.Restricted, func(s Slot) bool { return s == slot }); len(p.Restricted) == 0 {
		p.Restricted = nil
	}
	if p.Base == nil {
		p.Base = map[Slot]Base{}
	}
	p.Base[slot] = b
	delete(p.Held, slot)
}

// Hold notes that a field is left alone.
func (p *Pair) Hold(slot Slot, h Held) {
	if p.Held == nil {
		p.Held = map[Slot]Held{}
	}
	p.Held[slot] = h
}
