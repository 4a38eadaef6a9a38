package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
)

// entry is a secret that a setup command sees to.
type entry struct {
	name string
	from source
	// unfit says why a text that can be such a secret is of no use here, "" where it is; nil where that is not known.
	unfit func(text string) string
	// last says, once the vendor was asked, whether it is to be stored; nil for always.
	last func() bool
}

// source is where a secret comes from.
type source int

const (
	asked   source = iota // a person is asked for it, and may leave it out
	needed                // a person is asked for it; without it nothing is done
	handed                // taken when it is handed over, asked for by nobody
	own                   // the stack's own: made here where there is none
	forever               // made here while nothing was made with it, and never exchanged on the way: connector setup key says why
)

// ownBytes is how long secrets of the stack's own are made, in bytes; their text is twice as long.
var ownBytes = map[string]int{
	settings.PairKey: 32, settings.ZohoChannelToken: 20, settings.WhatsAppVerifyToken: 20, settings.ConversionsJWTSecret: 32,
}

// admit is the one way of secrets into the stack. Each is judged by its shape, whether it was handed over or is asked for here;
// then try has the vendor judge what it can; then they are stored, in their order. Whatever is wrong before, nothing was stored.
//
// try is told the names of those that are new, and is nil where no vendor can judge. An error of it that leaves open whether they
// are right says which were not tried, and what to do. Where something needed is nowhere, that is an error, and with --plan, which
// asks nobody, try is left out.
func (s *session) admit(ctx context.Context, st *Stack, try func(ctx context.Context, fresh []string) error, all ...entry) (missing []string, err error) {
	var fresh []string
	lacking := false
	for _, e := range all {
		there, err := s.serving(ctx, st, e)
		if err != nil {
			return nil, err
		}
		given, err := s.offered(ctx, st, e, there)
		if err != nil {
			return nil, err
		}
		if e.from == forever && given.IsZero() && there.IsZero() {
			if err := s.first(ctx, st, e.name); err != nil {
				return nil, err
			}
		}
		switch {
		case !given.IsZero() && (st.Running || given.Reveal() != there.Reveal()): // what a process has of its own nobody knows here
			fresh = append(fresh, e.name)
		case given.IsZero() && there.IsZero() && e.from <= needed:
			missing = append(missing, e.name)
			lacking = lacking || e.from == needed
		}
	}
	if lacking && !s.flags.Plan {
		return missing, lack(missing)
	}
	if try != nil && !lacking {
		if err := try(ctx, fresh); err != nil {
			return missing, s.untried(err, fresh)
		}
	}
	s.unused(all)
	for _, e := range all {
		if e.last != nil && !e.last() {
			continue
		}
		if err := s.keep(ctx, st, e); err != nil {
			return missing, s.spent(err)
		}
		if e.from == forever {
			if err := s.markStored(ctx, st); err != nil {
				return missing, err
			}
		}
	}
	return missing, nil
}

// spent adds to what kept a secret from being stored that a code was traded before it, and is good for nothing any more.
func (s *session) spent(err error) error {
	if len(s.granted) == 0 {
		return err
	}
	return fmt.Errorf("%w; %s is used up: make a new code for the next try", err, grantCode)
}

// unused names a secret file that hands over nothing to this command.
func (s *session) unused(all []entry) {
	var names []string
	for _, e := range all {
		for name := range s.given {
			if name == e.name || e.from != forever && setupOf(name) == setupOf(e.name) {
				return
			}
		}
		names = append(names, e.name)
	}
	if len(s.given) > 0 {
		last := len(names) - 1
		s.note("--secret-file: nothing of it is taken here, which would be %s", strings.TrimPrefix(strings.Join(names[:last], ", ")+" or "+names[last], " or "))
	}
}

// lack says that secrets are needed.
func lack(names []string) error {
	is, it := "is", "it comes"
	if len(names) > 1 {
		is, it = "are", "they come"
	}
	return wrongf("%s %s needed: connector %s --help says where %s from", strings.Join(names, " and "), is, setupOf(names[0]), it)
}

// offered returns what is handed over in place of a secret that is there, or nowhere: from the environment, the secret file, or a
// person, who is asked for what is nowhere. What cannot be that secret is an error that names the variable and not the value.
func (s *session) offered(ctx context.Context, st *Stack, e entry, there crm.Secret) (crm.Secret, error) {
	if e.from == forever && !there.IsZero() {
		given, err := s.secret(e.name, false)
		if err == nil && !given.IsZero() && given.Reveal() != there.Reveal() {
			s.differs(e.name, "in the environment or the secret file of this command is not gone by: another one is stored, and stays; connector setup key exchanges it")
		}
		return crm.Secret{}, err
	}
	given, err := s.secret(e.name, e.from <= needed && there.IsZero() && !s.flags.Plan)
	if err != nil {
		return given, err
	}
	what := shape(e.name, given)
	if what == "" && e.unfit != nil {
		what = e.unfit(given.Reveal())
	}
	if !given.IsZero() && what != "" {
		return given, wrongf("%s %s", e.name, what)
	}
	if e.from == forever {
		err = s.otherKey(ctx, st, given)
	}
	return given, err
}

// keep stores a secret that is handed over, when it is another than the one that is there, or makes one of the stack's own.
func (s *session) keep(ctx context.Context, st *Stack, e entry) error {
	there, err := s.serving(ctx, st, e)
	if err != nil {
		return err
	}
	given, err := s.offered(ctx, st, e, there)
	switch {
	case err != nil:
		return err
	case st.Running && !there.IsZero() && s.granted[e.name].IsZero():
		s.nothing(e.name + " " + ofProcess(e.name, !given.IsZero()))
		return nil
	case !given.IsZero() && (given.Reveal() != there.Reveal() || !s.granted[e.name].IsZero()):
		how := s.proven[e.name]
		if slices.Contains(untriable, e.name) {
			how = byShape
		}
		if how != "" {
			how = "(" + how + ")"
		}
		return s.storeSecret(ctx, st, e.name, given, how)
	case !there.IsZero() && e.from == forever:
		s.nothing(e.name + " is stored, and stays")
		return nil
	case !there.IsZero():
		s.nothing(e.name + " is stored")
		return nil
	case e.from >= own:
		made, err := s.random(ownBytes[e.name])
		if err != nil {
			return err
		}
		return s.storeSecret(ctx, st, e.name, made, madeNow)
	case e.from <= needed && s.flags.Plan:
		return s.change(e.name+" is asked for, and stored as "+st.parameter(e.name), nil)
	}
	return nil
}

// serving returns what is stored of a secret. What nobody can go by counts as nothing: commas alone, and a text that is not the key of
// the hashes.
func (s *session) serving(ctx context.Context, st *Stack, e entry) (crm.Secret, error) {
	there, err := s.there(ctx, st, e.name)
	wrong := ""
	if err == nil && e.from == forever {
		wrong, err = s.notTheKey(ctx, st, there)
	}
	if err != nil || wrong != "" || e.from == own && len(several(there)) == 0 {
		return crm.Secret{}, err
	}
	return there, nil
}

func (s *session) there(ctx context.Context, st *Stack, name string) (crm.Secret, error) {
	all, err := st.secrets(ctx, name)
	return all[name], err
}

// madeNow stands behind a secret that nobody has seen.
const madeNow = "(made just now, shown to nobody)"

// storeSecret stores a secret that was admitted, or made here.
func (s *session) storeSecret(ctx context.Context, st *Stack, name string, v crm.Secret, how string) error {
	return s.change(strings.TrimSpace(fmt.Sprintf("%s is stored as %s %s", name, st.parameter(name), how)), func() error {
		if name == settings.PairKey {
			if err := s.expect(ctx, st, v); err != nil {
				return err
			}
		}
		return st.Vault.Put(ctx, name, v)
	})
}

// untried says of an error that leaves open whether new secrets are right what was not tried, and what to do. Any other it returns.
func (s *session) untried(err error, fresh []string) error {
	what := ""
	if len(fresh) > 0 {
		what = strings.Join(fresh, " and ") + " not tried, and nothing stored; "
	}
	switch fault.KindOf(err) {
	case fault.Throttled:
		return fmt.Errorf("%w: %srun this again%s: it goes on where it stopped", err, what, s.waiting(err))
	case fault.Down, fault.Busy:
		return fmt.Errorf("%w: %ssee whether the address is right and the system is up, then run this again", err, what)
	}
	return err
}

// ofProcess says what is known of a secret of a process of make run, which keeps none and tells none: of one that is handed over
// here, what it was judged by.
func ofProcess(name string, given bool) string {
	const own = "the process of make run has what it was started with, and does not tell it"
	switch {
	case !given:
		return "is not given here: " + own
	case slices.Contains(untriable, name):
		return "as it is given here was " + byShape + "; it is stored nowhere: " + own
	case slices.Contains(ours, name):
		return "as it is given here is stored nowhere: " + own
	}
	return "as it is given here was tried, and stored nowhere: " + own
}

// byShape says of a secret how little is known.
const byShape = "judged by its shape alone: the first delivery shows whether it is right"

// ours are the secrets that the stack makes up for itself: any will do.
var ours = []string{settings.PairKey, settings.WhatsAppVerifyToken, settings.ConversionsJWTSecret}

// untriable are the secrets of which no call tells whether they are right: what is delivered proves itself by them.
var untriable = []string{settings.HubSpotClientSecret, settings.ZohoChannelToken}

// The fewest characters of a channel's token, which is all that a notification proves itself by, and the most that Zoho takes
// (https://www.zoho.com/crm/developer/docs/api/v8/notifications/enable.html).
const (
	minChannelToken = 16
	maxChannelToken = 50
)

// maxParameter is how long a standard parameter may be, in bytes
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html).
const maxParameter = 4096

// lists are the secrets of which several may be in force at once, separated by commas.
var lists = []string{
	settings.HubSpotClientSecret, settings.ZohoChannelToken, settings.WhatsAppAppSecret, settings.WhatsAppVerifyToken, settings.ConversionsJWTSecret,
}

// accessToken is how HubSpot's tokens of an app begin, which lie beside its client secret.
const accessToken = "pat-"

// quoted reports whether a text has a quotation mark at an end: no vendor makes such a secret, and whoever copies one out of a file
// easily takes it along.
func quoted(text string) bool { return strings.Trim(text, `"'`) != text }

// shape says why a text cannot be that secret, "" when it can.
func shape(name string, v crm.Secret) string {
	text := v.Reveal()
	members := []string{text}
	if slices.Contains(lists, name) {
		members = strings.Split(text, ",")
	}
	short := func(one string) bool { return len(one) < minChannelToken }
	long := func(one string) bool { return len(one) > maxChannelToken }
	other := func(one string) bool {
		return strings.ContainsFunc(one, func(r rune) bool {
			return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
		})
	}
	switch {
	case name == settings.PairKey: // whatever the functions take: one that is stored so is the one that every hash is made with
		if _, err := pair.NewHasher(v, 0); err != nil {
			return err.Error()
		}
	case len(text) > maxParameter:
		return fmt.Sprintf("has more than %d characters, and the Parameter Store takes no more", maxParameter)
	case name == settings.ConversionsJWTSecret && conversions.OneLine(text) != "": // the lines of PEM end
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "has a blank or a control character in it"
	case slices.ContainsFunc(members, quoted):
		return "begins or ends with a quotation mark"
	case len(members) > 1 && slices.Contains(members, ""):
		return "has a comma with nothing before or behind it"
	case name == settings.SlackWebhookURL && !strings.HasPrefix(text, slackHook):
		return "does not begin with " + slackHook
	case name == settings.HubSpotClientSecret && slices.ContainsFunc(members, func(one string) bool { return strings.HasPrefix(one, accessToken) }):
		return "is an access token: the client secret stands on the app's page"
	case name == settings.HubSpotClientSecret && slices.ContainsFunc(members, other):
		return "has something else in it than letters, digits and hyphens"
	case name == settings.ZohoChannelToken && slices.ContainsFunc(members, short):
		return fmt.Sprintf("has a token of less than %d characters", minChannelToken)
	case name == settings.ZohoChannelToken && slices.ContainsFunc(members, long):
		return fmt.Sprintf("has a token of more than %d characters", maxChannelToken)
	}
	return ""
}
