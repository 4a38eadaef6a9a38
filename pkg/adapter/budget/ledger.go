package budget

import (
	"encoding/json"
	"maps"
	"time"
)

// ledger is the row that all callers of one system share. For every limit it counts what was used lately, in steps of time;
// beside them stand the blocks that are out. A block counts in whole until its caller says, with its next draw, how much of it
// was used, or until it expires. A step counts until a whole window after its own end, so that no window of a limit's length
// ever holds more units than the limit.
type ledger struct {
	V      int              `json:"v"`
	Used   []map[int64]int  `json:"u"` // by limit, by step
	Blocks map[string]block `json:"b"` // by caller
}

// block is what a caller may use before its end. Times are ms since 1970.
type block struct {
	At    int64 `json:"a"`
	End   int64 `json:"e"`
	Units int   `json:"n,omitempty"`
	Slots int   `json:"s,omitempty"` // calls at a time
	Moved bool  `json:"m,omitempty"` // expired: its units stand in Used; its slots count until its last call has ended
}

const ledgerVersion = 1

// steps is how many steps a window is counted in.
const steps = 20

// lastCall is how long a call may be under way: as long as a write may take.
const lastCall = 10 * time.Second

func (l Limit) step(ms int64) int64 { return ms * steps / l.Per.Milliseconds() }

// gone returns the instant from which a step no longer counts.
func (l Limit) gone(step int64) int64 {
	per := l.Per.Milliseconds()
	return ((step+1)*per+steps-1)/steps + per
}

// decode reads a row. One of another version or with other limits, which are settings, begins anew.
func decode(value []byte, limits int) *ledger {
	var g ledger
	if json.Unmarshal(value, &g) != nil || g.V != ledgerVersion || len(g.Used) != limits {
		g = ledger{V: ledgerVersion, Used: make([]map[int64]int, limits)}
	}
	for i := range g.Used {
		if g.Used[i] == nil {
			g.Used[i] = map[int64]int{}
		}
	}
	if g.Blocks == nil {
		g.Blocks = map[string]block{}
	}
	return &g
}

func (g *ledger) encode() ([]byte, error) { return json.Marshal(g) }

// demand is a caller who asks for a block.
type demand struct {
	caller   string
	limits   []Limit
	kept     int // percent of each limit that it may not touch
	together int // calls at a time of all callers; 0 for no limit
	parallel int // how many of them it can use
	under    int // calls of its that are under way
	cost     int // units that it needs at least
	want     int // units that it would use
	life     time.Duration
	last     block // its block before this one, the zero block for none
	used     int   // of last
	owed     int   // units that it used besides
}

// What a draw can fail for.
const (
	noUnits = "UNITS"
	noSlots = "TOGETHER"
)

// draw settles the caller's last block and gives it another one. Where nothing is left it returns why, and when there will be
// something. For want of a slot it leaves a block with none, by which the others see that somebody waits and take less.
func (g *ledger) draw(d demand, now int64) (b block, why string, opens int64) {
	g.prune(d.limits, now)
	g.settle(d, now)
	b = block{At: now, End: now + d.life.Milliseconds()}
	if d.together > 0 {
		if b.Slots = max(g.slots(d), d.under); b.Slots == 0 {
			g.Blocks[d.caller] = b
			return b, noSlots, now + lookAgain.Milliseconds()
		}
	}
	if len(d.limits) > 0 {
		left := g.left(d.limits, d.kept)
		if left < d.cost {
			return block{}, noUnits, g.unitsFree(d, now)
		}
		b.Units = max(min(d.want, left/4), d.cost) // a part only when it becomes tight
	}
	g.Blocks[d.caller] = b
	return b, "", 0
}

// prune moves the units of expired blocks to the latest instant at which they can have been used, and forgets what no longer
// counts.
func (g *ledger) prune(limits []Limit, now int64) {
	for who, b := range g.Blocks {
		if !b.Moved && now >= b.End {
			g.add(limits, b.End, b.Units)
			b.Moved = true
			g.Blocks[who] = b
		}
		if b.Moved && (b.Slots == 0 || now >= b.End+lastCall.Milliseconds()) {
			delete(g.Blocks, who)
		}
	}
	for i, l := range limits {
		maps.DeleteFunc(g.Used[i], func(step int64, _ int) bool { return now >= l.gone(step) })
	}
}

// add counts units as used at an instant. Fewer than none are given back.
func (g *ledger) add(limits []Limit, at int64, units int) {
	if units == 0 {
		return
	}
	for i, l := range limits {
		step := l.step(at)
		if n := g.Used[i][step] + units; n > 0 {
			g.Used[i][step] = n
		} else {
			delete(g.Used[i], step)
		}
	}
}

// settle replaces the caller's last block by what was used of it.
func (g *ledger) settle(d demand, now int64) {
	b, out := g.Blocks[d.caller]
	ours := out && b.At == d.last.At
	switch {
	case ours && !b.Moved:
		g.add(d.limits, now, d.used)
	case d.last.At != 0:
		g.add(d.limits, d.last.End, d.used-d.last.Units)
	}
	if out && !ours && !b.Moved { // of a draw whose answer was lost
		g.add(d.limits, now, b.Units)
	}
	delete(g.Blocks, d.caller)
	g.add(d.limits, now, d.owed)
}

// left returns how many units may be drawn when a percentage of each limit is kept.
func (g *ledger) left(limits []Limit, kept int) int {
	out := 0
	for _, b := range g.Blocks {
		if !b.Moved {
			out += b.Units
		}
	}
	least := limits[0].Units
	for i, l := range limits {
		n := l.Units - l.Units*kept/100 - out
		for _, used := range g.Used[i] {
			n -= used
		}
		least = min(least, n)
	}
	return max(least, 0)
}

// unitsFree returns the instant at which enough units are free if nobody draws any meanwhile; it changes the ledger.
func (g *ledger) unitsFree(d demand, now int64) int64 {
	for at := now; ; {
		next := int64(0)
		earlier := func(t int64) {
			if next == 0 || t < next {
				next = t
			}
		}
		for i, l := range d.limits {
			for step := range g.Used[i] {
				earlier(l.gone(step))
			}
		}
		for _, b := range g.Blocks {
			if !b.Moved {
				earlier(b.End)
			}
		}
		if next == 0 {
			return at
		}
		at = max(at+1, next)
		if g.prune(d.limits, at); g.left(d.limits, d.kept) >= d.cost {
			return at
		}
	}
}

// slots returns the caller's part of the calls at a time: with others at work a fair one, of what is free.
func (g *ledger) slots(d demand) int {
	taken := 0
	for _, b := range g.Blocks {
		taken += b.Slots
	}
	return max(0, min(d.parallel, max(1, d.together/(len(g.Blocks)+1)), d.together-taken))
}

// lookAgain is how soon a caller without a slot asks again: those who have more than their part give it up with their next
// draw.
const lookAgain = 2 * time.Second
