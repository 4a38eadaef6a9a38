package sandbox_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
)

// statuses counts what a CRM answers.
type statuses struct {
	inner http.RoundTripper
	mu    sync.Mutex
	n     map[int]int
}

func (s *statuses) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.inner.RoundTrip(r)
	if err == nil {
		s.mu.Lock()
		s.n[resp.StatusCode]++
		s.mu.Unlock()
	}
	return resp, err
}

// within puts a budget before the CRMs, and counts what HubSpot answers.
func within(burst int, b settings.Budget, answers *statuses) func(*sandbox.WorldOptions) {
	return func(o *sandbox.WorldOptions) {
		o.HubSpot = hubspottest.Options{Burst: burst, SearchRate: 5}
		o.Adapt = func(p *sandbox.Parts) {
			p.Budget = b
			answers.inner, answers.n = p.HubSpot.HTTP, map[int]int{}
			p.HubSpot.HTTP = answers
		}
	}
}

// plans are the limits that the suite keeps when nothing is set, but for HubSpot's in ten seconds.
var plans = settings.Budget{HubSpotIn10s: 20, HubSpotDaily: 250_000, HubSpotSearches: 5, ZohoCredits: 50_000, ZohoConcurrent: 10, Reserve: 20}

func TestARushStaysBelowHubSpotsLimitAndNothingIsLost(t *testing.T) {
	for name, tt := range map[string]struct {
		budget  settings.Budget
		refused bool
	}{"with a budget": {plans, false}, "without one": {settings.Budget{}, true}} {
		t.Run(name, func(t *testing.T) {
			var answers statuses
			s, hub, zo := crowd(t, 40, within(20, tt.budget, &answers))
			for round := range 6 {
				for i := range hub {
					s.editHub(crm.Contacts, hub[i], props{"jobtitle": strings.Repeat("x", round+1)})
					s.pass(5 * time.Millisecond)
				}
				s.pass(time.Second)
			}
			s.pass(30 * time.Minute)
			for i := range zo {
				s.wantZo(crm.Contacts, zo[i], props{"Title": "xxxxxx"})
			}
			if got := answers.n[http.StatusTooManyRequests]; (got > 0) != tt.refused {
				t.Errorf("HubSpot refused %d of %v", got, answers.n)
			}
			s.wantRows()
			s.wantMails(0)
		})
	}
}

func TestADayWithoutCreditsOnlyDelays(t *testing.T) {
	few := plans
	few.ZohoCredits = 60
	var answers statuses
	s, hub, zo := crowd(t, 10, within(-1, few, &answers))
	for i := range 30 {
		s.editHub(crm.Contacts, hub[i%10], props{"jobtitle": "Buyer " + strings.Repeat("x", i)})
		s.pass(20 * time.Second)
	}
	n := s.count()
	s.pass(3 * time.Hour)
	if s.Quiet() {
		t.Errorf("with its credits used up nothing waits; %+v", s.since(n))
	}
	s.wantWrites(n, 0, 0)
	s.pass(30 * time.Hour)
	for i := range zo {
		s.wantZo(crm.Contacts, zo[i], props{"Title": "Buyer " + strings.Repeat("x", 20+i)})
	}
	s.wantRows()
	s.wantMails(0)
}

func TestReconcileLeavesLiveTrafficItsReserve(t *testing.T) {
	few := plans
	few.ZohoCredits, few.HubSpotIn10s = 200, 0
	var answers statuses
	s, hub, zo := crowd(t, 10, within(-1, few, &answers))
	for i := 0; s.Functions["reconcile"](s.t.Context()) == nil; i++ { // until it may draw no more
		if i > 100 {
			t.Fatal("reconcile has no end of credits")
		}
	}
	err := s.Functions["reconcile"](s.t.Context())
	if err == nil || !strings.Contains(err.Error(), "budget.zoho: throttled (BUDGET_UNITS)") {
		t.Errorf("%v", err)
	}
	s.editHub(crm.Contacts, hub[0], props{"jobtitle": "Head buyer"})
	s.settle()
	s.wantZo(crm.Contacts, zo[0], props{"Title": "Head buyer"})
}

// budgetless is a table that knows nothing of budgets.
type budgetless struct{ sandbox.Store }

var errGone = errors.New("gone")

func (b budgetless) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	if strings.HasPrefix(keys[0].Part, "budget#") {
		return nil, errGone
	}
	return b.Store.Get(ctx, keys...)
}

func TestABudgetThatCannotBeReachedStopsNothing(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) {
		o.Adapt = func(p *sandbox.Parts) {
			p.Budget = settings.Budget{HubSpotIn10s: 1, HubSpotDaily: 1, ZohoCredits: 1, ZohoConcurrent: 1}
			p.WrapStore = func(_ string, t sandbox.Store) sandbox.Store { return budgetless{t} }
		}
	})
	hub, zo := s.rossi()
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
}
