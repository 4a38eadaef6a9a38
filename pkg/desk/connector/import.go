package connector

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
)

// How long the brake leaves overwritten records uncounted after the last page: what was queued is carried out meanwhile.
const importLeave = time.Hour

// importDepth is how many messages may wait in a queue before the next page is queued.
const importDepth = 2000

type importCommand struct {
	Restart bool `help:"Begin anew instead of where the last import stopped."`
}

// Help is what --help adds.
func (importCommand) Help() string {
	return `Queues every company and every contact of HubSpot: those that Zoho has are paired and brought in step, the others are created there. It goes page by page, waits while more than 2,000 messages are queued, and goes on where it was stopped. While it runs, and for an hour after, the brake does not count overwritten records; it still counts clearings. Look first: connector link --dry-run.

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
	if err := s.works(ctx, st); err != nil {
		return err
	}
	marks, err := s.importMarks(ctx, st)
	if err != nil {
		return err
	}
	begin := c.Restart || finished(marks)
	for _, name := range slices.Sorted(maps.Keys(marks)) {
		switch at := string(marks[name].Value); {
		case begin || at == "" || at == end || crm.IsKey(at):
		case former.MatchString(at):
			begin = true
			s.printf("note   the last import was stopped by an earlier version, which listed in another order: this one begins anew\n")
		default:
			return wrongf("where the last import stopped cannot be read (%s in the table config): connector import --restart %s begins anew", name, s.at())
		}
	}
	if begin {
		for name, m := range marks {
			marks[name] = row.Row{Key: m.Key, Version: m.Version}
		}
	}
	if !s.flags.Plan {
		if err := s.importing(ctx, st); err != nil {
			return err
		}
	}
	return s.sweep(ctx, st, sweep{
		systems: []crm.System{crm.HubSpot}, most: importDepth,
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
