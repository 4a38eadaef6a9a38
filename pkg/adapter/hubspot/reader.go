package hubspot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/scan"
)

// Read reads operations from a verified delivery. The events of one record become one operation with their field names
// united; deletions, merges and erasures stand alone. Echoes of our own writes, changes of unmapped properties, HubSpot's
// test events and kinds that nobody asked for end here and are counted. A single event that cannot be read, or is of another
// portal, is counted and does not keep the others back; a body that cannot be read is door.ErrUnreadable. New values are read
// over, however long they are: the record is asked for them.
func (s *Source) Read(ctx context.Context, r door.Request) (door.Delivery, error) {
	if err := scan.JSON(r.Body, scan.Limits{String: len(r.Body)}); err != nil {
		return door.Delivery{}, fmt.Errorf("%w: %w", door.ErrUnreadable, err)
	}
	events, n, err := parse(r.Body)
	if err != nil {
		return door.Delivery{}, fmt.Errorf("%w: %w", door.ErrUnreadable, err)
	}
	d := door.Delivery{Events: n, Unreadable: n - len(events)}
	mapped, portal := s.mapped(ctx), s.portal(ctx)
	var u union
	for i := range events {
		e := &events[i]
		c, wanted, err := e.change()
		switch {
		case e.test():
			d.Ignored++
		case e.foreign(portal):
			d.Foreign++
		case err != nil:
			d.Unreadable++
		case !wanted || unmapped(mapped, c):
			d.Ignored++
		case e.echo(s.AppID, c.verb):
			d.Echoes++
		default:
			u.add(c)
		}
	}
	d.Operations = u.operations(s.Connection)
	for i := range d.Operations {
		d.Operations[i].ReceivedAt = s.Now().UTC()
	}
	return d, nil
}

// errList says that a body is no list of events.
var errList = errors.New("not a list of events")

// parse reads the events of a delivery that can be read, and tells how many there are with those that cannot.
func parse(body []byte) (events []event, n int, err error) {
	if json.Unmarshal(body, &events) == nil && events != nil {
		return events, len(events), nil
	}
	var raw []json.RawMessage
	if json.Unmarshal(body, &raw) != nil || raw == nil {
		return nil, 0, errList
	}
	events = nil
	for _, one := range raw {
		var e event
		if json.Unmarshal(one, &e) == nil {
			events = append(events, e)
		}
	}
	return events, len(raw), nil
}

// mapped returns the mapped properties per module, nil when they are not known.
func (s *Source) mapped(ctx context.Context) map[crm.Module][]string {
	if s.Fields == nil {
		return nil
	}
	names, err := s.Fields(ctx)
	if err != nil {
		return nil
	}
	return names
}

// portal returns the account whose events are taken, "" when it is not known: a table that is away for a while must not turn away
// what HubSpot tells once and then gives up on.
func (s *Source) portal(ctx context.Context) string {
	if s.Portal == nil {
		return ""
	}
	id, err := s.Portal(ctx)
	if err != nil {
		return ""
	}
	return id
}

func unmapped(mapped map[crm.Module][]string, c change) bool {
	names, known := mapped[c.module]
	return c.field != "" && known && !slices.Contains(names, c.field)
}

// union gathers changes per record, in the order in which the records were first named.
type union struct {
	order  []string
	groups map[string][]change
}

// alone tells the verbs that are never united with others.
func alone(v crm.Verb) bool { return v == crm.Delete || v == crm.Merge || v == crm.Erase }

func (u *union) add(c change) {
	key := string(c.module) + "/" + c.record
	if alone(c.verb) {
		key += "/" + string(c.verb)
	}
	if c.verb == crm.Merge {
		key += "/" + strings.Join(c.others, ",")
	}
	if u.groups == nil {
		u.groups = map[string][]change{}
	}
	if u.groups[key] == nil {
		u.order = append(u.order, key)
	}
	u.groups[key] = append(u.groups[key], c)
}

func (u *union) operations(connection string) []crm.Operation {
	var ops []crm.Operation
	for _, key := range u.order {
		ops = append(ops, unite(u.groups[key], connection))
	}
	return ops
}

// rank orders the verbs that can be united: the operation is called by what says most.
var rank = map[crm.Verb]int{crm.Update: 1, crm.Associate: 2, crm.Create: 3, crm.Restore: 4}

// unite makes one operation of changes of one record. Its id is the hash of their sorted identities, so the same events
// give the same id in any order; its time is the latest of theirs.
func unite(changes []change, connection string) crm.Operation {
	first := changes[0]
	op := crm.Operation{V: crm.OperationVersion, Connection: connection, Source: crm.HubSpot, Kind: first.module.Kind(),
		Module: first.module, Verb: first.verb, RecordID: first.record, Others: first.others}
	var identities []string
	for _, c := range changes {
		identities = append(identities, c.identity)
		if c.field != "" {
			op.Fields = append(op.Fields, c.field)
		}
		if rank[c.verb] > rank[op.Verb] {
			op.Verb = c.verb
		}
		if c.at.After(op.OccurredAt) {
			op.OccurredAt = c.at
		}
	}
	slices.Sort(op.Fields)
	op.Fields = slices.Compact(op.Fields)
	slices.Sort(identities)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(identities), "\n")))
	op.ID = hex.EncodeToString(sum[:16])
	return op
}
