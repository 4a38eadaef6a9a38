package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Region is the region of the emulator, as samconfig.toml has it for `sam local`.
const Region = "us-east-1"

// patience is how long the emulator may take to answer for the first time, and to end.
const patience = 20 * time.Second

// emulator is a running MiniStack.
type emulator struct {
	url  string
	cmd  *exec.Cmd
	done chan error
}

// startEmulator runs the program of .tools/ministack on a port of the loopback interface, with an environment of its own: functions
// that it runs inherit it.
func startEmulator(ctx context.Context, tools string, port int) (*emulator, error) {
	bin := filepath.Join(tools, "ministack", "bin", "ministack")
	if _, err := os.Stat(bin); err != nil {
		return nil, fmt.Errorf("the emulator is not installed: run .ci/tools ministack (%w)", err)
	}
	home, err := os.MkdirTemp("", "crm-connector-emulator-")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(home, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	e := &emulator{url: "http://" + at(loopback, port), done: make(chan error, 1)}
	e.cmd = exec.CommandContext(context.WithoutCancel(ctx), bin)
	e.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "BIND_HOST=" + loopback, "GATEWAY_PORT=" + strconv.Itoa(port),
		"IOT_MTLS_ENABLED=0", "AWS_LAMBDA_LOG_FORMAT=JSON", "MINISTACK_REGION=" + Region}
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is ours to pass on
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { e.done <- errors.Join(e.cmd.Wait(), os.RemoveAll(home)) }()
	if err := e.ready(ctx, filepath.Join(home, "log")); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

func (e *emulator) ready(ctx context.Context, log string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if _, err := e.ask(ctx, http.MethodGet, "/_ministack/health"); err == nil {
			return nil
		}
		select {
		case err := <-e.done:
			e.done <- err
			return fmt.Errorf("the emulator ended at once: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the emulator does not answer at %s; its log: %s", e.url, log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the process that startEmulator started.
func (e *emulator) stop() {
	_ = e.cmd.Process.Signal(syscall.SIGTERM) // one that has ended already is no error
	select {
	case <-e.done:
	case <-time.After(patience):
		_ = e.cmd.Process.Kill()
		<-e.done
	}
}

// ask calls one of the emulator's own endpoints.
func (e *emulator) ask(ctx context.Context, method, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.url+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return body, err
}

func (e *emulator) read(ctx context.Context, path string, into any) error {
	body, err := e.ask(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// config returns how a client of the SDK reaches the emulator. It takes any credentials.
func (e *emulator) config() aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: &e.url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test", Source: "emulator"}, nil
		}),
	}
}
