package hubspottest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// answer is a response before it goes out.
type answer struct {
	status int
	body   []byte
	header http.Header // nil for none beside the common ones
	search bool        // search answers carry no burst headers
}

// refusal is an answer that says no. HubSpot docs: Error handling (the envelope; every key may be missing).
type refusal struct {
	status      int
	Status      string              `json:"status"`
	Message     string              `json:"message"`
	ErrorType   string              `json:"errorType,omitempty"`
	Correlation string              `json:"correlationId"`
	Context     map[string][]string `json:"context,omitempty"`
	Errors      []detail            `json:"errors,omitempty"`
	Category    string              `json:"category,omitempty"`
	SubCategory string              `json:"subCategory,omitempty"`
	Policy      string              `json:"policyName,omitempty"`
}

type detail struct {
	Message string              `json:"message"`
	Code    string              `json:"code,omitempty"`
	Context map[string][]string `json:"context,omitempty"`
}

// Error tells status, category and codes; the message may quote a record's values.
func (r *refusal) Error() string {
	s := "hubspottest: " + strconv.Itoa(r.status) + " " + r.Category
	for _, d := range r.Errors {
		s += fmt.Sprintf(" %s %v", d.Code, d.Context["propertyName"])
	}
	return s
}

func refuse(status int, category, message string) *refusal {
	return &refusal{status: status, Status: "error", Category: category, Message: message}
}

func invalid(message string) *refusal {
	return refuse(http.StatusBadRequest, "VALIDATION_ERROR", message)
}

// badJSON is the answer to a body that cannot be read.
func badJSON(what string) *refusal { return invalid("Invalid input JSON: " + what) }

// notFound is the answer for a numeric id that does not exist; it carries no category (captured).
func notFound() *refusal { return refuse(http.StatusNotFound, "", "resource not found") }

// notAnID is the answer for an id that is no number (captured, with the two spaces).
func notAnID(id string) *refusal {
	r := refuse(http.StatusNotFound, "OBJECT_NOT_FOUND", "Object not found.  objectId are usually numeric.")
	r.Context = map[string][]string{"id": {id}}
	return r
}

// conflict is the answer to an e-mail address that another contact has, be it as a secondary one. HubSpot docs: Contacts,
// "Create contacts"; id "" gives the form of a batch with several clashes, which names none (captured).
func conflict(id string) *refusal {
	message := "Contact already exists"
	if id != "" {
		message += ". Existing ID: " + id
	}
	return refuse(http.StatusConflict, "CONFLICT", message)
}

// fail is a property that was not valid.
type fail struct {
	name, value, code, message string
}

type wireFail struct {
	IsValid   bool   `json:"isValid"`
	Message   string `json:"message"`
	Error     string `json:"error"`
	Name      string `json:"name"`
	Localized string `json:"localizedErrorMessage"`
	Value     string `json:"propertyValue"`
	Portal    int64  `json:"portalId"`
}

// notValid is the answer to values that a property does not take: the whole request fails, and the message quotes the
// values. HubSpot docs: CRM objects, "Property values were not valid".
func (s *Server) notValid(fails []fail) *refusal {
	wire := make([]wireFail, len(fails))
	r := invalid("")
	for i, f := range fails {
		wire[i] = wireFail{Message: f.message, Error: f.code, Name: f.name, Localized: f.message, Value: f.value, Portal: s.opt.PortalID}
		r.Errors = append(r.Errors, detail{Message: f.message, Code: f.code, Context: map[string][]string{"propertyName": {f.name}}})
	}
	text, _ := json.Marshal(wire)
	r.Message = "Property values were not valid: " + string(text)
	return r
}

func (s *Server) correlation() string {
	s.serial++
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", s.serial)
}

func (s *Server) refused(r *refusal) answer {
	r.Correlation = s.correlation()
	body, _ := json.Marshal(r)
	return answer{status: r.status, body: body}
}

func (s *Server) ok(v any) answer {
	body, _ := json.Marshal(v)
	return answer{status: http.StatusOK, body: body}
}

// appendString writes s as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, fmt.Sprintf(`\u%04x`, c)...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func appendField(b []byte, name, value string) []byte {
	b = appendString(b, name)
	b = append(b, ':')
	return appendString(b, value)
}

// clean makes text of what a Go caller hands in valid UTF-8, as everything on the wire is.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
