package zohotest

import (
	"net/http"
	"strings"
)

// Every call needs scopes: of the API, and of each module that it touches (Zoho docs: OAuth Scopes, and on the page of each call).

// operations are the last words of a scope, by method.
var operations = map[string]string{http.MethodGet: "READ", http.MethodPost: "CREATE", http.MethodPut: "UPDATE", http.MethodPatch: "UPDATE", http.MethodDelete: "DELETE"}

// fixedScopes are the scopes of calls that are about no module, without the operation.
var fixedScopes = map[string]string{"users": "ZohoCRM.users", "org": "ZohoCRM.org", "settings/fields": "ZohoCRM.settings.fields",
	"settings/modules": "ZohoCRM.settings.modules", "actions/watch": "ZohoCRM.notifications"}

func moduleScope(module, operation string) string {
	return "ZohoCRM.modules." + strings.ToLower(module) + "." + operation
}

// needs returns the scopes that a call needs, all of them. The module of a query is known when the query has been read.
func (c *call) needs() []string {
	operation := operations[c.r.Method]
	path := strings.TrimPrefix(c.pattern, c.r.Method+" "+apiPrefix)
	if path == "coql" {
		return []string{"ZohoCRM.coql.READ"}
	}
	if api, ok := fixedScopes[path]; ok {
		return []string{api + "." + operation}
	}
	seg := strings.Split(path, "/")
	switch last := seg[len(seg)-1]; {
	case last == "Notes" || last == "Tasks" || last == "Attachments": // hangs on a record of the first module
		need := []string{moduleScope(last, operation)}
		if len(seg) > 1 {
			need = append(need, moduleScope(seg[0], "READ"))
		}
		return need
	case last == "search":
		return []string{moduleScope(seg[0], "READ"), "ZohoSearch.securesearch.READ"}
	case last == "upsert":
		return []string{moduleScope(seg[0], "CREATE"), moduleScope(seg[0], "UPDATE")}
	case last == "merge":
		return []string{moduleScope(seg[0], "UPDATE")}
	}
	return []string{moduleScope(seg[0], operation)}
}

// outside refuses a call of ours that needs a scope which our tokens do not have. ALL is every operation, WRITE all but READ;
// ZohoCRM.modules.ALL covers every module, ZohoCRM.settings.ALL every setting.
func (s *Server) outside(c *call, need ...string) *refusal {
	if !c.by.ours {
		return nil
	}
	for _, want := range need {
		if !granted(s.opt.Scopes, want) {
			return &refusal{status: http.StatusUnauthorized, code: "OAUTH_SCOPE_MISMATCH", message: "invalid oauth scope to access this URL"}
		}
	}
	return nil
}

func granted(scopes, want string) bool {
	at := strings.LastIndexByte(want, '.')
	api, operation := want[:at], want[at+1:]
	wider := api[:strings.LastIndexByte(api, '.')]
	for have := range strings.SplitSeq(scopes, ",") {
		at := strings.LastIndexByte(have, '.')
		if at < 0 {
			continue
		}
		of, may := have[:at], have[at+1:]
		named := strings.EqualFold(of, api) || strings.EqualFold(of, wider) && wider != "ZohoCRM"
		if named && (may == operation || may == "ALL" || may == "WRITE" && operation != "READ") {
			return true
		}
	}
	return false
}
