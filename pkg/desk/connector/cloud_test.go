package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
)

// cloud opens the stack shop on an AWS that answers as told.
func cloud(t *testing.T, answer awstest.Answer) (*Stack, func() []string) {
	t.Helper()
	set, calls := awstest.Serve(t, answer)
	st, err := Open(t.Context(), World{Getenv: awstest.Env(set), Now: func() time.Time { return time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC) }}, Where{Stack: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	return st, calls
}

func TestNamesInAWSAreDerivedFromTheStacks(t *testing.T) {
	var tables []string
	st, _ := cloud(t, func(call, body string) (int, string) {
		if call != "DynamoDB_20120810.Query" {
			t.Errorf("called %s", call)
		}
		var in struct{ TableName string }
		if err := json.Unmarshal([]byte(body), &in); err != nil {
			t.Error(err)
		}
		tables = append(tables, in.TableName)
		return http.StatusOK, `{"Items":[],"Count":0}`
	})
	for _, table := range []Table{st.Pairs, st.Parked, st.Attempts, st.Config, st.Tables.Tokens, st.Quarantine, st.Chats, st.Conversions} {
		if _, err := table.List(t.Context(), "p", "", "", 1); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(tables, " "); got != "shop-pairs shop-parked shop-attempts shop-config shop-tokens shop-quarantine shop-chats shop-conversions" {
		t.Error(got)
	}
}

func TestSecretsLieUnderTheStacksPathAndAreEncrypted(t *testing.T) {
	st, _ := cloud(t, func(call, body string) (int, string) {
		switch call {
		case "AmazonSSM.GetParameters":
			if !strings.Contains(body, `"WithDecryption":true`) || !strings.Contains(body, `"/shop/`) {
				t.Errorf("asked for %s", body)
			}
			return http.StatusOK, `{"Parameters":[{"Name":"/shop/PAIR_KEY","Value":"canary","Type":"SecureString"},{"Name":"/shop/SUITE_VERSION","Value":"0.2.0"}],"InvalidParameters":["/shop/HUBSPOT_ACCESS_TOKEN"]}`
		case "AmazonSSM.PutParameter":
			for _, part := range []string{`"Name":"/shop/ZOHO_CLIENT_SECRET"`, `"Type":"SecureString"`, `"Overwrite":true`, `"Value":"canary"`} {
				if !strings.Contains(body, part) {
					t.Errorf("%s is not sent", part)
				}
			}
			return http.StatusOK, `{"Version":1}`
		}
		t.Errorf("called %s", call)
		return http.StatusBadRequest, `{}`
	})
	got, err := st.Vault.Get(t.Context(), st.Needs...)
	if err != nil || len(st.Needs) != 6 || got[settings.PairKey].Reveal() != "canary" || !got[settings.HubSpotAccessToken].IsZero() {
		t.Errorf("%v, %v", got, err)
	}
	if err := st.Vault.Put(t.Context(), settings.ZohoClientSecret, crm.NewSecret("canary")); err != nil {
		t.Error(err)
	}
	if v, err := st.Version(t.Context()); v != "0.2.0" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

func TestWhatAWSSaysOfASecretIsNotRepeated(t *testing.T) {
	st, _ := cloud(t, func(string, string) (int, string) {
		return http.StatusBadRequest, `{"__type":"ValidationException","message":"the value canary is too long"}`
	})
	err := st.Vault.Put(t.Context(), settings.ZohoClientSecret, crm.NewSecret("canary"))
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "ValidationException") {
		t.Errorf("%v", err)
	}
}

func TestSettingsComeFromTheFunctionsThatAreDeployed(t *testing.T) {
	st, calls := cloud(t, func(call, _ string) (int, string) {
		switch call {
		case "lambda.shop-webhook/configuration":
			return http.StatusOK, `{"Environment":{"Variables":{"HUBSPOT_APP_ID":"7","MODE":"off"}}}`
		case "lambda.shop-zohoConsumer/configuration":
			return http.StatusOK, `{"Environment":{"Variables":{"MODE":"observe"}}}`
		case "lambda.shop-failureReporter/configuration":
			return http.StatusOK, `{}`
		}
		return http.StatusNotFound, `{"__type":"ResourceNotFoundException","Type":"User","Message":"Function not found"}`
	})
	if err := st.Told(t.Context()); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"HUBSPOT_APP_ID": "7", "MODE": "observe", "ZOHO_CLIENT_ID": ""} {
		if got := st.Setting(t.Context(), name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if n := len(calls()); n != len(told) {
		t.Errorf("%d calls for three settings", n)
	}
}

func TestAFunctionWhoseSettingsMayNotBeReadIsNoFunctionWithoutSettings(t *testing.T) {
	st, _ := cloud(t, func(call, _ string) (int, string) {
		if call == "lambda.shop-webhook/configuration" {
			return http.StatusForbidden, `{"__type":"AccessDeniedException","Message":"canary may not perform lambda:GetFunctionConfiguration"}`
		}
		return http.StatusOK, `{"Environment":{"Variables":{"PAIR_KEY_ID":"4"}}}`
	})
	err := st.Told(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the function shop-webhook answers AccessDeniedException") || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	if got := st.Setting(t.Context(), "PAIR_KEY_ID"); got != "" {
		t.Errorf("a part of the settings is taken for all: %s", got)
	}
}

func TestAQueueInAWSIsLookedAtAndRedriven(t *testing.T) {
	dead, asked := 3, 0
	var order []string
	st, _ := cloud(t, func(call, body string) (int, string) {
		switch call {
		case "AmazonSQS.GetQueueUrl":
			var in struct{ QueueName string }
			if err := json.Unmarshal([]byte(body), &in); err != nil {
				t.Error(err)
			}
			return http.StatusOK, fmt.Sprintf(`{"QueueUrl":"https://sqs/%s"}`, in.QueueName)
		case "AmazonSQS.GetQueueAttributes":
			if strings.Contains(body, "shop-zoho-operations-dlq.fifo") {
				return http.StatusOK, fmt.Sprintf(`{"Attributes":{"ApproximateNumberOfMessages":"%d"}}`, dead)
			}
			return http.StatusOK, `{"Attributes":{"ApproximateNumberOfMessages":"2","ApproximateNumberOfMessagesDelayed":"1","ApproximateNumberOfMessagesNotVisible":"4"}}`
		case "AmazonSQS.ReceiveMessage":
			if !strings.Contains(body, "-dlq.fifo") {
				t.Errorf("receives from %s", body)
			}
			if !strings.Contains(body, `"WaitTimeSeconds":2`) {
				t.Errorf("asks some of the servers alone: %s", body)
			}
			if asked++; dead == 0 || asked%3 != 0 { // a queue shows nothing now and then, and has more
				return http.StatusOK, `{}`
			}
			dead--
			return http.StatusOK, fmt.Sprintf(`{"Messages":[{"MessageId":"m%d","ReceiptHandle":"r%d","Body":"{}","Attributes":{"MessageGroupId":"g"}}]}`, dead, dead)
		case "AmazonSQS.SendMessageBatch":
			if !strings.Contains(body, `"https://sqs/shop-zoho-operations.fifo"`) || !strings.Contains(body, `"MessageGroupId":"g"`) {
				t.Errorf("sends %s", body)
			}
			order = append(order, "send")
			return http.StatusOK, `{"Successful":[{"Id":"0","MessageId":"x"}],"Failed":[]}`
		case "AmazonSQS.DeleteMessage":
			order = append(order, "delete")
			return http.StatusOK, `{}`
		}
		return http.StatusForbidden, "\xa1\x66__type\x6cAccessDenied" // CloudWatch speaks CBOR
	})
	lane := st.Lanes[crm.HubSpot]
	d, err := lane.Depth(t.Context())
	if unseen := fmt.Sprint(d.Unseen); err != nil || d != (Depth{Waiting: 3, InFlight: 4, Dead: 3, Unseen: d.Unseen}) || unseen != "CloudWatch answers AccessDenied to cloudwatch:GetMetricStatistics" {
		t.Errorf("%+v, %v", d, err)
	}
	s := &session{World: World{Now: time.Now}}
	if n, err := s.redrive(t.Context(), lane, 3); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if got := strings.Join(order, " "); got != "send delete send delete send delete" {
		t.Error(got)
	}
	asked = 0
	if n, err := s.redrive(t.Context(), lane, 2); n != 0 || err != nil || asked != vain {
		t.Errorf("of a queue that shows none any more: %d, %v, asked %d times", n, err, asked)
	}
	if err := lane.Send(t.Context(), []batch.Entry{{Group: "g", Dedup: "d", Body: "{}"}}); err != nil {
		t.Error(err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := s.redrive(stopped, lane, 3); n != 0 || err == nil {
		t.Errorf("stopped: %d, %v", n, err)
	}
}

func TestCloudWatchHasAnEndpointOfItsOwn(t *testing.T) {
	queues, _ := awstest.Serve(t, func(call, _ string) (int, string) {
		if !strings.HasPrefix(call, "AmazonSQS.") {
			t.Errorf("%s is asked of SQS", call)
		}
		return http.StatusOK, `{"QueueUrl":"https://sqs/q","Attributes":{}}`
	})
	watch, calls := awstest.Serve(t, func(string, string) (int, string) { return http.StatusBadRequest, `{}` })
	set := awstest.Env(awstest.Refused(t), map[string]string{"AWS_ENDPOINT_URL_SQS": queues["AWS_ENDPOINT_URL"], "AWS_ENDPOINT_URL_CLOUDWATCH": watch["AWS_ENDPOINT_URL"]})
	st, err := Open(t.Context(), World{Getenv: set, Now: time.Now}, Where{Stack: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Lanes[crm.Zoho].Depth(t.Context()); err != nil || len(calls()) == 0 {
		t.Errorf("CloudWatch is not asked for the age: %v", err)
	}
}

func TestSESTellsOfAnIdentityWhetherItIsVerified(t *testing.T) {
	for identity, want := range map[string]bool{"acme.example": true, "reports@acme.example": false, "other.example": false} {
		st, _ := cloud(t, func(call, body string) (int, string) {
			if call != "ses.GetIdentityVerificationAttributes" || !strings.Contains(body, "="+url.QueryEscape(identity)) {
				t.Errorf("called %s with %s", call, body)
			}
			entry := func(key, status string) string {
				return "<entry><key>" + key + "</key><value><VerificationStatus>" + status + "</VerificationStatus></value></entry>"
			}
			return http.StatusOK, `<GetIdentityVerificationAttributesResponse><GetIdentityVerificationAttributesResult><VerificationAttributes>` +
				entry("acme.example", "Success") + entry("reports@acme.example", "Pending") +
				`</VerificationAttributes></GetIdentityVerificationAttributesResult></GetIdentityVerificationAttributesResponse>`
		})
		if got, err := st.Verified(t.Context(), identity); got != want || err != nil {
			t.Errorf("%s: %v, %v", identity, got, err)
		}
	}
}

func TestASenderIsVerifiedByItsAddressOrItsDomain(t *testing.T) {
	for _, tt := range []struct {
		strange []string
		code    int
	}{
		{[]string{"connector@example.com"}, ExitOK}, {[]string{"example.com"}, ExitOK}, {[]string{"connector@example.com", "example.com"}, ExitFinding},
	} {
		b := stage(t)
		b.strange = tt.strange
		b.want(tt.code, "doctor")
	}
}

func TestSESTellsWhetherItIsInItsSandbox(t *testing.T) {
	for answer, want := range map[string]string{`{"ProductionAccessEnabled":false,"SendingEnabled":true}`: "true <nil>", `{"ProductionAccessEnabled":true}`: "false <nil>", "": "false SES answers AccessDeniedException to ses:GetAccount"} {
		st, _ := cloud(t, func(string, string) (int, string) {
			if answer == "" {
				return http.StatusForbidden, `{"__type":"AccessDeniedException","message":"canary"}`
			}
			return http.StatusOK, answer
		})
		if in, err := st.Sandboxed(t.Context()); fmt.Sprint(in, " ", err) != want {
			t.Errorf("%s: %v, %v", answer, in, err)
		}
	}
}

func TestAStackIsNotOpenedWithoutWhatItTakes(t *testing.T) {
	w := World{Getenv: func(string) string { return "" }}
	if _, err := Open(t.Context(), w, Where{Stack: "shop"}); err == nil || !strings.Contains(err.Error(), "AWS_REGION is not set") || !strings.Contains(err.Error(), "export-credentials") {
		t.Errorf("%v", err)
	}
	w.Getenv = awstest.Env(awstest.Refused(t))
	for name, want := range map[string]string{
		"1shop": "begins with a letter", "my shop": "letters, digits", "shop/../other": "letters, digits", "shop_1": "letters, digits",
		strings.Repeat("s", 44): "at most 43 characters", "aws-shop": "neither with aws nor with ssm", "SSMshop": "neither with aws nor with ssm",
	} {
		if _, err := Open(t.Context(), w, Where{Stack: name}); err == nil || !strings.Contains(err.Error(), "--stack: a stack's name ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{strings.Repeat("s", 43), "crm-aws", "as"} {
		if _, err := Open(t.Context(), w, Where{Stack: name}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := Open(t.Context(), w, Where{Desk: "nowhere"}); err == nil || !strings.Contains(err.Error(), "--desk") {
		t.Errorf("%v", err)
	}
}

func TestACallThatIsDeniedIsNamedByTheRightThatItTakes(t *testing.T) {
	st, _ := cloud(t, func(string, string) (int, string) {
		return http.StatusForbidden, `{"__type":"AccessDeniedException","message":"canary"}`
	})
	for right, call := range map[string]func() error{
		"ssm:GetParameters":               func() error { _, err := st.Vault.Get(t.Context(), settings.PairKey); return err },
		"ssm:PutParameter":                func() error { return st.Vault.Put(t.Context(), settings.PairKey, crm.NewSecret("canary")) },
		"lambda:GetFunctionConfiguration": func() error { return st.Told(t.Context()) },
		"sqs:GetQueueUrl":                 func() error { _, err := st.Lanes[crm.HubSpot].Depth(t.Context()); return err },
		"dynamodb:Scan":                   func() error { _, err := st.Paired(t.Context()); return err },
	} {
		if err := call(); err == nil || !strings.HasSuffix(err.Error(), " answers AccessDeniedException to "+right) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", right, err)
		}
	}
}

func TestAStackHasPairsOrChatsWhereTheirTableHasARow(t *testing.T) {
	for table, look := range map[string]func(*Stack) (bool, error){
		"shop-pairs": func(st *Stack) (bool, error) { return st.Paired(t.Context()) },
		"shop-chats": func(st *Stack) (bool, error) { return st.Chatted(t.Context()) },
	} {
		answer := `{"Count":1,"ScannedCount":1,"LastEvaluatedKey":{"pk":{"S":"P#1"},"sk":{"S":"-"}}}`
		status := http.StatusOK
		st, _ := cloud(t, func(call, body string) (int, string) {
			if call != "DynamoDB_20120810.Scan" || !strings.Contains(body, `"TableName":"`+table+`"`) || !strings.Contains(body, `"Limit":1`) {
				t.Errorf("called %s with %s", call, body)
			}
			return status, answer
		})
		if there, err := look(st); !there || err != nil {
			t.Errorf("%s: %t, %v", table, there, err)
		}
		answer = `{"Count":0,"ScannedCount":0}`
		if there, err := look(st); there || err != nil {
			t.Errorf("%s: %t, %v", table, there, err)
		}
		status, answer = http.StatusBadRequest, `{"__type":"AccessDeniedException","message":"not authorized"}`
		if _, err := look(st); err == nil || !strings.Contains(err.Error(), table) || !strings.Contains(err.Error(), "AccessDeniedException") {
			t.Errorf("%s: %v", table, err)
		}
	}
}
