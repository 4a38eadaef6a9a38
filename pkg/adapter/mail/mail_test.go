package mail

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	netmail "net/mail"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ses"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/letter"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// wire is SES seen from the SDK: it keeps the forms that were posted and answers what it is told.
type wire struct {
	forms  []url.Values
	status int
	code   string
	err    error
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	w.forms = append(w.forms, form)
	if w.err != nil {
		return nil, w.err
	}
	// The shapes of the Query protocol: https://docs.aws.amazon.com/ses/latest/dg/using-ses-api-responses.html
	answer := `<SendRawEmailResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><SendRawEmailResult><MessageId>0100</MessageId></SendRawEmailResult></SendRawEmailResponse>`
	if w.status != 200 {
		answer = `<ErrorResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><Error><Type>Sender</Type><Code>` + w.code +
			`</Code><Message>Email address is not verified: mario.canary@example.com</Message></Error><RequestId>1</RequestId></ErrorResponse>`
	}
	return &http.Response{
		StatusCode: w.status, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(answer)), Request: r,
	}, nil
}

func client(w *wire) *Client {
	return &Client{
		ConfigurationSet: "reports",
		Now:              func() time.Time { return noon },
		SES: ses.New(ses.Options{Region: "eu-south-1", HTTPClient: w, Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "x"}, nil
			})}),
	}
}

func sample() letter.Mail {
	return letter.Mail{
		ID: "d-1", From: "CRM <reports@example.com>", To: "client@example.com, Giulia Però <giulia@example.com>",
		Subject: "CRM: 3 operazioni non riuscite", Text: "perché\n" + strings.Repeat("lungo ", 300) + "\n=3D\n.\n", HTML: "<p>perché</p>\n",
	}
}

// read takes a mail apart with the standard library.
func read(t *testing.T, raw []byte) (header netmail.Header, text, html string) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, param, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("type %q, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, param["boundary"])
	var out []string
	for _, want := range []string{"text/plain; charset=utf-8", "text/html; charset=utf-8"} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Header.Get("Content-Type"); got != want || p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Errorf("part of type %q, want %q", got, want)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	if _, err := parts.NextRawPart(); !errors.Is(err, io.EOF) {
		t.Errorf("more than two parts: %v", err)
	}
	return m.Header, out[0], out[1]
}

func TestTheMailArrivesAsItWasWritten(t *testing.T) {
	w := &wire{status: 200}
	if err := client(w).Send(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	form := w.forms[0]
	for name, want := range map[string]string{
		"Action": "SendRawEmail", "ConfigurationSetName": "reports", "Source": "reports@example.com",
		"Destinations.member.1": "client@example.com", "Destinations.member.2": "giulia@example.com",
		"Tags.member.1.Name": "digest", "Tags.member.1.Value": "d-1",
	} {
		if got := form.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	raw, err := base64.StdEncoding.DecodeString(form.Get("RawMessage.Data"))
	if err != nil {
		t.Fatal(err)
	}
	header, text, html := read(t, raw)
	if want := strings.ReplaceAll(sample().Text, "\n", "\r\n"); text != want {
		t.Errorf("text %q", text)
	}
	if html != "<p>perché</p>\r\n" {
		t.Errorf("html %q", html)
	}
	to, err := header.AddressList("To")
	if err != nil || len(to) != 2 || to[1].Name != "Giulia Però" {
		t.Errorf("to %v, %v", to, err)
	}
	got := fmt.Sprint(header.Get("From"), header.Get("Subject"), header.Get("Date"), header.Get("Message-Id"), header.Get("Auto-Submitted"))
	if want := fmt.Sprint(`"CRM" <reports@example.com>`, sample().Subject, "Tue, 03 Nov 2026 12:00:00 +0000", "<d-1@example.com>", "auto-generated"); got != want {
		t.Errorf("headers %s\nwant    %s", got, want)
	}
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		if len(line) > 200 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("a line of %d bytes, or one that does not end in CRLF", len(line))
		}
		for _, c := range []byte(line) {
			if c >= 0x80 {
				t.Errorf("the byte %x is not ASCII", c)
			}
		}
	}
}

func TestNoConfigurationSetIsNamedWhereThereIsNone(t *testing.T) {
	w := &wire{status: 200}
	c := client(w)
	c.ConfigurationSet = ""
	if err := c.Send(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	if w.forms[0].Has("ConfigurationSetName") {
		t.Error("an empty configuration set was named")
	}
}

func TestAFailureIsJudgedAndNeverRepeated(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		err    error
		want   fault.Kind
	}{
		{status: 400, code: "MessageRejected", want: fault.Refused},
		{status: 400, code: "InvalidParameterValue", want: fault.Refused},
		{status: 400, code: "MailFromDomainNotVerified", want: fault.Setup},
		{status: 400, code: "ConfigurationSetDoesNotExist", want: fault.Setup},
		{status: 400, code: "Throttling", want: fault.Throttled},
		{status: 400, code: "AccountSendingPausedException", want: fault.Denied},
		{status: 403, code: "AccessDenied", want: fault.Denied},
		{status: 403, code: "SignatureDoesNotMatch", want: fault.Denied},
		{status: 500, code: "InternalFailure", want: fault.Down},
		{status: 503, code: "ServiceUnavailable", want: fault.Down},
		{err: errors.New("connection reset by peer"), want: fault.Down},
		{err: io.ErrUnexpectedEOF, want: fault.Down},
	} {
		t.Run(fmt.Sprint(tt.status, tt.code, tt.err), func(t *testing.T) {
			w := &wire{status: tt.status, code: tt.code, err: tt.err}
			err := client(w).Send(t.Context(), sample())
			if fault.KindOf(err) != tt.want || err == nil {
				t.Errorf("error %v, want kind %s", err, tt.want)
			}
			if strings.Contains(err.Error(), "@") {
				t.Errorf("the error names an address: %v", err)
			}
			if len(w.forms) != 1 {
				t.Errorf("%d calls, want 1", len(w.forms))
			}
		})
	}
}

// silent never answers.
type silent struct{}

func (silent) SendRawEmail(ctx context.Context, _ *ses.SendRawEmailInput, _ ...func(*ses.Options)) (*ses.SendRawEmailOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAMailThatTakesTooLongIsOfUnknownFate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := Client{SES: silent{}, Now: time.Now}
		if err := c.Send(t.Context(), sample()); !fault.KindOf(err).Uncertain() {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != Timeout {
			t.Errorf("it took %s, want %s", took, Timeout)
		}
	})
}

func TestOnlySoundAddressesAreWrittenTo(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tt := range []struct {
		address string
		want    bool
	}{
		{"a@example.com", true},
		{"a+b.c_d@mail.example.com", true},
		{long + "@example.com", true},
		{long + "a@example.com", false},
		{"a@" + strings.Repeat("b.", 130) + "com", false},
		{"", false},
		{"a", false},
		{"a@b", false},
		{"a@b.", false},
		{"@example.com", false},
		{"a@example.com\r\nBcc: x@example.com", false},
		{"a@example.com\nBcc: x@example.com", false},
		{`"<script>"@example.com`, false},
		{`"a b"@example.com`, false},
		{"à@example.com", false},
		{"a@esèmpio.com", false},
		{"a@[192.0.2.1]", false},
	} {
		for name, change := range map[string]func(*letter.Mail){
			"from": func(m *letter.Mail) { m.From = tt.address },
			"to":   func(m *letter.Mail) { m.To = tt.address },
			"last": func(m *letter.Mail) { m.To = "ok@example.com, " + tt.address },
		} {
			m := sample()
			change(&m)
			if name == "last" && tt.address == "" {
				continue // a comma at the end is tolerated
			}
			w := &wire{status: 200}
			err := client(w).Send(t.Context(), m)
			if (err == nil) != tt.want || (len(w.forms) == 1) != tt.want {
				t.Errorf("%s %q: %v, %d calls", name, tt.address, err, len(w.forms))
			}
			if err != nil && (fault.KindOf(err) != fault.Setup || strings.Contains(err.Error(), "example")) {
				t.Errorf("%s %q: error %v", name, tt.address, err)
			}
		}
	}
	m := sample()
	m.To = strings.TrimSuffix(strings.Repeat("a@example.com,", 51), ",")
	if err := client(&wire{status: 200}).Send(t.Context(), m); fault.KindOf(err) != fault.Setup {
		t.Errorf("51 recipients: %v", err)
	}
}

// FuzzCompose puts foreign text into every part of a letter: the headers stay the ones that we wrote, and the text comes back.
func FuzzCompose(f *testing.F) {
	f.Add("d-1", "CRM <a@example.com>", "b@example.com", "subject", "text", "<p>html</p>")
	f.Add("\r\nBcc: x", "a@example.com", "b@example.com", "s\r\nBcc: x@example.com\r\n\r\nbody", "--=_x\r\n", ".\r\n")
	f.Add("d", "a@example.com", "b@example.com", "s", "0", "\r\xd7\n")
	f.Add("", "\"a\r\nb\" <a@example.com>", "=?utf-8?q?x=0D=0ABcc:_y?= <b@example.com>", "\x00\xffè", "\xff", "\r")
	f.Fuzz(func(t *testing.T, id, from, to, subject, text, html string) {
		m := letter.Mail{ID: id, From: from, To: to, Subject: subject, Text: text, HTML: html}
		raw, recipients, sender, err := compose(m, noon)
		if err != nil {
			return
		}
		header, gotText, gotHTML := read(t, raw)
		if len(header) != 8 {
			t.Fatalf("%d headers, want 8: %q", len(header), raw)
		}
		for name, values := range header {
			if len(values) != 1 {
				t.Errorf("%s is there %d times", name, len(values))
			}
		}
		list, err := header.AddressList("To")
		if err != nil || len(list) != len(recipients) {
			t.Errorf("%d recipients in the header, want %d; %v", len(list), len(recipients), err)
		}
		if a, err := netmail.ParseAddress(header.Get("From")); err != nil || a.Address != sender {
			t.Errorf("sender %v, %v", a, err)
		}
		same := func(a, b string) bool {
			flat := strings.NewReplacer("\r\n", "\n", "\r", "\n")
			return flat.Replace(a) == flat.Replace(b)
		}
		if !same(gotText, text) || !same(gotHTML, html) {
			t.Errorf("text %q became %q, html %q became %q", text, gotText, html, gotHTML)
		}
	})
}
