package pkg_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/zoho"
)

// behind returns the function that a route leads to.
func (t template) behind(route string) string {
	integration := holes.FindStringSubmatch(word(at(t.get(route, "Target"), "Fn::Sub")))
	if integration == nil {
		return ""
	}
	return t.started(integration[1])
}

// started returns the function that an integration starts.
func (t template) started(integration string) string {
	for _, id := range uses(t.get(integration, "IntegrationUri")) {
		if word(at(t.resources()[id], "Type")) == functionType {
			return id
		}
	}
	return ""
}

func routed(t template, _ code) (out []string) {
	found := map[string]string{}
	for _, id := range t.of("AWS::ApiGatewayV2::Route") {
		key := word(t.get(id, "RouteKey"))
		found[key] = id
		if routes[key] == "" {
			out = append(out, fmt.Sprintf("%s: nobody asked for %s", id, key))
		} else if got := t.behind(id); got != routes[key] {
			out = append(out, fmt.Sprintf("%s: %s leads to %q, want %s", id, key, got, routes[key]))
		}
	}
	for key := range routes {
		if found[key] == "" {
			out = append(out, key+": no such route")
		}
	}
	return out
}

// found holds the template to what SAM CLI 1.170 needs: it takes a template whose first function stands above the API for one
// without routes, and resolves the ARN of a function that has a name of its own only where it is put together.
func found(t template, _ code) (out []string) {
	if len(t.order) != len(t.resources()) {
		return []string{fmt.Sprintf("Resources: the order of %d is known", len(t.order))}
	}
	place := func(id string) int { return slices.Index(t.order, id) }
	for _, api := range t.of("AWS::ApiGatewayV2::Api") {
		for _, f := range t.of(functionType) {
			if place(f) < place(api) {
				out = append(out, fmt.Sprintf("%s: stands above %s", f, api))
			}
		}
	}
	for _, id := range t.of("AWS::ApiGatewayV2::Integration") {
		if at(t.get(id, "IntegrationUri"), "Fn::GetAtt") != nil {
			out = append(out, id+": its function is not found")
		}
	}
	return out
}

func throttled(t template, _ code) (out []string) {
	keys := map[string]string{}
	for _, id := range t.of("AWS::ApiGatewayV2::Route") {
		keys[word(t.get(id, "RouteKey"))] = id
	}
	for _, stage := range t.of("AWS::ApiGatewayV2::Stage") {
		waits := words(at(t.resources()[stage], "DependsOn"))
		limits, _ := t.get(stage, "RouteSettings").(object)
		for key := range limits {
			if keys[key] == "" || !slices.Contains(waits, keys[key]) {
				out = append(out, fmt.Sprintf("%s: does not wait for the route %s", stage, key))
			}
		}
		for key, id := range keys {
			rate := rates[key]
			want := object{"ThrottlingRateLimit": fmt.Sprint(rate), "ThrottlingBurstLimit": fmt.Sprint(2 * rate), "DetailedMetricsEnabled": "true"}
			if !reflect.DeepEqual(limits[key], want) {
				out = append(out, fmt.Sprintf("%s: its throttle is %s, want %s", id, spelt(limits[key]), spelt(want)))
			}
		}
	}
	if n := len(t.of("AWS::ApiGatewayV2::Stage")); n != 1 {
		out = append(out, fmt.Sprintf("Api: %d stages", n))
	}
	return out
}

func permitted(t template, _ code) (out []string) {
	permitted := map[string]bool{}
	for _, id := range t.of("AWS::Lambda::Permission") {
		if word(t.get(id, "Principal")) == "apigateway.amazonaws.com" && strings.HasSuffix(word(at(t.get(id, "SourceArn"), "Fn::Sub")), ":${Api}/*") {
			permitted[ref(t.get(id, "FunctionName"))] = true
		}
	}
	for _, id := range t.of("AWS::ApiGatewayV2::Integration") {
		if !permitted[t.started(id)] {
			out = append(out, id+": the API may not start its function")
		}
	}
	return out
}

// logged are what the access log may hold.
var logged = []string{
	"requestId", "requestTime", "routeKey", "status", "responseLength", "responseLatency", "integration.status", "integrationLatency",
	"error.messageString", "integrationErrorMessage",
}

var variables = regexp.MustCompile(`\$context\.([A-Za-z.]+)`)

func accessLog(t template, _ code) (out []string) {
	for _, stage := range t.of("AWS::ApiGatewayV2::Stage") {
		format := word(t.get(stage, "AccessLogSettings", "Format"))
		var line map[string]string
		if err := json.Unmarshal([]byte(format), &line); err != nil || len(line) == 0 {
			out = append(out, stage+": a line of the access log is not JSON")
		}
		for _, v := range variables.FindAllStringSubmatch(format, -1) {
			if !slices.Contains(logged, v[1]) {
				out = append(out, fmt.Sprintf("%s: the access log holds %s", stage, v[1]))
			}
		}
	}
	return out
}

// addresses compares the outputs with what the functions are told, with and without a domain in front: the operator's command takes
// the first address of the list for the one that HubSpot is given.
func addresses(t template, _ code) (out []string) {
	for _, domain := range []string{"", "https://hooks.example.com"} {
		s := stack{t, maps.Clone(answers)}
		s.given["PublicBaseUrl"] = domain
		for output, told := range map[string][2]string{"HubspotWebhookUrl": {"webhook", "HUBSPOT_WEBHOOK_URL"}, "ZohoWebhookUrl": {"renewZohoChannel", "ZOHO_WEBHOOK_URL"}} {
			_, has := s.environment(told[0])
			head, _, _ := strings.Cut(has[told[1]], ",")
			given, _ := s.value(at(t.object, "Outputs", output, "Value")).(string)
			if given == "" || given != head || !strings.HasPrefix(given, domain) {
				out = append(out, fmt.Sprintf("%s: %q is given out, and %s is told %q first", output, given, told[0], head))
			}
		}
	}
	return out
}

// publicly is an address of the API, by the domain in front of it where there is one.
func publicly(path string) any {
	return object{"Fn::If": []any{
		"HasPublicUrl", sub("${PublicBaseUrl}" + path), sub("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}" + path),
	}}
}

// outputs are what the stack tells who deployed it, and the operator's command.
var outputs = map[string]any{
	"HubspotWebhookUrl": publicly(hubspot.Path), "ZohoWebhookUrl": publicly(zoho.Path), "WhatsappWebhookUrl": publicly(whatsapp.Path),
	"ConversionEventsUrl": publicly(conversions.EventsPath), "MetricsUrl": publicly(conversions.MetricsPath), "MessagesUrl": publicly(conversions.MessagesPath),
	"ApiId": to("Api"), "SecretsPath": sub("/${AWS::StackName}"), "AlarmTopicArn": to("AlarmTopic"), "Version": got("SuiteVersion", "Value"),
	"ZohoOperationsQueue": to("ZohoOperations"), "HubspotOperationsQueue": to("HubspotOperations"),
	"WhatsappOperationsQueue": to("WhatsappOperations"), "ConversionEventsQueue": to("ConversionEvents"),
	"DashboardUrl": sub("https://${AWS::Region}.console.aws.amazon.com/cloudwatch/home?region=${AWS::Region}#dashboards/dashboard/${AWS::StackName}"),
}

func givenOut(t template, _ code) (out []string) {
	all, _ := t.object["Outputs"].(object)
	for name, o := range all {
		unknown, wrong := misfits(t, name, o, shape{"Description": ruled, "Value": is(outputs[name])})
		for _, what := range unknown {
			out = append(out, fmt.Sprintf("%s: nobody knows %s", name, what))
		}
		if out = append(out, wrong...); len(strings.Fields(word(at(o, "Description")))) < 3 {
			out = append(out, name+": no description")
		}
	}
	for name := range outputs {
		if all[name] == nil {
			out = append(out, name+": no such output")
		}
	}
	return out
}
