package mapping_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/core/canon"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
)

// The vectors are what the suite takes a phone number for, written down: the canonical form of the fields, the key by which
// two numbers are one line, and the digits under which that line may be found.
func TestPhonesAreReadAsTheVectorsSay(t *testing.T) {
	text, err := os.ReadFile("testdata/phone.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Input     string   `json:"input"`
			Region    string   `json:"default_region"`
			E164      string   `json:"e164"`
			Extension string   `json:"extension"`
			Key       string   `json:"canonical_key"`
			LookUp    []string `json:"lookup_candidates_digits"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		t.Run(v.Input+" in "+v.Region, func(t *testing.T) {
			m, err := mapping.Default().With(mapping.Options{PhoneRegion: v.Region})
			if err != nil {
				t.Fatal(err)
			}
			got, err := fieldOf(t, m, crm.Contact, "phone").Canon(crm.HubSpot, crm.Text(v.Input))
			want := v.E164
			if v.Extension != "" {
				want += " ext. " + v.Extension
			}
			if got.Text() != want || (err != nil) != (want == "") {
				t.Fatalf("canonical %q, %v; want %q", got.Text(), err, want)
			}
			if err != nil {
				return
			}
			if key := canon.PhoneKey(want); key != v.Key {
				t.Errorf("key %s, want %s", key, v.Key)
			}
			digits := strings.Split(strings.ReplaceAll(strings.Join(canon.PhoneSpellings(want), ","), "+", ""), ",")
			if !slices.Equal(digits, v.LookUp) {
				t.Errorf("looked up as %v, want %v", digits, v.LookUp)
			}
		})
	}
}
