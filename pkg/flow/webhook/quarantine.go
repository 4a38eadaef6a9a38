package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
)

// KeptFor is how long a body stays in quarantine.
const KeptFor = 30 * 24 * time.Hour

// A row of DynamoDB takes 400 kB, a transaction 4 MB.
const (
	pieceSize = 256 << 10 // bytes of a body that one row holds
	together  = 12        // rows that are written at once
)

// Store is the table of the quarantine.
type Store interface {
	Put(ctx context.Context, puts ...row.Put) error
	List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error)
}

// Quarantine keeps the bodies of authentic deliveries that could not be read, or were of another account, as they came, for KeptFor.
// They may hold a person's data. A body that comes twice is kept once.
//
// A body has one row of facts, `<id>#000`, and a row for each piece of it, `<id>#001` and so on, under one Part a source. The row of
// facts is the last to come and the last to go: pieces without it are no body yet, and what was interrupted is done by doing it again.
type Quarantine struct {
	Store Store
	Now   func() time.Time
}

// Kept is one body in quarantine.
type Kept struct {
	ID         string // hash of the body
	Source     string
	Reason     string
	ReceivedAt time.Time
	Body       []byte
}

type facts struct {
	V          int       `json:"v"`
	Reason     string    `json:"reason"`
	ReceivedAt time.Time `json:"receivedAt"`
	Pieces     int       `json:"pieces"`
}

// Keep implements Keeper. The reason holds no value out of the body.
func (q *Quarantine) Keep(ctx context.Context, source, reason string, body []byte) error {
	sum := sha256.Sum256(body)
	id, now := hex.EncodeToString(sum[:16]), q.Now().UTC()
	pieces := (len(body) + pieceSize - 1) / pieceSize
	head, err := json.Marshal(facts{V: 1, Reason: reason, ReceivedAt: now, Pieces: pieces})
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	var puts []row.Put
	for i := range pieces {
		piece := body[i*pieceSize : min((i+1)*pieceSize, len(body))]
		puts = append(puts, row.Put{Key: place(source, id, i+1), Value: piece, Expires: now.Add(KeptFor)})
	}
	puts = append(puts, row.Put{Key: place(source, id, 0), Value: head, Expires: now.Add(KeptFor)})
	for some := range slices.Chunk(puts, together) {
		if err := q.Store.Put(ctx, some...); err != nil && !errors.Is(err, row.ErrConflict) { // which is there already
			return fmt.Errorf("quarantine: %w", err)
		}
	}
	return nil
}

// List returns every body of a source that is in quarantine.
func (q *Quarantine) List(ctx context.Context, source string) ([]Kept, error) {
	return q.those(ctx, source, func([]byte) bool { return true })
}

// Naming returns the bodies, of both CRMs, that name one of the records. Nobody could read them, so that a number of its own
// which is the key of a record is taken for it; what holds nothing of a person but a name or an address is not found.
func (q *Quarantine) Naming(ctx context.Context, records ...crm.ID) ([]Kept, error) {
	var out []Kept
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		some, err := q.those(ctx, string(sys), func(body []byte) bool {
			return slices.ContainsFunc(records, func(id crm.ID) bool { return id.Key != "" && holdsNumber(body, id.Key) })
		})
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// Forget removes the bodies that name one of the records, as Naming finds them: their person is erased.
func (q *Quarantine) Forget(ctx context.Context, records ...crm.ID) error {
	all, err := q.Naming(ctx, records...)
	for _, k := range all {
		if err == nil {
			err = q.Drop(ctx, k.Source, k.ID)
		}
	}
	return err
}

// those returns the bodies of a source that are wanted. Of the others one at a time is held.
func (q *Quarantine) those(ctx context.Context, source string, wanted func(body []byte) bool) ([]Kept, error) {
	var out []Kept
	var last Kept
	take := func() {
		if last.ID != "" && wanted(last.Body) {
			out = append(out, last)
		}
		last = Kept{}
	}
	err := q.each(ctx, source, "", func(r row.Row) error {
		id, piece, _ := strings.Cut(r.Key.Sort, "#")
		if piece != "000" {
			if last.ID == id {
				last.Body = append(last.Body, r.Value...)
			}
			return nil
		}
		take()
		var f facts
		if err := json.Unmarshal(r.Value, &f); err != nil {
			return errors.New("quarantine: a row cannot be read")
		}
		last = Kept{ID: id, Source: source, Reason: f.Reason, ReceivedAt: f.ReceivedAt}
		return nil
	})
	if err != nil {
		return nil, err
	}
	take()
	return out, nil
}

// holdsNumber reports whether the digits stand in a text as a number of their own.
func holdsNumber(text []byte, digits string) bool {
	isDigit := func(i int) bool { return i >= 0 && i < len(text) && '0' <= text[i] && text[i] <= '9' }
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(digits))
		if i < 0 {
			return false
		}
		i += from
		if !isDigit(i-1) && !isDigit(i+len(digits)) {
			return true
		}
		from = i + 1
	}
}

// Drop removes one body, once it was dealt with or its person is erased. One that is not there is a success.
func (q *Quarantine) Drop(ctx context.Context, source, id string) error {
	var puts []row.Put
	err := q.each(ctx, source, id+"#", func(r row.Row) error {
		puts = append(puts, row.Put{Key: r.Key, If: r.Version, Delete: true})
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(puts)
	for some := range slices.Chunk(puts, together) {
		if err := q.Store.Put(ctx, some...); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
	}
	return nil
}

// each goes through the rows of a source, a page at a time.
func (q *Quarantine) each(ctx context.Context, source, prefix string, do func(row.Row) error) error {
	const page = 20
	for after := ""; ; {
		rows, err := q.Store.List(ctx, "Q#"+source, prefix, after, page)
		if err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
		for _, r := range rows {
			if err := do(r); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		after = rows[len(rows)-1].Key.Sort
	}
}

func place(source, id string, piece int) row.Key {
	return row.Key{Part: "Q#" + source, Sort: fmt.Sprintf("%s#%03d", id, piece)}
}
