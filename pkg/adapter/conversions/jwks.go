package conversions

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"time"

	"crm-connector/pkg/core/fault"
)

// How long a key set is believed, and how often it is asked for.
const (
	FreshFor    = 10 * time.Minute // then it is fetched again
	StaleFor    = 24 * time.Hour   // if that fails, it is used until then
	FetchAtMost = 60 * time.Second // between two fetches, whatever keys are asked for
	ToldAfter   = time.Hour        // of failing fetches somebody is told
	maxKeySet   = 256 << 10
	minRSA      = 2048
	minSecret   = 32
)

// StaleLine is how the line begins that tells of a key set that could not be fetched for ToldAfter. An alarm waits for it: it works
// until StaleFor is over.
const StaleLine = "the key set cannot be fetched"

// KeySet is a JWKS (RFC 7517) at one address. It is safe for concurrent use; one fetch is made for all who wait for it.
type KeySet struct {
	Log *slog.Logger // gets StaleLine, at most once in FetchAtMost; nil: nobody is told

	url       string
	algorithm string
	client    *http.Client
	now       func() time.Time

	turn    chan struct{} // whoever holds it may fetch and change what follows
	keys    map[string]any
	fetched time.Time // the last success
	tried   time.Time
	failed  error     // of the last try
	failing time.Time // the first try that failed since the last success
}

// NewKeySet returns the key set at an address. Redirects are not followed, whatever the client says. Only keys for signatures
// of the algorithm are taken.
func NewKeySet(url, algorithm string, client *http.Client, now func() time.Time) *KeySet {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &KeySet{url: url, algorithm: algorithm, client: &own, now: now, turn: make(chan struct{}, 1)}
}

// Key returns the key of a name. A name that nobody knows makes the set be fetched again, once in FetchAtMost at most: what cannot be
// looked up until then is a doubt, for the key may have been added since.
func (s *KeySet) Key(ctx context.Context, kid string) (any, error) {
	if kid == "" {
		return nil, forged("without kid")
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("conversions: waiting for the key set: %w", ctx.Err())
	}
	now := s.now()
	key, known := s.keys[kid]
	looked := false
	if (!known || now.Sub(s.fetched) >= FreshFor) && (s.tried.IsZero() || now.Sub(s.tried) >= FetchAtMost) {
		s.fetch(ctx, now)
		looked = true
		key, known = s.keys[kid]
	}
	switch {
	case s.fetched.IsZero(), now.Sub(s.fetched) >= StaleFor:
		return nil, s.none()
	case known:
		return key, nil
	case s.failed != nil:
		return nil, fmt.Errorf("conversions: a key that is not in the set of before: %w", s.failed)
	case !looked:
		return nil, &fault.Error{
			Op: "conversions.Key", Kind: fault.Down, After: FetchAtMost - now.Sub(s.tried),
			Err: errors.New("a key that is not in the set of a moment ago"),
		}
	}
	return nil, forged("an unknown key")
}

// none says that there is no set, and once a second fetch has failed that no token can be proven: the first may have met a moment.
func (s *KeySet) none() error {
	if s.tried.Sub(s.failing) < FetchAtMost {
		return fmt.Errorf("conversions: no key set: %w", s.failed)
	}
	return fmt.Errorf("conversions: %s: no key set: %w", Unproven, s.failed)
}

// Stale returns for how long the set could not be fetched; 0 when the last fetch succeeded.
func (s *KeySet) Stale() time.Duration {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.failed == nil || s.fetched.IsZero() {
		return 0
	}
	return s.now().Sub(s.fetched)
}

func (s *KeySet) fetch(ctx context.Context, now time.Time) {
	s.tried = now
	keys, err := s.get(ctx)
	if err == nil {
		s.keys, s.fetched, s.failed = keys, now, nil
		return
	}
	if s.failed == nil {
		s.failing = now
	}
	s.failed = err
	if stale := now.Sub(s.fetched); s.Log != nil && !s.fetched.IsZero() && stale > ToldAfter {
		s.Log.WarnContext(ctx, StaleLine+"; the one of before is used", "stale_s", int64(stale.Seconds()), "err", err.Error())
	}
}

func (s *KeySet) get(ctx context.Context) (map[string]any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, errors.New("the address of the key set is none")
	}
	req.Header.Set("Accept", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the key set does not answer: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the key set answers %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil || len(body) > maxKeySet {
		return nil, errors.New("the key set was cut off or is too large")
	}
	return readKeys(body, s.algorithm)
}

// jwk is one key as RFC 7517 and RFC 7518 §6 write it.
type jwk struct {
	Kid string `json:"kid"`
	Kty string `json:"kty"`
	Use string `json:"use"`
	Alg string `json:"alg"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	N   string `json:"n"`
	E   string `json:"e"`
}

// readKeys takes the keys that are for signatures of the algorithm and strong enough; a set without any is an error. alg may be
// missing (RFC 7517 §4.4), as in the sets of Microsoft Entra: the algorithm is the setting's, and its kind of key the only one taken.
func readKeys(body []byte, algorithm string) (map[string]any, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("the key set is none")
	}
	keys := map[string]any{}
	for _, k := range set.Keys {
		if k.Kid == "" || !keyID(k.Kid) || k.Use != "sig" || k.Alg != "" && k.Alg != algorithm {
			continue
		}
		if key, err := k.public(algorithm); err == nil && usable(key) == "" {
			keys[k.Kid] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key for " + algorithm)
	}
	return keys, nil
}

func (k jwk) public(algorithm string) (any, error) {
	switch {
	case k.Kty == "EC" && k.Crv == "P-256" && algorithm == "ES256":
		x, errX := base64.RawURLEncoding.DecodeString(k.X)
		y, errY := base64.RawURLEncoding.DecodeString(k.Y)
		if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
			return nil, errors.New("no point")
		}
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	case k.Kty == "RSA" && algorithm == "RS256":
		n, errN := base64.RawURLEncoding.DecodeString(k.N)
		e, errE := base64.RawURLEncoding.DecodeString(k.E)
		if errN != nil || errE != nil || len(e) > 4 {
			return nil, errors.New("no number")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
	}
	return nil, errors.New("a key of another kind")
}

// usable says of whoever has a key why it is not used, "" where it is strong enough.
func usable(key any) string {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "has a key of another curve than P-256"
		}
		return ""
	case *rsa.PublicKey:
		switch {
		case k.N.BitLen() < minRSA:
			return fmt.Sprintf("has a key of less than %d bits", minRSA)
		case k.E < 3 || k.E%2 == 0:
			return "has a key whose exponent is none"
		}
		return ""
	case []byte:
		if len(k) < minSecret {
			return fmt.Sprintf("has a key of less than %d bytes", minSecret)
		}
		return ""
	}
	return "has a key of a kind that is not used"
}
