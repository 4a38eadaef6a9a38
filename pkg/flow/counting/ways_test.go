package counting_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/counting"
)

// way fails as long as it has failures left, and keeps what it was sent.
type way struct {
	fails []fault.Kind
	got   []string
}

func (w *way) Send(_ context.Context, m counting.Message) error {
	if len(w.fails) > 0 {
		kind := w.fails[0]
		w.fails = w.fails[1:]
		return &fault.Error{Op: "way", Kind: kind, Err: errors.New("no")}
	}
	w.got = append(w.got, m.ID)
	return nil
}

func always(kind fault.Kind) []fault.Kind {
	return []fault.Kind{kind, kind, kind, kind, kind, kind, kind, kind, kind, kind}
}

func TestEachWayTellsAMessageOnceWhateverTheOtherDoes(t *testing.T) {
	for name, tt := range map[string]struct {
		mail, slack []fault.Kind
		tries       int // until the message is told
	}{
		"both work":                       {nil, nil, 1},
		"mail is down twice":              {[]fault.Kind{fault.Down, fault.Throttled}, nil, 3},
		"both are down at first":          {[]fault.Kind{fault.Down}, []fault.Kind{fault.Down, fault.Down}, 3},
		"the webhook was taken away":      {nil, always(fault.Setup), 1},
		"Slack stays down":                {nil, always(fault.Down), 4}, // ten minutes between the tries
		"the sender is not verified":      {always(fault.Setup), nil, 1},
		"nobody can tell for a long time": {always(fault.Setup)[:5], always(fault.Down)[:6], 6},
	} {
		b, log := newBench(), bytes.Buffer{}
		mail, slack := &way{fails: tt.mail}, &way{fails: tt.slack}
		ways := &counting.Ways{
			Store: b.rows, Now: b.clock, Log: slog.New(slog.NewTextHandler(&log, nil)),
			All: []counting.Way{{Name: "mail", Send: mail.Send}, {Name: "slack", Send: slack.Send}},
		}
		tries, err := 1, error(nil)
		for ; tries < 20; tries++ {
			if err = ways.Tell(t.Context(), counting.Message{ID: "m1", Text: "CLIENTE"}); err == nil || errors.Is(err, counting.ErrWay) {
				break
			}
			b.now = b.now.Add(10 * time.Minute)
		}
		if (err == nil) != (len(mail.got)+len(slack.got) == 2) {
			t.Errorf("%s: a way that was given up is not said: %v", name, err)
		}
		if tries != tt.tries || len(mail.got) > 1 || len(slack.got) > 1 || len(mail.got)+len(slack.got) == 0 {
			t.Errorf("%s: told after %d tries, mail %q, Slack %q", name, tries, mail.got, slack.got)
		}
		if strings.Contains(log.String(), "CLIENTE") || strings.Contains(log.String(), "level=ERROR") != (len(tt.mail)+len(tt.slack) > 0) {
			t.Errorf("%s: %s", name, log.String())
		}
		if err := ways.Tell(t.Context(), counting.Message{ID: "m2"}); len(tt.mail)+len(tt.slack) == 0 && (err != nil || len(mail.got) != 2 || len(slack.got) != 2) {
			t.Errorf("%s: the next one: %v", name, err)
		}
	}
}

func TestATickFailsForAWayThatWasGivenUpAndTellsByTheOther(t *testing.T) {
	b := newBench()
	mail, slack := &way{fails: always(fault.Setup)}, &way{}
	k, _ := b.watch(t, counting.Rules{})
	k.Teller = &counting.Ways{
		Store: b.rows, Now: b.clock, Log: slog.New(slog.DiscardHandler),
		All: []counting.Way{{Name: "mail", Send: mail.Send}, {Name: "slack", Send: slack.Send}},
	}
	b.repeat(t, time.Second, time.Minute, 2*time.Minute, 3*time.Minute)
	if done, err := k.Tick(t.Context()); !errors.Is(err, counting.ErrWay) || done.Told == 0 {
		t.Errorf("nothing rings for the mail: %+v, %v", done, err)
	}
	b.now = b.now.Add(counting.Pause)
	if done, err := k.Tick(t.Context()); err != nil || done.Told != 0 || len(slack.got) != 1 {
		t.Errorf("told again: %+v, %v, %q", done, err, slack.got)
	}
}

func TestATableThatDoesNotAnswerIsNoSuccess(t *testing.T) {
	b := newBench()
	mail := &way{}
	ways := &counting.Ways{
		Store: &faulty{Store: b.rows, before: func() error { return errLost }}, Now: b.clock, Log: slog.New(slog.DiscardHandler),
		All: []counting.Way{{Name: "mail", Send: mail.Send}},
	}
	if err := ways.Tell(t.Context(), counting.Message{ID: "m1"}); !errors.Is(err, errLost) {
		t.Error(err)
	}
}
