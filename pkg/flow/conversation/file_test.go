package conversation_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/conversation"
)

// slow is WhatsApp with a file that takes a while; it looks at what stands before the file is asked for.
type slow struct {
	conversation.Phone
	took time.Duration
	look func()
	mime string
}

func (s slow) Media(ctx context.Context, _ string, _ int64) (chat.Attachment, error) {
	s.look()
	select {
	case <-ctx.Done():
		return chat.Attachment{}, fault.Again("slow.Media", time.Second, "cut off")
	case <-time.After(s.took):
		return chat.Attachment{MIME: s.mime, Data: []byte("jpeg")}, nil
	}
}

// photographed is the parcel of a photograph with a caption.
func (w *world) photographed(caption string) chat.Parcel {
	m := chat.Message{ID: crm.Text("wamid.photo"), At: w.now, From: rossi, Type: chat.TypeImage, Text: crm.Text(caption), Media: chat.Media{ID: "1234567890", MIME: "image/jpeg"}}
	return chat.Parcel{V: chat.Version, Connection: crm.DefaultConnection, ReceivedAt: w.now, Updates: []chat.Update{{Number: number, Message: &m}}}
}

func TestWhatACaptionAsksForDoesNotWaitForItsFile(t *testing.T) {
	for caption, want := range map[string]string{"arrivato rotto, voglio un rimborso": "false  1 1 1", "STOP": "true true 0 0 1"} {
		synctest.Test(t, func(t *testing.T) {
			w := build(t, 1, whatsapptest.Options{})
			hub, zo := w.couple("Rossi", "393471234567")
			w.phone.Meet("Persona", "393471234567")
			before := ""
			w.flow.Phone = slow{w.flow.Phone, 25 * time.Second, func() { before = w.done(hub, zo) }, "image/jpeg"}
			if out := w.flow.Carry(t.Context(), w.photographed(caption)); out.Ending != fault.Done || before != want || len(w.zoho.Attachments()) != 1 {
				t.Errorf("%s: %+v; before the file: opt-outs, tasks, answers %q, want %q; %d files", caption, out, before, want, len(w.zoho.Attachments()))
			}
		})
	}
}

// done says what was done for a person: opt-outs, tasks, answers.
func (w *world) done(hub, zo string) string {
	return fmt.Sprint(w.optedOut(hub, zo), " ", len(w.zoho.Tasks()), len(w.hubspot.Tasks()), len(w.phone.SentMessages()))
}

func TestAFileThatThereIsNoPlaceOrNoTimeForGoesOnFromTheOutbox(t *testing.T) {
	for name, c := range map[string]struct {
		busy       bool
		left, most time.Duration
		took       time.Duration
	}{
		"two others lie in memory, and little time is left": {busy: true, left: 4 * time.Second, most: 2 * time.Second},
		"two others lie in memory, and much time is left":   {busy: true, left: 40 * time.Second, most: 5 * time.Second},
		"it takes longer than there is time":                {left: 40 * time.Second, most: 38 * time.Second, took: time.Minute},
		"there is no time at all":                           {left: time.Second, took: time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := build(t, 1, whatsapptest.Options{})
			w.couple("Rossi", "393471234567")
			w.flow.Files = make(chan struct{}, 2)
			if c.busy {
				w.flow.Files <- struct{}{}
				w.flow.Files <- struct{}{}
			}
			phone := w.flow.Phone
			w.flow.Phone = slow{phone, c.took, func() {}, "image/jpeg"}
			ctx, cancel := context.WithTimeout(t.Context(), c.left)
			defer cancel()
			began := time.Now()
			out := w.flow.Carry(ctx, w.photographed("buongiorno"))
			if took := time.Since(began); out.Ending != fault.Done || ctx.Err() != nil || took > c.most || w.due() == 0 || len(w.notes("wamid.photo")) != 1 {
				t.Errorf("%s: %+v after %v; %d due, %d notes", name, out, took, w.due(), len(w.notes("wamid.photo")))
			}
			w.flow.Files, w.flow.Phone = nil, slow{phone, time.Second, func() {}, "image/jpeg"}
			w.pass(10 * time.Minute)
			if len(w.zoho.Attachments()) != 1 || w.due() != 0 {
				t.Errorf("%s: %d files, %d due", name, len(w.zoho.Attachments()), w.due())
			}
		})
	}
}

func TestAFileIsCalledByWhatIsLatinOfItsNameAndEndsInWhatItIs(t *testing.T) {
	for _, x := range [][3]string{
		{"合同.pdf", "application/pdf", "file.pdf"},
		{"договор.pdf", "application/pdf", "file.pdf"},
		{"договор", "application/pdf", "file.pdf"},
		{"v2.договор", "application/pdf", "v2.pdf"},
		{"Fattura 12.PDF", "application/pdf", "Fattura_12.PDF"},
		{"preventivo", "application/pdf", "preventivo.pdf"},
		{"Rif. 12 preventivo", "application/pdf", "Rif._12_preventivo.pdf"},
		{"../../etc/passwd", "text/plain", "etc_passwd.txt"},
		{"", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "whatsapp.docx"},
		{"", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "whatsapp.xlsx"},
		{"", "audio/ogg; codecs=opus", "whatsapp.ogg"},
		{"", "audio/mpeg", "whatsapp.mp3"},
		{"", "text/plain", "whatsapp.txt"},
		{"", "image/GIF", "whatsapp.gif"},
		{"", "image/svg+xml", "whatsapp"},
		{"", "application/octet-stream", "whatsapp"},
		{"", "", "whatsapp"},
		{"", "image/", "whatsapp"},
	} {
		w := build(t, 1, whatsapptest.Options{})
		w.flow.Phone = slow{w.flow.Phone, 0, func() {}, x[1]}
		p := w.photographed("")
		p.Updates[0].Message.Media.Filename = crm.Text(x[0])
		w.carry(p.Updates...)
		files := w.zoho.Attachments()
		if len(files) != 1 {
			t.Fatalf("%v: %d files", x, len(files))
		}
		if _, got, _ := strings.Cut(files[0].Values["File_Name"], "-"); got != x[2] {
			t.Errorf("%q of type %q is called %q, want %q", x[0], x[1], got, x[2])
		}
	}
}
