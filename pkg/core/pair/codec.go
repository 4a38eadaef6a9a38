package pair

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// codecVersion is the first byte of every encoded pair. Version 1 had no decisions.
const codecVersion = 2

// The bits of one byte; version 1 knew the first only.
const (
	begun byte = 1 << iota
	counted
	former
	restricted
)

// ErrEncoding says that bytes are not a pair that this code can read: cut, or written by a later version.
var ErrEncoding = errors.New("the row is not a pair of this version")

// Encode returns the bytes that Decode reads: 20 bytes a field, and a little more for ids and times.
func (p Pair) Encode() []byte {
	w := writer{b: make([]byte, 0, 160+20*len(p.Base))}
	w.byte(codecVersion)
	w.text(p.ID)
	w.text(p.Connection)
	w.text(string(p.Kind))
	w.byte(byte(p.State))
	w.text(p.HubSpot)
	w.text(p.Zoho)
	w.number(len(p.Duplicates))
	for _, d := range p.Duplicates {
		w.text(d)
	}
	w.text(p.Successor)
	w.text(string(p.Gone))
	w.time(p.GoneAt)
	w.byte(p.KeyID)
	w.number(len(p.Base))
	for _, s := range slices.Sorted(maps.Keys(p.Base)) {
		w.slot(s)
		w.base(p.Base[s])
	}
	w.number(len(p.Unfinished))
	for _, u := range p.Unfinished {
		w.text(string(u.System))
		w.slot(u.Slot)
		w.hash(u.Hash)
		w.time(u.At)
	}
	w.number(len(p.Held))
	for _, s := range slices.Sorted(maps.Keys(p.Held)) {
		h := p.Held[s]
		w.slot(s)
		w.text(string(h.System))
		w.base(h.Base)
		w.text(h.Mapping)
		w.text(string(h.Hint))
		w.text(h.Code)
		w.text(h.Other)
		w.flag(h.Pending)
	}
	w.number(len(p.Sent))
	for _, s := range p.Sent {
		w.slot(s)
	}
	w.hash(p.Invented)
	w.flag(p.Linked)
	bits := byte(0)
	if p.Begun {
		bits |= begun
	}
	if p.Counted.Known() {
		bits |= counted
	}
	if len(p.Former) > 0 {
		bits |= former
	}
	if len(p.Restricted) > 0 {
		bits |= restricted
	}
	w.byte(bits)
	for _, t := range []time.Time{p.ReadAt, p.UpdatedAt, p.HubSpotAt, p.ZohoAt, p.ZohoSeen, p.ZohoWrote, p.ZohoBefore, p.SyncedAt} {
		w.time(t)
	}
	w.text(p.Lease.Owner)
	w.time(p.Lease.Until)
	if p.Counted.Known() {
		w.hash(p.Counted)
	}
	if len(p.Former) > 0 {
		w.number(len(p.Former))
		for _, s := range p.Former {
			w.text(string(s.System))
			w.text(s.Key)
		}
	}
	if len(p.Restricted) > 0 {
		w.number(len(p.Restricted))
		for _, s := range p.Restricted {
			w.slot(s)
		}
	}
	w.number(len(p.Decided))
	for _, d := range p.Decided {
		w.time(d.At)
		w.text(string(d.Field))
		w.text(d.To)
		w.text(d.Rule)
		w.time(d.HubSpotAt)
		w.time(d.ZohoAt)
		w.flag(d.Observed)
	}
	return w.b
}

// Decode reads what Encode wrote, or returns ErrEncoding. Times come back in UTC with milliseconds.
func Decode(b []byte) (Pair, error) {
	r := reader{b: b}
	version := r.byte()
	if version == 0 || version > codecVersion {
		return Pair{}, ErrEncoding
	}
	p := Pair{ID: r.text(), Connection: r.text(), Kind: crm.Kind(r.text()), State: State(r.byte()), HubSpot: r.text(), Zoho: r.text()}
	for range r.number() {
		p.Duplicates = append(p.Duplicates, r.text())
	}
	p.Successor, p.Gone, p.GoneAt, p.KeyID = r.text(), crm.System(r.text()), r.time(), r.byte()
	for range r.number() {
		if p.Base == nil {
			p.Base = map[Slot]Base{}
		}
		s := r.slot()
		p.Base[s] = r.base()
	}
	for range r.number() {
		p.Unfinished = append(p.Unfinished, Unfinished{System: crm.System(r.text()), Slot: r.slot(), Hash: r.hash(), At: r.time()})
	}
	for range r.number() {
		s := r.slot()
		p.Hold(s, Held{System: crm.System(r.text()), Base: r.base(), Mapping: r.text(), Hint: fault.Hint(r.text()), Code: r.text(), Other: r.text(), Pending: r.flag()})
	}
	for range r.number() {
		p.Sent = append(p.Sent, r.slot())
	}
	p.Invented, p.Linked = r.hash(), r.flag()
	bits := r.byte()
	p.Begun = bits&begun != 0
	for _, t := range []*time.Time{&p.ReadAt, &p.UpdatedAt, &p.HubSpotAt, &p.ZohoAt, &p.ZohoSeen, &p.ZohoWrote, &p.ZohoBefore, &p.SyncedAt} {
		*t = r.time()
	}
	p.Lease = Lease{Owner: r.text(), Until: r.time()}
	if version > 1 {
		if bits&counted != 0 {
			p.Counted = r.hash()
		}
		if bits&former != 0 {
			for range r.number() {
				p.Former = append(p.Former, Side{System: crm.System(r.text()), Key: r.text()})
			}
		}
		if bits&restricted != 0 {
			for range r.number() {
				p.Restricted = append(p.Restricted, r.slot())
			}
		}
		for range r.number() {
			p.Decided = append(p.Decided, Decision{
				At: r.time(), Field: crm.Field(r.text()), To: r.text(), Rule: r.text(), HubSpotAt: r.time(), ZohoAt: r.time(), Observed: r.flag(),
			})
		}
	}
	if r.bad || len(r.b) != 0 {
		return Pair{}, ErrEncoding
	}
	return p, nil
}

type writer struct{ b []byte }

func (w *writer) byte(v byte)  { w.b = append(w.b, v) }
func (w *writer) number(n int) { w.b = binary.AppendUvarint(w.b, uint64(n)) }
func (w *writer) text(s string) {
	w.number(len(s))
	w.b = append(w.b, s...)
}
func (w *writer) hash(h Hash) { w.b = append(w.b, h[:]...) }
func (w *writer) slot(s Slot) { w.b = binary.BigEndian.AppendUint32(w.b, uint32(s)) }
func (w *writer) base(b Base) { w.hash(b.HubSpot); w.hash(b.Zoho) }
func (w *writer) flag(f bool) {
	if f {
		w.byte(1)
	} else {
		w.byte(0)
	}
}

// time keeps milliseconds; the zero time is a zero.
func (w *writer) time(t time.Time) {
	if t.IsZero() {
		w.b = binary.AppendVarint(w.b, 0)
		return
	}
	w.b = binary.AppendVarint(w.b, t.UnixMilli())
}

// reader reads what writer wrote; after the first fault everything that it returns is zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return make([]byte, max(0, min(n, 8)))
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte { return r.take(1)[0] }
func (r *reader) flag() bool { return r.byte() == 1 }

// number reads a count, which is never larger than the bytes that are left.
func (r *reader) number() int {
	n, used := binary.Uvarint(r.b)
	if used <= 0 || n > uint64(len(r.b)-used) {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[used:]
	return int(n)
}

func (r *reader) text() string {
	n := r.number()
	if r.bad {
		return ""
	}
	return string(r.take(n))
}

func (r *reader) hash() (h Hash) { copy(h[:], r.take(8)); return h }
func (r *reader) slot() Slot     { return Slot(binary.BigEndian.Uint32(r.take(4))) }
func (r *reader) base() Base     { return Base{HubSpot: r.hash(), Zoho: r.hash()} }

func (r *reader) time() time.Time {
	ms, used := binary.Varint(r.b)
	if used <= 0 {
		r.bad, r.b = true, nil
		return time.Time{}
	}
	r.b = r.b[used:]
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
