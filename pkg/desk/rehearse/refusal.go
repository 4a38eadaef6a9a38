package rehearse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/letter"
)

// refused gives the company a value that Zoho does not take.
func refused(ctx context.Context, s *stage) (string, error) {
	record := "hubspot/company/" + s.firmID
	shows := func(want props) error {
		have, _ := s.zoho.Props(crm.Companies, s.accountID)
		return differ("zoho/company/"+s.accountID, have, want)
	}
	if err := s.hubspot.Edit(crm.Companies, s.firmID, props{"industry": "WINE_AND_SPIRITS", "city": "Roma"}); err != nil {
		return "", err
	}
	err := until(ctx, soon, func(context.Context) error { return shows(props{"Billing_City": "Roma", "Industry": ""}) })
	if err := errors.Join(err, s.quiet(ctx)); err != nil {
		return "", err
	}
	row, err := s.about(ctx, record)
	if err != nil {
		return "", err
	}
	mail, err := s.mailed(ctx, s.firmID, row)
	if err != nil {
		return "", err
	}
	if err := s.hubspot.Edit(crm.Companies, s.firmID, props{"industry": "REAL_ESTATE"}); err != nil {
		return "", err
	}
	err = until(ctx, soon, func(ctx context.Context) error {
		rows, err := s.parked(ctx)
		if err == nil && slices.ContainsFunc(rows, func(p parked) bool { return p.Record == record }) {
			err = errors.New("the row is still open")
		}
		return errors.Join(err, shows(props{"Industry": "Real Estate"}))
	})
	return mail, errors.Join(err, s.quiet(ctx))
}

// mailed lets the schedule of failureReporter come round, and reads the mail that it sends.
func (s *stage) mailed(ctx context.Context, id string, row parked) (subject string, err error) {
	all, err := s.cloud.schedules(ctx)
	if err != nil {
		return "", err
	}
	plan := all["failureReporter"]
	if len(all) != 6 || plan["ScheduleExpression"] != "rate(5 minutes)" {
		return "", fmt.Errorf("%d functions with a schedule, failureReporter on %v; want 6 and rate(5 minutes)", len(all), plan["ScheduleExpression"])
	}
	if err := s.cloud.reschedule(ctx, plan, "rate(1 minute)"); err != nil {
		return "", err
	}
	err = until(ctx, 3*time.Minute, func(ctx context.Context) error {
		mails, err := s.emulator.Mails(ctx)
		if err != nil {
			return err
		}
		if len(mails) != 1 {
			return fmt.Errorf("%d mails, want 1", len(mails))
		}
		subject = mails[0].Subject
		return s.tells(mails[0], id, row)
	})
	return fmt.Sprintf("mail %q with id and message", subject), errors.Join(err, s.cloud.reschedule(ctx, plan, "rate(5 minutes)"))
}

// tells looks whether a mail says what it must of a row, and nothing of a person.
func (s *stage) tells(m letter.Mail, id string, row parked) error {
	if m.From != sender || !strings.Contains(m.To, reportTo) {
		return fmt.Errorf("the mail goes from %s to %s", m.From, m.To)
	}
	for _, word := range []string{id, row.Field, row.Code, row.Message} {
		if word == "" || !strings.Contains(m.Text, word) {
			return fmt.Errorf("the mail does not hold %q:\n%s", word, m.Text)
		}
	}
	for _, part := range []string{m.Text, m.HTML} {
		if !strings.Contains(part, id) {
			return fmt.Errorf("the mail does not name %s", id)
		}
		if person := s.holds(part); person != "" {
			return fmt.Errorf("the mail holds a person's data: %s", person)
		}
	}
	return nil
}

// holds returns what a text holds of a person, "" for nothing.
func (s *stage) holds(text string) string {
	for _, p := range s.people {
		if strings.Contains(strings.ToLower(text), strings.ToLower(p)) {
			return p
		}
	}
	return ""
}
