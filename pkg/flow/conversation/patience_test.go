package conversation_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
)

// afternoons lets that many half days go by and looks at the outbox at the end of each.
func (w *world) afternoons(n int) {
	for range n {
		w.now = w.now.Add(12 * time.Hour)
		w.step()
	}
}

// due returns how many messages of the outbox are not at their end.
func (w *world) due() int {
	w.t.Helper()
	ids, err := w.flow.Due(w.t.Context(), crm.DefaultConnection)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(ids)
}

// told returns the reasons of the rows, and of how many tasks in which CRM they go with: "[131000] 1 1".
func (w *world) told() string {
	return fmt.Sprint(w.reasons(), len(w.zoho.Tasks()), len(w.hubspot.Tasks()))
}

func TestAPassingTroubleIsMetAFewTimesAndThenToldWithItsCause(t *testing.T) {
	for _, code := range []int{1, 2, 131000, 131016, 131053, 131057, 133004} {
		for times, want := range map[int]string{-1: fmt.Sprintf("[%d] 1 1", code), 4: "[] 0 0"} {
			w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
			w.couple("Rossi", "393471234567")
			w.phone.Meet("Persona", "393471234567")
			var calls []time.Duration
			w.phone.Fail(whatsapptest.Fault{On: "POST", Times: times, Code: code, Status: http.StatusInternalServerError, Match: func(*http.Request) bool {
				calls = append(calls, w.now.Sub(noon))
				return true
			}})
			w.promotion("r")
			w.pass(time.Hour)
			sent := 0
			if times > 0 {
				sent = 1
				calls = append(calls, 751*time.Second) // the one that is not met by a fault
			}
			if tries := []time.Duration{0, time.Second, 31 * time.Second, 151 * time.Second, 751 * time.Second}; !slices.Equal(calls, tries) {
				t.Errorf("%d: tried at %v, want %v", code, calls, tries)
			}
			if w.told() != want || len(w.phone.SentMessages()) != sent || w.due() != 0 {
				t.Errorf("%d, %d times: %s, want %s; %d sent, %d still due", code, times, w.told(), want, len(w.phone.SentMessages()), w.due())
			}
		}
	}
}

func TestAnAnswerWithoutACodeIsARefusalAtOnceUnlessItIsOurs(t *testing.T) {
	const bare = `{"error":{"message":"no","type":"OAuthException"}}`
	for status, want := range map[int]string{
		http.StatusBadRequest: "[unknown] 1 1", http.StatusNotFound: "[missing] 1 1", http.StatusConflict: "[conflict] 1 1",
		http.StatusRequestEntityTooLarge: "[unknown] 1 1", http.StatusLocked: "[locked] 1 1",
		http.StatusUnauthorized: "[] 0 0", http.StatusForbidden: "[] 0 0", http.StatusTooManyRequests: "[] 0 0",
	} {
		w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
		w.couple("Rossi", "393471234567")
		w.phone.Meet("Persona", "393471234567")
		calls := 0
		w.phone.Fail(whatsapptest.Fault{On: "POST", Times: -1, Status: status, Body: bare, Match: func(*http.Request) bool { calls++; return true }})
		w.promotion("r")
		w.pass(10 * time.Minute)
		waits := want == "[] 0 0"
		if w.told() != want || waits == (calls == 1) || waits != (w.due() == 1) {
			t.Errorf("%d: %s, want %s; %d calls, %d due", status, w.told(), want, calls, w.due())
		}
		w.phone.Clear()
		w.pass(20 * time.Minute)
		if sent := len(w.phone.SentMessages()); waits != (sent == 1) || w.due() != 0 {
			t.Errorf("%d: %d sent once it is mended, %d due", status, sent, w.due())
		}
	}
}

func TestWhatWaitsForUsIsSentWithinThreeDaysOrToldWithWhatItWaitedFor(t *testing.T) {
	for code, want := range map[int]string{190: "[190] 1 1", 80007: "[80007] 1 1", 131048: "[131048] 1 1"} {
		for _, mended := range []bool{true, false} {
			w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
			w.couple("Rossi", "393471234567")
			w.phone.Meet("Persona", "393471234567")
			calls := 0
			w.phone.Fail(whatsapptest.Fault{On: "POST", Times: -1, Code: code, Match: func(*http.Request) bool { calls++; return true }})
			w.promotion("r")
			w.pass(10 * time.Minute)
			if calls < 1 || calls > 11 {
				t.Errorf("%d: %d calls in ten minutes", code, calls)
			}
			w.afternoons(4)
			if mended {
				w.phone.Clear()
				w.afternoons(1)
				w.pass(time.Hour)
				if w.told() != "[] 0 0" || len(w.phone.SentMessages()) != 1 {
					t.Errorf("%d, mended in time: %s, %d sent", code, w.told(), len(w.phone.SentMessages()))
				}
				continue
			}
			w.afternoons(3)
			before := calls
			w.phone.Clear()
			w.afternoons(1)
			if w.told() != want || calls != before || len(w.phone.SentMessages()) != 0 || w.due() != 0 {
				t.Errorf("%d: %s, want %s; %d sent, %d due", code, w.told(), want, len(w.phone.SentMessages()), w.due())
			}
		}
	}
}

func TestWhatCouldNotEvenBeTriedIsToldAfterThreeDaysToo(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
	w.couple("Rossi", "393471234567")
	w.phone.Meet("Persona", "393471234567")
	w.promotion("r")
	w.now = w.now.Add(73 * time.Hour) // nobody has looked: the stack was off
	w.pass(time.Minute)
	if w.told() != "[NOT_SENT] 1 1" || w.phone.Count(whatsapptest.CallMessages) != 0 || w.due() != 0 {
		t.Errorf("%s; %d calls, %d due", w.told(), w.phone.Count(whatsapptest.CallMessages), w.due())
	}
	w.zoho.Fail(zohotest.Fault{On: "GET", Times: -1, Status: http.StatusBadGateway})
	w.zoho.Fail(zohotest.Fault{On: "POST", Times: -1, Status: http.StatusBadGateway})
	r := outbound.Request{Reference: "s", To: anna, Template: &outbound.Template{Name: "promo_autunno", Language: "it", Parameters: []crm.Value{crm.Text("x")}}}
	r.To.Phone = crm.Text("393477654321")
	if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", r); err != nil {
		t.Fatal(err)
	}
	w.afternoons(7)
	if codes := w.reasons(); !slices.Equal(codes, []string{"NOT_SENT", "NOT_SENT"}) || w.due() != 0 {
		t.Errorf("while Zoho is down: parked %v, %d due", codes, w.due())
	}
}

func TestFreeWordsThatWereTriedInTimeAreToldWithWhatTheyMetAndNotWithTheirWindow(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
	w.couple("Rossi", "393471234567")
	w.say(w.phone.Meet("Persona", "393471234567"), "grazie")
	w.pass(time.Minute)
	w.phone.Fail(whatsapptest.Fault{On: "POST", Times: -1, Code: 131048})
	if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", outbound.Request{Reference: "f", To: rossi, Text: crm.Text("Eccomi")}); err != nil {
		t.Fatal(err)
	}
	w.pass(23 * time.Hour)
	if w.told() != "[] 0 0" {
		t.Errorf("within the window: %s", w.told())
	}
	w.pass(2 * time.Hour)
	if w.told() != "[131048] 1 1" || w.due() != 0 {
		t.Errorf("%s, %d due", w.told(), w.due())
	}
}

// The task of a refusal is made in CRMs that may be down; what the message was refused for is known before.
func TestAMessageThatIsRefusedWhileACRMIsDownIsToldWithItsCauseAndHandedOverLater(t *testing.T) {
	for n := 0; ; n++ {
		crashes := 0
		for _, after := range []bool{false, true} {
			w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
			w.couple("Rossi", "393471234567")
			w.phone.Meet("Persona", "393471234567")
			w.phone.Fail(whatsapptest.Fault{On: "POST", Times: -1, Code: 131026})
			w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Tasks", Times: -1, Status: http.StatusBadGateway})
			w.promotion("r")
			w.fuse.left, w.fuse.after = n, after
			w.passKeeping(5 * time.Minute)
			if n == 0 && (w.due() != 1 || !slices.Equal(w.reasons(), []string{"131026"})) {
				t.Errorf("while Zoho is down: %s, %d due", w.told(), w.due())
			}
			w.zoho.Clear()
			w.afternoons(3)
			w.pass(10 * time.Minute)
			crashes += w.crashes
			if codes := w.reasons(); len(codes) != 1 || len(w.zoho.Tasks()) != 1 || len(w.hubspot.Tasks()) != 1 || w.due() != 0 || w.phone.Count(whatsapptest.CallMessages) > 1 {
				t.Errorf("step %d, after %v: %s, %d due, %d calls", n, after, w.told(), w.due(), w.phone.Count(whatsapptest.CallMessages))
			}
		}
		if n > 0 && crashes == 0 || t.Failed() {
			if n < 20 {
				t.Errorf("only %d steps", n)
			}
			return
		}
	}
}

func TestATaskThatACRMRefusesIsARowAndTheMessageIsAtItsEnd(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
	w.couple("Rossi", "393471234567")
	w.phone.Meet("Persona", "393471234567")
	w.phone.Fail(whatsapptest.Fault{On: "POST", Times: -1, Code: 131026})
	w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Tasks", Times: -1, Status: http.StatusBadRequest, Body: `{"data":[{"code":"MANDATORY_NOT_FOUND","details":{"api_name":"Reparto"},"message":"required field not found","status":"error"}]}`})
	w.promotion("r")
	w.pass(time.Hour)
	if w.told() != "[131026 MANDATORY_NOT_FOUND] 0 1" || w.due() != 0 {
		t.Errorf("%s, %d due", w.told(), w.due())
	}
}

func TestAMessageThatWentOutIsToldWhenNobodyCanSayOnWhomItIsToBeLogged(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{SentAfter: time.Hour})
	_, zo := w.couple("Rossi", "393471234567")
	w.phone.Meet("Persona", "393471234567")
	w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts/" + zo + "/Notes", Times: 1, Status: http.StatusServiceUnavailable})
	w.promotion("r")
	w.step()
	if len(w.phone.SentMessages()) != 1 {
		t.Fatalf("%d sent", len(w.phone.SentMessages()))
	}
	if err := w.zoho.Delete(crm.Contacts, zo); err != nil {
		t.Fatal(err)
	}
	w.couple("Rossi padre", "393471234567")
	w.couple("Rossi figlio", "393471234567")
	w.pass(10 * time.Minute)
	if w.told() != "[TWIN_TAKEN] 0 0" || w.due() != 0 || len(w.phone.SentMessages()) != 1 {
		t.Errorf("%s, %d due, %d sent", w.told(), w.due(), len(w.phone.SentMessages()))
	}
}
