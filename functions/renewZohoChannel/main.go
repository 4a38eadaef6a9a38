// Command renewZohoChannel sees to it, every 12 hours, that Zoho notifies us: the channel exists, is ours, ends in six days.
package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/renewzohochannel"
	"crm-connector/pkg/suite/zohoaccess"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("renewZohoChannel does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context) error, error) {
	c := cloud.Open(getenv, time.Now)
	zo, channel, hook := c.Zoho(), c.ZohoChannel(), c.ZohoWebhook()
	secrets := secret.New(c.Caller(awsenv.SSM), c.Reader, time.Now)
	return renewzohochannel.New(renewzohochannel.Adapters{
		Zoho: zoho.New(zoho.Config{
			Tokens: zohoaccess.Open(c, zo, rand.Int64N), BaseURL: zo.URL, HTTP: http.DefaultTransport, Now: time.Now, Sleep: cloud.Sleep,
		}),
		ID: channel.ID, URL: hook, Tokens: secrets.Several(settings.ZohoChannelToken), Now: time.Now, Log: lambdacontext.NewLogger(),
	}).Run, c.Err()
}
