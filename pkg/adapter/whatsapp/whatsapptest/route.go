package whatsapptest

import (
	"net/http"
	"net/url"
	"strings"
)

// The patterns under which calls are counted.
const (
	CallMessages    = "POST /{version}/{number}/messages"
	CallMedia       = "GET /{version}/{media}"
	CallDownload    = "GET /media/{media}"
	CallAccountApps = "GET /{version}/{account}/subscribed_apps"
	CallSubscribe   = "POST /{version}/{account}/subscribed_apps"
	CallAppURLs     = "GET /{version}/{app}/subscriptions"
	CallSetAppURL   = "POST /{version}/{app}/subscriptions"
	CallNumbers     = "GET /{version}/{account}/phone_numbers"
	CallToken       = "GET /{version}/debug_token"
)

type handler = func(*Server, *request) (answer, *refusal)

// route finds the handler of a call. A call that nobody handles is counted under "METHOD unknown" and refused.
func (s *Server) route(q *request, path string) {
	part := strings.Split(strings.Trim(path, "/"), "/")
	for i, escaped := range part {
		if plain, err := url.PathUnescape(escaped); err == nil {
			part[i] = plain
		}
	}
	q.pattern = q.method + " unknown"
	found := func(pattern string, h handler) {
		if method, _, _ := strings.Cut(pattern, " "); method == q.method {
			q.pattern, q.handle = pattern, h
		}
	}
	switch {
	case len(part) == 2 && part[0] == "media":
		q.id = part[1]
		found(CallDownload, (*Server).download)
	case len(part) < 2 || !version(part[0]):
	case len(part) == 2 && part[1] == "debug_token":
		found(CallToken, (*Server).debugToken)
	case len(part) == 2:
		q.id = part[1]
		found(CallMedia, (*Server).mediaURL)
	case len(part) == 3 && part[2] == "messages":
		q.id = part[1]
		found(CallMessages, (*Server).messages)
	case len(part) == 3 && part[2] == "subscribed_apps":
		q.id = part[1]
		found(CallAccountApps, (*Server).accountApps)
		found(CallSubscribe, (*Server).subscribe)
	case len(part) == 3 && part[2] == "subscriptions":
		q.id, q.app = part[1], true
		found(CallAppURLs, (*Server).subscriptions)
		found(CallSetAppURL, (*Server).setCallback)
	case len(part) == 3 && part[2] == "phone_numbers":
		q.id = part[1]
		found(CallNumbers, (*Server).phoneNumbers)
	}
}

// version reports whether a path begins with a version: v and a number with a point. Page:
// https://developers.facebook.com/docs/graph-api/guides/versioning.
func version(s string) bool {
	digits, ok := strings.CutPrefix(s, "v")
	return ok && strings.Count(digits, ".") == 1 && strings.Trim(digits, "0123456789.") == "" && !strings.HasPrefix(digits, ".") && !strings.HasSuffix(digits, ".")
}

// unsupported is the answer for what does not exist, or not for this method. Page:
// https://developers.facebook.com/docs/graph-api/guides/error-handling (code 100, subcode 33).
func unsupported(method, id string) *refusal {
	r := refuse(100, "Unsupported "+strings.ToLower(method)+" request. Object with ID '"+id+
		"' does not exist, cannot be loaded due to missing permissions, or does not support this operation.").status(http.StatusBadRequest)
	r.kind, r.subcode = "GraphMethodException", 33
	return r
}
