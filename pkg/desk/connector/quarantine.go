package connector

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/webhook"
)

type quarantineCommand struct {
	List quarantineListCommand `cmd:"" default:"1" help:"Print what lies there, without the bodies."`
	Show quarantineShowCommand `cmd:"" help:"Print one body."`
	Drop quarantineDropCommand `cmd:"" help:"Erase bodies."`
}

type quarantineListCommand struct{}

// Help is what --help adds.
func (quarantineListCommand) Help() string {
	return `An authentic delivery that could not be read, or has events of another portal of HubSpot, lies in quarantine for 30 days. What was changed in a CRM is found by reconcile all the same, and what was deleted in Zoho. A deletion or an erasure in HubSpot is not: connector erase hubspot ID repeats an erasure. What people wrote on WhatsApp stands nowhere else.

Examples:

    connector quarantine list --stack crm-connector
    connector quarantine --json --stack crm-connector`
}

// keptRow is a delivery in quarantine in the answer of --json.
type keptRow struct {
	ID       string    `json:"id"`
	Source   string    `json:"source"`
	Received time.Time `json:"received"`
	Bytes    int       `json:"bytes"`
	Reason   string    `json:"reason"`
	Body     string    `json:"body,omitempty"` // bytes that are no UTF-8 are replaced
}

func keptOf(k webhook.Kept) keptRow {
	return keptRow{ID: k.ID, Source: k.Source, Received: k.ReceivedAt, Bytes: len(k.Body), Reason: k.Reason}
}

// Run prints what lies there.
func (quarantineListCommand) Run(ctx context.Context, s *session) error {
	st, err := s.ofVersion(ctx, toRead)
	if err != nil {
		return err
	}
	all, err := s.kept(ctx, st)
	if err != nil {
		return err
	}
	out := []keptRow{}
	var lines [][]string
	for _, k := range all {
		r := keptOf(k)
		out = append(out, r)
		lines = append(lines, []string{r.ID, r.Source, r.Received.UTC().Format(time.RFC3339), strconv.Itoa(r.Bytes), r.Reason})
	}
	s.show("quarantine", out)
	s.table([]string{"ID", "SOURCE", "RECEIVED", "BYTES", "WHY"}, lines)
	if len(out) == 0 {
		s.printf("nothing is in quarantine\n")
	}
	return nil
}

func (s *session) quarantine(st *Stack) *webhook.Quarantine {
	return &webhook.Quarantine{Store: st.Quarantine, Now: s.Now}
}

// kept are the deliveries in quarantine, of both CRMs and WhatsApp, the oldest first.
func (s *session) kept(ctx context.Context, st *Stack) ([]webhook.Kept, error) {
	var all []webhook.Kept
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho, crm.WhatsApp} {
		some, err := s.quarantine(st).List(ctx, string(sys))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(a, b webhook.Kept) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	return all, nil
}

// keptWith returns the deliveries of these ids.
func (s *session) keptWith(ctx context.Context, st *Stack, ids ...string) ([]webhook.Kept, error) {
	all, err := s.kept(ctx, st)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(k webhook.Kept) bool { return k.ID == id }) {
			return nil, fmt.Errorf("no delivery in quarantine has the id %s: its 30 days are over, or connector quarantine list has another", id)
		}
	}
	return slices.DeleteFunc(all, func(k webhook.Kept) bool { return !slices.Contains(ids, k.ID) }), nil
}

type quarantineShowCommand struct {
	ID           string `arg:"" help:"Id of the delivery, of connector quarantine list."`
	PersonalData bool   `help:"Print the body although it may hold a person's data: you may see it, and nobody keeps what is printed."`
}

// Help is what --help adds.
func (quarantineShowCommand) Help() string {
	return `The body stands as it came, and may hold a person's name, e-mail address or phone number: without --personal-data only what is known about it is printed.

Examples:

    connector quarantine show 5f1d7a84db00d2fce00b31a7fc73224f --stack crm-connector
    connector quarantine show 5f1d7a84db00d2fce00b31a7fc73224f --personal-data --stack crm-connector`
}

// Run prints one delivery.
func (c quarantineShowCommand) Run(ctx context.Context, s *session) error {
	st, err := s.ofVersion(ctx, toRead)
	if err != nil {
		return err
	}
	all, err := s.keptWith(ctx, st, c.ID)
	if err != nil {
		return err
	}
	for _, k := range all { // the same bytes may have come from both
		r := keptOf(k)
		s.printf("%s, received %s, %s: %s\n", r.Source, r.Received.UTC().Format(time.RFC3339), many(r.Bytes, "byte"), r.Reason)
		if c.PersonalData {
			r.Body = string(k.Body)
			s.printf("%s\n", k.Body)
		} else {
			s.printf("its body may hold a person's data: --personal-data prints it\n")
		}
		s.show(r.Source, r)
	}
	return nil
}

type quarantineDropCommand struct {
	ID  []string `arg:"" optional:"" help:"Ids of deliveries, of connector quarantine list."`
	All bool     `help:"All of them."`
}

// Help is what --help adds.
func (quarantineDropCommand) Help() string {
	return `Erases bodies before their 30 days are over. What a CRM told is found by reconcile; what WhatsApp told is lost.

Examples:

    connector quarantine drop 5f1d7a84db00d2fce00b31a7fc73224f --stack crm-connector
    connector quarantine drop --all --stack crm-connector --plan`
}

// Run erases deliveries.
func (c quarantineDropCommand) Run(ctx context.Context, s *session) error {
	if (len(c.ID) > 0) == c.All {
		return wrongf("say which: ids, or --all")
	}
	st, err := s.ofVersion(ctx, toChange)
	if err != nil {
		return err
	}
	var all []webhook.Kept
	if c.All {
		all, err = s.kept(ctx, st)
	} else {
		all, err = s.keptWith(ctx, st, c.ID...)
	}
	if err != nil {
		return err
	}
	if len(all) == 0 {
		s.nothing("nothing is in quarantine")
	}
	return s.drop(ctx, st, all)
}

// drop erases deliveries.
func (s *session) drop(ctx context.Context, st *Stack, all []webhook.Kept) error {
	for _, k := range all {
		err := s.change(fmt.Sprintf("erased the delivery %s of %s from quarantine", k.ID, k.Source), func() error {
			return s.quarantine(st).Drop(ctx, k.Source, k.ID)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
