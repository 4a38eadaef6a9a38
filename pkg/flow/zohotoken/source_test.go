package zohotoken_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/flow/zohotoken"
)

// vendor answers what the test puts in and counts.
type vendor struct {
	asked []int64
	give  func(ctx context.Context, bad int64) (crm.Access, error)
}

func (v *vendor) Token(ctx context.Context, bad int64) (crm.Access, error) {
	v.asked = append(v.asked, bad)
	return v.give(ctx, bad)
}

func token(version int64, expires time.Time) crm.Access {
	return crm.Access{Token: crm.NewSecret("canary"), Version: version, Expires: expires}
}

func TestASourceKeepsItsTokenUntilShortlyBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := int64(0)
		v := &vendor{give: func(context.Context, int64) (crm.Access, error) {
			n++
			return token(n, time.Now().Add(time.Hour)), nil
		}}
		s := &zohotoken.Source{Vendor: v, Now: time.Now, Early: 3 * time.Minute}
		want := func(version int64) {
			t.Helper()
			if got, err := s.Token(t.Context()); err != nil || got.Version != version {
				t.Errorf("version %d, %v; want %d", got.Version, err, version)
			}
		}
		want(1)
		time.Sleep(57*time.Minute - time.Nanosecond)
		want(1)
		time.Sleep(time.Nanosecond)
		want(2)
	})
}

func TestATokenNearItsEndServesWhileNoBetterOneIsToBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(time.Hour)
		fail := error(nil)
		v := &vendor{give: func(context.Context, int64) (crm.Access, error) { return token(1, end), fail }}
		s := &zohotoken.Source{Vendor: v, Now: time.Now}
		for _, f := range []error{nil, errDown} {
			fail = f
			time.Sleep(time.Until(end) - 90*time.Second)
			v.asked = nil
			for range 40 {
				if _, err := s.Token(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			if len(v.asked) != 8 {
				t.Errorf("asked %d times in 40 s, want one in 5 s", len(v.asked))
			}
			end = time.Now().Add(time.Hour)
			fail = nil
			time.Sleep(time.Minute)
			if _, err := s.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		fail = errDown
		time.Sleep(time.Until(end) - 10*time.Second)
		if _, err := s.Token(t.Context()); fault.KindOf(err) != fault.Down {
			t.Errorf("%v: a token with ten seconds left was handed out", err)
		}
	})
}

func TestABadTokenIsNamedWhenTheNextOneIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := int64(6)
		v := &vendor{give: func(context.Context, int64) (crm.Access, error) {
			n++
			return token(n, time.Now().Add(time.Hour)), nil
		}}
		s := &zohotoken.Source{Vendor: v, Now: time.Now}
		for _, bad := range []int64{7, 7, 3} { // the second and third report come late
			if _, err := s.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Bad(t.Context(), bad); err != nil {
				t.Fatal(err)
			}
		}
		if got, _ := s.Token(t.Context()); got.Version != 8 || fmt.Sprint(v.asked) != "[0 7]" {
			t.Errorf("version %d, asked %v; want 8 and [0 7]", got.Version, v.asked)
		}
	})
}

func TestATokenThatBecameBadWhileItWasFetchedIsAskedForAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *zohotoken.Source
		end := time.Now().Add(time.Hour)
		v := &vendor{}
		v.give = func(ctx context.Context, bad int64) (crm.Access, error) {
			if len(v.asked) == 2 {
				_ = s.Bad(ctx, 1)
			}
			if bad == 1 {
				return token(2, end.Add(time.Hour)), nil
			}
			return token(1, end), nil
		}
		s = &zohotoken.Source{Vendor: v, Now: time.Now}
		_, _ = s.Token(t.Context())
		time.Sleep(59 * time.Minute)
		if got, err := s.Token(t.Context()); err != nil || got.Version != 2 {
			t.Errorf("version %d, %v; want 2", got.Version, err)
		}
	})
}

func TestWhoGoesAwayDoesNotTakeTheOthersAnswerAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{give: func(ctx context.Context, _ int64) (crm.Access, error) {
			if !sleep(ctx, 2*time.Second) {
				return crm.Access{}, &fault.Error{Op: "vendor", Kind: fault.Down, Err: ctx.Err()}
			}
			return token(1, time.Now().Add(time.Hour)), nil
		}}
		s := &zohotoken.Source{Vendor: v, Now: time.Now}
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		gone := make(chan error, 1)
		go func() { _, err := s.Token(hasty); gone <- err }()
		synctest.Wait()
		if _, err := s.Token(t.Context()); err != nil {
			t.Errorf("the patient one got %v", err)
		}
		if err := <-gone; fault.KindOf(err) != fault.Down {
			t.Errorf("the hasty one got %v", err)
		}
	})
}

func TestAPanicOfTheVendorLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{}
		v.give = func(context.Context, int64) (crm.Access, error) {
			time.Sleep(time.Second)
			if len(v.asked) == 1 {
				panic("bug")
			}
			return token(1, time.Now().Add(time.Hour)), nil
		}
		s := &zohotoken.Source{Vendor: v, Now: time.Now}
		go func() {
			defer func() { _ = recover() }()
			_, _ = s.Token(t.Context())
		}()
		synctest.Wait()
		if _, err := s.Token(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAReaderHandsTheOldTokenOutWhileTheRefreshFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, accounts := &table{}, &accountsDouble{}
		r := reader(tokens, accounts)
		if _, err := r.Token(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		accounts.set(func(a *accountsDouble) { a.fail = errDown })
		time.Sleep(56 * time.Minute)
		if got, err := r.Token(t.Context(), 0); err != nil || got.Version != 1 || accounts.count() != 2 {
			t.Errorf("version %d, %v, %d calls; want the old token after a try", got.Version, err, accounts.count())
		}
		if _, err := r.Token(t.Context(), 1); fault.KindOf(err) != fault.Down {
			t.Errorf("%v: a bad token was handed out", err)
		}
	})
}

func TestACallerWithATokenThatWorksDoesNotWaitForAnothersRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, accounts := &table{}, &accountsDouble{}
		if _, err := reader(tokens, accounts).Token(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(56 * time.Minute)
		accounts.set(func(a *accountsDouble) { a.takes = 3 * time.Second })
		go func() { _ = refresher(tokens, accounts).Refresh(t.Context(), 0) }()
		synctest.Wait()
		began := time.Now()
		if got, err := reader(tokens, accounts).Token(t.Context(), 0); err != nil || got.Version != 1 || time.Since(began) != 0 {
			t.Errorf("version %d, %v after %v; want the old one at once", got.Version, err, time.Since(began))
		}
		time.Sleep(3 * time.Second)
	})
}

func TestNoTokenIsPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, accounts := &table{}, &accountsDouble{}
		s, r := source(tokens, accounts), reader(tokens, accounts)
		access, err := s.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fixed := zohotoken.Fixed{Access: access}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "access", access, "source", s, "fixed", fixed)
		for _, text := range []string{
			log.String(), fmt.Sprint(access, fixed, s, r), fmt.Sprintf("%v %+v %#v", access, s, access),
		} {
			if strings.Contains(text, "canary") {
				t.Errorf("printed: %s", text)
			}
		}
	})
}

func TestAFixedTokenIsUsedAsItIs(t *testing.T) {
	fixed := zohotoken.Fixed{Access: crm.Access{Token: crm.NewSecret("canary")}}
	if err := fixed.Bad(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := fixed.Token(t.Context()); err != nil || got.Token.Reveal() != "canary" {
		t.Error(err)
	}
}
