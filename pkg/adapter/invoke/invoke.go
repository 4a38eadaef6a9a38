// Package invoke carries the questions about Zoho's token between Lambdas: a consumer asks getZohoToken, getZohoToken has
// refreshZohoToken fetch a new one. It has both ends of each: a client that calls the other function, and the handler that
// answers there.
//
// It keeps nothing and decides nothing. The access token crosses in an answer that AWS encrypts on the way and keeps nowhere;
// nothing here prints it.
package invoke

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/aws/smithy-go"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Function is another Lambda function of the suite.
type Function struct {
	name   string
	lambda Caller
}

// Caller posts a signed call to Lambda. Its errors have a smithy.APIError in their chain where Lambda answered.
type Caller interface {
	Post(ctx context.Context, path string, header http.Header, body []byte) (http.Header, []byte, error)
}

// New returns the function of that name or ARN. It makes no call.
func New(lambda Caller, name string) *Function { return &Function{name: name, lambda: lambda} }

// Token asks getZohoToken for a token whose version is not bad (0: none is known to be bad). Its errors are *fault.Error: the
// function's own, or Throttled, Down and Setup when it was not reached or failed.
func (f *Function) Token(ctx context.Context, bad int64) (crm.Access, error) {
	const op = "invoke.Token"
	a, err := f.ask(ctx, op, bad)
	if err == nil && a.Access.Token.IsZero() {
		err = &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without a token")}
	}
	if err != nil {
		return crm.Access{}, err
	}
	return a.Access, nil
}

// Refresh asks refreshZohoToken to replace the token of version bad. Its errors are those of Token.
func (f *Function) Refresh(ctx context.Context, bad int64) error {
	_, err := f.ask(ctx, "invoke.Refresh", bad)
	return err
}

var header = http.Header{"Content-Type": {"application/octet-stream"}} // as the SDK's client says of every payload

func (f *Function) ask(ctx context.Context, op string, bad int64) (Answer, error) {
	question, err := json.Marshal(Question{V: Version, Bad: bad})
	if err != nil {
		return Answer{}, &fault.Error{Op: op, Kind: fault.Ours, Err: err}
	}
	head, said, err := f.lambda.Post(ctx, "/2015-03-31/functions/"+url.PathEscape(f.name)+"/invocations", header, question)
	if err != nil {
		return Answer{}, translate(op, err)
	}
	if failed := head.Get("X-Amz-Function-Error"); failed != "" {
		return Answer{}, &fault.Error{Op: op, Kind: fault.Down, Code: failed, Err: errors.New("the function failed; see its log")}
	}
	var a Answer
	if json.Unmarshal(said, &a) != nil {
		return Answer{}, &fault.Error{Op: op, Kind: fault.Ours, Err: errors.New("the function's answer cannot be read")}
	}
	if a.Fault != nil {
		return Answer{}, a.Fault
	}
	return a, nil
}

// kinds says what the codes of Invoke mean; any other, and no answer at all, is Down.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
var kinds = map[string]fault.Kind{
	"TooManyRequestsException":    fault.Throttled,
	"ThrottlingException":         fault.Throttled,
	"EC2ThrottledException":       fault.Throttled,
	"ResourceNotFoundException":   fault.Setup,
	"AccessDeniedException":       fault.Setup,
	"UnrecognizedClientException": fault.Setup,
	"ExpiredTokenException":       fault.Setup,
	"KMSAccessDeniedException":    fault.Setup,
	"InvalidRuntimeException":     fault.Setup,
}

func translate(op string, err error) error {
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
