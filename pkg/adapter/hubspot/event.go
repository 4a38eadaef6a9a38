package hubspot

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// event is one element of a delivery, classic or generic. Samples: testdata/hubspot-samples.json.
type event struct {
	EventID        digits `json:"eventId"`
	SubscriptionID digits `json:"subscriptionId"`
	PortalID       digits `json:"portalId"`
	OccurredAt     digits `json:"occurredAt"` // ms
	Type           string `json:"subscriptionType"`
	OldType        string `json:"eventType"` // older samples say this for subscriptionType
	ObjectID       digits `json:"objectId"`
	ObjectType     string `json:"objectTypeId"`
	Property       string `json:"propertyName"`
	ChangeSource   string `json:"changeSource"`
	SourceID       text   `json:"sourceId"`

	Primary digits   `json:"primaryObjectId"`
	New     digits   `json:"newObjectId"`
	Merged  []digits `json:"mergedObjectIds"`

	Association string `json:"associationType"`
	From        digits `json:"fromObjectId"`
	To          digits `json:"toObjectId"`
	FromType    string `json:"fromObjectTypeId"`
	ToType      string `json:"toObjectTypeId"`
}

// digits is a whole number kept as it was written: ids do not fit a float64, and some arrive in quotes. "" is absent.
type digits string

// UnmarshalJSON accepts a whole number, bare or in quotes, and null.
func (d *digits) UnmarshalJSON(raw []byte) error {
	s := strings.Trim(string(raw), `"`)
	if s == "null" || s == "" {
		*d = ""
		return nil
	}
	if len(s) > 20 || strings.Trim(strings.TrimPrefix(s, "-"), "0123456789") != "" || s == "-" {
		return errors.New("not a whole number")
	}
	*d = digits(s)
	return nil
}

// id returns the digits as a record's key, "" when absent, zero or negative.
func (d digits) id() string {
	if d == "" || d[0] == '-' || strings.Trim(string(d), "0") == "" {
		return ""
	}
	return string(d)
}

// text is a string that some senders write as a number.
type text string

// UnmarshalJSON accepts a string, null as no text, or anything else as it is written.
func (t *text) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' || string(raw) == "null" {
		return json.Unmarshal(raw, (*string)(t))
	}
	*t = text(raw)
	return nil
}

// verbs are the events that mean something to us; every other is ignored.
var verbs = map[string]crm.Verb{
	"creation":          crm.Create,
	"propertyChange":    crm.Update,
	"associationChange": crm.Associate,
	"deletion":          crm.Delete,
	"restore":           crm.Restore,
	"merge":             crm.Merge,
	"privacyDeletion":   crm.Erase,
}

// modules are the kinds of object that are brought in step, by object type id and by classic name.
var modules = map[string]crm.Module{
	"0-1": crm.Contacts, "contact": crm.Contacts,
	"0-2": crm.Companies, "company": crm.Companies,
}

// companyProperty is the property of a contact that shows its primary company.
const companyProperty = "associatedcompanyid"

// change is an event that concerns us.
type change struct {
	verb     crm.Verb
	module   crm.Module
	record   string
	others   []string
	field    string
	at       time.Time
	identity string
}

// maxName is more bytes than the name of a property has. Nothing else of an event goes into an operation as it was written.
const maxName = 500

// errShape says that an event lacks what it cannot be without.
var errShape = errors.New("the event lacks its type or its record")

// kind returns the event's name split at the point: object or classic name, and what happened.
func (e *event) kind() (object, what string) {
	name := e.Type
	if name == "" {
		name = e.OldType
	}
	object, what, _ = strings.Cut(name, ".")
	return object, what
}

// change reads the event. It returns false for one that nobody asked for, and errShape for one that cannot be read.
func (e *event) change() (change, bool, error) {
	object, what := e.kind()
	if what == "" {
		return change{}, false, errShape
	}
	verb, known := verbs[what]
	if !known {
		return change{}, false, nil
	}
	c := change{verb: verb, at: e.time(), identity: e.identity(object + "." + what)}
	if verb == crm.Associate {
		return e.association(c)
	}
	if object == "object" {
		object = e.ObjectType
	}
	if c.module, known = modules[object]; !known {
		return change{}, false, nil
	}
	switch c.record = e.ObjectID.id(); verb {
	case crm.Merge:
		c.record, c.others = e.merge()
	case crm.Update:
		if c.field = e.Property; c.field == "" || len(c.field) > maxName {
			return change{}, false, errShape
		}
	}
	if c.record == "" {
		return change{}, false, errShape
	}
	return c, true, nil
}

// merge names the survivor of a merge and all the other ids, the primary first. Since January 2025 a merge makes a third id
// (newObjectId); accounts that preserve primary ids send none.
func (e *event) merge() (survivor string, others []string) {
	survivor = e.New.id()
	if survivor == "" {
		survivor = e.Primary.id()
	}
	rest := slices.Sorted(slices.Values(e.Merged))
	for _, id := range append([]digits{e.Primary, e.ObjectID}, rest...) {
		if key := id.id(); key != "" && key != survivor && !slices.Contains(others, key) {
			others = append(others, key)
		}
	}
	return survivor, others
}

// association puts the event on its contact: both sides send one, and the company needs no work. The ends are told by
// the generic type ids or by the classic name (CONTACT_TO_COMPANY).
func (e *event) association(c change) (change, bool, error) {
	from, to := modules[e.FromType], modules[e.ToType]
	if a, b, ok := strings.Cut(strings.ToLower(e.Association), "_to_"); ok && from == "" && to == "" {
		from, to = modules[a], modules[b]
	}
	switch {
	case from == crm.Contacts && to == crm.Companies:
		c.record = e.From.id()
	case from == crm.Companies && to == crm.Contacts:
		c.record = e.To.id()
	default:
		return change{}, false, nil
	}
	if c.module, c.field = crm.Contacts, companyProperty; c.record == "" {
		return change{}, false, errShape
	}
	return c, true, nil
}

// time returns when the event says that it happened, zero when it does not say.
func (e *event) time() time.Time {
	ms, err := strconv.ParseInt(string(e.OccurredAt), 10, 64)
	if err != nil || ms <= 0 || ms > 1<<48 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// identity is what a repetition of the event shares with it and no other event does. HubSpot does not promise that
// eventId alone is unique, and attemptNumber differs in every repetition.
func (e *event) identity(kind string) string {
	parts := [...]string{string(e.PortalID), string(e.SubscriptionID), kind, e.ObjectType, string(e.ObjectID), string(e.From),
		string(e.To), string(e.EventID), string(e.OccurredAt), e.Property}
	var space [256]byte
	text := append(space[:0], '[')
	for i, p := range parts {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendText(text, p)
	}
	return string(append(text, ']'))
}

// appendText appends what json.Marshal makes of a string; nearly every one is plain.
func appendText(to []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			raw, _ := json.Marshal(s) // a string always marshals
			return append(to, raw...)
		}
	}
	return append(append(append(to, '"'), s...), '"')
}

// test reports whether the event came from the test button of the app's settings: its ids are constants.
func (e *event) test() bool { return e.EventID == "100" && e.ObjectID == "123" }

// foreign reports whether the event is of another account than the one given: an app may be installed in several, which sign alike.
func (e *event) foreign(portal string) bool {
	return portal != "" && e.PortalID != "" && string(e.PortalID) != portal
}

// echo reports whether our own app made the change. We write properties and associations; a deletion, a merge or a
// restore is never ours and always passes.
func (e *event) echo(app string, v crm.Verb) bool {
	ours := app != "" && e.ChangeSource == "INTEGRATION" && string(e.SourceID) == app
	return ours && (v == crm.Create || v == crm.Update || v == crm.Associate)
}
