// Package secret gives a function its secrets: those that stand in its environment as they stand there, any other from SSM's
// Parameter Store, where they lie encrypted under the stack's own path. A secret that was exchanged there is taken up within
// five minutes, and one that was read goes on being used while the store does not answer.
//
// A function asks for the secrets that it names and for no other, so that its role can be held to them. The package writes
// none: connector setup does.
package secret

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

const (
	fresh    = 5 * time.Minute  // how long a secret is used before it is read again
	soon     = 15 * time.Second // the same where one was missing, or the store did not answer and old ones serve
	pause    = time.Second      // after a failure with nothing to fall back on, nobody asks for this long
	callTime = 2 * time.Second  // for one reading: the door has four seconds in all
	maxNames = 10               // of one GetParameters
)

// Store gives secrets by the name of their setting. Its functions may be called from several goroutines; the names are all
// told before the first of them is.
type Store struct {
	set   *settings.Reader
	path  string
	now   func() time.Time
	names []string
	ssm   Caller

	gate  chan struct{} // held by the one who reads or looks; guards what follows
	held  map[string]crm.Secret
	err   error     // why there is nothing to fall back on
	until time.Time // before this instant nobody asks again
}

// Caller posts a signed call to SSM. Its errors have a smithy.APIError in their chain where SSM answered.
type Caller interface {
	Post(ctx context.Context, path string, header http.Header, body []byte) (http.Header, []byte, error)
}

// New returns the secrets of a function. It makes no call. Where SECRETS_PATH is not set, every secret must stand in the
// environment.
func New(ssm Caller, set *settings.Reader, now func() time.Time) *Store {
	path := set.Optional(settings.SecretsPath, "")
	return &Store{set: set, path: strings.TrimRight(path, "/"), now: now, ssm: ssm, gate: make(chan struct{}, 1)}
}

// One returns what gives the secret of that name. Its errors are *fault.Error: Setup where there is no such secret or the
// role may not read it, Throttled and Down when the store does not answer and never has.
func (s *Store) One(name string) func(context.Context) (crm.Secret, error) {
	if given := s.set.Secret(name); !given.IsZero() || s.path == "" {
		return func(context.Context) (crm.Secret, error) { return given, nil }
	}
	s.names = append(s.names, name)
	return func(ctx context.Context) (crm.Secret, error) { return s.get(ctx, name) }
}

// Several is One for a secret of which the old and the new value are both in use, separated by a comma.
func (s *Store) Several(name string) func(context.Context) ([]crm.Secret, error) {
	one := s.One(name)
	return func(ctx context.Context) ([]crm.Secret, error) {
		all, err := one(ctx)
		if err != nil {
			return nil, err
		}
		var out []crm.Secret
		for v := range strings.SplitSeq(all.Reveal(), ",") {
			if v = strings.TrimSpace(v); v != "" {
				out = append(out, crm.NewSecret(v))
			}
		}
		return out, nil
	}
}

// Both returns what gives two secrets that belong together.
func (s *Store) Both(first, second string) func(context.Context) (a, b crm.Secret, err error) {
	one, two := s.One(first), s.One(second)
	return func(ctx context.Context) (a, b crm.Secret, err error) {
		if a, err = one(ctx); err == nil {
			b, err = two(ctx)
		}
		return a, b, err
	}
}

const op = "secret.Get"

func (s *Store) get(ctx context.Context, name string) (crm.Secret, error) {
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-ctx.Done():
		return crm.Secret{}, &fault.Error{Op: op, Kind: fault.Down, Err: ctx.Err()}
	}
	if !s.now().Before(s.until) {
		s.read(ctx)
	}
	if s.held == nil {
		return crm.Secret{}, s.err
	}
	v, ok := s.held[name]
	if !ok {
		return crm.Secret{}, &fault.Error{Op: op, Kind: fault.Setup, Err: errors.New(s.full(name) + " is not in the Parameter Store")}
	}
	return v, nil
}

// read asks for every name. A caller who went away meanwhile leaves nothing behind.
func (s *Store) read(ctx context.Context) {
	held, err := s.fetch(ctx)
	switch {
	case err == nil:
		s.held, s.until = held, s.now().Add(fresh)
		if len(held) < len(s.names) {
			s.until = s.now().Add(soon)
		}
	case s.held != nil:
		s.until = s.now().Add(soon)
	default:
		s.err = err
		if ctx.Err() == nil {
			s.until = s.now().Add(pause)
		}
	}
}

func (s *Store) full(name string) string { return s.path + "/" + name }

func (s *Store) fetch(ctx context.Context) (map[string]crm.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	held := map[string]crm.Secret{}
	for rest := s.names; len(rest) > 0; rest = rest[min(len(rest), maxNames):] {
		var names []string
		for _, name := range rest[:min(len(rest), maxNames)] {
			names = append(names, s.full(name))
		}
		all, err := s.ask(ctx, names)
		if err != nil {
			return nil, err
		}
		for _, p := range all {
			name, ours := strings.CutPrefix(p.Name, s.path+"/")
			if v := strings.TrimSpace(p.Value); ours && v != "" {
				held[name] = crm.NewSecret(v)
			}
		}
	}
	return held, nil
}

// parameter is what SSM tells of one; those that it does not have it leaves out.
type parameter struct{ Name, Value string }

var header = http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AmazonSSM.GetParameters"}}

// ask makes one call.
//
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
func (s *Store) ask(ctx context.Context, names []string) ([]parameter, error) {
	question, err := json.Marshal(struct {
		Names          []string
		WithDecryption bool
	}{names, true})
	if err != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Ours, Err: err}
	}
	_, said, err := s.ssm.Post(ctx, "/", header, question)
	if err != nil {
		return nil, translate(err)
	}
	var out struct{ Parameters []parameter }
	if json.Unmarshal(said, &out) != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer that cannot be read")} // the cause might quote it
	}
	return out.Parameters, nil
}

// kinds says what the codes of SSM mean; any other, and no answer at all, is Down.
var kinds = map[string]fault.Kind{
	"ThrottlingException":         fault.Throttled,
	"AccessDeniedException":       fault.Setup,
	"InvalidKeyId":                fault.Setup,
	"UnrecognizedClientException": fault.Setup,
	"ExpiredTokenException":       fault.Setup,
	"ValidationException":         fault.Setup, // a path that cannot be one
}

func translate(err error) error {
	api, answered := errors.AsType[smithy.APIError](err)
	if !answered {
		return &fault.Error{Op: op, Kind: fault.Down, Err: err}
	}
	kind, known := kinds[api.ErrorCode()]
	if !known {
		kind = fault.Down
	}
	return &fault.Error{Op: op, Kind: kind, Code: api.ErrorCode()}
}
