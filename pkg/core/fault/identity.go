package fault

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Identified returns the row with its ID set. A row that has none gets a hash of what makes it the same row: the record,
// the system that refused, the field and the reason (class, code and hint). Whoever opens a row and later says which rows
// stay open calls it first, so that both sides speak of the same id.
func (p Parked) Identified() Parked {
	if p.ID == "" {
		sum := sha256.Sum256([]byte(strings.Join([]string{p.Connection, p.Record.String(), string(p.Target), string(p.Field),
			p.Class.String(), p.Code, string(p.Hint)}, "\x00")))
		p.ID = hex.EncodeToString(sum[:8])
	}
	return p
}
