package crm

import "time"

// Access is what lets a call into a CRM for a while.
type Access struct {
	Token   Secret
	Version int64     // rises by one with every token; 0 for a token that is given once and for all
	Expires time.Time // when the system stops taking it; zero when nobody knows
	Base    string    // where the token is to be used: scheme and host, no trailing slash (Zoho: api_domain)
}
