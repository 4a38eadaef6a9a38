package pair_test

import (
	"fmt"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
)

// A write that was begun, was not answered, and turned out to have landed.
func Example() {
	hasher := pair.Hasher{Key: crm.NewSecret("of the stack"), KeyID: 1}
	city := pair.SlotOf("city", "city", "Mailing_City")
	sent := hasher.Raw(crm.Zoho, "city", crm.Text("Roma"))
	at := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

	var p pair.Pair
	p.Begin(pair.Unfinished{System: crm.Zoho, Slot: city, Hash: sent, At: at})

	shows := hasher.Raw(crm.Zoho, "city", crm.Text("Roma"))
	fmt.Println("ours:", p.Wrote(crm.Zoho, city, shows))
	p.Answered(crm.Zoho, at)
	fmt.Println("unfinished:", p.Open(city))
	// Output:
	// ours: true
	// unfinished: false
}
