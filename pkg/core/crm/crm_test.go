package crm_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/crm"
)

func TestAnIDReadsBackWhatItWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := crm.ID{
			System: rapid.SampledFrom([]crm.System{crm.HubSpot, crm.Zoho, crm.WhatsApp}).Draw(t, "system"),
			Module: rapid.SampledFrom([]crm.Module{crm.Contacts, crm.Companies, crm.Leads}).Draw(t, "module"),
			Key:    rapid.StringN(1, 40, -1).Draw(t, "key"), // slashes included
		}
		got, err := crm.ParseID(id.String())
		if err != nil || got != id {
			t.Fatalf("%q gives %+v, %v", id.String(), got, err)
		}
	})
}

func TestAnIDKeepsTheDigitsThatAFloatWouldLose(t *testing.T) {
	const text = "zoho/contact/4876876000000333013"
	id, err := crm.ParseID(text)
	if err != nil || id.Key != "4876876000000333013" || id.String() != text {
		t.Errorf("%+v, %v", id, err)
	}
}

func TestATextThatIsNoIDIsRefusedAndNotRepeated(t *testing.T) {
	for _, s := range []string{"", "mario.rossi", "zoho/contact", "zoho/contact/", "zoho//mario", "/contact/mario", "//"} {
		id, err := crm.ParseID(s)
		if err == nil || !id.IsZero() {
			t.Errorf("%q gives %+v", s, id)
		} else if strings.Contains(err.Error(), "mario") {
			t.Errorf("the error repeats the text: %v", err)
		}
	}
}

func TestEverySystemHasAnotherSideAndEveryKindAHome(t *testing.T) {
	if crm.HubSpot.Other() != crm.Zoho || crm.Zoho.Other() != crm.HubSpot || crm.WhatsApp.Other() != crm.HubSpot {
		t.Error("the other side of a system")
	}
	for _, k := range []crm.Kind{crm.Contact, crm.Company} {
		if k.Home().Kind() != k {
			t.Errorf("a %s does not live at home", k)
		}
	}
	if crm.Leads.Kind() != crm.Contact {
		t.Error("a lead is a person")
	}
}

func TestAnOperationNamesItsRecord(t *testing.T) {
	op := crm.Operation{Source: crm.Zoho, Module: crm.Leads, RecordID: "7"}
	if got := op.Record(); got != (crm.ID{System: crm.Zoho, Module: crm.Leads, Key: "7"}) {
		t.Errorf("%+v", got)
	}
}

func TestAFieldThatWasNotReadIsUnknown(t *testing.T) {
	r := crm.Record{Fields: map[crm.Field]crm.Value{"city": crm.Empty()}}
	if r.Value("city").Known() == false || r.Value("email").Known() || (crm.Record{}).Value("email").Known() {
		t.Error("known and unknown are mixed up")
	}
}

func TestAValueKnowsEmptyFromUnknown(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		value                crm.Value
		known, empty, filled bool
		text, shown          string
	}{
		{"the zero value", crm.Value{}, false, false, false, "", "[unknown]"},
		{"unknown", crm.Unknown(), false, false, false, "", "[unknown]"},
		{"empty", crm.Empty(), true, true, false, "", "[empty]"},
		{"the text of nothing", crm.Text(""), true, true, false, "", "[empty]"},
		{"a blank", crm.Text(" "), true, false, true, " ", "[filled]"},
		{"a text", crm.Text("Rossi"), true, false, true, "Rossi", "[filled]"},
	} {
		v := tt.value
		if v.Known() != tt.known || v.IsEmpty() != tt.empty || v.Filled() != tt.filled || v.Text() != tt.text || v.String() != tt.shown {
			t.Errorf("%s: known %v, empty %v, filled %v, text %q, shown %s", tt.name, v.Known(), v.IsEmpty(), v.Filled(), v.Text(), v)
		}
	}
}

func TestValuesAreEqualExactlyWhenTheirTextsAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringN(0, 3, -1).Draw(t, "a"), rapid.StringN(0, 3, -1).Draw(t, "b")
		// The second text is a string of its own: equality must not rest on where it lies.
		if (crm.Text(a) == crm.Text(strings.Clone(b))) != (a == b) {
			t.Fatalf("%q and %q", a, b)
		}
		if crm.Text(a) == crm.Unknown() || crm.Text(a).Text() != a {
			t.Fatalf("%q", a)
		}
	})
}
