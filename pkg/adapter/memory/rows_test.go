package memory_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/adapter/storetest"
	"crm-connector/pkg/core/letter"
	"crm-connector/pkg/core/row"
)

func TestRowsKeepTheRulesOfARowStore(t *testing.T) {
	storetest.TestRows(t, func(_ *testing.T, now func() time.Time) storetest.Rows { return memory.NewRows(now) })
}

func TestTheOutboxKeepsTheRulesOfAMailer(t *testing.T) {
	storetest.TestMailer(t, nil, func(*testing.T) storetest.MailLab {
		var out memory.Outbox
		return storetest.MailLab{Mailer: &out, From: "CRM <reports@example.com>", Sent: func() ([]letter.Mail, error) { return out.Mails(), nil }}
	})
}

// Blocks of 256 are split, filled in order, emptied and joined: the small tables of the suite see none of that.
func TestALargeTableStaysInOrderWhateverIsInsertedAndRemoved(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows := memory.NewRows(storetest.NewClock().Now)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		step := rapid.SampledFrom([]int{1, -1, 7919}).Draw(rt, "order of insertion") // ascending, descending, scattered
		const n = 3000
		version := map[string]int64{}
		for i := range n {
			sort := fmt.Sprintf("%05d", ((i*step)%n+n)%n)
			if err := rows.Put(t.Context(), row.Put{Key: row.Key{Part: "p", Sort: sort}}); err != nil {
				rt.Fatal(err)
			}
			version[sort] = 1
		}
		for sort := range version {
			if r.IntN(4) > 0 {
				if err := rows.Put(t.Context(), row.Put{Key: row.Key{Part: "p", Sort: sort}, If: 1, Delete: true}); err != nil {
					rt.Fatal(err)
				}
				delete(version, sort)
			}
		}
		list, err := rows.List(t.Context(), "p", "", "", 0)
		inOrder := slices.IsSortedFunc(list, func(a, b row.Row) int { return strings.Compare(a.Key.Sort, b.Key.Sort) })
		if err != nil || len(list) != len(version) || rows.Len() != len(version) || !inOrder {
			rt.Fatalf("%d rows in the list, %d in the table, %d wanted, in order: %v, %v", len(list), rows.Len(), len(version), inOrder, err)
		}
	})
}

func TestExpiredRowsStayInMemoryUntilTheyAreSwept(t *testing.T) {
	clock := storetest.NewClock()
	rows := memory.NewRows(clock.Now)
	for i := range 10 {
		p := row.Put{Key: row.Key{Part: fmt.Sprint(i)}}
		if i < 4 {
			p.Expires = clock.Now().Add(time.Hour)
		}
		if err := rows.Put(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	clock.Wait(time.Hour)
	living := func() int { return len(slices.Collect(rows.All(""))) }
	if rows.Len() != 10 || living() != 6 {
		t.Errorf("before the sweep: %d in memory, %d shown", rows.Len(), living())
	}
	if swept := rows.Sweep(); swept != 4 || rows.Len() != 6 || living() != 6 {
		t.Errorf("swept %d: %d in memory, %d shown", swept, rows.Len(), living())
	}
}

func TestAllWalksThePartsWithThePrefixAndLetsTheTableBeWrittenMeanwhile(t *testing.T) {
	rows := memory.NewRows(storetest.NewClock().Now)
	for i := range 1000 {
		for _, part := range []string{"a", "P#", "z"} {
			if err := rows.Put(t.Context(), row.Put{Key: row.Key{Part: fmt.Sprintf("%s%04d", part, i)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen := 0
	for r := range rows.All("P#") {
		seen++
		if err := rows.Put(t.Context(), row.Put{Key: r.Key, If: r.Version, Delete: true}); err != nil {
			t.Fatal(err)
		}
	}
	if seen != 1000 || rows.Len() != 2000 {
		t.Errorf("%d rows seen, %d left", seen, rows.Len())
	}
	for range rows.All("a") {
		break
	}
}

func TestAMalformedCallIsRefusedAndIsNoConflict(t *testing.T) {
	rows := memory.NewRows(storetest.NewClock().Now)
	_, noPart := rows.Get(t.Context(), row.Key{Sort: "x"})
	_, noList := rows.List(t.Context(), "", "", "", 0)
	_, negative := rows.List(t.Context(), "p", "", "", -1)
	for name, err := range map[string]error{
		"get without a part": noPart, "list without a part": noList, "list with a negative limit": negative,
		"put without a part":       rows.Put(t.Context(), row.Put{Key: row.Key{Sort: "x"}}),
		"put of version minus one": rows.Put(t.Context(), row.Put{Key: row.Key{Part: "x"}, If: -1}),
	} {
		if err == nil || errors.Is(err, row.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheOutboxKeepsMailsInOrderAndRefusesOneToNobody(t *testing.T) {
	var out memory.Outbox
	for _, id := range []string{"1", "2", "1"} {
		if err := out.Send(t.Context(), letter.Mail{ID: id, From: "a@example.com", To: "b@example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Send(t.Context(), letter.Mail{ID: "3", From: "a@example.com"}); err == nil {
		t.Error("a mail to nobody was taken")
	}
	mails := out.Mails()
	mails[0].ID = "changed"
	if got := out.Mails(); len(got) != 3 || got[0].ID != "1" || got[2].ID != "1" {
		t.Errorf("kept %v", got)
	}
}

func BenchmarkRowsOfAMillionPairs(b *testing.B) {
	rows := memory.NewRows(storetest.NewClock().Now)
	value := make([]byte, 120)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n = 1_000_000
	k := func(i int) row.Key { return row.Key{Part: fmt.Sprintf("P#%08x", uint32(i)*2654435761), Sort: "pair"} }
	for i := range n {
		if err := rows.Put(b.Context(), row.Put{Key: k(i), Value: value}); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	i := 0
	for b.Loop() {
		got, err := rows.Get(b.Context(), k(i%n))
		if err != nil || rows.Put(b.Context(), row.Put{Key: got[0].Key, If: got[0].Version, Value: value}) != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/row")
}
