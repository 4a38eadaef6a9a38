package awsenv

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// client sends a copy of each request's body. The SDK closes its own as soon as it has the head of the answer, while the
// transport may still look whether there is more to send; it then takes the closed body for a failed request and cuts the
// connection, so that the rest of an answer that did come is lost (smithy-go, transport/http, ClientHandler.Handle). A server
// as near as an emulator showed it once in some thousand calls, and a write whose answer is lost may not be repeated.
type client struct{ aws.HTTPClient }

// HTTPClient returns what sends the requests of the SDK. No try takes longer than patience.
func HTTPClient(patience time.Duration) aws.HTTPClient {
	return client{awshttp.NewBuildableClient().WithTimeout(patience)}
}

// Do sends the request. The bodies of the calls of the suite are below 5 MB.
func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return c.HTTPClient.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	sent := r.WithContext(r.Context())
	sent.Body = io.NopCloser(bytes.NewReader(body))
	return c.HTTPClient.Do(sent)
}
