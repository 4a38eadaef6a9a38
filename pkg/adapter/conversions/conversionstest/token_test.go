package conversionstest_test

import (
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
)

func TestATokenOfTheSandboxIsTakenForHalfAnHourAndForItsScopesOnly(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	now := at
	tokens := &conversions.Tokens{
		Algorithm: "HS256", Issuer: conversionstest.DefaultIssuer, Audience: conversionstest.DefaultAudience,
		Keys: conversions.One{Public: []byte(conversionstest.DefaultSecret)}, Now: func() time.Time { return now },
	}
	raw := conversionstest.Caller{}.Token(at, "metriche:leggi", "costi:scrivi")
	header := http.Header{"Authorization": {"Bearer " + raw}}
	if who, err := tokens.Verify(t.Context(), header, conversions.ScopeMetrics); err != nil || who == "" {
		t.Errorf("%q, %v", who, err)
	}
	if _, err := tokens.Verify(t.Context(), header, conversions.ScopeEvents); err == nil {
		t.Error("a scope that is not in it")
	}
	other := http.Header{"Authorization": {"Bearer " + conversionstest.Caller{Secret: "another-secret-0123456789-0123456789"}.Token(at, "metriche:leggi")}}
	if _, err := tokens.Verify(t.Context(), other, conversions.ScopeMetrics); err == nil {
		t.Error("another key")
	}
	now = at.Add(conversionstest.Lifetime + conversions.Leeway + time.Second)
	if _, err := tokens.Verify(t.Context(), header, conversions.ScopeMetrics); err == nil {
		t.Error("too old")
	}
}
