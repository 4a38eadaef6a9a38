package connector

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
)

type setupCommand struct {
	Zoho     setupZohoCommand     `cmd:"" help:"Token, external id, notification channel."`
	HubSpot  setupHubSpotCommand  `cmd:"" name:"hubspot" help:"The app project to upload, and its secrets."`
	WhatsApp setupWhatsAppCommand `cmd:"" name:"whatsapp" help:"Secrets, fields of contacts, both subscriptions."`
	Slack    setupSlackCommand    `cmd:"" help:"Where alarms of conversions are told besides the mail."`
	Key      setupKeyCommand      `cmd:"" help:"Exchange the key of the hashes."`
}

// deployed opens the stack, whether it is deployed yet or not, and says which.
func (s *session) deployed(ctx context.Context) (*Stack, bool, error) {
	st, err := s.anyVersion(ctx)
	if err != nil {
		return nil, false, err
	}
	there, err := st.Version(ctx)
	if err != nil {
		return nil, false, err
	}
	if there == "" {
		return st, false, nil
	}
	st, err = s.stack(ctx, toChange)
	return st, true, err
}

// keep stores a secret that the operator hands over, when it is another than the one that is there. It returns the one in
// force. With ask, a person is asked for one that is nowhere; an empty answer leaves it out. With --plan nobody is asked: it says
// that it would.
func (s *session) keep(ctx context.Context, st *Stack, name string, ask bool) (crm.Secret, error) {
	there, err := s.there(ctx, st, name)
	if err != nil {
		return crm.Secret{}, err
	}
	ask = ask && there.IsZero()
	given, err := s.secret(name, ask && !s.flags.Plan)
	if err != nil {
		return crm.Secret{}, err
	}
	switch {
	case given.IsZero() && ask && s.flags.Plan:
		return there, s.change(name+" is asked for, and stored as "+st.parameter(name), nil)
	case given.IsZero() && there.IsZero():
		return there, nil
	case given.IsZero() || given.Reveal() == there.Reveal():
		s.nothing(name + " is stored")
		return there, nil
	}
	if what := shape(name, given); what != "" {
		return given, wrongf("%s %s", name, what)
	}
	return given, s.storeSecret(ctx, st, name, given, "")
}

// handed has the operator asked for what is nowhere, so that it can be tried before it is stored, and returns the names of
// what is missing all the same. With --plan nobody is asked.
func (s *session) handed(ctx context.Context, st *Stack, names ...string) (missing []string, err error) {
	for _, name := range names {
		there, err := s.there(ctx, st, name)
		if err != nil {
			return nil, err
		}
		given, err := s.secret(name, there.IsZero() && !s.flags.Plan)
		if err != nil {
			return nil, err
		}
		switch what := shape(name, given); {
		case given.IsZero() && there.IsZero():
			missing = append(missing, name)
		case !given.IsZero() && what != "":
			return nil, wrongf("%s %s", name, what)
		}
	}
	return missing, nil
}

func (s *session) there(ctx context.Context, st *Stack, name string) (crm.Secret, error) {
	all, err := st.Vault.Get(ctx, name)
	return all[name], err
}

func (s *session) storeSecret(ctx context.Context, st *Stack, name string, v crm.Secret, how string) error {
	return s.change(strings.TrimSpace(fmt.Sprintf("%s is stored as %s %s", name, st.parameter(name), how)), func() error { return st.Vault.Put(ctx, name, v) })
}

// invent makes a secret that is the stack's own, once: one that is there stays, and one that the operator hands over is taken.
func (s *session) invent(ctx context.Context, st *Stack, name string, bytes int) error {
	kept, err := s.keep(ctx, st, name, false)
	if err != nil || !kept.IsZero() {
		return err
	}
	made, err := s.random(bytes)
	if err != nil {
		return err
	}
	return s.storeSecret(ctx, st, name, made, madeNow)
}

// madeNow stands behind a secret that nobody has seen.
const madeNow = "(made just now, shown to nobody)"

// random makes a secret of so many bytes, in hexadecimal.
func (s *session) random(bytes int) (crm.Secret, error) {
	key := make([]byte, bytes)
	_, err := io.ReadFull(s.Random, key)
	return crm.NewSecret(hex.EncodeToString(key)), err
}

// dice returns a number from 0 up to below n.
func (s *session) dice(n int64) int64 {
	var b [8]byte
	if _, err := io.ReadFull(s.Random, b[:]); err != nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b[:]) % uint64(n))
}

// pairKeyBytes is the length of a new key of the hashes.
const pairKeyBytes = 32

// inventKey makes the key of the hashes, where the stack needs one. It is never exchanged on the way, not even for one that is
// handed over: with another key every base is unknown, and connector setup key says so.
func (s *session) inventKey(ctx context.Context, st *Stack) error {
	for _, name := range st.Needs {
		if name != settings.PairKey {
			continue
		}
		there, err := s.there(ctx, st, name)
		if err != nil {
			return err
		}
		if there.IsZero() {
			return s.invent(ctx, st, name, pairKeyBytes)
		}
		s.nothing(name + " is stored, and stays")
	}
	return nil
}
