package sandbox

import (
	"errors"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/flow/rules"
	"crm-connector/pkg/suite/consumer"
)

// Settings is what the desk is told by its environment.
type Settings struct {
	Addr        string // of the door
	HubSpotAddr string // of the sandbox HubSpot, when HubSpot.URL is ""
	ZohoAddr    string // of the sandbox Zoho, when Zoho.URL is ""
	MetaAddr    string // of the sandbox WhatsApp, when WhatsApp.URL is ""
	HubSpot     HubSpot
	Zoho        Zoho
	WhatsApp    WhatsApp
	Conversions Conversions
	Report      Report
	ReportEvery time.Duration
	Budget      settings.Budget
	Rules       consumer.Rules
	OpenChannel bool // ZOHO_WEBHOOK_URL is set: Zoho's channel is opened at the start, and not only when it is due to be renewed
	// Given are the variables that were set, but for secrets: what the operator's command needs to know of the process.
	Given map[string]string
	// Own are the names of the secrets that were set to something else than what the sandbox has.
	Own []string
	// MappingText is the mapping that the process starts with, as YAML.
	MappingText []byte
}

// The values that the desk and its sandboxes share when nothing else is set.
const (
	sandboxChannel      = "1000000068001"
	sandboxChannelToken = "sandbox-channel-token"
)

// ReadSettings reads the environment of the desk. With no variable set everything runs against the sandboxes. A vendor's
// URL off this machine needs its credentials: the error names every one that is missing.
func ReadSettings(getenv func(string) string) (Settings, error) {
	given := map[string]string{}
	getenv = noting(getenv, given)
	plain := &settings.Reader{Getenv: getenv}
	addr := plain.Listen("SUITE_ADDR", "127.0.0.1:8080")
	hubspotURL, zohoURL, metaURL := plain.Optional("HUBSPOT_API_URL", ""), plain.Optional("ZOHO_API_URL", ""), plain.Optional("WHATSAPP_API_URL", "")
	fallback := map[string]string{
		"REPORT_TO": "client@example.com", "REPORT_FROM": "CRM Connector <connector@example.com>",
		"REPORT_EVERY": "10s", "PHONE_REGION": "IT", "MODE": string(crm.On),
		"CONVERSIONS_JWT_ISSUER": conversionstest.DefaultIssuer, "CONVERSIONS_JWT_AUDIENCE": conversionstest.DefaultAudience,
		"CONVERSIONS_JWT_SECRET": conversionstest.DefaultSecret, "CONVERSIONS_OWN_SUBJECT": conversionstest.DefaultSubject,
	}
	if local(metaURL) {
		fallback["WHATSAPP_PHONE_NUMBER_ID"], fallback["WHATSAPP_OWN_NUMBERS"] = whatsapptest.DefaultNumber, whatsapptest.DefaultDisplay
		fallback["WHATSAPP_APP_SECRET"], fallback["WHATSAPP_VERIFY_TOKEN"] = whatsapptest.DefaultAppSecret, whatsapptest.DefaultVerifyToken
		fallback["WHATSAPP_ACCESS_TOKEN"] = whatsapptest.DefaultToken
	}
	if local(hubspotURL) {
		fallback["HUBSPOT_CALLS_PER_10S"], fallback["HUBSPOT_CALLS_PER_DAY"] = strconv.Itoa(Ample.HubSpotIn10s), strconv.Itoa(Ample.HubSpotDaily)
		fallback["HUBSPOT_SEARCHES_PER_SECOND"] = strconv.Itoa(Ample.HubSpotSearches)
		fallback["HUBSPOT_WEBHOOK_URL"] = "http://" + reach(addr) + "/webhooks/hubspot"
		fallback["HUBSPOT_CLIENT_SECRET"] = hubspottest.DefaultClientSecret
		fallback["HUBSPOT_ACCESS_TOKEN"] = hubspottest.DefaultToken
		fallback["HUBSPOT_APP_ID"] = hubspottest.DefaultAppID
	}
	if local(zohoURL) {
		fallback["ZOHO_CREDITS_PER_DAY"], fallback["ZOHO_CONCURRENCY"] = strconv.Itoa(Ample.ZohoCredits), strconv.Itoa(Ample.ZohoConcurrent)
		fallback["ZOHO_ACCOUNTS_URL"] = zohoURL
		fallback["ZOHO_CHANNEL_ID"], fallback["ZOHO_CHANNEL_TOKEN"] = sandboxChannel, sandboxChannelToken
		fallback["ZOHO_WEBHOOK_URL"] = "http://" + reach(addr) + "/webhooks/zoho"
		fallback["ZOHO_CLIENT_ID"] = zohotest.DefaultClientID
		fallback["ZOHO_CLIENT_SECRET"] = zohotest.DefaultClientSecret
		fallback["ZOHO_REFRESH_TOKEN"] = zohotest.DefaultRefreshToken
	}
	if zohoURL == "" {
		fallback["ZOHO_ACCOUNTS_URL"] = "http://127.0.0.1:8182"
	}
	host, _, _ := net.SplitHostPort(addr) // Listen has looked
	own := map[string]bool{}
	r := &settings.Reader{Host: host, Getenv: func(name string) string {
		v := getenv(name)
		if strings.TrimSpace(v) == "" {
			return fallback[name]
		}
		if secret(name) && strings.TrimSpace(v) != fallback[name] {
			own[name] = true
		}
		return v
	}}
	set := Settings{Given: given, MappingText: mapping.DefaultYAML(), Addr: addr, HubSpotAddr: "127.0.0.1:8181", ZohoAddr: "127.0.0.1:8182", MetaAddr: "127.0.0.1:8183"}
	set.hubspot(r)
	set.zoho(r, plain.Optional("ZOHO_ACCESS_TOKEN", "") != "")
	set.whatsApp(r)
	callers := set.conversions(r)
	report, over := r.Report(), r.Rules()
	set.Budget = r.Budget()
	set.Report, set.ReportEvery = Report{From: report.From, To: report.To, Language: report.Language, Zone: r.Zone("REPORT_ZONE", "Europe/Rome")}, report.Every
	set.Rules = rules.Settings{Default: mapping.Default(), Start: over.Mode, Options: mapping.Options{
		PhoneRegion: over.PhoneRegion, LastName: over.LastName, Leads: over.Leads, PhoneMatch: over.PhoneMatch,
	}}
	set.Own = slices.Sorted(maps.Keys(own))
	set.OpenChannel = zohoURL != "" && plain.Optional("ZOHO_WEBHOOK_URL", "") != ""
	return set, errors.Join(plain.Err(), r.Err(), callers, odd(zohoURL, plain.Optional("ZOHO_ACCOUNTS_URL", ""), set.Zoho.WebhookURL))
}

// secret reports whether a variable holds a secret: its name says so.
func secret(name string) bool {
	return strings.HasSuffix(name, "_SECRET") || strings.HasSuffix(name, "_TOKEN") || name == settings.SlackWebhookURL
}

// noting returns a getenv that notes what it was asked for and is set, but for secrets.
func noting(getenv func(string) string, given map[string]string) func(string) string {
	return func(name string) string {
		v := getenv(name)
		if strings.TrimSpace(v) != "" && !secret(name) {
			given[name] = v
		}
		return v
	}
}

// odd says what does not go together among Zoho's addresses.
func odd(api, accounts, hook string) error {
	var errs []error
	if api == "" && accounts != "" {
		errs = append(errs, errors.New("ZOHO_ACCOUNTS_URL is set without ZOHO_API_URL: set both, or neither for the sandbox Zoho"))
	}
	if !local(api) && hook != "" && local(hook) {
		errs = append(errs, errors.New("ZOHO_WEBHOOK_URL is an address of this machine, which Zoho cannot reach: give the https address that leads to this door, or none"))
	}
	return errors.Join(errs...)
}

func (set *Settings) hubspot(r *settings.Reader) {
	api, hook := r.HubSpot(), r.HubSpotWebhook()
	set.HubSpot = HubSpot{
		URL: api.URL, Token: api.AccessToken, AppID: api.AppID, Secrets: hook.Secrets, WebhookURLs: hook.URLs, AllowV1: hook.AllowV1,
	}
}

func (set *Settings) zoho(r *settings.Reader, fixed bool) {
	api, channel := r.Zoho(), r.ZohoChannel()
	set.Zoho = Zoho{URL: api.URL, AccessToken: api.AccessToken, ChannelID: channel.ID, ChannelToken: channel.Token, WebhookURL: r.URL("ZOHO_WEBHOOK_URL", "")}
	if fixed {
		return // the token is used as it is: nothing is refreshed
	}
	accounts := r.ZohoAccounts()
	set.Zoho.AccountsURL, set.Zoho.ClientID, set.Zoho.ClientSecret, set.Zoho.RefreshToken = accounts.URL, accounts.ClientID, accounts.ClientSecret, accounts.RefreshToken
}

// whatsApp reads what WhatsApp needs. With a URL off this machine and no number the desk has none.
func (set *Settings) whatsApp(r *settings.Reader) {
	w := r.WhatsApp()
	if w.Missing() {
		return
	}
	set.WhatsApp = WhatsApp{
		URL: w.URL, Version: w.Version, Number: w.Number, Own: w.Own, Coexistence: w.Coexistence, LeadSource: w.LeadSource,
		Token: r.Key(settings.WhatsAppAccessToken), Secrets: r.Keys(settings.WhatsAppAppSecret), VerifyTokens: r.Keys(settings.WhatsAppVerifyToken),
	}
}

// algorithm is how the callers of the desk sign their tokens: with a secret.
const algorithm = "HS256"

// conversions reads what conversions need, and is an error where no token could be proven by it.
func (set *Settings) conversions(r *settings.Reader) error {
	b, own, meaning := r.Bearer(), r.OwnEntries(), r.Meaning()
	retry, _ := conversion.ParseSchedule(r.Retries()) // it takes what the settings let through
	set.Conversions = Conversions{
		Issuer: b.Issuer, Audience: b.Audience, Subjects: b.Subjects, Secrets: r.Keys(settings.ConversionsJWTSecret),
		Own: own.Subject, Contacts: conversion.Channel(own.Channel), Retry: retry,
		Policy: conversion.PolicyOf(meaning.Events, meaning.Weights), Rules: counting.RulesOf(r.LiteralAlarms()),
	}
	switch {
	case b.KeySet != "":
		return errors.New("CONVERSIONS_JWKS_URL is set, and a desk asks no key set: it takes CONVERSIONS_JWT_SECRET")
	case b.Algorithm != algorithm:
		return errors.New("CONVERSIONS_JWT_ALGORITHM is not " + algorithm + ", which is all that a desk takes")
	}
	for _, s := range set.Conversions.Secrets {
		if what := conversions.Unfit(algorithm, s.Reveal()); what != "" {
			return errors.New(conversions.SettingSecret + " " + what)
		}
	}
	return nil
}

// Door is the address of the door for who is on the same machine.
func (set Settings) Door() string { return reach(set.Addr) }

// reach is the address under which a listener is reached from this machine.
func reach(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || host != "" && (ip == nil || !ip.IsUnspecified()) {
		return addr
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// local reports whether a vendor's URL is on this machine: a sandbox. One that cannot be read is not.
func local(raw string) bool {
	if raw == "" {
		return true
	}
	u, err := url.Parse(raw)
	return err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}
