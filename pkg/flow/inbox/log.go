package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"crm-connector/pkg/core/fault"
)

// tell writes the one line of an operation and reports its ending. Operations that were not carried out this time are told
// at debug level.
func (s *sheet) tell(ctx context.Context, n *line, out fault.Outcome, waiting string) {
	op, level := n.Operation, slog.LevelInfo
	line := []slog.Attr{
		slog.String("ending", out.Ending.String()), slog.String("operation", op.ID), slog.String("messageId", n.ID),
		slog.String("connection", op.Connection), slog.String("source", string(op.Source)), slog.String("kind", string(op.Kind)),
		slog.String("module", string(op.Module)), slog.String("verb", string(op.Verb)), slog.String("record", op.RecordID),
		slog.String("trace", op.Trace), slog.Int("receives", n.Receives), slog.Int("fields", len(op.Fields)),
	}
	since := n.Sent // by this an alarm tells how long it waits, also with a text that nobody can read and after a redrive
	if since.IsZero() {
		since = op.ReceivedAt
	}
	if !since.IsZero() {
		line = append(line, slog.Int64("age_ms", s.loop.Now().Sub(since).Milliseconds()))
	}
	switch out.Ending {
	case fault.Done:
		line = append(line, slog.Bool("applied", out.Applied), slog.Bool("covered", out.Covered))
	case fault.ParkedAway:
		level = slog.LevelWarn
	default:
		line = append(line, slog.Int64("wait_ms", n.wait.Milliseconds()))
	}
	if len(out.Rows)+len(out.Told)+len(out.Settled)+len(out.Open) > 0 {
		line = append(line, slog.Int("rows", len(out.Rows)+len(out.Told)), slog.Int("settled", len(out.Settled)), slog.Int("open", len(out.Open)))
	}
	if out.Err != nil {
		kind := kindOf(out.Err)
		line = append(line, slog.String("fault", kind.String()), slog.String("err", text(out.Err)))
		if kind == fault.Ours || kind == fault.Setup {
			level = slog.LevelError
		}
	}
	if out.Note != "" {
		line = append(line, slog.String("note", out.Note))
	}
	if waiting != "" {
		level = slog.LevelDebug
		line = append(line, slog.String("waiting", waiting))
	}
	s.loop.Log.LogAttrs(ctx, level, "operation", line...)
	if s.loop.Ended != nil {
		s.loop.Ended(n.Message, out)
	}
}

// text is what may be printed of an error: a fault's own words, which hold no value of a record, or for any other error its
// type.
func text(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Error()
	}
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%T", err)
}
