package pair

import (
	"crypto/sha256"
	"encoding/binary"

	"crm-connector/pkg/core/crm"
)

// Hash stands for a value as it was read, without telling it. The zero Hash means that none is known.
type Hash [8]byte

// Known reports whether there is a hash at all.
func (h Hash) Known() bool { return h != Hash{} }

// Hasher makes the hashes of one stack. The key is secret: without it short values could be guessed.
type Hasher struct {
	Key   crm.Secret
	KeyID uint8 // changes with the key; a base of another key is unknown
}

// Raw hashes a value as one system shows it. An empty value has a hash, an unknown one has none.
func (h Hasher) Raw(sys crm.System, f crm.Field, v crm.Value) Hash {
	if !v.Known() {
		return Hash{}
	}
	return h.Sum("value", string(sys), string(f), v.Text())
}

// Sum hashes the parts, each kept apart from the next: HMAC-SHA-256 (RFC 2104) of each part behind its length in four
// bytes. It is written out because crypto/hmac allocates both of its digests for every value, and a record has many.
func (h Hasher) Sum(parts ...string) Hash {
	var space [512]byte // enough for most values, so that they need no memory
	inner := h.pad(space[:0], 0x36)
	for _, p := range parts {
		inner = binary.BigEndian.AppendUint32(inner, uint32(len(p)))
		inner = append(inner, p...)
	}
	sum := sha256.Sum256(inner)
	outer := h.pad(space[:0], 0x5c)
	sum = sha256.Sum256(append(outer, sum[:]...))
	out := Hash(sum[:len(Hash{})])
	if !out.Known() {
		out[0] = 1
	}
	return out
}

// pad appends the key as HMAC puts it in front of what it hashes.
func (h Hasher) pad(to []byte, with byte) []byte {
	var block [sha256.BlockSize]byte
	key := h.Key.Reveal()
	if len(key) > len(block) {
		sum := sha256.Sum256([]byte(key))
		copy(block[:], sum[:])
	} else {
		copy(block[:], key)
	}
	for _, c := range block {
		to = append(to, c^with)
	}
	return to
}
