package pkg_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var comparison = regexp.MustCompile(`\$\.([A-Za-z_]+) = "([^"]*)"`)

// filters holds the patterns to the code: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html.
// A pattern in braces compares fields of a line, one in quotes is looked for in the whole line.
func filters(t template, c code) (out []string) {
	watched, fed := t.watched(), map[metric]bool{}
	for _, id := range t.of("AWS::Logs::MetricFilter") {
		complain := func(format string, args ...any) { out = append(out, id+": "+fmt.Sprintf(format, args...)) }
		if word(at(t.resources()[ref(t.get(id, "LogGroupName"))], "Type")) != "AWS::Logs::LogGroup" {
			complain("it looks at no log group of the stack")
		}
		pattern := word(t.get(id, "FilterPattern"))
		switch fields := comparison.FindAllStringSubmatch(pattern, -1); {
		case strings.HasPrefix(pattern, "{"):
			if rest := strings.Trim(comparison.ReplaceAllString(pattern, ""), "{}()&| "); rest != "" || len(fields) == 0 {
				complain("the pattern %s cannot be read", pattern)
			}
			if t.accessed(id) {
				for _, f := range fields {
					if _, has := t.accessLine("GET /", "200")[f[1]]; !has {
						complain("no line of the access log has a field %s", f[1])
					}
				}
				break
			}
			for _, f := range fields {
				if !c.fields[f[1]] {
					complain("no line of the log has a field %s", f[1])
				}
				if !c.writes(strings.Trim(f[2], "*")) {
					complain("no line of the log says %q", f[2])
				}
			}
		default:
			words, err := strconv.Unquote(pattern)
			name, rest, _ := strings.Cut(strings.TrimPrefix(words, "/"), " ")
			if err != nil || !c.writes(name) || !c.writes(" "+rest) {
				complain("no line of the log says %s", pattern)
			}
		}
		for _, m := range list(t.get(id, "MetricTransformations")) {
			key := metric{text(at(m, "MetricNamespace")), word(at(m, "MetricName")), ""}
			if fed[key] = true; len(watched[key]) == 0 {
				complain("no alarm looks at %s", key.name)
			}
			if value := word(at(m, "MetricValue")); value != "1" && !c.fields[strings.TrimPrefix(value, "$.")] {
				complain("no line of the log has the value %s", value)
			}
		}
	}
	for key, alarms := range watched {
		if strings.HasPrefix(key.namespace, "CrmConnector/") && !fed[key] {
			out = append(out, fmt.Sprintf("%s: nothing feeds %s", alarms[0], key.name))
		}
	}
	return out
}

// accessed reports whether a metric filter looks at the access log, which API Gateway writes.
func (t template) accessed(filter string) bool {
	return slices.ContainsFunc(t.of("AWS::ApiGatewayV2::Stage"), func(stage string) bool {
		return ref(t.get(stage, "AccessLogSettings", "DestinationArn")) == ref(t.get(filter, "LogGroupName"))
	})
}

// accessLine is the line of the access log for a request: its fields, with what is not known of it as the gateway writes that.
func (t template) accessLine(route, status string) map[string]string {
	line := map[string]string{}
	for _, stage := range t.of("AWS::ApiGatewayV2::Stage") {
		format := variables.ReplaceAllStringFunc(word(t.get(stage, "AccessLogSettings", "Format")), func(name string) string {
			switch name {
			case "$context.routeKey":
				return route
			case "$context.status":
				return status
			}
			return "-"
		})
		_ = json.Unmarshal([]byte(format), &line) // that it is JSON is a rule of its own
	}
	return line
}

// writes reports whether a text is in a string constant of the code.
func (c code) writes(text string) bool {
	return text != "" && slices.ContainsFunc(c.texts, func(s string) bool { return strings.Contains(s, text) })
}
