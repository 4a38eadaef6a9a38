package pkg_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/settings"
)

// set changes one value of a template, a nil takes it away.
func (t template) set(value any, path ...string) {
	o := t.object
	for _, key := range path[:len(path)-1] {
		next, ok := o[key].(object)
		if !ok {
			panic("the template has no " + strings.Join(path, "."))
		}
		o = next
	}
	last := path[len(path)-1]
	if value == nil {
		if _, ok := o[last]; !ok {
			panic("the template has no " + strings.Join(path, "."))
		}
		delete(o, last)
		return
	}
	o[last] = value
}

// property is set for a property of a resource.
func (t template) property(value any, id string, path ...string) {
	t.set(value, append([]string{"Resources", id, "Properties"}, path...)...)
}

// drop takes a resource away.
func (t template) drop(id string) { t.set(nil, "Resources", id) }

// statement returns a statement of a role by its name, to be changed.
func (t template) statement(role, sid string) object {
	for _, s := range t.statements(role) {
		if s["Sid"] == sid {
			return s
		}
	}
	panic("the template has no " + role + "." + sid)
}

// loses takes an action from a statement.
func (t template) loses(role, sid, action string) {
	s := t.statement(role, sid)
	all := list(s["Action"])
	i := slices.Index(words(all), action)
	s["Action"] = slices.Delete(slices.Clone(all), i, i+1)
}

// allow adds a statement to the policy of a role.
func (t template) allow(role, action string, resource any) {
	document := at(list(t.get(role, "Policies"))[0], "PolicyDocument").(object)
	document["Statement"] = append(list(document["Statement"]), object{"Effect": "Allow", "Action": action, "Resource": resource})
}

// breach is a small change of the template, with the rule that must see it and the name in its complaint.
type breach struct {
	rule, blames string
	change       func(t template, c *code)
}

// breaks are those of what things have to do with each other; those of single values are valueBreaks.
var breaks = []breach{
	{"the visibility of a queue is six times the timeout of its consumer", "ZohoOperations", func(t template, _ *code) {
		t.property("269", "ZohoOperations", "VisibilityTimeout")
	}},
	{"the visibility of a queue is six times the timeout of its consumer", "HubspotOperations", func(t template, _ *code) {
		t.property("46", "hubspotConsumer", "Timeout")
	}},
	{"the visibility of a queue is six times the timeout of its consumer", "ConversionEvents: 36 s", func(t template, _ *code) {
		t.property("7", "conversionAggregator", "Timeout")
	}},
	{"a thing of the stack says what its kind must say", "conversionAggregator: ScalingConfig.MaximumConcurrency is 8", func(t template, _ *code) {
		t.property("8", "conversionAggregator", "Events", "Events", "Properties", "ScalingConfig", "MaximumConcurrency")
	}},
	{"a thing of the stack says what its kind must say", "zohoConsumer: FunctionResponseTypes is not there", func(t template, _ *code) {
		t.property(nil, "zohoConsumer", "Events", "Operations", "Properties", "FunctionResponseTypes")
	}},
	{"a thing of the stack says what its kind must say", "zohoConsumer: ScalingConfig.MaximumConcurrency is not there", func(t template, _ *code) {
		t.property(nil, "zohoConsumer", "Events", "Operations", "Properties", "ScalingConfig")
	}},
	{"a queue is drained by its consumer", "hubspotConsumer: drains", func(t template, _ *code) {
		t.property(got("ZohoOperations", "Arn"), "hubspotConsumer", "Events", "Operations", "Properties", "Queue")
	}},
	{"a thing of the stack says what its kind must say", "ZohoOperationsDlq: FifoQueue is not there", func(t template, _ *code) {
		t.property(nil, "ZohoOperationsDlq", "FifoQueue")
	}},
	{"a queue has a dead-letter queue", "HubspotOperations: no dead", func(t template, _ *code) {
		t.property(nil, "HubspotOperations", "RedrivePolicy")
	}},
	{"the environment of a function is what it reads", "CONFIG_TABLE", func(t template, _ *code) {
		t.property(nil, "webhook", "Environment", "Variables", "CONFIG_TABLE")
	}},
	{"the environment of a function is what it reads", "zohoConsumer: does not read TOKENS_TABLE", func(t template, _ *code) {
		t.property(object{"Ref": "TokensTable"}, "zohoConsumer", "Environment", "Variables", "TOKENS_TABLE")
	}},
	{"the environment of a function is what it reads", "PAIR_KEY has no place", func(t template, _ *code) {
		t.property("0011223344556677", "zohoConsumer", "Environment", "Variables", "PAIR_KEY")
	}},
	{"the environment of a function is what it reads", "PARKED_TABLE has no value", func(t template, _ *code) {
		t.property(unset, "failureReporter", "Environment", "Variables", "PARKED_TABLE")
	}},
	{"the environment of a function is what it reads", "reconcile: reads NEW_SETTING", func(_ template, c *code) {
		c.reads["reconcile"] = append(c.reads["reconcile"], "NEW_SETTING")
	}},
	{"a function starts with its environment", "getZohoToken", func(_ template, c *code) {
		c.faults["getZohoToken"] = "TOKENS_TABLE is not set"
	}},
	{"a function may use what its environment names, and nothing else", "webhook: may not use QuarantineTable", func(t template, _ *code) {
		for _, s := range t.statements("WebhookRole") {
			if slices.Contains(uses(s), "QuarantineTable") {
				s["Resource"] = got("ConfigTable", "Arn")
			}
		}
	}},
	{"a function may use what its environment names, and nothing else", "zohoConsumer: may use TokensTable", func(t template, _ *code) {
		t.allow("ZohoConsumerRole", "dynamodb:GetItem", got("TokensTable", "Arn"))
	}},
	{"a function may read the secrets that it asks for, and no other", "webhook", func(t template, _ *code) {
		t.allow("WebhookRole", "ssm:GetParameters", sub("arn:aws:ssm:eu-south-1:1:parameter/${AWS::StackName}/ZOHO_REFRESH_TOKEN"))
	}},
	{"a function may read the secrets that it asks for, and no other", "getZohoToken", func(_ template, c *code) {
		c.reads["getZohoToken"] = append(c.reads["getZohoToken"], "ZOHO_CLIENT_SECRET")
	}},
	{"a policy names its resources", "ReconcileRole", func(t template, _ *code) {
		t.allow("ReconcileRole", "dynamodb:Query", "*")
	}},
	{"a policy names its resources", "ReconcileRole", func(t template, _ *code) {
		t.allow("ReconcileRole", "ssm:GetParameters", sub("arn:aws:ssm:eu-south-1:1:parameter/${AWS::StackName}/*"))
	}},
	{"a policy names its resources", "FailureReporterRole", func(t template, _ *code) {
		t.allow("FailureReporterRole", "ses:*", got("ReportMails", "Arn"))
	}},
	{"the rights are those that were looked at", "zohoConsumer | QuarantineTable.Arn | dynamodb:Query: not in", func(t template, _ *code) {
		t.loses("ZohoConsumerRole", "Quarantine", "dynamodb:DeleteItem")
	}},
	{"the rights are those that were looked at", "reconcile | ParkedTable.Arn | dynamodb:Query: not in", func(t template, _ *code) {
		t.statement("ReconcileRole", "Parked")["Action"] = []any{"dynamodb:Query"}
	}},
	{"the rights are those that were looked at", "reconcile | PairsTable.Arn | dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query: not in", func(t template, _ *code) {
		t.allow("ReconcileRole", "dynamodb:PutItem", got("PairsTable", "Arn"))
	}},
	{"the rights are those that were looked at", "hubspotConsumer | HubspotOperations.Arn", func(t template, _ *code) {
		t.loses("HubspotConsumerRole", "Drain", "sqs:DeleteMessage")
	}},
	{"the rights are those that were looked at", "failureReporter | arn:", func(t template, _ *code) {
		delete(t.statement("FailureReporterRole", "Mail"), "Condition")
	}},
	{"the rights are those that were looked at", "webhook | ConversionEvents.Arn | sqs:SendMessage*: only in", func(t template, _ *code) {
		t.statement("WebhookRole", "Send")["Effect"] = "Deny"
	}},
	{"there is nothing in the stack that nobody looks at", "Wide: AWS::IAM::Policy", func(t template, _ *code) {
		t.set(object{"Type": "AWS::IAM::Policy", "Properties": object{"PolicyName": "wide", "Roles": []any{object{"Ref": "WebhookRole"}}, "PolicyDocument": object{
			"Version": "2012-10-17", "Statement": []any{object{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}},
		}}}, "Resources", "Wide")
	}},
	{"there is nothing in the stack that nobody looks at", "Managed: AWS::IAM::ManagedPolicy", func(t template, _ *code) {
		t.set(object{"Type": "AWS::IAM::ManagedPolicy"}, "Resources", "Managed")
	}},
	{"there is nothing in the stack that nobody looks at", "WebhookRole: the property ManagedPolicyArns", func(t template, _ *code) {
		t.property([]any{"arn:aws:iam::aws:policy/AdministratorAccess"}, "WebhookRole", "ManagedPolicyArns")
	}},
	{"there is nothing in the stack that nobody looks at", "webhook: the property FunctionUrlConfig", func(t template, _ *code) {
		t.property(object{"AuthType": "NONE"}, "webhook", "FunctionUrlConfig")
	}},
	{"there is nothing in the stack that nobody looks at", "webhook: the property Policies", func(t template, _ *code) {
		t.property([]any{"AdministratorAccess"}, "webhook", "Policies")
	}},
	{"there is nothing in the stack that nobody looks at", "Api: the property CorsConfiguration", func(t template, _ *code) {
		t.property(object{"AllowOrigins": []any{"*"}, "AllowHeaders": []any{"*"}}, "Api", "CorsConfiguration")
	}},
	{"there is nothing in the stack that nobody looks at", "Template: the section Globals.HttpApi", func(t template, _ *code) {
		t.set(object{"CorsConfiguration": object{"AllowOrigins": []any{"*"}}}, "Globals", "HttpApi")
	}},
	{"there is nothing in the stack that nobody looks at", "Template: the section Globals.Function.FunctionUrlConfig", func(t template, _ *code) {
		t.set(object{"AuthType": "NONE"}, "Globals", "Function", "FunctionUrlConfig")
	}},
	{"there is nothing in the stack that nobody looks at", "conversionApi: nobody starts it by HttpApi", func(t template, _ *code) {
		t.property(object{"Any": object{"Type": "HttpApi"}}, "conversionApi", "Events")
	}},
	{"there is nothing in the stack that nobody looks at", "zohoConsumer: of its event the property Enabled", func(t template, _ *code) {
		t.property("false", "zohoConsumer", "Events", "Operations", "Properties", "Enabled")
	}},
	{"there is nothing in the stack that nobody looks at", "zohoConsumer: of its event the property FilterCriteria", func(t template, _ *code) {
		t.property(object{"Filters": []any{}}, "zohoConsumer", "Events", "Operations", "Properties", "FilterCriteria")
	}},
	{"there is nothing in the stack that nobody looks at", "Api5xx: the property ActionsEnabled", func(t template, _ *code) {
		t.property("false", "Api5xx", "ActionsEnabled")
	}},
	{"a right is an allowance of what is called, on a thing of the stack", "ZohoConsumerRole: nothing of the suite calls dynamodb:DeleteTable", func(t template, _ *code) {
		t.allow("ZohoConsumerRole", "dynamodb:DeleteTable", got("PairsTable", "Arn"))
	}},
	{"a right is an allowance of what is called, on a thing of the stack", "ZohoConsumerRole: nothing of the suite calls sqs:PurgeQueue", func(t template, _ *code) {
		t.allow("ZohoConsumerRole", "sqs:PurgeQueue", got("ZohoOperations", "Arn"))
	}},
	{"a right is an allowance of what is called, on a thing of the stack", "WebhookRole: NotAction", func(t template, _ *code) {
		s := t.statement("WebhookRole", "Config")
		delete(s, "Action")
		s["NotAction"] = "dynamodb:DeleteTable"
	}},
	{"a right is an allowance of what is called, on a thing of the stack", "WebhookRole: NotResource", func(t template, _ *code) {
		s := t.statement("WebhookRole", "Config")
		delete(s, "Resource")
		s["NotResource"] = got("TokensTable", "Arn")
	}},
	{"a right is an allowance of what is called, on a thing of the stack", "arn:aws:dynamodb:eu-south-1:210987654321:table/theirs", func(t template, _ *code) {
		t.allow("WebhookRole", "dynamodb:GetItem", "arn:aws:dynamodb:eu-south-1:210987654321:table/theirs")
	}},
	{"a right is an allowance of what is called, on a thing of the stack", "table/${ConfigTable}-more", func(t template, _ *code) {
		t.allow("WebhookRole", "dynamodb:GetItem", sub("arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ConfigTable}-more"))
	}},
	{"a right is an allowance of what is called, on a thing of the stack", "lambda:InvokeFunction is not done to", func(t template, _ *code) {
		t.allow("GetZohoTokenRole", "lambda:InvokeFunction", got("TokensTable", "Arn"))
	}},
	{"a role is taken by its service alone", "WebhookRole: it is given to", func(t template, _ *code) {
		t.property([]any{object{"Effect": "Allow", "Principal": object{"AWS": "*"}, "Action": "sts:AssumeRole"}}, "WebhookRole", "AssumeRolePolicyDocument", "Statement")
	}},
	{"a role is taken by its service alone", "ReconcileRole: it is given to", func(t template, _ *code) {
		who := t.get("ReconcileRole", "AssumeRolePolicyDocument").(object)
		who["Statement"] = append(list(who["Statement"]), object{"Effect": "Allow", "Principal": object{"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
	}},
	{"a role is taken by its service alone", "SchedulerRole: it is given to", func(t template, _ *code) {
		delete(first(t.get("SchedulerRole", "AssumeRolePolicyDocument", "Statement")).(object), "Condition")
	}},
	{"a role is taken by its service alone", "SchedulerRole: the clock does more", func(t template, _ *code) {
		t.allow("SchedulerRole", "sqs:SendMessage*", got("ZohoOperations", "Arn"))
	}},
	{"mail goes out in the name of one sender", "FailureReporterRole: it sends mail in any name", func(t template, _ *code) {
		delete(t.statement("FailureReporterRole", "Mail"), "Condition")
	}},
	{"mail goes out in the name of one sender", "ConversionClockRole: it sends mail in any name", func(t template, _ *code) {
		t.statement("ConversionClockRole", "Mail")["Condition"] = object{"StringLike": object{"ses:FromAddress": "*"}}
	}},
	{"mail goes out in the name of one sender", "ReconcileRole: nobody knows whether", func(t template, _ *code) {
		t.statement("ReconcileRole", "Pairs")["Condition"] = object{"StringEquals": object{"aws:SourceIp": "192.0.2.1"}}
	}},
	{"a secret is read by one call, and by who needs it", "webhook: [ssm:GetParameter ssm:PutParameter] on :parameter/${AWS::StackName}/ZOHO_REFRESH_TOKEN", func(t template, _ *code) {
		t.allow("WebhookRole", "ssm:GetParameter", sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}/ZOHO_REFRESH_TOKEN"))
		all := t.statements("WebhookRole")
		all[len(all)-1]["Action"] = []any{"ssm:GetParameter", "ssm:PutParameter"}
	}},
	{"a secret is read by one call, and by who needs it", "webhook: it reads ZOHO_REFRESH_TOKEN and does not need it", func(t template, _ *code) {
		t.allow("WebhookRole", "ssm:GetParameter", sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}/ZOHO_REFRESH_TOKEN"))
	}},
	{"a secret is read by one call, and by who needs it", "conversionApi: it reads secrets", func(_ template, c *code) {
		c.reads["conversionApi"] = slices.DeleteFunc(slices.Clone(c.reads["conversionApi"]), func(name string) bool { return name == settings.SecretsPath })
	}},
	{"a consumer takes from its queue, and nobody else does", "hubspotConsumer: it drains HubspotOperations without sqs:DeleteMessage", func(t template, _ *code) {
		t.loses("HubspotConsumerRole", "Drain", "sqs:DeleteMessage")
	}},
	{"a consumer takes from its queue, and nobody else does", "whatsappConsumer: it drains WhatsappOperations without sqs:ChangeMessageVisibility*", func(t template, _ *code) {
		t.loses("WhatsappConsumerRole", "Drain", "sqs:ChangeMessageVisibility*")
	}},
	{"a consumer takes from its queue, and nobody else does", "webhook: sqs:DeleteMessage takes from ConversionEvents", func(t template, _ *code) {
		t.allow("WebhookRole", "sqs:DeleteMessage", got("ConversionEvents", "Arn"))
	}},
	{"a queue refuses what is not encrypted", "ZohoOperationsPolicy: it is more", func(t template, _ *code) {
		t.property([]any{object{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": got("ZohoOperations", "Arn")}},
			"ZohoOperationsPolicy", "PolicyDocument", "Statement")
	}},
	{"a queue refuses what is not encrypted", "ZohoOperationsPolicy: it is more", func(t template, _ *code) {
		own := t.get("ZohoOperationsPolicy", "PolicyDocument").(object)
		own["Statement"] = append(list(own["Statement"]), object{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": got("ZohoOperations", "Arn")})
	}},
	{"a queue refuses what is not encrypted", "ConversionEventsDlq: it takes", func(t template, _ *code) { t.drop("ConversionEventsDlqPolicy") }},
	{"a queue refuses what is not encrypted", "HubspotOperationsPolicy: it holds on AWS", func(t template, _ *code) {
		t.set("HasEndpoint", "Resources", "HubspotOperationsPolicy", "Condition")
	}},
	{"a thing of the stack says what its kind must say", "WebhookPermission: Principal is", func(t template, _ *code) {
		t.property("*", "WebhookPermission", "Principal")
	}},
	{"a thing of the stack says what its kind must say", "SendWhatsappPermission: SourceArn is", func(t template, _ *code) {
		t.property(sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*/*"), "SendWhatsappPermission", "SourceArn")
	}},
	{"a thing of the stack says what its kind must say", "ApiStage: DefaultRouteSettings", func(t template, _ *code) {
		t.property(nil, "ApiStage", "DefaultRouteSettings")
	}},
	{"a throttle waits for its route, and each route has one", "ZohoRoute: its throttle is", func(t template, _ *code) {
		t.property("100000", "ApiStage", "RouteSettings", "POST /webhooks/zoho", "ThrottlingRateLimit")
	}},
	{"a thing of the stack says what its kind must say", "ApiStage: AutoDeploy", func(t template, _ *code) {
		t.property("false", "ApiStage", "AutoDeploy")
	}},
	{"a thing of the stack says what its kind must say", "ApiStage: StageName", func(t template, _ *code) {
		t.property("v1", "ApiStage", "StageName")
	}},
	{"a parameter takes what is right and refuses what is wrong", `ZohoClientId: "1000 A" is let through`, func(t template, _ *code) {
		t.set("^.*$", "Parameters", "ZohoClientId", "AllowedPattern")
	}},
	{"a parameter takes what is right and refuses what is wrong", `ReportTo: "client" is let through`, func(t template, _ *code) {
		t.set("[^ ]+", "Parameters", "ReportTo", "AllowedPattern")
	}},
	{"the alarms are those that were looked at", "ZohoOperationsDead | AWS/SQS", func(t template, _ *code) {
		t.property("600", "ZohoOperationsDead", "Period")
	}},
	{"the alarms are those that were looked at", "WebhookErrors | AWS/Lambda", func(t template, _ *code) {
		t.property("6", "WebhookErrors", "DatapointsToAlarm")
	}},
	{"the alarms are those that were looked at", "WebhookQuarantined | WebhookLogs", func(t template, _ *code) {
		t.property(`{ $.outcome = "malformed" }`, "WebhookQuarantined", "FilterPattern")
	}},
	{"the alarms are those that were looked at", "ConversionErrorShare | where OnAws", func(t template, _ *code) {
		list(t.get("ConversionErrorShare", "Metrics"))[0].(object)["Expression"] = "0 * FILL(failed, 0)"
	}},
	{"the alarms are those that were looked at", "Api5xx | where HasEndpoint", func(t template, _ *code) {
		t.set("HasEndpoint", "Resources", "Api5xx", "Condition")
	}},
	{"an alarm can ring, and rings for what it is named after", "ZohoOperationsLate: it waits for an age of 100000 s", func(t template, _ *code) {
		t.property("100000", "ZohoOperationsLate", "Threshold")
	}},
	{"an alarm can ring, and rings for what it is named after", "WebhookErrors: it rings at GreaterThanOrEqualToThreshold 1000 of Errors", func(t template, _ *code) {
		t.property("1000", "WebhookErrors", "Threshold")
	}},
	{"an alarm can ring, and rings for what it is named after", "HubspotOperationsDead: ApproximateNumberOfMessagesVisible rings when it is LessThanThreshold", func(t template, _ *code) {
		t.property("LessThanThreshold", "HubspotOperationsDead", "ComparisonOperator")
	}},
	{"an alarm can ring, and rings for what it is named after", "TokenDenied: it rings at GreaterThanThreshold 1", func(t template, _ *code) {
		t.property("GreaterThanThreshold", "TokenDenied", "ComparisonOperator")
	}},
	{"an alarm can ring, and rings for what it is named after", "Api5xx: nobody knows LessThanLowerOrGreaterThanUpperThreshold", func(t template, _ *code) {
		t.property("LessThanLowerOrGreaterThanUpperThreshold", "Api5xx", "ComparisonOperator")
	}},
	{"an alarm can ring, and rings for what it is named after", "Api5xx: 5xx rings when it is", func(t template, _ *code) {
		t.property("breaching", "Api5xx", "TreatMissingData")
	}},
	{"an alarm can ring, and rings for what it is named after", "WebhookErrors: AWS/Lambda has no metrics of Function webhook", func(t template, _ *code) {
		first(t.get("WebhookErrors", "Dimensions")).(object)["Name"] = "Function"
	}},
	{"an alarm can ring, and rings for what it is named after", "ZohoOperationsDead: AWS/SQS has no metrics of QueueName ZohoOperationsDlq.Arn", func(t template, _ *code) {
		first(t.get("ZohoOperationsDead", "Dimensions")).(object)["Value"] = got("ZohoOperationsDlq", "Arn")
	}},
	{"an alarm can ring, and rings for what it is named after", "Throttles: AWS/Lambda has no metrics of Function webhook", func(t template, _ *code) {
		first(at(list(t.get("Throttles", "Metrics"))[1], "MetricStat", "Metric", "Dimensions")).(object)["Name"] = "Function"
	}},
	{"an alarm can ring, and rings for what it is named after", "TokenDenied: a metric of ours has no dimension", func(t template, _ *code) {
		t.property([]any{object{"Name": "FunctionName", "Value": object{"Ref": "zohoConsumer"}}}, "TokenDenied", "Dimensions")
	}},
	{"an alarm can ring, and rings for what it is named after", "Api4xx: AWS/Api is of nothing", func(t template, _ *code) {
		t.property("AWS/Api", "Api4xx", "Namespace")
	}},
	{"an alarm can ring, and rings for what it is named after", "ZohoOperationsStuck: ApproximateAgeOfOldestMessage is looked at as Minimum", func(t template, _ *code) {
		list(t.get("ZohoOperationsStuck", "Metrics"))[2].(object)["MetricStat"].(object)["Stat"] = "Minimum"
	}},
	{"an alarm can ring, and rings for what it is named after", "ConversionEventsLate: conversion-events-age is looked at as Average", func(t template, _ *code) {
		list(t.get("ConversionEventsLate", "Metrics"))[1].(object)["MetricStat"].(object)["Stat"] = "Average"
	}},
	{"an alarm can ring, and rings for what it is named after", "MoreThrottles: Throttles is looked at as Average", func(t template, _ *code) {
		list(t.get("MoreThrottles", "Metrics"))[2].(object)["MetricStat"].(object)["Stat"] = "Average"
	}},
	{"an alarm can ring, and rings for what it is named after", "ReportUndelivered: 0 of its metrics", func(t template, _ *code) {
		list(t.get("ReportUndelivered", "Metrics"))[0].(object)["ReturnData"] = "false"
	}},
	{"an alarm can ring, and rings for what it is named after", "ZohoOperationsStuck: 2 of its metrics", func(t template, _ *code) {
		delete(list(t.get("ZohoOperationsStuck", "Metrics"))[2].(object), "ReturnData") // which is as good as true
	}},
	{"an alarm can ring, and rings for what it is named after", "Api5xx: it looks at 45 s", func(t template, _ *code) {
		t.property("45", "Api5xx", "Period")
	}},
	{"an alarm can ring, and rings for what it is named after", "Api5xx: 4 of 3 never come", func(t template, _ *code) {
		t.property("4", "Api5xx", "DatapointsToAlarm")
	}},
	{"a line raises its metric", "WebhookQuarantined: a line raises Quarantined by 0", func(t template, _ *code) {
		first(t.get("WebhookQuarantined", "MetricTransformations")).(object)["MetricValue"] = "0"
	}},
	{"a line raises its metric", "ConversionAggregatorAhead: a line raises SendersAhead by 1", func(t template, _ *code) {
		first(t.get("ConversionAggregatorAhead", "MetricTransformations")).(object)["MetricValue"] = "1"
	}},
	{"a line raises its metric", "ZohoConsumerAgain: a line raises zoho-operations-age by 1", func(t template, _ *code) {
		first(t.get("ZohoConsumerAgain", "MetricTransformations")).(object)["MetricValue"] = "1"
	}},
	{"a line raises its metric", "GetZohoTokenRefused: DefaultValue", func(t template, _ *code) {
		first(t.get("GetZohoTokenRefused", "MetricTransformations")).(object)["DefaultValue"] = "1"
	}},
	{"a line raises its metric", "GetZohoTokenRefused: CrmConnector/other", func(t template, _ *code) {
		first(t.get("GetZohoTokenRefused", "MetricTransformations")).(object)["MetricNamespace"] = "CrmConnector/other"
	}},
	{"a line raises its metric", "GetZohoTokenRefused: it counts into several", func(t template, _ *code) {
		one := first(t.get("GetZohoTokenRefused", "MetricTransformations"))
		t.property([]any{one, one}, "GetZohoTokenRefused", "MetricTransformations")
	}},
	{"a silence is told once it is one", "RefreshZohoTokenSilent: it rings after 10m0s", func(t template, _ *code) {
		t.property("600", "RefreshZohoTokenSilent", "Period")
	}},
	{"a silence is told once it is one", "SendWhatsappSilent: it rings after 48h0m0s", func(t template, _ *code) {
		t.property("172800", "SendWhatsappSilent", "Period")
	}},
	{"a clock starts what it should", "refreshZohoToken: its schedule", func(t template, _ *code) {
		t.property("DISABLED", "refreshZohoToken", "Events", "Schedule", "Properties", "State")
	}},
	{"no resource waits for itself, and each that is named is there", "waits for itself", func(t template, _ *code) {
		t.property(sub("${webhook} takes in"), "Api", "Description")
	}},
	{"no resource waits for itself, and each that is named is there", "waits for itself", func(t template, _ *code) {
		t.set([]any{"zohoConsumer"}, "Resources", "ZohoOperations", "DependsOn")
		t.property(got("ZohoOperations", "Arn"), "zohoConsumer", "Description")
	}},
	{"no resource waits for itself, and each that is named is there", "HubspotRoute: there is no WebhookIntegration", func(t template, _ *code) {
		t.drop("WebhookIntegration")
	}},
	{"a thing of the stack says what its kind must say", "PairsTable: DeletionPolicy", func(t template, _ *code) {
		t.set("Delete", "Resources", "PairsTable", "DeletionPolicy")
	}},
	{"a thing of the stack says what its kind must say", "TokensTable: UpdateReplacePolicy", func(t template, _ *code) {
		t.set(nil, "Resources", "TokensTable", "UpdateReplacePolicy")
	}},
	{"a thing of the stack says what its kind must say", "ParkedTable: PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled is not there", func(t template, _ *code) {
		t.property(nil, "ParkedTable", "PointInTimeRecoverySpecification")
	}},
	{"a thing of the stack says what its kind must say", "AttemptsTable: TimeToLiveSpecification.AttributeName is expires", func(t template, _ *code) {
		t.property("expires", "AttemptsTable", "TimeToLiveSpecification", "AttributeName")
	}},
	{"the tables are those of the module", "quarantine: no such table", func(t template, _ *code) {
		t.drop("QuarantineTable")
	}},
	{"the tables are those of the module", "OrdersTable: orders is no table", func(t template, _ *code) {
		t.set(deep(t.resources()["PairsTable"]), "Resources", "OrdersTable")
		t.property(sub("${AWS::StackName}-orders"), "OrdersTable", "TableName")
	}},
	{"the routes are those of the door", "POST /webhooks/zoho", func(t template, _ *code) { t.drop("ZohoRoute") }},
	{"the routes are those of the door", "HubspotRoute", func(t template, _ *code) {
		t.property("ANY /{proxy+}", "HubspotRoute", "RouteKey")
	}},
	{"the routes are those of the door", "ZohoRoute", func(t template, _ *code) {
		t.property(got("reconcile", "Arn"), "WebhookIntegration", "IntegrationUri")
	}},
	{"sam local start-api finds every route", "WebhookIntegration", func(t template, _ *code) {
		t.property(got("webhook", "Arn"), "WebhookIntegration", "IntegrationUri")
	}},
	{"sam local start-api finds every route", "reconcile: stands above Api", func(t template, _ *code) {
		i, j := slices.Index(t.order, "Api"), slices.Index(t.order, "reconcile")
		t.order[i], t.order[j] = t.order[j], t.order[i]
	}},
	{"a throttle waits for its route, and each route has one", "ApiStage", func(t template, _ *code) {
		t.set([]any{"HubspotRoute"}, "Resources", "ApiStage", "DependsOn")
	}},
	{"a throttle waits for its route, and each route has one", "ZohoRoute", func(t template, _ *code) {
		t.property(nil, "ApiStage", "RouteSettings", "POST /webhooks/zoho")
	}},
	{"the API may start the function behind it", "WebhookIntegration", func(t template, _ *code) { t.drop("WebhookPermission") }},
	{"the API may start the function behind it", "WebhookIntegration", func(t template, _ *code) {
		t.property(object{"Ref": "reconcile"}, "WebhookPermission", "FunctionName")
	}},
	{"the access log holds nothing of a person", "ApiStage: the access log holds identity.sourceIp", func(t template, _ *code) {
		t.property(`{"from":"$context.identity.sourceIp"}`, "ApiStage", "AccessLogSettings", "Format")
	}},
	{"a thing of the stack says what its kind must say", "ApiLogs: RetentionInDays is not there", func(t template, _ *code) {
		t.property(nil, "ApiLogs", "RetentionInDays")
	}},
	{"a function has its folder and its time", "newFunction", func(_ template, c *code) {
		c.folders = append(c.folders, "newFunction")
	}},
	{"a thing of the stack says what its kind must say", "webhook: CodeUri is functions/reconcile", func(t template, _ *code) {
		t.property("functions/reconcile", "webhook", "CodeUri")
	}},
	{"a thing of the stack says what its kind must say", "WebhookLogs: RetentionInDays is not there", func(t template, _ *code) {
		t.property(nil, "WebhookLogs", "RetentionInDays")
	}},
	{"a thing of the stack says what its kind must say", "hubspotConsumer: Role is", func(t template, _ *code) {
		t.property(got("WebhookRole", "Arn"), "hubspotConsumer", "Role")
	}},
	{"a function has its folder and its time", "failureReporter", func(t template, _ *code) {
		t.property("120", "failureReporter", "Timeout")
	}},
	{"a thing of the stack says what its kind must say", "getZohoToken: LoggingConfig.LogFormat is not there", func(t template, _ *code) {
		t.property(nil, "getZohoToken", "LoggingConfig")
	}},
	{"a clock starts what it should", "reconcile", func(t template, _ *code) {
		t.property("rate(1 day)", "reconcile", "Events", "Schedule", "Properties", "ScheduleExpression")
	}},
	{"a thing of the stack says what its kind must say", "failureReporter: OmitName is not there", func(t template, _ *code) {
		t.property(nil, "failureReporter", "Events", "Schedule", "Properties", "OmitName")
	}},
	{"a clock starts what it should", "refreshZohoToken: SchedulerRole may not start it", func(t template, _ *code) {
		t.statements("SchedulerRole")[0]["Resource"] = got("reconcile", "Arn")
	}},
	{"a clock starts what it should", "renewZohoChannel", func(t template, _ *code) { t.property(nil, "renewZohoChannel", "Events") }},
	{"a clock starts what it should", "conversionClock: started at", func(t template, _ *code) {
		t.property(`{"action":"tick"}`, "conversionClock", "Events", "Report", "Properties", "Input")
	}},
	{"a clock starts what it should", "conversionClock: started at", func(t template, _ *code) {
		t.property(nil, "conversionClock", "Events", "Report", "Properties", "ScheduleExpressionTimezone")
	}},
	{"a clock starts what it should", "sendWhatsapp: its schedule", func(t template, _ *code) {
		t.property(nil, "sendWhatsapp", "Events", "Schedule", "Properties", "State")
	}},
	{"a clock starts what it should", "conversionClock: its schedule", func(t template, _ *code) {
		t.property(object{"Fn::If": []any{"HasWhatsapp", "ENABLED", "DISABLED"}}, "conversionClock", "Events", "Tick", "Properties", "State")
	}},
	{"each queue, function and secret has its alarms", "ConversionEvents: alarms at an age", func(t template, _ *code) { t.drop("ConversionEventsSlow") }},
	{"each queue, function and secret has its alarms", "sendWhatsapp: no alarm when it is silent", func(t template, _ *code) { t.drop("SendWhatsappSilent") }},
	{"each queue, function and secret has its alarms", "ConversionClockSilent: it rings", func(t template, _ *code) {
		t.set(nil, "Resources", "ConversionClockSilent", "Condition")
	}},
	{"each queue, function and secret has its alarms", "sendWhatsapp: nobody looks for a missing CONVERSIONS_JWT_SECRET", func(t template, _ *code) {
		t.drop("SendWhatsappLacksConversionsJwtSecret")
	}},
	{"each queue, function and secret has its alarms", "HubspotOperationsDlq", func(t template, _ *code) { t.drop("HubspotOperationsDead") }},
	{"each queue, function and secret has its alarms", "ZohoOperations", func(t template, _ *code) { t.drop("ZohoOperationsExpiring") }},
	{"each queue, function and secret has its alarms", "HubspotOperations: alarms at an age of", func(t template, _ *code) {
		t.property("864000", "HubspotOperationsExpiring", "Threshold")
	}},
	{"each queue, function and secret has its alarms", "WhatsappOperationsLate: it leaves out what goes again", func(t template, _ *code) {
		t.property(list(t.get("WhatsappOperationsLate", "Metrics"))[:1], "WhatsappOperationsLate", "Metrics")
		t.property(append(list(t.get("WhatsappOperationsLate", "Metrics")), list(t.get("WhatsappOperationsStuck", "Metrics"))[2]), "WhatsappOperationsLate", "Metrics")
	}},
	{"each queue, function and secret has its alarms", "HubspotOperationsLate: it leaves out what goes again", func(t template, _ *code) {
		list(t.get("HubspotOperationsLate", "Metrics"))[1].(object)["MetricStat"].(object)["Metric"].(object)["MetricName"] = "zoho-operations-age"
	}},
	{"each queue, function and secret has its alarms", "ZohoOperations: alarms at an age of", func(t template, _ *code) {
		t.property(list(t.get("ZohoOperationsStuck", "Metrics"))[:2], "ZohoOperationsStuck", "Metrics")
	}},
	{"each queue, function and secret has its alarms", "ZohoOperationsStuck: it compares MAX([FILL(again, 0), FILL(queued, 0)])", func(t template, _ *code) {
		first(t.get("ZohoOperationsStuck", "Metrics")).(object)["Expression"] = "MAX([FILL(again, 0), FILL(queued, 0)])"
	}},
	{"each queue, function and secret has its alarms", "ZohoOperationsStuck: it takes the one metric for the other", func(t template, _ *code) {
		all := list(t.get("ZohoOperationsStuck", "Metrics"))
		all[1].(object)["Id"], all[2].(object)["Id"] = "queued", "again"
	}},
	{"each queue, function and secret has its alarms", "ConversionEventsExpiring: it is over between two tries", func(t template, _ *code) {
		t.property("3", "ConversionEventsExpiring", "EvaluationPeriods")
	}},
	{"each queue, function and secret has its alarms", "ConversionEventsLate: it is over between two tries", func(t template, _ *code) {
		t.property("2", "ConversionEventsLate", "DatapointsToAlarm")
	}},
	{"each queue, function and secret has its alarms", "webhook: no alarm when it fails", func(t template, _ *code) { t.drop("WebhookErrors") }},
	{"each queue, function and secret has its alarms", "when it is refused", func(t template, _ *code) { t.drop("Throttles") }},
	{"each queue, function and secret has its alarms", "RefreshZohoTokenSilent", func(t template, _ *code) {
		t.property("notBreaching", "RefreshZohoTokenSilent", "TreatMissingData")
	}},
	{"each queue, function and secret has its alarms", "Api", func(t template, _ *code) { t.drop("Api4xx") }},
	{"each queue, function and secret has its alarms", "reconcile: nobody looks for a missing PAIR_KEY", func(t template, _ *code) {
		t.drop("ReconcileLacksPairKey")
	}},
	{"each queue, function and secret has its alarms", "WebhookLacksHubspotClientSecret", func(t template, _ *code) {
		t.property(sub("${AWS::StackName}-a-secret-is-missing"), "MissingHubspotClientSecret", "AlarmName")
	}},
	{"an alarm reaches the topic and says what to do", "BrakePulled", func(t template, _ *code) {
		t.property([]any{}, "BrakePulled", "AlarmActions")
	}},
	{"an alarm reaches the topic and says what to do", "Api5xx", func(t template, _ *code) {
		t.property("Too bad.", "Api5xx", "AlarmDescription")
	}},
	{"an alarm reaches the topic and says what to do", "ZohoOperationsLate: the emulator", func(t template, _ *code) {
		t.set(nil, "Resources", "ZohoOperationsLate", "Condition")
	}},
	{"an alarm reaches the topic and says what to do", "Throttles", func(t template, _ *code) {
		t.set(nil, "Resources", "Throttles", "Condition")
	}},
	{"a metric filter looks for what the code writes, and an alarm for what a filter finds", "WebhookQuarantined", func(t template, _ *code) {
		t.property(`{ $.result = "quarantined" }`, "WebhookQuarantined", "FilterPattern")
	}},
	{"a metric filter looks for what the code writes, and an alarm for what a filter finds", "WebhookQuarantined", func(t template, _ *code) {
		t.property(`{ $.outcome = "put into quarantine" }`, "WebhookQuarantined", "FilterPattern")
	}},
	{"a metric filter looks for what the code writes, and an alarm for what a filter finds", "WebhookQuarantined", func(t template, _ *code) {
		t.property(`{ $.outcome == quarantined }`, "WebhookQuarantined", "FilterPattern")
	}},
	{"a metric filter looks for what the code writes, and an alarm for what a filter finds", "HubspotConsumerAgain: no line of the log has the value $.age_s", func(t template, _ *code) {
		first(t.get("HubspotConsumerAgain", "MetricTransformations")).(object)["MetricValue"] = "$.age_s"
	}},
	{"the alarms are those that were looked at", "ZohoConsumerAgain", func(t template, _ *code) {
		t.property(`{ $.message = "operation" && $.ending = "done" }`, "ZohoConsumerAgain", "FilterPattern")
	}},
	{"a metric filter looks for what the code writes, and an alarm for what a filter finds", "HubspotConsumerUntold", func(t template, _ *code) {
		t.drop("SubscriptionSilent")
	}},
	{"a metric filter looks for what the code writes, and an alarm for what a filter finds", "SubscriptionSilent", func(t template, _ *code) {
		t.drop("ZohoConsumerUntold")
		t.drop("HubspotConsumerUntold")
	}},
	{"a metric filter looks for what the code writes, and an alarm for what a filter finds", "ApiUnauthorized: no line of the access log", func(t template, _ *code) {
		t.property(`{ $.path = "/api" }`, "ApiUnauthorized", "FilterPattern")
	}},
	{"a metric filter looks for what the code writes, and an alarm for what a filter finds", "$.skew_ms", func(t template, _ *code) {
		first(t.get("ConversionAggregatorAhead", "MetricTransformations")).(object)["MetricValue"] = "$.skew_ms"
	}},
	{"who writes a line is listened to", "sendWhatsapp: nobody counts its lines for Denied", func(t template, _ *code) {
		t.drop("SendWhatsappDenied")
	}},
	{"who writes a line is listened to", "whatsappConsumer: nobody counts its lines for whatsapp-operations-age", func(t template, _ *code) {
		t.drop("WhatsappConsumerAgain")
	}},
	{"who writes a line is listened to", "conversionAggregator: nobody counts its lines for conversion-events-age", func(t template, _ *code) {
		t.property(to("ConversionClockLogs"), "ConversionAggregatorAgain", "LogGroupName")
	}},
	{"who writes a line is listened to", "hubspotConsumer: nobody counts its lines for Untold", func(t template, _ *code) {
		t.drop("HubspotConsumerUntold")
	}},
	{"who writes a line is listened to", "reconcile: nobody counts its lines for BudgetLost", func(t template, _ *code) {
		t.drop("ReconcileBudgetLost")
	}},
	{"who writes a line is listened to", "zohoConsumer: nobody counts its lines for OurFault", func(t template, _ *code) {
		t.drop("ZohoConsumerOurFault")
	}},
	{"a silent subscription is told within the hour", "SubscriptionSilent: 10800 s", func(t template, _ *code) {
		t.property("3", "SubscriptionSilent", "EvaluationPeriods")
	}},
	{"the address that is given out is the first that the door accepts", "HubspotWebhookUrl", func(t template, _ *code) {
		t.property(sub("https://${Api}.example,${PublicBaseUrl}/webhooks/hubspot"), "webhook", "Environment", "Variables", "HUBSPOT_WEBHOOK_URL")
	}},
	{"an output gives out what it is named after", "MessagesUrl: Value is", func(t template, _ *code) {
		t.set(sub("https://${Api}.example/api/v1/messaggi"), "Outputs", "MessagesUrl", "Value")
	}},
	{"an output gives out what it is named after", "WhatsappWebhookUrl: no such output", func(t template, _ *code) {
		t.set(nil, "Outputs", "WhatsappWebhookUrl")
	}},
	{"the address that is given out is the first that the door accepts", "ZohoWebhookUrl", func(t template, _ *code) {
		t.property(sub("https://${Api}.example/webhooks/zoho"), "renewZohoChannel", "Environment", "Variables", "ZOHO_WEBHOOK_URL")
	}},
	{"an alarm names the command that mends it", "console", func(t template, _ *code) {
		t.property("Messages lie there: start a redrive in the console of SQS.", "ZohoOperationsDead", "AlarmDescription")
	}},
	{"a name is derived from the stack's", "PairsTable", func(t template, _ *code) { t.property("pairs", "PairsTable", "TableName") }},
	{"a name is derived from the stack's", "SuiteVersion", func(t template, _ *code) { t.property("/SUITE_VERSION", "SuiteVersion", "Name") }},
	{"a parameter takes what is right and refuses what is wrong", `PhoneRegion: its own default "it"`, func(t template, _ *code) {
		t.set("it", "Parameters", "PhoneRegion", "Default")
	}},
	{"a parameter is described and grouped", "NewOne", func(t template, _ *code) {
		t.set(object{"Type": "String"}, "Parameters", "NewOne")
	}},
	{"a parameter takes what is right and refuses what is wrong", `ReportTo: "client" is let through`, func(t template, _ *code) {
		t.set(nil, "Parameters", "ReportTo", "AllowedPattern")
	}},
	{"the template stays within CloudFormation's limits", "501 resources", func(t template, _ *code) {
		for i := len(t.resources()); i < mostResources+1; i++ {
			t.set(object{"Type": "AWS::SNS::Topic"}, "Resources", "Topic"+strconv.Itoa(i))
		}
		for _, f := range t.of(functionType) {
			t.set(object{}, "Resources", f, "Properties", "Events")
		}
	}},
	{"the template stays within CloudFormation's limits", "502 resources", func(t template, _ *code) {
		for _, f := range t.of(functionType) {
			t.set(object{}, "Resources", f, "Properties", "Events")
		}
		t.set(object{"Tick": object{}, "Report": object{}}, "Resources", "reconcile", "Properties", "Events")
		for i := len(t.resources()); i < mostResources; i++ {
			t.set(object{"Type": "AWS::SNS::Topic"}, "Resources", "Topic"+strconv.Itoa(i))
		}
	}},
	{"the template stays within CloudFormation's limits", "Throttles: it looks at 11 metrics", func(t template, _ *code) {
		few := list(t.get("Throttles", "Metrics"))
		for len(few) < mostMetrics+2 {
			few = append(few, few[1])
		}
		t.property(few, "Throttles", "Metrics")
	}},
	{"the template stays within CloudFormation's limits", "201 parameters", func(t template, _ *code) {
		all := t.object["Parameters"].(object)
		for i := len(all); i <= mostParameters; i++ {
			all["More"+strconv.Itoa(i)] = object{"Type": "String"}
		}
	}},
	{"the stack says its version", "SuiteVersion", func(t template, _ *code) { t.property("0.1.0", "SuiteVersion", "Value") }},
}

func TestEveryRuleOfTheTemplateCanFail(t *testing.T) {
	tpl, c := theTemplate(t), theCode(t)
	broken := map[string]bool{}
	for _, b := range slices.Concat(breaks, valueBreaks) {
		i := slices.IndexFunc(rules, func(r rule) bool { return r.name == b.rule })
		if i < 0 {
			t.Errorf("there is no rule that %s", b.rule)
			continue
		}
		broken[b.rule] = true
		changed, seen := tpl.copy(), c
		seen.reads, seen.faults = maps.Clone(c.reads), maps.Clone(c.faults)
		seen.folders = slices.Clone(c.folders)
		b.change(changed, &seen)
		complaints := rules[i].check(changed, seen)
		if !slices.ContainsFunc(complaints, func(s string) bool { return strings.Contains(s, b.blames) }) {
			t.Errorf("%s: nobody blames %s: %q", b.rule, b.blames, complaints)
		}
	}
	for _, r := range rules {
		if !broken[r.name] {
			t.Errorf("nothing shows that it can fail: %s", r.name)
		}
	}
}
