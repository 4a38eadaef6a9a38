// Package chatwork is what whatsappConsumer and sendWhatsapp have in common in AWS: WhatsApp beside both CRMs, the table of
// conversations, and the language of the stack. It wires no handler.
package chatwork

import (
	"context"
	"log/slog"
	"net/http"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/queue"
	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/suite/bearer"
	"crm-connector/pkg/suite/chats"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/consumer"
	"crm-connector/pkg/suite/doorwork"
	"crm-connector/pkg/suite/pairwork"
	"crm-connector/pkg/suite/sendwhatsapp"
)

// Open returns the adapters of conversations, of which nobody counts those that begin. It makes no call: what it complains of is in c.Err.
func Open(c *cloud.Cloud, kit *pairwork.Kit, chance pairwork.Chance, log *slog.Logger) chats.Adapters {
	w, rules, language, zone := c.WhatsApp(), c.Rules(), c.OneOf("REPORT_LANGUAGE", "it", "it", "en"), c.Zone("REPORT_ZONE", "Europe/Rome")
	return chats.Adapters{
		HubSpot: kit.HubSpot, Zoho: kit.Zoho, Phone: phone(c, w, kit.Secrets), Pairs: kit.Pairs, Chats: c.Rows(dynamo.Chats), Parked: kit.Parked, Config: kit.Config,
		Rules: pairwork.Rules(rules), Hasher: kit.Hasher,
		Number: w.Number, Own: w.Own, Coexistence: w.Coexistence, LeadSource: w.LeadSource, Language: chat.Language(language), Zone: zone,
		NewID: chance.NewID, Now: c.Now, Sleep: cloud.Sleep, Log: log,
	}
}

// Looks is the queue in which the connector is asked to look at a contact of Zoho.
func Looks(c *cloud.Cloud) consumer.Queues {
	return consumer.Queues{crm.Zoho: queue.Open(c.Config(awsenv.SQS), c.Need(settings.FromZohoQueue))}
}

// Wire makes the route of messages to send; on a stack without tokens or without WhatsApp it says so to everybody.
func Wire(c *cloud.Cloud, kit *pairwork.Kit, log *slog.Logger) func(sendwhatsapp.Accept, *slog.Logger) func(context.Context, door.Request) door.Answer {
	tokens, missing := bearer.Open(c, kit.Secrets, log), c.WhatsApp().Missing()
	return func(accept sendwhatsapp.Accept, log *slog.Logger) func(context.Context, door.Request) door.Answer {
		switch {
		case missing:
			return conversions.Absent(doorwork.AbsentWhatsApp)
		case tokens == nil:
			return conversions.Absent(bearer.Absent)
		}
		return (&conversions.Messages{Tokens: tokens, Accept: accept, Log: log}).Handle
	}
}

func phone(c *cloud.Cloud, w settings.WhatsApp, secrets *secret.Store) *whatsapp.Client {
	token := func(context.Context) (crm.Secret, error) { return crm.Secret{}, nil }
	if !w.Missing() {
		token = secrets.One(settings.WhatsAppAccessToken)
	}
	return whatsapp.New(whatsapp.Config{
		BaseURL: w.URL, Version: w.Version, Bearer: token, HTTP: http.DefaultTransport, Now: c.Now, Sleep: cloud.Sleep,
	})
}
