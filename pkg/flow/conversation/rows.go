package conversation

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
)

// The parts of the table. A name in them is a keyed hash, the identity of an update (a hash too), or an id of a CRM.
func claimKey(conn, update, step string) row.Key {
	return row.Key{Part: "C#" + conn + "#" + update, Sort: step}
}
func personKey(conn, name string) row.Key   { return row.Key{Part: "I#" + conn + "#" + name} }
func beingKey(conn, id string) row.Key      { return row.Key{Part: "P#" + conn + "#" + id} }
func birthKey(conn, name string) row.Key    { return row.Key{Part: "N#" + conn + "#" + name} }
func trackKey(conn, name string) row.Key    { return row.Key{Part: "T#" + conn + "#" + name} }
func consentKey(conn, who string) row.Key   { return row.Key{Part: "K#" + conn + "#" + who} }
func outboxKey(conn, id string) row.Key     { return row.Key{Part: "O#" + conn + "#" + id} }
func dueKey(conn, id string) row.Key        { return row.Key{Part: "D#" + conn, Sort: id} }
func rateKey(conn, num, who string) row.Key { return row.Key{Part: "R#" + conn + "#" + num, Sort: who} }
func parkedKey(conn, id string) row.Key     { return row.Key{Part: "Q#" + conn, Sort: id} }
func contactKey(conn, contact string) row.Key {
	return row.Key{Part: "B#" + conn + "#" + contact, Sort: "P"}
}
func stateKey(conn, num, who string) row.Key {
	return row.Key{Part: "S#" + conn + "#" + num + "#" + who}
}

// stateOf returns the number of a person's conversation whose row it is.
func stateOf(conn, who string, of row.Key) (number string, ok bool) {
	if number, ok = strings.CutPrefix(of.Part, "S#"+conn+"#"); !ok {
		return "", false
	}
	return strings.CutSuffix(number, "#"+who)
}

// belongs lists a row under the person whom it is about, so that Erase finds it.
func belongs(conn, person string, of row.Key) row.Put {
	return row.Put{Key: row.Key{Part: "B#" + conn + "#" + person, Sort: of.Part + "\x00" + of.Sort}, Value: []byte{1}}
}

// name is the keyed hash under which something about a person is kept: 32 letters and digits.
func (f *Flow) name(parts ...string) string { return hashed(f.Book.Hasher, parts...) }

func hashed(h pair.Hasher, parts ...string) string {
	a, b := h.Sum(append([]string{"chat"}, parts...)...), h.Sum(append([]string{"chat more"}, parts...)...)
	return hex.EncodeToString(a[:]) + hex.EncodeToString(b[:])
}

// tables is the fault of a table: never the update's own, but for writes that no table takes, which are our fault and would come
// again for good. A lost race is over in a moment.
func tables(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, row.ErrConflict) {
		return fault.Again("conversation.Tables", time.Second, "somebody else is at work on the same person or message")
	}
	if kind := fault.KindOf(err); kind == fault.Throttled || kind == fault.Down || kind == fault.Busy {
		return err
	}
	if fault.KindOf(err) == fault.Ours {
		return &fault.Error{Op: "conversation.Tables", Kind: fault.Ours, Err: errors.New("the table does not take what was to be written")}
	}
	return &fault.Error{Op: "conversation.Tables", Kind: fault.Down, Err: errors.New("the table did not answer")}
}

// load reads one row into v and returns its version, 0 for none.
func (f *Flow) load(ctx context.Context, key row.Key, v any) (int64, error) {
	rows, err := f.Store.Get(ctx, key)
	if err != nil {
		return 0, tables(err)
	}
	if rows[0].Version == 0 {
		return 0, nil
	}
	if json.Unmarshal(rows[0].Value, v) != nil {
		return 0, unreadable()
	}
	return rows[0].Version, nil
}

func unreadable() error {
	return &fault.Error{Op: "conversation.Tables", Kind: fault.Ours, Err: errors.New("a row cannot be read")}
}

// write is a put of v as JSON.
func write(key row.Key, version int64, v any, expires time.Time) row.Put {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // rows are plain data
	}
	return row.Put{Key: key, If: version, Value: text, Expires: expires}
}

func (f *Flow) save(ctx context.Context, puts ...row.Put) error {
	return tables(f.Store.Put(ctx, puts...))
}

// claim is something that is done once.
type claim struct {
	Done    bool      `json:"done,omitempty"`
	Until   time.Time `json:"until,omitzero"` // not done: who claimed it is left alone until then
	ID      string    `json:"id,omitempty"`   // of what was made
	Contact string    `json:"contact,omitempty"`
}

// once does something that must not be done twice, under a claim. A claim that was left open is looked up first, where it was made:
// look returns the id of what was made there, "" for nothing. It returns the id, of an earlier time too.
func (t *task) once(key row.Key, where string, look func(where string) (string, error), do func() (string, error)) (string, error) {
	var c claim
	version, err := t.f.load(t.ctx, key, &c)
	if err != nil || c.Done {
		return c.ID, err
	}
	if left := c.Until.Sub(t.now()); left > 0 {
		return "", fault.Again("conversation.Claim", left, "an earlier attempt may still be under way")
	}
	before, earlier := version != 0, c.Contact
	if !before {
		earlier = where
	}
	expires := t.now().Add(KeptFor)
	c = claim{Until: t.now().Add(ClaimFor), Contact: earlier}
	if err := t.f.save(t.ctx, write(key, version, c, expires)); err != nil {
		return "", err
	}
	version++
	id := ""
	if before {
		if id, err = look(earlier); err != nil && (earlier == where || fault.KindOf(err) != fault.Missing) { // still nobody knows: the claim stays, and is looked up again
			return "", first(t.f.save(t.ctx, write(key, version, claim{Contact: earlier}, expires)), err)
		}
		err = nil
	}
	if id == "" && earlier != where { // it is made elsewhere now: the contact is gone, or its person goes on with another one
		if err := t.f.save(t.ctx, write(key, version, claim{Until: c.Until, Contact: where}, expires)); err != nil {
			return "", err
		}
		version++
		earlier = where
	}
	if id == "" {
		id, err = do()
		t.applied = t.applied || err == nil
	}
	if err != nil {
		if !uncertain(err) {
			if cleared := t.f.save(t.ctx, row.Put{Key: key, If: version, Delete: true}); cleared != nil {
				return "", cleared
			}
			return "", err
		}
		return "", &fault.Error{Op: "conversation.Claim", Kind: kindAgain(err), After: ClaimFor, Err: err}
	}
	return id, t.f.save(t.ctx, write(key, version, claim{Done: true, ID: id, Contact: earlier}, expires))
}

// uncertain reports whether a write that failed may have been carried out all the same.
func uncertain(err error) bool { return err != nil && fault.KindOf(err).Uncertain() }

// kindAgain is the kind of an error whose outcome is looked up after a while: nothing of it is anybody's fault before that.
func kindAgain(err error) fault.Kind {
	if kind := fault.KindOf(err); kind == fault.Unknown || kind == fault.Ours {
		return kind
	}
	return fault.Down
}

// contactID names a contact.
func contactID(sys crm.System, key string) crm.ID {
	return crm.ID{System: sys, Module: crm.Contacts, Key: key}
}
