package sandbox_test

import (
	"encoding/json"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

func TestWhoComesInIsCountedOnceThoughHeWaitsForAPersonBeforeZohoHasHim(t *testing.T) {
	for name, lead := range map[string]bool{"at once": false, "a lead": true} {
		t.Run(name, func(t *testing.T) {
			s := plainStage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion, o.Conversions = "IT", true })
			id := ""
			if lead {
				id = s.lead()
			}
			s.hub(crm.Contacts, anna)
			s.pass(5 * time.Minute)
			s.wantCameIn(1)
			if lead {
				_, _, err := s.Zoho.ConvertLead(id)
				s.must(err)
				s.pass(30 * time.Hour)
				s.wantRows()
				s.wantCameIn(1)
			}
		})
	}
}

// wantCameIn wants how many contacts the connector has seen coming in.
func (s *scene) wantCameIn(want int) {
	s.t.Helper()
	got := 0
	for r := range s.Tables[sandbox.Counts].All("I#") {
		var e struct{ Contacts int }
		s.must(json.Unmarshal(r.Value, &e))
		got += e.Contacts
	}
	if got != want {
		s.t.Errorf("%d contacts came in, want %d; %s", got, want, s.last(3))
	}
}
