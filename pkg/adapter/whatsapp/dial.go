package whatsapp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"syscall"

	"crm-connector/pkg/core/fault"
)

// CodeNotSent is the code of a fault of kind Throttled: there was no connection, or no token, so the request did not leave this machine
// and may be made again.
const CodeNotSent = "NOT_SENT"

// dialler tells a request that was never sent from one that was and got no answer: only the second may have sent a message.
type dialler struct{ next http.RoundTripper }

// RoundTrip is the next round tripper's, but for errors of a connection that never came to be.
func (d dialler) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(r)
	if err != nil && unsent(err) {
		return nil, &fault.Error{Op: "whatsapp", Kind: fault.Throttled, Code: CodeNotSent, Err: errors.New("no connection, not sent")}
	}
	return resp, err
}

func unsent(err error) bool {
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return true
	}
	_, name := errors.AsType[*net.DNSError](err)
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	return name || verify || unknown || errors.Is(err, syscall.ECONNREFUSED)
}
