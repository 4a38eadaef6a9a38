package invoke

import (
	"context"
	"errors"
	"log/slog"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Vendor hands out a valid token whose version is not bad.
type Vendor interface {
	Token(ctx context.Context, bad int64) (crm.Access, error)
}

// Tokens returns the handler of getZohoToken. It never fails: a fault is an answer, because the caller must know its kind.
func Tokens(v Vendor, log *slog.Logger) func(context.Context, Question) (Answer, error) {
	return func(ctx context.Context, q Question) (Answer, error) {
		access, err := v.Token(ctx, q.Bad)
		if err != nil {
			return refuse(ctx, log, err), nil
		}
		return Answer{Access: access}, nil
	}
}

// Refresher puts a new token into the table: Refresh where one is missing or bad, Run on a schedule.
type Refresher interface {
	Refresh(ctx context.Context, bad int64) error
	Run(ctx context.Context) error
}

// Refreshes returns the handler of refreshZohoToken. To a function it answers with the fault; to the schedule it fails, so
// that the failure is repeated and seen by an alarm.
func Refreshes(r Refresher, log *slog.Logger) func(context.Context, Question) (Answer, error) {
	return func(ctx context.Context, q Question) (Answer, error) {
		if q.V == 0 {
			return Answer{}, r.Run(ctx)
		}
		if err := r.Refresh(ctx, q.Bad); err != nil {
			return refuse(ctx, log, err), nil
		}
		return Answer{}, nil
	}
}

func refuse(ctx context.Context, log *slog.Logger, err error) Answer {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = &fault.Error{Op: "invoke", Kind: fault.Down, Err: err}
	}
	log.WarnContext(ctx, "no token", "kind", f.Kind.String(), "code", f.Code, "err", err.Error())
	return Answer{Fault: f}
}
