package digest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// MaxRows is how many rows one mail tells at most.
const MaxRows = 200

// Lease is how long a mail belongs to the run that sends it: longer than a run may take.
const Lease = 2 * time.Minute

// Reporter mails the rows that were not told yet. Of two runs at the same time one sends a mail and the other leaves it.
//
// The order of a mail's life: its row is written, rows are claimed with its id, it is marked as tried, sent, the rows are
// marked as told, and its own row goes. After a crash anywhere in between, or an answer that never came, the next run
// takes it up again under the same id. The words are composed at each try from the rows that are still open: whatever was
// settled while the mail server was down is not told.
type Reporter struct {
	Ledger   *Ledger
	Store    Store
	Mailer   Mailer
	Links    func(crm.ID) string // where a record is seen in its CRM, "" where that is not known; nil: no links
	Language string              // "it" or "en"
	From     string
	To       string
	Zone     *time.Location // of the times that people read; nil: UTC
	Now      func() time.Time
	NewID    func() string // a new id for a mail: short, letters, digits and hyphens
}

// attempt is the row of a mail that may not have been sent.
type attempt struct {
	V     int       `json:"v"`
	Tried bool      `json:"tried"` // it may have been sent
	Until time.Time `json:"until"` // a run is at it until then
}

// mail is an attempt with its place in the table.
type mail struct {
	attempt
	id      string
	version int64
}

// Run sends the mails that wait and at most one new one, and returns how many rows were told. After an error the rows
// that were not told stay and the next run tells them.
func (r *Reporter) Run(ctx context.Context) (told int, err error) {
	words, ok := languages()[r.Language]
	if !ok {
		return 0, &fault.Error{Op: "digest.Run", Kind: fault.Setup, Err: errors.New("the language of the report is not one of it, en")}
	}
	entries, err := r.Ledger.entries(ctx, "digest.Run", partOpen, "")
	if err != nil {
		return 0, err
	}
	mails, err := r.mails(ctx)
	if err != nil {
		return 0, err
	}
	for _, m := range mails {
		if m.Until.After(r.Now()) {
			continue
		}
		n, err := r.send(ctx, words, m, claimedBy(entries, m.id), 0)
		told += n
		if err != nil {
			return told, err
		}
	}
	free := func(e entry) bool {
		return e.Digest == "" && !slices.ContainsFunc(mails, func(m mail) bool { return m.id == e.claim })
	}
	due := untold(entries, r.Now(), free)
	if len(due) == 0 {
		return told, nil
	}
	first := due[:min(MaxRows, len(due))]
	m := mail{id: r.NewID(), attempt: attempt{Until: r.Now().Add(Lease)}}
	if err := r.save(ctx, &m); err != nil {
		return told, err
	}
	claims := map[row.Key]string{}
	for _, e := range entries {
		claims[e.key] = e.claim
	}
	if err := r.claim(ctx, m.id, first, claims); err != nil {
		return told, err
	}
	n, err := r.send(ctx, words, m, first, len(due)-len(first))
	return told + n, err
}

// mails returns the mails that may not have been sent.
func (r *Reporter) mails(ctx context.Context) ([]mail, error) {
	rows, err := list(ctx, r.Store, partMails, "")
	if err != nil {
		return nil, fmt.Errorf("digest.Run: %w", err)
	}
	out := make([]mail, len(rows))
	for i, row := range rows {
		out[i] = mail{id: row.Key.Sort, version: row.Version}
		if err := json.Unmarshal(row.Value, &out[i].attempt); err != nil || out[i].V > version {
			return nil, errors.New("digest.Run: the row of a mail cannot be read")
		}
	}
	return out, nil
}

func claimedBy(entries []entry, id string) []row.Key {
	var keys []row.Key
	for _, e := range entries {
		if e.claim == id {
			keys = append(keys, e.key)
		}
	}
	return keys
}

// untold returns the rows that may be told now and are in no mail, the oldest first.
func untold(entries []entry, now time.Time, free func(entry) bool) []row.Key {
	var due []entry
	for _, e := range entries {
		if free(e) && !e.MailAfter.After(now) {
			due = append(due, e)
		}
	}
	slices.SortStableFunc(due, func(a, b entry) int { return a.First.Compare(b.First) })
	keys := make([]row.Key, len(due))
	for i, e := range due {
		keys[i] = e.key
	}
	return keys
}

// claim puts the mail's id on the rows that are still there, and that no other run has claimed or told since they were seen free.
func (r *Reporter) claim(ctx context.Context, id string, keys []row.Key, claims map[row.Key]string) error {
	return r.Ledger.change(ctx, "digest.Run", keys, func(e entry) (entry, bool) {
		mine := e.version > 0 && e.Digest == "" && e.claim == claims[e.key]
		e.claim = id
		return e, mine
	})
}

// send tries one mail: takes it, composes it from what is open now, sends it and marks its rows.
func (r *Reporter) send(ctx context.Context, w words, m mail, keys []row.Key, left int) (int, error) {
	rows, err := r.open(ctx, m.id, keys)
	if err != nil {
		return 0, err
	}
	if len(rows) == 0 {
		return 0, r.forget(ctx, m)
	}
	again := m.Tried
	letter, err := r.compose(w, m.id, rows, again, left)
	if err != nil {
		return 0, err
	}
	m.Tried, m.Until = true, r.Now().Add(Lease)
	if err := r.save(ctx, &m); errors.Is(err, row.ErrConflict) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	if err := r.Mailer.Send(ctx, letter); err != nil {
		m.Tried, m.Until = again || fault.KindOf(err).Uncertain(), time.Time{}
		return 0, errors.Join(fmt.Errorf("digest.Run: %w", err), r.save(ctx, &m))
	}
	if err := r.mark(ctx, m.id, keys); err != nil {
		return 0, err
	}
	return len(rows), r.forget(ctx, m)
}

// open reads the rows of the keys anew and returns those that the mail has claimed and nobody has closed.
func (r *Reporter) open(ctx context.Context, id string, keys []row.Key) ([]fault.Parked, error) {
	var out []fault.Parked
	for part := range slices.Chunk(keys, chunk) {
		rows, err := r.Store.Get(ctx, part...)
		if err != nil {
			return nil, fmt.Errorf("digest.Run: %w", err)
		}
		for _, stored := range rows {
			if stored.Version == 0 {
				continue
			}
			e, err := decode(stored)
			if err != nil {
				return nil, fmt.Errorf("digest.Run: %w", err)
			}
			if e.claim == id {
				out = append(out, e.Parked)
			}
		}
	}
	return out, nil
}

// mark says on the rows which mail has told them.
func (r *Reporter) mark(ctx context.Context, id string, keys []row.Key) error {
	return r.Ledger.change(ctx, "digest.Run", keys, func(e entry) (entry, bool) {
		mine := e.version > 0 && e.claim == id
		e.claim, e.Digest = "", id
		return e, mine
	})
}

func (r *Reporter) save(ctx context.Context, m *mail) error {
	m.V = version
	value, err := json.Marshal(m.attempt)
	if err != nil {
		return fmt.Errorf("digest.Run: the row of a mail cannot be written")
	}
	if err := r.Store.Put(ctx, row.Put{Key: row.Key{Part: partMails, Sort: m.id}, If: m.version, Value: value}); err != nil {
		return fmt.Errorf("digest.Run: %w", err)
	}
	m.version++
	return nil
}

// forget removes the mail's own row, unless another run has taken the mail.
func (r *Reporter) forget(ctx context.Context, m mail) error {
	put := row.Put{Key: row.Key{Part: partMails, Sort: m.id}, If: m.version, Delete: true}
	if err := r.Store.Put(ctx, put); err != nil && !errors.Is(err, row.ErrConflict) {
		return fmt.Errorf("digest.Run: %w", err)
	}
	return nil
}
