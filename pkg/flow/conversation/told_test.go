package conversation_test

import (
	"net/http"
	"slices"
	"strconv"
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

// row returns the only row that is open.
func (w *world) row() (r fault.Parked) {
	w.t.Helper()
	if len(w.parked) != 1 {
		w.t.Fatalf("parked %v", w.reasons())
	}
	for _, r = range w.parked {
	}
	return r
}

func TestARefusedMessageIsToldWithItsContactAndWithWhatCanBeDone(t *testing.T) {
	for code, hint := range map[int]fault.Hint{
		131047: fault.HintWindow, 132001: fault.HintTemplate, 132012: fault.HintTemplate, 131009: fault.HintRequest, 131026: fault.HintNumber,
		137000: fault.HintNumber, 131050: fault.HintOptedOut, 131049: fault.HintLater, 131000: fault.HintLater, 131042: fault.HintAccount,
		131045: fault.HintAccount, 999: fault.HintSend,
	} {
		w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
		_, zo := w.couple("Rossi", "393471234567")
		w.phone.Meet("Persona", "393471234567")
		w.phone.Fail(whatsapptest.Fault{On: "POST", Times: -1, Code: code, Status: http.StatusBadRequest})
		w.promotion("r")
		w.pass(time.Hour)
		r := w.row()
		if r.Verb != crm.Send || r.Target != crm.WhatsApp || r.TargetID != (crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: zo}) || r.Code != strconv.Itoa(code) || r.Hint != hint {
			t.Errorf("%d: %+v, want %s", code, r, hint)
		}
		if code != chat.CodeOptedOut && !strings.HasPrefix(r.Message, chat.Meaning(code, chat.English)) {
			t.Errorf("%d: the row says %q", code, r.Message)
		}
	}
}

func TestWhatIsNotEvenSentOrMayHaveBeenIsToldWithItsContactToo(t *testing.T) {
	for _, tt := range []struct {
		name, code string
		hint       fault.Hint
		prepare    func(w *world)
		send       outbound.Request
		after      time.Duration
	}{
		{"free words to somebody who never wrote", "131047", fault.HintWindow, func(*world) {}, outbound.Request{Text: crm.Text("ciao")}, time.Minute},
		{"no answer at all", fault.CauseUnknownOutcome, fault.HintLook, func(w *world) {
			w.phone.Fail(whatsapptest.Fault{On: "POST", Lost: whatsapptest.LostBefore, Times: 1})
		}, promo(), 25 * time.Hour},
		{"a token that is dead for days", "190", fault.HintAccount, func(w *world) { w.phone.SetToken("another") }, promo(), 4 * 24 * time.Hour},
	} {
		w := build(t, 1, whatsapptest.Options{SentAfter: time.Second})
		_, zo := w.couple("Rossi", "393471234567")
		w.phone.Meet("Persona", "393471234567")
		tt.prepare(w)
		tt.send.Reference, tt.send.To = "r", chat.Person{Phone: crm.Text("393471234567")}
		if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", tt.send); err != nil {
			t.Fatal(err)
		}
		w.step()
		for at := time.Duration(0); at < tt.after; at += time.Hour {
			w.now = w.now.Add(time.Hour)
			w.step()
		}
		if r := w.row(); r.Verb != crm.Send || r.Target != crm.WhatsApp || r.TargetID.Key != zo || r.Code != tt.code || r.Hint != tt.hint {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}

func promo() outbound.Request {
	return outbound.Request{Template: &outbound.Template{Name: "promo_autunno", Language: "it", Parameters: []crm.Value{crm.Text("x")}}}
}

func TestEveryContactThatAPersonMayBeIsNamedAsTheSystemsThatHasIt(t *testing.T) {
	for _, sys := range []crm.System{crm.Zoho, crm.HubSpot} {
		w := build(t, 1, whatsapptest.Options{})
		create, props := w.zoho.Create, map[string]string{"Last_Name": "Rossi", "Mobile": "+393471234567"}
		if sys == crm.HubSpot {
			create, props = w.hubspot.Create, map[string]string{"lastname": "Rossi", "mobilephone": "+393471234567"}
		}
		var want []string
		for range 3 {
			id, err := create(crm.Contacts, props)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, id)
		}
		w.say(w.phone.Meet("Persona", "393471234567"), "ciao")
		w.pass(time.Minute)
		r := w.row()
		var got []string
		for _, id := range append([]crm.ID{r.Other}, r.More...) {
			if id.System != sys {
				t.Errorf("%s: named as %s", sys, id)
			}
			got = append(got, id.Key)
		}
		slices.Sort(got)
		slices.Sort(want)
		if r.Target != sys || r.Hint != fault.HintWhose || r.Verb != crm.Message || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %v", sys, r, want)
		}
	}
}

func TestWhatZohoDoesNotTakeOfAMessageIsToldWithItsContact(t *testing.T) {
	w := build(t, 1, whatsapptest.Options{})
	_, zo := w.couple("Rossi", "393471234567")
	w.zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts/" + zo + "/Notes", Times: -1, Status: http.StatusBadRequest,
		Body: `{"data":[{"code":"MANDATORY_NOT_FOUND","details":{"api_name":"Reparto"},"message":"required field not found","status":"error"}]}`})
	w.say(w.phone.Meet("Persona", "393471234567"), "ciao")
	w.pass(time.Minute)
	var hints []fault.Hint
	for _, r := range w.parked {
		if r.Verb != crm.Message || r.Target != crm.Zoho || r.TargetID.Key != zo || r.Property != "Reparto" {
			t.Errorf("%+v", r)
		}
		hints = append(hints, r.Hint)
	}
	slices.Sort(hints) // what was answered has gone out: nothing of it can be replayed
	if !slices.Equal(hints, []fault.Hint{fault.HintByHand, fault.HintReplay}) {
		t.Errorf("hints %v", hints)
	}
}
