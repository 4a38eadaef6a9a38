package counting

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
)

// alarm is the state of a rule for a key.
type alarm struct {
	Since   int64               `json:"since"` // ms
	Last    int64               `json:"last"`
	Text    string              `json:"text"`
	Windows []conversion.Window `json:"windows,omitempty"` // that do not agree with the ledger
}

func alarmKey(r Rule, key string) row.Key { return row.Key{Part: "A#" + string(r), Sort: key} }

// settle carries the alarms on: what fires is raised or goes on, what has not fired for conversion.QuietTime is over. Each
// change puts one row into the outbox, in the same transaction.
func (k *Clock) settle(ctx context.Context, found []finding) (changes int, err error) {
	fires := map[row.Key]finding{}
	for _, f := range found {
		fires[alarmKey(f.rule, f.key)] = f
	}
	due := found
	for _, rule := range rules {
		err := all(ctx, k.Counter.Store, "A#"+string(rule), func(r row.Row) error {
			if _, ok := fires[r.Key]; !ok {
				due = append(due, finding{rule: rule, key: r.Key.Sort})
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	for _, f := range due {
		_, on := fires[alarmKey(f.rule, f.key)]
		changed, err := k.carry(ctx, f, on)
		if err != nil {
			return changes, err
		}
		if changed {
			changes++
		}
	}
	return changes, nil
}

func (k *Clock) carry(ctx context.Context, f finding, fires bool) (changed bool, err error) {
	key := alarmKey(f.rule, f.key)
	err = k.Counter.retry(ctx, func() error {
		d, now := newDraft(k.Counter.Store), k.Counter.Now().UTC()
		if err := d.load(ctx, key); err != nil {
			return err
		}
		var old alarm
		if err := d.read(key, &old); err != nil {
			return err
		}
		state := conversion.Alarm{}
		if old.Since > 0 {
			state = conversion.Alarm{Since: time.UnixMilli(old.Since).UTC(), Last: time.UnixMilli(old.Last).UTC()}
		}
		next, notice := state.Next(now, fires)
		changed = notice != conversion.Nothing
		if next == state {
			return nil
		}
		if !next.On() {
			d.remove(key)
			f.text = old.Text
		} else if err := d.write(key, alarm{next.Since.UnixMilli(), next.Last.UnixMilli(), f.text, f.windows}, time.Time{}); err != nil {
			return err
		}
		if changed {
			if err := d.post(Notice{Kind: kindOf(notice), Rule: f.rule, Key: f.key, Text: f.text, At: now}); err != nil {
				return err
			}
		}
		return d.save(ctx)
	})
	return changed, err
}

// Kind is what a row of the outbox tells.
type Kind string

// The kinds.
const (
	KindRaised    Kind = "allarme"
	KindRecovered Kind = "rientrato"
	KindReport    Kind = "rapporto"
)

func kindOf(n conversion.Notice) Kind {
	if n == conversion.Recovered {
		return KindRecovered
	}
	return KindRaised
}

// Notice is one thing to be told.
type Notice struct {
	Kind Kind      `json:"kind"`
	Rule Rule      `json:"rule,omitempty"`
	Key  string    `json:"key,omitempty"` // tenant, channel, and for a client its hash
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// line is the notice in one line, for people. It names no client, only the hash that log lines have too.
func (n Notice) line(w words) string {
	s, client := scopeOf(n.Key)
	if client != "" {
		client = fmt.Sprintf(w.Client, client)
	}
	line := strings.ToUpper(named(w.Kinds, n.Kind)) + " " + named(w.Rules, n.Rule) + fmt.Sprintf(w.Where, s.channel, client, string(s.tenant)[:min(8, len(s.tenant))]) + n.Text
	if n.Kind == KindRaised && (n.Rule == RuleClient || n.Rule == RuleChannel) {
		line += w.Repeated
	}
	return line
}

const outboxPart = "O"

// outboxLife is how long something waits to be told.
const outboxLife = 14 * 24 * time.Hour

// post puts a notice into the outbox. The same notice again is the same row.
func (d *draft) post(n Notice) error {
	sum := sha256.Sum256([]byte(string(n.Kind) + "|" + string(n.Rule) + "|" + n.Key))
	return d.write(row.Key{Part: outboxPart, Sort: millis(n.At) + "#" + hex.EncodeToString(sum[:8])}, n, n.At.Add(outboxLife))
}

// Message is one digest for people, by mail and to Slack.
type Message struct {
	ID      string // stays the same when it is sent again, so that a copy can be recognised
	Subject string
	Text    string // for mail
	Slack   string // the same, with <, > and & escaped (https://docs.slack.dev/messaging/formatting-message-text, "Escaping text")
}

// Teller sends a message by every way that is configured. It may get the same one again, after an error or a lost answer. ErrWay says
// that it is told all the same.
type Teller interface {
	Tell(ctx context.Context, m Message) error
}

// The most that one message tells, and how long after one the next may follow.
const (
	maxNotices = 50
	Pause      = 5 * time.Minute
)

// told is what is being told, or was last.
type told struct {
	At   int64    `json:"at"`             // ms, when something was sent last
	Open []string `json:"open,omitempty"` // the rows of the outbox that are in a message that may not have been sent
}

var toldKey = row.Key{Part: "O#told", Sort: only}

// Tell sends what lies in the outbox as one message, at most one in Pause, and takes away what was sent. What is in a message is
// written down before it is sent: one whose sending failed is sent again as it was. A way that was given up fails the call, though the
// rest is done.
func (k *Clock) Tell(ctx context.Context) (int, error) {
	d, now := newDraft(k.Counter.Store), k.Counter.Now()
	if err := d.load(ctx, toldKey); err != nil {
		return 0, err
	}
	var last told
	if err := d.read(toldKey, &last); err != nil {
		return 0, err
	}
	if len(last.Open) == 0 {
		if last.At > 0 && now.Before(time.UnixMilli(last.At).Add(Pause)) {
			return 0, nil
		}
		rows, err := k.Counter.Store.List(ctx, outboxPart, "", "", maxNotices)
		if err != nil || len(rows) == 0 {
			return 0, err
		}
		for _, r := range rows {
			last.Open = append(last.Open, r.Key.Sort)
		}
		if err := d.write(toldKey, last, time.Time{}); err != nil {
			return 0, err
		}
		if err := d.save(ctx); errors.Is(err, row.ErrConflict) {
			return 0, nil // somebody else tells
		} else if err != nil {
			return 0, err
		}
	}
	return k.send(ctx, last)
}

func (k *Clock) send(ctx context.Context, t told) (int, error) {
	d := newDraft(k.Counter.Store)
	keys := []row.Key{toldKey}
	for _, sort := range t.Open {
		keys = append(keys, row.Key{Part: outboxPart, Sort: sort})
	}
	if err := d.load(ctx, keys...); err != nil {
		return 0, err
	}
	var notices []Notice
	for _, key := range keys[1:] {
		if !d.has(key) {
			continue // it waited for too long
		}
		var n Notice
		if err := d.read(key, &n); err != nil {
			return 0, err
		}
		notices = append(notices, n)
		d.remove(key)
	}
	var failed error
	if len(notices) > 0 {
		if failed = k.Teller.Tell(ctx, compose(t, notices, wordsOf(k.Language))); failed != nil && !errors.Is(failed, ErrWay) {
			return 0, failed
		}
	}
	t.At, t.Open = k.Counter.Now().UnixMilli(), nil
	if err := d.write(toldKey, t, time.Time{}); err != nil {
		return 0, err
	}
	return len(notices), errors.Join(d.save(ctx), failed)
}

// compose writes one message of several notices.
func compose(t told, notices []Notice, w words) Message {
	sum := sha256.Sum256([]byte(strings.Join(t.Open, "|")))
	m := Message{ID: "conversioni-" + hex.EncodeToString(sum[:8])}
	lines := make([]string, len(notices))
	for i, n := range notices {
		if lines[i] = n.line(w); n.Kind == KindReport {
			lines[i] = n.Text
		}
	}
	m.Subject = fmt.Sprintf(w.Notices, len(notices))
	if len(notices) == 1 {
		m.Subject = fmt.Sprintf(w.Subject, named(w.Kinds, notices[0].Kind))
	}
	m.Text = strings.Join(lines, "\n") + "\n"
	m.Slack = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(m.Text)
	return m
}
