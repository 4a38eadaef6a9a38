package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/sandbox"
)

// A contact in Zoho that nobody may write for days: it waits for an approval, it is in a process, it is being merged.

const promoToTheNewNumber = `{"a":{"telefono":"+393339990009"},"tipo":"template","template":{"nome":"promo_autunno","lingua":"it","parametri":["x"]},"riferimento":"r2"}`

func TestWhoChangesHisNumberWhileHisContactIsLockedIsStillHimselfAndWantsNoMessages(t *testing.T) {
	s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion, o.Conversions = "IT", true })
	p := s.WhatsApp.Meet("Anna", "393331110001")
	p.Say(whatsapptest.DefaultNumber, "STOP")
	s.settle()
	contact := s.Zoho.IDs(crm.Contacts)[0]
	before := s.zoValue(crm.Contacts, contact, "WhatsApp_User")
	s.must(s.Zoho.Block(crm.Contacts, contact, "NOT_APPROVED"))
	p.ChangeNumber("393339990009")
	s.pass(20 * time.Minute)
	p.Say(whatsapptest.DefaultNumber, "sono io con il nuovo numero")
	s.pass(3 * time.Minute)
	sent := len(s.WhatsApp.SentMessages())
	s.post(promoToTheNewNumber)
	s.pass(3 * time.Minute)
	if all := s.Zoho.IDs(crm.Contacts); len(all) != 1 || len(s.WhatsApp.SentMessages()) != sent {
		t.Fatalf("contacts %v, %d promotions", all, len(s.WhatsApp.SentMessages())-sent)
	}
	s.must(s.Zoho.Block(crm.Contacts, contact, ""))
	s.pass(8 * time.Hour)
	if now := s.zoValue(crm.Contacts, contact, "WhatsApp_User"); now == before || now == "" || len(s.about(fault.HintLocked)) != 0 {
		t.Errorf("the user id is %q, it was %q; rows %+v", now, before, s.about(fault.HintLocked))
	}
}

func TestWhatALockedContactDoesNotTakeIsTriedAgainByItselfAndToldAfterADay(t *testing.T) {
	for name, days := range map[string]int{"open again within a day": 0, "locked for three days": 3} {
		t.Run(name, func(t *testing.T) {
			s, say := talks(t)
			h := s.hub(crm.Contacts, anna)
			s.settle()
			contact := s.twin(crm.Contacts, h)
			s.Zoho.Fail(zohotest.Fault{On: "POST /crm/v8/Contacts/" + contact + "/Notes", Times: -1, Status: http.StatusBadRequest,
				Body: `{"data":[{"code":"RECORD_LOCKED","details":{},"message":"The record is locked","status":"error"}]}`})
			say(complaint)
			s.pass(20 * time.Minute)
			rows := s.about(fault.HintLocked)
			if len(rows) != 1 || rows[0].Target != crm.Zoho || rows[0].TargetID.Key != contact || rows[0].RetryAt.IsZero() {
				t.Fatalf("rows %+v", s.parked())
			}
			s.wantMails(0)
			s.pass(time.Duration(days) * 24 * time.Hour)
			if rows := s.about(fault.HintLocked); len(rows) != 1 || len(s.parked()) != 1 {
				t.Fatalf("before it is open: rows %+v", s.parked())
			}
			s.wantMails(min(days, 1))
			s.Zoho.Clear()
			s.pass(25 * time.Hour)
			if len(s.parked()) != 0 || s.notes(contact) == 0 {
				t.Errorf("%d notes, rows %+v", s.notes(contact), s.parked())
			}
			s.wantMails(min(days, 1))
		})
	}
}
