package recordsync

import (
	"context"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// crowd is a Zoho in which too many contacts have one address.
type crowd struct {
	zoo
	address string
}

func (z *crowd) Find(_ context.Context, s crm.Search) ([]crm.Record, error) {
	at := slices.IndexFunc(s.Keys, func(k crm.MatchKey) bool { return k.Value == z.address })
	if at < 0 {
		return nil, nil
	}
	return nil, fault.NewUnanswered(&fault.Error{Op: "zoho.Find", Kind: fault.Conflict, Code: "TOO_MANY_ROWS"}, crm.Search{Keys: s.Keys[at : at+1]})
}

func TestAnAddressThatTooManyHaveStopsItsOwnRecordAndNoNeighbour(t *testing.T) {
	z := &crowd{address: "p2@acme.example"}
	s := bench(&hub{}, &z.zoo)
	s.Zoho = z
	for i, o := range s.Sync(t.Context(), created(1, 2, 3)) {
		switch {
		case i == 1 && (o.Ending != fault.GoAgain || fault.KindOf(o.Err) != fault.Conflict || !strings.Contains(o.Err.Error(), "TOO_MANY_ROWS")):
			t.Errorf("the one: %+v", o)
		case i != 1 && (o.Ending != fault.Done || !o.Applied):
			t.Errorf("its neighbour %d: %+v", i, o)
		}
	}
	if len(z.inserts) != 1 || z.inserts[0] != 2 {
		t.Errorf("inserts %v", z.inserts)
	}
}
