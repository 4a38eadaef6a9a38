package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/invoke"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/letter"
	"crm-connector/pkg/desk/connector"
	"crm-connector/pkg/desk/sandbox"

	queuewire "crm-connector/pkg/adapter/queue"
)

// story is what a stack meets with in its first days, in this order.
var story = []step{
	{name: "emulator and sandbox CRMs are up", do: open},
	{name: "connector setup zoho, before there is a stack", do: before},
	{name: "sam deploy of the template as it is", do: deploy},
	{name: "the roles get what the emulator asks for beside AWS", do: grant, only: Rights},
	{name: "a missing secret is answered 503, and named in the log", do: missing},
	{name: "connector setup, twice", do: setup},
	{name: "the door refuses what is not authentic", do: doors},
	{name: "a stack starts in off, and writes nothing", do: off, only: Story},
	{name: "connector mode set on", do: on, only: Rights},
	{name: "refreshZohoToken and getZohoToken give a token that works", do: tokens},
	{name: "renewZohoChannel renews the channel, and opens a lost one", do: channel},
	{name: "a second sam deploy changes nothing", do: unchanged, only: Story},
	{name: "the functions notice that the mode is on", do: notice, only: Story},
	{name: "reconcile finds what changed while the stack was off", do: resumed, only: Story},
	{name: "a contact created in HubSpot is in Zoho; its echo costs nothing", do: creation},
	{name: "a change in Zoho is in HubSpot; its echo costs nothing", do: change},
	{name: "a company with its contacts", do: company},
	{name: "deliveries that come again cost no write", do: duplicates},
	{name: "a refused value is parked, mailed by the schedule, repaired", do: refused},
	{name: "reconcile picks up a lost delivery", do: unheard},
	{name: "a poison message holds nobody up and ends in the DLQ", do: poison},
	{name: "an unreadable message is parked after five tries", do: unreadable},
	{name: "a role without a right is refused", do: enforced, only: Rights},
	{name: "the emulator restarts while Zoho is down", do: reboot, only: Story},
	{name: "a deploy over the running stack loses nothing", do: changed, only: Story},
	{name: "connector doctor finds no fault", do: doctor},
	{name: "no log line holds a person or a secret", do: logs},
}

// signed is a delivery as HubSpot signs it at that time.
func (s *stage) signed(secret, body string, at time.Time) delivery {
	signature, timestamp := hubspot.Sign(crm.NewSecret(secret), http.MethodPost, s.domain.base+"/webhooks/hubspot", []byte(body), at)
	return delivery{http.Header{hubspot.HeaderV3: {signature}, hubspot.HeaderTimestamp: {timestamp}, "Content-Type": {"application/json"}}, []byte(body)}
}

// knock is the event that HubSpot's Test button sends: the door takes it and does nothing.
func (s *stage) knock() delivery {
	return s.signed(hubspottest.DefaultClientSecret, fmt.Sprintf(`[{"eventId":100,"subscriptionId":1,"portalId":1,"appId":1,"occurredAt":%d,`+
		`"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW"}]`, s.Now().UnixMilli()), s.Now())
}

func (s *stage) expect(ctx context.Context, what, method, path string, v delivery, want int) error {
	got, err := s.domain.request(ctx, method, path, v)
	if err == nil && got != want {
		err = fmt.Errorf("answered %d, want %d", got, want)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

const (
	hubspotPath = "/webhooks/hubspot"
	zohoPath    = "/webhooks/zoho"
)

// missing knocks before the client secret of HubSpot is stored.
func missing(ctx context.Context, s *stage) (string, error) {
	err := until(ctx, soon, func(ctx context.Context) error {
		if err := s.expect(ctx, "a signed delivery", http.MethodPost, hubspotPath, s.knock(), http.StatusServiceUnavailable); err != nil {
			return err
		}
		sandbox.Sleep(ctx, time.Second) // as long as a failure to read the secrets is remembered
		return s.cloud.metric(ctx, "webhook", "MissingHubspotClientSecret")
	})
	return "503; the line of the alarm names HUBSPOT_CLIENT_SECRET", err
}

// doors knocks in every wrong way.
func doors(ctx context.Context, s *stage) (string, error) {
	// A secret that was missing is looked for again after 15 seconds.
	err := until(ctx, soon, func(ctx context.Context) error {
		sandbox.Sleep(ctx, time.Second)
		return s.expect(ctx, "a signed delivery", http.MethodPost, hubspotPath, s.knock(), http.StatusOK)
	})
	if err != nil {
		return "", err
	}
	now, note := s.Now(), func(token string) delivery {
		return delivery{body: []byte(fmt.Sprintf(`{"server_time":%d,"query_params":{},"module":"Contacts","resource_uri":"","ids":["4876876000000333013"],`+
			`"affected_fields":[],"operation":"update","channel_id":"%s","token":%q}`, s.Now().UnixMilli(), s.zoho.Channels()[0].ID, token))}
	}
	for _, k := range []struct {
		what, method, path string
		v                  delivery
		want               int
	}{
		{"HubSpot with another key", http.MethodPost, hubspotPath, s.signed("another", "[]", now), http.StatusUnauthorized},
		{"HubSpot without a signature", http.MethodPost, hubspotPath, delivery{body: []byte("[]")}, http.StatusUnauthorized},
		{"HubSpot, signed six minutes ago", http.MethodPost, hubspotPath, s.signed(hubspottest.DefaultClientSecret, "[]", now.Add(-6*time.Minute)), http.StatusUnauthorized},
		{"Zoho with another token", http.MethodPost, zohoPath, note("another"), http.StatusUnauthorized},
		{"more than 256 kB", http.MethodPost, hubspotPath, s.signed(hubspottest.DefaultClientSecret, strings.Repeat(" ", 257<<10), now), http.StatusRequestEntityTooLarge},
		{"GET", http.MethodGet, hubspotPath, delivery{}, http.StatusNotFound},
		{"a path without a route", http.MethodPost, "/webhooks/other", s.knock(), http.StatusNotFound},
	} {
		v := k.v
		if v.header == nil {
			v.header = http.Header{"Content-Type": {"application/json"}}
		}
		if err := s.expect(ctx, k.what, k.method, k.path, v, k.want); err != nil {
			return "", err
		}
	}
	return "4 times 401, once 413, twice 404", nil
}

// mind is how long a function may go by the mode that it last read.
const mind = 60 * time.Second

// off makes a contact while the stack is off, and then switches it on.
func off(ctx context.Context, s *stage) (string, error) {
	a, err := s.does(ctx, nil, "mode")
	if err != nil {
		return "", err
	}
	var mode string
	if err := a.read("mode", &mode); err != nil || mode != string(crm.Off) {
		return "", fmt.Errorf("the stack starts in %q: %w", mode, err)
	}
	id, err := s.person("Fiammetta", "Ghirlanda")
	if err != nil {
		return "", err
	}
	s.early = id
	err = until(ctx, soon, func(ctx context.Context) error {
		all, err := s.cloud.entries(ctx, "zohoConsumer")
		if err == nil && !slices.Contains(all, entry{"operation", "zohoConsumer", "done", "", id}) {
			err = errors.New("zohoConsumer has not seen the contact")
		}
		return err
	})
	if err := errors.Join(err, s.quiet(ctx)); err != nil {
		return "", err
	}
	if _, err := s.twin(crm.Contacts, id); err == nil {
		return "", errors.New("the contact is in Zoho")
	}
	_, err = on(ctx, s)
	s.noticed = s.Now().Add(mind)
	return "a contact was heard of and not carried; then: on", err
}

// on switches the stack on.
func on(ctx context.Context, s *stage) (string, error) {
	_, err := s.does(ctx, nil, "mode", "set", "on")
	return "", err
}

// tokens asks for a token as a consumer does, and for another one when Zoho refuses it.
func tokens(ctx context.Context, s *stage) (string, error) {
	if _, err := s.cloud.invoke(ctx, "refreshZohoToken", map[string]string{"source": "aws.scheduler"}); err != nil {
		return "", err
	}
	first, err := s.token(ctx, 0)
	if err != nil {
		return "", err
	}
	s.zoho.KillTokens()
	second, err := s.token(ctx, first.Version)
	if err != nil {
		return "", err
	}
	if second.Version <= first.Version {
		return "", fmt.Errorf("version %d came after %d", second.Version, first.Version)
	}
	return fmt.Sprintf("version %d; refused by Zoho: version %d", first.Version, second.Version), nil
}

// token asks getZohoToken, and Zoho whether it takes the token.
func (s *stage) token(ctx context.Context, bad int64) (crm.Access, error) {
	out, err := s.cloud.invoke(ctx, "getZohoToken", invoke.Question{V: invoke.Version, Bad: bad})
	if err != nil {
		return crm.Access{}, err
	}
	var a invoke.Answer
	if err := json.Unmarshal(out, &a); err != nil {
		return crm.Access{}, err
	}
	if a.Fault != nil {
		return crm.Access{}, a.Fault
	}
	status, err := s.askZoho(ctx, http.MethodGet, "/crm/v8/org", a.Access.Token)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the token is answered %d by Zoho", status)
	}
	return a.Access, err
}

func (s *stage) askZoho(ctx context.Context, method, path string, token crm.Secret) (int, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.zohoURL+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Zoho-oauthtoken "+token.Reveal())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// channel lets the schedule's function find the channel, and then none.
func channel(ctx context.Context, s *stage) (string, error) {
	renew := func() error {
		if _, err := s.cloud.invoke(ctx, "renewZohoChannel", map[string]string{"source": "aws.scheduler"}); err != nil {
			return err
		}
		all := s.zoho.Channels()
		if len(all) != 1 || len(all[0].Events) != 6 {
			return fmt.Errorf("%d channels in Zoho, want one for six kinds of event", len(all))
		}
		if left := all[0].Expiry.Sub(s.Now()); left < 5*24*time.Hour || left > 7*24*time.Hour {
			return fmt.Errorf("the channel ends in %s, want about six days", left)
		}
		return nil
	}
	if err := renew(); err != nil {
		return "", err
	}
	status, err := s.askZoho(ctx, http.MethodDelete, "/crm/v8/actions/watch?channel_ids="+s.zoho.Channels()[0].ID, crm.NewSecret(s.zoho.NewToken()))
	if err != nil || status != http.StatusOK || len(s.zoho.Channels()) != 0 {
		return "", fmt.Errorf("the channel could not be closed: %d, %w", status, err)
	}
	return "ends in six days; closed, and open again", renew()
}

// notice waits until every function has read the mode anew.
func notice(ctx context.Context, s *stage) (string, error) {
	if !sandbox.Sleep(ctx, s.noticed.Sub(s.Now())) {
		return "", ctx.Err()
	}
	return fmt.Sprintf("%.0f s after it was set", mind.Seconds()), nil
}

// resumed lets reconcile look back.
func resumed(ctx context.Context, s *stage) (string, error) {
	if _, err := s.cloud.invoke(ctx, "reconcile", map[string]string{"source": "aws.scheduler"}); err != nil {
		return "", err
	}
	err := until(ctx, soon, func(context.Context) error {
		_, err := s.twin(crm.Contacts, s.early)
		return err
	})
	return "the contact of that time is in Zoho", errors.Join(err, s.quiet(ctx))
}

func creation(ctx context.Context, s *stage) (string, error) {
	before, began := s.writes(), s.Now()
	id, err := s.person("Ludovica", "Montefalco")
	if err != nil {
		return "", err
	}
	var z string
	err = until(ctx, soon, func(context.Context) error {
		z, err = s.twin(crm.Contacts, id)
		return err
	})
	if err != nil {
		return "", err
	}
	took := s.Now().Sub(began)
	if err := errors.Join(s.quiet(ctx), s.zohoShows(z, props{"First_Name": "Ludovica", "Last_Name": "Montefalco", "Email": "ludovica.montefalco@example.com"})); err != nil {
		return "", err
	}
	s.hubspotID, s.zohoID = id, z
	return fmt.Sprintf("there after %s; writes: 1 to Zoho, 0 to HubSpot", seconds(took)), s.wrote(before, 0, 1)
}

func change(ctx context.Context, s *stage) (string, error) {
	before, began := s.writes(), s.Now()
	if err := s.zohoEdit(s.zohoID, props{"Title": "Archivista capo"}); err != nil {
		return "", err
	}
	err := until(ctx, soon, func(context.Context) error { return s.hubspotShows(s.hubspotID, props{"jobtitle": "Archivista capo"}) })
	took := s.Now().Sub(began)
	if err := errors.Join(err, s.quiet(ctx)); err != nil {
		return "", err
	}
	return fmt.Sprintf("there after %s; writes: 1 to HubSpot, 0 to Zoho", seconds(took)), s.wrote(before, 1, 0)
}

// carries changes the contact of the story once more in each CRM and waits for the other.
func (s *stage) carries(ctx context.Context) error {
	if err := s.zohoEdit(s.zohoID, props{"Title": "Direttrice"}); err != nil {
		return err
	}
	err := until(ctx, soon, func(context.Context) error { return s.hubspotShows(s.hubspotID, props{"jobtitle": "Direttrice"}) })
	if err := errors.Join(err, s.quiet(ctx), s.hubspotEdit(s.hubspotID, props{"jobtitle": "Presidente"})); err != nil {
		return err
	}
	err = until(ctx, soon, func(context.Context) error { return s.zohoShows(s.zohoID, props{"Title": "Presidente"}) })
	return errors.Join(err, s.quiet(ctx))
}

func company(ctx context.Context, s *stage) (string, error) {
	firm, err := s.hubspot.Create(crm.Companies, s.remember(props{"name": "Vetreria Sanseverino Srl", "domain": "sanseverino.example", "city": "Torino"}))
	if err != nil {
		return "", err
	}
	var people []string
	for _, name := range []string{"Galvani", "Pellegrini", "Ravizza"} {
		id, err := s.person("Tancredi", name)
		if err == nil {
			err = s.hubspot.SetCompany(id, firm)
		}
		if err != nil {
			return "", err
		}
		people = append(people, id)
	}
	err = until(ctx, soon, func(context.Context) error {
		account, err := s.twin(crm.Companies, firm)
		if err != nil {
			return err
		}
		for _, id := range people {
			z, err := s.twin(crm.Contacts, id)
			if err == nil {
				err = s.zohoShows(z, props{"Account_Name": account})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, s.quiet(ctx)); err != nil {
		return "", err
	}
	s.firmID = firm
	s.accountID, err = s.twin(crm.Companies, firm)
	return fmt.Sprintf("1 account, %d contacts in it", len(people)), err
}

// duplicates makes the last deliveries of both CRMs ten times more.
func duplicates(ctx context.Context, s *stage) (string, error) {
	before, made := s.writes(), 0
	for _, path := range []string{hubspotPath, zohoPath} {
		all := s.domain.made(path)
		for _, v := range all[max(0, len(all)-3):] {
			for range 10 {
				if err := s.expect(ctx, "a delivery again", http.MethodPost, path, v, http.StatusOK); err != nil {
					return "", err
				}
				made++
			}
		}
	}
	if err := s.quiet(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d deliveries again, no write", made), s.wrote(before, 0, 0)
}

// refused gives the company a value that Zoho does not take.
func refused(ctx context.Context, s *stage) (string, error) {
	record := "hubspot/company/" + s.firmID
	shows := func(want props) error {
		have, _ := s.zoho.Props(crm.Companies, s.accountID)
		return differ("zoho/company/"+s.accountID, have, want)
	}
	if err := s.hubspot.Edit(crm.Companies, s.firmID, props{"industry": "WINE_AND_SPIRITS", "city": "Roma"}); err != nil {
		return "", err
	}
	err := until(ctx, soon, func(context.Context) error { return shows(props{"Billing_City": "Roma", "Industry": ""}) })
	if err := errors.Join(err, s.quiet(ctx)); err != nil {
		return "", err
	}
	row, err := s.about(ctx, record)
	if err != nil {
		return "", err
	}
	mail, err := s.mailed(ctx, s.firmID, row)
	if err != nil {
		return "", err
	}
	if err := s.hubspot.Edit(crm.Companies, s.firmID, props{"industry": "REAL_ESTATE"}); err != nil {
		return "", err
	}
	err = until(ctx, soon, func(ctx context.Context) error {
		rows, err := s.parked(ctx)
		if err == nil && slices.ContainsFunc(rows, func(p parked) bool { return p.Record == record }) {
			err = errors.New("the row is still open")
		}
		return errors.Join(err, shows(props{"Industry": "Real Estate"}))
	})
	return mail, errors.Join(err, s.quiet(ctx))
}

// mailed lets the schedule of failureReporter come round, and reads the mail that it sends.
func (s *stage) mailed(ctx context.Context, id string, row parked) (subject string, err error) {
	all, err := s.cloud.schedules(ctx)
	if err != nil {
		return "", err
	}
	plan := all["failureReporter"]
	if len(all) != 4 || plan["ScheduleExpression"] != "rate(5 minutes)" {
		return "", fmt.Errorf("%d schedules, failureReporter on %v; want 4 and rate(5 minutes)", len(all), plan["ScheduleExpression"])
	}
	if err := s.cloud.reschedule(ctx, plan, "rate(1 minute)"); err != nil {
		return "", err
	}
	err = until(ctx, 3*time.Minute, func(ctx context.Context) error {
		mails, err := s.emulator.Mails(ctx)
		if err != nil {
			return err
		}
		if len(mails) != 1 {
			return fmt.Errorf("%d mails, want 1", len(mails))
		}
		subject = mails[0].Subject
		return s.tells(mails[0], id, row)
	})
	return fmt.Sprintf("mail %q with id and message", subject), errors.Join(err, s.cloud.reschedule(ctx, plan, "rate(5 minutes)"))
}

// tells looks whether a mail says what it must of a row, and nothing of a person.
func (s *stage) tells(m letter.Mail, id string, row parked) error {
	if m.From != sender || !strings.Contains(m.To, reportTo) {
		return fmt.Errorf("the mail goes from %s to %s", m.From, m.To)
	}
	for _, word := range []string{id, row.Field, row.Code, row.Message} {
		if word == "" || !strings.Contains(m.Text, word) {
			return fmt.Errorf("the mail does not hold %q:\n%s", word, m.Text)
		}
	}
	for _, part := range []string{m.Text, m.HTML} {
		if !strings.Contains(part, id) {
			return fmt.Errorf("the mail does not name %s", id)
		}
		if person := s.holds(part); person != "" {
			return fmt.Errorf("the mail holds a person's data: %s", person)
		}
	}
	return nil
}

// holds returns what a text holds of a person, "" for nothing.
func (s *stage) holds(text string) string {
	for _, p := range s.people {
		if strings.Contains(strings.ToLower(text), strings.ToLower(p)) {
			return p
		}
	}
	return ""
}

// unheard loses the deliveries of an edit and lets reconcile run.
func unheard(ctx context.Context, s *stage) (string, error) {
	id, z, err := s.met(ctx, "Serafina", "Tolomei")
	if err != nil {
		return "", err
	}
	s.domain.silence(true)
	if err := s.hubspotEdit(id, props{"jobtitle": "Restauratrice"}); err != nil {
		return "", err
	}
	sandbox.Sleep(ctx, searchLag+time.Second) // HubSpot's search, which reconcile asks, lags
	err = s.quiet(ctx)
	lost := s.domain.silence(false)
	if err != nil || lost == 0 {
		return "", fmt.Errorf("%d deliveries were lost: %w", lost, err)
	}
	if err := s.zohoShows(z, props{"Title": ""}); err != nil {
		return "", err
	}
	if _, err := s.cloud.invoke(ctx, "reconcile", map[string]string{"source": "aws.scheduler"}); err != nil {
		return "", err
	}
	err = until(ctx, soon, func(context.Context) error { return s.zohoShows(z, props{"Title": "Restauratrice"}) })
	return fmt.Sprintf("%d delivery lost, the change is in Zoho", lost), errors.Join(err, s.quiet(ctx))
}

// The name of the queue of zohoConsumer and of its dead-letter queue, without the stack's.
const (
	lane     = "zoho-operations"
	deadLane = "zoho-operations-dlq"
)

// poison puts a message that nobody can read into the queue. It goes again until it was received as often as the queue allows,
// which takes days: once the others have passed, the queue is made to allow one time.
func poison(ctx context.Context, s *stage) (string, error) {
	at, err := s.cloud.queue(ctx, lane)
	if err != nil {
		return "", err
	}
	send := sqs.SendMessageInput{QueueUrl: &at, MessageBody: aws.String("not an operation"), MessageGroupId: aws.String("poison"), MessageDeduplicationId: aws.String("poison-1")}
	if _, err := s.cloud.sqs.SendMessage(ctx, &send); err != nil {
		return "", err
	}
	if err := s.hubspotEdit(s.hubspotID, props{"jobtitle": "Tesoriera"}); err != nil {
		return "", err
	}
	if err := until(ctx, soon, func(context.Context) error { return s.zohoShows(s.zohoID, props{"Title": "Tesoriera"}) }); err != nil {
		return "", err
	}
	if err := until(ctx, soon, func(ctx context.Context) error { return s.only(ctx, lane, 1) }); err != nil {
		return "", err
	}
	was, err := s.allow(ctx, at, 1)
	if err != nil {
		return "", err
	}
	err = until(ctx, 3*time.Minute, func(ctx context.Context) error { return s.only(ctx, deadLane, 1) })
	if err := errors.Join(err, s.redriven(ctx, at, was)); err != nil {
		return "", err
	}
	return "others passed; doctor names the DLQ; redriven", s.quiet(ctx)
}

// only looks whether a queue holds that many messages.
func (s *stage) only(ctx context.Context, queue string, want int) error {
	waiting, inFlight, err := s.cloud.depth(ctx, queue)
	if err == nil && waiting+inFlight != want {
		err = fmt.Errorf("%s holds %d messages, want %d", queue, waiting+inFlight, want)
	}
	return err
}

// allow sets how often a message may be received before it goes to the dead-letter queue, and returns the policy of before.
func (s *stage) allow(ctx context.Context, at string, times int) (was string, err error) {
	out, err := s.cloud.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &at, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameRedrivePolicy}})
	if err != nil {
		return "", err
	}
	was = out.Attributes[string(sqstypes.QueueAttributeNameRedrivePolicy)]
	var policy map[string]any
	if err := json.Unmarshal([]byte(was), &policy); err != nil {
		return "", fmt.Errorf("the queue's redrive policy: %w", err)
	}
	policy["maxReceiveCount"] = times
	now, err := json.Marshal(policy)
	if err != nil {
		return "", err
	}
	return was, s.redrivePolicy(ctx, at, string(now))
}

func (s *stage) redrivePolicy(ctx context.Context, at, policy string) error {
	_, err := s.cloud.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &at, Attributes: map[string]string{string(sqstypes.QueueAttributeNameRedrivePolicy): policy}})
	return err
}

// redriven puts the queue's policy back, sees doctor name the dead message and connector put it back, and takes it out.
func (s *stage) redriven(ctx context.Context, at, policy string) error {
	if err := s.redrivePolicy(ctx, at, policy); err != nil {
		return err
	}
	a, err := s.connector(ctx, nil, "doctor")
	if err != nil {
		return err
	}
	var found []struct{ Check, Level, What string }
	if err := a.read("findings", &found); err != nil {
		return err
	}
	var faults []string
	for _, f := range found {
		if f.Level == "fault" {
			faults = append(faults, f.Check+": "+f.What)
		}
	}
	if a.code != connector.ExitFinding || len(faults) != 1 || !strings.Contains(faults[0], "dead-letter") {
		return fmt.Errorf("doctor ends with %d and finds %q; want the dead-letter queue alone", a.code, faults)
	}
	if _, err := s.does(ctx, nil, "redrive"); err != nil {
		return err
	}
	if err := errors.Join(s.only(ctx, deadLane, 0), until(ctx, soon, func(ctx context.Context) error { return s.only(ctx, lane, 1) })); err != nil {
		return err
	}
	_, err = s.cloud.sqs.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &at})
	return err
}

// unreadable hands one message five times to zohoConsumer, as the queue would in a quarter of an hour.
func unreadable(ctx context.Context, s *stage) (string, error) {
	const id = "5b0c7c7e-2c6e-4d5e-9c1f-0a6f7d1c9b11"
	for n := 1; n <= 5; n++ {
		event := queuewire.Event("arn:aws:sqs:us-east-1:000000000000:"+s.Stack+"-"+lane+".fifo", []batch.Delivery{{
			ID: id, Receipt: "none", Group: "poison", Dedup: "poison-2", Sequence: "1", Body: "not an operation", Receives: n, Sent: s.Now(),
		}})
		out, err := s.cloud.invoke(ctx, "zohoConsumer", event)
		if err != nil {
			return "", err
		}
		var answer events.SQSEventResponse
		if err := json.Unmarshal(out, &answer); err != nil {
			return "", err
		}
		if back := len(answer.BatchItemFailures); back != 1 && n < 5 || back != 0 && n == 5 {
			return "", fmt.Errorf("after %d tries %d messages go back", n, back)
		}
	}
	rows, err := s.parked(ctx)
	if err != nil {
		return "", err
	}
	if n := len(rows); n != 1 || rows[0].Class != "ours" {
		return "", fmt.Errorf("%d rows are parked, want one of class ours", n)
	}
	return "again, four times; then parked as ours", nil
}

// logs searches every line that the functions have logged.
func logs(ctx context.Context, s *stage) (string, error) {
	all, err := s.functions()
	if err != nil {
		return "", err
	}
	secrets, err := s.cloud.secrets(ctx)
	if err != nil {
		return "", err
	}
	if len(secrets) != 6 {
		return "", fmt.Errorf("%d secrets are stored, want 6", len(secrets))
	}
	access, err := s.token(ctx, 0)
	if err != nil {
		return "", err
	}
	secrets["the access token"], secrets["the grant code"] = access.Token.Reveal(), grantCode
	count := 0
	for _, f := range all {
		own, err := s.cloud.entries(ctx, f)
		if err != nil {
			return "", err
		}
		lines, err := s.cloud.logs(ctx, f)
		if err != nil {
			return "", err
		}
		if len(lines) == 0 {
			return "", fmt.Errorf("%s never ran", f)
		}
		for _, l := range lines {
			if p := s.holds(l); p != "" {
				return "", fmt.Errorf("%s has logged %q: %s", f, p, l)
			}
			for name, secret := range secrets {
				if strings.Contains(l, secret) {
					return "", fmt.Errorf("%s has logged %s", f, name)
				}
			}
		}
		count += len(own)
	}
	return fmt.Sprintf("%d lines of %d functions; %d values searched", count, len(all), len(s.people)+len(secrets)), nil
}

// dump writes what the functions have logged beside the other logs, for whoever looks into a step that failed.
func (s *stage) dump(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	all, err := s.functions()
	for _, f := range all {
		if s.cloud == nil || err != nil {
			return
		}
		var lines []string
		if lines, err = s.cloud.logs(ctx, f); err == nil {
			err = s.note("function-"+f, []byte(strings.Join(lines, "\n")+"\n"))
		}
	}
}
