package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"crm-connector/pkg/flow/rules"
)

// config is a kind of world.
type config struct {
	about       string
	deeds       []deed
	rates       rates
	contacts    int
	companies   int
	actions     int
	reorder     time.Duration
	reconcile   time.Duration
	workflow    int  // of a hundred writes in Zoho, how many set off a rule
	unfit       bool // the mapping has unfitFields too
	met         bool // the records of both sides have not met before
	conditional bool
	replays     bool         // at the end an operator replays everything that is parked
	outages     int          // of a hundred plans, how many have one
	limits      rules.Limits // of the brake; zero: the product's own, which a small world does not reach
}

// deed is something that a person may do, and how often.
type deed struct {
	name   string
	weight int
}

// hostile are the rates of a bad day.
var hostile = rates{crash: 12, refused: 15, lost: 15, late: 12, stale: 15, freeze: 4, table: 3, crashAtTable: 4}

// some are the rates of an ordinary one.
var some = rates{crash: 5, refused: 5, lost: 6, late: 5, stale: 5, freeze: 2, table: 1, crashAtTable: 2}

var configs = map[string]config{
	"creation": {
		about: "the same person or company made on both sides or twice, while inserts get lost and land late", contacts: 1, companies: 1, actions: 12, reorder: 2 * time.Second,
		reconcile: 20 * time.Minute, workflow: 10, rates: rates{crash: 15, refused: 5, lost: 40, late: 120, stale: 5, freeze: 4, table: 2, crashAtTable: 3}, conditional: true,
		deeds: []deed{{"company twins", 30}, {"create both", 30}, {"create again", 6}, {"delete hubspot", 4}, {"create hubspot", 10}, {"edit young", 45}},
	},
	"unfit": {
		about: "people are made in HubSpot with values that Zoho has no word for or does not take", contacts: 1, actions: 12, reorder: 2 * time.Second,
		reconcile: 20 * time.Minute, workflow: 20, rates: some, unfit: true, conditional: true,
		deeds: []deed{{"create unfit", 30}, {"tick", 20}, {"mend origin", 5}, {"edit", 30}, {"edit young", 10}, {"touch", 10}},
	},
	"steady": {
		about: "people edit on both sides; nothing fails", contacts: 3, companies: 1, actions: 14, reorder: time.Second, reconcile: time.Hour, workflow: 20,
		deeds: []deed{{"edit", 60}, {"clear", 8}, {"create hubspot", 6}, {"create zoho", 3}, {"create both", 4}, {"edit company", 8}, {"touch", 5}, {"stage", 6}, {"opt out", 2}, {"email", 3}, {"refused", 4}},
	},
	"faults": {
		about: "requests get lost, land late, are refused; functions die and freeze", contacts: 3, companies: 1, actions: 12, reorder: 4 * time.Second,
		reconcile: 20 * time.Minute, workflow: 20, rates: hostile, conditional: true, outages: 25,
		deeds: []deed{{"edit", 60}, {"clear", 8}, {"create hubspot", 10}, {"create zoho", 3}, {"create both", 4}, {"edit company", 8}, {"touch", 4}, {"stage", 6}, {"refused", 6}, {"cut", 4}, {"opt out", 2}, {"email", 4}},
	},
	"putbacks": {
		about: "people put earlier values back", contacts: 2, actions: 14, reorder: 2 * time.Second, reconcile: 20 * time.Minute, workflow: 15, rates: some, conditional: true,
		deeds: []deed{{"put back", 40}, {"edit", 30}, {"clear", 8}, {"stage", 5}, {"touch", 4}},
	},
	"firstmeeting": {
		about: "records that were there on both sides before", contacts: 4, companies: 2, actions: 10, reorder: 2 * time.Second, reconcile: 15 * time.Minute, workflow: 10,
		rates: some, met: true, conditional: true,
		deeds: []deed{{"edit", 50}, {"clear", 10}, {"touch", 10}, {"create both", 8}, {"email", 8}, {"edit company", 10}, {"lead", 3}},
	},
	"companies": {
		about: "companies with one domain, contacts that change their company", contacts: 2, companies: 2, actions: 12, reorder: 2 * time.Second, reconcile: 20 * time.Minute,
		workflow: 10, rates: hostile, conditional: true,
		deeds: []deed{{"edit company", 25}, {"company twins", 14}, {"move", 22}, {"create company", 8}, {"create hubspot", 8}, {"edit", 10}, {"delete company", 6}, {"restore company", 6}, {"merge companies", 3}},
	},
	"merges": {
		about: "people merge records on both sides", contacts: 4, companies: 1, actions: 10, reorder: 3 * time.Second, reconcile: 15 * time.Minute, workflow: 5, rates: some, conditional: true,
		deeds: []deed{{"merge hubspot", 18}, {"merge zoho", 14}, {"edit", 45}, {"create both", 6}, {"create hubspot", 6}, {"email", 4}, {"put back", 4}},
	},
	"deleterestore": {
		about: "people delete, restore and erase", contacts: 4, companies: 1, actions: 11, reorder: 3 * time.Second, reconcile: 15 * time.Minute, workflow: 5, rates: some, conditional: true,
		deeds: []deed{{"delete hubspot", 10}, {"delete zoho", 10}, {"restore hubspot", 10}, {"restore zoho", 10}, {"erase", 6}, {"edit", 40}, {"create hubspot", 6}, {"create both", 5}, {"create again", 6}, {"move", 4}, {"delete company", 3}, {"restore company", 4}},
	},
	"replays": {
		about: "operators replay what is parked: of records that were deleted, moved, merged, or have what the other side does not take", contacts: 3, companies: 1, actions: 13,
		reorder: 2 * time.Second, reconcile: 20 * time.Minute, workflow: 10, rates: some, unfit: true, replays: true, conditional: true,
		deeds: []deed{{"replay", 22}, {"delete zoho", 9}, {"delete company", 9}, {"delete hubspot", 4}, {"restore zoho", 5}, {"restore company", 5}, {"restore hubspot", 3}, {"move", 10}, {"edit", 18}, {"edit company", 5}, {"refused", 8}, {"create unfit", 6}, {"mend origin", 4}, {"create again", 5}, {"merge hubspot", 4}, {"merge zoho", 4}, {"clear", 5}},
	},
	"optouts": {
		about: "people who want no e-mails are merged, deleted, restored and made anew", contacts: 4, actions: 12, reorder: 2 * time.Second, reconcile: 15 * time.Minute,
		workflow: 5, rates: some, replays: true, conditional: true,
		deeds: []deed{{"opt out", 20}, {"merge hubspot", 14}, {"merge zoho", 14}, {"delete zoho", 8}, {"restore zoho", 4}, {"delete hubspot", 4}, {"restore hubspot", 3}, {"replay", 8}, {"edit", 25}, {"create both", 6}, {"create again", 4}, {"email", 4}},
	},
	"erasures": {
		about: "people erase whom others merge, delete and restore", contacts: 4, companies: 1, actions: 11, reorder: 3 * time.Second, reconcile: 15 * time.Minute, workflow: 5, rates: some, conditional: true,
		deeds: []deed{{"erase", 14}, {"merge hubspot", 18}, {"merge zoho", 8}, {"delete hubspot", 6}, {"delete zoho", 6}, {"restore hubspot", 5}, {"restore zoho", 6}, {"edit", 25}, {"create hubspot", 6}, {"create both", 5}, {"create again", 6}},
	},
	"unheard": {
		about: "deliveries never arrive: reconcile finds what they told", contacts: 3, companies: 1, actions: 10, reorder: 2 * time.Second, reconcile: 20 * time.Minute, workflow: 10,
		rates: some.losing(250), conditional: true,
		deeds: []deed{{"edit", 50}, {"clear", 6}, {"create hubspot", 8}, {"create zoho", 3}, {"create both", 5}, {"edit company", 8}, {"create company", 3}, {"move", 8}, {"stage", 5}, {"email", 4}},
	},
	"tokens": {
		about: "Zoho's access token dies at any moment, under everybody's hands", contacts: 3, companies: 1, actions: 14, reorder: time.Second, reconcile: 20 * time.Minute, workflow: 10,
		rates: some, conditional: true,
		deeds: []deed{{"kill tokens", 30}, {"edit", 50}, {"create hubspot", 10}, {"create both", 4}, {"edit company", 8}, {"clear", 4}},
	},
	"switches": {
		about: "operators switch the stack to observe, off and on; the brake is pulled and released", contacts: 4, companies: 1, actions: 12, reorder: 2 * time.Second,
		reconcile: 20 * time.Minute, workflow: 10, rates: some, conditional: true, limits: rules.Limits{Clearings: 3, Overwritten: 2000},
		deeds: []deed{{"pause", 14}, {"clear everywhere", 10}, {"edit", 45}, {"clear", 8}, {"create hubspot", 8}, {"create both", 4}, {"edit company", 8}, {"email", 3}},
	},
}

// losing returns the rates with lost deliveries besides, of a thousand.
func (r rates) losing(deliveries int) rates {
	r.unheard = deliveries
	return r
}

// Names returns the names of the configurations in the order in which "all" goes through them.
func Names() []string {
	return []string{"steady", "faults", "putbacks", "firstmeeting", "creation", "unfit", "companies", "merges", "deleterestore", "replays", "optouts", "erasures", "unheard", "tokens", "switches"}
}

// About says what a configuration is, "" for none.
func About(name string) string { return configs[name].about }

// action is one deed of a plan.
type action struct {
	n    int
	at   time.Duration
	deed string
}

// makePlan draws who does what and when. Each action has its own dice, so that leaving one out leaves the others as they are.
func (s *sim) makePlan() {
	dice := rand.New(rand.NewPCG(s.opt.Seed, 21))
	total := 0
	for _, d := range s.cfg.deeds {
		total += d.weight
	}
	at := time.Duration(0)
	count := s.cfg.actions - 3 + dice.IntN(6)
	pace := dice.IntN(3)
	for n := range count {
		at += gap(dice, pace)
		roll := dice.IntN(total)
		for _, d := range s.cfg.deeds {
			if roll -= d.weight; roll < 0 {
				s.add(action{n, at, d.name})
				break
			}
		}
	}
	if dice.IntN(100) < s.cfg.outages {
		s.add(action{count, time.Duration(dice.Int64N(int64(at) + 1)), fmt.Sprintf("outage %s", []string{"hubspot", "zoho"}[dice.IntN(2)])})
	}
}

func (s *sim) add(a action) {
	if s.opt.Actions == nil || slices.Contains(s.opt.Actions, a.n) {
		s.plan = append(s.plan, a)
	}
}

// gap is the time between two actions: most are close together, where they meet each other's consequences.
func gap(dice *rand.Rand, pace int) time.Duration {
	span := func(from, to time.Duration) time.Duration { return from + time.Duration(dice.Int64N(int64(to-from))) }
	switch n := dice.IntN(10) + pace; {
	case n < 4:
		return span(0, 700*time.Millisecond)
	case n < 8:
		return span(500*time.Millisecond, 6*time.Second)
	case n < 11:
		return span(5*time.Second, 50*time.Second)
	}
	return span(time.Minute, 15*time.Minute)
}
