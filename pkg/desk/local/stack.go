package local

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/mail"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ses"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/core/letter"
	"crm-connector/pkg/core/row"
)

// provision makes the tables, queues, secrets and sender of the stack, as the template declares them, and the function that others
// invoke.
func (d *Desk) provision(ctx context.Context, secrets map[string]string) error {
	for _, make := range []func(context.Context) error{
		d.tables, d.queues, func(ctx context.Context) error { return d.secrets(ctx, secrets) }, d.sender, d.refresher,
	} {
		if err := make(ctx); err != nil {
			return fmt.Errorf("the emulator: %w", err)
		}
	}
	return nil
}

func (d *Desk) tables(ctx context.Context) error {
	db := dynamodb.NewFromConfig(d.emulator.Config())
	for _, t := range dynamo.Tables() {
		name := d.env[t.Setting()]
		_, err := db.CreateTable(ctx, &dynamodb.CreateTableInput{
			TableName: &name, BillingMode: dynamotypes.BillingModePayPerRequest,
			AttributeDefinitions: []dynamotypes.AttributeDefinition{
				{AttributeName: aws.String(dynamo.AttributePart), AttributeType: dynamotypes.ScalarAttributeTypeS},
				{AttributeName: aws.String(dynamo.AttributeSort), AttributeType: dynamotypes.ScalarAttributeTypeS},
			},
			KeySchema: []dynamotypes.KeySchemaElement{
				{AttributeName: aws.String(dynamo.AttributePart), KeyType: dynamotypes.KeyTypeHash},
				{AttributeName: aws.String(dynamo.AttributeSort), KeyType: dynamotypes.KeyTypeRange},
			},
		})
		if err != nil {
			return err
		}
		_, err = db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &name, TimeToLiveSpecification: &dynamotypes.TimeToLiveSpecification{
			AttributeName: aws.String(dynamo.AttributeExpires), Enabled: aws.Bool(true),
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// fifo are the attributes that every queue of the template has.
var fifo = map[string]string{
	"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
	"MessageRetentionPeriod": "1209600", "SqsManagedSseEnabled": "true",
}

func (d *Desk) queues(ctx context.Context) error {
	client := sqs.NewFromConfig(d.emulator.Config())
	for lane := range lanes {
		name := d.queueName(lane)
		dead := strings.TrimSuffix(name, ".fifo") + "-dlq.fifo"
		if _, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &dead, Attributes: fifo}); err != nil {
			return err
		}
		own := map[string]string{
			"VisibilityTimeout": visibility[lane],
			"RedrivePolicy":     `{"deadLetterTargetArn":"arn:aws:sqs:` + Region + `:000000000000:` + dead + `","maxReceiveCount":"1000"}`,
		}
		for k, v := range fifo {
			own[k] = v
		}
		if _, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: own}); err != nil {
			return err
		}
	}
	return nil
}

// lanes are the queues, as the desk calls them, with the setting of each; visibility is how long a message of each stays with a
// consumer, in seconds, as the template has it.
var (
	lanes = map[string]string{
		"zohoOperations": "ZOHO_OPERATIONS_QUEUE", "hubspotOperations": "HUBSPOT_OPERATIONS_QUEUE",
		"whatsappOperations": "WHATSAPP_OPERATIONS_QUEUE", "conversionEvents": "CONVERSION_EVENTS_QUEUE",
	}
	visibility = map[string]string{"zohoOperations": "270", "hubspotOperations": "270", "whatsappOperations": "270", "conversionEvents": "36"}
)

func (d *Desk) queueName(lane string) string { return path.Base(d.env[lanes[lane]]) }

func (d *Desk) secrets(ctx context.Context, secrets map[string]string) error {
	client := ssm.NewFromConfig(d.emulator.Config())
	for name, value := range secrets {
		_, err := client.PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String(d.env["SECRETS_PATH"] + "/" + name), Value: &value, Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) sender(ctx context.Context) error {
	from, err := mail.ParseAddress(d.env["REPORT_FROM"])
	if err != nil {
		return fmt.Errorf("REPORT_FROM: %w", err)
	}
	_, err = ses.NewFromConfig(d.emulator.Config()).VerifyEmailIdentity(ctx, &ses.VerifyEmailIdentityInput{EmailAddress: &from.Address})
	return err
}

// refresher lets getZohoToken invoke refreshZohoToken. `sam local invoke` runs one function and no other, so that the emulator
// hands the call to this process.
func (d *Desk) refresher(ctx context.Context) error {
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	if _, err := z.Create("bootstrap"); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	_, err := lambda.NewFromConfig(d.emulator.Config()).CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String(d.env["REFRESH_ZOHO_TOKEN_FUNCTION"]), Role: aws.String("arn:aws:iam::000000000000:role/local"),
		Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()},
		Environment: &lambdatypes.Environment{Variables: map[string]string{
			"MINISTACK_LAMBDA_PROXY_URL": "http://" + at(loopback, d.refreshPort),
		}},
	})
	return err
}

// Table is one table of the emulator.
type Table struct {
	*dynamo.Rows
	scan func(yield func(row.Row) bool) error
	err  *error
}

// All walks the rows whose Part has the prefix, part by part in ascending order. What goes wrong is told by Err.
func (t Table) All(partPrefix string) iter.Seq[row.Row] {
	return func(yield func(row.Row) bool) {
		err := t.scan(func(r row.Row) bool { return !strings.HasPrefix(r.Key.Part, partPrefix) || yield(r) })
		if err != nil && *t.err == nil {
			*t.err = err
		}
	}
}

// Err is the first error that All met.
func (t Table) Err() error { return *t.err }

// Tables returns the tables of the stack by their names in package dynamo, read by that clock.
func (d *Desk) Tables(ctx context.Context, now func() time.Time) map[string]Table {
	cfg := d.emulator.Config()
	db, out := dynamo.Open(cfg, now), map[string]Table{}
	for _, t := range dynamo.Tables() {
		name := d.env[t.Setting()]
		rows := db.Rows(name)
		out[string(t)] = Table{Rows: rows, err: new(error), scan: func(yield func(row.Row) bool) error {
			parts, err := partsOf(ctx, dynamodb.NewFromConfig(cfg), name)
			if err != nil {
				return err
			}
			for _, p := range parts {
				all, err := rows.List(ctx, p, "", "", 0)
				if err != nil {
					return err
				}
				for _, r := range all {
					if !yield(r) {
						return nil
					}
				}
			}
			return nil
		}}
	}
	return out
}

// Messages returns the bodies of the messages in each lane, in the order of their sequence numbers, without receiving them.
func (d *Desk) Messages(ctx context.Context) (map[string][]string, error) {
	out := map[string][]string{}
	for lane := range lanes {
		var peek struct {
			Messages map[string]map[string]map[string][]struct{ Body string }
		}
		queue := d.emulator.url + "/000000000000/" + d.queueName(lane)
		if err := d.emulator.read(ctx, "/_ministack/sqs/messages?QueueUrl="+url.QueryEscape(queue), &peek); err != nil {
			return nil, err
		}
		for _, regions := range peek.Messages {
			for _, queues := range regions {
				for _, all := range queues {
					for _, m := range all {
						out[lane] = append(out[lane], m.Body)
					}
				}
			}
		}
	}
	return out, nil
}

// Mails returns what was sent through the emulator's SES, oldest first.
func (d *Desk) Mails(ctx context.Context) ([]letter.Mail, error) { return d.emulator.Mails(ctx) }

// Mails returns what was sent through SES, oldest first.
func (e *Emulator) Mails(ctx context.Context) ([]letter.Mail, error) {
	var sent struct {
		Messages map[string][]json.RawMessage
	}
	if err := e.read(ctx, "/_ministack/ses/messages", &sent); err != nil {
		return nil, err
	}
	var out []letter.Mail
	for _, all := range sent.Messages {
		for _, raw := range all {
			var m struct {
				Source, Subject, BodyText, BodyHtml string
				To                                  []string
			}
			if err := json.Unmarshal(raw, &m); err != nil {
				return nil, err
			}
			out = append(out, letter.Mail{From: m.Source, To: strings.Join(m.To, ", "), Subject: m.Subject, Text: m.BodyText, HTML: m.BodyHtml})
		}
	}
	return out, nil
}
