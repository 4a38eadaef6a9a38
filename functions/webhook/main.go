// Command webhook takes in verified deliveries of the CRMs, of WhatsApp and of whoever tells of conversions, and puts them into the
// queues.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/apigw"
	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/doorwork"
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
	c, log := cloud.Open(getenv, time.Now), lambdacontext.NewLogger()
	senders, urls, sqs := doorwork.Open(c, uuid.NewString, log), c.Queues(), c.Config(awsenv.SQS)
	return apigw.Handler(webhook.New(webhook.Adapters{
		Sources: senders.Sources, Absent: senders.Absent, Carriers: senders.Carriers,
		Queues: map[crm.System]queue.API{crm.HubSpot: queue.Open(sqs, urls.FromHubSpot), crm.Zoho: queue.Open(sqs, urls.FromZoho)},
		Config: c.Rows(dynamo.Config), Quarantine: c.Rows(dynamo.Quarantine), Now: time.Now, Log: log,
	})), c.Err()
}
