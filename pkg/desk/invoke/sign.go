package invoke

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
)

// The placeholders in the headers of an event that HubSpot signs. A signature is good for 300 seconds, so that no file can
// hold one.
const (
	placeSignature = "${signature}"
	placeTimestamp = "${timestamp}"
)

// WebhookURL is what HubSpot signs deliveries for: HUBSPOT_WEBHOOK_URL of events/env.json.
const WebhookURL = "https://connector.example.com/webhooks/hubspot"

// Signed returns the event with its placeholders filled as HubSpot would at that instant. Any other event is returned as
// it is.
func Signed(event []byte, at time.Time) ([]byte, error) {
	if !bytes.Contains(event, []byte(placeSignature)) && !bytes.Contains(event, []byte(placeTimestamp)) {
		return event, nil
	}
	var e struct {
		Body    string `json:"body"`
		Base64  bool   `json:"isBase64Encoded"`
		Context struct {
			HTTP struct {
				Method string `json:"method"`
			} `json:"http"`
		} `json:"requestContext"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, fmt.Errorf("an event with a placeholder: %w", err)
	}
	body := []byte(e.Body)
	if e.Base64 {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, fmt.Errorf("an event with a placeholder: %w", err)
		}
	}
	if e.Context.HTTP.Method != http.MethodPost {
		return nil, fmt.Errorf("an event with a placeholder: HubSpot sends POST, not %q", e.Context.HTTP.Method)
	}
	secret := crm.NewSecret(Secrets()[settings.HubSpotClientSecret])
	signature, timestamp := hubspot.Sign(secret, http.MethodPost, WebhookURL, body, at)
	event = bytes.ReplaceAll(event, []byte(placeSignature), []byte(signature))
	return bytes.ReplaceAll(event, []byte(placeTimestamp), []byte(timestamp)), nil
}
