package rehearse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/digest"
)

// mind is how long a function may go by the mode that it last read.
const mind = 60 * time.Second

// off makes a contact while the stack is off, and then switches it on.
func off(ctx context.Context, s *stage) (string, error) {
	a, err := s.does(ctx, nil, "mode")
	if err != nil {
		return "", err
	}
	var mode string
	if err := a.read("mode", &mode); err != nil || mode != string(crm.Off) {
		return "", fmt.Errorf("the stack starts in %q: %w", mode, err)
	}
	id, err := s.person("Fiammetta", "Ghirlanda")
	if err != nil {
		return "", err
	}
	s.early = id
	err = until(ctx, soon, func(ctx context.Context) error {
		all, err := s.cloud.entries(ctx, "zohoConsumer")
		if err == nil && !slices.Contains(all, entry{"operation", "zohoConsumer", "done", "", id}) {
			err = errors.New("zohoConsumer has not seen the contact")
		}
		return err
	})
	if err := errors.Join(err, s.quiet(ctx)); err != nil {
		return "", err
	}
	if _, err := s.twin(crm.Contacts, id); err == nil {
		return "", errors.New("the contact is in Zoho")
	}
	_, err = on(ctx, s)
	s.noticed = s.Now().Add(mind)
	return "a contact was heard of and not carried; then: on", err
}

// on switches the stack on.
func on(ctx context.Context, s *stage) (string, error) {
	_, err := s.does(ctx, nil, "mode", "set", "on")
	return "", err
}

// notice waits until every function has read the mode anew.
func notice(ctx context.Context, s *stage) (string, error) {
	if !sandbox.Sleep(ctx, s.noticed.Sub(s.Now())) {
		return "", ctx.Err()
	}
	return fmt.Sprintf("%.0f s after it was set", mind.Seconds()), nil
}

// resumed lets reconcile look back.
func resumed(ctx context.Context, s *stage) (string, error) {
	if _, err := s.cloud.invoke(ctx, "reconcile", map[string]string{"source": "aws.scheduler"}); err != nil {
		return "", err
	}
	err := until(ctx, soon, func(context.Context) error {
		_, err := s.twin(crm.Contacts, s.early)
		return err
	})
	return "the contact of that time is in Zoho", errors.Join(err, s.quiet(ctx))
}

// unheard loses the deliveries of an edit and lets reconcile run.
func unheard(ctx context.Context, s *stage) (string, error) {
	id, z, err := s.met(ctx, "Serafina", "Tolomei")
	if err != nil {
		return "", err
	}
	s.domain.silence(true)
	if err := s.hubspotEdit(id, props{"jobtitle": "Restauratrice"}); err != nil {
		return "", err
	}
	sandbox.Sleep(ctx, searchLag+time.Second) // HubSpot's search, which reconcile asks, lags
	err = s.quiet(ctx)
	lost := s.domain.silence(false)
	if err != nil || lost == 0 {
		return "", fmt.Errorf("%d deliveries were lost: %w", lost, err)
	}
	if err := s.zohoShows(z, props{"Title": ""}); err != nil {
		return "", err
	}
	if _, err := s.cloud.invoke(ctx, "reconcile", map[string]string{"source": "aws.scheduler"}); err != nil {
		return "", err
	}
	err = until(ctx, soon, func(context.Context) error { return s.zohoShows(z, props{"Title": "Restauratrice"}) })
	return fmt.Sprintf("%d delivery lost, the change is in Zoho", lost), errors.Join(err, s.quiet(ctx))
}

// due parks an operation whose time to be tried again has come, as a consumer does, and lets reconcile run.
func due(ctx context.Context, s *stage) (string, error) {
	id, _, err := s.met(ctx, "Doralice", "Venturi")
	if err != nil {
		return "", err
	}
	record := crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: id}
	ledger := &digest.Ledger{Store: dynamo.Open(s.emulator.Config(), s.Now).Rows(s.Stack + "-" + string(dynamo.Parked)), Now: s.Now}
	row := fault.Parked{
		Connection: crm.DefaultConnection, Verb: crm.Update, Kind: crm.Contact, Record: record, Target: crm.Zoho, Class: fault.Refused,
		Hint: fault.HintDuplicate, Code: fault.CauseTwin, RetryAt: s.Now().Add(-time.Minute), MailAfter: s.Now().Add(time.Hour),
	}
	if err := ledger.Open(ctx, row); err != nil {
		return "", err
	}
	if _, err := s.about(ctx, record.String()); err != nil {
		return "", err
	}
	if _, err := s.cloud.invoke(ctx, "reconcile", map[string]string{"source": "aws.scheduler"}); err != nil {
		return "", err
	}
	err = until(ctx, soon, func(ctx context.Context) error {
		rows, err := s.parked(ctx)
		if err == nil && slices.ContainsFunc(rows, func(p parked) bool { return p.Record == record.String() }) {
			err = errors.New("the row is still open")
		}
		return err
	})
	return "looked at again, and closed", errors.Join(err, s.quiet(ctx))
}
