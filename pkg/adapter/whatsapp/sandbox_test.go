package whatsapp_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// A day of conversations with deliveries that are late, doubled, batched at random and refused now and then: of every update
// at least one copy arrives, copies have one name, each conversation can be put in order, and every message that was sent ends
// in the state that is true.
func TestWhateverTheOrderEveryMessageArrivesAndEveryStateIsRight(t *testing.T) {
	for seed := range uint64(10) {
		chance := rand.New(rand.NewPCG(seed, 7))
		p := &phone{now: noon}
		names, tracks, texts := map[string]int{}, map[crm.Value]chat.Track{}, map[string]bool{}
		s := source()
		p.Server = whatsapptest.New(whatsapptest.Options{
			Now: func() time.Time { return p.now }, Rand: chance, AppSecret: "secret", Webhook: "https://hooks.example.com/webhooks/whatsapp",
			ReadAfter: time.Minute, Duplicates: 0.2, Reorder: 3 * time.Minute, Batch: 9,
			Send: func(r *http.Request) (int, error) {
				if chance.IntN(5) == 0 {
					return 503, nil
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return 0, err
				}
				got, err := s.Read(t.Context(), door.Request{Method: r.Method, Header: r.Header, Body: body})
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range updates(t, got) {
					names[u.Identity()]++
					switch {
					case u.Message != nil:
						texts[u.Message.Text.Text()] = true
					case u.Status != nil:
						tracks[u.Status.ID] = tracks[u.Status.ID].With(*u.Status)
					}
				}
				return 200, nil
			}})
		p.client = p.dial(whatsapptest.DefaultToken)
		var people []*whatsapptest.Person
		for _, number := range []string{"393471234567", "5215512345678", "553188887777"} {
			person := p.Meet("Somebody", number)
			person.NeverReads = chance.IntN(2) == 0
			people = append(people, person)
		}
		wrote, truth := map[string]bool{}, map[crm.Value]chat.State{}
		for i := range 60 {
			person := people[chance.IntN(len(people))]
			text := string(rune('a'+i%26)) + string(rune('A'+i/26))
			if _, err := person.Say(number, text); err != nil {
				t.Fatal(err)
			}
			wrote[text] = true
			person.Unreachable = chance.IntN(4) == 0
			r, err := p.client.Send(t.Context(), number, outbound.Outgoing{To: chat.Person{User: crm.Text(person.User)}, Text: crm.Text("risposta")})
			if err != nil {
				t.Fatal(err)
			}
			switch truth[r.ID] = chat.Read; {
			case person.Unreachable:
				truth[r.ID] = chat.Failed
			case person.NeverReads:
				truth[r.ID] = chat.Delivered
			}
			p.now = p.now.Add(time.Duration(chance.IntN(60)+6) * time.Second)
			p.Tick()
		}
		for p.Outstanding() > 0 {
			p.now = p.now.Add(time.Minute)
			p.Tick()
		}
		if p.Abandoned() > 0 {
			t.Fatalf("seed %d: %d updates were given up", seed, p.Abandoned())
		}
		for text := range wrote {
			if !texts[text] {
				t.Errorf("seed %d: a message did not arrive", seed)
			}
		}
		for id, want := range truth {
			if got := tracks[id].State(); got != want {
				t.Errorf("seed %d: a message is %q, it is %s", seed, got, want)
			}
		}
		statuses := 0
		for _, state := range truth {
			statuses += map[chat.State]int{chat.Failed: 1, chat.Delivered: 2, chat.Read: 3}[state]
		}
		if len(names) != 60+statuses {
			t.Errorf("seed %d: %d names, there were %d updates", seed, len(names), 60+statuses)
		}
	}
}
