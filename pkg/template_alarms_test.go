package pkg_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// alarms returns what every alarm rings for, and what every metric filter counts: a line for each.
func (t template) alarms() []string {
	var lines []string
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		p, _ := at(t.resources()[id], "Properties").(object)
		line := []string{id}
		if where := word(at(t.resources()[id], "Condition")); where != "" {
			line = append(line, "where "+where)
		}
		line = append(line, looked(p, said(p["Statistic"])+said(p["ExtendedStatistic"]), p["Period"]))
		for _, m := range list(p["Metrics"]) {
			if stat := at(m, "MetricStat"); stat != nil {
				metric, _ := at(stat, "Metric").(object)
				line = append(line, word(at(m, "Id"))+" "+looked(metric, said(at(stat, "Stat")), at(stat, "Period")))
			} else {
				line = append(line, said(at(m, "Expression")))
			}
		}
		of := said(p["EvaluationPeriods"])
		if few := said(p["DatapointsToAlarm"]); few != "null" {
			of = few + " of " + of
		}
		line = append(line, said(p["ComparisonOperator"])+" "+said(p["Threshold"]), of, "silence "+said(p["TreatMissingData"]))
		if few := said(p["EvaluateLowSampleCountPercentile"]); few != "null" {
			line = append(line, "few samples "+few)
		}
		lines = append(lines, strings.Join(slices.DeleteFunc(line, func(s string) bool { return s == "" }), " | "))
	}
	for _, id := range t.of("AWS::Logs::MetricFilter") {
		for _, m := range list(t.get(id, "MetricTransformations")) {
			lines = append(lines, fmt.Sprintf("%s | %s | %s | %s %s by %s", id, ref(t.get(id, "LogGroupName")), word(t.get(id, "FilterPattern")),
				said(at(m, "MetricNamespace")), said(at(m, "MetricName")), said(at(m, "MetricValue"))))
		}
	}
	return lines
}

// looked is a metric in words, "" for an alarm that looks at several.
func looked(m object, statistic string, period any) string {
	if m["MetricName"] == nil {
		return ""
	}
	var of string
	for _, d := range list(m["Dimensions"]) {
		of += " " + said(at(d, "Name")) + "=" + said(at(d, "Value"))
	}
	return fmt.Sprintf("%s %s%s, %s of %s s", said(m["Namespace"]), said(m["MetricName"]), of, strings.ReplaceAll(statistic, "null", ""), said(period))
}

func alarmsHeld(t template, _ code) []string { return golden(alarmsFile, t.alarms()) }

// dimensions are by whom a metric of AWS is told apart: the name of the dimension, the kind of the resource, and the attribute that it
// is named by. Ours, of a stack, have none.
var dimensions = map[string]struct{ name, kind, attribute string }{
	"AWS/SQS":        {"QueueName", "AWS::SQS::Queue", "QueueName"},
	"AWS/Lambda":     {"FunctionName", functionType, ""},
	"AWS/ApiGateway": {"ApiId", "AWS::ApiGatewayV2::Api", ""},
	"AWS/SES":        {"ses:configuration-set", "AWS::SES::ConfigurationSet", ""},
}

const namespace = "CrmConnector/${AWS::StackName}"

// measures are the metrics that are no counts, with the statistic that says something about them.
var measures = map[string]string{
	"ApproximateNumberOfMessagesVisible": "Maximum", "ApproximateAgeOfOldestMessage": "Maximum", "SendersAhead": "p50", "SendersBehind": "p50",
}

// silent are the metrics whose absence is what is told.
var silent = []string{"Invocations", "Reports"}

// least are the thresholds by metric, where it is not the first that counts. Those of the age of a queue are a rule of their own.
var least = map[string]string{
	"4xx": "100", "JwtFailures": "20", "SendersAhead": "2000", "SendersBehind": "120000",
	"EventsCounted": "0.5", "EventsFailed": "0.5", // per cent of both
}

func rings(t template, _ code) (out []string) {
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		complain := func(format string, args ...any) { out = append(out, id+": "+fmt.Sprintf(format, args...)) }
		p, _ := at(t.resources()[id], "Properties").(object)
		type one struct {
			metric    object
			statistic string
			period    int
		}
		all := []one{}
		if p["Metrics"] == nil {
			all = append(all, one{p, word(p["Statistic"]) + word(p["ExtendedStatistic"]), number(p["Period"])})
		}
		told := 0 // what of several metrics is compared
		for _, m := range list(p["Metrics"]) {
			if stat := at(m, "MetricStat"); stat != nil {
				metric, _ := at(stat, "Metric").(object)
				all = append(all, one{metric, word(at(stat, "Stat")), number(at(stat, "Period"))})
			}
			if word(at(m, "ReturnData")) == "true" {
				told++
			}
		}
		if p["Metrics"] != nil && told != 1 {
			complain("%d of its metrics are compared", told)
		}
		for _, o := range all {
			name := word(o.metric["MetricName"])
			if why := t.dimensioned(o.metric); why != "" {
				complain("%s", why)
			}
			want := measures[name]
			if want == "" {
				want = "Sum"
			}
			if o.statistic != want {
				complain("%s is looked at as %s, want %s", name, o.statistic, want)
			}
			if span := o.period * number(p["EvaluationPeriods"]); o.period < 60 || o.period%60 != 0 || span < o.period || span > 86400 {
				complain("it looks at %d s in %s pieces", o.period, said(p["EvaluationPeriods"]))
			}
			operator, missing := word(p["ComparisonOperator"]), word(p["TreatMissingData"])
			if less := slices.Contains(silent, name); less != (operator == "LessThanThreshold") || less != (missing == "breaching") {
				complain("%s rings when it is %s %s, and %s when there is nothing", name, operator, said(p["Threshold"]), missing)
			} else if !less && operator != "GreaterThanThreshold" && operator != "GreaterThanOrEqualToThreshold" {
				complain("nobody knows %s", operator)
			}
			limit := least[name]
			if limit == "" {
				limit = "1"
			}
			switch got := word(p["Threshold"]); {
			case name == "ApproximateAgeOfOldestMessage":
				if !slices.Contains(ages(t.queueOf(o.metric)), got) {
					complain("it waits for an age of %s s", got)
				}
			case got != limit, limit == "1" && operator == "GreaterThanThreshold":
				complain("it rings at %s %s of %s, want %s", operator, got, name, limit)
			}
		}
		if few := p["DatapointsToAlarm"]; few != nil && (number(few) < 1 || number(few) > number(p["EvaluationPeriods"])) {
			complain("%s of %s never come", said(few), said(p["EvaluationPeriods"]))
		}
	}
	return out
}

func (t template) queueOf(metric object) string { return ref(at(first(metric["Dimensions"]), "Value")) }

// dimensioned says why a metric is of nothing in the stack.
func (t template) dimensioned(m object) string {
	all := list(m["Dimensions"])
	space := text(m["Namespace"])
	if space == namespace {
		if len(all) != 0 {
			return "a metric of ours has no dimension"
		}
		return ""
	}
	want, known := dimensions[space]
	if !known || len(all) != 1 {
		return fmt.Sprintf("%s is of nothing in the stack", space)
	}
	name, value := word(at(all[0], "Name")), at(all[0], "Value")
	by := ""
	if l := words(at(value, "Fn::GetAtt")); len(l) == 2 {
		by = l[1]
	}
	if name != want.name || by != want.attribute || word(at(t.resources()[ref(value)], "Type")) != want.kind {
		return fmt.Sprintf("%s has no metrics of %s %s", space, name, said(value))
	}
	return ""
}

// counts: what a filter finds raises its metric, by one or by what the line says, and nothing else does.
func counts(t template, _ code) (out []string) {
	for _, id := range t.of("AWS::Logs::MetricFilter") {
		all := list(t.get(id, "MetricTransformations"))
		if len(all) != 1 {
			out = append(out, id+": it counts into several metrics")
		}
		for _, m := range all {
			o, _ := m.(object)
			for name := range o {
				if !slices.Contains([]string{"MetricNamespace", "MetricName", "MetricValue"}, name) {
					out = append(out, fmt.Sprintf("%s: %s is nowhere allowed", id, name))
				}
			}
			if text(o["MetricNamespace"]) != namespace {
				out = append(out, fmt.Sprintf("%s: %s is not the stack's", id, said(o["MetricNamespace"])))
			}
			name, value := word(o["MetricName"]), word(o["MetricValue"])
			if measured := measures[name] != ""; measured != strings.HasPrefix(value, "$.") || !measured && value != "1" {
				out = append(out, fmt.Sprintf("%s: a line raises %s by %s", id, name, value))
			}
		}
	}
	return out
}

// every is how often a rate comes.
func every(rate string) time.Duration {
	amount, unit, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(rate, "rate("), ")"), " ")
	n, err := strconv.Atoi(amount)
	per := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[strings.TrimSuffix(unit, "s")]
	if err != nil {
		return 0
	}
	return time.Duration(n) * per
}

// silences: a function that was due twice and did not start is told of within a day.
func silences(t template, _ code) (out []string) {
	for key, alarms := range t.watched() {
		if key.name != "Invocations" {
			continue
		}
		var rate time.Duration
		for _, e := range t.events(key.of, "ScheduleV2") {
			if d := every(word(e["ScheduleExpression"])); d > 0 {
				rate = d
			}
		}
		for _, id := range alarms {
			span := time.Duration(number(t.get(id, "Period"))*number(t.get(id, "EvaluationPeriods"))) * time.Second
			if rate == 0 || span < 2*rate || span > max(24*time.Hour, 2*rate) {
				out = append(out, fmt.Sprintf("%s: it rings after %s for what comes every %s", id, span, rate))
			}
		}
	}
	return out
}
