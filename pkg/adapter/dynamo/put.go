package dynamo

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"crm-connector/pkg/core/row"
)

// Put carries out all writes or none. A condition that does not hold gives an error that wraps row.ErrConflict.
func (r *Rows) Put(ctx context.Context, puts ...row.Put) error {
	switch {
	case len(puts) == 0:
		return nil
	case len(puts) > 1:
		return r.together(ctx, puts)
	case puts[0].Delete:
		return r.remove(ctx, puts[0])
	}
	return r.put(ctx, puts[0])
}

func (r *Rows) put(ctx context.Context, p row.Put) error {
	when, values := condition(p, r.now())
	_, err := r.calls.put(ctx, &dynamodb.PutItemInput{
		TableName: &r.table, Item: encode(p), ConditionExpression: &when, ExpressionAttributeValues: values,
	}, onceUnlessThrottled)
	return translate("dynamodb.PutItem", err)
}

func (r *Rows) remove(ctx context.Context, p row.Put) error {
	when, values := condition(p, r.now())
	_, err := r.calls.remove(ctx, &dynamodb.DeleteItemInput{
		TableName: &r.table, Key: encodeKey(p.Key), ConditionExpression: &when, ExpressionAttributeValues: values,
	}, onceUnlessThrottled)
	return translate("dynamodb.DeleteItem", err)
}

// together writes in one transaction. The SDK gives it a token, by which DynamoDB knows a repeat for ten minutes.
func (r *Rows) together(ctx context.Context, puts []row.Put) error {
	in := &dynamodb.TransactWriteItemsInput{}
	now := r.now()
	for _, p := range puts {
		when, values := condition(p, now)
		var w types.TransactWriteItem
		if p.Delete {
			w.Delete = &types.Delete{TableName: &r.table, Key: encodeKey(p.Key), ConditionExpression: &when, ExpressionAttributeValues: values}
		} else {
			w.Put = &types.Put{TableName: &r.table, Item: encode(p), ConditionExpression: &when, ExpressionAttributeValues: values}
		}
		in.TransactItems = append(in.TransactItems, w)
	}
	_, err := r.calls.transact(ctx, in, againUnlessDecided)
	return translate("dynamodb.TransactWriteItems", err)
}

// backoff bounds the pauses between tries.
const backoff = 300 * time.Millisecond

// onceUnlessThrottled repeats only what surely was not carried out. The repeat of a conditional write whose answer was lost
// would meet its own row and be taken for a conflict.
func onceUnlessThrottled(o *dynamodb.Options) {
	o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxBackoff = backoff
		s.Retryables = []retry.IsErrorRetryable{
			retry.NoRetryCanceledError{},
			retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes},
			retry.RetryableErrorCode{Codes: map[string]struct{}{codeConflict: {}}},
		}
	})
}

// againUnlessDecided also repeats a transaction that was cancelled because another one was at the same rows.
func againUnlessDecided(o *dynamodb.Options) {
	o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxBackoff = backoff
		s.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(crossed)}, s.Retryables...)
	})
}

func crossed(err error) aws.Ternary {
	if why, cancelled := cancellation(err); cancelled {
		return aws.BoolTernary(why == becauseBusy)
	}
	return aws.UnknownTernary
}
