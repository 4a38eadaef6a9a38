package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// What a change costs, counted at the CRMs' own doors, its echo included. Requests for a token are not counted.

// wantCalls compares the calls since an earlier count with the most that they may be.
func (s *scene) wantCalls(n tally, most int) {
	s.t.Helper()
	if got := s.since(n); got.calls > most {
		s.t.Errorf("%d calls, want %d at most: HubSpot %v, Zoho %v; %s", got.calls, most, s.HubSpot.Calls(), s.Zoho.Calls(), s.last(4))
	}
}

func TestASingleChangeCostsThreeCallsAndFourWhereZohoMustBeRead(t *testing.T) {
	for name, tt := range map[string]struct {
		careless bool // the org does not heed conditions: Zoho must be read
		zoho     bool // the change is made in Zoho
		most     int
	}{
		"in HubSpot":                          {false, false, 3},
		"in HubSpot, where Zoho must be read": {true, false, 4},
		"in Zoho":                             {false, true, 3},
		"in Zoho, which heeds no conditions":  {true, true, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, func(o *sandbox.WorldOptions) {
				o.Zoho.IgnoreCondition = tt.careless
				o.Zoho.NotifyDelay = 3 * time.Second
			})
			hub, zo := s.rossi()
			for i := range 3 { // the first one, and one as every other
				n := s.count()
				if tt.zoho {
					s.editZo(crm.Contacts, zo, props{"Title": fmt.Sprint("Buyer ", i)})
				} else {
					s.editHub(crm.Contacts, hub, props{"jobtitle": fmt.Sprint("Buyer ", i)})
				}
				s.settle()
				s.wantZo(crm.Contacts, zo, props{"Title": fmt.Sprint("Buyer ", i)})
				s.wantHub(crm.Contacts, hub, props{"jobtitle": fmt.Sprint("Buyer ", i)})
				s.wantCalls(n, tt.most)
			}
		})
	}
}

func TestACreationCostsSixCalls(t *testing.T) {
	s := stage(t)
	for i := range 3 {
		n := s.count()
		s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": "Rossi"})
		s.settle()
		s.wantCalls(n, 6)
		n = s.count()
		s.hub(crm.Companies, props{"name": fmt.Sprint("Acme ", i), "domain": fmt.Sprintf("acme%d.example", i)})
		s.settle()
		s.wantCalls(n, 6)
	}
	s.wantCount(crm.Contacts, 3, 3)
}

func TestAHundredChangesOfOneRecordWithinTwentySecondsCostHalfACallEach(t *testing.T) {
	for name, zoho := range map[string]bool{"in HubSpot": false, "in Zoho": true} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			n := s.count()
			for i := range 100 {
				if zoho {
					s.editZo(crm.Contacts, zo, props{"Title": fmt.Sprint("Buyer ", i)})
				} else {
					s.editHub(crm.Contacts, hub, props{"jobtitle": fmt.Sprint("Buyer ", i)})
				}
				s.pass(200 * time.Millisecond)
			}
			s.settle()
			s.wantZo(crm.Contacts, zo, props{"Title": "Buyer 99"})
			s.wantHub(crm.Contacts, hub, props{"jobtitle": "Buyer 99"})
			s.wantCalls(n, 50)
		})
	}
}

func TestANotificationOfAColdZohoContactCostsOneReadAndOneLookUp(t *testing.T) {
	s := stage(t)
	n := s.count()
	s.zo(crm.Contacts, props{"Email": "cold@acme.example", "Last_Name": "Rossi"})
	s.settle()
	s.wantCalls(n, 2)
}

func TestHoursInWhichNothingHappensCostOnlyTheListingsAndTheRenewalOfTheChannel(t *testing.T) {
	s, _, _ := crowd(t, 50)
	s.pass(2 * time.Hour)
	n := s.count()
	s.pass(10 * time.Hour)
	s.wantCalls(n, 10*6+3) // one renewal falls into them
	s.wantWrites(n, 0, 0)
}
