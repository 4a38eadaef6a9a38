package mapping_test

import (
	"fmt"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
)

// A salutation that somebody typed in HubSpot, on its way to Zoho.
func Example() {
	m := mapping.Default()
	f, _ := m.Field(crm.Contact, "salutation")

	canonical, err := f.Canon(crm.HubSpot, crm.Text("Sig.ra"))
	if err != nil {
		fmt.Println("held:", err)
		return
	}
	raw, err := f.Raw(crm.Zoho, canonical, crm.Unknown())
	fmt.Println(f.Zoho.Property, raw.Text(), err)

	_, err = f.Canon(crm.HubSpot, crm.Text("Avv."))
	fmt.Println(err)
	// Output:
	// Salutation Mrs. <nil>
	// hubspot.salutation: no option of the mapping has this value
}
