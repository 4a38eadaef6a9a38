package zoho

import "crm-connector/pkg/core/crm"

// Link returns where people see a record of Zoho CRM, below the organisation's own address
// (https://crm.zoho.eu/crm/<domain name>, out of GET /org); "" for another system's record and where that address is not known.
func Link(organisation string, id crm.ID) string {
	tab, ok := modules[id.Module]
	if organisation == "" || id.System != crm.Zoho || !ok {
		return ""
	}
	return organisation + "/tab/" + tab + "/" + id.Key
}
