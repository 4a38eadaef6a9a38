package identity_test

import (
	"fmt"
	"slices"
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

func records(who []identity.Waiter) []crm.ID {
	var out []crm.ID
	for _, w := range who {
		out = append(out, w.Record)
	}
	return out
}

func TestWhoWaitsIsWokenOnceAndByTheRightRecord(t *testing.T) {
	b := newBench()
	company := crm.ID{System: crm.Zoho, Module: crm.Companies, Key: "7"}
	for _, err := range []error{
		b.Wait(t.Context(), conn, company, zoho("2"), noon), b.Wait(t.Context(), conn, company, zoho("1"), noon), b.Wait(t.Context(), conn, company, zoho("1"), noon),
		b.Wait(t.Context(), conn, zoho("7"), zoho("3"), noon), b.Wait(t.Context(), "second", company, zoho("4"), noon),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	who, err := b.Waiting(t.Context(), conn, hubspot("7"), company)
	if err != nil || !slices.Equal(records(who), []crm.ID{zoho("1"), zoho("2")}) {
		t.Fatalf("%v, %v", records(who), err)
	}
	if err := b.Woken(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	if err := b.Woken(t.Context(), who); err != nil {
		t.Errorf("somebody else was faster: %v", err)
	}
	if who, _ := b.Waiting(t.Context(), conn, company); len(who) != 0 {
		t.Errorf("still waiting: %v", records(who))
	}
	if who, _ := b.Waiting(t.Context(), conn, zoho("7")); len(who) != 1 {
		t.Errorf("a record of another module woke them: %v", records(who))
	}
}

func TestWhoWaitsAnewIsNotForgottenByWhoeverWokeItBefore(t *testing.T) {
	b := newBench()
	wait := func() {
		if err := b.Wait(t.Context(), conn, zoho("7"), zoho("1"), noon); err != nil {
			t.Fatal(err)
		}
	}
	wait()
	woken, err := b.Waiting(t.Context(), conn, zoho("7"))
	if err != nil {
		t.Fatal(err)
	}
	wait() // it has been looked at, and has to wait again
	if err := b.Woken(t.Context(), woken); err != nil {
		t.Fatal(err)
	}
	who, err := b.Waiting(t.Context(), conn, zoho("7"))
	if err != nil || !slices.Equal(records(who), []crm.ID{zoho("1")}) {
		t.Errorf("%v, %v", records(who), err)
	}
}

func TestACrowdIsWokenInPortions(t *testing.T) {
	b := newBench()
	for i := range 120 {
		if err := b.Wait(t.Context(), conn, zoho("7"), hubspot(fmt.Sprintf("%03d", i)), noon); err != nil {
			t.Fatal(err)
		}
	}
	var portions []int
	for {
		who, err := b.Waiting(t.Context(), conn, zoho("7"))
		if err != nil {
			t.Fatal(err)
		}
		if len(who) == 0 {
			break
		}
		portions = append(portions, len(who))
		if err := b.Woken(t.Context(), who); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(portions, []int{50, 50, 20}) {
		t.Errorf("%v", portions)
	}
}

func TestAWaitingRowThatNamesNobodyIsAnError(t *testing.T) {
	b := newBench()
	if err := b.rows.Put(t.Context(), row.Put{Key: row.Key{Part: "W#main#" + zoho("7").String(), Sort: "x"}, Value: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if who, err := b.Waiting(t.Context(), conn, zoho("7")); err == nil {
		t.Errorf("%v", who)
	}
}

func TestOrphansAreListedOnceInOrderAndPageByPage(t *testing.T) {
	b := newBench()
	for _, id := range []string{"c", "a", "b", "a"} {
		if err := b.NoteOrphan(t.Context(), conn, id, noon); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.NoteOrphan(t.Context(), "second", "d", noon); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		after string
		limit int
		want  []string
	}{{"", 9, []string{"a", "b", "c"}}, {"", 2, []string{"a", "b"}}, {"b", 2, []string{"c"}}, {"c", 2, nil}} {
		if got, err := b.Orphans(t.Context(), conn, tt.after, tt.limit); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("after %q: %q, %v", tt.after, got, err)
		}
	}
	for range 2 { // the second time there is nothing to forget
		if err := b.ForgetOrphan(t.Context(), conn, "b"); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := b.Orphans(t.Context(), conn, "", 9); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("%q", got)
	}
}
