package connector

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/fault"
)

// numberID is the setting by which a stack has WhatsApp.
const numberID = "WHATSAPP_PHONE_NUMBER_ID"

type setupWhatsAppCommand struct{}

// Help is what --help adds.
func (setupWhatsAppCommand) Help() string {
	return `1. In Meta's app dashboard: an app with the product WhatsApp, in Live mode. Its secret (WHATSAPP_APP_SECRET) stands under App settings, Basic; the id of the number (WHATSAPP_PHONE_NUMBER_ID) under WhatsApp, API Setup. 2. In Business settings: a system user who may use the app and the WhatsApp account, and its token that never expires (WHATSAPP_ACCESS_TOKEN) with the permissions whatsapp_business_messaging and whatsapp_business_management. 3. After setup zoho and setup hubspot, run this: it looks at token, secret and number, stores the secrets, and makes the fields of contacts (Zoho: WhatsApp_User, WhatsApp_Opt_Out; HubSpot: whatsapp_opt_out). 4. Deploy with the parameter WhatsappPhoneNumberId. 5. Run this again: it subscribes the account to the app and the app to the stack's door, with a handshake token that it makes itself.

An app has one webhook for WhatsApp: another program that uses the same app gets nothing from then on. The account is found by the token; where that was given for all accounts of the business, WHATSAPP_ACCOUNT_ID names it.

Examples:

    WHATSAPP_PHONE_NUMBER_ID=106540352242922 connector setup whatsapp --stack crm-connector
    connector setup whatsapp --stack crm-connector --secret-file secrets.env --plan`
}

// Run sets WhatsApp up.
func (setupWhatsAppCommand) Run(ctx context.Context, s *session) error {
	st, deployed, err := s.deployed(ctx)
	if err != nil {
		return err
	}
	g, err := s.graph(ctx, st)
	if err != nil {
		return err
	}
	if g.number == "" {
		return wrongf("%s is needed: connector setup whatsapp --help says where it stands", numberID)
	}
	var w whatsapp.Wiring
	var gaps []whatsapp.Gap
	look := func(ctx context.Context, _ []string) (err error) {
		w, gaps, err = s.found(ctx, st, g)
		return err
	}
	missing, err := s.admit(ctx, st, look, entry{name: settings.WhatsAppAccessToken, from: needed}, entry{name: settings.WhatsAppAppSecret, from: needed},
		entry{name: settings.WhatsAppVerifyToken, from: own})
	if err != nil {
		return err
	}
	if missing != nil {
		return s.change("then token and number are looked at, the fields of contacts made where they are missing, and both subscriptions", nil)
	}
	v, err := s.both(ctx, st, deployed)
	if err != nil {
		return err
	}
	m, err := s.mapped(ctx, st, deployed)
	if err != nil {
		return err
	}
	if err := s.makeFields(ctx, v, m); err != nil {
		return err
	}
	if !deployed {
		s.next("deploy with WhatsappPhoneNumberId=%s (make build && sam deploy --guided), then run this again: it makes the subscriptions", g.number)
		return nil
	}
	if strings.TrimSpace(st.Setting(ctx, numberID)) != g.number {
		s.next("set WhatsappPhoneNumberId=%s in samconfig.toml, deploy (%s), then run this again: it makes the subscriptions", g.number, redeploy)
		return nil
	}
	return s.subscribe(ctx, st, g, w, gaps)
}

// found looks at everything that Meta tells, and is an error where it is not as it must be, but for the subscriptions.
func (s *session) found(ctx context.Context, st *Stack, g graph) (w whatsapp.Wiring, gaps []whatsapp.Gap, err error) {
	b, err := s.business(ctx, g)
	switch {
	case fault.KindOf(err) == fault.Denied:
		return w, nil, fmt.Errorf("%w: make a new token for the system user, and run this again with %s", err, settings.WhatsAppAccessToken)
	case err != nil:
		return w, nil, err
	case b.lacks() != nil:
		return w, nil, fmt.Errorf("the token lacks the permission %s: make one that has it, and run this again with %s", strings.Join(b.lacks(), " and "), settings.WhatsAppAccessToken)
	case b.account == "" && b.grant.Accounts == nil && s.setting(ctx, accountID) == "":
		return w, nil, wrongf("the token does not say for which account it was given: set %s", accountID)
	case b.account == "":
		return w, nil, fmt.Errorf("no account that the token was given for has the number %s: correct %s, or give the system user the account", g.number, numberID)
	}
	w, gaps, err = s.wired(ctx, st, g, b)
	if fault.KindOf(err) == fault.Denied {
		return w, nil, fmt.Errorf("%w: the app secret is another one; copy it from the app's settings, and run this again with %s", err, settings.WhatsAppAppSecret)
	}
	if err == nil {
		s.nothing(fmt.Sprintf("the token allows both permissions%s; account %s has the number %s", ends(b), b.account, g.number))
	}
	return w, gaps, err
}

// ends says when a token does, "" for never.
func ends(b business) string {
	if b.grant.Expires.IsZero() {
		return ""
	}
	return " until " + b.grant.Expires.Format("2006-01-02")
}

// subscribe makes what is missing of both subscriptions.
func (s *session) subscribe(ctx context.Context, st *Stack, g graph, w whatsapp.Wiring, gaps []whatsapp.Gap) error {
	if w.URL == "" {
		return errors.New("ZOHO_WEBHOOK_URL is not among the settings of the deployed functions: deploy the stack again")
	}
	var app []string
	for _, each := range gaps {
		if each.Kind != whatsapp.GapAccount {
			app = append(app, gap(each))
			continue
		}
		if err := s.change("account "+w.Account+" sends to the app "+w.AppID, func() error { return g.Subscribe(ctx, w.Account) }); err != nil {
			return err
		}
	}
	if len(gaps) == len(app) {
		s.nothing("account " + w.Account + " sends to the app " + w.AppID)
	}
	if app == nil {
		s.nothing("the app sends to " + w.URL)
		return nil
	}
	err := s.change(fmt.Sprintf("the app sends to %s (found: %s)", w.URL, strings.Join(app, ", ")), func() error {
		verify, err := s.held(ctx, st, settings.WhatsAppVerifyToken)
		if err != nil {
			return err
		}
		return g.SubscribeApp(ctx, w, newest(verify))
	})
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Code == whatsapp.CodeCallback {
		return fmt.Errorf("%w: the door did not answer Meta's handshake; it takes a new token up within five minutes: run this again then. If it stays, see connector doctor", err)
	}
	return err
}
