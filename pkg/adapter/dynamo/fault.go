package dynamo

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// codeConflict is the answer to a single write that meets a transaction at the same row.
const codeConflict = "TransactionConflictException"

// kinds says what the codes of DynamoDB mean; any other, and no answer at all, is Down.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
var kinds = map[string]fault.Kind{
	codeConflict:                             fault.Throttled,
	"TransactionInProgressException":         fault.Throttled,
	"ThrottlingException":                    fault.Throttled,
	"ProvisionedThroughputExceededException": fault.Throttled,
	"RequestLimitExceeded":                   fault.Throttled,
	"LimitExceededException":                 fault.Throttled,

	"ResourceNotFoundException":           fault.Setup,
	"AccessDeniedException":               fault.Setup,
	"UnrecognizedClientException":         fault.Setup,
	"MissingAuthenticationTokenException": fault.Setup,
	"IncompleteSignatureException":        fault.Setup,
	"InvalidSignatureException":           fault.Setup,
	"ExpiredTokenException":               fault.Setup,

	"ValidationException":                      fault.Ours,
	"SerializationException":                   fault.Ours,
	"IdempotentParameterMismatchException":     fault.Ours,
	"ItemCollectionSizeLimitExceededException": fault.Ours,
}

// translate says what a failed call means; nil stays nil. DynamoDB's own words may name keys, so only its code is kept.
func translate(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); refused {
		return fmt.Errorf("%s: %w", op, row.ErrConflict)
	}
	if why, cancelled := cancellation(err); cancelled {
		return why.fault(op)
	}
	api, answered := errors.AsType[smithy.APIError](err)
	if !answered {
		return &fault.Error{Op: op, Kind: fault.Down, Err: err}
	}
	kind, known := kinds[api.ErrorCode()]
	if !known {
		kind = fault.Down
	}
	return &fault.Error{Op: op, Kind: kind, Code: api.ErrorCode()}
}

// cause is why a transaction was cancelled.
type cause string

const (
	becauseRefused cause = "ConditionalCheckFailed"
	becauseWrong   cause = "ValidationError"
	becauseBusy    cause = "TransactionConflict"
	becauseOther   cause = "TransactionCanceled"
)

// cancellation returns why a transaction was cancelled, and whether it was. A condition that does not hold decides,
// whatever else was in the way.
func cancellation(err error) (cause, bool) {
	e, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return "", false
	}
	rank := map[cause]int{becauseOther: 0, becauseBusy: 1, becauseWrong: 2, becauseRefused: 3}
	why := becauseOther
	for _, r := range e.CancellationReasons {
		var c cause
		switch code := aws.ToString(r.Code); code {
		case "ConditionalCheckFailed", "ValidationError":
			c = cause(code)
		case "ItemCollectionSizeLimitExceeded":
			c = becauseWrong
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			c = becauseBusy
		default:
			continue
		}
		if rank[c] > rank[why] {
			why = c
		}
	}
	return why, true
}

func (c cause) fault(op string) error {
	switch c {
	case becauseRefused:
		return fmt.Errorf("%s: %w", op, row.ErrConflict)
	case becauseWrong:
		return &fault.Error{Op: op, Kind: fault.Ours, Code: string(c)}
	case becauseBusy:
		return throttled(op, string(c))
	}
	return &fault.Error{Op: op, Kind: fault.Down, Code: string(c)}
}

func throttled(op, code string) error { return &fault.Error{Op: op, Kind: fault.Throttled, Code: code} }

func ours(op, why string) error {
	return &fault.Error{Op: op, Kind: fault.Ours, Err: errors.New(why)}
}
