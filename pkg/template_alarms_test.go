package pkg_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/flow/inbox"
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
	"zoho-operations-age": "Maximum", "hubspot-operations-age": "Maximum", "whatsapp-operations-age": "Maximum", "conversion-events-age": "Maximum",
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
			if word(at(m, "ReturnData")) != "false" { // which is what it is where nothing is said; CloudWatch refuses an alarm with two
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
			case name == "ApproximateAgeOfOldestMessage", strings.HasSuffix(name, "-age"):
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

// metric is what an alarm looks at: namespace, name, and the resource that its dimension names.
type metric struct{ namespace, name, of string }

// watched returns what every alarm looks at, with the alarms' ids.
func (t template) watched() map[metric][]string {
	out := map[metric][]string{}
	add := func(id string, m any) {
		dimensions := list(at(m, "Dimensions"))
		key := metric{namespace: text(at(m, "Namespace")), name: word(at(m, "MetricName"))}
		if len(dimensions) == 1 {
			key.of = ref(at(dimensions[0], "Value"))
		}
		out[key] = append(out[key], id)
	}
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		if t.get(id, "Metrics") == nil {
			add(id, at(t.resources()[id], "Properties"))
		}
		for _, m := range list(t.get(id, "Metrics")) {
			if s := at(m, "MetricStat", "Metric"); s != nil {
				add(id, s)
			}
		}
	}
	return out
}

// text returns a word, or the text of a !Sub.
func text(v any) string {
	if s := word(v); s != "" {
		return s
	}
	return word(at(v, "Fn::Sub"))
}

func alarmed(t template, c code) (out []string) {
	watched, dead := t.watched(), t.deadLetters()
	want := func(id, namespace, name, why string) {
		if len(watched[metric{namespace, name, id}]) == 0 {
			out = append(out, fmt.Sprintf("%s: no alarm %s", id, why))
		}
	}
	for _, q := range t.of("AWS::SQS::Queue") {
		if dead[q] == "" {
			want(q, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "when something lies in it")
			continue
		}
		var have []string
		for _, id := range watched[metric{"AWS/SQS", "ApproximateAgeOfOldestMessage", q}] {
			have = append(have, word(t.get(id, "Threshold")))
		}
		slices.SortFunc(have, func(a, b string) int { return number(a) - number(b) })
		if want := ages(q); !slices.Equal(have, want) {
			out = append(out, fmt.Sprintf("%s: alarms at an age of %s s, want %s", q, have, want))
		}
		out = append(out, t.waits(q, watched)...)
	}
	for _, f := range t.of(functionType) {
		want(f, "AWS/Lambda", "Errors", "when it fails")
		want(f, "AWS/Lambda", "Throttles", "when it is refused")
	}
	for _, f := range []string{"refreshZohoToken", "renewZohoChannel", "conversionClock", "sendWhatsapp"} {
		want(f, "AWS/Lambda", "Invocations", "when it is silent")
		for _, id := range watched[metric{"AWS/Lambda", "Invocations", f}] {
			if word(t.get(id, "TreatMissingData")) != "breaching" {
				out = append(out, id+": silence is what it is to tell")
			}
			if word(at(t.resources()[id], "Condition")) != optional[f] {
				out = append(out, id+": it rings where nothing is to be heard")
			}
		}
	}
	for _, api := range t.of("AWS::ApiGatewayV2::Api") {
		want(api, "AWS/ApiGateway", "4xx", "when senders are turned away")
		want(api, "AWS/ApiGateway", "5xx", "when senders are put off")
	}
	for _, secret := range secrets {
		out = append(out, t.missing(secret, c, watched)...)
	}
	return out
}

// oldest is what an alarm compares on how long messages wait: what their consumer tells of those that go again, in milliseconds, and what
// SQS tells of those that nobody has tried, in seconds. Where one tells nothing the other must count all the same.
const oldest = "MAX([FILL(again, 0) / 1000, FILL(queued, 0)])"

// waits complains of an alarm on how long the messages of a queue wait that leaves some of them out, or is over between two tries.
func (t template) waits(q string, watched map[metric][]string) (out []string) {
	for _, id := range watched[metric{"AWS/SQS", "ApproximateAgeOfOldestMessage", q}] {
		complain := func(format string, args ...any) { out = append(out, id+": "+fmt.Sprintf(format, args...)) }
		if word(t.get(id, "Threshold")) == "60" { // a burst: what goes again is told by those of more than ten minutes
			continue
		}
		if !slices.Contains(watched[metric{namespace, kebab(q) + "-age", ""}], id) {
			complain("it leaves out what goes again")
		}
		all := list(t.get(id, "Metrics"))
		names := map[string]string{}
		var period time.Duration
		for _, m := range all {
			if stat := at(m, "MetricStat"); stat != nil {
				names[word(at(m, "Id"))] = word(at(stat, "Metric", "MetricName"))
				period = time.Duration(number(at(stat, "Period"))) * time.Second
			} else if got := word(at(m, "Expression")); got != oldest {
				complain("it compares %s, want %s", got, oldest)
			}
		}
		if names["again"] != kebab(q)+"-age" || names["queued"] != "ApproximateAgeOfOldestMessage" {
			complain("it takes the one metric for the other: %v", names)
		}
		whole := number(t.get(id, "EvaluationPeriods")) - 1 // the tries lie anywhere in their periods
		if word(t.get(id, "DatapointsToAlarm")) != "1" || time.Duration(whole)*period < inbox.LongestWait {
			complain("it is over between two tries, which are up to %s apart", inbox.LongestWait)
		}
	}
	return out
}

// missing complains of a secret whose absence no alarm tells by name, in the lines of every function that reads it.
func (t template) missing(secret string, c code, watched map[metric][]string) (out []string) {
	pattern := `"/` + secret + ` is not in the Parameter Store"`
	var in []string
	for _, id := range t.of("AWS::Logs::MetricFilter") {
		if word(t.get(id, "FilterPattern")) != pattern {
			continue
		}
		in = append(in, ref(t.get(id, "LogGroupName")))
		for _, m := range list(t.get(id, "MetricTransformations")) {
			alarms := watched[metric{text(at(m, "MetricNamespace")), word(at(m, "MetricName")), ""}]
			if !slices.ContainsFunc(alarms, func(a string) bool { return strings.Contains(text(t.get(a, "AlarmName")), secret) }) {
				out = append(out, fmt.Sprintf("%s: no alarm is named after %s", id, secret))
			}
		}
	}
	for f, names := range c.reads {
		if slices.Contains(names, secret) && !slices.Contains(in, capital(f)+"Logs") {
			out = append(out, fmt.Sprintf("%s: nobody looks for a missing %s in its lines", f, secret))
		}
	}
	return out
}

func alarmsTell(t template, _ code) (out []string) {
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		if actions := list(t.get(id, "AlarmActions")); len(actions) != 1 || word(at(t.resources()[ref(actions[0])], "Type")) != "AWS::SNS::Topic" {
			out = append(out, id+": it tells nobody")
		}
		if len(strings.Fields(word(t.get(id, "AlarmDescription")))) < 5 {
			out = append(out, id+": it does not say what is wrong")
		}
		if t.get(id, "TreatMissingData") == nil {
			out = append(out, id+": it does not say what silence means")
		}
		if t.get(id, "Metrics") != nil && word(at(t.resources()[id], "Condition")) != "OnAws" {
			out = append(out, id+": the emulator has no metric math")
		}
	}
	return out
}

// alarmsMend: what the operator's command does nobody is sent to a console for.
func alarmsMend(t template, _ code) (out []string) {
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		description := word(t.get(id, "AlarmDescription"))
		dead := slices.Contains(slices.Collect(maps.Values(t.deadLetters())), ref(at(first(t.get(id, "Dimensions")), "Value")))
		if dead && !strings.Contains(description, "connector redrive") || strings.Contains(description, "console") {
			out = append(out, fmt.Sprintf("%s: it sends people to a console: %s", id, description))
		}
	}
	return out
}

// first returns the first member of a list, nil when there is none.
func first(v any) any {
	if l := list(v); len(l) > 0 {
		return l[0]
	}
	return nil
}

// writers are the functions that write a line which a metric counts; a metric that is not named here is of one function.
var writers = map[string][]string{
	"SetupUnfinished": {"zohoConsumer", "hubspotConsumer", "whatsappConsumer", "sendWhatsapp"},
	"Denied":          {"zohoConsumer", "hubspotConsumer", "whatsappConsumer", "sendWhatsapp"},
	"OurFault":        {"zohoConsumer", "hubspotConsumer", "whatsappConsumer", "sendWhatsapp"},
	"Brake":           {"zohoConsumer", "hubspotConsumer"}, "Untold": {"zohoConsumer", "hubspotConsumer"}, // suite/consumer writes them
	"BudgetLost":     {"zohoConsumer", "hubspotConsumer", "reconcile", "whatsappConsumer", "sendWhatsapp"}, // who has a budget of calls
	"TokensUnproven": {"webhook", "conversionApi", "sendWhatsapp"},
	"StaleKeys":      {"webhook", "conversionApi", "sendWhatsapp"}, // who proves tokens
	// who drains the queue
	"zoho-operations-age": {"zohoConsumer"}, "hubspot-operations-age": {"hubspotConsumer"}, "whatsapp-operations-age": {"whatsappConsumer"},
	"conversion-events-age": {"conversionAggregator"},
}

func listened(t template, _ code) (out []string) {
	in := map[string][]string{}
	for _, id := range t.of("AWS::Logs::MetricFilter") {
		for _, m := range list(t.get(id, "MetricTransformations")) {
			name := word(at(m, "MetricName"))
			in[name] = append(in[name], ref(t.get(id, "LogGroupName")))
		}
	}
	for name, functions := range writers {
		for _, f := range functions {
			if !slices.Contains(in[name], capital(f)+"Logs") {
				out = append(out, fmt.Sprintf("%s: nobody counts its lines for %s", f, name))
			}
		}
	}
	return out
}

// wronged is what the alarm on a sender's secret compares: deliveries with another one, as long as none comes with the right one.
const wronged = "IF(FILL(accepted, 0) == 0, FILL(forged, 0), 0)"

// unmasked: a sender with another secret is told by the first of its deliveries, and a stranger beside it is not.
func unmasked(t template, _ code) (out []string) {
	for sender, secret := range map[string]string{"Hubspot": settings.HubSpotClientSecret, "Zoho": settings.ZohoChannelToken, "Whatsapp": settings.WhatsAppAppSecret} {
		id := sender + "SecretWrong"
		names, compared := map[string]string{}, ""
		for _, m := range list(t.get(id, "Metrics")) {
			if stat := at(m, "MetricStat"); stat != nil {
				names[word(at(m, "Id"))] = word(at(stat, "Metric", "MetricName"))
			} else {
				compared = word(at(m, "Expression"))
			}
		}
		if compared != wronged || names["forged"] != "Forged"+sender || names["accepted"] != "Accepted"+sender || word(t.get(id, "EvaluationPeriods")) != "1" {
			out = append(out, fmt.Sprintf("%s: it compares %s of %v, want %s", id, compared, names, wronged))
		}
		if name := text(t.get(id, "AlarmName")); name != "${AWS::StackName}-wrong-"+secret {
			out = append(out, fmt.Sprintf("%s: it is called %s", id, name))
		}
	}
	return out
}

func silenceTold(t template, _ code) (out []string) {
	for _, id := range t.of("AWS::CloudWatch::Alarm") {
		if word(t.get(id, "MetricName")) != "Untold" {
			continue
		}
		if span := number(t.get(id, "Period")) * number(t.get(id, "EvaluationPeriods")); span > 3600 || span <= 0 || word(t.get(id, "Threshold")) != "1" {
			out = append(out, fmt.Sprintf("%s: %d s of silence, or more than one change, until it rings", id, span))
		}
	}
	return out
}

// shown are the metrics of AWS that the dashboard shows of every thing of a kind; of a queue that is drained, or of every queue.
var shown = map[string]struct {
	kind string
	dead bool
}{
	"Invocations": {functionType, false}, "Errors": {functionType, false}, "Duration": {functionType, false},
	"ApproximateAgeOfOldestMessage": {"AWS::SQS::Queue", false}, "NumberOfMessagesDeleted": {"AWS::SQS::Queue", false},
	"ApproximateNumberOfMessagesVisible": {"AWS::SQS::Queue", true},
	"Count":                              {"AWS::ApiGatewayV2::Api", false}, "4xx": {"AWS::ApiGatewayV2::Api", false},
	"5xx": {"AWS::ApiGatewayV2::Api", false}, "Latency": {"AWS::ApiGatewayV2::Api", false},
}

// dashboard reads the widgets as CloudWatch does: "." is what stands at this place in the line above, "..." all of it but the last.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html.
func dashboard(t template, _ code) (out []string) {
	seen := map[metric]bool{}
	for _, id := range t.of("AWS::CloudWatch::Dashboard") {
		var body struct {
			Widgets []struct {
				Type                string
				X, Y, Width, Height int
				Properties          struct {
					Title, Region, Stat string
					Period              int
					Metrics             [][]any
				}
			}
		}
		if err := json.Unmarshal([]byte(text(t.get(id, "DashboardBody"))), &body); err != nil {
			return []string{fmt.Sprintf("%s: %v", id, err)}
		}
		for _, w := range body.Widgets {
			p := w.Properties
			if w.Type != "metric" || w.X+w.Width > 24 || w.Width*w.Height == 0 || p.Title == "" || p.Stat == "" || p.Region != "${AWS::Region}" || p.Period < 60 {
				out = append(out, fmt.Sprintf("%s: the widget %q is none", id, p.Title))
			}
			var above []string
			for _, m := range p.Metrics {
				above = lineOf(above, m)
				switch len(above) {
				case 2:
					seen[metric{above[0], above[1], ""}] = true
				case 4:
					thing := strings.TrimSuffix(strings.Trim(above[3], "${}"), ".QueueName")
					if why := t.dimensioned(object{"Namespace": above[0], "Dimensions": []any{object{"Name": above[2], "Value": hole(above[3])}}}); why != "" {
						out = append(out, fmt.Sprintf("%s: %q shows nothing: %s", id, p.Title, why))
					}
					seen[metric{above[0], above[1], thing}] = true
				default:
					out = append(out, fmt.Sprintf("%s: %q shows %q", id, p.Title, above))
				}
			}
		}
	}
	want := map[metric]bool{}
	for name, of := range shown {
		for _, id := range t.of(of.kind) {
			for space, d := range dimensions {
				if d.kind == of.kind && (of.dead || !isDead(id)) {
					want[metric{space, name, id}] = true
				}
			}
		}
	}
	for _, id := range t.of("AWS::Logs::MetricFilter") {
		for _, m := range list(t.get(id, "MetricTransformations")) {
			if name := word(at(m, "MetricName")); name != "Reports" && !strings.HasPrefix(name, "Missing") {
				want[metric{namespace, name, ""}] = true
			}
		}
	}
	for m := range want {
		if !seen[m] {
			out = append(out, fmt.Sprintf("Dashboard: it does not show %s %s", m.name, m.of))
		}
	}
	for m := range seen {
		if !want[m] {
			out = append(out, fmt.Sprintf("Dashboard: nobody asked for %s %s", m.name, m.of))
		}
	}
	return out
}

// lineOf is a line of a widget's metrics written out; what is no word in it are options.
func lineOf(above []string, line []any) (out []string) {
	var said []string
	for _, v := range line {
		if s, ok := v.(string); ok {
			said = append(said, s)
		}
	}
	if len(said) > 0 && said[0] == "..." && len(above) >= len(said) {
		if len(said) == 1 {
			return above
		}
		return append(slices.Clone(above[:len(above)-len(said)+1]), said[1:]...)
	}
	for i, s := range said {
		if s == "." && i < len(above) {
			s = above[i]
		}
		out = append(out, s)
	}
	return out
}

// hole is what a !Sub puts into a hole.
func hole(s string) any {
	if id, attribute, ok := strings.Cut(strings.Trim(s, "${}"), "."); ok {
		return got(id, attribute)
	}
	return to(strings.Trim(s, "${}"))
}
