package connector

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/desk/sandbox"
)

// openDesk reaches the process that make run started: tables and queues through its door, settings and mapping as it was
// started with, which it tells. Secrets it does not tell, but for the names of those that are not the sandbox's:
// those are the operator's to give here, and asked for where they are needed.
func openDesk(ctx context.Context, w World, base string) (*Stack, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, wrongf("--desk: %q is no address like http://127.0.0.1:8080", base)
	}
	remote := sandbox.Remote{Base: base, HTTP: w.HTTP}
	given, own, text, err := remote.Settings(ctx)
	if fault.KindOf(err) == fault.Down {
		return nil, wrongf("no process of make run answers at %s: start it with make run, or give --desk its address", base)
	}
	if err != nil {
		return nil, wrongf("%v", err)
	}
	env := &deskEnvironment{own: w.Getenv, given: given, theirs: own, read: map[string]bool{}}
	set, err := sandbox.ReadSettings(env.get)
	if err != nil {
		return nil, wrongf("%v\nthe process of make run does not tell its secrets: set those that it was started with in the environment of this command", err)
	}
	m, err := mapping.Parse(text)
	if err != nil {
		return nil, wrongf("the mapping with which the process of make run was started: %v", err)
	}
	whole, chats := map[string]Lane{conversionQueue: deskLane{remote.Queue("conversionEvents")}}, Table(nil)
	if set.WhatsApp.Number != "" {
		whole[whatsappQueue], chats = deskLane{remote.Queue("whatsappOperations")}, remote.Table(sandbox.Chats)
	}
	return &Stack{
		Name: "desk",
		Tables: Tables{
			Pairs: remote.Table(sandbox.Pairs), Parked: remote.Table(sandbox.Parked), Attempts: remote.Table(sandbox.Attempts),
			Config: remote.Table(sandbox.Config), Tokens: remote.Table(sandbox.Tokens), Quarantine: remote.Table(sandbox.Quarantine),
			Chats: chats, Conversions: remote.Table(sandbox.Counts),
		},
		Whole:   whole,
		Lanes:   map[crm.System]Lane{crm.HubSpot: deskLane{remote.Lane(crm.HubSpot)}, crm.Zoho: deskLane{remote.Lane(crm.Zoho)}},
		Vault:   deskSecrets{deskVault(set), env.unknown()},
		Unknown: env.unknown(),
		Needs:   deskNeeds(set),
		Version: func(context.Context) (string, error) { return w.Version, nil }, // of one checkout
		Told:    func(context.Context) error { return nil },                      // it was, when it was opened
		Setting: env.settings(set), Running: true, Door: deskDoor(set), Default: m, DefaultYAML: text,
	}, nil
}

// deskDoor is where a route of the door of the process is reached: on this machine, and from the real WhatsApp beside the address that
// Zoho's channel sends to.
func deskDoor(set sandbox.Settings) func(path string) string {
	return func(path string) string {
		if base, public := strings.CutSuffix(set.Zoho.WebhookURL, zoho.Path); public && path == whatsapp.Path && set.WhatsApp.URL != "" {
			return base + path
		}
		return "http://" + set.Door() + path
	}
}

// deskEnvironment is the environment of the process as far as it is known here.
type deskEnvironment struct {
	own    func(string) string
	given  map[string]string // as the process tells it
	theirs []string          // the secrets that are not the sandbox's
	read   map[string]bool   // the variables that it reads
}

// unknown stands for a secret that is not known here, long enough for each.
const unknown = "unknown-unknown-unknown-unknown-unknown"

// get returns a variable as the process has it, and a secret that is not the sandbox's as it stands here. What stands for one that is
// not known here is read and never used.
func (d *deskEnvironment) get(name string) string {
	d.read[name] = true
	switch {
	case slices.Contains(d.unknown(), name):
		return unknown
	case slices.Contains(d.theirs, name):
		return d.own(name)
	case secretName(name):
		return "" // the sandbox's
	}
	return d.given[name]
}

// unknown are the secrets of the process that nobody gave here.
func (d *deskEnvironment) unknown() []string {
	return slices.DeleteFunc(slices.Clone(d.theirs), func(name string) bool { return strings.TrimSpace(d.own(name)) != "" })
}

// settings are the settings of the process by their names, and what this command alone reads.
func (d *deskEnvironment) settings(set sandbox.Settings) func(context.Context, string) string {
	o, chat, events := set.Rules.Options, set.WhatsApp, set.Conversions
	values := map[string]string{
		"HUBSPOT_API_URL": cmp.Or(set.HubSpot.URL, "http://"+set.HubSpotAddr), "HUBSPOT_APP_ID": set.HubSpot.AppID, "HUBSPOT_WEBHOOK_URL": set.HubSpot.WebhookURLs[0],
		"ZOHO_API_URL": cmp.Or(set.Zoho.URL, "http://"+set.ZohoAddr), "ZOHO_ACCOUNTS_URL": set.Zoho.AccountsURL, "ZOHO_CLIENT_ID": set.Zoho.ClientID,
		"ZOHO_CHANNEL_ID": set.Zoho.ChannelID, "ZOHO_WEBHOOK_URL": set.Zoho.WebhookURL, "REPORT_FROM": set.Report.From, "REPORT_TO": set.Report.To, "MODE": string(set.Rules.Start),
		"HUBSPOT_CALLS_PER_10S": "0", "HUBSPOT_CALLS_PER_DAY": "0", "HUBSPOT_SEARCHES_PER_SECOND": "0", "ZOHO_CREDITS_PER_DAY": "0", "ZOHO_CONCURRENCY": "0", // the process has a budget of its own
		numberID: chat.Number, "WHATSAPP_API_VERSION": chat.Version, "WHATSAPP_OWN_NUMBERS": strings.Join(chat.Own, ","),
		issuerSetting: events.Issuer, "CONVERSIONS_JWT_AUDIENCE": events.Audience, "CONVERSIONS_JWT_SUBJECTS": strings.Join(events.Subjects, ","),
		"CONVERSIONS_OWN_SUBJECT": events.Own, "CONVERSIONS_CONTACT_CHANNEL": string(events.Contacts),
		"PHONE_REGION": o.PhoneRegion, "LAST_NAME": o.LastName, "LEADS": o.Leads, "PHONE_MATCH": o.PhoneMatch,
	}
	if chat.Number != "" {
		values["WHATSAPP_API_URL"] = cmp.Or(chat.URL, "http://"+set.MetaAddr)
	}
	return func(_ context.Context, name string) string {
		v, ok := values[name]
		switch {
		case ok:
			return v
		case slices.Contains(d.unknown(), name):
			return ""
		case d.read[name]:
			return d.get(name)
		}
		return d.own(name)
	}
}

// secrets are given ones that nobody can change.
type secrets map[string]crm.Secret

// Get returns those of the names.
func (s secrets) Get(_ context.Context, names ...string) (map[string]crm.Secret, error) {
	out := map[string]crm.Secret{}
	for _, name := range names {
		if v := s[name]; !v.IsZero() {
			out[name] = v
		}
	}
	return out, nil
}

// Put refuses: the process of make run reads its secrets from its environment.
func (secrets) Put(_ context.Context, name string, _ crm.Secret) error {
	return wrongf("the process of make run keeps no secrets: set %s in its environment", name)
}

// deskNeeds are the secrets that every process has. One that is given an access token of Zoho has nothing renewed.
func deskNeeds(set sandbox.Settings) []string {
	needs := []string{settings.HubSpotAccessToken, settings.HubSpotClientSecret, settings.ZohoChannelToken}
	if set.Zoho.AccessToken.IsZero() {
		needs = append(needs, settings.ZohoClientSecret, settings.ZohoRefreshToken)
	}
	return needs
}

// deskSecrets are those of a process, of which some are not known here.
type deskSecrets struct {
	secrets
	unknown []string
}

// Get returns those of the names, and refuses where one of them is not known.
func (d deskSecrets) Get(ctx context.Context, names ...string) (map[string]crm.Secret, error) {
	if err := notGiven(d.unknown, names...); err != nil {
		return nil, err
	}
	return d.secrets.Get(ctx, names...)
}

// theirs says of a secret why it is not known.
const theirs = "the process of make run was started with one of its own, and does not tell it"

// notGiven is the error of a command that needs secrets of which some are not known; nil where all are.
func notGiven(unknown []string, names ...string) error {
	for _, name := range names {
		if !slices.Contains(unknown, name) {
			continue
		}
		where := "in the environment of this command"
		if slices.Contains(handedOver, name) {
			where += ", or in --secret-file"
		}
		return wrongf("%s is needed: %s. Set it %s", name, theirs, where)
	}
	return nil
}

func deskVault(set sandbox.Settings) secrets {
	together := func(all []crm.Secret) crm.Secret {
		var texts []string
		for _, s := range all {
			texts = append(texts, s.Reveal())
		}
		return crm.NewSecret(strings.Join(texts, ","))
	}
	return secrets{
		settings.WhatsAppAccessToken: set.WhatsApp.Token, settings.WhatsAppAppSecret: together(set.WhatsApp.Secrets),
		settings.WhatsAppVerifyToken: together(set.WhatsApp.VerifyTokens), settings.ConversionsJWTSecret: together(set.Conversions.Secrets),
		settings.HubSpotAccessToken: set.HubSpot.Token, settings.HubSpotClientSecret: set.HubSpot.Secrets[0], settings.ZohoClientSecret: set.Zoho.ClientSecret,
		settings.ZohoRefreshToken: set.Zoho.RefreshToken, settings.ZohoChannelToken: set.Zoho.ChannelToken,
	}
}

// deskLane is a queue of the process.
type deskLane struct{ *sandbox.RemoteLane }

// Depth tells what lies in the queue; the process does not tell how old it is.
func (l deskLane) Depth(ctx context.Context) (d Depth, err error) {
	d.Waiting, d.InFlight, d.Dead, err = l.Stats(ctx)
	return d, err
}
