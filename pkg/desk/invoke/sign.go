package invoke

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/hubspot"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/crm"
)

// The placeholders of an event, for what is good for minutes or days only, so that no file can hold it.
const (
	placeSignature = "${signature}" // of HubSpot, over method, address, body and time: good for 300 seconds
	placeTimestamp = "${timestamp}" // that it was made at
	placeMeta      = "${meta-signature}"
	placeNow       = "${now}"  // as conversion events have it
	placeUnix      = "${unix}" // as WhatsApp's messages have it
)

// placeToken is a bearer token that allows a scope: ${token metriche:leggi}.
var placeToken = regexp.MustCompile(`\$\{token ([a-z]+:[a-z]+)\}`)

// WebhookURL is what HubSpot signs deliveries for: HUBSPOT_WEBHOOK_URL of events/env.json.
const WebhookURL = "https://connector.example.com/webhooks/hubspot"

// Signed returns the event with its placeholders filled as of that instant: times, then what covers the body. An event without any
// is returned as it is.
func Signed(event []byte, at time.Time) ([]byte, error) {
	event = bytes.ReplaceAll(event, []byte(placeNow), []byte(at.UTC().Format("2006-01-02T15:04:05.000Z")))
	event = bytes.ReplaceAll(event, []byte(placeUnix), []byte(strconv.FormatInt(at.Unix(), 10)))
	event = placeToken.ReplaceAllFunc(event, func(place []byte) []byte {
		return []byte(conversionstest.Caller{}.Token(at, string(placeToken.FindSubmatch(place)[1])))
	})
	if !bytes.Contains(event, []byte(placeSignature)) && !bytes.Contains(event, []byte(placeTimestamp)) && !bytes.Contains(event, []byte(placeMeta)) {
		return event, nil
	}
	body, err := bodyOf(event)
	if err != nil {
		return nil, fmt.Errorf("an event with a placeholder: %w", err)
	}
	secret := crm.NewSecret(Secrets()[settings.HubSpotClientSecret])
	signature, timestamp := hubspot.Sign(secret, http.MethodPost, WebhookURL, body, at)
	event = bytes.ReplaceAll(event, []byte(placeSignature), []byte(signature))
	event = bytes.ReplaceAll(event, []byte(placeTimestamp), []byte(timestamp))
	meta := whatsapp.Sign(crm.NewSecret(Secrets()[settings.WhatsAppAppSecret]), body)
	return bytes.ReplaceAll(event, []byte(placeMeta), []byte(meta)), nil
}

// bodyOf returns the bytes that the sender of an event has signed.
func bodyOf(event []byte) ([]byte, error) {
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
		return nil, err
	}
	if e.Context.HTTP.Method != http.MethodPost {
		return nil, fmt.Errorf("what is signed is sent by POST, not by %q", e.Context.HTTP.Method)
	}
	if !e.Base64 {
		return []byte(e.Body), nil
	}
	return base64.StdEncoding.DecodeString(e.Body)
}
