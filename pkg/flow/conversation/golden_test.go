package conversation_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What people read in both CRMs after a short conversation, in both languages.
func TestWhatPeopleReadInTheCRMs(t *testing.T) {
	for _, lang := range []chat.Language{chat.Italian, chat.English} {
		w := build(t, 1, whatsapptest.Options{ReadAfter: 30 * time.Second})
		w.flow.Language = lang
		w.couple("Rossi", "393471234567")
		p := w.phone.Meet("Persona", "393471234567")
		w.say(p, "il pacco è <rotto> & vuoto\nvoglio un rimborso")
		if _, err := p.Photograph(number, "ecco", []byte("jpeg")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		p.Unreachable = true
		r := outbound.Request{Reference: "r", To: chat.Person{Phone: crm.Text("393471234567")}, Text: crm.Text("ci scusi, lo sostituiamo")}
		if _, err := w.flow.Accept(t.Context(), crm.DefaultConnection, "shop", r); err != nil {
			t.Fatal(err)
		}
		w.pass(5 * time.Minute)
		var b strings.Builder
		for _, n := range w.zoho.Notes() {
			fmt.Fprintf(&b, "-- note: %s\n%s\n", n.Values["Note_Title"], n.Values["Note_Content"])
		}
		for _, task := range w.zoho.Tasks() {
			fmt.Fprintf(&b, "-- task of Zoho, due %s: %s\n%s\n", task.Values["Due_Date"], task.Values["Subject"], task.Values["Description"])
		}
		for _, c := range w.hubspot.Communications() {
			fmt.Fprintf(&b, "-- communication, %s\n%s\n", c.Properties["hs_timestamp"], c.Properties["hs_communication_body"])
		}
		for _, task := range w.hubspot.Tasks() {
			fmt.Fprintf(&b, "-- task of HubSpot, due %s: %s\n%s\n", task.Properties["hs_timestamp"], task.Properties["hs_task_subject"], task.Properties["hs_task_body"])
		}
		for _, f := range w.zoho.Attachments() {
			fmt.Fprintf(&b, "-- file: %s\n", f.Values["File_Name"])
		}
		path := "testdata/entries." + string(lang) + ".golden"
		if *update {
			if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s: people would read\n%s", lang, b.String())
		}
	}
}
