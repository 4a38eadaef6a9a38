package numbering

import (
	_ "embed"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

//go:generate go test -run TestTheTableIsMadeFromTheLibrary -update .

// table holds a plan a line, those of one country calling code together and the main one first. Its fields, which tabs
// separate, are named in its second line; one that says nothing is empty. The kinds of number come last, the mobiles first:
// each with its lengths, where it has not all of the plan's, a colon, and its pattern.
//
//go:embed plans.txt
var table string

// world is the region of the plans that belong to none: satellite telephones, freephone of the world.
const world = "001"

// plan is the numbering plan of a region.
type plan struct {
	region, code string
	line         string // the other fields
	once         sync.Once
	rules        rules
}

// rules are what a plan says, read when the first number needs them.
type rules struct {
	all       lengths // of whole numbers
	abroad    pattern // what is dialled before a country calling code
	trunk     pattern // what is dialled before a national number
	transform string  // what is put for the trunk where its last group is matched, "" when it is cut off
	leading   pattern // how the region's numbers begin, where that tells it from others of its code
	general   pattern // every number
	mobiles   kind    // none where the plan does not tell them from landlines
	others    []kind
}

// kind are the numbers of one use: mobiles, landlines, freephone …
type kind struct {
	lengths lengths // 0: all that the plan has
	numbers pattern
}

// pattern compiles what it says when it is first used. It is nil where a plan says nothing.
type pattern func() *regexp.Regexp

func compile(text string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// beginning is a pattern for how a number begins, nil when it says nothing.
func beginning(text string) pattern {
	if text == "" {
		return nil
	}
	return compile("^(?:" + text + ")")
}

// whole is a pattern for all of a number. Nothing fits one that says nothing.
func whole(text string) pattern { return compile("^(?:" + text + ")$") }

// lengths is a set of numbers of digits: bit n is for n.
type lengths uint32

func (l lengths) has(n int) bool { return n < 32 && l>>n&1 == 1 }

// most returns the greatest of the set.
func (l lengths) most() int { return bits.Len32(uint32(l)) - 1 }

// readLengths reads numbers that commas separate.
func readLengths(s string) lengths {
	var out lengths
	for n := range strings.SplitSeq(s, ",") {
		if n, err := strconv.Atoi(n); err == nil {
			out |= 1 << n
		}
	}
	return out
}

// index is the table by region and by country calling code.
type index struct {
	regions map[string]*plan
	codes   map[string][]*plan
}

var plans = sync.OnceValue(func() index {
	out := index{map[string]*plan{}, map[string][]*plan{}}
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		p := &plan{}
		p.code, line, _ = strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		p.region, p.line, _ = strings.Cut(line, "\t")
		out.codes[p.code] = append(out.codes[p.code], p)
		if p.region != world {
			out.regions[p.region] = p
		}
	}
	return out
})

// planOf returns the plan of a region, nil when it has none.
func planOf(region string) *plan { return plans().regions[region] }

// codes returns the plans by their country calling code, the main one first.
func codes() map[string][]*plan { return plans().codes }

// says reads the plan's line once.
func (p *plan) says() *rules {
	p.once.Do(func() {
		f := strings.Split(p.line, "\t")
		p.rules = rules{
			all: readLengths(f[0]), abroad: beginning(f[1]), trunk: beginning(f[2]), transform: f[3], leading: beginning(f[4]),
			general: whole(f[5]), mobiles: readKind(f[6]),
		}
		for _, field := range f[7:] {
			p.rules.others = append(p.rules.others, readKind(field))
		}
	})
	return &p.rules
}

func readKind(field string) kind {
	of, numbers, _ := strings.Cut(field, ":")
	return kind{readLengths(of), whole(numbers)}
}
