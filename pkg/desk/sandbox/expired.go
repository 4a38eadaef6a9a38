package sandbox

import (
	"errors"

	"crm-connector/pkg/adapter/memory"
)

func expired(err error) bool { return errors.Is(err, memory.ErrReceiptExpired) }
