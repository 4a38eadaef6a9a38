package zoho_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// counted answers COQL.
type counted struct {
	status int
	body   string
	asked  []string
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	c.asked = append(c.asked, r.Method+" "+r.URL.Path+" "+string(body))
	return &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(c.body)), Request: r}, nil
}

type ever struct{}

func (ever) Token(context.Context) (crm.Access, error) {
	return crm.Access{Token: crm.NewSecret("t"), Version: 1, Base: "https://www.zohoapis.eu"}, nil
}
func (ever) Bad(context.Context, int64) error { return nil }

func TestZohoIsAskedHowManyConversionsOfItsTenantItKnows(t *testing.T) {
	mine, from := conversion.TenantOf("https://issuer.example", "shop"), time.Date(2026, 11, 20, 23, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		status int
		body   string
		n      int64
		fails  fault.Kind
	}{
		"some":              {http.StatusOK, `{"data":[{"COUNT(id)":17}],"info":{"count":1,"more_records":false}}`, 17, 0},
		"none":              {http.StatusNoContent, ``, 0, 0},
		"no number":         {http.StatusOK, `{"data":[{"COUNT(id)":"x"}]}`, 0, fault.Down},
		"something else":    {http.StatusOK, `{"data":[{"id":"17"}]}`, 0, fault.Down},
		"too many requests": {http.StatusTooManyRequests, `{"code":"TOO_MANY_REQUESTS","status":"error"}`, 0, fault.Throttled},
	} {
		w := &counted{status: tt.status, body: tt.body}
		c := zoho.Count{Module: "Deals", Time: "Closing_Time", Channel: "Lead_Source", Tenant: mine, Client: zoho.New(zoho.Config{Tokens: ever{}, HTTP: w, Now: time.Now})}
		n, asked, err := c.Conversions(t.Context(), mine, conversion.Webform, from, from.Add(24*time.Hour))
		if n != tt.n || !asked || (err != nil) != (tt.fails != 0) || err != nil && fault.KindOf(err) != tt.fails {
			t.Errorf("%s: %d, %v, %v", name, n, asked, err)
		}
		const want = `POST /crm/v8/coql {"select_query":"select COUNT(id) from Deals where ((Closing_Time \u003e= '2026-11-20T23:00:00+00:00' and Closing_Time \u003c '2026-11-21T23:00:00+00:00') and Lead_Source = 'webform')"}`
		if got := strings.TrimSpace(w.asked[0]); got != want {
			t.Errorf("%s: asked %s", name, got)
		}
		if n, asked, err := c.Conversions(t.Context(), conversion.TenantOf("https://issuer.example", "other"), conversion.Webform, from, from); n != 0 || asked || err != nil {
			t.Errorf("another tenant's: %d, %v, %v", n, asked, err)
		}
	}
}
