package conversions

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
)

// instantLayout is how instants are written: UTC, milliseconds.
const instantLayout = "2006-01-02T15:04:05.000Z"

// RetryAfter is how long a caller is asked to wait when nothing better is known: the first of the waits that are documented to
// callers.
const RetryAfter = conversion.FirstRetry

// wrong is one problem of a request: where and what, never the value.
type wrong struct {
	Path string `json:"percorso"`
	Code string `json:"codice"`
}

func answer(status int, body any) door.Answer {
	text, err := json.Marshal(body)
	if err != nil { // none of the types here can fail
		return door.Answer{Status: http.StatusInternalServerError}
	}
	return door.Answer{Status: status, ContentType: "application/json", Header: headers(), Body: text}
}

func headers() http.Header {
	return http.Header{"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}}
}

// problem answers what was not accepted. Every cause of a 401 has the same body.
func problem(usual door.Answer, s Scope, err error) door.Answer {
	status, header := usual.Status, headers()
	if usual.Header.Get("Allow") != "" {
		header.Set("Allow", usual.Header.Get("Allow"))
	}
	refused, wrongs := refusal(err)
	if wrongs != nil {
		status = refused
	}
	switch {
	case errors.Is(err, ErrForbidden):
		status = http.StatusForbidden
		header.Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+string(s)+`"`)
	case status == http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	case fault.KindOf(err) == fault.Throttled:
		status = http.StatusTooManyRequests
		header.Set("Retry-After", seconds(max(fault.After(err), RetryAfter)))
	case status == http.StatusServiceUnavailable:
		header.Set("Retry-After", seconds(max(fault.After(err), RetryAfter)))
	}
	a := answer(status, struct {
		Type   string  `json:"type"`
		Title  string  `json:"title"`
		Status int     `json:"status"`
		Wrongs []wrong `json:"errori,omitempty"`
	}{"about:blank", http.StatusText(status), status, wrongs})
	a.ContentType, a.Header = "application/problem+json", header
	return a
}

// refusal returns the status and the problems of a body, nil when that is not what is wrong.
func refusal(err error) (status int, wrongs []wrong) {
	if r, ok := errors.AsType[*conversion.Refusal](err); ok {
		for _, p := range r.Problems {
			wrongs = append(wrongs, wrong{p.Path, string(p.Code)})
		}
		return statusOf(r.Reason == conversion.Malformed, r.Reason == conversion.TooLarge), wrongs
	}
	if r, ok := errors.AsType[*outbound.Refusal](err); ok {
		for _, p := range r.Problems {
			wrongs = append(wrongs, wrong{p.Path, string(p.Code)})
		}
		return statusOf(r.Reason == outbound.Malformed, r.Reason == outbound.TooLarge), wrongs
	}
	return 0, nil
}

func statusOf(malformed, tooLarge bool) int {
	switch {
	case malformed:
		return http.StatusBadRequest
	case tooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusUnprocessableEntity
}

// seconds writes a duration as Retry-After wants it, rounded up.
func seconds(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }
