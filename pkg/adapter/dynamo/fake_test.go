package dynamo_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// fake is a DynamoDB with one table behind its JSON protocol. It evaluates the expressions that it is sent, refuses what
// the real one refuses for its form, answers in small pages and leaves keys of a batch unprocessed.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
type fake struct {
	mu    sync.Mutex
	items map[[2]string]attributes
	calls map[string]int

	// answer may take a call over; 0 leaves it to the fake.
	answer func(op string) (status int, body string)
}

type (
	value      = map[string]string // {"S": "…"}, {"N": "…"} or {"B": "…"}
	attributes = map[string]value
)

// What the fake does to make its callers go on asking.
const (
	pageItems  = 7
	batchItems = 41
)

func newFake() *fake { return &fake{items: map[[2]string]attributes{}, calls: map[string]int{}} }

type request struct {
	TableName                 string
	Key, Item                 attributes
	ConditionExpression       string
	KeyConditionExpression    string
	ExpressionAttributeValues attributes
	ExclusiveStartKey         attributes
	Limit                     int
	ConsistentRead            bool
	ClientRequestToken        string
	TransactItems             []struct{ Put, Delete *request }
	RequestItems              map[string]struct {
		Keys           []attributes
		ConsistentRead bool
	}
}

// refusal is an error as DynamoDB spells it.
type refusal struct {
	Type    string   `json:"__type"`
	Message string   `json:"message"`
	Reasons []reason `json:"CancellationReasons,omitempty"`
}

type reason struct{ Code string }

func (r *refusal) Error() string { return r.Type }

func invalid(format string, a ...any) error {
	return &refusal{Type: "com.amazon.coral.validate#ValidationException", Message: fmt.Sprintf(format, a...)}
}

func failed(name string) error {
	return &refusal{Type: "com.amazonaws.dynamodb.v20120810#" + name, Message: name}
}

func (f *fake) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	_, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	body, err := io.ReadAll(r.Body)
	if err != nil || !ok {
		return nil, fmt.Errorf("not a call of DynamoDB: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op]++
	if f.answer != nil {
		switch status, said := f.answer(op); status {
		case 0:
		case -1:
			return nil, io.ErrUnexpectedEOF
		default:
			return reply(status, []byte(said)), nil
		}
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	out, err := f.call(op, in)
	if err != nil {
		said, _ := json.Marshal(err)
		return reply(http.StatusBadRequest, said), nil
	}
	said, err := json.Marshal(out)
	return reply(http.StatusOK, said), err
}

func reply(status int, body []byte) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(bytes.NewReader(body))}
}

func (f *fake) call(op string, in request) (any, error) {
	switch op {
	case "GetItem":
		k, err := keyOf(in, in.Key)
		if err != nil || !in.ConsistentRead {
			return nil, orWeak(err)
		}
		return map[string]any{"Item": f.items[k]}, nil
	case "BatchGetItem":
		return f.batch(in)
	case "PutItem", "DeleteItem":
		w, err := f.check(in)
		if err != nil {
			return nil, err
		}
		f.apply(w)
		return map[string]any{}, nil
	case "TransactWriteItems":
		return map[string]any{}, f.transact(in)
	case "Query":
		return f.query(in)
	}
	return nil, failed("UnknownOperationException")
}

func orWeak(err error) error {
	if err == nil {
		err = invalid("the suite reads what was last written")
	}
	return err
}

func keyOf(in request, key attributes) ([2]string, error) {
	if in.TableName != tableName {
		return [2]string{}, failed("ResourceNotFoundException")
	}
	k := [2]string{key["pk"]["S"], key["sk"]["S"]}
	if k[0] == "" || k[1] == "" {
		return k, invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value.")
	}
	return k, nil
}

func (f *fake) batch(in request) (any, error) {
	asked := in.RequestItems[tableName]
	if len(asked.Keys) == 0 || len(asked.Keys) > 100 {
		return nil, invalid("Member must have length less than or equal to 100")
	}
	in.TableName = tableName
	seen := map[[2]string]bool{}
	var found, left []attributes
	for i, key := range asked.Keys {
		k, err := keyOf(in, key)
		if err != nil || !asked.ConsistentRead {
			return nil, orWeak(err)
		}
		if seen[k] {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
		seen[k] = true
		if it := f.items[k]; i >= batchItems {
			left = append(left, key)
		} else if it != nil {
			found = append([]attributes{it}, found...) // in no order that anybody may rely on
		}
	}
	out := map[string]any{"Responses": map[string]any{tableName: found}}
	if left != nil {
		out["UnprocessedKeys"] = map[string]any{tableName: map[string]any{"Keys": left, "ConsistentRead": true}}
	}
	return out, nil
}

// write is one that has passed its condition.
type write struct {
	key  [2]string
	item attributes // nil deletes
}

func (f *fake) apply(w write) {
	if w.item == nil {
		delete(f.items, w.key)
		return
	}
	f.items[w.key] = w.item
}

func (f *fake) check(in request) (write, error) {
	place := in.Item
	if place == nil {
		place = in.Key
	}
	k, err := keyOf(in, place)
	if err != nil {
		return write{}, err
	}
	size := 0
	for name, v := range in.Item {
		size += len(name) + len(v["S"]) + len(v["B"])*3/4
	}
	if size > 400<<10 {
		return write{}, invalid("Item size has exceeded the maximum allowed size")
	}
	holds, err := evaluate(in.ConditionExpression, in.ExpressionAttributeValues, f.items[k])
	if err == nil && !holds {
		err = failed("ConditionalCheckFailedException")
	}
	return write{k, in.Item}, err
}

func (f *fake) transact(in request) error {
	if len(in.TransactItems) == 0 || len(in.TransactItems) > 100 {
		return invalid("Member must have length less than or equal to 100")
	}
	if in.ClientRequestToken == "" {
		return invalid("a repeat of this transaction would not be known")
	}
	var writes []write
	cancelled := &refusal{Type: "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", Message: "Transaction cancelled"}
	refused := false
	for _, t := range in.TransactItems {
		part := t.Put
		if part == nil {
			part = t.Delete
		}
		w, err := f.check(*part)
		why := "None"
		if r, ok := errors.AsType[*refusal](err); ok {
			switch {
			case strings.HasSuffix(r.Type, "ConditionalCheckFailedException"):
				why = "ConditionalCheckFailed"
			case strings.Contains(r.Message, "Item size"):
				why = "ValidationError"
			default:
				return err
			}
			refused = true
		}
		if slices.ContainsFunc(writes, func(o write) bool { return o.key == w.key }) {
			return invalid("Transaction request cannot include multiple operations on one item")
		}
		cancelled.Reasons = append(cancelled.Reasons, reason{why})
		writes = append(writes, w)
	}
	if refused {
		return cancelled
	}
	for _, w := range writes {
		f.apply(w)
	}
	return nil
}

func (f *fake) query(in request) (any, error) {
	if in.TableName != tableName {
		return nil, failed("ResourceNotFoundException")
	}
	part := in.ExpressionAttributeValues[":part"]
	if part["S"] == "" || in.Limit < 0 || !in.ConsistentRead {
		return nil, invalid("One or more parameter values are not valid")
	}
	start := [2]string{in.ExclusiveStartKey["pk"]["S"], in.ExclusiveStartKey["sk"]["S"]}
	if in.ExclusiveStartKey != nil {
		inside, err := evaluate(in.KeyConditionExpression, in.ExpressionAttributeValues, in.ExclusiveStartKey)
		if err != nil || !inside {
			return nil, invalid("The provided starting key is outside query boundaries based on provided conditions")
		}
	}
	keys := slices.SortedFunc(maps.Keys(f.items), func(a, b [2]string) int { return strings.Compare(a[1], b[1]) })
	items := []attributes{}
	page := pageItems
	if in.Limit > 0 {
		page = min(page, in.Limit)
	}
	for _, k := range keys {
		if k[0] != part["S"] || k[1] <= start[1] {
			continue
		}
		listed, err := evaluate(in.KeyConditionExpression, in.ExpressionAttributeValues, f.items[k])
		if err != nil {
			return nil, err
		}
		if !listed {
			continue
		}
		items = append(items, f.items[k])
		if len(items) == page {
			return map[string]any{"Items": items, "LastEvaluatedKey": attributes{"pk": {"S": k[0]}, "sk": {"S": k[1]}}}, nil
		}
	}
	return map[string]any{"Items": items}, nil
}
