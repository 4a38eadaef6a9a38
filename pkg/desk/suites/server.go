package suites

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"crm-connector/pkg/adapter/storetest"
	"crm-connector/pkg/desk/local"
)

const loopback = "127.0.0.1"

// patience is how long ElasticMQ may take to answer for the first time, and to end.
const patience = 30 * time.Second

// oracle is one that runs, and what stops it.
type oracle struct {
	storetest.Oracle
	stop func() error
}

// starters start the oracles out of the folder of tools, each on a free port.
var starters = []func(ctx context.Context, tools string) (oracle, error){miniStack, elasticMQ}

func miniStack(ctx context.Context, tools string) (oracle, error) {
	e, err := local.StartEmulator(ctx, tools, local.EmulatorOptions{})
	if err != nil {
		return oracle{}, err
	}
	return oracle{storetest.Oracle{Name: storetest.MiniStack, Endpoint: e.URL()}, func() error { e.Stop(); return nil }}, nil
}

// elasticMQ holds to the limits of SQS.
func elasticMQ(ctx context.Context, tools string) (oracle, error) {
	if _, err := os.Stat(filepath.Join(tools, "elasticmq")); err != nil {
		return oracle{}, fmt.Errorf("%s is not installed: run .ci/tools elasticmq (%w)", storetest.ElasticMQ, err)
	}
	port, err := freePort()
	if err != nil {
		return oracle{}, err
	}
	home, err := os.MkdirTemp("", "crm-connector-suites-")
	if err != nil {
		return oracle{}, err
	}
	settings := fmt.Sprintf(`include classpath("application.conf")
node-address { protocol = http, host = %q, port = %d, context-path = "" }
rest-sqs { bind-hostname = %q, bind-port = %d, sqs-limits = strict }
rest-stats { enabled = false }
`, loopback, port, loopback, port)
	file := filepath.Join(home, "elasticmq.conf")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return oracle{}, errors.Join(err, os.RemoveAll(home))
	}
	s := &server{
		url: fmt.Sprintf("http://%s:%d", loopback, port), home: home, done: make(chan error, 1),
		cmd: exec.CommandContext(context.WithoutCancel(ctx), "java", "-Xmx256m", "-Dconfig.file="+file, "-cp", filepath.Join(tools, "elasticmq", "*"), "org.elasticmq.server.Main"),
	}
	if err := s.start(ctx); err != nil {
		return oracle{}, fmt.Errorf("%s: %w", storetest.ElasticMQ, errors.Join(err, os.RemoveAll(home)))
	}
	return oracle{storetest.Oracle{Name: storetest.ElasticMQ, Endpoint: s.url}, s.stop}, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// server is a program that answers at an address. Its log stays in home until it is stopped.
type server struct {
	url, home string
	cmd       *exec.Cmd
	done      chan error
}

// start runs the program and waits until it answers.
func (s *server) start(ctx context.Context) error {
	log, err := os.Create(filepath.Join(s.home, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is ours to pass on
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() { s.done <- s.cmd.Wait() }()
	if err := s.ready(ctx); err != nil {
		return errors.Join(err, s.stop())
	}
	return nil
}

func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			return res.Body.Close()
		}
		select {
		case err := <-s.done:
			s.done <- err
			return fmt.Errorf("it ended at once (%w): %s", err, s.said())
		case <-ctx.Done():
			return fmt.Errorf("it does not answer after %s: %s", patience, s.said())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// said returns the end of what the program logged.
func (s *server) said() string {
	text, err := os.ReadFile(filepath.Join(s.home, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// stop ends the program.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // one that has ended already is no error
	select {
	case <-s.done: //nolint:errcheck // it was told to end: with which status is nobody's news
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.done //nolint:errcheck // likewise
	}
	return os.RemoveAll(s.home)
}
