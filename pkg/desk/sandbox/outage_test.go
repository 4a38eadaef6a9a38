package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/rules"
)

// The world's fault is waited out: nothing is lost, nothing is done twice, and nobody is told.

// crowd is pairs at rest, and their ids.
func crowd(t *testing.T, size int, change ...func(*sandbox.WorldOptions)) (s *scene, hub, zo []string) {
	t.Helper()
	s = stage(t, change...)
	for i := range size {
		hub = append(hub, s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": fmt.Sprint("Rossi ", i)}))
	}
	s.settle()
	for _, id := range hub {
		zo = append(zo, s.twin(crm.Contacts, id))
	}
	return s, hub, zo
}

// editAll edits every pair on one side or the other, and creates one contact more.
func (s *scene) editAll(hub, zo []string, mark string) {
	s.t.Helper()
	for i := range hub {
		if i%2 == 0 {
			s.editHub(crm.Contacts, hub[i], props{"city": mark})
		} else {
			s.editZo(crm.Contacts, zo[i], props{"Mailing_City": mark})
		}
	}
	s.hub(crm.Contacts, props{"email": mark + "@acme.example", "lastname": mark})
}

// wantAll wants what editAll did on both sides.
func (s *scene) wantAll(hub, zo []string, mark string, created int) {
	s.t.Helper()
	for i := range hub {
		s.wantHub(crm.Contacts, hub[i], props{"city": mark})
		s.wantZo(crm.Contacts, zo[i], props{"Mailing_City": mark})
	}
	s.wantCount(crm.Contacts, len(hub)+created, len(hub)+created)
	s.wantRows()
	s.wantMails(0)
	if !s.Quiet() {
		s.t.Errorf("the queues are not empty: %s", s.last(2))
	}
	for _, l := range s.Lanes {
		if n, _ := l.Dead.Stats(); n > 0 {
			s.t.Errorf("%d dead messages of %s", n, l.Name)
		}
	}
}

func TestACRMThatAnswers500ForSixHoursLosesNothingAndTellsNobody(t *testing.T) {
	for name, fail := range map[string]func(*scene) (end func()){
		"HubSpot": func(s *scene) func() {
			s.HubSpot.Fail(hubspottest.Fault{Times: -1, Status: 500})
			return s.HubSpot.Clear
		},
		"Zoho": func(s *scene) func() {
			s.Zoho.Fail(zohotest.Fault{Match: inAPI, Times: -1, Status: 500})
			return s.Zoho.Clear
		},
		"Zoho and its accounts": func(s *scene) func() {
			s.Zoho.Fail(zohotest.Fault{Times: -1, Status: 503})
			return s.Zoho.Clear
		},
		"both": func(s *scene) func() {
			s.HubSpot.Fail(hubspottest.Fault{Times: -1, Status: 502})
			s.Zoho.Fail(zohotest.Fault{Times: -1, Status: 500})
			return func() { s.HubSpot.Clear(); s.Zoho.Clear() }
		},
		"Zoho's answers": func(s *scene) func() { // what it is asked to write it writes, and says nothing
			s.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool { return inAPI(r) && r.Method != http.MethodGet }, Times: -1, Lost: zohotest.LostAfter})
			return s.Zoho.Clear
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := crowd(t, 10)
			end := fail(s)
			s.editAll(hub, zo, "Milano")
			s.pass(3 * time.Hour)
			s.editAll(hub, zo, "Torino")
			s.pass(3 * time.Hour)
			s.wantMails(0)
			end()
			s.pass(40 * time.Minute)
			s.wantAll(hub, zo, "Torino", 2)
		})
	}
}

func inAPI(r *http.Request) bool { return len(r.URL.Path) > 5 && r.URL.Path[:5] == "/crm/" }

func inTimeline(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "__timeline") }

func TestAnOutageIsNotHammered(t *testing.T) {
	s, hub, zo := crowd(t, 10)
	s.HubSpot.Fail(hubspottest.Fault{Times: -1, Status: 500})
	n := s.count()
	s.editAll(hub, zo, "Milano")
	s.pass(time.Hour)
	if got := s.since(n); got.calls > 400 {
		t.Errorf("%d calls to a CRM that is down for an hour", got.calls)
	}
}

func TestAStormOf429IsWaitedOut(t *testing.T) {
	for name, fail := range map[string]func(*scene){
		"HubSpot with Retry-After": func(s *scene) { s.HubSpot.Fail(hubspottest.Fault{Times: 60, Status: 429, RetryAfter: "10"}) },
		"HubSpot without":          func(s *scene) { s.HubSpot.Fail(hubspottest.Fault{Times: 60, Status: 429}) },
		"Zoho":                     func(s *scene) { s.Zoho.Fail(zohotest.Throttle(60, "")) },
		"Zoho with a wild one":     func(s *scene) { s.Zoho.Fail(zohotest.Throttle(20, "99999")) },
		"Zoho, too many at a time": func(s *scene) {
			s.Zoho.Fail(zohotest.Fault{Match: inAPI, Times: 60, Status: 429, Body: zohotest.TooConcurrent})
		},
		"both, a negative one": func(s *scene) {
			s.HubSpot.Fail(hubspottest.Fault{Times: 30, Status: 429, RetryAfter: "-5"})
			s.Zoho.Fail(zohotest.Throttle(30, "-5"))
		},
		"HubSpot with a date in 2026": func(s *scene) {
			s.HubSpot.Fail(hubspottest.Fault{Times: 30, Status: 429, RetryAfter: "Mon, 23 Nov 2026 08:02:00 GMT"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := crowd(t, 10)
			fail(s)
			s.editAll(hub, zo, "Milano")
			s.pass(8 * time.Hour)
			s.wantAll(hub, zo, "Milano", 1)
		})
	}
}

func TestTheLimitsOfHubSpotAreKeptByWaiting(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) { o.HubSpot.Burst, o.HubSpot.SearchRate = 5, 1 })
	for i := range 200 {
		s.hub(crm.Contacts, props{"email": fmt.Sprintf("p%d@acme.example", i), "lastname": "Rossi"})
		s.hub(crm.Companies, props{"name": fmt.Sprint("Acme ", i), "domain": fmt.Sprintf("acme%d.example", i)})
	}
	s.pass(2 * time.Hour)
	s.wantCount(crm.Contacts, 200, 200)
	s.wantCount(crm.Companies, 200, 200)
	s.wantRows()
	s.wantMails(0)
}

func TestATokenThatExpiresInTheMiddleOfABatchCostsOneRefreshForAll(t *testing.T) {
	s, hub, zo := crowd(t, 30)
	refreshed := s.Zoho.Count("POST /oauth/v2/token")
	s.Zoho.KillTokens()
	s.editAll(hub, zo, "Milano")
	s.settle()
	s.wantAll(hub, zo, "Milano", 1)
	if got := s.Zoho.Count("POST /oauth/v2/token") - refreshed; got != 1 {
		t.Errorf("%d refreshes, want 1", got)
	}
}

func TestADayCostsNoMoreThanEightTokensInTenMinutesAndAboutOneAnHour(t *testing.T) {
	s, hub, zo := crowd(t, 4)
	before := s.Zoho.Count("POST /oauth/v2/token")
	for h := range 72 {
		s.editAll(hub, zo, fmt.Sprint("Milano", h))
		s.pass(time.Hour)
	}
	if got := s.Zoho.Count("POST /oauth/v2/token") - before; got < 72 || got > 112 {
		t.Errorf("%d refreshes in 72 h", got)
	}
	s.wantAll(hub, zo, "Milano71", 72)
}

func TestARevokedRefreshTokenStopsEverythingAndLosesNothing(t *testing.T) {
	s, hub, zo := crowd(t, 6)
	s.Zoho.RevokeRefresh()
	s.editAll(hub, zo, "Milano")
	s.pass(6 * time.Hour)
	s.wantMails(0)
	s.wantRows()
	if s.Quiet() {
		t.Error("the messages are gone")
	}
	if got := s.Zoho.Count("POST /oauth/v2/token"); got > 100 {
		t.Errorf("%d knocks at the accounts server", got)
	}
}

func TestAWriteThatTimesOutAndLandsLateIsRepaired(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 20 * time.Second, 5 * time.Minute, 70 * time.Minute} {
		t.Run("in HubSpot after "+after.String(), func(t *testing.T) {
			s := stage(t)
			hub, zo := s.rossi()
			s.HubSpot.Fail(hubspottest.Fault{On: "PATCH", LandsAfter: after})
			s.editZo(crm.Contacts, zo, props{"Title": "first"})
			s.pass(3 * time.Second)
			s.editZo(crm.Contacts, zo, props{"Title": "second"})
			s.pass(after + 3*time.Hour)
			s.wantHub(crm.Contacts, hub, props{"jobtitle": "second"})
			s.wantZo(crm.Contacts, zo, props{"Title": "second"})
			s.wantRows()
		})
		t.Run("in Zoho after "+after.String(), func(t *testing.T) {
			// An org that does not heed conditions: what lands late overwrites.
			s := stage(t, func(o *sandbox.WorldOptions) { o.Zoho.IgnoreCondition = true })
			hub, zo := s.rossi()
			s.Zoho.Fail(zohotest.Fault{On: "PUT", LandsAfter: after})
			s.editHub(crm.Contacts, hub, props{"jobtitle": "first"})
			s.pass(3 * time.Second)
			s.editHub(crm.Contacts, hub, props{"jobtitle": "second"})
			s.pass(after + 3*time.Hour)
			s.wantHub(crm.Contacts, hub, props{"jobtitle": "second"})
			s.wantZo(crm.Contacts, zo, props{"Title": "second"})
			s.wantRows()
		})
	}
}

func TestAWriteThatLandsLateOverAHeldValueIsUndone(t *testing.T) {
	s := stage(t)
	hub := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	s.settle()
	zo := s.twin(crm.Companies, hub)
	s.HubSpot.Fail(hubspottest.Fault{On: "PATCH", LandsAfter: 5 * time.Minute})
	s.editZo(crm.Companies, zo, props{"Industry": "Technology"})
	s.pass(time.Minute)                                                  // a second write has brought it across by now
	s.editHub(crm.Companies, hub, props{"industry": "WINE_AND_SPIRITS"}) // Zoho's list has nothing like it
	s.settle()
	s.wantRows("hubspot/company industry picklist")
	n := s.count()
	s.pass(4 * time.Hour)
	s.wantWrites(n, 2, 0) // the late one, and the one that undoes it
	s.wantHub(crm.Companies, hub, props{"industry": "WINE_AND_SPIRITS"})
	s.wantRows("hubspot/company industry picklist")
	s.wantMails(1)
}

func TestALateWriteWhoseNotificationIsLostIsRepairedByReconcile(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) { o.Zoho.IgnoreCondition = true })
	hub, zo := s.rossi()
	lost := true
	s.mute(crm.Zoho, &lost)
	s.Zoho.Fail(zohotest.Fault{On: "PUT", LandsAfter: 5 * time.Minute})
	s.editHub(crm.Contacts, hub, props{"jobtitle": "first"})
	s.pass(3 * time.Second)
	s.editHub(crm.Contacts, hub, props{"jobtitle": "second"})
	s.pass(4 * time.Minute)
	s.wantZo(crm.Contacts, zo, props{"Title": "second"})
	s.pass(3 * time.Hour)
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "second"})
	s.wantZo(crm.Contacts, zo, props{"Title": "second"})
}

func TestAnInsertThatLandsLateOrWhoseAnswerIsLostMakesNoSecondRecord(t *testing.T) {
	for name, f := range map[string]zohotest.Fault{
		"lost before":       {Lost: zohotest.LostBefore},
		"lost after":        {Lost: zohotest.LostAfter},
		"cut":               {Cut: true},
		"500 after":         {Status: 500, Lost: zohotest.LostAfter},
		"lands in a second": {LandsAfter: time.Second},
		"lands in 40 s":     {LandsAfter: 40 * time.Second},
		"lands in 5 min":    {LandsAfter: 5 * time.Minute},
		"lands in 20 min":   {LandsAfter: 20 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			f.On, f.Times = "POST /crm/v8/Contacts", 1
			s.Zoho.Fail(f)
			hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "jobtitle": "Buyer"})
			s.pass(3 * time.Second)
			s.editHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
			s.pass(2 * time.Hour)
			s.wantCount(crm.Contacts, 1, 1)
			zo := s.twin(crm.Contacts, hub)
			s.wantZo(crm.Contacts, zo, props{"Title": "Head buyer"})
			s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
			s.editZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
			s.settle()
			s.wantHub(crm.Contacts, hub, props{"city": "Milano"})
			s.wantRows()
			s.wantMails(0)
		})
	}
}

func TestNotificationsThatAreLostAreMadeUpForWithinTheHour(t *testing.T) {
	s, hub, zo := crowd(t, 6)
	lost := true
	s.mute(crm.HubSpot, &lost)
	s.mute(crm.Zoho, &lost)
	s.editAll(hub, zo, "Milano")
	s.pass(65 * time.Minute)
	s.wantAll(hub, zo, "Milano", 1)
	s.must(s.Zoho.Delete(crm.Contacts, zo[0]))
	s.pass(65 * time.Minute)
	n := s.count()
	s.editZo(crm.Contacts, zo[1], props{"Mailing_City": "Torino"})
	s.pass(65 * time.Minute)
	s.wantHub(crm.Contacts, hub[1], props{"city": "Torino"})
	s.wantWrites(n, 1, 0)
}

func TestDeliveriesOutOfOrderAndTwiceEndInTheSameState(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s, hub, zo := crowd(t, 6, func(o *sandbox.WorldOptions) {
				o.Seed = seed
				o.HubSpot.Reorder, o.HubSpot.Duplicates = 8*time.Second, 0.5
				o.Zoho.Reorder, o.Zoho.Duplicates = 8*time.Second, 0.5
			})
			for i := range 5 {
				s.editAll(hub, zo, fmt.Sprint("Milano", i))
				s.pass(time.Duration(i) * time.Second)
			}
			s.pass(10 * time.Minute)
			s.wantAll(hub, zo, "Milano4", 5)
		})
	}
}

func TestAReadOfHubSpotThatLagsBehindItsEventLosesNothing(t *testing.T) {
	s, hub, zo := crowd(t, 6)
	s.HubSpot.Fail(hubspottest.Fault{On: "GET", Times: 20, Stale: 3 * time.Second})
	s.HubSpot.Fail(hubspottest.Fault{On: "POST", Times: 20, Stale: 3 * time.Second})
	s.editAll(hub, zo, "Milano")
	s.pass(2 * time.Minute)
	s.wantAll(hub, zo, "Milano", 1)
}

// What is tried again and again overwrites nothing: the brake counts it once.
func TestAnOutageOfSixHoursPullsNoBrake(t *testing.T) {
	s, hub, zo := crowd(t, 20, starting(crm.On, rules.Limits{Clearings: 20, Overwritten: 60}))
	for _, id := range hub {
		s.editHub(crm.Contacts, id, props{"city": "Roma"})
	}
	s.pass(2 * time.Hour)
	s.Zoho.Fail(zohotest.Fault{Times: -1, Status: 500})
	for _, id := range hub {
		s.editHub(crm.Contacts, id, props{"city": "Bari"})
	}
	s.pass(6 * time.Hour)
	s.Zoho.Clear()
	s.pass(2 * time.Hour)
	for _, id := range zo {
		s.wantZo(crm.Contacts, id, props{"Mailing_City": "Bari"})
	}
	s.wantMails(0)
}

func TestOneClearingThatIsThrottledForHalfAnHourPullsNoBrake(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi(props{"fax": "+39 06 1234 5678"})
	s.Zoho.Fail(zohotest.Fault{On: "PUT /crm/", Times: -1, Status: 429, RetryAfter: "20"})
	s.editHub(crm.Contacts, hub, props{"fax": ""})
	s.pass(30 * time.Minute)
	s.Zoho.Clear()
	s.pass(time.Hour)
	s.wantZo(crm.Contacts, zo, props{"Fax": ""})
	s.editHub(crm.Contacts, hub, props{"city": "Bari"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Bari"})
}

func TestAnOutageOfFourDaysUsesUpNoMessage(t *testing.T) {
	const days = 4 * 24 * time.Hour // the alarm that messages expire rings then
	for name, fail := range map[string]func(*scene){
		"Zoho answers 503":              func(s *scene) { s.Zoho.Fail(zohotest.Fault{Match: inAPI, Times: -1, Status: 503}) },
		"HubSpot answers 503":           func(s *scene) { s.HubSpot.Fail(hubspottest.Fault{Times: -1, Status: 503}) },
		"Zoho asks for a minute always": func(s *scene) { s.Zoho.Fail(zohotest.Fault{Match: inAPI, Times: -1, Status: 429, RetryAfter: "60"}) },
		"the refresh token is revoked":  func(s *scene) { s.Zoho.RevokeRefresh(); s.Zoho.KillTokens() },
	} {
		t.Run(name, func(t *testing.T) {
			s, hub, zo := crowd(t, 3)
			fail(s)
			s.editAll(hub, zo, "Milano")
			s.pass(days)
			for _, l := range s.Lanes {
				if dead, _ := l.Dead.Stats(); dead > 0 {
					t.Errorf("%d messages of %s are in the dead-letter queue after %s", dead, l.Name, days)
				}
			}
			s.wantMails(0)
		})
	}
}

func TestACRMThatSaysToEveryWriteThatTheRecordWasEditedUsesUpNoMessage(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.pass(time.Hour)
	s.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool { return inAPI(r) && r.Method == http.MethodPut }, Times: -1, Status: http.StatusPreconditionFailed, Body: "{}"})
	s.editHub(crm.Contacts, hub, props{"city": "Milano"})
	s.pass(10 * time.Second)
	s.editZo(crm.Contacts, zo, props{"Title": "Buyer"})
	s.pass(30 * time.Hour)
	for _, l := range s.Lanes {
		if waiting, dead := l.Dead.Stats(); waiting+dead > 0 {
			t.Errorf("%s: %d dead letters", l.Name, waiting+dead)
		}
	}
	s.Zoho.Clear()
	s.pass(time.Hour)
	s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Buyer"})
	s.wantRows()
}

func TestWhatHubSpotHoldsReachesARecordOfZohoThatTookNothingWhenTheyMet(t *testing.T) {
	for name, f := range map[string]zohotest.Fault{
		"an outage":        {On: "PUT /crm/v8/", Times: 3, Status: 503},
		"a request lost":   {On: "PUT /crm/v8/", Times: 3, Lost: zohotest.LostBefore},
		"an answer lost":   {On: "PUT /crm/v8/", Times: 3, Lost: zohotest.LostAfter},
		"too many at once": {On: "PUT /crm/v8/", Times: 1, Status: 429, Body: zohotest.TooManyRequests},
	} {
		t.Run(name+", a contact", func(t *testing.T) {
			s := stage(t, mapped(t, func(y string) string { return strings.Replace(y, "last_name: fallback", "last_name: require", 1) }))
			hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "phone": "06 2222 2222", "jobtitle": "Buyer", "city": "Roma"})
			s.pass(24 * time.Hour)
			s.wantRows("hubspot/contact last_name missing")
			mails := len(s.Outbox.Mails())
			s.Zoho.Fail(f)
			zo := s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Email": "anna@acme.example", "Mailing_City": "Lecce"})
			s.pass(6 * time.Hour)
			s.wantZo(crm.Contacts, zo, props{"Phone": "+390622222222", "Title": "Buyer", "Mailing_City": "Lecce"})
			s.wantHub(crm.Contacts, hub, props{"jobtitle": "Buyer", "lastname": "Rossi", "city": "Lecce"})
			s.wantRows()
			s.wantMails(mails)
		})
		t.Run(name+", a company", func(t *testing.T) {
			s := stage(t)
			s.mode(crm.Off)
			s.pass(2 * time.Minute)
			hub := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example", "city": "Roma", "phone": "06 2222 2222"})
			s.pass(time.Minute)
			s.mode(crm.On)
			s.pass(90 * time.Second)
			s.Zoho.Fail(f)
			zo := s.zo(crm.Companies, props{"Account_Name": "Acme", "Website": "acme.example"})
			s.pass(6 * time.Hour)
			s.wantZo(crm.Companies, zo, props{"Phone": "+390622222222", "Billing_City": "Roma"})
			s.wantHub(crm.Companies, hub, props{"city": "Roma"})
			s.wantRows()
		})
	}
}
