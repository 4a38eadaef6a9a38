package zohotoken

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/row"
)

// stateVersion is the version of the stored form.
const stateVersion = 1

// state is the row of one connection as it is stored. It holds the access token in clear: the table is encrypted, and only
// the two token functions may read it.
type state struct {
	V        int         `json:"v"`
	Token    string      `json:"token,omitempty"`
	Version  int64       `json:"version,omitempty"`
	Expires  time.Time   `json:"expires,omitzero"`
	Base     string      `json:"base,omitempty"`
	Owner    string      `json:"owner,omitempty"`    // who holds the lease, "" when nobody does
	Until    time.Time   `json:"until,omitzero"`     // end of the lease
	Tries    []time.Time `json:"tries,omitempty"`    // when the refreshes of the last ten minutes began
	Failures int         `json:"failures,omitempty"` // since the last success
	Kind     fault.Kind  `json:"kind,omitempty"`     // of the last failure
	Code     string      `json:"code,omitempty"`     // of the last failure
	Retry    time.Time   `json:"retry,omitzero"`     // after a failure: no refresh before this instant
}

func key(connection string) row.Key {
	return row.Key{Part: "token#" + connection, Sort: string(crm.Zoho)}
}

// load returns the row and its version, 0 when there is none.
func load(ctx context.Context, store Store, connection string) (state, int64, error) {
	rows, err := store.Get(ctx, key(connection))
	if err != nil {
		return state{}, 0, &fault.Error{Op: "zohotoken.load", Kind: kind(err), Err: err}
	}
	if len(rows) == 0 || rows[0].Version == 0 {
		return state{}, 0, nil
	}
	var s state
	if json.Unmarshal(rows[0].Value, &s) != nil || s.V > stateVersion {
		return state{}, 0, &fault.Error{Op: "zohotoken.load", Kind: fault.Ours, Err: errors.New("the row of the token cannot be read")}
	}
	return s, rows[0].Version, nil
}

// kind keeps the kind of a store's fault; an error without one is a store that does not answer.
func kind(err error) fault.Kind {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Kind
	}
	return fault.Down
}

// save writes the row over the version that was read.
func save(ctx context.Context, store Store, connection string, s state, over int64) error {
	s.V = stateVersion
	value, err := json.Marshal(s)
	if err != nil {
		return &fault.Error{Op: "zohotoken.save", Kind: fault.Ours, Err: err}
	}
	err = store.Put(ctx, row.Put{Key: key(connection), If: over, Value: value})
	if err == nil || errors.Is(err, row.ErrConflict) {
		return err
	}
	return &fault.Error{Op: "zohotoken.save", Kind: kind(err), Err: err}
}

func (s state) access() crm.Access {
	return crm.Access{Token: crm.NewSecret(s.Token), Version: s.Version, Expires: s.Expires, Base: s.Base}
}

// good reports whether the stored token is not the bad one and ends more than d from now.
func (s state) good(bad int64, now time.Time, d time.Duration) bool {
	return s.Version != bad && lasts(s.access(), now, d)
}
