package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// Table is one table of the stack.
type Table interface {
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	Put(ctx context.Context, puts ...row.Put) error
	List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error)
}

// Lane is a queue of operations with its dead-letter queue.
type Lane interface {
	queue.API
	// Depth tells what lies in both.
	Depth(ctx context.Context) (Depth, error)
	// Redrive puts up to max messages of the dead-letter queue back and returns how many; 0 where none was found this time, which is
	// not always the end.
	Redrive(ctx context.Context, max int) (int, error)
}

// queueOf is the queue that carries what a system told, as alarms and functions name it, without the stack's name.
func queueOf(source crm.System) string { return string(source.Other()) + "-operations" }

// consumerOf is the function that drains it.
func consumerOf(source crm.System) string { return string(source.Other()) + "Consumer" }

// Depth is what lies in a queue and in its dead-letter queue.
type Depth struct {
	Waiting  int           `json:"waiting"`
	InFlight int           `json:"inFlight"` // delivered and not ended, those that wait for a CRM included
	Dead     int           `json:"dead"`
	Oldest   time.Duration `json:"-"` // age of the oldest message, without those that were tried a few times and go again; 0 where it is not told
	Unseen   error         `json:"-"` // why nobody can tell Oldest; nil where it is told, or there is none
}

// Vault keeps the secrets of the stack.
type Vault interface {
	// Get returns the secrets that are there.
	Get(ctx context.Context, names ...string) (map[string]crm.Secret, error)
	// Put stores one, over what was there.
	Put(ctx context.Context, name string, v crm.Secret) error
}

// redeploy is how a stack that stands is deployed with another setting: SAM reads what was saved for it under the name of its
// environment, which docs/deploy.md has people choose, and nothing of it without one.
const redeploy = "make build && sam deploy --config-env prod, or as you named it"

// Stack is one stack as the commands see it.
type Stack struct {
	Name   string
	Tables                     // by name
	Lanes  map[crm.System]Lane // by the source of what they carry
	// Whole are the queues of whole messages, whose senders nobody can ask again, by name; nil for those that are not there.
	Whole map[string]Lane
	Vault Vault
	// Needs are the secrets that the functions of every stack ask for.
	Needs []string
	// Paired reports whether the table of pairs has a row: a pair, or the tombstone of one. It is nil where nobody can look.
	Paired func(ctx context.Context) (bool, error)
	// Chatted reports whether the table of chats has a row: whoever wrote on WhatsApp is in it, with a pair or without one. It is nil
	// where nobody can look.
	Chatted func(ctx context.Context) (bool, error)
	// Version returns the version of the suite that is deployed, "" where none is.
	Version func(ctx context.Context) (string, error)
	// Told reads what the deployed functions are told, once. Where it cannot be read nobody knows what Setting would say.
	Told func(ctx context.Context) error
	// Setting returns what the deployed functions are told, "" for nothing.
	Setting func(ctx context.Context, name string) string
	// Running says that Setting holds whatever the environment here says: nothing is deployed with it any more.
	Running bool
	// Unknown are the secrets that a process of make run has of its own, and that nobody gave here.
	Unknown []string
	// Door returns the address of a route of the door; nil where it lies beside ZOHO_WEBHOOK_URL.
	Door func(path string) string
	// Default is the mapping that holds where no row has another, and DefaultYAML its text; nil for the built-in one.
	Default     *mapping.Mapping
	DefaultYAML []byte
	// Verified reports whether an identity, an address or a domain, is known to be ours: mail may be sent from it. It is nil where
	// mail goes nowhere.
	Verified func(ctx context.Context, identity string) (bool, error)
	// Sandboxed reports whether mail is delivered to verified addresses alone.
	Sandboxed func(ctx context.Context) (bool, error)
}

// secrets returns the secrets that are there as the functions read them: without white space around them, as a file leaves behind.
func (st *Stack) secrets(ctx context.Context, names ...string) (map[string]crm.Secret, error) {
	out := map[string]crm.Secret{}
	all, err := st.Vault.Get(ctx, names...)
	for name, v := range all {
		out[name] = crm.NewSecret(strings.TrimSpace(v.Reveal()))
	}
	return out, err
}

// paired is Paired; where nobody can look, there may be pairs.
func (st *Stack) paired(ctx context.Context) (bool, error) {
	if st.Paired == nil {
		return true, nil
	}
	return st.Paired(ctx)
}

// hashed reports whether the stack has something that is found again by the key of the hashes alone: a pair, a tombstone, or whoever
// wrote on WhatsApp.
func (st *Stack) hashed(ctx context.Context) (bool, error) {
	paired, err := st.paired(ctx)
	if paired || err != nil || st.Chatted == nil {
		return paired, err
	}
	return st.Chatted(ctx)
}

// Tables are the tables of a stack.
type Tables struct {
	Pairs, Parked, Attempts, Config, Tokens, Quarantine Table
	Chats, Conversions                                  Table // of WhatsApp and of conversion events; nil where they are not there
}

// The queues of whole messages, as alarms and functions name them, without the stack's name.
const (
	whatsappQueue   = "whatsapp-operations"
	conversionQueue = "conversion-events"
)

// line is a queue, its name without the stack's, and the function that drains it.
type line struct {
	name, consumer string
	Lane
}

// lines are all queues of the stack.
func (st *Stack) lines() []line {
	var out []line
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		out = append(out, line{queueOf(sys), consumerOf(sys), st.Lanes[sys]})
	}
	for _, l := range []line{{name: whatsappQueue, consumer: "whatsappConsumer"}, {name: conversionQueue, consumer: "conversionAggregator"}} {
		if l.Lane = st.Whole[l.name]; l.Lane != nil {
			out = append(out, l)
		}
	}
	return out
}

// people is the book of pairs, as far as it is known here whom the stack has erased.
type people struct {
	*identity.Book
	knows bool // false: the key of the tombstones is nobody's but the stack's
}

// people opens the book with the key that the functions hash with. A process of make run makes one that it tells nobody.
func (s *session) people(ctx context.Context, st *Stack) (*people, error) {
	b := &people{&identity.Book{Store: st.Pairs}, slices.Contains(st.Needs, settings.PairKey)}
	if !b.knows {
		return b, nil
	}
	key, err := s.there(ctx, st, settings.PairKey)
	if err != nil {
		return b, err
	}
	what, err := s.notTheKey(ctx, st, key)
	if err != nil {
		return b, err
	}
	if what != "" {
		return b, fmt.Errorf("%s %s, so that nobody knows who was erased: %s", settings.PairKey, what, s.mendKey(ctx, st))
	}
	b.Hasher, err = pair.NewHasher(key, 0) // no value is hashed here, so that no number is needed
	return b, err
}

// erased reports which of the records were erased, none where that is not known.
func (b *people) erased(ctx context.Context, conn string, ids ...crm.ID) ([]bool, error) {
	if !b.knows {
		return make([]bool, len(ids)), nil
	}
	return b.Erased(ctx, conn, ids...)
}

// versionName is the parameter that says which version is deployed.
const versionName = "SUITE_VERSION"

// parameter is where a secret of the stack lies.
func (st *Stack) parameter(name string) string { return "/" + st.Name + "/" + name }
