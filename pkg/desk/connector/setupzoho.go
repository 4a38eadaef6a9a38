package connector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/upkeep"
)

// grantCode is the name under which the code of the self client is handed over. It is stored nowhere.
const grantCode = "ZOHO_GRANT_CODE"

// zohoScopes are what the self client's code must be made with. Notes, attachments and tasks are what a conversation on WhatsApp
// leaves behind. They are asked for from the start: a refresh token keeps the scopes of its code, and one that is added later
// takes a new code.
const zohoScopes = "ZohoCRM.modules.contacts.ALL,ZohoCRM.modules.accounts.ALL,ZohoCRM.modules.leads.READ,ZohoCRM.modules.notes.ALL,ZohoCRM.modules.attachments.ALL,ZohoCRM.modules.tasks.ALL,ZohoCRM.coql.READ,ZohoCRM.notifications.ALL,ZohoCRM.settings.fields.ALL,ZohoCRM.settings.modules.READ,ZohoCRM.org.READ,ZohoCRM.users.READ"

type setupZohoCommand struct {
	NewToken           bool `help:"Trade a new code although the refresh token works."`
	RotateChannelToken bool `help:"Put a new token in the place of the notification channel's, so that no notification is refused meanwhile. It takes a quarter of an hour, most of it waiting."`
	TakeChannel        bool `help:"Take the notification channel of this ZohoChannelId although it has another address and none of this stack's tokens: whoever keeps it is told nothing any more."`
}

// Help is what --help adds.
func (setupZohoCommand) Help() string {
	return `1. In Zoho's API console (api-console.zoho.eu, of your data centre), signed in as a user of its own for the connector: Self Client, Create; note the client id (ZOHO_CLIENT_ID) and the client secret (ZOHO_CLIENT_SECRET). 2. Generate Code with the scopes below and ten minutes (ZOHO_GRANT_CODE). 3. Run this before they are over.

It trades the code for a refresh token, stores the secrets, makes the field HubSpot_Id on Contacts and Accounts, and, once the stack is deployed, opens the notification channel: run it again then. A channel of the same ZohoChannelId that notifies another address with none of this stack's tokens is another stack's: it is left alone without --take-channel.

Scopes (those of notes, attachments and tasks are for WhatsApp, and asked for at once, since each later one takes a new code; where CONVERSIONS_ZOHO_COUNT names a module, its READ scope comes to them):

    ` + strings.ReplaceAll(zohoScopes, ",", ",\n    ") + `

Examples:

    ZOHO_ACCOUNTS_URL=https://accounts.zoho.eu ZOHO_CLIENT_ID=1000.ABC connector setup zoho --stack crm-connector
    connector setup zoho --stack crm-connector --secret-file secrets.env --plan
    connector setup zoho --stack crm-connector --rotate-channel-token`
}

// Run sets Zoho up. Nothing is stored before it was seen to work.
func (c setupZohoCommand) Run(ctx context.Context, s *session) error {
	st, deployed, err := s.deployed(ctx)
	if err != nil {
		return err
	}
	if s.setting(ctx, "ZOHO_CLIENT_ID") == "" {
		return wrongf("ZOHO_CLIENT_ID is needed: connector setup zoho --help says where it comes from")
	}
	if err := c.rotatable(s, st, deployed); err != nil {
		return err
	}
	v, err := s.reach(ctx, st, deployed)
	if err != nil {
		return err
	}
	was, err := s.channelTokens(ctx, st)
	if err != nil {
		return err
	}
	ready := false
	try := func(ctx context.Context, fresh []string) (err error) {
		ready, err = c.token(ctx, s, st, v, fresh)
		if err == nil && ready && deployed && slices.Contains(fresh, settings.ZohoChannelToken) {
			err = c.ownChannel(ctx, s, st, v, was)
		}
		return err
	}
	_, err = s.admit(ctx, st, try, append(pairKey(st), entry{name: settings.ZohoClientSecret, from: needed}, entry{name: settings.ZohoChannelToken, from: own},
		entry{name: settings.ZohoRefreshToken, from: handed, last: func() bool { return ready }})...)
	if err != nil {
		return err
	}
	if !ready {
		if err := s.change(grantCode+" is asked for, and traded for a refresh token, which is stored as "+st.parameter(settings.ZohoRefreshToken), nil); err != nil {
			return err
		}
		return s.change("then HubSpot_Id is made on Contacts and Accounts where it is missing, and the channel opened", nil)
	}
	for _, m := range []crm.Module{crm.Contacts, crm.Companies} {
		if err := s.externalField(ctx, v, m); err != nil {
			return err
		}
	}
	if !deployed {
		s.next("deploy the stack, then run this again: it opens the notification channel")
		return nil
	}
	if err := c.openChannel(ctx, s, st, v, was); err != nil || !c.RotateChannelToken {
		return err
	}
	return s.rotateChannelToken(ctx, st, v)
}

// token sees to it that there is a refresh token which works: the one that is at hand, or one that it trades a code for. It is not
// ready where --plan kept it from trading.
func (c setupZohoCommand) token(ctx context.Context, s *session, st *Stack, v *clients, fresh []string) (ready bool, err error) {
	there, err := s.held(ctx, st, settings.ZohoRefreshToken)
	if err != nil && fault.KindOf(err) != fault.Setup {
		return false, err
	}
	if !there.IsZero() && !c.NewToken {
		access, err := v.renew(ctx)
		if wrongClient(err) {
			if err = s.otherClientSecret(err); err == nil {
				fresh = append(fresh, settings.ZohoClientSecret)
				access, err = v.renew(ctx)
			}
		}
		tried := slices.ContainsFunc(fresh, func(name string) bool { return name == settings.ZohoClientSecret || name == settings.ZohoRefreshToken })
		if code, bad := s.secret(grantCode, false); bad == nil && !code.IsZero() && fault.KindOf(err) != fault.Denied {
			s.differs(grantCode, "in the environment or the secret file of this command is not traded: there is a refresh token already; --new-token trades it all the same")
		}
		switch kind := fault.KindOf(err); {
		case err == nil:
			return true, nil
		case kind == fault.Throttled && !access.Token.IsZero() && !tried:
			s.note("too many tokens were asked for in ten minutes: the stored one is used")
			return true, nil
		case kind == fault.Throttled:
			return false, fmt.Errorf("%w: too many tokens were asked for in ten minutes", err)
		case kind != fault.Denied || wrongClient(err):
			return false, s.named(err)
		}
		s.note("the stored refresh token does not work any more: a new code is needed")
	}
	if s.flags.Plan {
		return false, nil
	}
	err = c.trade(ctx, s, st, v)
	return err == nil, err
}

// trade has the operator asked for a code, and trades it for a refresh token, which is the one in force from then on.
func (setupZohoCommand) trade(ctx context.Context, s *session, st *Stack, v *clients) error {
	code, err := s.secret(grantCode, true)
	if err != nil {
		return err
	}
	if code.IsZero() {
		return wrongf("%s is needed: connector setup zoho --help says how to make a code", grantCode)
	}
	trade := func() (refresh crm.Secret, access crm.Access, err error) {
		client, err := s.held(ctx, st, settings.ZohoClientSecret)
		if err == nil {
			refresh, access, err = v.accounts.Trade(ctx, client, code)
		}
		return refresh, access, err
	}
	refresh, access, err := trade()
	if wrongClient(err) {
		if err = s.otherClientSecret(err); err == nil {
			refresh, access, err = trade()
		}
	}
	switch kind := fault.KindOf(err); {
	case err == nil:
		v.tokens.use(access)
		s.granted = map[string]crm.Secret{settings.ZohoRefreshToken: refresh}
		return nil
	case wrongClient(err):
		return s.named(err)
	case kind == fault.Denied:
		return fmt.Errorf("%w: the code has expired or was used, or client and data centre (ZOHO_ACCOUNTS_URL) do not belong together; make a new code", err)
	case kind == fault.Throttled:
		return fmt.Errorf("%w: too many tokens were asked for in ten minutes, make a new code when they are over", err)
	}
	return err
}

// wrongClient reports whether Zoho does not take client id and client secret: it answers the same for either, and for a client of
// another data centre (facts/zoho.md).
func wrongClient(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && (e.Code == "invalid_client" || e.Code == "invalid_client_secret")
}

// named says what is to be corrected where Zoho does not take the client.
func (s *session) named(err error) error {
	if !wrongClient(err) {
		return err
	}
	return fmt.Errorf("%w: ZOHO_CLIENT_SECRET is not that of ZOHO_CLIENT_ID, or the client is not of the data centre of ZOHO_ACCOUNTS_URL; run this again with the right one, in the environment, in --secret-file or typed", err)
}

// otherClientSecret has a person asked for the client secret in place of the one that Zoho did not take. Where nobody is asked,
// nothing is typed, or what cannot be one, that is the error.
func (s *session) otherClientSecret(err error) error {
	name := settings.ZohoClientSecret
	if s.flags.Plan || s.Prompt == nil || s.Getenv(name) != "" || s.given[name] != "" {
		return err
	}
	s.note("Zoho does not take %s with this client id, in this data centre: copy it from the API console once more", name)
	delete(s.typed, name)
	v, asked := s.secret(name, true)
	switch what := shape(name, v); {
	case asked != nil:
		return asked
	case v.IsZero():
		return err
	case what != "":
		return wrongf("%s %s", name, what)
	}
	return nil
}

// externalField makes HubSpot_Id where it is missing: an external id, or where the edition refuses that, a unique text.
func (s *session) externalField(ctx context.Context, v *clients, m crm.Module) error {
	all, err := v.zoho.Definitions(ctx, m)
	if err != nil {
		return err
	}
	name := zohoModules[m] + "." + zoho.HubSpotID
	d, ok := all[zoho.HubSpotID]
	switch {
	case ok && d.External != "org" && !d.Unique:
		return fmt.Errorf("%s is there and not unique: in Zoho's setup, Modules and Fields, mark it as an external id of the organisation, or as a field that does not allow duplicate values", name)
	case ok:
		s.nothing(name + " is unique")
		return nil
	case s.flags.Plan:
		return s.change(name+" is an external id", nil)
	}
	err = v.zoho.CreateHubSpotID(ctx, m, false)
	if err == nil {
		return s.change(name+" is an external id", func() error { return nil })
	}
	if !refused(err) {
		return err
	}
	if plainly := v.zoho.CreateHubSpotID(ctx, m, true); plainly != nil {
		return errors.Join(fmt.Errorf("as an external id: %w", err), fmt.Errorf("as a unique text: %w", plainly))
	}
	return s.change(name+" is a text that does not allow duplicate values: this edition has no external ids", func() error { return nil })
}

// refused reports whether a system has judged a request, and not failed at it.
func refused(err error) bool {
	switch fault.KindOf(err) {
	case fault.Throttled, fault.Down, fault.Denied, fault.Busy:
		return false
	}
	e, ok := errors.AsType[*fault.Error](err)
	return ok && e.Code != "OAUTH_SCOPE_MISMATCH"
}

// channelTokens are the tokens of the channel that are stored.
func (s *session) channelTokens(ctx context.Context, st *Stack) (out []crm.Secret, err error) {
	there, err := s.there(ctx, st, settings.ZohoChannelToken)
	for _, t := range several(there) {
		out = append(out, crm.NewSecret(t))
	}
	return out, err
}

// ownChannel looks at the channel before its token is exchanged. One that somebody else keeps stops the command, with nothing stored; one
// of our own is mended with the token that it has: with neither that nor our address it would be nobody's, also to the next run.
func (c setupZohoCommand) ownChannel(ctx context.Context, s *session, st *Stack, v *clients, was []crm.Secret) error {
	r := s.renewer(ctx, st, v)
	if st.Running && r.URL == "" {
		return nil
	}
	now := r.Tokens
	r.Tokens = func(ctx context.Context) ([]crm.Secret, error) {
		given, err := now(ctx)
		return slices.Concat(was, given), err
	}
	found, err := c.look(ctx, s, r)
	if err != nil || len(found) == 0 || len(was) == 0 {
		return err
	}
	return s.mendChannel(ctx, r, found)
}

// openChannel opens the notification channel, or mends it. One that is right is left to renewZohoChannel, and one that somebody else
// keeps to him; what carries a token that was stored before is ours.
func (c setupZohoCommand) openChannel(ctx context.Context, s *session, st *Stack, v *clients, was []crm.Secret) error {
	r := s.renewer(ctx, st, v)
	if st.Running && r.URL == "" {
		s.note("no channel is opened: %s", noChannel)
		return nil
	}
	now := r.Tokens
	r.Tokens = func(ctx context.Context) ([]crm.Secret, error) {
		all, err := now(ctx)
		return slices.Concat(all, was), err
	}
	found, err := c.look(ctx, s, r)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		s.nothing("channel " + r.ID + " notifies " + r.URL)
		return nil
	}
	return s.mendChannel(ctx, r, found)
}

// look says what differs from the channel that is wanted.
func (c setupZohoCommand) look(ctx context.Context, s *session, r *upkeep.Renewer) ([]string, error) {
	r.Take = c.TakeChannel
	if r.ID == "" || r.URL == "" {
		return nil, errors.New("ZOHO_CHANNEL_ID and ZOHO_WEBHOOK_URL are not among the settings of the deployed functions: deploy the stack again")
	}
	found, err := r.Check(ctx)
	if errors.Is(err, upkeep.ErrForeign) {
		return nil, fmt.Errorf("%w; %s", err, s.takeChannel())
	}
	return found, err
}

func (s *session) mendChannel(ctx context.Context, r *upkeep.Renewer, found []string) error {
	return s.change(fmt.Sprintf("channel %s notifies %s (found: %s)", r.ID, r.URL, strings.Join(found, ", ")), func() error {
		_, err := r.Renew(ctx)
		return err
	})
}

// takeChannel says how a channel that somebody else keeps is taken all the same.
func (s *session) takeChannel() string {
	return "only where nobody is told through it any more, connector setup zoho --take-channel " + s.at()
}
