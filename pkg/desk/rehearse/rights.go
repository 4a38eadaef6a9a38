package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
)

// exception is a right that the emulator's enforcement asks of functions beside those that AWS asks. The rehearsal gives it to
// their roles after the deployment and takes it back before the stack is deleted; the template knows nothing of it.
type exception struct {
	action    string
	functions []string
	emulator  string // what it does
	aws       string // what AWS does, and the template is written for
}

var exceptions = []exception{
	{
		"ssm:GetParameters", []string{"webhook", "zohoConsumer", "hubspotConsumer", "refreshZohoToken", "renewZohoChannel", "reconcile", "whatsappConsumer", "sendWhatsapp", "conversionApi"},
		"looks for one parameter's name in a call that has several, finds none, and holds the call to the resource *",
		"holds the call to the ARN of each parameter",
	},
	{
		"ses:SendRawEmail", []string{"failureReporter", "conversionClock"},
		"holds the call to the resource *, without ses:FromAddress",
		"holds the call to the ARN of the identity and of the configuration set, and tells the sender's address",
	},
}

// The names of the policies that the rehearsal puts beside a role's own.
const (
	excepted = "rehearsal-exceptions"
	denied   = "rehearsal-denied"
)

// grant gives the roles the exceptions, after it has seen that the enforcement is at work.
func grant(ctx context.Context, s *stage) (string, error) {
	if err := s.expect(ctx, "before", http.MethodPost, hubspotPath, s.knock(), http.StatusServiceUnavailable); err != nil {
		return "", err
	}
	err := until(ctx, soon, func(ctx context.Context) error {
		return s.refusedBy(ctx, "webhook", "secret.Get: setup (AccessDeniedException)")
	})
	if err != nil {
		return "", fmt.Errorf("the emulator refuses nothing: %w", err)
	}
	actions := map[string][]string{}
	for _, e := range exceptions {
		for _, f := range e.functions {
			actions[f] = append(actions[f], e.action)
		}
	}
	for f, all := range actions {
		if err := s.policy(ctx, f, excepted, "Allow", all...); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d exceptions for %d roles", len(exceptions), len(actions)), nil
}

// refusedBy looks for a refusal in the log of a function.
func (s *stage) refusedBy(ctx context.Context, function, words string) error {
	lines, err := s.cloud.logs(ctx, function)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if strings.Contains(l, words) {
			return nil
		}
	}
	return fmt.Errorf("no line of %s holds %q", function, words)
}

// policy puts a policy beside the own one of a function's role; without an action it takes it away.
func (s *stage) policy(ctx context.Context, function, name, effect string, actions ...string) error {
	out, err := s.cloud.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(s.Stack + "-" + function)})
	if err != nil {
		return err
	}
	fields := url.Values{"RoleName": {path.Base(aws.ToString(out.Role))}, "PolicyName": {name}}
	if len(actions) == 0 {
		return s.cloud.query(ctx, "iam", "2010-05-08", "DeleteRolePolicy", fields, nil)
	}
	document, err := json.Marshal(map[string]any{
		"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": effect, "Action": actions, "Resource": "*"}},
	})
	if err != nil {
		return err
	}
	fields.Set("PolicyDocument", string(document))
	return s.cloud.query(ctx, "iam", "2010-05-08", "PutRolePolicy", fields, nil)
}

// enforced takes the right to queue from the door, and gives it back: a delivery is taken only with it.
func enforced(ctx context.Context, s *stage) (string, error) {
	all := s.domain.made(hubspotPath)
	deliver := func(want int) error {
		again := s.signed(hubspottest.DefaultClientSecret, string(all[len(all)-1].body), s.Now())
		return s.expect(ctx, "a delivery", http.MethodPost, hubspotPath, again, want)
	}
	if err := errors.Join(deliver(http.StatusOK), s.policy(ctx, "webhook", denied, "Deny", "sqs:SendMessage*")); err != nil {
		return "", err
	}
	err := deliver(http.StatusServiceUnavailable)
	if err := errors.Join(err, s.policy(ctx, "webhook", denied, ""), deliver(http.StatusOK)); err != nil {
		return "", err
	}
	return "503 while sqs:SendMessage was denied to webhook, else 200", s.quiet(ctx)
}

// withdraw takes the exceptions back: a role with policies that its template does not know cannot be deleted.
func (s *stage) withdraw(ctx context.Context) error {
	taken := map[string]bool{}
	for _, e := range exceptions {
		for _, f := range e.functions {
			if taken[f] {
				continue
			}
			taken[f] = true
			if err := s.policy(ctx, f, excepted, ""); err != nil {
				return err
			}
		}
	}
	return nil
}
