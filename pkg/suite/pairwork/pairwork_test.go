package pairwork

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
)

func TestAStackThatWasNeverSwitchedOnIsOff(t *testing.T) {
	if got := Rules(settings.Rules{}).Start; got != crm.Off {
		t.Errorf("starts in %q", got)
	}
	r := Rules(settings.Rules{Mode: crm.Observe, PhoneRegion: "IT", LastName: "require", Leads: "ignore", PhoneMatch: "mobile"})
	if o := r.Options; r.Start != crm.Observe || o.PhoneRegion != "IT" || o.LastName != "require" || o.Leads != "ignore" || o.PhoneMatch != "mobile" {
		t.Errorf("%+v", r)
	}
}

func TestTheKeyIsReadWithTheFirstEventAndThenNoMore(t *testing.T) {
	var asked atomic.Int32
	var keys []string
	get := hasher(func(context.Context) (crm.Secret, error) {
		switch n := asked.Add(1); {
		case n == 1:
			return crm.Secret{}, &fault.Error{Op: "secret.Get", Kind: fault.Down, Err: errors.New("no answer")}
		case n == 2:
			return crm.NewSecret("short"), nil
		default: // another one for each who asks, as while a key is exchanged
			return crm.NewSecret(strings.Repeat(string(rune('a'+n)), pair.MinKey)), nil
		}
	}, 7)
	for i, want := range []fault.Kind{fault.Down, fault.Setup} {
		if _, err := get(t.Context()); fault.KindOf(err) != want || !strings.Contains(err.Error(), "PAIR_KEY") {
			t.Errorf("%d: %v", i, err)
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			h, err := get(t.Context())
			if err != nil || h.KeyID != 7 {
				t.Errorf("number %d, %v", h.KeyID, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			keys = append(keys, h.Key.Reveal())
		})
	}
	all.Wait()
	for _, k := range keys {
		if k != keys[0] {
			t.Fatal("two keys are in use")
		}
	}
	before := asked.Load()
	if _, err := get(t.Context()); err != nil || asked.Load() != before {
		t.Errorf("asked again: %v", err)
	}
}

func TestAKeyThatWasExchangedComesWithTheFirst(t *testing.T) {
	now, first := strings.Repeat("n", pair.MinKey), strings.Repeat("f", pair.MinKey)
	of := func(text string) (pair.Hasher, error) {
		return hasher(func(context.Context) (crm.Secret, error) { return crm.NewSecret(text), nil }, 2)(t.Context())
	}
	h, err := of(now + "," + first)
	if err != nil || h.Key.Reveal() != now || h.Names.Reveal() != first || h.KeyID != 2 {
		t.Errorf("number %d, %v", h.KeyID, err)
	}
	for text, want := range map[string]string{
		now + "," + first + "," + now: "PAIR_KEY has more than two parts", now + ", " + first: "PAIR_KEY has a blank", now + ",": "PAIR_KEY has a comma with nothing",
		"," + first: "PAIR_KEY has a comma with nothing", now + ",short": "PAIR_KEY has less than 32 characters before or behind the comma", "short": "PAIR_KEY has less than 32 characters",
	} {
		if _, err := of(text); fault.KindOf(err) != fault.Setup || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "short") {
			t.Errorf("%q: %v", want, err)
		}
	}
}
