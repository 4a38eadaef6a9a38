// Command refreshZohoToken puts a new access token of Zoho into its table, on a schedule or when it is called. It alone has
// the refresh token.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/invoke"
	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/refreshzohotoken"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("refreshZohoToken does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context, invoke.Question) (invoke.Answer, error), error) {
	c := cloud.Open(getenv, time.Now)
	zo := c.ZohoAccounts()
	secrets := secret.New(c.Caller(awsenv.SSM), c.Reader, time.Now)
	refresher := refreshzohotoken.New(refreshzohotoken.Adapters{
		Accounts: zoho.NewAccounts(zoho.AccountsConfig{
			BaseURL: zo.URL, APIURL: zo.APIURL, ClientID: zo.ClientID, HTTP: http.DefaultTransport, Now: time.Now,
			Secrets: secrets.Both(settings.ZohoClientSecret, settings.ZohoRefreshToken),
		}),
		Tokens: c.Rows(dynamo.Tokens), Connection: crm.DefaultConnection, Now: time.Now, Sleep: cloud.Sleep, NewID: uuid.NewString,
	})
	return invoke.Refreshes(refresher, lambdacontext.NewLogger()), c.Err()
}
