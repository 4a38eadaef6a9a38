package connector

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/suite/chats"
)

// accountID is the setting of this command that names the WhatsApp Business Account, where the token does not.
const accountID = "WHATSAPP_ACCOUNT_ID"

// graph is the way to WhatsApp's Cloud API.
type graph struct {
	*whatsapp.Client
	number string // WHATSAPP_PHONE_NUMBER_ID, "" for a stack without WhatsApp
}

// graph makes the client. It makes no call.
func (s *session) graph(ctx context.Context, st *Stack) (graph, error) {
	set := s.reader(ctx)
	w := set.WhatsApp()
	if err := set.Err(); err != nil {
		return graph{}, wrongf("%v", err)
	}
	return graph{whatsapp.New(whatsapp.Config{
		BaseURL: w.URL, Version: w.Version, HTTP: s.timed(), Now: s.Now, Sleep: s.Sleep,
		Bearer: func(ctx context.Context) (crm.Secret, error) { return s.held(ctx, st, settings.WhatsAppAccessToken) },
	}), w.Number}, nil
}

// business is what Meta says of a stack's token and number.
type business struct {
	grant   whatsapp.Grant
	account string // the WhatsApp Business Account that has the number, "" when none that can be seen does
	number  whatsapp.BusinessNumber
}

// business asks Meta: what the token allows, and which of its accounts has the number.
func (s *session) business(ctx context.Context, g graph) (business, error) {
	var b business
	var err error
	if b.grant, err = g.Grant(ctx); err != nil {
		return b, err
	}
	if b.lacks() != nil {
		return b, nil // without them it may look at nothing
	}
	accounts := b.grant.Accounts
	if own := s.setting(ctx, accountID); own != "" {
		accounts = []string{own}
	}
	for _, id := range accounts {
		all, err := g.Numbers(ctx, id)
		if err != nil && fault.KindOf(err) != fault.Missing {
			return b, err
		}
		if i := slices.IndexFunc(all, func(n whatsapp.BusinessNumber) bool { return n.ID == g.number }); i >= 0 {
			b.account, b.number = id, all[i]
			return b, nil
		}
	}
	return b, nil
}

// lacks are the permissions that the token has not.
func (b business) lacks() []string {
	var out []string
	for _, scope := range []string{whatsapp.ScopeMessaging, whatsapp.ScopeManagement} {
		if !slices.Contains(b.grant.Scopes, scope) {
			out = append(out, scope)
		}
	}
	return out
}

// wired returns how WhatsApp's deliveries are meant to come, and what is missing for that. Of several app secrets it goes on with
// the one that Meta takes: while one is exchanged the old one is no good there any more, or the new one not yet.
func (s *session) wired(ctx context.Context, st *Stack, g graph, b business) (w whatsapp.Wiring, gaps []whatsapp.Gap, err error) {
	secret, err := s.held(ctx, st, settings.WhatsAppAppSecret)
	if err != nil {
		return w, nil, err
	}
	w = whatsapp.Wiring{Account: b.account, AppID: b.grant.AppID, URL: s.door(ctx, whatsapp.Path)}
	for _, one := range several(secret) {
		w.AppSecret = crm.NewSecret(one)
		if gaps, err = g.Gaps(ctx, w); fault.KindOf(err) != fault.Denied {
			break
		}
	}
	return w, gaps, err
}

// newest is the first of several secrets that are in use at once.
func newest(all crm.Secret) crm.Secret {
	first, _, _ := strings.Cut(all.Reveal(), ",")
	return crm.NewSecret(strings.TrimSpace(first))
}

// door is the address of a route of the deployed door, "" where no other of its addresses is known.
func (s *session) door(ctx context.Context, path string) string {
	if s.opened.Door != nil {
		return s.opened.Door(path)
	}
	base, known := strings.CutSuffix(s.setting(ctx, "ZOHO_WEBHOOK_URL"), zoho.Path)
	if u, err := url.Parse(base); !known || err != nil || u.Host == "" {
		return ""
	}
	return base + path
}

// gap says in words what keeps deliveries away.
func gap(g whatsapp.Gap) string {
	switch g.Kind {
	case whatsapp.GapAccount:
		return "the account does not send to the app"
	case whatsapp.GapNone:
		return "the app has no webhook for WhatsApp"
	case whatsapp.GapInactive:
		return "the app's webhook is switched off"
	case whatsapp.GapURL:
		return "the app sends to " + g.Found
	}
	return "the app is not subscribed to " + g.Field
}

// chatField is a field that conversations need on contacts.
type chatField struct {
	system crm.System
	name   string
	kind   string // its type in that CRM
	create func(context.Context, *clients) error
}

// userLength is what a business-scoped user id may have: a country, ENT where a portfolio has a parent, and 128 letters and
// digits (https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids).
const userLength = 150

// chatFields are made by connector setup whatsapp, on contacts: who somebody is who shows no number, and who wants no messages.
// One that the mapping joins to another property is not needed: that property is the mapping's to look after.
func chatFields(m *mapping.Mapping) []chatField {
	ofZoho := func(name, label, kind string, length int) chatField {
		return chatField{crm.Zoho, name, kind, func(ctx context.Context, c *clients) error {
			return c.zoho.CreateField(ctx, crm.Contacts, zoho.Definition{Label: label, Type: kind, Length: length})
		}}
	}
	all := map[crm.Field][]chatField{
		chats.FieldUser: {ofZoho("WhatsApp_User", "WhatsApp User", "text", userLength)},
		chats.FieldOptOut: {
			ofZoho("WhatsApp_Opt_Out", "WhatsApp Opt Out", "boolean", 0),
			{crm.HubSpot, "whatsapp_opt_out", "bool", func(ctx context.Context, c *clients) error {
				return c.hubspot.CreateFlag(ctx, crm.Contacts, "whatsapp_opt_out", "WhatsApp opt-out")
			}},
		},
	}
	var out []chatField
	for _, field := range []crm.Field{chats.FieldUser, chats.FieldOptOut} {
		for _, f := range all[field] {
			other := func(c crm.Column) bool { return c.Field == field && c.Property != "" && c.Property != f.name }
			if !slices.ContainsFunc(m.Columns(crm.Contact, f.system), other) {
				out = append(out, f)
			}
		}
	}
	return out
}

// present looks which of the fields both CRMs have: their types there, "" for one that is missing.
func present(ctx context.Context, c *clients, fields []chatField) ([]string, error) {
	var hub map[string]hubspot.Definition
	zo, err := c.zoho.Definitions(ctx, crm.Contacts)
	if err == nil {
		hub, err = c.hubspot.Definitions(ctx, crm.Contacts)
	}
	out := make([]string, len(fields))
	for i, f := range fields {
		if out[i] = zo[f.name].Type; f.system == crm.HubSpot {
			out[i] = hub[f.name].Type
		}
	}
	return out, err
}

// otherType says that a field of that name is there and cannot be used.
func (f chatField) otherType(kind string) string {
	return fmt.Sprintf("%s contact %s is there as %s, not as %s", f.system, f.name, kind, f.kind)
}

// makeFields makes what is missing.
func (s *session) makeFields(ctx context.Context, c *clients, m *mapping.Mapping) error {
	fields := chatFields(m)
	there, err := present(ctx, c, fields)
	if err != nil {
		return err
	}
	for i, f := range fields {
		name := fmt.Sprintf("%s contact %s", f.system, f.name)
		switch there[i] {
		case f.kind:
			s.nothing(name + " is there")
			continue
		case "":
		default:
			return errors.New(f.otherType(there[i]) + ": rename that one, then run this again")
		}
		err := s.change(name+" is made ("+f.kind+")", func() error { return f.create(ctx, c) })
		switch {
		case lacksScope(err):
			return fmt.Errorf("%w: the token lacks the scope that makes fields; give it (connector setup %s --help), or make the field by hand, then run this again", err, f.system)
		case fault.KindOf(err) == fault.Setup:
			return fmt.Errorf("%w: %s, or make the field by hand, then run this again", err, permission(err))
		case err != nil:
			return err
		}
	}
	return nil
}
