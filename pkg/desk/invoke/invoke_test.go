package invoke

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write what was seen into events/expected")

const root = "../../.."

func cases(t *testing.T) []Case {
	t.Helper()
	all, err := Load(filepath.Join(root, "events"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryEventDoesWhatIsExpectedOfIt(t *testing.T) {
	dir := filepath.Join(root, "events")
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			seen, err := InProcess(t.Context(), dir, c)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := c.Save(dir, seen); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, d := range Compare(c.Expected, seen) {
				t.Error(d)
			}
		})
	}
}

func TestEveryFunctionHasAnEvent(t *testing.T) {
	folders, err := os.ReadDir(filepath.Join(root, "functions"))
	if err != nil {
		t.Fatal(err)
	}
	all := cases(t)
	var functions []string
	for _, f := range folders {
		functions = append(functions, f.Name())
		if !slices.ContainsFunc(all, func(c Case) bool { return c.Function == f.Name() }) {
			t.Errorf("%s has no event", f.Name())
		}
	}
	for _, c := range all {
		if !slices.Contains(functions, c.Function) {
			t.Errorf("%s.json: there is no function %s", c.Name, c.Function)
		}
	}
}
