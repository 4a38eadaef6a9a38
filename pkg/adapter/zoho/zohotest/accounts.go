package zohotest

import (
	"bytes"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	tokenPath   = "/oauth/v2/token"
	revokePath  = "/oauth/v2/token/revoke"
	tokenLife   = time.Hour        // Zoho docs: Token Validity
	grantWindow = 10 * time.Minute // Zoho docs: Token Validity; 10 new access tokens per 10 minutes
	grantLimit  = 10
	liveLimit   = 15 // Zoho docs: Token Validity; the 16th kills the oldest
)

type token struct {
	text    string
	expires time.Time
}

// grant answers the refresh grant and the self client's code (Zoho docs: OAuth, access token; Self Client). Errors stand in the body of a 200.
func (s *Server) grant(c *call) reply {
	p, ok := form(c)
	if !ok {
		return oauthError("invalid_request")
	}
	if p.Get("client_id") != s.opt.ClientID {
		return oauthError("invalid_client")
	}
	if p.Get("client_secret") != s.opt.ClientSecret {
		// The vendor names invalid_client for a wrong secret as well as invalid_client_secret (Zoho docs: OAuth, access token); this is the one measured.
		return oauthError("invalid_client")
	}
	switch p.Get("grant_type") {
	case "refresh_token":
		if !s.refresh[p.Get("refresh_token")] {
			return oauthError("invalid_code")
		}
		return s.issue(map[string]any{})
	case "authorization_code":
		if s.opt.GrantCode == "" || p.Get("code") != s.opt.GrantCode {
			return oauthError("invalid_code")
		}
		s.opt.GrantCode = "" // a code can be used once
		s.refresh[s.opt.RefreshToken] = true
		return s.issue(map[string]any{"refresh_token": s.opt.RefreshToken})
	}
	return oauthError("unsupported_grant_type")
}

func (s *Server) issue(out map[string]any) reply {
	now := s.now()
	s.grants = slices.DeleteFunc(s.grants, func(t time.Time) bool { return !t.Add(grantWindow).After(now) })
	if len(s.grants) >= grantLimit {
		a := asJSON(s.opt.DeniedStatus, map[string]any{"error": "Access Denied",
			"error_description": "You have made too many requests continuously. Please try again after some time."})
		return a
	}
	s.grants = append(s.grants, now)
	s.made++
	t := token{text: fmt.Sprintf("1000.%032x.%032x", s.made, s.made*7919), expires: now.Add(tokenLife)}
	s.tokens = append(s.tokens, t)
	if len(s.tokens) > liveLimit {
		s.tokens = s.tokens[len(s.tokens)-liveLimit:]
	}
	out["access_token"], out["expires_in"], out["api_domain"], out["token_type"] = t.text, 3600, s.opt.APIDomain, "Bearer"
	return asJSON(http.StatusOK, out)
}

func (s *Server) revoke(c *call) reply {
	p, ok := form(c)
	if !ok || !s.refresh[p.Get("token")] {
		// A bad token was answered with HTML (Zoho docs: Self Client).
		return reply{status: http.StatusBadRequest, body: []byte("<html></html>"), header: http.Header{"Content-Type": {"text/html"}}}
	}
	delete(s.refresh, p.Get("token"))
	s.tokens = nil
	return asJSON(http.StatusOK, map[string]any{"status": "success"})
}

func oauthError(code string) reply {
	return asJSON(http.StatusOK, map[string]any{"error": code})
}

// form reads the parameters from the query and from a urlencoded or multipart body: Zoho takes all three (Zoho docs: OAuth, access token).
func form(c *call) (url.Values, bool) {
	p := c.query
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || len(c.body) == 0 {
		return p, len(c.body) == 0
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		more, err := url.ParseQuery(string(c.body))
		if err != nil {
			return nil, false
		}
		for k, v := range more {
			p[k] = append(p[k], v...)
		}
		return p, true
	case "multipart/form-data":
		f, err := multipart.NewReader(bytes.NewReader(c.body), params["boundary"]).ReadForm(largestBody)
		if err != nil {
			return nil, false
		}
		for k, v := range f.Value {
			p[k] = append(p[k], v...)
		}
		return p, true
	}
	return nil, false
}

// admit tells who asks, from the Authorization header: "Zoho-oauthtoken <token>" (Zoho docs: OAuth, access token).
func (s *Server) admit(c *call) *refusal {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		return &refusal{status: http.StatusUnauthorized, code: "AUTHENTICATION_FAILURE", message: "Authentication failed"}
	}
	text, ok := strings.CutPrefix(header, "Zoho-oauthtoken ")
	switch {
	case ok && text == s.opt.UserToken:
		c.by = s.person()
		return nil
	case ok && (s.valid(text) || s.opt.AccessToken != "" && text == s.opt.AccessToken):
		c.by = s.us()
		return nil
	}
	return &refusal{status: http.StatusUnauthorized, code: "INVALID_TOKEN", message: "invalid oauth token"}
}

func (s *Server) valid(text string) bool {
	now := s.now()
	return slices.ContainsFunc(s.tokens, func(t token) bool { return t.text == text && t.expires.After(now) })
}

// KillTokens makes every access token invalid, as a revocation or an eviction does; the refresh token lives on.
func (s *Server) KillTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = nil
	s.opt.AccessToken = ""
}

// RevokeRefresh makes the refresh token and all its access tokens invalid for good (invalid_code from now on).
func (s *Server) RevokeRefresh() {
	s.KillTokens()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.refresh)
}

// NewToken returns a fresh access token without a request and outside the limit of ten in ten minutes; the limit of live
// tokens holds.
func (s *Server) NewToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.grants
	s.grants = nil
	s.issue(map[string]any{})
	s.grants = before
	return s.tokens[len(s.tokens)-1].text
}
