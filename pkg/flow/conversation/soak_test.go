package conversation_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
)

// A worker that dies before or after any one thing that it does leaves nothing undone and nothing done twice.
func TestWhereverAWorkerDiesEverythingHappensOnce(t *testing.T) {
	deaths := 0
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			w := build(t, 1, whatsapptest.Options{ReadAfter: 20 * time.Second})
			w.couple("Rossi", "393471234567")
			known, stranger := w.phone.Meet("Persona", "393471234567"), w.phone.Meet("Nuova", "393477654321")
			one := w.say(known, "voglio un rimborso")
			two, err := stranger.Photograph(number, "ecco", []byte("jpeg"))
			if err != nil {
				t.Fatal(err)
			}
			w.fuse.left, w.fuse.after = n, after
			w.passKeeping(10 * time.Minute)
			w.judge(fmt.Sprintf("step %d, after %v", n, after), map[string]bool{one: true, two: false})
			if len(w.zoho.Attachments()) != 1 || w.contacts() != 2 {
				t.Errorf("step %d, after %v: %d files, %d contacts", n, after, len(w.zoho.Attachments()), w.contacts())
			}
			byContact := map[string]int{}
			for _, task := range w.zoho.Tasks() {
				byContact[task.Parent]++
			}
			for _, task := range w.hubspot.Tasks() {
				byContact[task.Contact]++
			}
			for contact, tasks := range byContact {
				if tasks != 1 {
					t.Errorf("step %d, after %v: contact %s has %d tasks", n, after, contact, tasks)
				}
			}
			deaths += w.crashes
			if w.crashes == 0 || t.Failed() {
				break
			}
		}
	}
	if deaths < 150 {
		t.Errorf("only %d deaths: the steps are not all met", deaths)
	}
}

// passKeeping lets time go by with a fuse that outlives its worker's call.
func (w *world) passKeeping(d time.Duration) {
	w.keeps = true
	w.pass(d)
	w.fuse.left = 0
}

// judge holds both CRMs to the truth: every message once where its person is known, and under what the business sent its final state.
func (w *world) judge(name string, inHubSpot map[string]bool) {
	w.t.Helper()
	notes, comms := map[string][]string{}, map[string][]string{}
	for _, n := range w.zoho.Notes() {
		id := markOf(n.Values["Note_Content"])
		notes[id] = append(notes[id], n.Values["Note_Content"])
	}
	for _, c := range w.hubspot.Communications() {
		id := markOf(c.Properties["hs_communication_body"])
		comms[id] = append(comms[id], c.Properties["hs_communication_body"])
	}
	wrong := 0
	complain := func(format string, of ...any) {
		if wrong++; wrong <= 5 {
			w.t.Errorf(name+": "+format, of...)
		}
	}
	for id, both := range inHubSpot {
		want := 0
		if both {
			want = 1
		}
		if len(notes[id]) != 1 || len(comms[id]) != want {
			complain("a message is logged %d times in Zoho, %d times in HubSpot, want 1 and %d", len(notes[id]), len(comms[id]), want)
		}
	}
	for _, m := range w.phone.SentMessages() {
		if len(notes[m.ID]) != 1 {
			complain("a sent message is logged %d times in Zoho", len(notes[m.ID]))
		}
		want := "Stato: letto"
		switch {
		case m.To.Unreachable:
			want = "131026"
		case m.To.NeverReads:
			want = "Stato: consegnato"
		}
		for _, text := range slices.Concat(notes[m.ID], comms[m.ID]) {
			if strings.Count(text, "» ") != 1 || !strings.Contains(text, want) {
				complain("a sent message ends %q, want %s", text[max(0, len(text)-120):], want)
			}
		}
	}
	if len(w.queue) != 0 {
		complain("%d parcels are left", len(w.queue))
	}
}

func markOf(text string) string {
	from := strings.LastIndex(text, "[wamid.")
	if from < 0 {
		return ""
	}
	id, _, _ := strings.Cut(text[from+1:], "]")
	return id
}

// Days of conversations with deliveries that are late, doubled and shuffled, workers that die, and CRMs that fail: every message
// is logged exactly once in each CRM that knows its person, and every final state is right.
func TestWhateverHappensEveryMessageIsLoggedOnceAndEveryStateIsRight(t *testing.T) {
	for seed := range uint64(3) {
		w := build(t, seed, whatsapptest.Options{ReadAfter: time.Minute, Duplicates: 0.01, Reorder: 90 * time.Second, Batch: 20})
		w.twice = 0.01
		var people []*whatsapptest.Person
		var warm []bool
		for i := range 60 {
			phone := fmt.Sprintf("3934700%05d", i)
			p := w.phone.Meet(fmt.Sprintf("Persona %d", i), phone)
			p.NeverReads, p.Unreachable = i%5 == 1, i%10 == 7
			if i%3 == 0 {
				w.couple(p.Name, phone)
			}
			people, warm = append(people, p), append(warm, i%3 == 0)
		}
		truth := map[string]bool{}
		texts := []string{"quali sono gli orari?", "buongiorno", "grazie", "quanto costa la spedizione?", "dove siete?"}
		for n := range 2000 {
			i := w.chance.IntN(len(people))
			truth[w.say(people[i], texts[w.chance.IntN(len(texts))])] = warm[i]
			if n%25 == 0 {
				r := outbound.Request{Reference: fmt.Sprintf("r%d", n), To: chat.Person{Phone: crm.Text(people[i].Phone)}, Text: crm.Text("a domani")}
				accepted := func() {
					if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", r); err != nil {
						t.Fatal(err)
					}
				}
				for !w.work(accepted) { // whoever got no answer asks again
				}
			}
			switch w.chance.IntN(40) {
			case 0:
				w.fuse.left, w.fuse.after = 1+w.chance.IntN(30), w.chance.IntN(2) == 0
			case 1:
				w.zoho.Fail(zohotest.Fault{Times: 1 + w.chance.IntN(3), Lost: zohotest.Lost(1 + w.chance.IntN(2))})
			case 2:
				w.hubspot.Fail(hubspottest.Fault{Times: 1 + w.chance.IntN(3), Lost: hubspottest.Lost(1 + w.chance.IntN(2))})
			case 3:
				w.zoho.Fail(zohotest.Throttle(2, "3"))
			case 4:
				w.hubspot.Fail(hubspottest.Fault{Times: 2, Status: http.StatusBadGateway})
			}
			w.keeps = true
			w.pass(time.Duration(1+w.chance.IntN(120)) * time.Second)
		}
		w.fuse.left = 0
		w.zoho.Clear()
		w.hubspot.Clear()
		w.pass(2 * time.Hour)
		w.judge(fmt.Sprintf("seed %d", seed), truth)
		if w.contacts() != len(people) {
			t.Errorf("seed %d: %d contacts of %d people; parked %v", seed, w.contacts(), len(people), w.reasons())
		}
		t.Logf("seed %d: %d messages in, %d out, %d parcels worked on, %d deaths, parked %v", seed, len(truth), len(w.phone.SentMessages()), w.worked, w.crashes, w.reasons())
	}
}
