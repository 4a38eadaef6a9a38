package sandbox_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/desk/sandbox"
)

// Somebody who writes on WhatsApp goes on where the pair of his contact goes on.

// notedOn returns the contacts of Zoho that have a note with a text.
func (s *scene) notedOn(text string) (on []string) {
	for _, n := range s.Zoho.Notes() {
		if strings.Contains(n.Values["Note_Content"], text) {
			on = append(on, n.Parent)
		}
	}
	return on
}

// wantNotedOn wants a text on one contact alone.
func (s *scene) wantNotedOn(text, contact string) {
	s.t.Helper()
	if on := s.notedOn(text); len(on) != 1 || on[0] != contact {
		s.t.Errorf("%q is noted on %v, want %s; %s", text, on, contact, s.last(3))
	}
}

// asksToMerge reports whether people are asked once to merge two contacts of Zoho.
func (s *scene) asksToMerge(a, b string) bool {
	s.t.Helper()
	n := 0
	for _, r := range s.parked() {
		both := []string{r.TargetID.Key, r.Other.Key}
		if r.Hint == fault.HintMergeTwins && slices.Contains(both, a) && slices.Contains(both, b) {
			n++
		}
	}
	return n == 1
}

func TestWhoseContactIsRestoredInZohoAfterSheHasAnotherOneGoesBackToIt(t *testing.T) {
	for name, c := range map[string]struct {
		before bool                // she wrote before the deletion
		meet   func(*scene) string // which contact she goes on with; nil: one that is made for her message
	}{
		"with one that was made for her message": {true, nil},
		"with one that somebody made by hand": {true, func(s *scene) string {
			return s.zo(crm.Contacts, props{"Last_Name": "Rossi", "Mobile": "+393331110001"})
		}},
		"who wrote for the first time after the deletion": {false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, say := talks(t, boxes(t))
			hub := s.hub(crm.Contacts, anna)
			s.settle()
			own := s.twin(crm.Contacts, hub)
			if c.before {
				say("prima")
				s.settle()
			}
			s.must(s.Zoho.Delete(crm.Contacts, own))
			s.pass(10 * time.Minute)
			var other string
			if c.meet != nil {
				other = c.meet(s)
				s.pass(time.Minute)
			}
			say("dopo la cancellazione")
			s.pass(10 * time.Minute)
			if on := s.notedOn("dopo la cancellazione"); other == "" && len(on) == 1 {
				other = on[0]
			}
			s.wantNotedOn("dopo la cancellazione", other)
			s.must(s.Zoho.Restore(crm.Contacts, own))
			s.pass(10 * time.Minute)
			say("dopo il ripristino")
			s.pass(10 * time.Minute)
			s.wantNotedOn("dopo il ripristino", own)
			say("STOP")
			s.pass(10 * time.Minute)
			s.wantWord(hub, own, "true")
			s.pass(2 * time.Hour)
			s.wantWord(hub, own, "true")
			s.wantCount(crm.Contacts, 1, 2)
			if !s.asksToMerge(own, other) {
				t.Errorf("rows %+v", s.parked())
			}
			_, err := s.Zoho.Merge(crm.Contacts, own, other)
			s.must(err)
			s.pass(2 * time.Hour)
			s.wantRows()
			say("RIPRENDI")
			s.pass(10 * time.Minute)
			s.wantWord(hub, own, "false")
			s.wantCount(crm.Contacts, 1, 1)
		})
	}
}

func TestAStopOfSomebodyWhoseContactIsRestoredLaterStandsOnItThoughSheWritesNoMore(t *testing.T) {
	s, say := talks(t)
	hub := s.hub(crm.Contacts, anna)
	s.settle()
	own := s.twin(crm.Contacts, hub)
	say("prima")
	s.settle()
	s.must(s.Zoho.Delete(crm.Contacts, own))
	s.pass(10 * time.Minute)
	say("STOP")
	s.pass(10 * time.Minute)
	s.must(s.Zoho.Restore(crm.Contacts, own))
	s.pass(2 * time.Hour)
	s.wantWord(hub, own, "true")
}

// mergedInHubSpot are two pairs whose HubSpot contacts are one since; Anna wrote on the one that was superseded.
func mergedInHubSpot(t *testing.T) (s *scene, say func(string), hub, superseded, survivor string) {
	s, say = talks(t, boxes(t))
	h1 := s.hub(crm.Contacts, props{"email": "ufficio@acme.example", "lastname": "Rossi", "mobilephone": "+390699999999"})
	h2 := s.hub(crm.Contacts, anna)
	s.settle()
	survivor, superseded = s.twin(crm.Contacts, h1), s.twin(crm.Contacts, h2)
	say("prima")
	s.settle()
	hub, err := s.HubSpot.Merge(crm.Contacts, h1, h2)
	s.must(err)
	s.pass(10 * time.Minute)
	return s, say, hub, superseded, survivor
}

func TestWhoseContactWasMergedInHubSpotGoesOnWithTheZohoContactOfTheSurvivor(t *testing.T) {
	s, say, hub, superseded, survivor := mergedInHubSpot(t)
	say("dopo la fusione")
	s.pass(10 * time.Minute)
	s.wantNotedOn("dopo la fusione", survivor)
	say("STOP")
	s.pass(2 * time.Hour)
	s.wantWord(hub, survivor, "true")
	if !s.asksToMerge(survivor, superseded) {
		t.Errorf("rows %+v", s.parked())
	}
	say("RIPRENDI")
	s.pass(2 * time.Hour)
	s.wantWord(hub, survivor, "false")
	_, err := s.Zoho.Merge(crm.Contacts, survivor, superseded)
	s.must(err)
	say("dopo la pulizia")
	s.pass(2 * time.Hour)
	s.wantNotedOn("dopo la pulizia", survivor)
	s.wantCount(crm.Contacts, 1, 1)
	s.wantRows()
}

func TestAStopAsTheFirstWordAfterAMergeInHubSpotReachesTheSurvivor(t *testing.T) {
	s, say, hub, _, survivor := mergedInHubSpot(t)
	say("STOP")
	s.pass(2 * time.Hour)
	s.wantWord(hub, survivor, "true")
	s.wantCount(crm.Contacts, 1, 2)
}

func TestTwoWhoWroteAreNotOnePersonBecauseTheirContactsWereMergedInHubSpotAndNeitherOnesStopIsLost(t *testing.T) {
	s := stage(t, withWhatsApp, boxes(t), func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })
	her, office := s.WhatsApp.Meet("Anna", "393331110001"), s.WhatsApp.Meet("Ufficio", "390699999999")
	say := func(who *whatsapptest.Person, text string) {
		_, err := who.Say(whatsapptest.DefaultNumber, text)
		s.must(err)
	}
	h1 := s.hub(crm.Contacts, props{"email": "ufficio@acme.example", "lastname": "Rossi", "mobilephone": "+390699999999"})
	h2 := s.hub(crm.Contacts, anna)
	s.settle()
	survivor, superseded := s.twin(crm.Contacts, h1), s.twin(crm.Contacts, h2)
	say(her, "sono Anna")
	say(office, "sono l'ufficio")
	s.settle()
	hub, err := s.HubSpot.Merge(crm.Contacts, h1, h2)
	s.must(err)
	s.pass(10 * time.Minute)
	say(her, "ancora Anna")
	say(office, "ancora l'ufficio")
	s.pass(10 * time.Minute)
	s.wantNotedOn("ancora Anna", superseded)
	s.wantNotedOn("ancora l'ufficio", survivor)
	say(her, "STOP")
	s.pass(2 * time.Hour)
	if s.zoValue(crm.Contacts, superseded, "WhatsApp_Opt_Out") != "true" {
		t.Error("her word is not on her contact")
	}
	s.wantWord(hub, survivor, "true") // HubSpot has one contact of both: the stricter word stands there
	say(office, "STOP")
	s.pass(10 * time.Minute)
	say(her, "RIPRENDI")
	s.pass(2 * time.Hour)
	s.wantWord(hub, survivor, "true")
	if s.zoValue(crm.Contacts, superseded, "WhatsApp_Opt_Out") != "false" {
		t.Error("her second word is not on her contact")
	}
}

func TestWhoseContactWasCleanedUpInZohoGoesOnWithTheRecordThatWasKeptThoughHubSpotHasHerNoMore(t *testing.T) {
	tidy := func(s *scene, kept, gone string) { _, err := s.Zoho.Merge(crm.Contacts, kept, gone); s.must(err) }
	for name, c := range map[string]struct {
		between time.Duration
		turned  bool // deleted in HubSpot before the clean-up
		said    bool // she had said STOP before
	}{
		"deleted after the clean-up":                          {10 * time.Minute, false, false},
		"deleted after the clean-up, her STOP before it":      {10 * time.Minute, false, true},
		"deleted in the moment of the clean-up":               {0, false, false},
		"deleted before the clean-up":                         {10 * time.Minute, true, false},
		"deleted before the clean-up, her STOP before it too": {10 * time.Minute, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, say := talks(t, boxes(t))
			hub, gone, kept := s.cleaned(say)
			if c.said {
				say("STOP")
			}
			s.pass(time.Minute)
			if !c.turned {
				tidy(s, kept, gone)
				s.pass(c.between)
			}
			s.must(s.HubSpot.Delete(crm.Contacts, hub))
			s.pass(c.between)
			if c.turned {
				tidy(s, kept, gone)
			}
			s.pass(10 * time.Minute)
			say("Sono ancora io")
			s.pass(10 * time.Minute)
			s.wantNotedOn("Sono ancora io", kept)
			s.wantCount(crm.Contacts, 0, 1)
			if !c.said {
				say("STOP")
				s.pass(10 * time.Minute)
			}
			s.wantZo(crm.Contacts, kept, props{"WhatsApp_Opt_Out": "true"})
			s.must(s.HubSpot.Restore(crm.Contacts, hub))
			s.pass(2 * time.Hour)
			s.wantWord(hub, kept, "true")
			s.wantCount(crm.Contacts, 1, 1)
			s.wantRows()
		})
	}
}

func TestWhoseContactWentIntoThatOfAnotherWhoWritesGetsNoOtherOneThoughHubSpotHasHerNoMore(t *testing.T) {
	for name, hidden := range map[string]bool{"by her number": false, "by her user id alone": true} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, withWhatsApp, func(o *sandbox.WorldOptions) { o.Mapping.PhoneRegion = "IT" })
			her, office := s.WhatsApp.Meet("Anna", "393331110001"), s.WhatsApp.Meet("Ufficio", "390699999999")
			say := func(who *whatsapptest.Person, text string) {
				_, err := who.Say(whatsapptest.DefaultNumber, text)
				s.must(err)
			}
			hub, gone, kept := s.cleaned(func(text string) { say(her, text) })
			say(office, "Buongiorno dall'ufficio")
			s.settle()
			_, err := s.Zoho.Merge(crm.Contacts, kept, gone)
			s.must(err)
			s.pass(10 * time.Minute)
			s.must(s.HubSpot.Delete(crm.Contacts, hub))
			s.pass(10 * time.Minute)
			her.Hidden = hidden
			say(her, "STOP")
			s.pass(10 * time.Minute)
			s.wantCount(crm.Contacts, 0, 1)
			s.wantZo(crm.Contacts, kept, props{"WhatsApp_Opt_Out": "false"})
			if !slices.ContainsFunc(s.about(fault.HintWhose), func(r fault.Parked) bool { return r.Verb == crm.Message && r.Other.Key == kept }) {
				t.Errorf("rows %+v", s.parked())
			}
		})
	}
}

// What happens to the two pairs of one person, of whom one writes, in one order or another, and she says STOP before it ends or after.
func TestAStopStandsWhereThePairGoesOnInWhateverOrderItsRecordsAreMergedDeletedAndRestored(t *testing.T) {
	for _, order := range []string{
		"merged in HubSpot, STOP, merged in Zoho", "merged in HubSpot, merged in Zoho, STOP", "STOP, merged in Zoho, merged in HubSpot",
		"merged in HubSpot, STOP, deleted in Zoho", "merged in HubSpot, deleted in Zoho, STOP, restored in Zoho", "merged in HubSpot, deleted in Zoho, restored in Zoho, STOP",
		"merged in HubSpot, deleted in HubSpot, STOP", "merged in HubSpot, deleted in HubSpot, STOP, restored in HubSpot",
		"merged in HubSpot, deleted in HubSpot, merged in Zoho, STOP, restored in HubSpot", "merged in HubSpot, merged in Zoho, deleted in HubSpot, STOP, restored in HubSpot",
		"deleted in Zoho, STOP, merged in HubSpot, restored in Zoho", "deleted in Zoho, merged in HubSpot, restored in Zoho, STOP",
	} {
		for mapped, change := range map[string][]func(*sandbox.WorldOptions){"box mapped": {boxes(t)}, "box not mapped": nil} {
			t.Run(order+", "+mapped, func(t *testing.T) {
				s, say := talks(t, change...)
				h1 := s.hub(crm.Contacts, props{"email": "ufficio@acme.example", "lastname": "Rossi", "mobilephone": "+390699999999"})
				h2 := s.hub(crm.Contacts, anna)
				s.settle()
				hub, survivor, hers := h1, s.twin(crm.Contacts, h1), s.twin(crm.Contacts, h2)
				say("prima")
				s.settle()
				for deed := range strings.SplitSeq(order, ", ") {
					var err error
					switch deed {
					case "merged in HubSpot":
						hub, err = s.HubSpot.Merge(crm.Contacts, h1, h2)
					case "merged in Zoho":
						_, err = s.Zoho.Merge(crm.Contacts, survivor, hers)
					case "deleted in Zoho":
						err = s.Zoho.Delete(crm.Contacts, hers)
					case "restored in Zoho":
						err = s.Zoho.Restore(crm.Contacts, hers)
					case "deleted in HubSpot":
						err = s.HubSpot.Delete(crm.Contacts, hub)
					case "restored in HubSpot":
						err = s.HubSpot.Restore(crm.Contacts, hub)
					case "STOP":
						say(deed)
					}
					s.must(err)
					s.pass(20 * time.Second)
				}
				s.pass(3 * time.Hour)
				kept := s.twin(crm.Contacts, hub)
				s.wantZo(crm.Contacts, kept, props{"WhatsApp_Opt_Out": "true"})
				if slices.Contains(s.HubSpot.IDs(crm.Contacts), hub) {
					s.wantWord(hub, kept, "true")
				}
				say("ultimo")
				s.pass(time.Hour)
				s.wantNotedOn("ultimo", kept)
			})
		}
	}
}
