package identity_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

const conn = "main"

var (
	noon    = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	errGone = errors.New("table gone")
)

func hubspot(key string) crm.ID {
	return crm.ID{System: crm.HubSpot, Module: crm.Contacts, Key: key}
}

func zoho(key string) crm.ID { return crm.ID{System: crm.Zoho, Module: crm.Contacts, Key: key} }

// bench is a book over a table in memory that can break.
type bench struct {
	*identity.Book
	now   time.Time
	rows  *memory.Rows
	store *breaking
}

func newBench() *bench {
	b := &bench{now: noon}
	b.rows = memory.NewRows(func() time.Time { return b.now })
	b.store = &breaking{Store: b.rows, left: -1}
	var ids atomic.Int64
	b.Book = &identity.Book{
		Store: b.store, Hasher: pair.Hasher{Key: crm.NewSecret("key"), KeyID: 1},
		NewID: func() string { return fmt.Sprintf("id-%04d", ids.Add(1)) },
	}
	return b
}

// breaking is a store that stops answering after a number of calls; never when left is negative.
type breaking struct {
	identity.Store
	left int
}

func (s *breaking) down() bool {
	if s.left == 0 {
		return true
	}
	if s.left > 0 {
		s.left--
	}
	return false
}

func (s *breaking) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	if s.down() {
		return nil, errGone
	}
	return s.Store.Get(ctx, keys...)
}

func (s *breaking) Put(ctx context.Context, puts ...row.Put) error {
	if s.down() {
		return errGone
	}
	return s.Store.Put(ctx, puts...)
}

func (s *breaking) List(ctx context.Context, part, prefix, after string, limit int) ([]row.Row, error) {
	if s.down() {
		return nil, errGone
	}
	return s.Store.List(ctx, part, prefix, after, limit)
}

// marry writes a living pair with the names of both its records.
func (b *bench) marry(t *testing.T, id, hubspotKey, zohoKey string) identity.Loaded {
	t.Helper()
	l := identity.Loaded{Pair: pair.Pair{ID: id, Connection: conn, Kind: crm.Contact, State: pair.Living, HubSpot: hubspotKey, Zoho: zohoKey}}
	if err := b.Save(t.Context(), &l, identity.NamePut(conn, hubspot(hubspotKey), id), identity.NamePut(conn, zoho(zohoKey), id)); err != nil {
		t.Fatal(err)
	}
	return l
}

// parts returns the parts of the living rows.
func (b *bench) parts() []string {
	var out []string
	for r := range b.rows.All("") {
		out = append(out, r.Key.Part)
	}
	return out
}
