package rules

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/config"
)

// Limits are where the brake is pulled.
type Limits struct {
	Clearings   int // of one field within ClearWindow
	Overwritten int // records within an hour
}

// DefaultLimits stop a wrong mapping or a broken import early, and leave a working day alone.
var DefaultLimits = Limits{Clearings: 20, Overwritten: 2000}

// The times within which the clearings of one field and the records that are overwritten are counted. The mail says them in
// words.
const (
	ClearWindow     = 10 * time.Minute
	OverwriteWindow = time.Hour
)

// Parking keeps what a person must look at.
type Parking interface {
	// Open opens rows, or counts them up.
	Open(ctx context.Context, rows ...fault.Parked) error
}

// Count notes that a record was overwritten and which of its filled fields were cleared. It returns false when a limit is
// passed: the stack is in observe from then on, until connector resume.
func (b *Book) Count(ctx context.Context, conn string, overwritten int, cleared []crm.Field) (bool, error) {
	for _, f := range cleared {
		n, err := b.add(ctx, "brake#"+conn+"#cleared#"+string(f), 1, ClearWindow)
		if err != nil {
			return false, err
		}
		if n > b.Limits.Clearings {
			why := fmt.Sprintf("field %s was cleared %d times in %s", f, n, ClearWindow)
			return false, b.pull(ctx, fault.Parked{Connection: conn, Field: f, Code: fault.CauseCleared, Message: why, Count: n})
		}
	}
	if overwritten == 0 {
		return true, nil
	}
	if importing, err := b.importing(ctx); importing || err != nil {
		return importing, err
	}
	n, err := b.add(ctx, "brake#"+conn+"#overwritten", overwritten, OverwriteWindow)
	if err != nil {
		return false, err
	}
	if n > b.Limits.Overwritten {
		why := fmt.Sprintf("%d records were overwritten in an hour", n)
		return false, b.pull(ctx, fault.Parked{Connection: conn, Code: fault.CauseOverwritten, Message: why, Count: n})
	}
	return true, nil
}

// importing reports whether an operator brings the whole base in step: everything may be overwritten then. Clearings are
// counted all the same.
func (b *Book) importing(ctx context.Context) (bool, error) {
	r, err := b.rows.Get(ctx, config.Import)
	if err != nil || r.Version == 0 {
		return false, err
	}
	until, err := time.Parse(time.RFC3339, string(r.Value))
	return err == nil && b.now().Before(until), nil
}

// pull switches a stack that is on to observe, for the reason that the row gives. Of several who want to at the same time one
// does, and tells of it once; a stack that a person has switched off or to observe meanwhile stays as it is.
func (b *Book) pull(ctx context.Context, p fault.Parked) error {
	for range tries {
		r, err := b.rows.Renew(ctx, config.Mode)
		if err != nil {
			return err
		}
		if mode, err := b.says(r); err != nil || mode != crm.On {
			return err
		}
		done, err := b.rows.Swap(ctx, config.Mode, r, []byte(string(crm.Observe)+" "+p.Message))
		if err != nil {
			return err
		}
		if done {
			b.log.Error("the brake was pulled: the stack only observes until connector resume", "why", p.Message)
			return b.tell(ctx, p, r.Version)
		}
	}
	return fmt.Errorf("rules.Count: the mode: %w", row.ErrConflict)
}

// tell puts a pull into the next mail. What the mode was before tells it from every other pull.
func (b *Book) tell(ctx context.Context, p fault.Parked, before int64) error {
	if b.Parking == nil {
		return nil
	}
	p.ID, p.Class, p.Hint = fmt.Sprintf("brake-%d", before+1), fault.Setup, fault.HintBrake
	if err := b.Parking.Open(ctx, p); err != nil {
		return fmt.Errorf("rules.Count: the brake was pulled, and the mail does not tell it: %w", err)
	}
	return nil
}

// Brake returns why the brake was pulled, "" when it was not.
func (b *Book) Brake(ctx context.Context) (string, error) {
	r, err := b.rows.Renew(ctx, config.Mode)
	if err != nil {
		return "", err
	}
	return Pulled(string(r.Value)), nil
}

// Paused stands behind the mode, and the time behind it, in the row of a stack that a person has switched off, also while it observes
// before it is switched on again.
const Paused = "paused"

// Pulled returns why the brake was pulled, by the text of the mode's row, "" when it was not: what stands behind the mode observe (a
// person who lets a stack observe gives no reason), or behind the time of a pause (off paused TIME WHY, observe paused TIME WHY), which
// keeps it.
func Pulled(mode string) string {
	word, why, _ := strings.Cut(strings.TrimSpace(mode), " ")
	m := crm.Mode(word)
	pause, rest, _ := strings.Cut(why, " ")
	switch {
	case pause == Paused && (m == crm.Off || m == crm.Observe):
		_, why, _ = strings.Cut(rest, " ")
		return why
	case m == crm.Observe:
		return why
	}
	return ""
}

// tries is how often a row is written that others overtake.
const tries = 5

// slots is in how many slots a window is counted: what is older than eleven twelfths of it may be forgotten already.
const slots = 12

// add adds n to a counter of a window and returns the sum. Under a contention that does not end it
// returns 0: the counter is a brake, not an account.
func (b *Book) add(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	now := b.now()
	slot := now.UnixMilli() / (window.Milliseconds() / slots)
	at := row.Key{Part: "config", Sort: name}
	for range 3 {
		rows, err := b.rows.Store.Get(ctx, at)
		if err != nil {
			return 0, fmt.Errorf("rules.Count: %w", err)
		}
		counts := decodeCounts(rows[0].Value)
		sum := 0
		for s, c := range counts {
			if s <= slot-slots {
				delete(counts, s)
				continue
			}
			sum += c
		}
		counts[slot] += n
		err = b.rows.Store.Put(ctx, row.Put{Key: at, If: rows[0].Version, Value: encodeCounts(counts), Expires: now.Add(2 * window)})
		if err == nil {
			return sum + n, nil
		}
		if !errors.Is(err, row.ErrConflict) {
			return 0, fmt.Errorf("rules.Count: %w", err)
		}
	}
	return 0, nil
}

func encodeCounts(counts map[int64]int) []byte {
	var out []byte
	for _, s := range slices.Sorted(maps.Keys(counts)) {
		out = binary.AppendVarint(out, s)
		out = binary.AppendVarint(out, int64(counts[s]))
	}
	return out
}

func decodeCounts(in []byte) map[int64]int {
	out := map[int64]int{}
	for len(in) > 0 {
		s, n := binary.Varint(in)
		if n <= 0 {
			break
		}
		c, k := binary.Varint(in[n:])
		if k <= 0 {
			break
		}
		out[s] = int(c)
		in = in[n+k:]
	}
	return out
}
