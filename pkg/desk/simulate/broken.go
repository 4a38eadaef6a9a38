package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/desk/sandbox"
	steering "crm-connector/pkg/flow/config"
)

// Break takes one rule of the product away, from outside, to show that the simulator would notice.
type Break string

// The breaks.
const (
	// NewestRecord lets the record's time stand for the times of its fields.
	NewestRecord Break = "newest-record"
	// Upsert lets Zoho recognise a record by itself instead of refusing a duplicate.
	Upsert Break = "upsert"
	// Unlock gives the locks on match keys back although the outcome of an insert is not known.
	Unlock Break = "unlock"
	// Forgetful lets the table of tokens forget what is put into it, so that everybody fetches a token of their own.
	Forgetful Break = "forgetful"
	// NoReconcile never looks for what no event told.
	NoReconcile Break = "no-reconcile"
	// Heedless lets everybody read that the stack is on.
	Heedless Break = "heedless"
	// Brakeless takes the brake's limits away.
	Brakeless Break = "brakeless"
	// Unwoken wakes nobody who waits for a record that has come in step.
	Unwoken Break = "unwoken"
	// Unclosed leaves the parked rows of what is in order again open.
	Unclosed Break = "unclosed"
)

// Breaks are all of them.
func Breaks() []Break {
	return []Break{NewestRecord, Upsert, Unlock, Forgetful, NoReconcile, Heedless, Brakeless, Unwoken, Unclosed}
}

// Known reports whether b is one of Breaks, or none.
func (b Break) Known() bool { return b == "" || slices.Contains(Breaks(), b) }

// Shown returns the configuration that shows soonest that the rule is missed: within 2,000 seeds. Elsewhere it may never be
// needed.
func (b Break) Shown() string {
	return map[Break]string{
		NewestRecord: "steady", Upsert: "creation", Unlock: "creation", Forgetful: "tokens", NoReconcile: "unheard", Heedless: "switches", Brakeless: "switches",
		Unwoken: "companies", Unclosed: "steady",
	}[b]
}

// About says what is done without the rule, "" for none.
func (b Break) About() string {
	return map[Break]string{
		NewestRecord: "the record's time stands for the times of its fields",
		Upsert:       "Zoho recognises a record by itself instead of refusing a duplicate",
		Unlock:       "locks are given back although nobody knows what became of the insert",
		Forgetful:    "the table of tokens forgets, so that everybody fetches a token of their own",
		NoReconcile:  "nobody looks for what no event told",
		Heedless:     "everybody reads that the stack is on",
		Brakeless:    "the brake has no limits",
		Unwoken:      "nobody is woken who waits for a record that has come in step",
		Unclosed:     "parked rows stay open when what they tell is in order again",
	}[b]
}

// rewrite makes an upsert of an insert.
func (s *sim) rewrite(sys crm.System, r *http.Request, _ []byte) *http.Request {
	if s.opt.Break != Upsert || sys != crm.Zoho || r.Method != http.MethodPost {
		return r
	}
	if !strings.HasSuffix(r.URL.Path, "/Contacts") && !strings.HasSuffix(r.URL.Path, "/Accounts") {
		return r
	}
	r = r.Clone(r.Context())
	r.URL.Path += "/upsert"
	return r
}

// spoil takes the times of fields out of an answer.
func (s *sim) spoil(q *request, answer *http.Response) (*http.Response, error) {
	if s.opt.Break != NewestRecord || answer.StatusCode != http.StatusOK {
		return answer, nil
	}
	if q.system == crm.Zoho {
		if strings.HasSuffix(q.http.URL.Path, "/__timeline") {
			return canned(http.StatusNoContent, "", "", q.http), nil
		}
		return answer, nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(body, []byte("propertiesWithHistory")) {
		body = sameTimes(body)
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return answer, nil
}

func sameTimes(body []byte) []byte {
	var doc map[string]any
	if json.Unmarshal(body, &doc) != nil {
		return body
	}
	objects := []any{doc}
	if list, ok := doc["results"].([]any); ok {
		objects = list
	}
	for _, o := range objects {
		object, ok := o.(map[string]any)
		history, has := object["propertiesWithHistory"].(map[string]any)
		if !ok || !has {
			continue
		}
		for _, versions := range history {
			list, _ := versions.([]any)
			for _, v := range list {
				if version, ok := v.(map[string]any); ok {
					version["timestamp"] = object["updatedAt"]
				}
			}
		}
	}
	out, err := json.Marshal(doc)
	if err != nil {
		return body
	}
	return out
}

// unlock gives back what an insert of unknown outcome holds.
func (s *sim) unlock(in *insertion) {
	if s.opt.Break != Unlock {
		return
	}
	rows := s.w.Tables[sandbox.Pairs]
	for _, item := range in.items {
		owner, _ := item["HubSpot_Id"].(string)
		var puts []row.Put
		for r := range rows.All("L#") {
			if string(r.Value) == owner {
				puts = append(puts, row.Put{Key: r.Key, If: r.Version, Delete: true})
			}
		}
		if len(puts) > 0 && rows.Put(context.Background(), puts...) == nil {
			s.tracef("BROKEN: the locks of %s are given back", s.name(owner))
		}
	}
}

// misread shows the mode as on.
func (s *sim) misread(table string, rows []row.Row) {
	if s.opt.Break != Heedless || table != sandbox.Config {
		return
	}
	for i := range rows {
		if rows[i].Key.Sort == steering.Mode && rows[i].Version != 0 {
			rows[i].Value = []byte(crm.On)
		}
	}
}
