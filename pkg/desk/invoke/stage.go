package invoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"crm-connector/pkg/adapter/memory"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/local"
	"crm-connector/pkg/desk/sandbox"
)

// Runner is a way to the functions as they are built.
type Runner string

// The runners. Docker is the one that counts; Process is for machines that run no containers, and shows neither the image of the
// runtime nor the SAM CLI with the template's environment, but the same programs.
const (
	Docker  Runner = "docker"  // the SAM CLI
	Process Runner = "process" // Lambda's Runtime API, and a process on this machine
)

// stage is a desk of its own on free ports, on which cases are played one after the other.
type stage struct {
	root   string // of the checkout
	env    local.Env
	desk   *local.Desk
	temp   string
	invoke invoker
}

// invoker hands an event to a function and returns what it answers, {"errorMessage": …} where it fails. What the function
// logged is written to log.
type invoker interface {
	Invoke(ctx context.Context, function string, event []byte, log io.Writer) (json.RawMessage, error)
	Close() error
}

// newStage opens a stage for a checkout in which `sam build` has run and .ci/tools has installed what the runner needs.
func newStage(ctx context.Context, root string, r Runner) (s *stage, err error) {
	if _, err := os.Stat(filepath.Join(root, built, "template.yaml")); err != nil {
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
	if r == Process {
		env = env.Here()
	}
	s = &stage{root: root, env: env}
	if s.temp, err = os.MkdirTemp("", "crm-connector-invoke-"); err != nil {
		return nil, err
	}
	if s.desk, err = local.Open(ctx, filepath.Join(root, ".tools"), env, r == Docker); err == nil {
		s.invoke, err = s.invoker(r)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// built is where `sam build` puts the functions, below the root.
var built = filepath.Join(".aws-sam", "build")

func (s *stage) invoker(r Runner) (invoker, error) {
	if r == Process {
		return newPrograms(s)
	}
	return newContainers(s)
}

// Close ends the desk.
func (s *stage) Close() error {
	var err error
	if s.invoke != nil {
		err = s.invoke.Close()
	}
	if s.desk != nil {
		s.desk.Close()
	}
	return errors.Join(err, os.RemoveAll(s.temp))
}

// play hands the event of a case to its function.
func (s *stage) play(ctx context.Context, c Case, log io.Writer) (Outcome, error) {
	return s.with(ctx, c, func(ctx context.Context) (json.RawMessage, error) {
		event, err := Signed(c.Event, time.Now())
		if err != nil {
			return nil, err
		}
		return s.invoke.Invoke(ctx, c.Function, event, log)
	})
}

// with has something done in the world of a case, and looks what came of it.
func (s *stage) with(ctx context.Context, c Case, do func(context.Context) (json.RawMessage, error)) (Outcome, error) {
	w, err := NewWorld(ctx, filepath.Join(s.root, "events"), c.Expected, time.Now())
	if err != nil {
		return Outcome{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := w.Publish(ctx, s.desk, c.Expected.Without); err != nil {
		return Outcome{}, err
	}
	answer, err := do(ctx)
	if err != nil {
		return Outcome{}, err
	}
	after, err := w.lookInto(ctx, s.desk)
	if err != nil {
		return Outcome{}, err
	}
	effect, err := after.Since(w.before)
	return Outcome{Answer: w.steadyAnswer(answer), Effect: effect}, err
}

// plain returns an answer as it is, and of an error its message alone: beside it the runtime tells a type of Go.
func plain(answer []byte) (json.RawMessage, error) {
	var failed struct {
		Message *string `json:"errorMessage"`
	}
	if json.Unmarshal(answer, &failed) == nil && failed.Message != nil {
		return json.Marshal(map[string]string{"errorMessage": *failed.Message})
	}
	return answer, nil
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
	desk.WhatsApp.Set(w.WhatsApp)
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
