package connector

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/config"
)

// soonEnds is how long before its end a token is a fault.
const soonEnds = 7 * 24 * time.Hour

// whatsapp looks at everything that conversations need, where the stack has a number.
func (e *exam) whatsapp(ctx context.Context) {
	if !e.after("whatsapp", "functions") {
		return
	}
	if e.setting(ctx, numberID) == "" {
		e.ok("whatsapp", "not set up; connector setup whatsapp %s does that", e.at())
		return
	}
	e.business(ctx)
	e.subscriptions(ctx)
	e.chatFields(ctx)
	e.chatScopes(ctx)
	e.chatDoor(ctx)
	e.chatRules(ctx)
}

// chatRules looks whether own rules of conversation can be read: while they cannot, messages wait. Of the built-in ones there is nothing
// to say.
func (e *exam) chatRules(ctx context.Context) {
	const check = "whatsapp.rules"
	if !e.after(check, "table config") {
		return
	}
	r, err := e.rows(e.st).Get(ctx, config.Conversation)
	if err != nil {
		e.fault(check, err.Error(), trouble(err))
		return
	}
	if r.Version == 0 {
		return
	}
	rules, err := talk.Parse(r.Value)
	if err != nil {
		what, _, _ := strings.Cut(err.Error(), "\n")
		e.fault(check, what+"; messages wait", "connector conversation apply FILE "+e.at()+" puts right ones in their place")
		return
	}
	e.ok(check, "row %d, answers to %s", r.Version, rules)
}

// business looks whether Meta takes the token, and which account has the number.
func (e *exam) business(ctx context.Context) {
	const check = "whatsapp.token"
	if !e.after(check, "settings", settings.WhatsAppAccessToken) {
		return
	}
	again := "make a new token for the system user: connector setup whatsapp " + e.at() + " stores it"
	g, err := e.graph(ctx, e.st)
	if err == nil {
		e.meta, err = e.session.business(ctx, g)
	}
	e.phone = g
	b := e.meta
	switch ends := b.grant.Expires; {
	case fault.KindOf(err) == fault.Denied:
		e.fault(check, "Meta does not take it", again)
		return
	case err != nil:
		e.fault(check, err.Error(), trouble(err))
		return
	case b.lacks() != nil:
		e.fault(check, "it lacks the permission "+strings.Join(b.lacks(), " and "), again)
		return
	case !ends.IsZero() && ends.Sub(e.Now()) < soonEnds:
		e.works[check] = true
		e.fault(check, "it ends at "+ends.Format(time.RFC3339), again+"; a system user's may never expire")
	case !ends.IsZero():
		e.works[check] = true
		e.note(check, "it ends at "+ends.Format(time.RFC3339), "a system user's token may never expire")
	default:
		e.ok(check, "app %s, both permissions", b.grant.AppID)
	}
	switch {
	case b.account == "" && b.grant.Accounts == nil && e.setting(ctx, accountID) == "":
		e.fault("whatsapp.number", "the token does not say for which account it was given", "set "+accountID+" in the environment of this command")
	case b.account == "":
		e.fault("whatsapp.number", "no account that the token was given for has the number "+g.number, "correct WhatsappPhoneNumberId and deploy, or give the system user the account")
	case b.number.Quality == "RED":
		e.works["whatsapp.number"] = true
		e.note("whatsapp.number", "people block or report the number: its quality is RED", "see WhatsApp Manager; send less, and what is asked for")
	default:
		e.ok("whatsapp.number", "account %s has %s", b.account, g.number)
	}
}

// subscriptions looks at the account's and the app's: without either nothing arrives.
func (e *exam) subscriptions(ctx context.Context) {
	const check = "whatsapp.subscribed"
	if !e.after(check, "whatsapp.number", settings.WhatsAppAppSecret) {
		return
	}
	w, gaps, err := e.wired(ctx, e.st, e.phone, e.meta)
	var words []string
	for _, g := range gaps {
		words = append(words, gap(g))
	}
	switch {
	case fault.KindOf(err) == fault.Denied:
		e.fault(check, "Meta does not take the app's secret", "copy it from the app's settings: connector setup whatsapp "+e.at()+" stores it")
	case err != nil:
		e.fault(check, err.Error(), trouble(err))
	case words != nil:
		e.fault(check, strings.Join(words, "; "), "connector setup whatsapp "+e.at()+" mends it")
	default:
		e.ok(check, "the account sends to the app, and the app to %s", w.URL)
	}
}

// chatFields looks whether both CRMs have the fields of conversations.
func (e *exam) chatFields(ctx context.Context) {
	const check = "whatsapp.fields"
	if !e.after(check, "mapping", "hubspot.scopes", "zoho.scopes") {
		return
	}
	fields := chatFields(e.m)
	there, err := present(ctx, e.c, fields)
	if err != nil {
		e.fault(check, err.Error(), trouble(err))
		return
	}
	good := true
	for i, f := range fields {
		switch there[i] {
		case f.kind:
			continue
		case "":
			e.fault(check, fmt.Sprintf("%s has no contact field %s", f.system, f.name), "connector setup whatsapp "+e.at()+" makes it")
		default:
			e.fault(check, f.otherType(there[i]), "rename that one; connector setup whatsapp "+e.at()+" makes the right one")
		}
		good = false
	}
	if good {
		e.ok(check, "%d are there", len(fields))
	}
}

// chatScopes reads what conversations read in Zoho, of a record that nobody has: that there is none is an answer too. Attachments are
// those of a note, and tried where notes may be read: what they lack then is their own.
func (e *exam) chatScopes(ctx context.Context) {
	const check, nobody = "whatsapp.scopes", "1"
	if !e.after(check, "zoho.scopes") {
		return
	}
	try := func(read func(context.Context, string, string) (string, error)) func() error {
		return func() error {
			_, err := read(ctx, nobody, "connector doctor")
			if kind := fault.KindOf(err); kind == fault.Missing || kind == fault.Refused {
				return nil
			}
			return err
		}
	}
	told := false // of notes: attachments lack the same
	e.scopes(check, []scope{
		{"ZohoCRM.modules.notes.ALL", func() error {
			err := try(e.c.zoho.Logged)()
			told = err != nil
			return err
		}},
		{"ZohoCRM.modules.attachments.ALL", func() error {
			if told {
				return nil
			}
			return try(e.c.zoho.Attached)()
		}},
		{"ZohoCRM.modules.tasks.ALL", try(e.c.zoho.Tasked)},
	})
}

// chatDoor knocks as Meta does: the handshake, and a delivery that nobody asked for.
func (e *exam) chatDoor(ctx context.Context) {
	const check = "door.whatsapp"
	if !e.after(check, "settings", settings.WhatsAppAppSecret, settings.WhatsAppVerifyToken) {
		return
	}
	at := e.session.door(ctx, whatsapp.Path)
	if !e.lit(check, at) {
		return
	}
	challenge := "1158201444"
	a, err := e.ask(ctx, http.MethodGet, at+"?"+url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {challenge},
		"hub.verify_token": {newest(e.held[settings.WhatsAppVerifyToken]).Reveal()}}.Encode(), nil, nil)
	switch {
	case err == nil && a.status == http.StatusForbidden && a.text == "": // the door's word for it
		e.fault(check, "the functions have another WHATSAPP_VERIFY_TOKEN than the store", "a new one is taken up within five minutes; else run connector setup whatsapp "+e.at())
		return
	case err == nil && (a.status == http.StatusForbidden || a.status == http.StatusOK && a.text != challenge):
		e.stranger(check, at, a)
		return
	}
	// What happened on another phone: the door takes it and does nothing.
	body := []byte(`{"object":"whatsapp_business_account","entry":[{"id":"0","changes":[{"field":"history","value":{"messaging_product":"whatsapp"}}]}]}`)
	signed := http.Header{whatsapp.HeaderSignature: {whatsapp.Sign(newest(e.held[settings.WhatsAppAppSecret]), body)}}
	e.door(ctx, check, at, body, body, signed, settings.WhatsAppAppSecret, "setup whatsapp")
}

// needs are the secrets that the functions of this stack ask for, but for those that nobody can know here.
func (e *exam) needs(ctx context.Context) []string {
	names := append([]string{}, e.st.Needs...)
	known := func() []string {
		return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(e.st.Unknown, name) })
	}
	if !e.works["functions"] {
		return known()
	}
	set := e.reader(ctx)
	if !set.WhatsApp().Missing() {
		names = append(names, settings.WhatsAppAccessToken, settings.WhatsAppAppSecret, settings.WhatsAppVerifyToken)
	}
	if b := set.Bearer(); !b.Missing() && b.KeySet == "" {
		names = append(names, settings.ConversionsJWTSecret)
	}
	if set.Slack() {
		names = append(names, settings.SlackWebhookURL)
	}
	return known()
}
