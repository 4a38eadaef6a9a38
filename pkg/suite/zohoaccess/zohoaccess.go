// Package zohoaccess is how a function that calls Zoho CRM in AWS comes by its access token. It wires no handler, and it
// reaches neither the mapping nor the numbering plans of the world, so that who only needs a token starts without them.
package zohoaccess

import (
	"time"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/invoke"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/zohotoken"
	"crm-connector/pkg/suite/cloud"
)

// Open returns where Zoho's token is to be had: a given one is used as it is, any other is getZohoToken's. Functions that
// start together ask for the next one between two and five minutes before its end: random gives numbers from 0 up to below n.
func Open(c *cloud.Cloud, zo settings.Zoho, random func(n int64) int64) zoho.Tokens {
	if !zo.AccessToken.IsZero() {
		return zohotoken.Fixed{Access: crm.Access{Token: zo.AccessToken, Base: c.NeedURL("ZOHO_API_URL")}}
	}
	early := 2*time.Minute + time.Duration(random(int64(3*time.Minute)))
	return &zohotoken.Source{Vendor: invoke.New(c.Caller(awsenv.Lambda), c.Need("GET_ZOHO_TOKEN_FUNCTION")), Now: c.Now, Early: early}
}
