package invoke

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/local"
	"crm-connector/pkg/desk/sandbox"
)

// Docker runs cases through the SAM CLI, one after the other, on a desk of its own.
type Docker struct {
	root, sam, env string // of the checkout; the program; the file of the functions' environment
	desk           *local.Desk
	temp           string
}

// NewDocker opens a desk on free ports for a checkout in which `sam build` has run and .ci/tools has installed the SAM CLI and
// the emulator.
func NewDocker(ctx context.Context, root string) (d *Docker, err error) {
	tools := filepath.Join(root, ".tools")
	d = &Docker{root: root, sam: filepath.Join(tools, "sam", "bin", "sam")}
	if _, err := os.Stat(d.sam); err != nil {
		return nil, fmt.Errorf("the SAM CLI is not installed: run .ci/tools sam (%w)", err)
	}
	if _, err := os.Stat(filepath.Join(root, ".aws-sam", "build", "template.yaml")); err != nil {
		return nil, fmt.Errorf("nothing is built: run make build (%w)", err)
	}
	env, err := local.ReadEnv(filepath.Join(root, "events", "env.json"))
	if err != nil {
		return nil, err
	}
	ports, err := local.FreePorts(ctx)
	if err != nil {
		return nil, err
	}
	if env, err = env.Move(ports); err != nil {
		return nil, err
	}
	if d.temp, err = os.MkdirTemp("", "crm-connector-invoke-"); err != nil {
		return nil, err
	}
	d.env = filepath.Join(d.temp, "env.json")
	if err := env.Write(d.env); err != nil {
		return nil, errors.Join(err, os.RemoveAll(d.temp))
	}
	if d.desk, err = local.Open(ctx, tools, env); err != nil {
		return nil, errors.Join(err, os.RemoveAll(d.temp))
	}
	return d, nil
}

// Close ends the desk.
func (d *Docker) Close() error {
	d.desk.Close()
	return os.RemoveAll(d.temp)
}

// Invoke handles the event of a case in a container. What the function logged is written to log.
func (d *Docker) Invoke(ctx context.Context, c Case, log io.Writer) (Outcome, error) {
	w, err := NewWorld(ctx, filepath.Join(d.root, "events"), c.Expected, time.Now())
	if err != nil {
		return Outcome{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := w.Publish(ctx, d.desk, c.Expected.Without); err != nil {
		return Outcome{}, err
	}
	event, err := Signed(c.Event, time.Now())
	if err != nil {
		return Outcome{}, err
	}
	file := filepath.Join(d.temp, c.Name+".json")
	if err := os.WriteFile(file, event, 0o600); err != nil {
		return Outcome{}, err
	}
	answer, err := d.run(ctx, c.Function, file, log)
	if err != nil {
		return Outcome{}, err
	}
	after, err := w.lookInto(ctx, d.desk)
	if err != nil {
		return Outcome{}, err
	}
	effect, err := after.Since(w.before)
	return Outcome{Answer: answer, Effect: effect}, err
}

// run calls the SAM CLI, which prints the answer on its standard output and the logs on the other, and ends with 0 whatever
// became of the function: only the answer tells.
func (d *Docker) run(ctx context.Context, function, event string, log io.Writer) (json.RawMessage, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, d.sam, "local", "invoke", function, "-e", event, "--env-vars", d.env)
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.root, &out, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it removes its container
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = d.environment()
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("sam local invoke: %w", err)
	}
	answer := bytes.TrimSpace(out.Bytes())
	if !json.Valid(answer) {
		return nil, fmt.Errorf("sam local invoke printed no answer: %q (a function that runs out of time answers nothing)", answer)
	}
	var failed struct {
		Message *string `json:"errorMessage"`
	}
	if json.Unmarshal(answer, &failed) == nil && failed.Message != nil { // beside it the runtime tells a type of Go
		return json.Marshal(map[string]string{"errorMessage": *failed.Message})
	}
	return answer, nil
}

// environment is that of the SAM CLI: this process's, but for the way to AWS, which leads to the emulator.
func (d *Docker) environment() []string {
	return append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "AWS_") }),
		"SAM_CLI_TELEMETRY=0", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL="+d.desk.URL())
}

// Publish puts the world onto a desk: its CRMs to be called, its tables into the emulator. From then on until the context ends the
// world's clock is the wall's.
func (w *World) Publish(ctx context.Context, desk *local.Desk, without []string) error {
	secrets := Secrets()
	for _, name := range without {
		delete(secrets, name)
	}
	if err := desk.Reset(ctx, secrets); err != nil {
		return err
	}
	tables := desk.Tables(ctx, time.Now)
	for name, rows := range w.Tables {
		if err := copyRows(ctx, tables[name], rows); err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
	}
	w.before.mails, w.before.queues = nil, nil // neither is taken along
	desk.HubSpot.Set(w.HubSpot)
	desk.Zoho.Set(w.Zoho)
	desk.Refresh.Set(w.refresher(tables[sandbox.Tokens]))
	go w.keepPace(ctx)
	return nil
}

// copyRows writes the rows of a table in memory into an empty one.
func copyRows(ctx context.Context, to local.Table, from *memory.Rows) error {
	for some := range slices.Chunk(slices.Collect(puts(from)), row.MaxPuts/4) {
		if err := to.Put(ctx, some...); err != nil {
			return err
		}
	}
	return nil
}

func puts(from *memory.Rows) iter.Seq[row.Put] {
	return func(yield func(row.Put) bool) {
		for r := range from.All("") {
			if !yield(row.Put{Key: r.Key, Value: r.Value, Expires: r.Expires}) {
				return
			}
		}
	}
}

// keepPace lets the clock of the world go with the wall's.
func (w *World) keepPace(ctx context.Context) {
	const step = 20 * time.Millisecond
	for sandbox.Sleep(ctx, step) {
		if behind := time.Until(w.Clock.Now()); behind < 0 {
			w.Clock.Advance(-behind)
		}
	}
}

// refresher answers invocations of refreshZohoToken with the handler that suite wires, over the given table.
func (w *World) refresher(tokens sandbox.Store) http.Handler {
	handle := w.tokenFunctions(tokens, time.Now, sandbox.Sleep)["refreshZohoToken"]
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
		if err == nil {
			event, err = handle.Invoke(r.Context(), event)
		}
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(event) // the emulator is on this machine, and asks again when nothing comes
	})
}

// lookInto takes a snapshot of the world and of the emulator.
func (w *World) lookInto(ctx context.Context, desk *local.Desk) (Snapshot, error) {
	p := Places{Tables: map[string]Store{}}
	tables := desk.Tables(ctx, time.Now)
	for name, t := range tables {
		p.Tables[name] = t
	}
	var err error
	if p.Queues, err = desk.Messages(ctx); err != nil {
		return Snapshot{}, err
	}
	if p.Mails, err = desk.Mails(ctx); err != nil {
		return Snapshot{}, err
	}
	s, err := w.LookAt(ctx, p)
	for _, t := range tables {
		err = errors.Join(err, t.Err())
	}
	return s, err
}
