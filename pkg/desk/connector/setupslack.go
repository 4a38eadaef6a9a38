package connector

import (
	"context"
	"fmt"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/slack"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// slackHook is how the address of an incoming webhook begins
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
const slackHook = "https://" + slack.Host + "/"

type setupSlackCommand struct{}

// Help is what --help adds.
func (setupSlackCommand) Help() string {
	return `Alarms and reports of conversions go to the mail's receivers; with the parameter Slack=true they go to a channel of Slack too. Make an incoming webhook for it in Slack (its address, https://hooks.slack.com/..., is SLACK_WEBHOOK_URL: whoever has it may write there), run this, and deploy with Slack=true. A new address is tried by a line that it posts to the channel, and stored when Slack took it.

Examples:

    connector setup slack --stack crm-connector
    connector setup slack --stack crm-connector --secret-file secrets.env --plan`
}

// Run stores the address, once a message came through it.
func (setupSlackCommand) Run(ctx context.Context, s *session) error {
	st, _, err := s.deployed(ctx)
	if err != nil {
		return err
	}
	try := func(ctx context.Context, fresh []string) error { return s.trySlack(ctx, st, fresh) }
	_, err = s.admit(ctx, st, try, entry{name: settings.SlackWebhookURL, from: needed})
	return err
}

// trySlack posts a line to a new address: Slack knows no other way to see that one is right. With --plan it says that it would.
func (s *session) trySlack(ctx context.Context, st *Stack, fresh []string) error {
	if len(fresh) == 0 {
		return nil
	}
	post := &slack.Client{HTTP: s.timed(), URL: func(ctx context.Context) (crm.Secret, error) { return s.held(ctx, st, settings.SlackWebhookURL) }}
	err := s.change("a line is posted to the channel: what is told of conversions comes here", func() error {
		return post.Post(ctx, "CRM Connector ("+st.Name+") tells alarms and reports of conversions here.")
	})
	if fault.KindOf(err) == fault.Setup {
		return fmt.Errorf("%w: copy %s from the app's page in Slack once more, and run this again", err, settings.SlackWebhookURL)
	}
	return err
}
