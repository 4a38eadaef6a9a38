package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// person is somebody at work: what they do hangs on the number of their action.
type person struct {
	s    *sim
	n    int
	dice *rand.Rand
}

// perform carries out one action.
func (s *sim) perform(a action) {
	p := person{s: s, n: a.n, dice: rand.New(rand.NewPCG(s.opt.Seed, 1000+uint64(a.n)))}
	if s.opt.Trace {
		s.words("")
	}
	if do := deeds[a.deed]; do != nil {
		do(p)
	}
}

var deeds = map[string]func(person){
	"edit":             func(p person) { p.edit(crm.Contacts) },
	"edit young":       person.editYoung,
	"edit company":     func(p person) { p.edit(crm.Companies) },
	"clear":            person.clear,
	"put back":         person.putBack,
	"stage":            person.stage,
	"touch":            person.touch,
	"opt out":          person.optOut,
	"email":            person.email,
	"refused":          person.refused,
	"cut":              person.cut,
	"create hubspot":   func(p person) { p.create(crm.HubSpot, crm.Contacts, p.contact("n", "")) },
	"create zoho":      func(p person) { p.create(crm.Zoho, crm.Contacts, p.contact("n", "")) },
	"create both":      person.createBoth,
	"create again":     person.createAgain,
	"create unfit":     person.createUnfit,
	"tick":             person.tick,
	"mend origin":      person.mendOrigin,
	"create company":   person.createCompany,
	"company twins":    person.companyTwins,
	"move":             person.move,
	"merge hubspot":    func(p person) { p.merge(crm.HubSpot, crm.Contacts) },
	"merge zoho":       func(p person) { p.merge(crm.Zoho, crm.Contacts) },
	"merge companies":  func(p person) { p.merge(p.side(), crm.Companies) },
	"delete hubspot":   func(p person) { p.remove(crm.HubSpot, crm.Contacts) },
	"delete zoho":      func(p person) { p.remove(crm.Zoho, crm.Contacts) },
	"delete company":   func(p person) { p.remove(p.side(), crm.Companies) },
	"restore hubspot":  func(p person) { p.restore(crm.HubSpot, crm.Contacts) },
	"restore zoho":     func(p person) { p.restore(crm.Zoho, crm.Contacts) },
	"restore company":  func(p person) { p.restore(p.side(), crm.Companies) },
	"erase":            person.erase,
	"lead":             person.lead,
	"kill tokens":      person.killTokens,
	"pause":            person.pause,
	"replay":           person.replay,
	"clear everywhere": person.clearEverywhere,
	"outage hubspot":   func(p person) { p.outage(crm.HubSpot) },
	"outage zoho":      func(p person) { p.outage(crm.Zoho) },
}

func (p person) side() crm.System { return []crm.System{crm.HubSpot, crm.Zoho}[p.dice.IntN(2)] }

func (p person) say(done error, format string, args ...any) {
	if !p.s.opt.Trace {
		return
	}
	how := ""
	if done != nil {
		how = ": refused: " + done.Error()
	}
	p.s.tracef("USER %d: %s%s", p.n, p.s.words(fmt.Sprintf(format, args...)), how)
}

// ids returns the living records of a side.
func (s *sim) ids(sys crm.System, m crm.Module) []string {
	if sys == crm.HubSpot {
		return s.w.HubSpot.IDs(m)
	}
	return s.w.Zoho.IDs(m)
}

func (s *sim) props(sys crm.System, m crm.Module, id string) (map[string]string, bool) {
	if sys == crm.HubSpot {
		return s.w.HubSpot.Props(m, id)
	}
	return s.w.Zoho.Props(m, id)
}

// pick returns a living record, "" when there is none. The older ones are dearer: they have a history.
func (p person) pick(sys crm.System, m crm.Module) string {
	ids := p.s.ids(sys, m)
	if len(ids) == 0 {
		return ""
	}
	return ids[min(p.dice.IntN(len(ids)), p.dice.IntN(len(ids)))]
}

// set edits a record.
func (p person) set(sys crm.System, m crm.Module, id string, props map[string]string) {
	var err error
	if sys == crm.HubSpot {
		err = p.s.w.HubSpot.Edit(m, id, props)
	} else {
		err = p.s.w.Zoho.Edit(m, id, props)
	}
	if err == nil {
		p.s.result.Edits += len(props)
	}
	p.say(err, "%s %s %s gets %v", sys, m, id, props)
}

func (p person) create(sys crm.System, m crm.Module, props map[string]string) string {
	var id string
	var err error
	if sys == crm.HubSpot {
		id, err = p.s.w.HubSpot.Create(m, props)
	} else {
		id, err = p.s.w.Zoho.Create(m, translated(m, props))
	}
	p.say(err, "%s creates %s %s %v", sys, m, id, props)
	return id
}

// texts are the fields of free text by kind, as HubSpot and Zoho call them.
var texts = map[crm.Module][][2]string{
	crm.Contacts:  {{"firstname", "First_Name"}, {"lastname", "Last_Name"}, {"city", "Mailing_City"}, {"phone", "Phone"}, {"state", "Mailing_State"}},
	crm.Companies: {{"name", "Account_Name"}, {"city", "Billing_City"}, {"phone", "Phone"}},
}

// translated gives HubSpot's names Zoho's.
func translated(m crm.Module, props map[string]string) map[string]string {
	out := map[string]string{}
	for name, v := range props {
		switch name {
		case "email":
			name = "Email"
		case "domain":
			name = "Website"
		default:
			for _, pair := range texts[m] {
				if pair[0] == name {
					name = pair[1]
				}
			}
		}
		out[name] = v
	}
	return out
}

func at(sys crm.System, pair [2]string) string {
	if sys == crm.HubSpot {
		return pair[0]
	}
	return pair[1]
}

func (p person) value(name string, salt int) string {
	if strings.EqualFold(name, "phone") {
		return fmt.Sprintf("+39 06 69%02d %02d%02d", p.n%100, salt%100, p.dice.IntN(100))
	}
	return fmt.Sprintf("v%d.%d", p.n, salt)
}

// edit changes one or two fields, sometimes on both sides.
func (p person) edit(m crm.Module) {
	sys := p.side()
	id := p.pick(sys, m)
	if id == "" {
		return
	}
	props := map[string]string{}
	for i := range 1 + p.dice.IntN(2) {
		name := at(sys, texts[m][p.dice.IntN(len(texts[m]))])
		props[name] = p.value(name, i)
	}
	p.set(sys, m, id, props)
}

// editYoung changes the record of Zoho that was made last: one whose making may not be over yet.
func (p person) editYoung() {
	m := []crm.Module{crm.Contacts, crm.Companies}[p.dice.IntN(2)]
	ids := p.s.ids(crm.Zoho, m)
	if len(ids) == 0 {
		return
	}
	name := texts[m][p.dice.IntN(2)][1]
	p.set(crm.Zoho, m, ids[len(ids)-1], map[string]string{name: p.value(name, 0)})
}

func (p person) clear() {
	sys := p.side()
	id := p.pick(sys, crm.Contacts)
	if id == "" {
		return
	}
	p.set(sys, crm.Contacts, id, map[string]string{at(sys, texts[crm.Contacts][p.dice.IntN(4)]): ""})
}

// putBack writes a value that the field had before.
func (p person) putBack() {
	sys := p.side()
	id := p.pick(sys, crm.Contacts)
	if id == "" {
		return
	}
	name := at(sys, texts[crm.Contacts][p.dice.IntN(3)])
	var had []string
	if sys == crm.HubSpot {
		for _, e := range p.s.w.HubSpot.History(crm.Contacts, id, name) {
			had = append(had, e.Value)
		}
		slices.Reverse(had)
	} else {
		for _, e := range p.s.w.Zoho.History(crm.Contacts, id, name) {
			had = append(had, e.Value)
		}
	}
	if len(had) < 2 {
		p.set(sys, crm.Contacts, id, map[string]string{name: p.value(name, 0)})
		return
	}
	p.set(sys, crm.Contacts, id, map[string]string{name: had[max(0, len(had)-2-p.dice.IntN(2))]})
}

func (p person) stage() {
	sys := p.side()
	if id := p.pick(sys, crm.Contacts); id != "" {
		n := p.dice.IntN(3)
		p.set(sys, crm.Contacts, id, map[string]string{at(sys, [2]string{"hs_language", "Stage_Code"}): at(sys, [][2]string{{"it", "One"}, {"en", "Two"}, {"fr", "Three"}}[n])})
	}
}

// touch moves a record's modified time without changing a mapped field, or notifies of nothing.
func (p person) touch() {
	id := p.pick(crm.Zoho, crm.Contacts)
	if id == "" {
		return
	}
	if p.dice.IntN(2) == 0 {
		p.s.w.Zoho.Renotify("Contacts", []string{"First_Name"}, id)
		p.say(nil, "zoho notifies of %s once more", id)
		return
	}
	p.set(crm.Zoho, crm.Contacts, id, map[string]string{"Title": p.value("", 0)})
}

func (p person) optOut() {
	if id := p.pick(crm.Zoho, crm.Contacts); id != "" {
		p.set(crm.Zoho, crm.Contacts, id, map[string]string{"Email_Opt_Out": "true"})
	}
}

// email changes an address, sometimes to one that another record has.
func (p person) email() {
	sys := p.side()
	id := p.pick(sys, crm.Contacts)
	if id == "" {
		return
	}
	address := fmt.Sprintf("q%d@acme.example", p.n)
	if p.dice.IntN(4) == 0 {
		other := p.side()
		if props, ok := p.s.props(other, crm.Contacts, p.pick(other, crm.Contacts)); ok {
			address = props[at(other, [2]string{"email", "Email"})]
		}
	}
	p.set(sys, crm.Contacts, id, map[string]string{at(sys, [2]string{"email", "Email"}): address})
}

// refused writes what the other side does not take, or what has no form of its own.
func (p person) refused() {
	if p.dice.IntN(2) == 0 {
		if id := p.pick(crm.HubSpot, crm.Companies); id != "" {
			p.set(crm.HubSpot, crm.Companies, id, map[string]string{"industry": []string{"AIRLINES_AVIATION", "BANKING", "EDUCATION_MANAGEMENT"}[p.dice.IntN(3)]})
		}
		return
	}
	sys := p.side()
	if id := p.pick(sys, crm.Contacts); id != "" {
		p.set(sys, crm.Contacts, id, map[string]string{at(sys, [2]string{"phone", "Phone"}): fmt.Sprintf("ask the office, line %c", 'a'+rune(p.n%26))})
	}
}

// cut writes what Zoho cuts without a word.
func (p person) cut() {
	if id := p.pick(crm.HubSpot, crm.Contacts); id != "" {
		p.set(crm.HubSpot, crm.Contacts, id, map[string]string{"state": fmt.Sprintf("a long state %d", p.n)})
	}
}

func (p person) outage(sys crm.System) {
	d := time.Duration(10+p.dice.IntN(170)) * time.Second
	p.s.outage[sys] = p.s.now().Add(d)
	p.say(nil, "%s is down for %s", sys, d)
}
