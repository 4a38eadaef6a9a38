package rehearse

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// signed is a delivery as HubSpot signs it at that time.
func (s *stage) signed(secret, body string, at time.Time) delivery {
	signature, timestamp := hubspot.Sign(crm.NewSecret(secret), http.MethodPost, s.domain.base+"/webhooks/hubspot", []byte(body), at)
	return delivery{http.Header{hubspot.HeaderV3: {signature}, hubspot.HeaderTimestamp: {timestamp}, "Content-Type": {"application/json"}}, []byte(body)}
}

// knock is the event that HubSpot's Test button sends: the door takes it and does nothing.
func (s *stage) knock() delivery {
	return s.signed(hubspottest.DefaultClientSecret, fmt.Sprintf(`[{"eventId":100,"subscriptionId":1,"portalId":1,"appId":1,"occurredAt":%d,`+
		`"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW"}]`, s.Now().UnixMilli()), s.Now())
}

func (s *stage) expect(ctx context.Context, what, method, path string, v delivery, want int) error {
	got, err := s.domain.request(ctx, method, path, v)
	if err == nil && got != want {
		err = fmt.Errorf("answered %d, want %d", got, want)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

const (
	hubspotPath = "/webhooks/hubspot"
	zohoPath    = "/webhooks/zoho"
)

// missing knocks before the client secret of HubSpot is stored.
func missing(ctx context.Context, s *stage) (string, error) {
	err := until(ctx, soon, func(ctx context.Context) error {
		if err := s.expect(ctx, "a signed delivery", http.MethodPost, hubspotPath, s.knock(), http.StatusServiceUnavailable); err != nil {
			return err
		}
		sandbox.Sleep(ctx, time.Second) // as long as a failure to read the secrets is remembered
		return s.cloud.metric(ctx, "webhook", "MissingHubspotClientSecret")
	})
	return "503; the line of the alarm names HUBSPOT_CLIENT_SECRET", err
}

// doors knocks in every wrong way.
func doors(ctx context.Context, s *stage) (string, error) {
	// A secret that was missing is looked for again after 15 seconds.
	err := until(ctx, soon, func(ctx context.Context) error {
		sandbox.Sleep(ctx, time.Second)
		return s.expect(ctx, "a signed delivery", http.MethodPost, hubspotPath, s.knock(), http.StatusOK)
	})
	if err != nil {
		return "", err
	}
	now, note := s.Now(), func(token string) delivery {
		return delivery{body: []byte(fmt.Sprintf(`{"server_time":%d,"query_params":{},"module":"Contacts","resource_uri":"","ids":["4876876000000333013"],`+
			`"affected_fields":[],"operation":"update","channel_id":"%s","token":%q}`, s.Now().UnixMilli(), s.zoho.Channels()[0].ID, token))}
	}
	for _, k := range []struct {
		what, method, path string
		v                  delivery
		want               int
	}{
		{"HubSpot with another key", http.MethodPost, hubspotPath, s.signed("another", "[]", now), http.StatusUnauthorized},
		{"HubSpot without a signature", http.MethodPost, hubspotPath, delivery{body: []byte("[]")}, http.StatusUnauthorized},
		{"HubSpot, signed six minutes ago", http.MethodPost, hubspotPath, s.signed(hubspottest.DefaultClientSecret, "[]", now.Add(-6*time.Minute)), http.StatusUnauthorized},
		{"Zoho with another token", http.MethodPost, zohoPath, note("another"), http.StatusUnauthorized},
		{"GET", http.MethodGet, hubspotPath, delivery{}, http.StatusNotFound},
		{"a path without a route", http.MethodPost, "/webhooks/other", s.knock(), http.StatusNotFound},
	} {
		v := k.v
		if v.header == nil {
			v.header = http.Header{"Content-Type": {"application/json"}}
		}
		if err := s.expect(ctx, k.what, k.method, k.path, v, k.want); err != nil {
			return "", err
		}
	}
	return "4 times 401, twice 404", nil
}
