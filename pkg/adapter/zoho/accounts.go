package zoho

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// AccountsConfig is what an Accounts client needs; everything but APIURL is required.
type AccountsConfig struct {
	BaseURL      string // of the data centre's accounts server: https://accounts.zoho.eu
	ClientID     string
	ClientSecret crm.Secret
	RefreshToken crm.Secret
	// Secrets is asked for the client secret and the refresh token before every refresh instead, so that new ones are taken up
	// without a restart; nil: the two above.
	Secrets func(context.Context) (client, refresh crm.Secret, err error)
	// APIURL is where the token is to be used, whatever of Zoho's hosts the answer names; "" takes the answer's. It is also the
	// one address outside Zoho that an answer may name.
	APIURL string
	HTTP   http.RoundTripper
	Now    func() time.Time
}

// Accounts fetches access tokens from Zoho's accounts server.
//
// It is not built on x/oauth2: Zoho answers errors with 200, tells a life in two units, names the host to use, and that
// package's errors hold the whole answer.
type Accounts struct{ cfg AccountsConfig }

// NewAccounts returns an Accounts client.
func NewAccounts(c AccountsConfig) *Accounts {
	if c.Secrets == nil {
		c.Secrets = func(context.Context) (client, refresh crm.Secret, err error) {
			return c.ClientSecret, c.RefreshToken, nil
		}
	}
	return &Accounts{cfg: c}
}

// granted is the answer of POST /oauth/v2/token
// (https://www.zoho.com/accounts/protocol/oauth/web-apps/access-token-expiry.html).
type granted struct {
	Token       string          `json:"access_token"`
	Refresh     string          `json:"refresh_token"`
	ExpiresIn   json.RawMessage `json:"expires_in"`
	ExpiresSec  json.RawMessage `json:"expires_in_sec"`
	APIDomain   string          `json:"api_domain"`
	Error       string          `json:"error"`
	Description string          `json:"error_description"`
}

// Refresh fetches a new access token for the refresh token. The presence of a token decides, never the status. Errors:
// Denied for a refresh token or client that Zoho does not know, Throttled after too many requests, Setup for an api_domain
// that is not one of Zoho's, Down for anything that is no answer. None of them holds a secret.
func (a *Accounts) Refresh(ctx context.Context) (crm.Access, error) {
	const op = "zoho.Refresh"
	client, refresh, err := a.cfg.Secrets(ctx)
	if err != nil {
		return crm.Access{}, err
	}
	_, access, err := a.grant(ctx, op, url.Values{
		"grant_type":    {"refresh_token"},
		"client_id":     {a.cfg.ClientID},
		"client_secret": {client.Reveal()},
		"refresh_token": {refresh.Reveal()},
	})
	return access, err
}

// grant asks for an access token.
func (a *Accounts) grant(ctx context.Context, op string, form url.Values) (granted, crm.Access, error) {
	began := a.cfg.Now()
	api := rest.Client{System: crm.Zoho, Base: trimSlash(a.cfg.BaseURL), HTTP: a.cfg.HTTP, Now: a.cfg.Now, Judge: judgeGrant, MaxBody: 64 << 10}
	var g granted
	if _, err := api.Do(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: "/oauth/v2/token", Body: form}, &g); err != nil {
		return g, crm.Access{}, err
	}
	if !sendable(g.Token) {
		return g, crm.Access{}, &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without a token")}
	}
	base, err := a.base(op, g.APIDomain)
	if err != nil {
		return g, crm.Access{}, err
	}
	return g, crm.Access{Token: crm.NewSecret(g.Token), Expires: began.Add(g.life()), Base: base}, nil
}

// judgeGrant reads errors out of whatever status they came with.
func judgeGrant(op string, status int, h http.Header, body []byte) error {
	var g granted
	if json.Unmarshal(body, &g) != nil || g.Error == "" {
		return rest.Judge(op, status, h, body)
	}
	f := &fault.Error{Op: op, Kind: statusKind(status), Code: "OTHER"}
	known := strings.ReplaceAll(strings.ToLower(g.Error), " ", "_")
	switch known {
	case "invalid_client", "invalid_client_secret", "invalid_code", "invalid_grant", "invalid_token", "unauthorized_client", "invalid_redirect_uri":
		f.Kind, f.Code = fault.Denied, known
	case "access_denied":
		f.Kind, f.Code = fault.Denied, known
		if status == http.StatusTooManyRequests || strings.Contains(strings.ToLower(g.Description), "too many") {
			f.Kind = fault.Throttled
		}
	case "server_error", "temporarily_unavailable", "general_error", "internal_error":
		f.Kind, f.Code = fault.Down, known
	}
	return f
}

// An hour is what Zoho's tokens live, and the longest that is believed.
const tokenLife = time.Hour

// life reads the token's life. Where expires_in_sec is told, expires_in is in milliseconds; else it is in seconds. Missing,
// zero, negative and longer ones are an hour.
func (g granted) life() time.Duration {
	told := g.ExpiresSec
	if told == nil {
		told = g.ExpiresIn
	}
	seconds, err := strconv.ParseInt(strings.Trim(string(told), `"`), 10, 64)
	if err != nil || seconds <= 0 || seconds > int64(tokenLife/time.Second) {
		return tokenLife
	}
	return time.Duration(seconds) * time.Second
}

// sendable reports whether a token can stand in a header.
func sendable(token string) bool {
	return token != "" && len(token) <= 4096 && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// domains are the ends of Zoho's API hosts (the data centres of Zoho's SDK 8.0, and uk and ae).
var domains = []string{"com", "eu", "in", "com.au", "jp", "com.cn", "ca", "sa", "uk", "ae"}

// base checks the address that the answer names and returns the one to use, without a trailing slash.
func (a *Accounts) base(op, told string) (string, error) {
	same := a.cfg.APIURL != "" && (told == "" || sameURL(told, a.cfg.APIURL))
	if !same && !zohoHost(told) {
		return "", &fault.Error{Op: op, Kind: fault.Setup, Code: "API_DOMAIN", Err: errors.New("api_domain is not one of Zoho's, nor the address that is set")}
	}
	if a.cfg.APIURL != "" {
		return trimSlash(a.cfg.APIURL), nil
	}
	return trimSlash(told), nil
}

// zohoHost reports whether text is https:// and one of Zoho's API hosts, and nothing else.
func zohoHost(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || trimSlash(u.Path) != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return false
	}
	kind, rest, ok := strings.Cut(u.Host, ".zohoapis.")
	return ok && slices.Contains([]string{"www", "sandbox", "developer"}, kind) && slices.Contains(domains, rest)
}

// sameURL compares addresses as URLs, a trailing slash, the case of the host and a default port aside.
func sameURL(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	if errX != nil || errY != nil || x.Host == "" {
		return false
	}
	return x.Scheme == y.Scheme && host(x) == host(y) && x.User == nil && y.User == nil &&
		trimSlash(x.EscapedPath()) == trimSlash(y.EscapedPath()) && x.RawQuery == y.RawQuery && x.Fragment == y.Fragment
}

func host(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}
