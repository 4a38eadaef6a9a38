package invoke

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"crm-connector/pkg/adapter/invoke"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
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
	return Outcome{Answer: answer, Effect: effect}, err
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
	refresher := refreshzohotoken.New(refreshzohotoken.Adapters{
		Accounts: zoho.NewAccounts(zoho.AccountsConfig{
			BaseURL: "https://accounts.zoho.eu", APIURL: zohotest.DefaultAPIDomain, ClientID: zohotest.DefaultClientID,
			Secrets: func(context.Context) (client, refresh crm.Secret, err error) {
				return crm.NewSecret(zohotest.DefaultClientSecret), crm.NewSecret(zohotest.DefaultRefreshToken), nil
			},
			HTTP: http.RoundTripper(w.Zoho.Transport()), Now: w.Clock.Now,
		}),
		Tokens: w.Tables[sandbox.Tokens], Connection: crm.DefaultConnection, Now: w.Clock.Now, Sleep: w.Clock.Sleep,
		NewID: func() string { return "invoked" },
	})
	reader := getzohotoken.New(getzohotoken.Adapters{
		Tokens: w.Tables[sandbox.Tokens], Refresh: refresher, Connection: crm.DefaultConnection, Now: w.Clock.Now,
	})
	quiet := slog.New(slog.DiscardHandler)
	out["refreshZohoToken"] = lambda.NewHandler(invoke.Refreshes(refresher, quiet))
	out["getZohoToken"] = lambda.NewHandler(invoke.Tokens(reader, quiet))
	return out
}
