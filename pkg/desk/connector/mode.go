package connector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/rules"
)

// within is how soon the functions notice a row.
const within = "the functions notice within a minute"

type modeCommand struct {
	Show modeShowCommand `cmd:"" default:"1" help:"Print the mode."`
	Set  modeSetCommand  `cmd:"" help:"Change the mode."`
}

type modeShowCommand struct{}

// Help is what --help adds.
func (modeShowCommand) Help() string {
	return `off: operations end without a look. observe: everything but writing; the decisions stand in the log. on: writes.

Examples:

    connector mode show --stack crm-connector
    connector mode --desk http://127.0.0.1:8080 --json`
}

// Run prints the mode.
func (modeShowCommand) Run(ctx context.Context, s *session) error {
	_, m, err := s.inMode(ctx, toRead)
	if err != nil {
		return err
	}
	s.show("mode", m.Mode)
	s.show("why", m.Why)
	s.show("brake", m.Brake())
	if m.Brake() {
		s.show("pulled", m.Pulled)
	}
	s.printf("%s\n", m)
	return nil
}

// modeNow is the mode of a stack and where it comes from.
type modeNow struct {
	Mode    crm.Mode
	Why     string // what stands behind the mode in its row: when it was set, or why the brake was pulled
	Pulled  string // why the brake was pulled, which holds until connector resume, also while the stack is off; "" when it was not
	Version int64  // of its row; 0: nobody has set it, and it is the mode in which a stack starts
	Burnt   bool   // messages of the last import may have been ended without being carried out; known to whoever switches
}

// Brake reports whether the brake was pulled and nobody has let go of it.
func (m modeNow) Brake() bool { return m.Pulled != "" }

// String says it in a line.
func (m modeNow) String() string {
	switch {
	case m.Brake() && m.Mode == crm.Off:
		return fmt.Sprintf("%s: %s; the brake was pulled, %s", m.Mode, m.Why, m.Pulled)
	case m.Brake():
		return fmt.Sprintf("%s: the brake was pulled, %s", m.Mode, m.Pulled)
	case m.Mode == crm.Observe && m.paused() != "":
		return fmt.Sprintf("%s: nothing is written since it was %s", m.Mode, m.Why)
	case m.Why != "":
		return fmt.Sprintf("%s: %s", m.Mode, m.Why)
	case m.Version == 0:
		return fmt.Sprintf("%s: the mode in which the stack started", m.Mode)
	}
	return string(m.Mode)
}

// sinceWord stands before the time in the mode row of a stack that was switched on, as rules.Paused in one that was switched off.
const sinceWord = "since"

// since returns when the stack was switched on, zero when the row does not say.
func (m modeNow) since() time.Time {
	word, text, _ := strings.Cut(m.Why, " ")
	at, err := time.Parse(time.RFC3339, text)
	if m.Mode != crm.On || word != sinceWord || err != nil {
		return time.Time{}
	}
	return at
}

// paused returns when a person switched the stack off that only observes since, or is off still; "" when nobody did.
func (m modeNow) paused() string {
	word, rest, _ := strings.Cut(m.Why, " ")
	if at, _, _ := strings.Cut(rest, " "); word == rules.Paused {
		return at
	}
	return ""
}

// errNoMode is how mode ends at a row that says no mode. The functions do nothing by it.
var errNoMode = errors.New("the mode's row says none of off, observe and on")

// mode reads the mode as it is stored now, not as it was a minute ago.
func (s *session) mode(ctx context.Context, st *Stack) (modeNow, error) {
	set, err := s.rules(ctx, st)
	if err != nil {
		return modeNow{}, err
	}
	rows := s.rows(st)
	r, err := rows.Get(ctx, config.Mode)
	if err != nil {
		return modeNow{}, err
	}
	m := modeNow{Version: r.Version}
	if m.Mode, err = rules.New(rows, set, s.Now, slog.New(slog.DiscardHandler)).Mode(ctx); err != nil {
		return m, fmt.Errorf("%w: set it with connector mode set", errNoMode)
	}
	_, m.Why, _ = strings.Cut(strings.TrimSpace(string(r.Value)), " ")
	if m.Pulled = rules.Pulled(string(r.Value)); m.paused() != "" {
		m.Why = strings.TrimSpace(strings.TrimSuffix(m.Why, m.Pulled))
	}
	return m, nil
}

// inMode opens the stack and reads its mode.
func (s *session) inMode(ctx context.Context, n need) (*Stack, modeNow, error) {
	st, err := s.stack(ctx, n)
	if err != nil {
		return nil, modeNow{}, err
	}
	m, err := s.mode(ctx, st)
	return st, m, err
}

// toSwitch is inMode for a command that sets the mode: a row that says none is off to it, or nobody could mend it.
func (s *session) toSwitch(ctx context.Context) (*Stack, modeNow, error) {
	st, m, err := s.inMode(ctx, toChange)
	if errors.Is(err, errNoMode) {
		s.note("%v: it is taken for off", errNoMode)
		m.Mode, err = crm.Off, nil
	}
	if err == nil {
		m.Burnt, err = s.burnt(ctx, st, m)
	}
	return st, m, err
}

type modeSetCommand struct {
	Mode crm.Mode `arg:"" enum:"off,observe,on" help:"off, observe or on."`
}

// Help is what --help adds.
func (modeSetCommand) Help() string {
	return `A stack starts in off. Let it observe first: the log then says for each record what would be written. A brake that was pulled stays pulled whatever is set here: connector resume lets go of it.

Examples:

    connector mode set observe --stack crm-connector
    connector mode set on --stack crm-connector --plan`
}

// Run writes the mode.
func (c modeSetCommand) Run(ctx context.Context, s *session) error {
	st, m, err := s.toSwitch(ctx)
	if err != nil {
		return err
	}
	if m.Brake() && c.Mode == crm.On {
		return wrongf("the brake was pulled: %s. Look into it, then let go of it with connector resume", m.Pulled)
	}
	if c.Mode != crm.Off {
		if err := s.numbered(ctx, st); err != nil {
			return err
		}
	}
	if c.Mode == crm.On {
		if err := s.closeBrake(ctx, st); err != nil {
			return err
		}
	}
	return s.setMode(ctx, st, m, c.Mode, false)
}

// setMode writes the mode's row when it says something else, and says what follows. Unless free is true a brake that was pulled stays
// in the row.
func (s *session) setMode(ctx context.Context, st *Stack, now modeNow, to crm.Mode, free bool) error {
	undated := to == crm.Off && now.Why == ""
	if now.Version != 0 && now.Mode == to && !(free && now.Brake()) && !undated {
		s.nothing("the mode is " + string(to))
		return nil
	}
	value, at := string(to), s.Now().UTC().Format(time.RFC3339)
	switch {
	case to == crm.Off:
		value += " " + rules.Paused + " " + at
	case to == crm.On:
		value += " " + sinceWord + " " + at
	case now.paused() != "": // nothing is written yet: whoever switches it on is told since when
		value += " " + rules.Paused + " " + now.paused()
	}
	if now.Brake() && !free {
		value += " " + now.Pulled
		s.note("the brake was pulled and stays so until connector resume: %s", now.Pulled)
	}
	err := s.change(fmt.Sprintf("the mode is %s (was %s); %s", to, now.Mode, within), func() error {
		if now.Burnt { // first: the rows that tell it may be gone afterwards
			if err := s.rows(st).Set(ctx, config.Begun, []byte(config.Unlooked)); err != nil {
				return err
			}
		}
		return s.rows(st).Set(ctx, config.Mode, []byte(value))
	})
	if err != nil || to != crm.On || now.Mode == crm.On {
		return err
	}
	s.show("importAgain", now.Burnt)
	if now.Burnt {
		s.note("an import was under way, or hardly over, when the stack stopped writing, and what it had queued may be lost: connector import --restart %s queues the base again", s.at())
	}
	s.next("reconcile brings in step what changed meanwhile, within the hour")
	if at := now.paused(); at != "" {
		for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
			sooner := fmt.Sprintf("sooner: connector sync %s --all --since %s %s", sys, at, s.at())
			s.nexts = append(s.nexts, sooner)
			s.printf("       %s\n", sooner)
		}
		s.show("since", at)
	}
	return nil
}

type pauseCommand struct{}

// Help is what --help adds.
func (pauseCommand) Help() string {
	return `Sets the mode to off; a brake that was pulled stays pulled. Events are still taken in and acknowledged; nothing is read or written. What changes meanwhile is not lost: after connector resume, reconcile brings it in step within the hour.

Examples:

    connector pause --stack crm-connector`
}

// Run switches the stack off.
func (pauseCommand) Run(ctx context.Context, s *session) error {
	st, m, err := s.toSwitch(ctx)
	if err != nil {
		return err
	}
	return s.setMode(ctx, st, m, crm.Off, false)
}

type resumeCommand struct {
	Observe bool `help:"Go on in observe instead of on."`
}

// Help is what --help adds.
func (resumeCommand) Help() string {
	return `Sets the mode to on, and forgets what the brake has counted, so that it does not stop the stack again at once. What changed meanwhile reconcile brings in step by itself, within the hour; whoever does not want to wait runs the connector sync lines that it prints.

Examples:

    connector resume --stack crm-connector
    connector resume --stack crm-connector --observe --plan`
}

// Run switches the stack on.
func (c resumeCommand) Run(ctx context.Context, s *session) error {
	st, m, err := s.toSwitch(ctx)
	if err != nil {
		return err
	}
	if err := s.numbered(ctx, st); err != nil {
		return err
	}
	if err := s.letGo(ctx, st); err != nil {
		return err
	}
	to := crm.On
	if c.Observe {
		to = crm.Observe
	}
	return s.setMode(ctx, st, m, to, true)
}

// closeBrake closes the rows by which the mail told of the brake.
func (s *session) closeBrake(ctx context.Context, st *Stack) error {
	ledger := s.ledger(st)
	rows, err := ledger.Select(ctx, digest.OfBrake)
	if err != nil || len(rows) == 0 {
		return err
	}
	return s.change("closed "+many(len(rows), "row")+" about the brake", func() error { return ledger.Close(ctx, rows...) })
}

// letGo closes the rows about the brake and deletes its counters.
func (s *session) letGo(ctx context.Context, st *Stack) error {
	if err := s.closeBrake(ctx, st); err != nil {
		return err
	}
	rows, err := st.Config.List(ctx, "config", "brake#", "", 0)
	if err != nil || len(rows) == 0 {
		return err
	}
	return s.change("forgot "+many(len(rows), "counter")+" of the brake", func() error {
		for _, r := range rows {
			if err := st.Config.Put(ctx, row.Put{Key: r.Key, If: r.Version, Delete: true}); err != nil {
				return err
			}
		}
		return nil
	})
}

// notOff stops a command that queues operations for a stack that would end them without a look.
func (s *session) notOff(ctx context.Context, st *Stack) (modeNow, error) {
	m, err := s.mode(ctx, st)
	if err == nil && m.Mode == crm.Off {
		err = errors.New("the stack is off, and would end the operations without a look: connector resume first, or connector mode set observe")
	}
	return m, err
}

// works is notOff for a command whose operations are to write to a CRM.
func (s *session) works(ctx context.Context, st *Stack) error {
	m, err := s.notOff(ctx, st)
	if err == nil && m.Mode == crm.Observe {
		s.note("the stack only observes: what it would write stands in its log")
	}
	return err
}

// writes stops a command that queues the records of a base for a stack that would not write them: nobody would bring them again.
func (s *session) writes(ctx context.Context, st *Stack) (modeNow, error) {
	m, err := s.mode(ctx, st)
	if err != nil || m.Mode == crm.On {
		return m, err
	}
	does, by := "is off, and would end the operations without a look", "connector resume"
	if m.Mode == crm.Observe {
		does, by = "only observes, and would write nothing of what is queued", "connector mode set on"
	}
	if m.Brake() {
		does, by = does+". The brake was pulled, "+m.Pulled+". Look into it", "connector resume"
	}
	return m, fmt.Errorf("the stack %s: %s %s first, then run this again", does, by, s.at())
}
