// Command webhook takes in verified deliveries of the CRMs and puts operations into the queues.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"crm-connector/pkg/adapter/apigw"
	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	flow "crm-connector/pkg/flow/webhook"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/webhook"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("webhook does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error), error) {
	c := cloud.Open(getenv, time.Now)
	hub, channel, urls, sqs := c.HubSpotWebhook(), c.ZohoChannel(), c.Queues(), c.Config(awsenv.SQS)
	secrets := secret.New(c.Caller(awsenv.SSM), c.Reader, time.Now)
	signing, tokens := secrets.Several(settings.HubSpotClientSecret), secrets.Several(settings.ZohoChannelToken)
	door := webhook.New(webhook.Adapters{
		Sources: func(fields func(crm.System) webhook.Fields) []flow.Source {
			return []flow.Source{
				hubspot.NewSource(hubspot.SourceConfig{
					Secrets: signing, URLs: hub.URLs, AllowV1: hub.AllowV1, AppID: hub.AppID, Now: time.Now, Fields: fields(crm.HubSpot),
				}),
				zoho.NewChannel(zoho.ChannelConfig{Keys: zoho.ChannelKeys(channel.ID, tokens), Now: time.Now, Fields: fields(crm.Zoho)}),
			}
		},
		Queues: map[crm.System]queue.API{crm.HubSpot: queue.Open(sqs, urls.FromHubSpot), crm.Zoho: queue.Open(sqs, urls.FromZoho)},
		Config: c.Rows(dynamo.Config), Quarantine: c.Rows(dynamo.Quarantine), Now: time.Now, Log: lambdacontext.NewLogger(),
	})
	return apigw.Handler(door), c.Err()
}
