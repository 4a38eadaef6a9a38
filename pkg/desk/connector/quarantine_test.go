package connector

import (
	"encoding/json"
	"testing"
	"time"

	"crm-connector/pkg/desk/sandbox"
	"crm-connector/pkg/flow/webhook"
)

// quarantine puts a delivery that nobody could read where the door would.
func (b *bench) quarantine(source, body string) {
	b.t.Helper()
	q := &webhook.Quarantine{Store: b.Tables[sandbox.Quarantine], Now: b.Clock.Now}
	b.must(q.Keep(b.t.Context(), source, "an array is not closed", []byte(body)))
}

// quarantined are the deliveries that lie there.
func (b *bench) quarantined() []keptRow {
	b.t.Helper()
	var out struct{ Quarantine []keptRow }
	b.must(json.Unmarshal([]byte(b.want(ExitOK, "quarantine", "list", "--json")), &out))
	return out.Quarantine
}

func TestDeliveriesInQuarantineAreListedShownAndDropped(t *testing.T) {
	b := stage(t)
	has(t, b.want(ExitOK, "quarantine"), "nothing is in quarantine")
	b.quarantine("zoho", `{"ids":["1"],"name":"Anna Rossi"`)
	b.Clock.Advance(time.Minute)
	b.quarantine("hubspot", `[{"objectId":1,`)
	out := b.want(ExitOK, "quarantine", "list")
	golden(t, "quarantine.txt", out)
	hasNot(t, out, "Anna")
	all := b.quarantined()
	if len(all) != 2 || all[0].Source != "zoho" || all[0].Bytes != 32 || all[0].Body != "" {
		t.Fatalf("%+v", all)
	}
	b.unchanged("show", func() {
		out = b.want(ExitOK, "quarantine", "show", all[0].ID)
		has(t, out, "zoho, received 2026-11-23T08:", "32 bytes: an array is not closed", "--personal-data prints it")
		hasNot(t, out+b.want(ExitOK, "quarantine", "show", all[0].ID, "--json"), "Anna")
		has(t, b.want(ExitOK, "quarantine", "show", all[0].ID, "--personal-data"), `{"ids":["1"],"name":"Anna Rossi"`)
		has(t, b.want(ExitOK, "quarantine", "show", all[0].ID, "--personal-data", "--json"), "Anna Rossi")
		has(t, b.want(ExitFinding, "quarantine", "show", "nobody"), "no delivery in quarantine has the id nobody")
		has(t, b.want(ExitFinding, "quarantine", "drop", all[0].ID, "nobody"), "no delivery in quarantine has the id nobody")
		has(t, b.want(ExitUsage, "quarantine", "drop"), "say which: ids, or --all")
		has(t, b.want(ExitOK, "quarantine", "drop", "--all", "--plan"), "plan   erased the delivery "+all[0].ID+" of zoho from quarantine", "of hubspot")
	})
	has(t, b.want(ExitOK, "quarantine", "drop", all[0].ID), "done   erased the delivery "+all[0].ID)
	if left := b.quarantined(); len(left) != 1 || left[0].Source != "hubspot" {
		t.Errorf("%+v", left)
	}
	has(t, b.want(ExitOK, "quarantine", "drop", "--all"), "done   erased the delivery ")
	has(t, b.want(ExitOK, "quarantine", "drop", "--all"), "as is  nothing is in quarantine")
	if rows, err := b.Tables[sandbox.Quarantine].List(t.Context(), "Q#hubspot", "", "", 0); err != nil || len(rows) != 0 {
		t.Errorf("%d rows are left, %v", len(rows), err)
	}
}
