// Command conversionClock closes windows and tells alerts every two minutes, and compares daily what was counted.
package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"
	_ "time/tzdata" // the runtime need not have the time zones

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/mail"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/suite/clockwork"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/conversionclock"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("conversionClock does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context, conversionclock.Event) error, error) {
	c := cloud.Open(getenv, time.Now)
	report, meaning := c.Report(), c.Meaning()
	queues := queue.Depth{SQS: c.Caller(awsenv.SQS), URLs: []string{c.Need(settings.ConversionsQueue), c.Need(settings.ConversionsDLQ)}}
	return conversionclock.New(conversionclock.Adapters{
		Absent: c.Issuer() == "", Rows: c.Rows(dynamo.Conversions), Mailer: mail.Open(c.Config(awsenv.SES), report.ConfigurationSet, time.Now),
		From: report.From, To: report.To, Language: report.Language, Slack: clockwork.Slack(c), Queues: queues, CRM: clockwork.CRM(c, rand.Int64N),
		Policy: conversion.PolicyOf(meaning.Events, meaning.Weights), Rules: counting.RulesOf(c.LiteralAlarms()), Zone: c.Zone("REPORT_ZONE", "Europe/Rome"),
		Now: time.Now, Sleep: cloud.Sleep, Rand: rand.Int64N, Log: lambdacontext.NewLogger(),
	}).Handle, c.Err()
}
