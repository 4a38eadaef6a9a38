// Command reconcile queues, hourly, what changed in a CRM and was never heard of.
package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/pairwork"
	"crm-connector/pkg/suite/reconcile"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("reconcile does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context) error, error) {
	c := cloud.Open(getenv, time.Now)
	rules, log := c.Rules(), lambdacontext.NewLogger()
	kit := pairwork.Open(c, pairwork.Background, pairwork.Chance{NewID: uuid.NewString, Int64: rand.Int64N}, log)
	queues := kit.Queues()
	queues[crm.WhatsApp] = queue.Open(c.Config(awsenv.SQS), c.Need(settings.WhatsAppQueue))
	return reconcile.New(reconcile.Adapters{
		HubSpot: kit.HubSpot, Zoho: kit.Zoho, Pairs: kit.Pairs, Parked: kit.Parked, Config: kit.Config, Rules: pairwork.Rules(rules), Queues: queues,
		Hasher: kit.Hasher, Connection: crm.DefaultConnection, NewID: uuid.NewString, Now: time.Now, Log: log,
	}), c.Err()
}
