package hubspottest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
)

func TestActivitiesThatHubSpotRefusesAreRefused(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := hubspottest.New(hubspottest.Options{Now: func() time.Time { return now }})
	id, err := s.Create(crm.Contacts, map[string]string{"email": "anna@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	to := func(contact, typeID string) string {
		return `"associations":[{"to":{"id":"` + contact + `"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":` + typeID + `}]}]`
	}
	good := `"hs_communication_channel_type":"WHATS_APP","hs_communication_logged_from":"CRM","hs_timestamp":"2026-11-21T10:00:00.000Z"`
	for _, c := range []struct{ name, body, want string }{
		{"complete", `{"properties":{` + good + `},` + to(id, "81") + `}`, ""},
		{"an instant in milliseconds", `{"properties":{"hs_communication_channel_type":"SMS","hs_timestamp":"1790000000000"},` + to(id, "81") + `}`, ""},
		{"no associations", `{"properties":{` + good + `}}`, "associations"},
		{"a contact that is not there", `{"properties":{` + good + `},` + to("12", "81") + `}`, "One or more associations are invalid"},
		{"the association type of a company", `{"properties":{` + good + `},` + to(id, "87") + `}`, "invalid association type 87"},
		{"an association without a type", `{"properties":{` + good + `},"associations":[{"to":{"id":"` + id + `"},"types":[]}]}`, "at least one type"},
		{"no time", `{"properties":{"hs_communication_channel_type":"SMS"},` + to(id, "81") + `}`, "MISSING_REQUIRED_PROPERTY"},
		{"a time that is none", `{"properties":{"hs_communication_channel_type":"SMS","hs_timestamp":"yesterday"},` + to(id, "81") + `}`, "hs_timestamp"},
		{"a property of tasks", `{"properties":{` + good + `,"hs_task_body":"x"},` + to(id, "81") + `}`, "PROPERTY_DOESNT_EXIST"},
		{"logged from elsewhere", `{"properties":{"hs_communication_channel_type":"SMS","hs_timestamp":"1","hs_communication_logged_from":"API"},` + to(id, "81") + `}`, "INVALID_OPTION"},
		{"a number for a text", `{"properties":{` + good + `,"hs_communication_body":5},` + to(id, "81") + `}`, "is not a string"},
		{"too long", `{"properties":{` + good + `,"hs_communication_body":"` + strings.Repeat("a", 65537) + `"},` + to(id, "81") + `}`, "INVALID_LENGTH"},
	} {
		req, err := http.NewRequest(http.MethodPost, "https://api.hubapi.com/crm/objects/2026-09/communications", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+hubspottest.DefaultToken)
		req.Header.Set("Content-Type", "application/json")
		answer, err := s.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if c.want == "" && answer.StatusCode != http.StatusCreated || c.want != "" && (answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), c.want)) {
			t.Errorf("%s: %d %.300s", c.name, answer.StatusCode, text)
		}
	}
	if n := len(s.Communications()); n != 2 {
		t.Errorf("%d communications were kept", n)
	}
}
