package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
)

// sandbox are settings as the template gives them, secrets in the environment.
var sandbox = map[string]string{
	"CONVERSIONS_TABLE": "conversions", "CONVERSIONS_JWT_ISSUER": conversionstest.DefaultIssuer, "CONVERSIONS_JWT_SECRET": conversionstest.DefaultSecret,
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(), "CONVERSIONS_TABLE")...)
	_, err = build(t.Context(), awstest.Env(awstest.Refused(t), sandbox, map[string]string{"CONVERSIONS_JWT_SECRET": ""}))
	awstest.Lacks(t, err, "CONVERSIONS_JWT_SECRET")
}

func ask(scope string) events.APIGatewayV2HTTPRequest {
	to := time.Now().UTC().Truncate(5 * time.Minute)
	e := events.APIGatewayV2HTTPRequest{
		RawPath: conversions.MetricsPath, RawQueryString: "da=" + to.Add(-5*time.Minute).Format(time.RFC3339) + "&a=" + to.Format(time.RFC3339),
		Headers: map[string]string{"authorization": "Bearer " + conversionstest.Caller{}.Token(time.Now(), scope)},
	}
	e.RequestContext.HTTP.Method = http.MethodGet
	return e
}

func TestItStartsWithoutACallAndAsksForATokenWithItsScope(t *testing.T) {
	handle, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := handle(t.Context(), ask("conversioni:scrivi")); err != nil || a.StatusCode != http.StatusForbidden {
		t.Errorf("%d %s, %v", a.StatusCode, a.Body, err)
	}
}

func TestAQueryIsAnsweredFromTheTable(t *testing.T) {
	aws, calls := awstest.Serve(t, func(string, string) (int, string) {
		return http.StatusOK, `{"Items":[],"Responses":{"conversions":[]}}`
	})
	handle, err := build(t.Context(), awstest.Env(aws, sandbox))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := handle(t.Context(), ask("metriche:leggi")); err != nil || a.StatusCode != http.StatusOK || !strings.Contains(a.Body, `"nessuna_conversione"`) || len(calls()) == 0 {
		t.Errorf("%d %s, %v", a.StatusCode, a.Body, err)
	}
}

func TestTablesThatAreGoneAreADoubtAndAStackWithoutTokensSaysWhatToSet(t *testing.T) {
	aws, _ := awstest.Serve(t, func(string, string) (int, string) {
		return http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`
	})
	handle, err := build(t.Context(), awstest.Env(aws, sandbox))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := handle(t.Context(), ask("metriche:leggi")); err != nil || a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d %s, %v", a.StatusCode, a.Body, err)
	}
	handle, err = build(t.Context(), awstest.Env(awstest.Refused(t), map[string]string{"CONVERSIONS_TABLE": "conversions"}))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := handle(t.Context(), ask("metriche:leggi")); err != nil || a.StatusCode != http.StatusNotFound || !strings.Contains(a.Body, "CONVERSIONS_JWT_ISSUER") {
		t.Errorf("%d %s, %v", a.StatusCode, a.Body, err)
	}
}

func TestAWrongSettingOfTokensIsADoubt(t *testing.T) {
	handle, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox, map[string]string{"CONVERSIONS_JWKS_URL": "http://issuer.example/keys"}))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := handle(t.Context(), ask("metriche:leggi")); err != nil || a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d %s, %v", a.StatusCode, a.Body, err)
	}
}
