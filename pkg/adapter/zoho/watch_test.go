package zoho_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// all are the changes of contacts and companies.
var all = []crm.Notice{
	{Module: crm.Contacts, Verb: crm.Create}, {Module: crm.Contacts, Verb: crm.Update}, {Module: crm.Contacts, Verb: crm.Delete},
	{Module: crm.Companies, Verb: crm.Create}, {Module: crm.Companies, Verb: crm.Update}, {Module: crm.Companies, Verb: crm.Delete},
}

func wanted(change ...func(*crm.Channel)) crm.Channel {
	ch := crm.Channel{
		ID: "1000000068001", URL: "https://connector.example.com/webhooks/zoho", Token: crm.NewSecret(strings.Repeat("t", 50)), Notices: all,
		Ends: noon.Add(6 * 24 * time.Hour),
	}
	for _, c := range change {
		c(&ch)
	}
	return ch
}

func equal(a, b crm.Channel) bool {
	secret := func(s crm.Secret) string {
		if s.IsZero() {
			return ""
		}
		return s.Reveal()
	}
	x, y := secret(a.Token), secret(b.Token)
	a.Token, b.Token = crm.Secret{}, crm.Secret{}
	notices := slices.Equal(a.Notices, b.Notices)
	a.Notices, b.Notices = nil, nil
	ends := a.Ends.Equal(b.Ends)
	a.Ends, b.Ends = time.Time{}, time.Time{}
	return x == y && notices && ends && a.ID == b.ID && a.URL == b.URL && a.IDsOnly == b.IDsOnly && a.Related == b.Related && a.Partial == b.Partial
}

func TestAChannelComesBackFromAStrictZohoAsItWasOpened(t *testing.T) {
	c, _, at := sandbox()
	ctx := t.Context()
	if got, err := c.Channel(ctx, "1000000068001"); err != nil || got.ID != "" {
		t.Fatalf("before: %+v, %v", got, err)
	}
	if _, err := c.ReplaceChannel(ctx, wanted()); fault.KindOf(err) != fault.Missing {
		t.Errorf("replacing none: %v", err)
	}
	ends, err := c.OpenChannel(ctx, wanted())
	if err != nil || !ends.Equal(noon.Add(6*24*time.Hour)) {
		t.Fatalf("opened until %s, %v", ends, err)
	}
	if got, err := c.Channel(ctx, "1000000068001"); err != nil || !equal(got, wanted()) {
		t.Errorf("%+v, %v", got, err)
	}
	moved := wanted(func(ch *crm.Channel) {
		ch.URL, ch.Notices, ch.Ends, ch.IDsOnly, ch.Related = "https://other.example.com", all[:2], noon.Add(time.Hour), true, true
	})
	if ends, err := c.ReplaceChannel(ctx, moved); err != nil || !ends.Equal(noon.Add(time.Hour)) {
		t.Errorf("replaced until %s, %v", ends, err)
	}
	if got, err := c.Channel(ctx, "1000000068001"); err != nil || !equal(got, moved) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Channel(ctx, "2"); err != nil || got.ID != "" {
		t.Errorf("another id: %+v, %v", got, err)
	}
	*at = at.Add(time.Hour)
	if got, err := c.Channel(ctx, "1000000068001"); err != nil || got.ID != "" {
		t.Errorf("after its end: %+v, %v", got, err)
	}
}

func TestALifeThatZohoDoesNotGrantIsToldByTheAnswer(t *testing.T) {
	c, _, _ := sandbox()
	ends, err := c.OpenChannel(t.Context(), wanted(func(ch *crm.Channel) { ch.Ends = noon.Add(zoho.MaxChannelLife + time.Second) }))
	if err != nil || !ends.Equal(noon.Add(time.Hour)) {
		t.Errorf("until %s, %v: more than a week gives an hour", ends, err)
	}
}

func TestAChannelThatZohoWouldRefuseIsNotSentAndTheSettingIsNamed(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		change     func(*crm.Channel)
	}{
		{"an id with letters", "ZOHO_CHANNEL_ID is not a whole number of 64 bits", func(ch *crm.Channel) { ch.ID = "main" }},
		{"an id of 20 digits", "ZOHO_CHANNEL_ID is not a whole number of 64 bits", func(ch *crm.Channel) { ch.ID = "99999999999999999999" }},
		{"no token", "ZOHO_CHANNEL_TOKEN is empty", func(ch *crm.Channel) { ch.Token = crm.Secret{} }},
		{"a token of 51", "ZOHO_CHANNEL_TOKEN is longer than 50 characters", func(ch *crm.Channel) { ch.Token = crm.NewSecret(strings.Repeat("t", 51)) }},
		{"an address of 256", "ZOHO_WEBHOOK_URL is longer than 255 characters", func(ch *crm.Channel) { ch.URL += strings.Repeat("x", 256-len(ch.URL)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, f := client(t, func(request) reply { return ok("{}") })
			_, err := c.OpenChannel(t.Context(), wanted(tt.change))
			if fault.KindOf(err) != fault.Setup || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "tttt") {
				t.Errorf("%v", err)
			}
			if len(f.asked) != 0 {
				t.Errorf("sent %v", f.asked)
			}
		})
	}
	c, _ := client(t, func(request) reply { return ok("{}") })
	if _, err := c.OpenChannel(t.Context(), wanted(func(ch *crm.Channel) { ch.Notices = []crm.Notice{{}} })); fault.KindOf(err) != fault.Ours {
		t.Errorf("a change without a word: %v", err)
	}
}

func TestTheRequestHasTheVendorsShape(t *testing.T) {
	c, f := client(t, func(request) reply {
		return reply{status: 201, body: `{"watch":[{"code":"SUCCESS","details":{"events":[{"channel_expiry":"2026-11-26T13:00:00+01:00","resource_name":"Contacts"}]},"message":"","status":"success"}]}`}
	})
	if ends, err := c.OpenChannel(t.Context(), wanted(func(ch *crm.Channel) { ch.Token = crm.NewSecret("secret") })); err != nil || !ends.Equal(noon.Add(6*24*time.Hour)) {
		t.Fatalf("%s, %v", ends, err)
	}
	const want = `{"watch":[{"channel_id":"1000000068001","events":["Contacts.create","Contacts.edit","Contacts.delete","Accounts.create","Accounts.edit","Accounts.delete"],` +
		`"channel_expiry":"2026-11-26T12:00:00+00:00","token":"secret","notify_url":"https://connector.example.com/webhooks/zoho",` +
		`"return_affected_field_values":true,"notify_on_related_action":false}]}`
	if q := f.asked[0]; q.method != "POST" || q.path != "/crm/v8/actions/watch" || q.body != want {
		t.Errorf("%s %s %s", q.method, q.path, q.body)
	}
}

func TestARefusedChannelIsAFaultWhateverTheStatus(t *testing.T) {
	refused := func(code, name string) string {
		return `{"watch":[{"code":"` + code + `","details":{"api_name":"` + name + `"},"message":"no","status":"error"}]}`
	}
	for _, tt := range []struct {
		name   string
		answer reply
		want   fault.Kind
	}{
		{"an expired one, 400", reply{status: 400, body: refused("NOT_SUBSCRIBED", "")}, fault.Missing},
		{"a value, 400", reply{status: 400, body: refused("INVALID_DATA", "notify_url")}, fault.Refused},
		{"a value, 202", reply{status: 202, body: refused("INVALID_DATA", "notify_url")}, fault.Refused},
		{"a bare error", reply{status: 400, body: `{"code":"INVALID_MODULE","details":{},"message":"","status":"error"}`}, fault.Setup},
		{"a missing scope", reply{status: 401, body: `{"code":"OAUTH_SCOPE_MISMATCH","details":{},"message":"","status":"error"}`}, fault.Setup},
		{"too many", reply{status: 429, body: `{"code":"TOO_MANY_REQUESTS","details":{},"message":"","status":"error"}`}, fault.Throttled},
		{"down", reply{status: 503, body: refused("SUCCESS", "")}, fault.Down},
		{"nothing about the channel", ok(`{"watch":[]}`), fault.Down},
		{"no answer", ok(`{}`), fault.Down},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := client(t, func(request) reply { return tt.answer })
			if _, err := c.ReplaceChannel(t.Context(), wanted()); fault.KindOf(err) != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
	c, _ := client(t, func(request) reply { return reply{status: 503} })
	if _, err := c.Channel(t.Context(), "7"); fault.KindOf(err) != fault.Down {
		t.Errorf("reading: %v", err)
	}
}

func TestTheRowsOfOneChannelArePutTogether(t *testing.T) {
	row := func(extra string) string {
		return `{"channel_id":"7","channel_expiry":"2026-11-22T12:00:00+00:00","events":["Contacts.all"],"token":"a","notify_url":"https://a.example","return_affected_field_values":true,"notify_on_related_action":false,"notification_condition":null` + extra + `}`
	}
	base := crm.Channel{ID: "7", URL: "https://a.example", Token: crm.NewSecret("a"), Notices: all[:3], Ends: noon.Add(48 * time.Hour)}
	with := func(change func(*crm.Channel)) crm.Channel { ch := base; change(&ch); return ch }
	for _, tt := range []struct {
		name, rows string
		want       crm.Channel
	}{
		{"one", row(""), base},
		{"of another channel", row("") + `,` + row(`,"channel_id":"8","notify_url":"https://b.example"`), base},
		{"an id as a number", row(`,"channel_id":7`), base},
		{"another module", row("") + `,` + row(`,"events":["Accounts.create","Accounts.edit","Accounts.delete"]`), with(func(c *crm.Channel) { c.Notices = all })},
		{"an earlier end", row("") + `,` + row(`,"channel_expiry":"2026-11-21T12:00:00+00:00"`), with(func(c *crm.Channel) { c.Ends = noon.Add(24 * time.Hour) })},
		{"another address", row("") + `,` + row(`,"notify_url":"https://b.example"`), with(func(c *crm.Channel) { c.URL = "" })},
		{"another token", row("") + `,` + row(`,"token":"b"`) + `,` + row(""), with(func(c *crm.Channel) { c.Token = crm.Secret{} })},
		{"a token that is null", strings.Replace(row(""), `"token":"a"`, `"token":null`, 1), with(func(c *crm.Channel) { c.Token = crm.Secret{} })},
		{"leads", row(`,"events":["Contacts.all","Leads.edit","Contacts.sneeze"]`), with(func(c *crm.Channel) { c.Notices = append(slices.Clone(all[:3]), crm.Notice{}) })},
		{"ids only", row(`,"return_affected_field_values":false`), with(func(c *crm.Channel) { c.IDsOnly = true })},
		{"related", row(`,"notify_on_related_action":true`), with(func(c *crm.Channel) { c.Related = true })},
		{"a condition", row(`,"notification_condition":[{"type":"field_selection"}]`), with(func(c *crm.Channel) { c.Partial = true })},
		{"an empty condition", row(`,"notification_condition":[]`), base},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := client(t, func(request) reply { return ok(`{"watch":[` + tt.rows + `],"info":{"count":1}}`) })
			if got, err := c.Channel(t.Context(), "7"); err != nil || !equal(got, tt.want) {
				t.Errorf("%+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}
