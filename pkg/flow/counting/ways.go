package counting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// Way is one way to tell people something: by mail, to Slack.
type Way struct {
	Name string // short, without blanks
	Send func(ctx context.Context, m Message) error
}

// WayPatience is how long a way that fails keeps the next message back, once another way has told this one.
const WayPatience = 30 * time.Minute

// ErrWay says that a message was told by one way and given up by another one, which needs mending.
var ErrWay = errors.New("a way to tell people fails, and another one has told")

// Ways tells by several ways, each by itself: what one has told is not told by it again because another one fails. As long as no
// way has told a message, it stays in the outbox. Every field is required.
type Ways struct {
	Store Store
	All   []Way
	Now   func() time.Time
	Log   *slog.Logger
}

// spread is how far a message has come.
type spread struct {
	Since int64    `json:"since"` // ms, of the first try
	By    []string `json:"by,omitempty"`
}

// Tell implements Teller: with ErrWay the message is told. The row of a message is under O#ways, for as long as the outbox keeps one.
func (w *Ways) Tell(ctx context.Context, m Message) error {
	d, key := newDraft(w.Store), row.Key{Part: "O#ways", Sort: m.ID}
	if err := d.load(ctx, key); err != nil {
		return err
	}
	s := spread{Since: w.Now().UnixMilli()}
	if err := d.read(key, &s); err != nil {
		return err
	}
	var failed []error
	for _, way := range w.All {
		if slices.Contains(s.By, way.Name) {
			continue
		}
		if err := way.Send(ctx, m); err != nil {
			w.Log.ErrorContext(ctx, "alert", "way", way.Name, "message", m.ID, "fault", fault.KindOf(err).String(), "err", text(err))
			failed = append(failed, err)
			continue
		}
		s.By = append(s.By, way.Name)
	}
	if err := d.write(key, s, w.Now().Add(outboxLife)); err != nil {
		return err
	}
	if err := d.save(ctx); err != nil {
		return err
	}
	if len(failed) > 0 && len(s.By) > 0 && (w.Now().Sub(time.UnixMilli(s.Since)) >= WayPatience || !slices.ContainsFunc(failed, passing)) {
		return fmt.Errorf("counting.Tell: %w: %w", ErrWay, errors.Join(failed...))
	}
	return errors.Join(failed...)
}

// passing reports whether a failure may be over soon.
func passing(err error) bool {
	switch fault.KindOf(err) {
	case fault.Down, fault.Throttled, fault.Busy:
		return true
	}
	return false
}
