// Package mail sends a letter through Amazon SES, once a call: SES does not recognise a mail that it has sent before, so
// nothing is repeated here, and the kind of an error says whether it may have left.
//
// https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html
package mail

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ses"
	"github.com/aws/aws-sdk-go-v2/service/ses/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/letter"
)

// SES is the one call of *ses.Client that is needed.
type SES interface {
	SendRawEmail(ctx context.Context, in *ses.SendRawEmailInput, opts ...func(*ses.Options)) (*ses.SendRawEmailOutput, error)
}

// Client sends letters. It may be used by several goroutines.
type Client struct {
	SES              SES
	ConfigurationSet string // its event destination tells bounces and complaints; "" for none
	Now              func() time.Time
}

// Open returns a client with that configuration set. It makes no call.
func Open(cfg aws.Config, configurationSet string, now func() time.Time) *Client {
	return &Client{SES: call(ses.NewFromConfig(cfg).SendRawEmail), ConfigurationSet: configurationSet, Now: now}
}

// call is the one call without the client, so that the linker may drop the others.
type call func(context.Context, *ses.SendRawEmailInput, ...func(*ses.Options)) (*ses.SendRawEmailOutput, error)

func (c call) SendRawEmail(ctx context.Context, in *ses.SendRawEmailInput, o ...func(*ses.Options)) (*ses.SendRawEmailOutput, error) {
	return c(ctx, in, o...)
}

// Timeout is how long one mail may take.
const Timeout = 15 * time.Second

// TagDigest names the tag that carries the letter's id into SES's events.
const TagDigest = "digest"

const op = "mail.Send"

// Send sends the letter. Every error is a *fault.Error without an address in it: Setup for a letter that cannot be sent as
// it is addressed and for a sender or configuration set that SES does not know, Refused, Denied and Throttled as SES
// says, and Down for everything that leaves open whether it was sent.
func (c *Client) Send(ctx context.Context, m letter.Mail) error {
	raw, recipients, sender, err := compose(m, c.Now())
	if err != nil {
		return &fault.Error{Op: op, Kind: fault.Setup, Err: err}
	}
	in := &ses.SendRawEmailInput{
		RawMessage: &types.RawMessage{Data: raw}, Source: aws.String(sender), Destinations: recipients,
		Tags: []types.MessageTag{{Name: aws.String(TagDigest), Value: aws.String(plain(m.ID))}},
	}
	if c.ConfigurationSet != "" {
		in.ConfigurationSetName = aws.String(c.ConfigurationSet)
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	if _, err := c.SES.SendRawEmail(ctx, in, once); err != nil {
		return judge(err)
	}
	return nil
}

// once switches the repeats of the SDK off.
func once(o *ses.Options) { o.Retryer = aws.NopRetryer{} }

// judge says what a failed call means. SES's own words name addresses, so only its code is kept.
//
// https://docs.aws.amazon.com/ses/latest/APIReference/CommonErrors.html
func judge(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("no answer from SES")}
	}
	f := &fault.Error{Op: op, Code: api.ErrorCode()}
	status := 0
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = r.HTTPStatusCode()
	}
	switch code := f.Code; {
	case strings.HasPrefix(code, "Throttl"), code == "TooManyRequestsException", code == "LimitExceededException":
		f.Kind = fault.Throttled
	case code == "MailFromDomainNotVerified", code == "MailFromDomainNotVerifiedException", code == "ConfigurationSetDoesNotExist",
		code == "ConfigurationSetDoesNotExistException", code == "FromEmailAddressNotVerified":
		f.Kind = fault.Setup
	case strings.HasPrefix(code, "AccessDenied"), code == "NotAuthorized", code == "InvalidClientTokenId", code == "SignatureDoesNotMatch",
		code == "ExpiredToken", code == "IncompleteSignature", code == "MissingAuthenticationToken", code == "OptInRequired",
		strings.HasPrefix(code, "AccountSendingPaused"), strings.HasPrefix(code, "ConfigurationSetSendingPaused"):
		f.Kind = fault.Denied
	case status >= http.StatusInternalServerError, status == 0:
		f.Kind = fault.Down
	default:
		f.Kind = fault.Refused
	}
	return f
}
