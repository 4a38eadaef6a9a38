package conversation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// parked is a fault of the update itself.
func parked(code, why string) *fault.Error {
	return &fault.Error{Op: "conversation", Kind: fault.Refused, Code: code, Err: errors.New(why)}
}

// ambiguous says that the person may be any of several contacts: ids, which a person has to choose from.
func (t *task) ambiguous(candidates []string) error {
	return among(crm.Zoho, candidates)
}

// among is ambiguous of the contacts of a system.
func among(sys crm.System, candidates []string) error {
	e := parked(fault.CauseTwin, "the person may be any of these contacts: "+strings.Join(candidates, ", "))
	e.Op = string(sys) + ".Find"
	for _, id := range candidates {
		e.Refused = append(e.Refused, fault.Refusal{Code: fault.CauseTwin, Hint: fault.HintWhose, Message: e.Err.Error(), Record: id})
	}
	return e
}

// askAgain is when an update is tried again whose person is not clear, is a lead, or has a contact that is locked: people merge
// contacts, correct a number, convert the lead, approve, and nothing tells of that here. After it the ledger's schedule holds.
const askAgain = time.Hour

// lockedMail is when it is told that a record is locked: most are open again by then, and the ledger has tried it.
const lockedMail = 24 * time.Hour

// park ends an update that was given up on: its row, and the update itself for a replay, since nobody can be asked for it later.
func (t *task) park(why error, end row.Key) error {
	kept := t.f.keep(t.conn, t.u, t.received)
	locked := kept != "" && fault.KindOf(why) == fault.Locked
	hint := fault.HintReplay
	if locked {
		hint = fault.HintLocked
	}
	r := t.rowOf(about{t.id, verbOf(t.u), t.whom, hint}, why)
	if locked || kept != "" && (r.Code == fault.CauseTwin || r.Code == fault.CauseLead) {
		r.RetryAt = t.now().Add(askAgain)
	}
	if locked {
		r.MailAfter = t.now().Add(lockedMail)
	}
	if err := t.f.Parking.Open(t.ctx, r); err != nil {
		return tables(err)
	}
	t.told = append(t.told, r)
	puts := []row.Put{{Key: end, Value: []byte("parked"), Expires: t.now().Add(KeptFor)}}
	if kept != "" {
		key := parkedKey(t.conn, t.id)
		rows, err := t.f.Store.Get(t.ctx, key)
		if err != nil {
			return tables(err)
		}
		expires := t.now().Add(ParkedFor)
		if rows[0].Version != 0 { // a replay keeps it no longer
			expires = rows[0].Expires
		}
		perhaps, err := t.perhaps(why, key, expires)
		if err != nil {
			return err
		}
		puts = append(append(puts, row.Put{Key: key, If: rows[0].Version, Value: []byte(kept), Expires: expires}), perhaps...)
	}
	return t.f.save(t.ctx, puts...)
}

// perhaps returns the writes that list a row under the contacts that a fault names: it may be about any of them, and goes when one of
// them is erased.
func (t *task) perhaps(why error, of row.Key, expires time.Time) (puts []row.Put, err error) {
	e, ok := errors.AsType[*fault.Error](why)
	if !ok {
		return nil, nil
	}
	var contacts []string
	for _, r := range e.Refused {
		if r.Record != "" && !slices.Contains(contacts, r.Record) {
			contacts = append(contacts, r.Record)
		}
	}
	for _, contact := range contacts {
		listed, err := t.listed(contact, of)
		if err != nil {
			return nil, err
		}
		for _, put := range listed {
			put.Expires = expires
			puts = append(puts, put)
		}
	}
	return puts, nil
}

// GiveUp ends a parcel that has gone again too often, for the reason why: each of its updates is carried out once more by itself,
// and what fails, by a panic too, is parked and kept for a replay; a lock that it meets is the reason then. unrun says that the parcel
// kills whoever works on it: nothing of it is carried out, all that is not at its end is parked.
func (f *Flow) GiveUp(ctx context.Context, p chat.Parcel, why error, unrun bool) error {
	for _, u := range p.Updates {
		t := &task{f: f, ctx: ctx, conn: p.Connection, u: u, id: u.Identity(), received: p.ReceivedAt}
		end := claimKey(t.conn, t.id, "end")
		rows, err := f.Store.Get(ctx, end)
		switch {
		case err != nil:
			return tables(err)
		case rows[0].Version != 0, u.Notice != nil:
			continue
		}
		reason := why
		if !unrun {
			well, met := t.survives()
			if well {
				continue
			}
			if fault.KindOf(met) == fault.Locked {
				reason = met
			}
		}
		if err := t.park(reason, end); err != nil {
			return err
		}
	}
	return nil
}

// survives carries the update out and reports whether that went well, and which fault it met unless it panics.
func (t *task) survives() (well bool, met error) {
	defer func() {
		if recover() != nil {
			well = false
		}
	}()
	met = t.carry()
	return met == nil, met
}

// maxKept is the longest body that is kept: a row holds 400 kB.
const maxKept = 300 << 10

// Keep keeps the text of a parcel that nobody could read, under a name, for a Replay by code that can. It may be repeated. A text
// that is too long for a row is a fault of kind Ours.
func (f *Flow) Keep(ctx context.Context, conn, name, body string) error {
	if len(body) > maxKept {
		return &fault.Error{Op: "conversation.Keep", Kind: fault.Ours, Code: "too large"}
	}
	key := parkedKey(conn, name)
	rows, err := f.Store.Get(ctx, key)
	if err != nil || rows[0].Version != 0 {
		return tables(err)
	}
	return f.save(ctx, row.Put{Key: key, Value: []byte(body), Expires: f.Now().Add(ParkedFor)})
}

// keep returns the body of a parcel of one update, "" for one that is too large to be kept.
func (f *Flow) keep(conn string, u chat.Update, received time.Time) string {
	entries, _ := chat.Pack(chat.Parcel{V: chat.Version, Connection: conn, ReceivedAt: received, Updates: []chat.Update{u}})
	if len(entries) != 1 || len(entries[0].Body) > maxKept {
		return ""
	}
	return entries[0].Body
}

func verbOf(u chat.Update) crm.Verb {
	if u.Status != nil {
		return crm.Status
	}
	return crm.Message
}

// Replay carries out an update that was parked, by its identity. It is done when nothing is kept under it; the row of one whose person
// was erased is settled.
func (f *Flow) Replay(ctx context.Context, conn, update string) fault.Outcome {
	key, end := parkedKey(conn, update), claimKey(conn, update, "end")
	rows, err := f.Store.Get(ctx, key, end)
	if err != nil {
		return again(tables(err))
	}
	if rows[0].Version == 0 {
		out := fault.Outcome{Ending: fault.Done, Note: "nothing is kept of this update"}
		if string(rows[1].Value) == endErased {
			out.Settled = []crm.ID{recordOf(update)}
		}
		return out
	}
	p, err := chat.Open(string(rows[0].Value))
	if err != nil {
		return again(err)
	}
	if rows[1].Version != 0 {
		if err := f.save(ctx, row.Put{Key: end, If: rows[1].Version, Delete: true}); err != nil {
			return again(err)
		}
	}
	out := f.carry(ctx, p, true)
	if rows, err = f.Store.Get(ctx, key, end); err != nil {
		return again(tables(err))
	}
	if out.Ending == fault.Done && rows[1].Version == 0 {
		if err := f.save(ctx, row.Put{Key: key, If: rows[0].Version, Delete: true}); err != nil {
			return again(err)
		}
		out.Settled = append(out.Settled, recordOf(update))
	}
	return out
}

func again(err error) fault.Outcome {
	return fault.Outcome{Ending: fault.GoAgain, After: fault.After(err), Err: err}
}

// Erase forgets the person of a Zoho contact, one that he had before too: parked messages of his and those that may be his, what
// leads to him, his word, his conversation, what was sent to him and what waits to be. Of a HubSpot contact, by its id, it removes what
// may be its person's. Claims stay, which hold ids alone: without them a repeated delivery would be logged anew. It may be repeated.
func (f *Flow) Erase(ctx context.Context, conn, contact string) error {
	at := contactKey(conn, contact)
	err := f.each(ctx, conn, contact, func(of row.Key) (bool, error) {
		if of.Part == at.Sort {
			return false, nil // the contact's own row
		}
		if of.Part == parkedKey(conn, "").Part {
			return true, f.dropParked(ctx, conn, of)
		}
		return true, f.drop(ctx, of)
	})
	if err != nil {
		return err
	}
	var h holder
	version, err := f.load(ctx, at, &h)
	if err != nil || version == 0 {
		return err
	}
	b, err := f.being(ctx, conn, h.Person)
	if err != nil {
		return err
	}
	if b.id != "" && b.id != h.Person { // whoever comes after us begins at the same person
		if err := f.save(ctx, write(at, version, holder{b.id}, time.Time{})); err != nil {
			return err
		}
	}
	his, err := f.keysOf(ctx, conn, b.id)
	if err != nil {
		return err
	}
	if err := f.eraseParked(ctx, conn, his); err != nil {
		return err
	}
	if err := f.eraseAddressed(ctx, conn, b.id, his); err != nil {
		return err
	}
	if err := f.eraseBeing(ctx, conn, b.id, at); err != nil {
		return err
	}
	return f.drop(ctx, at)
}

// keysOf returns the names of all keys that lead to a person, and to whoever turned out to be him.
func (f *Flow) keysOf(ctx context.Context, conn, person string) (his []string, err error) {
	err = f.each(ctx, conn, person, func(of row.Key) (bool, error) {
		if name, ok := strings.CutPrefix(of.Part, personKey(conn, "").Part); ok {
			his = append(his, name)
		}
		if id, ok := strings.CutPrefix(of.Part, beingKey(conn, "").Part); ok {
			more, err := f.keysOf(ctx, conn, id)
			his = append(his, more...)
			return false, err
		}
		return false, nil
	})
	return his, err
}

// eraseBeing removes what lies under a person and under whoever turned out to be him, but for one row.
func (f *Flow) eraseBeing(ctx context.Context, conn, person string, but row.Key) error {
	if person == "" {
		return nil
	}
	err := f.each(ctx, conn, person, func(of row.Key) (bool, error) {
		if id, ok := strings.CutPrefix(of.Part, beingKey(conn, "").Part); ok {
			return true, f.eraseBeing(ctx, conn, id, but)
		}
		if of == but {
			return true, nil
		}
		return true, f.drop(ctx, of)
	})
	if err != nil {
		return err
	}
	return f.drop(ctx, beingKey(conn, person))
}

// eraseAddressed removes what waits to be sent to a person by one of the names. One that leads to somebody else now is his.
func (f *Flow) eraseAddressed(ctx context.Context, conn, person string, names []string) error {
	for _, name := range names {
		var k known
		if _, err := f.load(ctx, personKey(conn, name), &k); err != nil {
			return err
		}
		now, err := f.being(ctx, conn, k.Person)
		if err != nil {
			return err
		}
		if now.id != person || k.Retired {
			continue
		}
		if err := f.each(ctx, conn, name, func(of row.Key) (bool, error) { return true, f.drop(ctx, of) }); err != nil {
			return err
		}
	}
	return nil
}

// eraseParked removes what is kept of parked messages by one of the names.
func (f *Flow) eraseParked(ctx context.Context, conn string, names []string) error {
	for after := ""; ; {
		rows, err := f.Store.List(ctx, parkedKey(conn, "").Part, "", after, 100)
		if err != nil || len(rows) == 0 {
			return tables(err)
		}
		for _, r := range rows {
			after = r.Key.Sort
			p, err := chat.Open(string(r.Value))
			if err != nil {
				continue // nobody can say whose it is; it expires
			}
			for _, u := range p.Updates {
				t := task{f: f, conn: conn}
				if n := t.names(who.Of(u.Person())); slices.Contains(names, n.user) || slices.Contains(names, n.number) {
					if err := f.dropParked(ctx, conn, r.Key); err != nil {
						return err
					}
				}
			}
		}
	}
}

// endErased is the end of an update that was parked and whose person was erased since: nobody has to be asked about it any more.
const endErased = "erased"

// dropParked removes what is kept of a parked update.
func (f *Flow) dropParked(ctx context.Context, conn string, key row.Key) error {
	end := claimKey(conn, key.Sort, "end")
	rows, err := f.Store.Get(ctx, end)
	if err != nil {
		return tables(err)
	}
	put := row.Put{Key: end, If: rows[0].Version, Value: []byte(endErased), Expires: f.Now().Add(KeptFor)}
	if err := f.save(ctx, put); err != nil {
		return err
	}
	return f.drop(ctx, key)
}

// each visits every row that is listed under a contact and strikes off those that the visit has taken away.
func (f *Flow) each(ctx context.Context, conn, contact string, visit func(row.Key) (gone bool, err error)) error {
	part := belongs(conn, contact, row.Key{}).Key.Part
	after := ""
	for {
		rows, err := f.Store.List(ctx, part, "", after, 100)
		if err != nil {
			return tables(err)
		}
		if len(rows) == 0 {
			return nil
		}
		for _, r := range rows {
			after = r.Key.Sort
			of, sort, _ := strings.Cut(r.Key.Sort, "\x00")
			gone, err := visit(row.Key{Part: of, Sort: sort})
			if err != nil {
				return err
			}
			if !gone {
				continue
			}
			if err := f.drop(ctx, r.Key); err != nil {
				return err
			}
		}
	}
}

// drop removes a row, whatever it holds now.
func (f *Flow) drop(ctx context.Context, key row.Key) error {
	rows, err := f.Store.Get(ctx, key)
	if err != nil || rows[0].Version == 0 {
		return tables(err)
	}
	return f.save(ctx, row.Put{Key: key, If: rows[0].Version, Delete: true})
}
