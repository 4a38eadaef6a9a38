package sandbox_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// formatted is a Zoho whose Description is a formatted text, of which a read of a record shows the beginning only.
func formatted(o *sandbox.WorldOptions) {
	o.Zoho.Fields = map[string][]zohotest.Field{"Contacts": {{Name: "Description", Type: "textarea", Rich: true}}}
}

func TestALongFormattedTextGoesAcrossWholeAndNeverHalf(t *testing.T) {
	s := stage(t, formatted)
	hub, zo := s.rossi()
	first, second := "<p>"+strings.Repeat("da Zoho, ", 200)+"</p>", "<p>"+strings.Repeat("da HubSpot: è più lungo, ", 300)+"</p>"
	s.editZo(crm.Contacts, zo, props{"Description": first})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"message": first})
	s.wantZo(crm.Contacts, zo, props{"Description": first})

	n := s.count()
	s.editHub(crm.Contacts, hub, props{"message": second})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Description": second})
	s.pass(3 * time.Hour) // nor does a later read take the beginning for an edit
	s.editZo(crm.Contacts, zo, props{"Title": "Seller"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"message": second, "jobtitle": "Seller"})
	s.wantWrites(n, 1, 1)
	s.wantRows()
}

func TestATwinThatHasALongFormattedTextGivesItWhole(t *testing.T) {
	s := stage(t, formatted)
	text := strings.Repeat("parola ", 400)
	s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Email": "anna@acme.example", "Description": text})
	s.settle()
	hub := s.hub(crm.Contacts, props{"lastname": "Rossi", "email": "anna@acme.example"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"message": strings.TrimSpace(text)})
	s.wantCount(crm.Contacts, 1, 1)
	s.wantRows()
}

func TestATextThatCannotBeReadWholeStaysWhereItIs(t *testing.T) {
	s := stage(t, formatted)
	hub, zo := s.rossi(props{"message": "kurz"})
	s.wantZo(crm.Contacts, zo, props{"Description": "kurz"})
	s.Zoho.Fail(zohotest.Fault{Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/fetch_full_data") }, Times: -1, Status: 404,
		Body: `{"code":"INVALID_URL_PATTERN","details":{},"message":"Please check if the URL trying to access is a correct one","status":"error"}`})
	s.editZo(crm.Contacts, zo, props{"Description": strings.Repeat("lungo ", 200), "Title": "Seller"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"message": "kurz", "jobtitle": "Seller"})
	s.Zoho.Clear()
	s.editZo(crm.Contacts, zo, props{"Title": "Buyer"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"message": strings.TrimSpace(strings.Repeat("lungo ", 200)), "jobtitle": "Buyer"})
}

func TestAnEditInZohoTakesNothingFromATextOfWhichZohoHoldsTheBeginning(t *testing.T) {
	s := stage(t)
	const title = "Direzione vendite e marketing per l'Europa meridionale, il Medio Oriente e l'Africa del Nord, ufficio di Milano"
	hub, zo := s.rossi(props{"jobtitle": title})
	s.wantRows()
	cut := s.zoValue(crm.Contacts, zo, "Title")
	s.editZo(crm.Contacts, zo, props{"Title": strings.Replace(cut, "vendite", "Vendite", 1), "Mailing_City": "Milano"})
	s.pass(2 * time.Hour)
	s.wantHub(crm.Contacts, hub, props{"jobtitle": title, "city": "Milano"})
	s.wantRows("zoho/contact job_title cut")
	s.editHub(crm.Contacts, hub, props{"jobtitle": strings.Replace(title, "vendite", "Vendite", 1)})
	s.settle()
	s.wantRows()
	s.editHub(crm.Contacts, hub, props{"jobtitle": "Buyer"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Title": "Buyer"})
	s.editHub(crm.Contacts, hub, props{"jobtitle": title})
	s.settle()
	s.editZo(crm.Contacts, zo, props{"Title": ""}) // to clear it is another thing
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"jobtitle": ""})
	s.wantRows()
}

func TestATextThatZohoHoldsTheBeginningOfKeepsItsEndWhateverLooksAtItAgain(t *testing.T) {
	const title = "Direzione vendite e marketing per l'Europa meridionale, il Medio Oriente e l'Africa del Nord, ufficio di Milano"
	for name, again := range map[string]func(s *scene, hub, zo string, parts sandbox.Parts){
		"a replay":  func(s *scene, hub, _ string, _ sandbox.Parts) { s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay) },
		"a revisit": func(s *scene, hub, _ string, _ sandbox.Parts) { s.send(crm.Contacts, crm.HubSpot, hub, crm.Revisit) },
		"a record that was deleted and restored": func(s *scene, _, zo string, _ sandbox.Parts) {
			s.must(s.Zoho.Delete(crm.Contacts, zo))
			s.pass(time.Hour)
			s.must(s.Zoho.Restore(crm.Contacts, zo))
		},
		"its company, which comes to HubSpot": func(s *scene, _, zo string, _ sandbox.Parts) {
			s.editZo(crm.Contacts, zo, props{"Account_Name": s.zo(crm.Companies, props{"Account_Name": "Beta", "Website": "beta.example"})})
			s.pass(time.Hour)
			s.hub(crm.Companies, props{"name": "Beta", "domain": "beta.example"})
		},
		"the next key": func(s *scene, _, zo string, parts sandbox.Parts) {
			s.rotate(parts)
			s.editZo(crm.Contacts, zo, props{"Mailing_City": "Milano"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var parts sandbox.Parts
			s := stage(t, rotatable(&parts))
			hub, zo := s.rossi(props{"jobtitle": title})
			s.editZo(crm.Contacts, zo, props{"Title": strings.Replace(s.zoValue(crm.Contacts, zo, "Title"), "vendite", "Vendite", 1)})
			s.pass(time.Hour)
			s.wantRows("zoho/contact job_title cut")
			again(s, hub, zo, parts)
			s.pass(2 * time.Hour)
			s.wantHub(crm.Contacts, hub, props{"jobtitle": title})
			s.wantRows("zoho/contact job_title cut")
		})
	}
}
