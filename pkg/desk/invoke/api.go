package invoke

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// OverHTTP is the case that is also sent to `sam local start-api`: the route, the integration and the function behind them.
const OverHTTP = "webhook.hubspot-creation"

// apiPatience is how long the API may take to listen, and to answer: its first call starts a container.
const apiPatience = time.Minute

// playOverHTTP sends the event of a case as the request that it stands for to `sam local start-api`. What the functions logged
// is written to log. The answer is that of the case, its headers left out: the API adds its own.
func (s *stage) playOverHTTP(ctx context.Context, c Case, log io.Writer) (Outcome, error) {
	through, ok := s.invoke.(*containers)
	if !ok {
		return Outcome{}, errors.New("only the SAM CLI has an API")
	}
	return s.with(ctx, c, func(ctx context.Context) (json.RawMessage, error) {
		base, stop, err := through.startAPI(ctx, log)
		if err != nil {
			return nil, err
		}
		status, body, err := send(ctx, base, c.Event)
		if err := errors.Join(err, stop()); err != nil {
			return nil, err
		}
		return withAnswer(c.Expected.Answer, status, body)
	})
}

// startAPI runs `sam local start-api` and returns its address and what ends it.
func (c *containers) startAPI(ctx context.Context, log io.Writer) (base string, stop func() error, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, c.sam, "local", "start-api", "--port", port, "--env-vars", c.env)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = c.root, log, log, c.environment()
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() > 0 {
			return fmt.Errorf("sam local start-api: %w", err)
		}
		return nil
	}
	for began := time.Now(); time.Since(began) < apiPatience && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), time.Second); err == nil {
			return "http://127.0.0.1:" + port, stop, conn.Close()
		}
	}
	return "", nil, errors.Join(errors.New("sam local start-api does not listen"), stop())
}

// send makes the request of an event of the HTTP API, signed as of now.
func send(ctx context.Context, base string, event []byte) (status int, body string, err error) {
	event, err = Signed(event, time.Now())
	if err != nil {
		return 0, "", err
	}
	var e struct {
		RawPath         string
		Headers         map[string]string
		Body            string
		IsBase64Encoded bool
		RequestContext  struct{ HTTP struct{ Method string } }
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return 0, "", err
	}
	sent := []byte(e.Body)
	if e.IsBase64Encoded {
		if sent, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return 0, "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, apiPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, base+e.RawPath, bytes.NewReader(sent))
	if err != nil {
		return 0, "", err
	}
	for name, value := range e.Headers {
		if !strings.HasPrefix(name, "content-length") && name != "host" { // of this request, not of that one
			req.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(got), err
}

// withAnswer returns an answer of the HTTP API with another status and body.
func withAnswer(answer json.RawMessage, status int, body string) (json.RawMessage, error) {
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(answer, &parts); err != nil {
		return nil, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	parts["statusCode"], parts["body"] = json.RawMessage(strconv.Itoa(status)), text
	return json.Marshal(parts)
}
