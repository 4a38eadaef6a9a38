// Command conversionApi answers queries of conversions and takes what rates need beside them: costs, and who came in.
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

	"crm-connector/pkg/adapter/apigw"
	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/suite/bearer"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/conversionapi"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("conversionApi does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error), error) {
	c := cloud.Open(getenv, time.Now)
	zone, meaning, log := c.Zone("REPORT_ZONE", "Europe/Rome"), c.Meaning(), lambdacontext.NewLogger()
	return apigw.Handler(conversionapi.New(conversionapi.Adapters{
		Rows: c.Rows(dynamo.Conversions), Policy: conversion.PolicyOf(meaning.Events, meaning.Weights), Zone: zone, Wire: bearer.Metrics(c, secret.New(c.Caller(awsenv.SSM), c.Reader, time.Now), zone, log),
		Now: time.Now, Sleep: cloud.Sleep, Rand: rand.Int64N, Log: log,
	})), c.Err()
}
