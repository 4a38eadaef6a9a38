package door

import (
	"errors"
	"net/http"
)

// Answer is what the sender of a delivery is told.
type Answer struct {
	Status      int
	ContentType string
	Header      http.Header // further headers; nil for most answers
	Body        []byte
}

// ErrRefused says that an authentic delivery was read and is not acceptable as it stands: its sender is told why and can
// mend it, so nothing is kept. Answered 400 unless the source answers for itself.
var ErrRefused = errors.New("the delivery is not acceptable")
