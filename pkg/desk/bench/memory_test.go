package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/flow/identity"
)

// BenchmarkMemory is a table in memory with the rows of n pairs of contacts at rest: the pair's and its two names'.
func BenchmarkMemory(b *testing.B) {
	r := newRossi(b)
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run("pairs="+strconv.Itoa(n), func(b *testing.B) {
			var table *memory.Rows
			var held uint64
			for range b.N {
				table = nil //nolint:ineffassign // the one of the round before is to be collected
				before := live()
				table = must(filled(b.Context(), r.pair, n))(b)
				held = live() - before
			}
			b.ReportMetric(float64(held)/float64(n), "B/pair")
			b.ReportMetric(float64(held)/(1<<20), "MiB")
			b.ReportMetric(float64(table.Len())/float64(n), "rows/pair")
			b.ReportMetric(0, "ns/op") // says nothing here
		})
	}
}

// live returns the bytes of the heap that are in use after a collection.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// filled returns a table with n pairs like p, each with keys and hashes of its own, in the order in which random ids come.
func filled(ctx context.Context, p pair.Pair, n int) (*memory.Rows, error) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	rows := memory.NewRows(func() time.Time { return at })
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		p.ID = fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", dice.Uint32(), dice.IntN(1<<16), dice.IntN(1<<12), dice.IntN(1<<12), dice.Uint64N(1<<48))
		p.HubSpot, p.Zoho = strconv.Itoa(151_000_000_000+i), strconv.Itoa(4876876000000400000+i*1009)
		for slot, base := range p.Base {
			base.HubSpot[0], base.Zoho[0] = byte(i), byte(i>>8)
			p.Base[slot] = base
		}
		err := rows.Put(ctx, identity.PairPut(identity.Loaded{Pair: p}), identity.NamePut(p.Connection, p.Record(crm.HubSpot), p.ID),
			identity.NamePut(p.Connection, p.Record(crm.Zoho), p.ID))
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}
