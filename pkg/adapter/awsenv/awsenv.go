// Package awsenv says how AWS is reached: region, credentials and endpoints as Lambda puts them into a function's
// environment, or a developer for an emulator.
//
// It stands in for the SDK's config package, which also looks for profiles, single sign-on and instance metadata, and costs
// every cold start 2 MB and 3.6 ms for it. It makes no call and no client.
package awsenv

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
)

// Service is a service of AWS, spelled as in the setting AWS_ENDPOINT_URL_<SERVICE> that leads to an emulator of it.
type Service string

// The services that the suite calls.
const (
	CloudWatch Service = "CLOUDWATCH"
	DynamoDB   Service = "DYNAMODB"
	Lambda     Service = "LAMBDA"
	SES        Service = "SES"
	SQS        Service = "SQS"
	SSM        Service = "SSM"
)

// patience is how long one try of a call may take. A container that was frozen wakes up with dead connections, and a call
// must not hang on one until its function ends. An invoked function may itself wait for Zoho's accounts server.
func (s Service) patience() time.Duration {
	switch s {
	case Lambda:
		return 30 * time.Second
	case SES:
		return 15 * time.Second
	}
	return 3 * time.Second
}

// What passes by itself is tried again at once; what takes longer is the queue's to wait for.
const (
	tries   = 3
	backoff = 300 * time.Millisecond
)

// Env is where and as whom a function calls AWS.
type Env struct {
	region    string
	keyID     string
	key       crm.Secret
	session   crm.Secret
	endpoints map[Service]string
}

// Read reads AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_ENDPOINT_URL and
// AWS_ENDPOINT_URL_<SERVICE>, the last before the last but one
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html). The first three must be set.
func Read(set *settings.Reader) Env {
	e := Env{
		region: set.Need("AWS_REGION"), keyID: set.Need("AWS_ACCESS_KEY_ID"), key: crm.NewSecret(set.Need("AWS_SECRET_ACCESS_KEY")),
		session: crm.NewSecret(set.Optional("AWS_SESSION_TOKEN", "")), endpoints: map[Service]string{},
	}
	all := set.Optional("AWS_ENDPOINT_URL", "")
	for _, s := range []Service{CloudWatch, DynamoDB, Lambda, SES, SQS, SSM} {
		e.endpoints[s] = set.Optional("AWS_ENDPOINT_URL_"+string(s), all)
	}
	return e
}

// Config returns what a client of the service is made from.
func (e Env) Config(s Service) aws.Config {
	cfg := aws.Config{
		Region:      e.region,
		Credentials: aws.CredentialsProviderFunc(e.credentials),
		HTTPClient:  HTTPClient(s.patience()),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = tries, backoff })
		},
	}
	if url := e.endpoints[s]; url != "" {
		cfg.BaseEndpoint = &url
	}
	return cfg
}

func (e Env) credentials(context.Context) (aws.Credentials, error) {
	return aws.Credentials{
		AccessKeyID: e.keyID, SecretAccessKey: e.key.Reveal(), SessionToken: e.session.Reveal(), Source: "environment",
	}, nil
}
