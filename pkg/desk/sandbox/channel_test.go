package sandbox_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/upkeep"
)

// renew runs renewZohoChannel now.
func (s *scene) renew() error { return s.Functions["renewZohoChannel"](s.t.Context()) }

// watch asks Zoho's API for channels, as a script of somebody else does.
func (s *scene) watch(method, channel string) {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, "https://www.zohoapis.eu/crm/v8/actions/watch", strings.NewReader(`{"watch":[`+channel+`]}`))
	r.Header.Set("Authorization", "Zoho-oauthtoken "+s.Zoho.NewToken())
	w := httptest.NewRecorder()
	s.Zoho.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		s.t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// inWatch are the requests to Zoho's channels.
func inWatch(status int) zohotest.Fault {
	return zohotest.Fault{On: "/crm/v8/actions/watch", Times: -1, Status: status}
}

func TestAChannelThatExpiresIsSilentUntilItIsRenewedAndReconcileFindsWhatWasMissed(t *testing.T) {
	var log bytes.Buffer
	s := stage(t, func(o *sandbox.WorldOptions) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	hub, zo := s.rossi()
	s.Zoho.Fail(inWatch(503)) // no renewal comes through for a week
	s.pass(6*24*time.Hour + time.Hour)
	if n := len(s.Zoho.Channels()); n != 0 {
		t.Fatalf("%d channels live", n)
	}
	before := s.Doors[200]
	s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"})
	s.pass(2 * time.Minute)
	if s.Doors[200] != before {
		t.Error("an expired channel told of a change")
	}
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Buyer"})
	s.Zoho.Clear()
	s.must(s.renew())
	if ch := s.Zoho.Channels(); len(ch) != 1 || ch[0].Expiry.Sub(s.Clock.Now()).Round(time.Minute) != 6*24*time.Hour {
		t.Errorf("after the renewal: %+v", ch)
	}
	if strings.Contains(log.String(), upkeep.SilenceLine) {
		t.Error("the log tells of silence too early")
	}
	s.pass(time.Hour)
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
	if want := `level=WARN msg="` + upkeep.SilenceLine + `" function=hubspotConsumer source=zoho module=contact record=` + zo; strings.Count(log.String(), want) != 1 {
		t.Errorf("the log does not say %s", want)
	}
	before = s.Doors[200]
	s.editZo(crm.Contacts, zo, props{"Title": "Director"})
	s.settle()
	if s.Doors[200] == before {
		t.Error("the renewed channel is silent")
	}
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Director"})
	s.pass(3 * time.Hour)
	if n := strings.Count(log.String(), upkeep.SilenceLine); n != 1 {
		t.Errorf("the log tells of silence %d times", n)
	}
}

func TestTheScheduleKeepsTheChannelAliveForAMonth(t *testing.T) {
	s := stage(t)
	for range 30 {
		s.pass(24 * time.Hour)
		if ch := s.Zoho.Channels(); len(ch) != 1 || ch[0].Expiry.Sub(s.Clock.Now()) < 5*24*time.Hour {
			t.Fatalf("%+v", ch)
		}
	}
}

func TestAChannelThatSomebodyChangedIsMended(t *testing.T) {
	var log bytes.Buffer
	s := stage(t, func(o *sandbox.WorldOptions) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	hub, zo := s.rossi()
	s.watch("PUT", `{"channel_id":"1000000068001","events":["Contacts.edit","Leads.all"],"token":"sandbox-channel-token","notify_url":"https://elsewhere.example.com/hook",
		"channel_expiry":"2026-11-29T08:00:00Z","return_affected_field_values":true,"notify_on_related_action":false}`)
	before := s.Doors[200]
	s.must(s.renew())
	if got, want := log.String(), `found="another address, contact create is not told, contact delete is not told, company create is not told, company update is not told, company delete is not told, more is told than contacts and companies"`; !strings.Contains(got, want) {
		t.Errorf("the log says %s", got)
	}
	s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
	if s.Doors[200] == before {
		t.Error("nothing was told")
	}
}

func TestAChannelThatAnotherStackKeepsIsNotTakenFromIt(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi()
	s.watch("PUT", `{"channel_id":"1000000068001","events":["Contacts.edit"],"token":"somebody-elses","notify_url":"https://elsewhere.example.com/hook",
		"channel_expiry":"2026-11-29T08:00:00Z","return_affected_field_values":true,"notify_on_related_action":false}`)
	if err := s.renew(); !errors.Is(err, upkeep.ErrForeign) {
		t.Error(err)
	}
	if ch := s.Zoho.Channels(); len(ch) != 1 || ch[0].Token != "somebody-elses" {
		t.Errorf("%+v", ch)
	}
	s.editZo(crm.Contacts, zo, props{"Title": "Head buyer"}) // nobody tells it
	s.pass(2 * time.Hour)
	s.wantHub(crm.Contacts, hub, props{"jobtitle": "Head buyer"})
}

func TestARenewalThatCannotBeMadeNamesItsStep(t *testing.T) {
	s := stage(t)
	s.Zoho.Fail(inWatch(503))
	if err := s.renew(); err == nil || !strings.HasPrefix(err.Error(), "upkeep channel: read: zoho.Channel: down") {
		t.Error(err)
	}
}
