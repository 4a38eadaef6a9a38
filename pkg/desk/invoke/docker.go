package invoke

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// containers run functions through the SAM CLI.
type containers struct {
	root, sam, env, aws string // of the checkout; the program; the file of the functions' environment; where the emulator is
	temp                string
}

func newContainers(s *stage) (*containers, error) {
	c := &containers{
		root: s.root, sam: filepath.Join(s.root, ".tools", "sam", "bin", "sam"), env: filepath.Join(s.temp, "env.json"), aws: s.desk.URL(), temp: s.temp,
	}
	if _, err := os.Stat(c.sam); err != nil {
		return nil, fmt.Errorf("the SAM CLI is not installed: run .ci/tools sam (%w)", err)
	}
	return c, s.env.Write(c.env)
}

// Close does nothing: the SAM CLI removes its containers.
func (c *containers) Close() error { return nil }

// Invoke calls the SAM CLI, which prints the answer on its standard output and the logs on the other, and ends with 0 whatever
// became of the function: only the answer tells.
func (c *containers) Invoke(ctx context.Context, function string, event []byte, log io.Writer) (json.RawMessage, error) {
	file := filepath.Join(c.temp, "event.json")
	if err := os.WriteFile(file, event, 0o600); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, c.sam, "local", "invoke", function, "-e", file, "--env-vars", c.env)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.root, &out, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it removes its container
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = c.environment()
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("sam local invoke: %w", err)
	}
	answer := bytes.TrimSpace(out.Bytes())
	if !json.Valid(answer) {
		return nil, fmt.Errorf("sam local invoke printed no answer: %q (a function that runs out of time answers nothing)", answer)
	}
	return plain(answer)
}

// environment is that of the SAM CLI: this process's, but for the way to AWS, which leads to the emulator.
func (c *containers) environment() []string {
	return append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "AWS_") }),
		"SAM_CLI_TELEMETRY=0", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL="+c.aws)
}
