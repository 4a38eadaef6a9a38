package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/storetest"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

const tableName = "stack-pairs"

func config(f *fake) aws.Config {
	return aws.Config{
		Region: "eu-south-1", HTTPClient: f,
		Credentials: aws.CredentialsProviderFunc(nobody),
	}
}

func open(f *fake, now func() time.Time) *dynamo.Rows {
	return dynamo.Open(config(f), now).Rows(tableName)
}

func TestTheSuiteHolds(t *testing.T) {
	t.Run("in process", func(t *testing.T) {
		storetest.TestRows(t, func(_ *testing.T, now func() time.Time) storetest.Rows { return open(newFake(), now) })
	})
	for _, o := range storetest.Oracles(t, os.Getenv(storetest.OraclesSetting), storetest.MiniStack) {
		t.Run(o.Name, func(t *testing.T) {
			cfg := awsenv.Read(&settings.Reader{Getenv: awstest.Env(awstest.Settings(o.Endpoint))}).Config(awsenv.DynamoDB)
			storetest.TestRows(t, func(t *testing.T, now func() time.Time) storetest.Rows {
				return dynamo.Open(cfg, now).Rows(create(t, dynamodb.NewFromConfig(cfg)))
			})
		})
	}
}

func create(t *testing.T, client *dynamodb.Client) string {
	name := "storetest-" + uuid.NewString()
	key := func(attribute string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &attribute, KeyType: kind}
	}
	text := func(attribute string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &attribute, AttributeType: types.ScalarAttributeTypeS}
	}
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{key(dynamo.AttributePart, types.KeyTypeHash), key(dynamo.AttributeSort, types.KeyTypeRange)},
		AttributeDefinitions: []types.AttributeDefinition{text(dynamo.AttributePart), text(dynamo.AttributeSort)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestATableHasASettingOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, table := range dynamo.Tables() {
		if s := table.Setting(); !strings.HasSuffix(s, "_TABLE") || s != strings.ToUpper(s) || seen[s] {
			t.Errorf("table %s: %s", table, s)
		}
		seen[table.Setting()] = true
	}
}

func TestARowIsSweptNoEarlierThanItIsGone(t *testing.T) {
	f := newFake()
	until := time.Date(2026, 11, 21, 10, 0, 1, 1000, time.UTC)
	if err := open(f, storetest.NewClock().Now).Put(t.Context(), row.Put{Key: row.Key{Part: "p"}, Expires: until}); err != nil {
		t.Fatal(err)
	}
	it := f.items[[2]string{"p", "#"}]
	if want := fmt.Sprint(until.Unix() + 1); it[dynamo.AttributeExpires]["N"] != want {
		t.Errorf("expires_at %v, want %s", it[dynamo.AttributeExpires], want)
	}
	got, err := open(f, storetest.NewClock().Now).Get(t.Context(), row.Key{Part: "p"})
	if err != nil || !got[0].Expires.Equal(until) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestALongListIsReadPageByPage(t *testing.T) {
	f := newFake()
	rows := open(f, storetest.NewClock().Now)
	for i := range 30 {
		if err := rows.Put(t.Context(), row.Put{Key: row.Key{Part: "p", Sort: fmt.Sprintf("%02d", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := rows.List(t.Context(), "p", "", "", 0)
	if err != nil || len(all) != 30 || f.calls["Query"] != 5 {
		t.Errorf("%d rows in %d pages, %v", len(all), f.calls["Query"], err)
	}
}

func TestARowThatSomebodyElseWroteIsOurFault(t *testing.T) {
	for name, it := range map[string]attributes{
		"no version":        {"val": {"B": ""}},
		"no value":          {"ver": {"N": "1"}},
		"an odd expiry":     {"ver": {"N": "1"}, "val": {"B": ""}, "expires_us": {"N": "1.5"}},
		"a textual expiry":  {"ver": {"N": "1"}, "val": {"B": ""}, "expires_us": {"S": "soon"}},
		"a textual version": {"ver": {"S": "1"}, "val": {"B": ""}},
	} {
		f := newFake()
		it["pk"], it["sk"] = value{"S": "p"}, value{"S": "#s"}
		f.items[[2]string{"p", "#s"}] = it
		rows := open(f, storetest.NewClock().Now)
		if _, err := rows.Get(t.Context(), row.Key{Part: "p", Sort: "s"}); fault.KindOf(err) != fault.Ours {
			t.Errorf("%s: get: %v", name, err)
		}
		if _, err := rows.List(t.Context(), "p", "", "", 0); fault.KindOf(err) != fault.Ours {
			t.Errorf("%s: list: %v", name, err)
		}
	}
}

func said(name string) string {
	return `{"__type":"com.amazonaws.dynamodb.v20120810#` + name + `","message":"the row of mario.rossi@example.com"}`
}

func cancelled(codes ...string) string {
	for i, c := range codes {
		codes[i] = `{"Code":"` + c + `","Message":"x"}`
	}
	return `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[` + strings.Join(codes, ",") + `]}`
}

var one, two = []row.Put{{Key: row.Key{Part: "p"}}}, []row.Put{{Key: row.Key{Part: "p"}}, {Key: row.Key{Part: "q"}}}

func TestWhatAFailureMeans(t *testing.T) {
	for _, tt := range []struct {
		name   string
		puts   []row.Put
		status int
		body   string
		want   fault.Kind
		tries  int
	}{
		{"throttled", one, 400, said("ProvisionedThroughputExceededException"), fault.Throttled, 3},
		{"throttled account", one, 400, said("ThrottlingException"), fault.Throttled, 3},
		{"a transaction at the same row", one, 400, said("TransactionConflictException"), fault.Throttled, 3},
		{"a server error may have been carried out", one, 500, said("InternalServerError"), fault.Down, 1},
		{"unavailable may have been carried out", one, 503, "", fault.Down, 1},
		{"a lost answer may have been carried out", one, -1, "", fault.Down, 1},
		{"a server error in a transaction, known by its token", two, 500, said("InternalServerError"), fault.Down, 3},
		{"a lost answer in a transaction, known by its token", two, -1, "", fault.Down, 3},
		{"another transaction at the same rows", two, 400, cancelled("None", "TransactionConflict"), fault.Throttled, 3},
		{"a throttled transaction", two, 400, cancelled("ThrottlingError", "None"), fault.Throttled, 3},
		{"a transaction in progress", two, 400, said("TransactionInProgressException"), fault.Throttled, 3},
		{"a malformed transaction", two, 400, cancelled("ValidationError", "TransactionConflict"), fault.Ours, 1},
		{"a transaction cancelled for no reason", two, 400, cancelled(), fault.Down, 1},
		{"a token of another transaction", two, 400, said("IdempotentParameterMismatchException"), fault.Ours, 1},
		{"no table", one, 400, said("ResourceNotFoundException"), fault.Setup, 1},
		{"no right", one, 400, said("AccessDeniedException"), fault.Setup, 1},
		{"malformed", one, 400, said("ValidationException"), fault.Ours, 1},
		{"a code that nobody knows", one, 400, said("SomethingNewException"), fault.Down, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.answer = func(string) (int, string) { return tt.status, tt.body }
				err := open(f, time.Now).Put(t.Context(), tt.puts...)
				tries := f.calls["PutItem"] + f.calls["TransactWriteItems"]
				if fault.KindOf(err) != tt.want || errors.Is(err, row.ErrConflict) || tries != tt.tries {
					t.Errorf("%v after %d tries", err, tries)
				}
				if _, ok := errors.AsType[*fault.Error](err); !ok || strings.Contains(err.Error(), "rossi") {
					t.Errorf("not a plain fault: %v", err)
				}
			})
		})
	}
}

func TestAConditionThatDoesNotHoldIsAConflictWhateverElseWasInTheWay(t *testing.T) {
	f := newFake()
	f.answer = func(op string) (int, string) {
		if op == "TransactWriteItems" {
			return http.StatusBadRequest, cancelled("TransactionConflict", "ConditionalCheckFailed", "ThrottlingError")
		}
		return http.StatusBadRequest, said("ConditionalCheckFailedException")
	}
	rows := open(f, storetest.NewClock().Now)
	for _, puts := range [][]row.Put{one, two, {{Key: row.Key{Part: "p"}, Delete: true}}} {
		if err := rows.Put(t.Context(), puts...); !errors.Is(err, row.ErrConflict) {
			t.Errorf("%d writes: %v", len(puts), err)
		}
	}
	if f.calls["TransactWriteItems"] != 1 || f.calls["PutItem"] != 1 || f.calls["DeleteItem"] != 1 {
		t.Errorf("a decided write was repeated: %v", f.calls)
	}
}

func TestATransactionThatCrossedAnotherIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = func(op string) (int, string) {
			if f.calls[op] == 1 {
				return http.StatusBadRequest, cancelled("TransactionConflict", "None")
			}
			return 0, ""
		}
		if err := open(f, time.Now).Put(t.Context(), two...); err != nil || len(f.items) != 2 {
			t.Errorf("%d rows, %v", len(f.items), err)
		}
	})
}

func TestABatchOfWhichNothingIsReadIsThrottled(t *testing.T) {
	f := newFake()
	f.answer = func(string) (int, string) {
		return http.StatusOK, `{"Responses":{},"UnprocessedKeys":{"` + tableName + `":{"Keys":[{"pk":{"S":"p"},"sk":{"S":"#a"}},{"pk":{"S":"p"},"sk":{"S":"#b"}}]}}}`
	}
	_, err := open(f, storetest.NewClock().Now).Get(t.Context(), row.Key{Part: "p", Sort: "a"}, row.Key{Part: "p", Sort: "b"})
	if fault.KindOf(err) != fault.Throttled || f.calls["BatchGetItem"] != 1 {
		t.Errorf("%v after %d calls", err, f.calls["BatchGetItem"])
	}
}

// nobody signs for an emulator.
func nobody(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
}
