package zohotest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
)

const largestBody = 24 << 20 // an attachment has 20 MB at most

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(r.Body, largestBody))
}

// ErrLost is what Transport answers when a fault takes the answer away.
var ErrLost = errors.New("zohotest: the connection was reset")

// Transport returns a RoundTripper that serves in this process, without sockets, whatever host the request names.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if r.Body != nil {
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	a := t.s.serve(r, body)
	if a.lost {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return nil, ErrLost
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	var content io.Reader = bytes.NewReader(a.body)
	if a.cut {
		content = io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), broken{})
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(content), ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

// broken is a body that ends before its length.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// serve counts the request, lets a fault have its way, and otherwise carries it out.
func (s *Server) serve(r *http.Request, body []byte) reply {
	s.mu.Lock()
	c := s.newCall(r, body)
	s.calls[c.pattern]++
	f := s.fault(r, c)
	s.mu.Unlock()
	if f == nil {
		f = &Fault{}
	}
	if f.Delay > 0 && s.opt.Sleep != nil && !s.opt.Sleep(r.Context(), f.Delay) {
		return reply{lost: true}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faulty(c, f)
}

// faulty carries the request out as far as the fault lets it, and answers what the fault leaves of the answer.
func (s *Server) faulty(c *call, f *Fault) reply {
	c.at = s.now().Add(-f.Stale)
	switch {
	case f.LandsAfter > 0:
		s.landLater(c, f.LandsAfter)
		return reply{lost: true}
	case f.Lost == LostBefore:
		return reply{lost: true}
	case f.Status != 0 && f.Lost != LostAfter:
		return f.reply()
	}
	a := s.carryOut(c)
	switch {
	case f.Status != 0:
		return f.reply()
	case f.Lost == LostAfter:
		return reply{lost: true}
	}
	a.cut = f.Cut && len(a.body) > 1
	return a
}

// withContext detaches a request that lands later from the caller, who has gone.
func withContext(r *http.Request) *http.Request {
	return r.Clone(context.WithoutCancel(r.Context()))
}
