package invoke

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/apigw"
	"crm-connector/pkg/adapter/invoke"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/suite/conversionclock"
	"crm-connector/pkg/suite/getzohotoken"
	"crm-connector/pkg/suite/refreshzohotoken"
)

// InProcess handles the event of a case with the handler that suite wires, over tables and queues in memory, as Lambda's
// runtime would: JSON in, JSON out.
func InProcess(ctx context.Context, dir string, c Case) (Outcome, error) {
	w, err := NewWorld(ctx, dir, c.Expected, time.Time{})
	if err != nil {
		return Outcome{}, err
	}
	h := w.Handlers()[c.Function]
	if h == nil {
		return Outcome{}, fmt.Errorf("there is no function %s", c.Function)
	}
	event, err := Signed(c.Event, w.Clock.Now())
	if err != nil {
		return Outcome{}, err
	}
	answer, err := h.Invoke(ctx, event)
	if err != nil {
		if answer, err = json.Marshal(map[string]string{"errorMessage": err.Error()}); err != nil {
			return Outcome{}, err
		}
	}
	after, err := w.Look(ctx)
	if err != nil {
		return Outcome{}, err
	}
	effect, err := after.Since(w.before)
	return Outcome{Answer: w.steadyAnswer(answer), Effect: effect}, err
}

// Handlers returns the functions of the suite by name.
func (w *World) Handlers() map[string]lambda.Handler {
	out := map[string]lambda.Handler{"webhook": lambda.NewHandler(w.Door)}
	for _, l := range w.Lanes {
		out[l.Function] = lambda.NewHandler(l.Handle)
	}
	for name, run := range w.Functions {
		out[name] = lambda.NewHandler(run)
	}
	out["conversionApi"] = lambda.NewHandler(w.Door) // as the desk has it: one door for all routes
	out["sendWhatsapp"] = lambda.NewHandler(apigw.Or(w.Enter, func(ctx context.Context, _ json.RawMessage) error { return w.Functions["sendWhatsapp"](ctx) }))
	out["conversionClock"] = lambda.NewHandler(func(ctx context.Context, e conversionclock.Event) error {
		if e.Action == conversionclock.ActionReport {
			return w.Functions["conversionReport"](ctx)
		}
		return w.Functions["conversionClock"](ctx)
	})
	maps.Copy(out, w.tokenFunctions(w.Tables[sandbox.Tokens], w.Clock.Now, w.Clock.Sleep))
	return out
}

// tokenFunctions are the two functions that keep the token of Zoho, over the given table. Both take an event of their own form,
// which the desk, where one calls the other as it is, has no use for.
func (w *World) tokenFunctions(tokens sandbox.Store, now func() time.Time, sleep func(context.Context, time.Duration) bool) map[string]lambda.Handler {
	refresher := refreshzohotoken.New(refreshzohotoken.Adapters{
		Accounts: zoho.NewAccounts(zoho.AccountsConfig{
			BaseURL: "https://accounts.zoho.eu", ClientID: zohotest.DefaultClientID, ClientSecret: crm.NewSecret(zohotest.DefaultClientSecret),
			RefreshToken: crm.NewSecret(zohotest.DefaultRefreshToken), HTTP: w.Zoho.Transport(), Now: now,
		}),
		Tokens: tokens, Connection: crm.DefaultConnection, Now: now, Sleep: sleep, NewID: uuid.NewString,
	})
	reader := getzohotoken.New(getzohotoken.Adapters{Tokens: tokens, Refresh: refresher, Connection: crm.DefaultConnection, Now: now})
	quiet := slog.New(slog.DiscardHandler)
	return map[string]lambda.Handler{
		"refreshZohoToken": lambda.NewHandler(invoke.Refreshes(refresher, quiet)),
		"getZohoToken":     lambda.NewHandler(invoke.Tokens(reader, quiet)),
	}
}
