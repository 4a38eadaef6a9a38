package connector

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
)

// What a run is given: the settings as the functions are told them, and the secrets that a person hands over.

// ahead are the settings that a command which sets up may be given before the functions are deployed with them.
var ahead = []string{
	"ZOHO_CLIENT_ID", "ZOHO_ACCOUNTS_URL", numberID, issuerSetting, "CONVERSIONS_JWT_AUDIENCE", "CONVERSIONS_JWT_ALGORITHM", "CONVERSIONS_JWT_SUBJECTS", "CONVERSIONS_JWKS_URL",
}

// setting returns a setting as the deployed functions are told it, whatever the environment says here; before a stack is deployed it
// is the operator's own, and where one is set up, those that a deployment will bring are too. Of a process of make run it is what the
// process was started with.
func (s *session) setting(ctx context.Context, name string) string {
	if s.opened == nil {
		return ""
	}
	there, here := strings.TrimSpace(s.opened.Setting(ctx, name)), strings.TrimSpace(s.Getenv(name))
	switch {
	case s.opened.Running:
		return there
	case name == accountID || !s.stands: // no function is told the first
		return cmp.Or(here, there)
	case here == "" || here == there:
		return there
	}
	use := s.setsUp && slices.Contains(ahead, name)
	switch {
	case use && there == "":
	case use:
		s.differs(name, "in the environment of this command goes before another that the functions are told: deploy with it")
	case there == "":
		s.differs(name, "in the environment of this command is not gone by: the functions are told none")
	default:
		s.differs(name, "in the environment of this command is not gone by: the functions are told another")
	}
	if use {
		return here
	}
	return there
}

// differs notes of a variable that it says something else here than in the stack, and which of the two is gone by.
func (s *session) differs(name, what string) {
	if s.other == nil {
		s.other = map[string]string{}
	}
	s.other[name] = name + " " + what
}

// unlike notes of a secret that another than the stored one is handed over here, where nothing is set up.
func (s *session) unlike(name string, there crm.Secret) error {
	here, err := s.secret(name, false)
	if err == nil && !here.IsZero() && here.Reveal() != there.Reveal() && !s.opened.Running {
		s.differs(name, "in the environment or the secret file of this command is not gone by: the stack has another stored, or none")
	}
	return err
}

// differences are those variables, in the order of their names. No line says what either of the two is.
func (s *session) differences() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.other)) {
		out = append(out, s.other[name])
	}
	return out
}

// secret returns one that the operator hands over now: from the secret file, which he names for that, else the environment or, with
// ask, a prompt, at which each is asked for once. One that a vendor granted meanwhile goes before it. It is zero when there is none.
func (s *session) secret(name string, ask bool) (crm.Secret, error) {
	if v := s.granted[name]; !v.IsZero() {
		return v, nil
	}
	if v := cmp.Or(s.given[name], strings.TrimSpace(s.Getenv(name))); v != "" {
		return crm.NewSecret(v), nil
	}
	if v, ok := s.typed[name]; ok || !ask || s.Prompt == nil {
		return v, nil
	}
	v, err := s.Prompt(name)
	if err != nil {
		return crm.Secret{}, fmt.Errorf("%s was not read: %w", name, err)
	}
	if s.typed == nil {
		s.typed = map[string]crm.Secret{}
	}
	s.typed[name] = crm.NewSecret(strings.TrimSpace(v))
	return s.typed[name], nil
}

// handedOver are the secrets that a person may hand over.
var handedOver = []string{
	settings.HubSpotAccessToken, settings.HubSpotClientSecret, settings.ZohoClientSecret, settings.ZohoRefreshToken, settings.ZohoChannelToken, grantCode,
	settings.WhatsAppAccessToken, settings.WhatsAppAppSecret, settings.WhatsAppVerifyToken, settings.ConversionsJWTSecret, settings.SlackWebhookURL, settings.PairKey,
}

// zohoAccessToken is a token that a process of make run may be given in place of a refresh token.
const zohoAccessToken = "ZOHO_ACCESS_TOKEN"

// secretName reports whether a variable holds a secret.
func secretName(name string) bool {
	return name == zohoAccessToken || slices.Contains(handedOver, name)
}

// readSecrets reads the secret file, once: lines NAME=value, with export before the name or not, the value in quotation marks or not,
// and lines that begin with #. Whoever names a file means to hand something over: one that has nothing, a name with nothing behind it and
// one with two values are errors. They repeat nothing of it.
func (s *session) readSecrets() error {
	if s.flags.SecretFile == "" || s.given != nil {
		return nil
	}
	text, err := os.ReadFile(s.flags.SecretFile)
	if err != nil {
		return wrongf("--secret-file: %v", err)
	}
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return wrongf("--secret-file: it is in UTF-16, as some editors of Windows save: save it in UTF-8")
	}
	given := map[string]string{}
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) { // which the same editors put before UTF-8
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return wrongf("--secret-file: line %d has no =: write NAME=value", n)
		}
		if words := strings.Fields(name); len(words) == 2 && words[0] == "export" { // a file that a shell reads too
			name = words[1]
		}
		if name = strings.TrimSpace(name); !slices.Contains(handedOver, name) {
			return wrongf("--secret-file: the name in line %d is none of %s", n, strings.Join(handedOver, ", "))
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		before, twice := given[name]
		switch {
		case value == "":
			return wrongf("--secret-file: line %d has nothing behind %s=: write the value, or remove the line", n, name)
		case twice && before != value:
			return wrongf("--secret-file: %s stands in it twice, in line %d with another value: leave the one that is meant", name, n)
		}
		given[name] = value
	}
	if len(given) == 0 {
		return wrongf("--secret-file: it has no line NAME=value")
	}
	s.given = given
	return nil
}
