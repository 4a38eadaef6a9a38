package hubspot

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/core/fault"
)

// wireError is HubSpot's error envelope. All of it is optional, and unknown keys come and go.
type wireError struct {
	Message     string       `json:"message"`
	Category    string       `json:"category"`
	SubCategory string       `json:"subCategory"`
	ErrorType   string       `json:"errorType"`
	Policy      string       `json:"policyName"`
	Context     wireContext  `json:"context"`
	Errors      []wireDetail `json:"errors"`
}

// wireDetail is one entry of errors, or of the list that older endpoints put into the message.
type wireDetail struct {
	Message string      `json:"message"`
	Code    string      `json:"code"`
	Error   string      `json:"error"`
	Name    string      `json:"name"`
	Context wireContext `json:"context"`
}

// wireContext holds lists of strings, or what some endpoint made of them.
type wireContext map[string]json.RawMessage

// first returns the first text under the key, "" when there is none.
func (c wireContext) first(key string) string {
	var many []text
	if json.Unmarshal(c[key], &many) == nil && len(many) > 0 {
		return string(many[0])
	}
	var one text
	if json.Unmarshal(c[key], &one) == nil && !strings.HasPrefix(string(one), "[") && one != "null" {
		return string(one)
	}
	return ""
}

// code returns the most telling of HubSpot's words for the error.
func (e wireError) code() string {
	for _, s := range [...]string{e.Policy, e.SubCategory, e.Category, e.ErrorType} {
		if s != "" {
			return s
		}
	}
	return ""
}

// The waits that HubSpot means when it sends no Retry-After (its Node client waits the same; 423: its guide on limits).
const (
	waitLocked   = 2 * time.Second
	waitBurst    = 10 * time.Second
	waitSearch   = time.Second
	waitDaily    = 15 * time.Minute
	waitMigrated = time.Minute // 477: the account is being moved
)

const statusMigrating = 477

// judge is the fault table: it says what a status and a body of HubSpot mean, nil for 2xx, whose items are judged one by
// one with item. The retry is the answer's Retry-After, 0 when it has none. The values in sent are cut out of every text.
func judge(op string, status int, retry time.Duration, body []byte, sent []string) error {
	if status >= 200 && status < 300 {
		return nil
	}
	var w wireError
	_ = json.Unmarshal(body, &w) // what could be read counts; a body of another shape leaves the status to speak
	e := w.fault(op, status, sent)
	if retry > 0 {
		e.After = retry
	}
	if e.Kind == fault.Locked {
		e.After = max(e.After, waitLocked)
	}
	return e
}

func (e wireError) fault(op string, status int, sent []string) *fault.Error {
	f := &fault.Error{Op: op, Code: e.code(), Err: fmt.Errorf("status %d", status)}
	if message := clean(e.Message, "", sent); message != "" {
		f.Err = errors.New(message)
	}
	switch {
	case status == http.StatusUnauthorized:
		f.Kind = fault.Denied
	case status == http.StatusTooManyRequests || e.Category == "RATE_LIMITS" || e.ErrorType == "RATE_LIMIT":
		f.Kind, f.After = fault.Throttled, e.wait()
	case status == statusMigrating:
		f.Kind, f.After = fault.Throttled, waitMigrated
	case status == http.StatusLocked:
		f.Kind = fault.Locked
	case status >= 500 || status == http.StatusRequestTimeout:
		f.Kind = fault.Down
	case status == http.StatusForbidden:
		f.Kind = fault.Setup
	case status == http.StatusNotFound && e.notFound():
		f.Kind = fault.Missing
	case status == http.StatusConflict:
		f.Kind, f.Refused = fault.Conflict, e.conflict(sent)
	case status == http.StatusBadRequest && len(e.Context["INVALID_OBJECT_IDS"]) > 0: // the other end of an association (captured)
		f.Kind = fault.Missing
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity:
		f.Kind, f.Refused = e.invalid(sent)
	}
	return f
}

// item judges one entry of the errors of a 2xx answer, by its category: such an entry has no status of its own.
func (e wireError) item(op string) *fault.Error {
	status := map[string]int{
		"OBJECT_NOT_FOUND": http.StatusNotFound, "CONFLICT": http.StatusConflict, "VALIDATION_ERROR": http.StatusBadRequest,
		"OBJECT_ALREADY_EXISTS": http.StatusConflict, "MISSING_SCOPES": http.StatusForbidden, "RATE_LIMITS": http.StatusTooManyRequests,
		"INTERNAL_ERROR": http.StatusInternalServerError,
	}[e.Category]
	return e.fault(op, status, nil)
}

func (e wireError) wait() time.Duration {
	message := strings.ToLower(e.Message)
	switch {
	case e.Policy == "DAILY" || strings.Contains(message, "daily limit"):
		return waitDaily
	case e.Policy == "SECONDLY" || strings.Contains(message, "your secondly limit"):
		return waitSearch
	}
	return waitBurst
}

// notFound tells a record that is not there from a path that is not there: the first is nobody's fault, the second would
// make every record look deleted.
func (e wireError) notFound() bool {
	message := strings.ToLower(e.Message)
	return e.Category == "OBJECT_NOT_FOUND" || message == "resource not found" || strings.HasPrefix(message, "object not found")
}

var existing = form(`Existing ID:\s*(\d+)`)

// conflict names the record that has the value. For contacts the value is the e-mail address.
func (e wireError) conflict(sent []string) []fault.Refusal {
	r := fault.Refusal{Code: e.code(), Hint: fault.HintDuplicate, Message: clean(e.Message, "", sent), Record: e.Context.first("existingId")}
	if m := existing().FindStringSubmatch(e.Message); m != nil && r.Record == "" {
		r.Record = m[1]
	}
	if strings.HasPrefix(e.Message, "Contact ") {
		r.Property = "email"
	}
	return []fault.Refusal{r}
}

// invalid judges a 400: refused if it names properties or a missing permission, a conflict if all that it names are
// duplicates or another record has a unique value, our own bug if the batch was malformed, else unknown.
func (e wireError) invalid(sent []string) (fault.Kind, []fault.Refusal) {
	var refused []fault.Refusal
	kind := fault.Conflict
	for _, d := range e.details() {
		r := d.refusal(sent)
		if r.Property == "" {
			continue
		}
		if r.Hint != fault.HintDuplicate {
			kind = fault.Refused
		}
		refused = append(refused, r)
	}
	switch m := taken().FindStringSubmatch(e.Message); {
	case len(refused) > 0:
		return kind, refused
	case m != nil:
		return fault.Conflict, []fault.Refusal{{
			Property: m[1], Code: e.code(), Hint: fault.HintDuplicate, Message: clean(e.Message, "", sent), Record: m[2],
		}}
	case permission().MatchString(e.Message):
		return fault.Refused, []fault.Refusal{{Code: e.code(), Hint: fault.HintPermission, Message: clean(e.Message, "", sent)}}
	case strings.HasPrefix(e.Message, "Duplicate IDs"):
		return fault.Ours, nil
	}
	return fault.Unknown, nil
}

// taken is how HubSpot words that another record has the value of a property that is unique (community captures; assembled in the sandbox).
var taken = form(`(?s)PropertyValueCoordinates\{[^}]*propertyName=([A-Za-z0-9_]+).*?(\d+) already has that value`)

var permission = form(`(?i)^missing '.*' permission`)

// details returns the entries of errors; where they name no property, the list that the message carries.
func (e wireError) details() []wireDetail {
	for _, d := range e.Errors {
		if d.property() != "" {
			return e.Errors
		}
	}
	from, to := strings.Index(e.Message, "[{"), strings.LastIndex(e.Message, "]")
	var told []wireDetail
	if from < 0 || to < from || json.Unmarshal([]byte(e.Message[from:to+1]), &told) != nil {
		return nil
	}
	return told
}

func (d wireDetail) property() string {
	for _, key := range [...]string{"propertyName", "properties", "property"} {
		if name := d.Context.first(key); name != "" {
			return name
		}
	}
	return d.Name
}

func (d wireDetail) refusal(sent []string) fault.Refusal {
	r := fault.Refusal{Property: d.property(), Code: d.Code}
	if r.Code == "" {
		r.Code = d.Error
	}
	r.Hint = hint(r.Code)
	r.Message = clean(d.Message, r.Property, sent)
	for _, key := range [...]string{"existingId", "existingObjectId", "conflictingObjectId"} {
		if r.Hint == fault.HintDuplicate && r.Record == "" {
			r.Record = d.Context.first(key)
		}
	}
	return r
}

// hints are looked for in a code in this order: the list of codes is open, their words are not.
var hints = [...]struct {
	part string
	hint fault.Hint
}{
	{"DOESNT_EXIST", fault.HintProperty},
	{"READ_ONLY", fault.HintReadOnly}, {"READONLY", fault.HintReadOnly}, {"CALCULATED", fault.HintReadOnly},
	{"TOO_LONG", fault.HintTooLong}, {"TOO_LARGE", fault.HintTooLong}, {"LENGTH", fault.HintTooLong},
	{"OPTION", fault.HintPicklist},
	{"UNIQUE", fault.HintDuplicate}, {"DUPLICATE", fault.HintDuplicate}, {"CONFLICT", fault.HintDuplicate},
	{"PERMISSION", fault.HintPermission},
	{"MISSING", fault.HintMissing}, {"REQUIRED", fault.HintMissing},
	{"INVALID", fault.HintFormat}, {"NOT_", fault.HintFormat},
}

func hint(code string) fault.Hint {
	for _, h := range hints {
		if strings.Contains(code, h.part) {
			return h.hint
		}
	}
	return fault.HintNone
}
