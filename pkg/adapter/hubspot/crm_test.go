package hubspot_test

import (
	"context"
	"testing"
	"time"

	"crm-connector/pkg/adapter/crmtest"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// suiteColumns are HubSpot's names of the suite's fields.
var suiteColumns = []crm.Column{
	{Field: crmtest.Name, Property: "lastname", Type: crm.TypeText}, {Field: crmtest.First, Property: "firstname", Type: crm.TypeText},
	{Field: crmtest.Job, Property: "jobtitle", Type: crm.TypeText}, {Field: crmtest.Email, Property: "email", Type: crm.TypeEmail},
	{Field: crmtest.Stage, Property: "hs_lead_status", Type: crm.TypePicklist}, {Field: crmtest.Born, Property: "born", Type: crm.TypeDate},
	{Field: crmtest.Score, Property: "score", Type: crm.TypeNumber}, {Field: crmtest.Wanted, Property: "wanted", Type: crm.TypeBool},
	{Field: crmtest.Code, Property: "code", Type: crm.TypeText}, {Field: crmtest.Company, Property: "associatedcompanyid", Type: crm.TypeCompany},
	{Field: crmtest.Ghost, Property: "ghost", Type: crm.TypeText},
}

func inHubSpot(v crmtest.Values) map[string]string {
	out := map[string]string{}
	for _, c := range suiteColumns {
		if text, ok := v[c.Field]; ok {
			out[c.Property] = text
		}
	}
	return out
}

func TestHubSpotKeepsTheRulesOfACRM(t *testing.T) {
	crmtest.Test(t, func(t *testing.T) crmtest.Lab {
		a := open(t, hubspottest.Options{
			SearchLag: time.Minute, Burst: -1, SearchRate: -1,
			Properties: map[crm.Module][]hubspottest.Property{crm.Contacts: {
				{Name: "born", Type: "date"}, {Name: "score", Type: "number"}, {Name: "wanted", Type: "bool"}, {Name: "code", Unique: true},
			}},
		})
		return crmtest.Lab{
			CRM: a.client, System: crm.HubSpot, Columns: suiteColumns, Options: [2]string{"NEW", "OPEN"},
			Create: func(v crmtest.Values) (string, error) { return a.Create(crm.Contacts, inHubSpot(v)) },
			Edit:   func(key string, v crmtest.Values) error { return a.Edit(crm.Contacts, key, inHubSpot(v)) },
			Delete: func(key string) error { return a.Delete(crm.Contacts, key) },
			Merge:  func(p, o string) (string, error) { return a.Merge(crm.Contacts, p, o) },
			NewFirm: func(name, domain string) (string, error) {
				return a.Create(crm.Companies, map[string]string{"name": name, "domain": domain})
			},
			Shows: func(key string, f crm.Field) string {
				p, _ := a.Props(crm.Contacts, key)
				return p[property(f)]
			},
			Drop: func(f crm.Field) error { return a.DropProperty(crm.Contacts, property(f)) },
			Trouble: func(x crmtest.Trouble) {
				if x == (crmtest.Trouble{}) {
					a.Clear()
					return
				}
				f := hubspottest.Fault{Status: x.Status, RetryAfter: x.RetryAfter, Cut: x.Cut}
				switch {
				case x.Applied && !x.Cut:
					f.Lost = hubspottest.LostAfter
				case x.Lost:
					f.Lost = hubspottest.LostBefore
				}
				a.Fail(f)
			},
			Expire:  func() { a.SetToken("another") },
			Advance: func(d time.Duration) { a.now = a.now.Add(d) },
			Writes: func() (n int) {
				for _, w := range a.Writes() {
					if w.Ours {
						n++
					}
				}
				return n
			},
			Calls: func() (n int) {
				for _, c := range a.Calls() {
					n += c
				}
				return n
			},
			History: func(key string) ([]crm.Entry, error) {
				r, err := a.client.Read(context.Background(), crm.Query{Module: crm.Contacts, Keys: []string{key}, Columns: suiteColumns[:4], History: true})
				if err != nil {
					return nil, err
				}
				return r[0].Record.History[crmtest.Job], nil
			},
			NoSuch: "1099511699999",
			Refusals: []crmtest.Refusal{
				{Why: "a property that is not there", Field: crmtest.Ghost, Value: "x", Hint: fault.HintProperty},
				{Why: "no address", Field: crmtest.Email, Value: "canarino at nowhere", Hint: fault.HintFormat},
				{Why: "no number", Field: crmtest.Score, Value: "canarino", Hint: fault.HintFormat},
				{Why: "no date", Field: crmtest.Born, Value: "canarino", Hint: fault.HintFormat},
			},
			Grain: time.Millisecond, Digits: 13, Answers: true, Follows: true, EmptyBool: true,
		}
	})
}

func property(f crm.Field) string {
	for _, c := range suiteColumns {
		if c.Field == f {
			return c.Property
		}
	}
	return ""
}

var _ crmtest.CRM = (*hubspot.Client)(nil)
