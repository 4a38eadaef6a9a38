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
	"strconv"
	"syscall"
	"time"

	"crm-connector/pkg/adapter/storetest"
)

const loopback = "127.0.0.1"

// patience is how long an oracle may take to answer for the first time, and to end.
const patience = 30 * time.Second

// server is an oracle that runs. Its log stays in home until it is stopped.
type server struct {
	storetest.Oracle
	cmd  *exec.Cmd
	home string
	done chan error
}

// program is how an oracle is started in a folder of its own.
type program struct {
	name, tool string // the oracle, and what .ci/tools calls it
	health     string // a path that answers
	command    func(ctx context.Context, tools, home string, port int) (*exec.Cmd, error)
}

var programs = []program{
	{storetest.MiniStack, "ministack", "/_ministack/health", miniStack},
	{storetest.ElasticMQ, "elasticmq", "/", elasticMQ},
}

// miniStack has an environment of its own, which the functions that it runs inherit.
func miniStack(ctx context.Context, tools, home string, port int) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(tools, "ministack", "bin", "ministack"))
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "BIND_HOST=" + loopback, "GATEWAY_PORT=" + strconv.Itoa(port), "IOT_MTLS_ENABLED=0",
	}
	return cmd, nil
}

// elasticMQ holds to the limits of SQS.
func elasticMQ(ctx context.Context, tools, home string, port int) (*exec.Cmd, error) {
	settings := fmt.Sprintf(`include classpath("application.conf")
node-address { protocol = http, host = %q, port = %d, context-path = "" }
rest-sqs { bind-hostname = %q, bind-port = %d, sqs-limits = strict }
rest-stats { enabled = false }
`, loopback, port, loopback, port)
	file := filepath.Join(home, "elasticmq.conf")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, "java", "-Xmx256m", "-Dconfig.file="+file, "-cp", filepath.Join(tools, "elasticmq", "*"), "org.elasticmq.server.Main"), nil
}

// start runs the program on a free port and waits until it answers.
func (p program) start(ctx context.Context, tools string) (*server, error) {
	if _, err := os.Stat(filepath.Join(tools, p.tool)); err != nil {
		return nil, fmt.Errorf("%s is not installed: run .ci/tools %s", p.name, p.tool)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "crm-connector-suites-")
	if err != nil {
		return nil, err
	}
	cmd, err := p.command(context.WithoutCancel(ctx), tools, home, port)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(home, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is ours to pass on
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", p.name, err)
	}
	s := &server{
		Oracle: storetest.Oracle{Name: p.name, Endpoint: fmt.Sprintf("http://%s:%d", loopback, port)}, cmd: cmd, home: home, done: make(chan error, 1),
	}
	go func() { s.done <- cmd.Wait() }()
	if err := s.ready(ctx, p.health); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (s *server) ready(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+path, http.NoBody)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			return res.Body.Close()
		}
		select {
		case err := <-s.done:
			s.done <- err
			return fmt.Errorf("%s ended at once (%w): %s", s.Name, err, s.said())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer after %s: %s", s.Name, patience, s.said())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// said returns the end of what the server logged.
func (s *server) said() string {
	text, err := os.ReadFile(filepath.Join(s.home, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// stop ends the process that start started.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // one that has ended already is no error
	select {
	case <-s.done:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	return os.RemoveAll(s.home)
}
