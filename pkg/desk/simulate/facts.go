package simulate

import (
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
)

// facts is what an onlooker notes while the run goes on.
type facts struct {
	taken         map[string]string // operations that were accepted, and what they are about
	heard         map[crm.ID]bool   // records that an operation was about
	endings       map[string]fault.Ending
	stopped       map[string]int // operations: how many workers that held them died, stood still for too long or could not count their starts
	belated       []string       // keys of parked rows that a worker wrote after it had been frozen
	pairs         map[string][]pairVersion
	hubspotWrites []*hubspotWrite
	insertions    []*insertion
	erasures      map[string]time.Time // erased in HubSpot, and when the operation was done
	deleted       []crm.ID
	replayed      []string // ids of the rows that an operator replayed when all was quiet
	modes         []modeChange
	clearings     []clearing
	kills, grants []time.Time // when tokens died, and were asked for
	counts        map[string]int
	serial        int
	over          bool
	silent        bool // companies went into each other: Zoho moves what points at them and tells nobody
}

// pairVersion is the row of a pair from an instant on.
type pairVersion struct {
	at    time.Time
	reads [2]time.Time // the states of HubSpot and Zoho that the writer had read; zero: none
	pair.Pair
}

func (f *facts) begin() {
	f.taken, f.endings, f.heard = map[string]string{}, map[string]fault.Ending{}, map[crm.ID]bool{}
	f.stopped = map[string]int{}
	f.pairs, f.erasures = map[string][]pairVersion{}, map[string]time.Time{}
	f.counts = map[string]int{}
}

// stops notes that a worker did not come to its end in time, with everything that it held.
func (inv *invocation) stops() {
	if inv.dead || inv.frozen {
		return
	}
	for _, d := range inv.holds {
		if op, err := queue.Decode(d.Body); err == nil {
			inv.s.stopped[op.ID]++
		}
	}
}

// miscounts notes that a worker could not count its starts, or take them back: what it held counts as started and not ended.
func (inv *invocation) miscounts(what string) {
	if strings.HasPrefix(what, sandbox.Attempts+".Put") {
		inv.stops()
	}
}

// accepted notes the operations that are in a queue now.
func (s *sim) accepted(entries []batch.Entry) {
	for _, e := range entries {
		op, err := queue.Decode(e.Body)
		if err != nil {
			s.violate("unreadable", "a message that was sent cannot be read: %v", err)
			continue
		}
		s.heard[op.Record()] = true
		s.taken[op.ID] = string(op.Verb) + " of " + op.Record().String()
		if s.opt.Trace {
			s.tracef("queued: %s of %s %s %v", op.Verb, s.short(op.Record()), op.ID[:min(8, len(op.ID))], op.Fields)
		}
	}
}

// ended notes how a message ended, if the function lived to say so.
func (s *sim) ended(m batch.Message, out fault.Outcome) {
	inv := s.current
	if inv != nil && inv.dead {
		return
	}
	if s.opt.Trace {
		note := out.Note
		if out.Err != nil {
			note += " (" + out.Err.Error() + ")"
		}
		s.tracef("%s: %s of %s %s: %s %s", inv, m.Operation.Verb, s.short(m.Operation.Record()), m.Operation.ID[:min(8, len(m.Operation.ID))], out.Ending, s.words(note))
	}
	if out.Ending != fault.Done && out.Ending != fault.ParkedAway {
		return
	}
	s.endings[m.Operation.ID] = out.Ending
	if m.Operation.Verb == crm.Erase && s.erasures[m.Operation.RecordID].IsZero() {
		s.erasures[m.Operation.RecordID] = s.now()
	}
}

// String names an invocation in the trace.
func (inv *invocation) String() string {
	if inv == nil {
		return "nobody"
	}
	return "  [" + inv.name + " " + itoa(inv.id) + "]"
}

func itoa(n int) string {
	var b [8]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return string(b[i:])
		}
	}
}

// notePairs remembers every version of every pair's row, and that the writer has noted its writes.
func (s *sim) notePairs(inv *invocation, puts []row.Put) {
	for _, put := range puts {
		id, ok := cutPrefix(put.Key.Part, "P#")
		if !ok || put.Delete {
			continue
		}
		p, err := pair.Decode(put.Value)
		if err != nil {
			s.violate("unreadable", "the row of pair %s cannot be read: %v", id, err)
			continue
		}
		v := pairVersion{at: s.now(), Pair: p}
		if s.opt.Trace {
			states := [...]string{"?", "living", "creating", "orphan", "superseded"}
			s.tracef("    pair %s %s hubspot %s zoho %s %s", id, states[p.State], s.name(p.HubSpot), s.name(p.Zoho), p.Successor)
		}
		if inv != nil {
			v.reads = [2]time.Time{inv.reads[p.HubSpot], inv.reads[p.Zoho]}
		}
		s.pairs[id] = append(s.pairs[id], v)
		if inv == nil || inv.dead {
			continue
		}
		inv.writes = slices.DeleteFunc(inv.writes, func(w *hubspotWrite) bool {
			w.saved = w.key == p.HubSpot && !w.at.IsZero()
			return w.saved
		})
	}
}

// noteBelated remembers the parked rows that a worker writes after it was frozen: what they tell may have been mended meanwhile, and the
// next success of their record closes them.
func (s *sim) noteBelated(inv *invocation, puts []row.Put) {
	if inv == nil || !inv.frozen {
		return
	}
	for _, put := range puts {
		s.belated = append(s.belated, put.Key.Sort)
	}
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return "", false
	}
	return s[len(prefix):], true
}
