package whatsapp_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/core/chat/outbound"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func TestAMessageThatMayHaveGoneOutSaysSoAndIsNeverRepeated(t *testing.T) {
	for name, tt := range map[string]struct {
		fault whatsapptest.Fault
		taken int
	}{
		"no answer, not carried out": {whatsapptest.Fault{Lost: whatsapptest.LostBefore}, 0},
		"no answer, carried out":     {whatsapptest.Fault{Lost: whatsapptest.LostAfter}, 1},
		"carried out later":          {whatsapptest.Fault{LandsAfter: time.Minute}, 1},
		"a cut answer":               {whatsapptest.Fault{Cut: true}, 1},
		"a gateway's page":           {whatsapptest.Fault{Status: 502}, 0},
		"a page after all":           {whatsapptest.Fault{Status: 504, Lost: whatsapptest.LostAfter}, 1},
		"500 without a code":         {whatsapptest.Fault{Status: 500, Body: `{}`}, 0},
		"500 of an unknown code":     {whatsapptest.Fault{Status: 500, Code: 999}, 0},
		"200 without a message":      {whatsapptest.Fault{Status: 200, Body: `{"messages":[]}`}, 0},
		"200 that is a page":         {whatsapptest.Fault{Status: 200, Body: `<html>`}, 0},
		"a redirect":                 {whatsapptest.Fault{Status: 302, Body: `{}`}, 0},
	} {
		p := open(whatsapptest.Options{})
		a := anna(t, p)
		p.Fail(tt.fault)
		_, err := p.client.Send(t.Context(), number, outbound.Outgoing{To: to(a), Text: crm.Text("canary")})
		if !errors.Is(err, outbound.ErrUnknownOutcome) || fault.KindOf(err) != fault.Down || !fault.KindOf(err).Uncertain() || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
		p.now = p.now.Add(time.Hour)
		p.Tick()
		if n := p.Count(whatsapptest.CallMessages); n != 1 || len(p.SentMessages()) != tt.taken {
			t.Errorf("%s: %d calls, %d taken", name, n, len(p.SentMessages()))
		}
	}
}

func TestAMessageThatNeverLeftIsNotInDoubt(t *testing.T) {
	p := open(whatsapptest.Options{})
	a := anna(t, p)
	for name, f := range map[string]whatsapptest.Fault{
		"passing trouble": {Code: 131000}, "not available": {Code: 131016}, "too fast": {Code: 130429}, "an expired token": {Code: 190}, "no right": {Code: 10},
	} {
		p.Fail(f)
		if _, err := p.client.Send(t.Context(), number, outbound.Outgoing{To: to(a), Text: crm.Text("x")}); err == nil || errors.Is(err, outbound.ErrUnknownOutcome) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, cause := range map[string]error{
		"no connection": &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "no such host": &net.DNSError{Err: "no such host"},
	} {
		c := answering(func(*http.Request) (*http.Response, error) { return nil, cause })
		_, err := c.Send(t.Context(), number, outbound.Outgoing{To: to(a), Text: crm.Text("x")})
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != fault.Throttled || e.Code != whatsapp.CodeNotSent || errors.Is(err, outbound.ErrUnknownOutcome) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := answering(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	})
	if _, err := c.Send(t.Context(), number, outbound.Outgoing{To: to(a), Text: crm.Text("x")}); !errors.Is(err, outbound.ErrUnknownOutcome) {
		t.Errorf("a connection that broke: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.client.Send(ctx, number, outbound.Outgoing{To: to(a), Text: crm.Text("x")}); fault.KindOf(err) != fault.Busy || errors.Is(err, outbound.ErrUnknownOutcome) {
		t.Errorf("no time left: %v", err)
	}
}

func TestAMessageForWhichNoTokenCanBeHadIsNotInDoubt(t *testing.T) {
	p := open(whatsapptest.Options{})
	a := anna(t, p)
	for _, kind := range []fault.Kind{fault.Down, fault.Throttled, fault.Setup} {
		c := whatsapp.New(whatsapp.Config{HTTP: p, Now: func() time.Time { return p.now }, Bearer: func(context.Context) (crm.Secret, error) {
			return crm.Secret{}, &fault.Error{Op: "secret", Kind: kind, Err: errors.New("no answer")}
		}})
		_, err := c.Send(t.Context(), number, outbound.Outgoing{To: to(a), Text: crm.Text("x")})
		if err == nil || errors.Is(err, outbound.ErrUnknownOutcome) || fault.KindOf(err).Uncertain() || p.Count(whatsapptest.CallMessages) != 0 {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
