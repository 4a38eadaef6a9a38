package sandbox_test

import (
	"testing"

	"crm-connector/pkg/core/crm"
)

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
