// Package apigw translates between API Gateway's HTTP API events (payload format 2.0) and the words of the door. It undoes
// what the gateway does to a request (base64, the stage in front of the path) and nothing else: the bytes of the body stay
// as the sender signed them.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
package apigw

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/core/door"
)

// Handler returns the Lambda function that gives every request to handle. It never returns an error: API Gateway would
// answer 500 for one. A body that the gateway calls base64 and that is not is answered 400 and not handed on.
func Handler(handle func(context.Context, door.Request) door.Answer) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		req, err := Request(e)
		if err != nil {
			return Response(door.Answer{ //nolint:nilerr // the answer says it; for an error API Gateway would answer 500
				Status: http.StatusBadRequest, ContentType: "application/json", Body: []byte(`{"error":"bad request"}`),
			}), nil
		}
		return Response(handle(ctx, req)), nil
	}
}

// Or returns the Lambda function that gives every request to handle, as Handler does, and every other event, which comes from a
// schedule or an operator, to other. What other does is answered null, or its error.
func Or(handle func(context.Context, door.Request) door.Answer, other func(context.Context, json.RawMessage) error) func(context.Context, json.RawMessage) (any, error) {
	requests := Handler(handle)
	return func(ctx context.Context, event json.RawMessage) (any, error) {
		var e events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(event, &e); err != nil || e.RequestContext.HTTP.Method == "" {
			return nil, other(ctx, event)
		}
		return requests(ctx, e)
	}
}

// Request returns the delivery that the event carries, or an error that wraps door.ErrMalformed.
//
// The gateway joins a header that was sent several times with commas; it stays one value here, and whoever expects one
// value must refuse a comma. A path below a named stage loses the stage.
func Request(e events.APIGatewayV2HTTPRequest) (door.Request, error) {
	body, err := bodyOf(e)
	if err != nil {
		return door.Request{}, door.ErrMalformed
	}
	header := make(http.Header, len(e.Headers))
	for name, value := range e.Headers {
		header.Add(name, value)
	}
	return door.Request{
		ID:     e.RequestContext.RequestID,
		Method: e.RequestContext.HTTP.Method,
		Path:   path(e),
		Query:  e.RawQueryString,
		Header: header,
		Body:   body,
	}, nil
}

func bodyOf(e events.APIGatewayV2HTTPRequest) ([]byte, error) {
	if e.IsBase64Encoded {
		return base64.StdEncoding.DecodeString(e.Body)
	}
	return []byte(e.Body), nil
}

// path returns the path below the stage. The default stage is not part of a path.
func path(e events.APIGatewayV2HTTPRequest) string {
	stage := e.RequestContext.Stage
	if stage == "" || stage == "$default" {
		return e.RawPath
	}
	if below, ok := strings.CutPrefix(e.RawPath, "/"+stage); ok && (below == "" || below[0] == '/') {
		return below
	}
	return e.RawPath
}

// Response returns the answer as the gateway reads it. A body that is not UTF-8 travels as base64.
func Response(a door.Answer) events.APIGatewayV2HTTPResponse {
	r := events.APIGatewayV2HTTPResponse{StatusCode: a.Status, Headers: map[string]string{}, Body: string(a.Body)}
	for name, values := range a.Header {
		r.Headers[name] = strings.Join(values, ", ")
	}
	if a.ContentType != "" {
		r.Headers["Content-Type"] = a.ContentType
	}
	if !utf8.Valid(a.Body) {
		r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString(a.Body), true
	}
	return r
}
