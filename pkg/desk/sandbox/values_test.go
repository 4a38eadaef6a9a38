package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// fields stages a world whose mapping and CRMs have contact fields more than usual. Notifications come late enough that an edit in
// HubSpot need not read Zoho.
func fields(t *testing.T, yaml string, hub []hubspottest.Property, zo []zohotest.Field) *scene {
	t.Helper()
	with := mapped(t, func(y string) string {
		return strings.Replace(y, "    company: # the primary", yaml+"    company: # the primary", 1)
	})
	return stage(t, func(o *sandbox.WorldOptions) {
		with(o)
		o.HubSpot.Properties = map[crm.Module][]hubspottest.Property{crm.Contacts: hub}
		o.Zoho.NotifyDelay = 3 * time.Second
		o.Zoho.Fields = map[string][]zohotest.Field{"Contacts": zo}
	})
}

// options makes the options of a list in HubSpot, each called as its value.
func options(values ...string) []hubspottest.Option {
	var out []hubspottest.Option
	for _, v := range values {
		out = append(out, hubspottest.Option{Label: v, Value: v})
	}
	return out
}

func TestTwoNumbersInOneFieldStayWhereTheyAre(t *testing.T) {
	s := stage(t)
	hub, zo := s.rossi(props{"phone": "02 555555", "mobilephone": "348 1234567"})
	s.editZo(crm.Contacts, zo, props{"Phone": "061234567,067654321"})
	s.editHub(crm.Contacts, hub, props{"mobilephone": "3481234567;3487654321"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"phone": "02 555555"})
	s.wantZo(crm.Contacts, zo, props{"Mobile": "+393481234567"})
	s.wantRows("hubspot/contact mobile format", "zoho/contact phone format")
	s.editZo(crm.Contacts, zo, props{"Phone": "061234567 int. 12"})
	s.editHub(crm.Contacts, hub, props{"mobilephone": "3487654321"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"phone": "+39061234567 ext. 12"})
	s.wantZo(crm.Contacts, zo, props{"Mobile": "+393487654321"})
	s.wantRows()
}

func TestAMemberThatNobodyTouchedKeepsItsValue(t *testing.T) {
	s := fields(t, `    likes:
      type: multi
      hubspot: likes
      zoho: Likes
      options:
        - {hubspot: wine, zoho: Vino}
        - {hubspot: [oil, butter], zoho: [Olio, Burro]}
        - {hubspot: bread, zoho: Pane}
`, []hubspottest.Property{{Name: "likes", Type: "enumeration", FieldType: "checkbox", Options: options("wine", "oil", "butter", "bread")}},
		[]zohotest.Field{{Name: "Likes", Type: "multiselectpicklist", Options: []string{"Vino", "Olio", "Burro", "Pane"}}})
	hub, zo := s.rossi(props{"likes": "butter;wine"})
	s.wantZo(crm.Contacts, zo, props{"Likes": "Olio;Vino"})
	n := s.count()
	s.editZo(crm.Contacts, zo, props{"Likes": "Burro;Vino;Pane"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"likes": "butter;wine;bread"})
	s.wantWrites(n, 1, 0)
	n = s.count()
	s.editHub(crm.Contacts, hub, props{"likes": "butter;bread"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Likes": "Burro;Pane"})
	s.wantWrites(n, 0, 1)
	s.editZo(crm.Contacts, zo, props{"Likes": "Pane"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"likes": "bread"})
	s.wantRows()
}

func TestAValueThatIsPassedOverWritesNothing(t *testing.T) {
	s := fields(t, `    origin:
      type: picklist
      policy: to-zoho
      hubspot: {property: origin, read_only: true, ignore_unlisted: true}
      zoho: Origin
      options:
        - {hubspot: FORM, zoho: Web}
        - {hubspot: CHAT, zoho: Chat}
`, []hubspottest.Property{{Name: "origin", Type: "enumeration", Options: options("FORM", "CHAT", "OTHER")}},
		[]zohotest.Field{{Name: "Origin", Type: "picklist", Options: []string{"Web", "Chat"}}})
	hub, zo := s.rossi(props{"origin": "FORM"})
	s.wantZo(crm.Contacts, zo, props{"Origin": "Web"})
	n := s.count()
	s.editHub(crm.Contacts, hub, props{"origin": "OTHER"})
	s.settle()
	if end := s.last(1); !strings.Contains(end, "nothing to do") {
		t.Error(end)
	}
	s.wantZo(crm.Contacts, zo, props{"Origin": "Web"})
	s.wantWrites(n, 0, 0)
	s.editHub(crm.Contacts, hub, props{"origin": "CHAT"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Origin": "Chat"})
	s.editHub(crm.Contacts, hub, props{"origin": ""})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"Origin": ""})
	s.wantRows()
}

func TestALookupThatIsMappedAsATextIsHeld(t *testing.T) {
	s := stage(t, mapped(t, func(y string) string {
		return strings.Replace(y, "      type: company\n      hubspot: associatedcompanyid", "      hubspot: company", 1)
	}))
	acme := s.zo(crm.Companies, props{"Account_Name": "Acme"})
	hub, zo := s.rossi(props{"company": "Acme S.p.A."})
	s.editZo(crm.Contacts, zo, props{"Account_Name": acme})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"company": "Acme S.p.A."})
	s.wantRows("zoho/contact company format")
}

func TestAWholeNumberOfEighteenDigitsGoesAcrossAsAText(t *testing.T) {
	s := fields(t, "    card:\n      hubspot: card\n      zoho: Card\n", []hubspottest.Property{{Name: "card", Type: "string"}}, []zohotest.Field{{Name: "Card", Type: "bigint"}})
	hub, zo := s.rossi(props{"card": "123456789012345678"})
	s.wantZo(crm.Contacts, zo, props{"Card": "123456789012345678"})
	s.editZo(crm.Contacts, zo, props{"Card": "876543210987654321"})
	s.settle()
	s.wantHub(crm.Contacts, hub, props{"card": "876543210987654321"})
	s.wantRows()
}

// ticked maps a HubSpot property onto a checkbox of Zoho.
func ticked(t *testing.T, p hubspottest.Property) *scene {
	t.Helper()
	return fields(t, "    vip:\n      type: bool\n      hubspot: vip\n      zoho: {property: VIP, not_empty: true}\n",
		[]hubspottest.Property{p}, []zohotest.Field{{Name: "VIP", Type: "boolean"}})
}

func TestAValueThatACheckboxCannotShowIsNotOverwrittenByTheBoxThatNobodyTicked(t *testing.T) {
	for name, tt := range map[string]struct {
		property hubspottest.Property
		value    string
	}{
		"a text":               {hubspottest.Property{Name: "vip", Type: "string"}, "Sì"},
		"an option of a third": {hubspottest.Property{Name: "vip", Type: "enumeration", Options: options("true", "false", "to be asked")}, "to be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ticked(t, tt.property)
			hub, _ := s.rossi(props{"vip": tt.value})
			s.pass(time.Hour)
			s.wantHub(crm.Contacts, hub, props{"vip": tt.value})
			s.wantMails(1)
		})
	}
}

func TestABoxThatNobodyTickedIsNoAnswerWhereTheOtherSideIsTicked(t *testing.T) {
	for name, tt := range map[string]struct {
		zoho props
		want string
	}{
		"never touched":    {nil, "true"},
		"unticked by hand": {props{"VIP": "false"}, "false"},
		"ticked by hand":   {props{"VIP": "true"}, "true"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ticked(t, hubspottest.Property{Name: "vip", Type: "bool", FieldType: "booleancheckbox"})
			lost := true
			s.mute(crm.HubSpot, &lost)
			s.mute(crm.Zoho, &lost)
			hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi", "vip": "true"})
			zo := s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Email": "anna@acme.example"})
			s.pass(10 * time.Second)
			if tt.zoho != nil { // ticked, then what the case says
				s.editZo(crm.Contacts, zo, props{"VIP": "true"})
				s.pass(10 * time.Second)
				s.editZo(crm.Contacts, zo, tt.zoho)
			}
			s.pass(10 * time.Second)
			lost = false
			s.editZo(crm.Contacts, zo, props{"Title": "Buyer"})
			s.settle()
			s.wantHub(crm.Contacts, hub, props{"vip": tt.want})
			s.wantZo(crm.Contacts, zo, props{"VIP": tt.want})
		})
	}
}

func TestABoxThatNobodyTickedTakesTheTickOfNobody(t *testing.T) {
	for _, policy := range []string{"newest", "to-zoho", "to-hubspot", "strict"} {
		for _, first := range []string{"zoho", "hubspot"} {
			t.Run(policy+", ticked in "+first, func(t *testing.T) {
				s := fields(t, "    vip:\n      type: bool\n      policy: "+policy+"\n      hubspot: vip\n      zoho: {property: VIP, not_empty: true}\n",
					[]hubspottest.Property{{Name: "vip", Type: "bool", FieldType: "booleancheckbox"}}, []zohotest.Field{{Name: "VIP", Type: "boolean"}})
				h, z := props{"email": "anna@acme.example", "lastname": "Rossi"}, props{"Email": "anna@acme.example", "Last_Name": "Rossi"}
				if first == "zoho" {
					z["VIP"] = "true"
				} else {
					h["vip"] = "true"
				}
				zo := s.zo(crm.Contacts, z)
				s.pass(24 * time.Hour)
				hub := s.hub(crm.Contacts, h)
				s.pass(10 * time.Minute)
				s.editHub(crm.Contacts, hub, props{"city": "Roma"})
				s.pass(10 * time.Minute)
				if first == "zoho" {
					s.wantZo(crm.Contacts, zo, props{"VIP": "true"})
				} else {
					s.wantHub(crm.Contacts, hub, props{"vip": "true"})
				}
				if policy == "newest" || policy == "strict" {
					s.wantHub(crm.Contacts, hub, props{"vip": "true"})
					s.wantZo(crm.Contacts, zo, props{"VIP": "true"})
				}
				s.wantRows()
			})
		}
	}
}

func TestABoxThatWasUntickedByHandInHubSpotCountsWhereTheTwoMeet(t *testing.T) {
	s := ticked(t, hubspottest.Property{Name: "vip", Type: "bool", FieldType: "booleancheckbox"})
	zo := s.zo(crm.Contacts, props{"Email": "anna@acme.example", "Last_Name": "Rossi", "VIP": "true"})
	s.pass(time.Hour)
	lost := true
	s.mute(crm.HubSpot, &lost)
	hub := s.hub(crm.Contacts, props{"email": "anna@acme.example", "lastname": "Rossi"})
	s.editHub(crm.Contacts, hub, props{"vip": "true"})
	s.pass(10 * time.Second)
	s.editHub(crm.Contacts, hub, props{"vip": ""})
	lost = false
	s.editHub(crm.Contacts, hub, props{"city": "Roma"})
	s.settle()
	s.wantZo(crm.Contacts, zo, props{"VIP": "false"})
}

// lacking maps a property that is written at creation onto a list of Zoho that lacks the option Chat.
func lacking(t *testing.T) *scene {
	t.Helper()
	return fields(t, `    origin:
      type: picklist
      hubspot: origin
      zoho: Origin
      policy: at-creation
      options:
        - {hubspot: Web, zoho: Web}
        - {hubspot: Chat, zoho: Chat}
`, []hubspottest.Property{{Name: "origin", Type: "enumeration", Options: options("Web", "Chat")}},
		[]zohotest.Field{{Name: "Origin", Type: "picklist", Options: []string{"-None-", "Web"}}})
}

func TestAValueThatARecordWasCreatedWithoutIsAskedAboutAndGoesAcrossOnceItCan(t *testing.T) {
	origin := func(t *testing.T, change ...func(*scene)) (s *scene, hub, zo string) {
		s = lacking(t)
		for _, c := range change {
			c(s)
		}
		hub, zo = s.rossi(props{"origin": "Chat"})
		s.editHub(crm.Contacts, hub, props{"city": "Milano"}) // what goes well says nothing about it
		s.settle()
		s.wantZo(crm.Contacts, zo, props{"Mailing_City": "Milano", "Origin": ""})
		s.wantRows("hubspot/contact origin picklist")
		return s, hub, zo
	}
	t.Run("when it is mended in HubSpot", func(t *testing.T) {
		s, hub, zo := origin(t)
		s.editHub(crm.Contacts, hub, props{"origin": "Web"})
		s.settle()
		s.wantZo(crm.Contacts, zo, props{"Origin": "Web"})
		s.wantRows()
		n := s.count()
		s.editHub(crm.Contacts, hub, props{"origin": "Chat"}) // it is written once
		s.settle()
		s.wantZo(crm.Contacts, zo, props{"Origin": "Web"})
		s.wantWrites(n, 0, 0)
		s.wantRows()
	})
	t.Run("when somebody fills it in Zoho", func(t *testing.T) {
		s, hub, zo := origin(t)
		s.editZo(crm.Contacts, zo, props{"Origin": "Web"})
		s.settle()
		s.wantZo(crm.Contacts, zo, props{"Origin": "Web"})
		s.wantHub(crm.Contacts, hub, props{"origin": "Chat"})
		s.wantRows()
	})
	t.Run("not by a replay that is refused again", func(t *testing.T) {
		s, hub, zo := origin(t)
		s.send(crm.Contacts, crm.HubSpot, hub, crm.Replay)
		s.settle()
		s.wantZo(crm.Contacts, zo, props{"Origin": ""})
		s.wantRows("hubspot/contact origin picklist")
		s.pass(time.Hour)
		s.wantMails(1)
	})
	t.Run("though a workflow fills another field at creation", func(t *testing.T) {
		first := true
		origin(t, func(s *scene) {
			s.Zoho.SetWorkflow(func(crm.Module, string, []string) map[string]any {
				if !first {
					return nil
				}
				first = false
				return map[string]any{"Description": "welcome"}
			})
		})
	})
}

func TestANameThatIsMadeUpIsAsLongAsZohoTakesIt(t *testing.T) {
	s := stage(t)
	s.hub(crm.Contacts, props{"firstname": "Associazione sportiva dilettantistica e culturale degli amici di Monte San Biagio e dintorni", "email": "info@asd.example"})
	s.hub(crm.Companies, props{"domain": strings.Repeat("a-long-label.", 17) + "example"})
	s.settle()
	s.wantCount(crm.Contacts, 1, 1)
	s.wantCount(crm.Companies, 1, 1)
	s.wantRows()
}
