package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/letter"
)

// Mailer sends letters, as digest asks it to.
type Mailer interface {
	Send(ctx context.Context, m letter.Mail) error
}

// MailLab is a mailer with an empty outbox behind it. The suite sends from an address that the lab may send from.
type MailLab struct {
	Mailer
	From string
	// Sent returns the mails that went out, oldest first: sender, recipients, subject, text and HTML.
	Sent func() ([]letter.Mail, error)
}

// TestMailer holds a mailer to its rules. A rule listed in known must be broken.
func TestMailer(t *testing.T, known map[string]string, open func(t *testing.T) MailLab) {
	hold(t, mailRules, known, func(t *testing.T) mailBench { return mailBench{open(t), t.Context()} })
}

type mailBench struct {
	MailLab
	ctx context.Context
}

func (b mailBench) letter(id string) letter.Mail {
	return letter.Mail{
		ID: id, From: b.From, To: "client@example.com", Subject: "CRM: 3 operazioni non riuscite, perché",
		Text: "perché\n.\n\n=3D " + strings.Repeat("lungo ", 300) + "\n", HTML: "<p>perch&eacute; <b>però</b></p>\n",
	}
}

// arrived wants exactly the given mails in the outbox.
func (b mailBench) arrived(all ...letter.Mail) error {
	sent, err := b.Sent()
	if err != nil || len(sent) != len(all) {
		return fmt.Errorf("%d mails went out (%w), want %d", len(sent), err, len(all))
	}
	for i, m := range all {
		got := sent[i]
		err := first(
			want("the subject", got.Subject, m.Subject), want("the text", lines(got.Text), lines(m.Text)),
			want("the HTML", lines(got.HTML), lines(m.HTML)), want("the recipients", got.To, m.To),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// lines makes one kind of line end of two: on the way a line ends in CRLF.
func lines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

var mailRules = []rule[mailBench]{
	{"a mail arrives with its subject, its text and its HTML as they were written", func(b mailBench) error {
		m := b.letter("d-1")
		return first(b.Send(b.ctx, m), b.arrived(m))
	}},
	{"a mail to several is one mail that goes to each of them", func(b mailBench) error {
		m := b.letter("d-1")
		m.To = "client@example.com, giulia@example.com"
		return first(b.Send(b.ctx, m), b.arrived(m))
	}},
	{"a mail that is sent again with the same id goes out again", func(b mailBench) error {
		m, again := b.letter("d-1"), b.letter("d-1")
		again.Subject = "possibly sent before"
		return first(b.Send(b.ctx, m), b.Send(b.ctx, again), b.arrived(m, again))
	}},
	{"a mail without a sender or a recipient is refused, and it is certain that it did not go out", func(b mailBench) error {
		for name, change := range map[string]func(*letter.Mail){
			"sender": func(m *letter.Mail) { m.From = "" }, "recipient": func(m *letter.Mail) { m.To = "" },
		} {
			m := b.letter("d-1")
			change(&m)
			if err := b.Send(b.ctx, m); fault.KindOf(err) != fault.Setup {
				return fmt.Errorf("without a %s: %w", name, errors.Join(errors.New("not a fault of the setup"), err))
			}
		}
		return b.arrived()
	}},
	{"under a context that has ended the fate of a mail is not known, and it did not go out", func(b mailBench) error {
		ended, end := context.WithCancel(b.ctx)
		end()
		if err := b.Send(ended, b.letter("d-1")); !fault.KindOf(err).Uncertain() {
			return fmt.Errorf("the call ended with %w", err)
		}
		return b.arrived()
	}},
}
