package connector

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"crm-connector/pkg/core/crm"
)

type setupCommand struct {
	Zoho     setupZohoCommand     `cmd:"" help:"Token, external id, notification channel."`
	HubSpot  setupHubSpotCommand  `cmd:"" name:"hubspot" help:"The app project to upload, and its secrets."`
	WhatsApp setupWhatsAppCommand `cmd:"" name:"whatsapp" help:"Secrets, fields of contacts, both subscriptions."`
	Slack    setupSlackCommand    `cmd:"" help:"Where alarms of conversions are told besides the mail."`
	Key      setupKeyCommand      `cmd:"" help:"Exchange the key of the hashes."`
}

// deployed opens the stack that is set up, whether it is deployed yet or not, and says which.
func (s *session) deployed(ctx context.Context) (*Stack, bool, error) {
	s.setsUp = true
	st, err := s.anyVersion(ctx)
	if err != nil {
		return nil, false, err
	}
	there, err := st.Version(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("%s does not say its version: %w", st.Name, err)
	}
	if there == "" {
		return st, false, nil
	}
	st, err = s.stack(ctx, toChange)
	return st, true, err
}

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
