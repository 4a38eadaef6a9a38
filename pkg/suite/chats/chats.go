// Package chats wires what whatsappConsumer and sendWhatsapp have in common: the flow of conversations by the rules that are in
// force. Which messages are put into it is all that tells the two apart.
package chats

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/conversation"
	"crm-connector/pkg/flow/digest"
	"crm-connector/pkg/flow/identity"
	"crm-connector/pkg/flow/rules"
	"crm-connector/pkg/suite/consumer"
)

// Adapters is everything that conversations touch outside themselves.
type Adapters struct {
	HubSpot conversation.CRM
	Zoho    conversation.Zoho
	Phone   conversation.Phone
	Pairs   identity.Store     // names, pairs, locks: the connector's
	Chats   conversation.Store // who has written, what was logged, the outbox
	Parked  digest.Store
	Config  config.Store // mode, mapping, rules of conversation
	Rules   consumer.Rules
	Hasher  consumer.Hasher
	Queues  consumer.Queues   // where the connector is asked to look at a contact; nil: nobody asks
	Entries *consumer.Entries // counts conversations that begin; nil: nobody counts

	Number      string   // id of the number that requests are sent from; "": this stack has no WhatsApp
	Own         []string // digits of the business's own numbers
	Coexistence bool     // the number is used in the WhatsApp Business app too
	LeadSource  string   // of a new contact
	Language    chat.Language
	Zone        *time.Location

	NewID func() string
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) bool // false when it did not wait to the end
	Log   *slog.Logger
}

// Talk makes the flow of conversations anew for every batch, as the rules in force want it. It is safe for concurrent use.
type Talk struct {
	Ledger *digest.Ledger // rows of what was given up on

	a     Adapters
	rows  *config.Rows
	rules *rules.Book
	files chan struct{}

	mu     sync.Mutex
	parsed *talk.Rules // of the row of this version
	of     int64
}

// New returns the flow's maker.
func New(a Adapters) *Talk {
	rows := &config.Rows{Store: a.Config, Now: a.Now}
	return &Talk{a: a, rows: rows, files: make(chan struct{}, filesAtOnce), rules: rules.New(rows, a.Rules, a.Now, a.Log), Ledger: &digest.Ledger{Store: a.Parked, Now: a.Now}}
}

const op = "chats.Talk"

// filesAtOnce is how many files lie in memory at a time. One of 20 MB takes some 55 MB while it goes from WhatsApp to Zoho, and as much
// again until the garbage is collected; the functions have 512 MB.
const filesAtOnce = 2

// Patience is how long a message waits before it is looked again whether the stack is on.
const Patience = 15 * time.Minute

// Ready returns the flow of a stack that writes: it has WhatsApp, and its mode is on. Else the fault sends messages back for a
// while: nobody can be asked for them again.
func (t *Talk) Ready(ctx context.Context) (*conversation.Flow, error) {
	if err := t.on(ctx); err != nil {
		return nil, err
	}
	return t.Flow(ctx)
}

func (t *Talk) on(ctx context.Context) error {
	if t.a.Number == "" {
		return &fault.Error{Op: op, Kind: fault.Setup, After: Patience, Err: errors.New("WHATSAPP_PHONE_NUMBER_ID is not set")}
	}
	mode, err := t.rules.Mode(ctx)
	if err == nil && mode != crm.On {
		err = fault.Again(op, Patience, "the stack is in mode "+string(mode)+"; messages wait")
	}
	return err
}

// Flow returns the flow by the rules in force, for what writes nothing into a CRM and sends nothing.
func (t *Talk) Flow(ctx context.Context) (*conversation.Flow, error) {
	h, err := t.a.Hasher(ctx)
	if err != nil {
		return nil, err
	}
	m, err := t.rules.Mapping(ctx)
	if err != nil {
		return nil, err
	}
	words, err := t.words(ctx)
	if err != nil {
		return nil, err
	}
	rate := chat.NumberRate
	if t.a.Coexistence {
		rate = chat.CoexistenceRate
	}
	flow := &conversation.Flow{
		Zoho: t.a.Zoho, HubSpot: t.a.HubSpot, Phone: t.a.Phone, Store: t.a.Chats, Parking: t.Ledger,
		Book:  &identity.Book{Store: t.a.Pairs, Hasher: h, NewID: t.a.NewID},
		Rules: words, Columns: columns(m, t.a.LeadSource), Keys: keys(m),
		Number: t.a.Number, Own: t.a.Own, Rate: rate, Files: t.files, Language: t.a.Language, Zone: t.a.Zone, Now: t.a.Now, Sleep: t.a.Sleep, Began: t.a.Entries.Conversation,
	}
	if t.a.Queues != nil {
		flow.Wake = t.a.Queues
	}
	return flow, nil
}

// words returns the rules of conversation: those of the table's row, else the built-in ones. A row that cannot be read as rules is
// an error: nobody is answered by words that nobody wrote.
func (t *Talk) words(ctx context.Context) (*talk.Rules, error) {
	r, err := t.rows.Get(ctx, config.Conversation)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.parsed != nil && t.of == r.Version {
		return t.parsed, nil
	}
	found := talk.Default()
	if r.Version != 0 {
		if found, err = talk.Parse(r.Value); err != nil {
			return nil, &fault.Error{Op: op, Kind: fault.Setup, Err: errors.New("the rules of conversation in the config table cannot be read")}
		}
	}
	t.parsed, t.of = found, r.Version
	return found, nil
}

// keys are the mapping's keys of a contact in Zoho.
func keys(m *mapping.Mapping) func(crm.Record) []crm.MatchKey {
	return func(rec crm.Record) []crm.MatchKey { return m.Keys(crm.Contact, rec, crm.Zoho) }
}

// Each does something with every one of all, so many at a time; with one at a time in their order.
func Each[T any](parallel int, all []T, do func(T)) {
	if parallel <= 1 {
		for _, one := range all {
			do(one)
		}
		return
	}
	var under sync.WaitGroup
	turns := make(chan struct{}, parallel)
	for _, one := range all {
		turns <- struct{}{}
		under.Go(func() {
			defer func() { <-turns }()
			do(one)
		})
	}
	under.Wait()
}
