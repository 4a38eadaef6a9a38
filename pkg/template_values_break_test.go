package pkg_test

import (
	"strings"
)

// The rules that hold single values.
const (
	nobodyLooks = "there is nothing in the stack that nobody looks at"
	asItsKind   = "a thing of the stack says what its kind must say"
	itsName     = "a variable is set to what it is named after"
	itsAnswer   = "a condition holds where its parameter says so"
	itsValues   = "a parameter takes what is right and refuses what is wrong"
	itsThrottle = "a throttle waits for its route, and each route has one"
	itsOutput   = "an output gives out what it is named after"
	onDashboard = "the dashboard shows every function and queue, and what the logs tell"
)

// says gives a property of a resource a value, which a rule must blame.
func says(rule, id string, value any, path ...string) breach {
	blames := id + ": " + strings.Join(path, ".") + " is "
	if rule == nobodyLooks {
		blames = id + ": the property " + strings.Join(path, ".") + " is nowhere allowed"
	}
	return breach{rule, blames, func(t template, _ *code) { t.property(value, id, path...) }}
}

// woken says the same of what starts a function.
func woken(rule, function, event string, value any, path ...string) breach {
	blames := function + ": " + strings.Join(path, ".") + " is "
	if rule == nobodyLooks {
		blames = function + ": of its event the property " + strings.Join(path, ".") + " is nowhere allowed"
	}
	return breach{rule, blames, func(t template, _ *code) {
		t.property(value, function, append([]string{"Events", event, "Properties"}, path...)...)
	}}
}

// overall says the same of what is no resource.
func overall(rule, blames string, value any, path ...string) breach {
	return breach{rule, blames, func(t template, _ *code) { t.set(value, path...) }}
}

var inverted = object{"Fn::If": []any{"ReservesConcurrency", unset, to("ZohoBatches")}}

var valueBreaks = []breach{
	// a function that does not run, or does not as it should
	says(asItsKind, "webhook", "0", "ReservedConcurrentExecutions"),
	says(asItsKind, "zohoConsumer", "0", "ReservedConcurrentExecutions"),
	says(asItsKind, "zohoConsumer", inverted, "ReservedConcurrentExecutions"),
	says(asItsKind, "zohoConsumer", object{"Fn::If": []any{"OnAws", to("ZohoBatches"), unset}}, "ReservedConcurrentExecutions"),
	says(asItsKind, "zohoConsumer", object{"Fn::If": []any{"ReservesConcurrency", to("PairKeyId"), unset}}, "ReservedConcurrentExecutions"),
	overall(itsValues, `ZohoBatches: "1" is let through`, "0", "Parameters", "ZohoBatches", "MinValue"),
	overall(itsValues, `ZohoBatches: its own default "0"`, "0", "Parameters", "ZohoBatches", "Default"),
	says(asItsKind, "webhook", "128", "MemorySize"),
	says(asItsKind, "webhook", "FATAL", "LoggingConfig", "ApplicationLogLevel"),
	says(asItsKind, "webhook", "Text", "LoggingConfig", "LogFormat"),
	says(asItsKind, "webhook", to("ReconcileLogs"), "LoggingConfig", "LogGroup"),
	says(asItsKind, "webhook", sub("${AWS::StackName}-hook"), "FunctionName"),
	says(nobodyLooks, "webhook", "PassThrough", "Tracing"),
	says(nobodyLooks, "webhook", object{"ApplyOn": "PublishedVersions"}, "SnapStart"),
	says(nobodyLooks, "webhook", []any{"arm64"}, "Architectures"),
	says(nobodyLooks, "webhook", object{"Size": "10240"}, "EphemeralStorage"),
	says(nobodyLooks, "webhook", object{"SubnetIds": []any{"subnet-1"}, "SecurityGroupIds": []any{"sg-1"}}, "VpcConfig"),
	says(nobodyLooks, "refreshZohoToken", object{"MaximumEventAgeInSeconds": "60", "MaximumRetryAttempts": "0"}, "EventInvokeConfig"),
	says(nobodyLooks, "refreshZohoToken", object{"Type": "SQS", "TargetArn": got("ZohoOperations", "Arn")}, "DeadLetterQueue"),
	says(nobodyLooks, "webhook", "live", "AutoPublishAlias"),
	says(nobodyLooks, "webhook", "provided.al2", "Runtime"),
	says(nobodyLooks, "webhook", []any{"arn:aws:lambda:eu-central-1:210987654321:layer:theirs:1"}, "Layers"),
	overall(asItsKind, "Template: Globals.Function.Tracing is PassThrough", "PassThrough", "Globals", "Function", "Tracing"),
	overall(asItsKind, "Template: Globals.Function.Architectures is", []any{"arm64"}, "Globals", "Function", "Architectures"),
	overall(asItsKind, "Template: Globals.Function.Runtime is provided.al2,", "provided.al2", "Globals", "Function", "Runtime"),
	overall(asItsKind, "Template: Globals.Function.Environment.Variables is",
		object{"Fn::If": []any{"OnAws", to("AwsEndpointUrl"), unset}}, "Globals", "Function", "Environment", "Variables", "AWS_ENDPOINT_URL"),
	overall(nobodyLooks, "Template: the section Globals.Function.Timeout", "3", "Globals", "Function", "Timeout"),
	{"a sender with another secret is told, and a stranger is not", "WhatsappSecretWrong: it compares", func(t template, _ *code) {
		first(t.get("WhatsappSecretWrong", "Metrics")).(object)["Expression"] = "SUM(METRICS())"
	}},
	overall(nobodyLooks, "Template: the section Hooks", object{}, "Hooks"),
	overall("what does not go together is refused", "KeySetsHoldPublicKeys: there is no such rule", object{}, "Rules"),
	overall("what does not go together is refused", "KeySetsHoldPublicKeys: map[ConversionsJwksUrl:https://issuer.example/keys ConversionsJwtAlgorithm:HS256] is kept: true",
		object{"Fn::Equals": []any{to("ConversionsJwksUrl"), "x"}}, "Rules", "KeySetsHoldPublicKeys", "RuleCondition"),
	overall(nobodyLooks, "webhook: the property Condition", "HasWhatsapp", "Resources", "webhook", "Condition"),
	overall(asItsKind, "webhook: Metadata.BuildMethod is makefile", "makefile", "Resources", "webhook", "Metadata", "BuildMethod"),

	// what starts it
	woken(nobodyLooks, "hubspotConsumer", "Operations", "false", "Enabled"),
	woken(nobodyLooks, "hubspotConsumer", "Operations", object{"OnFailure": got("ZohoOperations", "Arn")}, "DestinationConfig"),
	woken(nobodyLooks, "hubspotConsumer", "Operations", "5", "MaximumBatchingWindowInSeconds"),
	woken(asItsKind, "hubspotConsumer", "Operations", "1", "BatchSize"),
	woken(asItsKind, "hubspotConsumer", "Operations", []any{}, "FunctionResponseTypes"),
	woken(asItsKind, "hubspotConsumer", "Operations", to("ZohoBatches"), "ScalingConfig", "MaximumConcurrency"),
	woken(asItsKind, "reconcile", "Schedule", "0", "RetryPolicy", "MaximumRetryAttempts"),
	woken(asItsKind, "reconcile", "Schedule", "60", "RetryPolicy", "MaximumEventAgeInSeconds"),
	woken(asItsKind, "reconcile", "Schedule", got("ReconcileRole", "Arn"), "RoleArn"),
	woken(nobodyLooks, "reconcile", "Schedule", object{"Mode": "FLEXIBLE", "MaximumWindowInMinutes": "1440"}, "FlexibleTimeWindow"),
	woken(nobodyLooks, "reconcile", "Schedule", "2026-01-01T00:00:00Z", "EndDate"),
	{"a clock starts what it should", "reconcile: its schedule", func(t template, _ *code) {
		t.property("DISABLED", "reconcile", "Events", "Schedule", "Properties", "State")
	}},
	{"a clock starts what it should", "sendWhatsapp: its schedule", func(t template, _ *code) {
		t.property(object{"Fn::If": []any{"HasWhatsapp", "DISABLED", "ENABLED"}}, "sendWhatsapp", "Events", "Schedule", "Properties", "State")
	}},

	// the API
	says(asItsKind, "WebhookIntegration", "50", "TimeoutInMillis"),
	says(asItsKind, "SendWhatsappIntegration", "30001", "TimeoutInMillis"),
	says(asItsKind, "ConversionApiIntegration", "1.0", "PayloadFormatVersion"),
	says(nobodyLooks, "WebhookIntegration", "arn:aws:iam::123456789012:role/other", "CredentialsArn"),
	says(nobodyLooks, "WebhookIntegration", object{"append:header.x": "y"}, "RequestParameters"),
	says(nobodyLooks, "HubspotRoute", "AWS_IAM", "AuthorizationType"),
	says(nobodyLooks, "Api", "true", "DisableExecuteApiEndpoint"),
	says(asItsKind, "Api", "WEBSOCKET", "ProtocolType"),
	says(asItsKind, "ApiStage", "1", "DefaultRouteSettings", "ThrottlingRateLimit"),
	says(asItsKind, "ApiStage", got("WebhookLogs", "Arn"), "AccessLogSettings", "DestinationArn"),
	{itsThrottle, "HubspotRoute: its throttle is", func(t template, _ *code) {
		t.property("1", "ApiStage", "RouteSettings", "POST /webhooks/hubspot", "ThrottlingRateLimit")
		t.property("1", "ApiStage", "RouteSettings", "POST /webhooks/hubspot", "ThrottlingBurstLimit")
	}},
	{itsThrottle, "WhatsappRoute: its throttle is", func(t template, _ *code) {
		t.property("1", "ApiStage", "RouteSettings", "POST /webhooks/whatsapp", "ThrottlingBurstLimit")
	}},
	{itsThrottle, "MetricsRoute: its throttle is", func(t template, _ *code) {
		t.property("false", "ApiStage", "RouteSettings", "GET /api/v1/metriche/conversioni", "DetailedMetricsEnabled")
	}},

	// queues, tables, logs
	says(nobodyLooks, "ZohoOperations", "1024", "MaximumMessageSize"),
	says(nobodyLooks, "ZohoOperations", "900", "DelaySeconds"),
	says(nobodyLooks, "ZohoOperationsDlq", object{"redrivePermission": "denyAll"}, "RedriveAllowPolicy"),
	says(nobodyLooks, "ZohoOperations", "true", "ContentBasedDeduplication"),
	says(nobodyLooks, "ZohoOperations", "20", "ReceiveMessageWaitTimeSeconds"),
	says(nobodyLooks, "ZohoOperations", "alias/theirs", "KmsMasterKeyId"),
	says(asItsKind, "ZohoOperations", "60", "MessageRetentionPeriod"),
	says(asItsKind, "ZohoOperations", "queue", "DeduplicationScope"),
	says(asItsKind, "ZohoOperations", "perQueue", "FifoThroughputLimit"),
	says(asItsKind, "ZohoOperations", "false", "SqsManagedSseEnabled"),
	says(asItsKind, "ZohoOperations", "3", "RedrivePolicy", "maxReceiveCount"),
	says(asItsKind, "ZohoOperations", got("HubspotOperationsDlq", "Arn"), "RedrivePolicy", "deadLetterTargetArn"),
	says(asItsKind, "ZohoOperations", sub("${AWS::StackName}-hubspot-operations.fifo"), "QueueName"),
	{"the visibility of a queue is six times the timeout of its consumer", "ZohoOperations: 43200 s", func(t template, _ *code) {
		t.property("43200", "ZohoOperations", "VisibilityTimeout")
	}},
	says(asItsKind, "ZohoOperationsDlq", "43200", "VisibilityTimeout"),
	says(nobodyLooks, "PairsTable", object{"MaxReadRequestUnits": "1", "MaxWriteRequestUnits": "1"}, "OnDemandThroughput"),
	says(nobodyLooks, "PairsTable", object{"StreamViewType": "NEW_IMAGE"}, "StreamSpecification"),
	says(nobodyLooks, "PairsTable", "1", "PointInTimeRecoverySpecification", "RecoveryPeriodInDays"),
	says(nobodyLooks, "PairsTable", object{"PolicyDocument": object{}}, "ResourcePolicy"),
	says(nobodyLooks, "PairsTable", "STANDARD_INFREQUENT_ACCESS", "TableClass"),
	says(asItsKind, "PairsTable", "PROVISIONED", "BillingMode"),
	says(asItsKind, "PairsTable", "false", "DeletionProtectionEnabled"),
	says(asItsKind, "PairsTable", "false", "TimeToLiveSpecification", "Enabled"),
	says(asItsKind, "PairsTable", []any{object{"AttributeName": "pk", "KeyType": "HASH"}}, "KeySchema"),
	says(asItsKind, "PairsTable", sub("${AWS::StackName}-tokens"), "TableName"),
	says(nobodyLooks, "WebhookLogs", "INFREQUENT_ACCESS", "LogGroupClass"),
	says(nobodyLooks, "WebhookLogs", object{}, "DataProtectionPolicy"),
	says(asItsKind, "WebhookLogs", to("PairKeyId"), "RetentionInDays"),
	says(asItsKind, "WebhookLogs", sub("/aws/lambda/${AWS::StackName}-reconcile"), "LogGroupName"),

	// what is told
	says(nobodyLooks, "AlarmSubscription", object{"severity": []any{"none"}}, "FilterPolicy"),
	says(nobodyLooks, "AlarmSubscription", object{"healthyRetryPolicy": object{"numRetries": "0"}}, "DeliveryPolicy"),
	says(asItsKind, "AlarmSubscription", to("ReportTo"), "Endpoint"),
	overall(asItsKind, "AlarmSubscription: Condition is HasEndpoint", "HasEndpoint", "Resources", "AlarmSubscription", "Condition"),
	says(nobodyLooks, "AlarmTopic", "alias/aws/sns", "KmsMasterKeyId"),
	says(asItsKind, "ReportMailEvents", "false", "EventDestination", "Enabled"),
	says(asItsKind, "ReportMailEvents", []any{"bounce"}, "EventDestination", "MatchingEventTypes"),
	says(asItsKind, "ReportMailEvents", []any{}, "EventDestination", "CloudWatchDestination", "DimensionConfigurations"),
	says(nobodyLooks, "ReportMails", object{"SendingEnabled": "false"}, "SendingOptions"),
	says(nobodyLooks, "ReportMails", object{"SuppressedReasons": []any{"BOUNCE"}}, "SuppressionOptions"),
	says(nobodyLooks, "Api5xx", []any{}, "OKActions"),
	says(asItsKind, "SuiteVersion", "SecureString", "Type"),
	says(nobodyLooks, "SuiteVersion", "Advanced", "Tier"),
	says(asItsKind, "WebhookRole", "2008-10-17", "AssumeRolePolicyDocument", "Version"),
	{"a right is an allowance of what is called, on a thing of the stack", "WebhookRole: a policy of 2008-10-17", func(t template, _ *code) {
		first(t.get("WebhookRole", "Policies")).(object)["PolicyDocument"].(object)["Version"] = "2008-10-17"
	}},
	says(asItsKind, "ZohoOperationsPolicy", []any{to("HubspotOperations")}, "Queues"),
	says(asItsKind, "WebhookPermission", "lambda:*", "Action"),

	// variables
	variable("webhook", "HUBSPOT_OPERATIONS_QUEUE", to("ZohoOperations")),
	variable("webhook", "HUBSPOT_OPERATIONS_QUEUE", "HubspotOperations"),
	variable("zohoConsumer", "PAIRS_TABLE", to("ParkedTable")),
	variable("zohoConsumer", "PARKED_TABLE", got("ParkedTable", "Arn")),
	variable("getZohoToken", "REFRESH_ZOHO_TOKEN_FUNCTION", to("getZohoToken")),
	variable("conversionClock", "CONVERSION_EVENTS_DLQ", to("ZohoOperationsDlq")),
	variable("failureReporter", "REPORT_CONFIGURATION_SET", sub("${AWS::StackName}")),
	variable("webhook", "SECRETS_PATH", sub("/${AWS::StackName}/")),
	variable("zohoConsumer", "HUBSPOT_CALLS_PER_DAY", to("ZohoCreditsPerDay")),
	variable("webhook", "HUBSPOT_WEBHOOK_URL", sub("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/webhooks/hubspot")),
	variable("zohoConsumer", "PAIR_KEY", to("PairKeyId")),

	// conditions
	overall(itsAnswer, "HasEndpoint: it is", equals("", "AwsEndpointUrl"), "Conditions", "HasEndpoint"),
	overall(itsAnswer, "OnAws: it is", not(equals("", "AwsEndpointUrl")), "Conditions", "OnAws"),
	overall(itsAnswer, "HasPublicUrl: it is", equals("", "PublicBaseUrl"), "Conditions", "HasPublicUrl"),
	overall(itsAnswer, "HasAlarmEmail: it is", equals("", "AlarmEmail"), "Conditions", "HasAlarmEmail"),
	overall(itsAnswer, "HasWhatsapp: it is", equals("", "WhatsappPhoneNumberId"), "Conditions", "HasWhatsapp"),
	overall(itsAnswer, "HasConversions: it is", equals("", "ConversionsJwtIssuer"), "Conditions", "HasConversions"),
	overall(itsAnswer, "ReservesConcurrency: it is", equals("false", "ReserveConcurrency"), "Conditions", "ReservesConcurrency"),
	overall(itsAnswer, "HasConversions: it asks", not(equals("", "ConversionsJwksUrl")), "Conditions", "HasConversions"),
	overall(itsAnswer, "HasWhatsapp: it is", equals("106540352242922", "WhatsappPhoneNumberId"), "Conditions", "HasWhatsapp"),
	overall(itsAnswer, "Never: it asks", equals("", "Slack"), "Conditions", "Never"),
	overall(itsAnswer, "OnAws: no such condition", nil, "Conditions", "OnAws"),

	// parameters
	overall(itsValues, `HubspotAppId: "" is let through`, "^[0-9]{0,20}$", "Parameters", "HubspotAppId", "AllowedPattern"),
	overall(itsValues, `HubspotAppId: its own default ""`, "", "Parameters", "HubspotAppId", "Default"),
	overall(itsValues, "HubspotAppId: its default is 1,", "1", "Parameters", "HubspotAppId", "Default"),
	overall(itsValues, "ReportFrom: its default is", "reports@example.com", "Parameters", "ReportFrom", "Default"),
	overall(itsValues, "ZohoConditionalWrites: its default is true", "true", "Parameters", "ZohoConditionalWrites", "Default"),
	overall(itsValues, "HubspotSignatureMode: its default is v3-or-v1", "v3-or-v1", "Parameters", "HubspotSignatureMode", "Default"),
	overall(itsValues, `PublicBaseUrl: "https://hooks.example.com/" is let through`, `^(https?://[^\s]+)?$`, "Parameters", "PublicBaseUrl", "AllowedPattern"),
	overall(itsValues, `ReportTo: "client@example.com,second@example.com" is not allowed`, `^[^\s,;<>@]+@[^\s,;<>@]+\.[^\s,;<>@]+$`, "Parameters", "ReportTo", "AllowedPattern"),
	overall(itsValues, `ReportFrom: "a..b@example.com" is let through`, `^[^\s,;<>@]+@[^\s,;<>@]+\.[^\s,;<>@]+$`, "Parameters", "ReportFrom", "AllowedPattern"),
	overall(itsValues, `AlarmEmail: "mario.@example.com" is let through`, `^([^\s,;<>@]+@[^\s,;<>@]+\.[^\s,;<>@]+)?$`, "Parameters", "AlarmEmail", "AllowedPattern"),
	overall(itsValues, `LogLevel: "ERROR" is let through`, []any{"DEBUG", "INFO", "ERROR"}, "Parameters", "LogLevel", "AllowedValues"),
	overall(itsValues, `Slack: "true" is not allowed`, []any{"false"}, "Parameters", "Slack", "AllowedValues"),
	overall(itsValues, `BudgetReserve: "91" is let through`, "100", "Parameters", "BudgetReserve", "MaxValue"),
	overall(itsValues, "HubspotAppId: nobody knows NoEcho", "true", "Parameters", "HubspotAppId", "NoEcho"),
	overall(itsValues, "ZohoBatches: it is a String", "String", "Parameters", "ZohoBatches", "Type"),
	overall(itsValues, "NewOne: nobody knows its values", object{"Type": "String"}, "Parameters", "NewOne"),
	overall(itsValues, "Leads: no such parameter", nil, "Parameters", "Leads"),
	overall(itsValues, "ZohoClientId: a refusal", nil, "Parameters", "ZohoClientId", "ConstraintDescription"),

	// outputs, dashboard
	overall(itsOutput, "HubspotOperationsQueue: Value is", to("ZohoOperations"), "Outputs", "HubspotOperationsQueue", "Value"),
	overall(itsOutput, "AlarmTopicArn: nobody knows Condition", "HasAlarmEmail", "Outputs", "AlarmTopicArn", "Condition"),
	{onDashboard, "Dashboard: it does not show Errors webhook", func(t template, _ *code) {
		body := word(at(t.get("Dashboard", "DashboardBody"), "Fn::Sub"))
		t.property(sub(strings.ReplaceAll(body, `"Errors", "FunctionName", "${webhook}"`, `"Errors", "FunctionName", "${reconcile}"`)), "Dashboard", "DashboardBody")
	}},
	{onDashboard, "Dashboard: it does not show OurFault", func(t template, _ *code) {
		body := word(at(t.get("Dashboard", "DashboardBody"), "Fn::Sub"))
		t.property(sub(strings.Replace(body, "OurFault", "Faults", 1)), "Dashboard", "DashboardBody")
	}},
	{onDashboard, "Dashboard: invalid character", func(t template, _ *code) { t.property(sub("widgets"), "Dashboard", "DashboardBody") }},
}

func variable(function, name string, value any) breach {
	return breach{itsName, function + ": " + name + " is ", func(t template, _ *code) { t.property(value, function, "Environment", "Variables", name) }}
}

func equals(value, parameter string) object { return object{"Fn::Equals": []any{to(parameter), value}} }

func not(condition any) object { return object{"Fn::Not": []any{condition}} }
