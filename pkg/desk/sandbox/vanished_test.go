package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// beta is a company in both systems.
func beta(t *testing.T, change ...func(*sandbox.WorldOptions)) (s *scene, hub, zo string) {
	s = stage(t, change...)
	hub = s.hub(crm.Companies, props{"name": "Beta", "domain": "beta.example"})
	s.settle()
	return s, hub, s.twin(crm.Companies, hub)
}

func TestAContactWaitsForACompanyThatIsGoneBeforeAnybodyHasToldOfIt(t *testing.T) {
	member := func(company string) props {
		return props{"email": "anna@acme.example", "lastname": "Rossi", "associatedcompanyid": company}
	}
	for name, lost := range map[string]bool{"the event is late": false, "the event is lost": true} {
		t.Run("made in HubSpot, deleted in Zoho and restored, "+name, func(t *testing.T) {
			s, hub, zo := beta(t)
			muted := lost
			s.mute(crm.Zoho, &muted)
			s.must(s.Zoho.Delete(crm.Companies, zo))
			who := s.hub(crm.Contacts, member(hub))
			s.pass(10 * time.Minute)
			s.wantRows() // nothing is wrong with its value
			s.wantZo(crm.Contacts, s.twin(crm.Contacts, who), props{"Account_Name": ""})
			muted = false
			s.must(s.Zoho.Restore(crm.Companies, zo))
			s.pass(2 * time.Hour)
			s.wantZo(crm.Contacts, s.twin(crm.Contacts, who), props{"Account_Name": zo})
			s.wantRows()
		})
		t.Run("moved in HubSpot, merged in Zoho, "+name, func(t *testing.T) {
			s, hub, zo := beta(t)
			who, twin := s.rossi()
			master := s.zo(crm.Companies, props{"Account_Name": "Beta", "Website": "www.beta.example"})
			s.settle()
			muted := lost
			s.mute(crm.Zoho, &muted)
			_, err := s.Zoho.Merge(crm.Companies, master, zo)
			s.must(err)
			s.must(s.HubSpot.SetCompany(who, hub))
			s.pass(10 * time.Minute)
			s.wantZo(crm.Companies, master, props{"HubSpot_Id": hub})
			s.wantZo(crm.Contacts, twin, props{"Account_Name": master})
			s.wantRows()
		})
		t.Run("moved in Zoho, deleted in HubSpot and restored, "+name, func(t *testing.T) {
			s, hub, zo := beta(t)
			who, twin := s.rossi()
			muted := lost
			s.mute(crm.HubSpot, &muted)
			s.must(s.HubSpot.Delete(crm.Companies, hub))
			s.must(s.Zoho.SetCompany(twin, zo))
			s.pass(10 * time.Minute)
			s.wantRows()
			muted = false
			s.must(s.HubSpot.Restore(crm.Companies, hub))
			s.pass(2 * time.Hour)
			s.wantHub(crm.Contacts, who, props{"associatedcompanyid": hub})
			s.wantZo(crm.Contacts, twin, props{"Account_Name": zo})
			s.wantRows()
		})
	}
}

// comes makes a contact of a company of HubSpot, or moves one there, and arms what meddles with that.
func (s *scene) comes(how, company string, armed *bool) (who string) {
	if how == "moved" {
		who, _ = s.rossi()
		*armed = true
		s.must(s.HubSpot.SetCompany(who, company))
		return who
	}
	*armed = true
	return s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "associatedcompanyid": company})
}

func TestAContactWaitsForACompanyThatGoesInTheMomentOfTheWrite(t *testing.T) {
	for name, path := range map[string]string{"made": "/Contacts", "moved": "/Contacts/"} {
		t.Run(name, func(t *testing.T) {
			var s *scene
			var zo string
			armed := false
			s, hub, zo := beta(t, meddling(crm.Zoho, func(r *http.Request) {
				insert := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, path)
				if armed && (insert || r.Method == http.MethodPut && strings.Contains(r.URL.Path, path)) {
					armed = false
					s.must(s.Zoho.Delete(crm.Companies, zo))
				}
			}))
			who := s.comes(name, hub, &armed)
			s.pass(30 * time.Minute)
			s.wantRows()
			s.must(s.Zoho.Restore(crm.Companies, zo))
			s.pass(time.Hour)
			s.wantZo(crm.Contacts, s.twin(crm.Contacts, who), props{"Account_Name": zo})
		})
	}
}

func TestACompanyThatIsBackBeforeTheLookIsSentAgain(t *testing.T) {
	for name, path := range map[string]string{"made": "/Contacts", "moved": "/Contacts/"} {
		t.Run(name, func(t *testing.T) {
			var s *scene
			var zo string
			armed, away := false, false
			s, hub, zo := beta(t, meddling(crm.Zoho, func(r *http.Request) {
				insert := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, path)
				switch {
				case armed && (insert || r.Method == http.MethodPut && strings.Contains(r.URL.Path, path)):
					armed, away = false, true
					s.must(s.Zoho.Delete(crm.Companies, zo))
				case away && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/Accounts"):
					away = false
					s.must(s.Zoho.Restore(crm.Companies, zo))
				}
			}))
			who := s.comes(name, hub, &armed)
			s.pass(30 * time.Minute)
			if armed || away {
				t.Fatal("nobody wrote, or looked")
			}
			s.wantRows()
			s.wantZo(crm.Contacts, s.twin(crm.Contacts, who), props{"Account_Name": zo})
		})
	}
}

func TestACompanyThatIsThereAndRefusedTwiceIsTold(t *testing.T) {
	s, hub, zo := beta(t)
	who, twin := s.rossi()
	s.Zoho.Fail(zohotest.Fault{
		Match: func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/Contacts/")
		}, Times: -1, Status: http.StatusBadRequest,
		Body: `{"data":[{"code":"INVALID_DATA","details":{"api_name":"Account_Name"},"message":"not allowed","status":"error"}]}`,
	})
	n := s.count()
	s.must(s.HubSpot.SetCompany(who, hub))
	s.pass(30 * time.Minute)
	s.wantRows("hubspot/contact company format")
	s.wantWrites(n, 0, 0)
	s.wantZo(crm.Contacts, twin, props{"Account_Name": ""})
	if p, _ := s.Zoho.Props(crm.Companies, zo); p == nil {
		t.Error("the company is gone")
	}
}

func TestAValueThatARecordInNoPairHadIsWrittenOnceItIsFree(t *testing.T) {
	for name, free := range map[string]func(*scene, string){
		"corrected": func(s *scene, z string) { s.editZo(crm.Contacts, z, props{"Email": "right@acme.example"}) },
		"cleared":   func(s *scene, z string) { s.editZo(crm.Contacts, z, props{"Email": ""}) },
		"deleted":   func(s *scene, z string) { s.must(s.Zoho.Delete(crm.Contacts, z)) },
	} {
		t.Run("in Zoho, "+name, func(t *testing.T) {
			s := stage(t, func(o *sandbox.WorldOptions) {
				o.Zoho.Fields = map[string][]zohotest.Field{"Contacts": {{Name: "Email", Type: "email", Length: 100, Unique: true}}}
			})
			hub, zo := s.rossi()
			stranger := s.zo(crm.Contacts, props{"Last_Name": "Verdi", "Email": "wanted@acme.example"})
			s.pass(6 * time.Hour)
			s.editHub(crm.Contacts, hub, props{"email": "wanted@acme.example"})
			s.pass(10 * time.Minute)
			s.wantRows("hubspot/contact email duplicate")
			free(s, stranger)
			s.pass(time.Minute)
			s.wantZo(crm.Contacts, zo, props{"Email": "wanted@acme.example"})
			s.wantRows()
		})
	}
	t.Run("in HubSpot, by somebody who is parked", func(t *testing.T) {
		s := stage(t, func(o *sandbox.WorldOptions) { o.Mapping.LastName = "require" })
		stranger := s.hub(crm.Contacts, props{"email": "wanted@acme.example"})
		hub, zo := s.rossi()
		s.pass(6 * time.Hour)
		s.editZo(crm.Contacts, zo, props{"Email": "wanted@acme.example"})
		s.pass(10 * time.Minute)
		s.editHub(crm.Contacts, stranger, props{"email": "right@acme.example"})
		s.pass(time.Minute)
		s.wantHub(crm.Contacts, hub, props{"email": "wanted@acme.example"})
	})
}

func TestOfTheReasonsWhyARecordCannotBePairedTheLastOneStands(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) { o.Mapping.LastName = "require" })
	s.zo(crm.Leads, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "Company": "Acme"})
	hub := s.hub(crm.Contacts, props{"email": "anna@old.example", "firstname": "Anna"})
	s.pass(20 * time.Second)
	s.wantRows("hubspot/contact last_name missing")
	s.editHub(crm.Contacts, hub, props{"lastname": "Rossi", "email": "anna@acme.example"})
	s.pass(time.Minute)
	s.wantRows("hubspot/contact  lead")
}

func TestWhoIsParkedAsALeadIsMadeOnceTheLeadIsGoneOrIsSomebodyElse(t *testing.T) {
	for name, change := range map[string]func(*scene, string){
		"deleted":   func(s *scene, lead string) { s.must(s.Zoho.Delete(crm.Leads, lead)) },
		"corrected": func(s *scene, lead string) { s.editZo(crm.Leads, lead, props{"Email": "other@acme.example"}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			lead := s.zo(crm.Leads, props{"Email": "Anna@acme.example", "Last_Name": "Rossi", "Company": "Acme"})
			s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
			s.pass(6 * time.Hour)
			s.wantCount(crm.Contacts, 1, 0)
			change(s, lead)
			s.pass(26 * time.Hour)
			s.wantCount(crm.Contacts, 1, 1)
			s.wantRows()
		})
	}
}

func TestACompanyThatIsBackBeforeTheLookThatAContactAskedForWakesIt(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for name, path := range map[string]string{"made": "/Contacts", "moved": "/Contacts/"} {
			t.Run(fmt.Sprintf("%s, the restoration unheard %t", name, lost), func(t *testing.T) {
				var s *scene
				var zo string
				muted, armed, looks := false, false, 0
				s, hub, zo := beta(t, meddling(crm.Zoho, func(r *http.Request) {
					insert := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, path)
					switch {
					case armed && (insert || r.Method == http.MethodPut && strings.Contains(r.URL.Path, path)):
						armed, muted, looks = false, true, 1
						s.must(s.Zoho.Delete(crm.Companies, zo))
					case looks == 1 && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/Accounts"):
						looks = 2 // the contact's own: it is gone
					case looks == 2 && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/Accounts"):
						looks, muted = 3, lost
						s.must(s.Zoho.Restore(crm.Companies, zo))
					}
				}))
				s.mute(crm.Zoho, &muted)
				who := s.comes(name, hub, &armed)
				s.pass(30 * time.Minute)
				if looks != 3 {
					t.Fatalf("the scene was not played: %d looks", looks)
				}
				s.wantZo(crm.Contacts, s.twin(crm.Contacts, who), props{"Account_Name": zo})
				s.wantRows()
			})
		}
	}
}
