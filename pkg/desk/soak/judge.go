package soak

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/digest"
)

func (s *town) violate(format string, args ...any) {
	if len(s.result.Violations) < 20 {
		s.result.Violations = append(s.result.Violations, fmt.Sprintf(format, args...))
	}
}

// allowed are the reasons for which a row may be left to a person: the window was closed, the person wants no messages, is not
// reachable, or nobody knows whether a message went out.
var allowed = []string{"131047", "131050", "131026", "UNKNOWN_OUTCOME"}

// judge asks whether everything holds.
func (s *town) judge() error {
	r := &s.result
	r.People, r.Posts, r.Calls, r.Deaths, r.Batches, r.Receives = len(s.people), s.posts, s.calls, s.deaths, s.talk.batches, s.talk.worst
	for _, t := range s.roads {
		r.Requests += t.count
	}
	suspect := cmp.Or(s.still(), s.logged())
	s.persons()
	unseen, err := s.handedOver()
	if err != nil {
		return err
	}
	suspect = cmp.Or(suspect, unseen)
	rows, err := (&digest.Ledger{Store: s.parked, Now: s.clock}).List(context.Background())
	if err != nil {
		return err
	}
	r.Parked = map[string]int{}
	parked := map[string]bool{}
	for _, p := range rows {
		parked[p.Operation] = true
		if r.Parked[p.Code]++; !slices.Contains(allowed, p.Code) {
			s.violate("parked: %s %s %s: %s", p.Operation, p.Code, p.Class, p.Message)
		}
	}
	sent := map[string]bool{}
	for _, m := range s.phone.SentMessages() {
		sent[m.Callback] = true
	}
	for reference, id := range s.asked {
		if !sent[id] && !parked[id] {
			s.violate("%s was answered 202, and neither went out nor is anybody told", reference)
		}
	}
	if suspect != "" && s.o.watch == nil {
		s.again(suspect)
	}
	return nil
}

// still asks whether nothing is stuck and nothing goes round in circles. It returns the mark of what does.
func (s *town) still() (suspect string) {
	for _, l := range s.lanes {
		waiting, inFlight := l.queue.Stats()
		dead, _ := l.dead.Stats()
		if waiting+inFlight+dead > 0 {
			s.violate("%s: %d messages wait, %d are at work, %d lie in the dead letters", l.name, waiting, inFlight, dead)
		}
		if l.worst > 60 {
			s.violate("%s: a message was delivered %d times", l.name, l.worst)
			suspect = wamidOf(l.round)
		}
	}
	if n := s.phone.Outstanding() + s.phone.Abandoned(); n > 0 {
		s.violate("%d updates of WhatsApp never got a 200", n)
	}
	if s.pending > 0 {
		s.violate("%d requests to send never got a 202", s.pending)
	}
	due := 0
	for range s.chats.All("D#") {
		due++
	}
	if due > 0 {
		s.violate("%d messages are left in the outbox", due)
	}
	if n := s.result.In + s.result.Asked; s.calls > 200*n+10_000 {
		s.violate("%d calls for %d messages", s.calls, n)
	}
	return suspect
}

// wamidOf returns the id of the first message that a parcel is about, "" for none.
func wamidOf(body string) string {
	_, rest, ok := strings.Cut(body, `"wamid.`)
	id, _, _ := strings.Cut(rest, `"`)
	if !ok {
		return ""
	}
	return "wamid." + id
}

// logged asks whether every message stands once where its person is known, with its final state. It returns the mark of the
// first one that does not.
func (s *town) logged() (suspect string) {
	notes, comms, at := map[string][]string{}, map[string][]string{}, map[string]string{}
	for _, n := range s.zoho.Notes() {
		id := markOf(n.Values["Note_Content"])
		notes[id] = append(notes[id], n.Values["Note_Content"])
		s.result.Notes++
	}
	for _, c := range s.hubspot.Communications() {
		id := markOf(c.Properties["hs_communication_body"])
		comms[id], at[id] = append(comms[id], c.Properties["hs_communication_body"]), c.Contact
		s.result.Communications++
	}
	complain := func(id, format string, args ...any) {
		if suspect == "" {
			suspect = id
		}
		s.violate(format, args...)
	}
	for _, id := range sorted(s.said) {
		m := s.said[id]
		least, most := m.by.inHubSpot(m.at)
		if n, k := len(notes[id]), len(comms[id]); n != 1 || k < least || k > most {
			complain(id, "a message of %s at %s is logged %d times in Zoho and %d times in HubSpot, want 1 and %d to %d", m.by.Name, m.at.Format("2 15:04:05"), n, k, least, most)
		}
	}
	callbacks := map[string]int{}
	for _, m := range s.phone.SentMessages() {
		s.result.Sent++
		if callbacks[m.Callback]++; callbacks[m.Callback] > 1 {
			complain(m.ID, "a message went out %d times", callbacks[m.Callback])
		}
		to := s.recipient(m)
		least, most := to.inHubSpot(m.At)
		if n, k := len(notes[m.ID]), len(comms[m.ID]); n != 1 || k < least || k > most {
			complain(m.ID, "a message to %s that was sent at %s is logged %d times in Zoho and %d times in HubSpot, want 1 and %d to %d",
				to.Name, m.At.Format("2 15:04:05"), n, k, least, most)
		} else if k == 1 && at[m.ID] != to.hubspot {
			complain(m.ID, "a message to %s that was sent at %s is logged in HubSpot on %s, want %s", to.Name, m.At.Format("2 15:04:05"), at[m.ID], to.hubspot)
		}
		want := s.told[m.ID].final()
		if want == "" {
			complain(m.ID, "WhatsApp told nothing of a message that was sent at %s", m.At.Format("2 15:04:05"))
		}
		for _, text := range slices.Concat(notes[m.ID], comms[m.ID]) {
			if strings.Count(text, "» ") != 1 || !strings.Contains(text, want) {
				complain(m.ID, "a message that was sent at %s ends %q, want %s", m.At.Format("2 15:04:05"), text[max(0, len(text)-120):], want)
			}
		}
	}
	return suspect
}

// inHubSpot is how often what happens to a person at a time has to stand in HubSpot: least and most. Until both CRMs are known to have him
// to be one it may stand there.
func (c *citizen) inHubSpot(at time.Time) (least, most int) {
	if c.hubspot == "" {
		return 0, 0
	}
	if !c.since.IsZero() && at.After(c.since) {
		least = 1
	}
	return least, 1
}

// recipient returns whom a message went to.
func (s *town) recipient(m whatsapptest.Sent) *citizen {
	return s.people[slices.IndexFunc(s.people, func(c *citizen) bool { return c.Person == m.To })]
}

func markOf(text string) string {
	from := strings.LastIndex(text, "[wamid.")
	if from < 0 {
		return ""
	}
	id, _, _ := strings.Cut(text[from+1:], "]")
	return id
}

// sorted returns the keys in the order of their times.
func sorted(all map[string]said) []string {
	ids := make([]string, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		if d := all[a].at.Compare(all[b].at); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return ids
}

// persons asks whether everybody is one contact.
func (s *town) persons() {
	known, hubspot := 0, 0
	for _, c := range s.people {
		if c.hubspot != "" {
			hubspot++
		}
		if c.hubspot != "" || c.zoho || !c.wrote.IsZero() {
			known++
		}
	}
	if n := len(s.hubspot.IDs(crm.Contacts)); n != hubspot {
		s.violate("HubSpot has %d contacts of %d people", n, hubspot)
	}
	byNumber := map[string][]string{}
	n := 0
	for _, id := range s.zoho.IDs(crm.Contacts) {
		n++
		props, _ := s.zoho.Props(crm.Contacts, id)
		for _, p := range []string{props["Mobile"], props["Phone"], props["WhatsApp_User"]} {
			if p != "" && !slices.Contains(byNumber[p], id) {
				byNumber[p] = append(byNumber[p], id)
			}
		}
	}
	for _, c := range s.people {
		for _, key := range []string{"+" + c.Phone, c.User} {
			if len(byNumber[key]) > 1 {
				s.violate("%s is %d contacts in Zoho: %v", c.Name, len(byNumber[key]), byNumber[key])
			}
		}
	}
	asked := 0 // strangers to whom the business wrote first
	for _, c := range s.people {
		if c.hubspot == "" && !c.zoho && c.wrote.IsZero() && (len(byNumber["+"+c.Phone]) > 0 || len(byNumber[c.User]) > 0) {
			asked++
		}
	}
	if n != known+asked {
		s.violate("Zoho has %d contacts of %d people", n, known+asked)
	}
}

// tooLate begins the text of a task about what came too late to be answered: nobody asked for that one, so it is none of those that are to
// be there within Soon.
const tooLate = "Non ha avuto risposta in tempo."

// wish is what a hand-over is about, if a message is its reason: one of a person's, or one to him that was not delivered.
type wish struct {
	id    string // of the message
	by    *citizen
	at    time.Time
	heard time.Time // of a person's: when the door first answered 200 for it
}

// wishes returns the messages that a hand-over may be about, by the mark that its tasks bear.
func (s *town) wishes() map[string]wish {
	out := map[string]wish{}
	for id, m := range s.said {
		out[taskMark(chat.Update{Number: whatsapptest.DefaultNumber, Message: &chat.Message{ID: crm.Text(id)}}.Identity())] = wish{id, m.by, m.at, m.heard}
	}
	for _, m := range s.phone.SentMessages() {
		failed := &chat.Status{ID: crm.Text(m.ID), State: chat.Failed}
		out[taskMark(chat.Update{Number: whatsapptest.DefaultNumber, Status: failed}.Identity())] = wish{id: m.ID, by: s.recipient(m), at: m.At}
	}
	return out
}

func taskMark(identity string) string { return "[" + identity[:16] + "]" }

// handOvers returns the marks of everything that was found to need a person.
func (s *town) handOvers() (marks []string, err error) {
	for r := range s.chats.All("C#") {
		var d struct {
			HandOver string `json:"hand_over"`
		}
		if r.Key.Sort != "talk" {
			continue
		}
		if err := json.Unmarshal(r.Value, &d); err != nil {
			return nil, err
		}
		if d.HandOver != "" {
			marks = append(marks, taskMark(r.Key.Part[strings.LastIndex(r.Key.Part, "#")+1:]))
		}
	}
	return marks, nil
}

// undated is for how long before its first task a hand-over may have been decided that is about no message known here.
const undated = time.Hour

// job is a task as a CRM has it.
type job struct {
	contact string
	made    time.Time
}

// handedOver asks whether every hand-over is one task in each CRM that knows the person, on his contact, and how long it took where a
// message of the person's was the reason. It returns the message of the first one that is not.
func (s *town) handedOver() (suspect string, err error) {
	marks, err := s.handOvers()
	wishes, jobs := s.wishes(), map[crm.System]map[string][]job{crm.Zoho: {}, crm.HubSpot: {}}
	var waits []time.Duration
	task := func(sys crm.System, text string, j job) {
		s.result.Tasks++
		mark := text[max(0, strings.LastIndex(text, "[")):]
		if w, ok := wishes[mark]; strings.HasPrefix(text, tooLate) {
			s.result.Late++
		} else if ok && !w.heard.IsZero() {
			waits = append(waits, j.made.Sub(w.heard))
			if s.result.HandOvers++; j.made.Sub(w.heard) <= Soon {
				s.result.InTime++
			}
		}
		if jobs[sys][mark] = append(jobs[sys][mark], j); !slices.Contains(marks, mark) {
			marks = append(marks, mark)
		}
	}
	for _, t := range s.zoho.Tasks() {
		task(crm.Zoho, t.Values["Description"], job{t.Parent, t.Made})
	}
	for _, t := range s.hubspot.Tasks() {
		task(crm.HubSpot, t.Properties["hs_task_body"], job{t.Contact, t.Made})
	}
	for _, mark := range marks {
		w, z, h := wishes[mark], jobs[crm.Zoho][mark], jobs[crm.HubSpot][mark]
		if w.by == nil && len(z) > 0 {
			w = wish{by: s.owner(z[0].contact), at: z[0].made.Add(-undated)}
		}
		if complaint := s.amiss(w, z, h); complaint != "" {
			suspect = cmp.Or(suspect, w.id)
			s.violate("the hand-over %s: %s", mark, complaint)
		}
	}
	s.result.P50, s.result.P99, s.result.Slowest = spread(waits)
	return suspect, err
}

// amiss says what is wrong with the tasks of a hand-over, "" for nothing.
func (s *town) amiss(w wish, zoho, hubspot []job) string {
	if w.by == nil {
		return fmt.Sprintf("%d tasks in Zoho and %d in HubSpot about nobody", len(zoho), len(hubspot))
	}
	least, most := w.by.inHubSpot(w.at)
	switch {
	case len(zoho) != 1 || len(hubspot) < least || len(hubspot) > most:
		return fmt.Sprintf("%d tasks in Zoho and %d in HubSpot about %s since %s, want 1 and %d to %d",
			len(zoho), len(hubspot), w.by.Name, w.at.Format("2 15:04:05"), least, most)
	case s.owner(zoho[0].contact) != w.by:
		return fmt.Sprintf("the task about %s lies in Zoho on %s", w.by.Name, zoho[0].contact)
	case len(hubspot) > 0 && hubspot[0].contact != w.by.hubspot:
		return fmt.Sprintf("the task about %s lies in HubSpot on %s, want %s", w.by.Name, hubspot[0].contact, w.by.hubspot)
	}
	return ""
}

// owner returns the person whom a contact of Zoho is about, nil for nobody.
func (s *town) owner(contact string) *citizen {
	props, _ := s.zoho.Props(crm.Contacts, contact)
	for _, c := range s.people {
		if props["Mobile"] == "+"+c.Phone || props["Phone"] == "+"+c.Phone || props["WhatsApp_User"] == c.User && c.User != "" {
			return c
		}
	}
	return nil
}

// again plays the run once more, as far as it matters, and keeps the lines about one message.
func (s *town) again(id string) {
	o := s.o
	o.Progress, o.watch = nil, []string{id}
	if m, ok := s.said[id]; ok {
		o.until = m.at.Add(3 * time.Hour)
	}
	if r, err := Messages(o); err == nil {
		s.result.Trace = r.Trace
	}
}
