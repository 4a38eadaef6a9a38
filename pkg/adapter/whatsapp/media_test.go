package whatsapp_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
)

// photograph is a picture that Anna sent, and its id as the delivery told it.
func photograph(t *testing.T, p *phone, data []byte) string {
	t.Helper()
	a := p.Meet("Anna", "393471234567")
	if _, err := a.Photograph(number, "la ricevuta", data); err != nil {
		t.Fatal(err)
	}
	return "1003383421000002" // the sandbox counts from the first
}

func TestAnAttachmentIsFetchedByItsID(t *testing.T) {
	p := open(whatsapptest.Options{})
	data := bytes.Repeat([]byte("\xff\xd8jpeg"), 5000)
	id := photograph(t, p, data)
	got, err := p.client.Media(t.Context(), id, int64(len(data)))
	if err != nil || got.MIME != "image/jpeg" || !bytes.Equal(got.Data, data) {
		t.Fatalf("%d bytes of %s, %v", len(got.Data), got.MIME, err)
	}
	if last := p.seen[len(p.seen)-1]; last.Header.Get("Authorization") != "Bearer "+whatsapptest.DefaultToken || !strings.Contains(last.URL.RawQuery, "hash=AR%2B") {
		t.Errorf("fetched from %s", last.URL)
	}
	if _, err := p.client.Media(t.Context(), id, int64(len(data))-1); fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), whatsapp.CodeTooLarge) {
		t.Errorf("a byte more than wanted: %v", err)
	}
	if p.now = p.now.Add(8 * 24 * time.Hour); p.now.IsZero() {
		t.Fatal()
	}
	if _, err := p.client.Media(t.Context(), id, 1<<20); fault.KindOf(err) != fault.Missing {
		t.Errorf("after eight days: %v", err)
	}
}

func TestAnAddressThatHasDiedIsAskedForOnceMore(t *testing.T) {
	p := open(whatsapptest.Options{})
	id := photograph(t, p, []byte("jpeg"))
	p.Fail(whatsapptest.Fault{On: "/media/", Status: 404, Body: "Not Found"})
	if got, err := p.client.Media(t.Context(), id, 100); err != nil || string(got.Data) != "jpeg" || p.Count(whatsapptest.CallMedia) != 2 {
		t.Errorf("%v after %d questions", err, p.Count(whatsapptest.CallMedia))
	}
	p.Fail(whatsapptest.Fault{On: "/media/", Status: 404, Body: "Not Found", Times: 2})
	if _, err := p.client.Media(t.Context(), id, 100); fault.KindOf(err) != fault.Missing || p.Count(whatsapptest.CallMedia) != 4 {
		t.Errorf("twice: %v", err)
	}
}

func TestAnAttachmentThatComesInPartsIsFetchedAgain(t *testing.T) {
	p := open(whatsapptest.Options{})
	id := photograph(t, p, []byte("jpeg jpeg"))
	p.Fail(whatsapptest.Fault{On: "/media/", Cut: true})
	if got, err := p.client.Media(t.Context(), id, 100); err != nil || string(got.Data) != "jpeg jpeg" || p.Count(whatsapptest.CallDownload) != 2 {
		t.Errorf("%q, %v", got.Data, err)
	}
	p.Fail(whatsapptest.Fault{On: "/media/", Status: 200, Body: "other bytes"})
	if _, err := p.client.Media(t.Context(), id, 100); fault.KindOf(err) != fault.Down {
		t.Errorf("other bytes: %v", err)
	}
}

func TestTheTokenGoesToMetasHostsOnly(t *testing.T) {
	for address, trusted := range map[string]bool{
		"https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1": true, "https://scontent.xx.fbcdn.net/a": true, "https://mmg.whatsapp.net/a": true,
		"https://fbsbx.com": true, "https://LOOKASIDE.FBSBX.COM/a": true,
		"http://lookaside.fbsbx.com/a": false, "https://fbsbx.com.evil.example/a": false, "https://evilfbsbx.com/a": false, "https://lookaside.fbsbx.com:8443/a": false,
		"https://lookaside.fbsbx.com@evil.example/a": false, "https://user@lookaside.fbsbx.com/a": false, "https://169.254.169.254/latest": false, "": false,
		"file:///etc/passwd": false, "https://graph.facebook.com/a": false, "//lookaside.fbsbx.com/a": false, "https://": false, "%zz": false,
	} {
		asked := ""
		c := answering(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "graph.facebook.com" {
				return says(200, fmt.Sprintf(`{"url":%q,"mime_type":"image/jpeg","file_size":4}`, address)), nil
			}
			asked = r.URL.String()
			return says(200, "jpeg"), nil
		})
		got, err := c.Media(t.Context(), "1", 100)
		if (err == nil) != trusted || (asked != "") != trusted || trusted && string(got.Data) != "jpeg" || !trusted && fault.KindOf(err) != fault.Refused {
			t.Errorf("%q: asked %q, %v", address, asked, err)
		}
	}
}

func TestAFileWithoutASizeIsReadNoFurtherThanWanted(t *testing.T) {
	read := 0
	c := answering(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "graph.facebook.com" {
			return says(200, `{"url":"https://lookaside.fbsbx.com/a","mime_type":"video/mp4"}`), nil
		}
		resp := says(200, "")
		resp.Body = endless{&read}
		return resp, nil
	})
	if _, err := c.Media(t.Context(), "1", 1000); fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), whatsapp.CodeTooLarge) || read > 100_000 {
		t.Errorf("%d bytes read, %v", read, err)
	}
}

type endless struct{ read *int }

func (e endless) Read(p []byte) (int, error) { *e.read += len(p); return len(p), nil }
func (endless) Close() error                 { return nil }

func TestWhatPeopleDoInTheSandboxIsReadAtTheDoor(t *testing.T) {
	p := &phone{now: noon}
	var told []string
	s := source()
	p.Server = whatsapptest.New(whatsapptest.Options{Now: func() time.Time { return p.now }, AppSecret: "secret", Webhook: "https://hooks.example.com/webhooks/whatsapp", ReadAfter: time.Minute,
		Send: func(r *http.Request) (int, error) {
			body := new(bytes.Buffer)
			if _, err := body.ReadFrom(r.Body); err != nil {
				return 0, err
			}
			in := door.Request{Method: r.Method, Header: r.Header, Body: body.Bytes()}
			unsigned := s.Verify(t.Context(), in)
			got, err := s.Read(t.Context(), in)
			if err != nil || unsigned != nil || got.Unreadable > 0 {
				t.Errorf("%v, %v: %s", unsigned, err, body)
			}
			for _, u := range updates(t, got) {
				told = append(told, tell(u))
			}
			return 200, nil
		}})
	p.client = p.dial(whatsapptest.DefaultToken)
	a := p.Meet("Anna Neri", "393471234567")
	a.Username = "anna"
	must := func(id string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		p.Tick()
		return id
	}
	id := must(a.Say(number, "Perché <no>? 😀 a/b"))
	must(a.Photograph(number, "ricevuta", []byte("jpeg")))
	must(a.React(number, id, "👍"))
	must(a.Press(number, id, "talk-to-human", "Operatore"))
	must(a.QuickReply(number, id, "STOP", "Basta"))
	must("", a.OptOut(number))
	must("", a.Resume(number))
	r, err := p.client.Send(t.Context(), number, outbound.Outgoing{To: to(a), Text: crm.Text("Buongiorno"), Callback: "outbox-9"})
	if err != nil {
		t.Fatal(err)
	}
	for _, wait := range []time.Duration{time.Second, time.Second, time.Minute} {
		p.now = p.now.Add(wait)
		p.Tick()
	}
	a.ChangeNumber("393209998877")
	p.Tick()
	p.Tell("account_update", map[string]any{"event": "ACCOUNT_VIOLATION"})
	p.Tick()
	want := []string{
		"Perché <no>? 😀 a/b by Anna Neri", "[immagine] ricevuta by Anna Neri", "[reazione] 👍 by Anna Neri", "[pulsante] Operatore by Anna Neri", "[pulsante] Basta by Anna Neri",
		"stop by 393471234567", "resume by 393471234567", "sent outbox-9", "delivered outbox-9", "read outbox-9",
		"[ha cambiato numero: prima +393471234567, ora +393209998877] by ", "account_update ACCOUNT_VIOLATION",
	}
	if got := strings.Join(told, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("told\n%s", got)
	}
	if p.Outstanding() != 0 || !strings.HasPrefix(r.ID.Text(), "wamid.") || errors.Is(err, outbound.ErrUnknownOutcome) {
		t.Errorf("%d outstanding", p.Outstanding())
	}
}
