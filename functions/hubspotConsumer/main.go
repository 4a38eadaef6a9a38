// Command hubspotConsumer drains the changes that Zoho CRM told and brings HubSpot in line with them.
package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/hubspotconsumer"
	"crm-connector/pkg/suite/pairwork"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("hubspotConsumer does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
	c := cloud.Open(getenv, time.Now)
	attempts, quarantine, rules := c.Rows(dynamo.Attempts), c.Rows(dynamo.Quarantine), c.Rules()
	kit := pairwork.Open(c, pairwork.Live, pairwork.Chance{NewID: uuid.NewString, Int64: rand.Int64N}, lambdacontext.NewLogger())
	a := kit.Consumer(crm.Zoho)
	a.Counts, a.Quarantine, a.Rules = attempts, quarantine, pairwork.Rules(rules)
	a.Chats = pairwork.Chats(c)
	return hubspotconsumer.New(a).Handle, c.Err()
}
