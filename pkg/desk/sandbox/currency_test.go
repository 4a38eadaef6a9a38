package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// Money is carried across in the home currency only. Where Zoho has several currencies, each of its records is in one.

func several(o *sandbox.WorldOptions) { o.Zoho.Currencies = []string{"EUR", "USD"} }

// acme is a company, paired and at rest.
func (s *scene) acme(p props) (hub, zo string) {
	s.t.Helper()
	all := props{"name": "Acme", "domain": "acme.example"}
	for k, v := range p {
		all[k] = v
	}
	hub = s.hub(crm.Companies, all)
	s.settle()
	return hub, s.twin(crm.Companies, hub)
}

func TestAnAmountInAnotherCurrencyIsReportedAndNotCarriedIntoHubSpot(t *testing.T) {
	s := stage(t, several)
	hub, zo := s.acme(nil)
	s.editZo(crm.Companies, zo, props{"Currency": "USD", "Exchange_Rate": "1.1", "Annual_Revenue": "1000000"})
	s.settle()
	s.wantHub(crm.Companies, hub, props{"annualrevenue": ""})
	s.wantRows("zoho/company annual_revenue currency")
	s.editZo(crm.Companies, zo, props{"Billing_City": "Roma"})
	s.settle()
	s.wantHub(crm.Companies, hub, props{"city": "Roma", "annualrevenue": ""})

	s.editZo(crm.Companies, zo, props{"Currency": "EUR", "Exchange_Rate": "1", "Annual_Revenue": "900000"})
	s.settle()
	s.wantHub(crm.Companies, hub, props{"annualrevenue": "900000"})
	s.wantRows()
}

func TestAnAmountWhoseCurrencyAloneIsChangedIsNoLongerTheSame(t *testing.T) {
	s := stage(t, several)
	hub, zo := s.acme(props{"annualrevenue": "1000"})
	s.wantZo(crm.Companies, zo, props{"Annual_Revenue": "1000", "Currency": "EUR"})
	s.editZo(crm.Companies, zo, props{"Currency": "USD"})
	s.settle()
	s.wantHub(crm.Companies, hub, props{"annualrevenue": "1000"})
	s.wantRows("zoho/company annual_revenue currency")
}

func TestAnAmountIsNotWrittenIntoARecordOfAnotherCurrency(t *testing.T) {
	for name, in := range map[string]string{"that has none": "", "that has one": "1000000"} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, several)
			hub, zo := s.acme(nil)
			s.editZo(crm.Companies, zo, props{"Currency": "USD", "Annual_Revenue": in})
			s.settle()
			if in == "" {
				s.wantRows()
				s.send(crm.Companies, crm.Zoho, zo, crm.Update) // seen at rest: from now on Zoho need not be read before a write
				s.settle()
			}
			s.editHub(crm.Companies, hub, props{"annualrevenue": "5000", "city": "Roma"})
			s.settle()
			s.wantZo(crm.Companies, zo, props{"Annual_Revenue": in, "Billing_City": "Roma"})
			s.wantHub(crm.Companies, hub, props{"annualrevenue": "5000"})
			if rows := s.rows(); len(rows) == 0 || rows[0] != "hubspot/company annual_revenue currency" {
				t.Errorf("open rows %q", rows)
			}
			s.send(crm.Companies, crm.HubSpot, hub, crm.Replay)
			s.settle()
			s.wantZo(crm.Companies, zo, props{"Annual_Revenue": in})
			s.editHub(crm.Companies, hub, props{"annualrevenue": ""})
			s.settle()
			s.wantZo(crm.Companies, zo, props{"Annual_Revenue": in})

			s.editHub(crm.Companies, hub, props{"annualrevenue": "6000"})
			s.settle()
			s.editZo(crm.Companies, zo, props{"Currency": "EUR", "Annual_Revenue": "7000"})
			s.settle()
			s.wantHub(crm.Companies, hub, props{"annualrevenue": "7000"})
			s.wantRows()
			s.editHub(crm.Companies, hub, props{"annualrevenue": "8000"})
			s.settle()
			s.wantZo(crm.Companies, zo, props{"Annual_Revenue": "8000"})
			s.wantRows()
		})
	}
}

func TestTheHomeCurrencyOfSeveralAndTheOnlyOneCostTheSameCalls(t *testing.T) {
	for name, change := range map[string]func(*sandbox.WorldOptions){
		"several": several, "one": func(*sandbox.WorldOptions) {},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, change)
			n := s.count()
			hub, zo := s.acme(props{"annualrevenue": "1000"})
			s.wantCalls(n, 6)
			for _, amount := range []string{"2000", "3000", "", "4000"} {
				n = s.count()
				s.editHub(crm.Companies, hub, props{"annualrevenue": amount})
				s.settle()
				s.wantZo(crm.Companies, zo, props{"Annual_Revenue": amount})
				s.wantCalls(n, 4)
			}
			s.editZo(crm.Companies, zo, props{"Annual_Revenue": "5000"})
			s.settle()
			s.wantHub(crm.Companies, hub, props{"annualrevenue": "5000"})
			s.wantRows()
		})
	}
}

func TestAnAnswerThatRefusesTheCurrencyIsAskedWithoutIt(t *testing.T) {
	s := stage(t, func(o *sandbox.WorldOptions) { o.Zoho.StrictFields = true })
	hub, zo := s.acme(nil)
	s.editZo(crm.Companies, zo, props{"Annual_Revenue": "5000"})
	s.settle()
	s.wantHub(crm.Companies, hub, props{"annualrevenue": "5000"})
	s.wantRows()
}

// tagged is a world whose contacts have tags, a multi-select, on both sides.
func tagged(t *testing.T) func(*sandbox.WorldOptions) {
	with := mapped(t, func(y string) string {
		return strings.Replace(y, "    company: # the primary", "    tags: {type: multi, hubspot: tags, zoho: Tags}\n    company: # the primary", 1)
	})
	return func(o *sandbox.WorldOptions) {
		with(o)
		o.HubSpot.Properties = map[crm.Module][]hubspottest.Property{crm.Contacts: {
			{Name: "tags", Type: "enumeration", FieldType: "checkbox", Options: []hubspottest.Option{{Label: "a", Value: "a"}, {Label: "b", Value: "b"}}},
		}}
		o.Zoho.Fields = map[string][]zohotest.Field{"Contacts": {
			{Name: "Tags", Type: "multiselectpicklist", Options: []string{"a", "b", "x;y"}},
		}}
	}
}

func TestAValueThatCannotBeReadIsARowOfItsRecordAndField(t *testing.T) {
	s := stage(t, tagged(t))
	hub, zo := s.rossi(props{"tags": "a"})
	s.wantZo(crm.Contacts, zo, props{"Tags": "a"})
	s.putZo(zo, `{"Tags":["x;y","b"]}`)
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"tags": "a"})
	s.wantRows("zoho/contact tags format")
	for _, r := range s.parked() {
		if r.Record.Key != zo {
			t.Errorf("the row of %s is about %s, want %s", r.Field, r.Record, zo)
		}
	}
	s.putZo(zo, `{"Tags":["b"]}`)
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"tags": "b"})
	s.wantRows()
}

// putZo writes a contact in Zoho as a person's client does.
func (s *scene) putZo(id, fields string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, zohotest.DefaultAPIDomain+"/crm/v8/Contacts/"+id, strings.NewReader(`{"data":[`+fields+`]}`))
	s.must(err)
	req.Header.Set("Authorization", "Zoho-oauthtoken "+zohotest.DefaultUserToken)
	res, err := s.Zoho.Transport().RoundTrip(req)
	s.must(err)
	s.must(res.Body.Close())
	if res.StatusCode != http.StatusOK {
		s.t.Fatalf("Zoho answers %d", res.StatusCode)
	}
}
