package merge_test

import (
	"fmt"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/merge"
)

// Both sides were edited since they were last in step, HubSpot ten seconds after Zoho.
func Example() {
	at := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	d := merge.Decide(merge.Field{
		Name: "city", Policy: crm.Newest, BaseKnown: true, Timed: true,
		HubSpot: merge.Side{Value: crm.Text("Roma"), Changed: true, At: at.Add(10 * time.Second)},
		Zoho:    merge.Side{Value: crm.Text("Milano"), Changed: true, At: at},
	})
	fmt.Println(d.Field, d.Rule, d.Action == merge.ToZoho, d.Value.Text())
	// Output: city later true Roma
}
