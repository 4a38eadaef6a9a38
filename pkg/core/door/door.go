// Package door is the shape of what arrives at the webhook and of what a source makes of it. It is data only: which header
// proves what is the business of each vendor's package, and what is answered is the webhook's.
package door

import (
	"errors"
	"net/http"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
)

// Payload is the largest body that can come in, in bytes: AWS hands a function no more in one call
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const Payload = 6 << 20

// Request is one delivery as it arrived: the exact bytes, base64 of the gateway undone, nothing parsed.
type Request struct {
	ID     string // the gateway's name for the request, for log lines and traces; "" when it has none
	Method string
	Path   string
	Query  string // raw, without the question mark
	Header http.Header
	Body   []byte
}

// Delivery is what a source read out of a verified request.
type Delivery struct {
	Operations []crm.Operation // for the queues, already united per record
	Entries    []batch.Entry   // whole messages for the queue of the source itself, in order, for what nobody can be asked for later
	Events     int             // events in the body
	Echoes     int             // events that came from our own writes, ended here
	Ignored    int             // events of kinds or fields that nobody asked for, ended here
	Unreadable int             // single events that could not be read although the rest could; the body goes to quarantine
	Foreign    int             // events of another account of the sender's than the one that is brought in step; the body goes to quarantine
}

// The ways in which a delivery is not accepted. A source wraps one of them; any other error is a doubt on our side and is
// answered 503.
var (
	// ErrForged says that the delivery is proven not to come from the sender it names. Answered 401.
	ErrForged = errors.New("the delivery is not authentic")
	// ErrUnreadable says that an authentic delivery cannot be read. It goes to quarantine and is answered 200.
	ErrUnreadable = errors.New("the delivery cannot be read")
	// ErrMalformed says that a delivery cannot be read far enough to tell whether it is authentic. Answered 400.
	ErrMalformed = errors.New("the delivery is malformed")
)
