package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/desk/sandbox"
)

// The URLs of the world's door.
const (
	hubspotHook = "https://connector.example.com/webhooks/hubspot"
	zohoHook    = "https://connector.example.com/webhooks/zoho"
)

// FromHubSpot makes the number-th delivery of HubSpot: signed, one changed property of each of n contacts.
func (s *Stage) FromHubSpot(number, n int) (events.APIGatewayV2HTTPRequest, error) {
	at := s.Clock.Now()
	all := make([]map[string]any, n)
	for i := range all {
		all[i] = map[string]any{
			"eventId": 3_000_000_000 + number*n + i, "subscriptionId": 4_578_000, "portalId": hubspottest.DefaultPortalID, "appId": 19635961,
			"occurredAt": at.UnixMilli(), "subscriptionType": "contact.propertyChange", "attemptNumber": 0, "objectId": 151_000_000_000 + i,
			"propertyName": "jobtitle", "propertyValue": "Head of Purchasing", "changeSource": "CRM_UI", "sourceId": "userId:52530071",
		}
	}
	body, err := json.Marshal(all)
	if err != nil {
		return events.APIGatewayV2HTTPRequest{}, err
	}
	return gateway(hubspotHook, body, hubspottest.Sign(hubspottest.DefaultClientSecret, http.MethodPost, hubspotHook, body, at))
}

// FromZoho makes the number-th notification of Zoho: one changed field of each of n contacts.
func (s *Stage) FromZoho(number, n int) (events.APIGatewayV2HTTPRequest, error) {
	ids, fields := make([]string, n), make([]map[string][]string, n)
	for i := range ids {
		ids[i] = strconv.Itoa(4876876000000400000 + i)
		fields[i] = map[string][]string{ids[i]: {"Title"}}
	}
	body, err := json.Marshal(map[string]any{
		"server_time": s.Clock.Now().UnixMilli() + int64(number), "query_params": map[string]string{}, "module": "Contacts", "operation": "update",
		"resource_uri": "https://www.zohoapis.eu/crm/v2/Contacts", "ids": ids, "affected_fields": fields, "channel_id": channelID, "token": channelToken,
	})
	if err != nil {
		return events.APIGatewayV2HTTPRequest{}, err
	}
	return gateway(zohoHook, body, http.Header{})
}

func gateway(url string, body []byte, h http.Header) (events.APIGatewayV2HTTPRequest, error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return events.APIGatewayV2HTTPRequest{}, err
	}
	h.Set("Content-Type", "application/json")
	r.Header = h
	return sandbox.Gateway(r, "delivery")
}

// Drain empties the queue of what came from a system, unworked, and reports how many messages it held.
func (s *Stage) Drain(from crm.System) (int, error) {
	for _, l := range s.Lanes {
		if l.Name != string(from.Other())+"Operations" {
			continue
		}
		n := 0
		for all := l.Queue.Receive(batch.MaxEntries); len(all) > 0; all = l.Queue.Receive(batch.MaxEntries) {
			for _, d := range all {
				if err := l.Queue.Delete(d.Receipt); err != nil {
					return n, err
				}
			}
			n += len(all)
		}
		return n, nil
	}
	return 0, fmt.Errorf("no queue of %s", from)
}
