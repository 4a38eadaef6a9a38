package crmtest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/core/fault"
)

var failing = []rule{
	{"a throttle says how long to wait", func(t *testing.T, l *lab) {
		key := l.rossi()
		for header, want := range map[string]time.Duration{"7": 7 * time.Second, "99999": 15 * time.Minute} {
			l.Trouble(Trouble{Status: http.StatusTooManyRequests, RetryAfter: header})
			if e := l.fails(l.write(key, Values{Job: "Seller"}).Err, fault.Throttled); e.After != want {
				t.Errorf("Retry-After %q means %s, want %s", header, e.After, want)
			}
			l.Trouble(Trouble{Status: http.StatusTooManyRequests, RetryAfter: header})
			_, err := l.Read(t.Context(), l.query(key))
			if e := l.fails(err, fault.Throttled); e.After != want {
				t.Errorf("Retry-After %q means %s, want %s", header, e.After, want)
			}
		}
		l.Trouble(Trouble{Status: http.StatusTooManyRequests, RetryAfter: "-5"})
		if e := l.fails(l.write(key, Values{Job: "Seller"}).Err, fault.Throttled); e.After < 0 || e.After > 15*time.Minute {
			t.Errorf("a negative Retry-After means %s", e.After)
		}
		l.shows(key, Values{Job: "Buyer"})
	}},
	{"a write without a proper answer is down, whether or not it was carried out, and is not repeated", func(t *testing.T, l *lab) {
		for name, trouble := range map[string]Trouble{
			"500": {Status: 500}, "502": {Status: 502}, "503": {Status: 503}, "504 after it was applied": {Status: 504, Applied: true},
			"lost before": {Lost: true}, "lost after": {Lost: true, Applied: true}, "cut": {Cut: true, Applied: true},
		} {
			t.Run(name, func(t *testing.T) {
				key := l.rossi(Values{Email: ""})
				l.Trouble(trouble)
				n := l.Writes()
				r := l.write(key, Values{Job: "Seller"})
				if e := l.fails(r.Err, fault.Down); !e.Kind.Uncertain() {
					t.Error("the fault claims to know")
				}
				want := Values{Job: "Buyer"}
				if trouble.Applied {
					want[Job] = "Seller"
					n++
				}
				l.shows(key, want)
				if got := l.Writes(); got != n {
					t.Errorf("%d writes, want %d", got, n)
				}
			})
		}
	}},
	{"a read without a proper answer is down and never gone", func(t *testing.T, l *lab) {
		key := l.rossi()
		for name, trouble := range map[string]Trouble{"500": {Status: 500}, "502": {Status: 502}, "lost": {Lost: true}, "cut": {Cut: true, Applied: true}} {
			t.Run(name, func(t *testing.T) {
				for range 3 { // a read may be tried twice more by itself
					l.Trouble(trouble)
				}
				got, err := l.Read(t.Context(), l.query(key))
				l.fails(err, fault.Down)
				if len(got) != 0 {
					t.Errorf("%v", got)
				}
				l.settle()
			})
		}
	}},
	{"a search without a proper answer is an error and never nobody", func(t *testing.T, l *lab) {
		l.rossi()
		for name, trouble := range map[string]Trouble{"500": {Status: 500}, "lost": {Lost: true}, "cut": {Cut: true, Applied: true}, "429": {Status: 429, RetryAfter: "3"}} {
			t.Run(name, func(t *testing.T) {
				for range 3 {
					l.Trouble(trouble)
				}
				if got, err := l.Find(t.Context(), l.search("anna@acme.example")); err == nil || len(got) != 0 {
					t.Errorf("%v, %v", got, err)
				}
				l.settle()
			})
		}
	}},
	{"an expired token is replaced once, or the call is denied", func(t *testing.T, l *lab) {
		key := l.rossi()
		l.wrote(key, Values{Job: "Seller"})
		l.Expire()
		if l.Renews {
			l.wrote(key, Values{Job: "Head buyer"})
			l.shows(key, Values{Job: "Head buyer"})
			return
		}
		l.fails(l.write(key, Values{Job: "Head buyer"}).Err, fault.Denied)
		_, err := l.Read(t.Context(), l.query(key))
		l.fails(err, fault.Denied)
		l.shows(key, Values{Job: "Seller"})
	}},
	{"a context that has ended makes no call", func(t *testing.T, l *lab) {
		key := l.rossi()
		l.read(key) // whatever is fetched once is fetched
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.Read(ctx, l.query(key)); err == nil {
			t.Error("a read succeeded")
		}
		if r := l.Write(ctx, change(l.id(key), l.Columns, Values{Job: "Seller"})); r.Err == nil {
			t.Error("a write succeeded")
		}
		l.shows(key, Values{Job: "Buyer"})
	}},
}

// settle takes away what is left of the troubles and lets a breaker close.
func (l *lab) settle() {
	l.Trouble(Trouble{})
	l.Advance(5 * time.Minute)
}
