package conversion

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Tenant is whose events these are: one sender's events never meet another's. It is 32 hexadecimal digits.
type Tenant string

// TenantOf returns the tenant of a token: its issuer and its subject together.
func TenantOf(issuer, subject string) Tenant {
	b := appendText(nil, issuer)
	b = appendText(b, subject)
	sum := sha256.Sum256(b)
	return Tenant(hex.EncodeToString(sum[:16]))
}

// canonicalVersion is the first byte of the canonical form. Another form is another version: hashes that are stored keep
// their meaning.
const canonicalVersion = 1

// Hash is the SHA-256 of an event's canonical form.
type Hash [sha256.Size]byte

// String returns the hash in hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads what String wrote, and reports whether it is a hash.
func ParseHash(s string) (h Hash, ok bool) {
	if len(s) != hex.EncodedLen(len(h)) {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err == nil
}

// Hash returns the hash of what the event says: two documents with the same values have the same one, however they are
// written (order, space, escapes, offset of the timestamp, 5 for 5.00, NFC or not, EUR or no currency, an empty text or
// none). The sender's id is not part of it.
func (e Event) Hash() Hash {
	var buf [512]byte
	b := append(buf[:0], canonicalVersion)
	b = appendText(b, e.Client)
	b = appendText(b, string(e.Type))
	b = appendNumber(b, e.At.UnixMilli())
	b = appendNumber(b, int64(e.Value))
	b = appendText(b, string(e.Currency))
	b = appendText(b, string(e.Channel))
	b = appendText(b, string(e.State))
	for _, s := range [...]string{e.Metadata.Campaign, e.Metadata.Device, e.Metadata.Place} {
		b = appendText(b, norm.NFC.String(s))
	}
	return sha256.Sum256(b)
}

// CampaignOf returns the one spelling of a campaign's name: names that look alike are one campaign, whatever form of Unicode a sender
// writes them in.
func CampaignOf(name string) string { return norm.NFC.String(name) }

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func appendNumber(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), uint64(n))
}

// Identity is what makes an event the same one again.
type Identity struct {
	// Key names its marker: E#<tenant>#<id_evento>, or D#<tenant>#<hash> when the sender gave no id. An id has no #, so no
	// two events share a key by accident.
	Key  string
	Hash Hash
}

// Identify returns the event's identity among its tenant's.
func (e Event) Identify(t Tenant) Identity {
	h := e.Hash()
	if e.ID != "" {
		return Identity{"E#" + string(t) + "#" + e.ID, h}
	}
	return Identity{"D#" + string(t) + "#" + h.String(), h}
}

// Basis says what the identity rests on (chiave on the wire): "evento" for the sender's id, "derivata" for the content. It
// costs no hash.
func (e Event) Basis() string {
	if e.ID != "" {
		return "evento"
	}
	return "derivata"
}

// Term is what the event adds to a checksum: the first 8 bytes of a SHA-256 over its key and its hash, as an unsigned
// number.
func (i Identity) Term() uint64 {
	var buf [256]byte
	b := append(buf[:0], canonicalVersion)
	b = appendText(b, i.Key)
	b = append(b, i.Hash[:]...)
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:8])
}

// Sampled reports whether the event is among the percent of all whose markers a report looks at; always the same ones.
func (i Identity) Sampled(percent int) bool { return int(i.Term()%100) < percent }

// MarkerLife is how long a marker stops repeats: longer than the longest retry of any sender, and four times MaxAge.
const MarkerLife = 30 * 24 * time.Hour

// RepeatKey returns the key of the marker that keeps a duplicate from being counted twice, by the request that it came in.
func RepeatKey(ingestion string) string { return "X#" + ingestion }

// Marker is what is kept of an event that was counted, under its Identity's key. The zero Marker is none.
type Marker struct {
	Ingestion string // the request by which the event came in (id_ingestione), one per delivery at the door
	Hash      Hash
	Expires   time.Time // the store may keep the row longer; Judge does not look at it any more
}

// Mark returns the marker of an event that is counted at now.
func (i Identity) Mark(ingestion string, now time.Time) Marker {
	return Marker{Ingestion: ingestion, Hash: i.Hash, Expires: now.Add(MarkerLife)}
}

// Verdict says what an arrival is.
type Verdict uint8

// The verdicts on an arrival.
const (
	Unique     Verdict = iota // the first of its key: counted
	Repetition                // the same delivery again, by the queue or an SDK: counted already, nothing to add
	Duplicate                 // the same event, sent again
	Conflict                  // the same id for another event: the first stays, this one goes to the errors
)

// String returns the published name of the verdict.
func (v Verdict) String() string {
	return [...]string{"unico", "ripetizione", "duplicato", "conflitto"}[v]
}

// Judge returns the verdict on an arrival whose key has this marker at now. Within a batch the Mark of a key's first arrival
// is the marker of its later ones.
func (m Marker) Judge(ingestion string, h Hash, now time.Time) Verdict {
	switch {
	case !now.Before(m.Expires): // the zero Marker too
		return Unique
	case m.Ingestion == ingestion:
		return Repetition
	case m.Hash == h:
		return Duplicate
	}
	return Conflict
}

// Shard returns the shard of a client, 0 to n-1: one shard is one group of the queue, so a client's events stay in order
// and a counter has one writer. n is at least 1.
func Shard(t Tenant, client string, n int) int {
	b := appendText(nil, string(t))
	b = appendText(b, client)
	sum := sha256.Sum256(b)
	return int(binary.BigEndian.Uint64(sum[:8]) % uint64(n))
}
