package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
)

type doctorCommand struct {
	TestRecord string `help:"Id of a HubSpot contact that is there to be tried on, and in step with Zoho: fields of both are changed and put back, and a contact is made in Zoho and removed, to learn how these accounts behave." placeholder:"ID"`
}

// Help is what --help adds.
func (doctorCommand) Help() string {
	return `Looks at secrets, settings, tables, queues, mapping, mode, both CRMs, the notification channel, the door, WhatsApp and conversions where they are set up, the mail and the clocks: at what is stored and what the functions are told. A variable that says something else in the environment here is named, and not gone by. It changes nothing but this: it has a new access token of Zoho put into the stack's table, which shows that client and refresh token work; of those the stack takes eight in ten minutes at most. With --plan it goes on with the one that is stored. Whether that token may write it learns by updating a contact and an account that are not there. And it notes a fingerprint of PAIR_KEY where none is noted yet, or nothing was made with a key. A fault ends with exit code 1; a note does not.

With --test-record it also learns whether Zoho refuses a stale conditional write and a second record with the same HubSpot_Id, whether our own writes are recognised as ours in HubSpot's history and Zoho's timeline, and whether Zoho finds an e-mail address that is written with capitals, on a contact that it makes in Zoho for that and removes. What it learned is kept, and part of every later look. Take a contact that nobody needs, and let the stack be on.

Examples:

    connector doctor --stack crm-connector
    connector doctor --desk http://127.0.0.1:8080
    connector doctor --stack crm-connector --test-record 151`
}

// The levels of a finding.
const (
	levelOK    = "ok"
	levelNote  = "note"  // worth knowing; nothing is wrong
	levelFault = "fault" // something does not work
	levelSkip  = "skip"  // cannot be told before another finding is mended
)

// finding is what one check came to.
type finding struct {
	Check string `json:"check"`
	Level string `json:"level"`
	What  string `json:"what"`
	Mend  string `json:"mend,omitempty"`
}

// Run looks at everything.
func (c doctorCommand) Run(ctx context.Context, s *session) error {
	var test crm.ID
	if c.TestRecord != "" {
		var err error
		if test, err = record(string(crm.HubSpot), c.TestRecord, false); err != nil {
			return err
		}
	}
	st, err := s.ofVersion(ctx, toRead)
	if err != nil {
		return err
	}
	s.looks = s.flags.Plan
	e := &exam{session: s, st: st, works: map[string]bool{}, dark: map[string]bool{}}
	for _, check := range []func(context.Context){
		e.functions, e.secrets, e.settings, e.tables, e.queues, e.key, e.mapping, e.mode,
		e.hubspotToken, e.hubspotScopes, e.zohoToken, e.zohoScopes, e.properties, e.currency, e.externalID, e.channel, e.reconciled, e.doors, e.whatsapp, e.conversions, e.mail, e.clock, e.parked, e.quarantined,
	} {
		e.look(ctx, check)
	}
	if !test.IsZero() && ctx.Err() == nil {
		e.learn(ctx, test) // what it touched it tells, stopped or not
	}
	e.look(ctx, e.learned)
	e.environment()
	s.findings(e.found)
	n := faults(e.found)
	s.show("faults", n)
	switch {
	case n > 0:
		s.printf("\n%s\n", many(n, "fault"))
		return errFinding
	case ctx.Err() == nil:
		s.printf("\nall is well\n")
	}
	return ctx.Err()
}

// look makes one check. What a check says that was stopped (Ctrl-C) is of the stop, and those after it do not begin.
func (e *exam) look(ctx context.Context, check func(context.Context)) {
	if ctx.Err() != nil {
		return
	}
	before := len(e.found)
	if check(ctx); ctx.Err() != nil {
		e.found = e.found[:before]
	}
}

// findings prints findings.
func (s *session) findings(all []finding) {
	if all == nil {
		all = []finding{}
	}
	s.show("findings", all)
	for _, f := range all {
		s.printf("%-5s  %-20s %s\n", f.Level, f.Check, f.What)
		if f.Mend != "" {
			s.printf("%-28s→ %s\n", "", f.Mend)
		}
	}
}

func faults(all []finding) int {
	n := 0
	for _, f := range all {
		if f.Level == levelFault {
			n++
		}
	}
	return n
}

// exam is one look at a stack. A check that another one's finding stands in the way of is skipped, so that one fault is named
// once.
type exam struct {
	*session
	st    *Stack
	c     *clients
	m     *mapping.Mapping
	held  map[string]crm.Secret
	now   modeNow  // once "mode" works
	money string   // HubSpot's company currency, once "hubspot.token" works; "" where it does not tell it
	meta  business // once "whatsapp.token" works
	phone graph    // likewise
	found []finding
	works map[string]bool // what later checks rest on
	// carries says that Zoho's channel carries another token than the store has, which the door may have too.
	carries bool
	wrong   map[string]bool // settings that are
	dark    map[string]bool // hosts at which nobody answers, or somebody else
}

func (e *exam) add(level, check, what, mend string) {
	e.found = append(e.found, finding{check, level, what, mend})
}

func (e *exam) ok(check, format string, args ...any) {
	e.works[check] = true
	e.add(levelOK, check, fmt.Sprintf(format, args...), "")
}

func (e *exam) note(check, what, mend string)  { e.add(levelNote, check, what, mend) }
func (e *exam) fault(check, what, mend string) { e.add(levelFault, check, what, mend) }

// after reports whether everything that a check rests on works; else it is skipped.
func (e *exam) after(check string, on ...string) bool {
	var missing []string
	for _, o := range on {
		if !e.works[o] {
			missing = append(missing, o)
		}
	}
	if missing == nil {
		return true
	}
	e.skip(check, missing...)
	return false
}

// skip says what is to be mended first, or given.
func (e *exam) skip(check string, missing ...string) {
	unknown := slices.DeleteFunc(slices.Clone(missing), func(name string) bool { return !slices.Contains(e.st.Unknown, name) })
	if len(unknown) > 0 {
		e.add(levelSkip, check, "not looked at before "+strings.Join(unknown, ", ")+" is set here: "+theirs, "")
		return
	}
	e.add(levelSkip, check, "not looked at before "+strings.Join(missing, ", ")+" is right", "")
}

// trouble is what to do about a call that failed.
func trouble(err error) string {
	switch fault.KindOf(err) {
	case fault.Throttled:
		return "it asks for patience: run connector doctor again in a few minutes"
	case fault.Down, fault.Busy:
		return "see whether the address is right and the system is up, then run connector doctor again"
	case fault.Setup:
		return permission(err) + ", then run connector doctor again"
	}
	return "run connector doctor again; if it stays, report it with this line"
}
