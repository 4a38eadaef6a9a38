// Package bearer is how a function in AWS proves the tokens of the public routes. It wires no handler, and it reaches neither the
// mapping nor the numbering plans of the world: the door uses it.
package bearer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/suite/cloud"
)

// Absent is what callers of a stack without tokens are told, and an operator with them.
const Absent = "this stack serves no conversions: set ConversionsJwtIssuer (CONVERSIONS_JWT_ISSUER)"

// patience is how long a key set may take: the door has four seconds in all.
const patience = 3 * time.Second

// Open returns what proves tokens, nil on a stack that has none. It makes no call: a secret that is nowhere is in c.Err. Of a wrong setting
// every caller is told 503, and nobody else: who shares the function with these routes goes on.
func Open(c *cloud.Cloud, secrets *secret.Store, log *slog.Logger) *conversions.Tokens {
	own := &settings.Reader{Getenv: c.Getenv, Host: c.Host}
	b := own.Bearer()
	if b.Missing() {
		return nil
	}
	if err := own.Err(); err != nil {
		return &conversions.Tokens{Unsound: errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))}
	}
	return &conversions.Tokens{
		Algorithm: b.Algorithm, Issuer: b.Issuer, Audience: b.Audience, Subjects: b.Subjects, Keys: keys(c, secrets, b, log), Now: c.Now,
	}
}

// Metrics makes the routes of metrics, costs and entries; on a stack without tokens it says so to everybody.
func Metrics(c *cloud.Cloud, secrets *secret.Store, zone *time.Location, log *slog.Logger) func(*counting.Query, *counting.Inputs, *slog.Logger) func(context.Context, door.Request) door.Answer {
	tokens := Open(c, secrets, log)
	return func(q *counting.Query, in *counting.Inputs, log *slog.Logger) func(context.Context, door.Request) door.Answer {
		if tokens == nil {
			return conversions.Absent(Absent)
		}
		return (&conversions.API{Tokens: tokens, Metrics: q, Inputs: in, Zone: zone, Now: c.Now, Log: log}).Handle
	}
}

func keys(c *cloud.Cloud, secrets *secret.Store, b settings.Bearer, log *slog.Logger) conversions.Keys {
	if b.KeySet != "" {
		set := conversions.NewKeySet(b.KeySet, b.Algorithm, &http.Client{Timeout: patience}, c.Now)
		set.Log = log
		return set
	}
	return conversions.Given{Algorithm: b.Algorithm, Secrets: secrets.Several(settings.ConversionsJWTSecret)}
}
