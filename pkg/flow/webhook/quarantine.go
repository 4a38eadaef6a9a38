package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"crm-connector/pkg/core/row"
)

// KeptFor is how long a body stays in quarantine.
const KeptFor = 30 * 24 * time.Hour

// pieceSize is how many bytes of a body one row holds: a row of DynamoDB takes 400 kB, a transaction 4 MB.
const pieceSize = 256 << 10

// Store is the table of the quarantine.
type Store interface {
	Put(ctx context.Context, puts ...row.Put) error
	List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error)
}

// Quarantine keeps the bodies of authentic deliveries that could not be read, as they came, for KeptFor. They may hold a
// person's data. A body that comes twice is kept once.
//
// A body has one row of facts, `<id>#000`, and a row for each piece of it, `<id>#001` and so on, under one Part a source.
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
	puts := []row.Put{{Key: place(source, id, 0), Value: head, Expires: now.Add(KeptFor)}}
	for i := range pieces {
		piece := body[i*pieceSize : min((i+1)*pieceSize, len(body))]
		puts = append(puts, row.Put{Key: place(source, id, i+1), Value: piece, Expires: now.Add(KeptFor)})
	}
	if err := q.Store.Put(ctx, puts...); err != nil && !errors.Is(err, row.ErrConflict) {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

// List returns every body of a source that is in quarantine.
func (q *Quarantine) List(ctx context.Context, source string) ([]Kept, error) {
	rows, err := q.rows(ctx, source, "")
	if err != nil {
		return nil, err
	}
	var out []Kept
	for _, r := range rows {
		id, piece, _ := strings.Cut(r.Key.Sort, "#")
		if piece != "000" {
			if n := len(out); n > 0 && out[n-1].ID == id {
				out[n-1].Body = append(out[n-1].Body, r.Value...)
			}
			continue
		}
		var f facts
		if err := json.Unmarshal(r.Value, &f); err != nil {
			return nil, fmt.Errorf("quarantine: a row cannot be read")
		}
		out = append(out, Kept{ID: id, Source: source, Reason: f.Reason, ReceivedAt: f.ReceivedAt})
	}
	return out, nil
}

// Drop removes one body, once it was dealt with or its person is erased. One that is not there is a success.
func (q *Quarantine) Drop(ctx context.Context, source, id string) error {
	rows, err := q.rows(ctx, source, id+"#")
	if err != nil {
		return err
	}
	puts := make([]row.Put, 0, len(rows))
	for _, r := range rows {
		puts = append(puts, row.Put{Key: r.Key, If: r.Version, Delete: true})
	}
	if len(puts) == 0 {
		return nil
	}
	if err := q.Store.Put(ctx, puts...); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

func (q *Quarantine) rows(ctx context.Context, source, prefix string) ([]row.Row, error) {
	const page = 100
	var all []row.Row
	for after := ""; ; {
		rows, err := q.Store.List(ctx, "Q#"+source, prefix, after, page)
		if err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
		all = append(all, rows...)
		if len(rows) < page {
			return all, nil
		}
		after = rows[len(rows)-1].Key.Sort
	}
}

func place(source, id string, piece int) row.Key {
	return row.Key{Part: "Q#" + source, Sort: fmt.Sprintf("%s#%03d", id, piece)}
}
