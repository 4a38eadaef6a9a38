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
	Out     string `help:"Folder for the app project." default:"hubspot-app" placeholder:"DIR"`
	Mapping string `help:"Mapping to subscribe to before the stack is deployed; the built-in one unless given." placeholder:"FILE" type:"path"`
	Support string `help:"Address that the app's page shows." default:"support@example.com"`
}

// Help is what --help adds.
func (setupHubSpotCommand) Help() string {
	return `Writes the app project of HubSpot (hsproject.json and src/app) with the scopes that the suite needs and, once the stack is deployed, the webhook subscriptions: creation, deletion, merge, restore, association change, privacy deletion, and a change of each mapped property. Conversations on WhatsApp need no scope beyond those of contacts; crm.schemas.contacts.write is there so that connector setup whatsapp can make its property, since a scope that is added later takes a new installation.

1. connector setup hubspot --stack NAME. 2. hs project upload; install the app from its Distribution tab: there is the token (HUBSPOT_ACCESS_TOKEN); its client secret (HUBSPOT_CLIENT_SECRET) and its id (for the parameter HubspotAppId) stand on its page. 3. Run this again: it has HubSpot take the token, and stores both. 4. Deploy the stack. 5. Run this and hs project upload again: the app now tells the stack of changes. Repeat step 5 after each connector mapping apply.

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
	missing, err := s.admit(ctx, st, func(ctx context.Context, fresh []string) error { return s.tryHubSpot(ctx, st, fresh) },
		append(pairKey(st), entry{name: settings.HubSpotAccessToken}, entry{name: settings.HubSpotClientSecret})...)
	if err != nil {
		return err
	}
	m, err := c.mapping(ctx, s, st, deployed)
	if err != nil {
		return err
	}
	url := ""
	if deployed {
		if urls := s.reader(ctx).List("HUBSPOT_WEBHOOK_URL"); len(urls) > 0 {
			url = urls[0] // the functions accept the others too: the stack's outputs give out the first
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

// tryHubSpot has HubSpot take a new access token. A client secret signs what HubSpot sends: none of its calls tells whether it is right.
func (s *session) tryHubSpot(ctx context.Context, st *Stack, fresh []string) error {
	if !slices.Contains(fresh, settings.HubSpotAccessToken) {
		return nil
	}
	set := s.reader(ctx)
	hub := s.hubspot(set, st, s.timed())
	if err := set.Err(); err != nil {
		return wrongf("%v", err)
	}
	_, err := hub.Account(ctx)
	if fault.KindOf(err) == fault.Denied {
		return fmt.Errorf("%w: HubSpot does not take %s; copy it from the app's Distribution tab, and run this again", err, settings.HubSpotAccessToken)
	}
	return err
}

// mapping returns the mapping to subscribe to.
func (c setupHubSpotCommand) mapping(ctx context.Context, s *session, st *Stack, deployed bool) (*mapping.Mapping, error) {
	if c.Mapping != "" {
		m, _, err := document(s, c.Mapping, "mapping", mapping.Parse)
		return m, err
	}
	if !deployed {
		return mapping.Default(), nil
	}
	return s.inForce(ctx, st)
}

func (c setupHubSpotCommand) next(s *session, missing []string, url string) {
	switch {
	case len(missing) > 0:
		s.printf("next   cd %s && hs project upload, install the app, then run this again with %s\n", c.Out, strings.Join(missing, " and "))
	case url == "":
		s.printf("next   deploy the stack, then run this again: it adds the subscriptions\n")
	default:
		s.printf("next   cd %s && hs project upload\n", c.Out)
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

// project writes the files that differ.
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
		}{"src/app/webhooks/webhooks-hsmeta.json", webhooksMeta(url, m)})
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

// webhooksMeta subscribes to everything that a record can meet with, and to each mapped property once
// (https://developers.hubspot.com/docs/apps/developer-platform/add-features/configure-webhooks). Last-modified properties
// cannot be subscribed to.
func webhooksMeta(url string, m *mapping.Mapping) component {
	type target struct {
		URL  string `json:"targetUrl"`
		Most int    `json:"maxConcurrentRequests"`
	}
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
