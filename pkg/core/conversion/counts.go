package conversion

import (
	"maps"
	"math/big"
	"math/bits"
	"slices"
	"time"
)

// Checksum is a sum of Terms: the same events give the same sum in any order, a lost, doubled or exchanged one another. It
// holds 2^64 events without overflow.
type Checksum struct{ hi, lo uint64 }

// plus returns the sum, and whether it fits.
func (c Checksum) plus(o Checksum) (Checksum, bool) {
	lo, carry := bits.Add64(c.lo, o.lo, 0)
	hi, over := bits.Add64(c.hi, o.hi, carry)
	return Checksum{hi, lo}, over == 0
}

// minus returns the difference modulo 2^128.
func (c Checksum) minus(o Checksum) Checksum {
	lo, borrow := bits.Sub64(c.lo, o.lo, 0)
	hi, _ := bits.Sub64(c.hi, o.hi, borrow)
	return Checksum{hi, lo}
}

// SumOf returns the checksum of terms.
func SumOf(terms ...uint64) (c Checksum) {
	for _, t := range terms {
		c, _ = c.plus(Checksum{lo: t})
	}
	return c
}

// String writes the checksum as a decimal number, as a table's counter holds it.
func (c Checksum) String() string {
	n := new(big.Int).SetUint64(c.hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(c.lo)).String()
}

// ParseChecksum reads what String wrote, and reports whether it is a checksum.
func ParseChecksum(s string) (Checksum, bool) {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || len(s) > 39 || n.Sign() < 0 || n.BitLen() > 128 {
		return Checksum{}, false
	}
	return Checksum{new(big.Int).Rsh(n, 64).Uint64(), n.Uint64()}, true // Uint64 takes the low bits
}

// Counts is what was counted of a window, a minute, or any set of arrivals. Counts are added field by field, in any order
// and grouping; Newest is the latest. The zero Counts is of no arrivals.
type Counts struct {
	// Unique events by how they ended. Each unique event is in one of these four.
	Completed   int64
	Failed      int64
	Declared    int64 // the sender itself called them duplicates
	Quarantined int64 // of a channel in quarantine: kept, not counted otherwise

	Duplicates int64
	Conflicts  int64
	Late       int64 // unique events that came when their window was final

	Value    Money    // of the completed ones; Sum.N adds up to Completed
	Checksum Checksum // of all unique ones

	Newest time.Time // when the latest unique one was counted, whenever it happened
}

// Unique returns how many different events there are (unici).
func (c Counts) Unique() int64 { return c.Completed + c.Failed + c.Declared + c.Quarantined }

// Received returns how many arrivals were judged and are not repetitions (ricevuti).
func (c Counts) Received() int64 { return c.Unique() + c.Duplicates + c.Conflicts }

// numbers are the counters that are plain numbers.
func (c *Counts) numbers() [7]*int64 {
	return [...]*int64{&c.Completed, &c.Failed, &c.Declared, &c.Quarantined, &c.Duplicates, &c.Conflicts, &c.Late}
}

// Plus returns the sum. It is ErrOverflow if a counter, or Received, would not fit.
func (c Counts) Plus(o Counts) (Counts, error) {
	sum, received := c, int64(0)
	other := o.numbers()
	for i, n := range sum.numbers() {
		var fit, all bool
		*n, fit = plus(*n, *other[i])
		received, all = plus(received, *n)
		if !fit || !all {
			return c, ErrOverflow
		}
	}
	var fit, money bool
	sum.Checksum, fit = c.Checksum.plus(o.Checksum)
	sum.Value, money = c.Value.plus(o.Value)
	if !fit || !money {
		return c, ErrOverflow
	}
	if o.Newest.After(sum.Newest) {
		sum.Newest = o.Newest
	}
	return sum, nil
}

// Equal reports whether two counts are the same. Newest is no count and is not compared.
func (c Counts) Equal(o Counts) bool {
	for i, n := range c.numbers() {
		if *n != *o.numbers()[i] {
			return false
		}
	}
	return c.Checksum == o.Checksum && maps.Equal(c.Value, o.Value)
}

// Arrival is one event that was judged.
type Arrival struct {
	Event       Event
	Identity    Identity
	Verdict     Verdict
	Quarantined bool      // the channel is in quarantine
	Applied     time.Time // when it is counted
}

// Counts returns what the arrival adds to the row of its window and to that of its minute: both are those of the event's
// own time, however late it comes.
func (a Arrival) Counts() Counts {
	switch a.Verdict {
	case Repetition:
		return Counts{}
	case Duplicate:
		return Counts{Duplicates: 1}
	case Conflict:
		return Counts{Conflicts: 1}
	}
	c := Counts{Quarantined: 1}
	if !a.Quarantined {
		c = outcome(a.Event)
	}
	c.Checksum = SumOf(a.Identity.Term())
	c.Newest = a.Applied
	if WindowOf(a.Event.At).Phase(a.Applied) == Final {
		c.Late = 1
	}
	return c
}

// Release returns what is added to the same rows when an event comes out of quarantine, once: it is counted as it would
// have been.
func Release(e Event) Counts {
	c := outcome(e)
	c.Quarantined = -1
	return c
}

func outcome(e Event) Counts {
	switch e.State {
	case Completed:
		return Counts{Completed: 1, Value: Money{e.Currency: {N: 1, Cents: e.Value}}}
	case Failed:
		return Counts{Failed: 1}
	}
	return Counts{Declared: 1}
}

// Row names the counters that an arrival adds to, but for how a table writes it. At is the start of a window or a minute.
type Row struct {
	At      time.Time // UTC
	Channel Channel
	Type    Type
	Shard   int
}

// Rows returns the window row and the minute row of an event of a shard.
func Rows(e Event, shard int) (window, minute Row) {
	window = Row{WindowOf(e.At).Start(), e.Channel, e.Type, shard}
	minute = window
	minute.At = MinuteOf(e.At)
	return window, minute
}

// Tally adds up counts by row, so that a batch writes each row once.
type Tally map[Row]Counts

// Add adds counts to a row.
func (t Tally) Add(r Row, c Counts) error {
	sum, err := t[r].Plus(c)
	if err == nil {
		t[r] = sum
	}
	return err
}

// Policy is the configuration of what counts mean. It is applied when counts are read: what is stored does not depend on it.
type Policy struct {
	// Conversions are the types that are conversions when completed (eventi_conversione). Nil: all but Abandonment.
	Conversions []Type
	// Weights are the types whose value is a weight and no money (tipo_valore: peso). Their values are not summed.
	Weights []Type
}

// PolicyOf returns the policy of types by their published names; nil for the usual ones.
func PolicyOf(conversions, weights []string) (p Policy) {
	for _, t := range conversions {
		p.Conversions = append(p.Conversions, Type(t))
	}
	for _, t := range weights {
		p.Weights = append(p.Weights, Type(t))
	}
	return p
}

// Converts reports whether a completed event of the type is a conversion.
func (p Policy) Converts(t Type) bool {
	if p.Conversions == nil {
		return t != Abandonment
	}
	return slices.Contains(p.Conversions, t)
}

// Totals are the counts of rows of several types and what they mean under a policy. The zero Totals is of no rows.
type Totals struct {
	Counts      Counts
	Conversions int64 // completed events of converting types
	Value       Money // of those whose value is money
}

// Add adds a row of one type. It is ErrOverflow, and nothing is added, if a sum does not fit.
func (t *Totals) Add(p Policy, of Type, c Counts) error {
	counts, err := t.Counts.Plus(c)
	if err != nil {
		return err
	}
	n, value, fit, money := t.Conversions, t.Value, true, true
	if p.Converts(of) {
		n, fit = plus(n, c.Completed)
		if !slices.Contains(p.Weights, of) {
			value, money = value.plus(c.Value)
		}
	}
	if !fit || !money {
		return ErrOverflow
	}
	*t = Totals{counts, n, value}
	return nil
}
