package coldstart

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// patience is how long one start may take.
const patience = 20 * time.Second

// api is Lambda's Runtime API for one function at a time.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type api struct {
	address string
	server  *http.Server
	event   chan string     // what the next one who asks is given
	asked   chan time.Time  // when it asked
	answers chan invocation // what it answered
}

type invocation struct {
	at     time.Time
	failed string // what the function said of its failure, "" when it has none
}

const prefix = "/2018-06-01/runtime/"

func listen() (*api, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &api{address: l.Addr().String(), event: make(chan string), asked: make(chan time.Time, 1), answers: make(chan invocation, 1)}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: patience}
	go func() { _ = r.server.Serve(l) }() // it ends with close
	return r, nil
}

func (r *api) close() { _ = r.server.Close() }

// ServeHTTP answers a function. Its second question waits, as between two events.
func (r *api) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	now := time.Now()
	switch path := strings.TrimPrefix(req.URL.Path, prefix); {
	case path == "invocation/next":
		select {
		case r.asked <- now:
		case <-req.Context().Done():
			return
		}
		select {
		case event := <-r.event:
			h := w.Header()
			h.Set("Content-Type", "application/json")
			h.Set("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
			h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(now.Add(time.Minute).UnixMilli(), 10))
			h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-south-1:000000000000:function:coldstart")
			_, _ = io.WriteString(w, event)
		case <-req.Context().Done():
		}
	case strings.HasSuffix(path, "/response"):
		r.answers <- invocation{at: now}
		w.WriteHeader(http.StatusAccepted)
	default: // invocation/<id>/error and init/error
		said, _ := io.ReadAll(req.Body) // what is there of it
		r.answers <- invocation{at: now, failed: path + " " + string(said)}
		w.WriteHeader(http.StatusAccepted)
	}
}

// start starts a function, gives it an event unless that is empty, and ends it. It returns the times from the start of the
// process until the function asked for the event and until it had answered it.
func (r *api) start(ctx context.Context, bootstrap string, env []string, event string) (next, answered time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, bootstrap)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &log, &log
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
		r.settle()
	}()
	select {
	case at := <-r.asked:
		next = at.Sub(began)
	case <-ended:
		return 0, 0, fmt.Errorf("%w: %s", errEnded, log.String())
	}
	if event == "" {
		return next, 0, nil
	}
	select {
	case r.event <- event:
	case <-ended:
		return 0, 0, fmt.Errorf("it went away: %s", log.String())
	}
	select {
	case a := <-r.answers:
		if a.failed != "" {
			return 0, 0, fmt.Errorf("it failed: %s: %s", a.failed, log.String())
		}
		return next, a.at.Sub(began), nil
	case <-ended:
		return 0, 0, fmt.Errorf("it ended without an answer: %s", log.String())
	}
}

// settle forgets a second question of the function that has ended.
func (r *api) settle() {
	select {
	case <-r.asked:
	default:
	}
}
