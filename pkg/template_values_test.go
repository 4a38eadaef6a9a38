package pkg_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/dynamo"
)

// shape is all that something in the template may say, by the path of what it says: what the value must be, nil where nothing may stand.
type shape map[string]func(t template, id string) any

// ruled is a value that a rule of its own looks at.
func ruled(template, string) any { return left{} }

type left struct{}

// is is a value that is the same everywhere.
func is(v any) func(template, string) any { return func(template, string) any { return v } }

// from is a value that follows from the id of who says it.
func from(f func(id string) any) func(template, string) any {
	return func(_ template, id string) any { return f(id) }
}

func got(id, attribute string) object { return object{"Fn::GetAtt": []any{id, attribute}} }

func sub(s string) object { return object{"Fn::Sub": s} }

func to(id string) object { return object{"Ref": id} }

var unset = to("AWS::NoValue")

// small begins with a small letter what capital began with a capital one.
func small(s string) string { return strings.ToLower(s[:min(1, len(s))]) + s[min(1, len(s)):] }

// kebab is the name of a thing in AWS: PairsTable without Table is pairs, ZohoOperationsDlq is zoho-operations-dlq.
func kebab(id string) string {
	var out strings.Builder
	for i, r := range id {
		if i > 0 && r >= 'A' && r <= 'Z' {
			out.WriteByte('-')
		}
		out.WriteRune(r)
	}
	return strings.ToLower(out.String())
}

// isDead says whether a queue is a dead-letter queue.
func isDead(queue string) bool { return strings.HasSuffix(queue, "Dlq") }

// living is a value of the queues that are drained.
func living(f func(t template, id string) any) func(template, string) any {
	return func(t template, id string) any {
		if isDead(id) {
			return nil
		}
		return f(t, id)
	}
}

// batches are the parameters that say how many batches a consumer works on at a time.
var batches = map[string]string{
	"zohoConsumer": "ZohoBatches", "hubspotConsumer": "HubspotBatches", "whatsappConsumer": "WhatsappBatches", "conversionAggregator": "ConversionBatches",
}

// sizes are the megabytes of memory of a function; a function's share of a processor grows with it.
var sizes = map[string]string{
	"refreshZohoToken": "128", "getZohoToken": "128", "failureReporter": "128", "renewZohoChannel": "128", // a few calls, nobody waits
	"webhook": "256", "reconcile": "256",
	"zohoConsumer": "512", "hubspotConsumer": "512", "whatsappConsumer": "512", "sendWhatsapp": "512",
	"conversionAggregator": "512", "conversionApi": "512", "conversionClock": "512",
}

// longest is the most milliseconds that the API waits for a function: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html.
const longest = 29_000

const policies = "2012-10-17" // the one version of policies with variables

// shapes are the shapes of resources by kind; there are no other kinds. A kind that is not here is a decision: a policy, a URL or a key of
// its own gives rights that no rule looks at.
var shapes = map[string]shape{
	"AWS::ApiGatewayV2::Api": {"Name": is(to("AWS::StackName")), "ProtocolType": is("HTTP"), "Description": ruled},
	"AWS::ApiGatewayV2::Integration": {
		"ApiId": is(to("Api")), "IntegrationType": is("AWS_PROXY"), "PayloadFormatVersion": is("2.0"),
		"IntegrationUri": from(func(id string) any {
			return sub("arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${" + small(strings.TrimSuffix(id, "Integration")) + "}")
		}),
		// Who calls waits as long as the function may take.
		"TimeoutInMillis": func(t template, id string) any {
			return fmt.Sprint(min(1000*number(t.get(t.started(id), "Timeout")), longest))
		},
	},
	"AWS::ApiGatewayV2::Route": {"ApiId": is(to("Api")), "RouteKey": ruled, "Target": func(t template, id string) any {
		return sub("integrations/${" + capital(routes[word(t.get(id, "RouteKey"))]) + "Integration}")
	}},
	"AWS::ApiGatewayV2::Stage": {
		"DependsOn": ruled, "ApiId": is(to("Api")), "RouteSettings": ruled,
		"StageName":  is("$default"), // an address that is given out has no stage in it
		"AutoDeploy": is("true"),     // a route that is added would never be there
		"DefaultRouteSettings.ThrottlingRateLimit": is("50"), "DefaultRouteSettings.ThrottlingBurstLimit": is("100"),
		"DefaultRouteSettings.DetailedMetricsEnabled": is("true"),
		"AccessLogSettings.DestinationArn":            is(got("ApiLogs", "Arn")), "AccessLogSettings.Format": ruled,
	},
	"AWS::CloudWatch::Alarm": {
		"Condition": ruled, "AlarmActions": ruled, "AlarmDescription": ruled, "AlarmName": ruled, "ComparisonOperator": ruled, "DatapointsToAlarm": ruled,
		"Dimensions": ruled, "EvaluateLowSampleCountPercentile": ruled, "EvaluationPeriods": ruled, "ExtendedStatistic": ruled, "MetricName": ruled,
		"Metrics": ruled, "Namespace": ruled, "Period": ruled, "Statistic": ruled, "Threshold": ruled, "TreatMissingData": ruled,
	},
	"AWS::CloudWatch::Dashboard": {"DashboardName": is(to("AWS::StackName")), "DashboardBody": ruled},
	"AWS::DynamoDB::Table": {
		"DeletionPolicy": is("Retain"), "UpdateReplacePolicy": is("Retain"), "DeletionProtectionEnabled": is("true"),
		"TableName":   from(func(id string) any { return sub("${AWS::StackName}-" + kebab(strings.TrimSuffix(id, "Table"))) }),
		"BillingMode": is("PAY_PER_REQUEST"),
		"AttributeDefinitions": is([]any{
			object{"AttributeName": dynamo.AttributePart, "AttributeType": "S"}, object{"AttributeName": dynamo.AttributeSort, "AttributeType": "S"},
		}),
		"KeySchema": is([]any{
			object{"AttributeName": dynamo.AttributePart, "KeyType": "HASH"}, object{"AttributeName": dynamo.AttributeSort, "KeyType": "RANGE"},
		}),
		"TimeToLiveSpecification.AttributeName": is(dynamo.AttributeExpires), "TimeToLiveSpecification.Enabled": is("true"),
		"PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled": is("true"),
	},
	"AWS::IAM::Role": {"AssumeRolePolicyDocument.Version": is(policies), "AssumeRolePolicyDocument.Statement": ruled, "Policies": ruled},
	"AWS::Lambda::Permission": {
		"FunctionName": from(func(id string) any { return to(small(strings.TrimSuffix(id, "Permission"))) }),
		"Action":       is("lambda:InvokeFunction"), "Principal": is("apigateway.amazonaws.com"),
		"SourceArn": is(sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*")),
	},
	"AWS::Logs::LogGroup": {
		"LogGroupName": from(func(id string) any {
			if id == "ApiLogs" {
				return sub("/aws/vendedlogs/${AWS::StackName}-api")
			}
			return sub("/aws/lambda/${AWS::StackName}-" + small(strings.TrimSuffix(id, "Logs")))
		}),
		"RetentionInDays": is(to("LogRetentionDays")),
	},
	"AWS::Logs::MetricFilter":    {"FilterPattern": ruled, "LogGroupName": ruled, "MetricTransformations": ruled},
	"AWS::SES::ConfigurationSet": {"Name": is(sub("${AWS::StackName}-report"))},
	"AWS::SES::ConfigurationSetEventDestination": {
		"ConfigurationSetName": is(to("ReportMails")), "EventDestination.Name": is("undelivered"), "EventDestination.Enabled": is("true"),
		"EventDestination.MatchingEventTypes": is([]any{"bounce", "complaint", "reject"}),
		"EventDestination.CloudWatchDestination.DimensionConfigurations": is([]any{
			object{"DimensionName": "ses:configuration-set", "DimensionValueSource": "messageTag", "DefaultDimensionValue": "none"},
		}),
	},
	"AWS::SNS::Subscription": {
		"Condition": is("HasAlarmEmail"), "TopicArn": is(to("AlarmTopic")), "Protocol": is("email"), "Endpoint": is(to("AlarmEmail")),
	},
	"AWS::SNS::Topic": {"DisplayName": is(sub("${AWS::StackName} alarms"))},
	"AWS::SQS::Queue": {
		"QueueName": from(func(id string) any { return sub("${AWS::StackName}-" + kebab(id) + ".fifo") }),
		"FifoQueue": is("true"), "DeduplicationScope": is("messageGroup"), "FifoThroughputLimit": is("perMessageGroupId"),
		"MessageRetentionPeriod": is("1209600"), "SqsManagedSseEnabled": is("true"),
		"VisibilityTimeout":                 living(ruled),
		"RedrivePolicy.deadLetterTargetArn": living(from(func(id string) any { return got(id+"Dlq", "Arn") })),
		"RedrivePolicy.maxReceiveCount":     living(is("1000")), // a consumer parks a message long before
	},
	"AWS::SQS::QueuePolicy": {
		"Condition": ruled, "PolicyDocument.Version": is(policies), "PolicyDocument.Statement": ruled,
		"Queues": from(func(id string) any { return []any{to(strings.TrimSuffix(id, "Policy"))} }),
	},
	"AWS::SSM::Parameter": {
		"Name": is(sub("/${AWS::StackName}/SUITE_VERSION")), "Type": is("String"), "Description": ruled, "Value": ruled,
	},
	functionType: {
		"Metadata.BuildMethod": is("go1.x"), "Description": ruled, "Environment.Variables": ruled, "Events": ruled, "Timeout": ruled,
		"FunctionName": from(func(id string) any { return sub("${AWS::StackName}-" + id) }),
		"CodeUri":      from(func(id string) any { return "functions/" + id }),
		"MemorySize":   from(func(id string) any { return sizes[id] }),
		"Role":         from(func(id string) any { return got(capital(id)+"Role", "Arn") }),

		"LoggingConfig.LogFormat": is("JSON"), "LoggingConfig.SystemLogLevel": is("WARN"), "LoggingConfig.ApplicationLogLevel": is(to("LogLevel")),
		"LoggingConfig.LogGroup": from(func(id string) any { return to(capital(id) + "Logs") }),
		"ReservedConcurrentExecutions": from(func(id string) any {
			if batches[id] == "" {
				return nil
			}
			return object{"Fn::If": []any{"ReservesConcurrency", to(batches[id]), unset}}
		}),
	},
}

// wakes are the shapes of what starts a function, by its type.
var wakes = map[string]shape{
	"SQS": {
		"Queue": from(func(f string) any { return got(consumers[f], "Arn") }), "BatchSize": is("10"), // the most of a FIFO queue, which has no window
		"FunctionResponseTypes":            is([]any{"ReportBatchItemFailures"}),
		"ScalingConfig.MaximumConcurrency": from(func(f string) any { return to(batches[f]) }),
	},
	"ScheduleV2": {
		"Input": ruled, "ScheduleExpression": ruled, "ScheduleExpressionTimezone": ruled, "State": ruled, "OmitName": is("true"),
		"RoleArn":                              is(got("SchedulerRole", "Arn")),
		"RetryPolicy.MaximumEventAgeInSeconds": is("300"),
		"RetryPolicy.MaximumRetryAttempts":     is("3"),
	},
}

// sections is the shape of the template, what it says of all functions and of what is not a resource.
var sections = shape{
	"AWSTemplateFormatVersion": is("2010-09-09"), "Transform": is("AWS::Serverless-2016-10-31"), "Description": ruled,
	"Metadata.AWS::CloudFormation::Interface.ParameterGroups": ruled, "Parameters": ruled, "Rules": ruled, "Conditions": ruled, "Resources": ruled, "Outputs": ruled,

	"Globals.Function.Runtime": is("provided.al2023"), "Globals.Function.Handler": is("bootstrap"),
	"Globals.Function.Architectures": is([]any{"x86_64"}), "Globals.Function.Tracing": is("Active"),
	"Globals.Function.Environment.Variables": is(object{"AWS_ENDPOINT_URL": object{"Fn::If": []any{"HasEndpoint", to("AwsEndpointUrl"), unset}}}),
}

// misfits compares what is said with a shape: what it does not know, and what is not as it must be.
func misfits(t template, id string, has any, s shape) (unknown, wrong []string) {
	seen := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if want, known := s[path]; known {
			seen[path] = true
			if w := want(t, id); w != (any)(left{}) && !reflect.DeepEqual(v, w) {
				wrong = append(wrong, fmt.Sprintf("%s: %s is %s, want %s", id, path, spelt(v), spelt(w)))
			}
			return
		}
		o, ok := v.(object)
		if below := slices.ContainsFunc(slices.Collect(maps.Keys(s)), func(p string) bool { return path == "" || strings.HasPrefix(p, path+".") }); !ok || !below {
			unknown = append(unknown, path)
			return
		}
		for name, inner := range o {
			walk(strings.TrimPrefix(path+"."+name, "."), inner)
		}
	}
	walk("", has)
	for path, want := range s {
		if w := want(t, id); !seen[path] && w != nil && !reflect.DeepEqual(w, left{}) {
			wrong = append(wrong, fmt.Sprintf("%s: %s is not there, want %s", id, path, spelt(w)))
		}
	}
	return unknown, wrong
}

// spelt is a value with all that tells it from another one.
func spelt(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	line, _ := json.Marshal(v)
	return string(line)
}

// saying returns what a resource says: its properties, and what stands beside them.
func saying(r any) object {
	out := object{}
	o, _ := r.(object)
	for name, v := range o {
		if name != "Type" && name != "Properties" {
			out[name] = v
		}
	}
	properties, _ := o["Properties"].(object)
	maps.Copy(out, properties)
	return out
}

// fit holds every part of the template to its shape.
func fit(t template) (unknown, wrong []string) {
	add := func(id, what string, has any, s shape) {
		more, bad := misfits(t, id, has, s)
		for _, path := range more {
			unknown = append(unknown, fmt.Sprintf("%s: %s %s is nowhere allowed", id, what, path))
		}
		wrong = append(wrong, bad...)
	}
	for id, r := range t.resources() {
		kind := word(at(r, "Type"))
		if shapes[kind] == nil {
			unknown = append(unknown, fmt.Sprintf("%s: %s is no kind of this stack", id, kind))
			continue
		}
		add(id, "the property", saying(r), shapes[kind])
	}
	for _, f := range t.of(functionType) {
		events, _ := t.get(f, "Events").(object)
		for _, e := range events {
			s := wakes[word(at(e, "Type"))]
			if s == nil {
				unknown = append(unknown, fmt.Sprintf("%s: nobody starts it by %s", f, at(e, "Type")))
				continue
			}
			add(f, "of its event the property", at(e, "Properties"), s)
		}
	}
	add("Template", "the section", t.object, sections)
	return unknown, wrong
}

func closed(t template, _ code) []string {
	unknown, _ := fit(t)
	return unknown
}

func shaped(t template, _ code) []string {
	_, wrong := fit(t)
	return wrong
}

// spoken are the variables whose value does not follow from their name.
var spoken = map[string]any{
	"SECRETS_PATH":             sub("/${AWS::StackName}"),
	"REPORT_CONFIGURATION_SET": to("ReportMails"),
	"HUBSPOT_WEBHOOK_URL": object{"Fn::If": []any{
		"HasPublicUrl", // both addresses while a domain is put in front
		sub("${PublicBaseUrl}/webhooks/hubspot,https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/webhooks/hubspot"),
		sub("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/webhooks/hubspot"),
	}},
	"ZOHO_WEBHOOK_URL": object{"Fn::If": []any{
		"HasPublicUrl", sub("${PublicBaseUrl}/webhooks/zoho"), sub("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/webhooks/zoho"),
	}},
}

// meant is what a variable is set to: the resource or the parameter of its name.
func meant(name string) any {
	if v, ok := spoken[name]; ok {
		return v
	}
	if slices.Contains(slices.Concat(secrets, atTheDesk), name) {
		return unset
	}
	var id strings.Builder
	for _, part := range strings.Split(name, "_") {
		id.WriteString(capital(strings.ToLower(part)))
	}
	if queue, ok := strings.CutSuffix(id.String(), "Queue"); ok {
		return to(queue)
	}
	if function, ok := strings.CutSuffix(id.String(), "Function"); ok {
		return to(small(function))
	}
	return to(id.String())
}

func variablesNamed(t template, _ code) (out []string) {
	for _, f := range t.of(functionType) {
		all, _ := t.get(f, "Environment", "Variables").(object)
		for name, v := range all {
			if want := meant(name); !reflect.DeepEqual(v, want) {
				out = append(out, fmt.Sprintf("%s: %s is %s, want %s", f, name, spelt(v), spelt(want)))
			}
		}
	}
	return out
}
