package whatsapp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// The names of the settings that an operator is told to look at.
const (
	SettingSecret = "WHATSAPP_APP_SECRET"
	SettingVerify = "WHATSAPP_VERIFY_TOKEN"
)

// Path is the route of Meta's deliveries below the door's address.
const Path = "/webhooks/whatsapp"

// HeaderSignature carries the signature of a delivery. The older X-Hub-Signature is not looked at.
const HeaderSignature = "X-Hub-Signature-256"

// MaxDelivery is the largest body in bytes. Page: webhooks/overview ("payloads can be up to 3 MB").
const MaxDelivery = 3 << 20

// SourceConfig is what a Source needs.
type SourceConfig struct {
	// Secrets returns the app's secrets, the old and the new one during a rotation. An error, or none at all, is a doubt on our
	// side and never a forgery.
	Secrets func(context.Context) ([]crm.Secret, error)
	// VerifyTokens returns the tokens that the callback may be verified with; an empty one verifies nothing.
	VerifyTokens func(context.Context) ([]crm.Secret, error)
	Now          func() time.Time
	Connection   string // "" stands for crm.DefaultConnection
}

// Source answers Meta's handshake and reads its signed deliveries. The signature covers no time: a delivery may be sent
// again by whoever saw it, and only the names of its updates (chat.Update.Identity) tell that it was here before.
type Source struct{ cfg SourceConfig }

// NewSource returns a Source.
func NewSource(c SourceConfig) *Source {
	if c.Connection == "" {
		c.Connection = crm.DefaultConnection
	}
	return &Source{c}
}

// Name returns "whatsapp".
func (*Source) Name() string { return string(crm.WhatsApp) }

// Path returns Path.
func (*Source) Path() string { return Path }

// Methods returns GET, of the handshake, and POST, of deliveries.
func (*Source) Methods() []string { return []string{http.MethodGet, http.MethodPost} }

// Limit returns MaxDelivery.
func (*Source) Limit() int { return MaxDelivery }

// Verify returns nil for a handshake with one of our tokens, and for a delivery that one of our secrets has signed.
// door.ErrForged says that it is proven to be neither, door.ErrMalformed that a handshake is none; any other error is a doubt
// on our side. Nothing of a body is read.
func (s *Source) Verify(ctx context.Context, r door.Request) error {
	if r.Method == http.MethodGet {
		_, err := s.handshake(ctx, r.Query)
		return err
	}
	return s.signed(ctx, r)
}

func (s *Source) signed(ctx context.Context, r door.Request) error {
	got, err := signature(r.Header)
	if err != nil {
		return err
	}
	secrets, err := usable(ctx, SettingSecret, s.cfg.Secrets)
	if err != nil {
		return err
	}
	for _, secret := range secrets {
		if hmac.Equal(got, sum(secret, r.Body)) {
			return nil
		}
	}
	return fmt.Errorf("%w: wrong signature; compare %s with the app's secret", door.ErrForged, SettingSecret)
}

// usable returns the secrets of a setting that are not empty.
func usable(ctx context.Context, setting string, from func(context.Context) ([]crm.Secret, error)) ([]crm.Secret, error) {
	all, err := from(ctx)
	if err != nil {
		return nil, fmt.Errorf("whatsapp: %s cannot be read: %w", setting, err)
	}
	kept := make([]crm.Secret, 0, len(all))
	for _, secret := range all {
		if !secret.IsZero() {
			kept = append(kept, secret)
		}
	}
	if len(kept) == 0 {
		return nil, errors.New("whatsapp: " + setting + " is not set")
	}
	return kept, nil
}

// Sign returns the header X-Hub-Signature-256 of a body: "sha256=" and the HMAC-SHA256 over its exact bytes, keyed with the
// app's secret, in lower-case hexadecimal. Page: webhooks/create-webhook-endpoint, "Validating payloads".
func Sign(secret crm.Secret, body []byte) string {
	return "sha256=" + hex.EncodeToString(sum(secret, body))
}

func sum(secret crm.Secret, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	return mac.Sum(nil)
}

// signature reads the one form of the header: "sha256=" and 64 hexadecimal digits, in either case.
func signature(h http.Header) ([]byte, error) {
	values := h.Values(HeaderSignature)
	if len(values) == 0 {
		return nil, fmt.Errorf("%w: no signature", door.ErrForged)
	}
	digits, ok := strings.CutPrefix(values[0], "sha256=")
	got, err := hex.DecodeString(digits)
	if len(values) > 1 || !ok || err != nil || len(got) != sha256.Size {
		return nil, fmt.Errorf("%w: malformed signature", door.ErrForged)
	}
	return got, nil
}

// Read reads a verified delivery into messages for a queue, in the order in which they are to be sent; a handshake holds none.
// Events counts all updates, Ignored those that are acknowledged and that nobody asked for (past conversations and the
// business's own app), Unreadable single ones that make no sense although the rest does. Several accounts, numbers, messages and
// statuses may be mixed; fields, types and kinds that nobody knows yet are kept as what they call themselves. A body that is
// none of WhatsApp's gives an error that wraps door.ErrUnreadable. No error repeats anything of the body.
func (s *Source) Read(_ context.Context, r door.Request) (door.Delivery, error) {
	if r.Method == http.MethodGet {
		return door.Delivery{}, nil
	}
	p, err := parse(r.Body)
	if err != nil {
		return door.Delivery{}, err
	}
	entries, tooLarge := chat.Pack(chat.Parcel{Connection: s.cfg.Connection, ReceivedAt: s.cfg.Now(), Trace: r.ID, Updates: p.updates})
	return door.Delivery{
		Entries: entries,
		Events:  len(p.updates) + p.ignored + p.unreadable, Ignored: p.ignored, Unreadable: p.unreadable + len(tooLarge),
	}, nil
}
