package whatsapp

import (
	"encoding/json"
	"errors"
)

// lenient reads what fits into v and leaves out what has another shape than was documented, with false. It fails for what is no JSON
// only: encoding/json goes on behind a value of the wrong type.
func lenient(raw []byte, v any) (whole bool, err error) {
	err = json.Unmarshal(raw, v)
	if _, shape := errors.AsType[*json.UnmarshalTypeError](err); shape {
		return false, nil
	}
	return err == nil, err
}

// item is one element of a list that is read, or not, by itself: one that makes no sense does not take its neighbours along.
type item[T any] struct {
	is  T
	bad error
}

// UnmarshalJSON never fails.
func (i *item[T]) UnmarshalJSON(raw []byte) error {
	_, i.bad = lenient(raw, &i.is)
	return nil
}

// wireErrors are the errors beside messages and statuses: a list, or what came in its place.
type wireErrors []wireError

// UnmarshalJSON never fails.
func (e *wireErrors) UnmarshalJSON(raw []byte) error {
	var all []json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		all = []json.RawMessage{raw}
	}
	*e = nil
	for _, raw := range all {
		var one wireError
		if raw[0] == '{' {
			_, _ = lenient(raw, &one) // what fits is what is told
		} else {
			_ = one.Message.UnmarshalJSON(raw) // words instead of an object
		}
		if one != (wireError{}) {
			*e = append(*e, one)
		}
	}
	return nil
}
