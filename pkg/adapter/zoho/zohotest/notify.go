package zohotest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// event is one record of the moment that is being collected.
type event struct {
	record    *record
	operation string // insert, update, delete, restore
	changed   []string
	by        *User
}

// delivery is a notification on its way.
type delivery struct {
	at    time.Time
	order int
	url   string
	body  []byte
	tries int
}

// notification is the body that Zoho posts (Zoho docs: Notifications): server_time a bare number of milliseconds, channel_id a string,
// token null when the channel has none, resource_uri always under v2.
type notification struct {
	ServerTime     int64                 `json:"server_time"`
	AffectedValues []affected            `json:"affected_values,omitempty"`
	QueryParams    map[string]string     `json:"query_params"`
	Module         string                `json:"module"`
	ResourceURI    string                `json:"resource_uri"`
	IDs            []string              `json:"ids"`
	AffectedFields []map[string][]string `json:"affected_fields"`
	Operation      string                `json:"operation"`
	ChannelID      string                `json:"channel_id"`
	Token          any                   `json:"token"`
}

type affected struct {
	RecordID string         `json:"record_id"`
	Values   map[string]any `json:"values"`
}

// verbOf is the subscription verb that covers an operation. A restored record is announced to whoever listens to
// creations or deletions; the vendor says nothing about it.
var verbOf = map[string][]string{"insert": {"create"}, "update": {"edit"}, "delete": {"delete"}, "restore": {"create", "delete"}}

// tell ends the moment: one notification per module and operation for each live channel that subscribed, several ids
// together (Zoho docs: Notifications). Our own writes are notified like everybody's, whatever trigger says (Zoho docs: Insert Records).
func (s *Server) tell() {
	all := s.events
	if len(all) == 0 {
		return
	}
	s.events = nil
	if s.opt.Send == nil {
		return
	}
	for len(all) > 0 {
		first := all[0]
		var group, rest []event
		for _, e := range all {
			if e.record.module == first.record.module && e.operation == first.operation {
				group = append(group, e)
			} else {
				rest = append(rest, e)
			}
		}
		for _, ch := range s.channels {
			if ch.expiry.After(s.now()) {
				s.tellChannel(ch, first.record.module, first.operation, group)
			}
		}
		all = rest
	}
}

func (s *Server) tellChannel(ch *channel, m *module, operation string, group []event) {
	if !ch.hears(m.name, operation) {
		return
	}
	n := notification{ServerTime: s.now().UnixMilli(), QueryParams: map[string]string{}, Module: m.name, Operation: operation,
		ResourceURI: s.opt.APIDomain + "/crm/v2/" + m.name, ChannelID: ch.id, Token: ch.token, AffectedFields: []map[string][]string{}}
	if operation == "restore" {
		n.Operation = s.opt.RestoreName
	}
	if u, err := url.Parse(ch.url); err == nil {
		for k, v := range u.Query() {
			n.QueryParams[k] = v[0]
		}
	}
	for _, e := range group {
		if operation == "update" && !ch.cares(m.name, e.changed) {
			continue
		}
		n.IDs = append(n.IDs, e.record.id)
		s.addAffected(&n, ch, e)
	}
	if len(n.IDs) == 0 {
		return
	}
	body, err := json.Marshal(n)
	if err != nil {
		return
	}
	s.queue(ch.url, body)
}

// addAffected tells what changed: nothing for an insertion, the changed fields for an update, who did it for a deletion
// (observed, Zoho docs: Notifications). A channel without values gets ids only.
func (s *Server) addAffected(n *notification, ch *channel, e event) {
	if !ch.values {
		return
	}
	r := e.record
	switch e.operation {
	case "update":
		values := map[string]any{}
		for _, name := range e.changed {
			values[name] = s.show(r, r.last(), r.module.fields[name], s.now())
		}
		n.AffectedFields = append(n.AffectedFields, map[string][]string{r.id: e.changed})
		n.AffectedValues = append(n.AffectedValues, affected{RecordID: r.id, Values: values})
	case "delete":
		n.AffectedFields = append(n.AffectedFields, map[string][]string{r.id: {"Modified_By", "Record_Status__s"}})
		n.AffectedValues = append(n.AffectedValues, affected{RecordID: r.id, Values: map[string]any{"Modified_By": s.showUser(e.by), "Record_Status__s": 0}})
	}
}

func (ch *channel) hears(module, operation string) bool {
	return slices.Contains(ch.events, module+".all") ||
		slices.ContainsFunc(verbOf[operation], func(verb string) bool { return slices.Contains(ch.events, module+"."+verb) })
}

// cares reports whether an update touches a field that the channel selected; one without conditions cares for all.
func (ch *channel) cares(module string, changed []string) bool {
	for _, c := range ch.condition {
		if c.module == module && !c.fields.meets(changed) {
			return false
		}
	}
	return true
}

// queue sends a notification on its way, with the chances that Options name.
func (s *Server) queue(to string, body []byte) {
	chance := func(p float64) bool { return p > 0 && s.opt.Rand.Float64() < p }
	if chance(s.opt.Loss) {
		return
	}
	copies := 1
	if chance(s.opt.Duplicates) {
		copies = 2
	}
	for range copies {
		wait := s.opt.NotifyDelay
		if s.opt.Reorder > 0 {
			wait += time.Duration(s.opt.Rand.Int64N(int64(s.opt.Reorder)))
		}
		s.sequence++
		s.deliveries = append(s.deliveries, delivery{at: s.now().Add(wait), order: s.sequence, url: to, body: body})
	}
}

// Tick carries out late requests whose time has come and sends the notifications that are due, through Options.Send. It
// does not hold the server while it sends.
func (s *Server) Tick() {
	for {
		s.mu.Lock()
		now := s.now()
		for s.land(now) {
		}
		d, due := s.nextDelivery(now)
		s.mu.Unlock()
		if !due {
			return
		}
		if !s.deliver(d) && d.tries < s.opt.Repeat {
			s.mu.Lock()
			d.tries++
			d.at = now.Add(s.opt.RepeatAfter)
			s.deliveries = append(s.deliveries, d)
			s.mu.Unlock()
		}
	}
}

// nextDelivery takes the first notification that is due out of the list.
func (s *Server) nextDelivery(now time.Time) (delivery, bool) {
	first := -1
	for i, d := range s.deliveries {
		if d.at.After(now) {
			continue
		}
		if first < 0 || d.at.Before(s.deliveries[first].at) || d.at.Equal(s.deliveries[first].at) && d.order < s.deliveries[first].order {
			first = i
		}
	}
	if first < 0 {
		return delivery{}, false
	}
	d := s.deliveries[first]
	s.deliveries = slices.Delete(s.deliveries, first, first+1)
	return d, true
}

// deliver posts one notification and reports whether it was accepted.
func (s *Server) deliver(d delivery) bool {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, d.url, bytes.NewReader(d.body))
	if err != nil {
		return true // a URL that cannot be asked will not get better
	}
	r.Header.Set("Content-Type", "application/json;charset=UTF-8")
	status, err := s.opt.Send(r)
	return err == nil && status >= 200 && status < 300
}

// NextTick returns when Tick will next have something to do, the zero time when nothing is on its way.
func (s *Server) NextTick() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, d := range s.deliveries {
		sooner(d.at)
	}
	for _, l := range s.late {
		sooner(l.at)
	}
	return next
}

// Renotify sends a notification of an update once more for living records of a module, without any change to them, as
// doubled deliveries do. Fields may be empty.
func (s *Server) Renotify(moduleName string, fields []string, ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.modules[moduleName]
	if m == nil {
		return
	}
	for _, id := range ids {
		if r := m.records[id]; r != nil && r.alive() {
			s.events = append(s.events, event{record: r, operation: "update", changed: fields, by: r.last().by})
		}
	}
	s.tell()
}
