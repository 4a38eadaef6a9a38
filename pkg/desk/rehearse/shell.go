package rehearse

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"crm-connector/pkg/desk/connector"
	"crm-connector/pkg/desk/local"
	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/suite"
)

// tool is the folder of the tools, or of one file in it.
func (s *stage) tool(path ...string) string {
	return filepath.Join(append([]string{s.Root, ".tools"}, path...)...)
}

// command runs a program in the checkout and returns what it printed, which is added to the log of that name too. What it is
// told of AWS is the emulator and nothing else.
func (s *stage) command(ctx context.Context, log string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.Root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // make and bash have children
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "SAM_CLI_TELEMETRY=0", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	if s.emulator != nil {
		for name, value := range s.environment() {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if bad := s.note(log, out.Bytes()); bad != nil {
		return "", bad
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, tail(out.String(), 20))
	}
	return out.String(), nil
}

// environment is how a command finds the emulator.
func (s *stage) environment() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": s.emulator.URL(), "AWS_REGION": local.Region, "AWS_DEFAULT_REGION": local.Region,
		"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey,
	}
}

// note adds to a log.
func (s *stage) note(log string, text []byte) error {
	f, err := os.OpenFile(filepath.Join(s.dir, log+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// said is what a run of connector came to.
type said struct {
	code   int
	answer map[string]json.RawMessage // of --json
	text   string
}

// connector runs the operator's command on the stack with --json, with some more in its environment.
func (s *stage) connector(ctx context.Context, env map[string]string, args ...string) (said, error) {
	all := s.environment()
	for name, value := range env {
		all[name] = value
	}
	var out, errs bytes.Buffer
	code := connector.Run(ctx, connector.World{
		Getenv: func(name string) string { return all[name] }, Stdout: &out, Stderr: &errs, Now: s.Now, Sleep: sandbox.Sleep, NewID: uuid.NewString,
		Random: rand.Reader, HTTP: http.DefaultTransport, Version: suite.Version, Open: connector.Open,
	}, append(args, "--json", "--stack", s.Stack))
	text := fmt.Sprintf("$ connector %s\n%s%s→ %d\n\n", strings.Join(args, " "), out.String(), errs.String(), code)
	if err := s.note("connector", []byte(text)); err != nil {
		return said{}, err
	}
	a := said{code: code, text: tail(text, 40)}
	if err := json.NewDecoder(&out).Decode(&a.answer); err != nil && !errors.Is(err, io.EOF) {
		return a, fmt.Errorf("connector %s: %w\n%s", strings.Join(args, " "), err, a.text)
	}
	return a, nil
}

// does runs connector and expects that it ends well.
func (s *stage) does(ctx context.Context, env map[string]string, args ...string) (said, error) {
	a, err := s.connector(ctx, env, args...)
	if err == nil && a.code != connector.ExitOK {
		err = fmt.Errorf("exit code %d\n%s", a.code, a.text)
	}
	return a, err
}

// read reads a part of the answer.
func (a said) read(name string, into any) error {
	if a.answer[name] == nil {
		return fmt.Errorf("no %s in the answer:\n%s", name, a.text)
	}
	return json.Unmarshal(a.answer[name], into)
}
