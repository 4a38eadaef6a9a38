package connector

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/digest"
)

// How long the brake leaves overwritten records uncounted after the last page: what was queued is carried out meanwhile.
const importLeave = time.Hour

// importDepth is how many messages may lie in a queue before the next page is queued.
const importDepth = 2000

type importCommand struct {
	Restart bool `help:"Begin anew instead of where the last import stopped."`
}

// Help is what --help adds.
func (importCommand) Help() string {
	return `Queues every company and every contact of HubSpot: those that Zoho has are paired and brought in step, the others are created there. It goes page by page, waits while more than 2,000 messages are queued, and goes on where it was stopped. The stack must be on: it stops before a page that would be ended without being carried out, and begins anew where the stack was not on all the time. While it runs, and for an hour after, the brake does not count overwritten records; it still counts clearings. Look first: connector link --dry-run.

Examples:

    connector import --stack crm-connector --plan
    connector import --stack crm-connector`
}

// Run queues the whole base.
func (c importCommand) Run(ctx context.Context, s *session) error {
	st, err := s.stack(ctx, toChange)
	if err != nil {
		return err
	}
	now, err := s.writes(ctx, st)
	if err != nil {
		return err
	}
	marks, err := s.importMarks(ctx, st)
	if err != nil {
		return err
	}
	anew, err := c.anew(ctx, s, st, now, marks)
	if err != nil {
		return err
	}
	if anew {
		if err := s.begin(ctx, st, now, marks); err != nil {
			return err
		}
	}
	if !s.flags.Plan {
		if err := s.importing(ctx, st); err != nil {
			return err
		}
	}
	return s.sweep(ctx, st, sweep{
		systems: []crm.System{crm.HubSpot}, most: importDepth, mode: now.Version,
		begin: func(name string) string { return string(marks[name].Value) },
		page: func(ctx context.Context, name, next string) error {
			m := marks[name]
			if err := st.Config.Put(ctx, row.Put{Key: m.Key, If: m.Version, Value: []byte(next)}); err != nil {
				return fmt.Errorf("another import runs, or the place could not be noted: %w", err)
			}
			m.Version++
			marks[name] = m
			return s.importing(ctx, st)
		},
	})
}

// anew reports whether an import begins anew: nothing was stopped, or what it had queued before may have been ended without being
// carried out, since the stack was switched meanwhile.
func (c importCommand) anew(ctx context.Context, s *session, st *Stack, now modeNow, marks map[string]row.Row) (bool, error) {
	if c.Restart || finished(marks) {
		return true, nil
	}
	stopped := false
	for _, name := range slices.Sorted(maps.Keys(marks)) {
		at := string(marks[name].Value)
		stopped = stopped || at != ""
		switch {
		case at == "" || at == end || crm.IsKey(at):
		case former.MatchString(at):
			s.note("the last import was stopped by an earlier version, which listed in another order: this one begins anew")
			return true, nil
		default:
			return false, wrongf("where the last import stopped cannot be read (%s in the table config): connector import --restart %s begins anew", name, s.at())
		}
	}
	begun, err := s.rows(st).Get(ctx, config.Begun)
	if err != nil || !stopped {
		return true, err
	}
	if string(begun.Value) == now.begun() {
		return false, nil
	}
	s.note("the stack was not on all the time since the last import began, and what that had queued may be lost: this one begins anew")
	return true, nil
}

// begun is what the row Begun says of an import that begins in this mode.
func (m modeNow) begun() string { return strconv.FormatInt(m.Version, 10) }

// begin forgets where the last import stopped, and notes in which mode this one begins. With --plan it forgets it here alone.
func (s *session) begin(ctx context.Context, st *Stack, now modeNow, marks map[string]row.Row) error {
	for name, m := range marks {
		if !s.flags.Plan && m.Version != 0 {
			if err := st.Config.Put(ctx, row.Put{Key: m.Key, If: m.Version, Delete: true}); err != nil {
				return fmt.Errorf("another import runs, or the place of the last could not be forgotten: %w", err)
			}
			m.Version = 0
		}
		marks[name] = row.Row{Key: m.Key, Version: m.Version}
	}
	if s.flags.Plan {
		return nil
	}
	return s.rows(st).Set(ctx, config.Begun, []byte(now.begun()))
}

// burnt reports whether messages of the last import may have been ended without being carried out: it was under way, or its last page
// was queued within the hour, when the stack stopped writing, which is now where it still is on.
func (s *session) burnt(ctx context.Context, st *Stack, m modeNow) (bool, error) {
	rows := s.rows(st)
	begun, err := rows.Get(ctx, config.Begun)
	if err != nil || string(begun.Value) == config.Unlooked {
		return err == nil, err
	}
	until, err := rows.Get(ctx, config.Import)
	if err != nil || m.Mode != crm.On && !m.Brake() { // whoever switched it off has noted it
		return false, err
	}
	at := s.Now()
	if m.Brake() {
		told, err := s.ledger(st).Select(ctx, digest.OfBrake)
		if err != nil {
			return false, err
		}
		for _, p := range told { // all of this pull: switching on closes them
			at = p.First
		}
	}
	over, err := time.Parse(time.RFC3339, string(until.Value))
	return err == nil && at.Before(over), nil
}

// importing tells the brake that an import is under way.
func (s *session) importing(ctx context.Context, st *Stack) error {
	return s.rows(st).Set(ctx, config.Import, []byte(s.Now().Add(importLeave).UTC().Format(time.RFC3339)))
}

// importMarks are where the walks of the last import stopped.
func (s *session) importMarks(ctx context.Context, st *Stack) (map[string]row.Row, error) {
	marks := map[string]row.Row{}
	for _, m := range []crm.Module{crm.Companies, crm.Contacts} {
		name := listing(crm.HubSpot, m)
		rows, err := st.Config.Get(ctx, row.Key{Part: "import#" + s.flags.Connection, Sort: name})
		if err != nil {
			return nil, err
		}
		marks[name] = rows[0]
	}
	return marks, nil
}

// former is how earlier versions noted a page: a time in milliseconds and a place behind it, of a listing in the order of changes.
var former = regexp.MustCompile(`^\d+\|\d+$`)

// finished reports whether every walk came to its end.
func finished(marks map[string]row.Row) bool {
	for _, m := range marks {
		if string(m.Value) != end {
			return false
		}
	}
	return true
}
