package hubspot

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// mergedProperty lists the ids that went into a record: "51;1;1551".
const mergedProperty = "hs_merged_object_ids"

// wireObject is a record as HubSpot sends it; it never leaves this package.
type wireObject struct {
	ID         text                     `json:"id"`
	Properties map[string]wireValue     `json:"properties"`
	History    map[string][]wireVersion `json:"propertiesWithHistory"`
	Created    wireValue                `json:"createdAt"`
	Updated    wireValue                `json:"updatedAt"`
	Archived   bool                     `json:"archived"`
}

// wireVersion is one value in a property's history.
type wireVersion struct {
	Value      wireValue `json:"value"`
	Timestamp  wireValue `json:"timestamp"`
	SourceType string    `json:"sourceType"`
	SourceID   text      `json:"sourceId"`
}

// wireValue is a property's value: a string on paper, null when empty; numbers and booleans are tolerated, anything else
// is unreadable.
type wireValue struct {
	text string
	ok   bool
}

// UnmarshalJSON accepts every JSON value.
func (v *wireValue) UnmarshalJSON(raw []byte) error {
	switch {
	case string(raw) == "null":
		*v = wireValue{ok: true}
	case raw[0] == '"':
		v.ok = true
		return json.Unmarshal(raw, &v.text)
	case raw[0] == '{' || raw[0] == '[':
		*v = wireValue{}
	default:
		*v = wireValue{text: string(bytes.TrimSpace(raw)), ok: true}
	}
	return nil
}

// raw returns the value in the text form that the mapping reads; owners are resolved by the caller.
func (v wireValue) raw(t crm.Type) crm.Value {
	if !v.ok {
		return crm.Unknown()
	}
	s := v.text
	switch t {
	case crm.TypeMulti: // a leading ";" is how HubSpot appends
		s = strings.Join(slices.DeleteFunc(strings.Split(s, ";"), func(m string) bool { return m == "" }), ";")
	case crm.TypeDate:
		if at, ok := millis(s); ok {
			s = at.Format(time.DateOnly)
		}
	case crm.TypeInstant:
		if at, ok := millis(s); ok {
			s = at.Format("2006-01-02T15:04:05.999Z07:00")
		}
	}
	return crm.Text(s)
}

// millis reads a moment in milliseconds. Shorter texts are years and the like.
func millis(s string) (time.Time, bool) {
	if len(strings.TrimPrefix(s, "-")) < 9 || strings.Trim(strings.TrimPrefix(s, "-"), "0123456789") != "" {
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	return time.UnixMilli(ms).UTC(), err == nil && ms < 1<<48 && ms > -1<<48
}

// moment reads a time in ISO form or in milliseconds, zero when it is neither.
func moment(s string) time.Time {
	if at, ok := millis(s); ok {
		return at
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// modified returns when the record was last modified, zero when HubSpot did not say.
func (o wireObject) modified(m crm.Module) time.Time {
	if at := moment(o.Properties[modifiedProperty(m)].text); !at.IsZero() {
		return at
	}
	return moment(o.Updated.text)
}

// created returns when the record was made, zero when HubSpot did not say.
func (o wireObject) created() time.Time {
	if at := moment(o.Created.text); !at.IsZero() {
		return at
	}
	return moment(o.Properties["createdate"].text)
}

// merged returns the ids that went into the record.
func (o wireObject) merged() []string {
	ids := strings.FieldsFunc(o.Properties[mergedProperty].text, func(r rune) bool { return r < '0' || r > '9' })
	return slices.DeleteFunc(ids, func(id string) bool { return id == string(o.ID) })
}
