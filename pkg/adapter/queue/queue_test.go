package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

var (
	_ queue.API    = queue.SQS{}
	_ queue.Client = (*sqs.Client)(nil)
)

func operations(n int) []crm.Operation {
	ops := make([]crm.Operation, n)
	for i := range ops {
		ops[i] = operation()
		ops[i].ID, ops[i].RecordID = fmt.Sprint("op", i), fmt.Sprint(i)
	}
	return ops
}

func TestOperationsAreSentTenACallAndInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 11, 20, 25} {
		a := &api{}
		ops := operations(n)
		if err := (queue.Sender{Queue: a}).Send(t.Context(), ops); err != nil {
			t.Fatal(err)
		}
		var got []batch.Entry
		for i, call := range a.calls {
			if len(call) > 10 || len(call) < 10 && i < len(a.calls)-1 {
				t.Errorf("%d operations: call %d has %d", n, i, len(call))
			}
			got = append(got, call...)
		}
		if len(got) != n {
			t.Errorf("%d operations: %d sent", n, len(got))
		}
		for i, e := range got {
			op, err := queue.Decode(e.Body)
			if err != nil || !cmp.Equal(op, ops[i]) || e.Group != queue.Group(op) || e.Dedup != queue.Dedup(op) {
				t.Errorf("%d operations: entry %d is %+v, %v", n, i, e, err)
			}
		}
	}
}

func TestACallHoldsAtMostOneMebibyte(t *testing.T) {
	a := &api{}
	ops := operations(7)
	for i := range ops {
		ops[i].Fields = []string{strings.Repeat("x", 300<<10)}
	}
	if err := (queue.Sender{Queue: a}).Send(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, call := range a.calls {
		size := 0
		for _, e := range call {
			size += len(e.Body)
		}
		if size > batch.MaxBytes {
			t.Errorf("a call of %d bytes", size)
		}
		total += len(call)
	}
	if total != 7 || len(a.calls) != 3 {
		t.Errorf("%d operations in %d calls", total, len(a.calls))
	}
}

func TestAnOperationAboveOneMebibyteIsOurFaultAndNothingIsSent(t *testing.T) {
	a := &api{}
	ops := operations(2)
	ops[1].Fields = []string{strings.Repeat("x", batch.MaxBytes)}
	if err := (queue.Sender{Queue: a}).Send(t.Context(), ops); fault.KindOf(err) != fault.Ours || len(a.calls) != 0 {
		t.Errorf("%v after %d calls", err, len(a.calls))
	}
}

func TestAnOperationThatCannotBeWrittenKeepsTheWholeSetBack(t *testing.T) {
	a := &api{}
	ops := operations(12)
	ops[11].RecordID = ""
	if err := (queue.Sender{Queue: a}).Send(t.Context(), ops); fault.KindOf(err) != fault.Ours || len(a.calls) != 0 {
		t.Errorf("%v after %d calls", err, len(a.calls))
	}
}

func TestTheFirstCallThatFailsIsTheAnswer(t *testing.T) {
	gone := errors.New("gone")
	a := &api{failAt: 2, err: gone}
	if err := (queue.Sender{Queue: a}).Send(t.Context(), operations(30)); !errors.Is(err, gone) || len(a.calls) != 2 {
		t.Errorf("%v after %d calls", err, len(a.calls))
	}
}

func TestSQSGetsTheEntriesAsTheyAre(t *testing.T) {
	c := &client{}
	entries := []batch.Entry{{Group: "g1", Dedup: "d1", Body: "one"}, {Group: "g2", Dedup: "d2", Body: "two"}}
	if err := (queue.SQS{Client: c, URL: "https://sqs/q.fifo"}).Send(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	in := c.sends[0]
	if *in.QueueUrl != "https://sqs/q.fifo" || len(c.sends) != 1 || len(in.Entries) != 2 {
		t.Fatalf("sent %+v", c.sends)
	}
	for i, e := range in.Entries {
		got := batch.Entry{Group: *e.MessageGroupId, Dedup: *e.MessageDeduplicationId, Body: *e.MessageBody}
		if got != entries[i] || *e.Id != fmt.Sprint(i) || e.DelaySeconds != 0 {
			t.Errorf("entry %d is %+v", i, e)
		}
	}
}

func TestAnyEntryThatSQSDoesNotConfirmMakesTheSendingAnError(t *testing.T) {
	down := types.BatchResultErrorEntry{Code: aws.String("InternalError")}
	ours := types.BatchResultErrorEntry{Code: aws.String("InvalidMessageContents"), SenderFault: true}
	for _, tt := range []struct {
		name string
		c    client
		kind fault.Kind
		code string
	}{
		{"seven accepted and three failed", client{fail: map[string]types.BatchResultErrorEntry{"1": down, "4": down, "9": down}}, fault.Down, "InternalError"},
		{"all failed", client{fail: map[string]types.BatchResultErrorEntry{"0": down, "1": down, "2": down, "3": down, "4": down, "5": down, "6": down, "7": down, "8": down, "9": down}}, fault.Down, "InternalError"},
		{"one failed by our fault", client{fail: map[string]types.BatchResultErrorEntry{"1": down, "4": ours, "5": down}}, fault.Ours, "InvalidMessageContents"},
		{"one neither accepted nor failed", client{silent: map[string]bool{"3": true}}, fault.Down, ""},
		{"throttled", client{err: &types.RequestThrottled{}}, fault.Throttled, "RequestThrottled"},
		{"throttled, unmodelled", client{err: &smithy.GenericAPIError{Code: "ThrottlingException"}}, fault.Throttled, "ThrottlingException"},
		{"no such queue", client{err: &types.QueueDoesNotExist{}}, fault.Setup, "QueueDoesNotExist"},
		{"not allowed", client{err: &smithy.GenericAPIError{Code: "AccessDenied"}}, fault.Setup, "AccessDenied"},
		{"too long", client{err: &types.BatchRequestTooLong{}}, fault.Ours, "BatchRequestTooLong"},
		{"no network", client{err: errors.New("no route")}, fault.Down, ""},
		{"another error of SQS", client{err: &smithy.GenericAPIError{Code: "InternalFailure"}}, fault.Down, "InternalFailure"},
	} {
		err := queue.Sender{Queue: queue.SQS{Client: &tt.c}}.Send(t.Context(), operations(10))
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Kind != tt.kind || !strings.Contains(e.Code, tt.code) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestSQSHidesTenACallInWholeSecondsRoundedUp(t *testing.T) {
	c := &client{}
	var waits []batch.Wait
	for i, d := range []time.Duration{0, 1, time.Second, time.Second + 1, 15 * time.Minute, batch.MaxHidden, batch.MaxHidden + time.Hour, -time.Second} {
		waits = append(waits, batch.Wait{Receipt: fmt.Sprint("r", i), For: d})
	}
	for range 4 {
		waits = append(waits, batch.Wait{Receipt: "more"})
	}
	if err := (queue.SQS{Client: c, URL: "u"}).Hide(t.Context(), waits); err != nil {
		t.Fatal(err)
	}
	var got []int32
	for _, e := range c.hides[0].Entries[:8] {
		got = append(got, e.VisibilityTimeout)
	}
	if want := []int32{0, 1, 1, 2, 900, 43200, 43200, 0}; !cmp.Equal(got, want) || len(c.hides) != 2 || len(c.hides[1].Entries) != 2 || *c.hides[0].Entries[1].ReceiptHandle != "r1" {
		t.Errorf("got %v in %d calls, want %v", got, len(c.hides), want)
	}
}

func TestAMessageThatCannotBeHiddenIsAnErrorAndTheOthersAreHidden(t *testing.T) {
	c := &client{fail: map[string]types.BatchResultErrorEntry{"1": {Code: aws.String("MessageNotInflight"), SenderFault: true}}}
	if err := (queue.SQS{Client: c}).Hide(t.Context(), make([]batch.Wait, 12)); err == nil || len(c.hides) != 2 {
		t.Errorf("%v after %d calls", err, len(c.hides))
	}
	if err := (queue.SQS{Client: &client{err: errors.New("gone")}}).Hide(t.Context(), make([]batch.Wait, 1)); fault.KindOf(err) != fault.Down {
		t.Errorf("got %v", err)
	}
}

// lambdaBytes puts the event through the handler as Lambda does: bytes in, bytes out.
func lambdaBytes(t *testing.T, event string, work func(context.Context, []batch.Message) []string) string {
	t.Helper()
	h := &queue.Handler{Work: work}
	out, err := lambda.NewHandler(h.Handle).Invoke(t.Context(), []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestTheAnswerIsAListThatIsNeverNull(t *testing.T) {
	event := `{"Records":[{"messageId":"m1","body":"x"},{"messageId":"m2","body":"y"}]}`
	for _, tt := range []struct {
		again []string
		want  string
	}{
		{nil, `{"batchItemFailures":[]}`},
		{[]string{}, `{"batchItemFailures":[]}`},
		{[]string{"m2"}, `{"batchItemFailures":[{"itemIdentifier":"m2"}]}`},
		{[]string{"m1", "m2"}, `{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}`},
	} {
		if got := lambdaBytes(t, event, func(context.Context, []batch.Message) []string { return tt.again }); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
	if got := lambdaBytes(t, `{"Records":[]}`, func(context.Context, []batch.Message) []string { return nil }); got != `{"batchItemFailures":[]}` {
		t.Errorf("of an empty event: %s", got)
	}
}

func TestARecordOfLambdaBecomesAMessage(t *testing.T) {
	body, _ := json.Marshal(updated)
	record := func(attributes string) string {
		return `{"messageId":"m1","receiptHandle":"r1","body":` + string(body) + `,"attributes":` + attributes + `,"md5OfBody":"x","eventSource":"aws:sqs"}`
	}
	group := queue.Group(operation())
	for _, tt := range []struct {
		name, record string
		want         batch.Message
	}{
		{"whole", record(`{"ApproximateReceiveCount":"4","MessageGroupId":"g","SequenceNumber":"7","SentTimestamp":"1795255200005"}`),
			batch.Message{ID: "m1", Receipt: "r1", Group: "g", Receives: 4, Operation: operation(), Sent: time.UnixMilli(1795255200005)}},
		{"without a group", record(`{"ApproximateReceiveCount":"1"}`), batch.Message{ID: "m1", Receipt: "r1", Group: group, Receives: 1, Operation: operation()}},
		{"without a count", record(`{}`), batch.Message{ID: "m1", Receipt: "r1", Group: group, Receives: 1, Operation: operation()}},
		{"with a count that is no number", record(`{"ApproximateReceiveCount":"-3x"}`), batch.Message{ID: "m1", Receipt: "r1", Group: group, Receives: 1, Operation: operation()}},
		{"without attributes", record(`null`), batch.Message{ID: "m1", Receipt: "r1", Group: group, Receives: 1, Operation: operation()}},
	} {
		lambdaBytes(t, `{"Records":[`+tt.record+`]}`, func(_ context.Context, got []batch.Message) []string {
			if diff := cmp.Diff([]batch.Message{tt.want}, got); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
			return nil
		})
	}
}

func TestARecordThatCannotBeReadIsAMessageAllTheSame(t *testing.T) {
	event := `{"Records":[{"messageId":"m1","receiptHandle":"r1","body":"?","attributes":{"MessageGroupId":"g","ApproximateReceiveCount":"2"}},` +
		`{"messageId":"m2","receiptHandle":"r2","body":"{\"v\":9}","attributes":{}}]}`
	lambdaBytes(t, event, func(_ context.Context, got []batch.Message) []string {
		if m := got[0]; m.Bad == nil || errors.Is(m.Bad, batch.ErrLater) || m.ID != "m1" || m.Group != "g" || m.Receives != 2 {
			t.Errorf("got %+v", m)
		}
		if m := got[1]; !errors.Is(m.Bad, batch.ErrLater) || m.ID != "m2" || m.Group != "" {
			t.Errorf("got %+v", m)
		}
		return nil
	})
}

func TestAWholeMessageIsHandedOnAsItCameAndItsFailuresAreAListThatIsNeverNull(t *testing.T) {
	sent := []batch.Delivery{
		{ID: "m1", Receipt: "r1", Group: "g", Dedup: "d1", Sequence: "00000000000000000001", Receives: 3, Body: `{"any":"\u00e8"}`, Sent: time.UnixMilli(1763722800123)},
		{ID: "m2", Receipt: "r2", Group: "h", Dedup: "d2", Sequence: "00000000000000000002", Receives: 1, Body: "no JSON", Sent: time.UnixMilli(1763722800124)},
	}
	for _, back := range [][]string{nil, {"m2"}} {
		var got []batch.Delivery
		h := &queue.Whole{Work: func(_ context.Context, ds []batch.Delivery) []string { got = ds; return back }}
		answer, err := h.Handle(t.Context(), queue.Event("arn", sent))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(sent, got); d != "" {
			t.Error(d)
		}
		want := `{"batchItemFailures":[]}`
		if back != nil {
			want = `{"batchItemFailures":[{"itemIdentifier":"m2"}]}`
		}
		if out, _ := json.Marshal(answer); string(out) != want {
			t.Errorf("%s, want %s", out, want)
		}
	}
	var got []batch.Delivery
	h := &queue.Whole{Work: func(_ context.Context, ds []batch.Delivery) []string { got = ds; return nil }}
	if _, err := h.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", Body: "b"}}}); err != nil || got[0].Receives != 1 || !got[0].Sent.IsZero() {
		t.Errorf("what an emulator leaves out: %+v, %v", got, err)
	}
}

func TestAnEventOfTheDeskIsWhatLambdaSends(t *testing.T) {
	sent := time.Date(2026, 11, 21, 10, 0, 0, 5e6, time.UTC)
	d := batch.Delivery{ID: "m1", Receipt: "1.3", Group: "g", Dedup: "d", Sequence: "00000000000000000001", Receives: 3, Body: updated, Sent: sent}
	event := queue.Event("arn:aws:sqs:eu-south-1:000000000000:q.fifo", []batch.Delivery{d})
	text, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	lambdaBytes(t, string(text), func(_ context.Context, got []batch.Message) []string {
		want := []batch.Message{{ID: "m1", Receipt: "1.3", Group: "g", Receives: 3, Operation: operation(), Sent: sent}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		return nil
	})
	want := map[string]string{"ApproximateReceiveCount": "3", "MessageGroupId": "g", "MessageDeduplicationId": "d",
		"SequenceNumber": "00000000000000000001", "SentTimestamp": "1795255200005"}
	if r := event.Records[0]; !cmp.Equal(r.Attributes, want) || r.EventSource != "aws:sqs" {
		t.Errorf("got %+v", r)
	}
	if empty := queue.Event("arn", nil); empty.Records == nil || len(empty.Records) != 0 {
		t.Errorf("of nothing: %+v", empty)
	}
	var _ events.SQSEvent = event
}
