package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/flow/config"
)

type setupHubSpotCommand struct {
	Out         string `help:"Folder for the app project, of this stack alone." default:"hubspot-app" placeholder:"DIR"`
	Mapping     string `help:"Mapping to subscribe to before the stack is deployed; the built-in one unless given." placeholder:"FILE" type:"path"`
	Support     string `help:"Address that the app's page shows." default:"support@example.com"`
	OtherPortal bool   `help:"Take the token of another portal than the one whose records this stack has paired."`
}

// Help is what --help adds.
func (setupHubSpotCommand) Help() string {
	return `Writes the app project of HubSpot (hsproject.json and src/app) with the scopes that the suite needs and, once the stack is deployed, the webhook subscriptions: creation, deletion, merge, restore, association change, privacy deletion, and a change of each mapped property. Conversations on WhatsApp need no scope beyond those of contacts; crm.schemas.contacts.write is there so that connector setup whatsapp can make its property, since a scope that is added later takes a new installation.

1. connector setup hubspot --stack NAME. 2. hs project upload; install the app from its Distribution tab: there is the token (HUBSPOT_ACCESS_TOKEN); its client secret (HUBSPOT_CLIENT_SECRET) and its id (for the parameter HubspotAppId) stand on its page. 3. Run this again: it has HubSpot take the token, and stores both. 4. Deploy the stack. 5. Run this and hs project upload again: the app now tells the stack of changes. Repeat step 5 after each connector mapping apply.

The stack keeps the id of the portal: a token of another one, where no record is that of a pair, is refused without --other-portal once there are pairs, and the door puts the events of another one into quarantine. Where the stack is to move, this with --other-portal and the token of the new portal notes it. A folder holds the project of one stack.

Examples:

    connector setup hubspot --stack crm-connector --out ../hubspot-app
    connector setup hubspot --stack crm-connector --secret-file secrets.env --plan`
}

// Run stores the secrets and writes the project.
func (c setupHubSpotCommand) Run(ctx context.Context, s *session) error {
	st, deployed, err := s.deployed(ctx)
	if err != nil {
		return err
	}
	if err := s.ownFolder(c.Out, st.Name); err != nil {
		return err
	}
	url := ""
	if deployed {
		if urls := s.reader(ctx).List("HUBSPOT_WEBHOOK_URL"); len(urls) > 0 {
			url = urls[0] // the functions accept the others too: the stack's outputs give out the first
		}
	}
	if err := s.ownSubscriptions(c.Out, st.Name, url); err != nil {
		return err
	}
	var m *mapping.Mapping
	if c.Mapping != "" {
		if m, _, err = document(s, c.Mapping, "mapping", mapping.Parse); err != nil {
			return err
		}
	}
	p := portal{other: c.OtherPortal, kept: deployed}
	missing, err := s.admit(ctx, st, func(ctx context.Context, fresh []string) error { return s.tryHubSpot(ctx, st, fresh, &p) },
		append(pairKey(st), entry{name: settings.HubSpotAccessToken}, entry{name: settings.HubSpotClientSecret})...)
	if err != nil {
		return err
	}
	if err := s.keepPortal(ctx, st, p); err != nil {
		return err
	}
	if m == nil {
		if m, err = s.mapped(ctx, st, deployed); err != nil {
			return err
		}
	}
	if err := s.project(c.Out, st.Name, c.Support, url, m); err != nil {
		return err
	}
	if deployed && c.Mapping == "" {
		if err := s.publish(ctx, st, m); err != nil {
			return err
		}
	}
	c.next(s, missing, url)
	return nil
}

// portal is the account of HubSpot that a token is of, and the one whose records the stack has paired.
type portal struct {
	other  bool   // the operator means another one
	kept   bool   // there is a table that keeps it
	stored string // as the table has it
	known  string // whose records are paired, by the table or by the stored token; "" where nobody knows
	now    string // of the token; "" where it was not asked for
}

// tryHubSpot has HubSpot take a new access token, and refuses one of another portal once there are pairs: no record there is that of one.
// Where another portal is meant and its token is stored already, as by a run that was cut short, it learns which that is. A client secret
// signs what HubSpot sends: none of its calls tells whether it is right.
func (s *session) tryHubSpot(ctx context.Context, st *Stack, fresh []string, p *portal) error {
	if p.kept {
		r, err := s.rows(st).Get(ctx, config.Portal)
		if err != nil {
			return err
		}
		p.stored = string(r.Value)
		p.known = p.stored
	}
	if !slices.Contains(fresh, settings.HubSpotAccessToken) {
		if !p.kept || p.known != "" && !p.other {
			return nil
		}
		var err error
		if p.now, err = s.storedPortal(ctx, st); err != nil && p.other {
			return fmt.Errorf("the stored %s: %w", settings.HubSpotAccessToken, err)
		}
		return nil
	}
	set := s.reader(ctx)
	hub := s.hubspot(set, st, s.timed())
	if err := set.Err(); err != nil {
		return wrongf("%v", err)
	}
	a, err := hub.Account(ctx)
	if fault.KindOf(err) == fault.Denied {
		return fmt.Errorf("%w: HubSpot does not take %s; copy it from the app's Distribution tab, and run this again", err, settings.HubSpotAccessToken)
	}
	if err != nil {
		return err
	}
	if p.now = a.PortalID; p.kept && p.known == "" {
		p.known, _ = s.storedPortal(ctx, st) // which may be the token to be replaced
	}
	paired := false
	if p.known != "" && p.known != p.now && !p.other {
		if paired, err = st.paired(ctx); err != nil {
			return err
		}
	}
	if paired {
		return wrongf("%s is of portal %s, and this stack has the records of portal %s in its pairs: nothing was stored. Give a token of that one, or set up another stack; "+
			"where every pair is to be lost, --other-portal", settings.HubSpotAccessToken, p.now, p.known)
	}
	s.proven = map[string]string{settings.HubSpotAccessToken: "portal " + p.now}
	return nil
}

// storedPortal asks HubSpot of which portal the stored token is, "" where none is.
func (s *session) storedPortal(ctx context.Context, st *Stack) (string, error) {
	there, err := s.there(ctx, st, settings.HubSpotAccessToken)
	set := s.reader(ctx)
	url := set.URL("HUBSPOT_API_URL", "")
	if err = errors.Join(err, set.Err()); err != nil || there.IsZero() {
		return "", err
	}
	a, err := hubspot.New(hubspot.Config{BaseURL: url, Bearer: func(context.Context) (crm.Secret, error) { return there, nil }, HTTP: s.timed(), Now: s.Now, Sleep: s.Sleep}).Account(ctx)
	return a.PortalID, err
}

// keepPortal notes whose records the stack pairs, once it has a table.
func (s *session) keepPortal(ctx context.Context, st *Stack, p portal) error {
	if !p.kept || p.now == "" || p.now == p.stored {
		return nil
	}
	return s.change("the records of portal "+p.now+" are those of this stack", func() error { return s.rows(st).Set(ctx, config.Portal, []byte(p.now)) })
}

// mapped returns the mapping in force, or the one with which a stack starts.
func (s *session) mapped(ctx context.Context, st *Stack, deployed bool) (*mapping.Mapping, error) {
	if !deployed {
		return mapping.Default(), nil
	}
	return s.inForce(ctx, st)
}

func (c setupHubSpotCommand) next(s *session, missing []string, url string) {
	switch {
	case len(missing) > 0:
		s.next("cd %s && hs project upload, install the app, then run this again with %s", c.Out, strings.Join(missing, " and "))
	case url == "":
		s.next("deploy the stack, then run this again: it adds the subscriptions")
	default:
		s.next("cd %s && hs project upload", c.Out)
	}
}

// publish tells the door the mapped properties, so that it stops changes of others.
func (s *session) publish(ctx context.Context, st *Stack, m *mapping.Mapping) error {
	names, err := s.rows(st).Get(ctx, config.Fields)
	if err != nil {
		return err
	}
	if bytes.Equal(names.Value, published(m)) {
		s.nothing("the door knows the mapped properties")
		return nil
	}
	return s.change("the door knows the mapped properties; "+within, func() error { return s.rows(st).Set(ctx, config.Fields, published(m)) })
}

// ownFolder refuses a folder with the project of another stack: an upload of what is left of it would send one portal's events to the
// door of the other.
func (s *session) ownFolder(dir, name string) error {
	path := filepath.Join(dir, "hsproject.json")
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return wrongf("%v", err)
	}
	var p hsproject
	if err := json.Unmarshal(text, &p); err != nil {
		return wrongf("%s cannot be read: remove it, or give another folder with --out", path)
	}
	if p.Name != name {
		return wrongf("%s is of the app project %s, and not of %s: give each stack a folder of its own with --out", path, p.Name, name)
	}
	return nil
}

// ownSubscriptions refuses subscriptions to an address while the stack has none here: it stands elsewhere and needs them, or it is removed,
// which nobody knows here.
func (s *session) ownSubscriptions(dir, name, url string) error {
	path := filepath.Join(dir, filepath.FromSlash(webhooksFile))
	text, err := os.ReadFile(path)
	switch {
	case url != "" || errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return wrongf("%v", err)
	}
	var file struct {
		Config struct {
			Settings target `json:"settings"`
		} `json:"config"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return wrongf("%s cannot be read: remove it, or give another folder with --out", path)
	}
	to := file.Config.Settings.URL
	if to == "" {
		return nil
	}
	where := ""
	if region := s.Getenv("AWS_REGION"); region != "" {
		where = " in " + region
	}
	return wrongf("%s subscribes to %s, and no stack %s has an address%s: correct AWS_REGION or --stack. Where that stack is removed for good, remove the file and run this again",
		path, to, name, where)
}

// webhooksFile is where the project has its subscriptions.
const webhooksFile = "src/app/webhooks/webhooks-hsmeta.json"

// project writes the files that differ. Where the stack has no address, subscriptions to none go.
func (s *session) project(dir, name, support, url string, m *mapping.Mapping) error {
	files := []struct {
		path string
		body any
	}{
		{"hsproject.json", hsproject{Name: name, Source: "src", Platform: "2026.09"}},
		{"src/app/app-hsmeta.json", appMeta(name, support)},
	}
	if url != "" {
		files = append(files, struct {
			path string
			body any
		}{webhooksFile, webhooksMeta(url, m)})
	} else if err := s.unsubscribe(filepath.Join(dir, filepath.FromSlash(webhooksFile))); err != nil {
		return err
	}
	for _, f := range files {
		text, err := json.MarshalIndent(f.body, "", "  ")
		if err != nil {
			return err
		}
		text = append(text, '\n')
		path := filepath.Join(dir, filepath.FromSlash(f.path))
		old, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return wrongf("%v", err)
		}
		if bytes.Equal(old, text) {
			s.nothing(path)
			continue
		}
		err = s.change(path+" is written", func() error {
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				return err
			}
			return os.WriteFile(path, text, 0o600)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unsubscribe removes subscriptions to no address.
func (s *session) unsubscribe(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.change(path+" is removed: it subscribes to no address, and the stack has none yet", func() error { return os.Remove(path) })
}

// hsproject is hsproject.json.
type hsproject struct {
	Name     string `json:"name"`
	Source   string `json:"srcDir"`
	Platform string `json:"platformVersion"`
}

// component is a *-hsmeta.json
// (https://developers.hubspot.com/docs/apps/developer-platform/build-apps/app-configuration).
type component struct {
	UID    string `json:"uid"`
	Type   string `json:"type"`
	Config any    `json:"config"`
}

func appMeta(name, support string) component {
	type auth struct {
		Type        string   `json:"type"`
		Required    []string `json:"requiredScopes"`
		Optional    []string `json:"optionalScopes"`
		Conditional []string `json:"conditionallyRequiredScopes"`
	}
	type urls struct {
		Fetch  []string `json:"fetch"`
		IFrame []string `json:"iframe"`
		Image  []string `json:"img"`
	}
	type help struct {
		Email string `json:"supportEmail"`
	}
	return component{"crm_connector_app", "app", struct {
		Description  string `json:"description"`
		Name         string `json:"name"`
		Distribution string `json:"distribution"`
		Auth         auth   `json:"auth"`
		URLs         urls   `json:"permittedUrls"`
		Support      help   `json:"support"`
	}{
		"Keeps contacts and companies in step with Zoho CRM.", name, "private",
		auth{"static", hubspot.Scopes(), []string{}, []string{}}, urls{[]string{hubspot.DefaultBaseURL}, []string{}, []string{}}, help{support},
	}}
}

// subscription is one event that the app is told.
type subscription struct {
	Type     string `json:"subscriptionType"`
	Object   string `json:"objectType,omitempty"`
	Property string `json:"propertyName,omitempty"`
	Active   bool   `json:"active"`
}

// target is whom the app tells.
type target struct {
	URL  string `json:"targetUrl"`
	Most int    `json:"maxConcurrentRequests"`
}

// webhooksMeta subscribes to everything that a record can meet with, and to each mapped property once
// (https://developers.hubspot.com/docs/apps/developer-platform/add-features/configure-webhooks). Last-modified properties
// cannot be subscribed to.
func webhooksMeta(url string, m *mapping.Mapping) component {
	type subscriptions struct {
		Objects []subscription `json:"crmObjects"`
		Legacy  []subscription `json:"legacyCrmObjects"`
		Hub     []subscription `json:"hubEvents"`
	}
	var objects []subscription
	for _, k := range kinds {
		for _, verb := range []string{"creation", "deletion", "merge", "restore", "associationChange"} {
			objects = append(objects, subscription{"object." + verb, string(k), "", true})
		}
		names := m.Properties(k, crm.HubSpot)
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if name != "lastmodifieddate" && name != "hs_lastmodifieddate" {
				objects = append(objects, subscription{"object.propertyChange", string(k), name, true})
			}
		}
	}
	return component{"crm_connector_webhooks", "webhooks", struct {
		Settings      target        `json:"settings"`
		Subscriptions subscriptions `json:"subscriptions"`
	}{target{url, 10}, subscriptions{objects, []subscription{}, []subscription{{Type: "contact.privacyDeletion", Active: true}}}}}
}
