package whatsapp_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/flow/webhook"
)

// signatures are the vectors of handshakes and signed bodies.
type signatures struct {
	Handshakes []struct {
		Query  string `json:"query"`
		Token  string `json:"verify_token"`
		Status int    `json:"expect_status"`
		Body   string `json:"expect_body"`
		Note   string `json:"note"`
	} `json:"handshake_vectors"`
	Vectors []struct {
		Name   string `json:"name"`
		Secret string `json:"app_secret"`
		Body   string `json:"body_base64"`
		Header string `json:"header"`
		Valid  bool   `json:"expect_valid"`
	} `json:"vectors"`
}

func vectors(t *testing.T) (s signatures) {
	raw, err := os.ReadFile("testdata/whatsapp-signatures.json")
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil || len(s.Handshakes) < 9 || len(s.Vectors) < 12 {
		t.Fatalf("%v: %d handshakes, %d bodies", err, len(s.Handshakes), len(s.Vectors))
	}
	return s
}

// sent counts the messages that the door has put into the queue.
type sent struct{ messages int }

func (s *sent) Send(_ context.Context, entries []batch.Entry) error {
	s.messages += len(entries)
	return nil
}

// keeper is a quarantine that counts.
type keeper struct{ kept int }

func (k *keeper) Keep(context.Context, string, string, []byte) error { k.kept++; return nil }

func at(s *whatsapp.Source) (*webhook.Door, *keeper) {
	k := &keeper{}
	return &webhook.Door{Sources: []webhook.Source{s}, Carriers: map[string]webhook.Carrier{"whatsapp": &sent{}}, Quarantine: k, Now: func() time.Time { return noon }, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, k
}

func TestAHandshakeIsAnsweredAsTheVectorsSay(t *testing.T) {
	for _, v := range vectors(t).Handshakes {
		d, _ := at(whatsapp.NewSource(whatsapp.SourceConfig{VerifyTokens: secrets(v.Token), Now: func() time.Time { return noon }}))
		a := d.Handle(t.Context(), door.Request{Method: http.MethodGet, Path: whatsapp.Path, Query: v.Query})
		if a.Status != v.Status || string(a.Body) != v.Body {
			t.Errorf("%s: %d %q, want %d %q", v.Note, a.Status, a.Body, v.Status, v.Body)
		}
		if !strings.HasPrefix(a.ContentType, "text/plain") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: sent as %s, %v", v.Note, a.ContentType, a.Header)
		}
	}
}

func TestAHandshakeIsNothingElse(t *testing.T) {
	const right = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=token"
	for query, want := range map[string]int{
		right: 200, right + "&other=1": 200, right + "&hub.challenge=2": 400, right + "&hub.verify_token=other": 400, right + "&hub.mode=x": 400, "%zz": 400,
		strings.Replace(right, "1158201444", strings.Repeat("9", 256), 1): 200, strings.Replace(right, "1158201444", strings.Repeat("9", 257), 1): 400,
		strings.Replace(right, "1158201444", "", 1): 400, strings.Replace(right, "1158201444", "a-b", 1): 400, strings.Replace(right, "=token", "=Token", 1): 403,
		strings.Replace(right, "=token", "=next", 1): 200, strings.Replace(right, "hub.mode=subscribe&", "", 1): 403,
	} {
		s := whatsapp.NewSource(whatsapp.SourceConfig{VerifyTokens: secrets("", "token", "next"), Now: func() time.Time { return noon }})
		d, _ := at(s)
		if a := d.Handle(t.Context(), door.Request{Method: http.MethodGet, Path: whatsapp.Path, Query: query}); a.Status != want {
			t.Errorf("%.80s: %d, want %d", query, a.Status, want)
		}
	}
}

func TestASignatureIsJudgedAsTheVectorsSay(t *testing.T) {
	for _, v := range vectors(t).Vectors {
		body, err := base64.StdEncoding.DecodeString(v.Body)
		if err != nil {
			t.Fatal(err)
		}
		s := whatsapp.NewSource(whatsapp.SourceConfig{Secrets: secrets("another", v.Secret, ""), Now: func() time.Time { return noon }})
		r := door.Request{Method: http.MethodPost, Path: whatsapp.Path, Header: http.Header{"Content-Type": {"application/json"}, whatsapp.HeaderSignature: {v.Header}}, Body: body}
		if err := s.Verify(t.Context(), r); (err == nil) != v.Valid || err != nil && !errors.Is(err, door.ErrForged) {
			t.Errorf("%s: %v", v.Name, err)
		}
		d, k := at(s)
		want, kept := 401, 0
		if v.Valid {
			want = 200
		}
		if v.Name == "07_empty_object" { // signed, and none of WhatsApp's
			kept = 1
		}
		if a := d.Handle(t.Context(), r); a.Status != want || k.kept != kept {
			t.Errorf("%s: %d and %d in quarantine, want %d and %d", v.Name, a.Status, k.kept, want, kept)
		}
		if v.Valid && !strings.EqualFold(whatsapp.Sign(crm.NewSecret(v.Secret), body), v.Header) {
			t.Errorf("%s: signed otherwise", v.Name)
		}
	}
}

func TestEveryRecordedDeliveryIsTakenAtTheDoor(t *testing.T) {
	for name, body := range samples(t) {
		d, k := at(source())
		a := d.Handle(t.Context(), door.Request{Method: http.MethodPost, Path: whatsapp.Path, Body: body,
			Header: http.Header{"Content-Type": {"application/json"}, whatsapp.HeaderSignature: {whatsapp.Sign(crm.NewSecret("secret"), body)}}})
		kept := 0
		for _, bad := range []string{"x19", "x20", "x30"} {
			if strings.HasPrefix(name, bad) {
				kept = 1
			}
		}
		if a.Status != 200 || k.kept != kept {
			t.Errorf("%s: %d, %d in quarantine", name, a.Status, k.kept)
		}
	}
}

func TestADoubtOnOurSideIsNoForgery(t *testing.T) {
	lost := func(context.Context) ([]crm.Secret, error) { return nil, errors.New("no network") }
	header := http.Header{whatsapp.HeaderSignature: {whatsapp.Sign(crm.NewSecret("secret"), nil)}}
	const query = "hub.mode=subscribe&hub.challenge=1&hub.verify_token=token"
	for name, from := range map[string]func(context.Context) ([]crm.Secret, error){"unreadable": lost, "not set": secrets(), "empty": secrets("", "")} {
		s := whatsapp.NewSource(whatsapp.SourceConfig{Secrets: from, VerifyTokens: from})
		for setting, r := range map[string]door.Request{
			whatsapp.SettingSecret: {Method: http.MethodPost, Header: header}, whatsapp.SettingVerify: {Method: http.MethodGet, Query: query},
		} {
			err := s.Verify(t.Context(), r)
			if err == nil || errors.Is(err, door.ErrForged) || errors.Is(err, door.ErrMalformed) || !strings.Contains(err.Error(), setting) {
				t.Errorf("%s, %s: %v", name, r.Method, err)
			}
		}
	}
}

func TestASignatureThatIsNoneIsRefusedBeforeTheBodyIsLookedAt(t *testing.T) {
	s := source()
	right := whatsapp.Sign(crm.NewSecret("secret"), []byte("x"))
	for name, values := range map[string][]string{
		"none": nil, "empty": {""}, "two": {right, right}, "short": {right[:40]}, "long": {right + "00"}, "no digits": {"sha256=" + strings.Repeat("g", 64)}, "spaces": {" " + right},
		"another": {whatsapp.Sign(crm.NewSecret("other"), []byte("x"))},
	} {
		err := s.Verify(t.Context(), door.Request{Method: http.MethodPost, Header: http.Header{whatsapp.HeaderSignature: values}, Body: []byte("x")})
		if !errors.Is(err, door.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Verify(t.Context(), door.Request{Method: http.MethodPost, Header: http.Header{whatsapp.HeaderSignature: {right}}, Body: []byte("x")}); err != nil {
		t.Error(err)
	}
}

func TestTheSourceSaysWhereItStandsAtTheDoor(t *testing.T) {
	s := source()
	if s.Name() != "whatsapp" || s.Path() != "/webhooks/whatsapp" || strings.Join(s.Methods(), " ") != "GET POST" || s.Limit() != 3<<20 {
		t.Errorf("%s %s %v %d", s.Name(), s.Path(), s.Methods(), s.Limit())
	}
}

var _ webhook.Answerer = (*whatsapp.Source)(nil)
