package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
)

// conversions looks whether the callers' tokens can be proven, and whether the door proves them.
func (e *exam) conversions(ctx context.Context) {
	if !e.after("conversions", "functions") {
		return
	}
	if e.setting(ctx, issuerSetting) == "" {
		e.ok("conversions", "not set up; the parameter ConversionsJwtIssuer and connector token %s do that", e.at())
		return
	}
	if !e.after("conversions.keys", "settings") {
		return
	}
	b := e.reader(ctx).Bearer() // settings has looked
	e.keys(ctx, b)
	e.eventDoor(ctx, b)
	e.shut(ctx, "door.metrics", http.MethodGet, conversions.MetricsPath, "conversionApi")
	if e.setting(ctx, numberID) != "" {
		e.shut(ctx, "door.messages", http.MethodPost, conversions.MessagesPath, "sendWhatsapp")
	}
	e.leeway(ctx)
	e.uncounted(ctx)
	e.zohoCount(ctx)
}

// keys looks whether there are keys that tokens can be proven with.
func (e *exam) keys(ctx context.Context, b settings.Bearer) {
	const check = "conversions.keys"
	if b.KeySet != "" {
		_, err := conversions.NewKeySet(b.KeySet, b.Algorithm, &http.Client{Transport: e.timed(), Timeout: 10 * time.Second}, e.Now).Key(ctx, "connector-doctor")
		if !errors.Is(err, door.ErrForged) { // a set that has no such key is one
			e.fault(check, fmt.Sprintf("%s: %v", b.KeySet, err), "publish there what connector token --jwks prints, or correct ConversionsJwksUrl: callers are answered 503 once the functions have had no set for 24 hours")
			return
		}
		e.ok(check, "%s has keys for %s", b.KeySet, b.Algorithm)
		return
	}
	if !e.after(check, settings.ConversionsJWTSecret) {
		return
	}
	if what := unfitFor(b.Algorithm)(e.held[settings.ConversionsJWTSecret].Reveal()); what != "" {
		e.fault(check, settings.ConversionsJWTSecret+" "+what+": every caller is answered 503",
			"correct ConversionsJwtAlgorithm, or have a key made: connector token --new-key "+e.at())
		return
	}
	e.ok(check, "%s, for tokens of %s to %s", b.Algorithm, b.Issuer, b.Audience)
}

// eventDoor knocks without a token, and with one where this command can make it: with what is no event, so that nothing is
// counted.
func (e *exam) eventDoor(ctx context.Context, b settings.Bearer) {
	const check = "door.conversions"
	if !e.after(check, "conversions.keys") {
		return
	}
	at := e.session.door(ctx, conversions.EventsPath)
	if !e.lit(check, at) {
		return
	}
	a, err := e.ask(ctx, http.MethodPost, at, strings.NewReader("{}"), nil)
	proven := "refuses who brings no token"
	if err == nil && a.status == http.StatusUnauthorized && a.ours() && b.Algorithm == "HS256" {
		var token string
		if token, err = mint(b, signer{key: []byte(several(e.held[settings.ConversionsJWTSecret])[0])}, caller(b), []string{string(conversions.ScopeEvents)}, e.Now(), time.Minute); err == nil {
			a, err = e.ask(ctx, http.MethodPost, at, strings.NewReader("{}"), http.Header{"Authorization": {"Bearer " + token}})
		}
		refused := err == nil && a.status == http.StatusUnauthorized
		if refused && e.off(at) > conversions.Leeway { // the clock is told: it alone may be why
			e.skip(check, clockCheck(e.off(at)))
			return
		}
		if refused {
			e.fault(check, "the functions have another CONVERSIONS_JWT_SECRET, issuer or audience than the store and the settings here", "a new secret is taken up within five minutes; else deploy the stack again")
			return
		}
		if a.status == http.StatusUnprocessableEntity {
			a.status, proven = http.StatusUnauthorized, "takes a token of ours, and nobody without one"
		}
	}
	switch {
	case err != nil:
		e.unanswered(check, at)
	case !a.ours():
		e.stranger(check, at, a)
	case a.status == http.StatusUnauthorized:
		e.ok(check, "%s %s", at, proven)
	case a.status == http.StatusServiceUnavailable:
		e.fault(check, at+" answers 503: the webhook function has no keys", "see the log of webhook: it names what is missing")
	default:
		e.fault(check, fmt.Sprintf("%s answers %d", at, a.status), "compare it with the stack's outputs (PublicBaseUrl), and deploy with ConversionsJwtIssuer")
	}
}

// shut expects that a route of another function refuses who brings no token.
func (e *exam) shut(ctx context.Context, check, method, path, function string) {
	if !e.after(check, "conversions.keys", "door.conversions") {
		return
	}
	at := e.session.door(ctx, path)
	var body io.Reader
	if method != http.MethodGet {
		body = strings.NewReader("{}")
	}
	a, err := e.ask(ctx, method, at, body, nil)
	switch {
	case err != nil:
		e.unanswered(check, at)
	case a.status == http.StatusUnauthorized:
		e.ok(check, "%s refuses who brings no token", at)
	default:
		e.fault(check, fmt.Sprintf("%s answers %d to who brings no token", at, a.status), "see the log of "+function+": it names what is missing; else deploy the stack again")
	}
}

// caller is whom a token for a knock is made for: somebody whom the door lets in.
func caller(b settings.Bearer) string {
	if len(b.Subjects) > 0 {
		return b.Subjects[0]
	}
	return "connector-doctor"
}

// leeway looks whether tokens that are minted here are of now at the door. What is further apart is the clock's own finding.
func (e *exam) leeway(ctx context.Context) {
	skew := e.off(e.session.door(ctx, conversions.EventsPath))
	if check := clockCheck(skew); skew > conversions.Leeway && check != "clock" {
		e.fault(check, fmt.Sprintf("this machine's clock and the door's are %s apart: the door takes tokens within %s", skew.Round(time.Second), conversions.Leeway), "set the clock of this machine (NTP)")
	}
}

// clockCheck is the check that tells of a clock which is too far off for tokens.
func clockCheck(skew time.Duration) string {
	if skew > tooFar {
		return "clock"
	}
	return "conversions.clock"
}

// zohoCount asks Zoho what the daily report asks, where it is to be asked.
func (e *exam) zohoCount(ctx context.Context) {
	const check = "conversions.zoho"
	at := e.reader(ctx).ZohoCount()
	if at == (settings.ZohoCount{}) || !e.after(check, "zoho.scopes") {
		return
	}
	if e.setting(ctx, "CONVERSIONS_OWN_SUBJECT") == "" {
		e.note(check, "CONVERSIONS_ZOHO_COUNT is set, and CONVERSIONS_OWN_SUBJECT is not: nobody is compared with Zoho", "deploy with ConversionsOwnSubject")
		return
	}
	count, err := e.crmCount(ctx, e.st)
	if err == nil {
		own := e.reader(ctx).OwnEntries()
		_, _, err = count.Conversions(ctx, conversion.TenantOf(own.Issuer, own.Subject), conversion.Webform, e.Now().Add(-time.Minute), e.Now())
	}
	f, _ := errors.AsType[*fault.Error](err)
	switch {
	case lacksScope(err):
		e.fault(check, "the token may not read "+at.Module, "make a new code in the API console, with the READ scope of that module too, and run connector setup zoho --new-token "+e.at())
	case f != nil && f.Code == "NO_PERMISSION":
		e.fault(check, err.Error(), trouble(err)+"; the daily report fails with this too")
	case err != nil:
		e.fault(check, err.Error(), "compare ConversionsZohoCount with the API names in Zoho; the daily report fails with this too")
	default:
		e.ok(check, "%s can be counted by %s and %s", at.Module, at.Time, at.Channel)
	}
}

// uncounted counts the events that lie among the errors.
func (e *exam) uncounted(ctx context.Context) {
	const check = "conversions.errors"
	if !e.after(check, "rows of conversions") {
		return
	}
	c, err := e.counter(e.st)
	if err == nil {
		all, listed := failures(ctx, c)
		switch err = listed; {
		case err == nil && len(all) > 0:
			e.note(check, many(len(all), "event")+" not counted", "connector conversions errors "+e.at())
		case err == nil:
			e.ok(check, "none")
		}
	}
	if err != nil {
		e.fault(check, err.Error(), trouble(err))
	}
}
