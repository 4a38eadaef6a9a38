package invoke

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/config"
)

// World is both CRMs, WhatsApp and the suite's tables as an event finds them: the past of events/world.json, played in model time.
type World struct {
	*sandbox.World
	dir    string    // of the events
	now    time.Time // when the event is handled
	before Snapshot
	people map[string]*whatsapptest.Person // on WhatsApp, by number
}

// Step is one thing that happened before an event. Exactly one of its verbs is set; Record is system/module/id.
type Step struct {
	At     time.Time         `json:"at,omitzero"`      // the clock moves on to it first
	Create string            `json:"create,omitempty"` // system/module; ID is what the record must be called
	Edit   string            `json:"edit,omitempty"`   // a record; a person does it
	Set    string            `json:"set,omitempty"`    // a record of HubSpot; HubSpot itself does it
	Delete string            `json:"delete,omitempty"` // a record
	Erase  string            `json:"erase,omitempty"`  // a contact of HubSpot, for good
	Merge  []string          `json:"merge,omitempty"`  // records of one CRM, the primary one first
	Join   []string          `json:"join,omitempty"`   // a contact and the company that it belongs to, in one CRM
	Run    string            `json:"run,omitempty"`    // a scheduled function
	Settle bool              `json:"settle,omitempty"` // deliveries arrive and the consumers work until all is quiet
	Mode   crm.Mode          `json:"mode,omitempty"`   // the operator switches the stack
	Revoke bool              `json:"revoke,omitempty"` // Zoho takes the refresh token back
	Watch  int               `json:"watch,omitempty"`  // the notification channel was opened, and lives that many days more; Fields may say to which url
	Fail   int               `json:"fail,omitempty"`   // Zoho answers every call with this status from now on
	Handle string            `json:"handle,omitempty"` // another event of the folder reaches its function; the function must not fail
	Meet   string            `json:"meet,omitempty"`   // a number: somebody on WhatsApp, whose user id is ID
	Say    string            `json:"say,omitempty"`    // a number that was met: a message of his that is still on its way
	Photo  string            `json:"photo,omitempty"`  // likewise, a picture with the text below it
	Busy   bool              `json:"busy,omitempty"`   // WhatsApp turns the next message away: too many at a time
	Now    bool              `json:"now,omitempty"`    // the past is over: what follows happens right before the event
	Ago    string            `json:"ago,omitempty"`    // what follows happens so long before the event: "10m"
	ID     string            `json:"id,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`
}

// past is events/world.json.
type past struct {
	Says  string    `json:"says"`
	Start time.Time `json:"start"`
	Now   time.Time `json:"now"` // when the events are handled, where no wall clock says so
	Steps []Step    `json:"steps"`
}

// pause is how much time passes after each step.
const pause = time.Minute

// Secrets are the secrets of the stack by the name of their setting: the sandboxes' own, and a key that is good for nothing
// else.
func Secrets() map[string]string {
	return map[string]string{
		settings.HubSpotAccessToken:   hubspottest.DefaultToken,
		settings.HubSpotClientSecret:  hubspottest.DefaultClientSecret,
		settings.ZohoClientSecret:     zohotest.DefaultClientSecret,
		settings.ZohoRefreshToken:     zohotest.DefaultRefreshToken,
		settings.ZohoChannelToken:     channelToken,
		settings.PairKey:              "00112233445566778899aabbccddeeff",
		settings.WhatsAppAppSecret:    whatsapptest.DefaultAppSecret,
		settings.WhatsAppVerifyToken:  whatsapptest.DefaultVerifyToken,
		settings.WhatsAppAccessToken:  whatsapptest.DefaultToken,
		settings.ConversionsJWTSecret: conversionstest.DefaultSecret,
	}
}

// The values that the events and events/env.json name.
const (
	channelID    = "1000000068001"
	channelToken = "sandbox-channel-token"
	channelURL   = "https://connector.example.com/webhooks/zoho"
	accessToken  = "sandbox-access"
)

// NewWorld plays the past of a folder, and then what a case says happened before its event, which is handled at now; the
// zero time stands for the instant that world.json names.
func NewWorld(ctx context.Context, dir string, e Expected, now time.Time) (*World, error) {
	var p past
	text, err := os.ReadFile(filepath.Join(dir, "world.json"))
	if err != nil {
		return nil, err
	}
	if err := strict(text, &p); err != nil {
		return nil, fmt.Errorf("world.json: %w", err)
	}
	inner, err := sandbox.NewWorld(sandbox.WorldOptions{
		Start: p.Start,
		Zoho:  zohotest.Options{ChannelID: channelID, ChannelToken: channelToken, AccessToken: accessToken},

		WhatsApp: &whatsapptest.Options{}, Conversions: true,
		Adapt: func(parts *sandbox.Parts) { adapt(parts, e.Without) },
	})
	if err != nil {
		return nil, err
	}
	w := &World{World: inner, dir: dir, now: now, people: map[string]*whatsapptest.Person{}}
	if now.IsZero() {
		w.now = p.Now
	}
	for i, s := range slices.Concat(p.Steps, e.Before, []Step{{Now: true}}) {
		if err := w.step(ctx, s); err != nil {
			return nil, fmt.Errorf("step %d of the past: %w", i+1, err)
		}
		if w.Clock.Now().Before(w.now) {
			w.Clock.Advance(min(pause, w.now.Sub(w.Clock.Now())))
		}
	}
	w.before, err = w.Look(ctx)
	return w, err
}

// adapt gives the suite of the world the secrets that the functions of the stack have.
func adapt(parts *sandbox.Parts, without []string) {
	parts.Hasher = pair.Hasher{Key: crm.NewSecret(Secrets()[settings.PairKey]), KeyID: 1}
	parts.Zoho.AccessToken = crm.NewSecret(accessToken)
	parts.Report.From = "CRM Connector <connector@example.com>"
	if slices.Contains(without, settings.HubSpotClientSecret) {
		parts.HubSpot.Secrets = nil
	}
	if slices.Contains(without, settings.ZohoChannelToken) {
		parts.Zoho.ChannelToken = crm.Secret{}
	}
	if slices.Contains(without, settings.WhatsAppAppSecret) {
		parts.WhatsApp.Secrets = nil
	}
	if slices.Contains(without, settings.ConversionsJWTSecret) {
		parts.Conversions.Secrets = nil
	}
}

func (w *World) step(ctx context.Context, s Step) error {
	if !s.At.IsZero() {
		w.Clock.Advance(s.At.Sub(w.Clock.Now()))
	}
	switch {
	case s.Create != "":
		return w.create(s)
	case s.Edit != "":
		return w.act(s.Edit, func(id crm.ID) error {
			if id.System == crm.HubSpot {
				return w.HubSpot.Edit(id.Module, id.Key, s.Fields)
			}
			return w.Zoho.Edit(id.Module, id.Key, s.Fields)
		})
	case s.Set != "":
		return w.act(s.Set, func(id crm.ID) error { return w.HubSpot.Set(id.Module, id.Key, s.Fields) })
	case s.Delete != "":
		return w.act(s.Delete, func(id crm.ID) error {
			if id.System == crm.HubSpot {
				return w.HubSpot.Delete(id.Module, id.Key)
			}
			return w.Zoho.Delete(id.Module, id.Key)
		})
	case s.Erase != "":
		return w.act(s.Erase, func(id crm.ID) error { return w.HubSpot.Erase(id.Key) })
	case len(s.Merge) == 2:
		return w.both(s.Merge, func(a, b crm.ID) (err error) {
			if a.System == crm.HubSpot {
				_, err = w.HubSpot.Merge(a.Module, a.Key, b.Key)
			} else {
				_, err = w.Zoho.Merge(a.Module, a.Key, b.Key)
			}
			return err
		})
	case len(s.Join) == 2:
		return w.both(s.Join, func(contact, company crm.ID) error {
			if contact.System == crm.HubSpot {
				return w.HubSpot.SetCompany(contact.Key, company.Key)
			}
			return w.Zoho.SetCompany(contact.Key, company.Key)
		})
	case s.Run != "":
		run := w.Handlers()[s.Run]
		if run == nil {
			return fmt.Errorf("there is no function %q", s.Run)
		}
		_, err := run.Invoke(ctx, []byte("{}"))
		return err
	case s.Settle:
		return w.settle(ctx)
	case s.Mode != "":
		return w.switchTo(ctx, s.Mode)
	case s.Now:
		w.Clock.Advance(w.now.Sub(w.Clock.Now()))
		return nil
	case s.Ago != "":
		ago, err := time.ParseDuration(s.Ago)
		w.Clock.Advance(max(0, w.now.Add(-ago).Sub(w.Clock.Now())))
		return err
	case s.Revoke:
		w.Zoho.RevokeRefresh()
		return nil
	case s.Watch != 0:
		return w.watch(ctx, s)
	case s.Fail != 0:
		w.Zoho.Fail(zohotest.Fault{Times: -1, Status: s.Fail})
		return nil
	case s.Handle != "":
		return w.handle(ctx, s.Handle)
	case s.Meet != "":
		p := w.WhatsApp.Meet(s.Fields["name"], s.Meet)
		p.User = s.ID
		w.people[s.Meet] = p
		return nil
	case s.Busy:
		w.WhatsApp.Fail(whatsapptest.Fault{On: http.MethodPost, Code: chat.CodeNumberRate})
		return nil
	case s.Say != "":
		return w.writes(s.Say, func(p *whatsapptest.Person) (string, error) {
			return p.Say(whatsapptest.DefaultNumber, s.Fields["text"])
		})
	case s.Photo != "":
		return w.writes(s.Photo, func(p *whatsapptest.Person) (string, error) {
			return p.Photograph(whatsapptest.DefaultNumber, s.Fields["text"], []byte(picture))
		})
	}
	text, _ := json.Marshal(s)
	return fmt.Errorf("it says nothing: %s", text)
}

// picture is the content of every photograph: a file like any other.
const picture = "sandbox picture"

// writes has somebody who was met write to the business.
func (w *World) writes(number string, do func(*whatsapptest.Person) (string, error)) error {
	p := w.people[number]
	if p == nil {
		return fmt.Errorf("nobody was met with the number %s", number)
	}
	_, err := do(p)
	return err
}

// handle hands another event to its function, signed as of now.
func (w *World) handle(ctx context.Context, name string) error {
	function, _, _ := strings.Cut(name, ".")
	h := w.Handlers()[function]
	if h == nil {
		return fmt.Errorf("there is no function %q", function)
	}
	event, err := os.ReadFile(filepath.Join(w.dir, name+".json"))
	if err == nil {
		event, err = Signed(event, w.Clock.Now())
	}
	if err == nil {
		_, err = h.Invoke(ctx, event)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// watch opens Zoho's notification channel as renewZohoChannel does, but for what the step says.
func (w *World) watch(ctx context.Context, s Step) error {
	ch := crm.Channel{
		ID: channelID, URL: cmp.Or(s.Fields["url"], channelURL), Token: crm.NewSecret(channelToken),
		Ends: w.Clock.Now().AddDate(0, 0, s.Watch),
	}
	for _, m := range []crm.Module{crm.Contacts, crm.Companies} {
		for _, v := range []crm.Verb{crm.Create, crm.Update, crm.Delete} {
			ch.Notices = append(ch.Notices, crm.Notice{Module: m, Verb: v})
		}
	}
	_, err := w.Suite.Zoho.OpenChannel(ctx, ch)
	return err
}

func (w *World) act(record string, do func(crm.ID) error) error {
	id, err := crm.ParseID(record)
	if err != nil {
		return fmt.Errorf("%q: %w", record, err)
	}
	if err := do(id); err != nil {
		return fmt.Errorf("%s: %w", record, err)
	}
	return nil
}

func (w *World) both(records []string, do func(a, b crm.ID) error) error {
	return w.act(records[0], func(a crm.ID) error {
		return w.act(records[1], func(b crm.ID) error { return do(a, b) })
	})
}

// create makes a record, and insists on the id that the events name.
func (w *World) create(s Step) (err error) {
	system, module, _ := strings.Cut(s.Create, "/")
	id := ""
	if crm.System(system) == crm.HubSpot {
		id, err = w.HubSpot.Create(crm.Module(module), s.Fields)
	} else {
		id, err = w.Zoho.Create(crm.Module(module), s.Fields)
	}
	if err == nil && id != s.ID {
		err = fmt.Errorf("the record is called %s, not %s", id, s.ID)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Create, err)
	}
	return nil
}

// settle lets the day go on until nothing is on its way.
func (w *World) settle(ctx context.Context) error {
	for range 20 {
		if err := w.World.Run(ctx, pause); err != nil {
			return err
		}
		if w.Quiet() {
			return nil
		}
	}
	return fmt.Errorf("the queues are not quiet after 20 minutes")
}

func (w *World) switchTo(ctx context.Context, m crm.Mode) error {
	rows := &config.Rows{Store: w.Tables[sandbox.Config], Now: w.Clock.Now}
	return rows.Set(ctx, config.Mode, []byte(m))
}
