package demo

import (
	"errors"
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
)

func TestADayOfTwoCRMsEndsAsItMust(t *testing.T) {
	var out strings.Builder
	if err := Run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}

func TestADayThatDoesNotEndAsItMustIsAnErrorAndSaysWhatIsWrong(t *testing.T) {
	for want, sc := range map[string]scene{
		"FAILED: it rains": {"a scene that fails", func(*stage) error { return errors.New("it rains") }},
		"has no twin": {"somebody who is a lead", func(s *stage) error {
			_, err := s.Zoho.Create(crm.Leads, props{"Email": "anna@example.com", "Last_Name": "Rossi"})
			if err == nil {
				_, err = s.HubSpot.Create(crm.Contacts, props{"email": "anna@example.com", "lastname": "Rossi"})
			}
			return errors.Join(err, s.pass(soon))
		}},
	} {
		var out strings.Builder
		if err := play(t.Context(), &out, []scene{sc}); !errors.Is(err, ErrFailed) || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v\n%s", sc.name, err, out.String())
		}
	}
}
