package counting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/submission"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// Waiter changes how long delivered messages stay invisible.
type Waiter interface {
	Hide(ctx context.Context, waits []batch.Wait) error
}

// Enough is how much time must be left of an invocation for another batch to be started.
const Enough = 2500 * time.Millisecond

// Consumer is the loop around Counter: it hands the messages of a queue to it, and sees to it that each is counted, goes again,
// or lies among the errors. All fields but Left are required. It is safe for concurrent use if they are.
type Consumer struct {
	Counter  *Counter
	Waiter   Waiter
	Schedule conversion.Schedule
	Log      *slog.Logger
	Left     func(context.Context) time.Duration // time left; nil: until the deadline of the context
}

// Handle works on the messages of one delivery and returns the ids of those that it wants again, in their order and never nil:
// of each group the first that goes again and everything behind it. A message is given back until it is decided, so nothing
// ends by being forgotten.
//
// A message that cannot be read is put among the errors. One that cannot be counted for a fault of its own is tried
// conversion.Retries times more, as the schedule says, then put there too. For everything else (tables that do not answer) it
// goes again without being counted against, with the waits of the same schedule.
func (c *Consumer) Handle(ctx context.Context, deliveries []batch.Delivery) []string {
	open := map[string]bool{}
	var groups []string
	of := map[string][]batch.Delivery{}
	for _, d := range deliveries {
		open[d.ID] = true
		if of[d.Group] == nil {
			groups = append(groups, d.Group)
		}
		of[d.Group] = append(of[d.Group], d)
	}
	var waits []batch.Wait
	for _, g := range groups {
		done, wait := c.group(ctx, of[g])
		for i, d := range of[g] {
			switch {
			case i < done:
				delete(open, d.ID)
			case i == done:
				waits = append(waits, batch.Wait{Receipt: d.Receipt, For: wait})
			default: // behind its head anyhow; left alone it would wait out the visibility
				waits = append(waits, batch.Wait{Receipt: d.Receipt})
			}
		}
	}
	if len(waits) > 0 {
		if err := c.Waiter.Hide(ctx, waits); err != nil {
			c.Log.WarnContext(ctx, "visibility", "err", text(err), "messages", len(waits))
		}
	}
	back := []string{}
	for _, d := range deliveries {
		if open[d.ID] {
			back = append(back, d.ID)
		}
	}
	return back
}

// group works through the messages of one group and returns how many are decided, and how long the next one waits.
func (c *Consumer) group(ctx context.Context, ds []batch.Delivery) (done int, wait time.Duration) {
	for done < len(ds) {
		if c.left(ctx) < Enough {
			return done, 0
		}
		n, wait, err := c.chunk(ctx, ds[done:min(done+MaxBatch, len(ds))])
		done += n
		if err != nil {
			c.tell(ctx, ds[done], fault.GoAgain, err, slog.Int64("wait_ms", wait.Milliseconds()))
			return done, wait
		}
	}
	return done, 0
}

func (c *Consumer) left(ctx context.Context) time.Duration {
	if c.Left != nil {
		return c.Left(ctx)
	}
	if end, ok := ctx.Deadline(); ok {
		return end.Sub(c.Counter.Now())
	}
	return time.Hour // no function lives longer
}

// chunk works on a few messages and returns how many of them are decided; an error says why the next one goes again.
func (c *Consumer) chunk(ctx context.Context, ds []batch.Delivery) (int, time.Duration, error) {
	subs := make([]submission.Submission, 0, len(ds))
	for i, d := range ds {
		sub, err := submission.Open(d.Body)
		switch {
		case err == nil:
			subs = append(subs, sub)
			continue
		case i > 0: // first what stands before it
			return c.chunk(ctx, ds[:i])
		case errors.Is(err, batch.ErrLater):
			return 0, c.again(d.Receives), err
		}
		if err := c.park(ctx, d, d.ID, ReasonUnreadable, err, 1); err != nil {
			return 0, c.again(d.Receives), err
		}
		return 1, 0, nil
	}
	return c.count(ctx, ds, subs)
}

// count counts a batch. When one of its events is at fault, each is tried alone.
func (c *Consumer) count(ctx context.Context, ds []batch.Delivery, subs []submission.Submission) (int, time.Duration, error) {
	verdicts, err := c.apply(ctx, subs)
	switch {
	case err == nil:
		for i, d := range ds {
			c.counted(ctx, d, subs[i], verdicts[i])
		}
		return len(ds), 0, nil
	case !own(err):
		return 0, max(c.again(ds[0].Receives), fault.After(err)), err
	case len(ds) == 1:
		return c.blame(ctx, ds[0], subs[0], err)
	}
	for i := range ds {
		if n, wait, err := c.count(ctx, ds[i:i+1], subs[i:i+1]); err != nil {
			return i + n, wait, err
		}
	}
	return len(ds), 0, nil
}

// apply is Apply with a panic made a fault: its type only, since its text may hold a person's data.
func (c *Consumer) apply(ctx context.Context, subs []submission.Submission) (v []conversion.Verdict, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fault.Error{Op: "counting.Apply", Kind: fault.Ours, Code: "panic", Err: fmt.Errorf("panic of a %T", p)}
		}
	}()
	return c.Counter.Apply(ctx, subs...)
}

// blame counts a fault against its message.
func (c *Consumer) blame(ctx context.Context, d batch.Delivery, sub submission.Submission, why error) (int, time.Duration, error) {
	n, err := c.Counter.attempt(ctx, sub.Ingestion)
	if err != nil {
		return 0, c.again(d.Receives), err
	}
	if wait, ok := c.Schedule.Wait(n, c.chance()); ok {
		return 0, wait, why
	}
	if err := c.park(ctx, d, sub.Ingestion, ReasonExhausted, why, n); err != nil {
		return 0, c.again(d.Receives), err
	}
	return 1, 0, nil
}

func (c *Consumer) park(ctx context.Context, d batch.Delivery, ingestion string, r Reason, why error, tries int) error {
	code := ""
	if f, ok := errors.AsType[*fault.Error](why); ok {
		code = f.Code
	}
	if err := c.Counter.fail(ctx, Failed{Ingestion: ingestion, Reason: r, Code: code, Tries: tries, Body: d.Body}); err != nil {
		return err
	}
	c.tell(ctx, d, fault.ParkedAway, why, slog.String("reason", string(r)), slog.Int("tries", tries))
	return nil
}

// again returns how long a message waits for which nothing is counted against it.
func (c *Consumer) again(receives int) time.Duration {
	wait, _ := c.Schedule.Wait(min(max(receives, 1), conversion.Retries), c.chance())
	return wait
}

func (c *Consumer) chance() float64 { return float64(c.Counter.Rand(1<<20)) / (1 << 20) }

// counted writes the one line of an event that was judged. How far the sender's clock is ahead of ours or behind is told in two fields,
// neither below zero: CloudWatch has no percentiles of what is.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
func (c *Consumer) counted(ctx context.Context, d batch.Delivery, s submission.Submission, v conversion.Verdict) {
	level := slog.LevelInfo
	if v == conversion.Conflict {
		level = slog.LevelWarn
	}
	c.Log.LogAttrs(ctx, level, "event", slog.String("ending", fault.Done.String()), slog.String("verdict", v.String()),
		slog.String("request", s.Ingestion), slog.String("messageId", d.ID), slog.String("tenant", string(s.Tenant)),
		slog.String("type", string(s.Event.Type)), slog.String("channel", string(s.Event.Channel)),
		slog.String("client", clientHash(s.Tenant, s.Event.Client)), slog.Int("receives", d.Receives),
		slog.Int64("age_ms", c.Counter.Now().Sub(s.Received).Milliseconds()),
		slog.Int64("ahead_ms", max(0, s.Event.At.Sub(s.Received).Milliseconds())), slog.Int64("behind_ms", max(0, s.Received.Sub(s.Event.At).Milliseconds())))
}

// tell writes the one line of a message that was not counted. How long it lies in the queue an alarm listens for.
func (c *Consumer) tell(ctx context.Context, d batch.Delivery, ending fault.Ending, why error, more ...slog.Attr) {
	level := slog.LevelWarn
	if own(why) {
		level = slog.LevelError
	}
	if !d.Sent.IsZero() {
		more = append(more, slog.Int64("age_ms", c.Counter.Now().Sub(d.Sent).Milliseconds()))
	}
	c.Log.LogAttrs(ctx, level, "event", append([]slog.Attr{
		slog.String("ending", ending.String()), slog.String("messageId", d.ID), slog.String("group", d.Group),
		slog.Int("receives", d.Receives), slog.String("err", text(why)),
	}, more...)...)
}

// text is what may be printed of an error: words that hold no value, or its type.
func text(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Error()
	}
	for _, known := range []error{row.ErrConflict, batch.ErrLater, conversion.ErrOverflow} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return fmt.Sprintf("%T", err)
}
