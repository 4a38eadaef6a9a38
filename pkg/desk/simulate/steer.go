package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	steering "crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/rules"
)

// Operators and their switches, the brake, and Zoho's tokens: what they do, and what must hold of it.

// modeChange is a mode that holds from an instant on.
type modeChange struct {
	at   time.Time
	mode crm.Mode
	why  string // of the brake
}

// noteMode remembers who switched the stack to what.
func (s *sim) noteMode(puts []row.Put) {
	for _, put := range puts {
		if put.Key.Sort != steering.Mode {
			continue
		}
		word, why, _ := strings.Cut(string(put.Value), " ")
		s.modes = append(s.modes, modeChange{at: s.now(), mode: crm.Mode(word), why: why})
		s.tracef("the stack is to be %s: %q", word, why)
	}
}

func (s *sim) mode() modeChange {
	if len(s.modes) == 0 {
		return modeChange{mode: crm.On}
	}
	return s.modes[len(s.modes)-1]
}

// set is what connector does.
func (s *sim) set(m crm.Mode) {
	rows := &steering.Rows{Store: &table{s, sandbox.Config, s.w.Tables[sandbox.Config]}, Now: s.w.Clock.Now}
	if err := rows.Set(context.Background(), steering.Mode, []byte(m)); err != nil {
		s.violate("unreadable", "the mode cannot be set: %v", err)
	}
}

// resume switches the stack on if it is not.
func (s *sim) resume() {
	if s.mode().mode != crm.On {
		s.set(crm.On)
	}
}

// heeds is how long a switch may go unnoticed: a row is kept for a minute, and an invocation that has read it works on.
const heeds = steering.Fresh + functionLives

// heeded checks that nobody writes while the stack does not.
func (s *sim) heeded(q *request) {
	m := s.mode()
	for i := len(s.modes) - 1; i > 0 && s.modes[i].mode != crm.On; i-- {
		m = s.modes[i]
	}
	if m.mode != crm.On && !q.inv.frozen && s.now().Sub(m.at) > heeds {
		s.violate("unasked", "%s writes while the stack is %s: %s", q.inv, m.mode, q)
	}
}

// pause switches the stack to observe or off for some minutes.
func (p person) pause() {
	m := crm.Observe
	if p.dice.IntN(3) == 0 {
		m = crm.Off
	}
	d := time.Duration(1+p.dice.IntN(25)) * time.Minute
	p.say(nil, "an operator sets the stack to %s for %s", m, d)
	p.s.set(m)
	p.s.after(d, p.s.resume)
}

// replay tries once more what is parked, one row or all of them, as connector parked replay does.
func (p person) replay() {
	rows, err := p.s.parked()
	if err != nil {
		p.s.violate("unreadable", "the parked rows cannot be listed: %v", err)
		return
	}
	rows = slices.DeleteFunc(rows, func(r fault.Parked) bool { return r.Record.IsZero() })
	if len(rows) > 0 && p.dice.IntN(3) > 0 {
		n := p.dice.IntN(len(rows))
		rows = rows[n : n+1]
	}
	p.s.again(p.n, rows)
}

// again queues the records of rows, each once.
func (s *sim) again(n int, rows []fault.Parked) {
	seen := map[crm.ID]bool{}
	for _, r := range rows {
		if seen[r.Record] {
			continue
		}
		seen[r.Record] = true
		s.tracef("USER %d: an operator replays %s", n, s.short(r.Record))
		s.serial++
		op := crm.Operation{
			V: crm.OperationVersion, ID: fmt.Sprintf("replay-%d", s.serial), Connection: crm.DefaultConnection, Source: r.Record.System,
			Kind: r.Record.Module.Kind(), Module: r.Record.Module, Verb: crm.Replay, RecordID: r.Record.Key, ReceivedAt: s.now(),
		}
		for _, l := range s.lanes() {
			if l.Name != string(op.Source.Other())+"Operations" {
				continue
			}
			// An operator sees whether it was queued, and types the command again.
			if err := (queue.Sender{Queue: &line{s, l.Name, l.Queue}}).Send(context.Background(), []crm.Operation{op}); err != nil {
				s.after(time.Minute, func() { s.again(n, []fault.Parked{r}) })
			}
		}
	}
}

// parked returns the open rows.
func (s *sim) parked() ([]fault.Parked, error) {
	ledger := digest.Ledger{Store: s.w.Tables[sandbox.Parked], Now: s.w.Clock.Now}
	return ledger.List(context.Background())
}

// clearEverywhere empties one field of everybody, as a careless import does.
func (p person) clearEverywhere() {
	sys := p.side()
	name := at(sys, texts[crm.Contacts][[]int{0, 2, 3}[p.dice.IntN(3)]])
	for _, id := range p.s.ids(sys, crm.Contacts) {
		p.set(sys, crm.Contacts, id, map[string]string{name: ""})
	}
	p.s.after(time.Duration(5+p.dice.IntN(20))*time.Minute, p.s.resume)
}

// brakes is within which time the brake surely counts: its window but for the slot that it may have forgotten.
const brakes = rules.ClearWindow * 11 / 12

// clearing is a write of ours that empties a field.
type clearing struct {
	at    time.Time
	field crm.Field
	by    *invocation
	of    string // the HubSpot id of the pair
	was   string // what it emptied
}

// braked checks that no field is emptied more often than the brake lets through.
func (s *sim) braked(q *request, m crm.Module, key string, props map[string]any) {
	shows, ok := s.props(q.system, m, key)
	if !ok || s.cfg.limits.Clearings == 0 {
		return
	}
	for _, f := range s.m.Fields(m.Kind()) {
		name := f.Side(q.system).Property
		v, set := props[name]
		if !set || v != nil && v != "" || shows[name] == "" {
			continue
		}
		of := key
		if q.system == crm.Zoho {
			of = shows["HubSpot_Id"]
		}
		n, counted := 1, false
		for _, c := range s.clearings {
			if c.field == f.Name && s.now().Sub(c.at) < brakes {
				n++
				counted = counted || c.of == of && (c.by == q.inv || c.was == shows[name]) // on the other side too, or the same value tried again
			}
		}
		if counted {
			continue
		}
		s.clearings = append(s.clearings, clearing{s.now(), f.Name, q.inv, of, shows[name]})
		if n > s.cfg.limits.Clearings {
			s.violate("unbraked", "%s is cleared for the %dth time in %s: %s", f.Name, n, brakes, q)
		}
	}
}

func (p person) killTokens() {
	p.s.w.Zoho.KillTokens()
	p.s.kills = append(p.s.kills, p.s.now())
	p.say(nil, "zoho forgets every access token")
}

// oneToken is how long a new token serves everybody: no schedule replaces it sooner.
const oneToken = 9 * time.Minute

// herd: one refresh for all after every death of a token, however many of us found it dead.
func (v verdict) herd() {
	for i, killed := range v.kills {
		until := killed.Add(oneToken)
		if i+1 < len(v.kills) && v.kills[i+1].Before(until) {
			until = v.kills[i+1]
		}
		n := 0
		for _, at := range v.grants {
			if !at.Before(killed) && at.Before(until) {
				n++
			}
		}
		if n > 1 {
			v.violate("herd", "the token died at %s, and %d new ones were fetched until %s", since(killed), n, since(until))
		}
	}
}
