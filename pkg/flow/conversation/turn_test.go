package conversation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/conversation"
)

// far is a table some milliseconds away, as DynamoDB is.
type far struct{ *memory.Rows }

func (s far) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	time.Sleep(4*time.Millisecond + rand.N(4*time.Millisecond))
	return s.Rows.Get(ctx, keys...)
}

func (s far) Put(ctx context.Context, puts ...row.Put) error {
	time.Sleep(8*time.Millisecond + rand.N(8*time.Millisecond))
	return s.Rows.Put(ctx, puts...)
}

// watch notes when each message was sent, by whom it went to.
type watch struct {
	conversation.Phone
	mu   sync.Mutex
	sent map[string]time.Time
}

func (p *watch) Send(ctx context.Context, number string, m outbound.Outgoing) (outbound.Receipt, error) {
	p.mu.Lock()
	p.sent[m.To.Phone.Text()+" "+m.Callback] = time.Now()
	p.mu.Unlock()
	return p.Phone.Send(ctx, number, m)
}

// live lets time go by by itself in a bubble of synctest, with tables some milliseconds away.
func live(t *testing.T) (*world, *watch) {
	w := build(t, 1, whatsapptest.Options{})
	start, phone := time.Now(), &watch{Phone: w.flow.Phone, sent: map[string]time.Time{}}
	w.clock = func() time.Time { return noon.Add(time.Since(start)) }
	w.flow.Sleep = func(_ context.Context, d time.Duration) bool { time.Sleep(d); return true }
	w.flow.Store, w.flow.Phone = far{w.chats}, phone
	return w, phone
}

// person is one of many, in both CRMs.
func (w *world) person(i int) chat.Person {
	p := chat.Person{Phone: crm.Text(fmt.Sprintf("3934700%05d", i)), Name: crm.Text(fmt.Sprint("Persona", i))}
	w.couple(p.Name.Text(), p.Phone.Text())
	w.phone.Meet(p.Name.Text(), p.Phone.Text())
	return p
}

// fullest returns how many were sent in the fullest second.
func fullest(sent map[string]time.Time) (out int) {
	for _, from := range sent {
		n := 0
		for _, at := range sent {
			if d := at.Sub(from); d >= 0 && d < time.Second {
				n++
			}
		}
		out = max(out, n)
	}
	return out
}

func TestFiftyAnswersASecondGoOutWithinFiveSecondsAndTheNumbersRateHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, phone := live(t)
		const n = 200
		var people [n]chat.Person
		for i := range people {
			people[i] = w.person(i)
		}
		var under sync.WaitGroup
		wrote := map[string]time.Time{}
		for i, p := range people {
			time.Sleep(20 * time.Millisecond)
			wrote[p.Phone.Text()] = time.Now()
			u := w.wrote(fmt.Sprint(i), "quanto costa il listino?", p)
			u.Message.At = w.flow.Now()
			under.Go(func() {
				w.check(w.flow.Carry(t.Context(), chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.flow.Now(), Updates: []chat.Update{u}}))
			})
		}
		under.Wait()
		var took []time.Duration
		for key, at := range phone.sent {
			took = append(took, at.Sub(wrote[key[:12]]))
		}
		slices.Sort(took)
		if len(took) != n || took[n*9/10] > time.Second || w.due() != 0 {
			t.Errorf("%d of %d answers went out at once, in %v; %d are due", len(took), n, took, w.due())
		}
		if most := fullest(phone.sent); most > 80 {
			t.Errorf("%d messages in a second", most)
		}
	})
}

func TestManyWhoAskAtTheSameMomentAllSendAtOnceAndNoRateIsBroken(t *testing.T) {
	for name, c := range map[string]struct {
		people, each int
		rate         chat.Rate
		second, sent int // in the fullest second at most, and in all at least
	}{
		"a hundred people":                      {100, 1, chat.NumberRate, 80, 100},
		"a number that is in the app as well":   {60, 1, chat.CoexistenceRate, 20, 60},
		"one person, to whom many write":        {1, 60, chat.NumberRate, 45, 45},
		"more people than four seconds are for": {120, 1, chat.CoexistenceRate, 20, 60},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, phone := live(t)
			w.flow.Rate = c.rate
			start := make(chan struct{})
			var under sync.WaitGroup
			for i := range c.people {
				p := w.person(i)
				w.carry(w.wrote(fmt.Sprint(i), "grazie", p)) // understood, and nothing is said to it
				for j := range c.each {
					under.Go(func() {
						r := promo()
						r.Reference, r.To = fmt.Sprint(i, "-", j), chat.Person{Phone: p.Phone}
						id, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", r)
						if err != nil {
							t.Error(err)
							return
						}
						<-start
						w.check(w.flow.Send(t.Context(), crm.DefaultConnection, id))
					})
				}
			}
			time.Sleep(time.Second) // all are in the outbox
			from := time.Now()
			close(start)
			under.Wait()
			if most := fullest(phone.sent); most > c.second {
				t.Errorf("%s: %d messages in a second, %d are allowed", name, most, c.second)
			}
			if len(phone.sent) < c.sent || len(phone.sent)+w.due() != c.people*c.each {
				t.Errorf("%s: %d of %d were sent at once, %d are due; parked %v", name, len(phone.sent), c.people*c.each, w.due(), w.reasons())
			}
			if took := time.Since(from); took > 6*time.Second {
				t.Errorf("%s: it took %v", name, took)
			}
		})
	}
}

func TestNobodyWaitsForHisTurnWithoutTheTimeToSendThen(t *testing.T) {
	for left, want := range map[time.Duration]int{conversation.EnoughToSend + 30*time.Millisecond: 2, conversation.EnoughToSend + time.Second: 3} {
		synctest.Test(t, func(t *testing.T) {
			w, phone := live(t)
			w.clock, w.flow.Rate, w.flow.Store = time.Now, chat.CoexistenceRate, w.chats
			ctx, stop := context.WithTimeout(t.Context(), left)
			defer stop()
			for i := range 3 {
				r := promo()
				r.Reference, r.To = fmt.Sprint(i), chat.Person{Phone: w.person(i).Phone}
				id, err := w.flow.Accept(ctx, crm.DefaultConnection, "shop", r)
				if err != nil {
					t.Fatal(err)
				}
				if out := w.flow.Send(ctx, crm.DefaultConnection, id); out.Ending == fault.GoAgain && out.After > time.Second {
					t.Errorf("%+v", out)
				}
			}
			if n := len(phone.sent); n != want {
				t.Errorf("%v left: %d sent, want %d", left, n, want)
			}
		})
	}
}
