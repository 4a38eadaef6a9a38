package budget

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/fault"
)

// hubspot is an account of HubSpot behind the budget of its settings.
type hubspot struct {
	*world
	searched, other *system
}

func newHubSpot() *hubspot {
	w := newWorld()
	return &hubspot{w, &system{now: w.now}, &system{now: w.now}}
}

func (h *hubspot) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/search") {
		return h.searched.RoundTrip(r)
	}
	return h.other.RoundTrip(r)
}

func (h *hubspot) caller(id string, live bool, s settings.Budget, sleep func(context.Context, time.Duration) bool) http.RoundTripper {
	return HubSpot(Config{
		Connection: "main", Live: live, Caller: id, Store: h.table, HTTP: h, Now: h.now, Sleep: sleep, Log: slog.New(slog.NewTextHandler(h.lines, nil)),
	}, s)
}

func call(t *testing.T, from http.RoundTripper, method, path string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://api.hubapi.com"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := from.RoundTrip(r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func search(t *testing.T, from http.RoundTripper) error {
	t.Helper()
	return call(t, from, http.MethodPost, "/crm/objects/2026-03/contacts/search")
}

var account = settings.Budget{HubSpotIn10s: 1000, HubSpotDaily: 250_000, HubSpotSearches: 5, Reserve: 20}

func TestNoSecondHoldsMoreSearchesOfAllCallersThanTheLimit(t *testing.T) {
	h := newHubSpot()
	callers := []http.RoundTripper{h.caller("zohoConsumer", true, account, nil), h.caller("hubspotConsumer", true, account, nil), h.caller("reconcile", false, account, nil)}
	others := 0
	for range 3000 {
		for _, c := range callers {
			if err := search(t, c); err != nil && (fault.KindOf(err) != fault.Throttled || fault.After(err) > 2*time.Second) {
				t.Fatal(err)
			}
		}
		h.pass(10 * time.Millisecond)
	}
	if n := h.searched.mostIn(time.Second); n > 5 {
		t.Errorf("%d searches in a second", n)
	}
	if n := len(h.searched.calls); n < 60 {
		t.Errorf("only %d searches in 30 s", n)
	}
	for range 50 {
		if err := call(t, callers[0], http.MethodPost, "/crm/objects/2026-03/contacts/batch/read"); err != nil {
			t.Fatal("a call that is no search:", err)
		}
		others++
	}
	if len(h.other.calls) != others {
		t.Errorf("%d of %d calls arrived", len(h.other.calls), others)
	}
}

func TestReconcileLeavesSearchesToLiveTraffic(t *testing.T) {
	h := newHubSpot()
	behind, live := h.caller("reconcile", false, account, nil), h.caller("zohoConsumer", true, account, nil)
	n := 0
	for ; search(t, behind) == nil; n++ {
	}
	if err := search(t, live); n != 4 || err != nil {
		t.Errorf("%d searches of reconcile, then %v", n, err)
	}
}

func TestASearchWaitsForItsTurnAndIsRefusedInTheEnd(t *testing.T) {
	h := newHubSpot()
	pages := h.caller("reconcile", false, account, func(_ context.Context, d time.Duration) bool { h.pass(d); return true })
	began := h.now()
	for range 40 {
		if err := search(t, pages); err != nil {
			t.Fatal(err)
		}
	}
	if took := h.now().Sub(began); h.searched.mostIn(time.Second) > 5 || took < 8*time.Second || took > 20*time.Second {
		t.Errorf("40 pages took %s, %d in a second", took, h.searched.mostIn(time.Second))
	}
	waited := time.Duration(0)
	stuck := h.caller("zohoConsumer", true, account, func(_ context.Context, d time.Duration) bool { waited += d; return true })
	for search(t, stuck) == nil { // time stands still
	}
	if waited == 0 || waited > searchPatience {
		t.Errorf("waited %s", waited)
	}
	if err := search(t, h.caller("hubspotConsumer", true, account, func(context.Context, time.Duration) bool { return false })); fault.KindOf(err) != fault.Throttled {
		t.Errorf("who may not wait: %v", err)
	}
}

func TestSearchesCountAmongTheCallsToo(t *testing.T) {
	h := newHubSpot()
	tight := account
	tight.HubSpotIn10s, tight.HubSpotSearches = 10, 100
	c := h.caller("zohoConsumer", true, tight, nil)
	n := 0
	for ; search(t, c) == nil; n++ {
	}
	if n != 10 {
		t.Errorf("%d searches of 10 calls", n)
	}
	tight.HubSpotIn10s, tight.HubSpotDaily, tight.HubSpotSearches = 0, 0, 0
	if c := h.caller("free", true, tight, nil); search(t, c) != nil {
		t.Error("refused without a limit")
	}
}
