// This test is laid over each folder of functions/ by the test of the template. It starts the function with the environment
// that the template gives it, and writes down which settings it asked for.
package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
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
	given := map[string]string{}
	if err := json.Unmarshal(in, &given); err != nil {
		t.Fatal(err)
	}
	maps.Copy(given, awstest.Refused(t)) // none makes a call before its first event
	read := map[string]bool{}
	_, failed := build(t.Context(), func(setting string) string {
		read[setting] = true
		return given[setting]
	})
	out, err := json.Marshal(map[string]any{"read": slices.Sorted(maps.Keys(read)), "fault": text(failed)})
	if err := cmp.Or(err, os.WriteFile(filepath.Join(here, name+".read.json"), out, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
