package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/desk/sandbox"
)

// After a campaign hundreds answer whom no CRM knows, and HubSpot takes five searches a second: one for each of them.
func TestTwoHundredStrangersWhoWriteAtOnceAreLoggedInAMinute(t *testing.T) {
	const crowd = 200
	s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })
	for i := range crowd {
		_, err := s.WhatsApp.Meet(fmt.Sprintf("Vicino %d", i), fmt.Sprintf("39333222%04d", i)).Say(whatsapptest.DefaultNumber, "ci sono anch'io")
		s.must(err)
	}
	s.pass(time.Minute)
	logged := 0
	for _, n := range s.Zoho.Notes() {
		logged += strings.Count(n.Values["Note_Content"], "ci sono anch'io")
	}
	if logged != crowd {
		t.Errorf("%d of %d messages are logged", logged, crowd)
	}
	s.wantRows()
}

func TestAStrangerCostsOneSearchInHubSpot(t *testing.T) {
	s, say := talks(t)
	s.pass(time.Minute)
	s.HubSpot.ResetCalls()
	say("buongiorno")
	s.settle()
	if n := s.HubSpot.Count("POST /crm/objects/" + hubspot.Version + "/contacts/search"); n != 1 {
		t.Errorf("%d searches, %v", n, s.HubSpot.Calls())
	}
}
