package conversions

import (
	"context"
	"log/slog"
	"net/http"

	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/door"
)

// MessagesPath is the route of messages to send.
const MessagesPath = "/api/v1/messaggi"

// Messages answers the route of messages to send. Every field is required; it may be used by several goroutines.
type Messages struct {
	Tokens *Tokens
	// Accept keeps a request of a caller and returns the id of its message, the same whenever the same request comes. A request
	// under the reference of another one of the caller is outbound.ErrReference.
	Accept func(ctx context.Context, caller conversion.Tenant, r outbound.Request) (id string, err error)
	Log    *slog.Logger
}

// Handle answers one request:
//
//	202 the message is kept, and is sent once    400, 413, 415, 422 bodies    401, 403 tokens    404, 405
//	409 a reference that was used for another message    429, 503 with Retry-After
func (m *Messages) Handle(ctx context.Context, r door.Request) door.Answer {
	var to route
	if r.Path == MessagesPath {
		to = route{http.MethodPost, ScopeMessages, m.message}
	}
	return to.answer(ctx, m.Tokens, m.Log, r)
}

func (m *Messages) message(ctx context.Context, caller conversion.Tenant, r door.Request) (door.Answer, error) {
	if err := isJSON(r); err != nil {
		return door.Answer{}, err
	}
	request, err := outbound.Decode(r.Body)
	if err != nil {
		return door.Answer{}, err
	}
	id, err := m.Accept(ctx, caller, request)
	if err != nil {
		return door.Answer{}, err
	}
	return answer(http.StatusAccepted, struct {
		ID string `json:"id_messaggio"`
	}{id}), nil
}

// Absent answers every request to routes that this stack does not serve, with what to do about it: a fixed text of ours.
func Absent(why string) func(context.Context, door.Request) door.Answer {
	return func(context.Context, door.Request) door.Answer {
		a := answer(http.StatusNotFound, struct {
			Type   string `json:"type"`
			Title  string `json:"title"`
			Status int    `json:"status"`
			Detail string `json:"detail"`
		}{"about:blank", http.StatusText(http.StatusNotFound), http.StatusNotFound, why})
		a.ContentType = "application/problem+json"
		return a
	}
}
