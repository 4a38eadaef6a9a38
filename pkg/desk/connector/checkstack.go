package connector

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/upkeep"
)

// functions looks whether the functions' settings can be read, which most checks rest on. There is nothing to say where they can.
func (e *exam) functions(ctx context.Context) {
	if err := e.st.Told(ctx); err != nil {
		e.fault("functions", "what they are told cannot be read: "+err.Error(), "let this command ask (lambda:GetFunctionConfiguration), then run connector doctor again")
		return
	}
	e.works["functions"] = true
}

// environment names what says something else here than in the stack: nothing was looked at with it.
func (e *exam) environment() {
	for _, each := range e.differences() {
		e.note("environment", each, "unset it, or correct the stack where it is what you mean: deploy a setting, store a secret (connector setup)")
	}
	e.other = nil
}

// secrets looks whether every secret is there and can be one.
func (e *exam) secrets(ctx context.Context) {
	needs := e.needs(ctx)
	got, err := e.st.secrets(ctx, needs...)
	if err != nil {
		e.fault("secrets", err.Error(), "let this command read the parameters under /"+e.st.Name+"/ (ssm:GetParameters, kms:Decrypt)")
		return
	}
	e.held = map[string]crm.Secret{}
	for _, name := range needs {
		v := got[name]
		if err := e.unlike(name, v); err != nil {
			e.fault("secrets", err.Error(), trouble(err))
		}
		switch what := shape(name, v); {
		case name == settings.PairKey && wrongKey(v) != "":
			e.fault("secrets", name+" "+wrongKey(v), e.mendKey(ctx, e.st))
		case v.IsZero():
			e.fault("secrets", name+" is missing", "connector "+setupOf(name)+" "+e.at()+" stores it")
		case what != "":
			e.fault("secrets", name+" "+what, "store it again: connector "+again(name)+" "+e.at())
		default:
			e.held[name] = v
			e.works[name] = true
		}
	}
	if len(e.held) == len(needs) {
		e.ok("secrets", "%d are there", len(needs))
	}
}

// setupOf is the command that stores a secret.
func setupOf(name string) string {
	switch {
	case name == settings.ConversionsJWTSecret:
		return "token"
	case name == settings.SlackWebhookURL:
		return "setup slack"
	case strings.HasPrefix(name, "WHATSAPP_"):
		return "setup whatsapp"
	case strings.HasPrefix(name, "ZOHO_"):
		return "setup zoho"
	}
	return "setup hubspot"
}

// again is the command that stores another secret over one.
func again(name string) string {
	if name == settings.ZohoChannelToken {
		return setupOf(name) + " --rotate-channel-token"
	}
	return setupOf(name) + " --secret-file FILE"
}

// settings looks whether the functions are told everything, and all of it right: one that is told nonsense does not start. What a
// process of make run is told it has read itself, or it would not run.
func (e *exam) settings(ctx context.Context) {
	if !e.after("settings", "functions") {
		return
	}
	hook := e.reader(ctx).List("HUBSPOT_WEBHOOK_URL")
	if err := e.told(ctx); err != nil && !e.st.Running {
		e.wrong = map[string]bool{}
		for line := range strings.Lines(err.Error()) {
			name, _, _ := strings.Cut(line, " ")
			e.wrong[name] = true
			e.fault("settings", strings.TrimSpace(line), "correct the parameter "+parameterOf(name)+" in samconfig.toml, and deploy: "+redeploy)
		}
		return
	}
	if moving(hook) {
		e.note("settings", fmt.Sprintf("HUBSPOT_WEBHOOK_URL has %d addresses: a move is under way, and HubSpot is given the first", len(hook)), "leave that one alone when it is over")
	}
	e.ok("settings", "complete")
}

// told reads what the mains of the functions read, but for their secrets, and for what the template makes up itself.
func (e *exam) told(ctx context.Context) error {
	set := &settings.Reader{Getenv: func(name string) string {
		switch {
		case name == settings.SecretsPath:
			return "/" + e.st.Name // so that no secret is asked for: secrets has looked
		case secretName(name):
			return ""
		}
		return e.setting(ctx, name)
	}}
	set.HubSpot()
	set.HubSpotWebhook()
	set.Zoho()
	set.ZohoChannel()
	set.ZohoWebhook()
	set.Budget()
	set.Report()
	set.Records()
	set.Rules()
	set.Zone("REPORT_ZONE", "Europe/Rome")
	set.Int("PAIR_KEY_ID", 1, 1, mostKeyID)
	set.WhatsApp()
	set.Bearer()
	set.OwnEntries()
	set.Retries()
	set.LiteralAlarms()
	set.Meaning()
	set.Slack()
	set.ZohoCount()
	if e.setting(ctx, "ZOHO_ACCESS_TOKEN") == "" {
		set.ZohoAccounts()
	}
	return set.Err()
}

// parameterOf names the parameter of the template that a setting comes from.
func parameterOf(name string) string {
	switch name {
	case "HUBSPOT_WEBHOOK_URL", "ZOHO_WEBHOOK_URL":
		return "PublicBaseUrl"
	}
	out := ""
	for word := range strings.SplitSeq(strings.ToLower(name), "_") {
		out += strings.ToUpper(word[:1]) + word[1:]
	}
	return out
}

// sound reports whether the settings that a check goes by are right; else it is skipped.
func (e *exam) sound(check string, names ...string) bool {
	if !slices.ContainsFunc(names, func(name string) bool { return e.wrong[name] }) {
		return true
	}
	e.add(levelSkip, check, "not looked at before settings is right", "")
	return false
}

// overRules are the settings that stand over mapping and mode.
var overRules = []string{"PHONE_REGION", "LAST_NAME", "LEADS", "PHONE_MATCH", "MODE"}

// moving reports whether deliveries are accepted for an address that is on its way out. API Gateway's own, which the template
// lists behind a domain of yours, is not: it stays as long as the API does.
func moving(hooks []string) bool {
	n := 0
	for _, hook := range hooks {
		if u, err := url.Parse(hook); err != nil || !strings.Contains(u.Hostname(), ".execute-api.") {
			n++
		}
	}
	return n > 1
}

// tables looks whether every table answers, when it is asked for a row and when for a list. What one cause keeps from several tables is
// one fault.
func (e *exam) tables(ctx context.Context) {
	silent := map[silence][]string{}
	var causes []silence
	for _, t := range []struct {
		name  string
		table Table
	}{
		{"pairs", e.st.Pairs}, {"parked", e.st.Parked}, {"attempts", e.st.Attempts},
		{"config", e.st.Config}, {"tokens", e.st.Tables.Tokens}, {"quarantine", e.st.Quarantine}, {"chats", e.st.Chats}, {"conversions", e.st.Conversions},
	} {
		if t.table == nil {
			continue
		}
		if cause := e.silence(ctx, t.name, t.table); cause != (silence{}) {
			if silent[cause] == nil {
				causes = append(causes, cause)
			}
			silent[cause] = append(silent[cause], e.st.Name+"-"+t.name)
		}
	}
	for _, c := range causes {
		e.fault("tables", strings.Join(silent[c], ", ")+": "+c.what, "deploy the stack again, and let this command read its tables ("+c.right+")")
	}
	if causes == nil {
		e.ok("tables", "all answer")
	}
}

// silence is why a table does not answer, and which right such a call takes.
type silence struct{ what, right string }

// silence asks a table for a row, and then for a list: each takes a right of its own.
func (e *exam) silence(ctx context.Context, name string, table Table) silence {
	nobody := row.Key{Part: "doctor", Sort: "doctor"}
	if _, err := table.Get(ctx, nobody); err != nil {
		return silence{err.Error(), "dynamodb:GetItem"}
	}
	e.works["table "+name] = true
	if _, err := table.List(ctx, nobody.Part, "", "", 1); err != nil {
		return silence{err.Error(), "dynamodb:Query"}
	}
	e.works["rows of "+name] = true
	return silence{}
}

// tooOld is how old the oldest message may be that SQS tells the age of: the alarm of the template goes off then too. It does not tell of
// one that was tried a few times and goes again; that one the alarm alone knows, by the lines of the consumer.
const tooOld = 10 * time.Minute

// queues looks into all queues and their dead-letter queues.
func (e *exam) queues(ctx context.Context) {
	var unseen error
	for _, l := range e.st.lines() {
		check := l.name
		d, err := l.Depth(ctx)
		unseen = cmp.Or(unseen, d.Unseen)
		switch {
		case err != nil:
			e.fault(check, err.Error(), "deploy the stack again, and let this command look at its queues (sqs:GetQueueUrl, sqs:GetQueueAttributes)")
		case d.Dead > 0:
			e.fault(check, many(d.Dead, "message")+" in its dead-letter queue", "see the log of "+l.consumer+" for the reason, then connector redrive "+e.at())
		case d.Oldest > tooOld:
			e.fault(check, fmt.Sprintf("the oldest message that waits for its turn is %s old", d.Oldest.Round(time.Second)), "see what the other findings say of the system that it waits for; the log of "+l.consumer+" says why so little gets through, and where it has no lines its trigger is off: deploy the stack again")
		default:
			e.ok(check, "%d waiting, %d in flight, none dead", d.Waiting, d.InFlight)
		}
	}
	if unseen != nil { // of all of them for one reason
		e.note("queues", "how old the oldest messages are is not known: "+unseen.Error(), "let this command ask CloudWatch (cloudwatch:GetMetricStatistics)")
	}
}

// mapping looks whether the mapping can be read, and whether the door knows its properties.
func (e *exam) mapping(ctx context.Context) {
	if !e.after("mapping", "functions", "table config") || !e.sound("mapping", overRules...) {
		return
	}
	m, err := e.inForce(ctx, e.st)
	if err != nil {
		what, _, _ := strings.Cut(err.Error(), "\n")
		e.fault("mapping", what, "connector mapping apply FILE puts a right one in its place")
		return
	}
	e.m = m
	names, err := e.rows(e.st).Get(ctx, config.Fields)
	switch {
	case err != nil:
		e.fault("mapping", err.Error(), trouble(err))
	case names.Version == 0:
		e.ok("mapping", "version %s", m.Version())
		e.note("mapping.published", "the door was not told the mapped properties yet: it lets every change pass", "connector setup hubspot "+e.at()+" tells it")
	case !slices.Equal(names.Value, published(m)):
		e.works["mapping"] = true
		e.fault("mapping.published", "the door knows other properties than the mapping: it lets changes pass that nobody maps, or stops mapped ones",
			"connector setup hubspot "+e.at()+" tells it anew")
	default:
		e.ok("mapping", "version %s, %d contact and %d company fields", m.Version(), len(m.Fields(crm.Contact)), len(m.Fields(crm.Company)))
	}
}

// mode looks how far the stack goes.
func (e *exam) mode(ctx context.Context) {
	if !e.after("mode", "functions", "table config") || !e.sound("mode", overRules...) {
		return
	}
	m, err := e.session.mode(ctx, e.st)
	switch {
	case err != nil:
		e.fault("mode", err.Error(), "connector mode set off, observe or on")
	case m.Brake():
		does := map[crm.Mode]string{crm.Observe: "only observes", crm.Off: "is paused"}[m.Mode]
		e.fault("brake", "it was pulled, and the stack "+does+": "+m.Pulled, "find what cleared or overwrote so much, then connector resume "+e.at())
	case m.Mode != crm.On:
		e.note("mode", m.String(), "connector mode set on "+e.at()+" when it is to write")
	default:
		e.ok("mode", "%s", m.Mode)
	}
	e.now, e.works["mode"] = m, err == nil
}

// key looks whether the stored key is the one that the hashes were made with, and whether the functions are told its number. A key that
// may be that one is noted where another is, as before anything was made with one, or none.
func (e *exam) key(ctx context.Context) {
	e.keyNumber(ctx)
	if !e.works[settings.PairKey] || !e.works["table config"] {
		return
	}
	mark, err := e.unmarked(ctx, e.st, e.held[settings.PairKey])
	what := ""
	if err == nil {
		what, err = e.foreign(ctx, e.st, e.held[settings.PairKey])
	}
	switch {
	case err != nil:
		e.fault("key", err.Error(), trouble(err))
	case what != "":
		e.fault("key", settings.PairKey+" "+what, e.keyBack())
	case mark != "" && !e.flags.Plan:
		if err := e.mark(ctx, e.st, mark); err != nil {
			e.note("key", "its fingerprint could not be noted: "+err.Error(), "connector setup hubspot "+e.at()+" notes it")
		}
	}
}

// keyNumber looks whether the functions are told the number that was noted when the key was exchanged.
func (e *exam) keyNumber(ctx context.Context) {
	if !e.after("key", "functions", "table config") {
		return
	}
	noted, err := e.otherKeyID(ctx, e.st)
	switch {
	case err != nil:
		e.fault("key", err.Error(), trouble(err))
	case noted != "":
		e.fault("key", fmt.Sprintf("%s was exchanged and has the number %s, and the functions are told %d: what was hashed before is taken for edits", settings.PairKey, noted, e.keyID(ctx)),
			"set PairKeyId="+noted+" in samconfig.toml, and deploy while the stack is paused: "+redeploy)
	}
}

const (
	// silent is how long ago a look of reconcile may have ended while the stack is on: it runs hourly.
	silent = 3 * time.Hour
	// longest is how long a look may be under way: a run takes up some hundred thousand records.
	longest = 24 * time.Hour
)

// reconciled looks when reconcile last came to an end. While the stack is not on it stands still, and a stack that was switched
// on a while ago has until then to look. It comes after those who tell the time: how long ago that was, a wrong clock cannot say.
func (e *exam) reconciled(ctx context.Context) {
	if !e.after("reconcile", "functions", "rows of config") || !e.onTime("reconcile") {
		return
	}
	rows, err := e.st.Config.List(ctx, "cursor#"+e.flags.Connection, "", "", 0)
	if err != nil {
		e.fault("reconcile", err.Error(), trouble(err))
		return
	}
	var oldest, began time.Time
	var name string
	for _, r := range rows {
		ended, underWay, err := upkeep.Looked(r.Value)
		if err == nil && !ended.IsZero() && (oldest.IsZero() || ended.Before(oldest)) {
			oldest, began, name = ended, underWay, r.Key.Sort
		}
	}
	switch age := e.Now().Sub(oldest); {
	case oldest.IsZero():
		e.note("reconcile", "it has not run yet", "it runs every hour while the mode is on")
	case e.works["mode"] && e.now.Mode != crm.On:
		e.ok("reconcile", "it stands still while the mode is %s; its first look when it is on reaches back %s and further", e.now.Mode, age.Round(time.Minute))
	case age > silent && e.Now().Sub(e.now.since()) <= silent:
		e.note("reconcile", "it has not looked since the stack was switched on at "+e.now.since().Format(time.RFC3339), "wait: it looks within the hour")
	case age > silent && !began.IsZero() && e.Now().Sub(began) <= longest:
		e.note("reconcile", fmt.Sprintf("its listing %s is long and has been under way for %s", name, e.Now().Sub(began).Round(time.Minute)), "wait: it goes on every hour")
	case age > silent:
		e.fault("reconcile", fmt.Sprintf("its listing %s ended %s ago", name, age.Round(time.Minute)), "see the log of reconcile: what it could not list is named there")
	default:
		e.ok("reconcile", "its oldest listing ended %s ago", age.Round(time.Minute))
	}
}

// parked counts what was given up on.
func (e *exam) parked(ctx context.Context) {
	if !e.after("parked", "rows of parked") {
		return
	}
	n, err := e.ledger(e.st).Counts(ctx)
	switch {
	case err != nil:
		e.fault("parked", err.Error(), trouble(err))
	case n.Open > 0:
		e.note("parked", fmt.Sprintf("%s open, %d of them not mailed yet", many(n.Open, "row"), n.Untold), "connector parked list "+e.at())
	default:
		e.ok("parked", "nothing")
	}
}

// quarantined counts the deliveries that nobody could read, or that are of another portal.
func (e *exam) quarantined(ctx context.Context) {
	if !e.after("quarantine", "rows of quarantine") {
		return
	}
	all, err := e.kept(ctx, e.st)
	switch {
	case err != nil:
		e.fault("quarantine", err.Error(), trouble(err))
	case len(all) == 1:
		e.note("quarantine", "1 delivery that could not be read, or is of another portal", "connector quarantine list "+e.at())
	case len(all) > 0:
		e.note("quarantine", fmt.Sprintf("%d deliveries that could not be read, or are of another portal", len(all)), "connector quarantine list "+e.at())
	default:
		e.ok("quarantine", "nothing")
	}
}
