package mail

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ses"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/storetest"
	"crm-connector/pkg/core/letter"
)

func TestTheSuiteHolds(t *testing.T) {
	t.Run("in process", func(t *testing.T) {
		storetest.TestMailer(t, nil, func(t *testing.T) storetest.MailLab {
			w := &wire{status: 200}
			return storetest.MailLab{Mailer: client(w), From: "CRM <reports@example.com>", Sent: func() ([]letter.Mail, error) { return w.sent(t), nil }}
		})
	})
	for _, o := range storetest.Oracles(t, os.Getenv(storetest.OraclesSetting), storetest.MiniStack) {
		t.Run(o.Name, func(t *testing.T) {
			storetest.TestMailer(t, o.Known(storetest.MailSuite), func(t *testing.T) storetest.MailLab { return oracle(t, o.Endpoint) })
		})
	}
}

// sent reads back what was posted.
func (w *wire) sent(t *testing.T) (all []letter.Mail) {
	for _, form := range w.forms {
		raw, err := base64.StdEncoding.DecodeString(form.Get("RawMessage.Data"))
		if err != nil {
			t.Fatal(err)
		}
		header, text, html := read(t, raw)
		to := form.Get("Destinations.member.1")
		if second := form.Get("Destinations.member.2"); second != "" {
			to += ", " + second
		}
		all = append(all, letter.Mail{To: to, Subject: word(t, header.Get("Subject")), Text: text, HTML: html})
	}
	return all
}

func word(t *testing.T, s string) string {
	t.Helper()
	plain, err := new(mime.WordDecoder).DecodeHeader(s)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// oracle sends through an SES from an address that is its own, so that its mails are known among those of others.
func oracle(t *testing.T, endpoint string) storetest.MailLab {
	from := uuid.NewString() + "@example.com"
	cfg := awsenv.Read(&settings.Reader{Getenv: awstest.Env(awstest.Settings(endpoint))}).Config(awsenv.SES)
	if _, err := ses.NewFromConfig(cfg).VerifyEmailIdentity(t.Context(), &ses.VerifyEmailIdentityInput{EmailAddress: &from}); err != nil {
		t.Fatal(err)
	}
	return storetest.MailLab{Mailer: Open(cfg, "", time.Now), From: from, Sent: func() ([]letter.Mail, error) { return messages(t.Context(), endpoint, from) }}
}

// messages asks MiniStack for what a sender has sent.
func messages(ctx context.Context, endpoint, from string) (all []letter.Mail, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/_ministack/ses/messages", http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var said struct {
		Messages map[string][]struct { // by account
			Source, Subject, BodyText, BodyHTML string
			To                                  []string
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		return nil, err
	}
	for _, m := range slices.Concat(slices.Collect(maps.Values(said.Messages))...) {
		if m.Source == from {
			all = append(all, letter.Mail{From: m.Source, To: strings.Join(m.To, ", "), Subject: m.Subject, Text: m.BodyText, HTML: m.BodyHTML})
		}
	}
	return all, nil
}
