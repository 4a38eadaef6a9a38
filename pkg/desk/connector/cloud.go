package connector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ses"
	sestypes "github.com/aws/aws-sdk-go-v2/service/ses/types"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
)

// Open opens a stack of AWS or of an emulator, to which it makes no call, or the process of make run, which it asks how it was
// started.
func Open(ctx context.Context, w World, at Where) (*Stack, error) {
	if at.Desk != "" {
		return openDesk(ctx, w, at.Desk)
	}
	return openCloud(w, at.Stack)
}

// openCloud reaches a stack by what is derived from its name.
func openCloud(w World, name string) (*Stack, error) {
	set := &settings.Reader{Getenv: w.Getenv}
	env := awsenv.Read(set)
	if err := set.Err(); err != nil {
		return nil, wrongf("%v (with a profile: eval \"$(aws configure export-credentials --format env)\")", strings.ReplaceAll(err.Error(), "\n", ", "))
	}
	if what := unfit(name); what != "" {
		return nil, wrongf("--stack: a stack's name %s", what)
	}
	db, rows := dynamo.Open(env.Config(awsenv.DynamoDB), w.Now), dynamodb.NewFromConfig(env.Config(awsenv.DynamoDB))
	table := func(t dynamo.Table) Table { return db.Rows(name + "-" + string(t)) }
	vault := &parameters{client: ssm.NewFromConfig(env.Config(awsenv.SSM)), path: "/" + name + "/"}
	queues := sqs.NewFromConfig(env.Config(awsenv.SQS))
	watch := cloudwatch.NewFromConfig(env.Config(awsenv.CloudWatch))
	mail := sender{ses.NewFromConfig(env.Config(awsenv.SES)), sesv2.NewFromConfig(env.Config(awsenv.SES))}
	functions := &deployed{client: lambda.NewFromConfig(env.Config(awsenv.Lambda)), stack: name}
	lane := func(queue string) Lane {
		base := name + "-" + queue
		return &cloudLane{client: queues, watch: watch, name: base + ".fifo", dead: base + "-dlq.fifo", now: w.Now}
	}
	return &Stack{
		Name: name,
		Tables: Tables{
			Pairs: table(dynamo.Pairs), Parked: table(dynamo.Parked), Attempts: table(dynamo.Attempts),
			Config: table(dynamo.Config), Tokens: table(dynamo.Tokens), Quarantine: table(dynamo.Quarantine),
			Chats: table(dynamo.Chats), Conversions: table(dynamo.Conversions),
		},
		Lanes:   map[crm.System]Lane{crm.HubSpot: lane(queueOf(crm.HubSpot)), crm.Zoho: lane(queueOf(crm.Zoho))},
		Whole:   map[string]Lane{whatsappQueue: lane(whatsappQueue), conversionQueue: lane(conversionQueue)},
		Vault:   vault,
		Needs:   []string{settings.HubSpotAccessToken, settings.HubSpotClientSecret, settings.ZohoClientSecret, settings.ZohoRefreshToken, settings.ZohoChannelToken, settings.PairKey},
		Paired:  rowed(rows, name+"-"+string(dynamo.Pairs)),
		Chatted: rowed(rows, name+"-"+string(dynamo.Chats)),
		Version: vault.version,
		Told:    functions.read,
		Setting: functions.setting, Verified: mail.verified, Sandboxed: mail.sandboxed,
	}, nil
}

// rowed looks whether a table has a row. It is the one look into a table that goes by no key.
func rowed(client *dynamodb.Client, table string) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		out, err := client.Scan(ctx, &dynamodb.ScanInput{TableName: &table, Limit: aws.Int32(1), Select: dynamotypes.SelectCount, ConsistentRead: aws.Bool(true)})
		if err != nil {
			return false, plain("the table "+table, "dynamodb:Scan", err)
		}
		return out.Count > 0, nil
	}
}

// maxStackName is how many characters a stack's name may have: Lambda takes 64 for a function's
// (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html), and the longest here is the stack's and -conversionAggregator.
const maxStackName = 64 - len("-conversionAggregator")

// unfit says why nothing could be deployed under a name, "" where it could: CloudFormation, Lambda or the Parameter Store would refuse
// it (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html, Name).
func unfit(name string) string {
	for i, c := range name {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return "has letters, digits and hyphens, and begins with a letter"
		}
	}
	low := strings.ToLower(name)
	switch {
	case name == "":
		return "is not empty"
	case len(name) > maxStackName:
		return fmt.Sprintf("has at most %d characters: its functions are named after it, and Lambda takes 64", maxStackName)
	case strings.HasPrefix(low, "aws") || strings.HasPrefix(low, "ssm"):
		return "begins neither with aws nor with ssm: its secrets are named after it, and the Parameter Store refuses that"
	}
	return ""
}

// parameters are the secrets in SSM's Parameter Store.
type parameters struct {
	client *ssm.Client
	path   string
}

// Get reads the parameters of those names, ten a call.
func (p *parameters) Get(ctx context.Context, names ...string) (map[string]crm.Secret, error) {
	out := map[string]crm.Secret{}
	for len(names) > 0 {
		n := min(len(names), 10)
		in := &ssm.GetParametersInput{WithDecryption: aws.Bool(true)}
		for _, name := range names[:n] {
			in.Names = append(in.Names, p.path+name)
		}
		names = names[n:]
		got, err := p.client.GetParameters(ctx, in)
		if err != nil {
			return nil, plain("the Parameter Store", "ssm:GetParameters", err)
		}
		for _, g := range got.Parameters {
			out[strings.TrimPrefix(aws.ToString(g.Name), p.path)] = crm.NewSecret(aws.ToString(g.Value))
		}
	}
	return out, nil
}

// Put stores a SecureString under the account's own key of SSM.
func (p *parameters) Put(ctx context.Context, name string, v crm.Secret) error {
	_, err := p.client.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(p.path + name), Value: aws.String(v.Reveal()), Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true),
	})
	return plain("the Parameter Store", "ssm:PutParameter", err)
}

func (p *parameters) version(ctx context.Context) (string, error) {
	got, err := p.Get(ctx, versionName)
	return strings.TrimSpace(got[versionName].Reveal()), err
}

// plain keeps the code of an error of AWS and drops its words, which may name what was sent. The call goes by the right that it takes.
func plain(what, call string, err error) error {
	if err == nil {
		return nil
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return fmt.Errorf("%s answers %s to %s", what, api.ErrorCode(), call)
	}
	return fmt.Errorf("%s does not answer: %w", what, err)
}

// deployed reads what the functions are told.
type deployed struct {
	client *lambda.Client
	stack  string
	once   sync.Once
	vars   map[string]string
	err    error
}

// The functions whose settings a command needs, the more telling ones last.
var told = []string{"failureReporter", "renewZohoChannel", "refreshZohoToken", "conversionClock", "webhook", "zohoConsumer", "whatsappConsumer"}

// read asks each for its settings, once. One that is not deployed is told nothing; of any other that does not answer an error says so.
func (d *deployed) read(ctx context.Context) error {
	d.once.Do(func() {
		d.vars = map[string]string{}
		for _, f := range told {
			name := d.stack + "-" + f
			out, err := d.client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
			if _, none := errors.AsType[*lambdatypes.ResourceNotFoundException](err); none {
				continue
			}
			if err != nil {
				d.err = plain("the function "+name, "lambda:GetFunctionConfiguration", err)
				return
			}
			if out.Environment != nil {
				maps.Copy(d.vars, out.Environment.Variables)
			}
		}
	})
	return d.err
}

func (d *deployed) setting(ctx context.Context, name string) string {
	if d.read(ctx) != nil {
		return ""
	}
	return d.vars[name]
}

// sender asks SES.
type sender struct {
	client  *ses.Client
	account *sesv2.Client // the older interface does not tell whether it is in the sandbox
}

// verified reports whether SES has verified an identity: an address, or a domain.
func (s sender) verified(ctx context.Context, identity string) (bool, error) {
	out, err := s.client.GetIdentityVerificationAttributes(ctx, &ses.GetIdentityVerificationAttributesInput{Identities: []string{identity}})
	if err != nil {
		return false, plain("SES", "ses:GetIdentityVerificationAttributes", err)
	}
	return out.VerificationAttributes[identity].VerificationStatus == sestypes.VerificationStatusSuccess, nil
}

// sandboxed reports whether the account is in SES's sandbox, where it delivers to verified addresses and domains alone
// (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html).
func (s sender) sandboxed(ctx context.Context) (bool, error) {
	out, err := s.account.GetAccount(ctx, &sesv2.GetAccountInput{})
	if err != nil {
		return false, plain("SES", "ses:GetAccount", err)
	}
	return !out.ProductionAccessEnabled, nil
}

// cloudLane is a queue of SQS with its dead-letter queue.
type cloudLane struct {
	client     *sqs.Client
	watch      *cloudwatch.Client
	name, dead string
	now        func() time.Time
	urls       [2]string
}

// open looks the addresses of both queues up, once.
func (l *cloudLane) open(ctx context.Context) error {
	for i, name := range []string{l.name, l.dead} {
		if l.urls[i] != "" {
			continue
		}
		out, err := l.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
		if err != nil {
			return plain("the queue "+name, "sqs:GetQueueUrl", err)
		}
		l.urls[i] = aws.ToString(out.QueueUrl)
	}
	return nil
}

// Send takes 1 to batch.MaxEntries messages.
func (l *cloudLane) Send(ctx context.Context, entries []batch.Entry) error {
	if err := l.open(ctx); err != nil {
		return err
	}
	return queue.SQS{Client: l.client, URL: l.urls[0]}.Send(ctx, entries)
}

// Depth tells what lies in both queues. The age of the oldest message is CloudWatch's, and minutes late.
func (l *cloudLane) Depth(ctx context.Context) (Depth, error) {
	if err := l.open(ctx); err != nil {
		return Depth{}, err
	}
	var d Depth
	for i, into := range []func(waiting, inFlight int){
		func(waiting, inFlight int) { d.Waiting, d.InFlight = waiting, inFlight },
		func(waiting, inFlight int) { d.Dead = waiting + inFlight },
	} {
		out, err := l.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &l.urls[i], AttributeNames: []sqstypes.QueueAttributeName{
			sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		}})
		if err != nil {
			return d, plain("the queue "+l.name, "sqs:GetQueueAttributes", err)
		}
		n := func(name sqstypes.QueueAttributeName) int {
			v, _ := strconv.Atoi(out.Attributes[string(name)]) // what is not told is none
			return v
		}
		into(n(sqstypes.QueueAttributeNameApproximateNumberOfMessages)+n(sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed),
			n(sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible))
	}
	d.Oldest, d.Unseen = l.oldest(ctx)
	return d, nil
}

// oldest returns the age of the oldest message in the last minutes; 0 where CloudWatch has none to tell.
func (l *cloudLane) oldest(ctx context.Context) (time.Duration, error) {
	now := l.now()
	out, err := l.watch.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/SQS"), MetricName: aws.String("ApproximateAgeOfOldestMessage"),
		Dimensions: []cwtypes.Dimension{{Name: aws.String("QueueName"), Value: &l.name}},
		StartTime:  aws.Time(now.Add(-10 * time.Minute)), EndTime: &now, Period: aws.Int32(60), Statistics: []cwtypes.Statistic{cwtypes.StatisticMaximum},
	})
	if err != nil {
		return 0, plain("CloudWatch", "cloudwatch:GetMetricStatistics", err)
	}
	var last time.Time
	age := 0.0
	for _, p := range out.Datapoints {
		if at := aws.ToTime(p.Timestamp); at.After(last) {
			last, age = at, aws.ToFloat64(p.Maximum)
		}
	}
	return time.Duration(age) * time.Second, nil
}

// polled is how long SQS looks for a message before it says that there is none, in seconds. By a long poll it asks all of its servers,
// and a short one only some; a call of ours waits three.
const polled = 2

// Redrive takes up to max messages out of the dead-letter queue and puts them back, each sent before it is deleted: one that
// is stopped between the two comes twice, which is harmless.
func (l *cloudLane) Redrive(ctx context.Context, max int) (int, error) {
	if err := l.open(ctx); err != nil {
		return 0, err
	}
	out, err := l.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &l.urls[1], MaxNumberOfMessages: int32(min(max, batch.MaxEntries)), VisibilityTimeout: 60, WaitTimeSeconds: polled,
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameMessageGroupId},
	})
	if err != nil {
		return 0, plain("the queue "+l.dead, "sqs:ReceiveMessage", err)
	}
	for i, m := range out.Messages {
		e := batch.Entry{Group: m.Attributes["MessageGroupId"], Dedup: "redrive-" + aws.ToString(m.MessageId), Body: aws.ToString(m.Body)}
		if err := (queue.SQS{Client: l.client, URL: l.urls[0]}).Send(ctx, []batch.Entry{e}); err != nil {
			return i, err
		}
		if _, err := l.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &l.urls[1], ReceiptHandle: m.ReceiptHandle}); err != nil {
			return i + 1, plain("the queue "+l.dead, "sqs:DeleteMessage", err)
		}
	}
	return len(out.Messages), nil
}
