package connector

import (
	"context"

	"crm-connector/pkg/adapter/settings"
)

// slackHook is how the address of an incoming webhook begins
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
const slackHook = "https://hooks.slack.com/"

type setupSlackCommand struct{}

// Help is what --help adds.
func (setupSlackCommand) Help() string {
	return `Alarms and reports of conversions go to the mail's receivers; with the parameter Slack=true they go to a channel of Slack too. Make an incoming webhook for it in Slack (its address, https://hooks.slack.com/..., is SLACK_WEBHOOK_URL: whoever has it may write there), run this, and deploy with Slack=true.

Examples:

    connector setup slack --stack crm-connector
    connector setup slack --stack crm-connector --secret-file secrets.env --plan`
}

// Run stores the address.
func (setupSlackCommand) Run(ctx context.Context, s *session) error {
	st, _, err := s.deployed(ctx)
	if err != nil {
		return err
	}
	v, err := s.keep(ctx, st, settings.SlackWebhookURL, true)
	if err == nil && v.IsZero() && !s.flags.Plan {
		return wrongf("%s is needed: connector setup slack --help says where it comes from", settings.SlackWebhookURL)
	}
	return err
}
