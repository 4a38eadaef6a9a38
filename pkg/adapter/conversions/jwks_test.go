package conversions_test

import (
	"crypto"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
)

// issuer is a server of keys.
type issuer struct {
	*httptest.Server
	mu      sync.Mutex
	body    []byte
	status  int
	fetches atomic.Int64
	now     time.Time
}

func newIssuer(t *testing.T) *issuer {
	s := &issuer{status: 200, now: noon, body: set(t, map[string]crypto.PublicKey{"key-1": &keys().ec.PublicKey}, nil)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fetches.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.status/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(s.status)
		_, _ = w.Write(s.body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *issuer) set() *conversions.KeySet {
	return conversions.NewKeySet(s.URL, "ES256", s.Client(), func() time.Time { return s.now })
}

func TestKeysAreFetchedOnceAndKeptForTenMinutes(t *testing.T) {
	s := newIssuer(t)
	k := s.set()
	for _, step := range []struct {
		wait    time.Duration
		fetches int64
	}{{0, 1}, {9*time.Minute + 59*time.Second, 1}, {time.Second, 2}, {0, 2}} {
		s.now = s.now.Add(step.wait)
		if _, err := k.Key(t.Context(), "key-1"); err != nil || s.fetches.Load() != step.fetches {
			t.Errorf("after %v: %d fetches, %v", step.wait, s.fetches.Load(), err)
		}
	}
}

func TestManyWhoWaitShareOneFetch(t *testing.T) {
	s := newIssuer(t)
	k := s.set()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := k.Key(t.Context(), "key-1"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestAFloodOfUnknownKeysFetchesOnceAMinute(t *testing.T) {
	s := newIssuer(t)
	k := s.set()
	for i := range 600 { // ten minutes
		if _, err := k.Key(t.Context(), "key-9"); err == nil || errors.Is(err, door.ErrForged) != (i%60 == 0) {
			t.Fatalf("second %d: %v", i, err)
		}
		s.now = s.now.Add(time.Second)
	}
	if n := s.fetches.Load(); n != 10 {
		t.Errorf("%d fetches", n)
	}
}

func TestAKeyThatMayBeNewIsADoubtUntilTheSetIsFetchedAgain(t *testing.T) {
	s := newIssuer(t)
	k := s.set()
	_, _ = k.Key(t.Context(), "key-1")
	s.body = set(t, map[string]crypto.PublicKey{"key-1": &keys().ec.PublicKey, "key-2": &keys().otherEC.PublicKey}, nil)
	for _, after := range []time.Duration{time.Second, 59 * time.Second} {
		s.now = noon.Add(after)
		if _, err := k.Key(t.Context(), "key-2"); err == nil || errors.Is(err, door.ErrForged) || fault.After(err) != time.Minute-after {
			t.Errorf("after %v: %v, to be asked again after %v", after, err, fault.After(err))
		}
	}
	s.now = noon.Add(time.Minute)
	if _, err := k.Key(t.Context(), "key-2"); err != nil {
		t.Error(err)
	}
	if _, err := k.Key(t.Context(), "key-1"); err != nil || s.fetches.Load() != 2 {
		t.Errorf("%d fetches, %v", s.fetches.Load(), err)
	}
}

func TestANewKeyIsFoundWithinAMinute(t *testing.T) {
	s := newIssuer(t)
	k := s.set()
	_, _ = k.Key(t.Context(), "key-1")
	s.body = set(t, map[string]crypto.PublicKey{"key-1": &keys().ec.PublicKey, "key-2": &keys().otherEC.PublicKey}, nil)
	s.now = s.now.Add(time.Minute)
	if _, err := k.Key(t.Context(), "key-2"); err != nil || s.fetches.Load() != 2 {
		t.Errorf("%d fetches, %v", s.fetches.Load(), err)
	}
}

func TestAnIssuerThatIsDownForgesNobodysToken(t *testing.T) {
	s := newIssuer(t)
	k := s.set()
	if _, err := k.Key(t.Context(), "key-1"); err != nil {
		t.Fatal(err)
	}
	s.status = 500
	for _, tt := range []struct {
		after time.Duration
		ok    bool
	}{{11 * time.Minute, true}, {23 * time.Hour, true}, {24 * time.Hour, false}} {
		s.now = noon.Add(tt.after)
		if _, err := k.Key(t.Context(), "key-1"); (err == nil) != tt.ok || errors.Is(err, door.ErrForged) {
			t.Errorf("after %v: %v", tt.after, err)
		}
	}
	if _, err := k.Key(t.Context(), "key-2"); err == nil || errors.Is(err, door.ErrForged) {
		t.Errorf("a key that may be new: %v", err)
	}
	if k.Stale() != 24*time.Hour {
		t.Errorf("stale for %v", k.Stale())
	}
	s.status, s.now = 200, s.now.Add(time.Minute)
	if _, err := k.Key(t.Context(), "key-1"); err != nil || k.Stale() != 0 {
		t.Errorf("back again: %v, stale for %v", err, k.Stale())
	}
}

func TestASetThatIsNotAsItShouldBeIsADoubt(t *testing.T) {
	k1 := map[string]crypto.PublicKey{"key-1": &keys().ec.PublicKey}
	for name, body := range map[string]string{
		"nothing": "", "html": "<html>", "none": `{"keys":[]}`, "too large": `{"keys":[],"x":"` + strings.Repeat("x", 300_000) + `"}`,
		"for encryption":    string(set(t, k1, func(m map[string]any) { m["use"] = "enc" })),
		"no use":            string(set(t, k1, func(m map[string]any) { delete(m, "use") })),
		"another algorithm": string(set(t, k1, func(m map[string]any) { m["alg"] = "RS256" })),
		"off the curve":     string(set(t, k1, func(m map[string]any) { m["x"] = m["y"] })),
		"a short point":     string(set(t, k1, func(m map[string]any) { m["x"] = "AQAB" })),
		"RSA only":          string(set(t, map[string]crypto.PublicKey{"key-1": &keys().rsa.PublicKey}, nil)),
	} {
		s := newIssuer(t)
		s.body = []byte(body)
		if _, err := s.set().Key(t.Context(), "key-1"); err == nil || errors.Is(err, door.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := newIssuer(t)
	s.status = 302
	if _, err := s.set().Key(t.Context(), "key-1"); err == nil || s.fetches.Load() != 1 {
		t.Errorf("a redirect: %v after %d requests", err, s.fetches.Load())
	}
	weak := newIssuer(t)
	weak.body = set(t, map[string]crypto.PublicKey{"key-1": &keys().small.PublicKey}, nil)
	if _, err := conversions.NewKeySet(weak.URL, "RS256", weak.Client(), func() time.Time { return noon }).Key(t.Context(), "key-1"); err == nil {
		t.Error("1024 bits are taken")
	}
}

func TestAKeyThatNamesNoAlgorithmIsOneOfTheSettings(t *testing.T) {
	both := map[string]crypto.PublicKey{"key-1": &keys().ec.PublicKey, "key-2": &keys().rsa.PublicKey}
	s := newIssuer(t)
	s.body = set(t, both, func(m map[string]any) { delete(m, "alg") })
	for algorithm, kid := range map[string]string{"ES256": "key-1", "RS256": "key-2"} {
		k := conversions.NewKeySet(s.URL, algorithm, s.Client(), func() time.Time { return noon })
		for name := range both {
			if key, err := k.Key(t.Context(), name); (err == nil) != (name == kid) || name == kid && !both[kid].(interface{ Equal(crypto.PublicKey) bool }).Equal(key) {
				t.Errorf("%s, %s: %v", algorithm, name, err)
			}
		}
	}
}

func TestATokenIsProvenByTheKeyThatItNames(t *testing.T) {
	s := newIssuer(t)
	s.body = set(t, map[string]crypto.PublicKey{"key-1": &keys().ec.PublicKey, "key-2": &keys().otherEC.PublicKey}, nil)
	v := tokens(s.set())
	for kid, ok := range map[string]bool{"key-1": true, "key-2": false, "key-3": false, "": false} {
		s.now = s.now.Add(conversions.FetchAtMost)
		token := sign(t, jwt.SigningMethodES256, keys().ec, good(), map[string]any{"kid": kid})
		if _, err := v.Verify(t.Context(), bearer(token), conversions.ScopeEvents); (err == nil) != ok || !ok && !errors.Is(err, door.ErrForged) {
			t.Errorf("key %q: %v", kid, err)
		}
	}
}

func TestAKeySetThatCannotBeFetchedForAnHourIsToldOnceAMinute(t *testing.T) {
	s := newIssuer(t)
	k, lines := s.set(), &strings.Builder{}
	k.Log = slog.New(slog.NewTextHandler(lines, nil))
	key := func(wait time.Duration) int {
		s.now = s.now.Add(wait)
		lines.Reset()
		if _, err := k.Key(t.Context(), "key-1"); err != nil {
			t.Error(err)
		}
		return strings.Count(lines.String(), conversions.StaleLine)
	}
	key(0)
	s.status = 500
	for _, step := range []struct {
		wait time.Duration
		want int
	}{{conversions.FreshFor, 0}, {49 * time.Minute, 0}, {2 * time.Minute, 1}, {59 * time.Second, 0}, {time.Second, 1}} {
		if n := key(step.wait); n != step.want {
			t.Errorf("%v later: %d lines, want %d", step.wait, n, step.want)
		}
	}
	s.status = 200
	if n := key(time.Minute); n != 0 {
		t.Errorf("fetched again, and %d lines", n)
	}
}

func TestAKeySetThatNeverWasOneIsToldOfAtTheSecondFetch(t *testing.T) {
	for name, spoil := range map[string]func(*issuer){
		"not found":            func(s *issuer) { s.status = http.StatusNotFound },
		"elsewhere":            func(s *issuer) { s.status = http.StatusFound },
		"no key for signing":   func(s *issuer) { s.body = []byte(`{"keys":[]}`) },
		"a page and no set":    func(s *issuer) { s.body = []byte("<html>") },
		"nobody listens there": func(s *issuer) { s.Close() },
	} {
		s := newIssuer(t)
		spoil(s)
		k := s.set()
		for _, step := range []struct {
			wait time.Duration
			told bool
		}{{0, false}, {59 * time.Second, false}, {time.Second, true}, {time.Second, true}, {time.Hour, true}} {
			s.now = s.now.Add(step.wait)
			_, err := k.Key(t.Context(), "key-1")
			if err == nil || errors.Is(err, door.ErrForged) || strings.Contains(err.Error(), conversions.Unproven) != step.told {
				t.Errorf("%s, after %v more: %v", name, step.wait, err)
			}
		}
	}
	s := newIssuer(t)
	k := s.set()
	s.status = http.StatusBadGateway
	_, _ = k.Key(t.Context(), "key-1")
	s.status, s.now = http.StatusOK, s.now.Add(time.Minute)
	if _, err := k.Key(t.Context(), "key-1"); err != nil {
		t.Error(err)
	}
	s.status = http.StatusBadGateway
	for _, after := range []time.Duration{time.Hour, 22 * time.Hour} {
		s.now = s.now.Add(after)
		if _, err := k.Key(t.Context(), "key-1"); err != nil {
			t.Errorf("one that was: %v", err)
		}
	}
}
