package hubspot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// The headers of a signed delivery.
const (
	HeaderV3        = "X-Hubspot-Signature-V3"
	HeaderTimestamp = "X-Hubspot-Request-Timestamp"
	HeaderV1        = "X-Hubspot-Signature"
)

// tolerance is how far a timestamp may lie from our clock, both ways. HubSpot's own clients accept exactly 300,000 ms.
const tolerance = 300 * time.Second

// unescape undoes the escapes that HubSpot undoes before it signs, and no others, in either case of the hex digits
// (developers.hubspot.com: request validation, v3).
var unescape = strings.NewReplacer(
	"%3A", ":", "%3a", ":", "%2F", "/", "%2f", "/", "%3F", "?", "%3f", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'",
	"%28", "(", "%29", ")", "%2A", "*", "%2a", "*", "%2C", ",", "%2c", ",", "%3B", ";", "%3b", ";",
)

// Sign returns the headers X-HubSpot-Signature-v3 and X-HubSpot-Request-Timestamp of a delivery made at the instant at:
// base64 of the HMAC-SHA256, keyed with the app's client secret, over method, URI, body and timestamp without separators.
// The URI is the whole target URL; the escapes that HubSpot undoes are undone here.
func Sign(secret crm.Secret, method, uri string, body []byte, at time.Time) (signature, timestamp string) {
	timestamp = strconv.FormatInt(at.UnixMilli(), 10)
	return base64.StdEncoding.EncodeToString(sumV3(secret, method, uri, body, timestamp)), timestamp
}

// SignV1 returns the header X-HubSpot-Signature of version v1: lower-case hex of the SHA-256 over client secret and body.
func SignV1(secret crm.Secret, body []byte) string { return hex.EncodeToString(sumV1(secret, body)) }

func sumV3(secret crm.Secret, method, uri string, body []byte, timestamp string) []byte {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(method + unescape.Replace(uri)))
	mac.Write(body)
	mac.Write([]byte(timestamp))
	return mac.Sum(nil)
}

func sumV1(secret crm.Secret, body []byte) []byte {
	sum := sha256.New()
	sum.Write([]byte(secret.Reveal()))
	sum.Write(body)
	return sum.Sum(nil)
}

// once returns the header's only value; a header that came twice, also joined by a comma, counts as malformed.
func once(h http.Header, name string) (value string, present, ok bool) {
	values := h.Values(name)
	if len(values) == 0 {
		return "", false, false
	}
	return values[0], true, len(values) == 1 && !strings.Contains(values[0], ",")
}

// digestV3 reads the one exact form of a v3 signature: 44 characters of standard base64.
func digestV3(text string) ([]byte, bool) {
	if len(text) != 44 {
		return nil, false
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	return sum, err == nil && len(sum) == sha256.Size
}

// digestV1 reads the one exact form of a v1 signature: 64 lower-case hex digits.
func digestV1(text string) ([]byte, bool) {
	if len(text) != 64 || text != strings.ToLower(text) {
		return nil, false
	}
	sum, err := hex.DecodeString(text)
	return sum, err == nil
}

// fresh reports whether a timestamp of 13 digits lies within the tolerance of now.
func fresh(timestamp string, now time.Time) bool {
	if len(timestamp) != 13 || strings.Trim(timestamp, "0123456789") != "" {
		return false
	}
	ms, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return false
	}
	return now.Sub(time.UnixMilli(ms)).Abs() <= tolerance
}
