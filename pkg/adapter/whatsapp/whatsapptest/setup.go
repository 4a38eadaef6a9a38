package whatsapptest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// setup is what setting up an account is about, beside the two subscriptions. The zero value is an account that is well.
type setup struct {
	expires  time.Time // of the token; zero: never
	scopes   []string  // nil: all that a business has
	quality  string    // of every number; "" for GREEN
	unnamed  bool      // granular_scopes name no account
	callback func(*http.Request) (*http.Response, error)
}

// SetScopes changes what the system user's token allows.
func (s *Server) SetScopes(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setup.scopes = scopes
}

// SetExpiry lets the token end; zero is never.
func (s *Server) SetExpiry(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setup.expires = at
}

// SetQuality changes the quality rating of all numbers: GREEN, YELLOW, RED or NA.
func (s *Server) SetQuality(rating string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setup.quality = rating
}

// HideAccounts leaves the accounts out of what is told of the token, as for one that was given for all of a business's.
func (s *Server) HideAccounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setup.unnamed = true
}

// AnswerHandshakes says how the callback is reached when the app's subscription is saved. Until it is told, the callback does
// not answer.
func (s *Server) AnswerHandshakes(do func(*http.Request) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setup.callback = do
}

// debugToken answers what the system user's token allows. Pages: https://developers.facebook.com/docs/whatsapp/permissions,
// "Checking for granted permissions"; solution-providers/manage-accounts, "granular_scopes".
func (s *Server) debugToken(q *request) (answer, *refusal) {
	token := q.query.Get("input_token")
	if token == "" {
		return answer{}, refuse(100, "(#100) The parameter input_token is required")
	}
	if token != s.opt.Token { // assembled
		return ok(map[string]any{"data": map[string]any{"app_id": s.opt.AppID, "is_valid": false, "scopes": []any{},
			"error": map[string]any{"code": 190, "message": "Invalid OAuth access token."}}})
	}
	scopes := s.setup.scopes
	if scopes == nil {
		scopes = []string{"whatsapp_business_management", "whatsapp_business_messaging", "public_profile"}
	}
	expires := int64(0)
	if !s.setup.expires.IsZero() {
		expires = s.setup.expires.Unix()
	}
	granular := []any{}
	for _, scope := range scopes {
		g := map[string]any{"scope": scope}
		if strings.HasPrefix(scope, "whatsapp_business") && !s.setup.unnamed {
			g["target_ids"] = []string{s.opt.Account}
		}
		granular = append(granular, g)
	}
	return ok(map[string]any{"data": map[string]any{"app_id": s.opt.AppID, "type": "SYSTEM_USER", "application": "CRM Connector", "data_access_expires_at": 0,
		"expires_at": expires, "is_valid": true, "issued_at": 1712099387, "scopes": scopes, "granular_scopes": granular,
		"user_id": "122118190000000001"}})
}

// phoneNumbers answers the numbers of the account. Page: business-phone-numbers/phone-numbers, "Get all phone numbers".
func (s *Server) phoneNumbers(q *request) (answer, *refusal) {
	if q.id != s.opt.Account {
		return answer{}, unsupported(q.method, q.id)
	}
	data := []any{}
	for _, n := range s.opt.Numbers {
		data = append(data, map[string]any{"verified_name": "CRM Connector", "display_phone_number": "+" + n.Display, "id": n.ID, "quality_rating": or(s.setup.quality, "GREEN"),
			"code_verification_status": "VERIFIED"})
	}
	return ok(map[string]any{"data": data, "paging": map[string]any{"cursors": map[string]string{"before": "QVFIU", "after": "QVFIV"}}})
}

// setCallback saves the app's subscription, once the callback has answered a handshake with the challenge. What is saved takes
// the place of what was there. Pages: https://developers.facebook.com/docs/graph-api/reference/app/subscriptions;
// webhooks/create-webhook-endpoint, "Verification requests". The words of the refusal: https://github.com/fbsamples/original-coast-clothing/issues/84.
func (s *Server) setCallback(q *request) (answer, *refusal) {
	if q.id != s.opt.AppID {
		return answer{}, unsupported(q.method, q.id)
	}
	form, err := url.ParseQuery(string(q.body))
	for _, name := range []string{"object", "callback_url", "verify_token", "fields"} {
		if err != nil || form.Get(name) == "" {
			return answer{}, refuse(100, "(#100) The parameter "+name+" is required")
		}
	}
	if form.Get("object") != "whatsapp_business_account" {
		return answer{}, refuse(100, "(#100) Param object must be one of the objects of this app")
	}
	fields := strings.Split(form.Get("fields"), ",")
	for _, f := range fields {
		if !slices.Contains(allFields(), f) {
			return answer{}, refuse(100, "(#100) Param fields is not a valid field of whatsapp_business_account")
		}
	}
	was, token := s.opt.Webhook, s.opt.VerifyToken
	s.opt.Webhook, s.opt.VerifyToken = form.Get("callback_url"), form.Get("verify_token")
	if s.setup.callback == nil || s.Handshake(s.setup.callback) != nil {
		s.opt.Webhook, s.opt.VerifyToken = was, token
		return answer{}, refuse(2200, "(#2200) Callback verification failed with the following errors: HTTP Status Code = 403; HTTP Message = Forbidden")
	}
	s.callback = subscription{s.opt.Webhook, true, fields}
	return ok(map[string]any{"success": true})
}
