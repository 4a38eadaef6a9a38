package connector

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
)

// doors knocks at the address that either CRM calls: once without a key, once with.
func (e *exam) doors(ctx context.Context) {
	if e.after("door.hubspot", "settings", settings.HubSpotClientSecret) {
		url := e.reader(ctx).NeedList("HUBSPOT_WEBHOOK_URL")[0]
		// The event that HubSpot's own Test button sends: the door takes it and does nothing.
		body := []byte(fmt.Sprintf(`[{"eventId":100,"subscriptionId":1,"portalId":1,"appId":1,"occurredAt":%d,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW"}]`, e.Now().UnixMilli()))
		signature, timestamp := hubspot.Sign(newest(e.held[settings.HubSpotClientSecret]), http.MethodPost, url, body, e.Now())
		e.door(ctx, "door.hubspot", url, body, []byte("[]"), http.Header{hubspot.HeaderV3: {signature}, hubspot.HeaderTimestamp: {timestamp}},
			"HUBSPOT_CLIENT_SECRET", "setup hubspot")
	}
	switch {
	case e.carries: // whoever stored another token is told once
		e.skip("door.zoho", "zoho.channel")
	case e.after("door.zoho", "settings", settings.ZohoChannelToken):
		hook := cmp.Or(e.setting(ctx, "ZOHO_WEBHOOK_URL"), e.session.door(ctx, zoho.Path)) // the door is there without a channel
		token := newest(e.held[settings.ZohoChannelToken]).Reveal()
		e.door(ctx, "door.zoho", hook, e.notification(ctx, token), e.notification(ctx, ""), nil, // another one would be told by an alarm
			"ZOHO_CHANNEL_TOKEN", "setup zoho")
	}
}

// notification is one of a module that nobody asked for: the door takes it and does nothing.
func (s *session) notification(ctx context.Context, token string) []byte {
	body, err := json.Marshal(map[string]any{
		"server_time": s.Now().UnixMilli(), "query_params": map[string]any{}, "module": "Leads", "resource_uri": "", "ids": []string{"1"},
		"affected_fields": []any{}, "operation": "update", "channel_id": s.setting(ctx, "ZOHO_CHANNEL_ID"), "token": token,
	})
	if err != nil {
		panic(err) // texts and numbers only
	}
	return body
}

// door expects that a delivery with the right key is taken, and one without is refused.
func (e *exam) door(ctx context.Context, check, at string, right, forged []byte, keys http.Header, secret, setup string) {
	if !e.lit(check, at) {
		return
	}
	a, err := e.knock(ctx, at, forged, nil)
	proven := err == nil && a.status == http.StatusUnauthorized && a.ours()
	if proven {
		a, err = e.knock(ctx, at, right, keys)
	}
	switch {
	case err != nil:
		e.unanswered(check, at)
	case !a.ours():
		e.stranger(check, at, a)
	case a.status == http.StatusOK && proven:
		e.ok(check, "%s takes what is authentic and nothing else", at)
	case a.status == http.StatusOK:
		e.fault(check, at+" takes a forged delivery", "that is not the webhook function: correct PublicBaseUrl, or deploy the stack again")
	case a.status == http.StatusUnauthorized && keys.Get(hubspot.HeaderTimestamp) != "" && e.off(at) > tooFar: // which is told
		e.skip(check, "clock")
	case a.status == http.StatusUnauthorized:
		e.fault(check, "the functions have another "+secret+" than the store", "a new one is taken up within five minutes; else run connector "+setup+" "+e.at())
	case a.status == http.StatusServiceUnavailable:
		e.fault(check, at+" answers 503: the webhook function lacks a secret or a table", "see the log of webhook: it names what is missing")
	default:
		e.fault(check, fmt.Sprintf("%s answers %d", at, a.status), "compare it with the stack's outputs (PublicBaseUrl)")
	}
}

// lit reports whether nothing is known yet against the host of an address; else the check is skipped.
func (e *exam) lit(check, at string) bool {
	host := hostOf(at)
	if e.dark[host] {
		e.add(levelSkip, check, "not looked at before "+host+" answers as the webhook function does", "")
	}
	return !e.dark[host]
}

// unanswered says of a host, once, that it does not answer.
func (e *exam) unanswered(check, at string) {
	e.dark[hostOf(at)] = true
	e.fault(check, at+" does not answer", "compare it with the stack's outputs (PublicBaseUrl, DNS, certificate)")
}

// stranger says of a host, once, that somebody else than the door answers there: another site, a proxy, or API Gateway for a function
// that does not.
func (e *exam) stranger(check, at string, a said) {
	e.dark[hostOf(at)] = true
	mend := "compare it with the stack's outputs (PublicBaseUrl); a domain of your own needs an API mapping that leads to the stack's API"
	if a.status >= http.StatusInternalServerError {
		mend = "see the log of webhook, which says why it does not start; where it says nothing, compare the address with the stack's outputs (PublicBaseUrl)"
	}
	e.fault(check, fmt.Sprintf("%s answers %d, and not as the webhook function does", at, a.status), mend)
}

func hostOf(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	return u.Host
}

// said is what somebody answers.
type said struct {
	status int
	text   string
}

// ours reports whether an answer is in the words of the door: what it says of deliveries, or to callers (RFC 9457).
func (a said) ours() bool {
	return a.status == http.StatusOK && a.text == "{}" ||
		a.status >= http.StatusBadRequest && (strings.HasPrefix(a.text, `{"error":"`+strings.ToLower(http.StatusText(a.status))+`"`) || strings.HasPrefix(a.text, `{"type":"about:blank"`))
}

// knock posts a delivery.
func (s *session) knock(ctx context.Context, url string, body []byte, keys http.Header) (said, error) {
	return s.ask(ctx, http.MethodPost, url, bytes.NewReader(body), keys)
}

// ask makes a request of the door.
func (s *session) ask(ctx context.Context, method, url string, body io.Reader, keys http.Header) (said, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return said{}, err
	}
	for name, values := range keys {
		r.Header[name] = values
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.timed().RoundTrip(r)
	if err != nil {
		return said{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	return said{resp.StatusCode, string(text)}, err
}

// mail looks whether the report can be sent.
func (e *exam) mail(ctx context.Context) {
	if e.st.Verified == nil {
		e.add(levelSkip, "mail", "mail goes nowhere from here", "")
		return
	}
	if !e.after("mail", "functions") || !e.sound("mail", "REPORT_FROM", "REPORT_TO") {
		return
	}
	from, err := mail.ParseAddress(e.setting(ctx, "REPORT_FROM"))
	if err != nil {
		e.fault("mail", "REPORT_FROM is not an address", "deploy with the parameter ReportFrom")
		return
	}
	verified, err := e.st.Verified(ctx, from.Address)
	if err == nil && !verified {
		verified, err = e.st.Verified(ctx, domain(from))
	}
	switch {
	case err != nil:
		e.fault("mail", err.Error(), "let this command ask SES (ses:GetIdentityVerificationAttributes)")
	case !verified:
		e.fault("mail", "SES has not verified the sender of the report, nor its domain", "verify REPORT_FROM as an identity in SES, in the region of the stack")
	default:
		e.ok("mail", "SES has verified the sender of the report")
	}
	e.receivers(ctx, from)
}

func domain(a *mail.Address) string { return a.Address[strings.LastIndex(a.Address, "@")+1:] }

// receivers looks, where SES delivers to verified addresses alone, whether that of the report is. SES asks there for the right to send
// from the identity of every recipient too, and the roles have it for the first address of the report and for its sender's domain
// (template.yaml, Sid Mail).
func (e *exam) receivers(ctx context.Context, from *mail.Address) {
	const check = "mail.receivers"
	sandboxed, err := e.st.Sandboxed(ctx)
	if err != nil {
		e.note(check, "whether SES delivers to addresses that it has not verified is not known: "+err.Error(), "let this command ask SES (ses:GetAccount)")
		return
	}
	if !sandboxed {
		return
	}
	to, err := mail.ParseAddressList(e.setting(ctx, "REPORT_TO"))
	switch {
	case err != nil:
		e.fault(check, "REPORT_TO is no address, nor several with commas", "deploy with the parameter ReportTo")
		return
	case len(to) > 1:
		e.fault(check, fmt.Sprintf("SES is in its sandbox, where the functions may send to one address alone, and REPORT_TO has %d: no mail is sent", len(to)),
			"ask in SES for production access, or deploy with one address as ReportTo")
		return
	}
	verified, err := e.st.Verified(ctx, to[0].Address)
	if err == nil && !verified && strings.EqualFold(domain(to[0]), domain(from)) {
		verified, err = e.st.Verified(ctx, domain(from))
	}
	switch {
	case err != nil:
		e.fault(check, err.Error(), "let this command ask SES (ses:GetIdentityVerificationAttributes)")
	case !verified:
		e.fault(check, "SES is in its sandbox, and has not verified the address in REPORT_TO by itself (a domain that is not the sender's is not enough): no mail is sent",
			"verify it as an identity in SES, in the region of the stack, or ask there for production access")
	default:
		e.note(check, "SES is in its sandbox: it delivers to what is verified, as REPORT_TO is", "ask for production access in SES before REPORT_TO changes")
	}
}
