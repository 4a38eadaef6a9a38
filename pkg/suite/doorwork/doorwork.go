// Package doorwork is who stands at the door in AWS: both CRMs, and WhatsApp and conversions where a stack has them. It wires no
// handler, and it reaches neither the mapping nor the numbering plans of the world: somebody waits while the door starts.
package doorwork

import (
	"log/slog"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/crm"
	flow "crm-connector/pkg/flow/webhook"
	"crm-connector/pkg/suite/bearer"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/webhook"
)

// AbsentWhatsApp is what Meta is told by a stack without WhatsApp, and an operator with it.
const AbsentWhatsApp = "this stack has no WhatsApp: set WhatsAppPhoneNumberId (WHATSAPP_PHONE_NUMBER_ID)"

// Senders are those whom the door listens to.
type Senders struct {
	Sources  func(webhook.Notes) []flow.Source
	Carriers map[string]queue.API // by the name of a source
	Absent   map[string]string    // paths that this stack does not serve, with why
}

// Open returns them. It makes no call: what it complains of is in c.Err.
func Open(c *cloud.Cloud, newID func() string, log *slog.Logger) Senders {
	hub, channel := c.HubSpotWebhook(), c.ZohoChannel()
	secrets := secret.New(c.Caller(awsenv.SSM), c.Reader, c.Now)
	signing, tokens := secrets.Several(settings.HubSpotClientSecret), secrets.Several(settings.ZohoChannelToken)
	sqs := c.Config(awsenv.SQS)
	s := Senders{Absent: map[string]string{}, Carriers: map[string]queue.API{
		whatsappName: queue.Open(sqs, c.Need(settings.WhatsAppQueue)), conversions.Name: queue.Open(sqs, c.Need(settings.ConversionsQueue)),
	}}
	var more []flow.Source
	if c.WhatsAppNumber() == "" {
		s.Absent[whatsapp.Path] = AbsentWhatsApp
	} else {
		more = append(more, whatsapp.NewSource(whatsapp.SourceConfig{
			Secrets: secrets.Several(settings.WhatsAppAppSecret), VerifyTokens: secrets.Several(settings.WhatsAppVerifyToken), Now: c.Now,
		}))
	}
	if proof := bearer.Open(c, secrets, log); proof == nil {
		s.Absent[conversions.EventsPath] = bearer.Absent
	} else {
		more = append(more, &conversions.Source{Tokens: proof, Shards: submission.Shards, Now: c.Now, NewID: newID})
	}
	s.Sources = func(n webhook.Notes) []flow.Source {
		return append([]flow.Source{
			hubspot.NewSource(hubspot.SourceConfig{
				Secrets: signing, URLs: hub.URLs, AllowV1: hub.AllowV1, AppID: hub.AppID, Now: c.Now, Fields: n.Fields(crm.HubSpot), Portal: n.Portal,
			}),
			zoho.NewChannel(zoho.ChannelConfig{Keys: zoho.ChannelKeys(channel.ID, tokens), Now: c.Now, Fields: n.Fields(crm.Zoho)}),
		}, more...)
	}
	return s
}

// whatsappName is what the source of WhatsApp is called.
var whatsappName = (*whatsapp.Source)(nil).Name()
