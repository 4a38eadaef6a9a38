// Command whatsappConsumer logs what people write on WhatsApp, and what became of messages to them, in both CRMs.
package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"
	_ "time/tzdata" // the runtime need not have the time zones

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/suite/chatwork"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/countwork"
	"crm-connector/pkg/suite/pairwork"
	"crm-connector/pkg/suite/whatsappconsumer"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("whatsappConsumer does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
	c, log, chance := cloud.Open(getenv, time.Now), lambdacontext.NewLogger(), pairwork.Chance{NewID: uuid.NewString, Int64: rand.Int64N}
	kit := pairwork.Open(c, pairwork.Live, chance, log)
	talk := chatwork.Open(c, kit, chance, log)
	talk.Entries, talk.Queues = countwork.Entries(c, rand.Int64N), chatwork.Looks(c)
	return whatsappconsumer.New(whatsappconsumer.Adapters{
		Adapters: talk, Counts: c.Rows(dynamo.Attempts),
		Waiter: queue.Open(c.Config(awsenv.SQS), c.Need(settings.WhatsAppQueue)), Rand: rand.Int64N, Parallel: 4,
	}).Handle, c.Err()
}
