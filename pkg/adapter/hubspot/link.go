package hubspot

import "crm-connector/pkg/core/crm"

// objectTypes are the numbers of the modules in the addresses of HubSpot's pages
// (https://developers.hubspot.com/docs/guides/crm/understanding-the-crm#object-type-ids).
var objectTypes = map[crm.Module]string{crm.Contacts: "0-1", crm.Companies: "0-2"}

// Link returns where people see a record of HubSpot, below the account's own address
// (https://app-eu1.hubspot.com/contacts/<portal>); "" for another system's record and where that address is not known.
func Link(account string, id crm.ID) string {
	number, ok := objectTypes[id.Module]
	if account == "" || id.System != crm.HubSpot || !ok {
		return ""
	}
	return account + "/record/" + number + "/" + id.Key
}
