package conversation_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
)

// answers returns what was sent, by a word of each text, with how long after noon.
func (w *world) answers() (out []string) {
	words := map[string]string{"Buongiorno e grazie": "greeting", "I nostri orari": "hours", "I prezzi": "price", "la metto in contatto": "hand_over",
		"Non riceverà più": "opt_out", "Da ora riceverà": "opt_in", "non ho capito": "miss"}
	for _, m := range w.phone.SentMessages() {
		name := m.Text
		for word, rule := range words {
			if strings.Contains(m.Text, word) {
				name = rule
			}
		}
		out = append(out, fmt.Sprint(name, " ", m.At.Sub(noon)))
	}
	return out
}

// ended returns how many messages of the outbox are at a stage: "over" are answers that were not sent and have no row.
func (w *world) ended(stage string) (n int) {
	for r := range w.chats.All("O#") {
		if strings.Contains(string(r.Value), `"stage":"`+stage+`"`) {
			n++
		}
	}
	return n
}

func TestAnAnswerThatCouldNotGoOutInTwoMinutesGoesOutNoMoreAndAPersonIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		breaks, mends func(w *world)
		answered      string
	}{
		"a dead token": {func(w *world) { w.phone.SetToken("another") }, func(w *world) { w.phone.SetToken(whatsapptest.DefaultToken) }, "[]"},
		"Zoho is down": {func(w *world) { w.zoho.Fail(zohotest.Fault{Status: http.StatusServiceUnavailable, Times: -1}) }, func(w *world) { w.zoho.Clear() }, "[]"},
	} {
		w := build(t, 1, whatsapptest.Options{})
		w.couple("Rossi", "393471234567")
		p := w.phone.Meet("Persona", "393471234567")
		w.say(p, "grazie") // understood, and nothing is said to it
		w.pass(time.Second)
		c.breaks(w)
		w.say(p, "Che orari fate?")
		w.pass(20 * time.Minute)
		c.mends(w)
		w.pass(time.Hour)
		if got := fmt.Sprint(w.answers()); got != c.answered || w.told() != "[] 1 1" || w.due() != 0 || w.ended("over") != 1 {
			t.Errorf("%s: sent %s, want %s; %s, %d due, %d over", name, got, c.answered, w.told(), w.due(), w.ended("over"))
		}
	}
}

func TestWhatAStrangerAsksWhileZohoIsDownIsHandedOverOnceItIsThereAgainUnlessItsDayIsOver(t *testing.T) {
	for _, c := range []struct {
		said []string
		down time.Duration
		want string // sent, told
	}{
		{[]string{"Che orari fate?"}, time.Minute, "[hours] [] 0 0"},
		{[]string{"Che orari fate?"}, 5 * time.Minute, "[] [] 1 0"},
		{[]string{"Che orari fate?", "E i prezzi?", "grazie"}, 5 * time.Minute, "[] [] 1 0"},
		{[]string{"fate anche personalizzazioni? Grazie"}, 5 * time.Minute, "[] [] 1 0"},
		{[]string{"Grazie mille!"}, 5 * time.Minute, "[] [] 0 0"},
		{[]string{"STOP"}, 5 * time.Minute, "[] [] 0 0"},
		{[]string{"voglio un rimborso"}, 5 * time.Minute, "[] [] 1 0"},
		{[]string{"Che orari fate?"}, 25 * time.Hour, "[] [] 0 0"},
		{[]string{"voglio un rimborso"}, 25 * time.Hour, "[] [] 1 0"},
	} {
		w := build(t, 1, whatsapptest.Options{})
		p := w.phone.Meet("Persona Nuova", "393471234567")
		w.zoho.Fail(zohotest.Fault{Status: http.StatusServiceUnavailable, Times: -1})
		for _, text := range c.said {
			w.say(p, text)
		}
		w.step()
		w.now = w.now.Add(c.down)
		w.zoho.Clear()
		w.pass(20 * time.Minute)
		got := w.answers()
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], " ")
		}
		if is := fmt.Sprint(got, " ", w.told()); is != c.want || w.contacts() != 1 || w.due() != 0 {
			t.Errorf("%q, %s later: %s, want %s; %d contacts", c.said, c.down, is, c.want, w.contacts())
		}
		for _, task := range w.zoho.Tasks() {
			if text := task.Values["Description"]; c.said[0] != "voglio un rimborso" && !strings.HasPrefix(text, "Non ha avuto risposta in tempo.") {
				t.Errorf("%q: the task says %q", c.said, text)
			}
		}
	}
}

func TestAnAnswerThatWaitsAMinuteStillGoesOut(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.couple("Rossi", "393471234567")
	w.phone.SetToken("another")
	w.say(w.phone.Meet("Persona", "393471234567"), "Che orari fate?")
	w.pass(50 * time.Second)
	w.phone.SetToken(whatsapptest.DefaultToken)
	w.pass(time.Hour)
	if got := fmt.Sprint(w.answers()); got != "[hours 1m0s]" || w.told() != "[] 0 0" || w.due() != 0 {
		t.Errorf("sent %s; %s", got, w.told())
	}
}

func TestNoAnswerOfBeforeGoesOutOnceSomebodyIsAskedOrHasTakenOver(t *testing.T) {
	for _, human := range []bool{false, true} {
		w := build(t, 1, whatsapptest.Options{})
		w.couple("Rossi", "393471234567")
		p := w.phone.Meet("Persona", "393471234567")
		w.say(p, "Ciao")
		w.pass(time.Second)
		w.say(p, "Che orari fate?") // waits for the end of the six seconds
		w.pass(time.Second)
		w.phone.Fail(whatsapptest.Fault{On: "POST", Times: 1, Code: 190})
		w.say(p, "operatore") // its text waits a minute for the token
		w.pass(time.Second)
		if human {
			if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", outbound.Request{Reference: "h", To: rossi, Text: crm.Text("eccomi")}); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(time.Hour)
		want := "[greeting 0s hand_over 1m2s]"
		if human {
			want = "[greeting 0s eccomi 3s]"
		}
		if got := fmt.Sprint(w.answers()); got != want || w.told() != "[] 1 1" || w.due() != 0 {
			t.Errorf("sent %s, want %s; %s", got, want, w.told())
		}
	}
}

func TestAWordIsConfirmedOnceAsItHoldsNow(t *testing.T) {
	for _, c := range []struct {
		words []string
		late  time.Duration
		want  string
	}{
		{[]string{"STOP"}, 30 * time.Second, "[opt_out]"},
		{[]string{"STOP", "RIPRENDI"}, 30 * time.Second, "[opt_in]"},
		{[]string{"STOP", "RIPRENDI", "STOP"}, 30 * time.Second, "[opt_out]"},
		{[]string{"STOP"}, 3 * time.Minute, "[]"},
		{[]string{"STOP", "RIPRENDI"}, 3 * time.Minute, "[]"},
	} {
		for seed := range uint64(4) {
			w := build(t, seed, whatsapptest.Options{})
			phone := fmt.Sprint("39347123456", seed)
			w.couple("Rossi", phone)
			p := w.phone.Meet("Persona", phone)
			w.phone.SetToken("another")
			for _, word := range c.words {
				w.say(p, word)
				w.pass(10 * time.Second)
			}
			w.pass(c.late)
			w.phone.SetToken(whatsapptest.DefaultToken)
			w.pass(time.Hour)
			got := w.answers()
			for i := range got {
				got[i], _, _ = strings.Cut(got[i], " ")
			}
			if fmt.Sprint(got) != c.want || w.told() != "[] 0 0" || w.due() != 0 {
				t.Errorf("%v, %s late: sent %v, want %s; %s", c.words, c.late, got, c.want, w.told())
			}
		}
	}
}

func TestAConfirmationWaitsForItsWordToBeKept(t *testing.T) {
	for n := 1; ; n++ {
		crashes := 0
		for _, after := range []bool{false, true} {
			w := build(t, 1, whatsapptest.Options{})
			w.couple("Rossi", "393471234567")
			p := w.phone.Meet("Persona", "393471234567")
			w.say(p, "Ciao")
			w.pass(time.Minute)
			w.say(p, "STOP")
			w.fuse.left, w.fuse.after = n, after
			w.passKeeping(10 * time.Minute)
			crashes += w.crashes
			got := w.answers()
			confirmed := len(got) == 2 && strings.HasPrefix(got[1], "opt_out ") && w.due() == 0
			if cut := len(got) == 1 && w.ended("unknown") == 1; !confirmed && !cut || w.told() != "[] 0 0" { // cut: died at the sending itself
				t.Errorf("step %d, after %v: sent %v; %s", n, after, got, w.told())
			}
		}
		if crashes == 0 || t.Failed() {
			if n < 20 {
				t.Errorf("only %d steps", n)
			}
			return
		}
	}
}

func TestWhatIsSaidWithinSixSecondsOfAnAnswerIsAnsweredToo(t *testing.T) {
	for _, c := range []struct {
		said []string // two seconds apart
		want string
		told string
	}{
		{[]string{"Ciao", "STOP"}, "[greeting 0s opt_out 2s]", "[] 0 0"},
		{[]string{"Ciao", "Vorrei parlare con un operatore"}, "[greeting 0s hand_over 2s]", "[] 1 1"},
		{[]string{"Ciao", "che orari fate?"}, "[greeting 0s hours 6s]", "[] 0 0"},
		{[]string{"Ciao", "che orari fate?", "e i prezzi?"}, "[greeting 0s hours 6s price 12s]", "[] 0 0"},
		{[]string{"Ciao", "che orari fate?", "STOP"}, "[greeting 0s opt_out 4s]", "[] 0 0"},
	} {
		w := build(t, 1, whatsapptest.Options{})
		w.couple("Rossi", "393471234567")
		p := w.phone.Meet("Persona", "393471234567")
		for _, text := range c.said {
			w.say(p, text)
			w.pass(2 * time.Second)
		}
		w.pass(time.Hour)
		if got := fmt.Sprint(w.answers()); got != c.want || w.told() != c.told || w.due() != 0 {
			t.Errorf("%q: sent %s, want %s; %s", c.said, got, c.want, w.told())
		}
	}
}

func TestAnAnswerToSomebodyWhoseContactWasDeletedDoesNotMakeHimNameless(t *testing.T) {
	for _, when := range []string{"before the message", "before the answer is logged"} {
		w := build(t, 1, whatsapptest.Options{})
		p := w.phone.Meet("Anna Bianchi", "393471234567")
		w.say(p, "Ciao")
		w.pass(time.Minute)
		id := w.zoho.IDs(crm.Contacts)[0]
		was, _ := w.zoho.Props(crm.Contacts, id)
		vanish := func(*http.Request) bool { _ = w.zoho.Delete(crm.Contacts, id); return false }
		w.phone.Fail(whatsapptest.Fault{On: "POST", Match: vanish, Times: -1})
		if when == "before the message" {
			vanish(nil)
		}
		w.say(p, "Che orari fate?")
		w.pass(10 * time.Minute)
		ids := w.zoho.IDs(crm.Contacts)
		if len(ids) != 1 || ids[0] == id {
			t.Fatalf("%s: contacts %v, %d sent", when, ids, len(w.phone.SentMessages()))
		}
		is, _ := w.zoho.Props(crm.Contacts, ids[0])
		for _, property := range []string{"Last_Name", "Mobile", "WhatsApp_User"} {
			if is[property] != was[property] || is[property] == "" {
				t.Errorf("%s: %s is %q, was %q", when, property, is[property], was[property])
			}
		}
		if got := w.answers(); len(got) != 2 || w.due() != 0 {
			t.Errorf("%s: sent %v, %d due", when, got, w.due())
		}
	}
}

func TestAReactionOpensTheWindowForFreeWords(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "Ciao")
	w.pass(25 * time.Hour)
	if _, err := p.React(number, w.phone.SentMessages()[0].ID, "👍"); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", outbound.Request{Reference: "r", To: rossi, Text: crm.Text("grazie a lei")}); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	if len(w.phone.SentMessages()) != 2 || w.told() != "[] 0 0" {
		t.Errorf("%d sent; %s", len(w.phone.SentMessages()), w.told())
	}
}

func TestWhatIsDueIsInTheOrderInWhichItWasMade(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	var want []string
	for i := range 120 {
		id, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", outbound.Request{Reference: fmt.Sprint(i), To: rossi, Text: crm.Text("eccomi")})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, id)
		w.now = w.now.Add(time.Millisecond)
	}
	got, err := w.flow.Due(t.Context(), crm.DefaultConnection)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d in another order, %v", len(got), err)
	}
}
