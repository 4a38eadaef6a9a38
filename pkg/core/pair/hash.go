package pair

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"crm-connector/pkg/core/crm"
)

// Hash stands for a value as it was read, without telling it. The zero Hash means that none is known.
type Hash [8]byte

// Known reports whether there is a hash at all.
func (h Hash) Known() bool { return h != Hash{} }

// Hasher makes the hashes of one stack. Its keys are secret: without them short values could be guessed.
type Hasher struct {
	Key   crm.Secret // of values
	KeyID uint8      // changes with Key; a base of another key is unknown
	Names crm.Secret // of everything else, and never another: what is found by its hash must be found again; zero for Key
}

// MinKey is the fewest characters of a key: 128 bits in hexadecimal.
const MinKey = 32

// NewHasher reads the secret of a stack: a key, or the key in force, a comma, and the first key that the stack had. Its errors
// repeat nothing of it.
func NewHasher(keys crm.Secret, number uint8) (Hasher, error) {
	text := keys.Reveal()
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' }) {
		return Hasher{}, errors.New("has a blank or a control character in it")
	}
	parts := strings.Split(text, ",")
	if len(parts) > 2 {
		return Hasher{}, errors.New("has more than two parts: it is one key, or the key in force, a comma and the first key")
	}
	for _, p := range parts {
		switch {
		case p == "" && len(parts) > 1:
			return Hasher{}, errors.New("has a comma with nothing before or behind it")
		case len(p) < MinKey && len(parts) > 1:
			return Hasher{}, fmt.Errorf("has less than %d characters before or behind the comma", MinKey)
		case len(p) < MinKey:
			return Hasher{}, fmt.Errorf("has less than %d characters", MinKey)
		}
	}
	h := Hasher{Key: crm.NewSecret(parts[0]), KeyID: number}
	if len(parts) > 1 {
		h.Names = crm.NewSecret(parts[1])
	}
	return h, nil
}

// First is the key that names are hashed with.
func (h Hasher) First() crm.Secret {
	if h.Names.IsZero() {
		return h.Key
	}
	return h.Names
}

// Raw hashes a value as one system shows it. An empty value has a hash, an unknown one has none.
func (h Hasher) Raw(sys crm.System, f crm.Field, v crm.Value) Hash {
	if !v.Known() {
		return Hash{}
	}
	return sum(h.Key, "value", string(sys), string(f), v.Text())
}

// Sum hashes the parts of a name, each kept apart from the next. It stays the same however often Key is exchanged.
func (h Hasher) Sum(parts ...string) Hash { return sum(h.First(), parts...) }

// sum is HMAC-SHA-256 (RFC 2104) of each part behind its length in four bytes. It is written out because crypto/hmac allocates
// both of its digests for every value, and a record has many.
func sum(key crm.Secret, parts ...string) Hash {
	var space [512]byte // enough for most values, so that they need no memory
	inner := pad(space[:0], key, 0x36)
	for _, p := range parts {
		inner = binary.BigEndian.AppendUint32(inner, uint32(len(p)))
		inner = append(inner, p...)
	}
	sum := sha256.Sum256(inner)
	outer := pad(space[:0], key, 0x5c)
	sum = sha256.Sum256(append(outer, sum[:]...))
	out := Hash(sum[:len(Hash{})])
	if !out.Known() {
		out[0] = 1
	}
	return out
}

// pad appends the key as HMAC puts it in front of what it hashes.
func pad(to []byte, secret crm.Secret, with byte) []byte {
	var block [sha256.BlockSize]byte
	key := secret.Reveal()
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
