// This test is laid over each folder of functions/ by the test of the template. It starts the function with the environment
// that the template gives it, and writes down which settings it asked for.
package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
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
	given := map[string]string{}
	if err := json.Unmarshal(in, &given); err != nil {
		t.Fatal(err)
	}
	aws, _ := awstest.Serve(t, func(call, body string) (int, string) {
		if call != "AmazonSSM.GetParameters" {
			return http.StatusBadRequest, `{"__type":"ValidationException"}`
		}
		return http.StatusOK, stored(t, body)
	})
	maps.Copy(given, aws)
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

// stored answers every secret that is asked for with one that is long enough to be a key.
func stored(t *testing.T, body string) string {
	var in struct{ Names []string }
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		t.Fatal(err)
	}
	var out struct{ Parameters []map[string]string }
	for _, name := range in.Names {
		out.Parameters = append(out.Parameters, map[string]string{"Name": name, "Value": strings.Repeat("0", 64)})
	}
	answer, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
