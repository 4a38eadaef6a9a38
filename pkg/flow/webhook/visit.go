package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// visit is one delivery on its way through the door.
type visit struct {
	door     *Door
	req      door.Request
	source   Source // nil until it is known
	delivery door.Delivery
	outcome  string // one of the counts that add up to the number of requests
	err      error
	answer   door.Answer
}

// run decides the answer. A panic of a source is a doubt on our side like any other.
func (v *visit) run(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			v.err = fmt.Errorf("panic (%T) at %s", p, culprit())
			v.outcome, v.answer = CountPanics, say(http.StatusServiceUnavailable)
		}
	}()
	if v.source, v.answer = v.door.find(v.req); v.source == nil {
		v.outcome = CountTurnedAway
		return
	}
	v.outcome, v.err = v.deliver(ctx)
	v.answer = v.say(usual(v.outcome, v.answer))
}

// deliver carries the delivery as far as it goes. For one that is turned away it also sets the answer.
func (v *visit) deliver(ctx context.Context) (outcome string, err error) {
	switch {
	case !readable(v.req):
		v.answer = say(http.StatusUnsupportedMediaType)
		return CountTurnedAway, nil
	case len(v.req.Body) > v.source.Limit():
		v.answer = say(http.StatusRequestEntityTooLarge)
		return CountTurnedAway, nil
	}
	if err := v.source.Verify(ctx, v.req); err != nil {
		return unverified(err), err
	}
	v.delivery, err = v.source.Read(ctx, v.req)
	switch {
	case errors.Is(err, door.ErrUnreadable), errors.Is(err, door.ErrMalformed):
		return v.keep(ctx, err)
	case err != nil:
		return unverified(err), err
	}
	if err := v.send(ctx); err != nil {
		return CountDoubts, err
	}
	if err := v.left(); err != nil {
		return v.keep(ctx, err)
	}
	return CountAccepted, nil
}

// errForeign is why events lie in quarantine that are none of this stack's.
var errForeign = errors.New("another account than this stack's")

// left tells of events that nothing was made of and that somebody is to look at; the others of the delivery are on their way.
func (v *visit) left() error {
	of := func(n int, what error) error {
		if n == 0 {
			return nil
		}
		return fmt.Errorf("%w: %d of %d events", what, n, v.delivery.Events)
	}
	unreadable, foreign := of(v.delivery.Unreadable, door.ErrUnreadable), of(v.delivery.Foreign, errForeign)
	if unreadable != nil && foreign != nil {
		return fmt.Errorf("%w; %w", unreadable, foreign)
	}
	return cmp.Or(unreadable, foreign)
}

// unverified tells what an error means where there is nothing to keep.
func unverified(err error) string {
	switch {
	case errors.Is(err, door.ErrForged):
		return CountForged
	case errors.Is(err, door.ErrRefused):
		return CountRefused
	case errors.Is(err, door.ErrMalformed), errors.Is(err, door.ErrUnreadable):
		return CountMalformed
	}
	return CountDoubts
}

// keep puts the body into quarantine. A sender that signs what we cannot read, or is not of ours, would only send it again, so it is
// told 200.
func (v *visit) keep(ctx context.Context, why error) (string, error) {
	if err := v.door.Quarantine.Keep(ctx, v.source.Name(), why.Error(), v.req.Body); err != nil {
		return CountDoubts, err
	}
	return CountQuarantined, why
}

// send puts every operation into the queue of its source, and every message into the source's own. A delivery that was sent in part is sent again in whole by its
// sender, and the queues drop what they have had.
func (v *visit) send(ctx context.Context) error {
	byQueue := map[crm.System][]crm.Operation{}
	var order []crm.System
	for _, op := range v.delivery.Operations {
		if op.ReceivedAt.IsZero() {
			op.ReceivedAt = v.door.Now()
		}
		if op.Trace == "" {
			op.Trace = v.req.ID
		}
		if byQueue[op.Source] == nil {
			order = append(order, op.Source)
			byQueue[op.Source] = make([]crm.Operation, 0, len(v.delivery.Operations))
		}
		byQueue[op.Source] = append(byQueue[op.Source], op)
	}
	for _, system := range order {
		queue, ok := v.door.Queues[system]
		if !ok {
			return errors.New("an operation has a source without a queue")
		}
		if err := queue.Send(ctx, byQueue[system]); err != nil {
			return err
		}
	}
	return v.carry(ctx)
}

// carry puts the whole messages into the queue of the source.
func (v *visit) carry(ctx context.Context) error {
	entries := v.delivery.Entries
	if len(entries) == 0 {
		return nil
	}
	carrier, ok := v.door.Carriers[v.source.Name()]
	if !ok {
		return errors.New("a source has messages and no queue")
	}
	for len(entries) > 0 {
		n := batch.Fit(entries)
		if err := carrier.Send(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// say lets a source with words of its own use them. No source can turn a refusal into a success.
func (v *visit) say(usual door.Answer) door.Answer {
	own, ok := v.source.(Answerer)
	if !ok {
		return usual
	}
	a := own.Answer(v.req, v.delivery, v.err, usual)
	if a.Status/100 == 2 && usual.Status/100 != 2 {
		return usual
	}
	return a
}

// usual returns the door's answer to an outcome; a delivery that was turned away has one already.
func usual(outcome string, given door.Answer) door.Answer {
	switch outcome {
	case CountAccepted, CountQuarantined:
		return say(http.StatusOK)
	case CountForged:
		return say(http.StatusUnauthorized)
	case CountMalformed, CountRefused:
		return say(http.StatusBadRequest)
	case CountTurnedAway:
		return given
	}
	return say(http.StatusServiceUnavailable)
}

func (v *visit) name() string {
	if v.source == nil {
		return ""
	}
	return v.source.Name()
}

// count adds the delivery to the counts; what was in it counts only once it was taken.
func (v *visit) count() {
	if v.door.Count == nil {
		return
	}
	v.door.Count.Add(v.name(), v.outcome, 1)
	if v.outcome != CountAccepted && v.outcome != CountQuarantined {
		return
	}
	for _, c := range []struct {
		what string
		n    int
	}{
		{CountEvents, v.delivery.Events},
		{CountOperations, len(v.delivery.Operations)},
		{CountMessages, len(v.delivery.Entries)},
		{CountEchoes, v.delivery.Echoes},
		{CountIgnored, v.delivery.Ignored},
		{CountUnreadable, v.delivery.Unreadable},
		{CountForeign, v.delivery.Foreign},
	} {
		if c.n > 0 {
			v.door.Count.Add(v.name(), c.what, c.n)
		}
	}
}

// log writes the one line of a delivery: ids and counts. The cause of a doubt is told, since somebody must mend it; what
// a stranger sent is not, and of a flood of refusals for one cause only one in a hundred has a line, and one a minute: strangers who
// knock do not hide a setting that is wrong, and an alarm goes on as long as it is.
func (v *visit) log(ctx context.Context) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("source", v.name()), slog.String("request", v.req.ID), slog.String("outcome", v.outcome),
		slog.Int("status", v.answer.Status), slog.Int("bytes", len(v.req.Body)),
	}
	switch v.outcome {
	case CountAccepted, CountQuarantined:
		if v.outcome == CountQuarantined {
			level = slog.LevelError
		}
		attrs = append(attrs, slog.Int("events", v.delivery.Events), slog.Int("echoes", v.delivery.Echoes),
			slog.Int("ignored", v.delivery.Ignored), slog.Int("unreadable", v.delivery.Unreadable), slog.Int("foreign", v.delivery.Foreign),
			slog.Any("operations", ids(v.delivery.Operations)))
		if n := len(v.delivery.Entries); n > 0 {
			attrs = append(attrs, slog.Int("messages", n))
		}
	case CountDoubts, CountPanics:
		level = slog.LevelError
		attrs = append(attrs, slog.String("err", v.err.Error()))
	default:
		why := "" // a wrong setting of ours looks like a forgery: the source knows more
		if v.outcome == CountForged && v.err != nil {
			why = v.err.Error()
		}
		n, tell := v.door.refusals.next(v.outcome+why, v.door.Now())
		if !tell {
			return
		}
		level = slog.LevelWarn
		attrs = append(attrs, slog.Int("refusals", n))
		if why != "" {
			attrs = append(attrs, slog.String("err", why))
		}
	}
	v.door.Log.LogAttrs(ctx, level, "delivery", attrs...)
}

func ids(ops []crm.Operation) []string {
	out := make([]string, 0, len(ops))
	for _, op := range ops {
		out = append(out, op.ID)
	}
	return out
}

// culprit names the function and line that panicked. The value of the panic is not told: it may hold what was sent.
func culprit() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") || !more {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
	}
}
