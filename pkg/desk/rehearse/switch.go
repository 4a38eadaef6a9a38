package rehearse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
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
