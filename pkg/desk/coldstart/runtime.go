package coldstart

import (
	"bytes"
	"context"
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

// patience is how long one start may take.
const patience = 20 * time.Second

// api is Lambda's Runtime API for one function at a time. Each start has a path of its own, so that nothing which comes late
// from a function that has ended is taken for the next one's.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type api struct {
	address string
	server  *http.Server
	starts  int

	mu  sync.Mutex
	now *running
}

// running is the function that runs.
type running struct {
	path    string          // before those of the Runtime API
	event   chan string     // what it is given when it asks
	asked   chan time.Time  // when it asked for the first time
	answers chan invocation // what it answered
}

type invocation struct {
	at     time.Time
	failed string // what the function said when it did not answer
}

const prefix = "/2018-06-01/runtime/"

func listen() (*api, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &api{address: l.Addr().String()}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: patience}
	go func() { _ = r.server.Serve(l) }() // it ends with close
	return r, nil
}

func (r *api) close() { _ = r.server.Close() }

// next makes room for another function and returns the address that it finds the API by.
func (r *api) next() (f *running, address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.starts++
	r.now = &running{
		path: fmt.Sprintf("/%d", r.starts), event: make(chan string, 1), asked: make(chan time.Time, 1), answers: make(chan invocation, 1),
	}
	return r.now, r.address + r.now.path
}

// ServeHTTP answers the function that runs, and nobody else. Its second question waits, as between two events.
func (r *api) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := time.Now()
	r.mu.Lock()
	f := r.now
	r.mu.Unlock()
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
			h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(at.Add(time.Minute).UnixMilli(), 10))
			h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-south-1:000000000000:function:coldstart")
			_, _ = io.WriteString(w, event)
		case <-req.Context().Done():
		}
	default: // invocation/<id>/response, invocation/<id>/error, init/error
		said, err := io.ReadAll(req.Body)
		answer := invocation{at: at}
		if err != nil || !strings.HasSuffix(path, "/response") {
			answer.failed = path + " " + string(said)
		}
		select {
		case f.answers <- answer:
		default: // it has answered already
		}
		w.WriteHeader(http.StatusAccepted)
	}
}

// start starts a function, gives it an event unless that is empty, and ends it. It returns the times from the start of the
// process until the function asked for the event and until it had answered it.
func (r *api) start(ctx context.Context, bootstrap string, env []string, event string) (next, answered time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var log bytes.Buffer
	f, address := r.next()
	cmd := exec.CommandContext(ctx, bootstrap)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(slices.Clip(env), "AWS_LAMBDA_RUNTIME_API="+address), &log, &log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed
		close(ended)
	}()
	defer func() {
		_ = cmd.Process.Kill()
		<-ended
	}()
	select {
	case at := <-f.asked:
		next = at.Sub(began)
	case <-ended:
		return 0, 0, fmt.Errorf("%w: %s", errEnded, log.String())
	}
	if event == "" {
		return next, 0, nil
	}
	f.event <- event
	select {
	case a := <-f.answers:
		if a.failed != "" {
			return 0, 0, fmt.Errorf("it failed: %s: %s", a.failed, log.String())
		}
		return next, a.at.Sub(began), nil
	case <-ended:
		return 0, 0, fmt.Errorf("it ended without an answer: %s", log.String())
	}
}
