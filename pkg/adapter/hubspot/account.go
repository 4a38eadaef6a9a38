package hubspot

import (
	"context"
	"strings"
)

// Account is the account whose token this is.
type Account struct {
	PortalID string
	UI       string // host of its pages: app-eu1.hubspot.com
	TimeZone string
	Currency string // ISO 4217, of the company
}

// Account returns the account (GET /account-info/{version}/details; every token may read it).
func (c *Client) Account(ctx context.Context) (Account, error) {
	var a struct {
		Portal   text   `json:"portalId"`
		UI       string `json:"uiDomain"`
		Zone     string `json:"timeZone"`
		Currency string `json:"companyCurrency"`
	}
	err := c.get(ctx, "hubspot.Account", "/account-info/"+Version+"/details", nil, &a)
	return Account{PortalID: string(a.Portal), UI: a.UI, TimeZone: a.Zone, Currency: a.Currency}, err
}

// Owners reads the users of the account, and is an error where the token may not (scope crm.objects.owners.read).
func (c *Client) Owners(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loadOwners(ctx)
}

// Scopes are what the token of the suite must be allowed. Communications and tasks need no more than contacts do; the one that
// writes a schema is for the property that connector setup whatsapp makes. It is asked for from the start: an app of static
// authentication is installed anew, with a new token, for every scope that is added later (https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes).
func Scopes() []string {
	return strings.Fields(`oauth crm.objects.contacts.read crm.objects.contacts.write crm.objects.companies.read crm.objects.companies.write
		crm.objects.owners.read crm.schemas.contacts.read crm.schemas.contacts.write crm.schemas.companies.read`)
}
