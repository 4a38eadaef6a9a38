// Package config reads and writes the rows by which a running stack is steered: mode, mapping, and the names of the mapped
// properties. It keeps each for a minute, so that a change reaches every function within one, and it does not know what a
// mapping says: the door uses it, and the door must start fast.
package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
)

// Fresh is how long a row is used before it is read again.
const Fresh = time.Minute

// Store is the table of settings.
type Store interface {
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	Put(ctx context.Context, puts ...row.Put) error
}

// Rows reads settings. It is safe for use by several goroutines.
type Rows struct {
	Store Store
	Now   func() time.Time

	mu   sync.Mutex
	kept map[string]kept
	read fields
}

// fields is a Fields row as it was read last, with its text: most deliveries find the same.
type fields struct {
	text  string
	names map[crm.System]map[crm.Module][]string
}

type kept struct {
	row   row.Row
	until time.Time
}

// The names of the rows.
const (
	Mode    = "mode"     // off, observe or on; a reason may follow after a blank
	Mapping = "mapping"  // YAML
	Fields  = "fields"   // lines of: system module property …
	Import  = "import"   // until when an import is under way, in RFC 3339
	Begun   = "begun"    // the version of the row Mode under which the last import began, or Unlooked
	Portal  = "portal"   // the id of the HubSpot account whose records the pairs have
	KeyID   = "key id"   // the number that the functions are to be told with the PAIR_KEY that is stored
	KeyMark = "key mark" // the fingerprints of the first PAIR_KEY and of the one in force; a line for each that may be stored while one is exchanged

	Conversation = "conversation" // rules of conversation, YAML
)

// Unlooked is what the row Begun says when messages of the last import may have been ended without being carried out.
const Unlooked = "unlooked"

func key(name string) row.Key { return row.Key{Part: "config", Sort: name} }

// Get returns the row of a name as it was at most a minute ago; Version 0 when there is none. When the table cannot be
// read the last good row goes on being used.
func (c *Rows) Get(ctx context.Context, name string) (row.Row, error) {
	return c.get(ctx, name, c.Now())
}

// Renew returns the row of a name as it is now. When the table cannot be read the last good row goes on being used.
func (c *Rows) Renew(ctx context.Context, name string) (row.Row, error) {
	return c.get(ctx, name, c.Now().Add(Fresh))
}

// get returns the row that is kept, if it is good at the moment given, or reads it.
func (c *Rows) get(ctx context.Context, name string, good time.Time) (row.Row, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.kept[name]
	if ok && good.Before(have.until) {
		return have.row, nil
	}
	rows, err := c.Store.Get(ctx, key(name))
	if err != nil {
		if ok {
			return have.row, nil
		}
		return row.Row{}, fmt.Errorf("config.Get %s: %w", name, err)
	}
	c.keep(name, kept{rows[0], c.Now().Add(Fresh)})
	return rows[0], nil
}

func (c *Rows) keep(name string, k kept) {
	if c.kept == nil {
		c.kept = map[string]kept{}
	}
	c.kept[name] = k
}

// Set writes the row of a name, whatever it was, and uses it at once.
func (c *Rows) Set(ctx context.Context, name string, value []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range 5 {
		rows, err := c.Store.Get(ctx, key(name))
		if err != nil {
			return fmt.Errorf("config.Set %s: %w", name, err)
		}
		err = c.Store.Put(ctx, row.Put{Key: key(name), If: rows[0].Version, Value: value})
		if err == nil {
			c.keep(name, kept{row.Row{Key: key(name), Version: rows[0].Version + 1, Value: value}, c.Now().Add(Fresh)})
			return nil
		}
		if !errors.Is(err, row.ErrConflict) {
			return fmt.Errorf("config.Set %s: %w", name, err)
		}
	}
	return fmt.Errorf("config.Set %s: %w", name, row.ErrConflict)
}

// Swap writes the row of a name if it still is the one that was read, and uses it at once. It reports whether it did: of
// several who read the same row one does.
func (c *Rows) Swap(ctx context.Context, name string, was row.Row, value []byte) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.Store.Put(ctx, row.Put{Key: key(name), If: was.Version, Value: value})
	if errors.Is(err, row.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("config.Swap %s: %w", name, err)
	}
	c.keep(name, kept{row.Row{Key: key(name), Version: was.Version + 1, Value: value}, c.Now().Add(Fresh)})
	return true, nil
}

// Properties returns the names of the mapped properties of a system by module, nil when none are known. Every caller gets the
// same map until the row changes, and changes nothing in it.
func (c *Rows) Properties(ctx context.Context, sys crm.System) (map[crm.Module][]string, error) {
	r, err := c.Get(ctx, Fields)
	if err != nil || r.Version == 0 {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read.names == nil || c.read.text != string(r.Value) {
		c.read = parse(string(r.Value))
	}
	if names := c.read.names[sys]; names != nil {
		return names, nil
	}
	return map[crm.Module][]string{}, nil
}

// PortalID returns the id of the HubSpot account whose records the pairs have, "" where none is noted.
func (c *Rows) PortalID(ctx context.Context) (string, error) {
	r, err := c.Get(ctx, Portal)
	return string(r.Value), err
}

func parse(text string) fields {
	f := fields{text: text, names: map[crm.System]map[crm.Module][]string{}}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 3 {
			continue
		}
		sys := crm.System(words[0])
		if f.names[sys] == nil {
			f.names[sys] = map[crm.Module][]string{}
		}
		f.names[sys][crm.Module(words[1])] = words[2:]
	}
	return f
}

// FieldsRow returns the value of the Fields row for the properties of each system and module.
func FieldsRow(properties func(crm.System, crm.Module) []string) []byte {
	var b strings.Builder
	for _, sys := range []crm.System{crm.HubSpot, crm.Zoho} {
		for _, m := range []crm.Module{crm.Contacts, crm.Companies} {
			names := slices.Sorted(slices.Values(properties(sys, m)))
			fmt.Fprintln(&b, sys, m, strings.Join(names, " "))
		}
	}
	return []byte(b.String())
}
