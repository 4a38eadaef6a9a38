package hubspot

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// The names of the settings that an operator is told to look at.
const (
	SettingURL       = "HUBSPOT_WEBHOOK_URL"
	SettingSecret    = "HUBSPOT_CLIENT_SECRET"
	SettingSignature = "HUBSPOT_SIGNATURE_MODE" // "v3" or "v3-or-v1"
)

// Path is the route of HubSpot's deliveries below the door's address.
const Path = "/webhooks/hubspot"

// SourceConfig is what a Source needs.
type SourceConfig struct {
	// Secrets returns the app's client secrets, the old and the new one during a rotation. An error, or none at all, is a doubt
	// on our side and never a forgery.
	Secrets func(context.Context) ([]crm.Secret, error)
	// URLs are the target URLs as HubSpot was told them, character by character; the signature covers them.
	URLs []string
	// AllowV1 accepts a v1 signature when v3 is absent. v1 covers no time, so a delivery can be sent again by whoever saw it.
	AllowV1 bool
	AppID   string // our app's id, for echoes; "" ends none
	Now     func() time.Time
	// Fields returns the names of the mapped properties of each module. Nil, an error or a module that is missing means that
	// they are not known; then no property is taken for unmapped.
	Fields func(context.Context) (map[crm.Module][]string, error)
	// Portal returns the id of the account whose records are brought in step. Nil, an error or "" means that it is not known; then no
	// event is taken for another's.
	Portal     func(context.Context) (string, error)
	Connection string // "" stands for crm.DefaultConnection
}

// Source verifies HubSpot's webhook deliveries and reads operations from them.
type Source struct{ SourceConfig }

// NewSource returns a Source.
func NewSource(c SourceConfig) *Source {
	if c.Connection == "" {
		c.Connection = crm.DefaultConnection
	}
	return &Source{c}
}

// Name returns "hubspot".
func (*Source) Name() string { return string(crm.HubSpot) }

// Path returns Path.
func (*Source) Path() string { return Path }

// Methods returns POST alone.
func (*Source) Methods() []string { return []string{http.MethodPost} }

// Limit returns the largest body in bytes, which is the largest that can come in: 100 events take about 40 kB, and as much more as
// the new values of their properties, of up to 65,536 characters each.
func (*Source) Limit() int { return door.Payload }

// Verify returns nil for a delivery that HubSpot has signed for one of our URLs within 300 seconds of our clock, both
// ways. It returns door.ErrForged when that is disproven, and any other error when it is in doubt: no secret at hand, no
// URL set, or a v1 signature that is right although only v3 is accepted; that error names the setting.
//
// Neither the request's path nor its host takes part: the URLs come from the settings.
func (s *Source) Verify(ctx context.Context, r door.Request) error {
	v3, has3, _ := once(r.Header, HeaderV3)
	_, has1, _ := once(r.Header, HeaderV1)
	if !has3 && !has1 {
		return fmt.Errorf("%w: no signature", door.ErrForged)
	}
	secrets, err := s.secrets(ctx)
	if err != nil {
		return err
	}
	if !has3 {
		return s.withoutV3(secrets, r)
	}
	if len(s.URLs) == 0 {
		return errors.New("hubspot: " + SettingURL + " is not set, so no signature can be checked")
	}
	return s.withV3(secrets, r, v3)
}

func (s *Source) secrets(ctx context.Context) ([]crm.Secret, error) {
	all, err := s.Secrets(ctx)
	if err != nil {
		return nil, fmt.Errorf("hubspot: %s cannot be read: %w", SettingSecret, err)
	}
	kept := make([]crm.Secret, 0, len(all))
	for _, secret := range all {
		if !secret.IsZero() {
			kept = append(kept, secret)
		}
	}
	if len(kept) == 0 {
		return nil, errors.New("hubspot: " + SettingSecret + " is not set")
	}
	return kept, nil
}

func (s *Source) withV3(secrets []crm.Secret, r door.Request, header string) error {
	_, _, single := once(r.Header, HeaderV3)
	got, exact := digestV3(header)
	stamp, _, stamped := once(r.Header, HeaderTimestamp)
	switch {
	case !single || !exact || !stamped:
		return fmt.Errorf("%w: malformed signature headers", door.ErrForged)
	case !fresh(stamp, s.Now()):
		return fmt.Errorf("%w: its time is more than 300 s from ours", door.ErrForged)
	}
	for _, secret := range secrets {
		for _, uri := range s.URLs {
			if hmac.Equal(got, sumV3(secret, r.Method, uri, r.Body, stamp)) {
				return nil
			}
		}
	}
	if rightV1(secrets, r) {
		return fmt.Errorf("%w: the secret is right but another URL was signed; compare %s with the app's target URL", door.ErrForged, SettingURL)
	}
	return fmt.Errorf("%w: wrong signature; compare %s with the app's client secret", door.ErrForged, SettingSecret)
}

func (s *Source) withoutV3(secrets []crm.Secret, r door.Request) error {
	switch right := rightV1(secrets, r); {
	case !right:
		return fmt.Errorf("%w: wrong signature; compare %s with the app's client secret", door.ErrForged, SettingSecret)
	case s.AllowV1:
		return nil
	}
	return errors.New("hubspot: the v1 signature is right and there is no v3; set " + SettingSignature + "=v3-or-v1 to accept it")
}

func rightV1(secrets []crm.Secret, r door.Request) bool {
	text, _, single := once(r.Header, HeaderV1)
	got, exact := digestV1(text)
	if !single || !exact {
		return false
	}
	for _, secret := range secrets {
		if hmac.Equal(got, sumV1(secret, r.Body)) {
			return true
		}
	}
	return false
}
