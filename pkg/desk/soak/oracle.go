package soak

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"crm-connector/pkg/core/conversion"
)

// place is where an event counts.
type place struct {
	tenant  int
	window  int64 // start, seconds since 1970
	channel conversion.Channel
	kind    conversion.Type
}

func (s spec) place() place {
	return place{s.tenant, s.at / 1000 / 300 * 300, s.channel, s.kind}
}

// tally is what was counted at a place.
type tally struct {
	completed, failed, declared, duplicates, conflicts int64
	money                                              map[string][2]int64 // how many, cents
}

// String writes a tally so that equal ones read the same.
func (t *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "completed %d, failed %d, declared %d, repeats %d, conflicts %d", t.completed, t.failed, t.declared, t.duplicates, t.conflicts)
	for _, c := range slices.Sorted(maps.Keys(t.money)) {
		fmt.Fprintf(&b, ", %s %d of %d", c, t.money[c][1], t.money[c][0])
	}
	return b.String()
}

// oracle counts what was accepted with everything in one hand. It knows the rules as a sender knows them, and none of the code
// that is looked at: the first of an identity counts, the same again is a repeat, another content a conflict.
type oracle struct {
	seed  maphash.Seed
	first map[string]uint64
	book  map[place]*tally
	n     int
}

func newOracle() *oracle {
	return &oracle{maphash.MakeSeed(), map[string]uint64{}, map[place]*tally{}, 0}
}

func (o *oracle) add(s spec) {
	o.n++
	t := o.book[s.place()]
	if t == nil {
		t = &tally{}
		o.book[s.place()] = t
	}
	key, content := s.identity(), maphash.String(o.seed, s.content())
	if before, ok := o.first[key]; ok {
		if before == content {
			t.duplicates++
		} else {
			t.conflicts++
		}
		return
	}
	o.first[key] = content
	switch s.state {
	case "fallito":
		t.failed++
	case "duplicato":
		t.declared++
	default:
		t.completed++
		if t.money == nil {
			t.money = map[string][2]int64{}
		}
		m := t.money[s.money()]
		t.money[s.money()] = [2]int64{m[0] + 1, m[1] + s.cents}
	}
}

// read is what the counters of a sender say.
func read(tenant int, book conversion.Book, into map[place]*tally) {
	for cell, c := range book {
		t := &tally{completed: c.Completed, failed: c.Failed, declared: c.Declared, duplicates: c.Duplicates, conflicts: c.Conflicts}
		if len(c.Value) > 0 {
			t.money = map[string][2]int64{}
			for currency, sum := range c.Value {
				t.money[string(currency)] = [2]int64{sum.N, int64(sum.Cents)}
			}
		}
		into[place{tenant, cell.Window.Start().Unix(), cell.Channel, cell.Type}] = t
	}
}

// differ returns the places at which the two disagree, in a fixed order, with what each says.
func (o *oracle) differ(counted map[place]*tally) (out []place) {
	empty := (&tally{}).String()
	says := func(m map[place]*tally, p place) string {
		if m[p] == nil {
			return empty
		}
		return m[p].String()
	}
	all := maps.Clone(o.book)
	maps.Copy(all, counted)
	for p := range all {
		if says(o.book, p) != says(counted, p) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.window, b.window), cmp.Compare(a.channel, b.channel), cmp.Compare(a.kind, b.kind), a.tenant-b.tenant)
	})
	return out
}
