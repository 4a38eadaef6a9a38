package sandbox_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/sandbox"
)

// Lambda works on several batches at a time; whoever comes first, the end is the same.

// rush lets several workers drain both lanes at once, round after round, until nothing is left.
func (s *scene) rush(workers int) {
	s.t.Helper()
	for range 200 {
		s.HubSpot.Tick()
		s.Zoho.Tick()
		var all sync.WaitGroup
		for i := range workers {
			lane := s.Lanes[i%len(s.Lanes)]
			all.Go(func() {
				for n := 1; n > 0; {
					var err error
					if n, err = lane.Poll(context.WithoutCancel(s.t.Context())); err != nil {
						s.t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		if s.Quiet() && s.HubSpot.NextTick().IsZero() && s.Zoho.NextTick().IsZero() {
			return
		}
		s.Clock.Advance(time.Second)
	}
	s.t.Error("the workers do not come to an end")
}

// many puts a world into the hands of several workers.
func many(o *sandbox.WorldOptions) {
	o.Adapt = func(p *sandbox.Parts) {
		p.Parallel = 4
		p.Ended = func(batch.Message, fault.Outcome) {}
		// Workers that wait do not move the clock of the others.
		p.Sleep = func(ctx context.Context, _ time.Duration) bool { return ctx.Err() == nil }
		ids, mu := 0, sync.Mutex{}
		p.NewID = func() string {
			mu.Lock()
			defer mu.Unlock()
			ids++
			return fmt.Sprintf("id-%06d", ids)
		}
		dice, draw := sync.Mutex{}, p.Rand
		p.Rand = func(n int64) int64 {
			dice.Lock()
			defer dice.Unlock()
			return draw(n)
		}
	}
}

func TestSeveralWorkersMakeNoTwinAndLoseNothing(t *testing.T) {
	s := stage(t, many, func(o *sandbox.WorldOptions) {
		o.HubSpot.Duplicates, o.HubSpot.Burst, o.HubSpot.SearchRate = 0.5, -1, -1
		o.Zoho.Duplicates = 0.5
	})
	const people = 60
	acme := s.hub(crm.Companies, props{"name": "Acme", "domain": "acme.example"})
	var hub []string
	for i := range people {
		address := fmt.Sprintf("p%d@acme.example", i)
		hub = append(hub, s.hub(crm.Contacts, props{"email": address, "lastname": "Rossi", "associatedcompanyid": acme}))
		if i%3 == 0 { // the same person at the same moment in Zoho
			s.zo(crm.Contacts, props{"Email": address, "Last_Name": "Rossi", "Phone": "+39 06 1234 5678"})
		}
	}
	s.rush(6)
	s.wantCount(crm.Contacts, people, people)
	s.wantCount(crm.Companies, 1, 1)
	s.wantRows()
	account := s.twin(crm.Companies, acme)
	for round := range 3 {
		for i, id := range hub {
			zo := s.twin(crm.Contacts, id)
			if i%3 == 0 {
				s.wantHub(crm.Contacts, id, props{"phone": "+390612345678"})
			}
			s.wantZo(crm.Contacts, zo, props{"Account_Name": account})
			s.editHub(crm.Contacts, id, props{"jobtitle": fmt.Sprint("Buyer ", round)})
			s.editZo(crm.Contacts, zo, props{"Mailing_City": fmt.Sprint("Roma ", round)})
		}
		s.rush(6)
		for _, id := range hub {
			s.wantHub(crm.Contacts, id, props{"city": fmt.Sprint("Roma ", round), "jobtitle": fmt.Sprint("Buyer ", round)})
			s.wantZo(crm.Contacts, s.twin(crm.Contacts, id), props{"Mailing_City": fmt.Sprint("Roma ", round), "Title": fmt.Sprint("Buyer ", round)})
		}
	}
	s.wantRows()
	s.wantMails(0)
}

func TestARecordThatIsPairedWhileItsOwnNotificationIsReadIsNoDuplicateOfItself(t *testing.T) {
	var s *scene
	arrived, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	armed, reading := false, false
	s = stage(t, many, func(o *sandbox.WorldOptions) {
		o.Zoho.NotifyDelay = 0
		adapt := o.Adapt
		o.Adapt = func(p *sandbox.Parts) {
			adapt(p)
			p.Zoho.HTTP = after{p.Zoho.HTTP, func(r *http.Request) {
				switch {
				case armed && r.Method == http.MethodPost && r.URL.Path == "/crm/v8/Contacts":
					armed, reading = false, true // inserted, and not noted yet: the notification overtakes
					go func() {
						defer close(ended)
						s.Zoho.Tick()
						if _, err := s.Lanes[1].Poll(context.WithoutCancel(t.Context())); err != nil {
							t.Error(err)
						}
					}()
					<-arrived
				case reading && r.Method == http.MethodGet && r.URL.Path == "/crm/v8/Contacts":
					reading = false
					close(arrived)
					<-release
				}
			}}
		}
	})
	armed = true
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.HubSpot.Tick()
	if _, err := s.Lanes[0].Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(release)
	<-ended
	s.settle()
	s.twin(crm.Contacts, hub)
	s.wantRows()
}

// after lets do happen between an answer of a CRM and its arrival.
type after struct {
	next http.RoundTripper
	do   func(*http.Request)
}

func (a after) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.next.RoundTrip(r)
	a.do(r)
	return resp, err
}
