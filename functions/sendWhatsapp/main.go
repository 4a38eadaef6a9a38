// Command sendWhatsapp takes messages that a caller wants to have sent on WhatsApp, and sends, every minute, what is due.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"
	_ "time/tzdata" // the runtime need not have the time zones

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/apigw"
	"crm-connector/pkg/suite/chatwork"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/pairwork"
	"crm-connector/pkg/suite/sendwhatsapp"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("sendWhatsapp does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context, json.RawMessage) (any, error), error) {
	c, log, chance := cloud.Open(getenv, time.Now), lambdacontext.NewLogger(), pairwork.Chance{NewID: uuid.NewString, Int64: rand.Int64N}
	kit := pairwork.Open(c, pairwork.Live, chance, log)
	sender := sendwhatsapp.New(sendwhatsapp.Adapters{
		Adapters: chatwork.Open(c, kit, chance, log), Wire: chatwork.Wire(c, kit, log), Parallel: 4,
	})
	return apigw.Or(sender.Take, func(ctx context.Context, _ json.RawMessage) error { return sender.Send(ctx) }), c.Err()
}
