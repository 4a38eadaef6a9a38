package invoke

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"crm-connector/pkg/desk/bootstrap"
	"crm-connector/pkg/desk/local"
)

// programs run functions as processes on this machine.
type programs struct {
	root string // of the checkout
	env  []string
	api  *bootstrap.API
}

func newPrograms(s *stage) (*programs, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("functions are programs for Linux, and this is %s", runtime.GOOS)
	}
	root, err := filepath.Abs(s.root)
	if err != nil {
		return nil, err
	}
	api, err := bootstrap.Listen()
	if err != nil {
		return nil, err
	}
	p := &programs{root: root, api: api, env: []string{
		"AWS_REGION=" + local.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", // what Lambda gives every function
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "_HANDLER=bootstrap",
	}}
	for name, value := range s.env {
		p.env = append(p.env, name+"="+value)
	}
	return p, nil
}

// Close ends the Runtime API.
func (p *programs) Close() error { return p.api.Close() }

// Invoke starts the function anew, as the SAM CLI does.
func (p *programs) Invoke(ctx context.Context, function string, event []byte, log io.Writer) (json.RawMessage, error) {
	s, err := p.api.Start(ctx, filepath.Join(p.root, built, function, "bootstrap"), append(p.env[:len(p.env):len(p.env)], "AWS_LAMBDA_FUNCTION_NAME="+function), string(event))
	_, _ = io.WriteString(log, s.Log)
	if err != nil {
		return nil, err
	}
	if !json.Valid(s.Answer) {
		return nil, fmt.Errorf("%s answers what is no JSON: %q", function, s.Answer)
	}
	return plain(s.Answer)
}
