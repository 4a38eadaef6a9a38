package zoho

import (
	"context"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/fault"
)

// Organisation is how the organisation counts money.
type Organisation struct {
	Currency string // ISO 4217, of amounts where a record has none of its own; "" where Zoho does not tell it
	Several  bool   // each record has a currency of its own, which may be another one
}

// Organisation returns the organisation whose token this is (GET /org, scope ZohoCRM.org.READ;
// https://www.zoho.com/crm/developer/docs/api/v8/get-org-data.html).
func (c *Client) Organisation(ctx context.Context) (Organisation, error) {
	var a struct {
		Org []struct {
			Currency string `json:"iso_code"`
			Several  bool   `json:"mc_status"`
		} `json:"org"`
	}
	const op = "zoho.Organisation"
	if _, err := c.read(ctx, rest.Call{Op: op, Path: "/org"}, &a); err != nil {
		return Organisation{}, err
	}
	if len(a.Org) != 1 {
		return Organisation{}, &fault.Error{Op: op, Kind: fault.Setup, Code: "NO_ORGANISATION"}
	}
	return Organisation{Currency: a.Org[0].Currency, Several: a.Org[0].Several}, nil
}
