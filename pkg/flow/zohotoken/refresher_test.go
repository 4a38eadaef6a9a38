package zohotoken_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/zohotoken"
)

func TestAThousandProcessesAtExpiryCauseOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, accounts := &table{}, &accountsDouble{takes: 700 * time.Millisecond}
		if _, err := source(tokens, accounts).Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, wait := range []time.Duration{time.Hour, 2 * time.Hour} {
			time.Sleep(wait)
			before := accounts.count()
			versions := all(t, 1000, func(int) *zohotoken.Source { return source(tokens, accounts) })
			if got := accounts.count() - before; got != 1 {
				t.Errorf("%d refreshes, want 1", got)
			}
			if len(versions) != 1 {
				t.Errorf("the processes hold %d versions, want 1", len(versions))
			}
		}
	})
}

func TestAThousandCallersOfOneSourceAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, accounts := &table{}, &accountsDouble{takes: time.Second}
		one := source(tokens, accounts)
		for range 3 {
			before := accounts.count()
			all(t, 1000, func(int) *zohotoken.Source { return one })
			if got := accounts.count() - before; got != 1 {
				t.Errorf("%d refreshes, want 1", got)
			}
			time.Sleep(time.Hour)
		}
	})
}

func TestAThousandReportsOfOneBadTokenCauseOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, accounts := &table{}, &accountsDouble{takes: time.Second}
		processes := make([]*zohotoken.Source, 1000)
		for i := range processes {
			processes[i] = source(tokens, accounts)
			if _, err := processes[i].Token(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range processes {
			if err := p.Bad(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		versions := all(t, 1000, func(i int) *zohotoken.Source { return processes[i] })
		if accounts.count() != 2 || len(versions) != 1 || versions[2] != 1000 {
			t.Errorf("%d calls, versions %v; want 2 calls and version 2 everywhere", accounts.count(), versions)
		}
	})
}

// all asks n times at once and counts the versions that came back.
func all(t *testing.T, n int, of func(int) *zohotoken.Source) map[int64]int {
	t.Helper()
	var mu sync.Mutex
	versions := map[int64]int{}
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			access, err := of(i).Token(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			versions[access.Version]++
		})
	}
	group.Wait()
	return versions
}

func TestALeaseWhoseOwnerDiedIsTakenOverAfterTwentySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, accounts := &table{}, &accountsDouble{hang: true}
		died := func() (died bool) {
			defer func() { died = recover() != nil }()
			_ = refresher(tokens, accounts).Refresh(t.Context(), 0)
			return false
		}
		if !died() {
			t.Fatal("the owner lived")
		}
		accounts.set(func(a *accountsDouble) { a.hang = false })
		began := time.Now()
		err := refresher(tokens, accounts).Refresh(t.Context(), 0)
		if fault.KindOf(err) != fault.Busy || time.Since(began) < 8*time.Second || time.Since(began) > 9*time.Second {
			t.Errorf("%v after %v, want busy after 8 s", err, time.Since(began))
		}
		time.Sleep(20*time.Second - time.Since(began) - time.Nanosecond)
		if accounts.count() != 1 {
			t.Error("the lease was broken before its end")
		}
		if err := refresher(tokens, accounts).Refresh(t.Context(), 0); err != nil || time.Since(began) > 21*time.Second {
			t.Errorf("%v after %v, want a token just after 20 s", err, time.Since(began))
		}
	})
}

func TestAnOwnerThatWasOvertakenThrowsItsTokenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := &table{}
		slow := &zombie{table: tokens}
		r := refresher(tokens, nil)
		r.Accounts = slow
		if err := r.Refresh(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		access, err := reader(tokens, slow.fast()).Token(t.Context(), 0)
		if err != nil || access.Token.Reveal() != "1000.canary.1" || access.Version != 1 {
			t.Errorf("version %d, %v: the later owner's token is lost", access.Version, err)
		}
	})
}

func TestTheBudgetIsEightInTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, accounts := &table{}, &accountsDouble{}
		r := refresher(tokens, accounts)
		began := time.Now()
		for v := range int64(8) {
			if err := r.Refresh(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		err := r.Refresh(t.Context(), 8)
		if fault.KindOf(err) != fault.Throttled || fault.After(err) != 10*time.Minute-time.Since(began) {
			t.Fatalf("%v, wait %v; want throttled until the first leaves the window", err, fault.After(err))
		}
		time.Sleep(fault.After(err) - time.Nanosecond)
		if err := r.Refresh(t.Context(), 8); fault.KindOf(err) != fault.Throttled {
			t.Errorf("%v one nanosecond before the window opens", err)
		}
		time.Sleep(time.Nanosecond)
		if err := r.Refresh(t.Context(), 8); err != nil {
			t.Error(err)
		}
		if accounts.count() != 9 {
			t.Errorf("%d calls, want 9", accounts.count())
		}
	})
}

func TestWhoMendedSomethingWaitsForNoPauseButForZohosOwn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fail  error
		calls int // of 12 in a row
		then  fault.Kind
	}{
		{"refresh token revoked", errDenied, 8, fault.Throttled},
		{"down", errDown, 8, fault.Throttled},
		{"throttled", errThrottled, 1, fault.Throttled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tokens, accounts := &table{}, &accountsDouble{fail: tt.fail}
				r := refresher(tokens, accounts)
				r.Mended = true
				var last error
				for range 12 {
					last = r.Refresh(t.Context(), 0)
				}
				if accounts.count() != tt.calls || fault.KindOf(last) != tt.then || fault.After(last) <= 0 {
					t.Errorf("%d calls, %v", accounts.count(), last)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		tokens, accounts := &table{}, &accountsDouble{fail: errDenied}
		patient := refresher(tokens, accounts)
		for range 3 {
			if err := patient.Refresh(t.Context(), 0); fault.KindOf(err) != fault.Denied {
				t.Fatal(err)
			}
		}
		accounts.set(func(a *accountsDouble) { a.fail = nil })
		mended := refresher(tokens, accounts)
		mended.Mended = true
		if err := mended.Refresh(t.Context(), 0); err != nil || accounts.count() != 2 {
			t.Errorf("%d calls, %v", accounts.count(), err)
		}
		if err := patient.Refresh(t.Context(), 0); err != nil {
			t.Errorf("the others do not see it: %v", err)
		}
	})
}

func TestThePausesAfterFailuresDoubleFromFiveSecondsToFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := refresher(&table{}, &accountsDouble{fail: errDown})
		for _, want := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
			if err := r.Refresh(t.Context(), 0); fault.KindOf(err) != fault.Down {
				t.Fatal(err)
			}
			err := r.Refresh(t.Context(), 0)
			if got := fault.After(err); got != want*time.Second {
				t.Fatalf("the pause is %v, want %v", got, want*time.Second)
			}
			time.Sleep(want * time.Second)
		}
	})
}

func TestAnOutageOfTheAccountsServerDoesNotEatTheBudget(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail error
		kind fault.Kind
		most int
	}{
		{"down", errDown, fault.Down, 7},
		{"refresh token revoked", errDenied, fault.Denied, 7},
		{"throttled", errThrottled, fault.Throttled, 4},
		{"an error that says nothing", errors.New("what"), fault.Unknown, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tokens, accounts := &table{}, &accountsDouble{fail: tt.fail}
				from := source(tokens, accounts)
				for range 600 {
					if _, err := from.Token(t.Context()); fault.KindOf(err) != tt.kind {
						t.Fatalf("%v, want %v", err, tt.kind)
					}
					time.Sleep(time.Second)
				}
				if accounts.count() > tt.most {
					t.Errorf("%d calls in ten minutes, want at most %d", accounts.count(), tt.most)
				}
				accounts.set(func(a *accountsDouble) { a.fail = nil })
				time.Sleep(5 * time.Minute)
				if access, err := from.Token(t.Context()); err != nil || access.Version != 1 {
					t.Errorf("%v after the outage", err)
				}
			})
		})
	}
}

func TestTheScheduleRefreshesWhenLessThanTwentyMinutesRemain(t *testing.T) {
	for _, tt := range []struct {
		left  time.Duration
		calls int
	}{{20*time.Minute + time.Nanosecond, 1}, {20 * time.Minute, 2}, {-time.Hour, 2}} {
		t.Run(fmt.Sprint(tt.left), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts := &accountsDouble{}
				r := refresher(&table{}, accounts)
				if err := r.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour - tt.left)
				if err := r.Run(t.Context()); err != nil || accounts.count() != tt.calls {
					t.Errorf("%v, %d calls, want %d", err, accounts.count(), tt.calls)
				}
			})
		})
	}
}

func TestALifeThatCannotBeIsTakenAsOneHour(t *testing.T) {
	for _, life := range []time.Duration{-time.Second, 1000 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			tokens, accounts := &table{}, &accountsDouble{life: life}
			access, err := source(tokens, accounts).Token(t.Context())
			if err != nil || time.Until(access.Expires) != time.Hour {
				t.Errorf("life %v gives %v, %v", life, time.Until(access.Expires), err)
			}
		})
	}
}

func TestACallerThatGoesAwayLeavesNeitherTheLeaseNorLosesTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, accounts := &table{}, &accountsDouble{takes: time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := refresher(tokens, accounts).Refresh(ctx, 0); fault.KindOf(err) != fault.Down {
			t.Errorf("%v, want down", err)
		}
		time.Sleep(5 * time.Second)
		if err := refresher(tokens, accounts).Refresh(t.Context(), 0); err != nil || accounts.count() != 2 {
			t.Errorf("%v, %d calls: the lease was left behind", err, accounts.count())
		}
	})
}

func TestAStoreThatFailsIsSaidAsItIs(t *testing.T) {
	for _, tt := range []struct {
		down error
		want fault.Kind
	}{
		{errors.New("no route"), fault.Down},
		{&fault.Error{Op: "store", Kind: fault.Throttled}, fault.Throttled},
	} {
		tokens, accounts := &table{down: tt.down}, &accountsDouble{}
		if err := refresher(tokens, accounts).Refresh(t.Context(), 0); fault.KindOf(err) != tt.want || accounts.count() != 0 {
			t.Errorf("%v, %d calls; want %v without a call", err, accounts.count(), tt.want)
		}
	}
}

func TestARowOfALaterVersionIsNotOverwritten(t *testing.T) {
	tokens, accounts := &table{}, &accountsDouble{}
	k := row.Key{Part: "token#main", Sort: "zoho"}
	for i, value := range []string{`{"v":2,"token":"x"}`, `[]`, ``} {
		if err := tokens.Put(t.Context(), row.Put{Key: k, If: int64(i), Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
		if err := refresher(tokens, accounts).Refresh(t.Context(), 0); fault.KindOf(err) != fault.Ours || accounts.count() != 0 {
			t.Errorf("%q: %v, %d calls", value, err, accounts.count())
		}
	}
}
