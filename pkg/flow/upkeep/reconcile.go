// Package upkeep looks after what no event tells: records that changed unheard, orphans that live again, operations whose
// time to be tried again has come. It reads and queues; it brings nothing in step itself.
package upkeep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// overlap is how far back beyond the last run a listing starts: an index may lag by minutes.
const overlap = 5 * time.Minute

// firstLook is how far back the first run of a stack looks.
const firstLook = 2 * time.Hour

// backlog is how much further back the first look goes after the mode was set: operations that waited meanwhile, for as long
// as a queue keeps a message, ended without a write, and the looks of before had passed them.
const backlog = 14 * 24 * time.Hour

// maxOrphans is how many orphans one run looks at; the next run goes on behind them.
const maxOrphans = 200

// Source lists what changed in one CRM.
type Source interface {
	// Changed returns a page of the records that were modified since, and the page after it, "" at the end.
	Changed(ctx context.Context, m crm.Module, since time.Time, page string) ([]crm.Touched, string, error)
}

// Deleter lists what was deleted in a CRM that can tell.
type Deleter interface {
	Deleted(ctx context.Context, m crm.Module, since time.Time, page string) ([]crm.Touched, string, error)
}

// Queue takes operations, by their Source.
type Queue interface {
	Send(ctx context.Context, ops []crm.Operation) error
}

// Due lists parked operations whose time to be tried again has come.
type Due interface {
	Due(ctx context.Context, now time.Time) ([]fault.Parked, error)
	// Asked notes that they are being tried, so that the next try is later, whatever becomes of this one.
	Asked(ctx context.Context, rows ...fault.Parked) error
}

// Store keeps the cursors.
type Store interface {
	Get(ctx context.Context, keys ...row.Key) ([]row.Row, error)
	Put(ctx context.Context, puts ...row.Put) error
}

// Modes says whether the stack writes.
type Modes interface {
	Mode(ctx context.Context) (crm.Mode, error)
}

// Reconciler queues an operation for every record that changed and was never heard of. While the stack does not write it
// stands still, so that the first run afterwards finds everything that changed meanwhile.
type Reconciler struct {
	Connection string
	Sources    map[crm.System]Source
	Deleted    Deleter // Zoho
	Book       *identity.Book
	Parked     Due
	Modes      Modes
	Switches   func(context.Context) (int64, error) // how often the mode was set; nil: never
	Queue      Queue
	Store      Store
	NewID      func() string
	Now        func() time.Time
	Left       func(context.Context) time.Duration // how much time a run has; nil: until the deadline of the context
	Log        *slog.Logger
}

// Run looks once at everything. What fails does not keep the rest back; the errors come back joined, and what failed goes on where it
// stood, as does a listing for which the time of one run is too short. While the stack is not on it only notes where the first look will
// begin.
func (r *Reconciler) Run(ctx context.Context) error {
	mode, err := r.Modes.Mode(ctx)
	if err != nil {
		return fmt.Errorf("upkeep: %w", err)
	}
	if err := r.wait(ctx); err != nil {
		return err
	}
	if mode != crm.On {
		r.Log.Info("reconcile waits until the stack is on", "mode", string(mode))
		return nil
	}
	switches, err := r.switches(ctx)
	if err != nil {
		return err
	}
	return errors.Join(r.orphans(ctx), r.due(ctx), r.looks(ctx, switches))
}

// switches returns how often the mode was set.
func (r *Reconciler) switches(ctx context.Context) (int64, error) {
	if r.Switches == nil {
		return 0, nil
	}
	n, err := r.Switches(ctx)
	if err != nil {
		return 0, fmt.Errorf("upkeep switches: %w", err)
	}
	return n, nil
}

// put writes rows. Where another run was faster its rows stay.
func (r *Reconciler) put(ctx context.Context, name string, puts ...row.Put) error {
	if err := r.Store.Put(ctx, puts...); err != nil && !errors.Is(err, row.ErrConflict) {
		return fmt.Errorf("upkeep %s: %w", name, err)
	}
	return nil
}

// queue sends an operation for every record that shows more than its pair has seen. After the mode was set nothing else may
// bring a record in step that was seen and has not come to rest.
func (r *Reconciler) queue(ctx context.Context, touched []crm.Touched, trace string) (int, error) {
	ids := make([]crm.ID, len(touched))
	for i, t := range touched {
		ids[i] = t.ID
	}
	pairs, err := r.Book.FindAll(ctx, r.Connection, ids...)
	if err != nil {
		return 0, err
	}
	var ops []crm.Operation
	for i, t := range touched {
		p := pairs[i]
		if p.Version != 0 && p.State == pair.Living && !unheard(p.Pair, t) && !(trace == Resumed && p.Begun) {
			continue
		}
		verb := crm.Update
		if t.Deleted {
			if p.Version == 0 {
				continue
			}
			verb = crm.Delete
		}
		ops = append(ops, r.operation(t.ID, verb, t.Modified, trace))
	}
	return len(ops), r.send(ctx, ops)
}

func unheard(p pair.Pair, t crm.Touched) bool {
	switch {
	case t.Deleted:
		return p.Key(t.ID.System) == t.ID.Key
	case t.ID.System == crm.HubSpot:
		return t.Modified.After(p.HubSpotAt) // not UpdatedAt: a write of ours may cover an edit that nobody has read
	}
	// Zoho notifies nobody of a write that changes nothing, though it may have cut what was sent.
	return t.Modified.After(p.ZohoAt) || len(p.Sent) > 0
}

func (r *Reconciler) operation(id crm.ID, v crm.Verb, at time.Time, trace string) crm.Operation {
	now := r.Now()
	return crm.Operation{
		V: crm.OperationVersion, ID: r.NewID(), Connection: r.Connection, Source: id.System, Kind: id.Module.Kind(), Module: id.Module,
		Verb: v, RecordID: id.Key, OccurredAt: at, ReceivedAt: now, Trace: trace,
	}
}

// orphans queues a look at the half that was gone.
func (r *Reconciler) orphans(ctx context.Context) error {
	at := r.cursor("orphans")
	rows, err := r.Store.Get(ctx, at)
	if err != nil {
		return fmt.Errorf("upkeep orphans: %w", err)
	}
	ids, err := r.Book.Orphans(ctx, r.Connection, string(rows[0].Value), maxOrphans)
	if err != nil {
		return err
	}
	var ops []crm.Operation
	for _, id := range ids {
		p, err := r.Book.Load(ctx, id)
		if err != nil {
			return err
		}
		if p.State != pair.Orphan {
			if err := r.Book.ForgetOrphan(ctx, r.Connection, id); err != nil {
				return err
			}
			continue
		}
		if gone := p.Record(p.Gone); !gone.IsZero() {
			ops = append(ops, r.operation(gone, crm.Restore, p.GoneAt, Resumed))
		}
	}
	if err := r.send(ctx, ops); err != nil {
		return fmt.Errorf("upkeep orphans: %w", err)
	}
	next := "" // from the beginning
	if len(ids) == maxOrphans {
		next = ids[maxOrphans-1]
	}
	if next == string(rows[0].Value) {
		return nil
	}
	return r.put(ctx, "orphans", row.Put{Key: at, If: rows[0].Version, Value: []byte(next)})
}

// due queues what was parked until now, once a record or message. Messages of WhatsApp are kept with their row; what came from elsewhere
// else than a CRM cannot be looked at again.
func (r *Reconciler) due(ctx context.Context) error {
	rows, err := r.Parked.Due(ctx, r.Now())
	if err != nil {
		return fmt.Errorf("upkeep: %w", err)
	}
	var ops []crm.Operation
	var asked []fault.Parked
	queued := map[crm.ID]bool{}
	for _, p := range rows {
		if p.Connection != r.Connection || r.Sources[p.Record.System] == nil && p.Record.System != crm.WhatsApp {
			continue
		}
		asked = append(asked, p)
		if !queued[p.Record] {
			queued[p.Record] = true
			ops = append(ops, r.operation(p.Record, crm.Revisit, r.Now(), Resumed))
		}
	}
	if err := r.send(ctx, ops); err != nil {
		return fmt.Errorf("upkeep: %w", err)
	}
	if err := r.Parked.Asked(ctx, asked...); err != nil {
		return fmt.Errorf("upkeep: %w", err)
	}
	return nil
}

func (r *Reconciler) send(ctx context.Context, ops []crm.Operation) error {
	if len(ops) == 0 {
		return nil
	}
	return r.Queue.Send(ctx, ops)
}
