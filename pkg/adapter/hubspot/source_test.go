package hubspot

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

const (
	hookURL = "https://hooks.example.com/webhooks/hubspot"
	appID   = "19635961"
)

var (
	secret = crm.NewSecret("c1a2b3d4-0000-4000-8000-zohohubspot01")
	now    = time.UnixMilli(1790000003000).UTC()
)

func secrets(all ...crm.Secret) func(context.Context) ([]crm.Secret, error) {
	return func(context.Context) ([]crm.Secret, error) { return all, nil }
}

func source() *Source {
	return NewSource(SourceConfig{Secrets: secrets(secret), URLs: []string{hookURL}, AppID: appID, Now: func() time.Time { return now }})
}

func signed(body string) door.Request {
	signature, stamp := Sign(secret, http.MethodPost, hookURL, []byte(body), now)
	h := http.Header{}
	h.Set(HeaderV3, signature)
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderV1, SignV1(secret, []byte(body)))
	return door.Request{Method: http.MethodPost, Path: Path, Header: h, Body: []byte(body)}
}

type vector struct {
	Name, Version, Method, URI, Body, Timestamp, ClientSecret, Signature string
	ExpectValid                                                          *bool
}

// v2 signs workflow actions and cards, never webhook deliveries, so its vectors are refused here.
func TestEverySignatureVectorVerifiesAsMarked(t *testing.T) {
	var file struct{ Vectors []vector }
	load(t, "testdata/hubspot-signatures.json", &file)
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			s := source()
			s.Secrets, s.URLs, s.AllowV1 = secrets(crm.NewSecret(v.ClientSecret)), []string{v.URI}, true
			h := http.Header{}
			if v.Version == "v3" {
				ms, err := strconv.ParseInt(v.Timestamp, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				s.Now = func() time.Time { return time.UnixMilli(ms) }
				h.Set(HeaderV3, v.Signature)
				h.Set(HeaderTimestamp, v.Timestamp)
			} else {
				h.Set(HeaderV1, v.Signature)
			}
			err := s.Verify(t.Context(), door.Request{Method: v.Method, Header: h, Body: []byte(v.Body)})
			valid := (v.ExpectValid == nil || *v.ExpectValid) && v.Version != "v2"
			if valid != (err == nil) || !valid && !errors.Is(err, door.ErrForged) {
				t.Errorf("Verify = %v, valid %t", err, valid)
			}
		})
	}
}

func TestTheEscapesThatHubSpotUndoesAreUndoneAndNoOthers(t *testing.T) {
	s := source()
	s.URLs = []string{"https://hooks.example.com/hubspot?src=hs%3Aapp%2fv3&x=%28a%29&to=a%40b.c&q=%3Fz&k=%20%26%2B"}
	plain := "https://hooks.example.com/hubspot?src=hs:app/v3&x=(a)&to=a@b.c&q=?z&k=%20%26%2B"
	signature, stamp := Sign(secret, "POST", plain, []byte("[]"), now)
	h := http.Header{}
	h.Set(HeaderV3, signature)
	h.Set(HeaderTimestamp, stamp)
	if err := s.Verify(t.Context(), door.Request{Method: "POST", Header: h, Body: []byte("[]")}); err != nil {
		t.Error(err)
	}
}

func TestADeliveryIsTakenForgedOrDoubted(t *testing.T) {
	const forged, doubt = "forged", "doubt"
	set := func(name, value string) func(*Source, *door.Request) {
		return func(_ *Source, r *door.Request) { r.Header.Set(name, value) }
	}
	at := func(shift time.Duration) func(*Source, *door.Request) {
		return func(s *Source, _ *door.Request) { s.Now = func() time.Time { return now.Add(shift) } }
	}
	withoutV3 := func(r *door.Request) { r.Header.Del(HeaderV3); r.Header.Del(HeaderTimestamp) }
	other := crm.NewSecret("another")
	tests := []struct {
		name   string
		change func(*Source, *door.Request)
		want   string
		says   string
	}{
		{"as sent", func(*Source, *door.Request) {}, "", ""},
		{"exactly 300 s old", at(300 * time.Second), "", ""},
		{"exactly 300 s ahead", at(-300 * time.Second), "", ""},
		{"301 s old", at(301 * time.Second), forged, "300 s"},
		{"301 s ahead", at(-301 * time.Second), forged, "300 s"},
		{"a millisecond too old", at(300*time.Second + time.Millisecond), forged, ""},
		{"a timestamp in seconds", set(HeaderTimestamp, "1790000003"), forged, ""},
		{"a negative timestamp", set(HeaderTimestamp, "-790000003000"), forged, ""},
		{"a timestamp of 20 digits", set(HeaderTimestamp, "17900000030001790000"), forged, ""},
		{"a timestamp in scientific form", set(HeaderTimestamp, "1e12"), forged, ""},
		{"no timestamp", func(_ *Source, r *door.Request) { r.Header.Del(HeaderTimestamp) }, forged, ""},
		{"an empty signature", set(HeaderV3, ""), forged, ""},
		{"a signature of a megabyte", set(HeaderV3, strings.Repeat("A", 1<<20)), forged, ""},
		{"the signature in hex", func(_ *Source, r *door.Request) {
			raw, _ := base64.StdEncoding.DecodeString(r.Header.Get(HeaderV3))
			r.Header.Set(HeaderV3, hex.EncodeToString(raw))
		}, forged, ""},
		{"the signature without padding", func(_ *Source, r *door.Request) {
			r.Header.Set(HeaderV3, strings.TrimRight(r.Header.Get(HeaderV3), "="))
		}, forged, ""},
		{"the signature twice", func(_ *Source, r *door.Request) { r.Header.Add(HeaderV3, r.Header.Get(HeaderV3)) }, forged, ""},
		{"the signature twice, joined", func(_ *Source, r *door.Request) {
			r.Header.Set(HeaderV3, r.Header.Get(HeaderV3)+","+r.Header.Get(HeaderV3))
		}, forged, ""},
		{"the timestamp twice", func(_ *Source, r *door.Request) { r.Header.Add(HeaderTimestamp, r.Header.Get(HeaderTimestamp)) }, forged, ""},
		{"no signature at all", func(_ *Source, r *door.Request) { withoutV3(r); r.Header.Del(HeaderV1) }, forged, ""},
		{"another URL in the settings", func(s *Source, _ *door.Request) { s.URLs = []string{hookURL + "/"} }, forged, SettingURL},
		{"the second of two URLs", func(s *Source, _ *door.Request) { s.URLs = []string{"https://old.example", hookURL} }, "", ""},
		{"another secret", func(s *Source, _ *door.Request) { s.Secrets = secrets(other) }, forged, ""},
		{"the old secret during a rotation", func(s *Source, _ *door.Request) { s.Secrets = secrets(other, secret) }, "", ""},
		{"a forged host", set("Host", "evil.example"), "", ""},
		{"only v1, right, not switched on", func(_ *Source, r *door.Request) { withoutV3(r) }, doubt, SettingSignature},
		{"only v1, right, switched on", func(s *Source, r *door.Request) { s.AllowV1 = true; withoutV3(r) }, "", ""},
		{"only v1, wrong, switched on", func(s *Source, r *door.Request) { s.AllowV1 = true; withoutV3(r); r.Body[0] = ' ' }, forged, ""},
		{"only v1, in capitals", func(s *Source, r *door.Request) {
			s.AllowV1 = true
			withoutV3(r)
			r.Header.Set(HeaderV1, strings.ToUpper(r.Header.Get(HeaderV1)))
		}, forged, ""},
		{"v3 wrong and v1 right, v1 switched on", func(s *Source, r *door.Request) {
			s.AllowV1 = true
			r.Header.Set(HeaderV3, base64.StdEncoding.EncodeToString(make([]byte, 32)))
		}, forged, ""},
		{"no secret at hand", func(s *Source, _ *door.Request) { s.Secrets = secrets() }, doubt, SettingSecret},
		{"an empty secret", func(s *Source, _ *door.Request) { s.Secrets = secrets(crm.NewSecret(""), crm.Secret{}) }, doubt, SettingSecret},
		{"secrets that cannot be read", func(s *Source, _ *door.Request) {
			s.Secrets = func(context.Context) ([]crm.Secret, error) { return nil, errors.New("store gone") }
		}, doubt, SettingSecret},
		{"no URL in the settings", func(s *Source, _ *door.Request) { s.URLs = nil }, doubt, SettingURL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, r := source(), signed("[]")
			tt.change(s, &r)
			err := s.Verify(t.Context(), r)
			got := ""
			switch {
			case errors.Is(err, door.ErrForged):
				got = forged
			case err != nil:
				got = doubt
			}
			if got != tt.want || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Verify = %v, want %q naming %q", err, tt.want, tt.says)
			}
		})
	}
}

func TestAnyBitThatIsTurnedMakesADeliveryForged(t *testing.T) {
	const body = `[{"eventId":1,"subscriptionType":"contact.creation","objectId":123}]`
	flip := func(s string, bit int) string {
		raw := []byte(s)
		raw[bit/8%len(raw)] ^= 1 << (bit % 8)
		return string(raw)
	}
	rapid.Check(t, func(t *rapid.T) {
		s, r := source(), signed(body)
		bit := rapid.IntRange(0, 1<<16).Draw(t, "bit")
		part := rapid.SampledFrom([]string{"body", "URI", "method", "timestamp", "signature"}).Draw(t, "part")
		switch part {
		case "body":
			r.Body = []byte(flip(body, bit))
		case "URI":
			s.URLs = []string{flip(hookURL, bit)}
		case "method":
			r.Method = flip(r.Method, bit)
		case "timestamp":
			r.Header.Set(HeaderTimestamp, flip(r.Header.Get(HeaderTimestamp), bit))
		case "signature":
			r.Header.Set(HeaderV3, flip(r.Header.Get(HeaderV3), bit))
		}
		if err := s.Verify(context.Background(), r); !errors.Is(err, door.ErrForged) {
			t.Fatalf("%s: Verify = %v", part, err)
		}
	})
}

func TestSecretsStayOutOfErrors(t *testing.T) {
	s, r := source(), signed("[]")
	s.URLs = []string{"https://other.example"}
	for _, err := range []error{s.Verify(t.Context(), r)} {
		if strings.Contains(err.Error(), secret.Reveal()) || strings.Contains(err.Error(), r.Header.Get(HeaderV3)) {
			t.Errorf("error %v", err)
		}
	}
}
