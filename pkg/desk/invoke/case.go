// Package invoke runs the events of events/ and holds what they do to what they are expected to do: in this process
// through the handlers that suite wires, or through the programs that are built, in Docker by the SAM CLI or as processes by
// Lambda's Runtime API, against an emulator of AWS. All ways share the world that an event finds, the words for its effect,
// and the comparison.
//
// It knows no function by more than its name and the shape of its event; what is right is said by events/expected.
package invoke

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Case is one event and what is expected of it.
type Case struct {
	Name     string // <function>.<case>, the name of both files without .json
	Function string // the folder below functions/, and the logical id
	Event    []byte // as the file has it, placeholders included
	Expected Expected
}

// Expected is events/expected/<function>.<case>.json.
type Expected struct {
	Says    string          `json:"says"`              // what the case shows, one sentence
	Before  []Step          `json:"before,omitempty"`  // what happens to the world before the event
	Without []string        `json:"without,omitempty"` // secrets that the stack lacks
	Answer  json.RawMessage `json:"answer"`            // of the function; "*" stands for any text
	Effect  Effect          `json:"effect"`            // all that is different afterwards
}

// expectedFolder is where the expectations lie, below the events.
const expectedFolder = "expected"

// notEvents are the files of events/ that are no events.
var notEvents = []string{"env.json", "world.json"}

// Load reads the cases of a folder, by name. An event without an expectation is an error, and so is the reverse.
func Load(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []Case
	for _, f := range files {
		if slices.Contains(notEvents, filepath.Base(f)) {
			continue
		}
		c, err := load(dir, strings.TrimSuffix(filepath.Base(f), ".json"))
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	told, err := filepath.Glob(filepath.Join(dir, expectedFolder, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, f := range told {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		if !slices.ContainsFunc(out, func(c Case) bool { return c.Name == name }) {
			return nil, fmt.Errorf("%s: there is no event %s.json", f, name)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no event in %s", dir)
	}
	return out, nil
}

func load(dir, name string) (Case, error) {
	c := Case{Name: name}
	function, scene, ok := strings.Cut(name, ".")
	if !ok || scene == "" {
		return c, fmt.Errorf("%s.json: an event is called <function>.<case>.json", name)
	}
	c.Function = function
	var err error
	if c.Event, err = os.ReadFile(filepath.Join(dir, name+".json")); err != nil {
		return c, err
	}
	if !json.Valid(c.Event) {
		return c, fmt.Errorf("%s.json is not JSON", name)
	}
	text, err := os.ReadFile(c.path(dir))
	if err != nil {
		return c, fmt.Errorf("%s.json has no expectation: %w", name, err)
	}
	if err := strict(text, &c.Expected); err != nil {
		return c, fmt.Errorf("%s: %w", c.path(dir), err)
	}
	if c.Expected.Says == "" || len(c.Expected.Answer) == 0 {
		return c, fmt.Errorf("%s: says and answer are needed", c.path(dir))
	}
	return c, nil
}

func (c Case) path(dir string) string { return filepath.Join(dir, expectedFolder, c.Name+".json") }

// strict reads JSON that has no key beyond those of v.
func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// Save writes the expectation of a case, with what was seen in the place of answer and effect.
func (c Case) Save(dir string, seen Outcome) error {
	e := c.Expected
	if diff := Compare(e, seen); len(diff) == 0 {
		return nil // a "*" stays
	}
	e.Answer, e.Effect = seen.Answer, seen.Effect
	var text bytes.Buffer
	w := json.NewEncoder(&text)
	w.SetEscapeHTML(false)
	w.SetIndent("", "  ")
	if err := w.Encode(e); err != nil {
		return err
	}
	return os.WriteFile(c.path(dir), text.Bytes(), 0o644)
}
