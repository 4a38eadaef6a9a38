package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"crm-connector/pkg/core/fault"
)

// Judge says what a status means when nothing more is known: nil for 2xx and 304, else a *fault.Error. Vendors' tables
// fall back to it.
func Judge(op string, status int, _ http.Header, _ []byte) error {
	if status >= 200 && status < 300 || status == http.StatusNotModified {
		return nil
	}
	return &fault.Error{Op: op, Kind: kindOf(status), Err: fmt.Errorf("status %d", status)}
}

func kindOf(status int) fault.Kind {
	switch status {
	case http.StatusUnauthorized:
		return fault.Denied
	case http.StatusForbidden:
		return fault.Setup
	case http.StatusNotFound, http.StatusGone:
		return fault.Missing
	case http.StatusConflict:
		return fault.Conflict
	case http.StatusLocked:
		return fault.Locked
	case http.StatusTooManyRequests:
		return fault.Throttled
	case http.StatusPreconditionFailed:
		return fault.Stale
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return fault.Down
	}
	if status >= 500 {
		return fault.Down
	}
	return fault.Unknown
}

// RetryAfter reads the header Retry-After (RFC 9110 10.2.3), in seconds or as a date, relative to now. Absent, negative,
// past and unreadable values give 0; the longest is MaxAfter.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds > int(MaxAfter/time.Second) {
			return MaxAfter
		}
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), MaxAfter)
	}
	return 0
}

func down(op, why string) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Down, Err: errors.New(why)}
}

// transport translates an error without an answer. The words are ours, because a foreign text may repeat the address,
// and addresses hold match keys. A fault from a round tripper that refused to send is passed on.
func transport(op string, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return down(op, cause(err))
}

func cause(err error) string {
	if timeout, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		return "no answer in time"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "the host's name is not found"
	}
	if isTLS(err) {
		return "no secure connection"
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "given up before the answer"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	}
	return "no answer"
}

func isTLS(err error) bool {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	return verify || record || alert || unknown
}
