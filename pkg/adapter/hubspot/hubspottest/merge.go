package hubspottest

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// merge joins another record into a primary one. Since January 2025 the result is a new, third record, and both old ids
// resolve to it; accounts in the beta "Primary ID Preservation for Merged Records" keep the primary's id. HubSpot docs:
// Contacts guide 2026-09, "Merge contacts". The primary's values stay, its empty ones are filled, the other's e-mail
// address becomes a secondary one, the further lifecycle stage and the earlier createdate stay (knowledge base: Merge records).
func (s *Server) merge(t *table, primary, other *record, by actor) *record {
	at := s.now()
	asker := by
	by.sourceType = "MERGE_OBJECTS"
	survivor := primary
	if !s.opt.KeepPrimary {
		survivor = t.add(at)
		for _, name := range sortedKeys(primary.props) {
			for _, e := range primary.props[name] {
				t.put(survivor, name, e)
			}
		}
		t.put(survivor, "hs_object_id", entry{survivor.id, at, by})
		primary.enter(merged, at, survivor)
	}
	other.enter(merged, at, survivor)
	moved := s.fill(t, survivor, other, at, by)
	t.put(survivor, "hs_merged_object_ids", entry{mergedIDs(survivor, primary, other), at, by})
	s.touch(t, survivor, at, by)
	e := event{kind: "merge", ObjectID: number(primary.id), PrimaryID: number(primary.id), MergedIDs: []int64{number(other.id)}, Moved: &moved}
	if survivor != primary {
		e.NewID = number(survivor.id)
	}
	s.record(Write{At: at, Op: "merge", Module: t.module, ID: survivor.id}, by, nil)
	s.emit(t, e, asker)
	if survivor != primary {
		s.relink(t, primary, survivor, asker)
	}
	s.relink(t, other, survivor, asker)
	return survivor
}

// fill takes from the other record what the survivor lacks, and returns how many properties that were.
func (s *Server) fill(t *table, to, from *record, at time.Time, by actor) (moved int) {
	var now time.Time
	for _, name := range sortedKeys(from.props) {
		p, theirs, own := t.property(name), from.value(name, now), to.value(name, now)
		take := false
		switch {
		case theirs == "" || name == "associatedcompanyid" || name == "hs_additional_emails":
		case name == "email" && own != "":
			t.put(to, "hs_additional_emails", entry{joinMembers(to.value("hs_additional_emails", now), theirs, own), at, by})
		case name == "domain" && own != "" && own != theirs:
			t.put(to, "hs_additional_domains", entry{joinMembers(to.value("hs_additional_domains", now), theirs, own), at, by})
		case name == "createdate":
			take = from.time(name, now).Before(to.time(name, now))
		case name == "lifecyclestage" && p != nil:
			take = p.rank(theirs) > p.rank(own)
		default:
			take = p != nil && !p.ReadOnly && own == ""
		}
		if take {
			t.put(to, name, entry{theirs, at, by})
			moved++
		}
	}
	if more := from.value("hs_additional_emails", now); more != "" {
		t.put(to, "hs_additional_emails", entry{joinMembers(to.value("hs_additional_emails", now), more, to.value("email", now)), at, by})
	}
	return moved
}

// mergedIDs is hs_merged_object_ids of the survivor: every id that was merged into it, "51;1;1551".
func mergedIDs(survivor, primary, other *record) string {
	ids := map[string]bool{}
	for _, r := range []*record{primary, other} {
		for id := range strings.SplitSeq(r.value("hs_merged_object_ids", time.Time{}), ";") {
			ids[id] = true
		}
		ids[r.id] = true
	}
	delete(ids, "")
	delete(ids, survivor.id)
	return strings.Join(slices.Sorted(maps.Keys(ids)), ";")
}

// erase deletes a contact for good: no id of it answers any more, archived or not. The privacyDeletion comes beside a
// plain deletion, in a delivery of its own and in any order. HubSpot docs: Webhooks, "contact.privacyDeletion".
func (s *Server) erase(r *record, by actor) {
	at := s.now()
	t := s.contacts()
	for _, id := range slices.Clone(r.links) {
		company := s.companies().byID[id]
		drop(&company.links, r.id)
	}
	r.links = nil
	r.enter(erased, at, nil)
	s.record(Write{At: at, Op: "erase", Module: t.module, ID: r.id}, by, nil)
	privacy := event{kind: "privacyDeletion", ObjectID: number(r.id), ChangeFlag: "DELETED", alone: true}
	deletion := event{kind: "deletion", ObjectID: number(r.id), ChangeFlag: "DELETED"}
	if s.opt.Rand.IntN(2) == 0 {
		s.emit(t, deletion, by)
		s.emit(t, privacy, by)
		return
	}
	s.emit(t, privacy, by)
	s.emit(t, deletion, by)
}
