// Package bootstrap starts the program of a function as Lambda does, without a container: it plays Lambda's Runtime API on the
// loopback interface and gives the function one event. It knows no function, and nothing of AWS but that API.
package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// patience is how long one start and its event may take: more than the timeout of any function.
const patience = 60 * time.Second

// API is Lambda's Runtime API for one function at a time. Each start has a path of its own, so that nothing which comes late
// from a function that has ended is taken for the next one's.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type API struct {
	address string
	server  *http.Server
	starts  int

	mu  sync.Mutex
	now *running
}

// Start is one start of a function.
type Start struct {
	Next     time.Duration // from the start of the process until it asked for an event
	Answered time.Duration // until it had answered it
	Answer   []byte        // what it answered; where it failed, what it said of its error: {"errorMessage": …, "errorType": …}
	Failed   bool
	Log      string
}

// ErrEnded is a program that ended before it asked for an event.
var ErrEnded = errors.New("it ended before it asked for an event")

// running is the function that runs.
type running struct {
	path    string          // before those of the Runtime API
	event   chan string     // what it is given when it asks
	asked   chan time.Time  // when it asked for the first time
	answers chan invocation // what it answered
}

type invocation struct {
	at     time.Time
	said   []byte
	failed bool
}

const prefix = "/2018-06-01/runtime/"

// Listen opens the API on a free port.
func Listen() (*API, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &API{address: l.Addr().String()}
	a.server = &http.Server{Handler: a, ReadHeaderTimeout: patience}
	go func() { _ = a.server.Serve(l) }() // it ends with Close
	return a, nil
}

// Close ends the API.
func (a *API) Close() error { return a.server.Close() }

// next makes room for another function and returns the address that it finds the API by.
func (a *API) next() (f *running, address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.starts++
	a.now = &running{
		path: fmt.Sprintf("/%d", a.starts), event: make(chan string, 1), asked: make(chan time.Time, 1), answers: make(chan invocation, 1),
	}
	return a.now, a.address + a.now.path
}

// ServeHTTP answers the function that runs, and nobody else. Its second question waits, as between two events.
func (a *API) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := time.Now()
	a.mu.Lock()
	f := a.now
	a.mu.Unlock()
	path, ours := strings.CutPrefix(req.URL.Path, f.path+prefix)
	switch {
	case !ours:
		http.Error(w, "the function has ended", http.StatusGone)
	case path == "invocation/next":
		select {
		case f.asked <- at:
		default: // it asks again
		}
		select {
		case event := <-f.event:
			h := w.Header()
			h.Set("Content-Type", "application/json")
			h.Set("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
			h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(at.Add(patience).UnixMilli(), 10))
			h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-south-1:000000000000:function:bootstrap")
			_, _ = io.WriteString(w, event)
		case <-req.Context().Done():
		}
	default: // invocation/<id>/response, invocation/<id>/error, init/error
		said, err := io.ReadAll(req.Body)
		select {
		case f.answers <- invocation{at: at, said: said, failed: err != nil || !strings.HasSuffix(path, "/response")}:
		default: // it has answered already
		}
		w.WriteHeader(http.StatusAccepted)
	}
}

// Start starts a program in an environment, gives it an event unless that is empty, and ends it. A function that fails is a
// Start, not an error; a program that does not come to an answer is an error with its log.
func (a *API) Start(ctx context.Context, program string, env []string, event string) (Start, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var log bytes.Buffer
	f, address := a.next()
	cmd := exec.CommandContext(ctx, program)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(slices.Clip(env), "AWS_LAMBDA_RUNTIME_API="+address), &log, &log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return Start{}, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed
		close(ended)
	}()
	s, err := f.drive(began, ended, event)
	_ = cmd.Process.Kill() // one that has ended already is no error
	<-ended
	if s.Log = log.String(); err != nil {
		return s, fmt.Errorf("%w: %s", err, s.Log)
	}
	return s, nil
}

// drive gives a function that was started its event.
func (f *running) drive(began time.Time, ended <-chan struct{}, event string) (s Start, err error) {
	select {
	case at := <-f.asked:
		s.Next = at.Sub(began)
	case <-ended:
		return s, ErrEnded
	}
	if event == "" {
		return s, nil
	}
	f.event <- event
	select {
	case a := <-f.answers:
		s.Answered, s.Answer, s.Failed = a.at.Sub(began), a.said, a.failed
		return s, nil
	case <-ended:
		return s, errors.New("it ended without an answer")
	}
}
