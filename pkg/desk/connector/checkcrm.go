package connector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/upkeep"
)

// hubspotToken looks whether HubSpot takes the token.
func (e *exam) hubspotToken(ctx context.Context) {
	if !e.after("hubspot.token", "functions") {
		return
	}
	var err error
	if e.c, err = e.reach(ctx, e.st, true); err != nil {
		e.unreached("hubspot.token")
		return
	}
	if !e.after("hubspot.token", settings.HubSpotAccessToken) {
		return
	}
	a, err := e.c.hubspot.Account(ctx)
	switch fault.KindOf(err) {
	case fault.Denied:
		e.fault("hubspot.token", "HubSpot does not take it", "copy the token from the app's Distribution tab: connector "+again(settings.HubSpotAccessToken)+" "+e.at())
	default:
		if err != nil {
			e.fault("hubspot.token", err.Error(), trouble(err))
			return
		}
		if other := e.otherPortal(ctx, a.PortalID); other != "" {
			e.strange(ctx, a.PortalID, other)
			return
		}
		e.money = a.Currency
		e.ok("hubspot.token", "portal %s, times in %s, money in %s", a.PortalID, a.TimeZone, a.Currency)
	}
}

// unreached skips a check because neither CRM can be asked.
func (e *exam) unreached(check string) {
	if slices.Contains(e.st.Unknown, zohoAccessToken) {
		e.skip(check, zohoAccessToken)
		return
	}
	e.skip(check, "settings")
}

// otherPortal returns the portal that the stack has noted where it is another one, else "".
func (e *exam) otherPortal(ctx context.Context, now string) string {
	r, err := e.rows(e.st).Get(ctx, config.Portal)
	if err != nil || r.Version == 0 || string(r.Value) == now { // a table that does not answer is named
		return ""
	}
	return string(r.Value)
}

// strange says of a token that it is of another portal than the one that the stack has noted.
func (e *exam) strange(ctx context.Context, now, noted string) {
	const check = "hubspot.token"
	if paired, err := e.st.paired(ctx); err == nil && !paired {
		e.fault(check, "it is of portal "+now+", and this stack has noted portal "+noted+", of which it has no pair yet",
			"connector setup hubspot --other-portal "+e.at()+" notes portal "+now+"; until then its events go to quarantine")
		return
	}
	e.fault(check, "it is of portal "+now+", and this stack has the records of portal "+noted+" in its pairs",
		"store a token of that one: connector "+again(settings.HubSpotAccessToken)+" "+e.at()+
			"; only where every pair is to be lost connector setup hubspot --other-portal "+e.at()+" stays with this one, whose events go to quarantine until then")
}

// hubspotScopes reads what the suite reads, and tries to write what cannot be there.
func (e *exam) hubspotScopes(ctx context.Context) {
	if !e.after("hubspot.scopes", "hubspot.token") {
		return
	}
	hub := e.c.hubspot
	list := func(m crm.Module) func() error {
		return func() error {
			_, err := e.list(ctx, e.c, crm.HubSpot, m, e.Now(), "")
			return err
		}
	}
	e.scopes("hubspot.scopes", []scope{
		{"crm.objects.contacts.read", list(crm.Contacts)},
		{"crm.objects.companies.read", list(crm.Companies)},
		{"crm.objects.owners.read", func() error { return hub.Owners(ctx) }},
		{"crm.schemas.contacts.read", func() error { _, err := hub.Definitions(ctx, crm.Contacts); return err }},
		{"crm.schemas.companies.read", func() error { _, err := hub.Definitions(ctx, crm.Companies); return err }},
		{"crm.objects.contacts.write", func() error { return e.mayWriteHubSpot(ctx, crm.Contacts, "lastname") }},
		{"crm.objects.companies.write", func() error { return e.mayWriteHubSpot(ctx, crm.Companies, "name") }},
	})
}

// noHubSpotRecord is the id of no record of HubSpot's: those have some thirteen digits, and the first ones few.
const noHubSpotRecord = "999999999999999999"

// mayWriteHubSpot updates a record that is not there, by which nothing changes, and returns an error where the token may not. HubSpot's word
// about the scope alone counts.
func (e *exam) mayWriteHubSpot(ctx context.Context, m crm.Module, property string) error {
	err := e.c.hubspot.Write(ctx, crm.Change{
		ID: crm.ID{System: crm.HubSpot, Module: m, Key: noHubSpotRecord}, Columns: []crm.Column{{Field: "name", Property: property, Type: crm.TypeText}},
		Set: map[crm.Field]crm.Value{"name": crm.Text("x")},
	}).Err
	if lacksScope(err) || lacksRight(err) {
		return err
	}
	return nil
}

// zohoToken has the stack's token renewed, and goes on with that one.
func (e *exam) zohoToken(ctx context.Context) {
	if e.c == nil {
		e.unreached("zoho.token")
		return
	}
	if e.setting(ctx, zohoAccessToken) != "" {
		e.ok("zoho.token", "given, and used as it is")
		return
	}
	if !e.after("zoho.token", "table tokens", settings.ZohoClientSecret, settings.ZohoRefreshToken) {
		return
	}
	if e.looks {
		e.storedToken(ctx)
		return
	}
	a, err := e.c.renew(ctx)
	f, _ := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		e.ok("zoho.token", "granted, for %s", a.Base)
	case wrongClient(err):
		e.fault("zoho.token", "Zoho does not know the client, or its secret is another ("+f.Code+")",
			"compare ZOHO_CLIENT_ID and the client secret with the API console, and ZOHO_ACCOUNTS_URL with its data centre; connector setup zoho stores the secret")
	case f != nil && f.Kind == fault.Denied:
		e.fault("zoho.token", "the refresh token is revoked ("+f.Code+")", "make a new code in the API console and run connector setup zoho "+e.at())
	case f != nil && f.Kind == fault.Throttled && !a.Token.IsZero():
		e.works["zoho.token"] = true
		e.note("zoho.token", "the stored one is used, for "+a.Base+"; whether Zoho grants a new one was not tried: too many were asked for in ten minutes",
			"run connector doctor again"+e.waiting(err))
	case f != nil && f.Kind == fault.Throttled:
		e.fault("zoho.token", "too many were asked for in ten minutes, and none is stored that works",
			"run connector doctor again"+e.waiting(err)+"; see whether another program uses the same refresh token")
	default:
		e.fault("zoho.token", err.Error(), trouble(err))
	}
}

// storedToken goes on with the token that is stored, for a look that changes nothing.
func (e *exam) storedToken(ctx context.Context) {
	a, err := e.c.tokens.Token(ctx)
	if err == nil {
		_, _ = e.c.zoho.CurrentUser(ctx) // which tells whether the token is taken; whatever else it says, the scopes tell
		a, err = e.c.tokens.Token(ctx)
	}
	switch {
	case errors.Is(err, errStill):
		e.add(levelSkip, "zoho.token", errStill.Error(), "")
	case err != nil:
		e.fault("zoho.token", err.Error(), trouble(err))
	default:
		e.works["zoho.token"] = true
		e.note("zoho.token", "the stored one is used, for "+a.Base+"; whether Zoho grants a new one was not tried", "run connector doctor without --plan")
	}
}

// zohoScopes reads what the suite reads, and tries to write what cannot be there. A query needs the scope of its module too, and is tried
// in one that may be read: what it lacks then is its own.
func (e *exam) zohoScopes(ctx context.Context) {
	if !e.after("zoho.scopes", "zoho.token") {
		return
	}
	z := e.c.zoho
	var queried crm.Module
	read := func(m crm.Module) error { // by id: a listing is a query
		_, err := z.Read(ctx, crm.Query{Module: m, Keys: []string{noRecord}})
		if err == nil && queried == "" {
			queried = m
		}
		return err
	}
	all := func(m crm.Module) func() error {
		return func() error {
			if err := read(m); err != nil {
				return err
			}
			return e.mayWrite(ctx, m)
		}
	}
	try := []scope{
		{"ZohoCRM.users.READ", func() error { _, err := z.CurrentUser(ctx); return err }},
		{"ZohoCRM.settings.fields.READ", func() error {
			_, err := z.Definitions(ctx, crm.Contacts)
			if err == nil {
				_, err = z.Definitions(ctx, crm.Companies)
			}
			return err
		}},
		{"ZohoCRM.modules.contacts.ALL", all(crm.Contacts)},
		{"ZohoCRM.modules.accounts.ALL", all(crm.Companies)},
	}
	if e.m == nil || e.m.Options().Leads != mapping.LeadsIgnore { // every creation asks there
		try = append(try, scope{leadsScope, func() error { return read(crm.Leads) }})
	}
	e.scopes("zoho.scopes", append(try,
		scope{"ZohoCRM.coql.READ", func() error {
			if queried == "" {
				return nil // nothing may be read: that is told
			}
			_, err := z.Find(ctx, crm.Search{Module: queried, Keys: []crm.MatchKey{{Column: crm.Column{Property: "id"}, Value: noRecord}}})
			return err
		}},
		scope{"ZohoCRM.notifications.ALL", func() error { _, err := z.Channel(ctx, "1"); return err }},
	))
}

// noRecord is the id of no record of Zoho's: those have many digits.
const noRecord = "1"

// mayWrite updates a record that is not there, by which nothing changes, and returns an error where the token or its user may not. Zoho does not
// say whether it looks at the scope or at the id first: only its word about scope and profile counts, whatever else it answers. Nor does it
// show that records may be created or deleted, which the scope allows that is asked for.
func (e *exam) mayWrite(ctx context.Context, m crm.Module) error {
	err := e.c.zoho.Write(ctx, crm.Change{ID: crm.ID{System: crm.Zoho, Module: m, Key: noRecord}, HubSpotID: noRecord}).Err
	if lacksScope(err) || lacksRight(err) {
		return err
	}
	return nil
}

// properties looks whether both CRMs have what the mapping names.
func (e *exam) properties(ctx context.Context) {
	if !e.after("properties", "mapping", "hubspot.scopes", "zoho.scopes") {
		return
	}
	found, err := properties(ctx, e.c, e.m)
	if err != nil {
		e.fault("properties", err.Error(), trouble(err))
		return
	}
	e.found = append(e.found, found...)
	if faults(found) == 0 {
		e.ok("properties", "both CRMs have what the mapping names")
	}
}

// currency looks whether both accounts count in the currency of the mapping: where a record names none, its amount is taken for one
// in that.
func (e *exam) currency(ctx context.Context) {
	if !e.after("currency", "mapping", "hubspot.token", "zoho.scopes") {
		return
	}
	money := func(f mapping.Field) bool { return f.Type == crm.TypeMoney }
	if !slices.ContainsFunc(kinds, func(k crm.Kind) bool { return slices.ContainsFunc(e.m.Fields(k), money) }) {
		e.ok("currency", "the mapping has no amounts")
		return
	}
	org, err := e.c.zoho.Organisation(ctx)
	home := e.m.HomeCurrency()
	switch unknown := "whether Zoho counts in " + home + " is not known"; {
	case lacksScope(err):
		e.note("currency", "the token may not ZohoCRM.org.READ: "+unknown, permission(err))
	case fault.KindOf(err) == fault.Setup:
		e.note("currency", unknown+": "+err.Error(), trouble(err))
	case err != nil:
		e.fault("currency", err.Error(), trouble(err))
		return
	case e.money == org.Currency && e.money != "" && !org.Several: // both differ from the mapping, or none
		if e.counts("HubSpot and Zoho", "count", e.money, home, false) {
			e.ok("currency", "both count in %s, as the mapping does", home)
		}
		return
	}
	good := e.counts("HubSpot", "counts", e.money, home, false)
	if err == nil && e.counts("Zoho", "counts", org.Currency, home, org.Several) && good {
		e.ok("currency", "both count in %s, as the mapping does", home)
	}
}

// counts reports whether who counts does so in the home currency of the mapping.
func (e *exam) counts(who, count, currency, home string, several bool) bool {
	switch {
	case currency == home:
		return true
	case currency == "":
		e.note("currency", who+" does not tell what it counts in: it should be "+home+", the home_currency of the mapping", "")
	case several:
		e.note("currency", fmt.Sprintf("the mapping's home_currency is %s, and a new record of %s is in %s: its amounts stay where they are", home, who, currency), "")
	default:
		e.fault("currency", fmt.Sprintf("the mapping's home_currency is %s, and %s %s in %s: an amount is carried across as it stands", home, who, count, currency),
			"set home_currency to what both count in, and connector mapping apply FILE; where they count differently leave amounts out of the mapping")
	}
	return false
}

// externalID looks whether Zoho itself keeps two records from carrying the same HubSpot id.
func (e *exam) externalID(ctx context.Context) {
	if !e.after("zoho.hubspot_id", "zoho.scopes") {
		return
	}
	good := true
	for _, m := range []crm.Module{crm.Contacts, crm.Companies} {
		all, err := e.c.zoho.Definitions(ctx, m)
		if err != nil {
			e.fault("zoho.hubspot_id", err.Error(), trouble(err))
			return
		}
		name := zohoModules[m]
		d, ok := all[zoho.HubSpotID]
		switch {
		case !ok:
			good = false
			e.fault("zoho.hubspot_id", name+" has no field "+zoho.HubSpotID+": nothing is created there", "connector setup zoho "+e.at()+" makes it")
		case d.External != "org" && !d.Unique:
			good = false
			e.fault("zoho.hubspot_id", name+"."+zoho.HubSpotID+" is not unique: the same person may be created twice",
				"in Zoho's setup, Modules and Fields: mark it as an external id of the organisation, or as a field that does not allow duplicate values")
		case d.External != "org":
			e.note("zoho.hubspot_id", name+"."+zoho.HubSpotID+" is a unique text: an external id serves as well where the edition has them", "")
		}
	}
	if good {
		e.ok("zoho.hubspot_id", "unique on Contacts and Accounts")
	}
}

var zohoModules = map[crm.Module]string{crm.Contacts: "Contacts", crm.Companies: "Accounts"}

// renewer is what opens and checks the notification channel.
func (s *session) renewer(ctx context.Context, st *Stack, c *clients) *upkeep.Renewer {
	return &upkeep.Renewer{
		Channels: c.zoho, ID: s.setting(ctx, "ZOHO_CHANNEL_ID"), URL: s.setting(ctx, "ZOHO_WEBHOOK_URL"),
		Tokens: func(ctx context.Context) ([]crm.Secret, error) {
			all, err := s.held(ctx, st, settings.ZohoChannelToken)
			if err != nil {
				return nil, err
			}
			var out []crm.Secret
			for _, t := range several(all) {
				out = append(out, crm.NewSecret(t))
			}
			return out, nil
		},
		Now: s.Now, Log: slog.New(slog.DiscardHandler),
	}
}

// noChannel says of a process of make run between real CRMs that it keeps no channel.
const noChannel = "the process of make run has no ZOHO_WEBHOOK_URL: Zoho tells it of no change, and reconcile looks every hour"

// channel looks whether Zoho tells us of every change.
func (e *exam) channel(ctx context.Context) {
	if !e.after("zoho.channel", "settings", "zoho.scopes", settings.ZohoChannelToken) {
		return
	}
	r := e.renewer(ctx, e.st, e.c)
	if e.st.Running && r.URL == "" {
		e.note("zoho.channel", noChannel, "set it to the https address that leads from Zoho to the door, and start it again")
		return
	}
	found, err := r.Check(ctx)
	switch {
	case errors.Is(err, upkeep.ErrForeign):
		e.fault("zoho.channel", err.Error(), "two stacks on one organisation need two numbers; "+e.takeChannel())
		return
	case err != nil:
		e.fault("zoho.channel", err.Error(), trouble(err))
		return
	case len(found) > 0 && !slices.ContainsFunc(found, func(what string) bool { return !strings.HasPrefix(what, upkeep.EndsAt) }) && !e.onTime("zoho.channel"):
		return
	case len(found) > 0:
		e.carries = slices.Contains(found, upkeep.OtherToken)
		e.fault("zoho.channel", fmt.Sprintf("channel %s: %s", r.ID, strings.Join(found, ", ")),
			"connector setup zoho "+e.at()+" opens or mends it; then see the log of renewZohoChannel, which should have")
	default:
		e.ok("zoho.channel", "channel %s tells every change of contacts and companies", r.ID)
	}
	others, err := e.c.zoho.ChannelsAt(ctx, r.URL)
	if err != nil {
		e.fault("zoho.channels", err.Error(), trouble(err))
		return
	}
	if others = slices.DeleteFunc(others, func(id string) bool { return id == r.ID }); len(others) > 0 {
		e.fault("zoho.channels", "channels "+strings.Join(others, ", ")+" notify the same address: every change is told more than once",
			"close them: DELETE /crm/v8/actions/watch?channel_ids="+strings.Join(others, ","))
	}
}

// tooFar is how far a clock may be off: signatures of AWS hold five minutes, HubSpot's too, and field times decide conflicts.
const tooFar = time.Minute

// off is how far our clock is from that of who answers at an address, as far as it was told.
func (e *exam) off(at string) time.Duration { return e.timed().skew[hostOf(at)].Abs() }

// onTime reports whether nobody has shown yet that our clock is too far off to say how long ago something was; else the check is skipped.
func (e *exam) onTime(check string) bool {
	for _, skew := range e.timed().skew {
		if skew.Abs() > tooFar {
			e.skip(check, "clock")
			return false
		}
	}
	return true
}

// clock looks how far the clocks of those who answered are from ours.
func (e *exam) clock(context.Context) {
	if e.c == nil || len(e.c.clocks.skew) == 0 {
		e.add(levelSkip, "clock", "nobody told the time", "")
		return
	}
	good := true
	for host, skew := range e.c.clocks.skew {
		if skew.Abs() > tooFar {
			good = false
			e.fault("clock", fmt.Sprintf("this machine's clock and that of %s are %s apart", host, skew.Abs().Round(time.Second)), "set the clock of this machine (NTP)")
			break
		}
	}
	if good {
		e.ok("clock", "no more than %s apart", tooFar)
	}
}
