package bench

import (
	"testing"

	"crm-connector/pkg/core/crm"
)

func TestAChangeWithItsEchoCostsFewCallsToTheCRMs(t *testing.T) {
	for _, tt := range []struct {
		name        string
		conditional bool
		in          crm.System
		changes     int
		most        int
	}{
		{"one in HubSpot: read it, read and write Zoho, read the echo", false, crm.HubSpot, 1, 4},
		{"one in HubSpot, and Zoho refuses stale writes: it is not read before", true, crm.HubSpot, 1, 3},
		{"one in Zoho: read it, read and write HubSpot, whose echo the door ends", false, crm.Zoho, 1, 3},
		{"a hundred of one contact in HubSpot within 20 s", false, crm.HubSpot, 100, 50},
		{"a hundred of one contact in Zoho within 20 s", false, crm.Zoho, 100, 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := changes(t.Context(), tt.conditional, tt.in, tt.changes)
			if err != nil || got.Calls() > tt.most || got.Operations < tt.changes || got.Parked != 0 {
				t.Errorf("%+v, %v; want %d operations or more, none parked, and at most %d calls", got, err, tt.changes, tt.most)
			}
		})
	}
}

func TestANewContactWithItsEchoCostsAtMostSixCallsToTheCRMs(t *testing.T) {
	got, err := creations(t.Context(), false, 1)
	if err != nil || got.Calls() > 6 || got.Operations < 2 || got.Parked != 0 {
		t.Errorf("%+v, %v; want 2 operations or more, none parked, and at most 6 calls", got, err)
	}
}
