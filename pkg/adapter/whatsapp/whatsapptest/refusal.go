package whatsapptest

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// refusal is an answer that says no. Page: support/error-codes, "Error response syntax".
type refusal struct {
	code, subcode int
	kind          string
	message       string
	details       string
	http          int
}

// statuses are those that the page gives beside each code; every other one is 400.
var statuses = map[int]int{
	0: 401, 190: 401, 3: 500, 10: 403, 200: 403, 368: 403, 2: 503, 131000: 500, 131005: 403, 131016: 500, 131031: 403, 131045: 500, 131057: 500,
	132001: 404, 133004: 503,
}

// titles begin the message of a code.
var titles = map[int]string{
	100: "Invalid parameter", 130429: "Rate limit hit", 131000: "Something went wrong", 131008: "Required parameter is missing", 131009: "Parameter value is not valid",
	131021: "Recipient cannot be sender", 131026: "Message undeliverable", 131047: "Re-engagement message", 131050: "Unable to deliver the message. This recipient has chosen to stop receiving marketing messages on WhatsApp from your business",
	131056: "(Business Account, Consumer Account) pair rate limit hit", 132000: "Number of parameters does not match the expected number of params",
	132001: "Template name does not exist in the translation", 132015: "Template is paused", 132016: "Template is disabled",
}

// refuse makes the answer of a code.
func refuse(code int, details string) *refusal {
	r := &refusal{code: code, kind: "OAuthException", details: details, http: http.StatusBadRequest}
	if status, ok := statuses[code]; ok {
		r.http = status
	}
	r.message = details
	if title := titles[code]; title != "" {
		r.message = "(#" + strconv.Itoa(code) + ") " + title
	}
	return r
}

func (r *refusal) status(http int) *refusal {
	r.http = http
	return r
}

func (r *refusal) answer() answer {
	e := map[string]any{"message": r.message, "type": r.kind, "code": r.code, "fbtrace_id": "AbCdEf123"}
	if r.subcode != 0 {
		e["error_subcode"] = r.subcode
	}
	if r.details != "" && r.details != r.message {
		e["error_data"] = map[string]any{"messaging_product": "whatsapp", "details": r.details}
	}
	body, _ := json.Marshal(map[string]any{"error": e})
	return answer{status: r.http, body: body}
}

// Error tells the code; the message may quote what was sent.
func (r *refusal) Error() string { return "whatsapptest: " + strconv.Itoa(r.code) }
