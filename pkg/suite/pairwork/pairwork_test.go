package pairwork

import (
	"testing"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
)

func TestAStackThatWasNeverSwitchedOnIsOff(t *testing.T) {
	if got := Rules(settings.Rules{}).Start; got != crm.Off {
		t.Errorf("starts in %q", got)
	}
	r := Rules(settings.Rules{Mode: crm.Observe, PhoneRegion: "IT", LastName: "require", Leads: "ignore", PhoneMatch: "mobile"})
	if o := r.Options; r.Start != crm.Observe || o.PhoneRegion != "IT" || o.LastName != "require" || o.Leads != "ignore" || o.PhoneMatch != "mobile" {
		t.Errorf("%+v", r)
	}
}
