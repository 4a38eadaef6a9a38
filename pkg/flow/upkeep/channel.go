package upkeep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// channelLife is how long a renewed channel lives: with a renewal every 12 hours eleven may fail in a row.
const channelLife = 6 * 24 * time.Hour

// soon is how long before its end a channel is said to end soon: the renewals of a day have failed then.
const soon = channelLife - 24*time.Hour

// notices are the changes that a channel must tell.
var notices = []crm.Notice{
	{Module: crm.Contacts, Verb: crm.Create}, {Module: crm.Contacts, Verb: crm.Update}, {Module: crm.Contacts, Verb: crm.Delete},
	{Module: crm.Companies, Verb: crm.Create}, {Module: crm.Companies, Verb: crm.Update}, {Module: crm.Companies, Verb: crm.Delete},
}

// Channels are the channels of a CRM.
type Channels interface {
	// Channel returns the channel of that id, and the zero Channel when none lives.
	Channel(ctx context.Context, id string) (crm.Channel, error)
	// OpenChannel opens a channel and returns until when it lives.
	OpenChannel(ctx context.Context, ch crm.Channel) (time.Time, error)
	// ReplaceChannel puts the channel in place of the one of the same id; fault.Missing when none lives.
	ReplaceChannel(ctx context.Context, ch crm.Channel) (time.Time, error)
}

// OtherToken is what Check finds at a channel that carries another token than ours.
const OtherToken = "another token"

// EndsAt is how what Check finds at a channel that ends soon begins.
const EndsAt = "ends at "

// ErrForeign is how a look ends at a channel of our id that somebody else keeps: its address is another one, and its token none of
// ours. Two who share an id would take it from each other for good, and each would be told half of the time. One whose own address
// has changed finds its own token, and one whose token was exchanged its own address.
var ErrForeign = errors.New("another stack or program keeps it, since its token is none of ours; set a ZohoChannelId of this stack's own, deploy, and run connector setup zoho")

// Renewer sees to it that the notification channel exists, is ours, tells every change of contacts and companies, and ends in
// six days.
type Renewer struct {
	Channels Channels
	ID       string                                          // of the channel
	URL      string                                          // of the door, as the CRM reaches it
	Tokens   func(ctx context.Context) ([]crm.Secret, error) // of the channel; during a change the new one first
	Take     bool                                            // also a channel that somebody else keeps
	Now      func() time.Time
	Log      *slog.Logger
}

// The things that a renewal does.
const (
	Opened  = "opened"  // there was no channel
	Renewed = "renewed" // it was as it should be, but for its end
	Mended  = "mended"  // it differed
)

// Renewal is what was found and done.
type Renewal struct {
	Did   string
	Found []string // what differed, in words
	Ends  time.Time
}

// Run renews the channel and says so in one log line.
func (r *Renewer) Run(ctx context.Context) error {
	done, err := r.Renew(ctx)
	if err != nil {
		return err
	}
	r.Log.Info("the notification channel was "+done.Did, "channel", r.ID, "found", strings.Join(done.Found, ", "), "ends", done.Ends)
	return nil
}

// Check returns what differs from the channel that is wanted, in words without a secret; nothing when all is well. It changes
// nothing.
func (r *Renewer) Check(ctx context.Context) ([]string, error) {
	want, got, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	if got.ID == "" {
		return []string{"no channel"}, nil
	}
	return r.differences(want, got), nil
}

// look returns the channel as it should be and as it is.
func (r *Renewer) look(ctx context.Context) (want, got crm.Channel, err error) {
	want, tokens, err := r.want(ctx)
	if err != nil {
		return want, got, err
	}
	if got, err = r.Channels.Channel(ctx, r.ID); err != nil {
		return want, got, step("read", err)
	}
	ours := func(t crm.Secret) bool { return !got.Token.IsZero() && t.Reveal() == got.Token.Reveal() }
	if !r.Take && got.ID != "" && got.URL != "" && got.URL != want.URL && !slices.ContainsFunc(tokens, ours) {
		err = step("read", &fault.Error{Op: "upkeep.Renew", Kind: fault.Setup, Err: fmt.Errorf("channel %s notifies %s: %w", r.ID, host(got.URL), ErrForeign)})
	}
	return want, got, err
}

// host is what of an address may be told: its path may be a secret.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "another address"
	}
	return u.Host
}

// Renew opens, renews or mends the channel, and reads it again. What it cannot mend is an error that names the step: token,
// read, replace, open, check. One that somebody else keeps it leaves alone, which is ErrForeign.
func (r *Renewer) Renew(ctx context.Context) (Renewal, error) {
	want, got, err := r.look(ctx)
	if err != nil {
		return Renewal{}, err
	}
	done := Renewal{Did: Opened}
	if got.ID != "" {
		done.Did = Renewed
		if done.Found = r.differences(want, got); len(done.Found) > 0 {
			done.Did = Mended
		}
		_, err = r.Channels.ReplaceChannel(ctx, want)
		if fault.KindOf(err) == fault.Missing { // it ended meanwhile
			done = Renewal{Did: Opened}
		} else if err != nil {
			return Renewal{}, step("replace", err)
		}
	}
	if done.Did == Opened {
		if _, err := r.Channels.OpenChannel(ctx, want); err != nil {
			return Renewal{}, step("open", err)
		}
	}
	done.Ends, err = r.confirm(ctx, want)
	return done, err
}

// confirm reads the channel that was written. A CRM may give it another end than it was asked for.
func (r *Renewer) confirm(ctx context.Context, want crm.Channel) (time.Time, error) {
	got, err := r.Channels.Channel(ctx, r.ID)
	if err != nil {
		return time.Time{}, step("check", err)
	}
	left := []string{"no channel"}
	if got.ID != "" {
		left = r.differences(want, got)
	}
	if len(left) > 0 {
		return time.Time{}, step("check", errors.New("it was written, and still: "+strings.Join(left, ", ")))
	}
	return got.Ends, nil
}

func step(name string, err error) error {
	return fmt.Errorf("upkeep channel: %s: %w", name, err)
}

// want is the channel as it should be from now on, with every token that is ours.
func (r *Renewer) want(ctx context.Context) (crm.Channel, []crm.Secret, error) {
	tokens, err := r.Tokens(ctx)
	switch {
	case err != nil:
		return crm.Channel{}, nil, step("token", err)
	case len(tokens) == 0:
		return crm.Channel{}, nil, step("token", &fault.Error{Op: "upkeep.Renew", Kind: fault.Setup, Err: errors.New("the channel has no token")})
	}
	return crm.Channel{ID: r.ID, URL: r.URL, Token: tokens[0], Notices: notices, Ends: r.Now().Add(channelLife)}, tokens, nil
}

// differences compares a channel with the one that is wanted.
func (r *Renewer) differences(want, got crm.Channel) []string {
	var out []string
	add := func(differs bool, words string) {
		if differs {
			out = append(out, words)
		}
	}
	add(got.URL != want.URL, "another address")
	add(got.Token.IsZero() || got.Token.Reveal() != want.Token.Reveal(), OtherToken)
	for _, n := range want.Notices {
		add(!slices.Contains(got.Notices, n), fmt.Sprintf("%s %s is not told", n.Module, n.Verb))
	}
	for _, n := range got.Notices {
		add(!slices.Contains(want.Notices, n), "more is told than contacts and companies")
	}
	add(got.IDsOnly, "changed fields are not named")
	add(got.Related, "changes of related records are told")
	add(got.Partial, "a condition keeps changes back")
	add(got.Ends.Before(r.Now().Add(soon)), EndsAt+got.Ends.UTC().Format(time.RFC3339))
	return slices.Compact(out)
}
