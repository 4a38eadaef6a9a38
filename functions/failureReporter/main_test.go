package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/core/fault"
)

// sandbox are settings as the template gives them.
var sandbox = map[string]string{
	"PARKED_TABLE": "parked", "REPORT_TO": "client@example.com", "REPORT_FROM": "reports@example.com",
	"HUBSPOT_RECORDS_URL": "https://app-eu1.hubspot.com/contacts/62515", "ZOHO_RECORDS_URL": "https://crm.zoho.eu/crm/org1",
}

func TestEveryMissingSettingIsNamedAtOnce(t *testing.T) {
	_, err := build(t.Context(), awstest.Env())
	awstest.Lacks(t, err, append(awstest.Own(), "REPORT_TO", "REPORT_FROM", "PARKED_TABLE")...)
}

func TestItStartsWithoutACall(t *testing.T) {
	if _, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox)); err != nil {
		t.Error(err)
	}
}

func TestAnOddTimeZoneIsNamed(t *testing.T) {
	_, err := build(t.Context(), awstest.Env(awstest.Refused(t), sandbox, map[string]string{"REPORT_ZONE": "Europe/Atlantis"}))
	if err == nil || err.Error() != "REPORT_ZONE is not a time zone, like Europe/Rome" {
		t.Error(err)
	}
}

func TestWithNothingParkedNoMailIsSent(t *testing.T) {
	aws, calls := awstest.Serve(t, func(string, string) (int, string) { return http.StatusOK, `{"Items":[]}` })
	run, err := build(t.Context(), awstest.Env(aws, sandbox))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context()); err != nil {
		t.Error(err)
	}
	if all := calls(); len(all) == 0 || slices.ContainsFunc(all, func(c string) bool { return strings.HasPrefix(c, "ses.") }) {
		t.Errorf("called %v", all)
	}
}

func TestATableThatCannotBeReadIsAFailureOfTheFunction(t *testing.T) {
	aws, _ := awstest.Serve(t, func(string, string) (int, string) {
		return http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`
	})
	run, err := build(t.Context(), awstest.Env(aws, sandbox))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context()); fault.KindOf(err) != fault.Setup {
		t.Error(err)
	}
}
