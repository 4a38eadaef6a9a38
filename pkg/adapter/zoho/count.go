package zoho

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/fault"
)

// Count says how many conversions Zoho knows: records of a module, by a field with their time and a field with their channel, whose
// values are the published names. They are one tenant's.
type Count struct {
	Client        *Client
	Module        string
	Time, Channel string // API names of fields
	Tenant        conversion.Tenant
}

// Conversions returns how many of a channel's records have their time in [from, to). Nobody is asked about another tenant's. It
// asks by COQL's COUNT (https://www.zoho.com/crm/developer/docs/api/v8/COQL-Overview.html, "Aggregate functions").
func (c *Count) Conversions(ctx context.Context, t conversion.Tenant, ch conversion.Channel, from, to time.Time) (n int64, asked bool, err error) {
	const op = "zoho.Count"
	if t != c.Tenant {
		return 0, false, nil
	}
	query := fmt.Sprintf("select COUNT(id) from %s where ((%s >= %s and %s < %s) and %s = %s)", c.Module,
		c.Time, moment(from), c.Time, moment(to), c.Channel, quoted([]string{string(ch)}))
	var a struct {
		Data []map[string]json.RawMessage `json:"data"`
	}
	answer, err := c.Client.read(ctx, rest.Call{Op: op, Method: http.MethodPost, Path: "/coql", Body: map[string]string{"select_query": query}}, &a)
	switch {
	case err != nil:
		return 0, true, err
	case answer.Status == http.StatusNoContent:
		return 0, true, nil
	case len(a.Data) == 1:
		for name, value := range a.Data[0] {
			if strings.EqualFold(name, "count(id)") && json.Unmarshal(value, &n) == nil && n >= 0 {
				return n, true, nil
			}
		}
	}
	return 0, true, &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without a count")}
}

// moment writes a time as COQL takes it.
func moment(t time.Time) string { return "'" + t.UTC().Format("2006-01-02T15:04:05+00:00") + "'" }
