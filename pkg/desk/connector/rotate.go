package connector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/upkeep"
)

// settled is how long after a secret was stored the last function goes on with the one before it: five minutes in which it is not
// read again, and one for what is under way and for a store that did not answer.
const settled = 6 * time.Minute

// rotatable stops a rotation of the channel's token that could not come to an end, before anything is done.
func (c setupZohoCommand) rotatable(s *session, st *Stack, deployed bool) error {
	name := settings.ZohoChannelToken
	handed, err := s.secret(name, false)
	switch {
	case err != nil || !c.RotateChannelToken:
		return err
	case !deployed:
		return wrongf("--rotate-channel-token: there is no channel before the stack is deployed")
	case st.Running:
		return wrongf("--rotate-channel-token: the process of make run keeps no secrets; set %s in its environment", name)
	case !handed.IsZero():
		return wrongf("--rotate-channel-token makes the token itself: leave %s out of the environment and of --secret-file", name)
	}
	return nil
}

// rotateChannelToken puts a new token in the place of the one that the channel carries, and no notification is refused meanwhile.
// The doors accept every token of the list, the channel carries the first: the new one goes behind the old one, then, when every door
// knows it, before it, and the channel is changed; then, when nobody can put the old one back, it stands alone. Stopped at any
// moment, the list goes on working; the next run begins with another new token, and everything before it goes at its end.
func (s *session) rotateChannelToken(ctx context.Context, st *Stack, v *clients) error {
	name := settings.ZohoChannelToken
	there, err := s.there(ctx, st, name)
	if err != nil {
		return err
	}
	made, err := s.random(ownBytes[name])
	if err != nil {
		return err
	}
	old := several(there)
	put := func(how string, tokens ...string) error {
		return s.storeSecret(ctx, st, name, crm.NewSecret(strings.Join(tokens, ",")), how)
	}
	if err := put("with a new token behind the old one (made just now, shown to nobody)", append(old, made.Reveal())...); err != nil {
		return err
	}
	if err := s.settle(ctx, settled); err != nil {
		return err
	}
	if err := s.takes(ctx, made); err != nil {
		return err
	}
	if err := put("with the new token before the old one", append([]string{made.Reveal()}, old...)...); err != nil {
		return err
	}
	if err := s.carry(ctx, st, v); err != nil {
		return err
	}
	return put("with the new token alone", made.Reveal())
}

// settle waits until every function has read again what was stored, which it uses that long.
func (s *session) settle(ctx context.Context, fresh time.Duration) error {
	return s.change(fmt.Sprintf("waited %s: every function has read it anew", fresh), func() error {
		until := s.Now().Add(fresh)
		for left := fresh; left > 0; left = until.Sub(s.Now()) {
			s.progress("every function reads it anew: %s left", left.Round(time.Second))
			if !s.Sleep(ctx, min(left, 30*time.Second)) {
				return errors.Join(errors.New("it did not wait to the end; run this again"), ctx.Err())
			}
		}
		return nil
	})
}

// takes expects that the door takes a notification with a token.
func (s *session) takes(ctx context.Context, token crm.Secret) error {
	url := s.setting(ctx, "ZOHO_WEBHOOK_URL")
	return s.change(url+" takes the new token", func() error {
		a, err := s.knock(ctx, url, s.notification(ctx, token.Reveal()), nil)
		switch {
		case err != nil:
			return errors.New("it does not answer; the channel carries the old token, which is accepted: see connector doctor, then run this again")
		case a.status != http.StatusOK:
			return fmt.Errorf("it answers %d; the channel carries the old token, which is accepted: see connector doctor, then run this again", a.status)
		}
		return nil
	})
}

// carry has the channel carry the first token, and sees that it stays: a renewal that read the list before may put the old one back.
func (s *session) carry(ctx context.Context, st *Stack, v *clients) error {
	r := s.renewer(ctx, st, v)
	found := []string{upkeep.OtherToken}
	for range 3 {
		err := s.change("channel "+r.ID+" carries the new token", func() error {
			_, err := r.Renew(ctx)
			return err
		})
		if err != nil {
			return err
		}
		if err := s.settle(ctx, settled); err != nil || s.flags.Plan {
			return err
		}
		if found, err = r.Check(ctx); err != nil || len(found) == 0 {
			return err
		}
	}
	return fmt.Errorf("channel %s does not stay as it is put (found: %s): somebody else changes it; both tokens are accepted until this is run again", r.ID, strings.Join(found, ", "))
}
