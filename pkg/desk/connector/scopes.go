package connector

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// What a token may, and why a CRM refuses.

// scope is a permission, and a call that needs it.
type scope struct {
	name string
	try  func() error
}

// scopes tries each, until one fails for a reason that is none of permissions: the others would for the same. What is refused for one
// reason is one fault, whatever it keeps from working.
func (e *exam) scopes(check string, all []scope) {
	var refused []refusal
	bad := 0
	defer func() {
		for _, r := range refused {
			e.fault(check, r.what(), r.mend())
		}
	}()
	for _, s := range all {
		err := s.try()
		if err == nil {
			continue
		}
		bad++
		switch {
		case fault.KindOf(err) != fault.Setup && !lacksRight(err):
			e.fault(check, fmt.Sprintf("%s: %v", s.name, err), trouble(err))
			return
		case lacksScope(err):
			e.fault(check, "the token may not "+s.name, permission(err))
		default:
			refused = refusedToo(refused, s.name, err)
		}
	}
	if bad == 0 {
		e.ok(check, "%d tried", len(all))
	}
}

// refusal is one reason for which a CRM refuses, which no token mends: what its code says.
type refusal struct {
	err           error // the first one
	code          string
	scopes, words []string
}

// refusedToo adds a refusal to those of the same code.
func refusedToo(all []refusal, scope string, err error) []refusal {
	f, _ := errors.AsType[*fault.Error](err)
	at := slices.IndexFunc(all, func(r refusal) bool { return r.code == f.Code })
	if at < 0 {
		at, all = len(all), append(all, refusal{err: err, code: f.Code})
	}
	r := &all[at]
	r.scopes = append(r.scopes, scope)
	if f.Err != nil && !slices.Contains(r.words, f.Err.Error()) {
		r.words = append(r.words, f.Err.Error())
	}
	return all
}

// what says what is refused, in the CRM's words.
func (r refusal) what() string {
	allow := "allow"
	if len(r.scopes) == 1 {
		allow = "allows"
	}
	out := fmt.Sprintf("what %s %s is refused (%s)", listed(r.scopes), allow, cmp.Or(r.code, "without a code"))
	if r.words != nil {
		out += ": " + listed(r.words)
	}
	return out
}

func (r refusal) mend() string {
	out := permission(r.err) + ", then run connector doctor again"
	if slices.Contains(r.scopes, leadsScope) && len(r.scopes) == 1 {
		out += "; who has nothing to do with leads deploys with Leads=ignore"
	}
	return out
}

// leadsScope is needed by who asks for leads alone, which a setting switches off.
const leadsScope = "ZohoCRM.modules.leads.READ"

// lacksScope reports whether a token lacks a scope. A new token mends that, and no other refusal.
func lacksScope(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && (f.Code == "OAUTH_SCOPE_MISMATCH" || f.Code == "MISSING_SCOPES")
}

// lacksRight reports whether Zoho refuses because of the user's profile, a call as a whole or one record of it.
func lacksRight(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && (f.Code == "NO_PERMISSION" || f.Code == "AUTHORIZATION_FAILED")
}

// permission is what mends a call that was refused as a whole (fault.Setup). It ends in the middle of a sentence.
func permission(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
	case lacksScope(err) && f.From() == crm.HubSpot:
		return "add it to the app's requiredScopes (connector setup hubspot writes the project), upload, and install the app again"
	case lacksScope(err):
		return newScope
	case lacksRight(err):
		return "in Zoho's setup (Security Control, Profiles) give that right to the profile of the user for whom the token was made"
	case f.Code == "INVALID_MODULE":
		return "in Zoho's setup (Modules and Fields) switch the module on, and show it to the profile of the user for whom the token was made"
	case f.Code == "API_NOT_SUPPORTED" || f.Code == "FEATURE_NOT_SUPPORTED":
		return "take an edition of Zoho CRM that has it"
	}
	return "mend what it names"
}

// newScope is how a token of Zoho gets a scope.
const newScope = "make a new code in the API console with the scopes that connector setup zoho --help lists, and run it with --new-token"
