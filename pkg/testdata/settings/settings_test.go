// This test is laid over each folder of functions/ by the test of the template. It starts the function with the environments
// that the template gives it in several stacks, and writes down which settings it asked for in any of them, and where it did not start.
package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/awsenv/awstest"
)

func TestSettings(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	here, name := os.Getenv("TEMPLATE_SETTINGS"), filepath.Base(dir)
	in, err := os.ReadFile(filepath.Join(here, name+".given.json"))
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]map[string]string{}
	if err := json.Unmarshal(in, &given); err != nil {
		t.Fatal(err)
	}
	read, faults := map[string]bool{}, []string{}
	for _, stack := range slices.Sorted(maps.Keys(given)) {
		environment := given[stack]
		maps.Copy(environment, awstest.Refused(t)) // none makes a call before its first event
		_, err := build(t.Context(), func(setting string) string {
			read[setting] = true
			return environment[setting]
		})
		if err != nil {
			faults = append(faults, stack+": "+err.Error())
		}
	}
	out, err := json.Marshal(map[string]any{"read": slices.Sorted(maps.Keys(read)), "fault": strings.Join(faults, "; ")})
	if err := cmp.Or(err, os.WriteFile(filepath.Join(here, name+".read.json"), out, 0o600)); err != nil {
		t.Fatal(err)
	}
}
