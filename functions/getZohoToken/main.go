// Command getZohoToken hands the valid access token of Zoho to the functions that may ask for it.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/invoke"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/getzohotoken"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("getZohoToken does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context, invoke.Question) (invoke.Answer, error), error) {
	c := cloud.Open(getenv, time.Now)
	reader := getzohotoken.New(getzohotoken.Adapters{
		Tokens: c.Rows(dynamo.Tokens), Refresh: invoke.New(c.Caller(awsenv.Lambda), c.Need("REFRESH_ZOHO_TOKEN_FUNCTION")),
		Connection: crm.DefaultConnection, Now: time.Now,
	})
	return invoke.Tokens(reader, lambdacontext.NewLogger()), c.Err()
}
