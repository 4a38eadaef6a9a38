package whatsapp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// maxChallenge is the length of the longest challenge that is sent back. Meta sends a whole number.
const maxChallenge = 256

// handshake returns the challenge of a handshake with one of our tokens. Page: webhooks/create-webhook-endpoint, "Validating
// verification requests".
func (s *Source) handshake(ctx context.Context, query string) (string, error) {
	v, err := url.ParseQuery(query)
	if err != nil || len(v["hub.mode"]) > 1 || len(v["hub.verify_token"]) > 1 || len(v["hub.challenge"]) != 1 {
		return "", fmt.Errorf("%w: no handshake", door.ErrMalformed)
	}
	if v.Get("hub.mode") != "subscribe" || v.Get("hub.verify_token") == "" {
		return "", fmt.Errorf("%w: another mode, or no token", door.ErrForged)
	}
	tokens, err := usable(ctx, SettingVerify, s.cfg.VerifyTokens)
	if err != nil {
		return "", err
	}
	right := 0
	for _, token := range tokens {
		right |= same(v.Get("hub.verify_token"), token)
	}
	challenge := v.Get("hub.challenge")
	switch {
	case right == 0:
		return "", fmt.Errorf("%w: another token; compare %s with the app's webhook settings", door.ErrForged, SettingVerify)
	case !plain(challenge):
		return "", fmt.Errorf("%w: a challenge of other characters", door.ErrMalformed)
	}
	return challenge, nil
}

// same compares in a time that tells nothing about the token, its length included.
func same(got string, token crm.Secret) int {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(token.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:])
}

// plain reports whether the text can be sent back as it is: letters and digits.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= maxChallenge
}

// Answer gives a handshake what Meta asks for: the bare challenge as text, or a status of 400 to 403 without a body. Deliveries
// get the door's usual answer.
func (s *Source) Answer(r door.Request, _ door.Delivery, err error, usual door.Answer) door.Answer {
	if r.Method != http.MethodGet {
		return usual
	}
	a := usual
	a.ContentType, a.Body = "text/plain; charset=utf-8", nil
	switch {
	case usual.Status == http.StatusOK && err == nil:
		v, _ := url.ParseQuery(r.Query) // Verify has read it
		a.Body = []byte(v.Get("hub.challenge"))
	case usual.Status == http.StatusUnauthorized:
		a.Status = http.StatusForbidden
	}
	return a
}
