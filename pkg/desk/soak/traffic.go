package soak

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"crm-connector/pkg/core/conversion"
)

// spec is one event as its sender means it.
type spec struct {
	tenant   int
	id       string // of the sender; "" for none
	header   bool   // the id is sent as Idempotency-Key
	client   int
	kind     conversion.Type
	channel  conversion.Channel
	state    string
	currency string // "" for none
	cents    int64
	at       int64 // ms since 1970
	campaign int   // 0: none
	borrowed bool  // its id is that of an event of the other sender
}

// The senders.
var subjects = []string{"negozio", "crm"}

// identity is what two deliveries of one event have in common, and content what they must agree in.
func (s spec) identity() string {
	if s.id != "" {
		return strconv.Itoa(s.tenant) + " " + s.id
	}
	return strconv.Itoa(s.tenant) + "  " + s.content()
}

func (s spec) content() string {
	return fmt.Sprint(s.client, s.kind, s.channel, s.state, s.money(), s.cents, s.at, s.campaign)
}

func (s spec) money() string {
	if s.currency == "" {
		return "EUR"
	}
	return s.currency
}

// zones are how a sender may write the same instant.
var zones = []*time.Location{time.UTC, time.UTC, time.UTC, time.FixedZone("", 3600), time.FixedZone("", -5*3600)}

// body writes the event as one of many senders would.
func (s spec) body(dice *rand.Rand) []byte {
	b := make([]byte, 0, 320)
	b = append(b, '{')
	if s.id != "" && !s.header {
		b = fmt.Appendf(b, `"id_evento":%q,`, s.id)
	}
	b = fmt.Appendf(b, `"id_cliente":"CLIENTE-ROMA-%06d","evento":%q,"timestamp":%q,"valore":%s,`, s.client, s.kind,
		time.UnixMilli(s.at).In(zones[dice.IntN(len(zones))]).Format("2006-01-02T15:04:05.000Z07:00"), amount(s.cents, dice))
	if s.currency != "" {
		b = fmt.Appendf(b, `"valuta":%q,`, s.currency)
	}
	if s.campaign > 0 {
		b = fmt.Appendf(b, `"metadati":{"campagna":"autunno %d","dispositivo":"web"},`, s.campaign)
	}
	return fmt.Appendf(b, `"canale":%q,"stato":%q}`, s.channel, s.state)
}

// amount writes cents as JSON numbers may: 19.99, 19.90 or 19.9, 20.00 or 20.
func amount(cents int64, dice *rand.Rand) string {
	switch {
	case cents%100 == 0 && dice.IntN(2) == 0:
		return strconv.FormatInt(cents/100, 10)
	case cents%10 == 0 && dice.IntN(2) == 0:
		return fmt.Sprintf("%d.%d", cents/100, cents%100/10)
	}
	return fmt.Sprintf("%d.%02d", cents/100, cents%100)
}

// traffic makes the deliveries of a run: true events as they come about, of which some come late, some again, and some under an
// id that stands for another event.
type traffic struct {
	dice  *rand.Rand
	n     int // events so far
	last  []spec
	clock func() time.Time
}

// event is a new one.
func (t *traffic) event() spec {
	d := t.dice
	t.n++
	s := spec{
		tenant: d.IntN(len(subjects)), client: d.IntN(20_000), kind: conversion.Types()[d.IntN(4)], channel: conversion.Channels()[d.IntN(5)],
		state: "completato", cents: int64(d.IntN(50_000)), at: t.clock().UnixMilli() - int64(d.IntN(3000)), campaign: max(0, d.IntN(8)-4),
	}
	switch p := d.IntN(100); {
	case p < 7:
		s.state = "fallito"
	case p < 9:
		s.state = "duplicato"
	}
	switch p := d.IntN(100); {
	case p < 10:
		s.currency = "USD"
	case p < 12:
		s.currency = "CHF"
	case p < 50:
		s.currency = "EUR"
	}
	if d.IntN(50) == 0 { // a sender that was offline
		s.at -= int64(d.Float64() * float64(6*24*time.Hour/time.Millisecond))
	}
	if d.IntN(10) < 7 {
		s.id = fmt.Sprintf("ordine-%08d", t.n)
		s.header = d.IntN(10) == 0
		if len(t.last) > 0 && d.IntN(500) == 0 { // both senders may call theirs the same
			if o := t.last[d.IntN(len(t.last))]; o.id != "" && o.tenant != s.tenant && !o.borrowed { // two buyers' events of one sender have no order
				s.id, s.header, s.borrowed = o.id, false, true
			}
		}
	}
	if d.IntN(20) == 0 && len(t.last) > 0 { // somebody who buys again
		o := t.last[d.IntN(len(t.last))]
		s.client, s.tenant = o.client, o.tenant
		if s.id != "" {
			s.id, s.borrowed = fmt.Sprintf("ordine-%08d", t.n), false
		}
	}
	if t.last = append(t.last, s); len(t.last) > 400 {
		t.last = t.last[200:]
	}
	return s
}

// repeated is when an event of this moment comes again, 0 for never: 3 % do, most of them soon, some a week later.
func (t *traffic) repeated(s spec) time.Duration {
	d := t.dice
	if d.IntN(1000) >= 30 {
		return 0
	}
	var in time.Duration
	switch p := d.IntN(100); {
	case p < 60:
		in = 10 * time.Second
	case p < 85:
		in = 10 * time.Minute
	case p < 95:
		in = 24 * time.Hour
	default:
		in = conversion.MaxAge
	}
	room := conversion.MaxAge - t.clock().Sub(time.UnixMilli(s.at)) - time.Minute // else it is refused
	return min(time.Duration(d.Float64()*float64(in)), room) + time.Millisecond
}

// other is another event under the id of this one, once in a while.
func (t *traffic) other(s spec) (spec, bool) {
	if s.id == "" || t.dice.IntN(500) > 0 {
		return s, false
	}
	s.cents++
	return s, true
}

// gap is how long it takes until the next event: by the hour of the day, with bursts.
func (t *traffic) gap(mean time.Duration) time.Duration {
	busy := [24]float64{3, 4, 4, 4, 4, 3, 2, 1, .7, .6, .6, .7, .9, .8, .7, .7, .7, .6, .6, .6, .7, .8, 1, 2}
	if t.dice.IntN(3) == 0 {
		return 0
	}
	return time.Duration(1.5 * float64(mean) * busy[t.clock().Hour()] * -math.Log(1-t.dice.Float64()))
}
