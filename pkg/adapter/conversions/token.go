// Package conversions is the wire of the routes that callers prove themselves to by bearer tokens, those of conversion events and
// the one of messages to send: it proves the tokens, reads what callers send, and writes what they are told, in the published
// Italian names. What an event is, is core/conversion's; what may be sent, chat/outbound's; what becomes of it, the flows'.
package conversions

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/scan"
)

// The bounds of a token.
const (
	MaxToken    = 8 << 10          // bytes
	MaxLifetime = time.Hour        // from iat to exp; no library bounds it
	Leeway      = 30 * time.Second // by which clocks may differ
	maxKeyID    = 64
	maxSubject  = 256
)

// Audience is the aud that a token must name unless configured otherwise.
const Audience = "conversioni"

// Scope is what a token allows.
type Scope string

// The scopes, one a route.
const (
	ScopeEvents   Scope = "conversioni:scrivi"
	ScopeMetrics  Scope = "metriche:leggi"
	ScopeCosts    Scope = "costi:scrivi"
	ScopeEntries  Scope = "ingressi:scrivi"
	ScopeMessages Scope = "messaggi:invia"
)

// Unproven stands in the line of a request whose token nobody can prove, since a setting is wrong. An alarm waits for it.
const Unproven = "no token can be proven"

// Keys finds the key that a token says it is signed with: *ecdsa.PublicKey, *rsa.PublicKey, or []byte for HS256. An error that
// wraps door.ErrForged says that there is none of that name; any other is a doubt on our side.
type Keys interface {
	Key(ctx context.Context, kid string) (any, error)
}

// Tokens proves bearer tokens (RFC 6750, RFC 7519) by a strict list: one algorithm, and nothing optional. Every field but
// Subjects is required, and where Unsound is set none is.
type Tokens struct {
	Unsound   error  // why nobody's token can be proven here: a doubt on our side, whatever comes; may be nil
	Algorithm string // ES256, RS256, or HS256 for a single trusted sender: a token cannot choose
	Issuer    string
	Audience  string
	Subjects  []string // who may call; nil: everybody whom the issuer gives a token
	Keys      Keys
	Now       func() time.Time
}

// ErrForbidden says that a token is genuine and does not allow this. Answered 403.
var ErrForbidden = fmt.Errorf("%w: the token does not allow this", door.ErrRefused)

// claims are those that are looked at.
type claims struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"` // separated by spaces (RFC 8693 §4.2)
}

// Verify returns whose the token of a request is if it is genuine, of now, and allows the scope. door.ErrForged says that it is
// not genuine, or that there is none; ErrForbidden that it allows something else; any other error is a doubt on our side. No
// error repeats anything of a token.
func (t *Tokens) Verify(ctx context.Context, h http.Header, s Scope) (conversion.Tenant, error) {
	if t.Unsound != nil {
		return "", fmt.Errorf("conversions: %s: %w", Unproven, t.Unsound)
	}
	raw, err := bearer(h)
	if err != nil {
		return "", err
	}
	kid, err := t.header(raw)
	if err != nil {
		return "", err
	}
	key, err := t.Keys.Key(ctx, kid)
	if err != nil {
		return "", err
	}
	var c claims
	_, err = jwt.NewParser(
		jwt.WithValidMethods([]string{t.Algorithm}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithIssuer(t.Issuer),
		jwt.WithAudience(t.Audience), jwt.WithLeeway(Leeway), jwt.WithStrictDecoding(), jwt.WithTimeFunc(t.Now),
	).ParseWithClaims(raw, &c, func(*jwt.Token) (any, error) { return key, nil })
	if err != nil {
		return "", forged("the token is not genuine or not of now")
	}
	if err := c.check(); err != nil {
		return "", err
	}
	if t.Subjects != nil && !slices.Contains(t.Subjects, c.Subject) || !slices.Contains(strings.Fields(c.Scope), string(s)) {
		return "", ErrForbidden
	}
	return conversion.TenantOf(c.Issuer, c.Subject), nil
}

func (c claims) check() error {
	switch {
	case c.IssuedAt == nil || c.ExpiresAt == nil:
		return forged("without iat or exp")
	case c.Subject == "" || len(c.Subject) > maxSubject:
		return forged("without sub")
	case c.Scope == "":
		return forged("without scope")
	}
	if life := c.ExpiresAt.Sub(c.IssuedAt.Time); life <= 0 || life > MaxLifetime {
		return forged("valid for too long")
	}
	return nil
}

// bearer returns the token of a request.
func bearer(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return "", forged("no token")
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"), strings.Count(raw, ".") != 2:
		return "", forged("no token")
	case len(raw) > MaxToken:
		return "", forged("a token that is too long")
	case strings.ContainsFunc(raw, foreign): // Go's base64 passes over the ends of lines
		return "", forged("malformed")
	}
	return raw, nil
}

// foreign reports whether a token has no such character (RFC 7515 §7.1).
func foreign(r rune) bool { return r != '.' && (r > unicode.MaxASCII || !keyID(string(r))) }

// unwelcome are members of a header by which a token would bring its own key, or ask for what we do not know (RFC 7515 §4.1).
var unwelcome = []string{"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"}

// header looks at what a token says of itself before anything is believed, and returns the name of its key. The claims are only
// looked at for their form.
func (t *Tokens) header(raw string) (kid string, err error) {
	parts := strings.Split(raw, ".")
	var members map[string]json.RawMessage
	for i, part := range parts[:2] {
		text, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || scan.JSON(text, scan.Limits{Depth: 4}) != nil {
			return "", forged("malformed")
		}
		if i == 0 && json.Unmarshal(text, &members) != nil {
			return "", forged("malformed")
		}
	}
	for name := range members {
		if slices.Contains(unwelcome, strings.ToLower(name)) {
			return "", forged("a header that is not allowed")
		}
	}
	var alg string
	if json.Unmarshal(members["alg"], &alg) != nil || alg != t.Algorithm {
		return "", forged("another algorithm")
	}
	if raw, ok := members["kid"]; ok && json.Unmarshal(raw, &kid) != nil || !keyID(kid) {
		return "", forged("a key id of another form")
	}
	return kid, nil
}

// keyID reports whether a key id is of the form [A-Za-z0-9_-]{0,64}; "" is none.
func keyID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return len(s) <= maxKeyID
}

// owner returns whose a token is that was verified before.
func owner(h http.Header) (conversion.Tenant, error) {
	raw, err := bearer(h)
	if err != nil {
		return "", err
	}
	var c claims
	if _, _, err := jwt.NewParser().ParseUnverified(raw, &c); err != nil {
		return "", forged("malformed")
	}
	return conversion.TenantOf(c.Issuer, c.Subject), nil
}

func forged(why string) error { return fmt.Errorf("%w: %s", door.ErrForged, why) }

// One is the only key of a trusted sender, for tokens without a key id as for those with one.
type One struct{ Public any }

// Key returns the key.
func (o One) Key(context.Context, string) (any, error) {
	if o.Public == nil {
		return nil, errors.New("conversions: no key is configured")
	}
	if what := usable(o.Public); what != "" {
		return nil, errors.New("conversions: whoever is trusted " + what)
	}
	return o.Public, nil
}
