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

	"crm-connector/pkg/adapter/awsenv"
)

// Region is the region of the emulator, as samconfig.toml has it for `sam local`.
const Region = "us-east-1"

// patience is how long the emulator may take to answer for the first time, and to end.
const patience = 20 * time.Second

// Emulator is a running MiniStack.
type Emulator struct {
	url  string
	cmd  *exec.Cmd
	done chan error
}

// EmulatorOptions say how an emulator runs. None is required.
type EmulatorOptions struct {
	Port int    // of the loopback interface; 0 takes a free one
	Home string // a folder that is there, for its log (in the file log) and its files; "" takes a temporary one, which ends with it
	Keep bool   // what is in it lies below Home when it is stopped, and is there again when it is started with the same Home
	Auth bool   // it holds callers to the policies of their roles
}

// StartEmulator runs the program of .tools/ministack, with an environment of its own: functions that it runs inherit it.
func StartEmulator(ctx context.Context, tools string, o EmulatorOptions) (*Emulator, error) {
	bin := filepath.Join(tools, "ministack", "bin", "ministack")
	if _, err := os.Stat(bin); err != nil {
		return nil, fmt.Errorf("the emulator is not installed: run .ci/tools ministack (%w)", err)
	}
	var err error
	if o.Port, err = free(ctx, "the emulator", o.Port); err != nil { // or another one would answer in its place
		return nil, err
	}
	home, tidy := o.Home, func() error { return nil }
	if home == "" {
		if home, err = os.MkdirTemp("", "crm-connector-emulator-"); err != nil {
			return nil, err
		}
		tidy = func() error { return os.RemoveAll(home) }
	}
	file := filepath.Join(home, "log")
	log, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, errors.Join(err, tidy())
	}
	defer log.Close()
	e := &Emulator{url: "http://" + at(loopback, o.Port), done: make(chan error, 1)}
	e.cmd = exec.CommandContext(context.WithoutCancel(ctx), bin)
	e.cmd.Env = o.environment(home)
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is ours to pass on
	if err := e.cmd.Start(); err != nil {
		return nil, errors.Join(err, tidy())
	}
	go func() { e.done <- errors.Join(e.cmd.Wait(), tidy()) }()
	if err := e.ready(ctx, file); err != nil {
		e.Stop()
		return nil, err
	}
	return e, nil
}

func (o EmulatorOptions) environment(home string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "BIND_HOST=" + loopback, "GATEWAY_PORT=" + strconv.Itoa(o.Port),
		"IOT_MTLS_ENABLED=0", "AWS_LAMBDA_LOG_FORMAT=JSON", "MINISTACK_REGION=" + Region}
	if o.Keep {
		env = append(env, "PERSIST_STATE=1", "S3_PERSIST=1", "STATE_DIR="+filepath.Join(home, "state"), "S3_DATA_DIR="+filepath.Join(home, "s3"))
	}
	if o.Auth {
		env = append(env, "AUTH=true")
	}
	return env
}

// URL is where this machine reaches the emulator.
func (e *Emulator) URL() string { return e.url }

func (e *Emulator) ready(ctx context.Context, log string) error {
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

// Stop ends the process that StartEmulator started.
func (e *Emulator) Stop() {
	_ = e.cmd.Process.Signal(syscall.SIGTERM) // one that has ended already is no error
	select {
	case <-e.done: //nolint:errcheck // it was told to end: with which status is nobody's news
	case <-time.After(patience):
		_ = e.cmd.Process.Kill()
		<-e.done //nolint:errcheck // likewise
	}
}

// ask calls one of the emulator's own endpoints.
func (e *Emulator) ask(ctx context.Context, method, path string) ([]byte, error) {
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

func (e *Emulator) read(ctx context.Context, path string, into any) error {
	body, err := e.ask(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// Config returns how a client of the SDK reaches the emulator. It takes any credentials.
func (e *Emulator) Config() aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: &e.url, HTTPClient: awsenv.HTTPClient(time.Minute),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test", Source: "emulator"}, nil
		}),
	}
}
