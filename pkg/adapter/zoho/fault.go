package zoho

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// kinds is the table of Zoho's codes. Where one is not listed, the status decides (rest.Judge). It rests on the error
// lists of https://www.zoho.com/crm/developer/docs/api/v8/ (insert-records, update-records, get-records, status-codes).
var kinds = map[string]fault.Kind{
	"MANDATORY_NOT_FOUND":     fault.Refused,
	"INVALID_DATA":            fault.Refused,
	"EXPECTED_FIELD_MISSING":  fault.Refused,
	"DEPENDENT_FIELD_MISSING": fault.Refused,
	"DEPENDENT_MISMATCH":      fault.Refused,
	"NOT_ALLOWED":             fault.Refused,
	"CONVERTED_RECORD":        fault.Refused,
	"FILE_SIZE_EXCEEDS":       fault.Refused,

	"AMBIGUITY_DURING_PROCESSING": fault.Refused,

	"DUPLICATE_DATA":           fault.Conflict,
	"MULTIPLE_OR_MULTI_ERRORS": fault.Conflict,
	"CANNOT_PROCESS":           fault.Conflict,

	"NOT_FOUND":      fault.Missing,
	"NO_CONTENT":     fault.Missing,
	"NOT_SUBSCRIBED": fault.Missing, // a channel that does not live

	"RECORD_LOCKED":       fault.Locked,
	"NOT_APPROVED":        fault.Locked,
	"RECORD_IN_BLUEPRINT": fault.Locked,

	"ALREADY_MODIFIED": fault.Stale,

	"TOO_MANY_REQUESTS": fault.Throttled,
	"INTERNAL_ERROR":    fault.Down,

	"INVALID_TOKEN":          fault.Denied,
	"INVALID_OAUTHTOKEN":     fault.Denied,
	"AUTHENTICATION_FAILURE": fault.Denied,

	"OAUTH_SCOPE_MISMATCH":   fault.Setup,
	"NO_PERMISSION":          fault.Setup,
	"AUTHORIZATION_FAILED":   fault.Setup,
	"INVALID_HOST":           fault.Setup,
	"INVALID_MODULE":         fault.Setup,
	"API_NOT_SUPPORTED":      fault.Setup,
	"STORAGE_SPACE_EXCEEDED": fault.Setup,
	"INVALID_QUERY":          fault.Setup, // a field that the organisation does not have

	"SYNTAX_ERROR":                       fault.Ours,
	"INVALID_ALIAS":                      fault.Ours,
	"INVALID_URL_PATTERN":                fault.Ours,
	"INVALID_REQUEST_METHOD":             fault.Ours,
	"REQUIRED_PARAM_MISSING":             fault.Ours,
	"DISCRETE_PAGINATION_LIMIT_EXCEEDED": fault.Ours,
	"PAGINATION_LIMIT_EXCEEDED":          fault.Ours,
	"TOKEN_BOUND_DATA_MISMATCH":          fault.Ours,
}

// hints is the advice for codes that name no field or whose details add nothing.
var hints = map[string]fault.Hint{
	"MANDATORY_NOT_FOUND":     fault.HintMissing,
	"EXPECTED_FIELD_MISSING":  fault.HintMissing,
	"DEPENDENT_FIELD_MISSING": fault.HintMissing,
	"DEPENDENT_MISMATCH":      fault.HintFormat,
	"INVALID_DATA":            fault.HintFormat,
	"DUPLICATE_DATA":          fault.HintDuplicate,
	"NOT_ALLOWED":             fault.HintReadOnly,
	"FILE_SIZE_EXCEEDS":       fault.HintTooLong,
	"NO_PERMISSION":           fault.HintPermission,
	"RECORD_LOCKED":           fault.HintLocked,
	"NOT_APPROVED":            fault.HintLocked,
	"RECORD_IN_BLUEPRINT":     fault.HintLocked,
}

// envelope is how Zoho says what became of something: {code, details, message, status}, bare or inside data[].
type envelope struct {
	Code    string  `json:"code"`
	Status  string  `json:"status"`
	Message string  `json:"message"`
	Details details `json:"details"`
}

// details holds what the codes add, success included.
type details struct {
	ID           digits `json:"id"`
	ModifiedTime string `json:"Modified_Time"`

	Property      string          `json:"api_name"`
	Path          string          `json:"json_path"`
	MaximumLength json.RawMessage `json:"maximum_length"`
	Expected      json.RawMessage `json:"expected_data_type"`
	Supported     json.RawMessage `json:"supported_values"`
	Permissions   json.RawMessage `json:"permissions"` // that the user's profile lacks
	Duplicate     struct {
		ID digits `json:"id"`
	} `json:"duplicate_record"`
	Errors         []envelope `json:"errors"`
	ExpectedFields []struct {
		Property string `json:"api_name"`
		Path     string `json:"json_path"`
	} `json:"expected_fields"`
	Events []struct {
		Ends string `json:"channel_expiry"`
	} `json:"events"` // of a channel
}

// UnmarshalJSON takes an object, and anything else as no details: some errors send a list or a text.
func (d *details) UnmarshalJSON(data []byte) error {
	*d = details{}
	if !bytes.HasPrefix(data, []byte("{")) {
		return nil
	}
	type plain details
	var p plain
	if json.Unmarshal(data, &p) == nil {
		*d = details(p)
	}
	return nil
}

// digits is an id as text, whether it came as a string or as a number.
type digits string

// UnmarshalJSON keeps the exact digits. What is neither a string nor a number gives "".
func (d *digits) UnmarshalJSON(data []byte) error {
	var text string
	switch {
	case len(data) > 2 && data[0] == '"' && crm.IsKey(string(data[1:len(data)-1])):
		text = string(data[1 : len(data)-1])
	case len(data) > 0 && data[0] == '"':
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	case crm.IsKey(string(data)):
		text = string(data)
	}
	*d = digits(text)
	return nil
}

// judge says what an answer means as a whole. The code decides before the status: errors come with 200 and 202 too.
func judge(op string, status int, h http.Header, body []byte) error {
	var e envelope
	if json.Unmarshal(body, &e) == nil && e.Code != "" && e.Code != "SUCCESS" {
		return e.fault(op, status, false)
	}
	return rest.Judge(op, status, h, body)
}

// judgeItems is judge for answers that tell about each item by itself, with whatever status below 500.
func judgeItems(op string, status int, h http.Header, body []byte) error {
	var a items
	if status < http.StatusInternalServerError && json.Unmarshal(body, &a) == nil && len(a.Data) > 0 && a.Data[0].Code != "" {
		return nil
	}
	return judge(op, status, h, body)
}

// items is the answer to a write, in the order of what was sent.
type items struct {
	Data []envelope `json:"data"`
}

// hide cuts the values that were sent out of every text.
func (e *envelope) hide(sent []string) {
	e.Message = rest.Without(e.Message, sent)
	for i := range e.Details.Errors {
		e.Details.Errors[i].hide(sent)
	}
}

// fault translates one error. An item is one record of a write: a permission that lacks for it is the record's fault, one
// that lacks for the whole call is a matter of setup.
func (e envelope) fault(op string, status int, item bool) *fault.Error {
	f := &fault.Error{Op: op, Kind: e.kind(status, item), Code: code(e.Code), Refused: e.refusals()}
	if message := e.words(); message != "" {
		f.Err = errors.New(message)
	}
	switch f.Kind {
	case fault.Refused, fault.Conflict, fault.Locked:
	default:
		f.Refused = nil
	}
	return f
}

// words are Zoho's own, with the permissions that it says are lacking.
func (e envelope) words() string {
	out := cut(e.Message)
	var all, lacking []string
	if json.Unmarshal(e.Details.Permissions, &all) == nil {
		for _, p := range all {
			if word(p) != "" {
				lacking = append(lacking, p)
			}
		}
	}
	if lacking == nil {
		return out
	}
	return out + ": " + strings.Join(lacking, ", ")
}

func (e envelope) kind(status int, item bool) fault.Kind {
	kind, known := kinds[e.Code]
	property := e.Details.property()
	switch {
	case e.Code == "MULTIPLE_OR_MULTI_ERRORS":
		return e.worst(status, item)
	case e.Code == "INVALID_DATA" && (property == "" || property == "id") && (e.Details.ID != "" || property == "id" || wrongID(e.Message)):
		return fault.Missing
	case e.Code == "RECORD_IN_BLUEPRINT" && property != "", e.Code == "NO_PERMISSION" && item:
		return fault.Refused
	case e.Code == "LIMIT_EXCEEDED" && status == http.StatusTooManyRequests:
		return fault.Throttled
	case e.Code == "LIMIT_EXCEEDED":
		return fault.Ours
	case known:
		return kind
	}
	return statusKind(status)
}

// statusKind is the kind of a code that the table does not know.
func statusKind(status int) fault.Kind {
	if err := rest.Judge("", status, nil, nil); err != nil {
		return fault.KindOf(err)
	}
	return fault.Unknown
}

// worst is the kind of several errors at once: what is not about the record first, then a duplicate.
func (e envelope) worst(status int, item bool) fault.Kind {
	kind := fault.Unknown
	for _, one := range e.Details.Errors {
		if one.Code == "MULTIPLE_OR_MULTI_ERRORS" {
			continue
		}
		switch k := one.kind(status, item); {
		case k != fault.Refused && k != fault.Conflict:
			return k
		case k == fault.Conflict || kind == fault.Unknown:
			kind = k
		}
	}
	return kind
}

// wrongID recognises the three texts with which INVALID_DATA says that no such record exists.
func wrongID(message string) bool {
	return strings.Contains(message, "id given seems to be invalid") || strings.Contains(message, "no data for the ID") ||
		strings.Contains(message, "record not deleted")
}

// property is the field at fault. The path is more exact than the name: for $.data[0].Account_Name.id the name is "id".
func (d details) property() string { return propertyOf(d.Path, d.Property) }

func propertyOf(path, name string) string {
	rest, ok := strings.CutPrefix(path, "$.data[")
	if !ok {
		return name
	}
	_, rest, ok = strings.Cut(rest, "].")
	if !ok || rest == "" {
		return name
	}
	if end := strings.IndexAny(rest, ".["); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// refusals lists the fields at fault. An error that names none gives one without a property, for its advice.
func (e envelope) refusals() []fault.Refusal {
	if e.Code == "MULTIPLE_OR_MULTI_ERRORS" {
		var all []fault.Refusal
		for _, one := range e.Details.Errors {
			if one.Code != "MULTIPLE_OR_MULTI_ERRORS" {
				all = append(all, one.refusals()...)
			}
		}
		return all
	}
	r := fault.Refusal{Property: word(e.Details.property()), Code: code(e.Code), Hint: e.hint(), Message: cut(e.Message)}
	if e.Code == "DUPLICATE_DATA" {
		if r.Record = string(e.Details.Duplicate.ID); r.Record == "" {
			r.Record = string(e.Details.ID)
		}
		if !crm.IsKey(r.Record) {
			r.Record = ""
		}
	}
	if r.Property == "" && len(e.Details.ExpectedFields) > 0 {
		var all []fault.Refusal
		for _, f := range e.Details.ExpectedFields {
			r.Property = word(propertyOf(f.Path, f.Property))
			all = append(all, r)
		}
		return all
	}
	return []fault.Refusal{r}
}

func (e envelope) hint() fault.Hint {
	if e.Code == "INVALID_DATA" {
		switch d := e.Details; {
		case d.MaximumLength != nil:
			return fault.HintTooLong
		case d.Supported != nil:
			return fault.HintPicklist
		}
	}
	return hints[e.Code]
}

// named fills in the fields of the refusals, and an op, from the columns that were asked.
func named(f *fault.Error, columns []crm.Column) *fault.Error {
	for i, r := range f.Refused {
		for _, c := range columns {
			if c.Property == r.Property {
				f.Refused[i].Field = c.Field
			}
		}
	}
	return f
}
