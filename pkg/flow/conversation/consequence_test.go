package conversation_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// rossi is somebody whom both CRMs have.
var rossi = chat.Person{Phone: crm.Text("393471234567")}

// promotion asks for a template of marketing.
func (w *world) promotion(reference string) {
	w.t.Helper()
	r := outbound.Request{Reference: reference, To: rossi, Template: &outbound.Template{Name: "promo_autunno", Language: "it", Parameters: []crm.Value{crm.Text("x")}}}
	if _, err := w.flow.Accept(w.t.Context(), crm.DefaultConnection, "shop", r); err != nil {
		w.t.Fatal(err)
	}
}

// carry carries updates out as one parcel.
func (w *world) carry(updates ...chat.Update) {
	w.t.Helper()
	out := w.flow.Carry(w.t.Context(), chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: updates})
	if w.check(out); out.Ending != fault.Done {
		w.t.Fatalf("%+v", out)
	}
}

func (w *world) status(wamid string, state chat.State, codes ...int) chat.Update {
	s := chat.Status{ID: crm.Text(wamid), State: state, At: w.now, To: rossi}
	for _, c := range codes {
		s.Errors = append(s.Errors, chat.Error{Code: c})
	}
	return chat.Update{Number: number, Status: &s}
}

// optedOut reports what both CRMs show.
func (w *world) optedOut(hubspot, zoho string) string {
	z, _ := w.zoho.Props(crm.Contacts, zoho)
	h, _ := w.hubspot.Props(crm.Contacts, hubspot)
	return z["WhatsApp_Opt_Out"] + " " + h["whatsapp_opt_out"]
}

// hindrances keep a message from being logged before its statuses come.
var hindrances = map[string]func(w *world, zoho string){
	"nothing": func(*world, string) {},
	"zoho fails while the note is written": func(w *world, zoho string) {
		w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts/" + zoho + "/Notes", Status: 503, Times: 3})
	},
	"the answer to the sending is lost": func(w *world, _ string) {
		w.phone.Fail(whatsapptest.Fault{On: "POST", Lost: whatsapptest.LostAfter})
	},
}

func TestAFailureMeansTheSameWhetherItIsToldBeforeOrAfterItsMessageIsLogged(t *testing.T) {
	for name, hinder := range hindrances {
		t.Run(name+", an opt-out", func(t *testing.T) {
			w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
			hub, zo := w.couple("Rossi", "393471234567")
			if err := w.phone.Meet("Persona", "393471234567").OptOut(number); err != nil {
				t.Fatal(err)
			}
			w.phone.Tick()
			w.queue = nil // nobody is subscribed to preferences
			hinder(w, zo)
			w.promotion("r")
			w.pass(30 * time.Minute)
			if got := w.optedOut(hub, zo); got != "true true" || len(w.zoho.Tasks()) != 0 || len(w.phone.SentMessages()) != 1 {
				t.Errorf("the CRMs show %s; %d tasks, %d messages", got, len(w.zoho.Tasks()), len(w.phone.SentMessages()))
			}
		})
		t.Run(name+", a number that is not reached", func(t *testing.T) {
			w := build(t, 1, whatsapptest.Options{SentAfter: time.Second, Duplicates: 1})
			hub, zo := w.couple("Rossi", "393471234567")
			w.phone.Meet("Persona", "393471234567").Unreachable = true
			hinder(w, zo)
			w.promotion("r")
			w.pass(30 * time.Minute)
			if z, h := w.zoho.Tasks(), w.hubspot.Tasks(); len(z) != 1 || len(h) != 1 || z[0].Parent != zo || h[0].Contact != hub {
				t.Errorf("tasks %+v and %+v", z, h)
			}
			if got := w.optedOut(hub, zo); got != "false " {
				t.Errorf("the CRMs show %s", got)
			}
		})
	}
}

func TestWhereverAWorkerDiesAFailureMeansWhatItMeansOnce(t *testing.T) {
	for _, code := range []int{131026, 131050} {
		for _, early := range []bool{true, false} {
			for n := 1; ; n++ {
				crashes := 0
				for _, after := range []bool{false, true} {
					name := fmt.Sprintf("%d, told early %v, step %d, after %v", code, early, n, after)
					w := build(t, 1, whatsapptest.Options{SentAfter: time.Hour, DeliveredAfter: 2 * time.Hour})
					hub, zo := w.couple("Rossi", "393471234567")
					w.phone.Meet("Persona", "393471234567")
					if early {
						w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts/" + zo + "/Notes", Status: 503, Times: 1})
					}
					w.promotion("r")
					w.step()
					failed := w.status(w.phone.SentMessages()[0].ID, chat.Failed, code)
					entries, _ := chat.Pack(chat.Parcel{Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: []chat.Update{failed}})
					for range 2 {
						w.queue = append(w.queue, letter{entry: entries[0], due: w.now})
					}
					w.fuse.left, w.fuse.after = n, after
					w.passKeeping(20 * time.Minute)
					crashes += w.crashes
					opted, tasks := "false ", 1
					if code == 131050 {
						opted, tasks = "true true", 0
					}
					if got := w.optedOut(hub, zo); got != opted || len(w.zoho.Tasks()) != tasks || len(w.hubspot.Tasks()) != tasks || len(w.parked) != 0 {
						t.Errorf("%s: the CRMs show %s, %d and %d tasks, parked %v", name, got, len(w.zoho.Tasks()), len(w.hubspot.Tasks()), w.reasons())
					}
				}
				if crashes == 0 || t.Failed() {
					if n < 15 {
						t.Errorf("%d, told early %v: only %d steps", code, early, n)
					}
					break
				}
			}
		}
	}
}

func TestAFailureThatIsToldAfterTheMessageArrivedAsksNobodyButIsHeardAsAnOptOut(t *testing.T) {
	for code, opted := range map[int]string{131026: "false ", 131050: "true true"} {
		w := build(t, 1, whatsapptest.Options{SentAfter: time.Hour, DeliveredAfter: 2 * time.Hour})
		hub, zo := w.couple("Rossi", "393471234567")
		w.phone.Meet("Persona", "393471234567")
		w.promotion("r")
		w.pass(time.Minute)
		id := w.phone.SentMessages()[0].ID
		w.carry(w.status(id, chat.Read))
		w.carry(w.status(id, chat.Failed, code))
		if got := w.optedOut(hub, zo); len(w.zoho.Tasks())+len(w.hubspot.Tasks()) != 0 || got != opted {
			t.Errorf("%d: %d tasks, the CRMs show %s", code, len(w.zoho.Tasks()), got)
		}
	}
}

func TestATaskThatWasBegunIsMadeAlthoughTheMessageArrivesMeanwhile(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Hour, DeliveredAfter: 2 * time.Hour})
	w.couple("Rossi", "393471234567")
	w.phone.Meet("Persona", "393471234567")
	w.promotion("r")
	w.pass(time.Minute)
	id := w.phone.SentMessages()[0].ID
	w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Tasks", Status: 503, Times: 2})
	failed := chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: []chat.Update{w.status(id, chat.Failed, 131026)}}
	if out := w.flow.Carry(t.Context(), failed); out.Ending != fault.GoAgain {
		t.Fatalf("%+v", out)
	}
	w.carry(w.status(id, chat.Delivered))
	w.zoho.Clear()
	w.now = w.now.Add(2 * time.Minute)
	w.carry(failed.Updates...)
	if len(w.zoho.Tasks()) != 1 || len(w.hubspot.Tasks()) != 1 {
		t.Errorf("%d and %d tasks", len(w.zoho.Tasks()), len(w.hubspot.Tasks()))
	}
}

func TestAnOptOutIsHeardThoughAnotherToolSentTheMessage(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	hub, zo := w.couple("Rossi", "393471234567")
	w.carry(w.status("wamid.other", chat.Failed, 131050))
	if got := w.optedOut(hub, zo); got != "true true" {
		t.Errorf("the CRMs show %s", got)
	}
	w.carry(w.status("wamid.another", chat.Failed, 131026))
	stranger := w.status("wamid.third", chat.Failed, 131050)
	stranger.Status.To.Phone = crm.Text("393477654321")
	w.carry(stranger)
	if w.contacts() != 1 || len(w.zoho.Tasks()) != 0 || len(w.parked) != 0 {
		t.Errorf("%d contacts, %d tasks, parked %v", w.contacts(), len(w.zoho.Tasks()), w.reasons())
	}
}

func TestAnOptOutThatTheSendingIsAnsweredWithIsSetInBoth(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	hub, zo := w.couple("Rossi", "393471234567")
	w.phone.Fail(whatsapptest.Fault{On: "POST", Code: 131050})
	w.zoho.Fail(zohotest.Fault{On: "PUT /crm/v8/Contacts", Status: 503, Times: 3})
	w.promotion("r")
	w.pass(30 * time.Minute)
	if got := w.optedOut(hub, zo); got != "true true" || len(w.zoho.Tasks()) != 0 {
		t.Errorf("the CRMs show %s, %d tasks", got, len(w.zoho.Tasks()))
	}
	if calls, codes := w.phone.Count(whatsapptest.CallMessages), w.reasons(); calls != 1 || len(codes) != 1 || codes[0] != "131050" {
		t.Errorf("%d calls, parked %v", calls, codes)
	}
}

func TestWhoWantsMessagesAgainIsNotSilencedByAnOlderAnswerThatIsTriedAgain(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	hub, zo := w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.phone.Fail(whatsapptest.Fault{On: "POST", Code: 131050})
	w.zoho.Fail(zohotest.Fault{On: "PUT /crm/v8/Contacts", Status: 503, Times: -1})
	w.promotion("r")
	w.pass(time.Minute)
	w.say(p, "RIPRENDI")
	w.pass(3 * time.Minute)
	w.zoho.Clear()
	w.pass(30 * time.Minute)
	if got := w.optedOut(hub, zo); strings.Contains(got, "true") {
		t.Errorf("the CRMs show %s", got)
	}
}

func TestAnOptOutIsHeardThoughTheContactOfItsMessageWasMerged(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Hour, DeliveredAfter: 2 * time.Hour})
	w.phone.Meet("Persona", "393471234567")
	first, err := w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi", "Mobile": "+393471234567"})
	if err != nil {
		t.Fatal(err)
	}
	w.promotion("r")
	w.pass(time.Minute)
	survivor, err := w.zoho.Create(crm.Contacts, map[string]string{"Last_Name": "Rossi"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.zoho.Merge(crm.Contacts, survivor, first); err != nil {
		t.Fatal(err)
	}
	failed := w.status(w.phone.SentMessages()[0].ID, chat.Failed, 131050)
	entries, _ := chat.Pack(chat.Parcel{Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: []chat.Update{failed}})
	w.queue = append(w.queue, letter{entry: entries[0], due: w.now})
	w.pass(5 * time.Minute)
	if z, _ := w.zoho.Props(crm.Contacts, survivor); z["WhatsApp_Opt_Out"] != "true" || len(w.queue) != 0 {
		t.Errorf("Zoho shows %q; %d parcels are left", z["WhatsApp_Opt_Out"], len(w.queue))
	}
}

func TestAReactionBeginsNoConversation(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	told := map[string]bool{}
	w.flow.Began = func(_ context.Context, update string, _ time.Time) error { told[update] = true; return nil }
	p := w.phone.Meet("Persona", "393471234567")
	id := w.say(p, "buongiorno")
	w.pass(time.Minute)
	for range 3 {
		if _, err := p.React(number, id, "👍"); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
	}
	if len(told) != 1 {
		t.Errorf("one conversation was told %d times", len(told))
	}
}

func TestAFailureLongAfterAHandOverAsksSomebodyAgain(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	w.couple("Rossi", "393471234567")
	p := w.phone.Meet("Persona", "393471234567")
	w.say(p, "operatore")
	w.pass(time.Minute)
	p.Unreachable = true
	for i, want := range []int{1, 2, 2, 3} { // at once; after two months; an hour after that one; a month later, though the person never wrote again
		w.promotion(fmt.Sprint("r", i))
		w.pass(30 * time.Minute)
		if len(w.zoho.Tasks()) != want || len(w.hubspot.Tasks()) != want {
			t.Errorf("failure %d: %d and %d tasks, want %d", i+1, len(w.zoho.Tasks()), len(w.hubspot.Tasks()), want)
		}
		w.pass([]time.Duration{60 * 24 * time.Hour, time.Hour, 30 * 24 * time.Hour, 0}[i])
	}
}

func TestAMessageThatOneCRMRefusesToLogIsARowAndKeepsNeitherTheOtherNorItsStateBack(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{ReadAfter: 30 * time.Second})
	_, zo := w.couple("Rossi", "393471234567")
	w.phone.Meet("Persona", "393471234567")
	w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts/" + zo + "/Notes", Times: -1, Status: http.StatusBadRequest,
		Body: `{"code":"NOT_ALLOWED","details":{},"message":"no","status":"error"}`})
	w.promotion("r")
	w.pass(10 * time.Minute)
	sent := w.phone.SentMessages()
	if codes := w.reasons(); len(sent) != 1 || len(codes) != 1 || codes[0] != "NOT_ALLOWED" {
		t.Fatalf("%d sent, parked %v", len(sent), codes)
	}
	if c := w.communications(sent[0].ID); len(c) != 1 || !strings.Contains(c[0].Properties["hs_communication_body"], "letto") {
		t.Errorf("communications %+v", c)
	}
	if due, err := w.flow.Due(t.Context(), crm.DefaultConnection); err != nil || len(due) != 0 {
		t.Errorf("still due: %v, %v", due, err)
	}
}
