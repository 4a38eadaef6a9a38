package whatsapptest

import "slices"

// subscription is what the app asked for.
type subscription struct {
	url    string
	active bool
	fields []string
}

// allFields are the fields that a new app is subscribed to here. Page: webhooks/overview, "Fields".
func allFields() []string {
	return []string{"account_alerts", "account_update", "business_capability_update", "message_template_quality_update", "message_template_status_update",
		"messages", "phone_number_quality_update", "user_preferences"}
}

// accountApps answers which apps the account sends to. Page: solution-providers/manage-webhooks.
func (s *Server) accountApps(q *request) (answer, *refusal) {
	if q.id != s.opt.Account {
		return answer{}, unsupported(q.method, q.id)
	}
	data := []any{}
	if s.subscribed {
		data = append(data, map[string]any{"whatsapp_business_api_data": map[string]any{
			"id": s.opt.AppID, "link": "https://www.facebook.com/games/?app_id=" + s.opt.AppID, "name": "CRM Connector"}})
	}
	return ok(map[string]any{"data": data})
}

// subscribe lets the account send to the app. Page: solution-providers/manage-webhooks.
func (s *Server) subscribe(q *request) (answer, *refusal) {
	if q.id != s.opt.Account {
		return answer{}, unsupported(q.method, q.id)
	}
	s.subscribed = true
	return ok(map[string]any{"success": true})
}

// subscriptions answers what the app is subscribed to. Page:
// https://developers.facebook.com/docs/graph-api/reference/app/subscriptions.
func (s *Server) subscriptions(q *request) (answer, *refusal) {
	if q.id != s.opt.AppID {
		return answer{}, unsupported(q.method, q.id)
	}
	data := []any{map[string]any{"object": "page", "callback_url": "https://other.example.com", "active": true, "fields": []any{}}}
	if s.callback.url != "" {
		fields := []any{}
		for _, name := range s.callback.fields {
			fields = append(fields, map[string]any{"name": name, "version": "v25.0"})
		}
		data = append(data, map[string]any{"object": "whatsapp_business_account", "callback_url": s.callback.url, "active": s.callback.active, "fields": fields})
	}
	return ok(map[string]any{"data": data})
}

// Unsubscribe takes the account's subscription away: nothing is delivered while the app's pages look right.
func (s *Server) Unsubscribe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribed = false
}

// SetCallback changes the app's subscription: "" for url takes it away.
func (s *Server) SetCallback(url string, active bool, fields ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callback = subscription{url, active, fields}
}

// delivers reports whether a field reaches the app.
func (s *Server) delivers(field string) bool {
	return s.opt.Send != nil && s.subscribed && s.callback.active && s.callback.url != "" && slices.Contains(s.callback.fields, field)
}
