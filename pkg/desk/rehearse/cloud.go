package rehearse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ses"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/desk/local"
)

// The credentials of the emulator's owner.
const (
	accessKey = "test"
	secretKey = "test"
)

// cloud is the emulator as an operator of the stack sees it.
type cloud struct {
	url    string
	stack  string
	lambda *lambda.Client
	sqs    *sqs.Client
	db     *dynamodb.Client
	ses    *ses.Client
	ssm    *ssm.Client
}

func newCloud(e *local.Emulator, stack string) *cloud {
	cfg := e.Config()
	return &cloud{
		url: e.URL(), stack: stack, lambda: lambda.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg), db: dynamodb.NewFromConfig(cfg), ses: ses.NewFromConfig(cfg), ssm: ssm.NewFromConfig(cfg),
	}
}

// ask makes one call of a service for which the module has no client.
func (c *cloud) ask(ctx context.Context, service, method, where string, header http.Header, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+where, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	sum := sha256.Sum256(body)
	keys := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	if err := v4.NewSigner().SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), service, local.Region, time.Now()); err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s answers %s: %s", service, resp.Status, tail(string(out), 5))
	}
	return out, err
}

// query calls a service of the query protocol, which answers in XML.
func (c *cloud) query(ctx context.Context, service, version, action string, fields url.Values, into any) error {
	fields.Set("Action", action)
	fields.Set("Version", version)
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	out, err := c.ask(ctx, service, http.MethodPost, "/", header, []byte(fields.Encode()))
	if err != nil || into == nil {
		return err
	}
	return xml.Unmarshal(out, into)
}

// outputs returns the outputs of the stack, and its status.
func (c *cloud) outputs(ctx context.Context) (map[string]string, string, error) {
	var got struct {
		Status  string `xml:"DescribeStacksResult>Stacks>member>StackStatus"`
		Outputs []struct {
			Key   string `xml:"OutputKey"`
			Value string `xml:"OutputValue"`
		} `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
	}
	if err := c.query(ctx, "cloudformation", "2010-05-15", "DescribeStacks", url.Values{"StackName": {c.stack}}, &got); err != nil {
		return nil, "", err
	}
	out := map[string]string{}
	for _, o := range got.Outputs {
		out[o.Key] = o.Value
	}
	return out, got.Status, nil
}

// resources returns the physical ids of the resources of the stack, by logical id, and their types.
func (c *cloud) resources(ctx context.Context) (ids, types map[string]string, err error) {
	ids, types = map[string]string{}, map[string]string{}
	for next := ""; ; {
		var got struct {
			Next string `xml:"ListStackResourcesResult>NextToken"`
			All  []struct {
				Logical  string `xml:"LogicalResourceId"`
				Physical string `xml:"PhysicalResourceId"`
				Type     string `xml:"ResourceType"`
			} `xml:"ListStackResourcesResult>StackResourceSummaries>member"`
		}
		fields := url.Values{"StackName": {c.stack}}
		if next != "" {
			fields.Set("NextToken", next)
		}
		if err := c.query(ctx, "cloudformation", "2010-05-15", "ListStackResources", fields, &got); err != nil {
			return nil, nil, err
		}
		for _, r := range got.All {
			ids[r.Logical], types[r.Logical] = r.Physical, r.Type
		}
		if next = got.Next; next == "" {
			return ids, types, nil
		}
	}
}

// invoke calls a function of the stack and returns its answer. A function that fails is an error.
func (c *cloud) invoke(ctx context.Context, function string, event any) ([]byte, error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	out, err := c.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(c.stack + "-" + function), Payload: payload})
	if err != nil {
		return nil, err
	}
	if out.FunctionError != nil {
		return nil, fmt.Errorf("%s failed (%s): %s", function, *out.FunctionError, out.Payload)
	}
	return out.Payload, nil
}

// queue returns the address of a queue of the stack.
func (c *cloud) queue(ctx context.Context, name string) (string, error) {
	out, err := c.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(c.stack + "-" + name + ".fifo")})
	if err != nil {
		return "", fmt.Errorf("the queue %s: %w", name, err)
	}
	return aws.ToString(out.QueueUrl), nil
}

// depth returns how many messages wait in a queue, and how many are in flight.
func (c *cloud) depth(ctx context.Context, name string) (waiting, inFlight int, err error) {
	at, err := c.queue(ctx, name)
	if err != nil {
		return 0, 0, err
	}
	out, err := c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &at, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	if err != nil {
		return 0, 0, err
	}
	n := func(name sqstypes.QueueAttributeName) (n int) {
		if v, there := out.Attributes[string(name)]; there && err == nil {
			n, err = strconv.Atoi(v)
		}
		return n
	}
	waiting = n(sqstypes.QueueAttributeNameApproximateNumberOfMessages) + n(sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed)
	return waiting, n(sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible), err
}

// count returns how many rows each table of the stack has.
func (c *cloud) count(ctx context.Context) (map[string]int, error) {
	out := map[string]int{}
	for _, t := range dynamo.Tables() {
		in := &dynamodb.ScanInput{TableName: aws.String(c.stack + "-" + string(t)), Select: dynamotypes.SelectCount}
		for {
			got, err := c.db.Scan(ctx, in)
			if err != nil {
				return nil, fmt.Errorf("the table %s: %w", t, err)
			}
			out[string(t)] += int(got.Count)
			if in.ExclusiveStartKey = got.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
				break
			}
		}
	}
	return out, nil
}

// secrets returns the secrets of the stack by the name of their setting.
func (c *cloud) secrets(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	in := &ssm.GetParametersByPathInput{Path: aws.String("/" + c.stack), WithDecryption: aws.Bool(true)}
	for {
		got, err := c.ssm.GetParametersByPath(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, p := range got.Parameters {
			if p.Type == ssmtypes.ParameterTypeSecureString {
				out[path.Base(aws.ToString(p.Name))] = aws.ToString(p.Value)
			}
		}
		if in.NextToken = got.NextToken; aws.ToString(in.NextToken) == "" {
			return out, nil
		}
	}
}

// logs returns the messages of a function's log group.
func (c *cloud) logs(ctx context.Context, function string) ([]string, error) {
	var all []string
	in := map[string]any{"logGroupName": c.group(function)}
	for {
		var got struct {
			Events    []struct{ Message string }
			NextToken string
		}
		if err := c.logsCall(ctx, "FilterLogEvents", in, &got); err != nil {
			return nil, err
		}
		for _, e := range got.Events {
			all = append(all, strings.TrimSpace(e.Message))
		}
		if in["nextToken"] = got.NextToken; got.NextToken == "" {
			return all, nil
		}
	}
}

func (c *cloud) group(function string) string { return "/aws/lambda/" + c.stack + "-" + function }

// entry is a line that the code has logged, as opposed to those of Lambda's runtime.
type entry struct{ Message, Function, Ending, Fault, Record string }

// entries returns the lines that a function's code has logged.
func (c *cloud) entries(ctx context.Context, function string) ([]entry, error) {
	lines, err := c.logs(ctx, function)
	var out []entry
	for _, l := range lines {
		var e entry
		if json.Unmarshal([]byte(l), &e) == nil {
			out = append(out, e)
		}
	}
	return out, err
}

// metric says whether the log of a function holds the phrase that feeds a metric.
func (c *cloud) metric(ctx context.Context, function, name string) error {
	var got struct {
		MetricFilters []struct {
			FilterPattern         string
			MetricTransformations []struct{ MetricName string }
		}
	}
	if err := c.logsCall(ctx, "DescribeMetricFilters", map[string]any{"logGroupName": c.group(function)}, &got); err != nil {
		return err
	}
	for _, f := range got.MetricFilters {
		if len(f.MetricTransformations) != 1 || f.MetricTransformations[0].MetricName != name {
			continue
		}
		phrase, err := strconv.Unquote(f.FilterPattern)
		if err != nil {
			return fmt.Errorf("the filter of %s is no phrase: %s", name, f.FilterPattern)
		}
		lines, err := c.logs(ctx, function)
		if err == nil && !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, phrase) }) {
			err = fmt.Errorf("no line of %s holds %q", function, phrase)
		}
		return err
	}
	return fmt.Errorf("no filter on the log of %s feeds a metric %s", function, name)
}

func (c *cloud) logsCall(ctx context.Context, action string, in map[string]any, into any) error {
	if in["nextToken"] == "" {
		delete(in, "nextToken")
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	out, err := c.ask(ctx, "logs", http.MethodPost, "/", http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"Logs_20140328." + action}}, body)
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}

// schedule is what EventBridge Scheduler keeps, as far as it is looked at; the rest is put back as it came.
type schedule map[string]any

func (s schedule) target() string {
	t, _ := s["Target"].(map[string]any)
	arn, _ := t["Arn"].(string)
	return arn
}

// schedules returns the schedules of the stack by the function that each invokes.
func (c *cloud) schedules(ctx context.Context) (map[string]schedule, error) {
	out, err := c.ask(ctx, "scheduler", http.MethodGet, "/schedules", nil, nil)
	if err != nil {
		return nil, err
	}
	var list struct{ Schedules []struct{ Name string } }
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, err
	}
	all := map[string]schedule{}
	for _, l := range list.Schedules {
		if out, err = c.ask(ctx, "scheduler", http.MethodGet, "/schedules/"+l.Name, nil, nil); err != nil {
			return nil, err
		}
		var s schedule
		if err := json.Unmarshal(out, &s); err != nil {
			return nil, err
		}
		if _, function, ours := strings.Cut(s.target(), ":function:"+c.stack+"-"); ours {
			all[function] = s
		}
	}
	return all, nil
}

// reschedule gives a schedule another expression and leaves the rest of it.
func (c *cloud) reschedule(ctx context.Context, s schedule, expression string) error {
	in := map[string]any{"ScheduleExpression": expression}
	for _, name := range []string{"FlexibleTimeWindow", "Target", "State", "GroupName"} {
		in[name] = s[name]
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, err = c.ask(ctx, "scheduler", http.MethodPut, "/schedules/"+fmt.Sprint(s["Name"]), http.Header{"Content-Type": {"application/json"}}, body)
	return err
}
