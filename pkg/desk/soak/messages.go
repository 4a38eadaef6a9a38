package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// MessagesOptions name a run of messages. The same options give the same run.
type MessagesOptions struct {
	Seed     uint64
	Hours    int
	PerHour  int                           // messages, those of people and those that are asked to be sent
	People   int                           // 0: as many as write a few dozen messages each
	Crashes  int                           // workers an hour that die at some call
	Faults   float64                       // chance that a call of a vendor fails; a fifth of the failing writes land late
	Progress func(done int, now time.Time) // may be nil

	watch []string  // what lines are kept about
	until time.Time // zero: to the end
}

// Command returns the command line that repeats the run.
func (o MessagesOptions) Command() string {
	return fmt.Sprintf("go run ./pkg/desk/cmd/soak messages --hours %d --per-hour %d --seed %d --people %d --crashes %d --faults %g",
		o.Hours, o.PerHour, o.Seed, o.people(), o.Crashes, o.Faults)
}

func (o MessagesOptions) people() int {
	if o.People > 0 {
		return o.People
	}
	return max(20, o.Hours*o.PerHour/60)
}

// Soon is how long it may take until whoever is asked for has a task, as long as both CRMs answer.
const Soon = 20 * time.Second

// MessagesResult is what a run came to.
type MessagesResult struct {
	People, InBoth, Born      int // in both CRMs from the start, and made in HubSpot about when they wrote first
	In, Asked, Sent, Statuses int // messages of people, requests of callers, messages that went out, statuses
	Early                     int // statuses that came before their message was logged
	Posts                     int
	Notes, Communications     int
	Tasks                     int
	HandOvers, InTime         int           // tasks about what a person wrote, and those of them that were there within Soon
	Late                      int           // tasks about what came too late to be answered
	P50, P99, Slowest         time.Duration // from the 200 for what a person wrote to the task about it, in either CRM
	Calls, Requests           int           // of functions; and of those to vendors
	Deaths, Batches, Receives int
	Parked                    map[string]int // rows by code
	ModelTime                 time.Duration
	Violations                []string
	Trace                     []string
}

// String says in a few lines what a run came to.
func (r MessagesResult) String() string {
	return fmt.Sprintf(`%d messages of %d people in %s of model time (%d in both CRMs, %d made in HubSpot about when they wrote first), %d requests to send
  %d messages went out, %d statuses in %d posts, %d of them before their message was logged
  logged: %d notes, %d communications, %d tasks; parked: %v
  from the 200 for a message to the task about it: p50 %s, p99 %s, slowest %s; %d of %d within %s, and %d about what came too late to be answered
  %d batches of whatsappConsumer, %d calls, %d of them to vendors, %d deaths; no parcel was delivered more than %d times`,
		r.In, r.People, r.ModelTime.Round(time.Minute), r.InBoth, r.Born, r.Asked, r.Sent, r.Statuses, r.Posts, r.Early, r.Notes, r.Communications, r.Tasks, r.Parked,
		r.P50.Round(100*time.Millisecond), r.P99.Round(100*time.Millisecond), r.Slowest.Round(time.Second), r.InTime, r.HandOvers, Soon, r.Late, r.Batches, r.Calls, r.Requests, r.Deaths, r.Receives)
}

// messagesStart is when every run begins.
var messagesStart = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// citizen is a person, and what is true of him.
type citizen struct {
	*whatsapptest.Person
	n       int
	wrote   time.Time // last
	zoho    bool      // stands in Zoho from the start
	hubspot string    // id there
	since   time.Time // from when on both CRMs know him to be one; zero: never
	born    bool      // made in HubSpot about when he wrote first
	last    string    // id of his last message
}

// said is one message of a person.
type said struct {
	by    *citizen
	at    time.Time
	heard time.Time // when the door first answered 200 for it
}

// town is where people write.
type town struct {
	*suite
	o       MessagesOptions
	chance  *rand.Rand // of people
	people  []*citizen
	said    map[string]said
	told    map[string]*fate // what WhatsApp said of each message of the business
	shown   map[string]bool  // messages of the business that stand in Zoho
	unborn  []*citizen       // HubSpot has them, and they have no pair yet
	token   string
	minted  time.Time
	asked   map[string]string // references of requests that were answered 202, with the message's id
	pending int               // requests without a 202
	over    bool
	result  MessagesResult
}

// fate is what WhatsApp told of a message.
type fate struct {
	states map[string]bool
	code   int
}

// final is the state that counts: what was read was delivered, and what was delivered after all has not failed.
func (f *fate) final() string {
	switch {
	case f == nil:
		return ""
	case f.states["read"]:
		return "Stato: letto"
	case f.states["delivered"]:
		return "Stato: consegnato"
	case f.states["failed"]:
		return fmt.Sprint(f.code)
	}
	return ""
}

// Messages lets people write to a business, and a business to people, for hours of model time, while functions die and vendors
// fail, and asks whether both CRMs hold every message once, with its final state.
func Messages(o MessagesOptions) (MessagesResult, error) {
	s := &town{o: o, chance: rand.New(rand.NewPCG(o.Seed, 19)), said: map[string]said{}, told: map[string]*fate{}, shown: map[string]bool{}, asked: map[string]string{}}
	stage := newStage(messagesStart, o.Seed)
	defer stage.end()
	if o.watch != nil {
		stage.tell = func(line string) {
			if len(s.result.Trace) < 200 {
				s.result.Trace = append(s.result.Trace, line)
			}
		}
		stage.looks = func(text string) bool {
			return slices.ContainsFunc(o.watch, func(w string) bool { return strings.Contains(text, w) })
		}
	}
	var err error
	s.suite, err = newSuite(stage, whatsapptest.Options{
		SentAfter: 150 * time.Millisecond, DeliveredAfter: 400 * time.Millisecond, ReadAfter: 40 * time.Second, Duplicates: 0.01, Reorder: time.Minute, Batch: 20,
	})
	if err != nil {
		return s.result, err
	}
	s.settle()
	s.live()
	return s.result, s.judge()
}

// settle lets the people in who are known from the start.
func (s *town) settle() {
	for i := range s.o.people() {
		phone := fmt.Sprintf("39347%07d", 1_000_000+i)
		c := &citizen{Person: s.phone.Meet(fmt.Sprintf("Persona %d", i), phone), n: i}
		c.NeverReads, c.Unreachable = i%5 == 1, i%40 == 7
		switch {
		case i%3 == 0:
			c.hubspot = s.create(c)
			s.result.InBoth++
		case i%3 == 1 && i%2 == 0:
			c.zoho = true
			if _, err := s.zoho.Create(crm.Contacts, map[string]string{"Last_Name": c.Name, "Mobile": "+" + phone}); err != nil {
				s.violate("zoho takes no contact: %v", err)
			}
		case i%30 == 5:
			c.Hidden, c.Username = true, fmt.Sprintf("persona.%d", i)
		case i%12 == 2:
			c.born = true
		}
		s.people = append(s.people, c)
		if i%50 == 49 {
			s.run(s.now.Add(time.Second))
		}
	}
	for range 60 {
		s.run(s.now.Add(time.Minute))
	}
	s.paired()
	if n := len(s.unborn); n > 0 {
		s.violate("%d contacts of HubSpot were not brought to Zoho before the run began", n)
	}
}

// create makes a contact in HubSpot, as a person does who types.
func (s *town) create(c *citizen) string {
	id, err := s.hubspot.Create(crm.Contacts, map[string]string{"lastname": c.Name, "mobilephone": "+" + c.Phone})
	if err != nil {
		s.violate("hubspot takes no contact: %v", err)
	}
	c.hubspot = id
	s.unborn = append(s.unborn, c)
	return id
}

// paired notes who has a pair by now.
func (s *town) paired() {
	book := identity.Book{Store: s.pairs, Hasher: s.hasher}
	s.unborn = slices.DeleteFunc(s.unborn, func(c *citizen) bool {
		p, err := book.Find(context.Background(), crm.DefaultConnection, crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: c.hubspot})
		if err != nil || p.Version == 0 || p.State != pair.Living || p.Zoho == "" {
			return false
		}
		c.since = s.now
		return true
	})
}

// live lets people write.
func (s *town) live() {
	s.heard = s.hear
	s.noted = func(body []byte) {
		if bytes.Contains(body, []byte("WhatsApp inviato")) {
			s.shown[markOf(string(body))] = true
		}
	}
	s.deaf = 0.002
	s.spoil(s.o.Faults)
	began := s.now
	end := began.Add(time.Duration(s.o.Hours) * time.Hour)
	mean := time.Hour / time.Duration(s.o.PerHour)
	var next, death, send func()
	next = func() {
		s.happens()
		if d := time.Duration(float64(mean) * -math.Log(1-s.chance.Float64())); s.now.Add(d).Before(end) {
			s.after(d, next)
		}
	}
	death = func() {
		s.doomed = &doom{left: 1 + s.dice.IntN(40), after: s.dice.IntN(2) == 0}
		if d := time.Duration(s.dice.Int64N(int64(2*time.Hour) / int64(s.o.Crashes))); s.now.Add(d).Before(end) {
			s.after(d, death)
		}
	}
	send = func() { // the schedule
		s.invoke("sendWhatsapp", functionLives, func(ctx context.Context) {
			if err := s.sender.Send(ctx); err != nil {
				s.tracef("sendWhatsapp: %v", err)
			}
		})
		if !s.over {
			s.after(time.Minute, send)
		}
	}
	s.after(0, next)
	s.after(time.Second, send)
	if s.o.Crashes > 0 {
		s.after(time.Minute, death)
	}
	for hour := 0; s.now.Before(end); hour++ {
		if !s.o.until.IsZero() && s.now.After(s.o.until) {
			break
		}
		s.run(s.now.Add(10 * time.Minute))
		if s.o.Progress != nil {
			s.o.Progress(s.result.In+s.result.Asked, s.now)
		}
	}
	// Afterwards all is well, and everything that waits comes to its end: a message of unknown fate after a day.
	s.spoil(0)
	s.deaf, s.doomed = 0, nil
	for until := s.now.Add(26 * time.Hour); s.now.Before(until); {
		s.run(s.now.Add(10 * time.Minute))
		s.paired()
	}
	s.over = true
	s.run(s.now.Add(2 * time.Minute))
	s.result.ModelTime = s.now.Sub(began)
}

// texts are what people write; some are answered, some by a person.
var texts = []string{
	"quali sono gli orari?", "buongiorno", "grazie mille", "quanto costa la spedizione?", "dove siete?", "perfetto così", "a domani allora", "avete il modello blu?",
	"ok", "😀 benissimo, è già arrivato", "posso pagare con carta?", "ci vediamo sabato",
}

// happens is one message, of a person or of the business.
func (s *town) happens() {
	c := s.people[int(float64(len(s.people))*math.Pow(s.chance.Float64(), 1.6))]
	s.paired()
	if s.chance.IntN(100) < 15 {
		s.ask(c)
		return
	}
	if c.wrote.IsZero() && c.born { // somebody types him in about now
		s.after(time.Duration(s.chance.Int64N(int64(30*time.Second))), func() {
			s.create(c)
			s.result.Born++
		})
		c.born = false
	}
	var id string
	var err error
	switch p := s.chance.IntN(1000); {
	case p < 10:
		id, err = c.Photograph(whatsapptest.DefaultNumber, "ecco", []byte("jpeg"))
	case p < 25 && c.last != "":
		id, err = c.React(whatsapptest.DefaultNumber, c.last, "👍")
	case p < 30:
		id, err = c.Say(whatsapptest.DefaultNumber, "voglio un rimborso")
	case p < 32:
		id, err = c.Say(whatsapptest.DefaultNumber, "STOP")
	case p < 35:
		id, err = c.Say(whatsapptest.DefaultNumber, "RIPRENDI")
	case p < 37:
		err = c.OptOut(whatsapptest.DefaultNumber)
	case p < 39:
		err = c.Resume(whatsapptest.DefaultNumber)
	default:
		id, err = c.Say(whatsapptest.DefaultNumber, texts[s.chance.IntN(len(texts))])
	}
	if err != nil {
		s.violate("whatsapp takes no message: %v", err)
	}
	if id != "" {
		s.said[id] = said{by: c, at: s.now}
		c.last, c.wrote = id, s.now
		s.result.In++
	}
}

// ask asks for a message to somebody: in free words if he wrote of late, else by a template.
func (s *town) ask(c *citizen) {
	s.result.Asked++
	reference := fmt.Sprintf("ordine-%07d", s.result.Asked)
	to := `"telefono":"+` + c.Phone + `"`
	if c.Hidden {
		to = `"utente":"` + c.User + `"`
	}
	what := `"tipo":"template","template":{"nome":"hello_world","lingua":"it"}`
	if !c.wrote.IsZero() && s.now.Sub(c.wrote) < 20*time.Hour {
		what = `"tipo":"testo","testo":"il suo ordine è pronto"`
	}
	s.pending++
	s.post(reference, []byte(fmt.Sprintf(`{"a":{%s},%s,"riferimento":%q}`, to, what, reference)))
}

// post hands a request to sendWhatsapp, and again until it is answered.
func (s *town) post(reference string, body []byte) {
	if s.token == "" || s.now.Sub(s.minted) > conversionstest.Lifetime-time.Minute {
		s.token, s.minted = "Bearer "+conversionstest.Caller{}.Token(s.now, string(conversions.ScopeMessages)), s.now
	}
	s.invoke("sendWhatsapp", functionLives, func(ctx context.Context) {
		answer := s.sender.Take(ctx, door.Request{
			ID: reference, Method: http.MethodPost, Path: conversions.MessagesPath, Body: body,
			Header: http.Header{"Content-Type": {"application/json"}, "Authorization": {s.token}},
		})
		var is struct {
			ID string `json:"id_messaggio"`
		}
		switch gone := of(ctx).gone(); {
		case !gone && answer.Status == http.StatusAccepted && json.Unmarshal(answer.Body, &is) == nil:
			s.pending--
			s.asked[reference] = is.ID
		case gone || answer.Status == http.StatusServiceUnavailable:
			s.after(30*time.Second, func() { s.post(reference, body) })
		default:
			s.violate("a request to send is answered %d: %s", answer.Status, answer.Body)
		}
	})
}

// hear reads what WhatsApp tells of messages, as whoever looks over its shoulder.
func (s *town) hear(body []byte) {
	var post struct {
		Entry []struct {
			Changes []struct {
				Value struct {
					Messages []struct{ ID string }
					Statuses []struct {
						ID, Status string
						Errors     []struct{ Code int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(body, &post); err != nil {
		s.violate("a delivery that is no JSON: %v", err)
	}
	for _, e := range post.Entry {
		for _, ch := range e.Changes {
			for _, told := range ch.Value.Messages {
				if m, ok := s.said[told.ID]; ok && m.heard.IsZero() {
					m.heard = s.now
					s.said[told.ID] = m
				}
			}
			for _, st := range ch.Value.Statuses {
				f := s.told[st.ID]
				if f == nil {
					f = &fate{states: map[string]bool{}}
					s.told[st.ID] = f
				}
				s.result.Statuses++
				if !s.shown[st.ID] {
					s.result.Early++
				}
				f.states[st.Status] = true
				if len(st.Errors) > 0 {
					f.code = st.Errors[0].Code
				}
			}
		}
	}
}
