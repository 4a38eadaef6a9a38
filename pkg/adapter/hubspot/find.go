package hubspot

import (
	"context"
	"slices"
	"strings"

	"crm-connector/pkg/core/crm"
)

// Find returns the records that carry any of the keys, each once. Contacts are asked by e-mail, which does not lag and
// hits secondary addresses too; every other key goes through HubSpot's search, which lags a few moments behind
// writes, so a miss of it is no proof. What search names is read anew: no value comes from its index. The HubSpotIDs of the
// search, if any, are read as ids.
func (c *Client) Find(ctx context.Context, s crm.Search) ([]crm.Record, error) {
	var records []crm.Record
	ids := slices.Clone(s.HubSpotIDs)
	addresses, others := split(s)
	hits, err := c.byAddress(ctx, s, addresses)
	if err != nil {
		return nil, err
	}
	records = append(records, hits...)
	named, err := c.search(ctx, s.Module, others)
	if err != nil {
		return nil, err
	}
	ids = append(ids, named...)
	readings, err := c.Read(ctx, crm.Query{Module: s.Module, Keys: ids, Columns: s.Columns})
	if err != nil {
		return nil, err
	}
	for _, r := range readings {
		if !r.Gone {
			records = append(records, r.Record)
		}
	}
	return distinct(records), nil
}

func distinct(records []crm.Record) []crm.Record {
	seen := map[string]bool{}
	return slices.DeleteFunc(records, func(r crm.Record) bool {
		again := seen[r.ID.Key]
		seen[r.ID.Key] = true
		return again
	})
}

// values are the keys of one property.
type values struct {
	property string
	wanted   []string
}

// split tells contacts' e-mail addresses from the keys that need a search, gathered per property.
func split(s crm.Search) (addresses []string, others []values) {
	for _, key := range s.Keys {
		if s.Module == crm.Contacts && key.Column.Type == crm.TypeEmail {
			if !slices.Contains(addresses, key.Value) {
				addresses = append(addresses, key.Value)
			}
			continue
		}
		property, wanted := spellings(key)
		at := slices.IndexFunc(others, func(v values) bool { return v.property == property })
		if at < 0 {
			at = len(others)
			others = append(others, values{property: property})
		}
		for _, w := range wanted {
			if !slices.Contains(others[at].wanted, w) { // two spellings of a number may end alike
				others[at].wanted = append(others[at].wanted, w)
			}
		}
	}
	return addresses, others
}

// searchable are the properties in which HubSpot keeps the digits of a phone number without the country code.
var searchable = map[string]string{
	"phone":       "hs_searchable_calculated_phone_number",
	"mobilephone": "hs_searchable_calculated_mobile_number",
}

// suffix is how many last digits of a phone number are asked for; the caller compares whole numbers.
const suffix = 8

// spellings returns what to search for: IN compares with lower-case values, a domain may have been typed with "www.", a
// phone number is found by its last digits.
func spellings(key crm.MatchKey) (property string, wanted []string) {
	property, value := key.Column.Property, strings.ToLower(key.Value)
	switch key.Column.Type {
	case crm.TypeDomain:
		return property, []string{value, "www." + value}
	case crm.TypePhone:
		if name := searchable[property]; name != "" {
			property = name
		}
		return property, []string{"*" + value[max(0, len(value)-suffix):]}
	}
	return property, []string{value}
}

// byAddress finds contacts by e-mail: one GET for one, batch/read for several and a GET for each that the batch does not
// show, because it is not documented that a batch looks at secondary addresses.
func (c *Client) byAddress(ctx context.Context, s crm.Search, addresses []string) ([]crm.Record, error) {
	var records []crm.Record
	q := crm.Query{Module: s.Module, Columns: s.Columns}
	rest := addresses
	if len(addresses) > 1 {
		rest = nil
		for chunk := range slices.Chunk(addresses, batchSize) {
			hits, missed, err := c.addressBatch(ctx, q, chunk)
			if err != nil {
				return nil, err
			}
			records, rest = append(records, hits...), append(rest, missed...)
		}
	}
	for _, address := range rest {
		r, err := c.readOne(ctx, q, address, "email")
		if err != nil {
			return nil, err
		}
		if !r.Gone {
			records = append(records, r.Record)
		}
	}
	return records, nil
}

func (c *Client) addressBatch(ctx context.Context, q crm.Query, addresses []string) (hits []crm.Record, missed []string, err error) {
	probe := q
	probe.Columns = append(slices.Clone(q.Columns), crm.Column{Property: "email"}, crm.Column{Property: "hs_additional_emails"})
	objects, err := c.batch(ctx, probe, addresses, "email")
	if err != nil {
		return nil, nil, err
	}
	shown := map[string]bool{}
	for _, o := range objects {
		for _, name := range [...]string{"email", "hs_additional_emails"} {
			for address := range strings.SplitSeq(o.Properties[name].text, ";") {
				shown[strings.ToLower(address)] = true
			}
		}
		record, err := c.record(ctx, q, o)
		if err != nil {
			return nil, nil, err
		}
		hits = append(hits, record)
	}
	missed = slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return shown[strings.ToLower(a)] })
	return hits, missed, nil
}
