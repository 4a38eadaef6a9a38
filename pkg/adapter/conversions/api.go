package conversions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
)

// The routes that are answered at once. A cost's path goes on with the day and the channel.
const (
	MetricsPath = "/api/v1/metriche/conversioni"
	CostsPath   = "/api/v1/costi/"
	EntriesPath = "/api/v1/eventi/ingresso"
)

// Metrics answers queries.
type Metrics interface {
	Rows(ctx context.Context, q metric.Query) (metric.Answer, error)
}

// Inputs takes costs and entries; both can be repeated.
type Inputs interface {
	Cost(ctx context.Context, c metric.Cost) (version int, err error)
	Enter(ctx context.Context, e metric.Entry) (added bool, err error)
}

// API answers the routes of metrics, costs and entries. Every field is required; it may be used by several goroutines.
type API struct {
	Tokens  *Tokens
	Metrics Metrics
	Inputs  Inputs
	Zone    *time.Location // of queries that name none
	Now     func() time.Time
	Log     *slog.Logger
}

// route is a route that is answered at once. The zero route is none.
type route struct {
	method string
	scope  Scope
	serve  func(context.Context, conversion.Tenant, door.Request) (door.Answer, error)
}

func (a *API) find(path string) route {
	switch {
	case path == MetricsPath:
		return route{http.MethodGet, ScopeMetrics, a.metrics}
	case path == EntriesPath:
		return route{http.MethodPost, ScopeEntries, a.entry}
	case strings.HasPrefix(path, CostsPath):
		return route{http.MethodPut, ScopeCosts, a.cost}
	}
	return route{}
}

// Handle answers one request:
//
//	200 metrics, costs    202 entries    400 a query or path that cannot be answered    401, 403 tokens
//	404, 405, 409 an entry's id that was used before    413, 415, 422 bodies    429, 503 with Retry-After
func (a *API) Handle(ctx context.Context, r door.Request) door.Answer {
	return a.find(r.Path).answer(ctx, a.Tokens, a.Log, r)
}

// answer answers one request that came to the route.
func (to route) answer(ctx context.Context, tokens *Tokens, log *slog.Logger, r door.Request) (out door.Answer) {
	defer func() {
		if p := recover(); p != nil {
			log.ErrorContext(ctx, "request", "request", r.ID, "err", fmt.Sprintf("panic of a %T", p))
			out = problem(door.Answer{Status: http.StatusServiceUnavailable}, to.scope, nil)
		}
	}()
	if to.serve == nil {
		return problem(door.Answer{Status: http.StatusNotFound}, to.scope, nil)
	}
	if r.Method != to.method {
		return problem(door.Answer{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {to.method}}}, to.scope, nil)
	}
	out, err := to.proven(ctx, tokens, r)
	if err == nil {
		log.InfoContext(ctx, "request", "request", r.ID, "scope", string(to.scope), "status", out.Status)
		return out
	}
	out = problem(door.Answer{Status: verdict(err)}, to.scope, err)
	level := slog.LevelWarn
	if out.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	log.Log(ctx, level, "request", "request", r.ID, "scope", string(to.scope), "status", out.Status, "err", words(err))
	return out
}

func (to route) proven(ctx context.Context, tokens *Tokens, r door.Request) (door.Answer, error) {
	tenant, err := tokens.Verify(ctx, r.Header, to.scope)
	if err != nil {
		return door.Answer{}, err
	}
	return to.serve(ctx, tenant, r)
}

var errMedia = errors.New("the body is not JSON")

// verdict returns the status of a failure.
func verdict(err error) int {
	switch {
	case errors.Is(err, door.ErrForged):
		return http.StatusUnauthorized
	case errors.Is(err, metric.ErrOtherEntry), errors.Is(err, outbound.ErrReference):
		return http.StatusConflict
	case errors.Is(err, errMedia):
		return http.StatusUnsupportedMediaType
	}
	return http.StatusServiceUnavailable // a refusal of a body says itself what it is
}

// words is what may be logged of an error: our own words, or its type.
func words(err error) string {
	_, ours := errors.AsType[*fault.Error](err)
	if _, refused := refusal(err); ours || refused != nil || verdict(err) != http.StatusServiceUnavailable || errors.Is(err, door.ErrRefused) || strings.HasPrefix(err.Error(), "conversions: ") {
		return err.Error()
	}
	return fmt.Sprintf("%T", err)
}

func (a *API) metrics(ctx context.Context, t conversion.Tenant, r door.Request) (door.Answer, error) {
	q, err := readQuery(r.Query, a.Zone)
	if err != nil {
		return door.Answer{}, err
	}
	q.Tenant = t
	if err := q.Check(a.Now()); err != nil {
		return door.Answer{}, err
	}
	rows, err := a.Metrics.Rows(ctx, q)
	if err != nil {
		return door.Answer{}, err
	}
	return writeRows(rows, q), nil
}

func (a *API) cost(ctx context.Context, t conversion.Tenant, r door.Request) (door.Answer, error) {
	c, err := readCost(r)
	if err != nil {
		return door.Answer{}, err
	}
	c.Tenant = t
	version, err := a.Inputs.Cost(ctx, c)
	if err != nil {
		return door.Answer{}, err
	}
	return answer(http.StatusOK, struct {
		Day      string             `json:"giorno"`
		Channel  conversion.Channel `json:"canale"`
		Campaign string             `json:"campagna,omitempty"`
		Version  int                `json:"versione"`
	}{c.Day.String(), c.Channel, c.Campaign, version}), nil
}

func (a *API) entry(ctx context.Context, t conversion.Tenant, r door.Request) (door.Answer, error) {
	e, err := readEntry(r, a.Now())
	if err != nil {
		return door.Answer{}, err
	}
	e.Tenant = t
	added, err := a.Inputs.Enter(ctx, e)
	if err != nil {
		return door.Answer{}, err
	}
	return answer(http.StatusAccepted, struct {
		ID     string `json:"id_ingresso"`
		Window string `json:"finestra"`
		Added  bool   `json:"nuovo"`
	}{e.ID, conversion.WindowOf(e.At).String(), added}), nil
}
