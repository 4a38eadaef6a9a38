// Command conversionAggregator counts the conversion events in its queue, each exactly once.
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

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/conversionaggregator"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("conversionAggregator does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
	c := cloud.Open(getenv, time.Now)
	retry, _ := conversion.ParseSchedule(c.Retries()) // it takes what the settings let through
	return conversionaggregator.New(conversionaggregator.Adapters{
		Rows: c.Rows(dynamo.Conversions), Waiter: queue.Open(c.Config(awsenv.SQS), c.Need(settings.ConversionsQueue)), Retry: retry,
		Now: time.Now, Sleep: cloud.Sleep, Rand: rand.Int64N, Log: lambdacontext.NewLogger(),
	}).Handle, c.Err()
}
