package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

// Zoho reads and creates nothing: two companies of one domain are after the same lock, which whoever is creating keeps while nobody
// knows whether his insert landed.
func TestAnOutageOfInsertsUsesUpNobodyWhoWaitsForTheLockOfAnother(t *testing.T) {
	for _, down := range []time.Duration{40 * time.Minute, 6 * time.Hour, 30 * time.Hour} {
		for _, people := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s, %d people each", down, people), func(t *testing.T) {
				s := stage(t)
				s.Zoho.Fail(zohotest.Fault{Times: -1, Status: 500, Match: func(r *http.Request) bool {
					return inAPI(r) && r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "coql")
				}})
				for _, name := range []string{"Beta", "Beta Due"} {
					id := s.hub(crm.Companies, props{"name": name, "domain": "beta.example"})
					for i := range people {
						s.hub(crm.Contacts, props{"email": fmt.Sprintf("%s%d@beta.example", strings.Fields(name + " x")[1], i), "lastname": "Rossi", "associatedcompanyid": id})
					}
				}
				s.pass(down)
				s.Zoho.Clear()
				s.pass(26 * time.Hour)
				for _, l := range s.Lanes {
					if waiting, dead := l.Dead.Stats(); waiting+dead > 0 {
						t.Errorf("%s: %d dead letters", l.Name, waiting+dead)
					}
				}
				s.wantCount(crm.Contacts, 2*people, 2*people)
				s.wantRows("hubspot/company  duplicate")
			})
		}
	}
}
