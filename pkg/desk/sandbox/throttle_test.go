package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
)

// throttled is a table that refuses a request when it is told to, as DynamoDB does under throttling.
type throttled struct {
	sandbox.Store
	name    string
	refuses func(request string) bool
}

var errThrottled = errors.New("throttled")

func (h throttled) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	if h.refuses(h.name + " get " + keys[0].Part) {
		return nil, errThrottled
	}
	return h.Store.Get(ctx, keys...)
}

func (h throttled) Put(ctx context.Context, puts ...row.Put) error {
	if h.refuses(h.name + " put " + puts[0].Key.Part) {
		return errThrottled
	}
	return h.Store.Put(ctx, puts...)
}

func (h throttled) List(ctx context.Context, part, prefix, after string, limit int) ([]row.Row, error) {
	if h.refuses(h.name + " list " + part) {
		return nil, errThrottled
	}
	return h.Store.List(ctx, part, prefix, after, limit)
}

// throttling puts refuses before the tables of pairs and of parked operations.
func throttling(refuses func(request string) bool) func(*sandbox.WorldOptions) {
	return func(o *sandbox.WorldOptions) {
		o.Adapt = func(p *sandbox.Parts) {
			p.WrapStore = func(name string, t sandbox.Store) sandbox.Store {
				if name != sandbox.Pairs && name != sandbox.Parked {
					return t
				}
				return throttled{t, name, refuses}
			}
		}
	}
}

// deeds are what people do, and what is to be seen of it two hours later whichever request to a table failed meanwhile.
var deeds = map[string]struct {
	before func(s *scene) []string // returns the ids that the deed needs
	deed   func(s *scene, ids []string)
	seen   func(s *scene, ids []string) string
	want   string
}{
	"a contact moves to an account that HubSpot gets later": {
		func(s *scene) []string {
			hub, zo := s.rossi()
			return []string{hub, zo, s.zo(crm.Companies, props{"Account_Name": "Beta", "Website": "beta.example"})}
		},
		func(s *scene, ids []string) {
			s.must(s.Zoho.SetCompany(ids[1], ids[2]))
			s.pass(30 * time.Second)
			s.hub(crm.Companies, props{"name": "Beta", "domain": "beta.example"})
		},
		func(s *scene, ids []string) string { return s.companyName(ids[0]) }, "Beta",
	},
	"a contact is created with its company": {
		func(*scene) []string { return nil },
		func(s *scene, _ []string) {
			company := s.hub(crm.Companies, props{"name": "Beta", "domain": "beta.example"})
			s.hub(crm.Contacts, props{"email": "anna@beta.example", "lastname": "Rossi", "associatedcompanyid": company})
		},
		func(s *scene, _ []string) string {
			contacts, accounts := s.Zoho.IDs(crm.Contacts), s.Zoho.IDs(crm.Companies)
			return fmt.Sprint(len(contacts), len(accounts), s.zoValue(crm.Contacts, contacts[0], "Account_Name") == accounts[0])
		}, "1 1 true",
	},
	"a value that was refused is mended": {
		func(s *scene) []string {
			hub, zo := s.rossi()
			s.editHub(crm.Contacts, hub, props{"salutation": "Contessa"})
			return []string{hub, zo}
		},
		func(s *scene, ids []string) { s.editHub(crm.Contacts, ids[0], props{"salutation": "Dott.ssa"}) },
		func(s *scene, ids []string) string { return s.zoValue(crm.Contacts, ids[1], "Salutation") }, "Dr.",
	},
	"a lead is converted": {
		func(s *scene) []string {
			lead, err := s.Zoho.Create(crm.Leads, props{"Email": "anna@acme.example", "Last_Name": "Rossi"})
			s.must(err)
			return []string{s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "city": "Roma"}), lead}
		},
		func(s *scene, ids []string) {
			_, _, err := s.Zoho.ConvertLead(ids[1])
			s.must(err)
		},
		func(s *scene, ids []string) string {
			contacts := s.Zoho.IDs(crm.Contacts)
			return fmt.Sprintf("%d %s", len(contacts), s.zoValue(crm.Contacts, contacts[0], "Mailing_City"))
		}, "1 Roma",
	},
	"who was deleted in Zoho and edited in HubSpot is brought back": {
		func(s *scene) []string {
			hub, zo := s.rossi()
			s.must(s.Zoho.Delete(crm.Contacts, zo))
			s.settle()
			s.editHub(crm.Contacts, hub, props{"city": "Bari"})
			return []string{hub, zo}
		},
		func(s *scene, ids []string) { s.must(s.Zoho.Restore(crm.Contacts, ids[1])) },
		func(s *scene, ids []string) string { return s.zoValue(crm.Contacts, ids[1], "Mailing_City") }, "Bari",
	},
}

// Nothing that follows from a sync is left undone, whichever single request to our tables fails in it: no value stays behind, and no row
// stays open about what is in order.
func TestOneRequestToATableThatFailsLeavesNothingUndone(t *testing.T) {
	for name, d := range deeds {
		t.Run(name, func(t *testing.T) {
			for n, failed := 1, true; failed; n++ { // until the deed needs fewer requests than that
				failed = false
				t.Run(fmt.Sprint("request ", n), func(t *testing.T) {
					at, what := -1, "none"
					s := plainStage(t, throttling(func(request string) bool {
						if at < 0 {
							return false
						}
						if at++; at == n {
							what, failed = request, true
						}
						return at == n
					}))
					ids := d.before(s)
					s.settle()
					at = 0
					d.deed(s, ids)
					s.pass(2 * time.Minute)
					at = -1
					s.pass(2 * time.Hour)
					if got := d.seen(s, ids); got != d.want || len(s.rows()) > 0 {
						t.Errorf("after %s failed: %s, want %s; open rows %q; %s", what, got, d.want, s.rows(), s.last(3))
					}
				})
			}
		})
	}
}

// companyName is what the company of a HubSpot contact is called there.
func (s *scene) companyName(contact string) string {
	id := s.hubValue(crm.Contacts, contact, "associatedcompanyid")
	if id == "" {
		return ""
	}
	return s.hubValue(crm.Companies, id, "name")
}

func TestWhoWaitsForACompanyThatIsPairedAtThatMomentGetsIt(t *testing.T) {
	var s *scene
	paired := false
	s = stage(t, throttling(func(request string) bool {
		if !paired && strings.HasPrefix(request, sandbox.Pairs+" put W#") {
			paired = true // another worker is faster than our note that somebody waits
			s.send(crm.Companies, crm.HubSpot, s.hub(crm.Companies, props{"name": "Beta", "domain": "beta.example"}), crm.Create)
			for _, l := range s.Lanes {
				if l.Name == "zohoOperations" {
					_, err := l.Poll(s.t.Context())
					s.must(err)
				}
			}
		}
		return false
	}))
	hub, zo := s.rossi()
	s.must(s.Zoho.SetCompany(zo, s.zo(crm.Companies, props{"Account_Name": "Beta", "Website": "beta.example"})))
	s.pass(10 * time.Minute)
	if got := s.companyName(hub); got != "Beta" || !paired {
		t.Errorf("the contact is in %q; %s", got, s.last(6))
	}
}

func TestATryThatComesAgainClosesNoRowOfWhatItHasNotLookedAt(t *testing.T) {
	const unknown = `{"code":"NOBODY_KNOWS","details":{},"message":"something new","status":"error"}`
	s := stage(t)
	hub, zo := s.rossi()
	s.pass(10 * time.Minute)
	s.Zoho.Fail(zohotest.Fault{On: "GET /crm/v8/Contacts", Times: -1, Status: http.StatusBadRequest, Body: unknown})
	s.editZo(crm.Contacts, zo, props{"Title": "Chief"})
	for len(s.rows()) == 0 {
		s.pass(time.Second)
	}
	s.HubSpot.Fail(hubspottest.Fault{Times: 1, Status: http.StatusTooManyRequests})
	s.send(crm.Contacts, crm.HubSpot, hub, crm.Associate) // finds HubSpot's side at rest, the second time
	s.pass(time.Minute)
	s.wantRows("zoho/contact")
}
