// Command failureReporter puts the operations that were given up on into one e-mail.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // the runtime need not have the time zones

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/mail"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/failurereporter"
)

func main() {
	handle, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("failureReporter does not start", "err", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}

func build(_ context.Context, getenv func(string) string) (func(context.Context) error, error) {
	c := cloud.Open(getenv, time.Now)
	report, records := c.Report(), c.Records()
	reporter := failurereporter.New(failurereporter.Adapters{
		Parked: c.Rows(dynamo.Parked), Language: report.Language, From: report.From, To: report.To, Zone: c.Zone("REPORT_ZONE", "Europe/Rome"),
		Mailer: mail.Open(c.Config(awsenv.SES), report.ConfigurationSet, time.Now),
		Links:  func(id crm.ID) string { return hubspot.Link(records.HubSpot, id) + zoho.Link(records.Zoho, id) },
		Now:    time.Now, NewID: uuid.NewString,
	})
	return func(ctx context.Context) error { _, err := reporter.Run(ctx); return err }, c.Err()
}
