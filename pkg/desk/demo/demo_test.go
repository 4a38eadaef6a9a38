package demo

import (
	"strings"
	"testing"
)

func TestADayOfTwoCRMsEndsAsItMust(t *testing.T) {
	var out strings.Builder
	if err := Run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
