package invoke

import (
	"encoding/json"
	"errors"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Version is the version of the messages between the functions.
const Version = 1

// Question is what one function asks another. An event without a version is the schedule's, or a person's who tries.
type Question struct {
	V   int   `json:"v"`
	Bad int64 `json:"bad"` // the version of a token that Zoho refused, 0 for none
}

// Answer is what it is told: a token, a fault, or neither where nothing but success was asked for.
type Answer struct {
	Access crm.Access
	Fault  *fault.Error
}

// answer and trouble are an Answer as it crosses.
type answer struct {
	V       int       `json:"v"`
	Token   string    `json:"token,omitempty"`
	Version int64     `json:"version,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Base    string    `json:"base,omitempty"`
	Fault   *trouble  `json:"fault,omitempty"`
}

type trouble struct {
	Op    string `json:"op"`
	Kind  string `json:"kind"`
	Code  string `json:"code,omitempty"`
	After int64  `json:"afterMs,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// MarshalJSON writes the token in clear: crm.Secret itself never does.
func (a Answer) MarshalJSON() ([]byte, error) {
	w := answer{V: Version, Token: a.Access.Token.Reveal(), Version: a.Access.Version, Expires: a.Access.Expires.UTC(), Base: a.Access.Base}
	if f := a.Fault; f != nil {
		w.Fault = &trouble{Op: f.Op, Kind: f.Kind.String(), Code: f.Code, After: f.After.Milliseconds()}
		if f.Err != nil {
			w.Fault.Cause = f.Err.Error()
		}
	}
	return json.Marshal(w)
}

// UnmarshalJSON refuses a version that it does not know. A kind of fault that it does not know is Unknown.
func (a *Answer) UnmarshalJSON(data []byte) error {
	var w answer
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	if w.V != Version {
		return errors.New("an answer of another version")
	}
	*a = Answer{Access: crm.Access{Token: crm.NewSecret(w.Token), Version: w.Version, Expires: w.Expires, Base: w.Base}}
	if w.Fault != nil {
		a.Fault = w.Fault.fault()
	}
	return nil
}

func (t trouble) fault() *fault.Error {
	f := &fault.Error{Op: t.Op, Code: t.Code, After: time.Duration(t.After) * time.Millisecond}
	for k := fault.Unknown; k <= fault.Ours; k++ {
		if k.String() == t.Kind {
			f.Kind = k
		}
	}
	if t.Cause != "" {
		f.Err = errors.New(t.Cause)
	}
	return f
}
