package awsenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/restjson"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithytime "github.com/aws/smithy-go/time"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Caller calls one service of AWS without the SDK's client of that service, with the SDK's own signatures and judgement of
// what is worth another try. It is for services of which a function needs a single call: each client brings a table of the
// service's endpoints in all regions, regular expressions among them, that is built at every start and is a twentieth of the
// start of a function that does nothing.
type Caller struct {
	cfg     aws.Config
	service string // as it is signed for
	now     func() time.Time
}

// NewCaller returns what calls a service. It makes no call.
func NewCaller(cfg aws.Config, s Service, now func() time.Time) *Caller {
	return &Caller{cfg: cfg, service: strings.ToLower(string(s)), now: now}
}

// maxAnswer is more than any answer of the calls that are made: a function's is at most 6 MB.
const maxAnswer = 8 << 20

// Post sends a body to a path, which holds no query, with further headers, and returns the head of a 2xx answer, its body read.
// Any other answer is an error with a smithy.APIError in its chain, whose message is left out: it may quote what was sent.
func (c *Caller) Post(ctx context.Context, path string, header http.Header, body []byte) (http.Header, []byte, error) {
	retryer := c.cfg.Retryer()
	for attempt := 1; ; attempt++ {
		head, answer, err := c.once(ctx, path, header, body)
		if err == nil || attempt >= retryer.MaxAttempts() || ctx.Err() != nil || !retryer.IsErrorRetryable(err) {
			return head, answer, err
		}
		pause, told := retryer.RetryDelay(attempt, err)
		if told != nil || smithytime.SleepWithContext(ctx, pause) != nil {
			return nil, nil, err
		}
	}
}

func (c *Caller) once(ctx context.Context, path string, header http.Header, body []byte) (http.Header, []byte, error) {
	req, err := c.request(ctx, path, header, body)
	if err != nil {
		return nil, nil, err
	}
	resp, err := c.cfg.HTTPClient.Do(req)
	if err != nil {
		return nil, nil, &smithyhttp.RequestSendError{Err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, nil, &smithyhttp.RequestSendError{Err: err}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, nil, &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: resp}, Err: &smithy.GenericAPIError{Code: code(resp.Header, answer)},
		}}
	}
	return resp.Header, answer, nil
}

// request returns the call, signed.
func (c *Caller) request(ctx context.Context, path string, header http.Header, body []byte) (*http.Request, error) {
	base, err := url.Parse(c.endpoint())
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	who, err := c.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	return req, v4.NewSigner().SignHTTP(ctx, who, req, hex.EncodeToString(sum[:]), c.service, c.cfg.Region, c.now())
}

// suffixes are the domains of the partitions that are not aws, by how the names of their regions begin.
//
// https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json
var suffixes = [][2]string{{"cn-", "amazonaws.com.cn"}, {"eusc-", "amazonaws.eu"}}

func (c *Caller) endpoint() string {
	if c.cfg.BaseEndpoint != nil {
		return *c.cfg.BaseEndpoint
	}
	suffix := "amazonaws.com"
	for _, s := range suffixes {
		if strings.HasPrefix(c.cfg.Region, s[0]) {
			suffix = s[1]
		}
	}
	return "https://" + c.service + "." + c.cfg.Region + "." + suffix
}

// code returns what a refusal is called, "" when it does not say.
//
// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization
func code(header http.Header, answer []byte) string {
	name := header.Get("X-Amzn-ErrorType")
	if name == "" {
		var said struct {
			Type string `json:"__type"`
			Code string `json:"code"`
		}
		if err := json.Unmarshal(answer, &said); err != nil && !errors.As(err, new(*json.UnmarshalTypeError)) {
			return ""
		}
		if name = said.Type; name == "" {
			name = said.Code
		}
	}
	return restjson.SanitizeErrorCode(name)
}
